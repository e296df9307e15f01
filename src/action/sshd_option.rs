//! An option of the SSH server as a task wishes it: what will do, and what to write where it will not.

use crate::choices;
use crate::resource::{RemotePath, Resource, State};
use crate::source::Value;

use super::args::Present;
use super::sshd_text;
use super::wish::{Wish, spelled, whole};
use super::{ArgError, Observed};

choices! {
    /// What becomes of values in `Match` blocks that will not do.
    pub(crate) enum Matches {
        Fix = "fix",
        Keep = "keep",
    }
}

crate::args! {
    pub(crate) struct Args {
        /// The option, as `sshd_config(5)` has it.
        option: String = required, aka ["name", "key"];
        /// Its value; a list is written as the option takes it, booleans as `yes` and `no`.
        value: Option<Value>;
        /// The largest number, or time, that will do; three numbers with colons for `MaxStartups`.
        at_most: Option<String>;
        /// The smallest number, or time, that will do.
        at_least: Option<String>;
        /// Values that will do; the first is written where none of them is in effect.
        one_of: Vec<String> = "[]";
        /// A list all of whose members will do: a shorter one stays, anything else is replaced by it.
        /// Algorithms that the host's programs do not know are left out.
        only: Vec<String> = "[]";
        /// Members that the list must have; others stay.
        include: Vec<String> = "[]";
        /// Members that the list must not have; others stay.
        exclude: Vec<String> = "[]";
        /// Whether the option should be set at all.
        state: Present = "present";
        /// Set what is not set, even though a value the server has anyway might do.
        explicit: bool = "true";
        /// What the server does where the option is not set; with `explicit: false` this may do.
        default: Option<Value>;
        /// Whether values in `Match` blocks that will not do become comments, or stay and are warned of.
        match_blocks: Matches = "fix";
        /// The main file.
        path: RemotePath = "/etc/ssh/sshd_config";
        /// A drop-in to write to, where the main file includes it; else it is the main file, before what it includes.
        drop_in: Option<RemotePath>;
        /// A command that must accept every file that is written; `%s` is its path. Empty for none.
        validate: String = "sshd -t -f %s";
    }
}
/// Options whose lists are joined by commas.
const COMMAS: [&str; 9] = [
    "ciphers",
    "macs",
    "kexalgorithms",
    "hostkeyalgorithms",
    "pubkeyacceptedalgorithms",
    "pubkeyacceptedkeytypes",
    "hostbasedacceptedalgorithms",
    "casignaturealgorithms",
    "gssapikexalgorithms",
];
/// Options of which every line counts.
pub(crate) const MANY: [&str; 8] = [
    "allowusers",
    "allowgroups",
    "denyusers",
    "denygroups",
    "acceptenv",
    "hostkey",
    "port",
    "listenaddress",
];
/// Options that take one word a line.
const ALONE: [&str; 3] = ["hostkey", "port", "listenaddress"];
/// Options whose numbers are times.
const TIMES: [&str; 2] = ["logingracetime", "clientaliveinterval"];

/// The option, its wish, and its name in lower case.
pub(crate) struct Sshd {
    pub(crate) args: Args,
    /// The option in lower case.
    pub(crate) name: String,
    wish: Wish,
    startups: [Option<[i64; 3]>; 2],
    pub(crate) default: Option<String>,
}

