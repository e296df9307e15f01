//! What a run printed, read back: each task's results, the recap; without what no two runs share.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use fancy_regex::Regex;
use serde_json::Value;

/// Keys of results that are another's in every run, on every host or in every tool.
const VOLATILE: &[&str] = &[
    "start",
    "end",
    "delta",
    "atime",
    "mtime",
    "ctime",
    "birthtime",
    "inode",
    "dev",
    "diff",
    "invocation",
    "exception",
    "warnings",
    "deprecations",
    "tmpdir",
    "extract_results",
    "stop",
    "blocks",
    "block_size",
    "ansible_facts_gathered",
    "discovered_interpreter_python",
    "device_type",
    "elapsed",
    "attr_flags",
    "child_pid",
    "attributes",
    "version",
    "cache_update_time",
    "cache_updated",
    "failed_when_suppressed_exception",
];

static RESULT: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"^(ok|changed|skipping|fatal|failed|rescued): \[([^\]]*)\](?:: (FAILED!|UNREACHABLE!))?( (?:=> )?\(item=.*?\))?(?: +=> ([{\[].*))?\s*$";
    Regex::new(pattern).expect("a right expression")
});

/// Names that hold a moment or something random.
static RANDOM: LazyLock<[(Regex, &str); 9]> = LazyLock::new(|| {
    [
        (r"\.\d+\.\d{4}-\d\d-\d\d@\d\d:\d\d:\d\d~", ".BACKUP~"),
        (r"\.[0-9a-f]{8}~", ".BACKUP~"),
        (r"/[^ '\x22]*/ansible-tmp-[^/]*/", "{TMP}/"),
        (
            r"(?<=ansible\.)[A-Za-z0-9_]{8}(?=[^A-Za-z0-9_]|$)",
            "RANDOM",
        ),
        (r"ControlPath=\S+", "ControlPath"),
        (r"j\d{8,12}\.\d+", "JOB"),
        (r"Paused for [\d.]+ ", "Paused for some "),
        // What `debug` shows in place of a value that cannot be had.
        (r"<< .* >>", "<< ERROR >>"),
        (r"/root/\.ansible/tmp/[^/ ]*", "{TMP}"),
    ]
    .map(|(p, with)| (Regex::new(p).expect("a right expression"), with))
});

pub(crate) fn steady(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, with) in RANDOM.iter() {
        text = pattern.replace_all(&text, *with).into_owned();
    }
    text
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    host: String,
    item: String,
    status: String,
    /// The result, a key a line, or nothing.
    body: String,
}

#[derive(Debug)]
struct Block {
    /// `PLAY [x]`, `TASK [x]`, `RUNNING HANDLER [x]`.
    title: String,
    told: Vec<Told>,
}

impl Block {
    /// Directs the run; whether anything is told of it is each tool's to say.
    fn is_meta(&self) -> bool {
        self.title == "TASK [meta]" || self.title.ends_with(" : meta]")
    }
}

#[derive(Debug, Default)]
pub(crate) struct Outcome {
    blocks: Vec<Block>,
    recap: Vec<String>,
}

impl Outcome {
    pub(crate) fn read(text: &str) -> Outcome {
        let mut outcome = Outcome::default();
        let mut lines = text.lines().peekable();
        let mut recap = false;
        while let Some(line) = lines.next() {
            if let Some(title) = banner(line) {
                recap = title == "PLAY RECAP";
                if !recap {
                    let told = Vec::new();
                    outcome.blocks.push(Block { title, told });
                }
            } else if recap {
                let words: Vec<&str> = line.split_whitespace().filter(|w| *w != ":").collect();
                if !words.is_empty() {
                    outcome.recap.push(words.join(" "));
                }
            } else if let Some(last) = outcome.blocks.last_mut() {
                let mut whole = line.to_owned();
                if line.ends_with("=> {") {
                    for more in lines.by_ref() {
                        whole.push('\n');
                        whole.push_str(more);
                        if more == "}" {
                            break;
                        }
                    }
                }
                read_line(&whole, &mut last.told);
            }
        }
        outcome.blocks.retain(|b| !b.is_meta());
        for block in &mut outcome.blocks {
            block.told.sort_by(|a, b| a.host.cmp(&b.host));
        }
        outcome.recap.sort();
        outcome
    }

    /// Nothing began.
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Everything.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for block in &self.blocks {
            let _ = writeln!(text, "{}", block.title);
            for told in &block.told {
                let Told {
                    host,
                    item,
                    status,
                    body,
                } = told;
                let _ = writeln!(text, "  {status} {host}{item}");
                for line in body.lines() {
                    let _ = writeln!(text, "      {line}");
                }
            }
        }
        for line in &self.recap {
            let _ = writeln!(text, "{line}");
        }
        text
    }

    /// What was not in order already, and the recap.
    pub(crate) fn brief(&self) -> String {
        let mut text = String::new();
        for block in &self.blocks {
            for told in &block.told {
                if !["ok", "skipping", "included"].contains(&told.status.as_str()) {
                    let Told {
                        host, item, status, ..
                    } = told;
                    let _ = writeln!(text, "  {status} {host}{item} {}", block.title);
                }
            }
        }
        for line in &self.recap {
            let _ = writeln!(text, "{line}");
        }
        text
    }

    /// Where this, a prediction, is not what was then done. A task that is skipped when predicting,
    /// as a command is, says nothing.
    pub(crate) fn mispredicts(&self, done: &Outcome) -> Vec<String> {
        let predicted = self.statuses();
        let did = done.statuses();
        let mut wrong = Vec::new();
        for (key, status) in &predicted {
            let then = did.get(key).map_or("nothing", String::as_str);
            let silent = status == "skipping" || (status == "ok" && then == "nothing");
            if then != status && !silent {
                wrong.push(format!("--check said {status}, then came {then}: {key}"));
            }
        }
        for (key, status) in &did {
            if status == "changed" && !predicted.contains_key(key) {
                wrong.push(format!(
                    "--check did not say that it becomes {status}: {key}"
                ));
            }
        }
        wrong
    }

    fn statuses(&self) -> BTreeMap<String, String> {
        let mut statuses = BTreeMap::new();
        for block in &self.blocks {
            for told in &block.told {
                let key = format!("{} {}{}", block.title, told.host, told.item);
                let number = (1..).find(|n| !statuses.contains_key(&format!("{key} {n}")));
                let key = format!("{key} {}", number.unwrap_or_default());
                statuses.insert(key, told.status.clone());
            }
        }
        statuses
    }
}

