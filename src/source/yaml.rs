//! YAML as Ansible reads it: an event parser builds one tree of nodes.
//!
//! The tree is built with a stack of our own, never by recursion, and against a budget: a file that
//! would expand to more than a project can hold ends in a diagnostic. JSON is read by the same door.

use std::sync::Arc;

use granit_parser::Parser;

use super::{Code, Diagnostic, File, Node, Severity, Span, syntax, tree::Builder};

/// Nested collections, aliases followed. Real files stay below 20; whoever walks a tree recurses.
pub const MAX_DEPTH: usize = 64;
/// Values of one file, aliases followed: some hundred times the largest inventories.
pub const MAX_NODES: usize = 1_000_000;
/// Values that exist only because of anchors and aliases. They cost the writer nothing, so a small file
/// could ask for any number of them; each is 48 bytes here.
pub const MAX_COPIES: usize = 250_000;
/// Anchors of one file. Each keeps a copy of its value until the file has been read.
pub const MAX_ANCHORS: usize = 10_000;
/// One string: the largest file content that belongs in a vars file, with room to spare.
pub const MAX_SCALAR: usize = 8 * 1024 * 1024;
/// Text of one file, in bytes. Larger data belongs in files that are copied, not parsed.
pub const MAX_TEXT: usize = 32 * 1024 * 1024;
/// Mistakes reported of one file; after so many the rest are echoes of the first.
pub(super) const MAX_MISTAKES: usize = 50;

/// All documents of a file, and what is wrong with it.
pub fn parse(file: &Arc<File>) -> (Vec<Node>, Vec<Diagnostic>) {
    within(file, MAX_NODES)
}

fn within(file: &Arc<File>, max_nodes: usize) -> (Vec<Node>, Vec<Diagnostic>) {
    if let Some(diagnostic) = syntax::unreadable(file, MAX_TEXT) {
        return (Vec::new(), vec![diagnostic.or_code(Code::Yaml)]);
    }
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder::new(file, max_nodes);
    for event in Parser::new_from_str_with_options(&file.text, options) {
        let stop = match event {
            Ok((event, place)) => builder.event(event, &place).err(),
            Err(error) => Some(builder.located(syntax::diagnose(file, &error))),
        };
        if let Some(diagnostic) = stop {
            if !builder.known(&diagnostic) {
                builder.diagnostics.push(diagnostic);
            }
            break;
        }
        if builder.mistakes >= MAX_MISTAKES {
            break;
        }
    }
    Diagnostic::label(&mut builder.diagnostics, Code::Yaml);
    if file.hidden {
        builder
            .diagnostics
            .iter_mut()
            .for_each(syntax::without_content);
    }
    (builder.documents, builder.diagnostics)
}

/// The one document of a file; an empty file is a null.
pub fn parse_one(file: &Arc<File>) -> (Node, Vec<Diagnostic>) {
    let (documents, mut diagnostics) = parse(file);
    let mut documents = documents.into_iter();
    let first = documents
        .next()
        .unwrap_or_else(|| Node::null(Span::new(file, 0, 0)));
    if let Some(second) = documents.next() {
        let text = "expected one document, but a second one starts here";
        diagnostics.push(
            Diagnostic::error(&second.span, text)
                .code(Code::Yaml)
                .hint("split the file, or remove the `---` line"),
        );
    }
    (first, diagnostics)
}

/// Whether a plain scalar reads back as the string it is.
pub fn reads_as_string(text: &str) -> bool {
    matches!(super::scalar::resolve(text), crate::source::Kind::Str(_))
}

