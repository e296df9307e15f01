use std::collections::BTreeSet;
use std::process::Command;

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use proptest::prelude::*;

use super::Calendar;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

/// The next moments, on the clock of a zone.
fn next(text: &str, zone_name: &str, after: &str, count: usize) -> Vec<String> {
    let calendar = Calendar::parse(text).unwrap();
    let zone = zone(zone_name);
    let mut at = at(after);
    (0..count)
        .map_while(|_| {
            at = calendar.next(at, &zone)?;
            Some(
                at.to_zoned(zone.clone())
                    .strftime("%a %Y-%m-%d %H:%M:%S %z")
                    .to_string(),
            )
        })
        .collect()
}

#[test]
fn both_languages() {
    let after = "2026-11-21T22:59:30Z";
    for (text, first) in [
        ("daily", "Sun 2026-11-22 00:00:00 +0000"),
        ("hourly", "Sat 2026-11-21 23:00:00 +0000"),
        ("minutely", "Sat 2026-11-21 23:00:00 +0000"),
        ("weekly", "Mon 2026-11-23 00:00:00 +0000"),
        ("monthly", "Tue 2026-12-01 00:00:00 +0000"),
        ("quarterly", "Fri 2027-01-01 00:00:00 +0000"),
        ("*:0/5", "Sat 2026-11-21 23:00:00 +0000"),
        ("*:*:0/5", "Sat 2026-11-21 22:59:35 +0000"),
        ("Mon..Fri 03:00", "Mon 2026-11-23 03:00:00 +0000"),
        ("Sat..Mon 22:59:31", "Sat 2026-11-21 22:59:31 +0000"),
        ("*-*-01 04:00", "Tue 2026-12-01 04:00:00 +0000"),
        ("*-02~01 12:00", "Sun 2027-02-28 12:00:00 +0000"),
        ("Mon *-*~7/1", "Mon 2026-11-30 00:00:00 +0000"),
        ("2028-02-29", "Tue 2028-02-29 00:00:00 +0000"),
        ("*-02-29", "Tue 2028-02-29 00:00:00 +0000"),
        ("Wed", "Wed 2026-11-25 00:00:00 +0000"),
        ("12-24 18:00", "Thu 2026-12-24 18:00:00 +0000"),
        ("2027..2029/2-06-01 06:00", "Tue 2027-06-01 06:00:00 +0000"),
        ("*/5 * * * *", "Sat 2026-11-21 23:00:00 +0000"),
        ("0 3 * * 1-5", "Mon 2026-11-23 03:00:00 +0000"),
        ("0 3 * * sun", "Sun 2026-11-22 03:00:00 +0000"),
        ("0 3 * * 7", "Sun 2026-11-22 03:00:00 +0000"),
        ("30 4 1 jan *", "Fri 2027-01-01 04:30:00 +0000"),
        // Of two fields for days one is enough.
        ("0 0 13 * 5", "Fri 2026-11-27 00:00:00 +0000"),
        ("0 0 23 * 5", "Mon 2026-11-23 00:00:00 +0000"),
        ("@daily", "Sun 2026-11-22 00:00:00 +0000"),
    ] {
        assert_eq!(next(text, "UTC", after, 1), [first], "{text}");
    }
}

#[test]
fn what_is_wrong_is_shown_where_it_stands() {
    for (text, at, message) in [
        ("dayly", 0, "`dayly` is not a day of the week"),
        ("Mon..Fry 03:00", 5, "`Fry` is not a day of the week"),
        ("25:00", 0, "`25` is not an hour: 0 to 23 are"),
        ("*:60", 2, "`60` is not a minute: 0 to 59 are"),
        ("*:0/0", 4, "`0` is no step: a number above 0 is"),
        ("*-13-01", 2, "`13` is not a month: 1 to 12 are"),
        ("03:00 Mon", 6, "`Mon` does not belong here"),
        ("*:30..10", 2, "`30..10` goes backwards"),
        ("12:00:00.5", 8, "fractions of a second are not kept"),
        (
            "03:00 Europe/Berln",
            6,
            "`Europe/Berln` is no time zone of this machine's",
        ),
        ("*-02-30", 0, "there is no such day, in any year"),
        ("61 * * * *", 0, "`61` is not a minute: 0 to 59 are"),
        (
            "0 3 * * 1-8",
            10,
            "`8` is not a day of the week: 0 to 7 are",
        ),
        ("@dayly", 0, "`@dayly` is no word of cron's"),
        ("", 0, "there is no calendar expression"),
        ("1,,2:00", 2, "an hour is missing here"),
    ] {
        let wrong = Calendar::parse(text).unwrap_err();
        assert_eq!((wrong.at, wrong.text.as_str()), (at, message), "{text}");
    }
    let hint = Calendar::parse("dayly").unwrap_err().hint;
    assert_eq!(hint.as_deref(), Some("did you mean `daily`?"));
}