fn banner(line: &str) -> Option<String> {
    let title = line.trim_end_matches('*').strip_suffix(' ')?;
    let known = ["PLAY ", "TASK ", "RUNNING HANDLER "];
    (line.ends_with("***") && known.iter().any(|k| line.starts_with(k))).then(|| title.to_owned())
}

fn read_line(line: &str, told: &mut Vec<Told>) {
    if line == "...ignoring" {
        if let Some(last) = told.last_mut() {
            last.status = "ignored".to_owned();
        }
        return;
    }
    if line.starts_with("FAILED - RETRYING: ") {
        let host = line.split(['[', ']']).nth(1).unwrap_or_default().to_owned();
        let status = line.to_owned();
        let (item, body) = (String::new(), String::new());
        told.push(Told {
            host,
            item,
            status,
            body,
        });
        return;
    }
    if let Some((what, hosts)) = line
        .strip_prefix("included: ")
        .and_then(|r| r.rsplit_once(" for "))
    {
        let (hosts, item) = hosts.split_once(" => ").unwrap_or((hosts, ""));
        for host in hosts.split(", ") {
            told.push(Told {
                host: host.to_owned(),
                item: format!(" {item}"),
                status: "included".to_owned(),
                body: what.to_owned(),
            });
        }
        return;
    }
    let first = line.lines().next().unwrap_or_default();
    let Ok(Some(found)) = RESULT.captures(first) else {
        return;
    };
    let text = |n: usize| found.get(n).map_or("", |m| m.as_str());
    let status = match (text(1), text(3)) {
        (_, "UNREACHABLE!") => "unreachable",
        ("fatal" | "failed", _) => "failed",
        (other, _) => other,
    };
    let json = found.get(5).map(|m| &line[m.start()..]);
    let value = json.and_then(|j| serde_json::from_str::<Value>(j).ok());
    told.push(Told {
        host: text(2).split('(').next().unwrap_or_default().to_owned(),
        item: steady(text(4).trim_start_matches(" =>")),
        status: status.to_owned(),
        body: value.map_or_else(String::new, |v| body(v, status)),
    });
}

/// A result as lines: its keys in order, without those that vary.
fn body(mut value: Value, status: &str) -> String {
    clean(&mut value);
    if ["failed", "ignored"].contains(&status)
        && let Value::Object(map) = &mut value
    {
        shorten(map);
    }
    let Value::Object(map) = value else {
        return value.to_string();
    };
    let mut lines = String::new();
    for (key, value) in sorted(map) {
        let _ = writeln!(lines, "{key}: {}", ordered(value));
    }
    steady(&lines)
}

/// What of a failure is the same for everybody: what programs and playbooks said. What went wrong
/// is each tool's to say.
fn shorten(map: &mut serde_json::Map<String, Value>) {
    let ran = map.contains_key("cmd") || (map.contains_key("rc") && map.contains_key("stdout"));
    let told = map.contains_key("results") || map.contains_key("assertion");
    let plain = ["non-zero return code", "One or more items failed"];
    let said = map.get("msg").and_then(Value::as_str).unwrap_or_default();
    let keep_msg = plain.contains(&said) || said.starts_with("as wanted");
    map.retain(|key, _| match key.as_str() {
        "msg" => keep_msg,
        "changed" | "attempts" | "item" | "ansible_loop_var" => true,
        "rc" | "stdout" | "stderr" | "stdout_lines" | "stderr_lines" | "cmd" => ran,
        "assertion" | "evaluated_to" => told,
        _ => false,
    });
}

fn sorted(map: serde_json::Map<String, Value>) -> BTreeMap<String, Value> {
    map.into_iter().collect()
}

/// The same with the keys of every mapping in order.
fn ordered(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let map = sorted(map);
            Value::Object(map.into_iter().map(|(k, v)| (k, ordered(v))).collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(ordered).collect()),
        other => other,
    }
}

fn clean(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for key in VOLATILE {
                map.remove(*key);
            }
            if map.get("state").and_then(Value::as_str) == Some("directory") {
                map.remove("size");
            }
            // Where a file was copied from: a temporary name, or the name that was written.
            let passing = |v: &Value| {
                v.as_str()
                    .is_some_and(|s| !s.starts_with('/') || s.contains("/ansible-"))
            };
            let is_link = map.get("state").and_then(Value::as_str) == Some("link");
            if !is_link && map.get("src").is_some_and(passing) {
                map.remove("src");
            }
            for inner in map.values_mut() {
                clean(inner);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(clean),
        _ => {}
    }
}
