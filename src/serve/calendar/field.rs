//! One field of an expression: numbers or names, lists, ranges and steps, as a set of bits.

use super::Wrong;

/// What a field is about.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub what: &'static str,
    pub low: u32,
    pub high: u32,
    /// Names of its values beginning with `first`; three letters are enough.
    pub names: &'static [&'static str],
    pub first: u32,
    /// What stands between the ends of a range.
    pub range: &'static str,
    /// A range may go over the end, as in Sat..Mon.
    pub wraps: bool,
    /// It counts backwards: steps from 7 go to 6 and on to 1.
    pub down: bool,
}

impl Kind {
    /// Plain numbers, whose ranges are written with `range`.
    pub(super) const fn numbers(
        what: &'static str,
        low: u32,
        high: u32,
        range: &'static str,
    ) -> Kind {
        Kind {
            what,
            low,
            high,
            names: &[],
            first: 0,
            range,
            wraps: false,
            down: false,
        }
    }
}

pub(super) const MONTHS: &[&str] = &[
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
pub(super) const WEEKDAYS: &[&str] = &[
    "sunday",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
];

/// Words, each with where it begins.
pub(super) fn words(text: &str) -> Vec<(usize, &str)> {
    let begins = |w: &str| w.as_ptr() as usize - text.as_ptr() as usize;
    text.split_whitespace().map(|w| (begins(w), w)).collect()
}

/// The name's number, if it is a name.
fn named(kind: &Kind, word: &str) -> Option<u32> {
    let word = word.to_lowercase();
    let fits = |name: &&str| *name == word || word.len() == 3 && name.starts_with(&word);
    let index = kind.names.iter().position(fits)?;
    Some(kind.first + u32::try_from(index).ok()?)
}

fn value(kind: &Kind, at: usize, word: &str) -> Result<u32, Wrong> {
    if let Some(number) = named(kind, word) {
        return Ok(number);
    }
    let wrong = |text: String| Wrong::new(at, word.len(), text);
    if word.is_empty() {
        return Err(wrong(format!("{} is missing here", kind.what)));
    }
    if !word.bytes().all(|b| b.is_ascii_digit()) {
        let near = crate::source::suggest::nearest(word, kind.names.iter().copied());
        let error = wrong(format!("`{word}` is not {}", kind.what));
        return Err(match near {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error,
        });
    }
    let number: u32 = word.parse().unwrap_or(u32::MAX);
    if !(kind.low..=kind.high).contains(&number) {
        let (low, high) = (kind.low, kind.high);
        return Err(wrong(format!(
            "`{word}` is not {}: {low} to {high} are",
            kind.what
        )));
    }
    Ok(number)
}

/// A step: a number above zero.
fn step(at: usize, word: &str) -> Result<u32, Wrong> {
    match word.parse() {
        Ok(step) if step > 0 && word.bytes().all(|b| b.is_ascii_digit()) => Ok(step),
        _ => Err(Wrong::new(
            at,
            word.len(),
            format!("`{word}` is no step: a number above 0 is"),
        )),
    }
}

/// The set that a field stands for.
pub(super) fn set(kind: &Kind, at: usize, text: &str) -> Result<u64, Wrong> {
    let mut bits = 0;
    let mut begins = at;
    for item in text.split(',') {
        bits |= one(kind, begins, item)?;
        begins += item.len() + 1;
    }
    Ok(bits)
}

fn one(kind: &Kind, at: usize, item: &str) -> Result<u64, Wrong> {
    let (what, by) = match item.split_once('/') {
        Some((what, by)) => (what, Some(step(at + what.len() + 1, by)?)),
        None => (item, None),
    };
    let (from, to) = if what == "*" {
        (kind.low, kind.high)
    } else if let Some((from, to)) = what.split_once(kind.range) {
        let second = at + from.len() + kind.range.len();
        let ends = (value(kind, at, from)?, value(kind, second, to)?);
        if ends.0 > ends.1 && !kind.wraps {
            let text = format!("`{what}` goes backwards");
            return Err(Wrong::new(at, what.len(), text));
        }
        ends
    } else {
        let from = value(kind, at, what)?;
        // `5/10` begins at 5 and goes on to the end.
        (from, if by.is_some() { kind.high } else { from })
    };
    if kind.down && by.is_some() && from == value(kind, at, what).unwrap_or(0) {
        let down = (kind.low..=from).rev().step_by(by.unwrap_or(1) as usize);
        return Ok(down.map(bit).sum());
    }
    let by = by.unwrap_or(1);
    if from <= to {
        return Ok((from..=to).step_by(by as usize).map(bit).sum());
    }
    let around = (from..=kind.high).chain(kind.low..=to);
    Ok(around.step_by(by as usize).map(bit).sum())
}

fn bit(number: u32) -> u64 {
    1 << number
}

/// The set as a list, with ranges where there are some: the least and shortest way to say it.
pub(super) fn listed(bits: u64, low: u32, high: u32, width: usize) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut n = low;
    while n <= high {
        if bits & bit(n) == 0 {
            n += 1;
            continue;
        }
        let mut end = n;
        while end < high && bits & bit(end + 1) != 0 {
            end += 1;
        }
        parts.push(match end - n {
            0 => format!("{n:0width$}"),
            1 => format!("{n:0width$},{end:0width$}"),
            _ => format!("{n:0width$}..{end:0width$}"),
        });
        n = end + 1;
    }
    parts.join(",")
}
