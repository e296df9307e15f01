//! Finding the guilty one: what was put back together is tried again in halves, so that in the end only
//! what really keeps people out is left undone.

use std::collections::BTreeSet;

use super::cursor::{Cursor, Position};
use super::runner::Runner;

/// An entry of a section's list, such as the block that a control is.
pub(super) type Place = (usize, Option<usize>);

/// Entries that are tried once more.
#[derive(Debug)]
pub(super) struct Again {
    suspects: BTreeSet<Place>,
    /// What comes behind this one is tried for the first time.
    last: Place,
    /// So many of them are under one guard.
    pub at_once: usize,
}

impl Again {
    /// These were put back together. Of those that were to be tried again after them, none was tried.
    fn of(entries: &BTreeSet<Place>, before: Option<Again>) -> Option<Again> {
        let last = *entries.last()?;
        let mut suspects = entries.clone();
        let mut end = last;
        if let Some(before) = before {
            suspects.extend(before.suspects.into_iter().filter(|s| *s > last));
            end = end.max(before.last);
        }
        Some(Again {
            suspects,
            last: end,
            at_once: entries.len().div_ceil(2),
        })
    }
}

impl Runner {
    pub(super) fn entry_of(&self, place: &Position) -> Place {
        (self.section, place.get(1).copied())
    }

    /// Goes back to where the first of these was begun, to try them in halves.
    pub(super) fn divide(&mut self, entries: &BTreeSet<Place>, before: Cursor) {
        self.again = Again::of(entries, self.again.take());
        self.cursor = before;
        self.hold = false;
    }

    /// This one alone was put back: what is left of it is not done, and the others are no longer suspected.
    pub(super) fn found_guilty(&mut self, entries: &BTreeSet<Place>) {
        self.guilty.extend(entries.iter().copied());
        if let Some(again) = &mut self.again {
            again.at_once = usize::MAX;
        }
    }

    /// Whether the task at this place is passed over: it is part of what was put back for good, or was done
    /// before others were tried again.
    pub(super) fn passes_over(&mut self, place: &Position) -> bool {
        if self.cursor.in_handlers() {
            return false;
        }
        let entry = self.entry_of(place);
        if self.guilty.contains(&entry) {
            return true;
        }
        match &self.again {
            Some(again) if entry > again.last => {
                self.again = None;
                false
            }
            Some(again) => !again.suspects.contains(&entry),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(numbers: &[usize]) -> BTreeSet<Place> {
        numbers.iter().map(|n| (0, Some(*n))).collect()
    }

    #[test]
    fn what_was_not_tried_in_the_other_half_stays_suspected() {
        let all = Again::of(&entries(&[1, 4, 6, 9]), None).unwrap();
        assert_eq!((all.at_once, all.last), (2, (0, Some(9))));
        let half = Again::of(&entries(&[1, 4]), Some(all)).unwrap();
        assert_eq!(half.suspects, entries(&[1, 4, 6, 9]));
        assert_eq!((half.at_once, half.last), (1, (0, Some(9))));
    }
}
