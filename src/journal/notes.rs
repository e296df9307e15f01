//! The lines of a run's file, as they are written.

use serde_json::{Value, json};

use super::{By, Journal, Meant, sum};
use crate::resource::user::UserState;
use crate::resource::{Change, Content, Ran, Resource, Run, State, written};

/// Files that hold passwords whoever writes them. What they held is not kept.
const SECRET: [&str; 2] = ["/etc/shadow", "/etc/gshadow"];

/// What the end of a step takes besides names.
const END: u64 = 512;

/// What a command printed stands in the run's file up to this size; more is kept by its digest.
const MOST_SAID: usize = 8 * 1024;

/// A password without what bars it, which is recorded and put back.
fn bare(user: &UserState) -> Option<&str> {
    let password = user.password.as_deref()?;
    Some(password.strip_prefix('!').unwrap_or(password))
}

/// The host whose task it is.
fn owner<'a>(meant: &Meant<'a>) -> &'a str {
    match meant.subject {
        "" => meant.host,
        subject => subject,
    }
}

impl Journal {
    /// Notes that something begins, with the room that its end will take: a verdict and, at the end of
    /// its task, a line with the same names, and one for what it asks for.
    fn begin_step(&self, meant: &Meant<'_>, line: &Value) {
        let owed = END + 2 * line.to_string().len() as u64;
        if let Ok(mut open) = self.inner.open.lock() {
            let key = (owner(meant).to_owned(), meant.place.to_owned());
            *open.tasks.entry(key).or_default() += owed;
        }
        self.push(line, None, true, i64::try_from(owed).unwrap_or(i64::MAX));
    }

