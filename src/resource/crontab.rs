//! A user's crontab, as text: read and installed by `crontab`, which checks it and tells the daemon.

use super::apply::{ApplyError, CONFLICT, Make};
use super::hash::Digest;
use super::reply::Record;
use super::script::{Script, quote};
use super::{Change, Query, Resource, State};

/// `-u` is for root alone: whoever asks for their own crontab says no name.
const WHOSE: &str = "pl_whose() { pl_cu=; [ \"$1\" = \"$pl_me\" ] || pl_cu=\"-u $1\"; }\n";

fn users<'a>(queries: &[&'a Query]) -> Vec<&'a str> {
    let names = queries.iter().filter_map(|q| match &q.on {
        Resource::Crontab(user) => Some(user.as_str()),
        _ => None,
    });
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whose shell this is, by the name that `id` gave when it was opened.
const ME: &str = "pl_me=${pl_id#*\\(}; pl_me=${pl_me%%\\)*}\n";

pub(super) fn ask(queries: &[&Query], script: &mut Script) {
    for user in users(queries) {
        let name = quote(user);
        // `+` stands before a crontab, so that one without lines is told from none at all.
        script.ask(&format!(
            "{ME}{WHOSE}if ! pl_has crontab; then pl_p '!the host has no crontab'; else\n\
             pl_whose {name}\n\
             if pl_x=$(crontab $pl_cu -l && pl_p x); then pl_p \"+${{pl_x%x}}\"; else pl_p -; fi\nfi"
        ));
    }
}

pub(super) fn read(queries: &[&Query], records: &[Record]) -> Result<Vec<State>, String> {
    let names = users(queries);
    if records.len() < names.len() {
        return Err("the answer about crontabs is cut short".into());
    }
    let state = |query: &&Query| {
        let Resource::Crontab(user) = &query.on else {
            return State::Absent;
        };
        let Some(at) = names.iter().position(|n| n == user) else {
            return State::Absent;
        };
        let text = records[at].text();
        match text.split_at_checked(1) {
            Some(("+", text)) => State::Text(text.to_owned()),
            Some(("!", why)) => State::Refused(why.to_owned()),
            _ => State::Absent,
        }
    };
    Ok(queries.iter().map(state).collect())
}

/// Installs the text, if what is there is still what was seen.
pub(super) fn make(change: &Change) -> Result<Make, ApplyError> {
    let Resource::Crontab(user) = &change.on else {
        return Err(ApplyError::unfit(change));
    };
    let before = match &change.before {
        State::Text(text) => text.as_str(),
        State::Absent => "",
        _ => return Err(ApplyError::unfit(change)),
    };
    let name = quote(user);
    let seen = Digest::of(before.as_bytes());
    let mut text = format!(
        "{ME}{WHOSE}pl_whose {name}\n\
         pl_x=$(crontab $pl_cu -l 2>/dev/null | sha256sum)\n\
         [ \"${{pl_x%% *}}\" = {seen} ] || {{ pl_p 'the crontab was changed meanwhile' >&2; exit {CONFLICT}; }}\n"
    );
    match &change.after {
        State::Absent => text.push_str("crontab $pl_cu -r"),
        State::Text(wanted) => {
            let end = format!("PL{}", &Digest::of(wanted.as_bytes()).to_string()[..24]);
            let newline = if wanted.is_empty() || wanted.ends_with('\n') {
                ""
            } else {
                "\n"
            };
            text.push_str(&format!(
                "crontab $pl_cu - <<'{end}'\n{wanted}{newline}{end}"
            ));
        }
        _ => return Err(ApplyError::unfit(change)),
    }
    Ok(Make::tool(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_crontab_is_not_a_missing_one() {
        let query = |user: &str| Query::meta(Resource::Crontab(user.into()));
        let (a, b, c) = (query("ada"), query("bob"), query("cyd"));
        let record = |number: usize, text: &str| Record {
            number,
            status: 0,
            payload: text.as_bytes().to_vec(),
        };
        let records = [record(0, "+@daily x\n"), record(1, "+"), record(2, "-")];
        let states = read(&[&a, &b, &c], &records).expect("states");
        assert_eq!(states[0], State::Text("@daily x\n".into()));
        assert_eq!(states[1], State::Text(String::new()));
        assert_eq!(states[2], State::Absent);
    }
}
