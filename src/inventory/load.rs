//! From `-i` values to an inventory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::model::{Inventory, UNGROUPED};
use super::{MAX_FOLDERS, MAX_NESTING, ini, range, script, yaml};
use crate::source::vault::{self, Keyring};
use crate::source::yaml::{failed, parse_one};
use crate::source::{Code, Diagnostic, File, Files, Node, Span};

/// Runs a program of the controller's with arguments.
pub type RunScript<'a> = dyn Fn(&Path, &[&str]) -> Result<String, String> + 'a;

/// What reading an inventory needs from outside.
pub struct LoadEnv<'a> {
    pub files: &'a Files,
    /// Runs an executable inventory with these arguments: what it printed, or why it failed.
    pub run_script: &'a RunScript<'a>,
    /// For inventories and vars files that are vaults as a whole.
    pub vault: &'a Keyring,
}

/// Files of an inventory directory that are no inventories, by how their name ends.
const IGNORED_ENDS: [&str; 12] = [
    ".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry",
];
const IGNORED_NAMES: [&str; 3] = ["host_vars", "group_vars", "vars_plugins"];

impl LoadEnv<'_> {
    /// A text file, decrypted if it is a vault.
    pub(super) fn text(&self, path: &Path) -> Result<Arc<File>, Diagnostic> {
        let file = self.files.text(path)?;
        if !vault::is_vault(&file.text) {
            return Ok(file);
        }
        match self.vault.decrypt(&file.text) {
            Ok(plain) => Ok(File::secret(path, plain.as_str())),
            Err(why) => {
                let end = file.text.find('\n').unwrap_or(file.text.len());
                let text = format!("cannot open this vault: {why}");
                Err(Diagnostic::error(&Span::new(&file, 0, end), text).code(why.code()))
            }
        }
    }
}

impl Inventory {
    /// Reads all sources. What is wrong is told and the rest is read, so that all of it is told.
    pub fn load(sources: &[String], env: &LoadEnv<'_>) -> (Inventory, Vec<Diagnostic>) {
        let mut inventory = Inventory {
            sources: sources.to_vec(),
            ..Inventory::default()
        };
        let mut diagnostics = Vec::new();
        for source in sources {
            diagnostics.extend(inventory.read_source(source, env));
            inventory.settle();
        }
        if let Some(group) = inventory.too_deep() {
            let text = format!(
                "{} is in more than {MAX_NESTING} groups, one in another",
                group.name
            );
            diagnostics.push(Diagnostic::bare(text));
        }
        for host in inventory.ambiguous() {
            let text = format!("{} is the name of a host and of a group", host.name);
            diagnostics.push(Diagnostic::warning(&host.span, text).code(Code::AmbiguousName));
        }
        diagnostics.extend(inventory.read_beside_sources(env));
        Diagnostic::label(&mut diagnostics, Code::InventoryForm);
        (inventory, diagnostics)
    }

    fn read_source(&mut self, source: &str, env: &LoadEnv<'_>) -> Vec<Diagnostic> {
        let path = Path::new(source);
        if env.files.is_dir(path) {
            return self.read_dir(path, env, 0);
        }
        if env.files.is_file(path) {
            return self.read_file(path, env);
        }
        if source.contains(',') {
            return self.read_list(source);
        }
        let mut missing =
            Diagnostic::bare(format!("no such inventory: {source}")).code(Code::NoInventory);
        if range::address(source, true).is_some() {
            missing = missing.hint(format!("for a host of that name write `-i {source},`"));
        }
        vec![missing]
    }

