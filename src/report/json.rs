//! `--json`: one event a line, for machines.
//!
//! The first line is `{"palisade": VERSION, "format": 1}`. Every other line is an object with an
//! `event` field. Within a format, fields are only added; a reader skips events and fields that it
//! does not know.
//!
//! | event | fields |
//! |---|---|
//! | `run_started` | `playbooks`, `hosts` (in the inventory), `check` |
//! | `play_started` | `play` {`index`, `name`}, `hosts` |
//! | `play_skipped` | `play`: no host matched |
//! | `task_started` | `task` |
//! | `item` | `host`, `task`, `item`, `label`, and those of an outcome |
//! | `ended` | `host`, `task`, and those of an outcome |
//! | `retry` | `host`, `task`, `left`, `attempts`, and those of an outcome |
//! | `polled` | `host`, `task`, `job`, `finished`, `failed`, `seconds` |
//! | `unreachable` | `host`, `task` or null, `message`, `hint` or null, `code` or null |
//! | `output` | `host`, `text`: what a task under way prints, where that is asked for |
//! | `interrupted` | `at_once`: somebody asked the run to stop |
//! | `stopping` | `host`, `heard`: whether it will begin no further step |
//! | `not_run` | `host`, `tasks`: decided, and not run to their end because the run was stopped |
//! | `guard` | `host`, `stage` (`armed`, `confirmed`, `reverted`, `divided`, `left`, `lost`; of another run `under_way`, `was_reverted`), `seconds`, `why`, `place`, `tasks` |
//! | `waiting` | `host`, `what`, `seconds` |
//! | `connected` | `host`, `seconds` |
//! | `included` | `hosts`, `task`, `what` |
//! | `notified` | `host`, `handler` |
//! | `warning` | `severity`, `code`, `message`, `path`, `line`, `column`, `hints` |
//! | `left` | `host`, `play`: nothing more of this host in this play |
//! | `play_ended` | `play` |
//! | `run_ended` | `seconds`, `stopped` (before its end), `recap` (a list of counts by host), `traffic` |
//!
//! A `task` has `id` (the same on all hosts of a play), `name`, `role` or null, `action`, `path`, `line`,
//! `column`, `handler`, `no_log`, `play` (an index). An outcome has `status` (`ok`, `changed`, `skipped`,
//! `failed`, `ignored`, `unknown`, `unreachable`), `code` where its failure has one, `result`, `changes` (a list of `title`, `summary`,
//! `before`, `after`), `delegated` or null, `warnings`. Of `stdout` and `stderr` in a result (and their lines)
//! 1 MiB is shown, and a mark. Where `no_log` holds, `result` is
//! `{"censored": …, "changed": …}`, and items, labels, changes and warnings are left out.

use std::io::Write;

use serde_json::{Value as Json, json};

use crate::engine::Event;
use crate::engine::event::{GuardStage, Outcome, PlayRef, Recap, TaskRef};
use crate::source::escape::escape_json;
use crate::source::{Code, Mask, Value};

use super::Reporter;
use super::text::{masked, result};

/// The number in the first line. A change that breaks a reader makes it larger.
pub const FORMAT: u32 = 1;

pub struct JsonLines<W: Write + Send> {
    out: W,
    mask: Mask,
    begun: bool,
}

impl<W: Write + Send> JsonLines<W> {
    pub fn new(out: W, mask: Mask) -> JsonLines<W> {
        JsonLines {
            out,
            mask,
            begun: false,
        }
    }

    fn put(&mut self, value: Json) {
        // A closed pipe ends the report, not the run.
        let line = hidden(value, &self.mask).to_string();
        let _ = writeln!(self.out, "{}", escape_json(&line));
    }

    fn outcome(&self, mut line: Json, task: &TaskRef, outcome: &Outcome) -> Json {
        let result = Value::Mapping(result(task, outcome, &self.mask));
        let open = !task.no_log;
        let changes = outcome.changes.iter().filter(|_| open).map(|c| {
            json!({
                "title": c.title, "summary": c.summary, "before": c.before, "after": c.after,
            })
        });
        line["status"] = outcome.status.word().into();
        if let Some(code) = outcome.code {
            line["code"] = code.number().into();
        }
        line["result"] = serde_json::to_value(&result).unwrap_or(Json::Null);
        line["changes"] = changes.collect();
        line["delegated"] = outcome.delegated.as_deref().into();
        line["warnings"] = outcome.warnings.iter().filter(|_| open).cloned().collect();
        line
    }
}

/// Every text in the value with secrets hidden.
fn hidden(value: Json, mask: &Mask) -> Json {
    match value {
        Json::String(text) => mask.apply(&text).into_owned().into(),
        Json::Array(items) => items.into_iter().map(|i| hidden(i, mask)).collect(),
        Json::Object(map) => {
            let entry = |(k, v): (String, Json)| (mask.apply(&k).into_owned(), hidden(v, mask));
            map.into_iter().map(entry).collect()
        }
        other => other,
    }
}

fn guard(host: &str, stage: &GuardStage, tasks: &[TaskRef]) -> Json {
    let place = match stage {
        GuardStage::UnderWay { place } | GuardStage::WasReverted { place } => Some(place),
        _ => None,
    };
    let (word, seconds, why) = match stage {
        GuardStage::Armed { seconds } => ("armed", Some(*seconds), None),
        GuardStage::Confirmed => ("confirmed", None, None),
        GuardStage::Reverted { why } => ("reverted", None, Some(why)),
        GuardStage::Divided { why } => ("divided", None, Some(why)),
        GuardStage::Left { seconds } => ("left", Some(*seconds), None),
        GuardStage::Lost { why } => ("lost", None, Some(why)),
        GuardStage::UnderWay { .. } => ("under_way", None, None),
        GuardStage::WasReverted { .. } => ("was_reverted", None, None),
    };
    let tasks: Vec<Json> = tasks.iter().map(task).collect();
    json!({
        "event": "guard", "host": host, "stage": word, "seconds": seconds, "why": why, "place": place,
        "tasks": tasks,
    })
}

