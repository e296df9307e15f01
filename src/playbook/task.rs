//! Tasks: the word that says what to do, its arguments in any of their forms, and the keywords.

use crate::action::{self, Spec};
use crate::source::{Code, Diagnostic, Kind, Node, Span, words};

use super::block::{self, Block};
use super::keyword::{self, Given, On};
use super::{is_template, known, scalar};

/// One entry of a list of tasks.
#[derive(Clone, Debug)]
pub enum Item {
    Task(Box<Task>),
    Block(Box<Block>),
}

#[derive(Clone, Debug)]
pub struct Task {
    pub span: Span,
    pub given: Given,
    pub invocation: Invocation,
    /// The lookup of a `with_…`, and what is given to it.
    pub with: Option<(String, Node)>,
    /// Where the word `with_…` stands.
    pub with_at: Option<Span>,
}

/// What to do, as written.
#[derive(Clone, Debug)]
pub struct Invocation {
    pub verb: Verb,
    /// The word as it was written.
    pub name: String,
    pub at: Span,
    pub args: Vec<Arg>,
    /// Text that is no named argument: `command: echo hi`.
    pub free: Option<Node>,
    /// `local_action`.
    pub local: bool,
}

#[derive(Clone, Debug)]
pub enum Verb {
    Action(&'static Spec),
    /// The name is a template.
    Dynamic(Node),
    ImportTasks,
    IncludeTasks,
    ImportRole,
    IncludeRole,
    /// An action that cannot be carried out; it was reported.
    Unknown,
}

/// A named argument.
#[derive(Clone, Debug)]
pub struct Arg {
    pub name: String,
    /// Where the name stands.
    pub at: Span,
    pub value: Node,
}

/// A list of tasks or handlers; `what` names it in messages.
pub fn parse_list(node: &Node, what: &str, on: On, out: &mut Vec<Diagnostic>) -> Vec<Item> {
    match &node.kind {
        Kind::Null => Vec::new(),
        Kind::Seq(items) => items
            .iter()
            .filter_map(|item| parse_item(item, on, out))
            .collect(),
        _ => {
            let text = format!("`{what}` must be a list of tasks, not {}", node.type_name());
            let error = Diagnostic::error(&node.span, text).code(Code::Shape);
            out.push(match node.kind {
                Kind::Map(_) => error.hint("begin each task with `- `"),
                _ => error,
            });
            Vec::new()
        }
    }
}

/// The tasks of a file of tasks.
pub fn parse_file(node: &Node, on: On, out: &mut Vec<Diagnostic>) -> Vec<Item> {
    let plays = node.as_seq().and_then(|items| items.first());
    if let Some(play) = plays.filter(|p| p.get("hosts").is_some())
        && !play
            .as_map()
            .is_some_and(|m| m.iter().any(|(k, _)| is_action_key(k)))
    {
        let error = Diagnostic::error(
            &play.span,
            "this is a play, but the file is a list of tasks",
        )
        .code(Code::Shape);
        out.push(error.hint("use `import_playbook` for it, or keep only its tasks"));
        return Vec::new();
    }
    parse_list(node, "a file of tasks", on, out)
}

fn is_action_key(key: &Node) -> bool {
    key.as_str().is_some_and(known::is_action)
}

fn parse_item(node: &Node, on: On, out: &mut Vec<Diagnostic>) -> Option<Item> {
    let Some(map) = node.as_map() else {
        let text = format!("a task must be a mapping, not {}", node.type_name());
        let error = Diagnostic::error(&node.span, text).code(Code::Shape);
        out.push(match node.as_str() {
            Some(word) if known::is_action(word) => error.hint(format!("write `- {word}:`")),
            _ => error,
        });
        return None;
    };
    if node.get("block").is_some() {
        return Some(Item::Block(Box::new(block::parse(node, on, out))));
    }
    let part = map
        .iter()
        .find(|(k, _)| matches!(k.as_str(), Some("rescue" | "always")));
    if let Some((key, _)) = part {
        let word = key.as_str().unwrap_or_default();
        let text = format!("`{word}` stands here without a `block`");
        out.push(Diagnostic::error(&key.span, text).code(Code::MisplacedKeyword));
        return None;
    }
    parse_task(node, map, on, out).map(|task| Item::Task(Box::new(task)))
}

fn parse_task(
    node: &Node,
    map: &[(Node, Node)],
    on: On,
    out: &mut Vec<Diagnostic>,
) -> Option<Task> {
    let mut given = Given::default();
    let mut with = None;
    let mut candidates = Vec::new();
    for (key, value) in map {
        let Some(name) = scalar(key) else {
            let text = format!("a key of a task must be a word, not {}", key.type_name());
            out.push(Diagnostic::error(&key.span, text).code(Code::Shape));
            continue;
        };
        if let Some(lookup) = name.strip_prefix("with_") {
            with = Some((lookup.to_owned(), key, value));
        } else if matches!(name.as_str(), "action" | "local_action") {
            candidates.push((name, key, value));
        } else {
            match keyword::find(&name) {
                Some(word) if word.stands_on(on) => given.add(word, &key.span, value, out),
                Some(word) if !known::is_action(&name) => {
                    out.push(keyword::misplaced(word, on, &key.span));
                }
                _ => candidates.push((name, key, value)),
            }
        }
    }
    if let (Some((_, key, _)), Some(other)) = (&with, given.get("loop")) {
        let error = Diagnostic::error(&key.span, "a task can loop only once").code(Code::Loop);
        out.push(error.note(&other.span, "it loops here already"));
    }
    let (name, key, value) = choose(node, candidates, on, out)?;
    let mut invocation = invoke(&name, key, value, out)?;
    if let Some(args) = given.get("args") {
        merge_args(&mut invocation, args, out);
    }
    Some(Task {
        span: node.span.clone(),
        given,
        invocation,
        with_at: with.as_ref().map(|(_, key, _)| key.span.clone()),
        with: with.map(|(lookup, _, value)| (lookup, value.clone())),
    })
}

type Candidate<'a> = (String, &'a Node, &'a Node);

/// The one word that is the action; every other candidate is a mistake.
fn choose<'a>(
    node: &Node,
    candidates: Vec<Candidate<'a>>,
    on: On,
    out: &mut Vec<Diagnostic>,
) -> Option<Candidate<'a>> {
    let is_known = |name: &str| {
        matches!(name, "action" | "local_action") || is_template(name) || known::is_action(name)
    };
    let (known, strange): (Vec<_>, Vec<_>) = candidates.into_iter().partition(|c| is_known(&c.0));
    let mut known = known.into_iter();
    let chosen = known.next();
    if chosen.is_none() && strange.is_empty() {
        let error = Diagnostic::error(&node.span, "this task has no action").code(Code::NoAction);
        out.push(error.hint("a task names what to do, as in `ping:`"));
    }
    let mut flat = false;
    for (name, key, _) in &strange {
        let spec = chosen
            .as_ref()
            .and_then(|(action, _, _)| action::find(action));
        match spec.filter(|spec| takes(spec, name)) {
            Some(spec) => {
                flat = true;
                let text = format!("`{name}` stands beside `{0}`, not in it", spec.name);
                let error = Diagnostic::error(&key.span, text).code(Code::MisplacedArgument);
                out.push(error.hint(format!(
                    "indent it to make it an argument of `{}`",
                    spec.name
                )));
            }
            None => out.push(unknown(name, key, on)),
        }
    }
    let chosen = chosen?;
    for (name, key, _) in known {
        if let Some(word) = keyword::find(&name).filter(|word| !word.stands_on(on)) {
            out.push(keyword::misplaced(word, on, &key.span));
            continue;
        }
        let text = format!(
            "a task has one action, but this has `{}` and `{name}`",
            chosen.0
        );
        let error = Diagnostic::error(&key.span, text)
            .code(Code::TwoActions)
            .note(&chosen.1.span, "the first is here");
        out.push(error.hint("make it two tasks, or indent it if it is an argument"));
    }
    // Arguments that stand in the wrong place are not also missing.
    (!flat).then_some(chosen)
}

