//! Tasks: the word that says what to do, its arguments in any of their forms, and the keywords.

use crate::action::{self, Spec};
use crate::source::{Diagnostic, Kind, Node, Span, words};

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
            let error = Diagnostic::error(&node.span, text);
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
        );
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
        let error = Diagnostic::error(&node.span, text);
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
        out.push(Diagnostic::error(&key.span, text));
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
            out.push(Diagnostic::error(&key.span, text));
            continue;
        };
        if let Some(lookup) = name.strip_prefix("with_") {
            with = Some((lookup.to_owned(), key, value));
        } else if matches!(name.as_str(), "action" | "local_action") {
            candidates.push((name, key, value));
        } else {
            match keyword::find(&name) {
                Some(word) if word.stands_on(on) => given.add(word, value, out),
                Some(word) if !known::is_action(&name) => {
                    out.push(keyword::misplaced(word, on, &key.span));
                }
                _ => candidates.push((name, key, value)),
            }
        }
    }
    if let (Some((_, key, _)), Some(other)) = (&with, given.get("loop")) {
        let error = Diagnostic::error(&key.span, "a task can loop only once");
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
    let mut chosen: Option<Candidate<'a>> = None;
    let mut mistaken = false;
    for candidate in candidates {
        let (name, key, _) = &candidate;
        if !is_known(name) {
            mistaken = true;
            out.push(unknown(name, key, on));
        } else if let Some((first, place, _)) = &chosen {
            mistaken = true;
            let text = format!("a task has one action, but this has `{first}` and `{name}`");
            let error = Diagnostic::error(&key.span, text).note(&place.span, "the first is here");
            out.push(error.hint("make it two tasks, or indent it if it is an argument"));
        } else {
            chosen = Some(candidate);
        }
    }
    if chosen.is_none() && !mistaken {
        let error = Diagnostic::error(&node.span, "this task has no action");
        out.push(error.hint("a task names what to do, as in `ping:`"));
    }
    chosen
}

fn unknown(name: &str, key: &Node, on: On) -> Diagnostic {
    let error = Diagnostic::error(&key.span, format!("unknown action or keyword `{name}`"));
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
        let error = Diagnostic::error(at, format!("action `{name}` is not built in yet"));
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
            let error = Diagnostic::error(&invocation.at, text);
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
        out.push(Diagnostic::error(&value.span, text));
        return None;
    };
    let text = text.trim();
    let end = name_end(text);
    invocation.name = text[..end].to_owned();
    invocation.at = value.span.clone();
    invocation.verb = verb(&invocation.name, &value.span, out);
    let rest = Node::str(text[end..].trim_start(), value.span.clone());
    read_value(invocation, &rest, out);
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
        Kind::Str(text) => read_words(invocation, text, &value.span, out),
        Kind::Seq(_) => {
            let text = format!("the arguments of `{}` cannot be a list", invocation.name);
            let error = Diagnostic::error(&value.span, text);
            out.push(error.hint("write `name: value` arguments under it"));
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
        out.push(Diagnostic::error(&key.span, text));
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

fn read_words(invocation: &mut Invocation, text: &str, at: &Span, out: &mut Vec<Diagnostic>) {
    let takes_text = match &invocation.verb {
        Verb::Action(spec) => {
            matches!(
                spec.name,
                "command" | "shell" | "script" | "raw" | "expect" | "win_command"
            )
        }
        Verb::Unknown => return,
        _ => false,
    };
    match words::key_values(text, takes_text) {
        Ok((pairs, rest)) => {
            for (name, value) in pairs {
                let span = place(at, &name);
                invocation.args.retain(|arg| arg.name != name);
                invocation.args.push(Arg {
                    value: Node::str(&value, span.clone()),
                    at: span,
                    name,
                });
            }
            let rest = rest.filter(|r| !r.trim().is_empty());
            invocation.free = rest.map(|r| Node::str(&r, at.clone()));
        }
        Err(why) => out.push(Diagnostic::error(
            at,
            format!("these arguments do not end: {why}"),
        )),
    }
}

/// Where `name=` stands in the text of a span; the whole of it where that cannot be told.
fn place(at: &Span, name: &str) -> Span {
    let (start, end) = (at.start as usize, at.end as usize);
    let written = at.file.text.get(start..end).unwrap_or_default();
    let wanted = format!("{name}=");
    let found = written.match_indices(&wanted).map(|(i, _)| i).find(|i| {
        written[..*i]
            .chars()
            .next_back()
            .is_none_or(|c| !c.is_alphanumeric() && c != '_')
    });
    match found {
        Some(offset) => Span::new(&at.file, start + offset, start + offset + name.len()),
        None => at.clone(),
    }
}

/// `args:` fills in what the action itself was not given.
fn merge_args(invocation: &mut Invocation, args: &Node, out: &mut Vec<Diagnostic>) {
    let Some(map) = args.as_map() else {
        let text = format!("`args` must be a mapping, not {}", args.type_name());
        out.push(Diagnostic::error(&args.span, text));
        return;
    };
    for (key, value) in map {
        let name = scalar(key).unwrap_or_default();
        if !invocation.args.iter().any(|arg| arg.name == name) {
            add(invocation, key, value, out);
        }
    }
}
