//! What is new in a run: what it found that the run of its job before it had not.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::read::{ENTRIES, ENTRY, Entry, Numbered, entry, named};
use super::sql::{Sql, Val, among};
use super::status::{Kind, Status};

/// Runs that are looked back for one that reached a host: one that was away longer begins anew.
const LOOK_BACK: i64 = 50;

/// What a run found that the run of this job before it had not, and the other way round. Hosts that
/// were not reached are compared with the last run that reached them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    pub appeared: Vec<Entry>,
    pub gone: Vec<Entry>,
    /// Hosts that were reached before, and now are not.
    pub lost: Vec<String>,
    /// Hosts that are reached again.
    pub back: Vec<String>,
    /// Nothing is there to compare with: all of it is new.
    pub first: bool,
}

pub(super) fn news(sql: &mut dyn Sql, run: &str) -> Result<News, String> {
    let Some(Numbered { run, seq, .. }) = named(sql, run)? else {
        return Ok(News::default());
    };
    let text = "SELECT seq FROM runs WHERE job = ?1 AND seq < ?2 AND ended IS NOT NULL \
                ORDER BY seq DESC LIMIT ?3";
    let values = [run.job.as_str().into(), seq.into(), LOOK_BACK.into()];
    let before: Vec<Val> = sql.rows(text, &values)?.into_iter().flatten().collect();
    // How each host stood in each of these runs, the newest last.
    let mut stood: BTreeMap<i64, BTreeMap<i64, char>> = BTreeMap::new();
    let all: Vec<Val> = before.iter().cloned().chain([Val::Int(seq)]).collect();
    for row in among(
        sql,
        "SELECT host, run, state FROM stands WHERE run IN {}",
        &all,
    )? {
        let host = stood.entry(row[0].int()).or_default();
        host.insert(row[1].int(), row[2].letter());
    }
    let away = Status::Unreachable.letter();
    let mut news = News {
        first: before.is_empty(),
        ..News::default()
    };
    let (mut lost, mut back) = (Vec::new(), Vec::new());
    // The run that each host is compared with.
    let mut with: HashMap<i64, i64> = HashMap::new();
    for (host, states) in &stood {
        let Some(now) = states.get(&seq) else {
            continue;
        };
        let mut earlier = states.range(..seq).rev();
        let previous = earlier.clone().next().map(|(_, state)| *state);
        match (*now == away, previous.map(|p| p == away)) {
            (true, Some(false) | None) => lost.push(Val::Int(*host)),
            (false, Some(true)) => back.push(Val::Int(*host)),
            _ => {}
        }
        if *now != away {
            let reached = earlier.find(|(_, state)| **state != away);
            with.insert(*host, reached.map_or(0, |(run, _)| *run));
        }
    }
    news.lost = names(sql, &lost)?;
    news.back = names(sql, &back)?;
    let runs: BTreeSet<i64> = with
        .values()
        .copied()
        .chain([seq])
        .filter(|r| *r > 0)
        .collect();
    let runs: Vec<Val> = runs.into_iter().map(Val::Int).collect();
    let text = format!("SELECT {ENTRY}, x.host, x.run FROM {ENTRIES} WHERE x.run IN {{}}");
    let mut now: BTreeMap<Key, Entry> = BTreeMap::new();
    let mut then: BTreeMap<Key, Entry> = BTreeMap::new();
    for row in among(sql, &text, &runs)? {
        let one = entry(&row);
        let (host, run) = (row[15].int(), row[16].int());
        if !matches!(one.status.kind(), Kind::Differs | Kind::Trouble) {
            continue;
        }
        let key = key(&one);
        match with.get(&host) {
            // Of a host that was not reached, that is all there is to say.
            Some(_) if run == seq => now.insert(key, one),
            Some(compared) if *compared == run => then.insert(key, one),
            _ => None,
        };
    }
    let appeared = now.iter().filter(|(k, _)| !then.contains_key(*k));
    news.appeared = appeared.map(|(_, e)| e.clone()).collect();
    news.gone = then
        .into_iter()
        .filter(|(k, _)| !now.contains_key(k))
        .map(|(_, e)| e)
        .collect();
    Ok(news)
}

/// What makes something found the same in two runs. Where there is no difference that could be
/// compared, that it went as it did is all that counts: messages hold times and numbers.
type Key = (String, String, Status, Option<String>);

fn key(entry: &Entry) -> Key {
    (
        entry.host.clone(),
        entry.task.address.clone(),
        entry.status,
        entry.difference.clone(),
    )
}

fn names(sql: &mut dyn Sql, hosts: &[Val]) -> Result<Vec<String>, String> {
    let rows = among(sql, "SELECT name FROM hosts WHERE id IN {}", hosts)?;
    let mut names: Vec<String> = rows.into_iter().flatten().map(Val::text).collect();
    names.sort();
    Ok(names)
}
