//! Tasks that go on by themselves on the host: `async`, and asking how they are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::action::{Decision, Job as Question, Step, Task as Action};
use crate::resource::apply::Apply;
use crate::resource::job::{self, Word};
use crate::resource::{Resource, Run};
use crate::result;
use crate::source::Mapping;

use super::attempt::{is_read_only, would};
use super::event::{Event, HostName, TaskRef};
use super::prepare::conclude;
use super::runner::Runner;
use super::sending::{StepOutcome, Work, outcome, token};
use super::settings::{Background, Settings};
use super::verdict::Raw;

/// A host is asked this much longer than the job may take: what ends it needs a moment.
const GRACE: Duration = Duration::from_secs(30);

/// What this run started, by host and id.
#[derive(Default)]
pub(super) struct Jobs(Mutex<BTreeMap<(HostName, String), Arc<Job>>>);

impl Jobs {
    fn put(&self, host: &HostName, id: &str, job: Job) -> Arc<Job> {
        let job = Arc::new(job);
        if let Ok(mut jobs) = self.0.lock() {
            jobs.insert((host.clone(), id.to_owned()), Arc::clone(&job));
        }
        job
    }

    fn get(&self, host: &HostName, id: &str) -> Option<Arc<Job>> {
        let jobs = self.0.lock().ok()?;
        jobs.get(&(host.clone(), id.to_owned())).cloned()
    }

    fn forget(&self, host: &HostName, id: &str) {
        if let Ok(mut jobs) = self.0.lock() {
            jobs.remove(&(host.clone(), id.to_owned()));
        }
    }
}

enum Job {
    /// It had nothing to do on the host, or check mode only says what it would.
    Ended(Raw, String),
    Begun(Begun),
}

struct Begun {
    action: Arc<dyn Action>,
    decision: Decision,
    apply: Apply,
    nonce: String,
    directory: String,
    intents: Vec<u64>,
}

impl Begun {
    /// What the task comes to, out of the records of its steps.
    fn outcomes(&self, records: &[crate::resource::reply::Record]) -> Vec<StepOutcome> {
        let read = self.apply.read(records, true);
        let steps = read.map(|r| r.steps).unwrap_or_default();
        steps.into_iter().map(outcome).collect()
    }

    fn raw(&self, outcomes: Vec<StepOutcome>) -> Raw {
        let mut done = Vec::new();
        for outcome in outcomes {
            match outcome {
                StepOutcome::Done(one) => done.push(one),
                StepOutcome::Failed(raw) => return *raw,
                StepOutcome::NotRun => break,
            }
        }
        if done.len() < self.decision.steps.len() {
            return Raw {
                failed: Some(
                    "the job did not carry out all of its steps and did not say why".into(),
                ),
                ..Raw::default()
            };
        }
        conclude(self.action.as_ref(), &self.decision, &done)
    }
}

/// What is known of a job beside the result of its task.
fn about(raw: &mut Raw, id: &str, file: &str, finished: bool) {
    let said = result! {
        "ansible_job_id" => id, "results_file" => file, "started" => true, "finished" => finished,
    };
    raw.result.extend(said);
}

fn failed(message: &str) -> Raw {
    Raw {
        failed: Some(message.to_owned()),
        ..Raw::default()
    }
}

/// `stdout` and `stderr` are there whether or not anything was printed.
fn silent(raw: &mut Raw) {
    let empty = || crate::source::Value::Sequence(Vec::new());
    let said: Mapping = result! {
        "stdout" => "", "stdout_lines" => empty(), "stderr" => "", "stderr_lines" => empty(),
    };
    for (key, value) in said {
        raw.result.entry(key).or_insert(value);
    }
}

impl Runner {
    /// Starts what was decided, and waits for it as far as the task says.
    pub(super) async fn background(
        &mut self,
        to: &HostName,
        settings: &Settings,
        name: &TaskRef,
        (action, decision): (Arc<dyn Action>, Decision),
        home: &str,
    ) -> Raw {
        let Some(how) = settings.background.clone() else {
            return Raw::default();
        };
        let here = |step: &Step| match step {
            Step::Control(_) => true,
            Step::Set(change) => matches!(change.on, Resource::Controller(_)),
            Step::Run(_) => false,
        };
        if decision.steps.iter().any(here) {
            let action = name.action.rsplit('.').next().unwrap_or_default();
            return failed(&format!("this action ({action}) does not support async"));
        }
        let only_says = settings.check && !is_read_only(&decision);
        if decision.steps.is_empty() || only_says {
            let raw = match only_says {
                true => would(decision),
                false => Raw::decided(decision, Vec::new()),
            };
            return self.ended_at_once(to, &how, home, raw);
        }
        let (id, file) = match self.start(to, settings, name, &how, action, decision).await {
            Ok(Some(started)) => started,
            Ok(None) => return Raw::default(),
            Err(raw) => return *raw,
        };
        let mut raw = Raw {
            changed: true,
            ..Raw::default()
        };
        about(&mut raw, &id, &file, false);
        if how.poll == 0 {
            return raw;
        }
        self.wait(to, settings, name, &how, &id).await
    }