fn takes(spec: &Spec, name: &str) -> bool {
    (spec.params)()
        .iter()
        .any(|p| p.name == name || p.aliases.contains(&name))
}

fn unknown(name: &str, key: &Node, on: On) -> Diagnostic {
    let error = Diagnostic::error(&key.span, format!("unknown action or keyword `{name}`"))
        .code(Code::UnknownAction);
    match (name, known::nearest(name, on)) {
        ("include", _) => error.hint("use `include_tasks` or `import_tasks`"),
        (_, Some(near)) => error.hint(format!("did you mean `{near}`?")),
        _ => error,
    }
}

fn invoke(name: &str, key: &Node, value: &Node, out: &mut Vec<Diagnostic>) -> Option<Invocation> {
    let mut invocation = Invocation {
        verb: Verb::Unknown,
        name: name.to_owned(),
        at: key.span.clone(),
        args: Vec::new(),
        free: None,
        local: name == "local_action",
    };
    if matches!(name, "action" | "local_action") {
        indirect(&mut invocation, value, out)?;
        return Some(invocation);
    }
    invocation.verb = verb(name, &key.span, out);
    read_value(&mut invocation, value, out);
    Some(invocation)
}

fn verb(name: &str, at: &Span, out: &mut Vec<Diagnostic>) -> Verb {
    match known::short(name) {
        "import_tasks" => return Verb::ImportTasks,
        "include_tasks" => return Verb::IncludeTasks,
        "import_role" => return Verb::ImportRole,
        "include_role" => return Verb::IncludeRole,
        _ if is_template(name) => return Verb::Dynamic(Node::str(name, at.clone())),
        _ => {}
    }
    if let Some(spec) = action::find(name) {
        return Verb::Action(spec);
    }
    if known::is_foreign(name) {
        let error = Diagnostic::error(at, format!("action `{name}` is not built in yet"))
            .code(Code::ActionNotBuiltIn);
        let near = known::nearest(name.rsplit('.').next().unwrap_or(name), On::Task);
        out.push(match near.filter(|n| action::find(n).is_some()) {
            Some(near) => error.hint(format!("there is `{near}`")),
            None => error,
        });
    } else {
        out.push(unknown(name, &Node::str(name, at.clone()), On::Task));
    }
    Verb::Unknown
}

