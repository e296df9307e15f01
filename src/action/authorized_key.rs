//! Keeps public keys in a user's authorized_keys file.
//!
//! Changed when the file changes. Differs from Ansible's: a key is not fetched from a URL; lines that
//! are not touched stay as they are, byte for byte; a key whose options or comment change keeps its place.

use crate::resource::file::{FileState, Node, Owner};
use crate::resource::user::UserState;
use crate::resource::{Change, Content, Query, RemotePath, Resource, State, Want};
use crate::source::Mapping;

use super::args::Present;
use super::keys::{self, Key};
use super::{ArgError, Decision, Failure, Observed, Spec, Task, place};

crate::args! {
    pub(crate) struct Args {
        /// Whose file it is.
        user: String = required;
        /// The public keys, one a line.
        key: String = required;
        /// The file, where it is not `.ssh/authorized_keys` in the home of the user.
        path: Option<RemotePath>;
        /// Make the directory and keep it to the user alone.
        manage_dir: bool = "true";
        /// Whether the keys should be there.
        state: Present = "present";
        /// Options that stand before the key in the file.
        key_options: Option<String>;
        /// Remove every other key.
        exclusive: bool = "false";
        /// The comment that follows the key in the file.
        comment: Option<String>;
        /// Takes no effect; nothing is fetched.
        validate_certs: bool = "true";
        /// Write through a symbolic link instead of replacing it.
        follow: bool = "false";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "authorized_key",
    collection: "ansible.posix",
    aliases: &[],
    summary: "Keeps public keys in a user's authorized_keys file",
    notes: "Changed when the file changes.",
    examples: r##"
- name: The deploy key
  authorized_key:
    user: deploy
    key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBmnvRlcBSHGsGm5Jl0WZZJdjEbKMUXMc6CZ2L+cdd12 deploy@ci
- name: Only these may log in
  ansible.posix.authorized_key:
    user: root
    key: |
      ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBmnvRlcBSHGsGm5Jl0WZZJdjEbKMUXMc6CZ2L+cdd12 ops
    exclusive: true
    key_options: no-port-forwarding,from="10.0.1.1"
"##,
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};
fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    if args.key.starts_with("http://") || args.key.starts_with("https://") {
        return Err(ArgError::new("key", "keys are not fetched from a URL")
            .hint("write key: \"{{ lookup('url', '…', split_lines=false) }}\""));
    }
    let keys = args.wanted().map_err(|e| ArgError::new("key", e))?;
    Ok(Box::new(Authorized { args, keys }))
}

/// The arguments, and the keys in them.
struct Authorized {
    args: Args,
    keys: Vec<Key>,
}

impl Args {
    fn wanted(&self) -> Result<Vec<Key>, String> {
        let lines = self.key.lines().map(str::trim);
        let lines = lines.filter(|l| !l.is_empty() && !l.starts_with('#'));
        let mut keys = Vec::new();
        for line in lines {
            let key = Key::read(line).ok_or_else(|| format!("invalid key specified: {line}"))?;
            keys.push(Key {
                options: self.key_options.clone().or(key.options),
                comment: self.comment.clone().or(key.comment),
                ..key
            });
        }
        if keys.is_empty() {
            return Err("holds no key".into());
        }
        Ok(keys)
    }
}

