//! Dynamic includes: looked into ahead of the run where their names are known, carried out during it.

use std::sync::Arc;

use crate::playbook::{self, Given, keyword, scalar};
use crate::source::{Code, Diagnostic, Node};
use crate::vars::Layer;

use super::compile::{Pass, arranged, failed};
use super::place::Place;
use super::role::Request;
use super::{Call, Handler, Include, Item, Keywords, Role, Task, keywords, path};

/// Includes that include themselves end by a condition, which is not known ahead of the run. This many
/// levels are looked into.
const LOOK_AHEAD: usize = 8;

/// The `…_from` arguments, rendered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IncludeArgs {
    pub tasks_from: Option<String>,
    pub vars_from: Option<String>,
    pub defaults_from: Option<String>,
    pub handlers_from: Option<String>,
}

/// What including a role adds.
#[derive(Clone, Debug)]
pub struct IncludedRole {
    pub items: Vec<Item>,
    pub role: Arc<Role>,
    pub handlers: Vec<Arc<Handler>>,
    /// What the play sees of it if the include is `public`.
    pub defaults: Layer,
    pub vars: Layer,
}

/// What was included once is the same when another host, or the next turn of a loop, includes it.
#[derive(Clone, Debug)]
pub(in crate::plan) enum Included {
    Tasks(Vec<Item>),
    Role(Box<IncludedRole>),
}

impl super::Compiler {
    /// Carries out an `include_tasks` whose file name was rendered. The same task and file give the same
    /// items, with the same ids, each time. Included handlers come from [`Self::include_handlers`].
    pub fn include_tasks(&self, task: &Task, file: &str) -> Result<Vec<Item>, Vec<Diagnostic>> {
        let Call::IncludeTasks(include) = &task.call else {
            return Ok(Vec::new());
        };
        let key = format!("{}|{file}", task.id);
        if let Some(Included::Tasks(items)) = self.remembered(&key) {
            return Ok(items);
        }
        let mut pass = self.pass();
        let place = pass.inside(include, &task.keywords);
        let (read, place) = pass.included_items(include, file, &place)?;
        let items = pass.items(&read, &place);
        ended(pass.out)?;
        self.remember(key, Included::Tasks(items.clone()));
        Ok(items)
    }

    /// Carries out an `include_tasks` that is a handler.
    pub fn include_handlers(
        &self,
        task: &Task,
        file: &str,
    ) -> Result<Vec<Arc<Handler>>, Vec<Diagnostic>> {
        let Call::IncludeTasks(include) = &task.call else {
            return Ok(Vec::new());
        };
        let mut pass = self.pass();
        let place = pass.inside(include, &task.keywords).for_handlers();
        let (read, place) = pass.included_items(include, file, &place)?;
        let mut handlers = Vec::new();
        pass.handler_items(&read, &place, &mut handlers);
        ended(pass.out)?;
        Ok(handlers)
    }

    /// Carries out an `include_role` whose name and files were rendered.
    pub fn include_role(
        &self,
        task: &Task,
        name: &str,
        from: &IncludeArgs,
    ) -> Result<IncludedRole, Vec<Diagnostic>> {
        let Call::IncludeRole(include) = &task.call else {
            let text = format!("`{}` includes no role", task.action);
            return Err(vec![Diagnostic::error(&task.span, text)]);
        };
        let key = format!("{}|{name}|{from:?}", task.id);
        if let Some(Included::Role(role)) = self.remembered(&key) {
            return Ok(*role);
        }
        let mut pass = self.pass();
        let place = pass.inside(include, &task.keywords);
        let included = pass.role_inside(include, name, from, &place);
        ended(std::mem::take(&mut pass.out))?;
        let Some(included) = included else {
            let text = format!("there is no role `{name}`");
            return Err(vec![
                Diagnostic::error(&include.what.span, text).code(Code::RoleNotFound),
            ]);
        };
        self.remember(key, Included::Role(Box::new(included.clone())));
        Ok(included)
    }

    fn remembered(&self, key: &str) -> Option<Included> {
        self.included.lock().ok()?.get(key).cloned()
    }

    fn remember(&self, key: String, included: Included) {
        if let Ok(mut shelf) = self.included.lock() {
            shelf.insert(key, included);
        }
    }
}

fn ended(out: Vec<Diagnostic>) -> Result<(), Vec<Diagnostic>> {
    if failed(&out) {
        return Err(arranged(out));
    }
    Ok(())
}

