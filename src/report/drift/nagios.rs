//! A report as one line with performance data, as plugins of Nagios and Icinga speak, and the exit code of
//! that world: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.

use crate::source::escape::escape;

use super::Look;
use super::model::{Kind, Report, Standing};

/// Longer lines are cut by those who read them, in the middle of the performance data.
const MOST: usize = 1000;

/// How a service stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Ok,
    /// Something differs.
    Warning,
    /// A host failed or could not be reached, or a fix did not come to its end.
    Critical,
    /// Nobody knows.
    Unknown,
}

impl State {
    pub fn of(report: &Report, look: Look) -> State {
        let is = |s: Standing| report.hosts.iter().any(|h| h.standing == s);
        let unknown = is(Standing::Unknown) && !look.unknown_is_fine;
        if is(Standing::Failed) || is(Standing::Unreachable) {
            State::Critical
        } else if report.differs() {
            State::Warning
        } else if unknown || is(Standing::Stopped) || report.hosts.is_empty() {
            State::Unknown
        } else {
            State::Ok
        }
    }

    fn word(self) -> &'static str {
        match self {
            State::Ok => "OK",
            State::Warning => "WARNING",
            State::Critical => "CRITICAL",
            State::Unknown => "UNKNOWN",
        }
    }
}

pub fn render(report: &Report, look: Look) -> String {
    let counts = report.counts();
    let mut parts = Vec::new();
    let range = |s: &dyn Fn(Standing) -> bool| {
        let hosts = report.hosts.iter().enumerate();
        let hosts: Vec<usize> = hosts
            .filter(|(_, h)| s(h.standing))
            .map(|(i, _)| i)
            .collect();
        report.range(&hosts)
    };
    if counts.unreachable > 0 {
        parts.push(format!(
            "unreachable: {}",
            range(&|s| s == Standing::Unreachable)
        ));
    }
    if counts.failed > 0 {
        parts.push(format!("failed: {}", range(&|s| s == Standing::Failed)));
    }
    if counts.differences > 0 {
        let mut of: Vec<usize> = report
            .of(Kind::Differs)
            .flat_map(|e| e.hosts.clone())
            .collect();
        of.sort_unstable();
        of.dedup();
        let now = if report.differs() { "" } else { " (fixed)" };
        parts.push(format!(
            "{} differences on {}{now}",
            counts.differences,
            report.range(&of)
        ));
    }
    if counts.unknown > 0 {
        parts.push(format!("{} hosts with something unknown", counts.unknown));
    }
    if parts.is_empty() {
        parts.push(match counts.hosts {
            0 => "no host was looked at".to_owned(),
            n => format!("no differences on {n} hosts"),
        });
    }
    let n = counts.hosts;
    let data = format!(
        "hosts={n};;;0 drifted={};0;;0;{n} differences={};;;0 unknown={};;;0;{n} failed={};;0;0;{n} \
         unreachable={};;0;0;{n} fixed={};;;0;{n} time={:.2}s",
        counts.drifted,
        counts.differences,
        counts.unknown,
        counts.failed,
        counts.unreachable,
        counts.fixed,
        report.seconds,
    );
    line(State::of(report, look), &parts.join(", "), Some(&data))
}

/// Where there is no report, because it could not start.
pub fn unknown(why: &str) -> String {
    line(State::Unknown, why, None)
}

fn line(state: State, text: &str, data: Option<&str>) -> String {
    let text = escape(text).replace(['\n', '\t'], " ").replace('|', "/");
    let text: String = match text.chars().count() {
        n if n > MOST => text.chars().take(MOST).chain(['…']).collect(),
        _ => text,
    };
    let data = data.map_or(String::new(), |d| format!(" | {d}"));
    format!("DRIFT {} - {text}{data}\n", state.word())
}