    /// `host1,host2,`: names, which may have ports and ranges.
    fn read_list(&mut self, source: &str) -> Vec<Diagnostic> {
        let file = File::new("-i", source);
        let mut start = 0;
        let mut diagnostics = Vec::new();
        for part in source.split(',') {
            let lead = part.len() - part.trim_start().len();
            let name = part.trim();
            let span = Span::new(&file, start + lead, start + lead + name.len());
            start += part.len() + 1;
            if name.is_empty() {
                continue;
            }
            let (base, port) = range::split_port(name);
            match ini::expand(base) {
                Err(error) => diagnostics.push(Diagnostic::error(&span, error.message())),
                Ok(names) => {
                    for name in names {
                        if self.host(&name).is_some() {
                            continue;
                        }
                        let path = PathBuf::from(source);
                        let added = self.host_in(&name, UNGROUPED, port, &span, Some(&path));
                        let Ok(host) = added else {
                            diagnostics.push(Diagnostic::error(&span, ini::too_many()));
                            return diagnostics;
                        };
                        self.hosts[host].listed = true;
                    }
                }
            }
        }
        diagnostics
    }

    fn read_dir(&mut self, dir: &Path, env: &LoadEnv<'_>, depth: usize) -> Vec<Diagnostic> {
        if depth >= MAX_FOLDERS {
            let text = format!(
                "{}: folders nested more than {MAX_FOLDERS} deep",
                dir.display()
            );
            return vec![Diagnostic::bare(text)];
        }
        let mut diagnostics = Vec::new();
        for name in env.files.list(dir) {
            let ignored = name.starts_with('.')
                || IGNORED_NAMES.contains(&name.as_str())
                || IGNORED_ENDS.iter().any(|end| name.ends_with(end));
            if ignored {
                continue;
            }
            let path = dir.join(&name);
            diagnostics.extend(if env.files.is_dir(&path) {
                self.read_dir(&path, env, depth + 1)
            } else {
                let found = self.read_file(&path, env);
                self.settle();
                found
            });
        }
        diagnostics
    }

    /// One file: a script, YAML if it is a mapping, else INI.
    fn read_file(&mut self, path: &Path, env: &LoadEnv<'_>) -> Vec<Diagnostic> {
        if env.files.is_script(path) {
            return script::read(self, path, env);
        }
        let file = match env.text(path) {
            Ok(file) => file,
            Err(diagnostic) => return vec![diagnostic],
        };
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
        if extension == "toml" {
            let text = format!("{}: TOML inventories are not read", path.display());
            return vec![
                Diagnostic::bare(text)
                    .code(Code::InventoryPlugin)
                    .hint("write it as YAML: the structure is the same"),
            ];
        }
        let named_yaml = matches!(extension, "yml" | "yaml" | "json");
        if !named_yaml && !extension.is_empty() {
            return ini::read(self, &file);
        }
        if !named_yaml && !looks_like_yaml(&file.text) {
            return ini::read(self, &file);
        }
        let (root, mut found) = parse_one(&file);
        let broken = failed(&found);
        let guessed = !named_yaml && !begins_yaml(&file.text);
        if (broken || root.as_map().is_none()) && (guessed || looks_like_ini(&file.text)) {
            return ini::read(self, &file);
        }
        if broken {
            return found;
        }
        if root.get("plugin").is_some() {
            found.push(no_plugin(&root));
        } else if root.as_map().is_some() {
            found.extend(yaml::read(self, &root));
        } else if root.is_null() {
            found.push(Diagnostic::warning(&root.span, "this inventory is empty"));
        } else {
            let text = format!(
                "an inventory is a mapping of groups, not {}",
                root.type_name()
            );
            found.push(Diagnostic::error(&root.span, text));
        }
        found
    }
}

fn no_plugin(root: &Node) -> Diagnostic {
    let name = root
        .get("plugin")
        .filter(|n| n.as_str().is_some())
        .unwrap_or(root);
    let shown = name.as_str().unwrap_or("this");
    Diagnostic::error(
        &name.span,
        format!("inventory plugin {shown} is not available"),
    )
    .code(Code::InventoryPlugin)
    .hint("let `ansible-inventory --list` print it once, or name a script that prints JSON")
}

/// The first line that says something.
fn first_line(text: &str) -> &str {
    let said = |l: &&str| !l.is_empty() && !l.starts_with(['#', ';']);
    text.lines().map(str::trim).find(said).unwrap_or("")
}

/// Whether a file without a telling name may be YAML: tried, and taken for INI if it is not.
fn looks_like_yaml(text: &str) -> bool {
    begins_yaml(text) || first_line(text).contains(": ")
}

