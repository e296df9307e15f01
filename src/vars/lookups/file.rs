//! Lookups of files of the controller.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Ask;
use crate::source::{Files, Span};
use crate::vars::context::Ctx;
use crate::vars::engine::join;
use crate::vars::error::{Fail, Res};
use crate::vars::value::{Dict, Key, Val};

/// A relative name along the search path: in each base's folder first, then in the base itself.
pub(super) fn find(ctx: &Ctx<'_>, folder: &str, name: &str) -> Option<PathBuf> {
    let path = Path::new(name);
    if path.is_absolute() {
        return Some(path.to_owned()).filter(|p| ctx.engine.files.is_file(p));
    }
    let bases = &ctx.scope.search.bases;
    let mut found = bases
        .iter()
        .flat_map(|b| [join(&b.join(folder), name), join(b, name)]);
    found.find(|p| ctx.engine.files.is_file(p))
}

fn missing(of: &str, name: &str) -> Fail {
    Fail::error(format!("`{of}`: there is no file `{name}`"))
}

/// A file's text; what is vaulted is decrypted and masked.
fn read(ctx: &Ctx<'_>, path: &Path) -> Res<String> {
    let bytes = ctx.engine.files.bytes(path).map_err(|e| {
        Fail::error(format!(
            "cannot read {}: {}",
            path.display(),
            crate::source::files::plain(&e)
        ))
    })?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Fail::error(format!("{} is not UTF-8 text", path.display())))?;
    if text.starts_with("$ANSIBLE_VAULT;") {
        let plain = ctx
            .engine
            .decrypt(&text, &Span::outside(&path.to_string_lossy()))?;
        return Ok(plain.to_string());
    }
    Ok(text)
}

pub(super) fn file(ctx: &mut Ctx<'_>, ask: Ask) -> Res<Vec<Val>> {
    let (left, right) = (ask.flag("lstrip", false), ask.flag("rstrip", true));
    let mut out = Vec::new();
    for term in &ask.terms {
        let name = term.text();
        let path = find(ctx, "files", &name).ok_or_else(|| missing("file", &name))?;
        let text = read(ctx, &path)?;
        let text = if left { text.trim_start() } else { &text };
        out.push(Val::from(if right { text.trim_end() } else { text }));
    }
    Ok(out)
}

pub(super) fn unvault(ctx: &mut Ctx<'_>, ask: Ask) -> Res<Vec<Val>> {
    let mut out = Vec::new();
    for term in &ask.terms {
        let name = term.text();
        let path = find(ctx, "files", &name).ok_or_else(|| missing("unvault", &name))?;
        out.push(Val::from(read(ctx, &path)?));
    }
    Ok(out)
}

/// Files that match a pattern, sorted; only the last part of the path is a pattern.
pub(in crate::vars) fn glob(ctx: &Ctx<'_>, pattern: &str) -> Vec<String> {
    let (folder, last) = pattern.rsplit_once('/').unwrap_or((".", pattern));
    let folder = if folder.is_empty() { "/" } else { folder };
    matching(&ctx.engine.files, Path::new(folder), last)
}

fn matching(files: &Files, folder: &Path, pattern: &str) -> Vec<String> {
    let names = files.list(folder).into_iter();
    let hidden = pattern.starts_with('.');
    let names = names.filter(|n| wild(pattern, n) && (hidden || !n.starts_with('.')));
    let paths = names.map(|n| folder.join(n)).filter(|p| files.is_file(p));
    paths.map(|p| p.to_string_lossy().into_owned()).collect()
}

/// `*`, `?` and `[…]`, as in a shell.
fn wild(pattern: &str, name: &str) -> bool {
    let (p, n): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut i, mut j, mut star) = (0, 0, None);
    while j < n.len() {
        let step = match p.get(i) {
            Some('*') => {
                star = Some((i, j));
                i += 1;
                continue;
            }
            Some('?') => Some(i + 1),
            Some('[') => set(&p, i, n[j]),
            Some(c) if *c == n[j] => Some(i + 1),
            _ => None,
        };
        match (step, star) {
            (Some(next), _) => {
                i = next;
                j += 1;
            }
            (None, Some((at, from))) => {
                i = at + 1;
                j = from + 1;
                star = Some((at, from + 1));
            }
            (None, None) => return false,
        }
    }
    p[i..].iter().all(|c| *c == '*')
}

fn set(p: &[char], at: usize, c: char) -> Option<usize> {
    let close = (at + 2..p.len()).find(|k| p[*k] == ']')?;
    let (negated, from) = if p[at + 1] == '!' {
        (true, at + 2)
    } else {
        (false, at + 1)
    };
    let (mut k, mut found) = (from, false);
    while k < close {
        if k + 2 < close && p[k + 1] == '-' {
            found |= (p[k]..=p[k + 2]).contains(&c);
            k += 3;
        } else {
            found |= p[k] == c;
            k += 1;
        }
    }
    (found != negated).then_some(close + 1)
}

pub(super) fn fileglob(ctx: &mut Ctx<'_>, ask: Ask) -> Res<Vec<Val>> {
    let mut out = Vec::new();
    for term in &ask.terms {
        let pattern = term.text();
        let (folder, last) = pattern.rsplit_once('/').unwrap_or(("", &pattern));
        let folders: Vec<PathBuf> = if pattern.starts_with('/') {
            vec![Path::new(if folder.is_empty() { "/" } else { folder }).to_owned()]
        } else {
            let bases = ctx.scope.search.bases.iter();
            bases
                .flat_map(|b| [join(&b.join("files"), folder), join(b, folder)])
                .collect()
        };
        let found = folders.iter().map(|f| matching(&ctx.engine.files, f, last));
        let first = found
            .into_iter()
            .find(|m| !m.is_empty())
            .unwrap_or_default();
        out.extend(first.iter().map(|p| Val::from(whole(Path::new(p)))));
    }
    Ok(out)
}

