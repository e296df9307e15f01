//! Rendering what was written: values, arguments, conditions, files.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::context::Ctx;
use super::engine::Engine;
use super::error::{Fail, Place, Res};
use super::parse::{self, RenderOptions};
use super::scope::{Scope, prepare};
use super::value::Val;
use super::{Outside, TemplateError};
use crate::source::vault::Keyring;
use crate::source::{
    Code, Diagnostic, File, Files, Kind, Mapping, Mask, Node, Span, Value, suggest,
};

/// What renderings may use.
pub struct TemplarOptions {
    pub files: Files,
    pub outside: Arc<dyn Outside>,
    pub vault: Arc<Keyring>,
    /// Learns every secret that is decrypted.
    pub mask: Mask,
    /// Take conditions that are not boolean by their truth, with a warning, as Ansible did before 2.19.
    pub lenient: bool,
}

/// Renders what was written. Shared by all hosts; what it parses, it parses once.
pub struct Templar {
    pub(in crate::vars) engine: Engine,
}

impl Templar {
    pub fn new(options: TemplarOptions) -> Templar {
        Templar {
            engine: Engine::new(
                options.files,
                options.outside,
                options.vault,
                options.mask,
                options.lenient,
            ),
        }
    }

    /// The local time as Python prints it.
    pub fn clock(&self) -> String {
        let moment = super::filters::time::moment(self.engine.outside.now(), false);
        moment.strftime("%Y-%m-%d %H:%M:%S.%f").unwrap_or_default()
    }

    /// Warnings of renderings since the last call.
    pub fn warnings(&self) -> Vec<Diagnostic> {
        self.engine
            .warnings
            .lock()
            .map(|mut w| std::mem::take(&mut *w))
            .unwrap_or_default()
    }

    /// A written value with every template in it rendered, and what is omitted left out.
    pub fn value(&self, node: &Node, scope: &Scope) -> Result<Value, TemplateError> {
        match self.optional(node, scope)? {
            Some(value) => Ok(value),
            None => Err(TemplateError::Other(Box::new(
                Diagnostic::error(&node.span, "the whole value is `omit`")
                    .code(Code::TemplateFailed)
                    .hint("`omit` removes an argument, a key or an item; here there is none"),
            ))),
        }
    }

    /// Like [`Templar::value`], with `None` where the whole value is `omit`.
    pub fn optional(&self, node: &Node, scope: &Scope) -> Result<Option<Value>, TemplateError> {
        match &node.kind {
            Kind::Str(s) if !parse::is_template(s) => {
                return Ok(Some(Value::String(s.to_string())));
            }
            Kind::Bool(b) => return Ok(Some(Value::Bool(*b))),
            _ => {}
        }
        let mut ctx = Ctx::new(&self.engine, scope);
        let value = prepare(node, None);
        ctx.finish(value).map_err(|e| ending(e, &node.span, scope))
    }

    /// A written value as text.
    pub fn text(&self, node: &Node, scope: &Scope) -> Result<String, TemplateError> {
        if let Kind::Str(s) = &node.kind
            && !parse::is_template(s)
        {
            return Ok(s.to_string());
        }
        let mut ctx = Ctx::new(&self.engine, scope);
        let text = prepare(node, None);
        let text = ctx.deep(text).and_then(|v| match super::run::hole(&v) {
            Some(fail) => Err(fail),
            None if matches!(v, Val::None) => Ok(String::new()),
            None => Ok(v.text().to_string()),
        });
        text.map_err(|e| ending(e, &node.span, scope))
    }

    /// Arguments of an action. Parameters that are expressions are evaluated instead of rendered, and
    /// arrive as `{expression, value}` or `{expression, error}`.
    pub fn args(
        &self,
        args: &[(String, Node)],
        scope: &Scope,
        expressions: &dyn Fn(&str) -> bool,
    ) -> Result<Mapping, TemplateError> {
        let mut out = Mapping::with_capacity(args.len());
        for (name, node) in args {
            let value = if expressions(name) {
                Some(self.expressions(node, scope)?)
            } else {
                self.optional(node, scope)?
            };
            if let Some(value) = value {
                out.insert(Value::String(self.name(name, node, scope)?), value);
            }
        }
        Ok(out)
    }

    /// The name of an argument: the variables that `set_fact` sets may be named by expressions.
    fn name(&self, name: &str, at: &Node, scope: &Scope) -> Result<String, TemplateError> {
        match name.contains("{{") {
            true => self.text(&Node::new(Kind::Str(name.into()), at.span.clone()), scope),
            false => Ok(name.to_owned()),
        }
    }

