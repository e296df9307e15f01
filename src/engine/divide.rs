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
    /// Those that were put back together last and are not acquitted.
    together: BTreeSet<Place>,
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
            together: entries.clone(),
            last: end,
            at_once: entries.len().div_ceil(2),
        })
    }

    /// These are not guilty, so the rest of those that were put back together is.
    fn acquit(&mut self, entries: &BTreeSet<Place>) {
        let last = entries.last();
        self.together.retain(|one| last.is_none_or(|l| one > l));
        if self.at_once != usize::MAX && !self.together.is_empty() {
            self.at_once = self.together.len().div_ceil(2);
        }
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
        self.divided(entries);
    }

    /// These were tried again, and came through.
    pub(super) fn acquit(&mut self, entries: &BTreeSet<Place>) {
        if let Some(again) = &mut self.again {
            again.acquit(entries);
        }
        self.divided(entries);
    }

    /// Whether any are left to be tried again; if not, other hosts may take their turn.
    fn divided(&mut self, entries: &BTreeSet<Place>) {
        let behind = |again: &Again| entries.last().is_some_and(|e| *e >= again.last);
        if self.again.as_ref().is_some_and(behind) {
            self.stop_dividing();
        }
    }

    pub(super) fn stop_dividing(&mut self) {
        if self.again.take().is_some() {
            self.ctx.canary.gave_up(&self.host);
        }
    }

    /// Whether the task at this place is passed over: it is part of what was put back for good, or was done
    /// before others were tried again.
    pub(super) fn passes_over(&self, place: &Position) -> bool {
        if self.cursor.in_handlers() {
            return false;
        }
        let entry = self.entry_of(place);
        let tried = |again: &Again| entry <= again.last && !again.suspects.contains(&entry);
        self.guilty.contains(&entry) || self.again.as_ref().is_some_and(tried)
    }

    /// Nothing of what is queued may be done under the guard that is armed: it is decided anew after it.
    pub(super) fn retreat(&mut self) {
        if let Some(first) = self.queue.first() {
            self.cursor = first.before.clone();
        }
        for doing in self.queue.drain(..).rev().collect::<Vec<_>>() {
            self.take_back(doing);
        }
        self.seen.clear();
        self.hold = false;
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

    #[test]
    fn if_one_half_comes_through_the_other_is_halved_at_once() {
        let mut all = Again::of(&entries(&[1, 2, 3, 4, 5, 6]), None).unwrap();
        all.acquit(&entries(&[1, 2, 3]));
        assert_eq!(
            (all.at_once, all.together.clone()),
            (2, entries(&[4, 5, 6]))
        );
        all.acquit(&entries(&[4, 5]));
        assert_eq!(all.at_once, 1);
    }
}
