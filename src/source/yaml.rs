//! YAML as Ansible reads it: an event parser builds one tree of nodes.
//!
//! The tree is built with a stack of our own, never by recursion, and against a budget: a file that
//! would expand to more than a project can hold ends in a diagnostic. JSON is read by the same door.

use std::collections::HashMap;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle, Span as Place, Tag};

use super::{Diagnostic, File, Kind, Node, Severity, Span, scalar, syntax, tag};

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
const MAX_MISTAKES: usize = 50;

/// All documents of a file, and what is wrong with it.
pub fn parse(file: &Arc<File>) -> (Vec<Node>, Vec<Diagnostic>) {
    if let Some(diagnostic) = syntax::unreadable(file, MAX_TEXT) {
        return (Vec::new(), vec![diagnostic]);
    }
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder::new(file);
    for event in Parser::new_from_str_with_options(&file.text, options) {
        let stop = match event {
            Ok((event, place)) => builder.event(event, &place).err(),
            Err(error) => Some(syntax::diagnose(file, &error)),
        };
        if let Some(diagnostic) = stop {
            builder.diagnostics.push(diagnostic);
            break;
        }
        if builder.mistakes >= MAX_MISTAKES {
            break;
        }
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
            Diagnostic::error(&second.span, text).hint("split the file, or remove the `---` line"),
        );
    }
    (first, diagnostics)
}

/// Whether any of these is an error.
pub fn failed(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.severity == Severity::Error)
}

/// A finished value with what it weighs.
struct Built {
    node: Node,
    /// Values in it, itself included.
    size: usize,
    /// Collections nested in it, itself included.
    height: usize,
}

impl Built {
    fn leaf(node: Node) -> Built {
        Built {
            node,
            size: 1,
            height: 0,
        }
    }
}

/// A collection that is still open.
struct Frame {
    span: Span,
    anchor: usize,
    tag: Option<tag::Tagged>,
    size: usize,
    height: usize,
    items: Items,
}

enum Items {
    Seq(Vec<Node>),
    Map {
        entries: Vec<(Node, Node)>,
        merged: Vec<(Node, Node)>,
        key: Option<Key>,
    },
}

enum Key {
    Node(Node),
    /// `<<`: the value's entries become this mapping's, unless it has its own.
    Merge,
}

struct Builder<'a> {
    file: &'a Arc<File>,
    stack: Vec<Frame>,
    documents: Vec<Node>,
    diagnostics: Vec<Diagnostic>,
    mistakes: usize,
    anchors: HashMap<usize, Built>,
    /// How many of the open collections are `!unsafe`.
    unsafe_depth: usize,
    nodes: usize,
    copies: usize,
}

