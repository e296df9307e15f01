//! What goes into one script, what goes ahead of it, and what came of its steps.

use std::sync::Arc;
use std::time::Duration;

use crate::action::{Done, Step};
use crate::host::shell::{Launch, Prompt};
use crate::host::{Deadlines, ErrorKind, HostError, Link};
use crate::journal::{By, Journal, Meant};
use crate::resource::apply::{Apply, ApplyOptions, RunContext, StepOutcome as Applied};
use crate::resource::{Query, Want, launch, prelude};
use crate::source::{Code, Secret};

use super::event::TaskRef;
use super::session::LOCK_WAIT;
use super::settings::{Settings, Way};
use super::verdict::Raw;

/// A script that says nothing for this long is given up: a host that hangs does not hold the run.
/// Tasks that may take longer say so with `timeout`, or run with `async`.
const LONGEST_REQUEST: Duration = Duration::from_secs(6 * 3600);

/// One file that takes longer to send than this is given up.
pub(super) const LONGEST_UPLOAD: Duration = Duration::from_secs(3600);

/// Contents asked for at once: so many of the largest fill half of what a reply may be.
const MOST_CONTENTS: usize = 400;

/// A shell that does not hear of it in this time goes on.
const LONGEST_HALT: Duration = Duration::from_secs(10);

/// A step with the circumstances it is carried out in.
pub(super) struct Work {
    pub step: Step,
    context: RunContext,
    pub task: TaskRef,
    guarded: bool,
    lenient: bool,
    harmless: bool,
    notify: Vec<String>,
}

impl Work {
    pub(super) fn new(step: &Step, settings: &Settings, task: &TaskRef) -> Work {
        let context = RunContext {
            environment: settings.environment.clone(),
            timeout: settings.timeout.map(|t| t.as_secs().max(1)),
            must_succeed: true,
            live: settings.live,
        };
        Work {
            step: step.clone(),
            context,
            task: task.clone(),
            guarded: settings.guard == Some(true),
            lenient: settings.lenient,
            harmless: settings.harmless,
            notify: settings.notify.clone(),
        }
    }
}

impl Work {
    /// The change that it is, if it is one.
    pub(super) fn change(&self) -> Option<&crate::resource::Change> {
        match &self.step {
            Step::Set(change) => Some(change),
            Step::Run(_) | Step::Control(_) => None,
        }
    }
}

impl Work {
    /// Writes down that it is about to be done, on this host and in this way; the number of its intent.
    pub(super) fn note(
        &self,
        journal: &Journal,
        (host, by): (&str, By<'_>),
        (subject, guard, token): (&str, Option<&str>, Option<&str>),
        way: &Way,
    ) -> Option<u64> {
        let place = self.task.span.to_string();
        let meant = Meant {
            host,
            subject,
            task: &self.task.name,
            place: &place,
            guard,
            token,
            handler: self.task.handler,
            by,
            r#as: way.r#become.as_ref().map(|b| (&*b.method, &*b.user)),
            notify: &self.notify,
            guarded: self.guarded,
            lenient: self.lenient,
            harmless: self.harmless,
            hidden: self.task.no_log,
        };
        match &self.step {
            Step::Set(change) => Some(journal.change(&meant, change)),
            Step::Run(run) => Some(journal.run(&meant, run)),
            Step::Control(_) => None,
        }
    }
}

/// What came of a step.
pub(super) enum StepOutcome {
    Done(Done),
    Failed(Box<Raw>),
    NotRun,
}

/// The time a script of steps may take: as long as its steps may, and some.
pub(super) fn deadline(work: &[Work]) -> Duration {
    let limits: Option<Vec<u64>> = work.iter().map(|w| w.context.timeout).collect();
    match limits {
        Some(limits) => {
            let sum = limits
                .into_iter()
                .fold(u64::from(LOCK_WAIT) + 60, u64::saturating_add);
            Duration::from_secs(sum).min(LONGEST_REQUEST)
        }
        None => LONGEST_REQUEST,
    }
}

/// How a command line is started as the user of this way.
pub(super) fn launching(
    way: &Way,
    password: Option<&Secret>,
    token: &str,
    line: &str,
    input: Option<u64>,
) -> Result<Launch, HostError> {
    let Some(who) = &way.r#become else {
        return Ok(Launch::plain(line));
    };
    let how = launch::Become {
        method: &who.method,
        user: &who.user,
        exe: who.exe.as_deref(),
        flags: who.flags.as_deref(),
        has_password: password.is_some(),
        input,
    };
    let started =
        launch::becoming(how, token, line).map_err(|m| HostError::new(ErrorKind::Become, m))?;
    let prompt = started
        .prompt
        .zip(password)
        .map(|(token, password)| Prompt {
            token,
            password: password.clone(),
        });
    Ok(Launch {
        command: started.command,
        prompt,
        ready: started.ready,
        pty: started.pty,
        denied: launch::DENIED.iter().map(|d| (*d).to_owned()).collect(),
    })
}

