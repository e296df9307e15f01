//! Writing what came of a run to the history, once it is over and said.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::engine::Options;
use crate::engine::event::HostName;
use crate::history::{Counts, Keep, Place, Record, Run, Store, Trouble};
use crate::report::Reporter;
use crate::report::history::fixed::fixed;
use crate::report::history::{Gathered, Keeper, Slot};
use crate::source::{Code, Diagnostic, Mask, Secret};

use super::exit::Exit;
use super::face::Face;
use super::messages;
use super::past::age;
use super::playbook::PlaybookArgs;
use super::run::Ended;

/// In the place of a history where none is wanted.
const NONE: &str = "none";

/// What is known of a run when it begins.
pub struct Keeping {
    place: Place,
    run: Run,
    drift: bool,
    /// What its events come to, where they are gathered.
    slot: Option<Slot>,
    /// Its record is written later, with that of the run that follows from it.
    together: Option<Together>,
    /// What differs is corrected on these hosts.
    fixes: Option<Arc<BTreeSet<HostName>>>,
}

/// A look, and the correction that follows from it if any does: one run in the history, whose exit code
/// is known when both are over.
#[derive(Clone, Debug, Default)]
pub struct Together(Arc<Mutex<Option<Waiting>>>);

#[derive(Debug)]
struct Waiting {
    place: Place,
    run: Run,
    gathered: Gathered,
}

impl Together {
    fn add(&self, mut waiting: Waiting, fixes: Option<&BTreeSet<HostName>>) {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(look), Some(hosts)) = (slot.take(), fixes) {
            waiting.run.started = look.run.started;
            waiting.gathered = fixed(look.gathered, waiting.gathered, hosts);
        }
        *slot = Some(waiting);
    }

    /// Writes down what there is.
    pub fn end(&self, exit: Exit) {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = slot.take() {
            write_down(&waiting.place, waiting.run, waiting.gathered, exit);
        }
    }
}

/// The history that was named, or the usual one; nothing where none is wanted.
pub fn place(store: Option<&str>) -> Result<Option<Place>, Diagnostic> {
    let named = store.map(str::to_owned).or_else(|| {
        std::env::var("PALISADE_STORE")
            .ok()
            .filter(|s| !s.is_empty())
    });
    if named.as_deref() == Some(NONE) {
        return Ok(None);
    }
    let Some(named) = named else {
        let data = match std::env::var_os("XDG_DATA_HOME") {
            Some(dir) if !dir.is_empty() => Some(PathBuf::from(dir)),
            _ => std::env::home_dir().map(|home| home.join(".local/share")),
        };
        return Ok(data.map(|dir| Place::usual(&dir)));
    };
    let place = Place::of(&named).map_err(|wrong| {
        let mistake = Diagnostic::bare(format!("--store: {}", wrong.what)).code(Code::Store);
        wrong.hint.into_iter().fold(mistake, Diagnostic::hint)
    })?;
    let password = std::env::var("PGPASSWORD").ok().filter(|p| !p.is_empty());
    Ok(Some(place.with_password(password.map(Secret::new))))
}

/// The reporter of a run with what gathers for the history behind it.
pub fn begin(
    args: &PlaybookArgs,
    reporter: Box<dyn Reporter>,
    mask: &Mask,
    options: &Options,
) -> Result<(Box<dyn Reporter>, Option<Keeping>), Diagnostic> {
    // An audit gives its report, which says more than its events; one action is no playbook.
    let of_file = args.undoes.is_some() || args.applies.is_some();
    let other = args.made_up.is_some() || args.built.is_some() && !of_file;
    if other {
        return Ok((reporter, None));
    }
    let command = match (&args.undoes, &args.applies) {
        (Some(_), _) => "undo",
        (_, Some(_)) => "apply",
        _ if args.together.is_some() => "drift --fix",
        _ if args.drift => "drift",
        _ if options.plans => "plan",
        _ => "playbook",
    };
    let of: Vec<String> = args
        .playbooks
        .iter()
        .map(|p| p.display().to_string())
        .collect();
    let here = std::env::current_dir().unwrap_or_default();
    let paths = args
        .playbooks
        .iter()
        .map(|p| here.join(p).display().to_string());
    let paths: Vec<String> = paths.collect();
    let of = match (&args.undoes, &args.applies) {
        (Some(run), _) => run.clone(),
        (_, Some((plan, _))) => plan.display().to_string(),
        _ => of.join(" "),
    };
    let started = Timestamp::now();
    let Some(mut keeping) = Keeping::of(args, (command, &of), &paths.join(" "), started)? else {
        return Ok((reporter, None));
    };
    keeping.run.dry = options.check;
    keeping.together = args.together.clone();
    keeping.fixes = options.fixes.clone();
    let (keeper, slot) = Keeper::new(reporter, mask.clone());
    keeping.slot = Some(slot);
    Ok((Box::new(keeper), Some(keeping)))
}

