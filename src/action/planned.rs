//! Does what a saved plan holds, where the host still is as it was when the plan was made.
//!
//! Made by `palisade apply`, never written by people, so it stands in no documentation. Changed when
//! something is done. One that looks compares all that the plan changes on a host; what is no longer as
//! it was then, nor as the plan leaves it, is left alone, and the result says how it differs.

use base64::Engine as _;
use serde_json::{Value as Json, json};

use super::carried::{self, encoded};
use super::put_back_as::{aspects, differs};
use super::{ArgError, Decision, Done, Failure, Observed, Spec, Task};
use crate::resource::file::Node;
use crate::resource::user::SHADOW;
use crate::resource::{
    Change, Content, Digest, Folder, Query, Resource, Run, State, Want, change::How, whole,
};
use crate::result;
use crate::source::{Mapping, Value};

crate::args! {
    pub(crate) struct Args {
        /// What to do, as JSON in base64: nothing in it is a template.
        step: String = required;
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "planned",
    collection: "palisade",
    aliases: &[],
    summary: "Does what a saved plan holds",
    notes: "Changed when something is done.",
    examples: "",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

enum What {
    Look(Vec<Ends>),
    Change {
        ends: Box<Ends>,
        how: How,
        /// A content that is read from the controller's files: its digest and its path.
        from: Option<(Digest, String)>,
    },
    Run(Box<Run>),
}

/// One thing, how it has to be, and how it will be.
struct Ends {
    on: Resource,
    before: State,
    after: State,
    /// Where an apply goes on: what may have become of it by then.
    since: Vec<Ends>,
}

/// The argument for a change or a run, in the words of the plan. Contents are given by their digests, each
/// as base64 or as the path of a file of the controller's. `since` are changes that come later.
pub fn step(kind: &str, of: &Json, contents: &Json, since: &[Json]) -> String {
    encoded(&json!({ kind: of, "contents": contents, "since": since }))
}

/// The argument for looking at everything that a plan changes. Where an apply goes on, each has its changes
/// in `since`.
pub fn look(all: &[Json]) -> String {
    encoded(&json!({ "look": all }))
}

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    let wrong = ArgError::new("step", "this is no step of a saved plan");
    carried::task(&args.step, read, wrong)
}

fn read(json: &Json) -> Option<What> {
    if let Some(all) = json.get("look").and_then(Json::as_array) {
        return all
            .iter()
            .map(ends)
            .collect::<Option<Vec<_>>>()
            .map(What::Look);
    }
    let bytes = |digest: &Digest| content(json.get("contents")?, digest);
    if let Some(run) = json.get("run") {
        return Some(What::Run(Box::new(whole::read_run(run, &bytes)?)));
    }
    let Change {
        on,
        before,
        after,
        how,
    } = whole::read_change(json.get("change")?, &bytes)?;
    let from = after.file().and_then(|f| f.content()).and_then(|c| {
        let path = c.source.as_ref()?;
        Some((c.digest, path.display().to_string()))
    });
    let ends = Box::new(Ends {
        on,
        before,
        after,
        since: since(json)?,
    });
    Some(What::Change { ends, how, from })
}

/// A content that came with the step, or the file that it is to be read from.
fn content(all: &Json, digest: &Digest) -> Option<Content> {
    let of = all.get(digest.to_string())?;
    if let Some(text) = of.get("base64").and_then(Json::as_str) {
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(text)
            .ok()?;
        return Some(Content::new(bytes)).filter(|c| c.digest == *digest);
    }
    let size = of.get("size").and_then(Json::as_u64)?;
    let mut content = Content::digest_only(*digest, size);
    content.source = Some(of.get("file")?.as_str()?.into());
    Some(content)
}

/// What is only compared needs no bytes.
fn ends(of: &Json) -> Option<Ends> {
    let mut before = whole::read_state(of.get("before")?)?;
    let mut after = whole::read_state(of.get("after")?)?;
    if let (State::User(before), State::User(after), Some(ends)) =
        (&mut before, &mut after, of.get("password"))
    {
        let word = |key: &str| ends.get(key).and_then(Json::as_str).map(str::to_owned);
        (before.password, after.password) = (word("before"), word("after"));
    }
    Some(Ends {
        on: whole::read_resource(of.get("what")?)?,
        before,
        after,
        since: since(of)?,
    })
}

fn since(of: &Json) -> Option<Vec<Ends>> {
    let all = of.get("since").and_then(Json::as_array);
    all.into_iter().flatten().map(ends).collect()
}

impl Task for What {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        match self {
            What::Look(all) => all.iter().map(Ends::query).collect(),
            What::Change { ends, from, .. } => {
                let mut queries = vec![ends.query()];
                queries.extend(from.as_ref().map(|(_, path)| file(path)));
                queries
            }
            What::Run(_) => Vec::new(),
        }
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        match self {
            What::Look(all) => Ok(Decision::ok(looked(all, seen))),
            What::Change { ends, how, from } => ends.decide(seen, how, from.as_ref()),
            What::Run(run) => {
                let mut decision = Decision::default();
                decision.run((**run).clone());
                Ok(decision)
            }
        }
    }

    fn conclude(&self, decision: &Decision, done: &[Done]) -> Result<Mapping, Failure> {
        match self {
            What::Run(_) => super::ran::conclude(decision, done, true),
            _ => Ok(decision.result.clone()),
        }
    }
}

