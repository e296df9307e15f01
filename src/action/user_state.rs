//! What an account will be, out of what it is and what a task says of it.

use std::collections::BTreeSet;

use crate::resource::group::GroupState;
use crate::resource::user::UserState;
use crate::resource::{Resource, State};
use crate::source::Mapping;

use super::user::{Args, Update};
use super::{Failure, Observed};

/// Seconds of a day.
const DAY: f64 = 86_400.0;

impl Args {
    fn group_state<'a>(&self, seen: &'a Observed, name: &str) -> Result<&'a GroupState, Failure> {
        match seen.get(&Resource::Group(name.to_owned())) {
            State::Group(group) => Ok(group),
            _ => Err(Failure::new(format!("Group {name} does not exist"))),
        }
    }

    /// What a new account is before anything is said of it.
    pub(super) fn fresh(&self) -> UserState {
        UserState {
            unnumbered: true,
            group: self.name.clone(),
            home: format!("/home/{}", self.name),
            local: true,
            home_exists: self.create_home,
            ..UserState::default()
        }
    }

    pub(super) fn after(
        &self,
        seen: &Observed,
        before: Option<&UserState>,
    ) -> Result<UserState, Failure> {
        let mut after = before.cloned().unwrap_or_else(|| self.fresh());
        if let Some(uid) = self.uid.and_then(|u| u32::try_from(u).ok()) {
            (after.uid, after.unnumbered) = (uid, false);
        }
        if let Some(group) = &self.group {
            let state = self.group_state(seen, group)?;
            if before.is_none() || state.id() != Some(after.gid) {
                after.gid = state.gid;
                after.group.clone_from(group);
            }
        }
        if let Some(groups) = &self.groups {
            for group in groups {
                self.group_state(seen, group)?;
            }
            let mut set: BTreeSet<String> = groups.iter().cloned().collect();
            if before.is_some() {
                set.remove(&after.group);
            }
            if self.append {
                set.extend(after.groups.iter().cloned());
            }
            after.groups = set.into_iter().collect();
        }
        for (field, given) in [
            (&mut after.comment, &self.comment),
            (&mut after.shell, &self.shell),
            (&mut after.home, &self.home),
        ] {
            if let Some(given) = given {
                field.clone_from(given);
            }
        }
        if self.create_home {
            after.home_exists = true;
        }
        if let Some(expires) = self.expires {
            after.expires = days(expires);
        }
        for (field, given) in [
            (&mut after.min_days, self.password_expire_min),
            (&mut after.max_days, self.password_expire_max),
            (&mut after.warn_days, self.password_expire_warn),
            (
                &mut after.inactive_days,
                self.password_expire_account_disable,
            ),
        ] {
            if let Some(given) = given {
                *field = Some(given).filter(|d| *d >= 0);
            }
        }
        after.password = self.password_after(before);
        Ok(after)
    }

    /// The password field as it is to be; as it is where nothing is said.
    fn password_after(&self, before: Option<&UserState>) -> Option<String> {
        let present = before.and_then(|b| b.password.clone());
        let bare = |p: &str| p.trim_start_matches('!').to_owned();
        let given = self
            .password
            .as_ref()
            .filter(|_| before.is_none() || self.update_password == Update::Always);
        let chosen = match (given, &present) {
            (Some(given), Some(is)) if bare(given) == bare(is) => present.clone(),
            (Some(given), _) => Some(given.clone()),
            (None, _) => present,
        };
        match (self.password_lock, chosen) {
            (Some(true), Some(p)) if !p.starts_with('!') => Some(format!("!{p}")),
            (Some(false), Some(p)) if p.len() > 1 => {
                Some(p.strip_prefix('!').map(str::to_owned).unwrap_or(p))
            }
            (_, chosen) => chosen,
        }
    }

    /// The home its key is below: the one it will have.
    pub(super) fn home(&self, before: Option<&UserState>) -> String {
        let present = before.map(|b| b.home.clone());
        self.home
            .clone()
            .or(present)
            .unwrap_or_else(|| self.fresh().home)
    }
}

/// What results say of an account.
pub(super) fn describe(map: &mut Mapping, user: &UserState) {
    map.insert("comment".into(), user.comment.as_str().into());
    map.insert("home".into(), user.home.as_str().into());
    map.insert("shell".into(), user.shell.as_str().into());
    if let Some(uid) = user.id() {
        map.insert("uid".into(), uid.into());
    }
    if has_group(user) {
        map.insert("group".into(), user.gid.into());
    }
}

/// The number of a group that is made with the account is not known before.
pub(super) fn has_group(user: &UserState) -> bool {
    user.gid != 0 || user.group == "root"
}

#[expect(clippy::cast_possible_truncation, reason = "days of a calendar")]
fn days(seconds: f64) -> Option<i64> {
    (seconds >= 0.0).then_some((seconds / DAY).floor() as i64)
}

/// Whether a text looks like what the shadow file holds.
pub(super) fn is_hashed(password: &str) -> bool {
    let bare = password.trim_start_matches('!');
    let modular = bare.starts_with('$') && bare.matches('$').count() >= 3;
    let des = bare.len() == 13
        && bare
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"./".contains(&b));
    bare.is_empty() || bare == "*" || bare == "x" || bare.starts_with('_') || modular || des
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(yaml: &str) -> Args {
        let mut map: Mapping = serde_yaml::from_str(yaml).unwrap();
        map.insert("name".into(), "ann".into());
        Args::read(map).unwrap()
    }

    #[test]
    fn a_lock_is_part_of_the_password() {
        let user = |p: &str| UserState {
            password: Some(p.into()),
            ..UserState::default()
        };
        let after = |yaml: &str, p: &str| args(yaml).password_after(Some(&user(p)));
        assert_eq!(
            after("{password_lock: true}", "$6$a$b").as_deref(),
            Some("!$6$a$b")
        );
        assert_eq!(
            after("{password_lock: false}", "!$6$a$b").as_deref(),
            Some("$6$a$b")
        );
        assert_eq!(
            after("{password: $6$a$b}", "!$6$a$b").as_deref(),
            Some("!$6$a$b")
        );
        assert_eq!(
            after("{password: $6$c$d, update_password: on_create}", "x").as_deref(),
            Some("x")
        );
        assert_eq!(after("{password: $6$c$d}", "x").as_deref(), Some("$6$c$d"));
    }

    #[test]
    fn hashes_are_told_from_words() {
        for hash in [
            "$6$salt$hash",
            "!",
            "*",
            "",
            "!!",
            "abcdefghijklm",
            "$y$j9T$a$b",
        ] {
            assert!(is_hashed(hash), "{hash}");
        }
        assert!(!is_hashed("secret") && !is_hashed("$6$x"));
    }
}