impl Keeping {
    fn of(
        args: &PlaybookArgs,
        (command, of): (&str, &str),
        key: &str,
        started: Timestamp,
    ) -> Result<Option<Keeping>, Diagnostic> {
        let recording = &args.common.recording;
        if recording.nothing || recording.no_history {
            return Ok(None);
        }
        let Some(place) = place(recording.store.as_deref())? else {
            return Ok(None);
        };
        let job = recording.job.clone();
        let run = Run {
            name: started.strftime("%Y%m%d-%H%M%S-%6f").to_string(),
            command: command.to_owned(),
            job: job.unwrap_or_else(|| format!("{command} {key}")),
            of: of.to_owned(),
            who: who(),
            dry: true,
            started,
            ended: None,
            exit: None,
            counts: Counts::default(),
        };
        Ok(Some(Keeping {
            place,
            run,
            drift: args.drift,
            slot: None,
            together: None,
            fixes: None,
        }))
    }

    /// An audit that has ended.
    pub fn of_audit(
        args: &PlaybookArgs,
        (mode, profiles): (&str, &str),
        started: &str,
    ) -> Result<Option<Keeping>, Diagnostic> {
        let started = started.parse().unwrap_or_else(|_| Timestamp::now());
        let mut keeping = Keeping::of(args, (mode, profiles), profiles, started)?;
        if let Some(keeping) = &mut keeping {
            keeping.run.dry = args.check;
        }
        Ok(keeping)
    }

    /// Writes down a run whose events were gathered.
    pub fn end(self, ended: &Ended) {
        let gathered = self.slot.as_ref().and_then(|s| Some(s.lock().ok()?.take()));
        let gathered = gathered.unwrap_or_default();
        let exit = Face::Palisade.exit(ended, self.drift);
        let Some(together) = &self.together else {
            return self.write(ended.journal.as_deref(), gathered, exit);
        };
        let waiting = Waiting {
            run: named(self.run, ended.journal.as_deref()),
            place: self.place,
            gathered,
        };
        together.add(waiting, self.fixes.as_deref());
    }

    /// Writes down a run. That it is not written is said, and changes nothing else.
    pub fn write(self, journal: Option<&Path>, gathered: Gathered, exit: Exit) {
        write_down(&self.place, named(self.run, journal), gathered, exit);
    }
}

/// What was done and what came of it go by one name.
fn named(mut run: Run, journal: Option<&Path>) -> Run {
    if let Some(name) = journal.and_then(Path::file_stem) {
        run.name = name.to_string_lossy().into_owned();
    }
    run
}

fn write_down(place: &Place, run: Run, gathered: Gathered, exit: Exit) {
    if gathered.hosts.is_empty() {
        return;
    }
    let mut record = Record {
        run,
        tasks: gathered.tasks,
        hosts: gathered.hosts,
        differences: gathered.differences,
    };
    record.run.ended = Some(Timestamp::now());
    record.run.exit = Some(exit as u8);
    record.run.counts = record.counts();
    if let Err(trouble) = write(place, &record) {
        messages::say(&format!(
            "warning: this run is not in the history: {trouble}"
        ));
    }
}

fn write(place: &Place, record: &Record) -> Result<(), Trouble> {
    let mut store = Store::open(place)?;
    store.record(record)?;
    store.prune(&keep(), Timestamp::now())?;
    Ok(())
}

/// How long runs are kept: what the environment says, else a quarter.
fn keep() -> Keep {
    let usual = Keep::default();
    let Some(said) = std::env::var("PALISADE_KEEP")
        .ok()
        .filter(|k| !k.is_empty())
    else {
        return usual;
    };
    match age(&said) {
        Ok(age) => Keep { age, ..usual },
        Err(why) => {
            // To keep more than was meant can be mended.
            messages::say(&format!(
                "warning: PALISADE_KEEP is `{said}`, which is not {why}"
            ));
            Keep {
                age: std::time::Duration::MAX,
                ..usual
            }
        }
    }
}

/// Who runs this: the user who became another one, where that is known.
fn who() -> String {
    let named = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    let user = ["SUDO_USER", "DOAS_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(named);
    let user = user.unwrap_or_else(|| account(rustix::process::getuid().as_raw()));
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match host.trim() {
        "" => user,
        host => format!("{user}@{host}"),
    }
}

/// The name of a number that the accounts of this machine have, else the number.
fn account(number: u32) -> String {
    let number = number.to_string();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut lines = accounts.lines().map(|l| l.split(':').collect::<Vec<_>>());
    let mine = lines.find(|fields| fields.get(2) == Some(&number.as_str()));
    mine.map_or(number, |fields| fields[0].to_owned())
}
