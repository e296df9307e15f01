//! Many host names in few words: `web[01-12,17],db1`.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Longer runs of digits are identifiers, not counters.
const LONGEST: usize = 9;

/// A name with one run of digits taken out.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Shape<'a> {
    before: &'a str,
    after: &'a str,
}

/// The names, those that differ only by a number written once. Sorted as people count.
pub fn fold(names: &[&str]) -> String {
    let names: BTreeSet<&str> = names.iter().copied().collect();
    let mut sizes: HashMap<Shape<'_>, usize> = HashMap::new();
    for name in &names {
        for (shape, _) in shapes(name) {
            *sizes.entry(shape).or_default() += 1;
        }
    }
    // The shape that most names share; of equal ones the rightmost number.
    let mut groups: BTreeMap<Shape<'_>, Vec<&str>> = BTreeMap::new();
    let mut alone: Vec<&str> = Vec::new();
    for name in &names {
        let best = shapes(name)
            .into_iter()
            .max_by_key(|(shape, _)| sizes[shape]);
        match best {
            Some((shape, digits)) if sizes[&shape] > 1 => {
                groups.entry(shape).or_default().push(digits);
            }
            _ => alone.push(name),
        }
    }
    let mut words: Vec<(String, String)> = alone
        .into_iter()
        .map(|n| (n.to_owned(), n.to_owned()))
        .collect();
    for (shape, digits) in groups {
        for series in by_width(&digits) {
            let first = format!("{}{}{}", shape.before, series[0], shape.after);
            let word = match series.as_slice() {
                [_] => first.clone(),
                _ => format!("{}[{}]{}", shape.before, runs(&series), shape.after),
            };
            words.push((first, word));
        }
    }
    words.sort_by(|a, b| natural(&a.0, &b.0));
    let words: Vec<String> = words.into_iter().map(|(_, word)| word).collect();
    words.join(",")
}

/// Every way to take one run of digits out of a name, left to right.
fn shapes(name: &str) -> Vec<(Shape<'_>, &str)> {
    let bytes = name.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let length = bytes[at..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
        if (1..=LONGEST).contains(&length) {
            let shape = Shape {
                before: &name[..at],
                after: &name[at + length..],
            };
            out.push((shape, &name[at..at + length]));
        }
        at += length.max(1);
        while !name.is_char_boundary(at) {
            at += 1;
        }
    }
    out
}

/// Numbers that count together, in order: padded ones of one width, and those without padding.
fn by_width<'a>(digits: &[&'a str]) -> Vec<Vec<&'a str>> {
    let padded = |d: &&str| d.len() > 1 && d.starts_with('0');
    let widths: BTreeSet<usize> = digits
        .iter()
        .filter(|d| padded(d))
        .map(|d| d.len())
        .collect();
    let mut series: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for number in digits {
        let width = if widths.contains(&number.len()) {
            number.len()
        } else {
            0
        };
        series.entry(width).or_default().push(number);
    }
    for numbers in series.values_mut() {
        numbers.sort_by_key(|d| value(d));
    }
    series.into_values().collect()
}

fn value(digits: &str) -> u64 {
    digits.parse().unwrap_or(0)
}

/// `01-12,17`
fn runs(numbers: &[&str]) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut at = 0;
    while at < numbers.len() {
        let mut end = at;
        while end + 1 < numbers.len() && value(numbers[end + 1]) == value(numbers[end]) + 1 {
            end += 1;
        }
        out.push(if end == at {
            numbers[at].to_owned()
        } else {
            format!("{}-{}", numbers[at], numbers[end])
        });
        at = end + 1;
    }
    out.join(",")
}

/// Order of names as people count: `web2` before `web10`.
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut x, mut y) = (a, b);
    loop {
        let (Some(c), Some(d)) = (x.chars().next(), y.chars().next()) else {
            return x.len().cmp(&y.len()).then_with(|| a.cmp(b));
        };
        if c.is_ascii_digit() && d.is_ascii_digit() {
            let (n, rest_x) = number(x);
            let (m, rest_y) = number(y);
            let order = n.len().cmp(&m.len()).then_with(|| n.cmp(m));
            if order != Ordering::Equal {
                return order;
            }
            (x, y) = (rest_x, rest_y);
        } else if c == d {
            (x, y) = (&x[c.len_utf8()..], &y[d.len_utf8()..]);
        } else {
            return c.cmp(&d);
        }
    }
}

/// The digits a text begins with, without padding, and the rest.
fn number(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    (text[..end].trim_start_matches('0'), &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fold() {
        for (names, expected) in [
            (vec![], ""),
            (vec!["db1"], "db1"),
            (
                vec!["web01", "web02", "web03", "web17", "db1"],
                "db1,web[01-03,17]",
            ),
            (vec!["w9", "w10", "w11"], "w[9-11]"),
            (vec!["w09", "w10", "w11", "w100"], "w[09-11],w100"),
            (vec!["w1.dc2", "w2.dc2", "w3.dc2"], "w[1-3].dc2"),
            (vec!["10.0.0.1", "10.0.0.2", "10.0.0.9"], "10.0.0.[1-2,9]"),
            (vec!["b", "a", "a"], "a,b"),
            (vec!["ü1é", "ü2é"], "ü[1-2]é"),
        ] {
            assert_eq!(fold(&names), expected);
        }
    }
}
