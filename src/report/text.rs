//! What reporters share: results as JSON text, differences as lines, names of tasks.

use crate::engine::event::{Diff, Outcome, TaskRef};
use crate::source::escape::escape;
use crate::source::{Mapping, Mask, Span, Value};

/// What stands for a result that `no_log` hides.
pub const CENSORED: &str =
    "the output has been hidden due to the fact that 'no_log: true' was specified for this result";

/// `role : name`, or the name alone.
pub fn title(task: &TaskRef) -> String {
    match &task.role {
        Some(role) => format!("{role} : {}", task.name),
        None => task.name.clone(),
    }
}

/// A result as it may be shown: `no_log` honoured, inner keys left out, secrets masked, keys sorted.
pub fn result(task: &TaskRef, outcome: &Outcome, mask: &Mask) -> Mapping {
    if task.no_log {
        let changed = outcome
            .result
            .get("changed")
            .and_then(Value::as_bool)
            .unwrap_or(false);
        let mut shown = crate::result! { "censored" => CENSORED, "changed" => changed };
        if let Some(attempts) = outcome.result.get("attempts") {
            shown.insert("attempts".into(), attempts.clone());
        }
        return shown;
    }
    let mut pairs = outcome.result.as_mapping().cloned().unwrap_or_default();
    pairs.retain(|key, _| !key.as_str().is_some_and(|k| k.starts_with("_ansible_")));
    let mut pairs: Vec<(Value, Value)> = pairs
        .into_iter()
        .map(|(k, v)| entry(&k, &v, mask))
        .collect();
    pairs.sort_by(|(a, _), (b, _)| a.as_str().cmp(&b.as_str()));
    pairs.into_iter().collect()
}

/// Of one output of a command so much is shown; `register` holds more.
const SHOWN: usize = 1024 * 1024;

/// What a command printed, cut with a mark to what can be read.
fn shown(value: &Value, mask: &Mask) -> Value {
    match value {
        Value::String(text) if text.len() > SHOWN => {
            let text = mask.apply(text);
            let mut end = SHOWN.min(text.len());
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            let rest = (text.len() - end).div_ceil(1024);
            Value::from(format!("{}\n[{rest} KiB more are not shown]", &text[..end]))
        }
        Value::Sequence(lines) => {
            let mut left = SHOWN;
            let fits = |line: &&Value| {
                let size = line.as_str().map_or(0, str::len) + 1;
                let fits = size <= left;
                left = left.saturating_sub(size);
                fits
            };
            let head = lines.iter().take_while(fits);
            let mut head: Vec<Value> = head.map(|line| masked(line, mask)).collect();
            if head.len() < lines.len() {
                let rest = lines.len() - head.len();
                head.push(Value::from(format!("[{rest} lines more are not shown]")));
            }
            Value::Sequence(head)
        }
        other => masked(other, mask),
    }
}

fn entry(key: &Value, value: &Value, mask: &Mask) -> (Value, Value) {
    let value = match key.as_str() {
        Some("stdout" | "stderr" | "stdout_lines" | "stderr_lines") => shown(value, mask),
        _ => masked(value, mask),
    };
    (masked(key, mask), value)
}

/// A value with every secret in it hidden. Done before it becomes JSON, where a secret may look
/// different.
pub fn masked(value: &Value, mask: &Mask) -> Value {
    match value {
        Value::String(text) => Value::from(mask.apply(text).into_owned()),
        Value::Sequence(items) => {
            Value::Sequence(items.iter().map(|item| masked(item, mask)).collect())
        }
        Value::Mapping(map) => Value::Mapping(map.iter().map(|(k, v)| entry(k, v, mask)).collect()),
        other => other.clone(),
    }
}

/// The value with the keys of every mapping in it sorted, as Python's `sort_keys` does.
pub fn sorted(value: Value) -> Value {
    match value {
        Value::Sequence(items) => Value::Sequence(items.into_iter().map(sorted).collect()),
        Value::Mapping(map) => {
            let mut pairs: Vec<(Value, Value)> =
                map.into_iter().map(|(k, v)| (k, sorted(v))).collect();
            pairs.sort_by(|(a, _), (b, _)| a.as_str().cmp(&b.as_str()));
            Value::Mapping(pairs.into_iter().collect())
        }
        other => other,
    }
}

