//! What a setting may be: one value, a bound, or one of several. What satisfies it already stays as
//! it is.

use super::ArgError;
use super::arg;
use crate::source::Value;

/// The arguments `value`, `at_most`, `at_least` and `one_of` of an action that sets one thing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Wish {
    pub(crate) value: Option<String>,
    pub(crate) at_most: Option<i64>,
    pub(crate) at_least: Option<i64>,
    pub(crate) one_of: Vec<String>,
}

impl Wish {
    /// Refuses wishes that say nothing, or too much.
    pub(crate) fn check(&self) -> Result<(), ArgError> {
        let bounded = self.at_most.is_some() || self.at_least.is_some();
        super::place::exclusive(&[
            ("value", self.value.is_some()),
            ("one_of", !self.one_of.is_empty()),
            ("at_most", bounded),
        ])?;
        if let (Some(least), Some(most)) = (self.at_least, self.at_most)
            && least > most
        {
            let message = format!("nothing is at least {least} and at most {most}");
            return Err(ArgError::new("at_least", message));
        }
        let values = self.value.iter().chain(&self.one_of);
        match values.into_iter().find(|v| v.contains(['\n', '\0'])) {
            Some(_) => Err(ArgError::new("value", "a value is one line")),
            None => Ok(()),
        }
    }

    /// Whether anything is wished.
    pub(crate) fn is_some(&self) -> bool {
        *self != Wish::default()
    }

    /// Whether a value that is there will do. `number` reads one as the program does.
    pub(crate) fn accepts(&self, found: &str, number: impl Fn(&str) -> Option<i64>) -> bool {
        if let Some(value) = &self.value {
            return same(value, found);
        }
        if !self.one_of.is_empty() {
            return self.one_of.iter().any(|v| same(v, found));
        }
        let Some(found) = number(found) else {
            return false;
        };
        self.at_most.is_none_or(|most| found <= most)
            && self.at_least.is_none_or(|least| found >= least)
    }

    /// What to write where the present value will not do: the value, the first choice, the bound
    /// that is passed.
    pub(crate) fn goal(&self, found: Option<&str>, number: impl Fn(&str) -> Option<i64>) -> String {
        if let Some(value) = self.value.as_ref().or(self.one_of.first()) {
            return value.clone();
        }
        let low = found
            .and_then(number)
            .zip(self.at_least)
            .is_some_and(|(found, least)| found < least && found > 0);
        let bound = match (low, self.at_least, self.at_most) {
            (true, Some(least), _) | (false, Some(least), None) => Some(least),
            (_, _, most) => most,
        };
        bound.map(|b| b.to_string()).unwrap_or_default()
    }

    /// The wish in words.
    pub(crate) fn words(&self) -> String {
        if let Some(value) = &self.value {
            return value.clone();
        }
        if !self.one_of.is_empty() {
            return format!("one of {}", self.one_of.join(", "));
        }
        let least = self.at_least.map(|n| format!("at least {n}"));
        let most = self.at_most.map(|n| format!("at most {n}"));
        let both: Vec<String> = least.into_iter().chain(most).collect();
        both.join(" and ")
    }
}

/// Values are the same whatever blanks are between their parts.
pub(crate) fn same(a: &str, b: &str) -> bool {
    a.split_whitespace().eq(b.split_whitespace())
}

/// A whole number as most files write it.
pub(crate) fn whole(text: &str) -> Option<i64> {
    text.trim().parse().ok()
}

/// A value as configuration files spell it: booleans are `yes` and `no`, lists are joined.
pub(crate) fn spelled(value: &Value, between: &str) -> Result<String, String> {
    match value {
        Value::Bool(true) => Ok("yes".into()),
        Value::Bool(false) => Ok("no".into()),
        Value::Sequence(items) => {
            let items: Result<Vec<_>, _> = items.iter().map(|i| spelled(i, between)).collect();
            Ok(items?.join(between))
        }
        other => arg::text(other)
            .map(|t| t.trim().to_owned())
            .ok_or_else(|| format!("must be a word or a list, not {}", arg::kind(other))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_kept_and_set() {
        let wish = Wish {
            at_most: Some(60),
            at_least: Some(1),
            ..Wish::default()
        };
        let accepts = |text| wish.accepts(text, whole);
        assert!(accepts("60") && accepts("5") && !accepts("0") && !accepts("61") && !accepts("x"));
        let goal = |found| wish.goal(found, whole);
        // Zero means "never" to most programs.
        assert_eq!(goal(Some("0")), "60");
        assert_eq!((goal(None), goal(Some("90"))), ("60".into(), "60".into()));
        let least = Wish {
            at_least: Some(14),
            ..Wish::default()
        };
        assert_eq!(least.goal(Some("8"), whole), "14");
        assert_eq!(wish.words(), "at least 1 and at most 60");
    }
}
