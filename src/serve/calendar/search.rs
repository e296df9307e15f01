//! The next of an expression's moments.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::systemd::LAST_YEAR;
use super::{Calendar, Days};

/// Between two changes of the clock the offset is the same; so many changes are looked past. Two a year
/// over all years that are looked at, and some to spare.
const MOST_STRETCHES: usize = 1000;

impl Calendar {
    /// The first moment later than this, if there is one.
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let zone = self.zone.as_ref().unwrap_or(zone);
        let second = SignedDuration::from_secs(1);
        let mut from = Timestamp::from_second(after.as_second()).ok()?;
        // Before 1970 the whole second is later already.
        if from <= after {
            from = from.checked_add(second).ok()?;
        }
        for _ in 0..MOST_STRETCHES {
            let offset = zone.to_offset(from);
            let ends = zone.following(from).next().map(|t| t.timestamp());
            let mut local = self.civil_from(offset.to_datetime(from))?;
            loop {
                let moment = offset.to_timestamp(local).ok()?;
                if ends.is_some_and(|ends| moment >= ends) {
                    break;
                }
                if self.every_hour() || !comes_again(local, offset, zone) {
                    return Some(moment);
                }
                local = self.civil_from(local.checked_add(1.second()).ok()?)?;
            }
            let ends = ends?;
            let left_out = zone.to_offset(ends).to_datetime(ends);
            if local < left_out && !self.every_hour() {
                return Some(ends);
            }
            from = ends;
        }
        None
    }

    /// The first time on a clock, at or after this one.
    pub(super) fn civil_from(&self, from: DateTime) -> Option<DateTime> {
        let mut date = self.days.from(from.date())?;
        let whole = from.subsec_nanosecond() == 0;
        let begins = match whole {
            true => Some(from.time()),
            false => from.time().checked_add(1.second()).ok(),
        };
        if date == from.date() {
            if let Some(time) = begins.and_then(|t| self.time_from(t)) {
                return Some(date.to_datetime(time));
            }
            date = self.days.from(date.tomorrow().ok()?)?;
        }
        let time = self.time_from(Time::midnight())?;
        Some(date.to_datetime(time))
    }

    fn time_from(&self, from: Time) -> Option<Time> {
        let (h, m, s) = (from.hour(), from.minute(), from.second());
        let at = |h: u32, m: u32, s: u32| {
            let small = |n: u32| i8::try_from(n).ok();
            Time::new(small(h)?, small(m)?, small(s)?, 0).ok()
        };
        let first = |bits: u64| bits.trailing_zeros();
        let hour = least(self.hours, h)?;
        if hour > u32::from(h.unsigned_abs()) {
            return at(hour, first(self.minutes), first(self.seconds));
        }
        if let Some(minute) = least(self.minutes, m) {
            if minute > u32::from(m.unsigned_abs()) {
                return at(hour, minute, first(self.seconds));
            }
            if let Some(second) = least(self.seconds, s) {
                return at(hour, minute, second);
            }
            if let Some(minute) = least(self.minutes, m + 1) {
                return at(hour, minute, first(self.seconds));
            }
        }
        let hour = least(self.hours, h + 1)?;
        at(hour, first(self.minutes), first(self.seconds))
    }
}

/// The least of a set that is not below this.
fn least(bits: u64, from: i8) -> Option<u32> {
    let above = bits.checked_shr(u32::from(from.unsigned_abs()))?;
    (above != 0).then(|| above.trailing_zeros() + u32::from(from.unsigned_abs()))
}

/// Whether this time on the clock, at this offset, is the second of two.
fn comes_again(local: DateTime, offset: jiff::tz::Offset, zone: &TimeZone) -> bool {
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Fold { after, .. } => after == offset,
        _ => false,
    }
}

impl Days {
    /// The first day at or after this one.
    fn from(&self, date: Date) -> Option<Date> {
        let (mut year, mut month, mut day) = (date.year(), date.month(), date.day());
        while year <= LAST_YEAR {
            if self.months & (1 << month) != 0 && self.has_year(year) {
                let last = Date::new(year, month, 1).ok()?.days_in_month();
                for day in day..=last {
                    let date = Date::new(year, month, day).ok()?;
                    if self.has(date, last) {
                        return Some(date);
                    }
                }
            }
            (month, day) = (month + 1, 1);
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
        None
    }

    fn has_year(&self, year: i16) -> bool {
        let fits = |(from, to, by): &(i16, i16, i16)| {
            (*from..=*to).contains(&year) && (year - from) % by == 0
        };
        self.years.is_empty() || self.years.iter().any(fits)
    }

    fn has(&self, date: Date, last: i8) -> bool {
        let bit = |bits: u64, n: i8| bits & (1 << n) != 0;
        let weekday = bit(self.weekdays, date.weekday().to_sunday_zero_offset());
        let dated = bit(self.dates, date.day()) || bit(self.from_end, last - date.day() + 1);
        match self.either {
            true => weekday || dated,
            false => weekday && dated,
        }
    }
}
