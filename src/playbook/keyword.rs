//! Which word may stand on a play, a role, a block, a task or a handler, and what may stand behind it.

use crate::source::{Code, Diagnostic, Kind, Node, Span, suggest};

use super::{is_template, scalar};

/// What a word stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    Play,
    Role,
    Block,
    Task,
    Handler,
}

impl On {
    const ALL: [On; 5] = [On::Play, On::Role, On::Block, On::Task, On::Handler];

    fn letter(self) -> char {
        match self {
            On::Play => 'p',
            On::Role => 'r',
            On::Block => 'b',
            On::Task => 't',
            On::Handler => 'h',
        }
    }

    /// With its article, as messages say it.
    pub fn noun(self) -> &'static str {
        match self {
            On::Play => "a play",
            On::Role => "a role",
            On::Block => "a block",
            On::Task => "a task",
            On::Handler => "a handler",
        }
    }
}

/// What may stand behind a keyword. Templates are always allowed where they can be rendered later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Any,
    Boolean,
    Integer,
    Number,
    Text,
    /// A name that is needed before anything is rendered.
    Plain,
    /// One or several names.
    Names,
    Mapping,
    List,
    /// An expression, or a list of them.
    Condition,
}

#[derive(Debug)]
pub struct Keyword {
    pub name: &'static str,
    /// Letters of what it may stand on: play, role, block, task, handler.
    on: &'static str,
    pub shape: Shape,
}

impl Keyword {
    pub fn stands_on(&self, on: On) -> bool {
        self.on.contains(on.letter())
    }
}

macro_rules! keywords {
    ($($name:literal $on:literal $shape:ident;)*) => {
        /// Every keyword, by name.
        pub static KEYWORDS: &[Keyword] = &[
            $(Keyword { name: $name, on: $on, shape: Shape::$shape },)*
        ];
    };
}

keywords! {
    "action" "th" Any;
    "always" "b" List;
    "any_errors_fatal" "prbth" Boolean;
    "args" "th" Any;
    "async" "th" Integer;
    "become" "prbth" Boolean;
    "become_exe" "prbth" Text;
    "become_flags" "prbth" Text;
    "become_method" "prbth" Text;
    "become_user" "prbth" Text;
    "block" "b" List;
    "changed_when" "th" Condition;
    "check_mode" "prbth" Boolean;
    "collections" "prbth" Names;
    "connection" "prbth" Text;
    "debugger" "prbth" Text;
    "delay" "th" Number;
    "delegate_facts" "rbth" Boolean;
    "delegate_to" "rbth" Text;
    "diff" "prbth" Boolean;
    "environment" "prbth" Any;
    "fact_path" "p" Text;
    "failed_when" "th" Condition;
    "force_handlers" "p" Boolean;
    "gather_facts" "p" Boolean;
    "gather_subset" "p" Names;
    "gather_timeout" "p" Integer;
    "guard" "pbth" Any;
    "handlers" "p" List;
    "hosts" "p" Names;
    "ignore_errors" "prbth" Boolean;
    "ignore_unreachable" "prbth" Boolean;
    "listen" "h" Names;
    "local_action" "th" Any;
    "loop" "th" Any;
    "loop_control" "th" Mapping;
    "max_fail_percentage" "p" Any;
    "module_defaults" "prbth" Any;
    "name" "prbth" Text;
    "no_log" "prbth" Boolean;
    "notify" "bth" Names;
    "order" "p" Text;
    "poll" "th" Integer;
    "port" "prbth" Integer;
    "post_tasks" "p" List;
    "pre_tasks" "p" List;
    "register" "th" Plain;
    "remote_user" "prbth" Text;
    "rescue" "b" List;
    "retries" "th" Integer;
    "role" "r" Text;
    "roles" "p" List;
    "run_once" "prbth" Boolean;
    "serial" "p" Any;
    "strategy" "p" Text;
    "tags" "prbth" Names;
    "tasks" "p" List;
    "throttle" "prbth" Integer;
    "timeout" "prbth" Integer;
    "until" "th" Condition;
    "user" "p" Text;
    "validate_argspec" "p" Any;
    "vars" "prbth" Mapping;
    "vars_files" "p" Any;
    "vars_prompt" "p" List;
    "when" "rbth" Condition;
}

/// The keyword of this name, wherever it may stand.
pub fn find(name: &str) -> Option<&'static Keyword> {
    KEYWORDS
        .binary_search_by_key(&name, |keyword| keyword.name)
        .ok()
        .map(|index| &KEYWORDS[index])
}

/// The names of all keywords that may stand on something.
pub fn names(on: On) -> impl Iterator<Item = &'static str> {
    KEYWORDS
        .iter()
        .filter(move |k| k.stands_on(on))
        .map(|k| k.name)
}

/// A word that may not stand where it does.
pub fn misplaced(keyword: &Keyword, on: On, at: &Span) -> Diagnostic {
    let homes: Vec<_> = On::ALL
        .into_iter()
        .filter(|home| keyword.stands_on(*home))
        .map(On::noun)
        .collect();
    Diagnostic::error(
        at,
        format!("`{}` cannot stand on {}", keyword.name, on.noun()),
    )
    .code(Code::MisplacedKeyword)
    .hint(format!("it belongs on {}", homes.join(", ")))
}

