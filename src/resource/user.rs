//! Accounts, asked of the name service for many at once, made with whatever tools the host has.

use std::fmt::Write as _;

use super::group::Groups;
use super::reply::Record;
use super::script::{Script, quote};
use super::{Query, Resource, State, Want};

mod commands;

pub use commands::date;
pub(super) use commands::make;

/// An account, with what the shadow file says of it.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct UserState {
    pub uid: u32,
    /// Primary group, by number and name.
    pub gid: u32,
    pub group: String,
    /// Supplementary groups, sorted, without the primary one.
    pub groups: Vec<String>,
    pub comment: String,
    pub home: String,
    pub shell: String,
    /// The password field of the shadow file; `None` where it could not be read.
    pub password: Option<String>,
    /// Days since 1970 after which the account is shut; `None` is never.
    pub expires: Option<i64>,
    pub min_days: Option<i64>,
    pub max_days: Option<i64>,
    pub warn_days: Option<i64>,
    pub inactive_days: Option<i64>,
    /// Whether the entry stands in /etc/passwd, and not only in a name service.
    pub local: bool,
    /// Whether the home directory exists.
    pub home_exists: bool,
    /// The host will choose the numbers: `uid` and `gid` say nothing yet.
    pub unnumbered: bool,
}

impl UserState {
    /// The number, once there is one.
    pub fn id(&self) -> Option<u32> {
        (!self.unnumbered).then_some(self.uid)
    }
}

/// Shadow entries are asked for by [`Want::CONTENT`] only, so that no password travels for a `chown`.
pub const SHADOW: Want = Want(Want::META.0 | Want::CONTENT.0);

/// Entries of some names: by the name service, else out of the file. `$1` is the database.
const ENTRIES: &str = r#"pl_ent() {
  pl_db=$1; shift
  if pl_has getent; then getent "$pl_db" "$@"; return 0; fi
  while IFS= read -r pl_l; do
    for pl_q; do
      case $pl_l in "$pl_q":*) pl_p "$pl_l$pl_nl" ;; *:*:"$pl_q":*) pl_p "$pl_l$pl_nl" ;; esac
    done
  done <"/etc/$pl_db"
}"#;

/// Answers with entries, names that are local, groups, shadow entries and homes: five records.
pub(super) fn ask(queries: &[&Query], script: &mut Script) {
    let (mut users, mut shadows, mut groups) = (Vec::new(), Vec::new(), Vec::new());
    for query in queries {
        match &query.on {
            Resource::User(name) => {
                users.push(name.as_str());
                if query.want.has(Want::CONTENT) {
                    shadows.push(name.as_str());
                }
            }
            Resource::Group(name) => groups.push(name.as_str()),
            _ => {}
        }
    }
    let words = |names: &[&str]| names.iter().map(|n| quote(n)).collect::<Vec<_>>().join(" ");
    let asked = |names: &[&str], text: String| if names.is_empty() { ":".into() } else { text };
    script.ask(&asked(
        &users,
        format!("{ENTRIES}\npl_ent passwd {}", words(&users)),
    ));
    let mut lines = String::from("\n");
    for name in &users {
        let _ = writeln!(lines, "{name}");
    }
    script.say("pl_e=${_v%x}");
    script.raw(|n| match users.is_empty() {
        true => format!("pl_r {n} 0 \"\""),
        false => format!(
            "pl_s= pl_y={}\nwhile IFS=: read -r pl_x _; do\n\
             case $pl_y in *\"$pl_nl$pl_x$pl_nl\"*) pl_s=$pl_s$pl_x$pl_nl ;; esac\n\
             done 2>/dev/null </etc/passwd\npl_r {n} 0 \"$pl_s\"",
            quote(&lines)
        ),
    });
    // All of them, because who is in which group stands only there.
    let all = "if pl_has getent; then getent group; else cat /etc/group; fi";
    script.ask(&format!(
        "{ENTRIES}\n{all}\n{}",
        asked(&groups, format!("pl_ent group {}", words(&groups)))
    ));
    script.ask(&asked(
        &shadows,
        format!("{ENTRIES}\npl_ent shadow {}", words(&shadows)),
    ));
    script.raw(|n| match users.is_empty() {
        true => format!("pl_r {n} 0 \"\""),
        false => format!(
            "pl_s=\nwhile IFS=: read -r pl_x _ _ _ _ pl_h _; do\n\
             [ ! -d \"$pl_h\" ] || pl_s=$pl_s$pl_x$pl_nl\ndone <<A\n$pl_e\nA\n\
             pl_r {n} 0 \"$pl_s\""
        ),
    });
    script.ask("cat /etc/group");
}