impl Sshd {
    pub(crate) fn new(args: Args) -> Result<Sshd, ArgError> {
        let name = args.option.to_lowercase();
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
            let message = format!("`{}` is no option's name", args.option);
            return Err(ArgError::new("option", message));
        }
        if ["match", "include"].contains(&name.as_str()) {
            return Err(ArgError::new(
                "option",
                format!("`{name}` is no option with a value"),
            ));
        }
        if !args.validate.is_empty() {
            super::place::check_validate(Some(&args.validate))?;
        }
        let between = between(&name);
        let text = |arg: &str, value: &Option<Value>| match value {
            Some(value) => spelled(value, between)
                .map(Some)
                .map_err(|e| ArgError::new(arg, e)),
            None => Ok(None),
        };
        let startups = name == "maxstartups";
        let bound = |arg: &str, text: &Option<String>| match text {
            Some(text) if !startups => number(&name, text)
                .map(Some)
                .ok_or_else(|| ArgError::new(arg, format!("`{text}` is no number"))),
            _ => Ok(None),
        };
        let triple = |arg: &str, text: &Option<String>| match text {
            Some(text) if startups => three(text)
                .map(Some)
                .ok_or_else(|| ArgError::new(arg, format!("`{text}` is not start:rate:full"))),
            _ => Ok(None),
        };
        let one_of = args.one_of.iter().map(|v| match v.as_str() {
            "True" => "yes".into(),
            "False" => "no".into(),
            other => other.into(),
        });
        let wish = Wish {
            value: text("value", &args.value)?,
            at_most: bound("at_most", &args.at_most)?,
            at_least: bound("at_least", &args.at_least)?,
            one_of: one_of.collect(),
        };
        wish.check()?;
        let startups = [
            triple("at_most", &args.at_most)?,
            triple("at_least", &args.at_least)?,
        ];
        let default = text("default", &args.default)?;
        let sshd = Sshd {
            name,
            wish,
            startups,
            default,
            args,
        };
        if sshd.args.state == Present::Present && !sshd.wants() {
            let message =
                "one of value, at_most, at_least, one_of, only, include, exclude is needed";
            return Err(ArgError::new("", message));
        }
        Ok(sshd)
    }

    fn wants(&self) -> bool {
        let lists = [&self.args.only, &self.args.include, &self.args.exclude];
        self.wish.is_some()
            || self.startups.iter().any(Option::is_some)
            || lists.iter().any(|l| !l.is_empty())
    }

    /// The list of which every member will do, without those that this host's programs do not know:
    /// a server does not start with a name it does not know.
    fn only(&self, seen: &Observed) -> Vec<String> {
        let only = &self.args.only;
        let Some(State::Text(known)) = self.algorithms().and_then(|on| seen.peek(&on)) else {
            return only.clone();
        };
        let is_known = |m: &&String| known.lines().any(|k| k.trim() == m.as_str());
        let left: Vec<String> = only.iter().filter(is_known).cloned().collect();
        if left.is_empty() { only.clone() } else { left }
    }

    pub(crate) fn algorithms(&self) -> Option<Resource> {
        let asks = !self.args.only.is_empty() && between(&self.name) == ",";
        asks.then(|| Resource::SshAlgorithms(self.args.option.clone()))
    }

    /// Whether the words of one line, or of all lines together, will do.
    pub(crate) fn accepts(&self, words: &[String]) -> bool {
        let text = words.join(" ");
        if self.args.state == Present::Absent {
            return false;
        }
        let members = self.members(words);
        let is = |list: &[String], m: &String| list.iter().any(|l| l.eq_ignore_ascii_case(m));
        let modified = members
            .first()
            .is_some_and(|m| m.starts_with(['+', '-', '^']));
        let only = &self.args.only;
        if !only.is_empty()
            && (modified || members.is_empty() || !members.iter().all(|m| is(only, m)))
        {
            return false;
        }
        if !self.args.include.iter().all(|m| is(&members, m))
            || self.args.exclude.iter().any(|m| is(&members, m))
            || (modified && !self.args.exclude.is_empty())
        {
            return false;
        }
        if let Some(found) = three(&text).filter(|_| self.name == "maxstartups") {
            let [most, least] = self.startups;
            return most.is_none_or(|m| found.iter().zip(m).all(|(f, m)| *f <= m))
                && least.is_none_or(|l| found.iter().zip(l).all(|(f, l)| *f >= l));
        }
        !self.wish.is_some() || self.fits(&text)
    }

    fn fits(&self, text: &str) -> bool {
        let plain = |text: &str| {
            let text = text.trim();
            match text.to_ascii_lowercase().as_str() {
                "without-password" => "prohibit-password".to_owned(),
                low @ ("yes" | "no" | "none") => low.to_owned(),
                _ if between(&self.name) == "," => text.split_whitespace().collect(),
                _ if self.name == "loglevel" => text.to_uppercase(),
                _ => text.to_owned(),
            }
        };
        let wish = Wish {
            value: self.wish.value.as_deref().map(plain),
            one_of: self.wish.one_of.iter().map(|v| plain(v)).collect(),
            ..self.wish.clone()
        };
        wish.accepts(&plain(text), |t| number(&self.name, t))
    }

    fn members(&self, words: &[String]) -> Vec<String> {
        let split = words.iter().flat_map(|w| match between(&self.name) {
            "," => w.split(',').map(str::to_owned).collect(),
            _ => vec![w.clone()],
        });
        split.filter(|w| !w.is_empty()).collect()
    }

    /// What to write, given what is in effect.
    pub(crate) fn goal(&self, seen: &Observed, words: &[String]) -> String {
        let between = between(&self.name);
        if !self.args.only.is_empty() {
            return self.only(seen).join(between);
        }
        if !self.args.include.is_empty() || !self.args.exclude.is_empty() {
            let is = |list: &[String], m: &String| list.iter().any(|l| l.eq_ignore_ascii_case(m));
            let mut members = self.members(words);
            members.retain(|m| !is(&self.args.exclude, m) && !m.starts_with(['+', '-', '^']));
            let missing = self
                .args
                .include
                .iter()
                .filter(|m| !is(&members, m))
                .cloned();
            let missing: Vec<String> = missing.collect();
            members.extend(missing);
            return members.join(between);
        }
        match (self.name.as_str(), &self.args.at_most, &self.args.at_least) {
            ("maxstartups", Some(bound), _) | ("maxstartups", None, Some(bound)) => bound.clone(),
            _ => {
                let found = words.join(" ");
                let found = (!words.is_empty()).then_some(found.as_str());
                self.wish.goal(found, |t| number(&self.name, t))
            }
        }
    }

    pub(crate) fn line(&self, seen: &Observed, words: &[String]) -> String {
        let goal = self.goal(seen, words);
        let line = |words: &str| format!("{} {words}", self.args.option);
        match ALONE.contains(&self.name.as_str()) {
            true => goal.split(' ').map(line).collect::<Vec<_>>().join("\n"),
            false => line(&goal),
        }
    }
}

