//! The commands that make an account, change it and remove it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{ENTRIES, UserState};
use crate::resource::account::BY_HAND;
use crate::resource::apply::{ApplyError, Make};
use crate::resource::script::quote;
use crate::resource::{Change, Resource, State};

pub(in crate::resource) fn make(change: &Change) -> Result<Make, ApplyError> {
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
    let (find, clear) = match change.how.option("unused_home") {
        Some(_) => (
            format!(
                "{ENTRIES}\npl_h=$(pl_ent passwd {name}); pl_h=${{pl_h%:*}}; pl_h=${{pl_h##*:}}\n"
            ),
            UNUSED,
        ),
        None => (String::new(), ""),
    };
    format!(
        "{find}pl_t={tool}; pl_has $pl_t || pl_t=userdel\n\
         {{ if pl_has $pl_t; then $pl_t{} {name}; else deluser{small} {name}; fi; }} || exit{clear}",
        flags.0
    )
}

/// A home in which nothing is but what every new one has goes with its account.
const UNUSED: &str = r#"
case $pl_h in /?*/?*) ;; *) exit 0 ;; esac
[ -d "$pl_h" ] && [ ! -L "$pl_h" ] && cd -P -- "$pl_h" 2>/dev/null || exit 0
for pl_f in ./* ./.[!.]* ./..?*; do
  [ -f "$pl_f" ] && [ ! -L "$pl_f" ] && cmp -s -- "$pl_f" "/etc/skel/$pl_f" && rm -f -- "$pl_f"
done
cd / && rmdir -- "$pl_h" 2>/dev/null
exit 0"#;

/// A day since 1970 as `2030-01-01`.
pub fn date(days: i64) -> String {
    let (year, month, day) = crate::resource::program::civil(days);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

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
