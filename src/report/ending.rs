//! The end of a run: what came of it, host by host and as a whole, and what to type next.

use std::io::Write;

use crate::engine::event::{Recap, TrafficTotal};

use super::human::Human;
use super::recap;
use super::text::safe;

/// Hosts named in the command to type next; for more, the command is said without them.
const MOST_NAMED: usize = 20;

impl<W: Write + Send> Human<W> {
    pub(super) fn end(&mut self, all: &[Recap], seconds: f64, traffic: &TrafficTotal) {
        self.tell_lost();
        self.footer.clear();
        self.notices.end();
        let unfolded = self.unfold();
        let mut text = String::new();
        self.recap(all, &mut text);
        if self.look.detail.verbosity >= 2 {
            for line in recap::traffic(all, seconds, traffic) {
                text.push_str(&format!("{}\n", self.dim(&line)));
            }
        }
        text.push_str(&format!("{}\n", self.summary(all, seconds)));
        text.push_str(&self.next(all));
        let text = unfolded + &self.look.folds.bare(&text);
        self.write(&text);
    }

    pub(super) fn recap(&self, all: &[Recap], text: &mut String) {
        let lines = recap::lines(all);
        let width = lines
            .iter()
            .map(|l| l.hosts.chars().count())
            .max()
            .unwrap_or(0)
            .min(40);
        for line in &lines {
            let c = &line.counts;
            let mut counts = recap::columns(c);
            if c.unknown > 0 {
                counts.push_str(&format!("unknown={}", c.unknown));
            }
            let code = match c {
                c if c.failed + c.unreachable > 0 => "31",
                c if c.unknown > 0 => "35",
                c if c.changed > 0 => "33",
                _ => "32",
            };
            let hosts = safe(&line.hosts, &self.mask);
            let hosts = self.paint(code, &format!("{hosts:<width$}"));
            text.push_str(format!("{hosts} : {counts}").trim_end());
            text.push('\n');
        }
    }

    /// One line: how long, how many.
    pub(super) fn summary(&self, all: &[Recap], seconds: f64) -> String {
        let with = |f: fn(&Recap) -> u64| all.iter().filter(|r| f(r) > 0).count();
        let hosts = |n: usize| {
            if n == 1 {
                "1 host".to_owned()
            } else {
                format!("{n} hosts")
            }
        };
        let mut parts = Vec::new();
        let would = if self.check {
            "would change"
        } else {
            "changed"
        };
        parts.push(format!(
            "{}, {} {would}",
            hosts(all.len()),
            with(|r| r.changed)
        ));
        for (count, what) in [
            (with(|r| r.failed), "failed"),
            (with(|r| r.unreachable), "unreachable"),
            (with(|r| r.unknown), "with an unknown outcome"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        let head = if self.stopped {
            "stopped after"
        } else if self.check {
            "checked in"
        } else {
            "done in"
        };
        format!("{head} {seconds:.1} s: {}", parts.join(", "))
    }

    /// The command to type when something failed.
    pub(super) fn next(&self, all: &[Recap]) -> String {
        let Some(command) = &self.look.command else {
            return String::new();
        };
        let bad = all
            .iter()
            .filter(|r| r.failed + r.unreachable + r.unknown > 0);
        let bad: Vec<&str> = bad.map(|r| r.host.as_str()).collect();
        if self.check {
            return String::new();
        }
        if bad.is_empty() && !self.stopped {
            return String::new();
        }
        let (head, limit) = match bad.len() {
            _ if self.stopped => ("again:", String::new()),
            0..=MOST_NAMED => ("again for these:", format!(" --limit {}", bad.join(","))),
            _ => ("again:", String::new()),
        };
        let command = safe(&format!("{command}{limit}"), &self.mask);
        format!("{} {command}\n", self.paint("1", head))
    }
}
