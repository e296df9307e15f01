//! What a value may be: one value, a bound, or one of several.

use super::ArgError;

/// A wish about a value that is a word, a number, or several with blanks between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Is(String),
    AtLeast(i64),
    AtMost(i64),
    OneOf(Vec<String>),
}

impl Bound {
    /// The one of these arguments that was given.
    pub(super) fn read(
        value: Option<&String>,
        at_least: Option<i64>,
        at_most: Option<i64>,
        one_of: &[String],
    ) -> Result<Bound, ArgError> {
        let mut given = Vec::new();
        given.extend(value.map(|v| Bound::Is(v.clone())));
        given.extend(at_least.map(Bound::AtLeast));
        given.extend(at_most.map(Bound::AtMost));
        if !one_of.is_empty() {
            given.push(Bound::OneOf(one_of.to_vec()));
        }
        match given.len() {
            1 => Ok(given.remove(0)),
            _ => Err(ArgError::new(
                "value",
                "one of `value`, `at_least`, `at_most` and `one_of` is needed",
            )),
        }
    }

    pub(super) fn holds(&self, value: &str) -> bool {
        let number = || value.trim().parse::<i64>().ok();
        match self {
            Bound::Is(wanted) => same(wanted, value),
            Bound::AtLeast(least) => number().is_some_and(|n| n >= *least),
            Bound::AtMost(most) => number().is_some_and(|n| n <= *most),
            Bound::OneOf(all) => all.iter().any(|wanted| same(wanted, value)),
        }
    }

    /// What a value that does not hold is set to.
    pub(super) fn target(&self) -> String {
        match self {
            Bound::Is(wanted) => wanted.clone(),
            Bound::AtLeast(bound) | Bound::AtMost(bound) => bound.to_string(),
            Bound::OneOf(all) => all.first().cloned().unwrap_or_default(),
        }
    }
}

/// Values are the same whatever blanks are between their parts.
fn same(a: &str, b: &str) -> bool {
    a.split_whitespace().eq(b.split_whitespace())
}

#[cfg(test)]
mod tests {
    use super::Bound;

    #[test]
    fn bounds_hold_for_what_is_stricter() {
        assert!(Bound::AtLeast(1).holds("2\n") && !Bound::AtLeast(1).holds("0"));
        assert!(Bound::AtMost(3).holds("3") && !Bound::AtMost(3).holds("none"));
        assert!(Bound::Is("4 4 1 7".into()).holds("4\t4\t1\t7"));
        let words = Bound::OneOf(vec!["2".into(), "1".into()]);
        assert!(words.holds("1") && words.target() == "2");
        assert!(Bound::read(None, None, None, &[]).is_err());
    }
}
