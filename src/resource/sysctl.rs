//! Kernel parameters as they are now.

use std::collections::HashMap;

use super::apply::{ApplyError, Make};
use super::reply::Record;
use super::script::{Script, quote};
use super::{Change, Query, Resource, State};

/// The file of a parameter: dots part directories, unless a slash comes first.
fn path(name: &str) -> String {
    let dotted = match (name.find('.'), name.find('/')) {
        (Some(dot), Some(slash)) => dot < slash,
        (_, slash) => slash.is_none(),
    };
    let swap = |c: char| match c {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    let below: String = if dotted {
        name.chars().map(swap).collect()
    } else {
        name.to_owned()
    };
    format!("/proc/sys/{below}")
}

/// A parameter whose name leaves /proc/sys is none.
fn is_sound(name: &str) -> bool {
    let leaves = |text: &str| text.split('/').any(|part| part == "..");
    !leaves(name) && !leaves(&path(name))
}

/// The file that is asked about: one that is never there for what is no name.
fn file(name: &str) -> String {
    match is_sound(name) {
        true => path(name),
        false => "/nonexistent".into(),
    }
}

fn names<'a>(queries: &[&'a Query]) -> Vec<&'a str> {
    let name = |q: &&'a Query| match &q.on {
        Resource::Sysctl(name) => Some(name.as_str()),
        _ => None,
    };
    queries.iter().filter_map(name).collect()
}

/// All files by one `grep`, a line each with its name before it (which a shell's `read` cannot do: the
/// kernel gives a number only to whoever takes it at once). A file that it says nothing of is empty, or
/// cannot be read, which `cat` tells by its status.
const VALUES: &str = r#"pl_l=
for pl_q; do
  shift
  if [ -e "$pl_q" ]; then set -- "$@" "$pl_q"; pl_l=${pl_l}e; else pl_l=$pl_l-; fi
done
[ $# = 0 ] || pl_x=$(grep -Hs '' "$@" /dev/null)
pl_y=
for pl_q; do
  case $pl_nl$pl_x in *"$pl_nl$pl_q:"*) continue ;; esac
  if cat -- "$pl_q" >/dev/null; then pl_y="$pl_y$pl_q:$pl_nl"; else pl_y="$pl_y$pl_q!$pl_nl"; fi
done
pl_p "$pl_l$pl_nl$pl_x$pl_nl$pl_y""#;

/// Answers with one record: a letter for each, whether it is there, then lines `FILE:VALUE`, or `FILE!`.
pub(super) fn ask(queries: &[&Query], script: &mut Script) {
    let words = names(queries).into_iter().map(|n| quote(&file(n)));
    let words: Vec<String> = words.collect();
    script.ask(&format!("set -- {}\npl_x=\n{VALUES}", words.join(" ")));
}

pub(super) fn read(queries: &[&Query], records: &[Record]) -> Result<Vec<State>, String> {
    let text = records.first().map(Record::text).unwrap_or_default();
    let mut lines = text.lines();
    let there = lines.next().unwrap_or_default();
    let files: Vec<String> = names(queries).into_iter().map(file).collect();
    if there.len() != queries.len() || files.len() != queries.len() {
        return Err("answers about kernel parameters are not whole".into());
    }
    let mut found: HashMap<&str, State> = HashMap::new();
    for line in lines {
        // The longest name: that of one may begin that of another with a colon in it.
        let begins = |f: &&String| line.strip_prefix(f.as_str());
        let named = files
            .iter()
            .filter(|f| begins(f).is_some_and(|rest| rest.starts_with([':', '!'])));
        let Some(file) = named.max_by_key(|f| f.len()) else {
            continue;
        };
        let value = begins(&file).unwrap_or_default();
        if value == "!" {
            found.insert(file, State::Refused("it cannot be read".into()));
            continue;
        }
        match found.get_mut(file.as_str()) {
            Some(State::Sysctl(all)) => {
                all.push('\n');
                all.push_str(&value[1..]);
            }
            _ => {
                found.insert(file, State::Sysctl(value[1..].to_owned()));
            }
        }
    }
    let states = files.iter().zip(there.chars()).map(|(file, there)| {
        let state = found.get(file.as_str()).map(|state| match state {
            State::Sysctl(value) => State::Sysctl(value.trim_end_matches('\n').to_owned()),
            other => other.clone(),
        });
        match there {
            'e' => state.unwrap_or_else(|| State::Refused("it cannot be read".into())),
            _ => State::Absent,
        }
    });
    Ok(states.collect())
}

pub(super) fn make(change: &Change) -> Result<Make, ApplyError> {
    let (Resource::Sysctl(name), State::Sysctl(after)) = (&change.on, &change.after) else {
        return Err(ApplyError::unfit(change));
    };
    if !is_sound(name) {
        return Err(ApplyError::because(change, "there is no such parameter"));
    }
    let file = quote(&path(name));
    let missing = match change.how.option("ignoreerrors") {
        Some(_) => format!("[ -w {file} ] || exit 0\n"),
        None => String::new(),
    };
    let fate = if change.how.option("ignoreerrors").is_some() {
        "|| :"
    } else {
        "|| exit"
    };
    Ok(Make::tool(format!(
        "{missing}pl_p {} >{file} {fate}",
        quote(after)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_paths() {
        assert_eq!(path("net.ipv4.ip_forward"), "/proc/sys/net/ipv4/ip_forward");
        assert_eq!(
            path("net.ipv4.conf.eth0/1.forwarding"),
            "/proc/sys/net/ipv4/conf/eth0.1/forwarding"
        );
        assert_eq!(
            path("net/ipv4/conf/eth0.1/forwarding"),
            "/proc/sys/net/ipv4/conf/eth0.1/forwarding"
        );
        assert!(!is_sound("../../etc/passwd") && is_sound("vm.swappiness"));
    }

    #[test]
    fn one_answer_holds_all_values() {
        let query = |name: &str| Query::meta(Resource::Sysctl(name.into()));
        let asked = ["a.b", "a.c", "a.d", "a.e", "../x"].map(query);
        let refs: Vec<_> = asked.iter().collect();
        let record = Record {
            number: 0,
            status: 0,
            payload:
                b"eee--\n/proc/sys/a/b:1\n/proc/sys/a/c:x:y\n/proc/sys/a/c:\tz\n/proc/sys/a/d!\n"
                    .to_vec(),
        };
        let value = |text: &str| State::Sysctl(text.into());
        let states = read(&refs, &[record]).unwrap();
        assert_eq!(states[..2], [value("1"), value("x:y\n\tz")]);
        assert!(matches!(&states[2], State::Refused(_)));
        assert_eq!(states[3..], [State::Absent, State::Absent]);
    }
}