#[test]
fn an_hour_that_is_left_out_happens_at_its_end_and_one_that_comes_twice_once() {
    // In 2027 the clocks of Berlin go forward on March 28 at 02:00, and back on October 31 at 03:00.
    let spring = "2027-03-27T12:00:00Z";
    assert_eq!(
        next("02:30", "Europe/Berlin", spring, 2),
        [
            "Sun 2027-03-28 03:00:00 +0200",
            "Mon 2027-03-29 02:30:00 +0200"
        ]
    );
    assert_eq!(
        next("30 2 * * *", "Europe/Berlin", spring, 1),
        ["Sun 2027-03-28 03:00:00 +0200"]
    );
    let autumn = "2027-10-30T12:00:00Z";
    assert_eq!(
        next("02:30", "Europe/Berlin", autumn, 2),
        [
            "Sun 2027-10-31 02:30:00 +0200",
            "Mon 2027-11-01 02:30:00 +0100"
        ]
    );
    // Every half hour is a half hour apart, whatever the clock does.
    assert_eq!(
        next("*:0/30", "Europe/Berlin", "2027-03-28T00:29:00Z", 3),
        [
            "Sun 2027-03-28 01:30:00 +0100",
            "Sun 2027-03-28 03:00:00 +0200",
            "Sun 2027-03-28 03:30:00 +0200"
        ]
    );
    assert_eq!(
        next("*:0/30", "Europe/Berlin", "2027-10-31T00:00:00Z", 4),
        [
            "Sun 2027-10-31 02:30:00 +0200",
            "Sun 2027-10-31 02:00:00 +0100",
            "Sun 2027-10-31 02:30:00 +0100",
            "Sun 2027-10-31 03:00:00 +0100"
        ]
    );
    // Lord Howe's clocks move by half an hour.
    assert_eq!(
        next("02:15", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", 1),
        ["Sun 2026-10-04 02:30:00 +1100"]
    );
    // An expression's own zone is the one that counts.
    assert_eq!(
        next("03:00 UTC", "Europe/Berlin", autumn, 1),
        ["Sun 2027-10-31 04:00:00 +0100"]
    );
}

/// Part of an expression: numbers within bounds, in all shapes.
fn field(low: u32, high: u32) -> impl Strategy<Value = String> {
    let number = move || low..=high;
    prop_oneof![
        3 => Just("*".to_owned()),
        3 => number().prop_map(|n| n.to_string()),
        2 => (number(), 1..=high).prop_map(|(n, by)| format!("{n}/{by}")),
        2 => (number(), number()).prop_map(|(a, b)| format!("{}..{}", a.min(b), a.max(b))),
        1 => (number(), number()).prop_map(|(a, b)| format!("{a},{b}")),
    ]
}

fn weekdays() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just(String::new()),
        1 => Just("Mon..Fri ".to_owned()),
        1 => Just("Sat,Sun ".to_owned()),
        1 => Just("Tue ".to_owned()),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    let date = (field(1, 12), field(1, 28)).prop_map(|(m, d)| format!("*-{m}-{d} "));
    let date = prop_oneof![Just(String::new()), date];
    (weekdays(), date, field(0, 23), field(0, 59), field(0, 59))
        .prop_map(|(w, date, h, m, s)| format!("{w}{date}{h}:{m}:{s}"))
}

/// Moments of two years, with all changes of the clock.
fn moment() -> impl Strategy<Value = Timestamp> {
    let from = civil::date(2026, 1, 1)
        .at(0, 0, 0, 0)
        .to_zoned(TimeZone::UTC)
        .unwrap();
    let from = from.timestamp().as_millisecond();
    (0..2 * 366 * 86_400_000_i64)
        .prop_map(move |ms| Timestamp::from_millisecond(from + ms).unwrap())
}

/// Whether the clock shows this a second time.
fn comes_twice(moment: Timestamp, zone: &TimeZone) -> bool {
    let local = zone.to_datetime(moment);
    zone.to_ambiguous_timestamp(local).is_ambiguous()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Strictly later, of the expression (or where the clock leaves it out), and none in between is passed over.
    #[test]
    fn next_is_later_and_is_a_moment_of_the_expression(
        text in expression(),
        after in moment(),
        name in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
    ) {
        let (calendar, zone) = (Calendar::parse(&text).unwrap(), zone(name));
        let Some(next) = calendar.next(after, &zone) else { return Ok(()) };
        prop_assert!(next > after);
        let changes = zone.preceding(next.checked_add(jiff::SignedDuration::from_secs(1)).unwrap());
        let moved = changes.take(1).any(|t| t.timestamp() == next);
        prop_assert!(calendar.is_at(next, &zone) || moved, "{text} {after} {next}");
        // Looked for from anywhere in between, it is the same one.
        let between = next.duration_since(after).as_secs();
        for part in 1..10 {
            let earlier = next.checked_sub(jiff::SignedDuration::from_secs(between * part / 10)).unwrap();
            if earlier < next && earlier > after {
                prop_assert_eq!(calendar.next(earlier, &zone), Some(next), "{} after {}", text, earlier);
                prop_assert!(!calendar.is_at(earlier, &zone) || comes_twice(earlier, &zone), "{} at {}", text, earlier);
            }
        }
    }

    /// Whatever is written, an answer comes.
    #[test]
    fn no_text_is_too_strange(text in "[-*0-9:,./~a-zA-Z@ ]{0,30}") {
        if let Ok(calendar) = Calendar::parse(&text) {
            let _ = calendar.next(at("2026-11-21T00:00:00Z"), &TimeZone::UTC);
        }
    }

    /// What is written out for systemd means the same.
    #[test]
    fn written_out_it_means_the_same(text in expression(), after in moment()) {
        let calendar = Calendar::parse(&text).unwrap();
        let written = calendar.on_calendar();
        let again = Calendar::parse(&written[0]).unwrap();
        let utc = TimeZone::UTC;
        prop_assert_eq!(calendar.next(after, &utc), again.next(after, &utc), "{}", written[0]);
    }
}