fn task(task: &TaskRef) -> Json {
    let (line, column) = task.span.position();
    let id: Vec<String> = task.position.iter().map(ToString::to_string).collect();
    json!({
        "id": id.join("."), "name": task.name, "role": task.role, "action": task.action,
        "path": task.span.path().display().to_string(), "line": line, "column": column,
        "handler": task.handler, "no_log": task.no_log, "play": task.play,
    })
}

fn play(play: &PlayRef) -> Json {
    json!({ "index": play.index, "name": play.name })
}

fn counts(r: &Recap) -> Json {
    json!({
        "host": r.host, "ok": r.ok, "changed": r.changed, "unreachable": r.unreachable,
        "failed": r.failed, "skipped": r.skipped, "rescued": r.rescued, "ignored": r.ignored,
        "unknown": r.unknown, "round_trips": r.round_trips, "reverted": r.reverted,
        "locked_out": r.locked_out,
    })
}

impl<W: Write + Send> Reporter for JsonLines<W> {
    fn event(&mut self, event: &Event) {
        if !std::mem::replace(&mut self.begun, true) {
            self.put(json!({ "palisade": env!("CARGO_PKG_VERSION"), "format": FORMAT }));
        }
        let line = match event {
            Event::RunStarted {
                playbooks,
                hosts,
                check,
            } => json!({
                "event": "run_started", "playbooks": playbooks, "hosts": hosts, "check": check,
            }),
            Event::PlayStarted { play: p, hosts } => {
                let hosts: Vec<&str> = hosts.iter().map(AsRef::as_ref).collect();
                json!({ "event": "play_started", "play": play(p), "hosts": hosts })
            }
            Event::PlaySkipped { play: p } => json!({ "event": "play_skipped", "play": play(p) }),
            Event::TaskStarted { task: t } => json!({ "event": "task_started", "task": task(t) }),
            Event::Item {
                host,
                task: t,
                item,
                label,
                outcome,
            } => {
                let mut line = json!({ "event": "item", "host": &**host, "task": task(t) });
                if !t.no_log {
                    let item = masked(item, &self.mask);
                    line["item"] = serde_json::to_value(&item).unwrap_or(Json::Null);
                    line["label"] = label.as_str().into();
                }
                self.outcome(line, t, outcome)
            }
            Event::Ended {
                host,
                task: t,
                outcome,
            } => {
                let line = json!({ "event": "ended", "host": &**host, "task": task(t) });
                self.outcome(line, t, outcome)
            }
            Event::Retry {
                host,
                task: t,
                left,
                attempts,
                outcome,
            } => {
                let line = json!({
                    "event": "retry", "host": &**host, "task": task(t), "left": left,
                    "attempts": attempts,
                });
                self.outcome(line, t, outcome)
            }
            Event::Polled {
                host,
                task: t,
                job,
                ended,
                seconds,
            } => json!({
                "event": "polled", "host": &**host, "task": task(t), "job": job,
                "finished": ended.is_some(), "failed": *ended == Some(false), "seconds": seconds,
            }),
            Event::Unreachable {
                host,
                task: t,
                message,
                hint,
                code,
            } => json!({
                "event": "unreachable", "host": &**host, "task": t.as_ref().map(task),
                "message": message, "hint": hint, "code": code.map(Code::number),
            }),
            Event::Stopping { host, heard } => json!({
                "event": "stopping", "host": &**host, "heard": heard,
            }),
            Event::NotRun { host, tasks } => json!({
                "event": "not_run", "host": &**host,
                "tasks": tasks.iter().map(task).collect::<Vec<_>>(),
            }),
            Event::Waiting {
                host,
                what,
                seconds,
            } => json!({
                "event": "waiting", "host": &**host, "what": what, "seconds": seconds,
            }),
            Event::Connected { host, seconds } => json!({
                "event": "connected", "host": &**host, "seconds": seconds,
            }),
            Event::Included {
                hosts,
                task: t,
                what,
                ..
            } => {
                let hosts: Vec<&str> = hosts.iter().map(AsRef::as_ref).collect();
                json!({ "event": "included", "hosts": hosts, "task": task(t), "what": what })
            }
            Event::Notified { host, handler } => json!({
                "event": "notified", "host": &**host, "handler": handler,
            }),
            Event::Pending { host, handlers } => json!({
                "event": "pending", "host": &**host, "handlers": handlers,
            }),
            Event::Output { host, text } => {
                json!({ "event": "output", "host": &**host, "text": text })
            }
            Event::Interrupted { at_once } => {
                json!({ "event": "interrupted", "at_once": at_once })
            }
            Event::Guard { host, stage, tasks } => guard(host, stage, tasks),
            Event::Warning { diagnostic } => super::diagnostic(diagnostic),
            Event::Left { host, play: p } => json!({
                "event": "left", "host": &**host, "play": play(p),
            }),
            Event::PlayEnded { play: p } => json!({ "event": "play_ended", "play": play(p) }),
            Event::RunEnded {
                recap,
                seconds,
                traffic,
                stopped,
            } => json!({
                "event": "run_ended", "seconds": seconds, "stopped": stopped,
                "recap": recap.iter().map(counts).collect::<Vec<_>>(),
                "traffic": {
                    "sent": traffic.sent, "received": traffic.received,
                    "round_trips": traffic.round_trips, "connections": traffic.connections,
                },
            }),
        };
        self.put(line);
        let _ = self.out.flush();
    }
}
