//! What can be said about templates, names, handlers and files before anything runs.

use std::path::PathBuf;

use crate::action::Spec;
use crate::playbook::{self, Given, On, is_template, scalar};
use crate::source::{Code, Diagnostic, Node};
use crate::vars::RenderOptions;

use super::compile::{Compiler, Pass};
use super::place::Place;
use super::{Call, Keywords, Loop};

/// Keywords that hold expressions.
const CONDITIONS: [&str; 4] = ["changed_when", "failed_when", "until", "when"];

/// The arguments of an action that hold expressions.
fn expressions(spec: &Spec) -> Vec<&'static str> {
    let params = (spec.params)().into_iter();
    let params = params.filter(|param| param.type_name.contains("expression"));
    params
        .flat_map(|p| std::iter::once(p.name).chain(p.aliases.iter().copied()))
        .collect()
}

impl Compiler {
    /// The mistakes in the template syntax of a value.
    pub(in crate::plan) fn syntax(&self, node: &Node) -> Vec<Diagnostic> {
        self.templar.check(node)
    }

    /// The mistakes in a condition.
    pub(in crate::plan) fn condition(&self, node: &Node) -> Vec<Diagnostic> {
        self.templar.check_condition(node)
    }
}

impl Pass<'_> {
    /// Keywords of a play, a role, a block, an import or a task.
    pub(in crate::plan) fn check_given(&mut self, given: &Given, keywords: &Keywords) {
        for (name, value) in given.iter() {
            let condition = CONDITIONS.contains(&name);
            let wrong = match condition {
                true => self.compiler.condition(value),
                false => self.compiler.syntax(value),
            };
            self.out.extend(wrong);
            // Names and variables are rendered leniently or where they are used.
            if !matches!(
                name,
                "name" | "vars" | "module_defaults" | "environment" | "args"
            ) {
                self.mentions.uses(value, condition, keywords);
            }
            // The only condition there is, is looked at in any case.
            if name == "when" && keywords.when.len() == 1 {
                self.mentions.last_is_certain();
            }
        }
        self.mentions.given(given);
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
            let warning = Diagnostic::warning(&key.span, text).code(Code::UnknownAction);
            self.out
                .push(match playbook::known::nearest(&name, On::Task) {
                    Some(near) => warning.hint(format!("did you mean `{near}`?")),
                    None => warning,
                });
        }
    }

    pub(in crate::plan) fn check_task(
        &mut self,
        task: &playbook::Task,
        keywords: &Keywords,
        looping: Option<&Loop>,
        call: Option<&Call>,
        place: &Place,
    ) {
        self.check_given(&task.given, keywords);
        if let Some(looping) = looping {
            self.mentions.looping(looping);
            self.out.extend(self.compiler.syntax(&looping.over));
            if looping.with.is_none() {
                self.mentions.uses(&looping.over, false, keywords);
            }
        }
        let Some(call) = call else {
            // Whatever it would have defined is not known.
            self.mentions.vars_open = true;
            return;
        };
        let expressions = match call {
            Call::Action { spec, .. } => expressions(spec),
            _ => Vec::new(),
        };
        let free = task.invocation.free.iter();
        let free = free
            .filter(|_| expressions.is_empty())
            .map(|node| ("", node));
        let named = task
            .invocation
            .args
            .iter()
            .map(|arg| (arg.name.as_str(), &arg.value));
        for (name, value) in named.chain(free) {
            let bare = expressions.contains(&name);
            let wrong = match bare {
                true => self.compiler.condition(value),
                false => self.compiler.syntax(value),
            };
            self.out.extend(wrong);
            // `debug: var` and `assert` may ask about what is not there.
            if !bare {
                self.mentions.uses(value, false, keywords);
            }
        }
        if let Call::Action { spec, args } = call {
            self.mentions.action(spec.name, &task.invocation.args);
            self.check_source(spec.name, args, keywords, place);
        }
    }

    /// A file of the project's that an action names and that is not there. Under a condition it may
    /// be meant for a system of which the project has no such file.
    fn check_source(
        &mut self,
        action: &str,
        args: &[(String, Node)],
        keywords: &Keywords,
        place: &Place,
    ) {
        let (argument, folder) = match action {
            "copy" | "unarchive" => ("src", "files"),
            "template" => ("src", "templates"),
            "include_vars" => ("file", "vars"),
            "script" => ("cmd", "files"),
            _ => return,
        };
        let arg = |name: &str| args.iter().find(|(n, _)| n == name).map(|(_, node)| node);
        let is_false = |node: &Node| playbook::keyword::boolean(node) == Some(false);
        if arg("remote_src").is_some_and(|node| !is_false(node)) {
            return;
        }
        let Some(node) = arg(argument).filter(|node| !playbook::is_dynamic(node)) else {
            return;
        };
        let text = node.as_str().unwrap_or_default();
        let name = match action {
            "script" => text.split_whitespace().next().unwrap_or_default(),
            _ => text,
        };
        let certain = keywords.when.is_empty() && place.on == On::Task && self.mentions.depth == 0;
        let found = self.find_source(node, name, folder, place, certain);
        let marks = args.iter().any(|(name, _)| name.ends_with("_string"));
        if action == "template"
            && !marks
            && let Some(found) = found.and_then(|path| self.compiler.store.files.text(&path).ok())
        {
            let options = RenderOptions::default();
            self.out
                .extend(self.compiler.templar.check_file(&found, &options));
        }
    }

    /// The file of the project's; where there must be one and is not, that is reported.
    fn find_source(
        &mut self,
        node: &Node,
        name: &str,
        folder: &str,
        place: &Place,
        certain: bool,
    ) -> Option<PathBuf> {
        // `~`, absolute names and addresses are of the machine and the world, not of the project.
        if name.is_empty() || name.starts_with(['~', '/']) || name.contains("://") {
            return None;
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
        let there = |path: &&PathBuf| files.is_file(path) || files.is_dir(path);
        if let Some(found) = tried.iter().find(there) {
            return Some(found.clone());
        }
        let text = format!("there is no file `{name}`");
        let diagnostic = match certain {
            true => Diagnostic::error(&node.span, text).code(Code::FileNotFound),
            false => Diagnostic::warning(&node.span, text).code(Code::FileNotFound),
        };
        self.out.push(diagnostic.hint(super::path::places(&tried)));
        None
    }

    /// What a play says for itself.
    pub(in crate::plan) fn check_play(
        &mut self,
        given: &Given,
        vars_files: &[Node],
        place: &Place,
    ) {
        self.check_given(given, &place.keywords);
        for prompt in given
            .get("vars_prompt")
            .map(playbook::list)
            .unwrap_or_default()
        {
            self.mentions
                .lasting
                .extend(prompt.get("name").and_then(scalar));
        }
        self.define_vars_files(vars_files, &place.search);
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
            self.find_source(only, &name, "vars", place, true);
        }
    }
}
