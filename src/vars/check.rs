//! Templates looked at before any run: syntax, names of filters and tests, variables needed.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::engine::Engine;
use super::error::Fail;
use super::parse::{self, RenderOptions};
use super::tree::{Arg, Binary, Expr, Kind as E, Stmt, Target, Tree};
use super::value::Val;
use super::{filters, globals, tests};
use crate::source::{Code, Diagnostic, File, Kind, Node, Span, suggest};

pub(in crate::vars) fn value(engine: &Engine, node: &Node, out: &mut Vec<Diagnostic>) {
    match &node.kind {
        Kind::Str(s) if parse::is_template(s) => match engine.tree(s) {
            Ok(tree) => report(&tree.body, s, &node.span, out),
            Err(fail) => out.push(place(fail, s, &node.span)),
        },
        Kind::Seq(items) => items.iter().for_each(|n| value(engine, n, out)),
        Kind::Map(entries) => entries.iter().for_each(|(_, v)| value(engine, v, out)),
        _ => {}
    }
}

pub(in crate::vars) fn condition(engine: &Engine, node: &Node, out: &mut Vec<Diagnostic>) {
    match &node.kind {
        Kind::Seq(items) => items.iter().for_each(|n| condition(engine, n, out)),
        Kind::Str(s) => match engine.expr(s) {
            Ok(parsed) if embeds(s, &parsed) => out.push(embedded(node)),
            Ok(parsed) => {
                let mut look = Look::default();
                look.expr(&parsed, false);
                out.extend(look.diagnostics(s, &node.span));
            }
            Err(fail) if parse::is_template(s) => match engine.tree(s) {
                Ok(tree) if matches!(tree.body.as_slice(), [Stmt::Emit(..)]) => {
                    report(&tree.body, s, &node.span, out);
                }
                Ok(_) => out.push(embedded(node)),
                Err(_) => out.push(place(fail, s, &node.span)),
            },
            Err(fail) => out.push(place(fail, s, &node.span)),
        },
        _ => {}
    }
}

/// Whether a string within an expression holds a template. Those of lookups are rendered; others would
/// stand for their own letters.
pub(in crate::vars) fn embeds(text: &str, parsed: &Expr) -> bool {
    text.contains("{{") && {
        let mut look = Look::default();
        look.expr(parsed, false);
        look.embeds
    }
}

fn embedded(node: &Node) -> Diagnostic {
    Diagnostic::error(&node.span, "embedded template in condition")
        .code(Code::EmbeddedTemplate)
        .hint("a condition is an expression already: name the variable itself")
}

pub(in crate::vars) fn file(
    engine: &Engine,
    file: &Arc<File>,
    options: &RenderOptions,
) -> Vec<Diagnostic> {
    let rest = super::engine::header(&file.text, options).1;
    let span = Span::new(file, file.text.len() - rest.len(), file.text.len());
    let mut out = Vec::new();
    match engine.parse_file(file, options) {
        Ok(tree) => report(&tree.body, rest, &span, &mut out),
        Err(fail) => out.push(place(fail, rest, &span)),
    }
    out
}

pub(in crate::vars) fn names(engine: &Engine, node: &Node, bare: bool) -> BTreeSet<String> {
    let mut look = Look::default();
    collect(engine, node, bare, &mut look);
    look.needed
        .into_iter()
        .filter(|n| globals::find(n).is_none())
        .collect()
}

fn collect(engine: &Engine, node: &Node, bare: bool, look: &mut Look) {
    match &node.kind {
        Kind::Str(s) => {
            if bare && let Ok(parsed) = engine.expr(s) {
                look.expr(&parsed, false);
            } else if parse::is_template(s)
                && let Ok(tree) = engine.tree(s)
            {
                look.tree(&tree);
            }
        }
        Kind::Seq(items) => items.iter().for_each(|n| collect(engine, n, bare, look)),
        Kind::Map(entries) => entries
            .iter()
            .for_each(|(_, v)| collect(engine, v, bare, look)),
        _ => {}
    }
}

fn report(body: &[Stmt], text: &str, span: &Span, out: &mut Vec<Diagnostic>) {
    let mut look = Look::default();
    look.stmts(body);
    out.extend(look.diagnostics(text, span));
}

