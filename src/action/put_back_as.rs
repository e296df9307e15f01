//! Comparing what is there with what a run left, and what becomes of it when that is taken back.
//!
//! A file is compared whole. Of a service or an account only what the run changed matters: the rest may
//! have become another thing since, and stays.

use std::collections::BTreeSet;

use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::resource::file::{FileState, Node};
use crate::resource::group::GroupState;
use crate::resource::module::ModuleState;
use crate::resource::mount::MountState;
use crate::resource::unit::UnitState;
use crate::resource::user::UserState;
use crate::resource::{Digest, State};

/// How what is there is not as it should be, given the other end of the change; nothing where it is so.
pub(super) fn differs(should: &State, is: &State, other: &State) -> Option<String> {
    let other_value = |a: &str, b: &str| (a != b).then(|| format!("it is {b} now, not {a}"));
    match (should, is) {
        (State::Absent, State::Absent) => None,
        (State::Absent, _) => Some("it is there now".into()),
        (_, State::Absent) => Some("it is gone".into()),
        (State::File(a), State::File(b)) => files(a, b),
        (State::Package(a), State::Package(b)) => {
            let version = |v: &Option<String>| v.clone().unwrap_or_else(|| "absent".into());
            match (&a.version, &b.version) {
                (None, None) => None,
                (Some(any), Some(_)) if any.is_empty() => None,
                (Some(x), Some(y)) if x == y => None,
                (None, Some(y)) => Some(format!("{y} is installed now")),
                _ => Some(format!("it is {} now", version(&b.version))),
            }
        }
        (State::Unit(a), State::Unit(b)) => units(a, b, other),
        (State::Sysctl(a), State::Sysctl(b)) => other_value(&plain(a), &plain(b)),
        (State::Mount(a), State::Mount(b)) => mounts(a, b),
        (State::Module(a), State::Module(b)) => (a.loaded != b.loaded).then(|| {
            let word = if b.loaded { "loaded" } else { "not loaded" };
            format!("it is {word} now")
        }),
        (State::User(a), State::User(b)) => users(a, b, other),
        (State::Group(a), State::Group(b)) => match a.id() {
            Some(id) if id != b.gid => Some(format!("its number is {} now", b.gid)),
            _ => None,
        },
        (State::Hostname(a), State::Hostname(b)) => {
            other_value(&a.permanent, &b.permanent).or_else(|| other_value(&a.current, &b.current))
        }
        // How a packet filter prints a table is not how it was written: that it is there must do.
        (State::Content(a), State::Text(b)) => {
            let table = b.starts_with("table ");
            (!table && a.digest != Digest::of(b.as_bytes()))
                .then(|| "its content is another".into())
        }
        _ => Some("it is something else now".into()),
    }
}

