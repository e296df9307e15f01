//! A report as metrics, for the textfile collector of Prometheus' node exporter.
//!
//! Series are hosts and tasks, never texts of differences: series cost memory for as long as they are kept.

use super::super::audit::prometheus::{head, line, seconds};
use super::model::{HostInfo, Kind, Report, Standing};

pub fn render(report: &Report) -> String {
    let mut text = String::new();
    let name = "palisade_drift_info";
    head(&mut text, name, "What was looked at, and by which version.");
    let playbooks = report.playbooks.join(" ");
    let labels = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("playbooks", playbooks.as_str()),
    ];
    line(&mut text, name, &labels, 1.0);
    let name = "palisade_drift_timestamp_seconds";
    head(&mut text, name, "When the look began.");
    line(&mut text, name, &[], seconds(&report.started));
    let name = "palisade_drift_duration_seconds";
    head(&mut text, name, "How long it took.");
    line(&mut text, name, &[], report.seconds);
    hosts(&mut text, report);
    tasks(&mut text, report);
    text
}

fn hosts(text: &mut String, report: &Report) {
    let flag = |is: bool| f64::from(u8::from(is));
    let columns: [(&str, &str, &dyn Fn(&HostInfo) -> f64); 5] = [
        ("host_reached", "Whether the host answered.", &|h| {
            flag(h.standing != Standing::Unreachable)
        }),
        (
            "host_failed",
            "Whether looking at the host, or fixing it, failed.",
            &|h| flag(h.standing == Standing::Failed),
        ),
        ("differences", "Differences found on the host.", &|h| {
            h.differences as f64
        }),
        (
            "unknown",
            "Tasks of which nobody knows without running them.",
            &|h| h.unknown as f64,
        ),
        ("fixed", "Differences that were corrected.", &|h| {
            h.fixed as f64
        }),
    ];
    for (name, help, value) in columns {
        let name = format!("palisade_drift_{name}");
        head(text, &name, help);
        for host in &report.hosts {
            line(text, &name, &[("host", &host.host)], value(host));
        }
    }
}

/// How many hosts differ in each task; tasks in which none does have no series.
fn tasks(text: &mut String, report: &Report) {
    let mut hosts: Vec<Vec<usize>> = vec![Vec::new(); report.tasks.len()];
    for entry in report.of(Kind::Differs) {
        if let Some(task) = entry.task {
            hosts[task].extend(&entry.hosts);
        }
    }
    let name = "palisade_drift_task_hosts";
    head(text, name, "Hosts on which a task finds a difference.");
    for (task, mut hosts) in report.tasks.iter().zip(hosts) {
        hosts.sort_unstable();
        hosts.dedup();
        if hosts.is_empty() {
            continue;
        }
        let title = task.title();
        let play = report.plays.get(task.play).map_or("", String::as_str);
        let labels = [("play", play), ("task", &title), ("at", &task.at)];
        line(text, name, &labels, hosts.len() as f64);
    }
}