impl<'a> Builder<'a> {
    fn new(file: &'a Arc<File>) -> Builder<'a> {
        Builder {
            file,
            stack: Vec::new(),
            documents: Vec::new(),
            diagnostics: Vec::new(),
            mistakes: 0,
            anchors: HashMap::new(),
            unsafe_depth: 0,
            nodes: 0,
            copies: 0,
        }
    }

    /// Takes the next event; an error ends the reading.
    fn event(&mut self, event: Event<'_>, place: &Place) -> Result<(), Diagnostic> {
        let span = self.span(place);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.map(|t| self.tagged(&t, place));
                self.scalar(&text, style, tag, anchor, span)
            }
            Event::SequenceStart(_, anchor, tag) => {
                let tag = tag.map(|t| self.tagged(&t, place));
                self.open(Items::Seq(Vec::new()), anchor, tag, span)
            }
            Event::MappingStart(_, anchor, tag) => {
                let tag = tag.map(|t| self.tagged(&t, place));
                let items = Items::Map {
                    entries: Vec::new(),
                    merged: Vec::new(),
                    key: None,
                };
                self.open(items, anchor, tag, span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(&span),
            Event::Alias(id) => self.alias(id, &span),
            Event::DocumentEnd => {
                self.anchors.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn span(&self, place: &Place) -> Span {
        let range = place.byte_range().unwrap_or(0..0);
        Span::new(self.file, range.start, range.end)
    }

    fn tagged(&self, tag: &Tag, place: &Place) -> tag::Tagged {
        let span = place
            .tag_span()
            .map_or_else(|| self.span(place), |p| self.span(&p));
        tag::Tagged::new(tag, span)
    }

    fn mistake(&mut self, diagnostic: Diagnostic) {
        self.mistakes += usize::from(diagnostic.severity == Severity::Error);
        if self.diagnostics.len() < MAX_MISTAKES {
            self.diagnostics.push(diagnostic);
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<tag::Tagged>,
        anchor: usize,
        span: Span,
    ) -> Result<(), Diagnostic> {
        if text.len() > MAX_SCALAR {
            let text = format!("this string is longer than {MAX_SCALAR} bytes");
            return Err(Diagnostic::error(&span, text)
                .hint("keep large content in a file of its own and copy that"));
        }
        let plain = style == ScalarStyle::Plain;
        let merge = match &tag {
            None => plain && text == "<<",
            Some(tag) => tag.name == "!!merge",
        };
        if merge && self.expects_key() {
            if let Some(Frame {
                items: Items::Map { key, .. },
                ..
            }) = self.stack.last_mut()
            {
                *key = Some(Key::Merge);
            }
            return Ok(());
        }
        let kind = match &tag {
            None if plain => scalar::resolve(text),
            None => Kind::Str(Arc::from(text)),
            Some(tag) => tag.scalar(text).unwrap_or_else(|diagnostic| {
                self.mistake(diagnostic);
                Kind::Str(Arc::from(text))
            }),
        };
        let kind = match kind {
            Kind::Str(text) if self.unsafe_depth > 0 => Kind::Unsafe(text),
            kind => kind,
        };
        self.finish(Built::leaf(Node::new(kind, span)), anchor)
    }

    fn expects_key(&self) -> bool {
        let top = self.stack.last().map(|f| &f.items);
        matches!(top, Some(Items::Map { key: None, .. }))
    }

    fn open(
        &mut self,
        items: Items,
        anchor: usize,
        tag: Option<tag::Tagged>,
        span: Span,
    ) -> Result<(), Diagnostic> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(too_deep(&span));
        }
        if tag.as_ref().is_some_and(|t| t.name == "!unsafe") {
            self.unsafe_depth += 1;
        }
        self.stack.push(Frame {
            span,
            anchor,
            tag,
            size: 1,
            height: 1,
            items,
        });
        Ok(())
    }

    fn close(&mut self, end: &Span) -> Result<(), Diagnostic> {
        let Some(mut frame) = self.stack.pop() else {
            return Ok(());
        };
        // The end of a block is reported where the next token starts; only a bracket is ours.
        if end.end > end.start {
            frame.span.end = frame.span.end.max(end.end);
        }
        if frame.tag.as_ref().is_some_and(|t| t.name == "!unsafe") {
            self.unsafe_depth -= 1;
        }
        let kind = match frame.items {
            Items::Seq(items) => Kind::Seq(items),
            Items::Map {
                entries, merged, ..
            } => Kind::Map(self.unique(entries, merged)),
        };
        let kind = match &frame.tag {
            None => kind,
            Some(tag) => tag.collection(kind).unwrap_or_else(|(diagnostic, kind)| {
                self.mistake(diagnostic);
                kind
            }),
        };
        let node = Node::new(kind, frame.span);
        self.finish(
            Built {
                node,
                size: frame.size,
                height: frame.height,
            },
            frame.anchor,
        )
    }

    fn alias(&mut self, id: usize, span: &Span) -> Result<(), Diagnostic> {
        let Some(anchored) = self.anchors.get(&id) else {
            return Err(
                Diagnostic::error(span, "this alias stands inside the value it names")
                    .hint("a value cannot contain itself"),
            );
        };
        if self.stack.len() + anchored.height > MAX_DEPTH {
            return Err(too_deep(span));
        }
        let (size, height) = (anchored.size, anchored.height);
        self.copies += size;
        if self.copies > MAX_COPIES || self.nodes + size > MAX_NODES {
            return Err(too_many(span, self.copies > MAX_COPIES));
        }
        let mut node = self.anchors[&id].node.clone();
        if self.unsafe_depth > 0 {
            distrust(&mut node);
        }
        self.nodes += size - 1;
        if let Some(frame) = self.stack.last_mut() {
            frame.span.end = frame.span.end.max(span.end);
        }
        self.attach(Built { node, size, height })
    }

    /// A value is complete: remember it if it has an anchor, and hand it to what it stands in.
    fn finish(&mut self, built: Built, anchor: usize) -> Result<(), Diagnostic> {
        if anchor != 0 {
            self.copies += built.size;
            if self.copies > MAX_COPIES {
                return Err(too_many(&built.node.span, true));
            }
            if self.anchors.len() >= MAX_ANCHORS {
                let text = format!("a file cannot have more than {MAX_ANCHORS} anchors");
                return Err(Diagnostic::error(&built.node.span, text));
            }
            let copy = Built {
                node: built.node.clone(),
                ..built
            };
            self.anchors.insert(anchor, copy);
        }
        self.attach(built)
    }

    fn attach(&mut self, built: Built) -> Result<(), Diagnostic> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(too_many(&built.node.span, false));
        }
        let Some(frame) = self.stack.last_mut() else {
            self.documents.push(built.node);
            return Ok(());
        };
        frame.size += built.size;
        frame.height = frame.height.max(built.height + 1);
        frame.span.end = frame.span.end.max(built.node.span.end);
        match &mut frame.items {
            Items::Seq(items) => items.push(built.node),
            Items::Map {
                entries,
                merged,
                key,
            } => match key.take() {
                Some(Key::Node(key)) => entries.push((key, built.node)),
                Some(Key::Merge) => {
                    if let Err(diagnostic) = merge(built.node, merged) {
                        self.mistake(diagnostic);
                    }
                }
                None => {
                    *key = Some(Key::Node(built.node));
                    self.check_key();
                }
            },
        }
        Ok(())
    }

    /// A list or mapping as a key is nearly always an unquoted template.
    fn check_key(&mut self) {
        let Some(Frame {
            items:
                Items::Map {
                    key: Some(Key::Node(key)),
                    ..
                },
            ..
        }) = self.stack.last()
        else {
            return;
        };
        if !matches!(key.kind, Kind::Seq(_) | Kind::Map(_)) {
            return;
        }
        let text = &self.file.text;
        let (start, end) = (key.span.start as usize, key.span.end as usize);
        let braces = start > 0 && text.get(start - 1..).is_some_and(|t| t.starts_with("{{"));
        let diagnostic = if braces {
            let line = text[start - 1..].lines().next().unwrap_or("");
            let stop = line.find("}}").map_or(end, |at| start + 1 + at);
            let span = Span::new(self.file, start - 1, stop);
            let written = &text[start - 1..stop.min(text.len())];
            Diagnostic::error(&span, "a value cannot start with an unquoted `{{`").hint(format!(
                "quote the whole value: \"{}\"",
                written.replace('"', "'")
            ))
        } else {
            let text = format!("{} cannot be the key of a mapping", key.type_name());
            Diagnostic::error(&key.span, text).hint("if this is text, quote it")
        };
        self.mistake(diagnostic);
    }

    /// Entries with each key once: merged ones first, then our own; the last one wins.
    fn unique(&mut self, own: Vec<(Node, Node)>, merged: Vec<(Node, Node)>) -> Vec<(Node, Node)> {
        let from = merged.len();
        let mut seen: HashMap<Word, usize> = HashMap::with_capacity(own.len() + from);
        let mut out: Vec<(Node, Node)> = Vec::with_capacity(own.len() + from);
        let mut written = Vec::new();
        for (index, entry) in merged.into_iter().chain(own).enumerate() {
            let Some(&at) = word(&entry.0).as_ref().and_then(|w| seen.get(w)) else {
                if let Some(word) = word(&entry.0) {
                    seen.insert(word, out.len());
                }
                written.push(index >= from);
                out.push(entry);
                continue;
            };
            if index >= from && written[at] {
                let name = entry.0.as_str().unwrap_or("this key").to_owned();
                let text = format!("`{name}` is given twice in this mapping; the last one counts");
                let first = out[at].0.span.clone();
                self.mistake(Diagnostic::warning(&entry.0.span, text).note(&first, "first here"));
            }
            written[at] |= index >= from;
            out[at] = entry;
        }
        out
    }
}

/// A key as something that can be looked up.
#[derive(PartialEq, Eq, Hash)]
enum Word {
    Null,
    Bool(bool),
    Int(i64),
    Float(u64),
    Str(Arc<str>),
}

fn word(key: &Node) -> Option<Word> {
    Some(match &key.kind {
        Kind::Null => Word::Null,
        Kind::Bool(b) => Word::Bool(*b),
        Kind::Int(i) => Word::Int(*i),
        Kind::Float(f) => Word::Float(f.to_bits()),
        Kind::Str(s) | Kind::Unsafe(s) => Word::Str(Arc::clone(s)),
        Kind::Vault(_) | Kind::Seq(_) | Kind::Map(_) => return None,
    })
}

/// The value of `<<` into the entries merged so far. Of a list, the first mapping wins.
fn merge(value: Node, merged: &mut Vec<(Node, Node)>) -> Result<(), Diagnostic> {
    let wrong = |node: &Node| {
        let text = format!(
            "`<<` takes a mapping or a list of mappings, not {}",
            node.type_name()
        );
        Diagnostic::error(&node.span, text).hint("name an anchor: `<<: *defaults`")
    };
    match value.kind {
        Kind::Map(entries) => merged.extend(entries),
        Kind::Seq(items) => {
            for item in items.into_iter().rev() {
                match item.kind {
                    Kind::Map(entries) => merged.extend(entries),
                    _ => return Err(wrong(&item)),
                }
            }
        }
        _ => return Err(wrong(&value)),
    }
    Ok(())
}

/// Every string in it stops being a template. Recursion is bounded by [`MAX_DEPTH`].
fn distrust(node: &mut Node) {
    match &mut node.kind {
        Kind::Str(text) => node.kind = Kind::Unsafe(Arc::clone(text)),
        Kind::Seq(items) => items.iter_mut().for_each(distrust),
        Kind::Map(entries) => entries.iter_mut().for_each(|(key, value)| {
            distrust(key);
            distrust(value);
        }),
        _ => {}
    }
}

fn too_deep(span: &Span) -> Diagnostic {
    Diagnostic::error(span, format!("nested deeper than {MAX_DEPTH} levels"))
}

fn too_many(span: &Span, copies: bool) -> Diagnostic {
    if copies {
        let text = format!("expands to more than {MAX_COPIES} values through anchors and aliases");
        return Diagnostic::error(span, text)
            .hint("aliases of aliases multiply; write less of them");
    }
    Diagnostic::error(span, format!("expands to more than {MAX_NODES} values"))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

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
            started.elapsed() < Duration::from_secs(5),
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
            ("- x\n".repeat(MAX_NODES + 1), "more than 1000000 values"),
            ("a\0\0\0b".into(), "control character"),
        ];
        for (text, expected) in cases {
            let found = mistake(&text);
            assert!(found.contains(expected), "{:.40} … {found}", text);
        }
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