fn file(path: &str) -> Query {
    let on = Resource::Local {
        path: path.to_owned(),
        folder: Folder::Files,
    };
    Query::new(on, Want::DIGEST.and(Want::CONTENT).and(Want::CIPHER))
}

/// Whether a host is as it was when the plan was made, or as the plan leaves it.
fn looked(all: &[Ends], seen: &Observed) -> Mapping {
    let now = |e: &Ends| seen.get(&e.on).clone();
    let stale: Vec<(&Ends, String)> = all
        .iter()
        .filter(|e| !e.was_done(&now(e)))
        .filter_map(|e| Some((e, e.is_stale(&now(e))?)))
        .collect();
    if stale.is_empty() {
        return result! { "msg" => "it is as it was when the plan was made" };
    }
    // What has no two ends to be told apart says nothing of whether it was done.
    let mut telling = all.iter().filter(|e| e.tells()).peekable();
    if telling.peek().is_some() && telling.all(|e| e.is_done(&now(e))) {
        return result! { "nothing" => true, "msg" => "it is as the plan leaves it" };
    }
    let lines = stale.iter().map(|(e, how)| {
        let why = match e.is_done(&now(e)) {
            true => "somebody did this since".to_owned(),
            false => how.clone(),
        };
        let line = result! { "on" => e.on.to_string(), "why" => why };
        Value::Mapping(line)
    });
    let differs: Vec<Value> = lines.collect();
    let first = &stale[0];
    result! {
        "left_alone" => true, "differs" => differs,
        "on" => first.0.on.to_string(), "msg" => first.1.clone(),
    }
}

impl Ends {
    fn query(&self) -> Query {
        let want = match &self.on {
            Resource::File(_) | Resource::Target(_) => {
                let meta = |s: &State| s.file().and_then(|f| f.meta.clone()).unwrap_or_default();
                let (before, after) = (meta(&self.before), meta(&self.after));
                let mut want = Want::META.and(Want::DIGEST).and(Want::CONTENT);
                if before.attributes != after.attributes {
                    want = want.and(Want::ATTRIBUTES);
                }
                if before.context != after.context {
                    want = want.and(Want::CONTEXT);
                }
                want
            }
            Resource::User(_) => SHADOW,
            _ => Want::META,
        };
        Query::new(self.on.clone(), want)
    }

    /// Whether the two ends can be told apart by looking.
    fn tells(&self) -> bool {
        differs(&self.before, &self.after, &self.after).is_some()
            || passwords(&self.before, &self.after).is_some()
    }

