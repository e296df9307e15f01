//! What verbs that read the history share: where it is, and since when.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::history::{Hits, Place, Run, Store, Trouble};
use crate::source::{Code, Diagnostic};

use super::kept;

/// Which runs.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "History")]
pub struct Past {
    /// Runs that began at most so long ago, or on this day or later: 7d, 12h, 2026-11-01
    #[arg(long, value_name = "AGE|DATE", value_parser = since)]
    pub since: Option<Timestamp>,
    /// Runs of this job: a schedule's name for it, or a command with what it was of (`drift site.yml`)
    #[arg(long, value_name = "JOB")]
    pub job: Option<String>,
    /// The history: a file, or postgres://USER@HOST/DATABASE
    #[arg(long, value_name = "FILE|URL")]
    pub store: Option<String>,
}

impl Past {
    /// The history, if there is one.
    pub fn open(&self) -> Result<Store, Diagnostic> {
        let Some(place) = kept::place(self.store.as_deref())? else {
            return Err(
                Diagnostic::bare("there is no history: PALISADE_STORE is `none`").code(Code::Store),
            );
        };
        if let Place::File(path) = &place
            && !path.exists()
        {
            let text = format!("there is no history {}", path.display());
            let hint = "runs of playbook, drift, audit and harden write it; --store names another";
            return Err(Diagnostic::bare(text).code(Code::Store).hint(hint));
        }
        Store::open(&place).map_err(said)
    }
}

/// Trouble with the history, as a mistake.
pub fn said(trouble: Trouble) -> Diagnostic {
    let hint = match &trouble {
        Trouble::Newer { .. } => Some("a newer palisade wrote it: use that one"),
        Trouble::Closed { .. } | Trouble::Said { .. } => None,
    };
    let mistake = Diagnostic::bare(trouble.to_string()).code(Code::Store);
    hint.into_iter().fold(mistake, Diagnostic::hint)
}

/// The run that is meant.
pub fn find(store: &mut Store, word: &str) -> Result<Run, Diagnostic> {
    match store.find(word).map_err(said)? {
        Hits::One(run) => Ok(*run),
        Hits::None if word == "last" => {
            Err(Diagnostic::bare("the history has no runs").code(Code::NoSuchRun))
        }
        Hits::None => Err(Diagnostic::bare(format!("the history has no run `{word}`"))
            .code(Code::NoSuchRun)
            .hint("`palisade history` lists them")),
        Hits::Many(names) => Err(Diagnostic::bare(format!("`{word}` begins several runs"))
            .code(Code::NoSuchRun)
            .hint(format!("one of {}", names.join(", ")))),
    }
}

/// `90d`, `12h`, `30m`, `2w`
pub fn age(word: &str) -> Result<Duration, String> {
    let wrong = || "an age, as in `90d`, `12h`, `30m` or `2w`".to_owned();
    let (number, unit) = word.split_at(word.trim_end_matches(char::is_alphabetic).len());
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        "w" => 7 * 24 * 3600,
        _ => return Err(wrong()),
    };
    let seconds = number.checked_mul(unit).ok_or_else(wrong)?;
    Ok(Duration::from_secs(seconds))
}

fn since(word: &str) -> Result<Timestamp, String> {
    if let Ok(time) = word.parse::<Timestamp>() {
        return Ok(time);
    }
    if let Ok(date) = word.parse::<Date>() {
        let midnight = date.to_zoned(TimeZone::UTC).map_err(|e| e.to_string())?;
        return Ok(midnight.timestamp());
    }
    let age = age(word).map_err(|e| format!("{e}, or a day as in `2026-11-01`"))?;
    // What is older than time itself is everything.
    Ok(Timestamp::now().checked_sub(age).unwrap_or(Timestamp::MIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_days_are_read_and_slips_are_not() {
        assert_eq!(age("90d").unwrap(), Duration::from_secs(90 * 86400));
        assert_eq!(age("2w").unwrap(), age("14d").unwrap());
        assert!(age("7").is_err() && age("d").is_err() && age("-1d").is_err());
        assert!(age("99999999999999999999d").is_err());
        assert_eq!(
            since("2026-11-01").unwrap().to_string(),
            "2026-11-01T00:00:00Z"
        );
        assert!(since("7d").unwrap() < Timestamp::now());
        assert!(since("yesterday").unwrap_err().contains("2026-11-01"));
    }
}
