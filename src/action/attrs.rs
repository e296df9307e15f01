//! The arguments that every action that writes files has: owner, group, mode and their relatives.

use crate::resource::Identity;
use crate::resource::file::{FileState, Owner};
use crate::source::Mapping;

use super::arg::Mode;
use super::{ArgError, Param};

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
}
