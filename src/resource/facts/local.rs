//! `local`: what the host's own files say, as JSON or INI, and the programs among them print.

use serde_yaml::{Mapping, Value};

use super::answer::Answer;
use super::put;

/// Local facts by the names of their files. A failure is a text under the same name, as Ansible's is.
pub(super) fn read(answer: &Answer) -> Mapping {
    let mut out = Mapping::new();
    for section in answer.sections_of("local") {
        let Some((head, rest)) = section.split_once('\n') else {
            continue;
        };
        let Some((how, file)) = head.split_once(' ') else {
            continue;
        };
        let (text, status) = rest.rsplit_once(' ').unwrap_or((rest, "0"));
        // ksh says 256 and the signal, other shells 128.
        let status = match status.parse::<u32>() {
            Ok(number @ 257..) => (number - 128).to_string(),
            _ => status.to_owned(),
        };
        let name = file.strip_suffix(".fact").unwrap_or(file);
        let value = if how == "x" && status != "0" {
            Value::from(format!(
                "Failure executing fact script ({file}), rc: {status}"
            ))
        } else if status != "0" {
            Value::from(format!("Could not read fact file ({file})"))
        } else {
            content(text, file)
        };
        put(&mut out, name, value);
    }
    out
}

fn content(text: &str, file: &str) -> Value {
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        return value;
    }
    match ini(text) {
        Some(sections) => Value::Mapping(sections),
        None => Value::from(format!(
            "error loading facts as JSON or ini - please check content: {file}"
        )),
    }
}

/// Sections of `name = value` or `name: value`; an indented line continues the one above. `None`
/// where a line is neither, or stands before the first section.
fn ini(text: &str) -> Option<Mapping> {
    let mut sections: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        let body = line.trim();
        if body.is_empty() || body.starts_with(['#', ';']) {
            continue;
        }
        if open && line.starts_with([' ', '\t']) {
            let (_, value) = sections.last_mut()?.1.last_mut()?;
            value.push('\n');
            value.push_str(body);
            continue;
        }
        if let Some(name) = body.strip_prefix('[').and_then(|b| b.split_once(']')) {
            if sections.iter().any(|(n, _)| n == name.0) {
                return None;
            }
            sections.push((name.0.to_owned(), Vec::new()));
            open = false;
            continue;
        }
        let (key, value) = body.split_once(['=', ':'])?;
        let entries = &mut sections.last_mut()?.1;
        let key = key.trim().to_lowercase();
        if entries.iter().any(|(k, _)| *k == key) {
            return None;
        }
        entries.push((key, value.trim().to_owned()));
        open = true;
    }
    // What stands in DEFAULT is in every section, and is none itself.
    let defaults: Vec<(String, String)> = sections
        .iter()
        .filter(|(name, _)| name == "DEFAULT")
        .flat_map(|(_, entries)| entries.clone())
        .collect();
    let mut out = Mapping::new();
    for (name, entries) in sections.into_iter().filter(|(name, _)| name != "DEFAULT") {
        let mut map = Mapping::new();
        for (key, value) in entries.into_iter().chain(defaults.iter().cloned()) {
            map.entry(Value::from(key)).or_insert(Value::from(value));
        }
        put(&mut out, &name, map);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_json_or_ini() {
        assert_eq!(content("{\"a\": [1]}", "x")["a"][0], Value::from(1));
        let ini = content("[General]\nName = x:y\n# c\nlong=a\n  b\n[Empty]\n", "x");
        assert_eq!(ini["General"]["name"], Value::from("x:y"));
        assert_eq!(ini["General"]["long"], Value::from("a\nb"));
        assert_eq!(ini["Empty"], Value::Mapping(Mapping::new()));
        assert!(
            content("no fact", "f")
                .as_str()
                .is_some_and(|t| t.ends_with(": f"))
        );
    }

    #[test]
    fn a_failing_program_says_so_and_braces_stay_text() {
        let sections = ["x bad.fact\nout 3", "r t.fact\n\"{{ lookup }}\" 0"];
        let text: String = sections
            .iter()
            .map(|s| format!("local {}\n{s}", s.len()))
            .collect();
        let local = read(&Answer::read(text.as_bytes()));
        assert!(local["bad"].as_str().is_some_and(|t| t.contains("rc: 3")));
        assert_eq!(local["t"], Value::from("{{ lookup }}"));
    }
}
