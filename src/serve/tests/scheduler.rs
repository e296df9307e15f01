//! Years of scheduling without a clock.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::super::calendar::Calendar;
use super::super::schedule::{Breaker, Timing};
use super::super::scheduler::{Act, Event, Memory, State, step};
use super::at;

fn timing(calendar: &str) -> Timing {
    Timing {
        calendars: vec![Calendar::parse(calendar).unwrap()],
        zone: TimeZone::UTC,
        jitter: SignedDuration::ZERO,
        timeout: SignedDuration::from_mins(10),
        catch_up: true,
    }
}

/// A scheduler under test: its state, the time, and what it did last.
struct Bench {
    state: State,
    now: Timestamp,
}

impl Bench {
    fn new(now: &str, jobs: &[(&str, Timing, Memory)]) -> (Bench, Vec<Act>) {
        let mut bench = Bench {
            state: State::new(7),
            now: at(now),
        };
        let acts = bench.schedule(jobs);
        (bench, acts)
    }

    fn one(now: &str, calendar: &str) -> Bench {
        Bench::new(now, &[("job", timing(calendar), Memory::default())]).0
    }

    fn event(&mut self, event: Event) -> Vec<Act> {
        let (state, acts) = step(self.state.clone(), self.now, event);
        self.state = state;
        acts
    }

    fn schedule(&mut self, jobs: &[(&str, Timing, Memory)]) -> Vec<Act> {
        let jobs = jobs
            .iter()
            .map(|(n, t, m)| ((*n).to_owned(), t.clone(), *m))
            .collect();
        self.event(Event::Schedule {
            jobs,
            breaker: Breaker {
                after: 3,
                pause: SignedDuration::from_mins(5),
            },
            at_once: 2,
        })
    }

    fn at(&mut self, now: &str) -> Vec<Act> {
        self.now = at(now);
        self.event(Event::Time)
    }

    fn ends(&mut self, failed: bool) -> Vec<Act> {
        let job = "job".into();
        self.event(Event::Ended { job, failed })
    }
}

fn starts(acts: &[Act]) -> Vec<(&str, u32)> {
    let start = |a| match a {
        &Act::Start {
            ref job, missed, ..
        } => Some((job.as_str(), missed)),
        _ => None,
    };
    acts.iter().filter_map(start).collect()
}

#[test]
fn a_job_runs_when_it_is_time_and_once_at_a_time() {
    let mut bench = Bench::one("21T02:59:00", "*:0/5");
    assert_eq!(bench.state.wakes(), Some(at("21T03:00:00")));
    assert_eq!(bench.at("21T02:59:59.999"), []);
    assert_eq!(starts(&bench.at("21T03:00:00")), [("job", 0)]);
    assert_eq!(bench.at("21T03:00:01"), []);
    // It takes longer than five minutes.
    let skipped = Act::Skipped {
        job: "job".into(),
        paused: false,
    };
    assert_eq!(bench.at("21T03:05:00"), [skipped]);
    bench.now = at("21T03:06:00");
    assert_eq!(bench.ends(false), []);
    assert_eq!(bench.state.wakes(), Some(at("21T03:10:00")));
    assert_eq!(starts(&bench.at("21T03:10:00")), [("job", 0)]);
}

#[test]
fn what_was_slept_through_is_done_once() {
    let mut bench = Bench::one("21T00:30:00", "hourly");
    assert_eq!(starts(&bench.at("21T09:20:00")), [("job", 8)]);
    bench.ends(false);
    assert_eq!(bench.state.wakes(), Some(at("21T10:00:00")));
}

#[test]
fn what_was_missed_before_the_start_is_done_once_unless_nobody_wants_it() {
    let memory = Memory {
        heeded: Some(at("19T03:00:00")),
        ..Memory::default()
    };
    let (bench, acts) = Bench::new("21T12:00:00", &[("job", timing("03:00"), memory)]);
    assert_eq!(starts(&acts), [("job", 1)]);
    assert_eq!(bench.state.jobs["job"].due, Some(at("22T03:00:00")));
    let lazy = Timing {
        catch_up: false,
        ..timing("03:00")
    };
    assert_eq!(Bench::new("21T12:00:00", &[("job", lazy, memory)]).1, []);
    // A new job has missed nothing.
    assert_eq!(
        Bench::new(
            "21T12:00:00",
            &[("job", timing("03:00"), Memory::default())]
        )
        .1,
        []
    );
}

