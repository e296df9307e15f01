//! The board as metrics of Prometheus.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::super::board::Board;
use super::super::run::Status;

/// All metrics, in the text format.
pub(super) fn written(board: &Board, now: Timestamp) -> String {
    let mut out = Out::default();
    out.head("palisade_serve_info", "gauge", "The program that answers.");
    let version = env!("CARGO_PKG_VERSION");
    out.line("palisade_serve_info", &[("version", version)], 1.0);
    out.head(
        "palisade_serve_uptime_seconds",
        "gauge",
        "Since the program began.",
    );
    out.line(
        "palisade_serve_uptime_seconds",
        &[],
        now.duration_since(board.began).as_secs_f64(),
    );
    jobs(&mut out, board);
    last_runs(&mut out, board);
    counters(&mut out, board);
    out.text
}

#[derive(Default)]
struct Out {
    text: String,
}

impl Out {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let written: Vec<String> = labels
            .iter()
            .map(|(n, v)| format!("{n}=\"{}\"", escaped(v)))
            .collect();
        let labels = match written.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", written.join(",")),
        };
        let _ = writeln!(self.text, "{name}{labels} {value}");
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

fn seconds(moment: Timestamp) -> f64 {
    std::time::Duration::try_from(moment.duration_since(Timestamp::UNIX_EPOCH))
        .map_or(0.0, |d| d.as_secs_f64())
}

fn truth(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn number(count: usize) -> f64 {
    count as f64
}

fn jobs(out: &mut Out, board: &Board) {
    out.head(
        "palisade_job_running",
        "gauge",
        "Whether a run of the job is under way.",
    );
    for job in &board.jobs {
        out.line(
            "palisade_job_running",
            &[("job", &job.name)],
            truth(job.running_since.is_some()),
        );
    }
    out.head(
        "palisade_job_paused",
        "gauge",
        "Whether the job is left alone for a while because it failed again and again.",
    );
    for job in &board.jobs {
        out.line(
            "palisade_job_paused",
            &[("job", &job.name)],
            truth(job.paused_until.is_some()),
        );
    }
    out.head(
        "palisade_job_failures_in_a_row",
        "gauge",
        "Runs of the job that failed since one that did not.",
    );
    for job in &board.jobs {
        out.line(
            "palisade_job_failures_in_a_row",
            &[("job", &job.name)],
            f64::from(job.failures),
        );
    }
    out.head(
        "palisade_job_next_run_timestamp_seconds",
        "gauge",
        "When the job runs next.",
    );
    for job in &board.jobs {
        if let Some(next) = job.next {
            out.line(
                "palisade_job_next_run_timestamp_seconds",
                &[("job", &job.name)],
                seconds(next),
            );
        }
    }
    out.head(
        "palisade_job_skipped_total",
        "counter",
        "Moments at which the job still ran, or was paused.",
    );
    for job in &board.jobs {
        let count = number(usize::try_from(job.skipped).unwrap_or(usize::MAX));
        out.line("palisade_job_skipped_total", &[("job", &job.name)], count);
    }
}

fn last_runs(out: &mut Out, board: &Board) {
    let last = || {
        board
            .jobs
            .iter()
            .filter_map(|j| Some((j.name.as_str(), j.last()?)))
    };
    out.head(
        "palisade_last_run_timestamp_seconds",
        "gauge",
        "When the last run of the job ended.",
    );
    for (job, run) in last() {
        out.line(
            "palisade_last_run_timestamp_seconds",
            &[("job", job)],
            seconds(run.ended),
        );
    }
    out.head(
        "palisade_last_run_seconds",
        "gauge",
        "How long the last run of the job took.",
    );
    for (job, run) in last() {
        out.line("palisade_last_run_seconds", &[("job", job)], run.seconds());
    }
    out.head(
        "palisade_last_run_success",
        "gauge",
        "Whether the last run of the job came to its end.",
    );
    for (job, run) in last() {
        out.line(
            "palisade_last_run_success",
            &[("job", job)],
            truth(run.why.is_none()),
        );
    }
    out.head(
        "palisade_last_run_hosts",
        "gauge",
        "Hosts of the last run of the job by how they ended.",
    );
    for (job, run) in last() {
        for status in Status::ALL {
            let labels = [("job", job), ("status", status.word())];
            out.line(
                "palisade_last_run_hosts",
                &labels,
                number(run.count(status)),
            );
        }
    }
    out.head(
        "palisade_last_run_findings",
        "gauge",
        "What differed, changed or did not hold in the last run of the job.",
    );
    for (job, run) in last() {
        let findings = run.hosts.values().map(|h| h.findings.len() + h.more).sum();
        out.line(
            "palisade_last_run_findings",
            &[("job", job)],
            number(findings),
        );
    }
    out.head(
        "palisade_host_drift",
        "gauge",
        "Whether the last run of the job found that the host differs.",
    );
    for (job, run) in last() {
        for (host, of) in &run.hosts {
            let labels = [("job", job), ("host", host)];
            out.line(
                "palisade_host_drift",
                &labels,
                truth(of.status == Status::Drift),
            );
        }
    }
}

fn counters(out: &mut Out, board: &Board) {
    let counters = &board.counters;
    let number = |count: u64| number(usize::try_from(count).unwrap_or(usize::MAX));
    out.head(
        "palisade_runs_total",
        "counter",
        "Runs since the program began, by how they ended.",
    );
    for ((job, status), count) in &counters.runs {
        out.line(
            "palisade_runs_total",
            &[("job", job), ("status", status)],
            number(*count),
        );
    }
    out.head(
        "palisade_run_seconds_total",
        "counter",
        "How long all runs of the job took.",
    );
    for (job, seconds) in &counters.seconds {
        out.line("palisade_run_seconds_total", &[("job", job)], *seconds);
    }
    out.head(
        "palisade_notifications_total",
        "counter",
        "News that was told, or given up.",
    );
    for (target, (told, failed)) in &counters.told {
        out.line(
            "palisade_notifications_total",
            &[("target", target), ("result", "told")],
            number(*told),
        );
        out.line(
            "palisade_notifications_total",
            &[("target", target), ("result", "failed")],
            number(*failed),
        );
    }
    out.head(
        "palisade_history_failures_total",
        "counter",
        "Runs that could not be written to the history.",
    );
    out.line(
        "palisade_history_failures_total",
        &[],
        number(counters.history_failures),
    );
    out.head(
        "palisade_schedule_reloads_total",
        "counter",
        "How often the schedule was read again.",
    );
    let (good, bad) = counters.reloads;
    out.line(
        "palisade_schedule_reloads_total",
        &[("result", "taken")],
        number(good),
    );
    out.line(
        "palisade_schedule_reloads_total",
        &[("result", "refused")],
        number(bad),
    );
}