impl Authorized {
    /// The account, once it was looked up.
    fn account<'a>(&self, seen: &'a Observed) -> Option<&'a UserState> {
        match seen.peek(&Resource::User(self.args.user.clone())) {
            Some(State::User(user)) => Some(user),
            _ => None,
        }
    }

    fn path(&self, user: &UserState) -> Result<RemotePath, Failure> {
        match &self.args.path {
            Some(path) => {
                let text = path.as_str().strip_prefix("~/");
                let home = || RemotePath::new(&user.home).map_err(Failure::new);
                text.map_or(Ok(path.clone()), |below| Ok(home()?.join(below)))
            }
            None => {
                let home = RemotePath::new(&user.home).map_err(Failure::new)?;
                Ok(home.join(".ssh/authorized_keys"))
            }
        }
    }

    fn text(&self, state: Option<&FileState>, path: &RemotePath) -> Result<String, Failure> {
        let Some(state) = state.filter(|s| !s.is_link()) else {
            return Ok(String::new());
        };
        let bytes = state.content().and_then(|c| c.bytes.as_deref());
        let bytes = bytes.ok_or_else(|| Failure::new(format!("{path} is no file of keys")))?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    /// The directory, made or kept to the user.
    fn folder(
        &self,
        seen: &Observed,
        path: &RemotePath,
        user: &UserState,
        decision: &mut Decision,
    ) -> Result<(), Failure> {
        let folder = path.parent();
        let state = place::look(seen, &folder)?;
        if !self.args.manage_dir {
            return match state {
                Some(_) => Ok(()),
                None => Err(Failure::new(format!(
                    "Destination directory {folder} does not exist"
                ))),
            };
        }
        // The home of an account that was only just decided was not seen yet.
        let home = user.home_exists && folder.parent().as_str() == user.home;
        if state.is_none() && !home && place::look(seen, &folder.parent())?.is_none() {
            let message = format!(
                "Failed to create directory {folder}: no {}",
                folder.parent()
            );
            return Err(Failure::new(message));
        }
        let base = state.filter(|s| s.is_dir()).cloned();
        if state.is_some() && base.is_none() {
            return Ok(());
        }
        let fresh = FileState::fresh(Node::Dir, &seen.me);
        let after = owned(base.unwrap_or(fresh), user, &self.args.user, 0o700);
        let before = state.cloned().map_or(State::Absent, State::File);
        decision.set(Change::new(
            place::file(&folder),
            before,
            State::File(after),
        ));
        Ok(())
    }
}

/// A state that belongs to the user.
fn owned(mut state: FileState, user: &UserState, name: &str, mode: u32) -> FileState {
    state.owner = Owner::known(user.uid, name);
    state.group = Owner::known(user.gid, &user.group);
    state.mode = mode;
    state.meta = None;
    state
}

impl Task for Authorized {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        let mut queries = vec![Query::meta(Resource::User(self.args.user.clone()))];
        let Some(Ok(path)) = self.account(seen).map(|user| self.path(user)) else {
            return queries;
        };
        let want = Want::META.and(Want::DIGEST).and(Want::CONTENT);
        // The keys are read through a link, which is replaced where it is not followed.
        queries.extend(place::trail(seen, &path, true, want));
        let end = place::resolve(seen, &path, self.args.follow);
        queries.push(Query::meta(place::file(&end.parent())));
        queries.push(Query::meta(place::file(&end.parent().parent())));
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let name = &self.args.user;
        let user = match seen.get(&Resource::User(name.clone())) {
            State::User(user) => user,
            State::Refused(words) => {
                return Err(Failure::new(format!(
                    "Failed to lookup user {name}: {words}"
                )));
            }
            _ => return Err(Failure::new(format!("Failed to lookup user {name}"))),
        };
        let written = self.path(user)?;
        let path = place::resolve(seen, &written, self.args.follow);
        let read = place::resolve(seen, &written, true);
        let old = self.text(place::look(seen, &read)?, &read)?;
        let new = match self.args.state {
            Present::Present => keys::add(&old, &self.keys, self.args.exclusive),
            Present::Absent => keys::remove(&old, &self.keys),
        };
        let mut decision = Decision::default();
        if new != old {
            let state = place::look(seen, &path)?;
            self.folder(seen, &path, user, &mut decision)?;
            let node = Node::File(Some(Content::new(new.into_bytes())));
            let after = owned(FileState::fresh(node, &seen.me), user, name, 0o600);
            let before = state.cloned().map_or(State::Absent, State::File);
            decision.set(Change::new(place::file(&path), before, State::File(after)));
        }
        let text = |text: &Option<String>| match text {
            Some(text) => crate::source::Value::from(text.as_str()),
            None => crate::source::Value::Null,
        };
        decision.result = crate::result! {
            "user" => name.as_str(), "key" => self.args.key.as_str(),
            "keyfile" => path.as_str(), "state" => self.args.state.word(),
            "path" => self.args.path.as_ref().map_or(crate::source::Value::Null, |p| p.as_str().into()),
            "manage_dir" => self.args.manage_dir, "exclusive" => self.args.exclusive,
            "key_options" => text(&self.args.key_options), "comment" => text(&self.args.comment),
            "follow" => self.args.follow, "validate_certs" => self.args.validate_certs,
        };
        Ok(decision)
    }
}