/// `action: copy src=a dest=b`, `action: {module: copy, src: a}`.
fn indirect(invocation: &mut Invocation, value: &Node, out: &mut Vec<Diagnostic>) -> Option<()> {
    let word = invocation.name.clone();
    if let Some(map) = value.as_map() {
        let Some(module) = value.get("module").filter(|m| scalar(m).is_some()) else {
            let text = format!("`{word}` names no action");
            let error = Diagnostic::error(&invocation.at, text).code(Code::NoAction);
            out.push(error.hint("write `module: name` in it"));
            return None;
        };
        invocation.name = scalar(module).unwrap_or_default();
        invocation.at = module.span.clone();
        invocation.verb = verb(&invocation.name, &module.span, out);
        let rest = map
            .iter()
            .filter(|(k, _)| k.as_str() != Some("module"))
            .cloned();
        let rest = Node::new(Kind::Map(rest.collect()), value.span.clone());
        read_value(invocation, &rest, out);
        return Some(());
    }
    let Some(text) = scalar(value).filter(|t| !t.trim().is_empty()) else {
        let text = format!("`{word}` must name an action, not {}", value.type_name());
        out.push(Diagnostic::error(&value.span, text).code(Code::NoAction));
        return None;
    };
    let text = text.trim();
    let end = name_end(text);
    invocation.name = text[..end].to_owned();
    invocation.at = value.place(0..end);
    invocation.verb = verb(&invocation.name, &invocation.at, out);
    read_words(invocation, text[end..].trim_start(), value, out);
    Some(())
}