fn between(name: &str) -> &'static str {
    if COMMAS.contains(&name) { "," } else { " " }
}

fn number(name: &str, text: &str) -> Option<i64> {
    match TIMES.contains(&name) {
        true => sshd_text::seconds(text),
        false => whole(text),
    }
}

/// `start:rate:full`; one number alone is both start and full.
fn three(text: &str) -> Option<[i64; 3]> {
    let parts: Option<Vec<i64>> = text.trim().split(':').map(whole).collect();
    match parts?.as_slice() {
        [one] => Some([*one, 0, *one]),
        [start, rate, full] => Some([*start, *rate, *full]),
        _ => None,
    }
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::wish::same;
    use crate::source::Mapping;

    fn sshd(yaml: &str) -> Sshd {
        let map: Mapping = serde_yaml::from_str(yaml).expect("yaml");
        Sshd::new(Args::read(map).expect("arguments")).expect("a wish")
    }

    fn accepts(yaml: &str, words: &str) -> bool {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        sshd(yaml).accepts(&words)
    }

    #[test]
    fn what_will_do() {
        assert!(accepts(
            "{option: LoginGraceTime, at_most: 60, at_least: 1}",
            "1m"
        ));
        assert!(!accepts(
            "{option: LoginGraceTime, at_most: 60, at_least: 1}",
            "0"
        ));
        assert!(accepts(
            "{option: MaxStartups, at_most: '10:30:60'}",
            "10:30:60"
        ));
        assert!(!accepts(
            "{option: MaxStartups, at_most: '10:30:60'}",
            "10:30:100"
        ));
        assert!(accepts(
            "{option: LogLevel, one_of: [VERBOSE, INFO]}",
            "info"
        ));
        assert!(accepts("{option: Ciphers, only: [a, b]}", "b"));
        assert!(!accepts("{option: Ciphers, only: [a, b]}", "a,c"));
        assert!(!accepts("{option: Ciphers, only: [a, b]}", "-c"));
        assert!(accepts(
            "{option: PermitRootLogin, value: prohibit-password}",
            "without-password"
        ));
        assert!(accepts("{option: X11Forwarding, value: false}", "no"));
        assert!(accepts(
            "{option: AllowGroups, include: [ops]}",
            "wheel ops"
        ));
    }

    #[test]
    fn values_are_compared_whole() {
        assert!(same("a  b", "a b"));
        assert_eq!(
            sshd("{option: AllowUsers, value: [a, b]}").line(&Observed::default(), &[]),
            "AllowUsers a b"
        );
        assert_eq!(
            sshd("{option: MACs, only: [a, b]}").line(&Observed::default(), &[]),
            "MACs a,b"
        );
    }
}
