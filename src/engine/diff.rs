//! The two ends of a change as text for people.

use crate::resource::{Change, describe};

use super::event::Diff;

impl Diff {
    /// What a change does, as text. A secret change says only that it is one.
    pub fn of(change: &Change) -> Diff {
        let title = change.on.to_string();
        if change.how.secret {
            let summary = "(hidden)".to_owned();
            return Diff {
                title,
                before: String::new(),
                after: String::new(),
                summary,
            };
        }
        let described = describe::describe(change);
        Diff {
            title,
            before: described.before,
            after: described.after,
            summary: described.summary,
        }
    }
}
