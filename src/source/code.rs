//! The kinds of mistakes and failures, each with a number that stays its own.
//!
//! A number is never given to another kind, and one that is no longer used stays out of use. Beside each
//! stands a page (`docs/errors/`), which `palisade explain` shows: what it means, and what to write instead.

use std::fmt;

macro_rules! codes {
    ($($(#[$says:meta])* $name:ident = $number:literal,)*) => {
        /// A kind of mistake or failure.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[$says])* $name,)*
        }

        impl Code {
            /// All of them, in the order of their numbers.
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            /// What stands in messages: `P0104`.
            pub fn number(self) -> &'static str {
                match self {
                    $(Code::$name => $number,)*
                }
            }

            /// Its page, as Markdown. The first line is `# P0104: title`.
            pub fn page(self) -> &'static str {
                match self {
                    $(Code::$name => include_str!(
                        concat!(env!("CARGO_MANIFEST_DIR"), "/docs/errors/", $number, ".md")
                    ),)*
                }
            }
        }
    };
}

codes! {
    /// Text that is not YAML.
    Yaml = "P0101",
    /// More, larger or deeper than is read.
    Bounds = "P0102",
    /// A key that stands twice in one mapping.
    DuplicateKey = "P0103",
    /// A word that is no keyword of a play, block, task or role.
    UnknownKeyword = "P0104",
    /// A word where it cannot stand.
    MisplacedKeyword = "P0105",
    /// A value that a keyword cannot have.
    KeywordValue = "P0106",
    /// Not the form of a playbook, play, role or list of tasks.
    Shape = "P0107",
    /// A play that does not say on which hosts.
    NoHosts = "P0108",
    /// A task that does not say what to do.
    NoAction = "P0109",
    /// A task with more than one action.
    TwoActions = "P0110",
    /// A word that is no action.
    UnknownAction = "P0111",
    /// An action of a collection that is not built in.
    ActionNotBuiltIn = "P0112",
    /// An argument that an action does not have.
    UnknownArgument = "P0113",
    /// An argument that an action needs.
    MissingArgument = "P0114",
    /// A value that an argument cannot have.
    ArgumentValue = "P0115",
    /// Arguments that are not written as names with values.
    ArgumentForm = "P0116",
    /// An argument beside its action, not in it.
    MisplacedArgument = "P0117",
    /// A file that is named and is not there.
    FileNotFound = "P0118",
    /// A role that is in none of the places of roles.
    RoleNotFound = "P0119",
    /// Imports, includes or dependencies that lead back to themselves.
    Circle = "P0120",
    /// A handler that is notified and does not exist.
    UnknownHandler = "P0121",
    /// A loop over what is no list.
    Loop = "P0122",
    /// A file that cannot be read.
    Unreadable = "P0123",
    /// A tag of YAML that is not known.
    UnknownTag = "P0124",
    /// A name that must be known before the run.
    NeededAhead = "P0125",
    /// A name that nothing defines.
    Undefined = "P0201",
    /// A template that cannot be parsed.
    TemplateSyntax = "P0202",
    /// A filter or test that does not exist.
    UnknownFilter = "P0203",
    /// A lookup that does not exist.
    UnknownLookup = "P0204",
    /// A template that cannot be evaluated.
    TemplateFailed = "P0205",
    /// A condition that is neither true nor false.
    Condition = "P0206",
    /// Braces within a condition.
    EmbeddedTemplate = "P0207",
    /// A result that check mode does not bring.
    NotRun = "P0208",
    /// A word that cannot name a variable.
    VariableName = "P0209",
    /// Variables that are not a mapping.
    VarsNotMapping = "P0210",
    /// Variables of the command line that cannot be read.
    ExtraVars = "P0211",
    /// An inventory that is not there.
    NoInventory = "P0301",
    /// An inventory that is not written as one.
    InventoryForm = "P0302",
    /// A name or pattern that fits no host.
    UnknownHost = "P0303",
    /// A pattern of hosts that cannot be read.
    Pattern = "P0304",
    /// A name of both a host and a group.
    AmbiguousName = "P0305",
    /// An inventory of a kind that is not read.
    InventoryPlugin = "P0306",
    /// An inventory script that fails, or prints something else.
    InventoryScript = "P0307",
    /// A limit that leaves no host.
    NoHostsLeft = "P0308",
    /// A vault, and no password.
    VaultNoPassword = "P0401",
    /// A vault that no password opens.
    VaultPassword = "P0402",
    /// A vault that is not as it was written.
    VaultDamaged = "P0403",
    /// A plan with secrets, and nothing to seal them with.
    PlanSecret = "P0404",
    /// A plan whose secrets cannot be opened.
    PlanSealed = "P0405",
    /// A password file that cannot be read.
    PasswordFile = "P0406",
    /// A key to seal for or to open with that is none.
    AgeKey = "P0407",
    /// A host that does not answer.
    Unreachable = "P0501",
    /// A host key that is not known.
    HostKey = "P0502",
    /// A host key that is another than the known one.
    HostKeyChanged = "P0503",
    /// A login that the host does not accept.
    Login = "P0504",
    /// A user that may not be become.
    Become = "P0505",
    /// A host whose shell does not answer as one.
    NoShell = "P0506",
    /// Something was begun, and its end was not seen.
    NoVerdict = "P0601",
    /// What is to be changed was changed by somebody else.
    ChangedMeanwhile = "P0602",
    /// More hosts failed than a limit allows.
    MaxFail = "P0603",
    /// A change that would keep people out.
    GuardRefused = "P0701",
    /// A change that was put back, because no login came in.
    GuardReverted = "P0702",
    /// A host that may be locked out.
    GuardLost = "P0703",
    /// A change that was not tried, because no guard could be armed.
    GuardNotArmed = "P0704",
    /// A file that is no plan, or a damaged one.
    PlanUnreadable = "P0801",
    /// A plan of another version.
    PlanVersion = "P0802",
    /// A run that is not recorded.
    NoSuchRun = "P0803",
    /// A record of a run that cannot be read.
    RecordUnreadable = "P0804",
    /// A record that cannot be written any more.
    RecordFull = "P0805",
    /// A run to go on with, of a playbook that has changed.
    ResumeChanged = "P0806",
    /// What a plan or an undo left alone, because it is not as it has to be.
    NotAsItWas = "P0807",
    /// A profile, control or level that does not exist.
    UnknownControl = "P0901",
    /// A control or profile that is not written as one.
    ControlForm = "P0902",
    /// A policy that is not written as one.
    PolicyForm = "P0903",
    /// A waiver that is not written as one.
    WaiverForm = "P0904",
    /// A waiver of what is not audited.
    IdleWaiver = "P0905",
    /// A parameter that no control has.
    UnknownParameter = "P0906",
    /// A selection that leaves no control.
    NothingToAudit = "P0907",
    /// Evidence that cannot be appended.
    Evidence = "P0908",
    /// A schedule that is not written as one.
    Schedule = "P1001",
    /// A calendar expression that cannot be read.
    Calendar = "P1002",
    /// A history that cannot be opened.
    Store = "P1003",
    /// An address that others reach, and no token.
    ServeToken = "P1004",
}

