//! The five fields of cron: minute, hour, day of the month, month, day of the week.

use super::field::{Kind, MONTHS, WEEKDAYS, set};
use super::{ALL_WEEKDAYS, Calendar, Days, Wrong};

const fn kind(what: &'static str, low: u32, high: u32) -> Kind {
    Kind::numbers(what, low, high, "-")
}

const MINUTE: Kind = kind("a minute", 0, 59);
const HOUR: Kind = kind("an hour", 0, 23);
const DATE: Kind = kind("a day of the month", 1, 31);
const MONTH: Kind = Kind {
    names: MONTHS,
    first: 1,
    ..kind("a month", 1, 12)
};
/// Sunday is 0 and 7.
const WEEKDAY: Kind = Kind {
    names: WEEKDAYS,
    ..kind("a day of the week", 0, 7)
};

const SHORT: &[(&str, &str)] = &[
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

pub(super) fn parse(text: &str, words: &[(usize, &str)]) -> Result<Calendar, Wrong> {
    if let [(at, word)] = words
        && word.starts_with('@')
    {
        let long = SHORT.iter().find(|(short, _)| short == word);
        let Some((_, long)) = long else {
            let known: Vec<&str> = SHORT.iter().map(|(short, _)| *short).collect();
            let error = Wrong::new(*at, word.len(), format!("`{word}` is no word of cron's"));
            return Err(error.hint(format!("there are {}", known.join(", "))));
        };
        let calendar = parse(long, &super::field::words(long))?;
        return Ok(Calendar {
            text: text.trim().to_owned(),
            ..calendar
        });
    }
    let [minute, hour, date, month, weekday] = words else {
        return Err(Wrong::new(
            0,
            text.len(),
            "cron's expressions have five fields",
        ));
    };
    let read = |kind: &Kind, (at, word): &(usize, &str)| set(kind, *at, word);
    let weekdays = read(&WEEKDAY, weekday)?;
    let days = Days {
        years: Vec::new(),
        months: read(&MONTH, month)?,
        dates: read(&DATE, date)?,
        from_end: 0,
        weekdays: (weekdays | weekdays >> 7) & ALL_WEEKDAYS,
        either: !date.1.starts_with('*') && !weekday.1.starts_with('*'),
    };
    Ok(Calendar {
        text: text.trim().to_owned(),
        days,
        hours: read(&HOUR, hour)?,
        minutes: read(&MINUTE, minute)?,
        seconds: 1,
        zone: None,
    })
}
