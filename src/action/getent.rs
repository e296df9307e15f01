//! Reads entries of the name service's databases into facts: `getent_passwd`, `getent_hosts`, ….
//!
//! Never changed.

use crate::resource::{Query, Resource, State};
use crate::source::{Mapping, Value};

use super::{ArgError, Decision, Failure, Observed, Spec, Task};

crate::args! {
    pub(crate) struct Args {
        /// The database: `passwd`, `group`, `hosts`, `services`, ….
        database: String = required;
        /// The entry; all of them where none is named.
        key: Option<String>;
        /// The service of the name service to ask (`getent -s`).
        service: Option<String>;
        /// The character that parts the fields; by the database where none is given.
        split: Option<String>;
        /// Whether it fails where the key is not there.
        fail_key: bool = "true";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "getent",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Reads entries of the name service's databases into facts",
    notes: "Never changed.",
    examples: "
- name: Who is root?
  getent:
    database: passwd
    key: root
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

const MISSING: &str = "One or more supplied key could not be found in the database.";

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    Ok(Box::new(Args::read(map)?))
}

impl Args {
    fn on(&self) -> Resource {
        Resource::Getent {
            database: self.database.clone(),
            key: self.key.clone(),
            service: self.service.clone(),
        }
    }

    /// Each entry under its first field; entries that share it become a list.
    fn entries(&self, text: &str) -> Mapping {
        let colon = ["passwd", "shadow", "group", "gshadow"].contains(&self.database.as_str());
        let split = self
            .split
            .as_deref()
            .or(colon.then_some(":"))
            .filter(|s| !s.is_empty());
        let mut entries = Mapping::new();
        let mut shared: Vec<Value> = Vec::new();
        for line in text.lines() {
            let mut fields: Vec<&str> = match split {
                Some(split) => line.split(split).collect(),
                None => line.split_whitespace().collect(),
            };
            if fields.is_empty() {
                continue;
            }
            let key = Value::from(fields.remove(0));
            let rest = Value::Sequence(fields.into_iter().map(Value::from).collect());
            match entries.get_mut(&key) {
                Some(Value::Sequence(list)) if shared.contains(&key) => list.push(rest),
                Some(first) => {
                    *first = Value::Sequence(vec![first.clone(), rest]);
                    shared.push(key);
                }
                None => {
                    entries.insert(key, rest);
                }
            }
        }
        entries
    }
}

impl Task for Args {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        vec![Query::meta(self.on())]
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let mut decision = Decision::default();
        let entries = match seen.get(&self.on()) {
            State::Text(text) => self.entries(text),
            State::Refused(why) => return Err(Failure::new(why.clone())),
            _ if self.fail_key => return Err(Failure::new(MISSING)),
            _ => {
                decision.result = crate::result! { "msg" => MISSING };
                crate::result! { self.key.clone().unwrap_or_default() => Value::Null }
            }
        };
        let name = format!("getent_{}", self.database);
        let facts = crate::result! { name => Value::Mapping(entries) };
        decision
            .result
            .insert("ansible_facts".into(), facts.clone().into());
        decision.facts = Some(facts);
        Ok(decision)
    }
}

#[cfg(test)]
mod tests {
    use super::Args;

    #[test]
    fn entries_that_share_a_key_become_a_list() {
        let args = Args::read(crate::result! { "database" => "services" }).unwrap();
        let entries = args.entries("http 80/tcp www\nntp 123/udp\nntp 123/tcp\n");
        let json = serde_json::to_string(&entries).unwrap();
        assert_eq!(
            json,
            r#"{"http":["80/tcp","www"],"ntp":[["123/udp"],["123/tcp"]]}"#
        );
    }
}
