//! Accounts, asked of the name service for many at once, made with whatever tools the host has.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::account::BY_HAND;
use super::apply::{ApplyError, Make};
use super::group::Groups;
use super::reply::Record;
use super::script::{Script, quote};
use super::{Change, Query, Resource, State, Want};

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
    script.ask(&asked(
        &users,
        format!(
            "for pl_q in {}; do\nwhile IFS=: read -r pl_x _; do\n[ \"$pl_x\" != \"$pl_q\" ] || \
             {{ pl_p \"$pl_q$pl_nl\"; break; }}\ndone </etc/passwd\ndone",
            words(&users)
        ),
    ));
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
    let homes = "while IFS=: read -r pl_x _ _ _ _ pl_h _; do\n\
                 [ ! -d \"$pl_h\" ] || pl_p \"$pl_x$pl_nl\"\ndone";
    script.ask(&asked(
        &users,
        format!(
            "{ENTRIES}\npl_ent passwd {} | {{\n{homes}\n}}",
            words(&users)
        ),
    ));
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

pub(super) fn make(change: &Change) -> Result<Make, ApplyError> {
    let Resource::User(name) = &change.on else {
        return Err(ApplyError::unfit(change));
    };
    if name.starts_with('-') || name.contains([':', '\n']) {
        return Err(ApplyError::because(
            change,
            "this cannot be the name of an account",
        ));
    }
    let mut text = match (&change.before, &change.after) {
        (State::Absent, State::User(after)) => create(change, name, after),
        (State::User(before), State::User(after)) => modify(change, name, before, after),
        (State::User(_), State::Absent) => return Ok(Make::tool(remove(change, name))),
        _ => return Err(ApplyError::unfit(change)),
    };
    let _ = write!(
        text,
        "if pl_has getent; then getent passwd {0}; else grep ^{0}: /etc/passwd; fi\n:",
        quote(name)
    );
    Ok(Make::tool(text))
}

/// Flags as words, each given only where there is something to say.
#[derive(Default)]
struct Flags(String);

impl Flags {
    fn put(&mut self, flag: &str) {
        self.0.push(' ');
        self.0.push_str(flag);
    }

    fn with(&mut self, flag: &str, value: &str) {
        self.put(flag);
        self.put(&quote(value));
    }
}

fn create(change: &Change, name: &str, after: &UserState) -> String {
    let has = |option: &str| change.how.option(option);
    let (mut full, mut small) = (Flags::default(), Flags::default());
    if let Some(uid) = after.id() {
        full.with("-u", &uid.to_string());
        small.with("-u", &uid.to_string());
        if has("non_unique").is_some() {
            full.put("-o");
        }
    }
    match has("group") {
        Some(group) => {
            full.with("-g", group);
            small.with("-G", group);
        }
        None if has("no_user_group").is_some() => full.put("-N"),
        None => {}
    }
    if !after.groups.is_empty() {
        full.with("-G", &after.groups.join(","));
    }
    for (flag, tiny, value) in [("-c", "-g", &after.comment), ("-s", "-s", &after.shell)] {
        if !value.is_empty() {
            full.with(flag, value);
            small.with(tiny, value);
        }
    }
    if let Some(home) = has("home") {
        full.with("-d", home);
        small.with("-h", home);
    }
    if let Some(days) = after.expires {
        full.with("-e", &date(days));
    }
    if after.home_exists {
        full.put("-m");
        if let Some(skeleton) = has("skeleton") {
            full.with("-k", skeleton);
            small.with("-k", skeleton);
        }
    } else {
        full.put("-M");
        small.put("-H");
    }
    if has("system").is_some() {
        full.put("-r");
        small.put("-S");
    }
    for (option, key) in [
        ("umask", "UMASK"),
        ("uid_min", "UID_MIN"),
        ("uid_max", "UID_MAX"),
    ] {
        if let Some(value) = has(option) {
            full.with("-K", &format!("{key}={value}"));
        }
    }
    if let Some(seuser) = has("seuser") {
        full.with("-Z", seuser);
    }
    let tool = if has("local").is_some() {
        "luseradd"
    } else {
        "useradd"
    };
    let name = quote(name);
    let joins = after
        .groups
        .iter()
        .map(|g| format!("addgroup {name} {} >&2 || exit\n", quote(g)));
    let joins: String = joins.collect();
    let mut text = format!(
        "{BY_HAND}pl_t={tool}; pl_has $pl_t || pl_t=useradd\n\
         if pl_has $pl_t; then $pl_t{full} {name} >&2 || exit\n\
         elif pl_has adduser; then adduser -D{small} {name} >&2 || exit\n{joins}\
         else echo 'this host has neither useradd nor adduser' >&2; exit 127\nfi\n",
        full = full.0,
        small = small.0
    );
    if after.home_exists {
        // useradd leaves a directory that was there, and a parent that is missing is an error.
        text.push_str(&home_text(&name, has("skeleton"), has("umask")));
    }
    let fresh = UserState {
        password: None,
        ..UserState::default()
    };
    text.push_str(&credentials(&name, &fresh, after));
    text
}

