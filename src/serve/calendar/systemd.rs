//! systemd's expressions: `[weekdays] [year-month-day] [hour:minute[:second]] [zone]`, and its short words.

use jiff::tz::TimeZone;

use super::field::{Kind, WEEKDAYS, listed, set};
use super::{
    ALL_DATES, ALL_HOURS, ALL_MONTHS, ALL_SIXTY, ALL_WEEKDAYS, Calendar, Days, EXAMPLES, Wrong,
};

const fn kind(what: &'static str, low: u32, high: u32) -> Kind {
    Kind::numbers(what, low, high, "..")
}

const HOUR: Kind = kind("an hour", 0, 23);
const MINUTE: Kind = kind("a minute", 0, 59);
const SECOND: Kind = kind("a second", 0, 59);
const MONTH: Kind = kind("a month", 1, 12);
const DATE: Kind = kind("a day of the month", 1, 31);
const FROM_END: Kind = Kind {
    down: true,
    ..kind("a day counted from the end of the month", 1, 31)
};
const WEEKDAY: Kind = Kind {
    names: WEEKDAYS,
    wraps: true,
    ..kind("a day of the week", 0, 6)
};

const SHORT: &[(&str, &str)] = &[
    ("minutely", "*-*-* *:*:00"),
    ("hourly", "*-*-* *:00:00"),
    ("daily", "*-*-* 00:00:00"),
    ("weekly", "Mon *-*-* 00:00:00"),
    ("monthly", "*-*-01 00:00:00"),
    ("quarterly", "*-01,04,07,10-01 00:00:00"),
    ("semiannually", "*-01,07-01 00:00:00"),
    ("yearly", "*-01-01 00:00:00"),
    ("annually", "*-01-01 00:00:00"),
];

/// Days of the week as systemd writes them.
const NAMES: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// No year after it is looked at.
pub(super) const LAST_YEAR: i16 = 2199;

pub(super) fn parse(text: &str, words: &[(usize, &str)]) -> Result<Calendar, Wrong> {
    let mut words = words.to_vec();
    let zone = zone(&mut words)?;
    if let [(_, word)] = words[..]
        && let Some((_, long)) = SHORT.iter().find(|(s, _)| s.eq_ignore_ascii_case(word))
    {
        let calendar = parse(long, &super::field::words(long))?;
        return Ok(Calendar {
            text: text.trim().to_owned(),
            zone,
            ..calendar
        });
    }
    let mut calendar = Calendar {
        text: text.trim().to_owned(),
        days: Days {
            years: Vec::new(),
            months: ALL_MONTHS,
            dates: ALL_DATES,
            from_end: 0,
            weekdays: ALL_WEEKDAYS,
            either: false,
        },
        hours: 1,
        minutes: 1,
        seconds: 1,
        zone,
    };
    // Each part once, and in this order.
    let mut part = 0;
    for (at, word) in words {
        let this = which(word);
        if this <= part {
            let text = format!("`{word}` does not belong here");
            return Err(Wrong::new(at, word.len(), text).hint(EXAMPLES));
        }
        part = this;
        match this {
            1 => calendar.days.weekdays = weekdays(at, word)?,
            2 => date(&mut calendar.days, at, word)?,
            _ => time(&mut calendar, at, word)?,
        }
    }
    Ok(calendar)
}

/// Weekdays, a date or a time.
fn which(word: &str) -> u8 {
    if word.contains(':') {
        3
    } else if word.contains('-') || word.contains('~') {
        2
    } else {
        1
    }
}

/// The last word, if it is a zone's name.
fn zone(words: &mut Vec<(usize, &str)>) -> Result<Option<TimeZone>, Wrong> {
    let Some((at, word)) = words.last().copied() else {
        return Ok(None);
    };
    let letters = word.starts_with(|c: char| c.is_ascii_alphabetic());
    let is = word == "UTC" || letters && word.contains('/') && !word.contains("..");
    if !is {
        return Ok(None);
    }
    words.pop();
    if words.is_empty() {
        return Err(Wrong::new(at, word.len(), "there is only a time zone").hint(EXAMPLES));
    }
    let zone = TimeZone::get(word).map_err(|_| {
        let text = format!("`{word}` is no time zone of this machine's");
        Wrong::new(at, word.len(), text).hint("`timedatectl list-timezones` lists them")
    })?;
    Ok(Some(zone))
}

fn weekdays(at: usize, word: &str) -> Result<u64, Wrong> {
    // systemd lets a comma stand at the end.
    let list = word.strip_suffix(',').unwrap_or(word);
    if list.contains(|c: char| c.is_ascii_digit() || c == '*') {
        let text = format!("`{word}` is neither a day of the week, nor a date, nor a time");
        return Err(Wrong::new(at, word.len(), text).hint(EXAMPLES));
    }
    set(&WEEKDAY, at, list).map_err(|wrong| match wrong.hint {
        Some(_) => wrong,
        None => {
            let short = SHORT.iter().map(|(s, _)| *s);
            match crate::source::suggest::nearest(list, short) {
                Some(near) => wrong.hint(format!("did you mean `{near}`?")),
                None => wrong.hint(EXAMPLES),
            }
        }
    })
}

