//! What stands in a report more than once is kept once: a fleet's hosts are alike, and so is most of
//! what is seen on them.
//!
//! A text, or an item of `evidence`, that is large and stands at several places is put under its
//! digest into a list of the entry's, and `{"shared": DIGEST}` stands at its places. What is in the
//! list may itself refer to it. A report in which something looks like a reference stays as it is.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::canonical;
use crate::resource::Digest;

/// Bytes from which on a reference is worth its name.
const LARGE: usize = 256;

/// The key of a reference.
const KEY: &str = "shared";

/// How often each large value stands in a report.
#[derive(Default)]
struct Count {
    times: BTreeMap<String, usize>,
    /// Something in the report looks like a reference.
    taken: bool,
}

/// A report in which nothing large stands twice, and the list of what did.
pub(super) fn fold(report: &Json) -> (Json, Map<String, Json>) {
    let mut count = Count::default();
    count.walk(report, false);
    let mut shared = Map::new();
    if count.taken {
        return (report.clone(), shared);
    }
    let report = count.replace(report, false, &mut shared);
    (report, shared)
}

/// The digest of a value that may be worth sharing.
fn name(value: &Json, item: bool) -> Option<String> {
    let bytes = match value {
        Json::String(text) if text.len() >= LARGE => canonical(value),
        Json::Object(_) if item => Some(canonical(value)).filter(|t| t.len() >= LARGE)?,
        _ => return None,
    };
    Some(Digest::of(bytes.as_bytes()).to_string())
}

impl Count {
    /// Counts a value; what is in it only where it stands for the first time, as it is kept.
    fn walk(&mut self, value: &Json, item: bool) {
        if let Some(name) = name(value, item) {
            let times = self.times.entry(name).or_default();
            *times += 1;
            if *times > 1 {
                return;
            }
        }
        match value {
            Json::Array(values) => values.iter().for_each(|v| self.walk(v, item)),
            Json::Object(map) if map.len() == 1 && map.contains_key(KEY) => self.taken = true,
            Json::Object(map) => map
                .iter()
                .for_each(|(key, v)| self.walk(v, key == "evidence")),
            _ => {}
        }
    }

    fn replace(&self, value: &Json, item: bool, shared: &mut Map<String, Json>) -> Json {
        let often = |name: &String| self.times.get(name).is_some_and(|n| *n > 1);
        if let Some(name) = name(value, item).filter(often) {
            if !shared.contains_key(&name) {
                let inner = self.inside(value, item, shared);
                shared.insert(name.clone(), inner);
            }
            return json!({ KEY: name });
        }
        self.inside(value, item, shared)
    }

    fn inside(&self, value: &Json, item: bool, shared: &mut Map<String, Json>) -> Json {
        match value {
            Json::Array(values) => {
                let each = values.iter().map(|v| self.replace(v, item, shared));
                Json::Array(each.collect())
            }
            Json::Object(map) => {
                let one = |(key, v): (&String, &Json)| {
                    (key.clone(), self.replace(v, key == "evidence", shared))
                };
                Json::Object(map.iter().map(one).collect())
            }
            other => other.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader does.
    fn unfold(value: &Json, shared: &Map<String, Json>) -> Json {
        let all = |v| unfold(v, shared);
        match value {
            Json::Array(values) => Json::Array(values.iter().map(all).collect()),
            Json::Object(map) => match map.get(KEY).and_then(Json::as_str) {
                Some(name) if map.len() == 1 => all(&shared[name]),
                _ => Json::Object(map.iter().map(|(k, v)| (k.clone(), all(v))).collect()),
            },
            other => other.clone(),
        }
    }

    #[test]
    fn what_hosts_have_in_common_is_kept_once() {
        let text = "x".repeat(LARGE);
        let of = |host: &str, own: &str| {
            let seen = json!({"at": "a:1", "before": text, "after": format!("{text}{own}")});
            json!({"host": host, "evidence": [seen, {"small": 1}, {"before": text}]})
        };
        let hosts: Vec<Json> = ["a", "b", "c"].iter().map(|h| of(h, "")).collect();
        let mut report = json!({"hosts": hosts});
        report["hosts"][2] = of("c", "other");
        let (folded, shared) = fold(&report);
        assert_eq!(unfold(&folded, &shared), report);
        let all = format!("{folded}{}", Json::Object(shared));
        assert_eq!(all.matches(&format!("\"{text}\"")).count(), 1, "{all}");
    }

    #[test]
    fn a_host_cannot_refer_to_what_others_said() {
        let text = json!({"text": "x".repeat(LARGE)});
        let report = json!({"evidence": [text, text, {"shared": "0"}]});
        let (folded, shared) = fold(&report);
        assert_eq!((folded, shared.len()), (report, 0));
    }

    #[test]
    fn what_stands_once_stays_where_it_is() {
        let report = json!({"evidence": [{"text": "y".repeat(LARGE)}], "n": 1});
        let (folded, shared) = fold(&report);
        assert_eq!((folded, shared.len()), (report, 0));
    }
}
