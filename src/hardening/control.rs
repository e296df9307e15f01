//! One control: how one thing should be, why, and where that is asked for.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use crate::source::{Diagnostic, Node, Span};

use super::field::{Fields, words};

/// How bad it is where a control does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub const ALL: [Severity; 4] = [
        Severity::Low,
        Severity::Medium,
        Severity::High,
        Severity::Critical,
    ];

    pub fn of(word: &str) -> Option<Severity> {
        Severity::ALL.into_iter().find(|s| s.word() == word)
    }

    pub fn word(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// When it is a control's turn among those that are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Order {
    /// What it makes decides what others are about.
    First,
    /// By its number.
    #[default]
    Number,
    /// What the others install or write is in its answer.
    Last,
}

/// Something a control depends on: where it does not hold, the control is not applicable.
#[derive(Clone, Debug)]
pub struct Need {
    /// A condition, as in `when`.
    pub that: Node,
    /// What is said where it does not hold.
    pub why: String,
}

/// A value that people may set in their inventory.
#[derive(Clone, Debug)]
pub struct Parameter {
    pub default: Node,
    /// Why the default is what it is.
    pub why: String,
}

/// A control as its file states it.
#[derive(Clone, Debug)]
pub struct Control {
    pub id: String,
    /// A statement that is true where the control passes.
    pub title: String,
    pub severity: Severity,
    pub rationale: String,
    pub impact: Option<String>,
    /// Identifiers by standard.
    pub references: BTreeMap<String, Vec<String>>,
    /// Distributions or families, in lower case; all where none is named.
    pub platforms: Vec<String>,
    pub needs: Vec<Need>,
    pub parameters: BTreeMap<String, Parameter>,
    /// Its tasks may cut access.
    pub guarded: bool,
    /// When it is its turn.
    pub order: Order,
    /// A list of tasks; nothing where only a person can judge.
    pub tasks: Option<Node>,
    pub handlers: Option<Node>,
    /// What a person looks at, where no machine can decide.
    pub manual: Option<String>,
    /// What a person does about it, where it is found but not mended.
    pub fix: Option<String>,
    pub span: Span,
}

