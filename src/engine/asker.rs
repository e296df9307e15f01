//! The person at the terminal, if there is one: prompts of `pause` and `--step`.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::host::BoxFuture;

/// Asks and shows. Given by the caller; without a terminal every question goes unanswered.
pub trait Terminal: Send + Sync {
    fn ask<'a>(&'a self, prompt: &'a str, echo: bool) -> BoxFuture<'a, Option<String>>;
    fn show(&self, text: &str);
}

/// Nobody is there.
pub struct Unattended;

impl Terminal for Unattended {
    fn ask<'a>(&'a self, _: &'a str, _: bool) -> BoxFuture<'a, Option<String>> {
        Box::pin(async { None })
    }

    fn show(&self, _: &str) {}
}

/// Questions asked once for all hosts.
pub(super) struct Asker {
    terminal: Arc<dyn Terminal>,
    /// One question at a time; answers by the task they are about.
    steps: Mutex<Steps>,
    prompts: Mutex<BTreeMap<String, Option<String>>>,
}

#[derive(Default)]
struct Steps {
    answers: BTreeMap<Arc<[usize]>, bool>,
    /// `(c)ontinue`: no more questions.
    all: bool,
}

impl Asker {
    pub(super) fn new(terminal: Arc<dyn Terminal>) -> Asker {
        Asker {
            terminal,
            steps: Mutex::default(),
            prompts: Mutex::default(),
        }
    }

    /// The question of one task is asked once, and answered for every host.
    pub(super) async fn ask(&self, place: &str, prompt: &str, echo: bool) -> Option<String> {
        let mut prompts = self.prompts.lock().await;
        if let Some(answer) = prompts.get(place) {
            return answer.clone();
        }
        let answer = self.terminal.ask(&format!("{prompt}:\n"), echo).await;
        prompts.insert(place.to_owned(), answer.clone());
        answer
    }

    pub(super) fn show(&self, text: &str) {
        self.terminal.show(text);
    }

    /// Whether a task is to be carried out, asked once for all hosts.
    pub(super) async fn step(&self, place: &Arc<[usize]>, name: &str) -> bool {
        let mut steps = self.steps.lock().await;
        if steps.all {
            return true;
        }
        if let Some(answer) = steps.answers.get(place) {
            return *answer;
        }
        let text = format!("Perform task: {name} (N)o/(y)es/(c)ontinue: ");
        let word = self
            .terminal
            .ask(&text, true)
            .await
            .unwrap_or_default()
            .to_lowercase();
        steps.all = word.starts_with('c');
        let answer = steps.all || word.starts_with('y');
        steps.answers.insert(Arc::clone(place), answer);
        answer
    }
}
