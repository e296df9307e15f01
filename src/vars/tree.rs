//! A template after parsing: names resolved, constants made, nothing borrowed.

use std::sync::Arc;

use super::error::At;
use super::filters::Filter;
use super::tests::Test;
use super::value::Val;

/// A template, parsed once and shared.
pub(in crate::vars) struct Tree {
    pub body: Vec<Stmt>,
    pub blocks: Vec<Arc<Block>>,
    /// Line feeds at the end of the source, kept for text.
    pub trailing: usize,
}

pub(in crate::vars) enum Stmt {
    Raw(Val),
    Emit(Expr, At),
    For(Arc<For>),
    If(Expr, Vec<Stmt>, Vec<Stmt>),
    With(Vec<(Target, Expr)>, Vec<Stmt>),
    Set(Target, Expr),
    SetBlock(Target, Option<Expr>, Vec<Stmt>),
    Filter(Expr, Vec<Stmt>),
    Scope(Vec<Stmt>),
    Block(Arc<Block>),
    Import(Expr, Arc<str>, At),
    FromImport(Expr, Vec<(Arc<str>, Arc<str>)>, At),
    Extends(Expr, At),
    Include(Expr, bool, At),
    Macro(Arc<Macro>),
    CallBlock(Expr, Arc<Macro>, At),
    Do(Expr),
    Continue,
    Break,
}

pub(in crate::vars) struct Block {
    pub name: Arc<str>,
    pub body: Vec<Stmt>,
    pub required: bool,
}

pub(in crate::vars) struct For {
    pub target: Target,
    pub iter: Expr,
    pub filter: Option<Expr>,
    pub recursive: bool,
    pub uses_loop: bool,
    pub body: Vec<Stmt>,
    pub otherwise: Vec<Stmt>,
}

pub(in crate::vars) struct Macro {
    pub name: Arc<str>,
    pub params: Vec<(Arc<str>, Option<Expr>)>,
    pub body: Vec<Stmt>,
}

pub(in crate::vars) enum Target {
    Name(Arc<str>),
    Attr(Expr, Arc<str>),
    Many(Vec<Target>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::vars) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Rem,
    Pow,
    Concat,
    And,
    Or,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::vars) enum Compare {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
}

pub(in crate::vars) struct Expr {
    pub kind: Kind,
    pub at: At,
}

pub(in crate::vars) enum Kind {
    Const(Val),
    /// An argument of a lookup that is a template in quotes: people write it, it is rendered.
    Embedded(Arc<str>),
    Var(Arc<str>),
    Attr(Box<Expr>, Arc<str>),
    Item(Box<Expr>, Box<Expr>),
    Slice(Box<Expr>, [Option<Box<Expr>>; 3]),
    Not(Box<Expr>),
    Neg(Box<Expr>),
    Binary(Binary, Box<Expr>, Box<Expr>),
    Compare(Box<Expr>, Vec<(Compare, Expr)>),
    If(Box<(Expr, Expr, Option<Expr>)>),
    /// The input is absent in a filter block.
    Filter(Option<Box<Expr>>, Arc<str>, Option<Filter>, Vec<Arg>),
    Test(Box<Expr>, Arc<str>, Option<Test>, Vec<Arg>),
    Call(Box<Expr>, Vec<Arg>),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>),
}

pub(in crate::vars) enum Arg {
    Pos(Expr),
    Named(Arc<str>, Expr),
    Splat(Expr),
    NamedSplat(Expr),
}
