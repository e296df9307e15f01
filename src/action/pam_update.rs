//! What `pam-auth-update` makes of its profiles: the same text, so that it finds its own work again.
//!
//! Debian's common stacks are put together from `/usr/share/pam-configs`. What was put together last is
//! kept in `/var/lib/pam`, and compared with what stands in `/etc/pam.d`: arguments that a person added
//! or took out stay so; a line that nobody knows makes it give up, and us too.

use std::collections::{BTreeMap, BTreeSet};

/// The stacks that are put together.
pub(crate) const STACKS: [&str; 5] = [
    "auth",
    "account",
    "password",
    "session",
    "session-noninteractive",
];

const PRIMARY: &str = "# here are the per-package modules (the \"Primary\" block)";
const FALLBACK: &str = "# here's the fallback if no module succeeds";
const ADDITIONAL: &str = "# and here are more per-package modules (the \"Additional\" block)";
const END: &str = "# end of pam-auth-update config";

/// A profile: its fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Profile {
    pub(crate) name: String,
    fields: BTreeMap<String, String>,
}

impl Profile {
    pub(crate) fn parse(name: &str, text: &str) -> Profile {
        let mut fields: BTreeMap<String, String> = BTreeMap::new();
        let mut current = String::new();
        for line in text.lines() {
            let field = line.split_once(':').filter(|(name, rest)| {
                let spaced = rest.is_empty() || rest.starts_with(char::is_whitespace);
                !name.is_empty() && !name.contains(char::is_whitespace) && spaced
            });
            if let Some((name, value)) = field {
                current = name.strip_suffix("-Final").unwrap_or(name).to_owned();
                fields.insert(current.clone(), value.trim().to_owned());
            } else if !line.trim().is_empty() {
                let text = fields.entry(current.clone()).or_default();
                if !text.is_empty() {
                    text.push('\n');
                }
                text.push_str(line.trim());
            }
        }
        if !fields.contains_key("Session-Interactive-Only") {
            for end in ["-Type", "", "-Initial"] {
                if let Some(value) = fields.get(&format!("Session{end}")).cloned() {
                    fields.insert(format!("Session-noninteractive{end}"), value);
                }
            }
        }
        let name = name.to_owned();
        Profile { name, fields }
    }

    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    fn priority(&self) -> i64 {
        self.field("Priority").parse().unwrap_or(0)
    }

    /// `Primary` or `Additional`, where it has lines in a stack.
    fn block(&self, stack: &str) -> &str {
        self.field(&format!("{}-Type", title(stack)))
    }

    /// Its lines in a stack; the first module of a block may have others.
    pub(crate) fn lines(&self, stack: &str, first: bool) -> &str {
        let initial = self.field(&format!("{}-Initial", title(stack)));
        match first && !initial.is_empty() {
            true => initial,
            false => self.field(&title(stack)),
        }
    }
}

fn title(stack: &str) -> String {
    let (first, rest) = stack.split_at(1);
    first.to_uppercase() + rest
}

/// In the order in which profiles stand in a stack.
fn sort(profiles: &mut [Profile]) {
    profiles.sort_by(|a, b| (b.priority(), &b.name).cmp(&(a.priority(), &a.name)));
}

/// The type of a stack's lines.
fn kind(stack: &str) -> &str {
    stack.strip_suffix("-noninteractive").unwrap_or(stack)
}

/// Control and module of a line as they are written, and its arguments.
fn split(line: &str) -> Option<(&str, Vec<&str>)> {
    let (control, rest) = super::pam_text::control(line)?;
    let blank = rest.len() - rest.trim_start().len();
    let module = rest.split_whitespace().next()?;
    let end = control.len() + blank + module.len();
    let lead = line.len() - line.trim_start().len();
    Some((
        &line[..lead + end],
        line[lead + end..].split_whitespace().collect(),
    ))
}

/// A control without the length of its jump.
fn jumpless(text: &str) -> String {
    let Some(open) = text.find('[') else {
        return text.to_owned();
    };
    let Some(digit) = text[open..]
        .find(|c: char| c.is_ascii_digit())
        .map(|d| open + d)
    else {
        return text.to_owned();
    };
    let after = text[digit..].trim_start_matches(|c: char| c.is_ascii_digit());
    match after.contains(']') {
        true => format!("{}{after}", &text[..digit]),
        false => text.to_owned(),
    }
}

/// What a person changed in a stack: arguments of lines, by the line without its jump.
#[derive(Clone, Debug, Default, PartialEq)]
struct Edits {
    added: BTreeMap<String, BTreeSet<String>>,
    removed: BTreeMap<String, BTreeSet<String>>,
}

