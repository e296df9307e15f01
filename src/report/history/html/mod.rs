//! Runs as one page for a browser: how every host went at every task, what differs and on whom, and how
//! that was over time.

mod grid;
mod told;

use std::fmt::Write as _;

use crate::history::{Counts, Kind, Run, Status};
use crate::inventory::fold::fold;

use super::super::page::plot::{self, Layers, Moment};
use super::super::page::{self, Head, esc, plural};
use super::view::{Job, Row, Told, lasted, rows};

const STYLE: &str = include_str!("history.css");
const SCRIPT: &str = include_str!("history.js");

/// Runs in the list at the end.
const MOST_RUNS: usize = 500;

/// The page.
pub fn render(told: &Told) -> String {
    let single = told.jobs.first().filter(|_| told.single);
    let (kind, sub) = match single {
        Some(job) => (verb(&job.sheet.run), vec![about(&job.sheet.run)]),
        None => ("History".to_owned(), over(told)),
    };
    let title = format!("{kind}: {}", told.about);
    let head = Head {
        title: &title,
        kind: &kind,
        heading: &told.about,
        sub,
        skip: ("told", "To what was found"),
        style: STYLE,
        script: SCRIPT,
    };
    let mut page = head.begin();
    let many = told.jobs.len() > 1;
    for (at, job) in told.jobs.iter().enumerate() {
        write(&mut page, job, at, many || single.is_none());
    }
    if single.is_none() {
        runs(&mut page, &told.runs);
    }
    let footer = format!(
        "Made by palisade {} from its history; the same as JSON or CSV with <code>--format</code>.",
        env!("CARGO_PKG_VERSION")
    );
    head.end(&mut page, &footer);
    page
}

fn verb(run: &Run) -> String {
    let mut letters = run.command.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    let word: String = first.into_iter().chain(letters).collect();
    match run.dry && run.command == "playbook" {
        true => "Playbook, checked only".into(),
        false => word,
    }
}

fn time(run: &Run) -> String {
    format!(
        "<time datetime=\"{}\">{} UTC</time>",
        run.started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        run.started.strftime("%Y-%m-%d %H:%M")
    )
}

/// Who ran it, when, and how it ended.
fn about(run: &Run) -> String {
    let exit = match run.exit {
        Some(code) => format!(" · exit code {code}"),
        None => String::new(),
    };
    format!(
        "{} host{} · {} · {} · by {}{exit} · run <code>{}</code>",
        run.counts.hosts,
        plural(run.counts.hosts as usize),
        time(run),
        lasted(run),
        esc(&run.who),
        esc(&run.name)
    )
}

fn over(told: &Told) -> Vec<String> {
    let count = told.runs.len();
    let jobs = told.jobs.len();
    let since = told.runs.last().map(time).unwrap_or_default();
    vec![format!(
        "{count} run{} of {jobs} job{} since {since}",
        plural(count),
        plural(jobs)
    )]
}

/// The class of a status. What a run changed is done; what a look found differs.
fn class(status: Status, dry: bool) -> &'static str {
    match status {
        Status::Ok | Status::Pass => "pass",
        Status::Skipped | Status::NotApplicable => "na",
        Status::Manual => "manual",
        Status::Waived | Status::Ignored => "waived",
        Status::Unknown => "unknown",
        Status::Fixed => "fixed",
        Status::Differs => "differs",
        Status::Changed if dry => "differs",
        Status::Changed => "fixed",
        Status::Fail => "fail",
        Status::Error | Status::Failed => "error",
        Status::Unreachable => "lost",
    }
}

fn word(status: Status, dry: bool) -> &'static str {
    match status {
        Status::Changed if dry => "differs",
        other => other.word(),
    }
}

/// Hosts by how they stood, with the words of this kind of run.
fn counted(run: &Run, counts: Counts) -> [(&'static str, usize, &'static str); 6] {
    let left = counts.differing.saturating_sub(counts.fixed);
    [
        ("pass", counts.good as usize, "as they should be"),
        ("fixed", counts.fixed as usize, "fixed"),
        (differs(run), left as usize, run.differ()),
        ("unknown", counts.unknown as usize, "not known"),
        ("error", counts.failed as usize, "failed"),
        ("lost", counts.unreachable as usize, "not reached"),
    ]
}

/// The class of hosts that differed and were not corrected.
fn differs(run: &Run) -> &'static str {
    match run.differ() {
        "changed" => "fixed",
        _ => "differs",
    }
}

