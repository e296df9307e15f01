//! Kernel parameters as they are now.

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

pub(super) fn ask(queries: &[&Query], script: &mut Script) {
    for query in queries {
        let Resource::Sysctl(name) = &query.on else {
            continue;
        };
        let file = if is_sound(name) {
            quote(&path(name))
        } else {
            "/nonexistent".into()
        };
        script.ask(&format!("[ -e {file} ] || exit 2\ncat {file}"));
    }
}

pub(super) fn read(queries: &[&Query], records: &[Record]) -> Result<Vec<State>, String> {
    if queries.len() != records.len() {
        return Err("answers about kernel parameters are not whole".into());
    }
    let state = |record: &Record| match record.status {
        0 => State::Sysctl(record.text().trim_end_matches('\n').to_owned()),
        2 => State::Absent,
        _ => State::Refused("it cannot be read".into()),
    };
    Ok(records.iter().map(state).collect())
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
    use super::{is_sound, path};

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
}
