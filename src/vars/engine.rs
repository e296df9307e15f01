//! What all renderings share: files, the outside world, parsed templates.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};

use super::Outside;
use super::error::{Fail, Res};
use super::parse::{self, RenderOptions};
use super::tree::{Expr, Tree};
use crate::source::pyre::{PyFlags, PyRegex};
use crate::source::vault::Keyring;
use crate::source::{Diagnostic, File, Files, Mask, Span};

/// Parsed templates kept. A project has thousands of strings; generated ones must not fill the memory.
const CACHED: usize = 50_000;

/// Compiled patterns kept: each costs some 50 µs to make and up to 100 KB to keep.
const REGEXES: usize = 1000;

type Parsed<T> = RwLock<HashMap<Arc<str>, Arc<T>>>;

pub(in crate::vars) struct Engine {
    pub files: Files,
    pub outside: Arc<dyn Outside>,
    pub vault: Arc<Keyring>,
    pub mask: Mask,
    pub lenient: bool,
    trees: Parsed<Tree>,
    exprs: Parsed<Expr>,
    templates: Mutex<HashMap<(PathBuf, RenderOptions), (Arc<File>, Arc<Tree>)>>,
    regexes: Mutex<HashMap<(String, PyFlags), Arc<PyRegex>>>,
    /// Warnings of renderings, for the caller to take.
    pub warnings: Mutex<Vec<Diagnostic>>,
}

impl Engine {
    pub(in crate::vars) fn new(
        files: Files,
        outside: Arc<dyn Outside>,
        vault: Arc<Keyring>,
        mask: Mask,
        lenient: bool,
    ) -> Engine {
        Engine {
            files,
            outside,
            vault,
            mask,
            lenient,
            trees: RwLock::default(),
            exprs: RwLock::default(),
            templates: Mutex::default(),
            regexes: Mutex::default(),
            warnings: Mutex::default(),
        }
    }

    pub(in crate::vars) fn tree(&self, text: &Arc<str>) -> Res<Arc<Tree>> {
        cached(&self.trees, text, |text| {
            match text
                .starts_with("#jinja2:")
                .then(|| header(text, &RenderOptions::default()))
            {
                Some((options, rest)) => {
                    let options = RenderOptions {
                        trim_blocks: options.trim_blocks,
                        ..options
                    };
                    parse::template(rest, Some(&options))
                }
                None => parse::template(text, None),
            }
        })
    }

    pub(in crate::vars) fn expr(&self, text: &Arc<str>) -> Res<Arc<Expr>> {
        cached(&self.exprs, text, parse::expression)
    }

    /// A template file's tree; its places count from the start of the file.
    pub(in crate::vars) fn file_tree(
        &self,
        path: &Path,
        options: &RenderOptions,
    ) -> Res<(Arc<File>, Arc<Tree>)> {
        let key = (path.to_owned(), options.clone());
        if let Ok(known) = self.templates.lock()
            && let Some(known) = known.get(&key)
        {
            return Ok(known.clone());
        }
        let file = self.files.text(path).map_err(|d| Fail::error(d.message))?;
        let tree = self.parse_file(&file, options)?;
        let both = (file, Arc::new(tree));
        if let Ok(mut known) = self.templates.lock()
            && known.len() < CACHED
        {
            known.insert(key, both.clone());
        }
        Ok(both)
    }

    pub(in crate::vars) fn parse_file(
        &self,
        file: &Arc<File>,
        options: &RenderOptions,
    ) -> Res<Tree> {
        let (options, rest) = header(&file.text, options);
        let skipped = file.text.len() - rest.len();
        // The header's line stays as an empty comment so that places are those of the file.
        let padded;
        let source = if skipped == 0 {
            rest
        } else {
            padded = rest.to_owned();
            &padded
        };
        let span = Span::new(file, skipped, file.text.len());
        parse::file(source, &options)
            .map_err(|e| e.within(|at| Some(super::place::locate(&span, source, at))))
    }

    pub(in crate::vars) fn regex(&self, pattern: &str, flags: PyFlags) -> Res<Arc<PyRegex>> {
        let key = (pattern.to_owned(), flags);
        if let Ok(known) = self.regexes.lock()
            && let Some(known) = known.get(&key)
        {
            return Ok(Arc::clone(known));
        }
        let made = Arc::new(PyRegex::new(pattern, flags).map_err(Fail::error)?);
        if let Ok(mut known) = self.regexes.lock()
            && known.len() < REGEXES
        {
            known.insert(key, Arc::clone(&made));
        }
        Ok(made)
    }

    pub(in crate::vars) fn decrypt(&self, text: &str, span: &Span) -> Res<Arc<str>> {
        let plain = self.vault.decrypt(text).map_err(|e| {
            Fail::error(format!("cannot decrypt: {e}")).within(|_| Some(span.clone()))
        })?;
        self.mask.add(&plain);
        Ok(Arc::from(plain.as_str()))
    }

    pub(in crate::vars) fn warn(&self, warning: Diagnostic) {
        if let Ok(mut warnings) = self.warnings.lock()
            && !warnings.iter().any(|w| w.message == warning.message)
        {
            warnings.push(warning);
        }
    }
}

fn cached<T>(cache: &Parsed<T>, text: &Arc<str>, make: impl FnOnce(&str) -> Res<T>) -> Res<Arc<T>> {
    if let Ok(known) = cache.read()
        && let Some(known) = known.get(text)
    {
        return Ok(Arc::clone(known));
    }
    let made = Arc::new(make(text)?);
    if let Ok(mut known) = cache.write()
        && known.len() < CACHED
    {
        known.insert(Arc::clone(text), Arc::clone(&made));
    }
    Ok(made)
}

/// Reads a `#jinja2: trim_blocks: False, lstrip_blocks: True` header; the text after it.
pub(in crate::vars) fn header<'t>(
    text: &'t str,
    options: &RenderOptions,
) -> (RenderOptions, &'t str) {
    let mut options = options.clone();
    let Some(after) = text.strip_prefix("#jinja2:") else {
        return (options, text);
    };
    let (line, rest) = after.split_once('\n').unwrap_or((after, ""));
    for pair in line.split(',') {
        let Some((key, value)) = pair.split_once(':') else {
            continue;
        };
        let value = value.trim().trim_matches(['\'', '"']);
        let on = value.eq_ignore_ascii_case("true");
        match key.trim() {
            "trim_blocks" => options.trim_blocks = on,
            "lstrip_blocks" => options.lstrip_blocks = on,
            "newline_sequence" => options.newline = value.replace("\\r", "\r").replace("\\n", "\n"),
            "variable_start_string" => options.variable.0 = value.to_owned(),
            "variable_end_string" => options.variable.1 = value.to_owned(),
            "block_start_string" => options.block.0 = value.to_owned(),
            "block_end_string" => options.block.1 = value.to_owned(),
            "comment_start_string" => options.comment.0 = value.to_owned(),
            "comment_end_string" => options.comment.1 = value.to_owned(),
            _ => {}
        }
    }
    (options, rest)
}

/// A path with `.` and `..` taken out as text.
pub(in crate::vars) fn join(base: &Path, name: &str) -> PathBuf {
    let mut out = PathBuf::new();
    for part in base.join(name).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if out.file_name().is_some() => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}
