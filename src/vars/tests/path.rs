//! Files of the controller.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use super::Call;
use crate::vars::value::Val;

pub(super) const TESTS: &[(&str, Call)] = &[
    ("abs", |_, v, _| Ok(v.text().starts_with('/'))),
    ("is_abs", |_, v, _| Ok(v.text().starts_with('/'))),
    ("file", |ctx, v, _| {
        ctx.impure = true;
        Ok(ctx.engine.files.is_file(&path(&v)))
    }),
    ("is_file", |ctx, v, _| {
        ctx.impure = true;
        Ok(ctx.engine.files.is_file(&path(&v)))
    }),
    ("directory", |ctx, v, _| {
        ctx.impure = true;
        Ok(ctx.engine.files.is_dir(&path(&v)))
    }),
    ("is_dir", |ctx, v, _| {
        ctx.impure = true;
        Ok(ctx.engine.files.is_dir(&path(&v)))
    }),
    ("exists", |ctx, v, _| {
        ctx.impure = true;
        let path = path(&v);
        Ok(ctx.engine.files.is_file(&path) || ctx.engine.files.is_dir(&path))
    }),
    ("link", |ctx, v, _| {
        ctx.impure = true;
        Ok(link(&path(&v)))
    }),
    ("is_link", |ctx, v, _| {
        ctx.impure = true;
        Ok(link(&path(&v)))
    }),
    ("link_exists", |ctx, v, _| {
        ctx.impure = true;
        let path = path(&v);
        Ok(link(&path) || ctx.engine.files.is_file(&path) || ctx.engine.files.is_dir(&path))
    }),
    ("mount", |ctx, v, _| {
        ctx.impure = true;
        Ok(mount(&path(&v)))
    }),
    ("is_mount", |ctx, v, _| {
        ctx.impure = true;
        Ok(mount(&path(&v)))
    }),
    ("same_file", |_, v, args| same(&v, args)),
    ("is_same_file", |_, v, args| same(&v, args)),
    ("vaulted_file", |ctx, v, _| {
        ctx.impure = true;
        Ok(ctx
            .engine
            .files
            .bytes(&path(&v))
            .is_ok_and(|b| b.starts_with(b"$ANSIBLE_VAULT;")))
    }),
];

fn path(value: &Val) -> PathBuf {
    PathBuf::from(&*value.text())
}

fn link(path: &Path) -> bool {
    path.is_symlink()
}

/// Whether a path is on another device than what is above it, or is the root.
fn mount(path: &Path) -> bool {
    let at = |path: &Path| path.symlink_metadata().ok().map(|m| (m.dev(), m.ino()));
    match (at(path), at(&path.join(".."))) {
        (Some(here), Some(above)) => !link(path) && (here.0 != above.0 || here == above),
        _ => false,
    }
}

fn plain(path: &Path) -> PathBuf {
    path.components()
        .filter(|c| !matches!(c, Component::CurDir))
        .collect()
}

fn same(value: &Val, args: crate::vars::object::Args) -> crate::vars::error::Res<bool> {
    let [other] = args.bind("same_file", ["other"])?;
    Ok(other.is_some_and(|o| plain(&path(&o)) == plain(&path(value))))
}
