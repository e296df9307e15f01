//! `web[01:12].example.com`, `host:port`, `[address]:port`.

use std::net::Ipv6Addr;

use super::MAX_HOSTS;

/// A host pattern without its port. A text that is no address is left whole.
pub(super) fn split_port(text: &str) -> (&str, Option<i64>) {
    address(text, true).unwrap_or((text, None))
}

/// A host name or address, perhaps with ranges, and its port.
pub(super) fn address(text: &str, allow_ranges: bool) -> Option<(&str, Option<i64>)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
            match bracketed {
                Some(inside) if !inside.is_empty() && is_host(inside) => {
                    (inside, port.parse().ok())
                }
                _ if without_ranges(host).is_some_and(|h| !h.contains(':')) => {
                    (host, port.parse().ok())
                }
                _ => (text, None),
            }
        }
        _ => (text, None),
    };
    let fine = is_host(host) && (allow_ranges || !host.contains('['));
    fine.then_some((host, port))
}

/// The text with each well-formed range replaced by a digit.
fn without_ranges(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        let close = open + rest[open..].find(']')?;
        is_range(&rest[open + 1..close]).then_some(())?;
        out.push_str(&rest[..open]);
        out.push('1');
        rest = &rest[close + 1..];
    }
    out.push_str(rest);
    Some(out)
}

fn is_range(inside: &str) -> bool {
    let parts: Vec<&str> = inside.split(':').collect();
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_hexdigit());
    let letter = |s: &str| s.len() == 1 && s.bytes().all(|b| b.is_ascii_alphabetic());
    match parts.as_slice() {
        [a, b] | [a, b, _] => (digits(a) && digits(b)) || (letter(a) && letter(b)),
        _ => false,
    }
}

fn is_host(text: &str) -> bool {
    let Some(plain) = without_ranges(text) else {
        return false;
    };
    let label = |l: &str| {
        let allowed = l
            .chars()
            .all(|c| c.is_alphanumeric() || c == '_' || c == '-');
        !l.is_empty() && allowed && !l.starts_with('-') && !l.ends_with('-')
    };
    plain.split('.').all(label) || plain.parse::<Ipv6Addr>().is_ok()
}

/// What is wrong with a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RangeError {
    Malformed(&'static str),
    TooMany,
}

impl RangeError {
    pub(super) fn message(&self) -> String {
        match self {
            RangeError::Malformed(why) => (*why).to_owned(),
            RangeError::TooMany => {
                format!("this range names more than {MAX_HOSTS} hosts, the most there may be")
            }
        }
    }
}

/// One piece of a pattern: what it can be.
enum Piece<'a> {
    Text(&'a str),
    Letters(Vec<char>),
    Numbers {
        begin: i64,
        count: usize,
        step: i64,
        width: usize,
    },
}

impl Piece<'_> {
    fn len(&self) -> usize {
        match self {
            Piece::Text(_) => 1,
            Piece::Letters(letters) => letters.len(),
            Piece::Numbers { count, .. } => *count,
        }
    }
}

/// All names a pattern with ranges stands for, the rightmost range running fastest. Counted before a
/// single name is made.
pub(super) fn expand(pattern: &str) -> Result<Vec<String>, RangeError> {
    let mut pieces = Vec::new();
    let mut rest = pattern;
    while let Some(open) = rest.find('[') {
        let close = rest[open..]
            .find(']')
            .ok_or(RangeError::Malformed("a host range is not closed with `]`"))?;
        pieces.push(Piece::Text(&rest[..open]));
        pieces.push(range(&rest[open + 1..open + close])?);
        rest = &rest[open + close + 1..];
    }
    pieces.push(Piece::Text(rest));
    let count = pieces
        .iter()
        .try_fold(1usize, |n, p| n.checked_mul(p.len()));
    if count.is_none_or(|n| n > MAX_HOSTS) {
        return Err(RangeError::TooMany);
    }
    let mut names = vec![String::new()];
    for piece in &pieces {
        names = match piece {
            Piece::Text(text) => {
                names.iter_mut().for_each(|n| n.push_str(text));
                names
            }
            _ => {
                let values = values(piece);
                let joined = names
                    .iter()
                    .flat_map(|n| values.iter().map(move |v| format!("{n}{v}")));
                joined.collect()
            }
        };
    }
    Ok(names)
}

