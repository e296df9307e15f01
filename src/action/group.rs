//! Makes sure that a group exists, or does not.
//!
//! Changed when it is made, removed, or gets another number.

use crate::resource::change::How;
use crate::resource::group::{GroupState, printed};
use crate::resource::{Change, Query, Resource, State};
use crate::result;
use crate::source::Mapping;

use super::args::Present;
use super::{ArgError, Decision, Done, Failure, Observed, Spec, Task, ran};

crate::args! {
    pub(crate) struct Args {
        /// The group.
        name: String = required;
        /// Whether it should be there.
        state: Present = "present";
        /// Its number.
        gid: Option<u64>;
        /// Remove it even where it is somebody's primary group.
        force: bool = "false";
        /// Make it a group of the system's.
        system: bool = "false";
        /// Work on the local files, whatever other name services there are.
        local: bool = "false";
        /// Let it share its number with another group.
        non_unique: bool = "false";
        /// The smallest number to choose.
        gid_min: Option<u64>;
        /// The largest number to choose.
        gid_max: Option<u64>;
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "group",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Makes sure that a group exists, or does not",
    notes: "Changed when it is made, removed, or gets another number.",
    examples: "
- name: A group
  group:
    name: somegroup
    state: present
- name: With a number
  group:
    name: docker
    gid: 1750
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    if !crate::resource::is_account_name(&args.name) {
        let text = format!("`{}` is not a name that a group can have", args.name);
        return Err(ArgError::new("name", text));
    }
    if args.gid.is_some_and(|g| u32::try_from(g).is_err()) {
        return Err(ArgError::new(
            "gid",
            "argument `gid` is larger than any group number",
        ));
    }
    if args.non_unique && args.gid.is_none() {
        return Err(ArgError::new("non_unique", "`non_unique` needs `gid`"));
    }
    Ok(Box::new(args))
}

impl Args {
    fn on(&self) -> Resource {
        Resource::Group(self.name.clone())
    }

    fn how(&self) -> How {
        let flag = |name: &str, given: bool| given.then(|| (name.to_owned(), String::new()));
        let number = |name: &str, n: Option<u64>| n.map(|n| (name.to_owned(), n.to_string()));
        let options = [
            flag("force", self.force),
            flag("system", self.system),
            flag("local", self.local),
            flag("non_unique", self.non_unique),
            number("gid_min", self.gid_min),
            number("gid_max", self.gid_max),
        ];
        How {
            options: options.into_iter().flatten().collect(),
            ..How::default()
        }
    }
}

impl Task for Args {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        vec![Query::meta(self.on())]
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let before = match seen.get(&self.on()) {
            State::Group(group) => Some(group.clone()),
            State::Refused(why) => return Err(Failure::new(why.clone())),
            _ => None,
        };
        let gid = self.gid.and_then(|g| u32::try_from(g).ok());
        let mut result = result! { "name" => self.name.as_str(), "state" => self.state.word() };
        let after = match self.state {
            Present::Absent => State::Absent,
            Present::Present => {
                let fresh = GroupState {
                    local: true,
                    unnumbered: true,
                    ..GroupState::default()
                };
                let mut group = before.clone().unwrap_or(fresh);
                if let Some(gid) = gid {
                    (group.gid, group.unnumbered) = (gid, false);
                }
                result.insert("system".into(), self.system.into());
                if let Some(gid) = group.id() {
                    result.insert("gid".into(), gid.into());
                }
                State::Group(group)
            }
        };
        let mut decision = Decision::ok(result);
        let before = before.map_or(State::Absent, State::Group);
        let change = Change::new(self.on(), before, after);
        decision.set(Change {
            how: self.how(),
            ..change
        });
        Ok(decision)
    }

    fn conclude(&self, decision: &Decision, done: &[Done]) -> Result<Mapping, Failure> {
        let mut result = decision.result.clone();
        if let Some(Done::Set(said)) = done.first() {
            ran::put_errors(&mut result, said);
            if let Some(gid) = printed(&said.output).filter(|_| self.state == Present::Present) {
                result.insert("gid".into(), gid.into());
            }
        }
        Ok(result)
    }
}