/// Whether a file begins as YAML does and INI does not.
fn begins_yaml(text: &str) -> bool {
    let line = first_line(text);
    let line = line.split(" #").next().unwrap_or(line).trim_end();
    line == "---" || line.ends_with(':') || line.starts_with(['{', '%'])
}

fn looks_like_ini(text: &str) -> bool {
    let line = first_line(text);
    line.starts_with('[') && !line.starts_with("[{")
}

/// The folder a source is in, or is: where its `group_vars/` are. A list of names has none.
pub(super) fn folder_of(source: &str, files: &Files) -> Option<PathBuf> {
    let path = Path::new(source);
    if files.is_dir(path) {
        return Some(path.to_owned());
    }
    if source.contains(',') && !files.is_file(path) {
        return None;
    }
    Some(path.parent().map(Path::to_owned).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::Host;
    use super::*;
    use crate::source::Secret;
    use crate::source::vault::encrypt;

    fn load(files: &[(&str, &str)], sources: &[&str]) -> (Inventory, Vec<String>) {
        let files = Files::map(files.iter().copied());
        let mut vault = Keyring::default();
        vault.add("default", Secret::new("sesame"));
        let env = LoadEnv {
            files: &files,
            run_script: &|path, args| match args {
                ["--list"] if path.ends_with("good") => Ok("{\"g\": [\"h\"]}".into()),
                ["--host", name] => Ok(format!("{{\"me\": \"{name}\"}}")),
                _ => Err("exit status 1".into()),
            },
            vault: &vault,
        };
        let sources: Vec<String> = sources.iter().map(|s| (*s).to_owned()).collect();
        let (inventory, found) = Inventory::load(&sources, &env);
        (inventory, found.into_iter().map(|d| d.message).collect())
    }

    #[test]
    fn sources_of_each_kind() {
        let files = [
            ("a", "h1\n"),
            ("good", "#!/bin/sh\n"),
            ("bad", "#!/bin/sh\n"),
            ("x.toml", ""),
        ];
        let (inventory, found) = load(&files, &["a", "h[2:3],", "good", "bad", "gone", "x.toml"]);
        assert_eq!(
            found,
            [
                "inventory script bad --list: exit status 1",
                "no such inventory: gone",
                "x.toml: TOML inventories are not read",
            ]
        );
        assert_eq!(inventory.hosts().len(), 4);
        assert!(inventory.var_of("h", "me", None).is_some());
        assert_eq!(inventory.host("h2").and_then(Host::dir), None);
        let (_, found) = load(&[("x.yml", "plugin: aws_ec2\n")], &["x.yml"]);
        assert_eq!(found, ["inventory plugin aws_ec2 is not available"]);
    }

    #[test]
    fn vaults_are_opened() {
        let text = "[web]\nw1\n";
        let sealed = encrypt(text.as_bytes(), &Secret::new("sesame"), None, &[7; 32]);
        let vars = encrypt(b"a: 1\n", &Secret::new("sesame"), None, &[8; 32]);
        let files = [("hosts", sealed.as_str()), ("group_vars/web.yml", &vars)];
        let (inventory, found) = load(&files, &["hosts"]);
        assert!(found.is_empty(), "{found:?}");
        assert!(inventory.var_of("w1", "a", None).is_some());
        let other = encrypt(b"a: 1\n", &Secret::new("other"), None, &[8; 32]);
        let (_, found) = load(&[("hosts", &other)], &["hosts"]);
        assert!(
            found[0].starts_with("cannot open this vault: no vault password fits"),
            "{found:?}"
        );
    }

    #[test]
    fn endless_nesting_is_told_and_survived() {
        let mut text = String::new();
        for n in 0..20_000 {
            text += &format!("[g{n}:children]\ng{}\n", n + 1);
        }
        text += "[g20000]\nh\n";
        let (inventory, found) = load(&[("hosts", &text)], &["hosts"]);
        assert!(found[0].contains("is in more than 100 groups"), "{found:?}");
        let show = super::super::export::Show::default();
        assert!(super::super::export::list(&inventory, show).contains("g99"));
    }
}