/// White space between the numbers of a kernel parameter means nothing.
fn plain(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn files(a: &FileState, b: &FileState) -> Option<String> {
    let mut found = Vec::new();
    match (&a.node, &b.node) {
        (Node::File(Some(a)), Node::File(Some(b))) if a != b => {
            found.push("its content is another".to_owned());
        }
        (Node::File(_), Node::File(_)) | (Node::Dir, Node::Dir) => {}
        (Node::Link { target: a }, Node::Link { target: b }) => {
            if a != b {
                found.push(format!("it links to {b} now"));
            }
        }
        (a, b) if a == b => {}
        _ => return Some("it is another kind of file now".into()),
    }
    if a.mode != b.mode && !a.is_link() {
        found.push(format!(
            "its mode is {:04o} now, not {:04o}",
            b.mode, a.mode
        ));
    }
    for (what, a, b) in [("owner", &a.owner, &b.owner), ("group", &a.group, &b.group)] {
        let known = a.id.is_some() || a.name.is_some();
        if known && !a.same(b) {
            found.push(format!("its {what} is {} now, not {}", b.word(), a.word()));
        }
    }
    (!found.is_empty()).then(|| found.join(", "))
}

fn units(a: &UnitState, b: &UnitState, other: &State) -> Option<String> {
    let State::Unit(other) = other else {
        return None;
    };
    let word = |yes: bool, word: &str, no: &str| if yes { word } else { no }.to_owned();
    let mut found = Vec::new();
    if a.running != other.running && a.running != b.running {
        found.push(word(b.running, "it runs now", "it does not run now"));
    }
    if a.enabled != other.enabled && a.enabled != b.enabled {
        let enabled = b.enabled.unwrap_or_default();
        found.push(word(enabled, "it is enabled now", "it is not enabled now"));
    }
    if a.masked != other.masked && a.masked != b.masked {
        found.push(word(b.masked, "it is masked now", "it is not masked now"));
    }
    (!found.is_empty()).then(|| found.join(", "))
}

fn mounts(a: &MountState, b: &MountState) -> Option<String> {
    // The kernel says of a folder that is mounted over itself what is around it.
    let itself = a.bound && b.bound;
    if !itself && !a.source.is_empty() && a.source != b.source {
        return Some(format!("{} is mounted there now", b.source));
    }
    let ours = |o: &&String| ["nosuid", "nodev", "noexec", "ro", "noatime"].contains(&o.as_str());
    let set = |m: &MountState| {
        m.options
            .iter()
            .filter(ours)
            .cloned()
            .collect::<BTreeSet<_>>()
    };
    let (a, b) = (set(a), set(b));
    let list = |s: &BTreeSet<String>| s.iter().cloned().collect::<Vec<_>>().join(",");
    (a != b).then(|| format!("its options are {} now, not {}", list(&b), list(&a)))
}

/// Whether something stands before the password that keeps it from being the right one.
fn is_barred(user: &UserState) -> Option<bool> {
    user.password.as_deref().map(|p| p.starts_with('!'))
}

/// What can be said of an account in one word each.
fn fields(user: &UserState) -> [(&'static str, String); 11] {
    let days = |d: Option<i64>| d.map_or_else(|| "none".to_owned(), |d| d.to_string());
    let groups: BTreeSet<&str> = user.groups.iter().map(String::as_str).collect();
    [
        (
            "number",
            user.id().map_or_else(String::new, |id| id.to_string()),
        ),
        ("group", user.group.clone()),
        ("groups", groups.into_iter().collect::<Vec<_>>().join(",")),
        ("comment", user.comment.clone()),
        ("home", user.home.clone()),
        ("shell", user.shell.clone()),
        ("expiry", days(user.expires)),
        ("least days", days(user.min_days)),
        ("most days", days(user.max_days)),
        ("inactive days", days(user.inactive_days)),
        (
            "password",
            match is_barred(user) {
                Some(true) => "locked".into(),
                Some(false) => "open".into(),
                None => String::new(),
            },
        ),
    ]
}

fn users(a: &UserState, b: &UserState, other: &State) -> Option<String> {
    let other = match other {
        State::User(other) => Some(fields(other)),
        _ => None,
    };
    let mut found = Vec::new();
    for (n, ((what, a), (_, b))) in fields(a).into_iter().zip(fields(b)).enumerate() {
        let matters = match &other {
            Some(other) => other[n].1 != a,
            // What the host chose is whatever it chose.
            None => n < 6 && !a.is_empty(),
        };
        if matters && a != b {
            found.push(format!("its {what} is {b} now, not {a}"));
        }
    }
    (!found.is_empty()).then(|| found.join(", "))
}

/// What is there now, with all that the run changed as it was.
pub(super) fn aspects(left: &State, to: &State, now: &State) -> State {
    match (left, to, now) {
        (State::Unit(left), State::Unit(to), State::Unit(now)) => {
            let pick = |changed: bool, to, now| if changed { to } else { now };
            State::Unit(UnitState {
                running: pick(left.running != to.running, to.running, now.running),
                masked: pick(left.masked != to.masked, to.masked, now.masked),
                enabled: if left.enabled == to.enabled {
                    now.enabled
                } else {
                    to.enabled
                },
                levels: if left.levels == to.levels {
                    now.levels.clone()
                } else {
                    to.levels.clone()
                },
                kick: None,
                ..now.clone()
            })
        }
        (State::User(left), State::User(to), State::User(now)) => State::User(user(left, to, now)),
        (State::Group(_), State::Group(to), State::Group(now)) => State::Group(GroupState {
            gid: to.gid,
            ..now.clone()
        }),
        (_, State::Module(to), State::Module(now)) => State::Module(ModuleState {
            loaded: to.loaded,
            ..now.clone()
        }),
        (_, State::Mount(to), State::Mount(now)) => State::Mount(MountState {
            options: to.options.clone(),
            ..now.clone()
        }),
        _ => to.clone(),
    }
}

fn user(left: &UserState, to: &UserState, now: &UserState) -> UserState {
    let mut after = now.clone();
    macro_rules! back {
        ($($field:ident),*) => {
            $(if left.$field != to.$field {
                after.$field.clone_from(&to.$field);
            })*
        };
    }
    back!(
        groups,
        comment,
        home,
        shell,
        expires,
        min_days,
        max_days,
        warn_days,
        inactive_days
    );
    if left.id().is_some() && left.uid != to.uid {
        after.uid = to.uid;
    }
    if left.group != to.group {
        (after.gid, after.group) = (to.gid, to.group.clone());
    }
    if let (Some(was), Some(is)) = (is_barred(to), is_barred(left))
        && was != is
        && let Some(password) = &now.password
    {
        let bare = password.strip_prefix('!').unwrap_or(password);
        after.password = Some(if was { format!("!{bare}") } else { bare.into() });
    }
    after
}

/// A text without what a change made of another text, from which it came: the lines that it added are
/// taken out, those that it took away put back. Nothing where those lines are not there any more.
pub(super) fn without(now: &str, after: &str, before: &str) -> Option<String> {
    let split =
        |text: &str| -> Vec<String> { text.split_inclusive('\n').map(str::to_owned).collect() };
    let (now, after, before) = (split(now), split(after), split(before));
    let mut place = vec![None; after.len()];
    for op in capture_diff_slices(Algorithm::Myers, &after, &now) {
        if let DiffOp::Equal {
            old_index,
            new_index,
            len,
        } = op
        {
            for n in 0..len {
                place[old_index + n] = Some(new_index + n);
            }
        }
    }
    let mut edits = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, &before, &after) {
        if matches!(op, DiffOp::Equal { .. }) {
            continue;
        }
        let (old, new) = (op.old_range(), op.new_range());
        let range = if new.is_empty() {
            // Behind the line that stood before it, or before the one behind it.
            let behind = new.start.checked_sub(1).and_then(|n| place[n]);
            let ahead = || place.get(new.start).copied().flatten();
            let at = match behind {
                Some(line) => line + 1,
                None if after.is_empty() => 0,
                None => ahead()?,
            };
            at..at
        } else {
            let first = place[new.start]?;
            for (n, line) in new.clone().enumerate() {
                if place[line] != Some(first + n) {
                    return None;
                }
            }
            first..first + new.len()
        };
        edits.push((range, old));
    }
    let mut out = now;
    for (range, old) in edits.into_iter().rev() {
        out.splice(range, before[old].iter().cloned());
    }
    Some(out.concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::file::Owner;

    #[test]
    fn lines_are_taken_out_of_what_came_later() {
        for (before, after, now, wanted) in [
            ("", "a\n", "a\nb\n", Some("b\n")),
            ("x\n", "x\na\n", "x\na\nb\n", Some("x\nb\n")),
            (
                "x\nold\ny\n",
                "x\nnew\ny\n",
                "x\nnew\ny\nz\n",
                Some("x\nold\ny\nz\n"),
            ),
            ("x\nold\ny\n", "x\ny\n", "w\nx\ny\n", Some("w\nx\nold\ny\n")),
            ("x\nold\ny\n", "x\nnew\ny\n", "x\nother\ny\n", None),
            ("a\nb\n", "a\nb\nc\n", "a\nb\nc\n", Some("a\nb\n")),
        ] {
            assert_eq!(without(now, after, before).as_deref(), wanted, "{now:?}");
        }
    }

    #[test]
    fn a_file_is_compared_whole_and_says_how_it_differs() {
        let file = FileState {
            node: Node::Dir,
            mode: 0o755,
            owner: Owner::known(0, "root"),
            group: Owner::known(0, "root"),
            meta: None,
        };
        let other = FileState {
            mode: 0o700,
            owner: Owner::known(5, "games"),
            ..file.clone()
        };
        let said = differs(
            &State::File(file.clone()),
            &State::File(other),
            &State::Absent,
        );
        let wanted = "its mode is 0700 now, not 0755, its owner is games now, not root";
        assert_eq!(said.as_deref(), Some(wanted));
        let gone = differs(&State::File(file), &State::Absent, &State::Absent);
        assert_eq!(gone.as_deref(), Some("it is gone"));
    }

    #[test]
    fn a_lock_is_taken_off_a_password_that_nobody_recorded() {
        let user = |password: &str| {
            let password = Some(password.to_owned());
            State::User(UserState {
                password,
                ..UserState::default()
            })
        };
        // What a record says of `$6$a$b` before and after.
        let (before, left) = (user("x"), user("!x"));
        assert_eq!(differs(&left, &user("!$6$a$b"), &before), None);
        let said = differs(&left, &user("$6$a$b"), &before);
        assert_eq!(
            said.as_deref(),
            Some("its password is open now, not locked")
        );
        assert_eq!(aspects(&left, &before, &user("!$6$c$d")), user("$6$c$d"));
        assert_eq!(aspects(&before, &left, &user("$6$c$d")), user("!$6$c$d"));
        // Another change of the account says nothing of it.
        assert_eq!(aspects(&left, &left, &user("$6$c$d")), user("$6$c$d"));
    }

    #[test]
    fn of_a_service_only_what_was_changed_matters() {
        let unit = |running, enabled| {
            State::Unit(UnitState {
                running,
                enabled: Some(enabled),
                ..UnitState::default()
            })
        };
        let (before, left) = (unit(false, true), unit(true, true));
        assert_eq!(differs(&left, &unit(true, false), &before), None);
        assert!(differs(&left, &unit(false, true), &before).is_some());
        let after = aspects(&left, &before, &unit(true, false));
        assert_eq!(after, unit(false, false));
    }
}
