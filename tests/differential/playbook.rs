//! A playbook of the comparison: its head, its recordings.

use std::fs;
use std::path::{Path, PathBuf};

use similar::TextDiff;

pub(crate) struct Playbook {
    /// `AREA/NAME`.
    pub(crate) name: String,
    /// The folder of its area, absolute.
    pub(crate) folder: PathBuf,
    pub(crate) file: String,
    pub(crate) args: Vec<String>,
    /// What it does differs between a prediction and the run, and that is all right.
    pub(crate) unpredictable: bool,
    /// palisade does otherwise on purpose.
    differs: bool,
}

/// Every playbook, or those that `PALISADE_ONLY` asks for.
pub(crate) fn all() -> Vec<Playbook> {
    let only = std::env::var("PALISADE_ONLY").unwrap_or_default();
    let mut found = Vec::new();
    for area in entries(&root().join("playbooks")) {
        for file in entries(&area) {
            if file.extension().is_some_and(|e| e == "yml") {
                let playbook = Playbook::read(&area, &file);
                if playbook.name.contains(&only) {
                    found.push(playbook);
                }
            }
        }
    }
    found
}

/// The folder of the comparison.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder).expect("a folder of playbooks");
    let mut found: Vec<PathBuf> = listed.map(|e| e.expect("an entry").path()).collect();
    found.sort();
    found
}

impl Playbook {
    fn read(area: &Path, file: &Path) -> Playbook {
        let text = fs::read_to_string(file).expect("a playbook");
        let said = |what: &str| {
            let head = text.lines().take_while(|l| l.starts_with('#'));
            head.filter_map(|l| l.strip_prefix("# ")?.strip_prefix(what)?.strip_prefix(": "))
                .next()
        };
        let name = |path: &Path| {
            path.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        };
        Playbook {
            name: format!("{}/{}", name(area), name(file)),
            folder: area.to_owned(),
            file: format!("{}.yml", name(file)),
            args: said("args").map_or_else(Vec::new, |a| a.split(' ').map(str::to_owned).collect()),
            unpredictable: said("check").is_some(),
            differs: said("differs").is_some(),
        }
    }

    /// What ansible-core did.
    pub(crate) fn expected(&self) -> PathBuf {
        root().join("expected").join(format!("{}.txt", self.name))
    }

    fn own(&self) -> PathBuf {
        root()
            .join("expected")
            .join(format!("{}.palisade.txt", self.name))
    }

    pub(crate) fn recorded(&self) -> String {
        fs::read_to_string(self.expected()).unwrap_or_default()
    }

    pub(crate) fn record(&self, outcome: &str) {
        let path = self.expected();
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder can be made");
        fs::write(path, outcome).expect("the recording can be written");
    }

    /// What is wrong with palisade's outcome: it is not Ansible's, or not what is said to differ.
    pub(crate) fn judge(&self, outcome: &str) -> Vec<String> {
        let recorded = self.recorded();
        if !self.differs {
            return self.compare("ansible-core", &recorded, "palisade", outcome);
        }
        if same(&recorded, outcome) {
            return vec!["says that it differs, and does not".to_owned()];
        }
        if std::env::var_os("PALISADE_RECORD").is_some() {
            fs::write(self.own(), outcome).expect("the recording can be written");
        }
        let own = fs::read_to_string(self.own()).unwrap_or_default();
        self.compare("palisade before", &own, "palisade", outcome)
    }

    pub(crate) fn compare(&self, old: &str, before: &str, new: &str, after: &str) -> Vec<String> {
        if same(before, after) {
            return Vec::new();
        }
        let (before, after) = (body(before), body(after));
        let diff = TextDiff::from_lines(before, after);
        let text = diff
            .unified_diff()
            .context_radius(3)
            .header(old, new)
            .to_string();
        vec![text]
    }
}

/// Without the line that names the version.
fn body(outcome: &str) -> &str {
    match outcome.split_once('\n') {
        Some((first, rest)) if first.starts_with("# ") => rest,
        _ => outcome,
    }
}

fn same(one: &str, other: &str) -> bool {
    body(one) == body(other)
}
