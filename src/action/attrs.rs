//! The arguments that every action that writes files has: owner, group, mode and their relatives.

use crate::resource::file::{FileState, Meta, Owner};
use crate::resource::{Identity, Query, Resource, State, Want};
use crate::source::Mapping;

use super::arg::Mode;
use super::{ArgError, Failure, Observed, Param};

crate::args! {
    /// The common file arguments.
    struct Common {
        /// Permissions: `"0644"`, a YAML octal, or symbolic as in `u=rw,go=r`.
        mode: Option<Mode>;
        /// The user it belongs to, by name or number.
        owner: Option<String>;
        /// The group it belongs to, by name or number.
        group: Option<String>;
        /// Attributes as `lsattr` shows them, with `+`, `-` or `=` before.
        attributes: Option<String>, aka ["attr"];
        /// The SELinux user.
        seuser: Option<String>;
        /// The SELinux role.
        serole: Option<String>;
        /// The SELinux type.
        setype: Option<String>;
        /// The SELinux level.
        selevel: Option<String>;
        /// Write in place where the file cannot be replaced by a rename (a bind-mounted file).
        unsafe_writes: bool = "false";
    }
}

/// Owner, group and mode as an action was given them.
#[derive(Clone, Debug, Default)]
pub struct Attrs {
    pub mode: Option<Mode>,
    pub owner: Option<String>,
    pub group: Option<String>,
    pub attributes: Option<String>,
    /// user, role, type, level.
    pub context: [Option<String>; 4],
    pub unsafe_writes: bool,
}

impl Attrs {
    pub fn params() -> Vec<Param> {
        Common::params()
    }

    /// Takes the common arguments out of a map that holds others too.
    pub fn take(map: &mut Mapping) -> Result<Attrs, ArgError> {
        let mut own = Mapping::new();
        for param in Common::params() {
            for name in std::iter::once(&param.name).chain(param.aliases) {
                if let Some(value) = map.shift_remove(*name) {
                    own.insert((*name).into(), value);
                }
            }
        }
        let c = Common::read(own)?;
        Ok(Attrs {
            mode: c.mode,
            owner: c.owner,
            group: c.group,
            attributes: c.attributes,
            context: [c.seuser, c.serole, c.setype, c.selevel],
            unsafe_writes: c.unsafe_writes,
        })
    }

    /// Refuses what an action that sets owner, group and mode alone cannot give.
    pub fn only_owner_and_mode(&self) -> Result<(), ArgError> {
        let labels = ["seuser", "serole", "setype", "selevel"];
        let given = labels.iter().zip(&self.context).find(|(_, c)| c.is_some());
        let name = match (&self.attributes, given) {
            (Some(_), _) => "attributes",
            (None, Some((name, _))) => name,
            (None, None) => return Ok(()),
        };
        Err(ArgError::new(
            name,
            format!("`{name}` is not supported here; use `file` for it"),
        ))
    }

    /// A state with these attributes laid over it.
    #[must_use]
    pub fn over(&self, mut state: FileState) -> FileState {
        if let Some(mode) = &self.mode {
            state.mode = mode.apply(state.mode, state.is_dir());
        }
        // An owner that names the present one is kept as it was seen, number and name.
        if let Some(owner) = &self.owner {
            let owner = Owner::written(owner);
            if !owner.same(&state.owner) {
                state.owner = owner;
            }
        }
        if let Some(group) = &self.group {
            let group = Owner::written(group);
            if !group.same(&state.group) {
                state.group = group;
            }
        }
        state.meta = None;
        state
    }

    /// What a new file or directory with these attributes is.
    pub fn fresh(&self, node: crate::resource::file::Node, me: &Identity) -> FileState {
        self.over(FileState::fresh(node, me))
    }

    /// What must be asked of a file so that these attributes can be compared.
    pub fn want(&self) -> Want {
        let mut want = Want::META;
        if self.attributes.is_some() {
            want = want.and(Want::ATTRIBUTES);
        }
        if self.context.iter().any(Option::is_some) {
            want = want.and(Want::CONTEXT);
        }
        want
    }

