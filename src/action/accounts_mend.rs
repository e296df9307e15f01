//! How accounts and their files are mended where a rule of `accounts` is broken.

use crate::resource::file::{FileState, Owner};
use crate::resource::user::UserState;
use crate::resource::{Change, RemotePath, Resource, State};

use super::accounts::{Args, Rule};
use super::accounts_text::User;
use super::{Failure, Observed, place};

/// Days that are left to somebody whose password gets an age.
const GRACE: i64 = 7;

/// What came of looking: who breaks the rule and only a person can mend it, and what will be done.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) findings: Vec<String>,
    pub(crate) changes: Vec<Change>,
}
impl Args {
    pub(crate) fn mend_ages(&self, seen: &Observed, users: &[User]) -> Result<Outcome, Failure> {
        let mut out = Outcome::default();
        for user in self.candidates(seen, users) {
            let Some(before) = account(seen, user)? else {
                continue;
            };
            let shadow = user.shadow.clone().unwrap_or_default();
            let (days, wanted) = match self.rule {
                Rule::MaxAge => (before.max_days, self.at_most),
                Rule::MinAge => (before.min_days, self.at_least),
                Rule::Warning => (before.warn_days, self.at_least),
                _ => (before.inactive_days, self.at_most),
            };
            if self.keeps(days) {
                continue;
            }
            // When the account would be shut, if the age counted from the last change.
            let ends = match self.rule {
                Rule::MaxAge => wanted,
                Rule::Inactive => before.max_days.filter(|m| *m >= 0 && *m < 99999),
                _ => None,
            };
            let ends = ends
                .zip(shadow.changed)
                .map(|(days, changed)| days + changed);
            let shut = self
                .today
                .zip(ends)
                .is_some_and(|(today, end)| end < today + GRACE);
            if shut || shadow.changed == Some(0) {
                out.findings
                    .push(format!("{} (the password is too old already)", user.name));
                continue;
            }
            let mut after = before.clone();
            match self.rule {
                Rule::MaxAge => after.max_days = wanted,
                Rule::MinAge => after.min_days = wanted,
                Rule::Warning => after.warn_days = wanted,
                _ => after.inactive_days = wanted,
            }
            out.change(user, before, after);
        }
        Ok(out)
    }

    pub(crate) fn mend_logins(&self, seen: &Observed, users: &[User]) -> Result<Outcome, Failure> {
        let mut out = Outcome::default();
        for user in self.candidates(seen, users) {
            let Some(before) = account(seen, user)? else {
                continue;
            };
            let mut after = before.clone();
            let open = User {
                shell: before.shell.clone(),
                ..user.clone()
            };
            match self.rule {
                Rule::SystemShells if open.has_shell() => after.shell.clone_from(&self.shell),
                Rule::Locked => {
                    let hash = before.password.clone().unwrap_or_default();
                    if !hash.starts_with(['!', '*']) {
                        after.password = Some(format!("!{hash}"));
                    }
                }
                _ => {}
            }
            out.change(user, before, after);
        }
        Ok(out)
    }

    fn mask(&self, usual: u32) -> u32 {
        self.mask.as_ref().map_or(usual, |m| m.apply(0, false))
    }

    pub(crate) fn mend_homes(&self, seen: &Observed, users: &[User]) -> Outcome {
        let mut out = Outcome::default();
        for (user, home) in self.homes(users) {
            match seen.get(&Resource::Target(home.clone())) {
                State::File(file) if file.is_dir() => {
                    // What is decided is decided about the path itself, so links are left to people.
                    let own = seen.get(&place::file(&home)).file().filter(|f| f.is_dir());
                    let mut after = own.unwrap_or(file).clone();
                    after.mode &= !self.mask(0o027);
                    after.owner = owner(user.uid, &user.name, &after.owner);
                    match own {
                        Some(before) => out.file(&home, before, after),
                        None if !file.same(&after) => {
                            out.findings
                                .push(format!("{} ({home} leads elsewhere)", user.name));
                        }
                        None => {}
                    }
                }
                _ => out
                    .findings
                    .push(format!("{} (no home at {home})", user.name)),
            }
        }
        out
    }

    pub(crate) fn mend_dot_files(&self, seen: &Observed, users: &[User]) -> Outcome {
        let mut out = Outcome::default();
        for (user, path) in self.dot_files(seen, users) {
            let Some(before) = seen.get(&place::file(&path)).file().filter(|f| f.is_file()) else {
                continue;
            };
            if [".rhosts", ".shosts", ".forward"].contains(&path.name()) {
                out.findings.push(path.to_string());
                continue;
            }
            let private = [".netrc", ".bash_history"].contains(&path.name());
            let mut after = before.clone();
            after.mode &= !(if private { 0o177 } else { self.mask(0o133) });
            after.owner = owner(user.uid, &user.name, &after.owner);
            out.file(&path, before, after);
        }
        out
    }
}

/// The owner that it should be, as it was seen where it is that one.
fn owner(uid: Option<u32>, name: &str, now: &Owner) -> Owner {
    match uid {
        Some(uid) if now.id != Some(uid) => Owner::known(uid, name),
        _ => now.clone(),
    }
}

fn account<'a>(seen: &'a Observed, user: &User) -> Result<Option<&'a UserState>, Failure> {
    match seen.get(&Resource::User(user.name.clone())) {
        State::User(state) => Ok(Some(state)),
        State::Refused(why) => Err(Failure::new(format!("cannot look at {}: {why}", user.name))),
        _ => Ok(None),
    }
}

impl Outcome {
    fn change(&mut self, user: &User, before: &UserState, after: UserState) {
        let on = Resource::User(user.name.clone());
        let change = Change::new(on, State::User(before.clone()), State::User(after));
        if !change.is_empty() {
            self.changes.push(change);
        }
    }

    fn file(&mut self, path: &RemotePath, before: &FileState, after: FileState) {
        let mut after = after;
        after.meta = None;
        let change = Change::new(
            place::file(path),
            State::File(before.clone()),
            State::File(after),
        );
        if !change.is_empty() {
            self.changes.push(change);
        }
    }
}
