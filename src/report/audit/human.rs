//! A report for people at a terminal: what does not hold, on which hosts, and how each host stands.

use std::collections::BTreeMap;

use crate::hardening::result::{ControlInfo, Finding, HostReport, Score};
use crate::hardening::{Report, Severity, Verdict};
use crate::inventory::fold::fold;
use crate::source::escape::escape;

/// Hosts whose scores are listed one by one; of more, the worst.
const MOST_HOSTS: usize = 20;

/// Lines of a difference that are shown without `-v`.
const MOST_LINES: usize = 6;

/// How a report is shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    pub colour: bool,
    pub ascii: bool,
    /// Show differences in full.
    pub diff: bool,
    /// 1: what passes, too; 2: what was observed.
    pub verbosity: u8,
}

/// The report as text.
pub fn render(report: &Report, look: Look) -> String {
    let mut page = Page {
        report,
        look,
        text: String::new(),
    };
    page.findings();
    page.waivers();
    page.troubles();
    page.sections();
    page.hosts();
    page.summary();
    match look.ascii {
        true => page.text.replace('·', "-").replace('…', "..."),
        false => page.text,
    }
}

struct Page<'a> {
    report: &'a Report,
    look: Look,
    text: String,
}

/// What is said of a control, and of which hosts.
type Said = BTreeMap<(Verdict, String, Vec<String>), Vec<String>>;

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

    fn word(&self, verdict: Verdict) -> String {
        let code = match verdict {
            Verdict::Pass => "32",
            Verdict::Fixed => "33",
            Verdict::Fail | Verdict::Error => "1;31",
            Verdict::Waived | Verdict::Unknown => "35",
            Verdict::Manual | Verdict::NotApplicable => "36",
        };
        self.paint(code, verdict.word())
    }

    /// Control by control, what does not hold (with `-v`, everything).
    fn findings(&mut self) {
        for control in &self.report.controls {
            let mut said: Said = BTreeMap::new();
            for host in &self.report.hosts {
                let Some(finding) = host.findings.iter().find(|f| f.control == control.id) else {
                    continue;
                };
                if !self.is_shown(finding, host) {
                    continue;
                }
                let why = escape(finding.why.as_deref().unwrap_or_default()).into_owned();
                let body = self.body(control, finding);
                said.entry((finding.verdict, why, body))
                    .or_default()
                    .push(host.host.clone());
            }
            for ((verdict, why, body), hosts) in said {
                let names: Vec<_> = hosts.iter().map(String::as_str).collect();
                let severity = match verdict {
                    Verdict::Fail => format!(" ({})", control.severity),
                    _ => String::new(),
                };
                let head = format!(
                    "{} {} {} {}{severity}",
                    self.word(verdict),
                    control.label(),
                    escape(&fold(&names)),
                    escape(&control.title),
                );
                self.line(&head);
                if !why.is_empty() {
                    self.line(&format!("  {}", why.replace('\n', "\n  ")));
                }
                for line in body {
                    self.line(&format!("  {line}"));
                }
            }
        }
    }

    fn is_shown(&self, finding: &Finding, host: &HostReport) -> bool {
        match finding.verdict {
            // Said once for the host.
            Verdict::Unknown if host.lost.is_some() && finding.evidence.is_empty() => false,
            Verdict::Fail
            | Verdict::Error
            | Verdict::Unknown
            | Verdict::Waived
            | Verdict::Fixed => true,
            Verdict::Pass | Verdict::Manual | Verdict::NotApplicable => self.look.verbosity > 0,
        }
    }

    /// What should be otherwise, and with `-vv` what was observed.
    fn body(&self, control: &ControlInfo, finding: &Finding) -> Vec<String> {
        let mut lines = Vec::new();
        for evidence in &finding.evidence {
            let mentioned = finding.why.as_deref() == evidence.message.as_deref();
            for change in &evidence.differences {
                let text = format!("{} {}", change.on, change.summary);
                lines.push(escape(text.trim()).into_owned());
                if self.look.diff {
                    let diff = similar::TextDiff::from_lines(&change.before, &change.after);
                    let text = diff.unified_diff().context_radius(0).to_string();
                    let all = text.lines().skip_while(|l| l.starts_with("@@"));
                    let most = if self.look.verbosity > 0 {
                        usize::MAX
                    } else {
                        MOST_LINES
                    };
                    lines.extend(all.take(most).map(|l| format!("  {}", escape(l))));
                }
            }
            if let Some(message) = evidence.message.as_ref().filter(|_| !mentioned)
                && evidence.status != "ok"
            {
                let text = format!("{}: {message}", evidence.task);
                lines.push(escape(&text).into_owned());
            }
            if self.look.verbosity > 1 && !evidence.observed.is_null() {
                let text = evidence.observed.to_string();
                lines.push(format!("observed {}", escape(&text)));
            }
        }
        if finding.verdict == Verdict::Fail
            && let Some(fix) = &control.fix
        {
            lines.push(format!("to do: {}", escape(&fix.replace('\n', " "))));
        }
        if finding.verdict == Verdict::Manual
            && let Some(manual) = &control.manual
        {
            lines.extend(escape(manual).lines().map(str::to_owned));
        }
        lines
    }

    fn waivers(&mut self) {
        for waiver in &self.report.waivers {
            let (word, code) = match waiver.expired {
                true => ("expired", "1;31"),
                false => ("waiver", "35"),
            };
            let text = format!(
                "{} {} on {} until {}: {} ({})",
                self.paint(code, word),
                escape(&waiver.control),
                escape(&waiver.hosts),
                waiver.expires,
                escape(&waiver.reason),
                escape(&waiver.owner),
            );
            self.line(&text);
        }
    }

    fn troubles(&mut self) {
        let mut said: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for host in &self.report.hosts {
            if let Some(lost) = &host.lost {
                said.entry(format!("unreachable: {lost}"))
                    .or_default()
                    .push(&host.host);
            }
            for trouble in &host.trouble {
                said.entry(format!("failed: {trouble}"))
                    .or_default()
                    .push(&host.host);
            }
        }
        for (text, hosts) in said {
            let hosts = escape(&fold(&hosts)).into_owned();
            let head = format!("{} {}", self.paint("1;31", &hosts), escape(&text));
            self.line(&head);
        }
    }

    /// How the sections of the first profile stand over all hosts.
    fn sections(&mut self) {
        let Some(profile) = self.report.profiles.first() else {
            return;
        };
        let mut scores: BTreeMap<&str, Score> = BTreeMap::new();
        let number = |c: &ControlInfo| {
            let mine = c.numbers.iter().find(|n| n.profile == profile.id);
            mine.map(|n| n.number.clone())
        };
        let section = |number: &str| {
            let inside = |s: &&String| crate::hardening::profile::is_within(number, s);
            profile
                .sections
                .keys()
                .filter(inside)
                .min_by_key(|s| s.len())
        };
        for control in &self.report.controls {
            let Some(section) = number(control).and_then(|n| section(&n)) else {
                continue;
            };
            for host in &self.report.hosts {
                let mine = host.findings.iter().find(|f| f.control == control.id);
                if let Some(finding) = mine {
                    scores.entry(section).or_default().add(finding.verdict);
                }
            }
        }
        if scores.len() < 2 {
            return;
        }
        let mut all: Vec<_> = scores.into_iter().collect();
        all.sort_by_key(|(s, _)| crate::hardening::profile::in_order(s));
        self.line("");
        for (section, score) in all {
            let title = &profile.sections[section];
            let text = format!(
                "{:>4}% {section} {title} · {}",
                score.percent(),
                counts(score)
            );
            self.line(&text);
        }
    }

    fn hosts(&mut self) {
        let mut hosts: Vec<&HostReport> = self.report.hosts.iter().collect();
        if hosts.len() < 2 {
            return;
        }
        hosts.sort_by_key(|h| (h.score.percent(), h.host.clone()));
        self.line("");
        let left = hosts.len().saturating_sub(MOST_HOSTS);
        for host in hosts.into_iter().take(MOST_HOSTS) {
            let text = format!(
                "{:>4}% {} · {}",
                host.score.percent(),
                escape(&host.host),
                counts(host.score)
            );
            self.line(&text);
        }
        if left > 0 {
            self.line(&format!("      and {left} hosts that stand no worse"));
        }
    }

    fn summary(&mut self) {
        let report = self.report;
        let score = report.score();
        let names: Vec<_> = report
            .profiles
            .iter()
            .map(|p| match p.level.as_str() {
                "all" => p.id.clone(),
                level => format!("{} {level}", p.id),
            })
            .collect();
        let hosts = report.hosts.len();
        let waived = match score.waived {
            0 => String::new(),
            _ => format!(" ({}% with waivers)", score.percent_with_waivers()),
        };
        let text = format!(
            "\n{} of {} controls on {hosts} host{}: {}%{waived} · {} · {:.1} s",
            names.join(", "),
            report.controls.len(),
            if hosts == 1 { "" } else { "s" },
            score.percent(),
            counts(score),
            report.seconds,
        );
        self.line(&text);
        if let Some(worst) = report.worst().filter(|s| *s >= Severity::High) {
            let failing = report.controls.iter().filter(|c| c.severity == worst);
            let fails = |c: &&ControlInfo| {
                let mut all = report.hosts.iter().flat_map(|h| &h.findings);
                all.any(|f| f.control == c.id && f.verdict.is_finding())
            };
            let ids: Vec<_> = failing
                .filter(fails)
                .take(8)
                .map(|c| c.id.as_str())
                .collect();
            self.line(&format!(
                "look first at what is {worst}: {}",
                ids.join(", ")
            ));
        }
    }
}

/// `210 pass, 12 fail`: whatever there is any of.
pub fn counts(score: Score) -> String {
    let all = [
        (score.pass, Verdict::Pass),
        (score.fixed, Verdict::Fixed),
        (score.fail, Verdict::Fail),
        (score.waived, Verdict::Waived),
        (score.error, Verdict::Error),
        (score.unknown, Verdict::Unknown),
        (score.manual, Verdict::Manual),
        (score.not_applicable, Verdict::NotApplicable),
    ];
    let some = all.iter().filter(|(n, _)| *n > 0);
    let words: Vec<_> = some.map(|(n, v)| format!("{n} {}", v.word())).collect();
    words.join(", ")
}
