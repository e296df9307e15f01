//! Roles: found, read and turned into tasks, with what they depend on before them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::playbook::{self, Invocation, Meta, On, RoleEntry, scalar};
use crate::source::{Code, Diagnostic, Node, Span, suggest};
use crate::vars::{Layer, Var};

use super::compile::Pass;
use super::locate::ENDINGS;
use super::place::{Place, Use};
use super::{Handler, IncludeArgs, Item, Role, keywords, path};

/// Roles in roles in roles: deeper than anybody nests them, shallow enough to end.
const MAX_ROLE_DEPTH: usize = 40;

/// The arguments of `import_role` and `include_role`.
const ROLE_ARGS: [&str; 9] = [
    "name",
    "role",
    "tasks_from",
    "vars_from",
    "defaults_from",
    "handlers_from",
    "public",
    "allow_duplicates",
    "rolespec_validate",
];

/// A role about to be used.
pub(in crate::plan) struct Request<'a> {
    pub(in crate::plan) name: &'a str,
    pub(in crate::plan) at: &'a Span,
    pub(in crate::plan) from: IncludeArgs,
    pub(in crate::plan) params: Layer,
    pub(in crate::plan) entry: Layer,
    /// What tells this use from another of the same role.
    pub(in crate::plan) key: String,
    pub(in crate::plan) allow_duplicates: Option<bool>,
    pub(in crate::plan) dependency: bool,
    /// Where `tasks_from` and its like stand.
    pub(in crate::plan) from_at: Option<Span>,
}

/// A role that was used: what others see of it.
pub(in crate::plan) struct Used {
    pub(in crate::plan) role: Arc<Role>,
    pub(in crate::plan) defaults: Layer,
    pub(in crate::plan) vars: Layer,
}

