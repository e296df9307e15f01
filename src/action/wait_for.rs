//! Waits on the host until a port is open or closed, a path is there or gone, or a text appears.
//!
//! Never changed. Without port and path it waits for `timeout` seconds. Check mode does not wait.
//! Differs from Ansible's: `search_regex` is looked for line by line by the host's `grep`, so what only Python's regular
//! expressions can say (looking ahead, references to groups) is refused.

use crate::choices;
use crate::resource::Query;
use crate::resource::waiting::{self, Waiting};
use crate::result;
use crate::source::pyre::{PyFlags, PyRegex};
use crate::source::{Mapping, Value};

use super::{ArgError, Decision, Done, Failure, Observed, Spec, Task, ere, ran};

choices! {
    pub(crate) enum Until {
        Absent = "absent",
        Drained = "drained",
        Present = "present",
        Started = "started",
        Stopped = "stopped",
    }
}

crate::args! {
    pub(crate) struct Args {
        /// The address to connect to, from the host.
        host: String = "127.0.0.1";
        /// The port.
        port: Option<u64>;
        /// The path.
        path: Option<String>;
        /// A pattern that the file, or what the port says, must match.
        search_regex: Option<String>;
        /// What is waited for.
        state: Until = "started";
        /// Seconds to wait before looking.
        delay: u64 = "0";
        /// Seconds between two looks.
        sleep: u64 = "1";
        /// Seconds after which it fails.
        timeout: u64 = "300";
        /// Seconds one try to connect may take.
        connect_timeout: u64 = "5";
        /// Connections that count as such for `drained`.
        active_connection_states: Vec<String> =
            "[ESTABLISHED, FIN_WAIT1, FIN_WAIT2, SYN_RECV, SYN_SENT, TIME_WAIT]";
        /// Peers whose connections do not count for `drained`.
        exclude_hosts: Vec<String> = "[]";
        /// What to say when it fails.
        msg: Option<String>;
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "wait_for",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Waits until a port is open or closed, a path is there or gone, or a text appears",
    notes: "Never changed.",
    examples: "
- name: The application listens
  wait_for:
    port: 8000
    delay: 10
- name: A file says that it is done
  wait_for:
    path: /tmp/foo
    search_regex: completed
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: true,
    parse,
};

/// Connection states and the numbers the kernel has for them.
const STATES: [(&str, &str); 11] = [
    ("ESTABLISHED", "01"),
    ("SYN_SENT", "02"),
    ("SYN_RECV", "03"),
    ("FIN_WAIT1", "04"),
    ("FIN_WAIT2", "05"),
    ("TIME_WAIT", "06"),
    ("CLOSE", "07"),
    ("CLOSE_WAIT", "08"),
    ("LAST_ACK", "09"),
    ("LISTEN", "0A"),
    ("CLOSING", "0B"),
];

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    super::place::exclusive(&[("port", args.port.is_some()), ("path", args.path.is_some())])?;
    let message = match args.state {
        Until::Stopped if args.path.is_some() => {
            "state=stopped should only be used for checking a port in the wait_for module"
        }
        Until::Drained if args.path.is_some() => {
            "state=drained should only be used for checking a port in the wait_for module"
        }
        _ => "",
    };
    if !message.is_empty() {
        return Err(ArgError::new("state", message));
    }
    if args.port.is_none() && args.path.is_none() && args.search_regex.is_some() {
        return Err(ArgError::new(
            "search_regex",
            "`search_regex` needs `port` or `path`",
        ));
    }
    if let Some(pattern) = &args.search_regex {
        let wrong = |m: String| ArgError::new("search_regex", m);
        args.regex().transpose().map_err(wrong)?;
        ere::extended(pattern).map_err(|what| {
            let message = format!("`search_regex` holds {what}, which no grep of a host knows");
            wrong(message).hint("use `shell` with `until` for it")
        })?;
    }
    for word in &args.active_connection_states {
        if !STATES.iter().any(|(name, _)| name == word) {
            let message = format!("unknown active_connection_state ({word}) defined");
            return Err(ArgError::new("active_connection_states", message));
        }
    }
    Ok(Box::new(args))
}

impl Args {
    fn is_sleep(&self) -> bool {
        self.port.is_none() && self.path.is_none()
    }

    fn regex(&self) -> Option<Result<PyRegex, String>> {
        let flags = PyFlags {
            multiline: true,
            ..PyFlags::default()
        };
        Some(PyRegex::new(self.search_regex.as_deref()?, flags))
    }

    /// What the pattern captured in the line that was found.
    fn captured(&self, line: &str, result: &mut Mapping) {
        let Some(Ok(regex)) = self.regex() else {
            return;
        };
        let Ok(Some(found)) = regex.captures(line) else {
            return;
        };
        let group = |n: usize| found.group(line, n).map_or(Value::Null, Value::from);
        let groups = (1..=regex.groups()).map(group).collect();
        let names = regex.names().iter().enumerate();
        let named = names.filter_map(|(n, name)| Some((name.as_deref()?.into(), group(n))));
        result.insert("match_groups".into(), Value::Sequence(groups));
        result.insert("match_groupdict".into(), Value::Mapping(named.collect()));
    }

