//! A policy: what a team's hosts are held to, in one file beside its playbooks.

use std::collections::BTreeMap;

use crate::source::{Code, Diagnostic, Node};

use super::field::Fields;
use super::select::{Selection, Wanted};
use super::{Library, Waivers};

/// What a policy's file says.
#[derive(Clone, Debug)]
pub struct Policy {
    pub name: Option<String>,
    /// A host pattern; all hosts where none is given.
    pub hosts: Option<String>,
    /// Profiles, and what is added to or left out of them.
    pub wanted: Wanted,
    /// Values of parameters: above what profiles say, below the inventory.
    pub parameters: BTreeMap<String, Node>,
    pub waivers: Waivers,
}

impl Policy {
    /// Whether the argument of a command is a file and not a profile's name.
    pub fn is_file(word: &str) -> bool {
        let ends = |end: &str| {
            word.len() > end.len() && word[word.len() - end.len()..].eq_ignore_ascii_case(end)
        };
        word.contains('/') || ends(".yml") || ends(".yaml")
    }

    pub fn parse(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Policy> {
        let before = out.len();
        let policy = Policy::parsed(node, out);
        Diagnostic::label(&mut out[before..], Code::PolicyForm);
        policy
    }

    fn parsed(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Policy> {
        let before = out.len();
        let mut fields = Fields::of(node, "a policy", out)?;
        let wanted = Wanted {
            profiles: fields.words("profiles", out),
            level: fields.text("level", out),
            only: fields.words("only", out),
            skip: fields.words("skip", out),
            sections: fields.words("sections", out),
        };
        let mut parameters = BTreeMap::new();
        for (key, value) in fields.map("parameters", out) {
            let name = key.as_str().unwrap_or_default().to_owned();
            parameters.insert(name, value.clone());
        }
        let waivers = match fields.get("waivers") {
            Some(list) => Waivers::parse(list, out),
            None => Waivers::default(),
        };
        let policy = Policy {
            name: fields.text("name", out),
            hosts: fields.text("hosts", out),
            wanted,
            parameters,
            waivers,
        };
        if policy.wanted.profiles.is_empty() {
            let error = Diagnostic::error(&node.span, "a policy names no `profiles`");
            out.push(error.hint("as in `profiles: [baseline]`; `palisade controls` lists them"));
        }
        fields.finish(out);
        (out.len() == before).then_some(policy)
    }

    /// Lays the policy's values over those of profiles.
    pub fn lay_over(&self, selection: &mut Selection, library: &Library) -> Vec<Diagnostic> {
        let known = library.parameters();
        let mut out = Vec::new();
        for (name, value) in &self.parameters {
            if known.contains(name.as_str()) {
                let who = value.span.path().display().to_string();
                selection
                    .parameters
                    .insert(name.clone(), (value.clone(), who));
                continue;
            }
            let error = Diagnostic::error(
                &value.span,
                format!("no control has the parameter `{name}`"),
            )
            .code(Code::UnknownParameter);
            let near = crate::source::suggest::nearest(name, known.iter().copied());
            out.push(match near {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            });
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{File, yaml};

    fn parsed(text: &str) -> (Option<Policy>, Vec<String>) {
        let (node, mut out) = yaml::parse_one(&File::new("harden.yml", text));
        let policy = Policy::parse(&node, &mut out);
        (policy, out.into_iter().map(|d| d.message).collect())
    }

    #[test]
    fn a_policy_says_what_and_where() {
        let text =
            "hosts: web\nprofiles: baseline\nskip: [sshd_banner]\nparameters: {palisade_x: 1}\n";
        let (policy, wrong) = parsed(text);
        assert_eq!(wrong, [""; 0]);
        let policy = policy.unwrap();
        assert_eq!(policy.hosts.as_deref(), Some("web"));
        assert_eq!(policy.wanted.profiles, ["baseline"]);
        assert_eq!(policy.parameters.len(), 1);
    }

    #[test]
    fn a_policy_without_profiles_or_with_a_slip_is_refused() {
        let (policy, wrong) = parsed("profile: [baseline]\n");
        assert!(policy.is_none());
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        assert!(
            Policy::is_file("playbooks/harden.yml") && !Policy::is_file("cis_debian12:l1-server")
        );
    }

    #[test]
    fn a_parameter_nobody_has_is_a_mistake() {
        let (policy, _) = parsed("profiles: baseline\nparameters: {palisade_sshd_cipers: []}\n");
        let (library, _) = Library::load(None, &crate::source::Files::Disk);
        let wrong = policy
            .unwrap()
            .lay_over(&mut Selection::default(), &library);
        assert_eq!(wrong.len(), 1);
        assert_eq!(wrong[0].hints, ["did you mean `palisade_sshd_ciphers`?"]);
    }
}