impl Pass<'_> {
    /// The place inside an include: keywords from around it, `apply`, and the variables it sets.
    fn inside(&mut self, include: &Include, of_task: &Keywords) -> Place {
        let place = &include.place;
        let mut given = Given::default();
        if let Some(apply) = &include.apply {
            self.apply(apply, &mut given);
        }
        let mut inner = Keywords::clone(&keywords::inherit(&place.keywords, &given));
        // The include's own `vars:` are the last layer its task has beyond those around it.
        if let Some(own) = of_task.vars.get(place.keywords.vars.len()) {
            inner.vars.push(Arc::clone(own));
            inner.include_vars.push(Arc::clone(own));
        }
        place.with(Arc::new(inner))
    }

    fn apply(&mut self, apply: &Node, given: &mut Given) {
        let Some(map) = apply.as_map() else {
            if apply
                .as_str()
                .is_none_or(|text| !playbook::is_template(text))
            {
                let text = format!("`apply` must be a mapping, not {}", apply.type_name());
                self.out
                    .push(Diagnostic::error(&apply.span, text).code(Code::KeywordValue));
            }
            return;
        };
        for (key, value) in map {
            let name = scalar(key).unwrap_or_default();
            match keyword::find(&name) {
                Some(word) if word.stands_on(playbook::On::Block) => {
                    given.add(word, &key.span, value, &mut self.out);
                }
                Some(word) => {
                    self.out
                        .push(keyword::misplaced(word, playbook::On::Block, &key.span));
                }
                None => self
                    .out
                    .push(keyword::unknown(&name, playbook::On::Block, &key.span)),
            }
        }
    }

    fn included_items(
        &mut self,
        include: &Include,
        file: &str,
        place: &Place,
    ) -> Result<(Vec<playbook::Item>, Place), Vec<Diagnostic>> {
        let (found, tried) = self.compiler.find_tasks(place, file.trim());
        let Some(found) = found else {
            let error = Diagnostic::error(&include.what.span, format!("there is no file `{file}`"))
                .code(Code::FileNotFound);
            return Err(vec![error.hint(path::places(&tried))]);
        };
        let items = self.tasks_of(&found, place.on);
        let mut inner = place.in_file(&found, Arc::clone(&place.keywords));
        // A run may come back to the same file: its condition ends it.
        inner.stack = vec![found];
        Ok((items, inner))
    }

    fn role_inside(
        &mut self,
        include: &Include,
        name: &str,
        from: &IncludeArgs,
        place: &Place,
    ) -> Option<IncludedRole> {
        let entry = place
            .keywords
            .include_vars
            .last()
            .cloned()
            .unwrap_or_default();
        let from_nodes = [
            &include.tasks_from,
            &include.vars_from,
            &include.defaults_from,
            &include.handlers_from,
        ];
        let request = Request {
            name: name.trim(),
            at: &include.what.span,
            from: from.clone(),
            params: Layer::default(),
            entry,
            key: String::new(),
            allow_duplicates: Some(include.allow_duplicates),
            dependency: false,
            from_at: from_nodes
                .iter()
                .find_map(|n| n.as_ref())
                .map(|n| n.span.clone()),
        };
        let mut handlers = Vec::new();
        let mut items = Vec::new();
        let mut place = place.clone();
        place.stack.clear();
        let used = self.use_role(&request, &place, &mut items, &mut handlers)?;
        handlers.append(&mut self.handlers);
        Some(IncludedRole {
            items,
            role: used.role,
            handlers,
            defaults: used.defaults,
            vars: used.vars,
        })
    }

    /// Compiles what an include of a known name would include, for its mistakes and its names.
    pub(in crate::plan) fn look_ahead_tasks(&mut self, include: &Include) {
        let place = self.inside(include, &include.place.keywords);
        let name = match include.what.as_str().map(playbook::is_template) {
            Some(false) => scalar(&include.what).unwrap_or_default(),
            _ => return self.mentions.give_up(),
        };
        let (found, _) = self.compiler.find_tasks(&place, name.trim());
        if self.mentions.depth >= LOOK_AHEAD || found.is_some_and(|f| place.stack.contains(&f)) {
            return;
        }
        self.mentions.depth += 1;
        match self.included_items(include, &name, &place) {
            Ok((items, mut inner)) => {
                inner.stack.splice(0..0, place.stack);
                if inner.on == playbook::On::Handler {
                    let mut handlers = Vec::new();
                    self.handler_items(&items, &inner, &mut handlers);
                    self.mentions.handlers.append(&mut handlers);
                } else {
                    self.items(&items, &inner);
                }
            }
            Err(mut diagnostics) => self.out.append(&mut diagnostics),
        }
        self.mentions.depth -= 1;
    }

    pub(in crate::plan) fn look_ahead_role(&mut self, include: &Include) {
        let place = self.inside(include, &include.place.keywords);
        let name = match include.what.as_str().map(playbook::is_template) {
            Some(false) => scalar(&include.what).unwrap_or_default(),
            _ => return self.mentions.give_up(),
        };
        let known = |node: &Option<Node>| match node {
            Some(node) if playbook::is_dynamic(node) => Err(()),
            Some(node) => Ok(scalar(node)),
            None => Ok(None),
        };
        let from = (|| {
            Ok::<_, ()>(IncludeArgs {
                tasks_from: known(&include.tasks_from)?,
                vars_from: known(&include.vars_from)?,
                defaults_from: known(&include.defaults_from)?,
                handlers_from: known(&include.handlers_from)?,
            })
        })();
        let Ok(from) = from else {
            return self.mentions.give_up();
        };
        if self.mentions.depth >= LOOK_AHEAD {
            return;
        }
        self.mentions.depth += 1;
        let aside = std::mem::take(&mut self.handlers);
        let used = std::mem::take(&mut self.used);
        let names = self.role_names.clone();
        let seen = (self.role_defaults.len(), self.role_vars.len());
        if let Some(included) = self.role_inside(include, &name, &from, &place) {
            self.mentions.handlers.extend(included.handlers);
        }
        self.role_defaults.truncate(seen.0);
        self.role_vars.truncate(seen.1);
        self.role_names = names;
        self.handlers = aside;
        self.used = used;
        self.mentions.depth -= 1;
    }
}
