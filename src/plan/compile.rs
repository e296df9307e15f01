//! Playbooks to plays: every file read, every import followed, every mistake reported at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::playbook::{self, Entry, Given, PlaybookImport, scalar};
use crate::source::vault::Keyring;
use crate::source::{Code, Diagnostic, Files, Node, Severity, Span};

use crate::vars::{Layer, SearchPath, Templar, Var, Vars};

use super::place::{Place, Stage};
use super::store::Store;
use super::tags::Selection;
use super::{Handler, Item, Keywords, Plan, Play, Prompt, RoleNames, keywords, path};

/// Playbooks that import playbooks: deeper than anybody writes, shallow enough to end a cycle.
const MAX_PLAYBOOK_DEPTH: usize = 32;

/// What is known before any playbook is read.
#[derive(Clone, Debug, Default)]
pub struct CompileOptions {
    /// `--tags` and `--skip-tags`; commas inside are understood.
    pub tags: Vec<String>,
    pub skip_tags: Vec<String>,
    /// Where roles are looked for after the playbook's own `roles/`.
    pub roles_path: Vec<PathBuf>,
    /// Folders that hold `ansible_collections/`.
    pub collections_path: Vec<PathBuf>,
    /// `-e`, for names of imports that are templates.
    pub extra_vars: Layer,
    /// Names of all variables of the inventory and of group_vars and host_vars. Where they are not known,
    /// nothing is reported as undefined.
    pub inventory_vars: Option<BTreeSet<String>>,
    /// Keep the second use of a role with the same parameters, which runs nothing: Ansible lists it.
    pub keep_repeats: bool,
    /// Passwords of vaulted files of variables.
    pub vault: Keyring,
    /// Variables below all others: what a library says where nobody else does.
    pub defaults: Layer,
}

/// Compiles playbooks, and later, for the engine, what they include while running.
pub struct Compiler {
    pub(in crate::plan) options: CompileOptions,
    pub(in crate::plan) selection: Selection,
    pub(in crate::plan) store: Store,
    pub(in crate::plan) templar: Templar,
    next: AtomicUsize,
    pub(in crate::plan) included: Mutex<HashMap<String, super::include::Included>>,
}

/// One pass: what is found out on the way.
pub(in crate::plan) struct Pass<'a> {
    pub(in crate::plan) compiler: &'a Compiler,
    pub(in crate::plan) out: Vec<Diagnostic>,
    /// Handlers of imported roles, which follow the play's own.
    pub(in crate::plan) handlers: Vec<Arc<Handler>>,
    pub(in crate::plan) role_defaults: Vec<Layer>,
    pub(in crate::plan) role_vars: Vec<Layer>,
    pub(in crate::plan) role_names: RoleNames,
    /// Uses of roles so far: what they are, and the conditions around them.
    pub(in crate::plan) used: BTreeMap<String, Vec<String>>,
    pub(in crate::plan) mentions: super::mentions::Mentions,
}

/// What imports of playbooks say for the plays inside.
#[derive(Clone, Default)]
struct Imported {
    vars: Vars,
    tags: BTreeSet<String>,
    when: Vec<Node>,
    stack: Vec<PathBuf>,
}

impl Compiler {
    pub fn new(files: Files, options: CompileOptions) -> Compiler {
        Compiler {
            selection: Selection::new(&options.tags, &options.skip_tags),
            templar: super::known::templar(&files, &options),
            store: Store::new(files, options.vault.clone()),
            options,
            next: AtomicUsize::new(0),
            included: Mutex::default(),
        }
    }

    /// All plays of these playbooks, and everything that is wrong with them.
    pub fn compile(&self, playbooks: &[PathBuf]) -> (Plan, Vec<Diagnostic>) {
        let mut out = Vec::new();
        let mut plan = Plan::default();
        for file in playbooks {
            self.playbook(
                &path::clean(file),
                &Imported::default(),
                &mut plan,
                &mut out,
            );
        }
        (plan, arranged(out))
    }