fn values(piece: &Piece<'_>) -> Vec<String> {
    match piece {
        Piece::Text(text) => vec![(*text).to_owned()],
        Piece::Letters(letters) => letters.iter().map(char::to_string).collect(),
        Piece::Numbers {
            begin,
            count,
            step,
            width,
        } => (0..*count)
            .map(|i| begin + step * i64::try_from(i).unwrap_or(i64::MAX))
            .map(|n| format!("{n:0width$}", width = *width))
            .collect(),
    }
}

const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

fn range(inside: &str) -> Result<Piece<'static>, RangeError> {
    use RangeError::Malformed;
    let parts: Vec<&str> = inside.split(':').collect();
    let (begin, end, step) = match parts.as_slice() {
        [begin, end] => (*begin, *end, "1"),
        [begin, end, step] => (*begin, *end, *step),
        _ => {
            return Err(Malformed(
                "a host range is `[begin:end]` or `[begin:end:step]`",
            ));
        }
    };
    let begin = if begin.is_empty() { "0" } else { begin };
    if end.is_empty() {
        return Err(Malformed("a host range needs an end"));
    }
    let step: i64 = step
        .parse()
        .ok()
        .filter(|s| *s > 0)
        .ok_or(Malformed("the step of a host range is a number above 0"))?;
    let width = if begin.len() > 1 && begin.starts_with('0') {
        begin.len()
    } else {
        0
    };
    if width > 0 && end.len() != width {
        return Err(Malformed(
            "begin and end of a padded host range are equally long",
        ));
    }
    let letter = |s: &str| LETTERS.find(s).filter(|_| s.len() == 1);
    if let (Some(from), Some(to)) = (letter(begin), letter(end)) {
        if from > to {
            return Err(Malformed("the host range begins after its end"));
        }
        let step = usize::try_from(step).unwrap_or(usize::MAX);
        return Ok(Piece::Letters(
            LETTERS[from..=to].chars().step_by(step).collect(),
        ));
    }
    let number = |s: &str| s.parse::<i64>().ok().filter(|n| n.abs() < i64::MAX / 4);
    let (Some(from), Some(to)) = (number(begin), number(end)) else {
        return Err(Malformed(
            "a host range runs over numbers or over single letters",
        ));
    };
    let count = if from > to { 0 } else { (to - from) / step + 1 };
    Ok(Piece::Numbers {
        begin: from,
        count: usize::try_from(count).unwrap_or(usize::MAX),
        step,
        width,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_expand_with_width_step_and_letters() {
        assert_eq!(expand("w[08:10].x").unwrap(), ["w08.x", "w09.x", "w10.x"]);
        assert_eq!(expand("w[0:10:5]").unwrap(), ["w0", "w5", "w10"]);
        assert_eq!(expand("w[:1][a:b]").unwrap(), ["w0a", "w0b", "w1a", "w1b"]);
        assert_eq!(expand("w[y:B]").unwrap(), ["wy", "wz", "wA", "wB"]);
        assert_eq!(expand("w[3:1]").unwrap(), Vec::<String>::new());
        for bad in [
            "w[1]",
            "w[1:",
            "w[1:]",
            "w[01:100]",
            "w[b:a]",
            "w[a:5]",
            "w[1:9:0]",
        ] {
            assert!(
                matches!(expand(bad), Err(RangeError::Malformed(_))),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_range_of_millions_is_refused_before_it_is_made() {
        assert_eq!(expand("w[1:10000000]"), Err(RangeError::TooMany));
        assert_eq!(expand(&"[0:9]".repeat(4000)), Err(RangeError::TooMany));
    }

    #[test]
    fn addresses_as_ansible_splits_them() {
        for (text, host, port) in [
            ("web:22", "web", Some(22)),
            ("web[1:3]:22", "web[1:3]", Some(22)),
            ("[::1]:22", "::1", Some(22)),
            ("::1", "::1", None),
            ("[web]:22", "web", Some(22)),
            ("[a:b]", "[a:b]", None),
            ("[fe80::[1:3]]:22", "fe80::[1:3]", Some(22)),
            ("::ffff:1.2.3.4", "::ffff:1.2.3.4", None),
            ("1:2", "1", Some(2)),
            ("bücher", "bücher", None),
        ] {
            assert_eq!(address(text, true), Some((host, port)), "{text}");
        }
        for text in [
            "web-", "a..b", "a/b", "u@h", "a:b", "w[1,2]", "w[1:]", "x:y:z", "a.b:",
        ] {
            assert_eq!(address(text, true), None, "{text}");
        }
        assert_eq!(address("w[1:2]", false), None);
    }
}
