//! Groups.

use super::account::BY_HAND;
use super::apply::{ApplyError, Make};
use super::script::quote;
use super::{Change, Resource, State};

#[derive(Clone, Debug, PartialEq, Default)]
pub struct GroupState {
    pub gid: u32,
    /// Members, sorted.
    pub members: Vec<String>,
    /// Whether the entry stands in /etc/group, and not only in a name service.
    pub local: bool,
    /// The host will choose the number: `gid` says nothing yet.
    pub unnumbered: bool,
}

impl GroupState {
    /// The number, once there is one.
    pub fn id(&self) -> Option<u32> {
        (!self.unnumbered).then_some(self.gid)
    }
}

/// The group database of a host.
#[derive(Debug, Default)]
pub(super) struct Groups {
    entries: Vec<(String, GroupState)>,
}

impl Groups {
    /// Reads what the name service says, and the file that says which of them are local.
    pub(super) fn read(text: &str, file: &str) -> Groups {
        let local = |name: &str| file.lines().any(|l| l.split(':').next() == Some(name));
        let mut entries: Vec<(String, GroupState)> = Vec::new();
        for line in text.lines() {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, gid, members] = fields.as_slice() else {
                continue;
            };
            let Ok(gid) = gid.parse() else { continue };
            if entries.iter().any(|(n, g)| n == name && g.gid == gid) {
                continue;
            }
            let mut members: Vec<String> = members
                .split(',')
                .filter(|m| !m.is_empty())
                .map(str::to_owned)
                .collect();
            members.sort();
            let state = GroupState {
                gid,
                members,
                local: local(name),
                unnumbered: false,
            };
            entries.push(((*name).to_owned(), state));
        }
        Groups { entries }
    }

    /// A group by name, or by number.
    pub(super) fn find(&self, name: &str) -> Option<GroupState> {
        let by_name = self.entries.iter().find(|(n, _)| n == name);
        let number: Option<u32> = name.parse().ok();
        let found = by_name.or_else(|| self.entries.iter().find(|(_, g)| Some(g.gid) == number));
        found.map(|(_, g)| g.clone())
    }

    pub(super) fn name_of(&self, gid: u32) -> Option<&str> {
        self.entries
            .iter()
            .find(|(_, g)| g.gid == gid)
            .map(|(n, _)| n.as_str())
    }

    /// The groups somebody is in, sorted, without the primary one.
    pub(super) fn of_member(&self, user: &str, primary: &str) -> Vec<String> {
        let is_in = |g: &GroupState| g.members.iter().any(|m| m == user);
        let mut names: Vec<String> = self
            .entries
            .iter()
            .filter(|(n, g)| n != primary && is_in(g))
            .map(|(n, _)| n.clone())
            .collect();
        names.sort();
        names.dedup();
        names
    }
}

/// The number in the entry that a change's output ends with.
pub fn printed(output: &[u8]) -> Option<u32> {
    let text = String::from_utf8_lossy(output);
    text.lines()
        .rev()
        .find_map(|l| l.split(':').nth(2)?.parse().ok())
}

pub(super) fn make(change: &Change) -> Result<Make, ApplyError> {
    let Resource::Group(name) = &change.on else {
        return Err(ApplyError::unfit(change));
    };
    if name.starts_with('-') || name.contains([':', '\n']) {
        return Err(ApplyError::because(
            change,
            "this cannot be the name of a group",
        ));
    }
    let has = |option: &str| change.how.option(option);
    let local = if has("local").is_some() { "l" } else { "" };
    let name = quote(name);
    let unique = if has("non_unique").is_some() {
        " -o"
    } else {
        ""
    };
    let (tool, full, small) = match (&change.before, &change.after) {
        (State::Absent, State::Group(after)) => {
            let number = after
                .id()
                .map(|gid| format!(" -g {gid}"))
                .unwrap_or_default();
            let mut full = number.clone();
            if !number.is_empty() {
                full.push_str(unique);
            }
            let mut small = format!("addgroup{number}");
            if has("system").is_some() {
                full.push_str(" -r");
                small.push_str(" -S");
            }
            for (option, key) in [("gid_min", "GID_MIN"), ("gid_max", "GID_MAX")] {
                if let Some(value) = has(option) {
                    full.push_str(&format!(" -K {}", quote(&format!("{key}={value}"))));
                }
            }
            ("groupadd", full, format!("{small} {name}"))
        }
        (State::Group(_), State::Group(after)) => {
            let full = format!(" -g {}{unique}", after.gid);
            (
                "groupmod",
                full,
                "{ echo 'this host has no groupmod'; exit 127; }".into(),
            )
        }
        (State::Group(_), State::Absent) => {
            let force = if has("force").is_some() { " -f" } else { "" };
            ("groupdel", force.to_owned(), format!("delgroup {name}"))
        }
        _ => return Err(ApplyError::unfit(change)),
    };
    Ok(Make::tool(format!(
        "{BY_HAND}pl_t={local}{tool}; pl_has $pl_t || pl_t={tool}\n\
         if pl_has $pl_t; then $pl_t{full} {name} >&2 || exit\nelse {small} >&2 || exit\nfi\n\
         if pl_has getent; then getent group {name}; else grep ^{name}: /etc/group; fi\n:"
    )))
}

#[cfg(test)]
mod tests {
    use super::Groups;

    #[test]
    fn groups_are_found_by_name_and_number() {
        let groups = Groups::read("a:x:5:z,y\nldap:x:7:y\n", "a:x:5:z,y\n");
        assert_eq!(groups.find("a").map(|g| (g.gid, g.local)), Some((5, true)));
        assert_eq!(groups.find("7").map(|g| g.local), Some(false));
        assert_eq!(groups.of_member("y", "ldap"), ["a"]);
        assert_eq!(groups.find("b"), None);
    }
}
