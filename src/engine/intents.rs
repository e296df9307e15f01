//! What is meant for a host and what came of it, as the journal has them: intents go to disk before a
//! byte of them leaves.

use crate::action::Done;
use crate::host::HostError;
use crate::host::target::{Engine, Kind, Target};
use crate::journal::{Broken, By};
use crate::resource::apply::Apply;
use crate::resource::reply;
use crate::source::{Code, Diagnostic};

use super::event::{Event, HostName};
use super::sending::{StepOutcome, Work, outcome};
use super::session::{Errand, Sessions};
use super::stop::nothing_begun;

impl Sessions {
    /// What came of steps that went on by themselves; `None` is that nobody waited for it.
    pub(super) async fn ended(&self, entries: &[u64], outcomes: Option<&[StepOutcome]>) {
        match outcomes {
            Some(outcomes) => self.end(entries, outcomes).await,
            None => self.journal.unknown(entries).await,
        }
    }

    /// What is known of a script whose reply was cut short: the steps before the first that nothing
    /// was heard of. The rest may have happened.
    pub(super) async fn heard(
        &self,
        apply: &Apply,
        records: &[reply::Record],
        entries: &[u64],
    ) -> Vec<StepOutcome> {
        let steps = apply.read(records, false).map(|r| r.steps);
        let steps = steps.unwrap_or_default().into_iter();
        let known = steps.take_while(|s| *s != crate::resource::apply::StepOutcome::Unknown);
        let known: Vec<StepOutcome> = known.map(outcome).collect();
        let (heard, rest) = entries.split_at(known.len().min(entries.len()));
        self.end(heard, &known).await;
        self.journal.unknown(rest).await;
        known
    }

    /// How a host is reached, as far as somebody said so.
    pub(super) fn reached(&self, to: &HostName) -> crate::journal::read::By {
        let target = self.targets.resolve(to).ok();
        let By {
            connection,
            user,
            port,
        } = target.as_ref().map(by).unwrap_or_default();
        crate::journal::read::By {
            connection: match connection {
                "ssh" => String::new(),
                other => other.to_owned(),
            },
            user: user.map(str::to_owned),
            port,
        }
    }

    /// The intents are on disk before a byte of them leaves.
    pub(super) async fn begin(
        &self,
        errand: &Errand<'_>,
        work: &[Work],
        token: Option<&str>,
    ) -> Result<Vec<u64>, HostError> {
        let Errand { to, way, .. } = errand;
        let mut entries = Vec::new();
        if work.is_empty() {
            return Ok(entries);
        }
        let target = self.targets.resolve(to).ok();
        let by = target.as_ref().map(by).unwrap_or_default();
        for one in work {
            let about = (errand.subject.as_ref(), errand.guard, token);
            entries.extend(one.note(&self.journal, (to, by), about, way));
        }
        if !entries.is_empty() {
            self.journal.sync().await;
        }
        if let Some(broken) = self.journal.broken() {
            // What is not written down is not begun, here or anywhere.
            for entry in &entries {
                self.journal.outcome(*entry, "not run");
            }
            self.journal.flush().await;
            if !self.stop.is_asked() {
                let diagnostic = Box::new(unwritten(broken));
                let _ = self.events.send(Event::Warning { diagnostic });
                self.stop.ask();
            }
            return Err(nothing_begun());
        }
        Ok(entries)
    }

    pub(super) async fn end(&self, entries: &[u64], outcomes: &[StepOutcome]) {
        for (entry, outcome) in entries.iter().zip(outcomes) {
            let word = match outcome {
                StepOutcome::Done(Done::Ran(ran)) => {
                    self.journal.ran(*entry, ran);
                    continue;
                }
                StepOutcome::Done(_) => "done",
                StepOutcome::Failed(_) => "failed",
                StepOutcome::NotRun => "not run",
            };
            self.journal.outcome(*entry, word);
        }
        if !entries.is_empty() {
            self.journal.flush().await;
        }
    }
}

/// How a host is reached, for the journal.
fn by(target: &Target) -> By<'_> {
    match &target.kind {
        Kind::Ssh(ssh) => By {
            connection: "ssh",
            user: ssh.user.as_deref(),
            port: ssh.port,
        },
        Kind::Container { engine, user, .. } => By {
            connection: match engine {
                Engine::Docker => "docker",
                Engine::Podman => "podman",
            },
            user: user.as_deref(),
            port: None,
        },
        Kind::Local => By {
            connection: "local",
            ..By::default()
        },
    }
}

/// Why a run goes no further.
fn unwritten(broken: &Broken) -> Diagnostic {
    let text = format!(
        "the record of this run cannot be written any more ({}), so nothing further is begun",
        broken.why
    );
    let hint = match broken.full {
        true => "make room on the disk that it is on, and go on then",
        false => "go on when it can be written again",
    };
    Diagnostic::bare(text).code(Code::RecordFull).hint(hint)
}