    /// How it is not as it was, where that is so.
    fn is_stale(&self, now: &State) -> Option<String> {
        match (&self.before, now) {
            (_, State::Refused(why)) => Some(why.clone()),
            // That a list of packages is older or newer changes nothing about refreshing it.
            (State::Index(_), _) | (_, State::Index(_)) => None,
            (before, now) => differs(before, now, &self.after).or_else(|| {
                passwords(&self.before, &self.after)?;
                passwords(&self.before, now)
            }),
        }
    }

    /// Whether it is as the apply that is gone on with may have left it.
    fn was_done(&self, now: &State) -> bool {
        self.since.iter().any(|later| later.is_done(now))
    }

    fn is_done(&self, now: &State) -> bool {
        if matches!(self.after, State::Index(_)) {
            return false;
        }
        let password = passwords(&self.before, &self.after)
            .and_then(|_| passwords(&self.after, now))
            .is_none();
        differs(&self.after, now, &self.before).is_none() && password
    }

    fn decide(
        &self,
        seen: &Observed,
        how: &How,
        from: Option<&(Digest, String)>,
    ) -> Result<Decision, Failure> {
        let now = seen.get(&self.on);
        let on = self.on.to_string();
        if self.was_done(now) || self.tells() && self.is_done(now) && !sets_times(how) {
            let msg = "it is as the plan leaves it";
            return Ok(Decision::ok(result! { "on" => on, "msg" => msg }));
        }
        if let Some(why) = self.is_stale(now) {
            let result = result! { "on" => on, "left_alone" => true, "msg" => why.clone() };
            let message = why;
            return Err(Failure { message, result });
        }
        let mut decision = Decision::ok(result! { "on" => on });
        let mut change = Change::new(self.on.clone(), now.clone(), self.made(seen, now, from)?);
        change.how = how.clone();
        decision.set(change);
        Ok(decision)
    }

    /// How it is to be, given how it is.
    fn made(
        &self,
        seen: &Observed,
        now: &State,
        from: Option<&(Digest, String)>,
    ) -> Result<State, Failure> {
        match (&self.after, now) {
            (State::File(to), _) => {
                let mut after = to.clone();
                if let Node::File(content) = &mut after.node {
                    let mine = content.as_ref().map(|c| c.digest);
                    match (from, now) {
                        (Some((digest, path)), _) => *content = Some(found(seen, digest, path)?),
                        // Bytes that stay are those that are there.
                        (None, State::File(now))
                            if now.content().map(|c| c.digest) == mine || mine.is_none() =>
                        {
                            *content = now.content().cloned();
                        }
                        _ => {}
                    }
                }
                Ok(State::File(after))
            }
            (State::Unit(to), State::Unit(_)) => match aspects(&self.before, &self.after, now) {
                State::Unit(mut unit) => {
                    unit.kick = to.kick;
                    Ok(State::Unit(unit))
                }
                other => Ok(other),
            },
            (State::User(to), State::User(_)) => match aspects(&self.before, &self.after, now) {
                State::User(mut user) => {
                    if passwords(&self.before, &self.after).is_some() {
                        user.password.clone_from(&to.password);
                    }
                    Ok(State::User(user))
                }
                other => Ok(other),
            },
            (State::Index(to), State::Index(now)) => {
                let mut after = now.clone();
                after.refreshed = now.now.max(to.refreshed);
                Ok(State::Index(after))
            }
            (_, now) => Ok(aspects(&self.before, &self.after, now)),
        }
    }
}

/// Times are no part of either end: a change that sets them is made again.
fn sets_times(how: &How) -> bool {
    let more = ["mtime", "atime", "hard_link_to"];
    more.iter().any(|o| how.option(o).is_some())
}

/// How two passwords differ, where both are those of accounts. What they are is not said.
fn passwords(a: &State, b: &State) -> Option<String> {
    match (a, b) {
        (State::User(a), State::User(b)) if a.password != b.password => {
            Some("its password is another".into())
        }
        _ => None,
    }
}

