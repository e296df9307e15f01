//! One task: its call, its loop, its keywords; and imports, which put others in its place.

use std::path::Path;
use std::sync::Arc;

use crate::playbook::{self, Arg, Given, Invocation, On, Verb, is_template, list, scalar};
use crate::source::{Code, Diagnostic, Kind, Node, suggest};

use super::compile::Pass;
use super::place::Place;
use super::{Call, Handler, Include, Item, Keywords, Loop, Task, keywords, path};

/// Keywords that an include takes itself; the others go to what is inside, through `apply`.
const ON_INCLUDE: [&str; 17] = [
    "action",
    "args",
    "collections",
    "debugger",
    "delay",
    "ignore_errors",
    "listen",
    "loop",
    "loop_control",
    "name",
    "no_log",
    "register",
    "run_once",
    "tags",
    "timeout",
    "vars",
    "when",
];

/// Keywords that mean nothing on an import, because they are about one result.
const NOT_ON_IMPORT: [&str; 9] = [
    "async",
    "changed_when",
    "delay",
    "failed_when",
    "loop",
    "poll",
    "register",
    "retries",
    "until",
];

/// What `with_…` can name.
#[rustfmt::skip]
const LOOKUPS: [&str; 27] = [
    "cartesian", "config", "csvfile", "dict", "env", "file", "fileglob", "filetree", "first_found",
    "flattened", "indexed_items", "ini", "inventory_hostnames", "items", "lines", "list", "nested",
    "password", "pipe", "random_choice", "sequence", "subelements", "template", "together", "url",
    "varnames", "vars",
];

