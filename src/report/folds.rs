//! Sections that the log of a CI service folds: one for each play.
//!
//! GitHub's runner takes any line that begins with `::` for a command, also one that a host printed.
//! So commands are switched off while anything of ours is printed, by a token nobody can guess.
//! Formats: "Workflow commands for GitHub Actions", "Custom collapsible sections" of GitLab.

use std::time::{SystemTime, UNIX_EPOCH};

/// Whose log it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Folds {
    #[default]
    None,
    /// With the token that switches commands on again.
    Github(String),
    Gitlab,
}

impl Folds {
    /// What the environment says, which is `name` to value.
    pub fn of(env: impl Fn(&str) -> Option<String>, token: impl Fn() -> String) -> Folds {
        let is_set = |name: &str| env(name).is_some_and(|v| v == "true");
        if is_set("GITHUB_ACTIONS") {
            Folds::Github(token())
        } else if is_set("GITLAB_CI") {
            Folds::Gitlab
        } else {
            Folds::None
        }
    }

    /// Begins a section. `title` is one line, made safe already.
    pub(super) fn open(&self, number: usize, title: &str) -> String {
        match self {
            Folds::None => String::new(),
            Folds::Github(token) => {
                let title = title.replace('%', "%25");
                format!("::group::{title}\n::stop-commands::{token}\n")
            }
            Folds::Gitlab => {
                let now = now();
                format!("\x1b[0Ksection_start:{now}:palisade_{number}\r\x1b[0K")
            }
        }
    }

    /// Ends the section that was begun last.
    pub(super) fn close(&self, number: usize) -> String {
        match self {
            Folds::None => String::new(),
            Folds::Github(token) => format!("::{token}::\n::endgroup::\n"),
            Folds::Gitlab => {
                let now = now();
                format!("\x1b[0Ksection_end:{now}:palisade_{number}\r\x1b[0K")
            }
        }
    }

    /// Around what stands in no section.
    pub(super) fn bare(&self, text: &str) -> String {
        match self {
            Folds::Github(token) => format!("::stop-commands::{token}\n{text}::{token}::\n"),
            Folds::None | Folds::Gitlab => text.to_owned(),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the format wants a time, and nothing is decided by it"
)]
fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_is_known_by_its_variable() {
        let with = |name: &'static str, value: &'static str| {
            Folds::of(|n| (n == name).then(|| value.into()), || "t".into())
        };
        assert_eq!(with("GITHUB_ACTIONS", "true"), Folds::Github("t".into()));
        assert_eq!(with("GITLAB_CI", "true"), Folds::Gitlab);
        assert_eq!(with("GITLAB_CI", "false"), Folds::None);
    }
}
