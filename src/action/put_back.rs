//! Takes back what a run changed, if it is still as that run left it.
//!
//! Made by `palisade undo` out of a journal, never written by people, so it stands in no documentation.
//! Changed when something is put back. What is not as the run left it is left alone, and the result says
//! how it differs.

use serde_json::{Value as Json, json};

use super::carried::{self, encoded};
use super::put_back_as::{aspects, differs};
use super::{ArgError, Decision, Done, Failure, Observed, Spec, Task};
use crate::resource::file::{FileState, Node};
use crate::resource::package::Manager;
use crate::resource::unit::Kick;
use crate::resource::user::SHADOW;
use crate::resource::{
    Change, Content, Digest, Exec, Folder, Query, Resource, Run, State, Want, written,
};
use crate::result;
use crate::source::Mapping;

crate::args! {
    pub(crate) struct Args {
        /// What to do, as JSON in base64: nothing in it is a template.
        change: String = required;
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "put_back",
    collection: "palisade",
    aliases: &[],
    summary: "Takes back what a run changed",
    notes: "Changed when something is put back.",
    examples: "",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

/// What is to be done.
enum What {
    Back(Box<Back>),
    Tell(Resource, Kick),
    Run { run: Box<Run>, lenient: bool },
}

struct Back {
    on: Resource,
    left: State,
    to: State,
    /// Texts after and before each change that is taken out of what is there now.
    patches: Vec<(Option<Digest>, Option<Digest>)>,
    options: Vec<(String, String)>,
    /// The folder of contents on the controller.
    contents: String,
}

/// The argument for a change from how the run left it to how it was.
pub fn back(
    on: &Resource,
    (left, to): (&State, &State),
    patches: &[(Option<Digest>, Option<Digest>)],
    options: &[(String, String)],
    contents: &str,
) -> String {
    let digest = |d: &Option<Digest>| d.map(|d| d.to_string());
    let patches: Vec<_> = patches
        .iter()
        .map(|(a, b)| (digest(a), digest(b)))
        .collect();
    encoded(&json!({
        "on": written::resource(on), "left": written_state(left), "to": written_state(to),
        "patches": patches, "options": options, "contents": contents,
    }))
}

/// Texts were read back as digests.
fn written_state(state: &State) -> Json {
    match state {
        State::Content(c) => {
            json!({ "text": { "sha256": c.digest.to_string(), "size": c.size } })
        }
        other => json!(written::state(other)),
    }
}

/// The argument for a service that is to read what was put back.
pub fn tell(on: &Resource, kick: Kick) -> String {
    encoded(&json!({ "on": written::resource(on), "kick": written::kick_word(kick) }))
}

/// The argument for a command that is made again.
pub fn again(run: &Run, lenient: bool) -> String {
    encoded(&json!({ "run": written::run(run), "lenient": lenient }))
}

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    let wrong = ArgError::new("change", "this is no change of `palisade undo`");
    carried::task(&args.change, read, wrong)
}

fn read(json: &Json) -> Option<What> {
    if let Some(run) = json.get("run") {
        return Some(What::Run {
            run: Box::new(written::read_run(run)?),
            lenient: json.get("lenient") == Some(&Json::Bool(true)),
        });
    }
    let on = written::read_resource(json.get("on")?)?;
    if let Some(kick) = json.get("kick") {
        return Some(What::Tell(on, written::read_kick(kick.as_str()?)?));
    }
    let patches: Vec<(Option<String>, Option<String>)> =
        serde_json::from_value(json.get("patches")?.clone()).ok()?;
    let digest = |text: Option<String>| match text {
        Some(text) => Digest::parse(&text).map(Some),
        None => Some(None),
    };
    let patches: Option<Vec<_>> = patches
        .into_iter()
        .map(|(a, b)| Some((digest(a)?, digest(b)?)))
        .collect();
    Some(What::Back(Box::new(Back {
        on,
        left: written::read_state(json.get("left")?)?,
        to: written::read_state(json.get("to")?)?,
        patches: patches?,
        options: serde_json::from_value(json.get("options")?.clone()).ok()?,
        contents: json.get("contents")?.as_str()?.to_owned(),
    })))
}

impl Task for What {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        match self {
            What::Back(back) => back.reads(),
            What::Tell(on, _) => vec![Query::meta(on.clone())],
            What::Run { .. } => Vec::new(),
        }
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        match self {
            What::Back(back) => back.decide(seen),
            What::Tell(on, kick) => Ok(told(seen.get(on), on, *kick)),
            What::Run { run, .. } => {
                let mut decision = Decision::default();
                decision.run((**run).clone());
                Ok(decision)
            }
        }
    }

    fn conclude(&self, decision: &Decision, done: &[Done]) -> Result<Mapping, Failure> {
        let mut result = decision.result.clone();
        for one in done {
            let Done::Ran(ran) = one else { continue };
            let said = super::ran::text(&ran.stderr).trim().to_owned();
            result.insert("rc".into(), ran.rc.into());
            result.insert("stderr".into(), said.clone().into());
            if ran.rc != 0 && self.must_succeed() && !self.is_gone(ran.rc) {
                let message = format!("it ended with status {}: {said}", ran.rc);
                return Err(Failure { message, result });
            }
        }
        Ok(result)
    }
}

