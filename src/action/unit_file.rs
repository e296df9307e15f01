//! The text of systemd's settings: sections, assignments, comments, lines that go on after a `\`.
//!
//! An empty assignment takes back what was assigned before; options that are lists add up.

/// One assignment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Assignment {
    pub(crate) section: String,
    pub(crate) key: String,
    /// With the parts of lines that go on joined by blanks.
    pub(crate) value: String,
    /// The lines it stands on, counted from 0, the end not included.
    pub(crate) lines: std::ops::Range<usize>,
}

/// Every assignment of a text, in order.
pub(crate) fn assignments(text: &str) -> Vec<Assignment> {
    let mut found = Vec::new();
    let mut section = String::new();
    let mut lines = text.lines().enumerate();
    while let Some((start, line)) = lines.next() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = name.to_owned();
            continue;
        }
        let (mut whole, mut end) = (line.to_owned(), start + 1);
        while let Some(part) = whole.strip_suffix('\\') {
            whole = part.trim_end().to_owned();
            let Some((at, more)) = lines.next() else {
                break;
            };
            end = at + 1;
            // Comments between the parts are none of them.
            if !more.trim_start().starts_with(['#', ';']) {
                whole.push(' ');
                whole.push_str(more.trim());
            } else {
                whole.push_str(" \\");
            }
        }
        if let Some((key, value)) = whole.split_once('=') {
            found.push(Assignment {
                section: section.clone(),
                key: key.trim().to_owned(),
                value: value.trim().to_owned(),
                lines: start..end,
            });
        }
    }
    found
}

/// The text in which an option of a section is assigned these values, one line each, and no others.
pub(crate) fn set(text: &str, section: &str, key: &str, values: &[String]) -> String {
    let old: Vec<_> = assignments(text)
        .into_iter()
        .filter(|a| a.section == section && a.key == key)
        .collect();
    let new: String = values.iter().map(|v| format!("{key}={v}\n")).collect();
    let gone = |at: usize| old.iter().any(|a| a.lines.contains(&at));
    let place = match old.first() {
        Some(first) => Some(first.lines.start),
        None => end_of(text, section),
    };
    let mut out = String::new();
    for (at, line) in text.lines().enumerate() {
        if Some(at) == place {
            out.push_str(&new);
        }
        if !gone(at) {
            out.push_str(line);
            out.push('\n');
        }
    }
    match place {
        Some(at) if at < text.lines().count() => {}
        Some(_) => out.push_str(&new),
        None => {
            if !out.is_empty() {
                out.push('\n');
            }
            out.push_str(&format!("[{section}]\n{new}"));
        }
    }
    out
}

/// The text in which no section of that name assigns the option: its lines become comments.
pub(crate) fn comment_out(text: &str, section: &str, key: &str) -> String {
    let old: Vec<_> = assignments(text)
        .into_iter()
        .filter(|a| a.section == section && a.key == key)
        .collect();
    let mut out = String::new();
    for (at, line) in text.lines().enumerate() {
        if old.iter().any(|a| a.lines.contains(&at)) {
            out.push('#');
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// The line behind the last one of a section that says something.
fn end_of(text: &str, section: &str) -> Option<usize> {
    let (mut within, mut end) = (false, None);
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            within = name == section;
        }
        if within && !line.is_empty() {
            end = Some(at + 1);
        }
    }
    end
}

/// Whether two values say the same: blanks count once, and truth has several words.
pub(crate) fn same(a: &str, b: &str) -> bool {
    let truth = |v: &str| match v.to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Some(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Some(false),
        _ => None,
    };
    match (truth(a), truth(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a.split_whitespace().eq(b.split_whitespace()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# a\n[Unit]\nDescription=x\n\n[Service]\nExecStart=/a \\\n  # not this\n  -b\n\
                        User=c\n\n[Install]\nWantedBy=x\n";

    #[test]
    fn lines_that_go_on_are_one_assignment() {
        let all = assignments(TEXT);
        let start = all.iter().find(|a| a.key == "ExecStart").expect("there");
        assert_eq!((start.value.as_str(), start.lines.clone()), ("/a -b", 5..8));
        assert_eq!(all.len(), 4);
    }

    #[test]
    fn an_option_is_put_where_it_was_or_at_the_end_of_its_section() {
        let values = ["".to_owned(), "d".to_owned()];
        let set_user = set(TEXT, "Service", "User", &values);
        assert!(set_user.contains("  -b\nUser=\nUser=d\n\n[Install]"));
        assert_eq!(set(&set_user, "Service", "User", &values), set_user);
        let added = set(TEXT, "Unit", "After", &["d".to_owned()]);
        assert!(added.contains("Description=x\nAfter=d\n\n[Service]"));
        assert_eq!(set("", "A", "b", &["c".into()]), "[A]\nb=c\n");
        assert_eq!(set("[A]\n", "A", "b", &["c".into()]), "[A]\nb=c\n");
    }

    #[test]
    fn all_lines_of_an_assignment_become_comments() {
        let text = comment_out(TEXT, "Service", "ExecStart");
        assert!(text.contains("#ExecStart=/a \\\n#  # not this\n#  -b\n"));
        assert!(same("Yes", "true") && same("a  b", "a b") && !same("no", "true"));
    }
}