/// Whether any of these is an error.
pub fn failed(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.severity == Severity::Error)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::super::Kind;
    use super::*;

    fn read(text: &str) -> (Node, Vec<String>) {
        let file = File::new("t.yml", text);
        let (node, diagnostics) = parse_one(&file);
        let lines = diagnostics.iter().map(|d| {
            let place = d.span.as_ref().map_or(String::new(), |s| {
                let (line, column) = s.position();
                format!("{line}:{column} ")
            });
            let hints: String = d.hints.iter().map(|h| format!(" | {h}")).collect();
            format!("{place}{}{hints}", d.message)
        });
        (node, lines.collect())
    }

    fn json(text: &str) -> String {
        let (node, mistakes) = read(text);
        assert!(mistakes.is_empty(), "{text}: {mistakes:?}");
        serde_json::to_string(&node.to_value()).unwrap()
    }

    fn mistake(text: &str) -> String {
        let started = Instant::now();
        let (_, mistakes) = read(text);
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "{:?}",
            started.elapsed()
        );
        mistakes.first().cloned().unwrap_or_else(|| "none".into())
    }

    /// Every node as `line:column-end text`.
    fn places(node: &Node, out: &mut String) {
        let text = &node.span.file.text[node.span.start as usize..node.span.end as usize];
        let (line, column) = node.span.position();
        writeln!(out, "{line}:{column} {} {text:?}", node.type_name()).unwrap();
        match &node.kind {
            Kind::Seq(items) => items.iter().for_each(|n| places(n, out)),
            Kind::Map(entries) => entries.iter().for_each(|(k, v)| {
                places(k, out);
                places(v, out);
            }),
            _ => {}
        }
    }

    #[test]
    fn every_value_knows_its_place() {
        let text = "a: 1\nb:\n  - 'x y'\n  - {k: \"v\", l: [1, 2]}\nc: |\n  one\n  two\nd:\ne: !vault |\n  AB\nä: ü\nf: >-\n  z\n";
        let mut out = String::new();
        places(&read(text).0, &mut out);
        insta::assert_snapshot!(out);
    }

    #[test]
    fn merge_keys() {
        let base = "x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\n";
        let z = |rest: &str| {
            let (node, _) = read(&format!("{base}z: {rest}"));
            serde_json::to_string(&node.get("z").unwrap().to_value()).unwrap()
        };
        assert_eq!(z("{<<: *x, b: 9, d: 5}"), r#"{"a":1,"b":9,"d":5}"#);
        assert_eq!(z("{b: 9, <<: *x}"), r#"{"a":1,"b":9}"#);
        assert_eq!(z("{<<: [*x, *y]}"), r#"{"b":2,"c":4,"a":1}"#);
        assert_eq!(z("{'<<': 1}"), r#"{"<<":1}"#);
        assert!(mistake("<<: 1").contains("`<<` takes a mapping"));
    }

    #[test]
    fn tags() {
        let (node, mistakes) =
            read("a: !unsafe '{{ x }}'\nb: !unsafe [p, {q: r}, 5]\nc: !vault |\n  AB\n  CD\n");
        assert!(mistakes.is_empty(), "{mistakes:?}");
        assert!(matches!(&node.get("a").unwrap().kind, Kind::Unsafe(s) if &**s == "{{ x }}"));
        let items = node.get("b").unwrap().as_seq().unwrap();
        assert!(matches!(items[0].kind, Kind::Unsafe(_)));
        assert!(matches!(items[1].get("q").unwrap().kind, Kind::Unsafe(_)));
        assert!(matches!(items[2].kind, Kind::Int(5)));
        assert!(matches!(&node.get("c").unwrap().kind, Kind::Vault(s) if &**s == "AB\nCD"));
        assert_eq!(
            json("[!!str 1, !!int '2', !!float 3, !!bool 'Yes', !!binary aGk=, !!str , ! 5]"),
            r#"["1",2,3.0,true,"hi","","5"]"#
        );
        assert_eq!(json("!!set {a, b}"), r#"["a","b"]"#);
        assert_eq!(json("!!omap [a: 1, b: 2]"), r#"[["a",1],["b",2]]"#);
    }

    #[test]
    fn an_anchor_inside_unsafe_does_not_launder_it() {
        let (node, _) = read("a: !unsafe [&x '{{ y }}']\nb: *x\nc: &z t\nd: !unsafe [*z]\n");
        assert!(matches!(node.get("b").unwrap().kind, Kind::Unsafe(_)));
        assert!(matches!(
            node.get("d").unwrap().as_seq().unwrap()[0].kind,
            Kind::Unsafe(_)
        ));
        assert!(matches!(node.get("c").unwrap().kind, Kind::Str(_)));
    }

    #[test]
    fn json_is_yaml() {
        let text = r#"{"a": [1, 2.5, null, true, "x\u00e9\/\n"], "b": {}, "c": []}"#;
        assert_eq!(
            json(text),
            r#"{"a":[1,2.5,null,true,"xé/\n"],"b":{},"c":[]}"#
        );
    }

    #[test]
    fn documents() {
        assert_eq!(json(""), "null");
        assert_eq!(json("# only a comment\n"), "null");
        assert_eq!(json("---\n"), "null");
        assert_eq!(json("\u{feff}a: 1\n"), r#"{"a":1}"#);
        assert_eq!(
            json("a: 1\r\nb: |\r\n  x\r\n  y\r\n"),
            r#"{"a":1,"b":"x\ny\n"}"#
        );
        assert!(mistake("a\n---\nb\n").contains("second one starts here"));
        assert_eq!(parse(&File::new("t", "a\n---\nb\n")).0.len(), 2);
    }

    #[test]
    fn a_key_given_twice_is_a_warning_and_the_last_counts() {
        let file = File::new("t.yml", "a: 1\nb: 2\na: 3\n");
        let (node, diagnostics) = parse_one(&file);
        assert!(matches!(node.get("a").unwrap().kind, Kind::Int(3)));
        assert_eq!(diagnostics.len(), 1);
        assert!(!failed(&diagnostics));
        assert_eq!(diagnostics[0].span.as_ref().unwrap().line(), 3);
        assert_eq!(diagnostics[0].notes[0].0.line(), 1);
    }

    #[test]
    fn mistakes_have_places_and_hints() {
        let cases = [
            "a:\n\tb: 1\n",
            "a: {{ x }}\n",
            "a: {{ x }}/y\n",
            "- {{ x }}\n",
            "- debug: msg={{ x }}\n  when: {{ y }} == 1\n",
            "- hosts:all\n  tasks: []\n",
            "a: 1\n b: 2\n",
            "a:\n  - b\n c: 1\n",
            "a: \"x\n",
            "a: 'it's'\n",
            "a: \"x\" y\n",
            "name: install: nginx\n",
            "a: [1, 2\nb: 3\n",
            "a: *nope\n",
            "a: @x\n",
            "a: `x`\n",
            "a: \"\\d\"\n",
            "a: !frobnicate x\n",
            "a: !vualt x\n",
            "a: !!python/object:os.system x\n",
            "a: !vault [1]\n",
            "? [a, b]\n: 1\n",
            "a: 1\n- b\n",
            "- a\nb: 1\n",
            "a: b\n  c: d\n",
            "a: x\0y\n",
            "a: %x\n",
            "a: 'b\nc: d'\n",
            "a: |\n  x\n y\n",
            "a: {{ x }}:{{ y }}\n",
            "a: {{ x }}  # note\n",
            "  - a\n - b\n",
            "- name: x\n  shell: echo 'a: b' c: d\n",
            "x: {a: 1, b: [}\n",
            "x: [{{ a }}, b]\n",
            "a: ]\n",
            "key\nother: 1\n",
        ];
        let mut out = String::new();
        for case in cases {
            writeln!(out, "{case:?}\n    {}", mistake(case)).unwrap();
        }
        insta::assert_snapshot!(out);
    }

    #[test]
    fn a_mistake_in_decrypted_text_quotes_nothing_of_it() {
        let texts = [
            "hunter2: 1\nhunter2: 2",
            "a: {{ hunter2 }}/x",
            "a: *hunter2",
            "k: hunter2: x",
        ];
        for text in texts {
            let (_, found) = parse(&File::secret("v.yml", text));
            assert!(!found.is_empty());
            for d in found {
                let text = super::super::render::render(&d, false);
                assert!(!text.contains("hunter2"), "{text}");
            }
        }
    }

    #[test]
    fn floods_end_in_a_diagnostic() {
        let lol = |width: usize, open: char, close: char| {
            let mut text = format!("a0: &a0 {open}x{close}\n");
            for i in 1..30 {
                let refs = vec![format!("*a{}", i - 1); width].join(", ");
                writeln!(text, "a{i}: &a{i} [{refs}]").unwrap();
            }
            text
        };
        let merges = {
            let keys: Vec<String> = (0..1000).map(|i| format!("k{i}: 1")).collect();
            let refs = vec!["*m"; 1000].join(", ");
            format!("m: &m {{{}}}\nz: {{<<: [{refs}]}}\n", keys.join(", "))
        };
        let anchors: String = (0..200_000).map(|i| format!("- &a{i} x\n")).collect();
        let many = 100_000;
        let cases = [
            (lol(10, '[', ']'), "more than 250000 values through"),
            (lol(2, '[', ']'), "more than 250000 values through"),
            (merges, "more than 250000 values through"),
            ("[".repeat(many), "nested deeper"),
            ("{a: ".repeat(many), "nested deeper"),
            ("- ".repeat(many), "nested deeper"),
            ("? ".repeat(many), "nested deeper"),
            ("{{".repeat(many), "nested deeper"),
            (
                (0..2000)
                    .map(|i| format!("{}a:\n", " ".repeat(i)))
                    .collect(),
                "nested deeper",
            ),
            (anchors, "more than 10000 anchors"),
            ("a: &self {<<: *self}".into(), "inside the value it names"),
            ("&a [*a]".into(), "inside the value it names"),
            (
                format!("a: '{}'", "x".repeat(MAX_SCALAR + 1)),
                "longer than",
            ),
            ("a\0\0\0b".into(), "control character"),
        ];
        for (text, expected) in cases {
            let found = mistake(&text);
            assert!(found.contains(expected), "{:.40} … {found}", text);
        }
    }

    #[test]
    fn the_number_of_values_is_bounded() {
        let (_, found) = within(&File::new("t", "a: [1, 2, 3, 4, 5]"), 5);
        assert_eq!(found[0].message, "expands to more than 5 values");
        assert!(within(&File::new("t", "a: [1, 2]"), 5).1.is_empty());
    }

    #[test]
    fn depth_through_aliases_is_depth() {
        let mut text = "a0: &a0 [x]\n".to_owned();
        for i in 1..100 {
            writeln!(text, "a{i}: &a{i} [*a{}]", i - 1).unwrap();
        }
        assert!(mistake(&text).contains("nested deeper"));
    }

    fn check(node: &Node) {
        let (start, end) = (node.span.start as usize, node.span.end as usize);
        assert!(
            node.span.file.text.get(start..end).is_some(),
            "{start}..{end}"
        );
        match &node.kind {
            Kind::Seq(items) => items.iter().for_each(check),
            Kind::Map(entries) => entries.iter().for_each(|(k, v)| {
                check(k);
                check(v);
            }),
            _ => {}
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn any_text_yields_nodes_within_it(
            text in "([a-z]{1,3}|: |- |\n|\n  |\"|'|\\{|\\}|\\[|\\]|,|#|&a |\\*a|!|<<|\\||>|\t|é|\\?|%|---|0x1|\\\\){0,40}"
        ) {
            let (documents, diagnostics) = parse(&File::new("t", text.clone()));
            documents.iter().for_each(check);
            for span in diagnostics.iter().filter_map(|d| d.span.as_ref()) {
                prop_assert!(text.get(span.start as usize..span.end as usize).is_some());
            }
        }

        #[test]
        fn a_plain_scalar_spans_its_text(word in "[a-z/][a-z0-9/._-]{0,20}", pad in 1usize..9) {
            let text = format!("é:{}{word}   # note\n", " ".repeat(pad));
            let (node, _) = parse_one(&File::new("t", text.clone()));
            let value = &node.as_map().unwrap()[0].1;
            prop_assert_eq!(&text[value.span.start as usize..value.span.end as usize], word);
        }
    }
}