pub(super) fn read(queries: &[&Query], records: &[Record]) -> Result<Vec<State>, String> {
    let texts: Vec<String> = records.iter().map(Record::text).collect();
    let [passwd, local, groups, shadow, homes, files] = texts.as_slice() else {
        return Err("answers about accounts are not whole".into());
    };
    let groups = Groups::read(groups, files);
    let states = queries.iter().map(|query| match &query.on {
        Resource::User(name) => {
            let Some(mut user) = parse(passwd, name, &groups) else {
                return State::Absent;
            };
            user.local = local.lines().any(|l| l == name);
            user.home_exists = homes.lines().any(|l| l == name);
            shadowed(&mut user, shadow, name);
            State::User(user)
        }
        Resource::Group(name) => groups.find(name).map_or(State::Absent, State::Group),
        _ => State::Absent,
    });
    Ok(states.collect())
}

/// The entry of a name, or of a number.
fn parse(passwd: &str, name: &str, groups: &Groups) -> Option<UserState> {
    let fields = |l: &str| l.split(':').map(str::to_owned).collect::<Vec<_>>();
    let mut entries = passwd.lines().map(fields).filter(|f| f.len() >= 7);
    let entry = entries.find(|f| f[0] == name || f[2] == name)?;
    let gid = entry[3].parse().ok()?;
    let group = groups.name_of(gid).unwrap_or(&entry[3]).to_owned();
    Some(UserState {
        uid: entry[2].parse().ok()?,
        gid,
        groups: groups.of_member(&entry[0], &group),
        group,
        comment: entry[4].clone(),
        home: entry[5].clone(),
        shell: entry[6].clone(),
        ..UserState::default()
    })
}

fn shadowed(user: &mut UserState, shadow: &str, name: &str) {
    let mut entries = shadow.lines().map(|l| l.split(':').collect::<Vec<_>>());
    let Some(entry) = entries.find(|f| f[0] == name && f.len() >= 8) else {
        return;
    };
    // An empty field and -1 both mean that nothing is set.
    let days = |i: usize| entry[i].parse().ok().filter(|d: &i64| *d >= 0);
    user.password = Some(entry[1].to_owned());
    user.min_days = days(3);
    user.max_days = days(4);
    user.warn_days = days(5);
    user.inactive_days = days(6);
    user.expires = days(7);
}

/// The entry that a change's output ends with: name, uid, gid, home, shell.
pub fn printed(output: &[u8]) -> Option<UserState> {
    let text = String::from_utf8_lossy(output);
    let line = text.lines().rev().find(|l| l.split(':').count() >= 7)?;
    parse(line, line.split(':').next()?, &Groups::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nann:x:1000:1000:A B:/home/ann:/bin/sh\n";
    const GROUPS: &str = "root:x:0:\nann:x:1000:\nsudo:x:27:ann,bob\nadm:x:4:ann\n";

    fn answer(shadow: &str) -> Vec<Record> {
        let texts = [PASSWD, "ann\n", GROUPS, shadow, "ann\n", GROUPS];
        let record = |(number, t): (usize, &&str)| Record {
            number,
            status: 0,
            payload: t.as_bytes().to_vec(),
        };
        texts.iter().enumerate().map(record).collect()
    }

    #[test]
    fn an_account_is_read_from_five_answers() {
        let (ann, bob) = (Resource::User("ann".into()), Resource::User("bob".into()));
        let queries = [Query::new(ann, SHADOW), Query::meta(bob)];
        let refs: Vec<_> = queries.iter().collect();
        let states = read(&refs, &answer("ann:$6$x:19000:0:99999:7::20000:\n")).unwrap();
        let State::User(user) = &states[0] else {
            panic!("an account")
        };
        assert_eq!(user.groups, ["adm", "sudo"]);
        assert_eq!(
            (user.group.as_str(), user.expires, user.inactive_days),
            ("ann", Some(20000), None)
        );
        assert_eq!(user.password.as_deref(), Some("$6$x"));
        assert!(user.local && user.home_exists);
        assert_eq!(states[1], State::Absent);
    }
}
