//! Pages for people: made here, whole, without a script. Whatever came from hosts is escaped where it
//! enters the page.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::board::{Board, JobBoard};
use super::super::run::{HostRun, Run, Status};
use super::super::schedule::slug;

pub(super) const STYLE: &str = include_str!("page.css");

/// The page looks again this often.
const AGAIN: u32 = 30;
/// Runs of a job that are drawn.
const MOST_DRAWN: usize = 30;
/// Runs of a job on a host that are drawn, and cells of the whole grid: a browser has to hold them.
const MOST_CELLS_EACH: usize = 15;
const MOST_CELLS: usize = 20_000;
/// Hosts of the grid. Those with trouble come first.
const MOST_HOSTS: usize = 1000;

fn esc(text: &str) -> String {
    let text = crate::source::escape::escape(text);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A sign beside the colour, for whoever does not see it.
fn sign(status: Status) -> &'static str {
    match status {
        Status::Fine => "·",
        Status::Changed => "+",
        Status::Fixed => "✓",
        Status::Stopped => "–",
        Status::Unknown => "~",
        Status::Drift => "≠",
        Status::Unreachable => "?",
        Status::Failed => "✕",
    }
}

fn word(status: Status) -> String {
    let (class, sign) = (status.word(), sign(status));
    format!(
        "<span class=\"word\"><span class=\"c {class}\" aria-hidden=\"true\">{sign}</span>{class}</span>"
    )
}

fn frame(title: &str, again: bool, body: &str) -> String {
    let refresh = match again {
        true => format!("<meta http-equiv=\"refresh\" content=\"{AGAIN}\">\n"),
        false => String::new(),
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n{refresh}\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n\
         <link rel=\"stylesheet\" href=\"/style.css\">\n</head>\n<body>\n{body}</body>\n</html>\n",
        esc(title)
    )
}

fn foot(token: bool) -> String {
    let out = match token {
        true => {
            " · <form class=\"out\" method=\"post\" action=\"/logout\"><button>log out</button></form>"
        }
        false => "",
    };
    format!(
        "<footer>palisade {} · <a href=\"/metrics\">metrics</a> · <a href=\"/api/v1/jobs\">JSON</a>{out}</footer>\n",
        env!("CARGO_PKG_VERSION")
    )
}

/// A moment on the clock of a zone.
fn when(moment: Timestamp, zone: &TimeZone) -> String {
    let local = moment.to_zoned(zone.clone());
    let text = local.strftime("%Y-%m-%d %H:%M:%S");
    format!("<time datetime=\"{moment}\">{text}</time>")
}

/// How far away a moment is.
fn away(moment: Timestamp, now: Timestamp) -> String {
    let seconds = moment.duration_since(now).as_secs();
    let (amount, unit) = match seconds.unsigned_abs() {
        s @ 0..=119 => (s, "s"),
        s @ 120..=7199 => (s / 60, "min"),
        s @ 7200..=172_799 => (s / 3600, "h"),
        s => (s / 86400, "days"),
    };
    match moment > now {
        true => format!("in {amount} {unit}"),
        false => format!("{amount} {unit} ago"),
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// All jobs, and hosts × jobs.
pub(super) fn front(board: &Board, now: Timestamp, token: bool) -> String {
    let hosts = board.hosts();
    let mut body = format!(
        "<header>\n<p class=\"kind\">palisade serve</p>\n<h1>{}</h1>\n<ul class=\"chips\">\n",
        esc(&board.schedule)
    );
    for status in Status::ALL {
        let count = hosts.values().filter(|s| **s == status).count();
        if count > 0 {
            let _ = writeln!(
                body,
                "<li><span class=\"c {}\" aria-hidden=\"true\">{}</span><b>{count}</b> host{} {}</li>",
                status.word(),
                sign(status),
                plural(count),
                status.word()
            );
        }
    }
    let _ = write!(
        body,
        "</ul>\n<p class=\"sub asof\">as of {}, looked at again every {AGAIN} s</p>\n</header>\n<main>\n",
        when(now, &TimeZone::system())
    );
    troubles(&mut body, board, now);
    job_table(&mut body, board, now);
    grid(&mut body, board);
    body.push_str("</main>\n");
    body.push_str(&foot(token));
    let bad = hosts.values().filter(|s| **s > Status::Stopped).count();
    let title = match bad {
        0 => "all fine · palisade".to_owned(),
        n => format!("{n} host{} · palisade", plural(n)),
    };
    frame(&title, true, &body)
}

fn troubles(body: &mut String, board: &Board, now: Timestamp) {
    if board.stopping {
        body.push_str("<section class=\"trouble\">Stopping: no further run begins.</section>\n");
    }
    if board.troubles.is_empty() {
        return;
    }
    body.push_str("<section class=\"trouble\">\n<h2>Troubles of the scheduler</h2>\n<ul>\n");
    for (at, text) in board.troubles.iter().rev() {
        let _ = writeln!(
            body,
            "<li>{} <small>{}</small></li>",
            esc(text),
            away(*at, now)
        );
    }
    body.push_str("</ul>\n</section>\n");
}

fn job_table(body: &mut String, board: &Board, now: Timestamp) {
    body.push_str(
        "<section class=\"wide\">\n<h2>Jobs</h2>\n<table>\n<thead><tr><th scope=\"col\">Job</th><th scope=\"col\">Does</th>\
         <th scope=\"col\">When</th><th scope=\"col\">Next</th><th scope=\"col\">Last</th>\
         <th scope=\"col\">Runs</th></tr></thead>\n<tbody>\n",
    );
    for job in &board.jobs {
        let last = match job.last() {
            Some(run) => format!(
                "{} <small>{}</small>",
                word(run.status),
                away(run.ended, now)
            ),
            None => "<span class=\"soft\">not yet</span>".into(),
        };
        let _ = writeln!(
            body,
            "<tr><th scope=\"row\"><a href=\"/jobs/{}\">{}</a></th><td>{}</td><td><code>{}</code></td>\
             <td>{}</td><td>{last}</td><td>{}</td></tr>",
            job.slug,
            esc(&job.name),
            esc(job.verb),
            esc(&job.calendar),
            next(job, now),
            strip(job.runs.iter().map(|r| (&**r, r.status)), MOST_DRAWN)
        );
    }
    body.push_str("</tbody>\n</table>\n</section>\n");
}

fn next(job: &JobBoard, now: Timestamp) -> String {
    if let Some(since) = job.running_since {
        return format!("running <small>since {}</small>", when(since, &job.zone));
    }
    if let Some(until) = job.paused_until {
        return format!(
            "paused <small>after {} failures, until {}</small>",
            job.failures,
            when(until, &job.zone)
        );
    }
    match job.next {
        Some(at) => format!("{} <small>{}</small>", away(at, now), when(at, &job.zone)),
        None => "<span class=\"soft\">never</span>".into(),
    }
}

/// Runs as cells, the newest last.
fn strip<'a>(runs: impl DoubleEndedIterator<Item = (&'a Run, Status)>, most: usize) -> String {
    let mut cells: Vec<String> = runs
        .rev()
        .take(most)
        .map(|(run, status)| cell(run, status))
        .collect();
    cells.reverse();
    match cells.is_empty() {
        true => "<span class=\"soft\">none</span>".into(),
        false => format!("<span class=\"strip\">{}</span>", cells.concat()),
    }
}

