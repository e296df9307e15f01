//! A report for people at a terminal: one entry for each difference, whatever the number of hosts.

use crate::engine::event::Diff;
use crate::source::escape::escape;

use super::super::text::{counts, unified};
use super::model::{Entry, Fix, HostInfo, Kind, Report, Standing};
use super::{Look, is_content};

/// More entries than these nobody reads; JSON has all of them.
const MOST_SHOWN: usize = 1000;

/// Hosts shown with their own values; only with `--verbose`, and all with more of it.
const MOST_VALUES: usize = 20;

pub fn render(report: &Report, look: Look) -> String {
    let mut page = Page {
        report,
        look,
        text: String::new(),
        masked: false,
    };
    page.entries(&report.entries);
    page.totals();
    if let Some(fix) = &report.fix {
        page.fix(fix);
    }
    let text = page.text;
    match look.ascii {
        true => ascii(&text),
        false => text,
    }
}

fn ascii(text: &str) -> String {
    text.replace('·', "-")
        .replace('→', "->")
        .replace('…', "...")
        .replace('‹', "<")
        .replace('›', ">")
}

struct Page<'a> {
    report: &'a Report,
    look: Look,
    text: String,
    /// Whether anything was said of own values.
    masked: bool,
}

impl Page<'_> {
    fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    fn paint(&self, code: &str, text: &str) -> String {
        match self.look.colour {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }

    fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }

    fn entries(&mut self, entries: &[Entry]) {
        let mut play = None;
        for entry in entries.iter().take(MOST_SHOWN) {
            let of = self.report.task(entry).map(|t| t.play);
            if of.is_some() && of != play && self.report.plays.len() > 1 {
                play = of;
                let name = of.and_then(|p| self.report.plays.get(p));
                let name = escape(name.map_or("", String::as_str)).into_owned();
                let line = self.paint("1", &format!("play {name}"));
                self.line(&line);
            }
            self.entry(entry);
        }
        if entries.len() > MOST_SHOWN {
            let more = entries.len() - MOST_SHOWN;
            self.line(&format!("and {more} more entries; --format json has all"));
        }
        if self.masked && self.look.verbosity == 0 {
            let line = self.dim("‹…› is each host's own value; -v shows them");
            self.line(&line);
        }
    }

    fn entry(&mut self, entry: &Entry) {
        let code = match entry.kind {
            Kind::Differs => "33",
            Kind::Fixed => "32",
            Kind::Follows => "36",
            Kind::Unknown => "35",
            Kind::Reverted | Kind::Failed | Kind::Unreachable => "1;31",
        };
        let word = self.paint(code, entry.kind.word());
        let hosts = self.paint("1", &escape(&self.report.range(&entry.hosts)));
        let title = escape(&self.report.title(entry)).into_owned();
        let what = what(entry);
        let mut line = match (what.is_empty(), title.is_empty()) {
            (_, true) => format!("{word} {hosts} {what}"),
            (true, false) => format!("{word} {hosts} {title}"),
            (false, false) => format!("{word} {hosts} {what} {}", self.dim(&format!("· {title}"))),
        };
        if let Some(task) = self.report.task(entry)
            && entry.kind.is_trouble()
        {
            line.push_str(&format!("  {}", self.dim(&format!("({})", task.at))));
        }
        self.line(&line);
        if let Some(sample) = entry.sample {
            let line = self.dim(&format!("on {}:", escape(self.report.name(sample))));
            self.line(&format!("  {line}"));
        }
        if !entry.on.is_empty() {
            self.difference(entry);
        } else {
            let text = escape(&entry.summary).into_owned();
            for line in text.lines() {
                self.line(&format!("  {line}"));
            }
        }
        if entry.varies() {
            self.masked = true;
            if self.look.verbosity > 0 {
                self.values(entry);
            }
        }
    }

    fn difference(&mut self, entry: &Entry) {
        let short = |text: &str| text.lines().nth(1).is_none();
        let said = short(&entry.before) && short(&entry.after) && !is_content(entry);
        // `mode 0700 → 0750` says it all.
        if entry.kind != Kind::Differs || said {
            return;
        }
        let title = escape(&entry.on).into_owned();
        let text = unified(&ends(entry), &title, &title);
        for line in escape(&text).lines() {
            let code = match line.as_bytes().first() {
                Some(b'+') => "32",
                Some(b'-') => "31",
                Some(b'@') => "36",
                _ => "",
            };
            let line = match code {
                "" => line.to_owned(),
                code => self.paint(code, line),
            };
            self.line(&format!("  {line}"));
        }
    }

    /// What stands in the place of each mark on each host.
    fn values(&mut self, entry: &Entry) {
        let most = match self.look.verbosity {
            1 => MOST_VALUES,
            _ => usize::MAX,
        };
        for variant in entry.variants.iter().take(most) {
            let pair = |(name, value): &(String, String)| format!("‹{name}› is {value}");
            let all: Vec<String> = variant.values.iter().map(pair).collect();
            let hosts = self.report.range(&variant.hosts);
            let line = format!("  {hosts}: {}", all.join(", "));
            let line = self.dim(&escape(&line));
            self.line(&line);
        }
        if entry.variants.len() > most {
            let more = entry.variants.len() - most;
            let line = self.dim(&format!("  and {more} more; -vv shows all"));
            self.line(&line);
        }
    }

    /// One line: how long, how many.
    fn totals(&mut self) {
        let counts = self.report.counts();
        let mut parts = vec![match counts.differences {
            0 if counts.unknown > 0 => format!("no known differences on {}", hosts(counts.hosts)),
            0 => format!("no differences on {}", hosts(counts.hosts)),
            n => {
                let s = if n == 1 { "" } else { "s" };
                let of = format!(
                    "{n} difference{s} on {} of {}",
                    counts.drifted,
                    hosts(counts.hosts)
                );
                match counts.distinct {
                    d if d < n => format!("{of} ({d} distinct)"),
                    _ => of,
                }
            }
        }];
        let stopped = self.standing(Standing::Stopped);
        for (count, what) in [
            (counts.unknown, "with something unknown"),
            (counts.failed, "failed"),
            (counts.unreachable, "unreachable"),
            (stopped, "not looked at to the end"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        if self.report.dropped > 0 {
            let text = "texts left out, as the report would have become too large";
            parts.push(format!("{} {text}", self.report.dropped));
        }
        if self.look.verbosity >= 2 {
            let trips = self.report.hosts.iter().map(|h| h.round_trips);
            let (least, most) = (trips.clone().min().unwrap_or(0), trips.max().unwrap_or(0));
            let line = self.dim(&format!(
                "round trips after login: {least} to {most} a host"
            ));
            self.line(&line);
        }
        let head = match self.report.stopped && self.report.fix.is_none() {
            true => "stopped after",
            false => "looked for",
        };
        self.line(&format!(
            "{head} {:.1} s: {}",
            self.report.seconds,
            parts.join(", ")
        ));
    }

    fn standing(&self, standing: Standing) -> usize {
        let is = |h: &&HostInfo| h.standing == standing;
        self.report.hosts.iter().filter(is).count()
    }

    fn fix(&mut self, fix: &Fix) {
        if let Some(most) = fix.halted {
            let text = format!(
                "{} would be changed, and --max-drift allows {most}: nothing was touched",
                hosts(fix.hosts)
            );
            let line = self.paint("1;31", &text);
            return self.line(&line);
        }
        self.entries(&fix.entries);
        if !fix.left.is_empty() {
            let range = escape(&self.report.range(&fix.left)).into_owned();
            self.line(&format!(
                "left alone: {range}, because looking at it failed"
            ));
        }
        let counts = self.report.counts();
        let done: usize = self.report.hosts.iter().map(|h| h.fixed).sum();
        let mut parts = match fix.hosts {
            0 => vec!["nothing to fix".to_owned()],
            n => vec![format!(
                "{done} changed, {} of {} as the playbook says",
                counts.fixed,
                hosts(n)
            )],
        };
        let ends = [
            (Standing::Failed, "failed"),
            (Standing::Unreachable, "unreachable"),
            (Standing::Differs, "still different"),
        ];
        for (standing, what) in ends {
            let count = self.standing(standing);
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        let head = match self.report.stopped {
            true => "stopped after",
            false => "fixed in",
        };
        self.line(&format!(
            "{head} {:.1} s: {}",
            fix.seconds,
            parts.join(", ")
        ));
    }
}

fn hosts(n: usize) -> String {
    match n {
        1 => "1 host".to_owned(),
        n => format!("{n} hosts"),
    }
}

/// The two ends of an entry, as what is compared.
pub fn ends(entry: &Entry) -> Diff {
    Diff {
        title: entry.on.clone(),
        before: entry.before.clone(),
        after: entry.after.clone(),
        summary: entry.summary.clone(),
    }
}

/// `/etc/motd +1 -1`, `package vim absent → installed`; escaped.
pub fn what(entry: &Entry) -> String {
    if entry.on.is_empty() {
        return String::new();
    }
    let lines = || match counts(&ends(entry)) {
        (0, 0) => String::new(),
        (added, 0) => format!("+{added}"),
        (0, removed) => format!("-{removed}"),
        (added, removed) => format!("+{added} -{removed}"),
    };
    let words = match entry.summary.as_str() {
        "" | "changed" => lines(),
        "new file" | "removed file" => format!("{} {}", entry.summary, lines()),
        summary => match summary.strip_prefix("content") {
            Some(rest) => format!("{}{rest}", lines()),
            None => summary.to_owned(),
        },
    };
    let text = format!("{} {}", entry.on, words.trim());
    escape(text.trim_end()).into_owned()
}