/// The script of these steps and questions, and what cannot be sent.
pub(super) fn compose(
    token: &str,
    loaded: bool,
    work: &[Work],
    queries: &[Query],
    (guard, dead): (Option<&str>, &[String]),
    hello: &prelude::Hello,
) -> (Apply, Vec<Raw>) {
    let mut apply = Apply::new(ApplyOptions {
        token: token.to_owned(),
        loaded,
        lock_wait: LOCK_WAIT,
    });
    if let Some(guard) = guard.filter(|_| !work.is_empty()) {
        apply.under(guard);
    }
    if !work.is_empty() {
        apply.bury(dead);
    }
    for one in work {
        let added = match &one.step {
            Step::Set(change) => apply.change(change, hello),
            Step::Run(run) => {
                let mut context = one.context.clone();
                context.must_succeed = !run.judged;
                apply.run(run, &context)
            }
            Step::Control(_) => continue,
        };
        if let Err(error) = added {
            // What cannot be sent fails by itself; what lies behind it is not carried out.
            let raw = Raw {
                failed: Some(error.to_string()),
                ..Raw::default()
            };
            return (apply, vec![raw]);
        }
    }
    apply.probe(queries);
    (apply, Vec::new())
}

/// Drops the questions for contents that the reply would have no room for: what is still needed is
/// asked again.
pub(super) fn few(queries: &mut Vec<Query>) {
    let mut contents = 0;
    queries.retain(|query| {
        contents += usize::from(query.want.has(Want::CONTENT));
        contents <= MOST_CONTENTS
    });
}

/// Whether nothing was started.
pub(super) fn refuses(result: &Result<(), HostError>) -> bool {
    result
        .as_ref()
        .is_err_and(|e| e.kind == ErrorKind::Unreachable)
}

/// Sends the files that do not fit into the script, from the `sent`th on.
pub(super) async fn upload_all(
    link: &Arc<dyn Link>,
    way: &Way,
    password: Option<&Secret>,
    apply: &Apply,
    sent: &mut usize,
) -> Result<(), HostError> {
    while let Some(upload) = apply.uploads().get(*sent) {
        let size = Some(upload.content.size);
        let launch = launching(way, password, &token(), &upload.command, size)?;
        upload_one(link.as_ref(), &launch, upload).await?;
        *sent += 1;
    }
    Ok(())
}

async fn upload_one(
    link: &dyn Link,
    launch: &Launch,
    upload: &crate::resource::apply::Upload,
) -> Result<(), HostError> {
    use crate::host::transfer::upload as stream;
    let deadlines = Deadlines::default();
    // What went wrong with it is found again, and told, when the script looks at the file.
    match (&upload.content.bytes, &upload.content.source) {
        (Some(bytes), _) => {
            stream(
                link,
                launch,
                &mut bytes.as_ref(),
                &deadlines,
                Some(LONGEST_UPLOAD),
            )
            .await?
        }
        (None, Some(path)) => {
            let mut file = tokio::fs::File::open(path).await.map_err(|e| {
                HostError::new(
                    ErrorKind::Unreachable,
                    format!("cannot read {}: {e}", path.display()),
                )
            })?;
            stream(link, launch, &mut file, &deadlines, Some(LONGEST_UPLOAD)).await?
        }
        (None, None) => {
            let text = "the bytes to send are not at hand";
            return Err(HostError::new(ErrorKind::Unreachable, text));
        }
    };
    Ok(())
}

pub(super) fn outcome(step: Applied) -> StepOutcome {
    match step {
        Applied::Done(said) => StepOutcome::Done(Done::Set(said)),
        Applied::Ran(ran) => StepOutcome::Done(Done::Ran(ran)),
        Applied::Failed(failed) => {
            let mut raw = Raw {
                failed: Some(said(&failed)),
                ..Raw::default()
            };
            raw.result.insert("rc".into(), failed.status.into());
            if failed.is_conflict() {
                raw.result.insert("conflict".into(), true.into());
                raw.code = Some(Code::ChangedMeanwhile);
            }
            if !failed.output.is_empty() {
                let text = String::from_utf8_lossy(&failed.output).into_owned();
                raw.result.insert("stdout".into(), text.into());
            }
            StepOutcome::Failed(Box::new(raw))
        }
        Applied::NotRun => StepOutcome::NotRun,
        Applied::Unknown => {
            let raw = Raw {
                unknown: true,
                ..Raw::default()
            };
            StepOutcome::Failed(Box::new(raw))
        }
    }
}

/// A failure in the host's words, or in ours where it had none.
fn said(failed: &crate::resource::apply::Failed) -> String {
    use crate::resource::apply::{INVALID, LOCKED};
    match (failed.message.trim(), failed.status) {
        ("", INVALID) => "failed to validate: the command said no, and nothing else".into(),
        ("", LOCKED) => "another run holds this host".into(),
        ("", status) => format!("failed with status {status}, without a word"),
        (words, INVALID) => format!("failed to validate: {words}"),
        (words, _) => words.to_owned(),
    }
}

/// 128 random bits in hexadecimal: nobody on a host can know it beforehand.
pub(super) fn token() -> String {
    let mut bytes = [0u8; 16];
    // The kernel's generator does not fail once it is seeded.
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    hex::encode(bytes)
}

/// Asks the shell of this number not to begin another step. Where that cannot be said (a host that
/// allows one channel), it carries on with what it was sent; says whether it heard.
pub(super) async fn halt(
    link: Arc<dyn Link>,
    way: Way,
    password: Option<Secret>,
    pid: u32,
) -> bool {
    let line = launch::halting(pid);
    let Ok(launch) = launching(&way, password.as_ref(), &token(), &line, None) else {
        return false;
    };
    let nothing = &mut tokio::io::empty();
    let time = Some(LONGEST_HALT);
    let deadlines = Deadlines::default();
    let done = crate::host::transfer::upload(&*link, &launch, nothing, &deadlines, time).await;
    done.is_ok_and(|d| d.status == 0)
}
