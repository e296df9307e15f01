//! Years of scheduling without a clock, schedules with mistakes, and what runs say.

mod runs;
mod schedule;
mod scheduler;

use jiff::Timestamp;

fn at(text: &str) -> Timestamp {
    format!("2026-11-{text}Z").parse().unwrap()
}