    /// The plays of a playbook that is no file.
    pub fn compile_made(&self, playbook: &Node) -> (Plan, Vec<Diagnostic>) {
        let mut out = Vec::new();
        let mut plan = Plan::default();
        let entries = playbook::play::parse(playbook, &mut out);
        let around = Imported::default();
        self.entries(&entries, Path::new(""), &around, &mut plan, &mut out);
        (plan, arranged(out))
    }

    pub(in crate::plan) fn next_id(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(in crate::plan) fn pass(&self) -> Pass<'_> {
        Pass {
            compiler: self,
            out: Vec::new(),
            handlers: Vec::new(),
            role_defaults: Vec::new(),
            role_vars: Vec::new(),
            role_names: RoleNames::default(),
            used: BTreeMap::new(),
            mentions: super::mentions::Mentions::default(),
        }
    }

    fn playbook(
        &self,
        file: &Path,
        imported: &Imported,
        plan: &mut Plan,
        out: &mut Vec<Diagnostic>,
    ) {
        let read = self.store.playbook(file);
        out.extend(read.diagnostics);
        let dir = path::parent(file);
        let mut inner = imported.clone();
        inner.stack.push(file.to_path_buf());
        self.entries(&read.value, &dir, &inner, plan, out);
    }

    fn entries(
        &self,
        entries: &[Entry],
        dir: &Path,
        around: &Imported,
        plan: &mut Plan,
        out: &mut Vec<Diagnostic>,
    ) {
        for entry in entries {
            match entry {
                Entry::Play(play) => {
                    let mut pass = self.pass();
                    pass.mentions.lasting = std::mem::take(&mut plan.names);
                    pass.mentions.define_all(&self.options.defaults);
                    let play = pass.play(play, dir, around);
                    plan.plays.push(Arc::new(play));
                    plan.names = pass.mentions.lasting;
                    out.append(&mut pass.out);
                }
                Entry::Import(import) => self.import(import, dir, around, plan, out),
            }
        }
    }

    fn import(
        &self,
        import: &PlaybookImport,
        dir: &Path,
        around: &Imported,
        plan: &mut Plan,
        out: &mut Vec<Diagnostic>,
    ) {
        let stage = Arc::new(Stage {
            dir: dir.to_path_buf(),
            vars: Arc::new(around.vars.clone()),
        });
        let place = Place::of_play(stage, Arc::default());
        let name = match self.known_text(&import.file, &place) {
            Ok(name) => name,
            Err(diagnostic) => return out.push(diagnostic),
        };
        // `import_playbook: site.yml tags=a` ended with Ansible 2.8; only the file is left.
        let target = path::join(dir, name.trim());
        if !self.store.files.is_file(&target) {
            let text = format!("there is no playbook `{name}`");
            let error = Diagnostic::error(&import.file.span, text).code(Code::FileNotFound);
            return out.push(error.hint(path::places(&[target])));
        }
        if around.stack.contains(&target) || around.stack.len() > MAX_PLAYBOOK_DEPTH {
            let text = format!("`{name}` imports itself");
            return out.push(Diagnostic::error(&import.file.span, text).code(Code::Circle));
        }
        let mut inner = around.clone();
        for arg in &import.vars {
            inner
                .vars
                .insert(arg.name.clone(), Var::Template(arg.value.clone()));
        }
        inner.tags.extend(
            import
                .given
                .get("tags")
                .map(keywords::tags)
                .unwrap_or_default(),
        );
        inner.when.extend(
            import
                .given
                .get("when")
                .map(playbook::list)
                .unwrap_or_default(),
        );
        for condition in import
            .given
            .get("when")
            .map(playbook::list)
            .unwrap_or_default()
        {
            out.extend(self.condition(&condition));
        }
        self.playbook(&target, &inner, plan, out);
    }
}