impl Control {
    /// A control's file. Its id follows from its path: `modules/sshd/ciphers.yml` is `sshd_ciphers`.
    pub fn parse(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Control> {
        let before = out.len();
        let mut fields = Fields::of(node, "a control", out)?;
        let control = Control {
            id: fields.needed("id", out),
            title: fields.needed("title", out),
            severity: severity(&mut fields, out),
            rationale: fields.needed("rationale", out),
            impact: fields.text("impact", out),
            references: references(&mut fields, out),
            platforms: fields.words("platforms", out),
            needs: needs(&mut fields, out),
            parameters: parameters(&mut fields, out),
            guarded: guarded(&mut fields, out),
            order: order(&mut fields, out),
            tasks: fields.get("tasks").cloned(),
            handlers: fields.get("handlers").cloned(),
            manual: fields.text("manual", out),
            fix: fields.text("fix", out),
            span: node.span.clone(),
        };
        fields.finish(out);
        control.check(out);
        (out.len() == before).then_some(control)
    }

    fn check(&self, out: &mut Vec<Diagnostic>) {
        let path = self.span.path();
        let expected = id_of(path);
        if expected.as_deref().is_some_and(|id| id != self.id) && !self.id.is_empty() {
            let text = format!("the id `{}` does not follow from the file's name", self.id);
            let hint = format!("it would be `{}`", expected.unwrap_or_default());
            out.push(Diagnostic::error(&self.span, text).hint(hint));
        }
        match (&self.tasks, &self.manual) {
            (None, None) => {
                let error = Diagnostic::error(&self.span, "a control has `tasks` or `manual`");
                out.push(
                    error.hint("`manual` is a text for a person, where no machine can decide"),
                );
            }
            (Some(tasks), Some(_)) => {
                let text = "a control has `tasks` or `manual`, not both";
                let error = Diagnostic::error(&tasks.span, text);
                out.push(
                    error.hint("what is found and not mended has tasks that assert, and `fix`"),
                );
            }
            _ => {}
        }
        let area = area_of(&self.id);
        for (name, parameter) in &self.parameters {
            if !name.starts_with(&format!("palisade_{area}_")) {
                let text = format!("the parameter `{name}` does not belong to the area `{area}`");
                let hint = format!("its name begins with `palisade_{area}_`");
                out.push(Diagnostic::error(&parameter.default.span, text).hint(hint));
            }
        }
    }

    pub fn area(&self) -> &str {
        area_of(&self.id)
    }
}

fn area_of(id: &str) -> &str {
    id.split('_').next().unwrap_or_default()
}

/// The id that a file's path gives: its folder and its stem.
pub fn id_of(path: &Path) -> Option<String> {
    let area = path.parent()?.file_name()?.to_str()?;
    let stem = path.file_stem()?.to_str()?;
    Some(format!("{area}_{stem}"))
}

fn severity(fields: &mut Fields<'_>, out: &mut Vec<Diagnostic>) -> Severity {
    let word = fields.needed("severity", out);
    Severity::of(&word).unwrap_or_else(|| {
        if let Some(node) = fields.get("severity") {
            let text = format!("`{word}` is no severity");
            let error = Diagnostic::error(&node.span, text);
            out.push(error.hint("low, medium, high and critical are"));
        }
        Severity::Medium
    })
}

fn references(fields: &mut Fields<'_>, out: &mut Vec<Diagnostic>) -> BTreeMap<String, Vec<String>> {
    let entries = fields.map("references", out);
    let entry = |(key, value): &(Node, Node), out: &mut Vec<Diagnostic>| {
        (
            key.as_str().unwrap_or_default().to_owned(),
            words(value, out),
        )
    };
    entries.iter().map(|e| entry(e, out)).collect()
}

fn needs(fields: &mut Fields<'_>, out: &mut Vec<Diagnostic>) -> Vec<Need> {
    let mut needs = Vec::new();
    for node in fields.list("needs", out) {
        let Some(mut inner) = Fields::of(node, "a need", out) else {
            continue;
        };
        let that = inner.get("that").cloned();
        let why = inner.needed("why", out);
        inner.finish(out);
        match that {
            Some(that) => needs.push(Need { that, why }),
            None => out.push(Diagnostic::error(&node.span, "a need has no `that`")),
        }
    }
    needs
}

fn parameters(fields: &mut Fields<'_>, out: &mut Vec<Diagnostic>) -> BTreeMap<String, Parameter> {
    let mut parameters = BTreeMap::new();
    for (key, value) in fields.map("parameters", out) {
        let name = key.as_str().unwrap_or_default().to_owned();
        let Some(mut inner) = Fields::of(value, "a parameter", out) else {
            continue;
        };
        // A default may be null, which `get` takes for missing.
        inner.get("default");
        let default = value.get("default").cloned();
        let why = inner.needed("why", out);
        inner.finish(out);
        match default {
            Some(default) => {
                parameters.insert(name, Parameter { default, why });
            }
            None => out.push(Diagnostic::error(
                &value.span,
                "a parameter has no `default`",
            )),
        }
    }
    parameters
}

fn guarded(fields: &mut Fields<'_>, out: &mut Vec<Diagnostic>) -> bool {
    let Some(word) = fields.text("guard", out) else {
        return false;
    };
    if word != "access"
        && let Some(node) = fields.get("guard")
    {
        let text = format!("a control is not guarded by `{word}`");
        out.push(Diagnostic::error(&node.span, text).hint("`access` is the one word there is"));
    }
    true
}

fn order(fields: &mut Fields<'_>, out: &mut Vec<Diagnostic>) -> Order {
    match fields.text("order", out).as_deref() {
        None => Order::Number,
        Some("first") => Order::First,
        Some("last") => Order::Last,
        Some(word) => {
            if let Some(node) = fields.get("order") {
                let text = format!("a control's order is not `{word}`");
                out.push(Diagnostic::error(&node.span, text).hint("there are `first` and `last`"));
            }
            Order::Number
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{File, yaml};

    fn parsed(text: &str) -> (Option<Control>, Vec<String>) {
        let (node, mut out) = yaml::parse_one(&File::new("modules/sshd/grace.yml", text));
        let control = Control::parse(&node, &mut out);
        (control, out.into_iter().map(|d| d.message).collect())
    }

    #[test]
    fn a_control_says_all_that_is_wrong_with_it() {
        let text = "id: sshd_gracious\ntitle: t\nseverity: hi\nratonale: r\nparameters: {x: {default: 1}}\n";
        let (control, wrong) = parsed(text);
        assert!(control.is_none());
        let all = wrong.join("\n");
        for part in [
            "`hi` is no severity",
            "no `rationale`",
            "no field `ratonale`",
            "does not follow",
            "has `tasks` or `manual`",
            "`x` does not belong",
            "no `why`",
        ] {
            assert!(all.contains(part), "{part} is not in\n{all}");
        }
    }

    #[test]
    fn references_keep_how_numbers_were_written() {
        let text = "id: sshd_grace\ntitle: t\nseverity: low\nrationale: r\nmanual: look\nreferences: {pci_dss_4: [2.10, 8.3.4]}\n";
        let (control, wrong) = parsed(text);
        assert_eq!(wrong, Vec::<String>::new());
        assert_eq!(control.unwrap().references["pci_dss_4"], ["2.10", "8.3.4"]);
    }
}
