//! What the inventory says of one host and of no other.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use crate::inventory::Inventory;
use crate::source::{Kind, Mask};
use crate::vars::Var;

/// Parts of names whose values are not to be shown, wherever they come from.
const SECRET: [&str; 4] = ["pass", "secret", "token", "private"];

/// Of each host, its variables that are plain text or numbers, and that no other host has the same.
pub(super) fn values(
    inventory: &Inventory,
    playbooks: &[PathBuf],
    mask: &Mask,
) -> BTreeMap<String, Vec<(String, String)>> {
    let dirs: BTreeSet<&Path> = playbooks.iter().filter_map(|p| p.parent()).collect();
    let mut all: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut seen: HashMap<(String, String), usize> = HashMap::new();
    for host in inventory.hosts() {
        let host = host.name.as_str();
        let mut own = BTreeMap::new();
        for dir in &dirs {
            for (name, var) in inventory.vars_of(host, Some(dir)) {
                if let Some(text) = plain(&name, &var, mask) {
                    own.insert(name, text);
                }
            }
        }
        for (name, value) in &own {
            *seen.entry((name.clone(), value.clone())).or_default() += 1;
        }
        all.insert(host.to_owned(), own);
    }
    let alone = |(name, value): &(String, String)| {
        seen.get(&(name.clone(), value.clone()))
            .is_some_and(|n| *n == 1)
    };
    let of = |(host, own): (String, BTreeMap<String, String>)| {
        (host, own.into_iter().filter(|pair| alone(pair)).collect())
    };
    all.into_iter().map(of).collect()
}

fn plain(name: &str, var: &Var, mask: &Mask) -> Option<String> {
    let lower = name.to_lowercase();
    if SECRET.iter().any(|part| lower.contains(part)) {
        return None;
    }
    let text = match var {
        Var::Template(node) => match &node.kind {
            Kind::Str(text) if !text.contains("{{") && !text.contains("{%") => text.to_string(),
            Kind::Unsafe(text) => text.to_string(),
            Kind::Int(n) => n.to_string(),
            _ => return None,
        },
        _ => return None,
    };
    (mask.apply(&text) == text.as_str()).then_some(text)
}
