//! `palisade serve`: jobs on calendar expressions, their history, and who hears of what is new.
//!
//! What to do next is decided by `scheduler`, a function without a clock; `daemon` carries it out. Each
//! run is a child process of the same program, so that nothing that becomes of one touches the others.
//! `fold` folds what it prints, `news` says what of that was not known before, `web` shows it.

pub mod board;
pub mod calendar;
pub mod daemon;
pub mod fold;
pub mod keep;
pub mod news;
pub mod notify;
pub mod past;
pub mod run;
pub mod schedule;
pub mod scheduler;
pub mod units;
pub mod web;

#[cfg(test)]
mod tests;
