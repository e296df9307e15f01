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
    /// A word that is no keyword of a play, block, task or role.
    UnknownKeyword = "P0104",
    /// A keyword where it cannot stand.
    MisplacedKeyword = "P0105",
    /// A value that a keyword cannot have.
    KeywordValue = "P0106",
    /// A name that nothing defines.
    Undefined = "P0201",
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
