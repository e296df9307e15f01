//! Makes sure that an account exists as described, or does not.
//!
//! Changed when the account, its password, its groups, its home or its key is. Differs from Ansible's:
//! a key that is there is described without running `ssh-keygen`, so that a check knows it too.

use crate::choices;
use crate::resource::change::How;
use crate::resource::user::{SHADOW, UserState, printed};
use crate::resource::{Change, Query, RemotePath, Resource, State, Want};
use crate::result;
use crate::source::{Mapping, Value};

use super::args::Present;
use super::user_key::Key;
use super::user_state::{describe, has_group, is_hashed};
use super::{ArgError, Decision, Done, Failure, Observed, Spec, Step, Task, ran};

choices! {
    pub(crate) enum Update {
        Always = "always",
        OnCreate = "on_create",
    }
}

crate::args! {
    #[expect(dead_code, reason = "Ansible takes it too, for other systems")]
    pub(crate) struct Args {
        /// The account.
        name: String = required, aka ["user"];
        /// Whether it should be there.
        state: Present = "present";
        /// Its number.
        uid: Option<u64>;
        /// The comment field, usually a name.
        comment: Option<String>;
        /// Hide it from login windows; macOS only.
        hidden: Option<bool>;
        /// Let it share its number with another account.
        non_unique: bool = "false";
        /// The SELinux user.
        seuser: Option<String>;
        /// The primary group, by name or number.
        group: Option<String>;
        /// Further groups; an empty list takes it out of all.
        groups: Option<Vec<String>>;
        /// Add to the groups it is in, instead of being in `groups` only.
        append: bool = "false";
        /// The login shell.
        shell: Option<String>;
        /// The home directory.
        home: Option<String>;
        /// What a new home directory is a copy of.
        skeleton: Option<String>;
        /// The password, hashed as the shadow file holds it.
        password: Option<String>;
        /// The login class; BSD only.
        login_class: Option<String>;
        /// Make the home directory where it is missing.
        create_home: bool = "true", aka ["createhome"];
        /// Move the old home directory to the new place.
        move_home: bool = "false";
        /// Make it an account of the system's.
        system: bool = "false";
        /// Remove it even where it is in use.
        force: bool = "false";
        /// Remove its home and mail with it.
        remove: bool = "false";
        /// Make an SSH key for it where there is none.
        generate_ssh_key: bool = "false";
        /// How many bits the key has.
        ssh_key_bits: Option<u64>;
        /// What kind of key it is.
        ssh_key_type: String = "rsa";
        /// Where the key is; below the home where it is relative.
        ssh_key_file: Option<RemotePath>;
        /// The comment of the key.
        ssh_key_comment: Option<String>;
        /// The passphrase of the key.
        ssh_key_passphrase: Option<String>;
        /// Whether the password of an account that is there is set too.
        update_password: Update = "always";
        /// When the account is shut, in seconds since 1970; negative for never.
        expires: Option<f64>;
        /// Lock or unlock the password.
        password_lock: Option<bool>;
        /// Work on the local files, whatever other name services there are.
        local: bool = "false";
        /// Solaris only.
        profile: Option<String>;
        /// Solaris only.
        authorization: Option<String>;
        /// Solaris only.
        role: Option<String>;
        /// Days after which the password must be changed.
        password_expire_max: Option<i64>;
        /// Days before which it may not be.
        password_expire_min: Option<i64>;
        /// Days of warning before it ends.
        password_expire_warn: Option<i64>;
        /// Days from its end until the account is shut.
        password_expire_account_disable: Option<i64>;
        /// The umask a new home directory is made with.
        umask: Option<String>;
        /// The smallest number to choose.
        uid_min: Option<u64>;
        /// The largest number to choose.
        uid_max: Option<u64>;
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "user",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Makes sure that an account exists as described, or does not",
    notes: "Changed when the account, its password, its groups, its home or its key is.",
    examples: "
- name: James may log in with bash and is in two groups more
  user:
    name: james
    shell: /bin/bash
    groups: [admins, developers]
    append: true
- name: Johnd is gone, with what was his
  user:
    name: johnd
    state: absent
    remove: true
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let mut args = Args::read(map)?;
    if !crate::resource::is_account_name(&args.name) {
        let text = format!("`{}` is not a name that a user can have", args.name);
        return Err(ArgError::new("name", text));
    }
    if args.uid.is_some_and(|u| u32::try_from(u).is_err()) {
        return Err(ArgError::new(
            "uid",
            "argument `uid` is larger than any number of an account",
        ));
    }
    if args.non_unique && args.uid.is_none() {
        return Err(ArgError::new("non_unique", "`non_unique` needs `uid`"));
    }
    if args.append && args.groups.is_none() {
        // Ansible takes it and does nothing with it.
        args.append = false;
    }
    if let Some(groups) = &mut args.groups {
        groups.retain(|g| !g.is_empty());
    }
    if args
        .password
        .as_deref()
        .is_some_and(|p| p.contains([':', '\n']))
    {
        return Err(ArgError::new(
            "password",
            "a password hash holds no colon and no line end",
        ));
    }
    Ok(Box::new(args))
}

impl Args {
    fn on(&self) -> Resource {
        Resource::User(self.name.clone())
    }

    /// The groups it is about: of its own name, its primary one, the others.
    fn group_names(&self) -> impl Iterator<Item = &String> {
        let own = self.group.is_none().then_some(&self.name);
        own.into_iter()
            .chain(&self.group)
            .chain(self.groups.iter().flatten())
    }

    fn how(&self, seen: &Observed, exists: bool) -> How {
        let mut options: Vec<(String, String)> = Vec::new();
        let mut put = |name: &str, value: &str| options.push((name.to_owned(), value.to_owned()));
        for (name, given) in [
            ("force", self.force),
            ("remove", self.remove),
            ("system", self.system),
            ("local", self.local),
            ("non_unique", self.non_unique),
            ("move_home", self.move_home),
        ] {
            if given {
                put(name, "");
            }
        }
        for (name, value) in [
            ("skeleton", &self.skeleton),
            ("umask", &self.umask),
            ("home", &self.home),
            ("group", &self.group),
        ] {
            if let Some(value) = value {
                put(name, value);
            }
        }
        for (name, value) in [("uid_min", self.uid_min), ("uid_max", self.uid_max)] {
            if let Some(value) = value {
                put(name, &value.to_string());
            }
        }
        if let Some(seuser) = self.seuser.as_ref().filter(|_| !exists) {
            put("seuser", seuser);
        }
        let own = Resource::Group(self.name.clone());
        if self.group.is_none() && seen.peek(&own).is_some_and(|s| !s.is_absent()) {
            put("no_user_group", "");
        }
        How {
            options,
            secret: self.password.is_some(),
            ..How::default()
        }
    }

    fn key(&self, home: &str) -> Option<Key> {
        self.generate_ssh_key.then(|| Key {
            user: self.name.clone(),
            home: home.to_owned(),
            file: self.ssh_key_file.clone(),
            kind: self.ssh_key_type.clone(),
            bits: self.ssh_key_bits,
            comment: self.ssh_key_comment.clone(),
            passphrase: self.ssh_key_passphrase.clone(),
            force: self.force,
        })
    }

    fn remove_it(&self, seen: &Observed) -> Decision {
        let mut decision =
            Decision::ok(result! { "name" => self.name.as_str(), "state" => "absent" });
        if let before @ State::User(_) = seen.get(&self.on()) {
            decision.result.insert("force".into(), self.force.into());
            decision.result.insert("remove".into(), self.remove.into());
            let mut change = Change::new(self.on(), before.clone(), State::Absent);
            change.how = self.how(seen, true);
            decision.set(change);
        }
        decision
    }

    fn result(&self, before: Option<&UserState>, after: &UserState) -> Mapping {
        let mut map = result! { "name" => self.name.as_str(), "state" => "present" };
        let mut put = |key: &str, value: Value| {
            map.insert(key.into(), value);
        };
        if before.is_some() {
            put("append", self.append.into());
            put("move_home", self.move_home.into());
        } else {
            put("create_home", self.create_home.into());
            put("system", self.system.into());
        }
        if self.password.is_some() {
            put("password", "NOT_LOGGING_PASSWORD".into());
        }
        if let Some(groups) = &self.groups {
            put("groups", groups.join(",").into());
        }
        describe(&mut map, after);
        if before.is_none() && self.shell.is_none() {
            // The host chooses it.
            map.shift_remove("shell");
        }
        map
    }
}

const PLAIN: &str = "The input password appears not to have been hashed. The 'password' argument \
                     must be encrypted for this module to work properly.";

impl Task for Args {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        let described = |state: &State| match state {
            State::User(user) => user.id().is_some() && has_group(user) && !user.shell.is_empty(),
            _ => true,
        };
        // What the host chooses when it makes an account is known only once it is made.
        let want = match seen.peek(&self.on()).is_none_or(described) {
            true => SHADOW,
            false => SHADOW.and(Want::REAL),
        };
        let mut queries = vec![Query::new(self.on(), want)];
        if self.state == Present::Absent {
            return queries;
        }
        queries.extend(
            self.group_names()
                .map(|g| Query::meta(Resource::Group(g.clone()))),
        );
        let Some(state) = seen.peek(&self.on()) else {
            return queries;
        };
        let before = match state {
            State::User(user) => Some(user),
            _ => None,
        };
        let home = self.home(before);
        if let Ok(path) = RemotePath::new(&home)
            && before.is_some_and(|b| b.home != home)
        {
            queries.push(Query::meta(Resource::Target(path)));
        }
        if let Some(key) = self.key(&home) {
            queries.push(Query::meta(Resource::File(key.path())));
            queries.push(Query::new(
                Resource::File(key.public()),
                Want::META.and(Want::CONTENT).and(Want::DIGEST),
            ));
        }
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        if self.state == Present::Absent {
            return Ok(self.remove_it(seen));
        }
        let mut before = match seen.get(&self.on()) {
            State::User(user) => Some(user.clone()),
            State::Refused(why) => return Err(Failure::new(why.clone())),
            _ => None,
        };
        let home = self.home(before.as_ref());
        if let Some(user) = before.as_mut().filter(|b| b.home != home)
            && let Ok(path) = RemotePath::new(&home)
        {
            // What is asked is whether the home it will have is there.
            user.home_exists = self.move_home || !seen.get(&Resource::Target(path)).is_absent();
        }
        let after = self.after(seen, before.as_ref())?;
        let mut decision = Decision::ok(self.result(before.as_ref(), &after));
        if self.password.as_deref().is_some_and(|p| !is_hashed(p)) {
            decision.warnings.push(PLAIN.into());
        }
        let ends = (
            before.map_or(State::Absent, State::User),
            State::User(after),
        );
        let mut change = Change::new(self.on(), ends.0, ends.1);
        change.how = self.how(seen, !change.before.is_absent());
        decision.set(change);
        if let Some(key) = self.key(&home) {
            key.decide(seen, &mut decision)?;
        }
        Ok(decision)
    }

    fn conclude(&self, decision: &Decision, done: &[Done]) -> Result<Mapping, Failure> {
        let mut result = decision.result.clone();
        for (step, done) in decision.steps.iter().zip(done) {
            match (step, done) {
                (Step::Set(change), Done::Set(said)) => {
                    ran::put_errors(&mut result, said);
                    if let Some(user) = printed(&said.output).filter(|_| !change.after.is_absent())
                    {
                        describe(&mut result, &user);
                    }
                }
                (_, Done::Ran(run)) if run.rc != 0 => {
                    let words = ran::text(&run.stderr);
                    return Err(Failure {
                        message: words.trim().to_owned(),
                        result,
                    });
                }
                (_, Done::Ran(run)) => {
                    if let Some(key) = self.key("/") {
                        key.describe(&ran::text(&run.stdout), &mut result);
                    }
                }
                _ => {}
            }
        }
        Ok(result)
    }
}