/// Makes the home directory of an account that has none, from the skeleton.
fn home_text(name: &str, skeleton: Option<&str>, umask: Option<&str>) -> String {
    let skeleton = quote(skeleton.unwrap_or("/etc/skel"));
    let umask = umask.map_or("${pl_um:-022}".into(), quote);
    format!(
        "{ENTRIES}\npl_x=$(pl_ent passwd {name}); pl_x=${{pl_x%%\"$pl_nl\"*}}\n\
         pl_h=${{pl_x%:*}}; pl_h=${{pl_h##*:}}\n\
         if [ -n \"$pl_h\" ] && [ ! -d \"$pl_h\" ]; then\n\
         pl_y=${{pl_x#*:*:}}; pl_u=${{pl_y%%:*}}; pl_y=${{pl_y#*:}}; pl_g=${{pl_y%%:*}}\n\
         pl_um=$(sed -n 's/^UMASK[ \t]*//p' /etc/login.defs 2>/dev/null)\n\
         mkdir -p -- \"${{pl_h%/*}}/\" && (umask {umask}; mkdir -- \"$pl_h\") || exit\n\
         [ ! -d {skeleton} ] || cp -R -- {skeleton}/. \"$pl_h/\" || exit\n\
         chown -R -h -- \"$pl_u:$pl_g\" \"$pl_h\" || exit\nfi\n"
    )
}

fn modify(change: &Change, name: &str, before: &UserState, after: &UserState) -> String {
    let has = |option: &str| change.how.option(option);
    let mut flags = Flags::default();
    if after.uid != before.uid {
        flags.with("-u", &after.uid.to_string());
        if has("non_unique").is_some() {
            flags.put("-o");
        }
    }
    if after.gid != before.gid || after.group != before.group {
        flags.with("-g", &after.group);
    }
    if after.groups != before.groups {
        flags.with("-G", &after.groups.join(","));
    }
    for (flag, was, is) in [
        ("-c", &before.comment, &after.comment),
        ("-s", &before.shell, &after.shell),
        ("-d", &before.home, &after.home),
    ] {
        if is != was {
            flags.with(flag, is);
        }
    }
    if after.home != before.home && has("move_home").is_some() {
        flags.put("-m");
    }
    if after.expires != before.expires {
        flags.with("-e", &after.expires.map(date).unwrap_or_default());
    }
    if let Some(seuser) = has("seuser") {
        flags.with("-Z", seuser);
    }
    let name = quote(name);
    let mut text = String::new();
    if !flags.0.is_empty() {
        let small = by_hand(before, after, &name);
        let tool = if has("local").is_some() {
            "lusermod"
        } else {
            "usermod"
        };
        let _ = write!(
            text,
            "{BY_HAND}pl_t={tool}; pl_has $pl_t || pl_t=usermod\n\
             if pl_has $pl_t; then $pl_t{} {name} >&2 || exit\nelse {small}\nfi\n",
            flags.0
        );
    }
    text.push_str(&credentials(&name, before, after));
    if after.home_exists && !before.home_exists {
        text.push_str(&home_text(&name, has("skeleton"), has("umask")));
    }
    text
}

