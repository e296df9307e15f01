//! Templates by the hundred, compared with what Ansible makes of them (`tests/data/make_templates.py`).

use std::path::Path;
use std::sync::Arc;

use palisade::source::{File, Files, Mask, Node, Span, Value};
use palisade::vars::{Hosts, Outside, Scope, SearchPath, Templar, TemplarOptions, Var, Vars};

struct World;

impl Hosts for World {
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
    fn scope(&self, _host: &str) -> Option<Arc<Scope>> {
        None
    }
}

impl Outside for World {
    fn env(&self, name: &str) -> Option<String> {
        (name == "PALISADE_X").then(|| "from env".to_owned())
    }
    fn pipe(&self, _command: &str) -> Result<String, String> {
        Err("no commands here".into())
    }
    fn url(&self, _url: &str) -> Result<String, String> {
        Err("no network here".into())
    }
    fn now(&self) -> f64 {
        0.0
    }
    fn random(&self, length: usize) -> Vec<u8> {
        vec![1; length]
    }
    fn keep(&self, _path: &Path, make: &mut dyn FnMut() -> String) -> Result<String, String> {
        Ok(make())
    }
}

/// Where we differ on purpose, and why.
const DIFFERENT: &[(&str, &str)] = &[
    (
        "{{ l.count(1) }}",
        "there, lists of variables count none of their members",
    ),
    (
        "{% set x = {} %}{% for v in l %}{% set _ = x.update({v: 'v' ~ v}) %}{% endfor %}{{ x }}",
        "the recorded value went through JSON, where keys are strings",
    ),
    (
        "{{ lookup('ansible.builtin.items', ['a', 'b']) }}",
        "the recording could not load it",
    ),
    (
        "{{ vars['s'] }}",
        "`vars` is missing in the recording, not in playbooks",
    ),
    (
        "{{ vars.i + 1 }}",
        "`vars` is missing in the recording, not in playbooks",
    ),
    (
        "{{ 'a' | attr('upper') | default('x') }}",
        "a method is no value here",
    ),
];

fn scope(variables: &Value) -> Scope {
    let span = Span::outside("variables");
    let mut vars = Vars::new();
    for (name, value) in variables.as_mapping().expect("a mapping") {
        let node = Node::from_value(value, &span);
        vars.insert(
            name.as_str().expect("a name").to_owned(),
            Var::Template(node),
        );
    }
    let search = SearchPath {
        bases: vec!["/nonexistent".into()],
    };
    Scope::new(vec![Arc::new(vars)], Arc::new(World), Arc::new(search))
}

#[test]
fn templates_yield_what_they_yield_in_ansible() {
    let text = include_str!("data/templates.json");
    let data: Value = serde_json::from_str(text).expect("JSON");
    let scope = scope(&data["variables"]);
    let templar = Templar::new(TemplarOptions {
        files: Files::Disk,
        outside: Arc::new(World),
        vault: Arc::default(),
        mask: Mask::default(),
        lenient: false,
    });
    let mut wrong = Vec::new();
    let cases = data["cases"].as_sequence().expect("cases");
    for case in cases {
        let template = case["template"].as_str().expect("a template");
        let file = File::new("case", template);
        let node = Node::str(template, Span::new(&file, 0, template.len()));
        let got = templar.value(&node, &scope);
        let same = match (&got, case.get("value")) {
            (Ok(got), Some(wanted)) => got == wanted,
            (Err(_), None) => true,
            _ => false,
        };
        let known = DIFFERENT.iter().any(|(t, _)| *t == template);
        if same == known {
            let got = got.map_err(|e| e.diagnostic().message);
            let wanted = case.get("value").or(case.get("error"));
            wrong.push(format!(
                "{template}\n   ours    {got:?}\n   theirs  {wanted:?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} differ:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

/// Run by hand: `cargo test --test vars_ansible -- --ignored --nocapture speed`.
#[test]
#[ignore = "a measurement"]
fn speed() {
    let data: Value = serde_json::from_str(include_str!("data/templates.json")).expect("JSON");
    let scope = scope(&data["variables"]);
    let templar = Templar::new(TemplarOptions {
        files: Files::Disk,
        outside: Arc::new(World),
        vault: Arc::default(),
        mask: Mask::default(),
        lenient: false,
    });
    for template in [
        "{{ s }}",
        "/etc/{{ s }}/x-{{ i }}.conf",
        "{{ via | default(1) }}",
        "{{ d.b.c[2].x | upper }}",
    ] {
        let file = File::new("case", template);
        let node = Node::str(template, Span::new(&file, 0, template.len()));
        let start = std::time::Instant::now();
        for _ in 0..100_000 {
            templar.value(&node, &scope).expect("a value");
        }
        eprintln!("{template}: {:?}", start.elapsed() / 100_000);
    }
}