fn place(fail: Fail, text: &str, span: &Span) -> Diagnostic {
    let fail = fail.within(|at| Some(super::place::locate(span, text, at)));
    match fail {
        Fail::Error(fault) => {
            let span = fault.place.and_then(|p| p.span).unwrap_or(span.clone());
            let code = fault.code.unwrap_or(Code::TemplateSyntax);
            let mut diagnostic = Diagnostic::error(&span, fault.message).code(code);
            diagnostic.hints.extend(fault.hint);
            diagnostic
        }
        _ => Diagnostic::error(span, "this template cannot be read").code(Code::TemplateSyntax),
    }
}

/// One look through a tree.
#[derive(Default)]
struct Look {
    /// A string that holds a template.
    embeds: bool,
    bound: BTreeSet<Arc<str>>,
    needed: BTreeSet<String>,
    /// Variables some test or `default` takes care of: nowhere in this template are they counted.
    guarded: BTreeSet<Arc<str>>,
    unknown: Vec<(super::error::At, &'static str, Arc<str>)>,
}

impl Look {
    fn diagnostics(self, text: &str, span: &Span) -> Vec<Diagnostic> {
        let one = |(at, kind, name): (super::error::At, &'static str, Arc<str>)| {
            let span = super::place::locate(span, text, Some(at));
            let found = Diagnostic::error(&span, format!("unknown {kind} `{name}`"))
                .code(Code::UnknownFilter);
            let near = match kind {
                "filter" => suggest::nearest(&name, filters::names()),
                _ => suggest::nearest(&name, tests::names()),
            };
            match near {
                Some(near) => found.hint(format!("did you mean `{near}`?")),
                None if name.contains('.') => found.hint(
                    "filters of collections are Python; palisade has those of ansible.builtin and some more",
                ),
                None => found,
            }
        };
        self.unknown.into_iter().map(one).collect()
    }

    fn tree(&mut self, tree: &Tree) {
        self.stmts(&tree.body);
        let guarded = std::mem::take(&mut self.guarded);
        self.needed.retain(|n| !guarded.contains(n.as_str()));
        self.guarded = guarded;
    }

    fn stmts(&mut self, body: &[Stmt]) {
        body.iter().for_each(|s| self.stmt(s));
    }

    fn bind(&mut self, target: &Target) {
        match target {
            Target::Name(name) => {
                self.bound.insert(Arc::clone(name));
            }
            Target::Attr(object, _) => self.expr(object, false),
            Target::Many(targets) => targets.iter().for_each(|t| self.bind(t)),
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Raw(_) | Stmt::Continue | Stmt::Break => {}
            Stmt::Emit(e, _) | Stmt::Do(e) => self.expr(e, false),
            Stmt::For(def) => {
                self.expr(&def.iter, false);
                self.bind(&def.target);
                self.bound.insert(Arc::from("loop"));
                def.filter.iter().for_each(|e| self.expr(e, false));
                self.stmts(&def.body);
                self.stmts(&def.otherwise);
            }
            Stmt::If(test, yes, no) => {
                self.expr(test, false);
                self.stmts(yes);
                self.stmts(no);
            }
            Stmt::With(pairs, body) => {
                for (target, e) in pairs {
                    self.expr(e, false);
                    self.bind(target);
                }
                self.stmts(body);
            }
            Stmt::Set(target, e) => {
                self.expr(e, false);
                self.bind(target);
            }
            Stmt::SetBlock(target, filter, body) => {
                self.stmts(body);
                filter.iter().for_each(|e| self.expr(e, false));
                self.bind(target);
            }
            Stmt::Filter(filter, body) => {
                self.expr(filter, false);
                self.stmts(body);
            }
            Stmt::Scope(body) => self.stmts(body),
            Stmt::Block(block) => self.stmts(&block.body),
            Stmt::Import(e, name, _) => {
                self.expr(e, false);
                self.bound.insert(Arc::clone(name));
            }
            Stmt::FromImport(e, names, _) => {
                self.expr(e, false);
                self.bound
                    .extend(names.iter().map(|(_, alias)| Arc::clone(alias)));
            }
            Stmt::Extends(e, _) | Stmt::Include(e, _, _) => self.expr(e, false),
            Stmt::Macro(def) => self.macro_(def),
            Stmt::CallBlock(call, body, _) => {
                self.expr(call, false);
                self.macro_(body);
            }
        }
    }

