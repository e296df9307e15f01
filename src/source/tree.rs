//! The tree of a YAML file, built from the parser's events with a stack of our own and against a budget.

use std::collections::HashMap;
use std::sync::Arc;

use granit_parser::{Event, ScalarStyle, Span as Place, Tag};

use super::yaml::{MAX_ANCHORS, MAX_COPIES, MAX_DEPTH, MAX_MISTAKES, MAX_SCALAR};
use super::{Code, Diagnostic, File, Kind, Node, Severity, Span, scalar, tag};

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

pub(super) struct Builder<'a> {
    file: &'a Arc<File>,
    stack: Vec<Frame>,
    pub(super) documents: Vec<Node>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Errors so far.
    pub(super) mistakes: usize,
    anchors: HashMap<usize, Built>,
    /// How many of the open collections are `!unsafe`.
    unsafe_depth: usize,
    nodes: usize,
    copies: usize,
    max_nodes: usize,
}

impl<'a> Builder<'a> {
    pub(super) fn new(file: &'a Arc<File>, max_nodes: usize) -> Builder<'a> {
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
            max_nodes,
        }
    }

    /// Takes the next event; an error ends the reading.
    pub(super) fn event(&mut self, event: Event<'_>, place: &Place) -> Result<(), Diagnostic> {
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

    /// A syntax error with the bracket that is open there.
    pub(super) fn located(&self, diagnostic: Diagnostic) -> Diagnostic {
        let open = self.stack.last().map(|f| f.span.start as usize);
        match open.filter(|at| self.file.text[*at..].starts_with(['[', '{'])) {
            Some(at) => diagnostic.note(&Span::new(self.file, at, at + 1), "open here"),
            None => diagnostic,
        }
    }

    /// Whether this place has been complained about: what follows a mistake often trips over it again.
    pub(super) fn known(&self, diagnostic: &Diagnostic) -> bool {
        let start = |d: &Diagnostic| d.span.as_ref().map(|s| s.start);
        self.diagnostics
            .iter()
            .any(|d| start(d) == start(diagnostic) && d.severity == Severity::Error)
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
                .code(Code::Bounds)
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
            Some(tag) => tag.collection(kind).unwrap_or_else(|wrong| {
                let (diagnostic, kind) = *wrong;
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
        if self.copies > MAX_COPIES || self.nodes + size > self.max_nodes {
            return Err(self.too_many(span, self.copies > MAX_COPIES));
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
                return Err(self.too_many(&built.node.span, true));
            }
            if self.anchors.len() >= MAX_ANCHORS {
                let text = format!("a file cannot have more than {MAX_ANCHORS} anchors");
                return Err(Diagnostic::error(&built.node.span, text).code(Code::Bounds));
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
        if self.nodes > self.max_nodes {
            return Err(self.too_many(&built.node.span, false));
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
        let start = key.span.start as usize;
        let braces = start > 0 && text.get(start - 1..).is_some_and(|t| t.starts_with("{{"));
        let diagnostic = if braces {
            let line = text[start - 1..].lines().next().unwrap_or("");
            let before = text[..start - 1].rsplit('\n').next().unwrap_or("");
            let stop = match before.contains(['[', '{']) {
                true => line.find("}}").map_or(line.len(), |at| at + 2),
                false => line.find(" #").unwrap_or(line.len()),
            };
            let stop = start - 1 + line[..stop].trim_end().len();
            let span = Span::new(self.file, start - 1, stop);
            let written = &text[start - 1..stop];
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

    fn too_many(&self, span: &Span, copies: bool) -> Diagnostic {
        if copies {
            let text =
                format!("expands to more than {MAX_COPIES} values through anchors and aliases");
            return Diagnostic::error(span, text)
                .code(Code::Bounds)
                .hint("aliases of aliases multiply; write less of them");
        }
        Diagnostic::error(
            span,
            format!("expands to more than {} values", self.max_nodes),
        )
        .code(Code::Bounds)
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
                self.mistake(
                    Diagnostic::warning(&entry.0.span, text)
                        .code(Code::DuplicateKey)
                        .note(&first, "first here"),
                );
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
    Diagnostic::error(span, format!("nested deeper than {MAX_DEPTH} levels")).code(Code::Bounds)
}