fn cell(run: &Run, status: Status) -> String {
    let word = status.word();
    let label = format!("{} {word}", run.started.strftime("%Y-%m-%d %H:%M:%S UTC"));
    format!(
        "<a class=\"c {word}\" href=\"/runs/{}\" title=\"{label}\" aria-label=\"{label}\">{}</a>",
        esc(&run.id),
        sign(status)
    )
}

fn grid(body: &mut String, board: &Board) {
    let mut hosts: Vec<(&str, Status)> = board.hosts().into_iter().collect();
    if hosts.is_empty() {
        body.push_str("<section><h2>Hosts</h2><p class=\"sub\">No run has told of any host yet.</p></section>\n");
        return;
    }
    hosts.sort_by(|a, b| {
        b.1.cmp(&a.1)
            .then_with(|| crate::inventory::fold::natural(a.0, b.0))
    });
    let count = hosts.len();
    hosts.truncate(MOST_HOSTS);
    let each = (MOST_CELLS / (hosts.len() * board.jobs.len()).max(1)).clamp(1, MOST_CELLS_EACH);
    let _ = write!(
        body,
        "<section class=\"wide\">\n<h2>Hosts × jobs</h2>\n<table class=\"grid\">\n<thead><tr><th scope=\"col\">{count} host{}</th>",
        plural(count)
    );
    for job in &board.jobs {
        let _ = write!(body, "<th scope=\"col\">{}</th>", esc(&job.name));
    }
    body.push_str("</tr></thead>\n<tbody>\n");
    for (name, _) in &hosts {
        let _ = write!(body, "<tr><th scope=\"row\">{}</th>", esc(name));
        for job in &board.jobs {
            let runs = job
                .runs
                .iter()
                .filter_map(|r| Some((&**r, r.hosts.get(*name)?.status)));
            // Most jobs are not of most hosts.
            let _ = match runs.clone().next() {
                Some(_) => write!(body, "<td>{}</td>", strip(runs, each)),
                None => write!(body, "<td class=\"soft\">–</td>"),
            };
        }
        body.push_str("</tr>\n");
    }
    body.push_str("</tbody>\n</table>\n");
    if count > hosts.len() {
        let _ = writeln!(
            body,
            "<p class=\"sub\">and {} more, in the JSON</p>",
            count - hosts.len()
        );
    }
    body.push_str("<p class=\"key\">");
    for status in Status::ALL {
        body.push_str(&word(status));
    }
    body.push_str("</p>\n</section>\n");
}

