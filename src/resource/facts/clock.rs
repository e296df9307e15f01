//! `date_time`: the host's clock in the host's time zone.

use serde_yaml::{Mapping, Value};

use super::answer::Answer;
use super::{mapping, put};

const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// A moment as a calendar has it.
struct Day {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    weekday: i64,
    /// Of the year, from 0.
    ordinal: i64,
}

/// Days since 1970 to a date (Gregorian, by eras of 400 years).
fn calendar(seconds: i64) -> Day {
    let days = seconds.div_euclid(86400);
    let rest = seconds.rem_euclid(86400);
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let index = usize::try_from(month - 1).unwrap_or(0);
    Day {
        year,
        month,
        day,
        hour: rest / 3600,
        minute: rest % 3600 / 60,
        second: rest % 60,
        weekday: (days + 4).rem_euclid(7),
        ordinal: before[index] + day - 1 + i64::from(leap && month > 2),
    }
}

/// `+0530` in seconds.
fn offset(text: &str) -> Option<i64> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("-", rest) => (-1, rest),
        ("+", rest) => (1, rest),
        _ => return None,
    };
    let number: i64 = digits.parse().ok().filter(|n| (0..=9999).contains(n))?;
    Some(sign * (number / 100 * 3600 + number % 100 * 60))
}

/// The names of standard and summer time of a POSIX time zone: `CET-1CEST,M3.5.0,M10.5.0/3`.
fn zones(rule: &str) -> Option<(String, Option<String>)> {
    let (first, rest) = zone(rule)?;
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || "+-:".contains(c));
    Some((first, zone(rest).map(|(second, _)| second)))
}

fn zone(text: &str) -> Option<(String, &str)> {
    if let Some(rest) = text.strip_prefix('<') {
        let (name, rest) = rest.split_once('>')?;
        return Some((name.to_owned(), rest));
    }
    let end = text
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    (end >= 3).then(|| (text[..end].to_owned(), &text[end..]))
}

pub(super) fn read(answer: &Answer, out: &mut Mapping) {
    let words: Vec<&str> = answer
        .section("date")
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let Some(epoch) = words.first().and_then(|w| w.parse::<i64>().ok()) else {
        return;
    };
    // Ten thousand years on, a clock is rubbish; the arithmetic below is safe from there.
    let epoch = epoch.clamp(-62_135_596_800, 253_402_300_799);
    // Without nanoseconds the word is a letter, or missing.
    let long = words.len() > 3;
    let nanos = words
        .get(1)
        .filter(|_| long)
        .and_then(|w| w.parse::<u32>().ok())
        .unwrap_or(0);
    let micros = nanos.min(999_999_999) / 1000;
    let at = if long { 2 } else { 1 };
    let tz_offset = words.get(at).copied().unwrap_or("+0000");
    let tz = words.get(at + 1).copied().unwrap_or("UTC");
    let local = calendar(epoch + offset(tz_offset).unwrap_or(0));
    let utc = calendar(epoch);
    let dst = answer.section("tz").and_then(|rule| zones(rule.trim()));
    let tz_dst = match dst {
        Some((_, Some(summer))) => summer,
        Some((standard, None)) => standard,
        None => tz.to_owned(),
    };
    let week = (local.ordinal + 7 - (local.weekday + 6) % 7) / 7;
    let name = DAYS[usize::try_from(local.weekday).unwrap_or(0) % 7];
    let date = |d: &Day, sep: &str| format!("{:04}{sep}{:02}{sep}{:02}", d.year, d.month, d.day);
    let time =
        |d: &Day, sep: &str| format!("{:02}{sep}{:02}{sep}{:02}", d.hour, d.minute, d.second);
    let (utc_date, utc_time) = (date(&utc, "-"), time(&utc, ":"));
    let basic = format!("{}T{}", date(&local, ""), time(&local, ""));
    let text = |t: String| Value::from(t);
    let two = |n: i64| Value::from(format!("{n:02}"));
    let entries = mapping([
        ("year", text(local.year.to_string())),
        ("month", two(local.month)),
        ("weekday", Value::from(name)),
        ("weekday_number", text(local.weekday.to_string())),
        ("weeknumber", two(week)),
        ("day", two(local.day)),
        ("hour", two(local.hour)),
        ("minute", two(local.minute)),
        ("second", two(local.second)),
        ("epoch", text(epoch.to_string())),
        ("epoch_int", text(epoch.to_string())),
        ("date", text(date(&local, "-"))),
        ("time", text(time(&local, ":"))),
        (
            "iso8601_micro",
            text(format!("{utc_date}T{utc_time}.{micros:06}Z")),
        ),
        ("iso8601", text(format!("{utc_date}T{utc_time}Z"))),
        ("iso8601_basic", text(format!("{basic}{micros:06}"))),
        ("iso8601_basic_short", text(basic)),
        ("tz", Value::from(tz)),
        ("tz_dst", text(tz_dst)),
        ("tz_offset", Value::from(tz_offset)),
    ]);
    put(out, "date_time", entries);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(date: &str, tz: &str) -> Mapping {
        let text = format!("date {}\n{date}tz {}\n{tz}", date.len(), tz.len());
        let mut out = Mapping::new();
        read(&Answer::read(text.as_bytes()), &mut out);
        out["date_time"].as_mapping().cloned().unwrap_or_default()
    }

    #[test]
    fn a_moment_is_told_in_every_shape() {
        let d = read_all(
            "1795260148 200153111 +0100 CET",
            "CET-1CEST,M3.5.0,M10.5.0/3",
        );
        let get = |k: &str| d[k].as_str().unwrap_or_default().to_owned();
        assert_eq!(get("iso8601_micro"), "2026-11-21T11:22:28.200153Z");
        assert_eq!(get("iso8601_basic"), "20261121T122228200153");
        assert_eq!(
            (get("weekday"), get("weeknumber")),
            ("Saturday".into(), "46".into())
        );
        assert_eq!((get("tz"), get("tz_dst")), ("CET".into(), "CEST".into()));
    }

    #[test]
    fn a_date_without_nanoseconds_is_one() {
        let d = read_all("951782400 +0000 UTC", "");
        assert_eq!(
            d["iso8601_micro"],
            Value::from("2000-02-29T00:00:00.000000Z")
        );
        assert_eq!(d["weeknumber"], Value::from("09"));
        assert_eq!(zones("<+0330>-3:30"), Some(("+0330".into(), None)));
    }
}