/// What busybox can do without usermod: membership of groups.
fn by_hand(before: &UserState, after: &UserState, name: &str) -> String {
    let rest = UserState {
        groups: before.groups.clone(),
        ..after.clone()
    };
    let only_groups = UserState {
        password: None,
        ..rest
    } == UserState {
        password: None,
        home_exists: after.home_exists,
        ..before.clone()
    };
    if !only_groups {
        return "echo 'this host has no usermod' >&2; exit 127".into();
    }
    let set = |groups: &[String]| groups.iter().cloned().collect::<BTreeSet<_>>();
    let (was, is) = (set(&before.groups), set(&after.groups));
    let join = is
        .difference(&was)
        .map(|g| format!("addgroup {name} {} >&2 || exit", quote(g)));
    let leave = was
        .difference(&is)
        .map(|g| format!("delgroup {name} {} >&2 || exit", quote(g)));
    join.chain(leave).collect::<Vec<_>>().join("\n")
}

/// Password and its ageing. A password goes through a pipe: it stands on no command line.
fn credentials(name: &str, before: &UserState, after: &UserState) -> String {
    let mut text = String::new();
    if let Some(password) = after
        .password
        .as_ref()
        .filter(|p| before.password.as_ref() != Some(*p))
    {
        let was = before.password.as_deref().unwrap_or_default();
        if !was.is_empty() && *password == format!("!{was}") {
            let _ = writeln!(
                text,
                "{{ if pl_has usermod; then usermod -L {name}; else passwd -l {name}; fi; }} >&2 || exit"
            );
        } else if !password.is_empty() && was == format!("!{password}") {
            let _ = writeln!(
                text,
                "{{ if pl_has usermod; then usermod -U {name}; else passwd -u {name}; fi; }} >&2 || exit"
            );
        } else {
            let _ = writeln!(
                text,
                "pl_p {name}:{}\"$pl_nl\" | chpasswd -e >&2 || exit",
                quote(password)
            );
        }
    }
    let mut flags = Flags::default();
    for (flag, was, is) in [
        ("-m", before.min_days, after.min_days),
        ("-M", before.max_days, after.max_days),
        ("-W", before.warn_days, after.warn_days),
        ("-I", before.inactive_days, after.inactive_days),
    ] {
        if was != is {
            flags.with(flag, &is.unwrap_or(-1).to_string());
        }
    }
    if !flags.0.is_empty() {
        let _ = writeln!(text, "chage{} {name} >&2 || exit", flags.0);
    }
    text
}

fn remove(change: &Change, name: &str) -> String {
    let mut flags = Flags::default();
    let mut small = "";
    if change.how.option("force").is_some() {
        flags.put("-f");
    }
    if change.how.option("remove").is_some() {
        flags.put("-r");
        small = " --remove-home";
    }
    let tool = if change.how.option("local").is_some() {
        "luserdel"
    } else {
        "userdel"
    };
    let name = quote(name);
    format!(
        "pl_t={tool}; pl_has $pl_t || pl_t=userdel\n\
         if pl_has $pl_t; then $pl_t{} {name}; else deluser{small} {name}; fi",
        flags.0
    )
}

/// A day since 1970 as `2030-01-01`.
pub fn date(days: i64) -> String {
    let (year, month, day) = super::program::civil(days);
    format!("{year:04}-{month:02}-{day:02}")
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

    #[test]
    fn a_password_stands_on_no_command_line() {
        let after = UserState {
            password: Some("$6$secret".into()),
            ..UserState::default()
        };
        let on = Resource::User("ann".into());
        let text = make(&Change::new(on, State::Absent, State::User(after)))
            .unwrap()
            .text;
        let holding: Vec<_> = text.lines().filter(|l| l.contains("secret")).collect();
        assert_eq!(
            holding,
            ["pl_p ann:'$6$secret'\"$pl_nl\" | chpasswd -e >&2 || exit"]
        );
    }
}
