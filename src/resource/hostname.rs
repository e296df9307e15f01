//! The host's name: the one in use and the one kept.
//!
//! The smallest whole kind: read it before adding another.

use super::apply::{ApplyError, Make};
use super::prelude::Hello;
use super::reply::Record;
use super::script::{Script, quote};
use super::{Change, Query, State};

#[derive(Clone, Debug, PartialEq, Default)]
pub struct HostnameState {
    pub current: String,
    /// `/etc/hostname`, or what hostnamectl calls static.
    pub permanent: String,
    pub pretty: Option<String>,
}

/// One record of three lines. Builtins read the files, so asking costs no process.
const ASK: &str = r#"pl_x= pl_y= pl_z=
[ ! -r /proc/sys/kernel/hostname ] || read -r pl_x </proc/sys/kernel/hostname
[ -n "$pl_x" ] || pl_x=$(hostname)
if [ -r /etc/hostname ]; then
  while read -r pl_y; do
    case $pl_y in ''|\#*) pl_y= ;; *) break ;; esac
  done </etc/hostname
elif [ -r /etc/conf.d/hostname ]; then
  while read -r pl_y; do
    case $pl_y in hostname=*) pl_y=${pl_y#hostname=}; pl_y=${pl_y#\"}; pl_y=${pl_y%\"}; break ;; esac
    pl_y=
  done </etc/conf.d/hostname
else pl_y=$pl_x
fi
[ ! -r /etc/machine-info ] || while IFS= read -r pl_l; do
  case $pl_l in PRETTY_HOSTNAME=*) pl_z=${pl_l#PRETTY_HOSTNAME=}; pl_z=${pl_z#\"}; pl_z=${pl_z%\"} ;; esac
done </etc/machine-info
pl_p "$pl_x$pl_nl$pl_y$pl_nl$pl_z""#;

pub(super) fn ask(_queries: &[&Query], script: &mut Script) {
    script.ask(ASK);
}

pub(super) fn read(queries: &[&Query], records: &[Record]) -> Result<Vec<State>, String> {
    let text = records
        .first()
        .map(Record::text)
        .ok_or("no answer about the hostname")?;
    let mut lines = text.split('\n');
    let mut next = || lines.next().unwrap_or_default().to_owned();
    let (current, permanent, pretty) = (next(), next(), next());
    let pretty = Some(pretty).filter(|p| !p.is_empty());
    Ok(vec![
        State::Hostname(HostnameState {
            current,
            permanent,
            pretty
        });
        queries.len()
    ])
}

/// `hostnamectl` where systemd runs, files and the kernel's own switch elsewhere. The option `use`
/// of the change names another way, as the action's argument does.
pub(super) fn make(change: &Change, _hello: &Hello) -> Result<Make, ApplyError> {
    let (State::Hostname(before), State::Hostname(after)) = (&change.before, &change.after) else {
        return Err(ApplyError::unfit(change));
    };
    let mut text =
        String::from("pl_sd=; [ ! -d /run/systemd/system ] || ! pl_has hostnamectl || pl_sd=1\n");
    if after.permanent != before.permanent {
        let name = quote(&after.permanent);
        text.push_str(&format!(
            "if [ -n \"$pl_sd\" ]; then hostnamectl --static set-hostname {name} || exit\n\
             elif [ -e /etc/conf.d/hostname ] && [ ! -e /etc/hostname ]; then \
             pl_p hostname=\\\"{name}\\\"\"$pl_nl\" >/etc/conf.d/hostname || exit\n\
             else umask 022; pl_p {name}\"$pl_nl\" >/etc/hostname || exit\nfi\n"
        ));
    }
    if after.pretty != before.pretty {
        let name = quote(after.pretty.as_deref().unwrap_or(""));
        text.push_str(&format!(
            "[ -z \"$pl_sd\" ] || hostnamectl --pretty set-hostname {name} || exit\n"
        ));
    }
    if after.current != before.current {
        let name = quote(&after.current);
        text.push_str(&format!(
            "if [ -n \"$pl_sd\" ]; then hostnamectl --transient set-hostname {name} || exit\n\
             else hostname {name} || exit\nfi\n"
        ));
    }
    Ok(Make::tool(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_three_lines() {
        let record = Record {
            number: 0,
            status: 0,
            payload: b"web1\nweb1.example.org\n".to_vec(),
        };
        let query = Query::meta(super::super::Resource::Hostname);
        let states = read(&[&query], &[record]).expect("a state");
        let State::Hostname(state) = &states[0] else {
            panic!("a hostname")
        };
        assert_eq!(state.permanent, "web1.example.org");
        assert_eq!(state.pretty, None);
    }
}
