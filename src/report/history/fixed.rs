//! A look and the correction that follows from it, as one run: what was found, and what became of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::engine::event::HostName;
use crate::history::{Found, Kind, Stand, Status};

use super::Gathered;

/// Puts together what a look found and what came of correcting it on these hosts. Others were only
/// looked at again.
pub fn fixed(look: Gathered, fix: Gathered, hosts: &BTreeSet<HostName>) -> Gathered {
    let mut tasks = look.tasks;
    let known = tasks.iter().enumerate();
    let known: HashMap<String, usize> = known.map(|(at, t)| (t.address.clone(), at)).collect();
    let mut places = Vec::new();
    for task in fix.tasks {
        places.push(match known.get(&task.address) {
            Some(at) => *at,
            None => {
                tasks.push(task);
                tasks.len() - 1
            }
        });
    }
    let mut seen: BTreeMap<String, Stand> = BTreeMap::new();
    for mut stand in look.hosts {
        stand.cells.resize(tasks.len(), None);
        seen.insert(stand.host.clone(), stand);
    }
    for stand in fix.hosts {
        let mended = hosts.contains(stand.host.as_str());
        let stand = moved(stand, &places, tasks.len());
        let both = match seen.remove(&stand.host) {
            Some(look) => together(look, stand, mended),
            None => stand,
        };
        seen.insert(both.host.clone(), both);
    }
    let mut differences = look.differences;
    differences.extend(fix.differences);
    Gathered {
        tasks,
        hosts: seen.into_values().collect(),
        differences,
    }
}

/// A host with its tasks at other places.
fn moved(mut stand: Stand, places: &[usize], count: usize) -> Stand {
    let mut cells = vec![None; count];
    for (cell, place) in stand.cells.iter().zip(places) {
        cells[*place] = *cell;
    }
    stand.cells = cells;
    for found in &mut stand.found {
        found.task = places[found.task];
    }
    stand
}

/// How a task went in both, and whether the look has the last word on it.
fn ended(look: Option<Status>, fix: Option<Status>, mended: bool) -> (Option<Status>, bool) {
    let left = |status: Option<Status>| match status {
        Some(Status::Changed) => Some(Status::Differs),
        other => other,
    };
    match (look, fix) {
        // It did not come that far.
        (_, None) => (left(look), true),
        _ if !mended => {
            let (look, fix) = (left(look), left(fix));
            (look.max(fix), look >= fix)
        }
        (Some(Status::Changed), Some(Status::Changed)) => (Some(Status::Fixed), false),
        (_, fix) => (fix, false),
    }
}

fn together(look: Stand, fix: Stand, mended: bool) -> Stand {
    let pairs = look.cells.iter().zip(&fix.cells);
    let ends: Vec<_> = pairs.map(|(l, f)| ended(*l, *f, mended)).collect();
    let told = |found: Vec<Found>, of_look: bool| {
        let mut mine = found;
        mine.retain(|f| ends[f.task].1 == of_look);
        mine
    };
    let mut found = told(look.found, true);
    found.extend(told(fix.found, false));
    for one in &mut found {
        one.status = ends[one.task].0.unwrap_or(one.status);
    }
    found.sort_by_key(|f| f.task);
    let cells: Vec<Option<Status>> = ends.iter().map(|(status, _)| *status).collect();
    let state = match mended {
        true => fix.state,
        false => look.state.max(fix.state),
    };
    // What failed and was rescued is no failure of the host's.
    let failed = state.kind() == Kind::Trouble;
    let counts = |s: &&Option<Status>| failed || s.is_none_or(|s| s.kind() != Kind::Trouble);
    let judged: Vec<Option<Status>> = cells.iter().filter(counts).copied().collect();
    Stand {
        host: fix.host,
        state: match state {
            Status::Unreachable => state,
            _ => Stand::worst(&judged),
        },
        message: fix.message.or(look.message.filter(|_| !mended)),
        cells,
        found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Task;

    fn run(hosts: &[(&str, &[Option<Status>])], tasks: &[&str]) -> Gathered {
        let task = |name: &&str| Task {
            address: (*name).into(),
            name: (*name).into(),
            place: String::new(),
        };
        let stand = |(host, cells): &(&str, &[Option<Status>])| Stand {
            host: (*host).into(),
            state: Stand::worst(cells),
            message: None,
            cells: cells.to_vec(),
            found: cells
                .iter()
                .enumerate()
                .filter_map(|(task, status)| {
                    Some(Found {
                        task,
                        status: status.filter(|s| s.is_told())?,
                        message: None,
                        difference: None,
                    })
                })
                .collect(),
        };
        Gathered {
            tasks: tasks.iter().map(task).collect(),
            hosts: hosts.iter().map(stand).collect(),
            differences: BTreeMap::new(),
        }
    }

    #[test]
    fn what_was_found_is_fixed_or_left_or_failed() {
        const OK: Option<Status> = Some(Status::Ok);
        const CHANGED: Option<Status> = Some(Status::Changed);
        const FIXED: Option<Status> = Some(Status::Fixed);
        const DIFFERS: Option<Status> = Some(Status::Differs);
        const FAILED: Option<Status> = Some(Status::Failed);
        let look = run(
            &[
                ("fine", &[OK, OK]),
                ("fixed", &[CHANGED, CHANGED]),
                ("halfway", &[CHANGED, CHANGED]),
                ("left", &[CHANGED, FAILED]),
            ],
            &["a", "b"],
        );
        // A handler came that no look had seen.
        let fix = run(
            &[
                ("fine", &[OK, None, OK]),
                ("fixed", &[CHANGED, CHANGED, CHANGED]),
                ("halfway", &[FAILED, None, None]),
                ("left", &[CHANGED, None, FAILED]),
            ],
            &["a", "handler", "b"],
        );
        let hosts = ["fixed", "halfway"].map(HostName::from).into();
        let both = fixed(look, fix, &hosts);
        let names: Vec<&str> = both.tasks.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "handler"]);
        let of = |name: &str| both.hosts.iter().find(|h| h.host == name).unwrap();
        assert_eq!(of("fine").state, Status::Ok);
        assert_eq!(of("fixed").cells, [FIXED, FIXED, CHANGED]);
        assert!(of("fixed").is_fixed());
        assert_eq!(of("halfway").cells, [FAILED, DIFFERS, None]);
        assert_eq!(of("halfway").state, Status::Failed);
        let found: Vec<_> = of("halfway").found.iter().map(|f| f.status).collect();
        assert_eq!(found, [Status::Failed, Status::Differs]);
        assert_eq!(of("left").cells, [DIFFERS, FAILED, None]);
        assert_eq!(of("left").state, Status::Failed);
        assert!(!of("left").is_fixed());
    }
}
