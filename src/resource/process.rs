//! What runs: whether a process has some text in its command line.

use super::reply::Record;
use super::script::{Script, quote};
use super::{Query, Resource, State};

/// The command lines, one a line. `ps` of busybox knows no options but shows all.
const LINES: &str = r#"pl_ps=$(ps -ewwo args 2>/dev/null || ps -o args 2>/dev/null)
[ -n "$pl_ps" ] || pl_ps=$(for pl_f in /proc/[0-9]*/cmdline; do tr '\0\n' '  ' <"$pl_f"; echo; done 2>/dev/null)
pl_any() {
  while IFS= read -r pl_l; do
    case $pl_l in *"$1"*) pl_p "$pl_l"; return ;; esac
  done <<A
$pl_ps
A
}
"#;

fn pattern<'a>(query: &&'a Query) -> Option<&'a str> {
    match &query.on {
        Resource::Process(text) => Some(text),
        _ => None,
    }
}

pub(super) fn ask(queries: &[&Query], script: &mut Script) {
    let patterns = queries.iter().filter_map(pattern);
    let tries: String = patterns
        .map(|p| format!("pl_any {}; pl_p \"$pl_nl\"\n", quote(p)))
        .collect();
    script.ask(&format!("{LINES}{tries}:"));
}

pub(super) fn read(queries: &[&Query], records: &[Record]) -> Result<Vec<State>, String> {
    let text = records.first().map(Record::text);
    let text = text.ok_or("no answer about processes")?;
    let mut lines = text.lines();
    let state = |_: &&Query| match lines.next() {
        None | Some("") => State::Absent,
        Some(line) => State::Text(line.to_owned()),
    };
    Ok(queries.iter().map(state).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_pattern() {
        let query = |p: &str| Query::meta(Resource::Process(p.to_owned()));
        let (a, b) = (query("sshd"), query("nothing"));
        let record = Record {
            number: 0,
            status: 0,
            payload: b"sshd: /usr/sbin/sshd -D\n\n".to_vec(),
        };
        let states = read(&[&a, &b], &[record]).unwrap();
        assert!(matches!(&states[0], State::Text(t) if t.starts_with("sshd")));
        assert_eq!(states[1], State::Absent);
    }
}
