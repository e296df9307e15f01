//! From template text to a [`Tree`]: minijinja's parser, used for its grammar alone.
//!
//! The parser lies behind a feature without a promise of stability, so everything that knows its
//! syntax tree is in this file and the one below it, and the version is pinned.

use minijinja::machinery::{self, ast};
use minijinja::syntax::SyntaxConfig;

use super::error::{Fail, Res};
use super::tree::{Expr, Tree};
use crate::source::Code;

mod lower;

use lower::Lower;

/// How a template file is to be rendered: the arguments of the `template` action that matter to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RenderOptions {
    pub trim_blocks: bool,
    pub lstrip_blocks: bool,
    pub newline: String,
    pub block: (String, String),
    pub variable: (String, String),
    pub comment: (String, String),
}

impl Default for RenderOptions {
    fn default() -> RenderOptions {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        RenderOptions {
            trim_blocks: true,
            lstrip_blocks: false,
            newline: "\n".into(),
            block: pair("{%", "%}"),
            variable: pair("{{", "}}"),
            comment: pair("{#", "#}"),
        }
    }
}

/// Template syntax somewhere in a string.
pub(in crate::vars) fn is_template(text: &str) -> bool {
    text.contains('{') && ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark))
}

/// Parses a string of a playbook's: backslashes in its string literals are literal.
pub(in crate::vars) fn template(text: &str, overrides: Option<&RenderOptions>) -> Res<Tree> {
    let (body, trailing) = ending(text);
    let (source, doubled) = literal(body, false);
    let mut config = SyntaxConfig::builder();
    config.keep_trailing_newline(true).trim_blocks(true);
    if let Some(options) = overrides {
        set(&mut config, options);
    }
    tree(&source, config, &doubled, trailing, true)
}

/// Parses a template file: escapes in its string literals are Python's.
pub(in crate::vars) fn file(text: &str, options: &RenderOptions) -> Res<Tree> {
    let mut config = SyntaxConfig::builder();
    config.keep_trailing_newline(true);
    set(&mut config, options);
    let (body, trailing) = ending(text);
    tree(body, config, &[], trailing, false)
}

/// Text without its last newline, and how many newlines what comes of it ends in at least.
fn ending(text: &str) -> (&str, usize) {
    let trailing = text.len() - text.trim_end_matches('\n').len();
    (text.strip_suffix('\n').unwrap_or(text), trailing)
}

fn set(config: &mut minijinja::syntax::SyntaxConfigBuilder, options: &RenderOptions) {
    config
        .trim_blocks(options.trim_blocks)
        .lstrip_blocks(options.lstrip_blocks)
        .block_delimiters(options.block.0.clone(), options.block.1.clone())
        .variable_delimiters(options.variable.0.clone(), options.variable.1.clone())
        .comment_delimiters(options.comment.0.clone(), options.comment.1.clone());
}

fn tree(
    source: &str,
    config: minijinja::syntax::SyntaxConfigBuilder,
    doubled: &[u32],
    trailing: usize,
    embedded: bool,
) -> Res<Tree> {
    let config = config.build().map_err(|e| syntax(&e))?;
    let parsed = machinery::parse(source, "", config).map_err(|e| unmap(syntax(&e), doubled))?;
    let mut lower = Lower {
        doubled,
        blocks: Vec::new(),
        source,
        embedded,
        lookups: 0,
    };
    let body = match &parsed {
        ast::Stmt::Template(template) => lower.stmts(&template.children)?,
        other => vec![lower.stmt(other)?],
    };
    let blocks = lower.blocks;
    Ok(Tree {
        body,
        blocks,
        trailing,
    })
}

/// Parses a bare expression, as in `when`.
pub(in crate::vars) fn expression(text: &str) -> Res<Expr> {
    let (source, doubled) = literal(text, true);
    let parsed = machinery::parse_expr(&source).map_err(|e| unmap(syntax(&e), &doubled))?;
    let mut lower = Lower {
        doubled: &doubled,
        blocks: Vec::new(),
        source: &source,
        embedded: true,
        lookups: 0,
    };
    lower.expr(&parsed)
}

fn syntax(error: &minijinja::Error) -> Fail {
    let detail = error.detail().unwrap_or("it cannot be read");
    let fail = Fail::error(format!("syntax error in template: {detail}"));
    let fail = fail.code(Code::TemplateSyntax);
    match error.range() {
        Some(range) => fail.at((clip(range.start), clip(range.end))),
        None => fail,
    }
}

fn unmap(fail: Fail, doubled: &[u32]) -> Fail {
    match fail {
        Fail::Error(mut fault) => {
            if let Some(place) = &mut fault.place {
                place.at = (back(place.at.0, doubled), back(place.at.1, doubled));
            }
            Fail::Error(fault)
        }
        other => other,
    }
}

fn clip(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// An offset in the text as written, from one in the text with backslashes doubled.
fn back(offset: u32, doubled: &[u32]) -> u32 {
    let before = doubled.partition_point(|d| *d < offset);
    offset.saturating_sub(clip(before))
}

/// Doubles the backslashes of string literals inside template tags, and says where.
fn literal(text: &str, inside: bool) -> (String, Vec<u32>) {
    let mut doubled = Vec::new();
    if !text.contains('\\') {
        return (text.to_owned(), doubled);
    }
    let mut out = String::with_capacity(text.len() + 8);
    let (mut tag, mut quote, mut comment) = (inside, None, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        let next = chars.peek().copied();
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some(q), '\\') => match next {
                // `\'` stays: it does not end the string.
                Some(n) if n == q => {
                    out.push(n);
                    chars.next();
                }
                _ => {
                    let both = next == Some('\\');
                    doubled.push(clip(out.len()));
                    out.push('\\');
                    if both {
                        out.push('\\');
                        doubled.push(clip(out.len()));
                        out.push('\\');
                        chars.next();
                    }
                }
            },
            (Some(_), _) => {}
            (None, '{') if !tag && !comment && matches!(next, Some('{' | '%')) => tag = !inside,
            (None, '{') if !tag && next == Some('#') => comment = true,
            (None, '#') if comment && next == Some('}') => comment = false,
            (None, '}' | '%') if tag && !inside && next == Some('}') => tag = false,
            (None, '\'' | '"') if tag => quote = Some(c),
            (None, _) => {}
        }
    }
    (out, doubled)
}

#[cfg(test)]
mod test {
    use super::literal;

    #[test]
    fn only_backslashes_of_literals_in_tags_are_doubled() {
        assert_eq!(literal(r"a\b {{ 'c\d' }}", false).0, r"a\b {{ 'c\\d' }}");
        assert_eq!(literal(r"'\d' \ ", true).0, r"'\\d' \ ");
        assert_eq!(literal(r"{{ 'a\'b' }}", false).0, r"{{ 'a\'b' }}");
    }
}