fn date(days: &mut Days, at: usize, word: &str) -> Result<(), Wrong> {
    let wrong = |text: &str| {
        Wrong::new(at, word.len(), text).hint("a date is `year-month-day`, or `month-day`")
    };
    let (front, last, from_end) = match word.split_once('~') {
        Some((front, last)) => (front, last, true),
        None => {
            let (front, last) = word
                .rsplit_once('-')
                .ok_or_else(|| wrong("this is no date"))?;
            (front, last, false)
        }
    };
    let month = match front.split_once('-') {
        Some((year, month)) => {
            days.years = years(at, year)?;
            (at + year.len() + 1, month)
        }
        None => (at, front),
    };
    if month.1.contains('-') {
        return Err(wrong("a date has three parts"));
    }
    days.months = set(&MONTH, month.0, month.1)?;
    let begins = at + word.len() - last.len();
    match from_end {
        true => {
            days.from_end = set(&FROM_END, begins, last)?;
            days.dates = 0;
        }
        false => days.dates = set(&DATE, begins, last)?,
    }
    Ok(())
}

fn years(at: usize, text: &str) -> Result<Vec<(i16, i16, i16)>, Wrong> {
    if text == "*" {
        return Ok(Vec::new());
    }
    let mut out = Vec::new();
    let mut begins = at;
    for item in text.split(',') {
        let wrong = || {
            Wrong::new(
                begins,
                item.len(),
                format!("`{item}` is not a year: 1970 to {LAST_YEAR} are"),
            )
        };
        let number = |word: &str| -> Result<i16, Wrong> {
            let number = word.parse().ok().filter(|y| (1970..=LAST_YEAR).contains(y));
            number.ok_or_else(wrong)
        };
        let (what, by) = match item.split_once('/') {
            Some((what, by)) => (
                what,
                Some(by.parse().ok().filter(|b| *b > 0).ok_or_else(wrong)?),
            ),
            None => (item, None),
        };
        out.push(match what.split_once("..") {
            Some((from, to)) => (number(from)?, number(to)?, by.unwrap_or(1)),
            None if what == "*" => (1970, LAST_YEAR, by.unwrap_or(1)),
            None => {
                let from = number(what)?;
                (
                    from,
                    if by.is_some() { LAST_YEAR } else { from },
                    by.unwrap_or(1),
                )
            }
        });
        begins += item.len() + 1;
    }
    Ok(out)
}

fn time(calendar: &mut Calendar, at: usize, word: &str) -> Result<(), Wrong> {
    if let Some(dot) = word
        .rfind('.')
        .filter(|d| *d > 0 && word.as_bytes()[d - 1] != b'.')
    {
        let text = "fractions of a second are not kept";
        return Err(Wrong::new(at + dot, word.len() - dot, text));
    }
    let parts: Vec<&str> = word.split(':').collect();
    let (hour, minute, second) = match parts[..] {
        [hour, minute] => (hour, minute, None),
        [hour, minute, second] => (hour, minute, Some(second)),
        _ => {
            let error = Wrong::new(at, word.len(), format!("`{word}` is no time"));
            return Err(error.hint("a time is `hour:minute`, or `hour:minute:second`"));
        }
    };
    calendar.hours = set(&HOUR, at, hour)?;
    let begins = at + hour.len() + 1;
    calendar.minutes = set(&MINUTE, begins, minute)?;
    if let Some(second) = second {
        calendar.seconds = set(&SECOND, begins + minute.len() + 1, second)?;
    }
    Ok(())
}

/// An expression in systemd's words.
pub(super) fn written(calendar: &Calendar) -> Vec<String> {
    let days = &calendar.days;
    let all = |bits: u64, all: u64, low: u32, high: u32| match bits == all {
        true => "*".to_owned(),
        false => listed(bits, low, high, 2),
    };
    let weekdays = || {
        if days.weekdays == ALL_WEEKDAYS {
            return String::new();
        }
        let short = |n: &usize| NAMES[*n].to_owned();
        let set: Vec<String> = (0..7)
            .filter(|n| days.weekdays & (1 << n) != 0)
            .map(|n| short(&n))
            .collect();
        format!("{} ", set.join(","))
    };
    let years = match days.years.is_empty() {
        true => "*".to_owned(),
        false => {
            let one = |(from, to, by): &(i16, i16, i16)| format!("{from}..{to}/{by}");
            days.years.iter().map(one).collect::<Vec<_>>().join(",")
        }
    };
    let months = all(days.months, ALL_MONTHS, 1, 12);
    let date = match days.from_end {
        0 => format!("-{}", all(days.dates, ALL_DATES, 1, 31)),
        bits => {
            let days = (1..32).filter(|n| bits & (1_u64 << n) != 0);
            format!(
                "~{}",
                days.map(|n: u32| n.to_string())
                    .collect::<Vec<_>>()
                    .join(",")
            )
        }
    };
    let time = format!(
        "{}:{}:{}",
        all(calendar.hours, ALL_HOURS, 0, 23),
        all(calendar.minutes, ALL_SIXTY, 0, 59),
        all(calendar.seconds, ALL_SIXTY, 0, 59)
    );
    let zone = calendar.zone.as_ref().and_then(|z| z.iana_name());
    let zone = zone.map(|z| format!(" {z}")).unwrap_or_default();
    match days.either {
        false => vec![format!("{}{years}-{months}{date} {time}{zone}", weekdays())],
        true => vec![
            format!("{years}-{months}{date} {time}{zone}"),
            format!("{}{years}-{months}-* {time}{zone}", weekdays()),
        ],
    }
}