/// One line of JSON with the spaces that Python puts after commas and colons.
pub fn json_line(value: &Value) -> String {
    spaced(&serde_json::to_string(value).unwrap_or_else(|_| "{}".into()))
}

/// JSON over several lines, four blanks a level.
pub fn json_pretty(value: &Value) -> String {
    let mut out = Vec::new();
    let format = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, format);
    match serde::Serialize::serialize(value, &mut serializer) {
        Ok(()) => String::from_utf8_lossy(&out).into_owned(),
        Err(_) => "{}".into(),
    }
}

fn spaced(json: &str) -> String {
    let mut out = String::with_capacity(json.len() + json.len() / 8);
    let (mut inside, mut escaped) = (false, false);
    for c in json.chars() {
        out.push(c);
        match c {
            _ if escaped => escaped = false,
            '\\' if inside => escaped = true,
            '"' => inside = !inside,
            ',' | ':' if !inside => out.push(' '),
            _ => {}
        }
    }
    out
}

/// A unified difference under two headings; empty where the ends are equal.
pub fn unified(change: &Diff, before: &str, after: &str) -> String {
    if change.before == change.after {
        return String::new();
    }
    let diff = similar::TextDiff::from_lines(&change.before, &change.after);
    diff.unified_diff()
        .context_radius(3)
        .header(before, after)
        .to_string()
}

/// Lines added and removed.
pub fn counts(change: &Diff) -> (usize, usize) {
    let diff = similar::TextDiff::from_lines(&change.before, &change.after);
    let mut counts = (0, 0);
    for one in diff.iter_all_changes() {
        match one.tag() {
            similar::ChangeTag::Insert => counts.0 += 1,
            similar::ChangeTag::Delete => counts.1 += 1,
            similar::ChangeTag::Equal => {}
        }
    }
    counts
}

/// The absolute path of where something was written, with line and column.
pub fn place(span: &Span) -> String {
    let (line, column) = span.position();
    let path = std::path::absolute(span.path()).unwrap_or_else(|_| span.path().to_path_buf());
    format!("{}:{line}:{column}", path.display())
}

/// The text, masked and safe for a terminal.
pub fn safe(text: &str, mask: &Mask) -> String {
    escape(&mask.apply(text)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_before_json_changes_how_they_look() {
        let mask = Mask::default();
        mask.add("pa\"ss\\word");
        let value = Value::from("x pa\"ss\\word y");
        assert_eq!(json_line(&masked(&value, &mask)), "\"x ******** y\"");
    }

    #[test]
    fn json_has_the_spaces_of_python() {
        let map = crate::result! { "a" => "b,c:d\"", "n" => 1 };
        assert_eq!(
            json_line(&Value::Mapping(map)),
            r#"{"a": "b,c:d\"", "n": 1}"#
        );
    }

    #[test]
    fn lines_are_counted() {
        let diff = Diff {
            title: "/etc/x".into(),
            before: "a\nb\nc\n".into(),
            after: "a\nX\nY\nc\n".into(),
            summary: String::new(),
        };
        assert_eq!(counts(&diff), (2, 1));
    }

    #[test]
    fn of_an_endless_output_the_beginning_is_shown_with_a_mark() {
        let mask = Mask::default();
        let long = "ab\n".repeat(SHOWN);
        let lines = Value::Sequence(long.lines().map(Value::from).collect());
        let result =
            crate::result! { "stdout" => long.clone(), "stdout_lines" => lines, "other" => long };
        let shown = masked(&Value::Mapping(result), &mask);
        let text = shown.get("stdout").and_then(Value::as_str).unwrap();
        assert!(text.len() < SHOWN + 100 && text.ends_with("\n[2048 KiB more are not shown]"));
        let lines = shown
            .get("stdout_lines")
            .and_then(Value::as_sequence)
            .unwrap();
        assert_eq!(lines.len(), SHOWN / 3 + 1);
        assert_eq!(
            lines.last().and_then(Value::as_str),
            Some("[699051 lines more are not shown]")
        );
        assert_eq!(
            shown.get("other").and_then(Value::as_str).map(str::len),
            Some(3 * SHOWN)
        );
    }
}