    fn waiting<'a>(&'a self, search: Option<&'a (String, bool)>) -> Waiting<'a> {
        let number = |word: &String| STATES.iter().find(|(n, _)| n == word).map(|(_, n)| *n);
        let gone = matches!(self.state, Until::Absent | Until::Stopped);
        Waiting {
            host: &self.host,
            port: self.port,
            path: self.path.as_deref(),
            search: search.map(|(pattern, _)| pattern.as_str()),
            caseless: search.is_some_and(|(_, caseless)| *caseless),
            state: match self.state {
                Until::Drained => "drained",
                _ if gone => "absent",
                _ => "present",
            },
            delay: self.delay,
            sleep: self.sleep,
            timeout: self.timeout,
            connect_timeout: self.connect_timeout,
            states: self
                .active_connection_states
                .iter()
                .filter_map(number)
                .collect(),
            exclude: self.exclude_hosts.iter().map(String::as_str).collect(),
        }
    }

    fn failed(&self) -> String {
        let place = match (&self.path, self.port) {
            (Some(path), _) => path.clone(),
            (None, Some(port)) => format!("{}:{port}", self.host),
            (None, None) => String::new(),
        };
        match (self.state, &self.search_regex) {
            (Until::Drained, _) => format!("Timeout when waiting for {place} to drain"),
            (Until::Absent, _) if self.path.is_some() => {
                format!("Timeout when waiting for {place} to be absent.")
            }
            (Until::Absent | Until::Stopped, _) => {
                format!("Timeout when waiting for {place} to stop.")
            }
            (_, Some(pattern)) => {
                format!("Timeout when waiting for search string {pattern} in {place}")
            }
            (_, None) if self.path.is_some() => format!("Timeout when waiting for file {place}"),
            (_, None) => format!("Timeout when waiting for {place}"),
        }
    }
}

/// What there is at a path, out of a line of `stat`.
fn about_path(line: &str) -> Mapping {
    let mut map = Mapping::new();
    let words: Vec<&str> = line.split(' ').collect();
    let [size, uid, gid, mode, owner, group, bits] = words[..] else {
        return map;
    };
    for (key, word) in [("size", size), ("uid", uid), ("gid", gid)] {
        let number = word.parse::<i64>().map_or(Value::Null, Value::from);
        map.insert(key.into(), number);
    }
    map.insert("mode".into(), format!("0{mode:0>3}").into());
    map.insert("owner".into(), owner.into());
    map.insert("group".into(), group.into());
    let kind = match u32::from_str_radix(bits, 16).unwrap_or(0) & 0o170_000 {
        0o040_000 => "directory",
        _ => "file",
    };
    map.insert("state".into(), kind.into());
    map
}

impl Task for Args {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        Vec::new()
    }

    fn decide(&self, _: &Observed) -> Result<Decision, Failure> {
        let or_null = |text: &Option<String>| text.clone().map_or(Value::Null, Value::from);
        let mut decision = Decision::ok(result! {
            "state" => self.state.word(), "port" => self.port.map_or(Value::Null, Value::from),
            "search_regex" => or_null(&self.search_regex), "path" => or_null(&self.path),
            "match_groups" => Value::Sequence(Vec::new()), "elapsed" => 0,
            "match_groupdict" => Value::Mapping(Mapping::new()),
        });
        let search = self
            .search_regex
            .as_deref()
            .map(ere::extended)
            .transpose()?;
        let mut run = waiting::run(&self.waiting(search.as_ref()));
        run.judged = true;
        decision.run(run);
        Ok(decision)
    }

    fn conclude(&self, decision: &Decision, done: &[Done]) -> Result<Mapping, Failure> {
        let mut result = decision.result.clone();
        let Some(ran) = ran::ran(done) else {
            return Ok(result);
        };
        let text = ran::text(&ran.stdout);
        let (elapsed, rest) = text.split_once('\n').unwrap_or((text.as_str(), ""));
        let elapsed: i64 = elapsed.trim().parse().unwrap_or(0);
        result.insert("elapsed".into(), elapsed.into());
        if ran.rc == 0 {
            let (about, line) = match self.path {
                Some(_) => rest.split_once('\n').unwrap_or((rest, "")),
                None => ("", rest),
            };
            result.extend(about_path(about));
            self.captured(line.trim_end_matches('\n'), &mut result);
        }
        // Waiting for nothing is over when the time is.
        if ran.rc == 0 || (self.is_sleep() && ran.rc == 1) {
            return Ok(result);
        }
        let message = match (ran.rc, &self.msg) {
            (1, Some(message)) => message.clone(),
            (1, None) => self.failed(),
            _ => ran::text(&ran.stderr).trim().to_owned(),
        };
        Err(Failure {
            message,
            result: result! { "elapsed" => elapsed },
        })
    }
}