impl Pass<'_> {
    /// An entry of `roles:` or of dependencies.
    pub(in crate::plan) fn role_entry(
        &mut self,
        entry: &RoleEntry,
        place: &Place,
        items: &mut Vec<Item>,
        handlers: &mut Vec<Arc<Handler>>,
    ) -> Option<Used> {
        let used = self.used_entry(entry, place, false, items, handlers)?;
        self.expose(&used);
        Some(used)
    }

    fn expose(&mut self, used: &Used) {
        self.role_defaults.push(Arc::clone(&used.defaults));
        self.role_vars.push(Arc::clone(&used.vars));
    }

    fn used_entry(
        &mut self,
        entry: &RoleEntry,
        place: &Place,
        dependency: bool,
        items: &mut Vec<Item>,
        handlers: &mut Vec<Arc<Handler>>,
    ) -> Option<Used> {
        let keywords = keywords::inherit(&place.keywords, &entry.given);
        self.check_given(&entry.given, &keywords);
        let name = match self.compiler.known_text(&entry.name, place) {
            Ok(name) => name,
            Err(diagnostic) => {
                self.out
                    .push(diagnostic.hint("use `include_role` in a task"));
                self.mentions.give_up();
                return None;
            }
        };
        let params = entry
            .params
            .iter()
            .map(|a| (a.name.clone(), Var::Template(a.value.clone())));
        let mut key = String::new();
        for (word, value) in entry.given.iter() {
            key.push_str(&format!("{word}={:?};", value.to_value()));
        }
        for arg in &entry.params {
            key.push_str(&format!("{}={:?};", arg.name, arg.value.to_value()));
        }
        let request = Request {
            name: name.trim(),
            at: &entry.name.span,
            from: IncludeArgs::default(),
            params: Arc::new(params.collect()),
            entry: entry
                .given
                .get("vars")
                .map(keywords::layer)
                .unwrap_or_default(),
            key,
            allow_duplicates: None,
            dependency,
            from_at: None,
        };
        // `vars:` of the entry belong to the role's own variables, below those of blocks and tasks.
        let mut inner = super::Keywords::clone(&keywords);
        inner.vars.clone_from(&place.keywords.vars);
        self.use_role(&request, &place.with(Arc::new(inner)), items, handlers)
    }

    /// `import_role`.
    pub(in crate::plan) fn import_role(
        &mut self,
        task: &playbook::Task,
        place: &Place,
        into: &mut Vec<Item>,
    ) {
        self.refuse_on_import(task);
        let keywords = keywords::inherit(&place.keywords, &task.given);
        self.check_given(&task.given, &keywords);
        let Some(name) = self.role_name(&task.invocation) else {
            return;
        };
        let inner = place.with(keywords);
        let text = match self.compiler.known_text(&name, &inner) {
            Ok(text) => text,
            Err(diagnostic) => {
                self.out.push(diagnostic.hint("use `include_role`"));
                self.mentions.give_up();
                return;
            }
        };
        let Some((from, from_at)) = self.known_from(&task.invocation, &inner) else {
            return;
        };
        let arg = |name: &str| {
            let found = task.invocation.args.iter().find(|arg| arg.name == name);
            found.and_then(|arg| playbook::keyword::boolean(&arg.value))
        };
        let request = Request {
            name: text.trim(),
            at: &name.span,
            key: format!("{from:?}{:?}", task.given.get("vars").map(Node::to_value)),
            from,
            params: Layer::default(),
            entry: task
                .given
                .get("vars")
                .map(keywords::layer)
                .unwrap_or_default(),
            allow_duplicates: Some(arg("allow_duplicates").unwrap_or(true)),
            dependency: false,
            from_at,
        };
        let mut handlers = Vec::new();
        let used = self.use_role(&request, &inner, into, &mut handlers);
        self.handlers.append(&mut handlers);
        if let Some(used) = used.filter(|_| arg("public").unwrap_or(true)) {
            self.expose(&used);
        }
    }

    /// The name in the arguments of `import_role` or `include_role`.
    pub(in crate::plan) fn role_name(&mut self, invocation: &Invocation) -> Option<Node> {
        let mut known = ROLE_ARGS.to_vec();
        if matches!(invocation.verb, playbook::Verb::IncludeRole) {
            known.extend(["apply", "rescuable"]);
        }
        let refused = self.refuse_args(invocation, &known);
        let named = |name: &str| invocation.args.iter().find(|arg| arg.name == name);
        let name = named("name")
            .or_else(|| named("role"))
            .map(|arg| &arg.value);
        match name.filter(|node| scalar(node).is_some()) {
            Some(name) => Some(name.clone()),
            None if refused => None,
            None => {
                let text = format!("`{}` names no role", invocation.name);
                let error = Diagnostic::error(&invocation.at, text).code(Code::MissingArgument);
                self.out.push(error.hint("write `name: role` under it"));
                None
            }
        }
    }

    /// `tasks_from` and its like, which an import must know by now.
    fn known_from(
        &mut self,
        invocation: &Invocation,
        place: &Place,
    ) -> Option<(IncludeArgs, Option<Span>)> {
        let mut from = IncludeArgs::default();
        let mut at = None;
        for arg in &invocation.args {
            let slot = match arg.name.as_str() {
                "tasks_from" => &mut from.tasks_from,
                "vars_from" => &mut from.vars_from,
                "defaults_from" => &mut from.defaults_from,
                "handlers_from" => &mut from.handlers_from,
                _ => continue,
            };
            if arg.value.is_null() {
                continue;
            }
            match self.compiler.known_text(&arg.value, place) {
                Ok(text) => *slot = Some(text),
                Err(diagnostic) => {
                    self.out.push(diagnostic.hint("use `include_role`"));
                    self.mentions.give_up();
                    return None;
                }
            }
            at = Some(arg.value.span.clone());
        }
        Some((from, at))
    }

    /// The tasks of a role, after those of the roles it depends on.
    pub(in crate::plan) fn use_role(
        &mut self,
        request: &Request<'_>,
        place: &Place,
        items: &mut Vec<Item>,
        handlers: &mut Vec<Arc<Handler>>,
    ) -> Option<Used> {
        let dir = match self.compiler.find_role(request.name, place) {
            Ok(dir) => dir,
            Err((message, hints)) => {
                let mut error = Diagnostic::error(request.at, message).code(Code::RoleNotFound);
                error.hints = hints;
                self.out.push(error);
                self.mentions.give_up();
                return None;
            }
        };
        let again = place.roles.iter().any(|used| used.role.dir == dir);
        if (request.dependency && again) || place.roles.len() > MAX_ROLE_DEPTH {
            let text = format!("role `{}` depends on itself", request.name);
            self.out
                .push(Diagnostic::error(request.at, text).code(Code::Circle));
            return None;
        }
        let meta = self.meta(&dir);
        let (used, place) = self.enter(request, &dir, &meta, place);
        let mut deps = Vec::new();
        let (mut own_items, mut own_handlers) = (Vec::new(), Vec::new());
        for entry in &meta.dependencies {
            let dep = self.used_entry(entry, &place, true, &mut own_items, &mut own_handlers);
            deps.extend(dep);
        }
        let (used, place) = self.complete(&used, &deps, place);
        let repeated = self.repeated(request, &used.role, &place);
        let mut tasks = self.role_tasks(request, &place);
        own_items.append(&mut tasks);
        self.role_handlers(request, &place, &mut own_handlers);
        if !repeated || self.compiler.options.keep_repeats {
            items.append(&mut own_items);
            handlers.append(&mut own_handlers);
        }
        self.role_names.add(&used.role.name, request.dependency);
        let defaults = deps.iter().map(|dep| &dep.defaults).chain([&used.defaults]);
        let vars = deps.iter().map(|dep| &dep.vars).chain([&used.vars]);
        Some(Used {
            role: Arc::clone(&used.role),
            defaults: keywords::merged(defaults),
            vars: keywords::merged(vars),
        })
    }

    /// The role with its own variables, not yet with those of its dependencies.
    fn enter(
        &mut self,
        request: &Request<'_>,
        dir: &Path,
        meta: &Meta,
        place: &Place,
    ) -> (Arc<Use>, Place) {
        let defaults = self.role_vars_of(dir, "defaults", &request.from.defaults_from, request);
        let vars = self.role_vars_of(dir, "vars", &request.from.vars_from, request);
        let outer = place.role();
        let params = outer
            .map(|role| &role.params)
            .into_iter()
            .chain([&request.params]);
        let parents = place.roles.iter().rev().map(|used| Arc::clone(&used.role));
        let role = Arc::new(Role {
            name: request.name.trim_end_matches('/').to_owned(),
            dir: dir.to_path_buf(),
            defaults: Layer::default(),
            vars: Layer::default(),
            params: keywords::merged(params),
            allow_duplicates: request.allow_duplicates.unwrap_or(meta.allow_duplicates),
            parents: parents.collect(),
            span: request.at.clone(),
        });
        let used = Arc::new(Use {
            role,
            defaults,
            vars,
            entry: Arc::clone(&request.entry),
        });
        let inner = place.in_role(Arc::clone(&used), Arc::clone(&place.keywords));
        (used, inner)
    }

    /// The role with everything its tasks see: of its dependencies, of the roles around, its own.
    fn complete(&mut self, used: &Use, deps: &[Used], place: Place) -> (Arc<Use>, Place) {
        let around = &place.roles[..place.roles.len() - 1];
        let defaults = deps.iter().map(|dep| &dep.defaults);
        let defaults = defaults.chain(around.iter().map(|outer| &outer.defaults));
        let vars = around.iter().flat_map(|outer| [&outer.entry, &outer.vars]);
        let vars = vars.chain(deps.iter().map(|dep| &dep.vars));
        let role = Arc::new(Role {
            name: used.role.name.clone(),
            dir: used.role.dir.clone(),
            defaults: keywords::merged(defaults.chain([&used.defaults])),
            vars: keywords::merged(vars.chain([&used.vars, &used.entry])),
            params: Arc::clone(&used.role.params),
            allow_duplicates: used.role.allow_duplicates,
            parents: used.role.parents.clone(),
            span: used.role.span.clone(),
        });
        self.mentions.role(&role);
        let whole = Arc::new(Use {
            role,
            defaults: Arc::clone(&used.defaults),
            vars: Arc::clone(&used.vars),
            entry: Arc::clone(&used.entry),
        });
        let mut place = place;
        place.roles.pop();
        place.roles.push(Arc::clone(&whole));
        (whole, place)
    }

    /// Whether the same use stood earlier in this play, under no more conditions than this one.
    fn repeated(&mut self, request: &Request<'_>, role: &Role, place: &Place) -> bool {
        let conditions = place
            .keywords
            .when
            .iter()
            .map(|c| format!("{:?}", c.to_value()));
        let conditions: Vec<String> = conditions.collect();
        let mut key = format!("{}|{}", role.dir.display(), request.key);
        if self.compiler.selection.is_partial() {
            // The tags of the run may leave the first use out and take the second.
            key.push_str(&format!("|{:?}", place.keywords.tags));
        }
        let first = self.used.get(&key);
        let covered = first.is_some_and(|first| first.iter().all(|c| conditions.contains(c)));
        self.used.entry(key).or_insert(conditions);
        covered && !role.allow_duplicates
    }

    fn meta(&mut self, dir: &Path) -> Meta {
        let Some(file) = self.compiler.role_file(&dir.join("meta"), "main") else {
            return Meta::default();
        };
        let read = self.compiler.store.meta(&file);
        self.out.extend(read.diagnostics);
        read.value
    }

    fn role_tasks(&mut self, request: &Request<'_>, place: &Place) -> Vec<Item> {
        let from = request.from.tasks_from.as_deref();
        let Some((file, items)) = self.role_list(request, place, "tasks", from, On::Task) else {
            return Vec::new();
        };
        if place.stack.contains(&file) {
            let text = format!("role `{}` imports itself", request.name);
            self.out
                .push(Diagnostic::error(request.at, text).code(Code::Circle));
            return Vec::new();
        }
        let inner = place.in_file(&file, Arc::clone(&place.keywords));
        self.items(&items, &inner)
    }

    fn role_handlers(
        &mut self,
        request: &Request<'_>,
        place: &Place,
        into: &mut Vec<Arc<Handler>>,
    ) {
        let from = request.from.handlers_from.as_deref();
        let list = self.role_list(request, place, "handlers", from, On::Handler);
        if let Some((file, items)) = list {
            let inner = place
                .in_file(&file, Arc::clone(&place.keywords))
                .for_handlers();
            self.handler_items(&items, &inner, into);
        }
    }

    fn role_list(
        &mut self,
        request: &Request<'_>,
        place: &Place,
        kind: &str,
        from: Option<&str>,
        on: On,
    ) -> Option<(PathBuf, Vec<playbook::Item>)> {
        let dir = place.role()?.dir.join(kind);
        let Some(file) = self.compiler.role_file(&dir, from.unwrap_or("main")) else {
            if let Some(name) = from {
                self.missing_from(request, &dir, kind, name);
            }
            return None;
        };
        let items = self.tasks_of(&file, on);
        Some((file, items))
    }

    fn missing_from(&mut self, request: &Request<'_>, dir: &Path, kind: &str, name: &str) {
        let text = format!("role `{}` has no {kind} file `{name}`", request.name);
        let at = request.from_at.as_ref().unwrap_or(request.at);
        let error = Diagnostic::error(at, text).code(Code::FileNotFound);
        let present = self.compiler.store.files.list(dir);
        let stems = present.iter().map(|file| {
            file.strip_suffix(".yml")
                .or_else(|| file.strip_suffix(".yaml"))
                .unwrap_or(file)
        });
        self.out.push(match suggest::nearest(name, stems) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(path::places(&[dir.join(format!("{name}.yml"))])),
        });
    }

    /// `defaults/` or `vars/`: one file, or all of a folder of that name.
    fn role_vars_of(
        &mut self,
        dir: &Path,
        kind: &str,
        from: &Option<String>,
        request: &Request<'_>,
    ) -> Layer {
        let dir = dir.join(kind);
        let name = from.as_deref().unwrap_or("main");
        let mut layers = Vec::new();
        let folder = path::join(&dir, name);
        if let Some(file) = self.compiler.role_file(&dir, name) {
            layers.extend(self.vars_file(&file));
        } else if self.compiler.store.files.is_dir(&folder) {
            self.vars_folder(&folder, &mut layers);
        } else if let Some(name) = from {
            self.missing_from(request, &dir, kind, name);
        }
        keywords::merged(&layers)
    }

    fn vars_folder(&mut self, dir: &Path, layers: &mut Vec<Layer>) {
        for name in self.compiler.store.files.list(dir) {
            let inner = dir.join(&name);
            if name.starts_with('.') || name.ends_with('~') {
                continue;
            }
            if self.compiler.store.files.is_dir(&inner) {
                self.vars_folder(&inner, layers);
            } else if ENDINGS[1..].iter().any(|ending| name.ends_with(ending)) {
                layers.extend(self.vars_file(&inner));
            }
        }
    }

    fn vars_file(&mut self, file: &Path) -> Option<Layer> {
        let read = self.compiler.store.node(file);
        self.out.extend(read.diagnostics.iter().cloned());
        let node = read.value.as_ref()?;
        if node.as_map().is_none() && !node.is_null() {
            let text = format!(
                "a file of variables must be a mapping, not {}",
                node.type_name()
            );
            self.out
                .push(Diagnostic::error(&node.span, text).code(Code::VarsNotMapping));
            return None;
        }
        self.out.extend(self.compiler.syntax(node));
        Some(keywords::layer(node))
    }
}
