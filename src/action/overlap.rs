//! Which answers a change makes stale.
//!
//! What is dropped without need costs a round trip, what is kept without right a wrong decision: the
//! doubtful is dropped. Changes are compared with what was seen before they are made, so an answer
//! kept wrongly shows as a conflict and not as a file overwritten.

use crate::resource::facts::Request;
use crate::resource::file::Owner;
use crate::resource::walk::Which;
use crate::resource::{Change, RemotePath, Resource, State, texts};

/// Files that the tools for accounts rewrite, with their copies.
const DATABASES: &[&str] = &["passwd", "shadow", "group", "gshadow", "subuid", "subgid"];
/// Where new accounts get a mailbox.
const MAIL: &[&str] = &["/var/mail", "/var/spool/mail"];

/// Where service managers look for services.
const SERVICES: &[&str] = &[
    "/etc/systemd",
    "/run/systemd",
    "/usr/lib/systemd",
    "/usr/local/lib/systemd",
    "/lib/systemd",
    "/etc/init.d",
    "/etc/conf.d",
];
/// What package managers are told by.
const PACKAGES: &[&str] = &[
    "/etc/apt",
    "/etc/yum",
    "/etc/yum.conf",
    "/etc/yum.repos.d",
    "/etc/dnf",
    "/etc/apk",
];
/// Crontabs of users.
const CRONTABS: &[&str] = &["/var/spool/cron", "/etc/crontabs"];

/// Whether a change may have altered what was seen of another resource.
pub(super) fn overlaps(change: &Change, other: &Resource, seen: &State) -> bool {
    match (&change.on, other) {
        (Resource::File(a) | Resource::Target(a) | Resource::Tree(a), _) => match other {
            Resource::Glob(_) | Resource::Archive(_) => true,
            Resource::Texts(patterns) => {
                !is_laid_over(change) && patterns.iter().any(|p| near(p, a))
            }
            Resource::Facts(asked) => tells(asked, a),
            // What could have been below a path that was not there was not there either, and it is
            // no more there now.
            Resource::Unit { .. } => in_any(a, SERVICES) || a.as_str().contains("/systemd/user/"),
            Resource::Package { .. }
            | Resource::PackageIndex(_)
            | Resource::PackageUpgrade { .. } => in_any(a, PACKAGES),
            Resource::Crontab(_) => in_any(a, CRONTABS),
            Resource::Getent { .. } => in_any(a, &["/etc"]),
            Resource::User(_) | Resource::Group(_) => is_database(a),
            Resource::Hostname => in_any(a, &["/etc/hostname", "/etc/machine-info"]),
            Resource::Walk(which) => walked(change, a, which, seen),
            _ => path(other).is_some_and(|b| match (&change.before, &change.after) {
                (State::Absent, State::File(f)) if f.is_dir() => a == b,
                _ => b.is_within(a) || matches!(other, Resource::Tree(t) if a.is_within(t)),
            }),
        },
        (_, Resource::Facts(_)) => true,
        (Resource::User(_) | Resource::Group(_), _) => account(change, other, seen),
        (Resource::Crontab(a), Resource::Crontab(b)) => a == b,
        // Whether it forwards decides what else a host does with packets: the kernel sets that anew.
        (Resource::Sysctl(a), Resource::Sysctl(b)) => {
            a == b || (a.starts_with("net.") && a.contains("forward") && b.starts_with("net."))
        }
        (a, b) => a == b,
    }
}

/// Whether a file that changes is, or was, among those that were found.
fn walked(change: &Change, path: &RemotePath, which: &Which, seen: &State) -> bool {
    let listed = matches!(seen, State::Tree(t) if t.entries.iter().any(|(p, _)| p.is_within(path)));
    let one = |state: &State| state.file().is_some_and(|file| which.holds(path, file));
    listed || one(&change.after)
}

/// Whether facts may be read from a file: those of the system, or those that people put there.
fn tells(asked: &Request, path: &RemotePath) -> bool {
    let own = || RemotePath::new(&asked.fact_path).is_ok_and(|dir| path.is_within(&dir));
    in_any(path, &["/etc"]) || own()
}

/// Whether [`Observed::texts`](super::Observed::texts) shows a change by itself: a regular file comes,
/// goes or becomes another, or a directory comes in which nothing was.
fn is_laid_over(change: &Change) -> bool {
    let is_file = |state: &State| state.file().is_some_and(|f| f.is_file());
    let plain = |state: &State| state.is_absent() || is_file(state);
    let comes = change.before.is_absent() && change.after.file().is_some_and(|f| f.is_dir());
    matches!(change.on, Resource::File(_))
        && (comes || (plain(&change.before) && plain(&change.after)))
}

