//! Templates over scopes, as tasks use them.

use std::path::Path;
use std::sync::Arc;

use super::{Templar, TemplarOptions};
use crate::source::{File, Files, Mask, Node, Span, Value};
use crate::vars::{Hosts, Outside, RenderOptions, Scope, SearchPath, TemplateError, Var, Vars};

pub(in crate::vars) struct Nobody;
impl Hosts for Nobody {
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
    fn scope(&self, _host: &str) -> Option<Arc<Scope>> {
        None
    }
}
impl Outside for Nobody {
    fn env(&self, name: &str) -> Option<String> {
        (name == "HOME").then(|| "/root".to_owned())
    }
    fn pipe(&self, command: &str) -> Result<String, String> {
        Ok(format!("ran {command}"))
    }
    fn url(&self, url: &str) -> Result<String, String> {
        Ok(format!("body of {url}"))
    }
    fn now(&self) -> f64 {
        0.0
    }
    fn random(&self, length: usize) -> Vec<u8> {
        vec![7; length]
    }
    fn keep(&self, _path: &Path, make: &mut dyn FnMut() -> String) -> Result<String, String> {
        Ok(make())
    }
}

fn templar(files: Files) -> Templar {
    Templar::new(TemplarOptions {
        files,
        outside: Arc::new(Nobody),
        vault: Arc::default(),
        mask: Mask::default(),
        lenient: false,
    })
}

fn node(text: &str) -> Node {
    let file = File::new("t.yml", text);
    Node::str(text, Span::new(&file, 0, text.len()))
}

fn scope(pairs: &[(&str, Var)]) -> Scope {
    let vars: Vars = pairs
        .iter()
        .map(|(n, v)| ((*n).to_owned(), v.clone()))
        .collect();
    let search = SearchPath {
        bases: vec!["/p".into()],
    };
    Scope::new(vec![Arc::new(vars)], Arc::new(Nobody), Arc::new(search))
}

fn written(text: &str) -> Var {
    Var::Template(node(text))
}

#[test]
fn data_is_never_rendered() {
    let evil = "{{ lookup('pipe', 'id') }}{% for x in y %}{# #}";
    let scope = scope(&[
        ("s", Var::data(&Value::from(evil))),
        ("via", written("{{ s }}")),
        ("l", Var::data(&Value::Sequence(vec![Value::from(evil)]))),
    ]);
    let templar = templar(Files::map([]));
    for template in [
        "{{ s }}",
        "{{ via }}",
        "{{ l[0] }}",
        "{{ '' ~ s }}",
        "{{ [s] | join }}",
    ] {
        let value = templar.value(&node(template), &scope).expect(template);
        assert_eq!(value, Value::from(evil), "{template}");
    }
}

#[test]
fn a_pending_variable_is_defined_and_waits_when_used() {
    let scope = scope(&[("r", Var::Pending)]);
    let templar = templar(Files::map([]));
    let holds = templar.condition(&node("r is defined"), &scope);
    assert!(matches!(holds, Ok(true)));
    for text in ["{{ r.rc | default(1) }}", "{{ r }}", "{{ r.x is defined }}"] {
        let result = templar.value(&node(text), &scope);
        assert!(matches!(result, Err(TemplateError::Pending)), "{text}");
    }
}

#[test]
fn undefined_names_its_place() {
    let scope = scope(&[("a", written("x {{ missing }}")), ("foo_bar", written("1"))]);
    let templar = templar(Files::map([]));
    let error = templar
        .value(&node("hi {{ foo_baz }}"), &scope)
        .expect_err("undefined");
    let TemplateError::Undefined { name, diagnostic } = error else {
        panic!("another error");
    };
    assert_eq!(name, "foo_baz");
    assert_eq!(
        diagnostic.span.map(|s| s.to_string()).as_deref(),
        Some("t.yml:1:7")
    );
    assert_eq!(diagnostic.hints, ["did you mean `foo_bar`?"]);
    let value = templar
        .value(&node("{{ a | default('d') }}"), &scope)
        .expect("a default");
    assert_eq!(value, Value::from("d"));
    let error = templar
        .value(&node("{{ a }}"), &scope)
        .expect_err("undefined");
    let place = error.diagnostic().span.map(|s| s.to_string());
    assert_eq!(place.as_deref(), Some("t.yml:1:6"));
}

#[test]
fn cycles_and_depth_end_in_errors() {
    let scope = scope(&[("a", written("{{ b }}")), ("b", written("{{ a }}"))]);
    let templar = templar(Files::map([]));
    let error = templar
        .value(&node("{{ a }}"), &scope)
        .expect_err("a cycle");
    assert!(
        error.diagnostic().message.contains("recursive loop"),
        "{error:?}"
    );
    for text in [
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ 'x' * 1000000000 }}",
        "{{ range(1000000000) }}",
        "{% for i in range(30000) %}{% for j in range(30000) %}{% endfor %}{% endfor %}",
    ] {
        assert!(templar.value(&node(text), &scope).is_err(), "{text}");
    }
}