/// The managed lines of a text: of the primary block, then of the additional one.
fn managed(text: &str) -> Option<Vec<&str>> {
    let mut lines = Vec::new();
    let mut state = 0;
    for line in text.lines() {
        match state {
            0 if line.starts_with(PRIMARY) => state = 1,
            1 if line.starts_with(FALLBACK) => state = 2,
            2 if line.starts_with(ADDITIONAL) => state = 3,
            3 if line.starts_with(END) => return Some(lines),
            1 | 3 => lines.push(line),
            _ => {}
        }
    }
    (state == 3).then_some(lines)
}

/// Whether a line stands in a block that the tool manages.
pub(crate) fn is_managed(text: &str, line: &str) -> bool {
    managed(text).is_some_and(|lines| lines.contains(&line))
}

/// The profiles that are in use in a stack, and what a person changed in it.
fn compare(stack: &str, text: &str, saved: &str) -> Result<(Vec<String>, Edits), String> {
    let mut name = String::new();
    let mut known = Vec::new();
    for line in saved.lines() {
        match line.strip_prefix("Module: ") {
            Some(module) => module.clone_into(&mut name),
            None => known.push((name.clone(), jumpless(line).replacen("=end", "=", 1))),
        }
    }
    let lines = managed(text)
        .ok_or_else(|| format!("common-{stack} has not the marks of pam-auth-update"))?;
    let mut known = known.into_iter();
    let (mut used, mut edits) = (Vec::new(), Edits::default());
    for line in lines {
        let bare = line.strip_prefix(kind(stack)).unwrap_or(line).trim_start();
        let bare = jumpless(bare);
        let found = known.find_map(|(name, saved)| {
            let (head, arguments) = split(&saved)?;
            let rest = bare.strip_prefix(head)?;
            let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
            Some((name, head.to_owned(), arguments, rest.to_owned()))
        });
        let Some((name, head, arguments, rest)) = found else {
            return Err(format!(
                "common-{stack} has a line that pam-auth-update does not know: {line}"
            ));
        };
        used.push(name);
        let now: Vec<&str> = rest.split_whitespace().collect();
        for one in now.iter().filter(|a| !arguments.iter().any(|k| k == *a)) {
            edits
                .added
                .entry(head.clone())
                .or_default()
                .insert((*one).to_owned());
        }
        for one in arguments.iter().filter(|a| !now.contains(&a.as_str())) {
            edits
                .removed
                .entry(head.clone())
                .or_default()
                .insert(one.clone());
        }
    }
    Ok((used, edits))
}

/// One line with what a person changed.
fn merge(line: &str, edits: &mut Edits, count: usize) -> String {
    let Some((head, arguments)) = split(line) else {
        return line.to_owned();
    };
    let head = head.replace("end", &count.to_string());
    let key = jumpless(&head);
    let mut out: Vec<String> = Vec::new();
    for argument in arguments {
        if let Some(added) = edits.added.get_mut(&key) {
            added.remove(argument);
        }
        let gone = edits
            .removed
            .get(&key)
            .is_some_and(|r| r.contains(argument));
        if !gone {
            out.push(argument.to_owned());
        }
    }
    if let Some(added) = edits.added.get(&key) {
        out.extend(added.iter().cloned());
    }
    format!("{head} {}", out.join(" "))
}

/// The lines of one block.
fn block(stack: &str, which: &str, enabled: &[Profile], edits: &mut Edits) -> Vec<String> {
    let mine = enabled.iter().filter(|p| p.block(stack) == which);
    let lines = mine
        .enumerate()
        .flat_map(|(at, p)| p.lines(stack, at == 0).lines());
    let lines: Vec<&str> = lines.filter(|l| !l.is_empty()).collect();
    let kind = kind(stack);
    if lines.is_empty() && which == "Primary" {
        return vec![format!("{kind}\t[default=1]\t\t\tpam_permit.so")];
    }
    let mut count = lines.len() - usize::from(which == "Additional" && !lines.is_empty());
    let mut out = Vec::new();
    for line in lines {
        out.push(format!("{kind}\t{}", merge(line, edits, count)));
        count = count.saturating_sub(1);
    }
    out
}

/// A stack put together anew, and what is kept of it.
fn build(stack: &str, text: &str, enabled: &[Profile], mut edits: Edits) -> (String, String) {
    let mut out = String::new();
    let mut skips = false;
    for line in text.lines() {
        skips &= !(line.starts_with(FALLBACK) || line.starts_with(END));
        if skips {
            continue;
        }
        out.push_str(line);
        out.push('\n');
        for (mark, which) in [(PRIMARY, "Primary"), (ADDITIONAL, "Additional")] {
            if line.starts_with(mark) {
                skips = true;
                for line in block(stack, which, enabled, &mut edits) {
                    out.push_str(&line);
                    out.push('\n');
                }
            }
        }
    }
    let mut saved = String::new();
    for which in ["Primary", "Additional"] {
        let mine: Vec<&Profile> = enabled.iter().filter(|p| p.block(stack) == which).collect();
        if mine.is_empty() && which == "Primary" {
            saved.push_str("Module: null\n[default=1]\t\t\tpam_permit.so\n");
        }
        for (at, profile) in mine.into_iter().enumerate() {
            let lines = profile.lines(stack, at == 0);
            if !lines.is_empty() {
                saved.push_str(&format!("Module: {}\n{lines}\n", profile.name));
            }
        }
    }
    (out, saved)
}