impl Pass<'_> {
    pub(in crate::plan) fn task(
        &mut self,
        task: &playbook::Task,
        place: &Place,
        into: &mut Vec<Item>,
    ) {
        match &task.invocation.verb {
            Verb::ImportTasks => {
                if let Some((items, inner)) = self.imported(task, place) {
                    into.extend(self.items(&items, &inner));
                }
            }
            Verb::ImportRole => self.import_role(task, place, into),
            _ => {
                let Some(compiled) = self.plain(task, place) else {
                    return;
                };
                if self.compiler.selection.takes(&compiled.keywords.tags) {
                    into.push(Item::Task(Arc::new(compiled)));
                }
            }
        }
    }

    /// Handlers are tasks that no tags leave out; blocks of them there are none.
    pub(in crate::plan) fn handler_items(
        &mut self,
        items: &[playbook::Item],
        place: &Place,
        into: &mut Vec<Arc<Handler>>,
    ) {
        let outside = std::mem::replace(&mut self.mentions.maybe, true);
        for item in items {
            let task = match item {
                playbook::Item::Task(task) => task,
                playbook::Item::Block(block) => {
                    let error = Diagnostic::error(&block.span, "a handler cannot be a block")
                        .code(Code::Shape);
                    self.out
                        .push(error.hint("give each task in it a `listen` of the same name"));
                    continue;
                }
            };
            match &task.invocation.verb {
                Verb::ImportTasks => {
                    if let Some((items, inner)) = self.imported(task, place) {
                        self.handler_items(&items, &inner, into);
                    }
                }
                Verb::ImportRole => {
                    let error =
                        Diagnostic::error(&task.invocation.at, "a handler cannot be a role")
                            .code(Code::Shape);
                    self.out
                        .push(error.hint("import the role where its tasks belong"));
                }
                _ => {
                    let listen = task.given.get("listen").map(list).unwrap_or_default();
                    match self.plain(task, place) {
                        Some(compiled) => {
                            let task = Arc::new(compiled);
                            into.push(Arc::new(Handler { task, listen }));
                        }
                        None => {
                            self.mentions.broken.extend(task.given.cloned("name"));
                            self.mentions.broken.extend(listen);
                        }
                    }
                }
            }
        }
        self.mentions.maybe = outside;
    }

    /// A task that stays one.
    fn plain(&mut self, task: &playbook::Task, place: &Place) -> Option<Task> {
        let given = &task.given;
        let id = self.compiler.next_id();
        let mut keywords = keywords::inherit(&place.keywords, given);
        if task.invocation.local {
            let mut local = Keywords::clone(&keywords);
            local.delegate_to = Some(Node::str("localhost", task.invocation.at.clone()));
            keywords = Arc::new(local);
        }
        let inside = place.with(Arc::clone(&keywords));
        let tags = self.compiler.known_tags(&keywords.tags, &inside);
        if tags != keywords.tags {
            let mut rendered = Keywords::clone(&keywords);
            rendered.tags = tags;
            keywords = Arc::new(rendered);
        }
        let looping = self.looping(task);
        let call = self.call(&task.invocation, given, &keywords, place);
        self.check_task(task, &keywords, looping.as_ref(), call.as_ref(), place);
        let conditions = |name: &str| given.get(name).map(list).unwrap_or_default();
        Some(Task {
            id,
            name: given.cloned("name"),
            span: task.span.clone(),
            call: call?,
            looping,
            register: given.get("register").and_then(scalar),
            notify: keywords.notify.clone(),
            changed_when: conditions("changed_when"),
            failed_when: conditions("failed_when"),
            until: conditions("until"),
            retries: given.cloned("retries"),
            delay: given.cloned("delay"),
            is_async: given.cloned("async"),
            poll: given.cloned("poll"),
            role: place.role().cloned(),
            search: Arc::clone(&place.search),
            action: task.invocation.name.clone(),
            implicit: false,
            keywords,
        })
    }

    fn call(
        &mut self,
        invocation: &Invocation,
        given: &Given,
        keywords: &Keywords,
        place: &Place,
    ) -> Option<Call> {
        match &invocation.verb {
            Verb::Action(spec) => {
                let args = self.arguments(spec, invocation, keywords)?;
                Some(Call::Action { spec, args })
            }
            Verb::Dynamic(name) => {
                let named = invocation
                    .args
                    .iter()
                    .map(|arg| (arg.name.clone(), arg.value.clone()));
                let free = invocation
                    .free
                    .iter()
                    .map(|n| ("_raw_params".to_owned(), n.clone()));
                Some(Call::Dynamic {
                    name: name.clone(),
                    args: named.chain(free).collect(),
                })
            }
            Verb::IncludeTasks => {
                self.refuse_on_include(given);
                let what = self.included_file(invocation)?;
                let include = self.include(invocation, what, place);
                self.look_ahead_tasks(&include);
                Some(Call::IncludeTasks(include))
            }
            Verb::IncludeRole => {
                self.refuse_on_include(given);
                let what = self.role_name(invocation)?;
                let include = self.include(invocation, what, place);
                self.look_ahead_role(&include);
                Some(Call::IncludeRole(include))
            }
            Verb::ImportTasks | Verb::ImportRole | Verb::Unknown => None,
        }
    }

    fn refuse_on_include(&mut self, given: &Given) {
        for (name, at) in given
            .places()
            .filter(|(name, _)| !ON_INCLUDE.contains(name))
        {
            let text = format!("`{name}` cannot stand on an include");
            let error = Diagnostic::error(at, text).code(Code::MisplacedKeyword);
            self.out.push(error.hint(format!(
                "put it under `apply:`, as in `apply: {{{name}: …}}`"
            )));
        }
    }

    fn include(&self, invocation: &Invocation, what: Node, place: &Place) -> Include {
        let arg = |name: &str| {
            let found = invocation.args.iter().find(|arg| arg.name == name);
            found
                .map(|arg| arg.value.clone())
                .filter(|value| !value.is_null())
        };
        let flag = |name: &str| arg(name).as_ref().and_then(playbook::keyword::boolean);
        Include {
            what,
            tasks_from: arg("tasks_from"),
            vars_from: arg("vars_from"),
            defaults_from: arg("defaults_from"),
            handlers_from: arg("handlers_from"),
            public: flag("public").unwrap_or(false),
            allow_duplicates: flag("allow_duplicates").unwrap_or(true),
            apply: arg("apply"),
            place: place.clone(),
        }
    }

    /// The file of an import or include: free text or `file`.
    fn included_file(&mut self, invocation: &Invocation) -> Option<Node> {
        let apply = matches!(invocation.verb, Verb::IncludeTasks);
        let known: &[&str] = if apply { &["file", "apply"] } else { &["file"] };
        if self.refuse_args(invocation, known) && invocation.free.is_none() {
            return None;
        }
        let file = invocation
            .args
            .iter()
            .find(|arg| arg.name == "file")
            .map(|arg| &arg.value);
        match file
            .or(invocation.free.as_ref())
            .filter(|node| scalar(node).is_some())
        {
            Some(file) => Some(file.clone()),
            None => {
                let text = format!("`{}` names no file", invocation.name);
                self.out
                    .push(Diagnostic::error(&invocation.at, text).code(Code::MissingArgument));
                None
            }
        }
    }

    /// Reports arguments there are not; whether there were any.
    pub(in crate::plan) fn refuse_args(&mut self, invocation: &Invocation, known: &[&str]) -> bool {
        let before = self.out.len();
        for Arg { name, at, .. } in &invocation.args {
            if known.contains(&name.as_str()) {
                continue;
            }
            let text = format!("unknown argument `{name}` of `{}`", invocation.name);
            let error = Diagnostic::error(at, text).code(Code::UnknownArgument);
            self.out
                .push(match suggest::nearest(name, known.iter().copied()) {
                    Some(near) => error.hint(format!("did you mean `{near}`?")),
                    None if name == "apply" => error.hint("an import hands its own keywords down"),
                    None => error.hint(format!("it takes {}", known.join(", "))),
                });
        }
        self.out.len() > before
    }

    /// The tasks an import stands for, and the place they stand at.
    fn imported(
        &mut self,
        task: &playbook::Task,
        place: &Place,
    ) -> Option<(Vec<playbook::Item>, Place)> {
        self.refuse_on_import(task);
        let keywords = keywords::inherit(&place.keywords, &task.given);
        self.check_given(&task.given, &keywords);
        let file = self.included_file(&task.invocation)?;
        let name = match self
            .compiler
            .known_text(&file, &place.with(Arc::clone(&keywords)))
        {
            Ok(name) => name,
            Err(diagnostic) => {
                self.out.push(diagnostic.hint("use `include_tasks`"));
                self.mentions.give_up();
                return None;
            }
        };
        let (found, tried) = self.compiler.find_tasks(place, name.trim());
        let Some(found) = found else {
            let error = Diagnostic::error(&file.span, format!("there is no file `{name}`"))
                .code(Code::FileNotFound);
            self.out.push(error.hint(path::places(&tried)));
            return None;
        };
        if place.stack.contains(&found) {
            self.out.push(
                Diagnostic::error(&file.span, format!("`{name}` imports itself"))
                    .code(Code::Circle),
            );
            return None;
        }
        let items = self.tasks_of(&found, place.on);
        Some((items, place.in_file(&found, keywords)))
    }

    pub(in crate::plan) fn refuse_on_import(&mut self, task: &playbook::Task) {
        let name = playbook::known::short(&task.invocation.name).to_owned();
        let instead = name.replace("import", "include");
        let lookup = task.with_at.as_ref().map(|at| ("with_…", at));
        let given = task
            .given
            .places()
            .filter(|(word, _)| NOT_ON_IMPORT.contains(word));
        for (word, at) in given.chain(lookup) {
            let text = format!("`{word}` cannot stand on `{name}`, which is done before the run");
            self.out.push(
                Diagnostic::error(at, text)
                    .code(Code::MisplacedKeyword)
                    .hint(format!("use `{instead}`")),
            );
        }
    }

    /// The tasks of a file, its mistakes reported.
    pub(in crate::plan) fn tasks_of(&mut self, file: &Path, on: On) -> Vec<playbook::Item> {
        let read = self.compiler.store.tasks(file, on);
        self.out.extend(read.diagnostics.iter().cloned());
        read.value.clone()
    }

    fn looping(&mut self, task: &playbook::Task) -> Option<Loop> {
        let (with, over) = match (&task.with, task.given.get("loop")) {
            (Some((lookup, node)), _) => (Some(lookup.clone()), node.clone()),
            (None, Some(node)) => (None, node.clone()),
            (None, None) => {
                if let Some(control) = task.given.get("loop_control") {
                    let text = "`loop_control` without a loop has nothing to control";
                    self.out
                        .push(Diagnostic::warning(&control.span, text).code(Code::Loop));
                }
                return None;
            }
        };
        if let Some(lookup) = &with {
            self.known_lookup(lookup, task);
        }
        if with.is_none() && !is_list_like(&over) {
            let text = format!("`loop` must be a list, not {}", over.type_name());
            let error = Diagnostic::error(&over.span, text).code(Code::Loop);
            self.out.push(match over.kind {
                Kind::Map(_) => error.hint("loop over `{{ x | dict2items }}`"),
                _ => error.hint("write a list, or a template that yields one"),
            });
        }
        let mut looping = Loop {
            with,
            over,
            var: "item".to_owned(),
            index_var: None,
            label: None,
            pause: None,
            extended: false,
            break_when: Vec::new(),
        };
        if let Some(control) = task.given.get("loop_control") {
            self.loop_control(&mut looping, control);
        }
        Some(looping)
    }

    /// A lookup with a collection before it may come from anywhere.
    fn known_lookup(&mut self, lookup: &str, task: &playbook::Task) {
        let short = playbook::known::short(lookup);
        if LOOKUPS.contains(&short) || short.contains('.') {
            return;
        }
        let at = task.with_at.as_ref().unwrap_or(&task.span);
        let error =
            Diagnostic::error(at, format!("unknown lookup `{lookup}`")).code(Code::UnknownLookup);
        self.out.push(match suggest::nearest(short, LOOKUPS) {
            Some(near) => error.hint(format!("did you mean `with_{near}`?")),
            None => error,
        });
    }

    fn loop_control(&mut self, looping: &mut Loop, control: &Node) {
        const WORDS: [&str; 7] = [
            "break_when",
            "extended",
            "extended_allitems",
            "index_var",
            "label",
            "loop_var",
            "pause",
        ];
        for (key, value) in control.as_map().unwrap_or_default() {
            let word = scalar(key).unwrap_or_default();
            match word.as_str() {
                "loop_var" => match scalar(value) {
                    Some(name) if playbook::keyword::is_variable_name(&name) => looping.var = name,
                    Some(name) if is_template(&name) => looping.var = name,
                    _ => {
                        let text = "`loop_var` must be the name of a variable";
                        self.out
                            .push(Diagnostic::error(&value.span, text).code(Code::VariableName));
                    }
                },
                "index_var" => looping.index_var = scalar(value),
                "label" => looping.label = Some(value.clone()),
                "pause" => looping.pause = Some(value.clone()),
                "extended" => {
                    looping.extended = playbook::keyword::boolean(value).unwrap_or(false);
                }
                "break_when" => looping.break_when = list(value),
                "extended_allitems" => {}
                _ => {
                    let text = format!("unknown word `{word}` in `loop_control`");
                    let error = Diagnostic::error(&key.span, text).code(Code::UnknownKeyword);
                    self.out.push(match suggest::nearest(&word, WORDS) {
                        Some(near) => error.hint(format!("did you mean `{near}`?")),
                        None => error.hint(format!("it takes {}", WORDS.join(", "))),
                    });
                }
            }
        }
    }
}

/// A list, or what can become one.
fn is_list_like(node: &Node) -> bool {
    match &node.kind {
        Kind::Seq(_) | Kind::Vault(_) => true,
        Kind::Str(text) => is_template(text),
        _ => false,
    }
}