    /// There is nothing to go on by itself, but what asks for it later finds it.
    fn ended_at_once(&self, to: &HostName, how: &Background, home: &str, mut raw: Raw) -> Raw {
        let id = format!("{}.0", stem());
        let directory = match how.directory.strip_prefix('~') {
            Some(rest) if !home.is_empty() => format!("{home}{rest}"),
            _ => how.directory.clone(),
        };
        let file = format!("{directory}/{id}");
        about(&mut raw, &id, &file, true);
        if how.poll > 0 || raw.skipped.is_some() {
            return raw;
        }
        self.ctx.jobs.put(to, &id, Job::Ended(raw, file.clone()));
        let mut begun = Raw {
            changed: true,
            ..Raw::default()
        };
        about(&mut begun, &id, &file, false);
        begun
    }

    async fn start(
        &mut self,
        to: &HostName,
        settings: &Settings,
        name: &TaskRef,
        how: &Background,
        action: Arc<dyn Action>,
        decision: Decision,
    ) -> Result<Option<(String, String)>, Box<Raw>> {
        let works = decision.steps.iter().map(|s| Work::new(s, settings, name));
        let work: Vec<Work> = works.collect();
        let apart = {
            let sessions = Arc::clone(&self.ctx.sessions);
            sessions.apart(self.errand(to, settings), &work).await
        };
        let (mut apply, intents) = match apart {
            Ok(apart) => apart?,
            Err(error) => {
                let ignore = settings.ignore_unreachable;
                self.lose(&error, false, Some(name.clone()), ignore, 0);
                return Ok(None);
            }
        };
        let nonce = token();
        let script = job::script(&nonce, apply.script());
        let run = job::start(script, &stem(), &how.directory, how.limit);
        let Some(stdout) = self.run_job(to, settings, name, run).await? else {
            return Ok(None);
        };
        // Nobody may ever ask for it: until somebody does, what came of it is not known.
        self.ctx.sessions.ended(&intents, None).await;
        let text = String::from_utf8_lossy(&stdout).into_owned();
        let Some((id, file)) = text.trim_end().split_once('\n') else {
            return Err(Box::new(failed(
                "the host did not say that the job was started",
            )));
        };
        let begun = Begun {
            action,
            decision,
            apply,
            nonce,
            directory: how.directory.clone(),
            intents,
        };
        self.ctx.jobs.put(to, id, Job::Begun(begun));
        Ok(Some((id.to_owned(), file.to_owned())))
    }

    /// Runs a program about a job and gives what it printed; nothing where the host is lost.
    async fn run_job(
        &mut self,
        to: &HostName,
        settings: &Settings,
        name: &TaskRef,
        run: Run,
    ) -> Result<Option<Vec<u8>>, Box<Raw>> {
        let work = vec![Work::new(&Step::Run(run), settings, name)];
        let Some(exchange) = self.trip(to, settings, work, &[], name).await else {
            return Ok(None);
        };
        printed(exchange.outcomes)
    }

    /// Asks from time to time until it ended, through losses of the connection.
    async fn wait(
        &mut self,
        to: &HostName,
        settings: &Settings,
        name: &TaskRef,
        how: &Background,
        id: &str,
    ) -> Raw {
        let began = Instant::now();
        let most = Duration::from_secs(how.limit) + GRACE;
        loop {
            let pause = Duration::from_secs(how.poll).min(most.saturating_sub(began.elapsed()));
            self.ctx
                .stop
                .sleep(pause.max(Duration::from_millis(100)))
                .await;
            if self.ctx.stopping() {
                let mut raw = failed("the run was stopped; the task goes on by itself");
                about(&mut raw, id, "", false);
                return raw;
            }
            let run = job::status(id, &how.directory);
            let work = vec![Work::new(&Step::Run(run), settings, name)];
            let sessions = Arc::clone(&self.ctx.sessions);
            let answer = sessions
                .exchange(self.errand(to, settings), work, &[])
                .await;
            let over = began.elapsed() >= most;
            let raw = match answer {
                Err(error) if over => {
                    self.lose(
                        &error,
                        true,
                        Some(name.clone()),
                        settings.ignore_unreachable,
                        0,
                    );
                    return Raw::default();
                }
                Err(_) => continue,
                Ok(exchange) if exchange.lost.is_some() => continue,
                Ok(exchange) => match printed(exchange.outcomes) {
                    Ok(Some(stdout)) => self.told(to, id, &stdout).await,
                    Ok(None) => continue,
                    Err(raw) => return *raw,
                },
            };
            self.ctx.tell(Event::Polled {
                host: self.host.clone(),
                task: name.clone(),
                job: id.to_owned(),
                ended: raw.as_ref().map(|r| r.failed.is_none()),
                seconds: began.elapsed().as_secs(),
            });
            match raw {
                Some(raw) => {
                    let _ = self
                        .run_job(to, settings, name, job::clean(id, &how.directory))
                        .await;
                    self.ctx.jobs.forget(to, id);
                    return raw;
                }
                None if over => {
                    let limit = how.limit;
                    return failed(&format!(
                        "the task did not end within {limit} s, nor could it be ended"
                    ));
                }
                None => {}
            }
        }
    }

