//! Facts of this machine beside those of Ansible's own `setup`. Runs where `PALISADE_ANSIBLE` names
//! the folder that `ansible` is in.

mod gather;

use std::process::Command;

use palisade::resource::facts::Request;
use palisade::source::{Mapping, Value};

/// Differences on purpose, with what makes them. A name that ends in `*` stands for all that begin so.
const DIFFERENT: &[(&str, &str)] = &[
    ("date_time", "the clock goes on"),
    ("env", "the shells were started by different programs"),
    ("loadavg", "the kernel's file has two decimals"),
    ("mem*", "memory is used meanwhile"),
    ("mounts", "sizes change meanwhile; compared without them"),
    ("python*", "no python is started"),
    ("uptime_seconds", "the clock goes on"),
    (
        "system_capabilities",
        "capsh's text is not taken apart; names of capabilities instead",
    ),
    ("gather_subset", "what was asked"),
    ("module_setup", "no prefix"),
    ("swapfree_mb", "memory is used meanwhile"),
];

/// Lists without an order.
const SETS: &[&str] = &[
    "interfaces",
    "all_ipv4_addresses",
    "all_ipv6_addresses",
    "virtualization_tech_guest",
    "virtualization_tech_host",
];

fn sorted(list: &Value) -> Vec<String> {
    let mut words: Vec<String> = list
        .as_sequence()
        .unwrap()
        .iter()
        .map(|w| w.as_str().unwrap().to_owned())
        .collect();
    words.sort();
    words
}

fn on_purpose(name: &str) -> bool {
    DIFFERENT
        .iter()
        .any(|(known, _)| match known.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == *known,
        })
}

fn ansibles(folder: &str) -> Mapping {
    let out = Command::new(format!("{folder}/ansible"))
        .args(["localhost", "-m", "setup", "-c", "local", "-o"])
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let json = &text[text.find("=> ").unwrap() + 3..];
    let value: Value = serde_json::from_str(json).unwrap();
    value["ansible_facts"].as_mapping().unwrap().clone()
}

fn keys(value: &Value) -> Vec<String> {
    let Some(map) = value.as_mapping() else {
        return Vec::new();
    };
    let mut keys: Vec<String> = map.keys().map(|k| k.as_str().unwrap().to_owned()).collect();
    keys.sort();
    keys
}

#[test]
fn facts_are_those_of_ansible() {
    let Ok(folder) = std::env::var("PALISADE_ANSIBLE") else {
        return;
    };
    let theirs = ansibles(&folder);
    let request = Request::default();
    let ours = gather::read(request.clone(), &gather::ask(&["/bin/sh"], request));
    let mut wrong = Vec::new();
    for (name, their) in &theirs {
        let name = name.as_str().unwrap();
        let name = name.strip_prefix("ansible_").unwrap_or(name);
        match ours.get(name) {
            None if on_purpose(name) => {}
            None => wrong.push(format!("{name}: missing, theirs {their:?}")),
            // Sets, in no order.
            Some(our) if SETS.contains(&name) && sorted(our) == sorted(their) => {}
            Some(our) if our != their && !on_purpose(name) => {
                wrong.push(format!("{name}:\n  ours   {our:?}\n  theirs {their:?}"));
            }
            Some(_) => {}
        }
    }
    for name in ["date_time", "memory_mb", "loadavg"] {
        let their = &theirs[format!("ansible_{name}").as_str()];
        if keys(&ours[name]) != keys(their) {
            wrong.push(format!("{name}: {:?} {:?}", keys(&ours[name]), keys(their)));
        }
    }
    let steady = |mounts: &Value| -> Vec<String> {
        let list = mounts.as_sequence().unwrap();
        let words = [
            "mount",
            "device",
            "fstype",
            "options",
            "uuid",
            "block_size",
            "size_total",
        ];
        let line = |m: &Value| format!("{:?} {:?}", words.map(|w| m[w].clone()), keys(m));
        list.iter().map(line).collect()
    };
    let (our, their) = (steady(&ours["mounts"]), steady(&theirs["ansible_mounts"]));
    if our != their {
        wrong.push(format!("mounts:\n  {our:?}\n  {their:?}"));
    }
    for name in ours.keys() {
        let name = name.as_str().unwrap();
        let full = format!("ansible_{name}");
        if !theirs.contains_key(full.as_str()) && !theirs.contains_key(name) {
            wrong.push(format!("{name}: only ours, {:?}", ours[name]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
