//! Sets a kernel parameter in the file that is read at boot, and in the kernel.
//!
//! Changed when the file changes, or the kernel's own value where `sysctl_set` asks for it. With
//! `reload` the kernel gets the value of this one parameter, not of the whole file.

use crate::resource::{Change, Query, RemotePath, Resource, State};
use crate::source::Mapping;

use super::args::Present;
use super::attrs::Attrs;
use super::edit::Edit;
use super::{ArgError, Decision, Failure, Observed, Spec, Task};

crate::args! {
    pub(crate) struct Args {
        /// The parameter.
        name: String = required, aka ["key"];
        /// Its value.
        value: Option<String>, aka ["val"];
        /// Whether the file should set it.
        state: Present = "present";
        /// The file.
        sysctl_file: RemotePath = "/etc/sysctl.conf";
        /// Compare with the kernel's own value, and set that too.
        sysctl_set: bool = "false";
        /// Tell the kernel where the file changed.
        reload: bool = "true";
        /// Pass over parameters that this kernel does not have.
        ignoreerrors: bool = "false";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "sysctl",
    collection: "ansible.posix",
    aliases: &[],
    summary: "Sets a kernel parameter in the file that is read at boot, and in the kernel",
    notes: "Changed when the file changes, or the kernel's own value where `sysctl_set` asks for it.",
    examples: "
- name: Swap late
  sysctl:
    name: vm.swappiness
    value: '5'
- name: Forward, from now on
  sysctl:
    name: net.ipv4.ip_forward
    value: '1'
    sysctl_set: true
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let mut args = Args::read(map)?;
    args.name = args.name.trim().to_owned();
    args.value = args.value.map(|v| match v.trim() {
        // YAML's booleans are numbers to the kernel.
        "True" | "true" | "yes" => "1".to_owned(),
        "False" | "false" | "no" => "0".to_owned(),
        other => other.to_owned(),
    });
    if args.name.is_empty() {
        return Err(ArgError::new("name", "name cannot be blank"));
    }
    if args.state == Present::Present && args.value.as_deref().is_none_or(str::is_empty) {
        return Err(ArgError::new(
            "value",
            "value is required when state=present",
        ));
    }
    if args.value.as_deref().is_some_and(|v| v.contains('\n')) || args.name.contains('\n') {
        return Err(ArgError::new("value", "a parameter is one line"));
    }
    Ok(Box::new(args))
}

impl Args {
    fn on(&self) -> Resource {
        Resource::Sysctl(self.name.clone())
    }

    /// The text with the parameter in it once, or not at all.
    fn edit(&self, text: &str) -> String {
        let mut out = String::new();
        let mut done = self.state == Present::Absent;
        for line in text.lines() {
            let bare = line.trim_start();
            let names = !bare.starts_with(['#', ';'])
                && bare.split_once('=').is_some_and(|(name, _)| {
                    let name = name.trim();
                    name == self.name || name.strip_prefix('-') == Some(self.name.as_str())
                });
            if !names {
                out.push_str(line);
                out.push('\n');
                continue;
            }
            if done {
                continue;
            }
            done = true;
            let value = bare.split_once('=').map(|(_, v)| v);
            if value.is_some_and(|v| same(v, self.wanted())) {
                out.push_str(line);
                out.push('\n');
            } else {
                out.push_str(&self.line());
            }
        }
        if !done {
            out.push_str(&self.line());
        }
        out
    }

    fn line(&self) -> String {
        format!("{}={}\n", self.name, self.wanted())
    }

    fn wanted(&self) -> &str {
        self.value.as_deref().unwrap_or_default()
    }
}

/// Values are the same whatever blanks are between their parts.
fn same(a: &str, b: &str) -> bool {
    a.split_whitespace().eq(b.split_whitespace())
}

impl Task for Args {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        let attrs = Attrs::default();
        let mut queries = edit(self, &attrs).reads(seen);
        queries.push(Query::meta(self.on()));
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let attrs = Attrs::default();
        let edit = edit(self, &attrs);
        let found = edit.open(seen)?;
        let text = self.edit(&found.text);
        let unchanged = text.lines().eq(found.text.lines());
        if found.state.is_none() && self.state == Present::Absent {
            return Ok(Decision::default());
        }
        let edited = edit.close(seen, &found, if unchanged { None } else { Some(&text) })?;
        let mut decision = edited.decision;
        let live =
            self.state == Present::Present && (self.sysctl_set || (self.reload && !unchanged));
        if live {
            match seen.get(&self.on()) {
                State::Sysctl(value) if same(value, self.wanted()) => {}
                before @ State::Sysctl(_) => {
                    let after = State::Sysctl(self.wanted().to_owned());
                    let mut change = Change::new(self.on(), before.clone(), after);
                    if self.ignoreerrors {
                        change
                            .how
                            .options
                            .push(("ignoreerrors".into(), String::new()));
                    }
                    decision.set(change);
                }
                _ if self.ignoreerrors => {}
                State::Refused(why) => {
                    return Err(Failure::new(format!("{}: {why}", self.name)));
                }
                _ => {
                    let name = &self.name;
                    return Err(Failure::new(format!(
                        "this kernel has no parameter `{name}`"
                    )));
                }
            }
        }
        Ok(decision)
    }
}

fn edit<'a>(args: &'a Args, attrs: &'a Attrs) -> Edit<'a> {
    Edit {
        path: &args.sysctl_file,
        attrs,
        create: args.state == Present::Present,
        backup: false,
        validate: None,
        encoding: None,
    }
}

#[cfg(test)]
mod tests {
    use super::Args;

    #[test]
    fn a_parameter_stands_once() {
        let args =
            Args::read(crate::result! { "name" => "vm.swappiness", "value" => "5" }).unwrap();
        assert_eq!(
            args.edit("# a\nvm.swappiness = 60\nx=1\nvm.swappiness=7\n"),
            "# a\nvm.swappiness=5\nx=1\n"
        );
        assert_eq!(args.edit("vm.swappiness =  5\n"), "vm.swappiness =  5\n");
        assert_eq!(args.edit(""), "vm.swappiness=5\n");
    }
}
