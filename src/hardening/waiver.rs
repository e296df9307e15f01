//! Waivers: what need not hold, where, why, who says so, and until when.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::source::{Code, Diagnostic, Node, Span};

use super::field::{Fields, scalar};
use super::select::{Chosen, names};

/// One exception.
#[derive(Clone, Debug)]
pub struct Waiver {
    /// A control's id, number, area, or a pattern over these.
    pub control: String,
    /// A host pattern of the inventory.
    pub hosts: String,
    pub reason: String,
    pub owner: String,
    /// The first moment at which it does not hold any more.
    pub ends: Timestamp,
    /// As it was written.
    pub expires: String,
    pub span: Span,
    /// The hosts its pattern means.
    pub on: Vec<String>,
}

/// The exceptions of a run.
#[derive(Clone, Debug, Default)]
pub struct Waivers {
    pub list: Vec<Waiver>,
}

impl Waivers {
    /// A file: a list of waivers, by itself or under `waivers`.
    pub fn parse(node: &Node, out: &mut Vec<Diagnostic>) -> Waivers {
        let before = out.len();
        let waivers = Waivers::parsed(node, out);
        Diagnostic::label(&mut out[before..], Code::WaiverForm);
        waivers
    }

    fn parsed(node: &Node, out: &mut Vec<Diagnostic>) -> Waivers {
        let list = match node.get("waivers") {
            Some(inner) => inner,
            None => node,
        };
        let Some(items) = list.as_seq() else {
            if !list.is_null() {
                let text = format!("waivers are a list, not {}", list.type_name());
                out.push(Diagnostic::error(&list.span, text));
            }
            return Waivers::default();
        };
        Waivers {
            list: items.iter().filter_map(|n| waiver(n, out)).collect(),
        }
    }

    /// Finds the hosts of each by the inventory.
    pub fn resolve(
        &mut self,
        hosts: &mut dyn FnMut(&str) -> Result<Vec<String>, Diagnostic>,
        out: &mut Vec<Diagnostic>,
    ) {
        for waiver in &mut self.list {
            match hosts(&waiver.hosts) {
                Ok(found) => waiver.on = found,
                Err(mut diagnostic) => {
                    diagnostic.span = Some(waiver.span.clone());
                    out.push(diagnostic);
                }
            }
        }
    }

    /// The waiver of a control on a host, and whether it still holds; one that does is preferred.
    pub fn find(&self, chosen: &Chosen, host: &str, now: Timestamp) -> Option<(usize, bool)> {
        let fits = |w: &Waiver| names(&w.control, chosen) && w.on.iter().any(|h| h == host);
        let all = self.list.iter().enumerate().filter(|(_, w)| fits(w));
        all.map(|(i, w)| (i, now < w.ends))
            .max_by_key(|(_, holds)| *holds)
    }

    /// Those that are about nothing there is: a slip of the pen would waive nothing, silently.
    pub fn idle<'a>(&'a self, all: &'a [Chosen]) -> impl Iterator<Item = &'a Waiver> {
        let about = |w: &&Waiver| !all.iter().any(|c| names(&w.control, c));
        self.list.iter().filter(about)
    }
}

fn waiver(node: &Node, out: &mut Vec<Diagnostic>) -> Option<Waiver> {
    let before = out.len();
    let mut fields = Fields::of(node, "a waiver", out)?;
    let control = fields.get("control").and_then(scalar);
    if control.is_none() {
        out.push(Diagnostic::error(&node.span, "a waiver has no `control`"));
    }
    let hosts = fields.text("hosts", out).unwrap_or_else(|| "all".into());
    let reason = fields.needed("reason", out);
    let owner = fields.needed("owner", out);
    let given = fields.get("expires");
    let expires = given.and_then(scalar).unwrap_or_default();
    let ends = ends(expires.trim());
    match (given, &ends) {
        (None, _) => {
            let error = Diagnostic::error(&node.span, "a waiver has no `expires`");
            out.push(error.hint("an exception without an end is a change of the baseline"));
        }
        (Some(given), None) => {
            let text = format!("`{expires}` is no date");
            let error = Diagnostic::error(&given.span, text);
            out.push(error.hint("as in 2027-03-31 or 2027-03-31T18:00:00+02:00"));
        }
        _ => {}
    }
    fields.finish(out);
    let ends = ends.filter(|_| out.len() == before)?;
    Some(Waiver {
        control: control?,
        hosts,
        reason,
        owner,
        ends,
        expires: expires.trim().to_owned(),
        span: node.span.clone(),
        on: Vec::new(),
    })
}

/// The first moment after: a day ends with the day, in UTC unless an offset is given.
fn ends(text: &str) -> Option<Timestamp> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    let (day, zone) = match text.split_at_checked(10) {
        Some((day, "" | "Z")) => (day, TimeZone::UTC),
        Some((day, offset)) => {
            let midnight: Timestamp = format!("{day}T00:00:00{offset}").parse().ok()?;
            let offset = day
                .parse::<Date>()
                .ok()?
                .to_zoned(TimeZone::UTC)
                .ok()?
                .timestamp();
            let ahead = offset.as_second() - midnight.as_second();
            let offset = jiff::tz::Offset::from_seconds(i32::try_from(ahead).ok()?).ok()?;
            (day, TimeZone::fixed(offset))
        }
        None => return None,
    };
    let next = day.parse::<Date>().ok()?.checked_add(1.day()).ok()?;
    Some(next.to_zoned(zone).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{File, yaml};

    fn parsed(text: &str) -> (Waivers, Vec<String>) {
        let (node, mut out) = yaml::parse_one(&File::new("waivers.yml", text));
        let waivers = Waivers::parse(&node, &mut out);
        (waivers, out.into_iter().map(|d| d.message).collect())
    }

    #[test]
    fn a_waiver_holds_to_the_end_of_its_day() {
        for (written, end) in [
            ("2026-11-21", "2026-11-22T00:00:00Z"),
            ("2026-11-21+02:00", "2026-11-21T22:00:00Z"),
            ("2026-11-21T18:00:00-05:00", "2026-11-21T23:00:00Z"),
        ] {
            assert_eq!(ends(written), Some(end.parse().unwrap()), "{written}");
        }
        assert_eq!(ends("soon"), None);
        assert_eq!(ends("2026-13-01"), None);
    }

    #[test]
    fn a_waiver_needs_reason_owner_and_end() {
        let (waivers, wrong) = parsed("- {control: sshd_banner, hosts: web*}\n");
        assert!(waivers.list.is_empty());
        let all = wrong.join("\n");
        for part in ["`reason`", "`owner`", "`expires`"] {
            assert!(all.contains(part), "{all}");
        }
        let (waivers, wrong) =
            parsed("waivers:\n- {control: 5.10, reason: r, owner: o, expires: 2026-11-21}\n");
        assert_eq!(wrong, Vec::<String>::new());
        assert_eq!(waivers.list[0].control, "5.10");
        assert_eq!(waivers.list[0].hosts, "all");
    }
}
