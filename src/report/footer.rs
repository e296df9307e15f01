//! The lines below the output while a run goes on: how far it is, and which hosts are waited for.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::engine::Event;
use crate::engine::event::{HostName, Status};
use crate::inventory::fold::{fold, natural};
use crate::source::escape::escape;

/// Hosts shown by name: with the line above them, no more than a hand's breadth of the screen.
const MOST_HOSTS: usize = 8;

/// Drawn at most this often.
const EVERY: Duration = Duration::from_millis(100);

/// Without a terminal, hosts that are waited for are named this often.
const SPEAK: Duration = Duration::from_secs(30);

/// How progress is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// A bar on a terminal, now and then a line elsewhere
    #[default]
    Auto,
    /// A bar and the slowest hosts
    Bar,
    /// One line of counts
    Counter,
    /// Nothing
    None,
}

#[derive(Default)]
struct Counts {
    ok: usize,
    changed: usize,
    failed: usize,
    unreachable: usize,
}

pub struct Footer {
    bar: Option<ProgressBar>,
    hosts_shown: bool,
    speaks: bool,
    ascii: bool,
    counts: Counts,
    play: String,
    hosts: usize,
    left: usize,
    /// Tasks of each play, as far as they are known before it runs.
    tasks: Vec<usize>,
    expected: usize,
    ended: usize,
    waiting: HashMap<HostName, (String, Instant)>,
    drawn: Option<Instant>,
    spoke: Instant,
}

impl Footer {
    /// `terminal` says whether stderr is one.
    pub fn new(progress: Progress, terminal: bool, ascii: bool, tasks: Vec<usize>) -> Footer {
        let live = match progress {
            Progress::Auto => terminal,
            Progress::Bar | Progress::Counter => terminal,
            Progress::None => false,
        };
        let bar = live.then(|| {
            let target = ProgressDrawTarget::stderr_with_hz(10);
            let bar = ProgressBar::with_draw_target(None, target);
            bar.set_style(
                ProgressStyle::with_template("{msg}")
                    .unwrap_or_else(|_| ProgressStyle::default_spinner()),
            );
            bar
        });
        Footer {
            bar,
            hosts_shown: progress != Progress::Counter,
            speaks: progress != Progress::None && !live,
            ascii,
            counts: Counts::default(),
            play: String::new(),
            hosts: 0,
            left: 0,
            tasks,
            expected: 0,
            ended: 0,
            waiting: HashMap::new(),
            drawn: None,
            spoke: Instant::now(),
        }
    }

    /// Does something that writes, with the footer out of the way.
    pub fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    pub fn note(&mut self, event: &Event) {
        match event {
            Event::PlayStarted { play, hosts } => {
                self.play = escape(&play.name).into_owned();
                (self.hosts, self.left, self.ended) = (hosts.len(), 0, 0);
                let tasks = self.tasks.get(play.index).copied().unwrap_or(1);
                self.expected = (tasks + 1) * hosts.len();
                self.waiting.clear();
            }
            Event::Ended { host, outcome, .. } => {
                self.ended += 1;
                self.waiting.remove(host);
                match outcome.status {
                    Status::Ok | Status::Ignored => self.counts.ok += 1,
                    Status::Changed => self.counts.changed += 1,
                    Status::Failed => self.counts.failed += 1,
                    Status::Unreachable | Status::Skipped | Status::Unknown => {}
                }
            }
            Event::Unreachable { host, .. } => {
                self.waiting.remove(host);
                self.counts.unreachable += 1;
            }
            Event::Waiting {
                host,
                what,
                seconds,
            } => {
                let since = Instant::now().checked_sub(Duration::from_secs(*seconds));
                let since = since.unwrap_or_else(Instant::now);
                self.waiting.insert(host.clone(), (what.clone(), since));
            }
            Event::NotRun { host, .. } => {
                self.waiting.remove(host);
            }
            Event::Left { host, .. } => {
                self.left += 1;
                self.waiting.remove(host);
            }
            Event::Polled {
                host,
                task,
                ended: None,
                seconds,
                ..
            } => {
                let since = Instant::now().checked_sub(Duration::from_secs(*seconds));
                let since = since.unwrap_or_else(Instant::now);
                self.waiting
                    .insert(host.clone(), (task.name.clone(), since));
            }
            Event::Item { host, .. }
            | Event::Polled { host, .. }
            | Event::Retry { host, .. }
            | Event::Connected { host, .. } => {
                self.waiting.remove(host);
            }
            Event::RunEnded { .. } | Event::PlayEnded { .. } => self.waiting.clear(),
            Event::RunStarted { .. }
            | Event::PlaySkipped { .. }
            | Event::Stopping { .. }
            | Event::Output { .. }
            | Event::Interrupted { .. }
            | Event::Guard { .. }
            | Event::TaskStarted { .. }
            | Event::Included { .. }
            | Event::Notified { .. }
            | Event::Pending { .. }
            | Event::Warning { .. } => {}
        }
    }

    /// Draws what is to be drawn; the line to print where there is no terminal and it is time for one.
    pub fn tick(&mut self) -> Option<String> {
        let now = Instant::now();
        if let Some(bar) = &self.bar {
            if self.drawn.is_none_or(|at| now.duration_since(at) >= EVERY) {
                self.drawn = Some(now);
                let (_, columns) = console_size();
                bar.set_message(self.lines(now, columns).join("\n"));
                bar.tick();
            }
            return None;
        }
        let due = self.speaks && now.duration_since(self.spoke) >= SPEAK;
        if !due || self.waiting.is_empty() {
            return None;
        }
        self.spoke = now;
        self.spoken(now)
    }

