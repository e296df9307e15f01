//! The databases of accounts as texts, and what is wrong in them.

use std::collections::BTreeMap;

/// A line of the list of users, with its line of the shadow file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) field: String,
    pub(crate) uid: Option<u32>,
    pub(crate) gid: Option<u32>,
    pub(crate) home: String,
    pub(crate) shell: String,
    pub(crate) shadow: Option<Shadow>,
}

/// The ages of a password. Missing numbers are `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Shadow {
    pub(crate) hash: String,
    pub(crate) changed: Option<i64>,
    pub(crate) min: Option<i64>,
    pub(crate) max: Option<i64>,
    pub(crate) warn: Option<i64>,
    pub(crate) inactive: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) gid: Option<u32>,
    pub(crate) members: Vec<String>,
}

/// Shells with which nobody logs in.
const CLOSED: [&str; 4] = ["nologin", "false", "sync", "true"];

impl User {
    /// Whether somebody may log in with its shell; none at all is `/bin/sh`.
    pub(crate) fn has_shell(&self) -> bool {
        let name = self.shell.rsplit('/').next().unwrap_or_default();
        !CLOSED.contains(&name)
    }

    /// Whether there is a password that somebody can type.
    pub(crate) fn has_password(&self) -> bool {
        let hash = self
            .shadow
            .as_ref()
            .map(|s| s.hash.as_str())
            .unwrap_or_default();
        !hash.is_empty() && !hash.starts_with(['!', '*'])
    }
}

pub(crate) fn users(passwd: &str, shadow: &str) -> Vec<User> {
    let mut ages: BTreeMap<&str, Shadow> = BTreeMap::new();
    for line in shadow.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let number = |n: usize| fields.get(n).and_then(|f| f.trim().parse().ok());
        if let [name, hash, ..] = fields[..] {
            let shadow = Shadow {
                hash: hash.to_owned(),
                changed: number(2),
                min: number(3),
                max: number(4),
                warn: number(5),
                inactive: number(6),
            };
            ages.insert(name, shadow);
        }
    }
    let user = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        let text = |n: usize| fields.get(n).copied().unwrap_or_default().to_owned();
        User {
            name: text(0),
            field: text(1),
            uid: text(2).parse().ok(),
            gid: text(3).parse().ok(),
            home: text(5),
            shell: text(6),
            shadow: ages.get(fields[0]).cloned(),
        }
    };
    lines(passwd).map(user).collect()
}

pub(crate) fn groups(text: &str) -> Vec<Group> {
    let group = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        let text = |n: usize| fields.get(n).copied().unwrap_or_default();
        Group {
            name: text(0).to_owned(),
            gid: text(2).parse().ok(),
            members: text(3)
                .split(',')
                .filter(|m| !m.is_empty())
                .map(str::to_owned)
                .collect(),
        }
    };
    lines(text).map(group).collect()
}

/// Lines that name somebody; `+` and `-` lines are for a name service of old.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|l| l.contains(':') && !l.starts_with(['#', '+', '-']))
}

/// What stands more than once, with all that have it.
pub(crate) fn doubled<K: Ord + ToString>(pairs: impl Iterator<Item = (K, String)>) -> Vec<String> {
    let mut all: BTreeMap<K, Vec<String>> = BTreeMap::new();
    for (key, name) in pairs {
        all.entry(key).or_default().push(name);
    }
    let many = all.into_iter().filter(|(_, names)| names.len() > 1);
    many.map(|(key, names)| format!("{} ({})", key.to_string(), names.join(", ")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_are_read() {
        let users = users(
            "root:x:0:0:root:/root:/bin/bash\nbin:x:2:2::/bin:/usr/sbin/nologin\n+::::::\n",
            "root:$y$x:20000:0:99999:7:::\nbin:*:20000::::::\n",
        );
        assert_eq!(users.len(), 2);
        assert!(users[0].has_shell() && users[0].has_password());
        assert!(!users[1].has_shell() && !users[1].has_password());
        assert_eq!(users[0].shadow.as_ref().and_then(|s| s.max), Some(99999));
        assert_eq!(groups("adm:x:4:a,b\n")[0].members, ["a", "b"]);
        let twice = doubled([(1, "a".to_owned()), (2, "b".into()), (1, "c".into())].into_iter());
        assert_eq!(twice, ["1 (a, c)"]);
    }
}
