//! A selection as a play: each control a block, whose tasks keep the places where they were written.

use crate::source::{Kind, Node, Span};

use super::Library;
use super::control::Control;
use super::select::{Chosen, Selection};

/// Where a play stands that nobody wrote.
pub const ORIGIN: &str = "hardening";

/// The play of a selection.
#[derive(Clone, Debug)]
pub struct Built {
    /// A playbook: a list of one play.
    pub playbook: Node,
    /// Defaults of all parameters, below whatever an inventory says.
    pub defaults: Vec<(String, Node)>,
}

/// Builds the play. A control that fails ends there, and the next one goes on.
pub fn build(library: &Library, selection: &Selection, name: &str, hosts: &str) -> Built {
    let at = Span::outside(ORIGIN);
    let mut chosen: Vec<&Chosen> = selection.chosen.iter().collect();
    chosen.sort_by_key(|c| c.control.order);
    let blocks = chosen.into_iter().map(|c| block(c, &at)).collect();
    let mut handlers = library.handlers.clone();
    for chosen in &selection.chosen {
        let own = chosen.control.handlers.as_ref().and_then(Node::as_seq);
        handlers.extend(own.unwrap_or_default().iter().cloned());
    }
    let play = map(
        &at,
        vec![
            ("name", Node::str(name, at.clone())),
            ("hosts", Node::str(hosts, at.clone())),
            ("tasks", Node::new(Kind::Seq(blocks), at.clone())),
            ("handlers", Node::new(Kind::Seq(handlers), at.clone())),
        ],
    );
    let parameters = selection.parameters.iter();
    let parameters = parameters.map(|(n, (v, _))| (n.clone(), v.clone()));
    Built {
        playbook: Node::new(Kind::Seq(vec![play]), at),
        defaults: std::iter::once((ROLES.to_owned(), roles(library)))
            .chain(parameters)
            .collect(),
    }
}

fn block(chosen: &Chosen, at: &Span) -> Node {
    let control = &chosen.control;
    let here = &control.span;
    let text = |s: &str| Node::str(s, here.clone());
    let tags = [control.id.as_str(), control.area()];
    let mut conditions: Vec<Node> = Vec::new();
    conditions.extend(platform(control));
    conditions.extend(control.needs.iter().map(|n| n.that.clone()));
    let tasks = control.tasks.clone().unwrap_or_else(|| nothing(control));
    let guard = (control.guarded).then(|| ("guard", Node::new(Kind::Bool(true), here.clone())));
    let noop = map(at, vec![("meta", Node::str("noop", at.clone()))]);
    let mut entries = vec![
        ("name", text(&control.id)),
        ("tags", seq(here, tags.iter().map(|t| text(t)).collect())),
        ("when", seq(here, conditions)),
        ("block", tasks),
        ("rescue", seq(at, vec![noop])),
    ];
    entries.extend(guard);
    map(here, entries)
}

/// The variable that says what a host is for.
pub const ROLES: &str = "palisade_roles";

/// Its value where nobody sets it: the roles that can be seen.
fn roles(library: &Library) -> Node {
    let role = |(name, that): &(String, String)| format!("(['{name}'] if ({that}) else [])");
    let roles: Vec<_> = library.roles.iter().map(role).collect();
    let text = match roles.is_empty() {
        true => "{{ [] }}".to_owned(),
        false => format!("{{{{ {} }}}}", roles.join(" + ")),
    };
    Node::str(&text, Span::outside("roles"))
}

/// What stands for a control that a person judges: it says whether it is applicable at all.
fn nothing(control: &Control) -> Node {
    let here = &control.span;
    let arguments = map(
        here,
        vec![
            ("that", Node::new(Kind::Bool(true), here.clone())),
            ("quiet", Node::new(Kind::Bool(true), here.clone())),
        ],
    );
    let task = map(
        here,
        vec![
            ("name", Node::str(&control.title, here.clone())),
            ("assert", arguments),
        ],
    );
    seq(here, vec![task])
}

/// The condition that a control's platforms are.
pub fn platform(control: &Control) -> Option<Node> {
    if control.platforms.is_empty() {
        return None;
    }
    let names: Vec<_> = control
        .platforms
        .iter()
        .map(|p| format!("'{}'", p.replace(['\'', '\\'], "")))
        .collect();
    let names = names.join(", ");
    let text = format!(
        "(ansible_facts.distribution | default('') | lower) in [{names}] \
         or (ansible_facts.os_family | default('') | lower) in [{names}]"
    );
    Some(Node::str(&text, control.span.clone()))
}

/// Why a control is not applicable where this condition does not hold.
pub fn reason(control: &Control, condition: &str) -> Option<String> {
    if platform(control).is_some_and(|n| n.as_str() == Some(condition)) {
        return Some(format!("it is about {}", control.platforms.join(", ")));
    }
    let said = |that: &Node| that.as_str().is_some_and(|t| t.trim() == condition.trim());
    let need = control.needs.iter().find(|n| said(&n.that))?;
    Some(need.why.clone())
}

fn map(at: &Span, entries: Vec<(&str, Node)>) -> Node {
    let entry = |(key, value): (&str, Node)| (Node::str(key, at.clone()), value);
    Node::new(
        Kind::Map(entries.into_iter().map(entry).collect()),
        at.clone(),
    )
}

fn seq(at: &Span, items: Vec<Node>) -> Node {
    Node::new(Kind::Seq(items), at.clone())
}