/// What `systemctl` ends with where no unit has this name.
const NO_UNIT: i32 = 5;

/// What a shell ends with where no program has this name.
const NO_PROGRAM: i32 = 127;

impl What {
    fn must_succeed(&self) -> bool {
        matches!(self, What::Run { lenient: false, .. })
    }

    /// Whether a service that was to be told went with what was put back.
    fn is_gone(&self, rc: i32) -> bool {
        let What::Run { run, .. } = self else {
            return false;
        };
        let systemctl = matches!(&run.exec, Exec::Argv(words) if words.first().is_some_and(|w| w == "systemctl"));
        rc == NO_PROGRAM || systemctl && rc == NO_UNIT
    }
}

/// A service that runs is told; one that does not has nothing to read.
fn told(seen: &State, on: &Resource, kick: Kick) -> Decision {
    let mut decision = Decision::default();
    if let State::Unit(unit) = seen
        && unit.exists
        && unit.running
    {
        let (mut before, mut after) = (unit.clone(), unit.clone());
        (before.kick, after.kick) = (None, Some(kick));
        let ends = (State::Unit(before), State::Unit(after));
        decision.set(Change::new(on.clone(), ends.0, ends.1));
    }
    decision
}

impl Back {
    fn kept(&self, digest: &Digest) -> Resource {
        let digits = digest.to_string();
        Resource::Local {
            path: format!("{}/{}/{}", self.contents, &digits[..2], &digits[2..]),
            folder: Folder::Files,
        }
    }

    /// The content that has to be brought, where the run replaced it.
    fn brought(&self) -> Option<Digest> {
        let content = |state: &State| match state {
            State::File(file) => file.content().map(|c| c.digest),
            State::Content(content) => Some(content.digest),
            _ => None,
        };
        content(&self.to).filter(|d| self.patches.is_empty() && content(&self.left) != Some(*d))
    }

    fn reads(&self) -> Vec<Query> {
        let want = match &self.on {
            Resource::File(_) | Resource::Target(_) => {
                let meta = |s: &State| s.file().and_then(|f| f.meta.clone()).unwrap_or_default();
                let (left, to) = (meta(&self.left), meta(&self.to));
                let mut want = Want::META.and(Want::DIGEST).and(Want::CONTENT);
                if left.attributes != to.attributes {
                    want = want.and(Want::ATTRIBUTES);
                }
                if left.context != to.context {
                    want = want.and(Want::CONTEXT);
                }
                want
            }
            Resource::User(_) => SHADOW,
            _ => Want::META,
        };
        let mut queries = vec![Query::new(self.on.clone(), want)];
        let patches = self.patches.iter().flat_map(|(a, b)| [a, b]);
        let all = patches.copied().flatten().chain(self.brought());
        let want = Want::DIGEST.and(Want::CONTENT).and(Want::CIPHER);
        queries.extend(all.map(|digest| Query::new(self.kept(&digest), want)));
        queries
    }

    /// A content that was kept, if it still is what it was.
    fn content(&self, seen: &Observed, digest: &Digest) -> Result<Content, Failure> {
        match seen.get(&self.kept(digest)) {
            State::Content(content) if content.digest == *digest => Ok(content.clone()),
            State::Content(_) => Err(Failure::new("what was kept of it is damaged")),
            _ => Err(Failure::new("what was kept of it is gone")),
        }
    }

    fn text(&self, seen: &Observed, digest: Option<&Digest>) -> Result<String, Failure> {
        let Some(digest) = digest else {
            return Ok(String::new());
        };
        let content = self.content(seen, digest)?;
        let text = content.text().map(str::to_owned);
        text.ok_or_else(|| Failure::new("it is no text, so that lines cannot be taken out"))
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let now = seen.get(&self.on);
        if let State::Refused(why) = now {
            return Err(Failure::new(why.clone()));
        }
        let on = self.on.to_string();
        if self.patches.is_empty() && differs(&self.to, now, &self.left).is_none() {
            return Ok(Decision::ok(
                result! { "on" => on, "msg" => "it is as before" },
            ));
        }
        let alone = |how: String| {
            Ok(Decision::ok(result! {
                "on" => on.clone(), "left_alone" => true, "msg" => how,
            }))
        };
        if let Some(how) = differs(&self.expected(), now, &self.to) {
            return alone(how);
        }
        let after = match self.patches.is_empty() {
            true => self.after(seen, now)?,
            false => match self.patched(seen, now)? {
                Some(after) => after,
                None => {
                    return alone("its lines are not there any more as the run left them".into());
                }
            },
        };
        let mut decision = Decision::ok(result! { "on" => on.clone() });
        let mut change = Change::new(self.on.clone(), now.clone(), after);
        change.how.options = self.options(now);
        decision.set(change);
        Ok(decision)
    }