/// A content that did not travel with the plan, if it still is what it was.
fn found(seen: &Observed, digest: &Digest, path: &str) -> Result<Content, Failure> {
    match seen.get(&file(path).on) {
        State::Content(content) if content.digest == *digest => Ok(content.clone()),
        State::Content(_) => Err(Failure::new(format!(
            "{path} is not what it was when the plan was made"
        ))),
        _ => Err(Failure::new(format!(
            "{path}, which the plan brings, is gone"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::unit::{Kick, UnitState};
    use crate::resource::user::UserState;

    fn ends(before: State, after: State) -> Ends {
        let on = Resource::Hostname;
        Ends {
            on,
            before,
            after,
            since: Vec::new(),
        }
    }

    fn see(state: State) -> Observed {
        let mut seen = Observed::default();
        seen.put(Query::new(Resource::Hostname, Want::META), state);
        seen
    }

    fn sysctl(value: &str) -> State {
        State::Sysctl(value.into())
    }

    #[test]
    fn a_host_is_as_it_was_as_it_will_be_or_left_alone() {
        let all = [ends(sysctl("0"), sysctl("1"))];
        let word = |now: &str| looked(&all, &see(sysctl(now)));
        assert!(word("0").get("left_alone").is_none() && word("0").get("nothing").is_none());
        assert!(word("1").get("nothing").is_some());
        let stale = word("2");
        assert!(stale.get("left_alone").is_some(), "{stale:?}");
        let said = stale.get("msg").and_then(Value::as_str);
        assert_eq!(said, Some("it is 2 now, not 0"));
    }

    #[test]
    fn a_step_is_made_only_from_where_it_was_planned() {
        let one = ends(sysctl("0"), sysctl("1"));
        let how = How::default();
        let decide = |now| one.decide(&see(sysctl(now)), &how, None);
        assert_eq!(decide("0").unwrap().steps.len(), 1);
        assert!(decide("1").unwrap().steps.is_empty());
        let failure = decide("7").unwrap_err();
        assert!(failure.result.contains_key("left_alone"));
    }

    #[test]
    fn an_apply_that_goes_on_passes_over_what_it_did() {
        let two = || ends(sysctl("1"), sysctl("2"));
        let mut one = ends(sysctl("0"), sysctl("1"));
        one.since = vec![two()];
        let decide = |now| one.decide(&see(sysctl(now)), &How::default(), None);
        assert_eq!(decide("0").unwrap().steps.len(), 1);
        assert!(decide("2").unwrap().steps.is_empty());
        assert!(decide("7").is_err());
        let mut all = ends(sysctl("0"), sysctl("2"));
        all.since = vec![ends(sysctl("0"), sysctl("1")), two()];
        let word = |now: &str| looked(std::slice::from_ref(&all), &see(sysctl(now)));
        for now in ["0", "1", "2"] {
            let said = word(now);
            assert!(!said.contains_key("left_alone") && !said.contains_key("nothing"));
        }
        assert!(word("7").contains_key("left_alone"));
    }

    #[test]
    fn a_restart_says_nothing_of_whether_it_was_done() {
        let unit = |kick| {
            State::Unit(UnitState {
                exists: true,
                running: true,
                kick,
                ..UnitState::default()
            })
        };
        let one = ends(unit(None), unit(Some(Kick::Restart)));
        assert!(!one.tells());
        let decision = one.decide(&see(unit(None)), &How::default(), None).unwrap();
        assert_eq!(decision.steps.len(), 1);
    }

    #[test]
    fn a_password_is_compared_only_where_it_is_changed() {
        let user = |password: &str| {
            State::User(UserState {
                password: Some(password.into()),
                ..UserState::default()
            })
        };
        let one = ends(user("!"), user("$6$a"));
        assert!(one.tells() && one.is_stale(&user("!")).is_none());
        assert!(one.is_done(&user("$6$a")) && one.is_stale(&user("$6$b")).is_some());
        let other = ends(user("!"), user("!"));
        assert!(other.is_stale(&user("$6$b")).is_none());
    }
}