#[test]
fn jitter_is_within_its_bounds_and_another_for_each_job_and_moment() {
    let jitter = Timing {
        jitter: SignedDuration::from_mins(10),
        ..timing("daily")
    };
    let names = ["a", "b", "c", "d", "e", "f"];
    let jobs: Vec<_> = names
        .iter()
        .map(|n| (*n, jitter.clone(), Memory::default()))
        .collect();
    let (bench, _) = Bench::new("21T12:00:00", &jobs);
    let begins: Vec<Timestamp> = names
        .iter()
        .map(|n| bench.state.jobs[*n].begins.unwrap())
        .collect();
    for begins in &begins {
        assert!((at("22T00:00:00")..=at("22T00:10:00")).contains(begins));
    }
    let distinct: std::collections::BTreeSet<_> = begins.iter().collect();
    assert_eq!(distinct.len(), names.len());
    // Read again, it is the same.
    let (again, _) = Bench::new("21T12:00:00", &jobs);
    assert_eq!(again.state.jobs["a"].begins, Some(begins[0]));
}

#[test]
fn a_job_that_fails_again_and_again_is_left_alone_for_longer_and_longer() {
    let mut bench = Bench::one("21T00:00:30", "*:*");
    let fail = |bench: &mut Bench, minute: u32| {
        let acts = bench.at(&format!("21T{:02}:{:02}:00", minute / 60, minute % 60));
        let began = !starts(&acts).is_empty();
        began.then(|| bench.ends(true))
    };
    assert_eq!(fail(&mut bench, 1), Some(vec![]));
    assert_eq!(fail(&mut bench, 2), Some(vec![]));
    let paused = |until: &str, failures| {
        vec![Act::Paused {
            job: "job".into(),
            until: at(until),
            failures,
        }]
    };
    assert_eq!(fail(&mut bench, 3), Some(paused("21T00:08:00", 3)));
    for minute in 4..8 {
        assert_eq!(fail(&mut bench, minute), None);
    }
    assert_eq!(bench.state.jobs["job"].skipped, 4);
    assert_eq!(fail(&mut bench, 8), Some(paused("21T00:18:00", 4)));
    assert_eq!(fail(&mut bench, 17), None);
    assert_eq!(starts(&bench.at("21T00:18:00")), [("job", 0)]);
    assert_eq!(bench.ends(false), [Act::Resumed { job: "job".into() }]);
    assert_eq!(starts(&bench.at("21T00:19:00")), [("job", 0)]);
    // A pause is never longer than a day, however often it failed.
    let memory = Memory {
        failures: 1000,
        ..Memory::default()
    };
    let (mut bench, _) = Bench::new("21T00:00:30", &[("job", timing("*:*"), memory)]);
    assert_eq!(fail(&mut bench, 1), Some(paused("22T00:01:00", 1001)));
}

#[test]
fn whoever_takes_too_long_is_asked_twice_and_then_killed() {
    let mut bench = Bench::one("21T00:30:00", "hourly");
    bench.at("21T01:00:00");
    let ask = Act::Ask {
        job: "job".into(),
        late: true,
    };
    assert_eq!(bench.at("21T01:09:59"), []);
    assert_eq!(bench.at("21T01:10:00"), std::slice::from_ref(&ask));
    assert_eq!(bench.state.wakes(), Some(at("21T01:11:00")));
    assert_eq!(bench.at("21T01:11:00"), [ask]);
    assert_eq!(bench.at("21T01:11:10"), [Act::Kill { job: "job".into() }]);
}