/// One job with its runs.
pub(super) fn job(job: &JobBoard, board: &Board, now: Timestamp, token: bool) -> String {
    let mut body = format!(
        "<header>\n<p class=\"kind\"><a href=\"/\">{}</a> · job</p>\n<h1>{}</h1>\n<p class=\"sub\"><code>palisade {}</code></p>\n\
         <p class=\"sub\"><code>{}</code> · next {}</p>\n</header>\n<main>\n",
        esc(&board.schedule),
        esc(&job.name),
        esc(&job.words),
        esc(&job.calendar),
        next(job, now)
    );
    body.push_str(
        "<section class=\"wide\">\n<h2>Runs</h2>\n<table>\n<thead><tr><th scope=\"col\">Began</th><th scope=\"col\">Ended</th>\
         <th scope=\"col\">Seconds</th><th scope=\"col\">Hosts</th></tr></thead>\n<tbody>\n",
    );
    for run in job.runs.iter().rev() {
        let _ = writeln!(
            body,
            "<tr><th scope=\"row\"><a href=\"/runs/{}\">{}</a></th><td>{}</td><td class=\"num\">{:.1}</td><td>{}</td></tr>",
            esc(&run.id),
            when(run.started, &job.zone),
            word(run.status),
            run.seconds(),
            counts(run)
        );
    }
    body.push_str("</tbody>\n</table>\n</section>\n</main>\n");
    body.push_str(&foot(token));
    frame(&format!("{} · palisade", job.name), true, &body)
}

fn counts(run: &Run) -> String {
    if let Some(why) = &run.why {
        return format!("<span class=\"why\">{}</span>", esc(why));
    }
    let counted = Status::ALL.map(|s| (s, run.count(s)));
    let parts: Vec<String> = counted
        .iter()
        .filter(|(_, n)| *n > 0)
        .map(|(s, n)| format!("{n} {}", s.word()))
        .collect();
    match parts.is_empty() {
        true => "<span class=\"soft\">none</span>".into(),
        false => parts.join(", "),
    }
}

/// One run with its hosts.
pub(super) fn run(run: &Run, board: &Board, token: bool) -> String {
    let job = board.jobs.iter().find(|j| j.name == run.job);
    let zone = job.map_or(TimeZone::UTC, |j| j.zone.clone());
    let mut body = format!(
        "<header>\n<p class=\"kind\"><a href=\"/\">{}</a> · <a href=\"/jobs/{}\">{}</a> · run</p>\n<h1>{}</h1>\n\
         <p class=\"sub\">{} · {} · {:.1} s · <a href=\"/api/v1/runs/{}\">JSON</a></p>\n</header>\n<main>\n",
        esc(&board.schedule),
        slug(&run.job),
        esc(&run.job),
        when(run.started, &zone),
        word(run.status),
        esc(run.verb),
        run.seconds(),
        esc(&run.id)
    );
    if let Some(why) = &run.why {
        let _ = writeln!(
            body,
            "<section class=\"trouble\"><h2>It did not come to its end</h2><p class=\"why\">{}</p></section>",
            esc(why)
        );
    }
    body.push_str(
        "<section class=\"wide\">\n<h2>Hosts</h2>\n<table>\n<thead><tr><th scope=\"col\">Host</th><th scope=\"col\">Is</th>\
         <th scope=\"col\">What</th></tr></thead>\n<tbody>\n",
    );
    let mut hosts: Vec<(&String, &HostRun)> = run.hosts.iter().collect();
    hosts.sort_by(|a, b| {
        b.1.status
            .cmp(&a.1.status)
            .then_with(|| crate::inventory::fold::natural(a.0, b.0))
    });
    for (name, host) in hosts {
        let _ = writeln!(
            body,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td></tr>",
            esc(name),
            word(host.status),
            what(host)
        );
    }
    body.push_str("</tbody>\n</table>\n</section>\n</main>\n");
    body.push_str(&foot(token));
    frame(
        &format!("{} · {} · palisade", run.job, run.status.word()),
        false,
        &body,
    )
}

fn what(host: &HostRun) -> String {
    let mut out = String::new();
    if let Some(why) = &host.why {
        let _ = write!(out, "<span class=\"why\">{}</span>", esc(why));
    }
    if !host.findings.is_empty() {
        out.push_str("<ul class=\"findings\">");
        for finding in &host.findings {
            let _ = write!(out, "<li>{}</li>", esc(finding));
        }
        if host.more > 0 {
            let _ = write!(out, "<li class=\"soft\">and {} more</li>", host.more);
        }
        out.push_str("</ul>");
    }
    out
}

/// Asks for the token.
pub(super) fn login(wrong: bool) -> String {
    let said = match wrong {
        true => "<p class=\"why\">This is not the token.</p>\n",
        false => "",
    };
    let body = format!(
        "<header><p class=\"kind\">palisade serve</p><h1>Log in</h1></header>\n<main>\n<section>\n{said}\
         <form class=\"login\" method=\"post\" action=\"/login\">\n\
         <input type=\"password\" name=\"token\" aria-label=\"Token\" placeholder=\"Token\" autocomplete=\"current-password\" required autofocus>\n\
         <button>Log in</button>\n</form>\n</section>\n</main>\n"
    );
    frame("log in · palisade", false, &body)
}