#[test]
fn a_deep_template_fits_the_stack_of_a_worker_thread() {
    let run = || {
        let templar = templar(Files::map([]));
        let deep = format!("{{{{ {}1{} }}}}", "(".repeat(100), ")".repeat(100));
        let chain: Vec<(String, Var)> = (0..300)
            .map(|i| {
                (
                    format!("v{i}"),
                    written(&format!("{{{{ v{} + 1 }}}}", i + 1)),
                )
            })
            .chain([("v300".to_owned(), written("1"))])
            .collect();
        let pairs: Vec<(&str, Var)> = chain.iter().map(|(n, v)| (n.as_str(), v.clone())).collect();
        let scope = scope(&pairs);
        let _ = templar.value(&node(&deep), &scope);
        assert!(templar.value(&node("{{ v0 }}"), &scope).is_err());
        let sum = format!("{{{{ {} }}}}", vec!["1"; 300].join(" + "));
        assert_eq!(
            templar.value(&node(&sum), &scope).expect("a sum"),
            Value::from(300)
        );
        let m = "{% macro m() %}{% if true %}{% for i in [1] %}{{ m() | upper }}{% endfor %}{% endif %}{% endmacro %}{{ m() }}";
        assert!(templar.value(&node(m), &scope).is_err());
    };
    let thread = std::thread::Builder::new()
        .stack_size(2 * 1024 * 1024)
        .spawn(run);
    thread.expect("a thread").join().expect("it ended");
}

#[test]
fn conditions_must_be_boolean_and_never_hold_templates_of_data() {
    let scope = scope(&[
        ("n", written("{{ 5 }}")),
        ("r", Var::data(&Value::from("' or lookup('pipe','x') or '"))),
    ]);
    let templar = templar(Files::map([]));
    assert!(matches!(
        templar.condition(&node("n > 3 and not (n == 4)"), &scope),
        Ok(true)
    ));
    assert!(matches!(
        templar.condition(&node("{{ n == 5 }}"), &scope),
        Ok(true)
    ));
    assert!(templar.condition(&node("n"), &scope).is_err());
    let error = templar.condition(&node("'{{ r }}' == 'x' or {{ r }} == 1"), &scope);
    let message = error.expect_err("refused").diagnostic().message;
    assert!(message.contains("embedded template"), "{message}");
}

#[test]
fn files_render_with_loops_macros_includes_and_inheritance() {
    let files = Files::map([
        (
            "/p/templates/base.j2",
            "<{% block a %}base{% endblock %}>\n",
        ),
        (
            "/p/templates/m.j2",
            "{% macro hi(n, g='Hi') %}{{ g }} {{ n }}{% endmacro %}",
        ),
        ("/p/templates/inc.j2", "[{{ x }}]{% set x = 9 %}"),
    ]);
    let templar = templar(files);
    let scope = scope(&[("x", Var::data(&Value::from(1)))]);
    let render = |text: &str| {
        let file = File::new("/p/templates/t.j2", text);
        templar
            .file(&file, &RenderOptions::default(), &scope)
            .expect(text)
    };
    assert_eq!(
        render("{% for i in [1,2] %}\n{{ i }},{{ loop.last }}\n{% endfor %}\n"),
        "1,False\n2,True\n"
    );
    assert_eq!(
        render("{% extends 'base.j2' %}{% block a %}{{ super() }}+{% endblock %}"),
        "<base+>"
    );
    assert_eq!(
        render(
            "{% from 'm.j2' import hi %}{{ hi('a') }}{% import 'm.j2' as m %}{{ m.hi('b', g='Yo') }}"
        ),
        "Hi aYo b"
    );
    assert_eq!(render("{% include 'inc.j2' %}{{ x }}"), "[1]1");
    assert_eq!(
        render("#jinja2: trim_blocks: False\n{% if true %}\na{% endif %}\n"),
        "\na\n"
    );
    assert_eq!(render("{{ 'a\\nb' }}"), "a\nb");
    assert_eq!(
        render("{% set l = [] %}{% for i in [1,2] %}{% set _ = l.append(i) %}{% endfor %}{{ l }}"),
        "[1, 2]"
    );
}

#[test]
fn combinations_are_counted_by_what_they_hold() {
    let templar = templar(Files::Disk);
    let value = |text: &str| templar.value(&node(text), &scope(&[]));
    assert_eq!(
        value("{{ [1, 2] | product([3]) | length }}").unwrap(),
        Value::from(2)
    );
    for text in [
        "{{ range(1500) | product(range(1500)) | length }}",
        "{{ range(100) | product(range(100), range(150)) | length }}",
    ] {
        let error = value(text).unwrap_err().diagnostic().message;
        assert!(error.contains("combinations"), "{error}");
    }
}