#[test]
fn an_end_waits_for_what_runs_and_begins_nothing() {
    let jobs = ["a", "b"].map(|n| (n, timing("hourly"), Memory::default()));
    let mut bench = Bench::new("21T00:30:00", &jobs).0;
    assert_eq!(starts(&bench.at("21T01:00:00")), [("a", 0), ("b", 0)]);
    let ask = |job: &str| Act::Ask {
        job: job.into(),
        late: false,
    };
    assert_eq!(bench.event(Event::Stop), [ask("a"), ask("b")]);
    assert_eq!(
        bench.event(Event::Ended {
            job: "a".into(),
            failed: false
        }),
        []
    );
    assert_eq!(starts(&bench.at("21T02:00:00")), []);
    let end = bench.event(Event::Ended {
        job: "b".into(),
        failed: false,
    });
    assert_eq!(end, [Act::Done]);
    let mut idle = Bench::one("21T00:30:00", "hourly");
    assert_eq!(idle.event(Event::Stop), [Act::Done]);
}

#[test]
fn no_more_jobs_run_at_once_than_may() {
    let jobs = ["a", "b", "c"].map(|n| (n, timing("hourly"), Memory::default()));
    let mut bench = Bench::new("21T00:30:00", &jobs).0;
    assert_eq!(starts(&bench.at("21T01:00:00")), [("a", 0), ("b", 0)]);
    // Nothing wakes it over and over while there is no room.
    assert!(bench.state.wakes().unwrap() > bench.now);
    let freed = bench.event(Event::Ended {
        job: "a".into(),
        failed: false,
    });
    assert_eq!(starts(&freed), [("c", 0)]);
}

#[test]
fn a_new_schedule_goes_on_where_the_old_one_was() {
    let mut bench = Bench::one("21T00:30:00", "hourly");
    bench.at("21T01:00:00");
    let other = ("other", timing("*:15"), Memory::default());
    assert_eq!(bench.schedule(std::slice::from_ref(&other)), []);
    // It is not in the schedule any more, and ends in peace.
    assert!(bench.state.jobs["job"].leaves);
    assert_eq!(starts(&bench.at("21T01:15:00")), [("other", 0)]);
    bench.ends(false);
    assert!(!bench.state.jobs.contains_key("job"));
    bench.event(Event::Ended {
        job: "other".into(),
        failed: false,
    });
    let moved = ("other", timing("*:30"), Memory::default());
    bench.schedule(&[moved]);
    assert_eq!(bench.state.wakes(), Some(at("21T01:30:00")));
}

#[test]
fn a_clock_that_is_put_back_does_not_stop_jobs() {
    let mut bench = Bench::one("25T00:30:00", "hourly");
    assert_eq!(bench.at("21T00:10:00"), []);
    assert_eq!(bench.state.wakes(), Some(at("21T01:00:00")));
}

#[test]
fn no_order_of_events_runs_a_job_twice() {
    use proptest::prelude::*;
    let events = prop::collection::vec((0..5_u8, 1..4000_i64), 1..80);
    let check = |all: Vec<(u8, i64)>| {
        let names = ["a", "b", "c"];
        let jobs = names.map(|n| (n, timing("*:0/7"), Memory::default()));
        let mut bench = Bench::new("21T00:00:00", &jobs).0;
        let mut running = std::collections::BTreeSet::new();
        for (kind, seconds) in all {
            bench.now = bench
                .now
                .checked_add(SignedDuration::from_secs(seconds))
                .unwrap();
            let job = names[usize::try_from(seconds % 3).unwrap()].to_owned();
            let acts = match kind {
                0 if running.remove(&job) => bench.event(Event::Ended {
                    job,
                    failed: seconds % 2 == 0,
                }),
                1 => bench.schedule(&jobs),
                _ => bench.event(Event::Time),
            };
            for act in acts {
                if let Act::Start { job, due, .. } = act {
                    assert!(due <= bench.now);
                    assert!(running.insert(job), "a job runs twice");
                }
            }
            assert!(running.len() <= 2);
            if let Some(wakes) = bench.state.wakes() {
                assert!(wakes > bench.now, "it would wake over and over");
            }
        }
        Ok(())
    };
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    runner.run(&events, check).unwrap();
}