    fn macro_(&mut self, def: &super::tree::Macro) {
        self.bound.insert(Arc::clone(&def.name));
        for (name, default) in &def.params {
            default.iter().for_each(|e| self.expr(e, false));
            self.bound.insert(Arc::clone(name));
        }
        for name in ["varargs", "kwargs", "caller"] {
            self.bound.insert(Arc::from(name));
        }
        self.stmts(&def.body);
    }

    /// Looks at an expression; `guarded` where something missing in it would not matter.
    fn expr(&mut self, expr: &Expr, guarded: bool) {
        match &expr.kind {
            E::Const(Val::Str(text)) => {
                let text: &str = text;
                let after = text.find("{{").map(|at| &text[at..]);
                self.embeds |= after.is_some_and(|rest| rest.contains("}}"));
            }
            E::Const(_) | E::Embedded(_) => {}
            E::Var(name) => {
                if self.bound.contains(name) {
                } else if guarded {
                    self.guarded.insert(Arc::clone(name));
                } else if !self.guarded.contains(name) {
                    self.needed.insert(name.to_string());
                }
            }
            E::Attr(object, _) => self.expr(object, guarded),
            E::Item(object, key) => {
                self.expr(object, guarded);
                self.expr(key, false);
            }
            E::Slice(object, parts) => {
                self.expr(object, guarded);
                parts.iter().flatten().for_each(|e| self.expr(e, false));
            }
            E::Not(e) | E::Neg(e) => self.expr(e, guarded),
            E::Binary(Binary::And | Binary::Or, left, right) => {
                self.expr(left, guarded);
                // The right side may never be reached.
                self.expr(right, true);
            }
            E::Binary(_, left, right) => {
                self.expr(left, guarded);
                self.expr(right, guarded);
            }
            E::Compare(first, rest) => {
                self.expr(first, guarded);
                rest.iter().for_each(|(_, e)| self.expr(e, guarded));
            }
            E::If(parts) => {
                self.expr(&parts.0, guarded);
                self.expr(&parts.1, true);
                parts.2.iter().for_each(|e| self.expr(e, true));
            }
            E::Filter(input, name, filter, args) => {
                if filter.is_none() {
                    self.unknown.push((expr.at, "filter", Arc::clone(name)));
                }
                let lenient = filter.is_some_and(|f| f.lenient);
                input.iter().for_each(|e| self.expr(e, guarded || lenient));
                self.args(args, lenient);
                self.named_inside(name, args, expr.at);
            }
            E::Test(input, name, test, args) => {
                if test.is_none() {
                    self.unknown.push((expr.at, "test", Arc::clone(name)));
                }
                self.expr(input, guarded || test.is_some_and(|t| t.lenient));
                self.args(args, false);
            }
            E::Call(callee, args) => {
                self.expr(callee, guarded);
                self.args(args, false);
            }
            E::List(items) | E::Tuple(items) => items.iter().for_each(|e| self.expr(e, guarded)),
            E::Dict(pairs) => pairs.iter().for_each(|(k, v)| {
                self.expr(k, guarded);
                self.expr(v, guarded);
            }),
        }
    }

    fn args(&mut self, args: &[Arg], guarded: bool) {
        for arg in args {
            match arg {
                Arg::Pos(e) | Arg::Named(_, e) | Arg::Splat(e) | Arg::NamedSplat(e) => {
                    self.expr(e, guarded);
                }
            }
        }
    }

    /// `map('filter')`, `select('test')` and their kind name filters and tests as strings.
    fn named_inside(&mut self, name: &str, args: &[Arg], at: super::error::At) {
        let position = match name {
            "map" | "select" | "reject" => 0,
            "selectattr" | "rejectattr" => 1,
            _ => return,
        };
        let Some(Arg::Pos(Expr {
            kind: E::Const(value),
            ..
        })) = args.get(position)
        else {
            return;
        };
        let Some(inner) = value.as_str() else { return };
        if name == "map" {
            if filters::find(inner).is_none() {
                self.unknown.push((at, "filter", Arc::from(inner)));
            }
        } else if tests::find(inner).is_none() {
            self.unknown.push((at, "test", Arc::from(inner)));
        }
    }
}