    /// What has to be there. Lines that are taken out of a text look for themselves whether they are
    /// still there, wherever it is known what they were.
    fn expected(&self) -> State {
        let known = |(after, _): &(Option<Digest>, Option<Digest>)| after.is_some();
        match &self.left {
            State::File(left) if !self.patches.is_empty() && self.patches.iter().all(known) => {
                State::File(FileState {
                    node: Node::File(None),
                    ..left.clone()
                })
            }
            left => left.clone(),
        }
    }

    fn after(&self, seen: &Observed, now: &State) -> Result<State, Failure> {
        Ok(match (&self.to, now) {
            (State::File(to), _) => {
                let mut after = to.clone();
                if let Node::File(content) = &mut after.node {
                    *content = match (self.brought(), now) {
                        (Some(digest), _) => Some(self.content(seen, &digest)?),
                        (None, State::File(now)) => now.content().cloned(),
                        _ => None,
                    };
                }
                State::File(after)
            }
            (State::Content(to), _) => {
                State::Text(self.text(seen, Some(&to.digest)).or_else(|failure| {
                    // A text that did not change was not kept anew, and need not be.
                    match now {
                        State::Text(text) if Digest::of(text.as_bytes()) == to.digest => {
                            Ok(text.clone())
                        }
                        _ => Err(failure),
                    }
                })?)
            }
            (to, now) => aspects(&self.left, to, now),
        })
    }

    /// What is there now without what some changes made of it; nothing where that is not there any more.
    fn patched(&self, seen: &Observed, now: &State) -> Result<Option<State>, Failure> {
        let State::File(file) = now else {
            return Err(Failure::new("it is no file"));
        };
        let text = file.content().and_then(Content::text).map(str::to_owned);
        let mut text = text.ok_or_else(|| Failure::new("it is no text"))?;
        for (after, before) in &self.patches {
            let before = self.text(seen, before.as_ref())?;
            let after = match after {
                Some(digest) => self.text(seen, Some(digest))?,
                None => text.clone(),
            };
            match super::put_back_as::without(&text, &after, &before) {
                Some(without) => text = without,
                None => return Ok(None),
            }
        }
        Ok(Some(State::File(FileState {
            node: Node::File(Some(Content::new(text.into_bytes()))),
            ..file.clone()
        })))
    }

    /// Options of the change that takes it back.
    fn options(&self, now: &State) -> Vec<(String, String)> {
        let option = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        let again = |names: &[&str]| {
            let options = self.options.iter();
            let named = options.filter(|(name, _)| names.contains(&name.as_str()));
            named.cloned().collect()
        };
        match (&self.on, now, &self.to) {
            (Resource::File(_), State::File(file), State::Absent) if file.is_dir() => {
                option("empty", "")
            }
            (Resource::User(_), _, State::Absent) => option("unused_home", ""),
            (Resource::User(_), State::Absent, State::User(to)) => {
                [option("home", &to.home), option("group", &to.group)].concat()
            }
            (
                Resource::Package {
                    manager: Manager::Apt,
                    ..
                },
                _,
                State::Package(to),
            ) if to.version.is_none() && !to.config_files => option("remove", "--purge"),
            (Resource::Mount(_), State::Mount(now), State::Mount(to)) => {
                let back = [("nosuid", "suid"), ("nodev", "dev"), ("noexec", "exec")];
                let lost = back.iter().filter(|(no, _)| now.has(no) && !to.has(no));
                let lost = lost.map(|(_, yes)| (*yes).to_owned());
                let all: Vec<_> = to.options.iter().cloned().chain(lost).collect();
                option("options", &format!("bind,{}", all.join(",")))
            }
            (Resource::Mount(_), State::Absent, State::Mount(to)) => {
                option("options", &to.options.join(","))
            }
            (Resource::Unit { .. }, ..) => again(&["scripts", "runlevel", "arguments", "force"]),
            (Resource::Hostname, ..) => again(&["use"]),
            (Resource::Sysctl(_), ..) => again(&["ignoreerrors"]),
            _ => Vec::new(),
        }
    }
}
