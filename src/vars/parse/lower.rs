//! From minijinja's syntax tree to ours.

use std::sync::Arc;

use minijinja::machinery::{self, ast};

use super::{back, is_template};
use crate::vars::error::{At, Fail, Res};
use crate::vars::tree::{Arg, Binary, Block, Compare, Expr, For, Kind, Macro, Stmt, Target};
use crate::vars::value::Val;
use crate::vars::{filters, tests};

pub(super) struct Lower<'a> {
    pub(super) doubled: &'a [u32],
    pub(super) blocks: Vec<Arc<Block>>,
    pub(super) source: &'a str,
    /// Whether string literals may hold templates: in playbooks, not in template files.
    pub(super) embedded: bool,
    /// Lookup calls around: only their arguments may.
    pub(super) lookups: usize,
}

impl Lower<'_> {
    fn at(&self, span: machinery::Span) -> At {
        (
            back(span.start_offset, self.doubled),
            back(span.end_offset, self.doubled),
        )
    }

    pub(super) fn stmts(&mut self, stmts: &[ast::Stmt<'_>]) -> Res<Vec<Stmt>> {
        stmts.iter().map(|s| self.stmt(s)).collect()
    }

    pub(super) fn stmt(&mut self, stmt: &ast::Stmt<'_>) -> Res<Stmt> {
        Ok(match stmt {
            ast::Stmt::Template(t) => Stmt::Scope(self.stmts(&t.children)?),
            ast::Stmt::EmitExpr(e) => Stmt::Emit(self.expr(&e.expr)?, self.at(e.span())),
            ast::Stmt::EmitRaw(raw) => Stmt::Raw(Val::from(raw.raw)),
            ast::Stmt::ForLoop(l) => Stmt::For(Arc::new(For {
                target: self.target(&l.target)?,
                iter: self.expr(&l.iter)?,
                filter: l.filter_expr.as_ref().map(|e| self.expr(e)).transpose()?,
                recursive: l.recursive,
                uses_loop: self.source.contains("loop"),
                body: self.stmts(&l.body)?,
                otherwise: self.stmts(&l.else_body)?,
            })),
            ast::Stmt::IfCond(c) => Stmt::If(
                self.expr(&c.expr)?,
                self.stmts(&c.true_body)?,
                self.stmts(&c.false_body)?,
            ),
            ast::Stmt::WithBlock(w) => {
                let pairs = w.assignments.iter();
                let pairs = pairs.map(|(t, e)| Ok((self.target(t)?, self.expr(e)?)));
                Stmt::With(pairs.collect::<Res<_>>()?, self.stmts(&w.body)?)
            }
            ast::Stmt::Set(s) => Stmt::Set(self.target(&s.target)?, self.expr(&s.expr)?),
            ast::Stmt::SetBlock(s) => Stmt::SetBlock(
                self.target(&s.target)?,
                s.filter.as_ref().map(|e| self.expr(e)).transpose()?,
                self.stmts(&s.body)?,
            ),
            ast::Stmt::AutoEscape(a) => Stmt::Scope(self.stmts(&a.body)?),
            ast::Stmt::FilterBlock(f) => Stmt::Filter(self.expr(&f.filter)?, self.stmts(&f.body)?),
            ast::Stmt::Block(b) => {
                let block = Arc::new(Block {
                    name: Arc::from(b.name),
                    body: self.stmts(&b.body)?,
                    required: b.required,
                });
                self.blocks.push(Arc::clone(&block));
                Stmt::Block(block)
            }
            ast::Stmt::Import(i) => {
                let name = self.name(&i.name)?;
                Stmt::Import(self.expr(&i.expr)?, name, self.at(i.span()))
            }
            ast::Stmt::FromImport(i) => {
                let mut names = Vec::new();
                for (name, alias) in &i.names {
                    let name = self.name(name)?;
                    let alias = alias.as_ref().map(|a| self.name(a)).transpose()?;
                    names.push((Arc::clone(&name), alias.unwrap_or(name)));
                }
                Stmt::FromImport(self.expr(&i.expr)?, names, self.at(i.span()))
            }
            ast::Stmt::Extends(e) => Stmt::Extends(self.expr(&e.name)?, self.at(e.span())),
            ast::Stmt::Include(i) => {
                Stmt::Include(self.expr(&i.name)?, i.ignore_missing, self.at(i.span()))
            }
            ast::Stmt::Macro(m) => Stmt::Macro(self.macro_(m)?),
            ast::Stmt::CallBlock(c) => {
                let call = self.call(&c.call)?;
                let at = self.at(c.span());
                Stmt::CallBlock(Expr { kind: call, at }, self.macro_(&c.macro_decl)?, at)
            }
            ast::Stmt::Continue(_) => Stmt::Continue,
            ast::Stmt::Break(_) => Stmt::Break,
            ast::Stmt::Do(d) => Stmt::Do(Expr {
                kind: self.call(&d.call)?,
                at: self.at(d.span()),
            }),
        })
    }

    fn macro_(&mut self, m: &ast::Macro<'_>) -> Res<Arc<Macro>> {
        let first_default = m.args.len() - m.defaults.len();
        let mut params = Vec::new();
        for (i, param) in m.args.iter().enumerate() {
            let default = i
                .checked_sub(first_default)
                .map(|d| self.expr(&m.defaults[d]));
            params.push((self.name(param)?, default.transpose()?));
        }
        let body = self.stmts(&m.body)?;
        Ok(Arc::new(Macro {
            name: Arc::from(m.name),
            params,
            body,
        }))
    }

    fn name(&self, expr: &ast::Expr<'_>) -> Res<Arc<str>> {
        match expr {
            ast::Expr::Var(var) => Ok(Arc::from(var.id)),
            _ => Err(Fail::error("a name is needed here").at(self.at(expr.span()))),
        }
    }

    fn target(&mut self, expr: &ast::Expr<'_>) -> Res<Target> {
        Ok(match expr {
            ast::Expr::GetAttr(a) => Target::Attr(self.expr(&a.expr)?, Arc::from(a.name)),
            ast::Expr::List(l) => {
                Target::Many(l.items.iter().map(|e| self.target(e)).collect::<Res<_>>()?)
            }
            ast::Expr::Tuple(l) => {
                Target::Many(l.items.iter().map(|e| self.target(e)).collect::<Res<_>>()?)
            }
            other => Target::Name(self.name(other)?),
        })
    }

    fn boxed(&mut self, expr: &ast::Expr<'_>) -> Res<Box<Expr>> {
        self.expr(expr).map(Box::new)
    }

    fn call(&mut self, call: &ast::Call<'_>) -> Res<Kind> {
        let lookup =
            matches!(&call.expr, ast::Expr::Var(v) if matches!(v.id, "lookup" | "query" | "q"));
        let callee = self.boxed(&call.expr)?;
        self.lookups += usize::from(lookup);
        let args = self.args(&call.args);
        self.lookups -= usize::from(lookup);
        Ok(Kind::Call(callee, args?))
    }

    fn args(&mut self, args: &[ast::CallArg<'_>]) -> Res<Vec<Arg>> {
        let one = |arg: &ast::CallArg<'_>| {
            Ok(match arg {
                ast::CallArg::Pos(e) => Arg::Pos(self.expr(e)?),
                ast::CallArg::Kwarg(name, e) => Arg::Named(Arc::from(*name), self.expr(e)?),
                ast::CallArg::PosSplat(e) => Arg::Splat(self.expr(e)?),
                ast::CallArg::KwargSplat(e) => Arg::NamedSplat(self.expr(e)?),
            })
        };
        args.iter().map(one).collect()
    }

    fn exprs(&mut self, items: &[ast::Expr<'_>]) -> Res<Vec<Expr>> {
        items.iter().map(|e| self.expr(e)).collect()
    }

    /// Each kind has a function of its own, so that nesting costs the stack of one kind only.
    pub(super) fn expr(&mut self, expr: &ast::Expr<'_>) -> Res<Expr> {
        let at = self.at(expr.span());
        let kind = match expr {
            ast::Expr::Var(v) => Ok(Kind::Var(Arc::from(v.id))),
            ast::Expr::Const(c) => Ok(self.constant(c)),
            ast::Expr::Slice(s) => self.slice(s),
            ast::Expr::UnaryOp(u) => self.unary(u),
            ast::Expr::BinOp(b) => return self.binary(b),
            ast::Expr::Compare(c) => self.comparison(c),
            ast::Expr::IfExpr(i) => self.inline_if(i),
            ast::Expr::Filter(f) => self.filter(f),
            ast::Expr::Test(t) => self.test(t),
            ast::Expr::GetAttr(g) => self.attribute(g),
            ast::Expr::GetItem(g) => self.subscript(g),
            ast::Expr::Call(c) => self.call(c),
            ast::Expr::List(l) => self.exprs(&l.items).map(Kind::List),
            ast::Expr::Tuple(t) => self.exprs(&t.items).map(Kind::Tuple),
            ast::Expr::Map(m) => self.mapping(m),
        };
        kind.map(|kind| Expr { kind, at })
    }

    fn constant(&self, c: &ast::Const) -> Kind {
        match crate::vars::convert::from_minijinja(&c.value) {
            Val::Str(text) if self.embedded && self.lookups > 0 && is_template(&text) => {
                Kind::Embedded(text)
            }
            value => Kind::Const(value),
        }
    }

    fn slice(&mut self, s: &ast::Slice<'_>) -> Res<Kind> {
        let mut part = |e: &Option<ast::Expr<'_>>| e.as_ref().map(|e| self.boxed(e)).transpose();
        let parts = [part(&s.start)?, part(&s.stop)?, part(&s.step)?];
        Ok(Kind::Slice(self.boxed(&s.expr)?, parts))
    }

    fn unary(&mut self, u: &ast::UnaryOp<'_>) -> Res<Kind> {
        let inner = self.boxed(&u.expr)?;
        Ok(match u.op {
            ast::UnaryOpKind::Not => Kind::Not(inner),
            ast::UnaryOpKind::Neg => Kind::Neg(inner),
        })
    }

    fn comparison(&mut self, c: &ast::Compare<'_>) -> Res<Kind> {
        let ops = c
            .ops
            .iter()
            .map(|o| Ok((chained(o.op), self.expr(&o.expr)?)));
        let ops = ops.collect::<Res<_>>()?;
        Ok(Kind::Compare(self.boxed(&c.expr)?, ops))
    }

    fn inline_if(&mut self, i: &ast::IfExpr<'_>) -> Res<Kind> {
        Ok(Kind::If(Box::new((
            self.expr(&i.test_expr)?,
            self.expr(&i.true_expr)?,
            i.false_expr.as_ref().map(|e| self.expr(e)).transpose()?,
        ))))
    }

    fn filter(&mut self, f: &ast::Filter<'_>) -> Res<Kind> {
        let input = f.expr.as_ref().map(|e| self.boxed(e)).transpose()?;
        let (name, args) = (plain_name(f.name), self.args(&f.args)?);
        let filter = filters::find(&name);
        Ok(Kind::Filter(input, name, filter, args))
    }

    fn test(&mut self, t: &ast::Test<'_>) -> Res<Kind> {
        let (name, args) = (plain_name(t.name), self.args(&t.args)?);
        let test = tests::find(&name);
        Ok(Kind::Test(self.boxed(&t.expr)?, name, test, args))
    }

    fn attribute(&mut self, g: &ast::GetAttr<'_>) -> Res<Kind> {
        Ok(Kind::Attr(self.boxed(&g.expr)?, Arc::from(g.name)))
    }

    fn subscript(&mut self, g: &ast::GetItem<'_>) -> Res<Kind> {
        Ok(Kind::Item(
            self.boxed(&g.expr)?,
            self.boxed(&g.subscript_expr)?,
        ))
    }

    fn mapping(&mut self, m: &ast::Map<'_>) -> Res<Kind> {
        let keys = self.exprs(&m.keys)?;
        Ok(Kind::Dict(
            keys.into_iter().zip(self.exprs(&m.values)?).collect(),
        ))
    }

    /// A chain like `a ~ b ~ c` nests to the left; it is worked off in a loop.
    fn binary(&mut self, b: &ast::BinOp<'_>) -> Res<Expr> {
        let mut spine = Vec::new();
        let mut next = Some(b);
        let mut first = None;
        while let Some(b) = next {
            spine.push((b.op, &b.right));
            next = match &b.left {
                ast::Expr::BinOp(inner) => Some(inner),
                other => {
                    first = Some(other);
                    None
                }
            };
        }
        let Some(first) = first else {
            return Err(Fail::error("an operator needs two sides"));
        };
        let mut left = self.expr(first)?;
        for (op, right) in spine.into_iter().rev() {
            let right = self.expr(right)?;
            let at = (left.at.0, right.at.1);
            let kind = match operator(op) {
                Operator::Compare(op) => Kind::Compare(Box::new(left), vec![(op, right)]),
                Operator::Binary(op) => Kind::Binary(op, Box::new(left), Box::new(right)),
            };
            left = Expr { kind, at };
        }
        Ok(left)
    }
}

enum Operator {
    Compare(Compare),
    Binary(Binary),
}

fn operator(op: ast::BinOpKind) -> Operator {
    use ast::BinOpKind as K;
    Operator::Binary(match op {
        K::Eq => return Operator::Compare(Compare::Eq),
        K::Ne => return Operator::Compare(Compare::Ne),
        K::Lt => return Operator::Compare(Compare::Lt),
        K::Lte => return Operator::Compare(Compare::Le),
        K::Gt => return Operator::Compare(Compare::Gt),
        K::Gte => return Operator::Compare(Compare::Ge),
        K::In => return Operator::Compare(Compare::In),
        K::ScAnd => Binary::And,
        K::ScOr => Binary::Or,
        K::Add => Binary::Add,
        K::Sub => Binary::Sub,
        K::Mul => Binary::Mul,
        K::Div => Binary::Div,
        K::FloorDiv => Binary::FloorDiv,
        K::Rem => Binary::Rem,
        K::Pow => Binary::Pow,
        K::Concat => Binary::Concat,
    })
}

fn chained(op: ast::CompareOpKind) -> Compare {
    match op {
        ast::CompareOpKind::Eq => Compare::Eq,
        ast::CompareOpKind::Ne => Compare::Ne,
        ast::CompareOpKind::Lt => Compare::Lt,
        ast::CompareOpKind::Lte => Compare::Le,
        ast::CompareOpKind::Gt => Compare::Gt,
        ast::CompareOpKind::Gte => Compare::Ge,
        ast::CompareOpKind::In => Compare::In,
        ast::CompareOpKind::NotIn => Compare::NotIn,
    }
}

/// `ansible.builtin.combine` and `combine` are one filter; so are `a . b` and `a.b`.
fn plain_name(name: &str) -> Arc<str> {
    let name: String = name.chars().filter(|c| !c.is_whitespace()).collect();
    let short = ["ansible.builtin.", "ansible.legacy."]
        .iter()
        .find_map(|p| name.strip_prefix(p));
    Arc::from(short.unwrap_or(&name))
}