/// The next moments of expressions, by what `systemd-analyze calendar` says.
fn theirs(lines: &[String]) -> BTreeSet<Timestamp> {
    let said = Command::new("systemd-analyze")
        .args(["calendar", "--iterations=5"])
        .arg("--base-time=2026-11-21 22:59:30 UTC")
        .args(lines)
        .env("TZ", "UTC")
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let moment = |line: &str| {
        let (head, rest) = line.trim().split_once(": ")?;
        let is = head == "Next elapse" || head.starts_with("Iter");
        let (_, moment) = rest.trim().split_once(' ').filter(|_| is)?;
        let moment = moment.trim_end_matches(" UTC").replace(' ', "T");
        format!("{moment}Z").parse().ok()
    };
    let all: BTreeSet<Timestamp> = said.lines().filter_map(moment).collect();
    assert!(!all.is_empty(), "{lines:?}: {said}");
    all
}

/// As people write them, and as they are written into units.
#[test]
fn systemd_finds_the_same_moments() {
    let there = Command::new("systemd-analyze").arg("--version").output();
    if !there.is_ok_and(|o| o.status.success()) {
        eprintln!("skipped: there is no systemd-analyze on this machine");
        return;
    }
    let of_systemd = [
        "minutely",
        "hourly",
        "daily",
        "weekly",
        "monthly",
        "quarterly",
        "semiannually",
        "yearly",
        "annually",
        "*:0/5",
        "*:*:0/5",
        "*:*",
        "*:0/7",
        "Mon..Fri 03:00",
        "*-*-01 04:00",
        "Sat,Mon..Wed 12:30",
        "*-*~3 01:02:03",
        "*-02-29",
        "*-02~01",
        "2027..2030-05-01",
        "2028-*-* 12:00",
        "2027,2029-07-04 05:06:07",
        "Sun *-*-1..7 05:00",
        "Fri *-*-13",
        "0/6:15,45",
        "12-24 18:00",
        "*-1/3-15 00:00",
        "*-*-1/10 08:00",
        "Tue *-*~7/1 10:00",
        "1..5:0/20:30",
        "22:59:31",
        "22:59:30",
        "*-*-31 23:59:59",
        "Mon 04:00 UTC",
        "Mon..Fri 03:00 Europe/Berlin",
        "hourly Asia/Kolkata",
        "*:30 Australia/Adelaide",
        "Sun 12:00 America/New_York",
        "monthly Pacific/Auckland",
        "*-*~01 23:30 Asia/Tokyo",
    ];
    let of_cron = [
        "0 3 * * *",
        "*/15 * * * *",
        "7-59/13 * * * *",
        "0 3 * * 1-5",
        "0 3 1 * 1",
        "30 4 1,15 * 5",
        "0 0 29 2 *",
        "5 0 * 8 *",
        "0 22 * * 0,6",
        "0 0 * * 7",
        "15 10-12 31 jan,mar mon",
        "@daily",
        "@weekly",
        "@monthly",
        "@yearly",
    ];
    for text in of_systemd.into_iter().chain(of_cron) {
        let calendar = Calendar::parse(text).unwrap();
        let zone = calendar.zone().cloned().unwrap_or(TimeZone::UTC);
        let mut moment = at("2026-11-21T22:59:30Z");
        let mut ours = Vec::new();
        for _ in 0..5 {
            let Some(next) = calendar.next(moment, &zone) else {
                break;
            };
            moment = next;
            ours.push(next);
        }
        let written = theirs(&calendar.on_calendar());
        let written: Vec<Timestamp> = written.into_iter().take(5).collect();
        assert_eq!(ours, written, "{text}, written out");
        if of_systemd.contains(&text) {
            let plain: Vec<Timestamp> = theirs(&[text.to_owned()]).into_iter().collect();
            assert_eq!(ours, plain, "{text}");
        }
    }
}