/// The areas, by the two digits that a number of theirs begins with.
pub const AREAS: [(&str, &str); 10] = [
    ("01", "the language"),
    ("02", "variables and templates"),
    ("03", "inventories"),
    ("04", "vaults and secrets"),
    ("05", "connections and trust"),
    ("06", "actions and hosts"),
    ("07", "guarded changes"),
    ("08", "plans, records of runs, undo"),
    ("09", "hardening"),
    ("10", "schedules and history"),
];

impl Code {
    /// What its page is called.
    pub fn title(self) -> &'static str {
        let first = self.page().lines().next().unwrap_or_default();
        first.split_once(": ").map_or(first, |(_, title)| title)
    }

    /// The code that somebody wrote, in any case, with or without what stands around it in a message.
    pub fn named(text: &str) -> Option<Code> {
        let text = text.trim().to_uppercase();
        let inner = text.split_once('[').map_or(&*text, |(_, rest)| rest);
        let inner = inner.split(']').next().unwrap_or_default();
        let known = |c: &&Code| c.number() == inner || c.number()[1..] == *inner;
        Code::ALL.iter().find(known).copied()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn numbers_ascend_and_belong_to_an_area() {
        let numbers: Vec<&str> = Code::ALL.iter().map(|c| c.number()).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        for number in numbers {
            assert!(number.len() == 5 && number.starts_with('P'), "{number}");
            assert!(AREAS.iter().any(|(area, _)| number[1..].starts_with(area)));
        }
    }

    #[test]
    fn every_code_has_a_page_and_every_page_a_code() {
        let mut pages = BTreeSet::new();
        for entry in
            std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors")).unwrap()
        {
            let name = entry.unwrap().file_name().into_string().unwrap();
            pages.extend(name.strip_suffix(".md").map(str::to_owned));
        }
        let codes: BTreeSet<String> = Code::ALL.iter().map(Code::to_string).collect();
        assert_eq!(pages, codes);
        for code in Code::ALL {
            let page = code.page();
            assert!(page.starts_with(&format!("# {code}: ")), "{code}");
            assert!(page.contains("\n```"), "{code} has no example");
            let related = page.lines().find_map(|l| l.strip_prefix("Related: "));
            let related = related.unwrap_or_else(|| panic!("{code} names nothing related"));
            for part in related.trim_end_matches('.').split(", ") {
                let other = part.trim_start_matches('[').split(']').next().unwrap();
                let named = Code::named(other).unwrap_or_else(|| panic!("{code}: {part}"));
                assert!(
                    named != *code && part == format!("[{other}]({other}.md)"),
                    "{code}: {part}"
                );
            }
        }
    }

    #[test]
    fn a_code_is_found_as_people_write_it() {
        for text in [
            "P0104",
            "p0104",
            "0104",
            "error[P0104]",
            " Warning[P0104]: ",
        ] {
            assert_eq!(Code::named(text), Some(Code::UnknownKeyword), "{text}");
        }
        assert_eq!(Code::named("P0000"), None);
        assert_eq!(Code::named(""), None);
    }
}
