//! What a run that was stopped did not come to: the same tasks on many hosts are said once.

use std::collections::BTreeMap;

use crate::engine::event::{HostName, TaskRef};
use crate::inventory::fold::fold;

use super::text::title;

/// Tasks named in one line; the rest are counted.
const MOST_NAMED: usize = 5;

/// Collects tasks that were decided and not run.
#[derive(Debug, Default)]
pub(super) struct Stopped {
    by_tasks: BTreeMap<Vec<String>, Vec<HostName>>,
}

impl Stopped {
    pub(super) fn add(&mut self, host: &HostName, tasks: &[TaskRef]) {
        let names: Vec<String> = tasks.iter().map(title).collect();
        self.by_tasks.entry(names).or_default().push(host.clone());
    }

    /// A line for each set of hosts that stopped before the same tasks.
    pub(super) fn lines(&self) -> Vec<String> {
        let line = |(names, hosts): (&Vec<String>, &Vec<HostName>)| {
            let hosts: Vec<&str> = hosts.iter().map(AsRef::as_ref).collect();
            let named: Vec<&str> = names.iter().take(MOST_NAMED).map(String::as_str).collect();
            let rest = match names.len().saturating_sub(MOST_NAMED) {
                0 => String::new(),
                n => format!(" and {n} more"),
            };
            format!(
                "not run, or not to its end, on {}: {}{rest}",
                fold(&hosts),
                named.join(", ")
            )
        };
        self.by_tasks.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{File, Span};

    #[test]
    fn the_same_tasks_on_many_hosts_are_one_line() {
        let file = File::new("site.yml", "- hosts: web");
        let task = |name: &str| TaskRef {
            position: [].into(),
            name: name.into(),
            action: "copy".into(),
            role: None,
            span: Span::new(&file, 0, 1),
            handler: false,
            no_log: false,
            play: 0,
        };
        let mut stopped = Stopped::default();
        for host in ["web1", "web2"] {
            stopped.add(&host.into(), &[task("a"), task("b")]);
        }
        assert_eq!(
            stopped.lines(),
            ["not run, or not to its end, on web[1-2]: a, b"]
        );
        let many: Vec<_> = (0..7).map(|n| task(&n.to_string())).collect();
        stopped.add(&"db".into(), &many);
        assert!(stopped.lines()[0].ends_with("0, 1, 2, 3, 4 and 2 more"));
    }
}