/// The path from the root on: names of files are handed to tasks that stand elsewhere.
fn whole(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.to_string_lossy().into_owned()
}

pub(super) fn first_found(ctx: &mut Ctx<'_>, ask: Ask) -> Res<Vec<Val>> {
    let mut candidates = Vec::new();
    let mut skip = ask.flag("skip", false);
    let mut terms = ask.terms.clone();
    if ask.option("files").is_some() || terms.is_empty() {
        terms.push(Val::dict(ask.options.clone()));
    }
    for term in terms {
        collect(ctx, term, &mut candidates, &mut skip)?;
    }
    let bases = ctx.scope.search.bases.clone();
    for candidate in &candidates {
        let path = Path::new(candidate);
        let places: Vec<PathBuf> = if path.is_absolute() {
            vec![path.to_owned()]
        } else {
            let folders = || ask.folder.into_iter().chain([""]);
            bases
                .iter()
                .flat_map(|b| folders().map(|f| join(&b.join(f), candidate)))
                .collect()
        };
        let files = &ctx.engine.files;
        if let Some(found) = places.iter().find(|p| files.is_file(p) || files.is_dir(p)) {
            return Ok(vec![Val::from(whole(found))]);
        }
    }
    if skip {
        return Ok(Vec::new());
    }
    Err(Fail::hinted(
        format!(
            "`first_found`: none of these is there: {}",
            candidates.join(", ")
        ),
        "`skip: true` takes none for an answer",
    ))
}

fn collect(ctx: &mut Ctx<'_>, term: Val, out: &mut Vec<String>, skip: &mut bool) -> Res<()> {
    let term = match ctx.force(term)? {
        // A name made of something undefined is passed over.
        Val::Undefined(_) => return Ok(()),
        term => term,
    };
    if let Some(items) = term.seq() {
        return items
            .iter()
            .try_for_each(|t| collect(ctx, t.clone(), out, skip));
    }
    let Some(map) = term.map() else {
        out.push(term.text().to_string());
        return Ok(());
    };
    let list = |name: &str, ctx: &mut Ctx<'_>| -> Res<Vec<String>> {
        let Some(value) = map.get(&Key(name)) else {
            return Ok(Vec::new());
        };
        let value = ctx.force(value.clone())?;
        let items = match (&value, value.seq()) {
            (_, Some(items)) => items.to_vec(),
            (Val::Str(s), _) if name == "paths" => s.split([',', ':']).map(Val::from).collect(),
            (Val::Str(s), _) => s.split([',', ';']).map(Val::from).collect(),
            (Val::None, _) => Vec::new(),
            _ => vec![value],
        };
        let mut texts = Vec::new();
        for item in items {
            match ctx.force(item)? {
                Val::Undefined(_) => {}
                item => texts.push(item.text().trim().to_owned()),
            }
        }
        Ok(texts)
    };
    let (files, paths) = (list("files", ctx)?, list("paths", ctx)?);
    if let Some(flag) = map.get(&Key("skip")) {
        let flag = ctx.force(flag.clone())?;
        *skip |= crate::vars::filters::truthy(&flag);
    }
    if paths.is_empty() {
        out.extend(files);
    } else if files.is_empty() {
        out.extend(paths);
    } else {
        for path in &paths {
            out.extend(
                files
                    .iter()
                    .map(|f| format!("{}/{f}", path.trim_end_matches('/'))),
            );
        }
    }
    Ok(())
}

pub(super) fn template(ctx: &mut Ctx<'_>, ask: Ask) -> Res<Vec<Val>> {
    let mut options = crate::vars::RenderOptions::default();
    for (name, slot) in [
        ("variable_start_string", &mut options.variable.0),
        ("variable_end_string", &mut options.variable.1),
        ("comment_start_string", &mut options.comment.0),
        ("comment_end_string", &mut options.comment.1),
    ] {
        *slot = ask.text(name, slot).to_string();
    }
    options.trim_blocks = ask.flag("trim_blocks", true);
    options.lstrip_blocks = ask.flag("lstrip_blocks", false);
    let extra: Arc<Dict> = ask
        .option("template_vars")
        .and_then(Val::map)
        .unwrap_or_default();
    let mut out = Vec::new();
    for term in &ask.terms {
        let name = term.text();
        let path = find(ctx, "templates", &name).ok_or_else(|| missing("template", &name))?;
        let (file, tree) = ctx.engine.file_tree(&path, &options)?;
        let folder = std::mem::replace(&mut ctx.folder, path.parent().map(Into::into));
        let text = ctx.detached(|ctx| {
            ctx.options = Some(Arc::new(options.clone()));
            for (name, value) in extra.iter() {
                ctx.set(&name.text(), value.clone());
            }
            ctx.down(crate::vars::context::FRAMES, |ctx| ctx.render_text(&tree))
        });
        ctx.folder = folder;
        let span = Span::new(&file, 0, file.text.len());
        out.push(Val::from(
            text.map_err(|e| ctx.located(e, &file.text, &span))?,
        ));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::wild;

    #[test]
    fn patterns_match_as_in_a_shell() {
        assert!(wild("*.j2", "a.j2") && wild("a?c[0-9]*", "abc1x") && wild("*", ""));
        assert!(!wild("*.j2", "a.j") && !wild("[!a]*", "ab"));
    }
}