    fn expressions(&self, node: &Node, scope: &Scope) -> Result<Value, TemplateError> {
        if let Kind::Seq(items) = &node.kind {
            let items = items.iter().map(|n| self.expressions(n, scope));
            return Ok(Value::Sequence(items.collect::<Result<_, _>>()?));
        }
        let text = match &node.kind {
            Kind::Str(s) | Kind::Unsafe(s) => s.to_string(),
            Kind::Bool(b) => b.to_string(),
            _ => self.text(node, scope)?,
        };
        let result = match &node.kind {
            Kind::Str(_) => self.evaluate(node, scope),
            _ => self.value(node, scope),
        };
        let mut map = Mapping::new();
        map.insert("expression".into(), Value::String(text));
        match result {
            Ok(value) => map.insert("value".into(), value),
            Err(error @ (TemplateError::Pending | TemplateError::Unknown(_))) => return Err(error),
            Err(error) => map.insert("error".into(), Value::String(error.diagnostic().message)),
        };
        Ok(Value::Mapping(map))
    }

    fn evaluate(&self, node: &Node, scope: &Scope) -> Result<Value, TemplateError> {
        let mut ctx = Ctx::new(&self.engine, scope);
        let value = self.bare(&mut ctx, node).and_then(|v| ctx.finish(v));
        value
            .map(|v| v.unwrap_or(Value::Null))
            .map_err(|e| ending(e, &node.span, scope))
    }

    /// A bare expression's value, as `debug: var` and `until` have them.
    pub fn expression(
        &self,
        text: &str,
        span: &Span,
        scope: &Scope,
    ) -> Result<Value, TemplateError> {
        self.evaluate(&Node::str(text, span.clone()), scope)
    }

    /// Whether a condition holds. A list holds when all of it does; evaluation stops at the first that
    /// does not.
    pub fn condition(&self, node: &Node, scope: &Scope) -> Result<bool, TemplateError> {
        let value = match &node.kind {
            Kind::Bool(b) => return Ok(*b),
            Kind::Null => return Ok(true),
            Kind::Seq(items) => {
                for item in items {
                    if !self.condition(item, scope)? {
                        return Ok(false);
                    }
                }
                return Ok(true);
            }
            Kind::Str(_) => {
                let mut ctx = Ctx::new(&self.engine, scope);
                self.bare(&mut ctx, node)
                    .map_err(|e| ending(e, &node.span, scope))?
            }
            _ => prepare(node, None),
        };
        match value {
            Val::Bool(b) => Ok(b),
            Val::Undefined(missing) => Err(ending(Fail::undefined(&missing), &node.span, scope)),
            other if self.engine.lenient => {
                let what = other.described();
                let text = format!(
                    "the condition yields {what}, which counts as {}",
                    other.truth()
                );
                self.engine
                    .warn(Diagnostic::warning(&node.span, text).code(Code::Condition));
                Ok(match &other {
                    Val::Str(s) if s.eq_ignore_ascii_case("false") => false,
                    other => other.truth(),
                })
            }
            other => {
                let what = other.described();
                let hint = match other {
                    Val::Str(_) => "write `… | bool`, or compare it: `… | length > 0`",
                    Val::List(_) | Val::Dict(_) => "write `… | length > 0`",
                    Val::Int(_) | Val::Float(_) => "compare it: `… != 0`",
                    _ => "write `… is not none`, or compare it",
                };
                Err(TemplateError::Other(Box::new(
                    Diagnostic::error(
                        &node.span,
                        format!("a condition must be true or false, this one yields {what}"),
                    )
                    .code(Code::Condition)
                    .hint(hint),
                )))
            }
        }
    }

    /// Evaluates a bare expression, or what stands inside one pair of braces.
    fn bare(&self, ctx: &mut Ctx<'_>, node: &Node) -> Res<Val> {
        let text = match &node.kind {
            Kind::Str(s) | Kind::Unsafe(s) => Arc::clone(s),
            _ => return Ok(prepare(node, None)),
        };
        let result = self.bare_text(ctx, &text, node);
        result.map_err(|e| ctx.located(e, &text, &node.span))
    }

    fn bare_text(&self, ctx: &mut Ctx<'_>, text: &Arc<str>, node: &Node) -> Res<Val> {
        match self.engine.expr(text) {
            // In quotes it would stand for its own letters, and the condition would never hold.
            Ok(parsed) if super::check::embeds(text, &parsed) => Err(embedded()),
            Ok(parsed) => {
                let value = ctx.eval(&parsed)?;
                ctx.force(value)
            }
            Err(fail) if parse::is_template(text) => {
                let tree = self.engine.tree(text)?;
                if let [super::tree::Stmt::Emit(expr, _)] = tree.body.as_slice() {
                    self.engine.warn(
                        Diagnostic::warning(&node.span, "a condition needs no `{{ }}`")
                            .code(Code::EmbeddedTemplate)
                            .hint("write the expression alone"),
                    );
                    let value = ctx.eval(expr)?;
                    return ctx.force(value);
                }
                let _ = fail;
                Err(embedded())
            }
            Err(fail) => Err(fail),
        }
    }