    fn intent(&self, meant: &Meant<'_>) -> (u64, Value) {
        let number = self.number();
        let mut line = json!({
            "intent": number, "host": meant.host, "task": meant.task, "place": meant.place,
        });
        if owner(meant) != meant.host {
            line["for"] = json!(meant.subject);
        }
        for (name, word) in [("guard", meant.guard), ("token", meant.token)] {
            if let Some(word) = word {
                line[name] = json!(word);
            }
        }
        let By {
            connection,
            user,
            port,
        } = meant.by;
        if !matches!(connection, "" | "ssh") || user.is_some() || port.is_some() {
            line["by"] = json!({ "connection": connection, "user": user, "port": port });
        }
        if let Some((method, user)) = meant.r#as {
            line["as"] = json!({ "method": method, "user": user });
        }
        for (name, is) in [
            ("handler", meant.handler),
            ("guarded", meant.guarded),
            ("lenient", meant.lenient),
        ] {
            if is {
                line[name] = json!(true);
            }
        }
        if !meant.notify.is_empty() {
            line["notify"] = json!(meant.notify);
        }
        (number, line)
    }

    /// A change is about to be made.
    pub fn change(&self, meant: &Meant<'_>, change: &Change) -> u64 {
        let (number, mut line) = self.intent(meant);
        line["on"] = json!(change.on.to_string());
        line["what"] = json!(written::resource(&change.on));
        if meant.hidden || change.how.secret {
            (line["before"], line["after"]) = (json!("hidden"), json!("hidden"));
        } else {
            let end = |state: &State| written::state(state).unwrap_or_else(|| json!("present"));
            (line["before"], line["after"]) = (end(&change.before), end(&change.after));
            if let (State::User(before), State::User(after)) = (&change.before, &change.after)
                && bare(before) != bare(after)
            {
                line["password"] = json!("changed");
            }
            if !change.how.options.is_empty() {
                line["options"] = json!(change.how.options);
            }
            self.keep(change);
        }
        self.begin_step(meant, &line);
        number
    }

    /// What a change replaces is kept, unless it holds secrets.
    fn keep(&self, change: &Change) {
        let secret = match &change.on {
            Resource::File(path) | Resource::Target(path) => {
                SECRET.iter().any(|s| path.as_str().starts_with(s))
            }
            _ => false,
        };
        if secret || self.inner.kept.is_none() || self.inner.paper.is_none() {
            return;
        }
        if let (Some(content), Ok(mut before)) =
            (written::content(&change.before), self.inner.before.lock())
        {
            before.insert(content.digest, content);
        }
    }

    /// A command is about to be run: what it does is not known.
    pub fn run(&self, meant: &Meant<'_>, run: &Run) -> u64 {
        let (number, mut line) = self.intent(meant);
        line["on"] = json!("command");
        line["changes"] = json!(run.changes && !run.read_only && !meant.harmless);
        // What only tells a service what to do is done again after an undo.
        if (meant.handler || run.tells) && !meant.hidden {
            line["run"] = json!(written::run(run));
        }
        if run.changes && !run.read_only && !meant.hidden {
            line["key"] = json!(self.key(run));
            if let Ok(mut open) = self.inner.open.lock() {
                open.commands.insert(number);
            }
        }
        self.begin_step(meant, &line);
        number
    }

    /// The same command has the same key within a run, and in what resumes it.
    pub fn key(&self, run: &Run) -> String {
        sum(&format!("{}{run:?}", self.inner.salt))
    }

    /// What came of an intent.
    pub fn outcome(&self, intent: u64, word: &str) {
        self.line(json!({ "outcome": intent, "is": word }));
    }

    /// What came of a command, with what it said, so that a run that goes on need not repeat it.
    pub fn ran(&self, intent: u64, ran: &Ran) {
        let open = self.inner.open.lock();
        let known = open.is_ok_and(|mut o| o.commands.remove(&intent));
        let texts = [&ran.stdout, &ran.stderr].map(|t| String::from_utf8_lossy(t));
        let hides = |text: &str| self.inner.hides.as_ref().is_some_and(|h| h(text));
        let whole = !ran.truncated && !ran.timed_out && !ran.endless && ran.not_started.is_none();
        if !known || !whole || texts.iter().any(|t| hides(t)) {
            return self.outcome(intent, "done");
        }
        let [out, err] = [&ran.stdout, &ran.stderr].map(|bytes| self.said(bytes));
        let (Some(out), Some(err)) = (out, err) else {
            return self.outcome(intent, "done");
        };
        let said = json!({
            "rc": ran.rc, "out": out, "err": err, "start": ran.start, "end": ran.end,
        });
        let short = json!({ "outcome": intent, "is": "done" });
        let line = json!({ "outcome": intent, "is": "done", "said": said });
        self.push(&line, Some(&short), false, 0);
    }

    /// What a command printed: the text, or where it is kept.
    fn said(&self, bytes: &[u8]) -> Option<Value> {
        if bytes.len() <= MOST_SAID {
            return Some(json!(String::from_utf8_lossy(bytes)));
        }
        self.inner.kept.as_ref()?;
        let content = Content::new(bytes.to_vec());
        let digest = content.digest;
        self.inner.before.lock().ok()?.insert(digest, content);
        Some(json!({ "kept": digest.to_string() }))
    }

    /// A change asked for handlers: their places and names.
    pub fn notified(&self, host: &str, by: &str, handlers: &[(String, String)]) {
        let line = json!({ "notified": host, "by": by, "handlers": handlers });
        // Each of them comes to its end.
        let owed = 2 * line.to_string().len() as u64 + END * handlers.len() as u64;
        self.owing(line, i64::try_from(owed).unwrap_or(i64::MAX));
    }

    /// A handler came to its end, or is not needed any more.
    pub fn handled(&self, host: &str, handler: &str, word: &str) {
        self.line(json!({ "handled": handler, "host": host, "is": word }));
    }

    /// Whether a step of a task was noted, and its end was not.
    pub fn has_begun(&self, host: &str, place: &str) -> bool {
        let key = (host.to_owned(), place.to_owned());
        let open = self.inner.open.lock();
        open.is_ok_and(|o| o.tasks.contains_key(&key))
    }

    /// A task came to its end; noted only where a step of it was.
    pub fn task(&self, host: &str, place: &str, word: &str) {
        let key = (host.to_owned(), place.to_owned());
        let open = self.inner.open.lock().ok();
        if let Some(owed) = open.and_then(|mut o| o.tasks.remove(&key)) {
            let line = json!({ "task": place, "host": host, "is": word });
            self.owing(line, i64::try_from(owed).map_or(0, |owed| -owed));
        }
    }

    /// How a guard ended: whatever was done under it is so, or is as before.
    pub fn guard(&self, id: &str, word: &str) {
        self.line(json!({ "guard": id, "is": word }));
    }

    /// A host came to its end.
    pub fn host(&self, host: &str, word: &str) {
        self.line(json!({ "host": host, "is": word }));
    }

    /// The run came to its end.
    pub fn end(&self, word: &str) {
        self.line(json!({ "end": word }));
    }
}
