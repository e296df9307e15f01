//! Times as people write them, by a format of `strptime`: seconds since 1970, taken as UTC.

/// Reads a time by a format; the directives are those of numbers and names of months.
pub(crate) fn parse(text: &str, format: &str) -> Result<f64, String> {
    let wrong = || format!("time data `{text}` does not match format `{format}`");
    let mut rest = text;
    let mut at = Fields::default();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter.is_whitespace() {
            rest = rest.trim_start();
            continue;
        }
        if letter != '%' {
            rest = rest.strip_prefix(letter).ok_or_else(wrong)?;
            continue;
        }
        let directive = letters.next().ok_or_else(wrong)?;
        rest = at.take(directive, rest).ok_or_else(wrong)?;
    }
    if !rest.is_empty() {
        return Err(wrong());
    }
    at.seconds().ok_or_else(wrong)
}

struct Fields {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    fraction: f64,
    afternoon: Option<bool>,
    epoch: Option<i64>,
}

impl Default for Fields {
    fn default() -> Fields {
        Fields {
            year: 1900,
            month: 1,
            day: 1,
            hour: 0,
            minute: 0,
            second: 0,
            fraction: 0.0,
            afternoon: None,
            epoch: None,
        }
    }
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

impl Fields {
    /// Takes what a directive stands for off the text.
    fn take<'a>(&mut self, directive: char, text: &'a str) -> Option<&'a str> {
        let rest;
        match directive {
            'Y' => (self.year, rest) = number(text, 4)?,
            'm' => (self.month, rest) = number(text, 2)?,
            'd' | 'e' => (self.day, rest) = number(text, 2)?,
            'H' | 'I' => (self.hour, rest) = number(text, 2)?,
            'M' => (self.minute, rest) = number(text, 2)?,
            'S' => (self.second, rest) = number(text, 2)?,
            'y' => {
                let (short, after) = number(text, 2)?;
                self.year = if short < 69 {
                    2000 + short
                } else {
                    1900 + short
                };
                rest = after;
            }
            's' => {
                let (epoch, after) = number(text, 12)?;
                self.epoch = Some(epoch);
                rest = after;
            }
            'f' => {
                let digits = text.bytes().take(6).take_while(u8::is_ascii_digit).count();
                self.fraction = format!("0.{}", &text[..digits]).parse().ok()?;
                rest = &text[digits..];
            }
            'B' | 'b' => {
                let lower = text.to_lowercase();
                let month = MONTHS.iter().position(|m| lower.starts_with(&m[..3]))?;
                let length = match lower.starts_with(MONTHS[month]) {
                    true => MONTHS[month].len(),
                    false => 3,
                };
                self.month = i64::try_from(month).ok()? + 1;
                rest = &text[length..];
            }
            'p' => {
                let word = text.get(..2)?.to_lowercase();
                self.afternoon = Some(word == "pm");
                rest = &text[2..];
            }
            'T' | 'F' | 'D' | 'R' => {
                let format = match directive {
                    'T' => "H:M:S",
                    'F' => "Y-m-d",
                    'D' => "m/d/y",
                    _ => "H:M",
                };
                let mut left = text;
                for letter in format.chars() {
                    left = match letter {
                        c if c.is_ascii_alphabetic() => self.take(c, left)?,
                        c => left.strip_prefix(c)?,
                    };
                }
                rest = left;
            }
            '%' => rest = text.strip_prefix('%')?,
            _ => return None,
        }
        Some(rest)
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds stay below 2^53")]
    fn seconds(&self) -> Option<f64> {
        if let Some(epoch) = self.epoch {
            return Some(epoch as f64);
        }
        let fits = (1..=12).contains(&self.month)
            && (1..=31).contains(&self.day)
            && self.hour < 24
            && self.minute < 60
            && self.second < 62;
        let hour = match self.afternoon {
            Some(true) => self.hour % 12 + 12,
            Some(false) => self.hour % 12,
            None => self.hour,
        };
        let days = days(self.year, self.month, self.day);
        let whole = days * 86_400 + hour * 3600 + self.minute * 60 + self.second;
        fits.then_some(whole as f64 + self.fraction)
    }
}

fn number(text: &str, most: usize) -> Option<(i64, &str)> {
    let digits = text
        .bytes()
        .take(most)
        .take_while(u8::is_ascii_digit)
        .count();
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

/// Days from 1970-01-01 to a day of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn formats_are_read() {
        assert_eq!(
            parse("202001011200.00", "%Y%m%d%H%M.%S"),
            Ok(1_577_880_000.0)
        );
        assert_eq!(
            parse("1 Mar 2024 01:00 PM", "%d %b %Y %I:%M %p"),
            Ok(1_709_298_000.0)
        );
        assert_eq!(parse("2024-03-01T00:00:01", "%FT%T"), Ok(1_709_251_201.0));
        assert!(parse("2020", "%Y%m").is_err());
        assert!(parse("20201", "%Y").is_err());
    }
}
