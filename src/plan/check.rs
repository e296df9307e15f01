//! What can be said about templates, names, handlers and files before anything runs.

use std::path::PathBuf;
use std::sync::Arc;

use crate::playbook::{self, Given, On, is_template, scalar};
use crate::source::{Diagnostic, Node, suggest};

use super::compile::{Compiler, Pass};
use super::place::{Place, Stage};
use super::{Call, Handler, Keywords, Loop, Role};

/// What a play was seen to mention and define.
#[derive(Debug, Default)]
pub(in crate::plan) struct Mentions {
    /// How deep we are in looking ahead.
    pub(in crate::plan) depth: usize,
    /// Handlers that includes would bring.
    pub(in crate::plan) handlers: Vec<Arc<Handler>>,
    /// Something is only known during the run: what is missing may come from there.
    pub(in crate::plan) open: bool,
    notified: Vec<Node>,
}

impl Mentions {
    pub(in crate::plan) fn begin(&mut self, _: &Compiler, _: &Stage, _: &Given) {}

    /// From here on, a missing name is no proof of a mistake.
    pub(in crate::plan) fn give_up(&mut self) {
        self.open = true;
    }

    pub(in crate::plan) fn role(&mut self, _: &Arc<Role>) {}
}

/// The mistakes in the template syntax of a value.
pub(in crate::plan) fn syntax(_: &Node) -> Vec<Diagnostic> {
    Vec::new()
}

/// The mistakes in a condition.
pub(in crate::plan) fn condition(_: &Node) -> Vec<Diagnostic> {
    Vec::new()
}

impl Pass<'_> {
    /// Keywords of a role, a block or an import.
    pub(in crate::plan) fn check_given(&mut self, given: &Given, _: On, _: &Keywords) {
        for (name, value) in given.iter() {
            if matches!(name, "when" | "changed_when" | "failed_when" | "until") {
                for node in playbook::list(value) {
                    self.out.extend(condition(&node));
                }
            } else {
                self.out.extend(syntax(value));
            }
        }
        self.notified(given);
        if let Some(defaults) = given.get("module_defaults") {
            self.check_defaults(defaults);
        }
    }

    /// Defaults for what there is not apply to nothing.
    fn check_defaults(&mut self, defaults: &Node) {
        for (key, _) in playbook::list(defaults)
            .iter()
            .filter_map(Node::as_map)
            .flatten()
        {
            let Some(name) = scalar(key).filter(|name| !is_template(name)) else {
                continue;
            };
            if playbook::known::is_action(&name) {
                continue;
            }
            let text = format!("`{name}` is no action, so these defaults apply to nothing");
            let warning = Diagnostic::warning(&key.span, text);
            self.out
                .push(match playbook::known::nearest(&name, On::Task) {
                    Some(near) => warning.hint(format!("did you mean `{near}`?")),
                    None => warning,
                });
        }
    }

    fn notified(&mut self, given: &Given) {
        let names = given.get("notify").map(playbook::list).unwrap_or_default();
        self.mentions.notified.extend(names);
    }

    pub(in crate::plan) fn check_task(
        &mut self,
        task: &playbook::Task,
        keywords: &Keywords,
        looping: Option<&Loop>,
        call: Option<&Call>,
        place: &Place,
    ) {
        self.check_given(&task.given, place.on, keywords);
        if let Some(looping) = looping {
            self.out.extend(syntax(&looping.over));
        }
        for arg in &task.invocation.args {
            self.out.extend(syntax(&arg.value));
        }
        if let Some(free) = &task.invocation.free {
            self.out.extend(syntax(free));
        }
        if let Some(Call::Action { spec, args }) = call {
            self.check_source(spec.name, args, looping, place);
        }
    }

    /// A file of the project's that an action names and that is not there.
    fn check_source(
        &mut self,
        action: &str,
        args: &[(String, Node)],
        looping: Option<&Loop>,
        place: &Place,
    ) {
        let (argument, folder) = match action {
            "copy" => ("src", "files"),
            "template" => ("src", "templates"),
            "include_vars" => ("file", "vars"),
            _ => return,
        };
        let arg = |name: &str| args.iter().find(|(n, _)| n == name).map(|(_, node)| node);
        let remote =
            arg("remote_src").is_some_and(|n| playbook::keyword::boolean(n) != Some(false));
        let Some(node) = arg(argument).filter(|_| !remote) else {
            return;
        };
        let Some(name) = node.as_str().filter(|t| !is_template(t) && !t.is_empty()) else {
            return;
        };
        if looping.is_some() && name.contains("{{") {
            return;
        }
        self.find_source(node, name, folder, place);
    }

    fn find_source(&mut self, node: &Node, name: &str, folder: &str, place: &Place) {
        // `~` and absolute names are of the machine, not of the project.
        if name.starts_with('~') {
            return;
        }
        let mut tried: Vec<PathBuf> = Vec::new();
        for base in &place.search.bases {
            tried.push(super::path::join(&base.join(folder), name));
            tried.push(super::path::join(base, name));
            if base.ends_with("tasks") || base.ends_with("handlers") {
                let above = super::path::parent(base);
                tried.push(super::path::join(&above.join(folder), name));
            }
        }
        let files = &self.compiler.store.files;
        if tried
            .iter()
            .any(|path| files.is_file(path) || files.is_dir(path))
        {
            return;
        }
        let error = Diagnostic::error(&node.span, format!("there is no file `{name}`"));
        self.out.push(error.hint(super::path::places(&tried)));
    }

    /// What a play says for itself.
    pub(in crate::plan) fn check_play(
        &mut self,
        given: &Given,
        vars_files: &[Node],
        place: &Place,
    ) {
        self.check_given(given, On::Play, &Keywords::default());
        for entry in vars_files {
            let names = playbook::list(entry);
            let [only] = names.as_slice() else {
                continue;
            };
            if entry.as_seq().is_some() {
                continue;
            }
            let Some(name) = scalar(only).filter(|name| !is_template(name)) else {
                continue;
            };
            self.find_source(only, &name, "vars", place);
        }
    }

    /// Notifications that reach nobody.
    pub(in crate::plan) fn check_notified(&mut self, handlers: &[Arc<Handler>]) {
        let mut names: Vec<String> = Vec::new();
        let mut open = self.mentions.open;
        let brought = std::mem::take(&mut self.mentions.handlers);
        for handler in handlers.iter().chain(&brought) {
            let own = handler.task.name.as_ref().and_then(scalar);
            if let (Some(name), Some(role)) = (&own, &handler.task.role) {
                names.push(format!("{} : {name}", role.name));
            }
            names.extend(
                own.into_iter()
                    .chain(handler.listen.iter().filter_map(scalar)),
            );
            open |= matches!(
                handler.task.call,
                Call::IncludeTasks(_) | Call::IncludeRole(_)
            ) && self.mentions.open;
        }
        open |= names.iter().any(|name| is_template(name));
        for node in std::mem::take(&mut self.mentions.notified) {
            let Some(name) = scalar(&node).filter(|name| !is_template(name)) else {
                continue;
            };
            if names.contains(&name) {
                continue;
            }
            let text = format!("no handler is called `{name}`");
            let diagnostic = match open {
                true => Diagnostic::warning(&node.span, text),
                false => Diagnostic::error(&node.span, text),
            };
            self.out.push(
                match suggest::nearest(&name, names.iter().map(String::as_str)) {
                    Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
                    None => diagnostic,
                },
            );
        }
    }
}