    /// Renders a template file.
    pub fn file(
        &self,
        file: &Arc<File>,
        options: &RenderOptions,
        scope: &Scope,
    ) -> Result<String, TemplateError> {
        let whole = Span::new(file, 0, file.text.len());
        let (effective, _) = super::engine::header(&file.text, options);
        let result = self.engine.parse_file(file, options).and_then(|tree| {
            let mut ctx = Ctx::new(&self.engine, scope);
            ctx.folder = file.path.parent().map(Into::into);
            ctx.options = Some(Arc::new(options.clone()));
            let rest =
                &file.text[file.text.len() - super::engine::header(&file.text, options).1.len()..];
            let body = Span::new(file, file.text.len() - rest.len(), file.text.len());
            ctx.render_text(&tree)
                .map_err(|e| ctx.located(e, rest, &body))
        });
        let text = result.map_err(|e| ending(e, &whole, scope))?;
        Ok(if effective.newline == "\n" {
            text
        } else {
            text.replace('\n', &effective.newline)
        })
    }

    /// Mistakes in the templates of a value that can be told without any variable.
    pub fn check(&self, node: &Node) -> Vec<Diagnostic> {
        let mut out = Vec::new();
        super::check::value(&self.engine, node, &mut out);
        out
    }

    /// Mistakes in a condition, or a list of them.
    pub fn check_condition(&self, node: &Node) -> Vec<Diagnostic> {
        let mut out = Vec::new();
        super::check::condition(&self.engine, node, &mut out);
        out
    }

    /// Mistakes in a template file.
    pub fn check_file(&self, file: &Arc<File>, options: &RenderOptions) -> Vec<Diagnostic> {
        super::check::file(&self.engine, file, options)
    }

    /// Variables a value cannot do without: those behind `default` or `is defined` are not counted.
    pub fn names(&self, node: &Node) -> BTreeSet<String> {
        super::check::names(&self.engine, node, false)
    }

    /// Variables a condition cannot do without.
    pub fn condition_names(&self, node: &Node) -> BTreeSet<String> {
        super::check::names(&self.engine, node, true)
    }

    /// The items of a `with_…` loop.
    pub fn with_lookup(
        &self,
        name: &str,
        terms: &Node,
        action: &str,
        scope: &Scope,
    ) -> Result<Vec<Value>, TemplateError> {
        let mut ctx = Ctx::new(&self.engine, scope);
        let result = super::lookups::with(&mut ctx, name, terms, action).and_then(|items| {
            let mut out = Vec::new();
            for item in items {
                out.extend(ctx.finish(item)?);
            }
            Ok(out)
        });
        result.map_err(|e| ending(e, &terms.span, scope))
    }
}

/// The error a caller sees.
pub(in crate::vars) fn ending(fail: Fail, span: &Span, scope: &Scope) -> TemplateError {
    let at = |place: Option<&Place>| place.and_then(|p| p.span.clone()).unwrap_or(span.clone());
    match fail {
        Fail::Pending => TemplateError::Pending,
        Fail::Unknown(name) => TemplateError::Unknown(name.to_string()),
        Fail::Undefined(missing, place) => {
            let place = place.as_deref().or(missing.place());
            let mut diagnostic =
                Diagnostic::error(&at(place), missing.message.clone()).code(Code::Undefined);
            if !scope.unheard && !missing.name.contains(['.', '[']) {
                let names = scope.names();
                let known = names.iter().map(String::as_str);
                if let Some(near) = suggest::nearest(&missing.name, known) {
                    diagnostic = diagnostic.hint(format!("did you mean `{near}`?"));
                }
            }
            TemplateError::Undefined {
                name: missing.name.clone(),
                diagnostic: Box::new(diagnostic),
            }
        }
        Fail::Error(fault) => {
            let mut diagnostic = Diagnostic::error(&at(fault.place.as_deref()), fault.message)
                .code(fault.code.unwrap_or(Code::TemplateFailed));
            diagnostic.hints.extend(fault.hint);
            TemplateError::Other(Box::new(diagnostic))
        }
        Fail::Continue | Fail::Break => TemplateError::Other(Box::new(
            Diagnostic::error(span, "`break` and `continue` work inside loops only")
                .code(Code::TemplateSyntax),
        )),
    }
}

fn embedded() -> Fail {
    Fail::hinted(
        "embedded template in condition",
        "name the variable itself: `result.stdout == 'x'`; a condition is an expression already",
    )
    .code(Code::EmbeddedTemplate)
}

#[cfg(test)]
mod tests;