    /// What a job has come to; nothing while it goes on.
    async fn told(&self, to: &HostName, id: &str, stdout: &[u8]) -> Option<Raw> {
        let job = self.ctx.jobs.get(to, id);
        let begun = match job.as_deref() {
            Some(Job::Begun(begun)) => Some(begun),
            _ => None,
        };
        let Some((word, file)) = job::read(stdout, begun.map(|b| b.nonce.as_str())) else {
            return Some(failed("the host did not say how the job is"));
        };
        let mut raw = match word {
            Word::Runs | Word::Erased => return None,
            Word::Gone => failed("could not find job"),
            Word::Late => {
                let mut raw = failed("Timeout exceeded");
                let pid = id.rsplit('.').next().and_then(|p| p.parse::<i64>().ok());
                raw.result
                    .extend(pid.map(|p| ("child_pid".into(), p.into())));
                raw
            }
            Word::Ended(_, false) => failed("the job ended before it was done"),
            Word::Ended(records, true) => match begun {
                Some(begun) => {
                    let outcomes = begun.outcomes(&records);
                    self.ctx
                        .sessions
                        .ended(&begun.intents, Some(&outcomes))
                        .await;
                    begun.raw(outcomes)
                }
                None => foreign(&records),
            },
        };
        silent(&mut raw);
        about(&mut raw, id, &file, true);
        Some(raw)
    }

    /// `async_status`: how a job is, or what is left of it removed.
    pub(super) async fn ask_job(
        &mut self,
        to: &HostName,
        settings: &Settings,
        name: &TaskRef,
        asked: &Question,
    ) -> Result<Mapping, Box<Raw>> {
        let id = asked.id.as_str();
        let known = self.ctx.jobs.get(to, id);
        let directory = match known.as_deref() {
            Some(Job::Ended(raw, file)) => {
                if asked.clean {
                    self.ctx.jobs.forget(to, id);
                    return Ok(erased(id, file));
                }
                return finished(raw.clone());
            }
            Some(Job::Begun(begun)) => begun.directory.clone(),
            None => job::DIRECTORY.to_owned(),
        };
        let run = match asked.clean {
            true => job::clean(id, &directory),
            false => job::status(id, &directory),
        };
        let Some(stdout) = self.run_job(to, settings, name, run).await? else {
            return Err(Box::default());
        };
        if let Some((Word::Erased, file)) = job::read(&stdout, None) {
            self.ctx.jobs.forget(to, id);
            return Ok(erased(id, &file));
        }
        if let Some(raw) = self.told(to, id, &stdout).await {
            return finished(raw);
        }
        let mut raw = Raw::default();
        let file = job::read(&stdout, None).map(|(_, file)| file);
        silent(&mut raw);
        about(&mut raw, id, &file.unwrap_or_default(), false);
        Ok(raw.result)
    }
}

/// What a run about a job printed.
fn printed(outcomes: Vec<StepOutcome>) -> Result<Option<Vec<u8>>, Box<Raw>> {
    match outcomes.into_iter().next() {
        Some(StepOutcome::Done(crate::action::Done::Ran(ran))) if ran.rc == 0 => {
            Ok(Some(ran.stdout))
        }
        Some(StepOutcome::Done(crate::action::Done::Ran(ran))) => {
            let words = String::from_utf8_lossy(&ran.stderr).trim().to_owned();
            Err(Box::new(failed(&words)))
        }
        Some(StepOutcome::Failed(raw)) => Err(raw),
        _ => Ok(None),
    }
}

/// The result of a task that ended, as that of the one that asked.
fn finished(raw: Raw) -> Result<Mapping, Box<Raw>> {
    let changed = raw.changed;
    let mut raw = raw;
    raw.result.insert("changed".into(), changed.into());
    if raw.failed.is_some() {
        return Err(Box::new(raw));
    }
    Ok(raw.result)
}

fn erased(id: &str, file: &str) -> Mapping {
    let mut raw = Raw::default();
    silent(&mut raw);
    raw.result.extend(result! {
        "ansible_job_id" => id, "erased" => file, "started" => false, "finished" => false,
    });
    raw.result
}

/// A job of another run: what its command printed, where it ran one.
fn foreign(records: &[crate::resource::reply::Record]) -> Raw {
    let Some(ran) = job::ran(records) else {
        let mut raw = match records.iter().any(|r| r.status != 0) {
            true => failed("the job failed"),
            false => Raw::default(),
        };
        raw.changed = true;
        silent(&mut raw);
        return raw;
    };
    let mut raw = Raw {
        changed: true,
        failed: (ran.rc != 0).then(|| "non-zero return code".to_owned()),
        ..Raw::default()
    };
    crate::action::put_ran(&mut raw.result, &ran);
    raw
}

/// The part of an id that is ours; the host adds a number of its own.
fn stem() -> String {
    let digits: String = token().bytes().map(|b| char::from(b'0' + b % 10)).collect();
    format!("j{}", &digits[..12])
}
