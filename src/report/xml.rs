//! XML as it is written by forms: elements in order, everything between them escaped.
//!
//! Names of elements and attributes are ours, so only values need care. What XML 1.0 cannot hold at all
//! (most control characters) is written out as it is for terminals.

use crate::source::escape::escape;

/// A document that is being written.
pub(in crate::report) struct Xml {
    text: String,
    open: Vec<&'static str>,
}

impl Xml {
    pub(in crate::report) fn new() -> Xml {
        Xml {
            text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".into(),
            open: Vec::new(),
        }
    }

    /// Begins an element.
    pub(in crate::report) fn open(&mut self, name: &'static str, attributes: &[(&str, &str)]) {
        self.head(name, attributes);
        self.text.push_str(">\n");
        self.open.push(name);
    }

    /// Ends the innermost element.
    pub(in crate::report) fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            self.indent();
            self.text.push_str(&format!("</{name}>\n"));
        }
    }

    /// An element with text.
    pub(in crate::report) fn leaf(
        &mut self,
        name: &'static str,
        attributes: &[(&str, &str)],
        text: &str,
    ) {
        self.head(name, attributes);
        if text.is_empty() {
            self.text.push_str("/>\n");
            return;
        }
        let text = content(text);
        self.text.push_str(&format!(">{text}</{name}>\n"));
    }

    /// The document, with everything closed.
    pub(in crate::report) fn end(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.text
    }

    fn indent(&mut self) {
        self.text.push_str(&"  ".repeat(self.open.len()));
    }

    fn head(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.indent();
        self.text.push('<');
        self.text.push_str(name);
        for (name, value) in attributes {
            let value = content(value).replace('\n', "&#10;").replace('\t', "&#9;");
            self.text.push_str(&format!(" {name}=\"{value}\""));
        }
    }
}

impl Default for Xml {
    fn default() -> Xml {
        Xml::new()
    }
}

/// Text that means itself in XML and HTML, between tags and within quotes.
pub(in crate::report) fn content(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in escape(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // No characters of XML 1.0.
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_leave_their_place() {
        let mut xml = Xml::new();
        xml.open("a", &[("x", "\"><b y='\n")]);
        xml.leaf("c", &[], "]]></c>\u{0}\u{1b}&\u{ffff}");
        let text = xml.end();
        let body = text.split_once('\n').unwrap().1;
        assert_eq!(
            body,
            "<a x=\"&quot;&gt;&lt;b y=&#39;&#10;\">\n  \
             <c>]]&gt;&lt;/c&gt;\\x00\\x1b&amp;\u{fffd}</c>\n</a>\n"
        );
    }
}