/// A stack: its name, its text, what was kept of it last.
pub(crate) struct Stack<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
    pub(crate) saved: &'a str,
}

/// All stacks with one more profile: for each its text, and what is to be kept.
///
/// # Errors
/// Says which line nobody knows.
pub(crate) fn with(
    stacks: &[Stack<'_>],
    profiles: &[Profile],
    more: &Profile,
) -> Result<Vec<(String, String)>, String> {
    let mut names: BTreeSet<String> = BTreeSet::new();
    let mut edits = Vec::new();
    for stack in stacks {
        let (used, edit) = compare(stack.name, stack.text, stack.saved)?;
        names.extend(used);
        edits.push(edit);
    }
    let mut enabled: Vec<Profile> = profiles
        .iter()
        .filter(|p| names.contains(&p.name))
        .cloned()
        .collect();
    enabled.retain(|p| p.name != more.name);
    enabled.push(more.clone());
    sort(&mut enabled);
    let built = stacks
        .iter()
        .zip(edits)
        .map(|(s, e)| build(s.name, s.text, &enabled, e));
    Ok(built.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIX: &str = "Name: Unix\nDefault: yes\nPriority: 256\nAuth-Type: Primary\nAuth:\n\t[success=end default=ignore]\tpam_unix.so nullok try_first_pass\nAuth-Initial:\n\t[success=end default=ignore]\tpam_unix.so nullok\n";
    const CAP: &str =
        "Name: Caps\nPriority: 0\nAuth-Type: Additional\nAuth:\n\toptional\t\t\tpam_cap.so\n";
    const LOCK: &str = "Name: Lock\nPriority: 0\nAuth-Type: Primary\nAuth:\n\t[default=die]\tpam_faillock.so authfail\n";
    const FIRST: &str = "Name: First\nPriority: 1024\nAuth-Type: Primary\nAuth:\n\trequisite\tpam_faillock.so preauth\n";
    const SAVED: &str = "Module: unix\n[success=end default=ignore]\tpam_unix.so nullok\nModule: capability\noptional\t\t\tpam_cap.so\n";

    fn text(primary: &str) -> String {
        format!(
            "# head\n{PRIMARY}\n{primary}{FALLBACK}\nauth\trequisite\tpam_deny.so\n{ADDITIONAL}\nauth\toptional\t\t\tpam_cap.so \n{END}\n"
        )
    }

    #[test]
    fn a_profile_comes_in_where_it_belongs_and_edits_stay() {
        // A person took `nullok` out and put `audit` in.
        let now = text("auth\t[success=1 default=ignore]\tpam_unix.so audit\n");
        let profiles = [
            Profile::parse("unix", UNIX),
            Profile::parse("capability", CAP),
        ];
        let lock = Profile::parse("lock", LOCK);
        let stack = |text, saved| Stack {
            name: "auth",
            text,
            saved,
        };
        let built = with(&[stack(&now, SAVED)], &profiles, &lock).expect("a stack");
        let one = "auth\t[success=2 default=ignore]\tpam_unix.so audit\nauth\t[default=die]\tpam_faillock.so authfail\n";
        assert_eq!(built[0].0, text(one));
        let all = [profiles.as_slice(), &[lock]].concat();
        let first = Profile::parse("first", FIRST);
        let again = with(&[stack(&built[0].0, &built[0].1)], &all, &first).expect("a stack");
        let two = "auth\trequisite\tpam_faillock.so preauth\nauth\t[success=2 default=ignore]\tpam_unix.so try_first_pass audit\nauth\t[default=die]\tpam_faillock.so authfail\n";
        assert_eq!(again[0].0, text(two));
        assert!(
            again[0]
                .1
                .starts_with("Module: first\nrequisite\tpam_faillock.so preauth\nModule: unix\n")
        );
    }

    #[test]
    fn a_line_that_nobody_knows_is_refused() {
        let now = text("auth\trequired\tpam_tally2.so\n");
        let stack = Stack {
            name: "auth",
            text: &now,
            saved: SAVED,
        };
        let error = with(&[stack], &[], &Profile::parse("lock", LOCK)).expect_err("unknown");
        assert!(error.contains("pam_tally2"), "{error}");
    }
}