/// A word that is no keyword at all.
pub fn unknown(name: &str, on: On, at: &Span) -> Diagnostic {
    let error = Diagnostic::error(at, format!("unknown keyword `{name}` on {}", on.noun()))
        .code(Code::UnknownKeyword);
    match suggest::nearest(name, names(on)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error,
    }
}

/// Keywords as given, in the order they were written.
#[derive(Clone, Debug, Default)]
pub struct Given {
    entries: Vec<(&'static Keyword, Span, Node)>,
}

impl Given {
    /// Takes a keyword, refusing a value it cannot have.
    pub fn add(
        &mut self,
        keyword: &'static Keyword,
        at: &Span,
        value: &Node,
        out: &mut Vec<Diagnostic>,
    ) {
        match misshapen(keyword, value) {
            Some(diagnostic) => out.push(diagnostic.code(Code::KeywordValue)),
            None => self.entries.push((keyword, at.clone(), value.clone())),
        }
    }

    /// What was given for a keyword; a null counts as not given.
    pub fn get(&self, name: &str) -> Option<&Node> {
        let mut found = self.entries.iter().rev();
        let (_, _, value) = found.find(|(keyword, _, _)| keyword.name == name)?;
        (!value.is_null()).then_some(value)
    }

    pub fn cloned(&self, name: &str) -> Option<Node> {
        self.get(name).cloned()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Node)> {
        self.entries.iter().map(|(k, _, v)| (k.name, v))
    }

    /// Where each keyword stands.
    pub fn places(&self) -> impl Iterator<Item = (&'static str, &Span)> {
        self.entries.iter().map(|(k, at, _)| (k.name, at))
    }
}

/// The mistake in a value that a keyword cannot have; what holds a template is known only later.
fn misshapen(keyword: &Keyword, value: &Node) -> Option<Diagnostic> {
    if matches!(value.kind, Kind::Null | Kind::Vault(_)) {
        return None;
    }
    let templated = value.as_str().is_some_and(is_template);
    let wrong = |wanted: &str| {
        let found = match value.as_str() {
            Some(text) => format!("`{text}`"),
            None => value.type_name().to_owned(),
        };
        let text = format!("`{}` must be {wanted}, not {found}", keyword.name);
        Some(Diagnostic::error(&value.span, text))
    };
    match keyword.shape {
        Shape::Any => None,
        Shape::Plain if templated => Some(
            Diagnostic::error(
                &value.span,
                format!("`{}` cannot be a template", keyword.name),
            )
            .hint("write the name itself"),
        ),
        Shape::Plain => {
            let name = value.as_str().is_some_and(is_variable_name);
            if name {
                None
            } else {
                wrong("the name of a variable")
            }
        }
        _ if templated && keyword.shape != Shape::Mapping => None,
        Shape::Boolean if !is_boolean(value) => wrong("a boolean"),
        Shape::Integer if !is_number(value, |t| t.parse::<i64>().is_ok()) => wrong("an integer"),
        Shape::Number if !is_number(value, |t| t.parse::<f64>().is_ok()) => wrong("a number"),
        Shape::Text if scalar(value).is_none() => wrong("a string"),
        Shape::Mapping if value.as_map().is_none() => wrong("a mapping"),
        Shape::List if value.as_seq().is_none() => wrong("a list"),
        Shape::Names | Shape::Condition => match &value.kind {
            Kind::Map(_) => wrong("a string or a list of strings"),
            Kind::Seq(items) => items.iter().find(|i| scalar(i).is_none()).map(|item| {
                let text = format!(
                    "`{}` holds {}, not a string",
                    keyword.name,
                    item.type_name()
                );
                let error = Diagnostic::error(&item.span, text);
                match item.kind {
                    Kind::Map(_) => error.hint("quote it if it holds a colon or begins with `{`"),
                    _ => error,
                }
            }),
            _ => None,
        },
        _ => None,
    }
}

/// Whether this can be the name of a variable.
pub fn is_variable_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_')
}

/// The boolean that was written, in any of the ways there are.
pub fn boolean(node: &Node) -> Option<bool> {
    match &node.kind {
        Kind::Bool(b) => Some(*b),
        Kind::Int(0) => Some(false),
        Kind::Int(1) => Some(true),
        Kind::Str(text) => match text.to_lowercase().as_str() {
            "yes" | "true" | "on" | "1" | "y" | "t" => Some(true),
            "no" | "false" | "off" | "0" | "n" | "f" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn is_boolean(node: &Node) -> bool {
    boolean(node).is_some()
}

fn is_number(node: &Node, reads: impl Fn(&str) -> bool) -> bool {
    match &node.kind {
        Kind::Int(_) | Kind::Bool(_) => true,
        Kind::Float(f) => reads(&f.to_string()),
        Kind::Str(text) => reads(text.trim()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{KEYWORDS, On, find, is_variable_name};

    #[test]
    fn the_table_is_sorted_and_every_keyword_has_a_home() {
        assert!(KEYWORDS.windows(2).all(|w| w[0].name < w[1].name));
        let homeless = |on: &str| !On::ALL.iter().any(|o| on.contains(o.letter()));
        assert!(!KEYWORDS.iter().any(|k| homeless(k.on)));
        assert!(find("listen").is_some_and(|k| k.stands_on(On::Handler) && !k.stands_on(On::Task)));
    }

    #[test]
    fn names_of_variables() {
        assert!(is_variable_name("my_var1") && is_variable_name("_x"));
        assert!(!is_variable_name("my-var") && !is_variable_name("1st") && !is_variable_name(""));
    }
}