fn write(page: &mut String, job: &Job, number: usize, headed: bool) {
    let run = &job.sheet.run;
    let rows = rows(&job.sheet);
    if headed {
        let _ = writeln!(
            page,
            "<section class=\"job\" id=\"job-{number}\">\n<h2 class=\"jobs\">{} <span class=\"count\">{}</span></h2>\n\
             <p class=\"sub\">Last run: {}</p>",
            esc(&run.of),
            esc(&run.command),
            about(run)
        );
    }
    cards(page, job, &rows);
    over_time(page, job);
    lost(page, job);
    grid::write(page, &job.sheet, &rows, number);
    let id = if number == 0 { " id=\"told\"" } else { "" };
    let _ = writeln!(page, "<section class=\"found\"{id}>");
    told::write(page, &job.sheet, &rows, number);
    page.push_str("</section>\n");
    if headed {
        page.push_str("</section>\n");
    }
}

fn cards(page: &mut String, job: &Job, rows: &[Row<'_>]) {
    let run = &job.sheet.run;
    let counts = run.counts;
    page.push_str("<section class=\"cards\" aria-label=\"Summary\">\n<div class=\"card score\">\n");
    // What a run changed is as it should be now.
    let good = match run.differ() {
        "changed" => counts.good + counts.differing,
        _ => counts.good + counts.fixed,
    } as usize;
    let hosts = counts.hosts as usize;
    let percent = (good * 100).checked_div(hosts).unwrap_or(100);
    page::ring(
        page,
        page::heat(percent),
        (percent, percent),
        "as they should be",
    );
    let _ = writeln!(
        page,
        "<div><h2>Hosts</h2><p>{good} of {hosts} as they should be</p></div>\n</div>\n\
         <div class=\"card\">\n<h2>How they stand</h2>",
    );
    let all = counted(run, counts);
    page::bar(page, "bar", &all.map(|(class, count, _)| (class, count)));
    page::legend(page, &all);
    page.push_str("</div>\n<div class=\"card\">\n<h2>Results</h2>\n");
    let mut results = [0; 5];
    let (mut fixed, mut changed) = (0, 0);
    for host in &job.sheet.hosts {
        for status in host.cells.iter().flatten() {
            results[place(status.kind())] += 1;
            fixed += usize::from(*status == Status::Fixed);
            changed += usize::from(!run.dry && *status == Status::Changed);
        }
    }
    let [good, quiet, unknown, differing, trouble] = results;
    let all = [
        ("pass", good, "as it should be"),
        ("fixed", fixed, "fixed"),
        ("fixed", changed, "changed"),
        ("differs", differing - fixed - changed, "differ"),
        ("unknown", unknown, "not known"),
        ("error", trouble, "failed"),
        ("na", quiet, "skipped or for a person"),
    ];
    page::bar(page, "bar", &all.map(|(class, count, _)| (class, count)));
    page::legend(page, &all);
    let _ = writeln!(
        page,
        "<p class=\"small\">{} task{}, something to tell of {}</p>\n</div>",
        job.sheet.tasks.len(),
        plural(job.sheet.tasks.len()),
        rows.len()
    );
    news(page, job);
    page.push_str("</section>\n");
}

fn place(kind: Kind) -> usize {
    match kind {
        Kind::Good => 0,
        Kind::Quiet => 1,
        Kind::Unknown => 2,
        Kind::Differs => 3,
        Kind::Trouble => 4,
    }
}

/// What this run found and the one before did not, and the other way round.
fn news(page: &mut String, job: &Job) {
    let Some(news) = job.news.as_ref().filter(|n| !n.first) else {
        return;
    };
    page.push_str("<div class=\"card\">\n<h2>Since the run before</h2>\n<ul class=\"news\">\n");
    let hosts = |entries: &[crate::history::Entry]| {
        let hosts: std::collections::BTreeSet<&str> =
            entries.iter().map(|e| e.host.as_str()).collect();
        fold(&hosts.into_iter().collect::<Vec<_>>())
    };
    let appeared =
        (!news.appeared.is_empty()).then(|| (news.appeared.len(), "new", hosts(&news.appeared)));
    let gone = (!news.gone.is_empty()).then(|| (news.gone.len(), "gone", hosts(&news.gone)));
    let names = |names: &[String]| fold(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let lost = (!news.lost.is_empty()).then(|| (news.lost.len(), "lost", names(&news.lost)));
    let back = (!news.back.is_empty()).then(|| (news.back.len(), "back", names(&news.back)));
    let said = [appeared, gone, lost, back];
    for (count, word, who) in said.iter().flatten() {
        let _ = writeln!(
            page,
            "<li><b>{count}</b> {word} <span class=\"small\">{}</span></li>",
            esc(who)
        );
    }
    if said.iter().all(Option::is_none) {
        page.push_str("<li>Nothing is new, and nothing is gone.</li>\n");
    }
    page.push_str("</ul>\n</div>\n");
}

fn over_time(page: &mut String, job: &Job) {
    if job.trend.len() < 2 {
        return;
    }
    let run = &job.sheet.run;
    // What was not corrected lies at the bottom, where an eye compares best.
    let layers: Layers<'_> = &[
        (differs(run), run.differ()),
        ("fixed", "fixed"),
        ("error", "failed"),
        ("lost", "not reached"),
    ];
    let layers = match job.trend.iter().any(|p| p.counts.fixed > 0) {
        true => layers,
        false => &[layers[0], layers[2], layers[3]],
    };
    let of = |c: &Counts| match layers.len() {
        4 => vec![
            c.differing.saturating_sub(c.fixed),
            c.fixed,
            c.failed,
            c.unreachable,
        ],
        _ => vec![c.differing, c.failed, c.unreachable],
    };
    let moment = |point: &crate::history::Point| Moment {
        time: point.started,
        name: point.run.clone(),
        counts: of(&point.counts),
    };
    let moments: Vec<Moment> = job.trend.iter().map(moment).collect();
    let what = match run.differ() {
        "changed" => "Hosts that were changed or failed, over time",
        _ => "Hosts that differed or failed, over time",
    };
    let (first, last) = (&job.trend[0].counts, &job.trend[job.trend.len() - 1].counts);
    let says = format!(
        "{what}: {} runs, from {} to {} of {} hosts",
        job.trend.len(),
        first.differing + first.failed + first.unreachable,
        last.differing + last.failed + last.unreachable,
        last.hosts
    );
    let _ = writeln!(
        page,
        "<section class=\"time\">\n<h2>{what}</h2>\n<div class=\"card\">"
    );
    plot::write(page, &says, layers, &moments);
    page.push_str("</div>\n</section>\n");
}

/// Hosts of which nothing is known, by the reason.
fn lost(page: &mut String, job: &Job) {
    let mut said: std::collections::BTreeMap<&str, Vec<&str>> = Default::default();
    for host in &job.sheet.hosts {
        if let Some(why) = &host.message {
            said.entry(why).or_default().push(&host.host);
        }
    }
    if said.is_empty() {
        return;
    }
    page.push_str("<section class=\"alerts\" aria-label=\"Not reached\">\n<ul>\n");
    for (why, hosts) in said {
        let _ = writeln!(
            page,
            "<li><b>{}</b> not reached: {}</li>",
            esc(&fold(&hosts)),
            esc(why)
        );
    }
    page.push_str("</ul>\n</section>\n");
}

/// Every run, the newest first.
fn runs(page: &mut String, runs: &[Run]) {
    page.push_str(
        "<section id=\"runs\">\n<h2>Runs</h2>\n<div class=\"scroll\"><table class=\"runs\">\n<thead><tr>\
         <th scope=\"col\">Began (UTC)</th><th scope=\"col\">What</th><th scope=\"col\">Run</th>\
         <th scope=\"col\">By</th><th scope=\"col\">Took</th><th scope=\"col\">Exit</th>\
         <th scope=\"col\">Hosts</th><th scope=\"col\">How they stood</th></tr></thead>\n<tbody>\n",
    );
    for run in runs.iter().take(MOST_RUNS) {
        let _ = write!(
            page,
            "<tr><td>{}</td><td>{} {}</td><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>",
            run.started.strftime("%Y-%m-%d %H:%M"),
            esc(&run.command),
            esc(&run.of),
            esc(&run.name),
            esc(&run.who),
            lasted(run),
            run.exit.map(|e| e.to_string()).unwrap_or_default(),
            run.counts.hosts,
        );
        let all = counted(run, run.counts);
        page::bar(page, "mini", &all.map(|(class, count, _)| (class, count)));
        let words = all.iter().skip(1).filter(|(_, n, _)| *n > 0);
        let words: Vec<String> = words.map(|(_, n, word)| format!("{n} {word}")).collect();
        let _ = writeln!(
            page,
            "<span class=\"small\">{}</span></td></tr>",
            words.join(", ")
        );
    }
    page.push_str("</tbody>\n</table></div>\n");
    if runs.len() > MOST_RUNS {
        let _ = writeln!(
            page,
            "<p class=\"small\">{} more; <code>palisade history</code> lists them.</p>",
            runs.len() - MOST_RUNS
        );
    }
    page.push_str("</section>\n");
}