    /// `waiting for web[3-5]: Update packages, 30 s`
    fn spoken(&self, now: Instant) -> Option<String> {
        let slow = self.slowest(now);
        let (_, what, seconds) = slow.first()?;
        let same: Vec<&str> = slow
            .iter()
            .filter(|(_, w, _)| w == what)
            .map(|(h, _, _)| *h)
            .collect();
        let others = match slow.len() - same.len() {
            0 => String::new(),
            n => format!(" (and {n} more hosts)"),
        };
        let progress = format!("{}/{} hosts done", self.left, self.hosts);
        Some(format!(
            "waiting for {}: {what}, {seconds} s{others}; {progress}",
            fold(&same)
        ))
    }

    /// Who is waited for, the longest first.
    fn slowest(&self, now: Instant) -> Vec<(&str, String, u64)> {
        let entry = |(host, (what, since)): (&'_ HostName, &(String, Instant))| {
            (
                host.clone(),
                escape(what).into_owned(),
                now.duration_since(*since).as_secs(),
            )
        };
        let mut all: Vec<_> = self.waiting.iter().map(entry).collect();
        all.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| natural(&a.0, &b.0)));
        let name = |host: &HostName| self.waiting.get_key_value(host).map(|(k, _)| &**k);
        all.into_iter()
            .filter_map(|(h, w, s)| Some((name(&h)?, w, s)))
            .collect()
    }

    fn lines(&self, now: Instant, columns: usize) -> Vec<String> {
        let c = &self.counts;
        let mut first = String::new();
        if self.hosts_shown && self.expected > 0 {
            first = self.drawing(24);
        }
        first.push_str(&format!("{}/{} hosts  ok {}", self.left, self.hosts, c.ok));
        first.push_str(&format!("  changed {}  failed {}", c.changed, c.failed));
        first.push_str(&format!("  unreachable {}  {}", c.unreachable, self.play));
        let mut lines = vec![cut(&first, columns)];
        if self.hosts_shown {
            let slow = self.slowest(now);
            let width = slow
                .iter()
                .take(MOST_HOSTS)
                .map(|(h, ..)| h.chars().count())
                .max()
                .unwrap_or(0);
            for (host, what, seconds) in slow.iter().take(MOST_HOSTS) {
                lines.push(cut(
                    &format!("  {host:<width$} {seconds:>4} s  {what}"),
                    columns,
                ));
            }
            if slow.len() > MOST_HOSTS {
                lines.push(format!("  and {} more", slow.len() - MOST_HOSTS));
            }
        }
        lines
    }

    fn drawing(&self, width: usize) -> String {
        // A play is not over until it says so, whatever the estimate.
        let done = (self.ended * width / self.expected.max(1)).min(width - 1);
        let done = if self.left >= self.hosts { width } else { done };
        let (full, empty) = if self.ascii {
            ("#", "-")
        } else {
            ("━", "╌")
        };
        format!("{}{} ", full.repeat(done), empty.repeat(width - done))
    }

    /// Takes the footer away until the next tick.
    pub fn hide(&self) {
        if let Some(bar) = &self.bar {
            bar.set_message("");
            bar.tick();
        }
    }

    /// Takes the footer away for good.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn cut(line: &str, columns: usize) -> String {
    let room = columns.saturating_sub(1).max(20);
    match line.chars().count() > room {
        true => line.chars().take(room).collect(),
        false => line.to_owned(),
    }
}

/// Rows and columns of the terminal; what is common where there is none.
fn console_size() -> (u16, usize) {
    let size = rustix::termios::tcgetwinsize(std::io::stderr());
    size.map_or((24, 80), |s| (s.ws_row, usize::from(s.ws_col.max(20))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::PlayRef;

    fn started(hosts: usize) -> Footer {
        let mut footer = Footer::new(Progress::Bar, false, true, vec![9]);
        let hosts = (1..=hosts)
            .map(|n| HostName::from(format!("web{n}")))
            .collect();
        footer.note(&Event::PlayStarted {
            play: PlayRef {
                index: 0,
                name: "p".into(),
            },
            hosts,
        });
        footer
    }

    fn wait(footer: &mut Footer, host: &str, seconds: u64) {
        let what = "Update".to_owned();
        footer.note(&Event::Waiting {
            host: host.into(),
            what,
            seconds,
        });
    }

    #[test]
    fn never_more_than_ten_lines_and_the_slowest_first() {
        let mut footer = started(50);
        for n in 1..=50 {
            wait(&mut footer, &format!("web{n}"), n);
        }
        let lines = footer.lines(Instant::now(), 80);
        assert_eq!(lines.len(), 10);
        assert!(lines[0].contains("0/50 hosts") && lines[0].starts_with("----"));
        assert!(lines[1].trim_start().starts_with("web50"), "{lines:?}");
        assert_eq!(lines[9], "  and 42 more");
        assert!(lines.iter().all(|l| l.chars().count() < 80));
    }

    #[test]
    fn hosts_that_wait_for_the_same_are_named_together() {
        let mut footer = started(5);
        for n in 3..=5 {
            wait(&mut footer, &format!("web{n}"), 30);
        }
        let said = footer.spoken(Instant::now()).unwrap();
        assert_eq!(said, "waiting for web[3-5]: Update, 30 s; 0/5 hosts done");
    }
}
