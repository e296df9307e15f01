//! The word for how something went on a host, of tasks and of controls alike.

/// How a task or a control went, or how a host stands: the worst of it. Ordered by how much it calls
/// for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    Ok,
    Pass,
    Skipped,
    NotApplicable,
    Manual,
    Waived,
    Ignored,
    Unknown,
    Fixed,
    Changed,
    /// It was not made right.
    Differs,
    Fail,
    Error,
    Failed,
    Unreachable,
}

/// What a status means to somebody who looks at many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// As it should be.
    Good,
    /// Nothing that was judged.
    Quiet,
    /// Not known.
    Unknown,
    /// It differed: drift if the run only looked, a change if it acted.
    Differs,
    /// It could not be done.
    Trouble,
}

/// The letter in a line of cells for a task that did not come to this host.
pub(super) const NOTHING: char = '.';

impl Status {
    pub const ALL: [Status; 15] = [
        Status::Ok,
        Status::Pass,
        Status::Skipped,
        Status::NotApplicable,
        Status::Manual,
        Status::Waived,
        Status::Ignored,
        Status::Unknown,
        Status::Fixed,
        Status::Changed,
        Status::Differs,
        Status::Fail,
        Status::Error,
        Status::Failed,
        Status::Unreachable,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Pass => "pass",
            Status::Skipped => "skipped",
            Status::NotApplicable => "not applicable",
            Status::Manual => "manual",
            Status::Waived => "waived",
            Status::Fixed => "fixed",
            Status::Changed => "changed",
            Status::Differs => "differs",
            Status::Ignored => "ignored",
            Status::Unknown => "unknown",
            Status::Fail => "fail",
            Status::Error => "error",
            Status::Failed => "failed",
            Status::Unreachable => "unreachable",
        }
    }

    /// As it is stored, one for each.
    pub(super) fn letter(self) -> char {
        match self {
            Status::Ok => 'o',
            Status::Pass => 'p',
            Status::Skipped => 's',
            Status::NotApplicable => 'n',
            Status::Manual => 'm',
            Status::Waived => 'w',
            Status::Fixed => 'x',
            Status::Changed => 'c',
            Status::Differs => 'd',
            Status::Ignored => 'i',
            Status::Unknown => 'u',
            Status::Fail => 'f',
            Status::Error => 'e',
            Status::Failed => 'F',
            Status::Unreachable => 'U',
        }
    }

    pub(super) fn of(letter: char) -> Option<Status> {
        Status::ALL.into_iter().find(|s| s.letter() == letter)
    }

    pub fn kind(self) -> Kind {
        match self {
            Status::Ok | Status::Pass => Kind::Good,
            Status::Skipped
            | Status::NotApplicable
            | Status::Manual
            | Status::Waived
            | Status::Ignored => Kind::Quiet,
            Status::Unknown => Kind::Unknown,
            Status::Changed | Status::Fixed | Status::Differs | Status::Fail => Kind::Differs,
            Status::Error | Status::Failed | Status::Unreachable => Kind::Trouble,
        }
    }

    /// Whether there is more to tell of it than its word.
    pub fn is_told(self) -> bool {
        !matches!(
            self,
            Status::Ok | Status::Pass | Status::Skipped | Status::NotApplicable | Status::Manual
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_letter_of_its_own() {
        for status in Status::ALL {
            assert_eq!(Status::of(status.letter()), Some(status));
            assert_ne!(status.letter(), NOTHING);
        }
        assert_eq!(Status::of(NOTHING), None);
        assert!(Status::ALL.is_sorted());
    }
}