/// Where the first word ends; a template may hold blanks.
fn name_end(text: &str) -> usize {
    let mut from = 0;
    if text.starts_with("{{") {
        from = text.find("}}").map_or(text.len(), |at| at + 2);
    }
    text[from..]
        .find(char::is_whitespace)
        .map_or(text.len(), |at| from + at)
}

/// What stands behind the name of an action: a mapping, `k=v` words, free text, or nothing.
fn read_value(invocation: &mut Invocation, value: &Node, out: &mut Vec<Diagnostic>) {
    match &value.kind {
        Kind::Null => {}
        Kind::Map(entries) => {
            for (key, value) in entries {
                add(invocation, key, value, out);
            }
        }
        Kind::Str(text) => read_words(invocation, text, value, out),
        Kind::Seq(_) => {
            let text = format!("the arguments of `{}` cannot be a list", invocation.name);
            let error = Diagnostic::error(&value.span, text).code(Code::ArgumentForm);
            out.push(error.hint("write `name: value` arguments under it"));
            invocation.verb = Verb::Unknown;
        }
        _ => invocation.free = Some(value.clone()),
    }
}

fn add(invocation: &mut Invocation, key: &Node, value: &Node, out: &mut Vec<Diagnostic>) {
    let Some(name) = scalar(key) else {
        let text = format!(
            "the name of an argument must be a word, not {}",
            key.type_name()
        );
        out.push(Diagnostic::error(&key.span, text).code(Code::ArgumentForm));
        return;
    };
    if name == "_raw_params" {
        invocation.free = Some(value.clone());
        return;
    }
    invocation.args.retain(|arg| arg.name != name);
    invocation.args.push(Arg {
        name,
        at: key.span.clone(),
        value: value.clone(),
    });
}

fn read_words(invocation: &mut Invocation, text: &str, written: &Node, out: &mut Vec<Diagnostic>) {
    let takes_text = match &invocation.verb {
        Verb::Action(spec) => {
            matches!(
                spec.name,
                "command" | "shell" | "script" | "raw" | "win_command"
            )
        }
        Verb::Unknown => return,
        _ => false,
    };
    match words::key_values(text, takes_text) {
        Ok((pairs, rest)) => {
            for (name, value) in pairs {
                let (at, value_at) = place(written, &name);
                invocation.args.retain(|arg| arg.name != name);
                invocation.args.push(Arg {
                    value: Node::str(&value, value_at),
                    at,
                    name,
                });
            }
            let rest = rest.filter(|r| !r.trim().is_empty());
            invocation.free = rest.map(|r| Node::str(&r, written.span.clone()));
        }
        Err(why) => {
            let text = format!("these arguments do not end: {why}");
            out.push(Diagnostic::error(&written.span, text).code(Code::ArgumentForm));
            invocation.verb = Verb::Unknown;
        }
    }
}

/// Where `name=value` stands in a string: the name, and what follows up to a blank.
fn place(written: &Node, name: &str) -> (Span, Span) {
    let text = written.as_str().unwrap_or_default();
    let starts_word = |at: usize| {
        let before = text[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
    };
    let mut found = text.match_indices(name).map(|(at, _)| at);
    let found = found.find(|at| starts_word(*at) && text[at + name.len()..].starts_with('='));
    let Some(at) = found else {
        return (written.span.clone(), written.span.clone());
    };
    let value = at + name.len() + 1;
    let length = text[value..]
        .find(char::is_whitespace)
        .unwrap_or(text.len() - value);
    (
        written.place(at..at + name.len()),
        written.place(value..value + length),
    )
}

/// `args:` fills in what the action itself was not given.
fn merge_args(invocation: &mut Invocation, args: &Node, out: &mut Vec<Diagnostic>) {
    let Some(map) = args.as_map() else {
        let text = format!("`args` must be a mapping, not {}", args.type_name());
        out.push(Diagnostic::error(&args.span, text).code(Code::ArgumentForm));
        return;
    };
    for (key, value) in map {
        let name = scalar(key).unwrap_or_default();
        if !invocation.args.iter().any(|arg| arg.name == name) {
            add(invocation, key, value, out);
        }
    }
}