    /// The accounts to look up before a file in this state (or a new one) gets these attributes:
    /// those that are given by name and are not what it has.
    pub fn lookups(&self, state: Option<&FileState>, me: &Identity) -> Vec<Query> {
        let mine = (
            Owner::known(me.uid, &me.user),
            Owner::known(me.gid, &me.group),
        );
        let (owner, group) = match state {
            Some(state) => (&state.owner, &state.group),
            None => (&mine.0, &mine.1),
        };
        let differs = |word: &&String, present: &Owner| {
            let written = Owner::written(word);
            written.name.is_some() && !written.same(present)
        };
        let user = self.owner.as_ref().filter(|w| differs(w, owner));
        let team = self.group.as_ref().filter(|w| differs(w, group));
        let user = user.map(|name| Query::meta(Resource::User(name.clone())));
        let team = team.map(|name| Query::meta(Resource::Group(name.clone())));
        user.into_iter().chain(team).collect()
    }

    /// A state with these attributes laid over it, accounts looked up. Ask [`Attrs::lookups`] first.
    pub fn settle(&self, seen: &Observed, state: FileState) -> Result<FileState, Failure> {
        let before = state.meta.clone();
        let mut after = self.over(state);
        if let Some(name) = after
            .owner
            .name
            .clone()
            .filter(|_| after.owner.id.is_none())
        {
            match seen.get(&Resource::User(name.clone())) {
                State::User(user) => after.owner.id = user.id(),
                State::Absent => return Err(unknown("chown", "user", &name)),
                _ => {}
            }
        }
        if let Some(name) = after
            .group
            .name
            .clone()
            .filter(|_| after.group.id.is_none())
        {
            match seen.get(&Resource::Group(name.clone())) {
                State::Group(group) => after.group.id = group.id(),
                State::Absent => return Err(unknown("chgrp", "group", &name)),
                _ => {}
            }
        }
        after.meta = self.flags(before.as_ref())?;
        Ok(after)
    }

    /// The options of a change that sets attributes and context: those that differ.
    pub fn options(&self, before: Option<&FileState>, after: &FileState) -> Vec<(String, String)> {
        let is = before.and_then(|b| b.meta.clone()).unwrap_or_default();
        let to = after.meta.clone().unwrap_or_default();
        let mut options = Vec::new();
        if let Some(word) = self
            .attributes
            .as_ref()
            .filter(|_| is.attributes != to.attributes)
        {
            options.push(("attributes".to_owned(), word.clone()));
        }
        if to.context.is_some() && is.context != to.context {
            let names = ["seuser", "serole", "setype", "selevel"];
            for (name, word) in names.into_iter().zip(&self.context) {
                options.extend(word.as_ref().map(|w| (name.to_owned(), w.clone())));
            }
        }
        options
    }

    /// Attributes and context as they are to be; nothing where they are not asked for.
    fn flags(&self, before: Option<&Meta>) -> Result<Option<Meta>, Failure> {
        let mut meta = Meta::default();
        if let Some(wanted) = &self.attributes {
            let present = match before {
                Some(before) => before.attributes.as_deref().ok_or_else(|| {
                    Failure::new(
                        "attributes cannot be read: no lsattr, or none on this file system",
                    )
                })?,
                None => "",
            };
            meta.attributes = Some(attributes(present, wanted));
        }
        let context = before.and_then(|m| m.context.as_deref());
        if let Some(context) = context.filter(|_| self.context.iter().any(Option::is_some)) {
            let parts: Vec<_> = context.splitn(4, ':').map(str::to_owned).collect();
            let parts = parts.into_iter().zip(&self.context);
            let parts: Vec<_> = parts.map(|(is, want)| want.clone().unwrap_or(is)).collect();
            meta.context = Some(parts.join(":"));
        }
        Ok((meta != Meta::default()).then_some(meta))
    }
}

fn unknown(verb: &str, what: &str, name: &str) -> Failure {
    Failure::new(format!("{verb} failed: failed to look up {what} {name}"))
}

/// `lsattr` letters after `+i`, `-i` or `=i`; as they were given where they stay the same.
fn attributes(present: &str, wanted: &str) -> String {
    let letters = |s: &str| -> std::collections::BTreeSet<char> {
        s.chars().filter(char::is_ascii_alphabetic).collect()
    };
    let (is, want) = (letters(present), letters(wanted));
    let after = match wanted.chars().next() {
        Some('+') => is.union(&want).copied().collect(),
        Some('-') => is.difference(&want).copied().collect(),
        _ => want,
    };
    match after == is {
        true => present.to_owned(),
        false => after.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::attributes;

    #[test]
    fn attribute_letters_are_added_and_taken_away() {
        assert_eq!(attributes("--e--", "+i"), "ei");
        assert_eq!(attributes("ei", "-i"), "e");
        assert_eq!(attributes("--ie-", "+i"), "--ie-");
        assert_eq!(attributes("e", "=ai"), "ai");
    }
}