impl Pass<'_> {
    fn play(&mut self, written: &playbook::Play, dir: &Path, imported: &Imported) -> Play {
        let given = &written.given;
        let vars = self.play_vars(given, imported);
        let mut base = Keywords {
            tags: imported.tags.clone(),
            ..Keywords::default()
        };
        base = Keywords::clone(&keywords::inherit(&Arc::new(base), given));
        base.vars = Vec::new();
        let tags = self.rendered_tags(&base.tags, &vars, dir);
        base.tags.clone_from(&tags);
        let keywords = Arc::new(base);
        let mut inner = Keywords::clone(&keywords);
        inner.when.clone_from(&imported.when);
        let stage = Arc::new(Stage {
            dir: dir.to_path_buf(),
            vars: Arc::clone(&vars),
        });
        let place = Place::of_play(Arc::clone(&stage), Arc::new(inner));
        self.mentions.define_all(&vars);

        self.compiler.read_ahead(&written.roles, &place, 0);
        let pre_tasks = self.items(&written.pre_tasks, &place);
        let (mut tasks, mut handlers) = (Vec::new(), Vec::new());
        for entry in &written.roles {
            self.role_entry(entry, &place, &mut tasks, &mut handlers);
        }
        tasks.extend(self.items(&written.tasks, &place));
        let post_tasks = self.items(&written.post_tasks, &place);
        let below = Place::of_play(stage, Arc::clone(&keywords)).for_handlers();
        self.handler_items(&written.handlers, &below, &mut handlers);
        handlers.append(&mut self.handlers);

        let vars_files = given
            .get("vars_files")
            .map(playbook::list)
            .unwrap_or_default();
        self.check_play(given, &vars_files, &place);
        self.check_notified(&handlers);
        self.check_names();
        let gathers = tags.is_empty() || self.compiler.selection.takes(&tags);
        Play {
            name: given.cloned("name"),
            span: written.span.clone(),
            dir: dir.to_path_buf(),
            hosts: written.hosts.clone(),
            gather_facts: given.cloned("gather_facts"),
            gather_subset: given.cloned("gather_subset"),
            gather_timeout: given.cloned("gather_timeout"),
            fact_path: given.cloned("fact_path"),
            serial: given.cloned("serial"),
            max_fail_percentage: given.cloned("max_fail_percentage"),
            any_errors_fatal: given.cloned("any_errors_fatal"),
            force_handlers: given.cloned("force_handlers"),
            strategy: given.cloned("strategy"),
            order: given.cloned("order"),
            vars,
            vars_prompt: self.prompts(given),
            vars_files,
            role_defaults: self.defaults(),
            role_vars: std::mem::take(&mut self.role_vars),
            role_names: std::mem::take(&mut self.role_names),
            pre_tasks,
            tasks,
            post_tasks,
            handlers,
            keywords,
            search: Arc::new(SearchPath {
                bases: vec![dir.to_path_buf()],
            }),
            tags,
            gathers: gathers && self.gathers_always(given),
        }
    }

    fn defaults(&mut self) -> Vec<Layer> {
        let mut all = std::mem::take(&mut self.role_defaults);
        if !self.compiler.options.defaults.is_empty() {
            all.insert(0, Arc::clone(&self.compiler.options.defaults));
        }
        all
    }

    /// `--skip-tags always` leaves out the gathering of facts, too.
    fn gathers_always(&self, given: &Given) -> bool {
        given.get("tags").is_some()
            || self
                .compiler
                .selection
                .takes(&BTreeSet::from(["always".to_owned()]))
    }

    fn play_vars(&mut self, given: &Given, imported: &Imported) -> Layer {
        let mut vars = Vars::new();
        if let Some(node) = given.get("vars") {
            for arg in playbook::play::pairs(node, &mut self.out) {
                vars.insert(arg.name, Var::Template(arg.value));
            }
        }
        vars.extend(imported.vars.iter().map(|(k, v)| (k.clone(), v.clone())));
        Arc::new(vars)
    }

    fn rendered_tags(&self, tags: &BTreeSet<String>, vars: &Layer, dir: &Path) -> BTreeSet<String> {
        let stage = Stage {
            dir: dir.to_path_buf(),
            vars: Arc::clone(vars),
        };
        let place = Place::of_play(Arc::new(stage), Arc::default());
        self.compiler.known_tags(tags, &place)
    }

    fn prompts(&mut self, given: &Given) -> Vec<Prompt> {
        let nodes = given
            .get("vars_prompt")
            .map(playbook::list)
            .unwrap_or_default();
        nodes.iter().filter_map(|node| self.prompt(node)).collect()
    }

    fn prompt(&mut self, node: &Node) -> Option<Prompt> {
        const WORDS: [&str; 9] = [
            "confirm",
            "default",
            "encrypt",
            "name",
            "private",
            "prompt",
            "salt",
            "salt_size",
            "unsafe",
        ];
        let Some(map) = node.as_map() else {
            let text = format!("a prompt must be a mapping, not {}", node.type_name());
            self.out
                .push(Diagnostic::error(&node.span, text).code(Code::KeywordValue));
            return None;
        };
        for (key, _) in map {
            let word = scalar(key).unwrap_or_default();
            if !WORDS.contains(&word.as_str()) {
                let error =
                    Diagnostic::error(&key.span, format!("unknown word `{word}` in a prompt"))
                        .code(Code::UnknownKeyword);
                let near = crate::source::suggest::nearest(&word, WORDS);
                self.out.push(match near {
                    Some(near) => error.hint(format!("did you mean `{near}`?")),
                    None => error,
                });
            }
        }
        let Some(name) = node.get("name").and_then(scalar) else {
            let error =
                Diagnostic::error(&node.span, "this prompt has no `name`").code(Code::KeywordValue);
            self.out
                .push(error.hint("name the variable that takes the answer"));
            return None;
        };
        let flag = |key: &str| node.get(key).and_then(playbook::keyword::boolean);
        let text = |key: &str| node.get(key).and_then(scalar);
        Some(Prompt {
            name,
            prompt: node.get("prompt").cloned(),
            default: node.get("default").filter(|d| !d.is_null()).cloned(),
            private: flag("private").unwrap_or(true),
            confirm: flag("confirm").unwrap_or(false),
            encrypt: text("encrypt"),
            salt_size: text("salt_size").and_then(|s| s.parse().ok()),
            salt: text("salt"),
            unsafe_text: flag("unsafe").unwrap_or(false),
            span: node.span.clone(),
        })
    }

    /// A list of tasks at a place; what the tags leave out is checked and dropped.
    pub(in crate::plan) fn items(&mut self, items: &[playbook::Item], place: &Place) -> Vec<Item> {
        let mut into = Vec::new();
        for item in items {
            match item {
                playbook::Item::Task(task) => self.task(task, place, &mut into),
                playbook::Item::Block(block) => self.block(block, place, &mut into),
            }
        }
        into
    }

    fn block(&mut self, block: &playbook::Block, place: &Place, into: &mut Vec<Item>) {
        let keywords = keywords::inherit(&place.keywords, &block.given);
        self.check_given(&block.given, &keywords);
        let inner = place.with(keywords);
        let compiled = super::Block {
            name: block.given.cloned("name"),
            span: block.span.clone(),
            body: self.items(&block.body, &inner),
            rescue: self.items(&block.rescue, &inner),
            always: self.items(&block.always, &inner),
            keywords: inner.keywords,
        };
        let parts = [&compiled.body, &compiled.rescue, &compiled.always];
        if parts.iter().any(|part| !part.is_empty()) {
            into.push(Item::Block(Arc::new(compiled)));
        }
    }
}

/// Diagnostics by file, in the order files were met, then by place; each once.
pub(in crate::plan) fn arranged(diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut order: HashMap<PathBuf, usize> = HashMap::new();
    let mut keyed = Vec::with_capacity(diagnostics.len());
    for diagnostic in diagnostics {
        let count = order.len();
        let file = diagnostic
            .span
            .as_ref()
            .map_or(PathBuf::new(), |s| s.path().to_path_buf());
        let file = *order.entry(file).or_insert(count);
        let start = diagnostic.span.as_ref().map_or(0, |s: &Span| s.start);
        keyed.push(((file, start), diagnostic));
    }
    keyed.sort_by_key(|(key, _)| *key);
    keyed.dedup_by(|(a, left), (b, right)| a == b && left.message == right.message);
    keyed
        .into_iter()
        .map(|(_, diagnostic)| diagnostic)
        .collect()
}

/// Whether anything in here stands in the way.
pub(in crate::plan) fn failed(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.severity == Severity::Error)
}
