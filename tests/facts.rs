//! Facts from the replies of real and made-up hosts, and from the shells of this machine.

mod driver;
mod gather;

use driver::shells;
use palisade::resource::facts::Request;
use palisade::source::{Mapping, Value};

fn facts(words: &[&str], subset: &[&str]) -> Mapping {
    let request = Request {
        subset: subset.iter().map(|s| (*s).to_owned()).collect(),
        ..Request::default()
    };
    gather::read(request.clone(), &gather::ask(words, request))
}

#[test]
fn every_shell_gathers_the_same() {
    let changing = [
        "date_time",
        "loadavg",
        "uptime_seconds",
        "memory_mb",
        "memfree_mb",
        "mounts",
        "env",
    ];
    let steady = |mut map: Mapping| {
        for name in changing {
            assert!(map.remove(name).is_some(), "{name}");
        }
        map
    };
    let mut first: Option<Mapping> = None;
    for words in shells() {
        let map = steady(facts(&words, &["all"]));
        let first = first.get_or_insert_with(|| map.clone());
        for (name, value) in first.iter() {
            assert_eq!(map.get(name), Some(value), "{words:?}: {name:?}");
        }
    }
}

#[test]
fn the_least_has_what_playbooks_ask_first() {
    let map = facts(&["/bin/sh"], &["!all"]);
    for name in [
        "os_family",
        "distribution",
        "hostname",
        "user_id",
        "env",
        "pkg_mgr",
        "service_mgr",
    ] {
        assert!(map.contains_key(name), "{name}");
    }
    assert!(!map.contains_key("mounts") && !map.contains_key("default_ipv4"));
    assert_eq!(map["gather_subset"][0], Value::from("!all"));
}

#[test]
fn local_facts_are_read_and_run() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str, mode: u32| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    write("a.fact", "[General]\nName=x: y\n", 0o644);
    write("b.fact", "#!/bin/sh\necho '{\"n\": [1, 2]}'\n", 0o755);
    write("c.fact", "#!/bin/sh\nexit 7\n", 0o755);
    write("d.fact", "#!/bin/sh\nsleep 30 >/dev/null\n", 0o755);
    write("it's.fact", "{\"host\": \"{{ x }}\"}", 0o644);
    write("not.txt", "{}", 0o644);
    for words in shells() {
        let request = Request {
            subset: ["!all", "!min", "local"].map(str::to_owned).to_vec(),
            fact_path: dir.path().to_str().unwrap().to_owned(),
            timeout: 1,
        };
        let map = gather::read(request.clone(), &gather::ask(&words, request));
        let local = &map["local"];
        assert_eq!(
            local["a"]["General"]["name"],
            Value::from("x: y"),
            "{words:?}"
        );
        assert_eq!(local["b"]["n"][1], Value::from(2));
        assert!(local["c"].as_str().unwrap().contains("rc: 7"));
        assert!(
            local["d"].as_str().unwrap().contains("rc: 137"),
            "{words:?} {:?}",
            local["d"]
        );
        assert_eq!(local["it's"]["host"], Value::from("{{ x }}"));
        assert_eq!(local.as_mapping().unwrap().len(), 5);
        assert!(!map.contains_key("os_family"));
    }
}

/// A record of these files, as the script would have put it.
fn reply(sections: &[(&str, String)]) -> Vec<u8> {
    let mut text = String::new();
    for (name, section) in sections {
        text.push_str(&format!("{name} {}\n{section}", section.len()));
    }
    format!("\n\u{1}0 0 {}\n{text}", text.len()).into_bytes()
}

#[test]
fn systems_are_told_apart_as_ansible_does() {
    // The facts are what Ansible's setup said in front of the same files.
    let table = include_str!("resources/facts/distributions.json");
    let table: Vec<Value> = serde_json::from_str(table).unwrap();
    assert!(table.len() > 30);
    let mut wrong = Vec::new();
    for case in &table {
        let mut files = String::new();
        for (path, text) in case["files"].as_mapping().unwrap() {
            for line in text.as_str().unwrap().split('\n') {
                files.push_str(&format!("{}:{line}\n", path.as_str().unwrap()));
            }
        }
        let bytes = reply(&[("files", files)]);
        let request = Request {
            subset: vec!["distribution".into(), "!min".into()],
            ..Request::default()
        };
        let facts = gather::read(request, &bytes);
        let name = case["name"].as_str().unwrap();
        let expected = case["facts"].as_mapping().unwrap();
        for (key, value) in expected {
            if facts.get(key) != Some(value) {
                wrong.push(format!(
                    "{name} {key:?}: {:?}, not {value:?}",
                    facts.get(key)
                ));
            }
        }
        // The name of the subset and the mark come on top.
        if facts.len() != expected.len() + 2 {
            wrong.push(format!("{name}: {facts:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Replies as hosts gave them, and what of them must come out.
#[test]
fn recorded_replies_are_understood() {
    let cases: [(&str, &[u8], &[(&str, &str)]); 3] = [
        (
            "debian-12",
            include_bytes!("resources/facts/debian-12.txt"),
            &[
                ("distribution", "Debian"),
                ("pkg_mgr", "apt"),
                ("hostname", "vm"),
            ],
        ),
        (
            "busybox",
            include_bytes!("resources/facts/busybox.txt"),
            &[
                ("system", "Linux"),
                ("architecture", "x86_64"),
                ("userspace_bits", "64"),
            ],
        ),
        (
            "no-proc",
            include_bytes!("resources/facts/no-proc.txt"),
            &[
                ("system", "Linux"),
                ("architecture", "x86_64"),
                ("user_id", "root"),
            ],
        ),
    ];
    for (system, bytes, expected) in cases {
        let facts = gather::read(Request::default(), bytes);
        for (name, value) in expected {
            assert_eq!(
                facts.get(*name),
                Some(&Value::from(*value)),
                "{system}: {name}"
            );
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// A reply cut, or with bytes of anything in it, is read without a panic.
    #[test]
    fn rubbish_is_read(at in 0_usize..30_000, cut in 0_usize..40_000, junk in ".{0,40}") {
        let whole = include_bytes!("resources/facts/debian-12.txt");
        let start = whole[2..].iter().position(|b| *b == b'\n').unwrap() + 3;
        let mut body = whole[start..].to_vec();
        for (slot, byte) in body.iter_mut().skip(at).zip(junk.bytes()) {
            *slot = byte;
        }
        body.truncate(cut);
        let mut bytes = format!("\n\u{1}0 0 {}\n", body.len()).into_bytes();
        bytes.extend(body);
        let _ = gather::read(Request::default(), &bytes);
    }
}