/// Whether a path lies where a pattern is looked for, or above.
fn near(pattern: &str, path: &RemotePath) -> bool {
    let folder = RemotePath::new(texts::folder(pattern).unwrap_or(pattern));
    folder.is_ok_and(|f| f.is_within(path) || path.is_within(&f))
}

/// Whether a path is one of these directories, which are written as paths are normalised, or in one.
fn in_any(path: &RemotePath, dirs: &[&str]) -> bool {
    let rest = |dir: &&str| path.as_str().strip_prefix(*dir);
    let mut rests = dirs.iter().filter_map(rest);
    rests.any(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn path(on: &Resource) -> Option<&RemotePath> {
    match on {
        Resource::File(p) | Resource::Target(p) | Resource::Tree(p) => Some(p),
        _ => None,
    }
}

/// An account that changes may change anything about accounts and what belongs to them; one that is
/// new, little: what it is called was nobody's name before.
fn account(change: &Change, other: &Resource, seen: &State) -> bool {
    let new = change.before.is_absent() && !change.after.is_absent();
    match other {
        Resource::User(_) | Resource::Group(_) if !new => true,
        Resource::User(name) => !seen.is_absent() || name.parse::<u32>().is_ok(),
        Resource::Group(name) => {
            let joined = match (&change.on, &change.after) {
                (Resource::User(own), State::User(user)) => {
                    name == own || user.groups.contains(name)
                }
                (Resource::Group(own), _) => name == own,
                _ => true,
            };
            joined || name.parse::<u32>().is_ok()
        }
        Resource::Getent { .. } => true,
        Resource::File(path) | Resource::Target(path) => {
            !new || nameless(seen) || is_database(path) || comes_with(change, path)
        }
        Resource::Texts(_) => !new || matches!(change.on, Resource::User(_)),
        Resource::Tree(_) => true,
        Resource::Glob(_) => matches!(change.on, Resource::User(_)),
        Resource::Walk(which) => !new || matches!(which, Which::Unowned | Which::Ungrouped),
        _ => false,
    }
}

/// Whether it belongs to a number that may have a name now.
fn nameless(seen: &State) -> bool {
    let unknown = |o: &Owner| o.name.as_deref().is_none_or(|n| n == "UNKNOWN");
    seen.file()
        .is_some_and(|f| unknown(&f.owner) || unknown(&f.group))
}

fn is_database(path: &RemotePath) -> bool {
    path.as_str()
        .strip_prefix("/etc/")
        .is_some_and(|name| DATABASES.contains(&name.strip_suffix('-').unwrap_or(name)))
}

/// Whether a path is made together with a new user: in its home, or a mailbox. Where the home is
/// said by the host alone, that may be anywhere.
fn comes_with(change: &Change, path: &RemotePath) -> bool {
    let (Resource::User(_), State::User(user)) = (&change.on, &change.after) else {
        return false;
    };
    let within = |dir: &str| RemotePath::new(dir).is_ok_and(|dir| path.is_within(&dir));
    if MAIL.iter().any(|dir| within(dir)) {
        return true;
    }
    match change.how.option("home") {
        // A directory on the way to it may be made too.
        Some(home) => {
            user.home_exists
                && (within(home) || RemotePath::new(home).is_ok_and(|h| h.is_within(path)))
        }
        None => user.home_exists,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Identity;
    use crate::resource::change::How;
    use crate::resource::file::{FileState, Node};
    use crate::resource::group::GroupState;
    use crate::resource::user::UserState;

    fn file(path: &str) -> Resource {
        Resource::File(RemotePath::new(path).unwrap())
    }

    fn group(name: &str) -> Resource {
        Resource::Group(name.into())
    }

    fn new_group() -> Change {
        Change::new(
            group("ops"),
            State::Absent,
            State::Group(GroupState::default()),
        )
    }

    fn new_user(home: Option<&str>, exists: bool) -> Change {
        let after = UserState {
            groups: vec!["wheel".into()],
            home_exists: exists,
            ..UserState::default()
        };
        let on = Resource::User("ann".into());
        let mut change = Change::new(on, State::Absent, State::User(after));
        change.how = How {
            options: home
                .map(|h| ("home".into(), h.into()))
                .into_iter()
                .collect(),
            ..How::default()
        };
        change
    }

    fn is_stale(change: &Change, other: &Resource) -> bool {
        overlaps(change, other, &State::Absent)
    }

    #[test]
    fn a_new_group_leaves_everything_but_the_database_as_it_was() {
        let change = new_group();
        for other in [
            group("app"),
            Resource::User("ann".into()),
            file("/etc/motd"),
        ] {
            assert!(!is_stale(&change, &other), "{other}");
        }
        for other in [
            group("ops"),
            group("3100"),
            file("/etc/group"),
            file("/etc/gshadow-"),
        ] {
            assert!(is_stale(&change, &other), "{other}");
        }
    }

    #[test]
    fn numbers_without_a_name_may_have_one_now() {
        let mut state = FileState::fresh(Node::Dir, &Identity::default());
        state.group = Owner::known(3100, "UNKNOWN");
        assert!(overlaps(
            &new_group(),
            &file("/srv"),
            &State::File(state.clone())
        ));
        state.group = Owner::known(0, "root");
        assert!(!overlaps(&new_group(), &file("/srv"), &State::File(state)));
    }

    #[test]
    fn a_new_user_brings_a_home_a_mailbox_and_memberships() {
        let change = new_user(Some("/srv/ann"), true);
        for other in [
            file("/srv/ann/.profile"),
            file("/srv"),
            file("/var/mail/ann"),
            file("/etc/passwd"),
            group("ann"),
            group("wheel"),
        ] {
            assert!(is_stale(&change, &other), "{other}");
        }
        assert!(!is_stale(&change, &file("/home/bob")));
        assert!(!is_stale(&change, &group("app")));
        assert!(!is_stale(
            &new_user(Some("/srv/ann"), false),
            &file("/srv/ann")
        ));
        // Nobody here knows where the host puts homes.
        assert!(is_stale(&new_user(None, true), &file("/home/bob")));
    }

    #[test]
    fn an_account_that_changes_or_goes_makes_all_stale() {
        let mut change = new_group();
        std::mem::swap(&mut change.before, &mut change.after);
        assert!(is_stale(&change, &file("/etc/motd")));
        assert!(is_stale(&change, &group("app")));
    }

    #[test]
    fn texts_outlast_files_but_not_links_and_removed_folders() {
        let texts = Resource::texts(["/etc/x.d/*.conf", "/etc/x.conf"]);
        let fresh = |node| State::File(FileState::fresh(node, &Identity::default()));
        let plain = || fresh(Node::File(None));
        let link = || fresh(Node::Link { target: "y".into() });
        let change = |path: &str, before, after| Change::new(file(path), before, after);
        for kept in [
            change("/etc/x.d/a.conf", State::Absent, plain()),
            change("/etc/x.d/a.conf", plain(), State::Absent),
            change("/etc/x.d", State::Absent, fresh(Node::Dir)),
            change("/etc/y.d", fresh(Node::Dir), State::Absent),
            change("/etc/y", State::Absent, link()),
        ] {
            assert!(!is_stale(&kept, &texts), "{kept:?}");
        }
        for stale in [
            change("/etc/x.d/a.conf", State::Absent, link()),
            change("/etc/x.d", fresh(Node::Dir), State::Absent),
            change("/etc/x.conf", link(), State::Absent),
            Change::new(
                Resource::Tree(RemotePath::new("/etc").unwrap()),
                State::Absent,
                plain(),
            ),
        ] {
            assert!(is_stale(&stale, &texts), "{stale:?}");
        }
    }

    #[test]
    fn a_unit_file_that_was_written_makes_the_unit_stale() {
        let write = |path: &str| {
            let state = FileState::fresh(Node::File(None), &Identity::default());
            Change::new(file(path), State::Absent, State::File(state))
        };
        let unit = crate::action::units::resource("web.service", Default::default());
        assert!(is_stale(&write("/etc/systemd/system/web.service"), &unit));
        assert!(is_stale(&write("/etc/init.d/web"), &unit));
        assert!(!is_stale(&write("/etc/web.conf"), &unit));
        assert!(is_stale(&write("/etc/passwd"), &group("app")));
        assert!(is_stale(&write("/etc/hostname"), &Resource::Hostname));
        assert!(!is_stale(&write("/etc/motd"), &Resource::Hostname));
    }
}
