//! `palisade install-schedule`: the jobs of a schedule as timers of systemd.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::serve::units::{Install, Unit, mark, units};
use crate::source::Diagnostic;

use super::exit::Exit;
use super::options::Values;
use super::{messages, run, serve};

const EXAMPLES: &str = "\
Examples:
  palisade install-schedule schedule.yml --dry-run    print the units
  palisade install-schedule schedule.yml              as root: for the machine, in /etc/systemd/system
  palisade install-schedule schedule.yml --user       for yourself; `loginctl enable-linger` keeps it without a login
  palisade install-schedule schedule.yml --remove     take them away again

Each job becomes a timer and a service that runs `palisade serve SCHEDULE --once JOB`, with history and news.
A file beside the schedule with the ending .env, if there is one, is the environment of its jobs.

Exit codes: 0 done, 1 a mistake in the schedule, or systemd refused.";

#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct InstallArgs {
    /// The schedule
    #[arg(value_name = "SCHEDULE")]
    schedule: PathBuf,
    /// For the user who calls it, not for the machine
    #[arg(long)]
    user: bool,
    /// Print the units, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Take away the units of this schedule
    #[arg(long)]
    remove: bool,
    /// Write units to this folder, and start nothing
    #[arg(long, value_name = "DIR", conflicts_with = "dry_run")]
    to: Option<PathBuf>,
    #[command(flatten)]
    pub values: Values,
}

/// What systemctl says is short.
const MOST_OUTPUT: u64 = 64 * 1024;

fn stuck(text: String) -> Vec<Diagnostic> {
    vec![Diagnostic::bare(text)]
}

/// Carries out `palisade install-schedule`.
pub fn run(args: &InstallArgs) -> Exit {
    let done = match args.remove {
        true => remove(args),
        false => install(args),
    };
    match done {
        Ok(()) => Exit::Fine,
        Err(mistakes) => {
            messages::show(&mistakes);
            Exit::Start
        }
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Vec<Diagnostic>> {
    let whole = std::path::absolute(path).map_err(|e| stuck(format!("{}: {e}", path.display())))?;
    match whole.to_str().is_some_and(|p| !p.contains(['\n', '\r'])) {
        true => Ok(whole),
        false => Err(stuck(format!(
            "{}: no unit can name this path",
            path.display()
        ))),
    }
}

/// The folder that units go to, and whether systemd looks there.
fn folder(args: &InstallArgs) -> Result<(PathBuf, bool), Vec<Diagnostic>> {
    if let Some(dir) = &args.to {
        return Ok((dir.clone(), false));
    }
    if !Path::new("/run/systemd/system").is_dir() {
        let text = "systemd does not run on this machine";
        let hint = "`palisade serve` needs none; --to DIR writes the units for another machine";
        return Err(vec![Diagnostic::bare(text).hint(hint)]);
    }
    if !args.user {
        return Ok((PathBuf::from("/etc/systemd/system"), true));
    }
    let base = match std::env::var_os("XDG_CONFIG_HOME") {
        Some(dir) if !dir.is_empty() => Some(PathBuf::from(dir)),
        _ => std::env::home_dir().map(|h| h.join(".config")),
    };
    let base = base.ok_or_else(|| stuck("there is no home directory".into()))?;
    Ok((base.join("systemd/user"), true))
}

fn install(args: &InstallArgs) -> Result<(), Vec<Diagnostic>> {
    let schedule = serve::read(&args.schedule, &args.values)?;
    let path = absolute(&args.schedule)?;
    let program = std::env::current_exe()
        .map_err(|e| stuck(format!("cannot find the program itself: {e}")))?;
    let mut options = Vec::new();
    for file in &args.values.vault_password_file {
        options.push("--vault-password-file".into());
        options.push(absolute(file)?.display().to_string());
    }
    let home = std::env::home_dir().unwrap_or_else(|| PathBuf::from("/root"));
    let named = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    let data = named("XDG_DATA_HOME").map_or_else(|| home.join(".local/share"), PathBuf::from);
    let own = [
        run::state_dir(),
        Some(data.join("palisade")),
        Some(home.join(".ssh")),
    ];
    let own: Vec<PathBuf> = own.into_iter().flatten().collect();
    let env = ["XDG_STATE_HOME", "XDG_DATA_HOME"];
    let env = env.iter().filter_map(|n| Some(((*n).into(), named(n)?)));
    let writes = path.parent().map(PathBuf::from).into_iter();
    let made = units(
        &schedule,
        &Install {
            program: absolute(&program)?,
            schedule: path.clone(),
            options,
            writes: writes.chain(own.iter().cloned()).collect(),
            env: env.collect(),
            user: args.user,
        },
    );
    if args.dry_run {
        let text: Vec<String> = made
            .iter()
            .map(|u| format!("# {}\n{}", u.name, u.text))
            .collect();
        messages::print(&text.join("\n"));
        return Ok(());
    }
    let (dir, lives) = folder(args)?;
    std::fs::create_dir_all(&dir).map_err(|e| cannot(&dir, &e))?;
    let old = ours(&dir, &path);
    let stale: Vec<&String> = old
        .iter()
        .filter(|o| made.iter().all(|u| u.name != **o))
        .collect();
    take_away(args, &dir, lives, &stale)?;
    let mut changed = !stale.is_empty();
    for unit in &made {
        changed |= write(&dir, unit)?;
    }
    if lives {
        // What is not there cannot be opened to a service that sees all else read-only.
        for dir in &own {
            make(dir).map_err(|e| cannot(dir, &e))?;
        }
        let timers: Vec<&str> = made
            .iter()
            .map(|u| u.name.as_str())
            .filter(|n| n.ends_with(".timer"))
            .collect();
        if changed {
            systemctl(args.user, &["daemon-reload"])?;
        }
        systemctl(args.user, &[&["enable", "--now"], &timers[..]].concat())?;
    }
    for unit in made.iter().filter(|u| u.name.ends_with(".timer")) {
        messages::print(&format!("{}\n", dir.join(&unit.name).display()));
    }
    if !changed {
        messages::say("nothing has changed");
    }
    if lives && args.user && !lingers() {
        messages::say(
            "note: these timers stop when you log out; `loginctl enable-linger` keeps them",
        );
    }
    Ok(())
}

/// A folder for its owner only, unless it is there.
fn make(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(dir)
}

/// Whether the user's manager outlives the last login.
fn lingers() -> bool {
    let named = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    named.is_ok_and(|user| Path::new("/var/lib/systemd/linger").join(user).exists())
}

fn cannot(path: &Path, error: &std::io::Error) -> Vec<Diagnostic> {
    let why = crate::source::files::plain(error);
    let error = Diagnostic::bare(format!("cannot write {}: {why}", path.display()));
    let hint = "the machine's units are root's; --user installs your own";
    vec![error.hint(hint)]
}

/// Writes a unit, if it is another one than is there.
fn write(dir: &Path, unit: &Unit) -> Result<bool, Vec<Diagnostic>> {
    let path = dir.join(&unit.name);
    let there = std::fs::read_to_string(&path);
    if path.exists() && !there.as_ref().is_ok_and(|t| t.starts_with(MARK)) {
        let text = format!("{} is not ours, and is left alone", path.display());
        return Err(stuck(text));
    }
    if there.is_ok_and(|t| t == unit.text) {
        return Ok(false);
    }
    let written = std::fs::write(&path, &unit.text);
    written.map(|()| true).map_err(|e| cannot(&path, &e))
}

const MARK: &str = "# palisade install-schedule ";

/// Names of units that an earlier call made of this schedule.
fn ours(dir: &Path, schedule: &Path) -> Vec<String> {
    let mark = mark(schedule);
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|e| e.file_type().is_ok_and(|t| t.is_file()))
        .filter_map(|e| e.file_name().into_string().ok())
        .filter(|n| n.starts_with("palisade-"))
        .filter(|n| {
            let text = std::fs::read_to_string(dir.join(n));
            text.is_ok_and(|t| t.lines().next() == Some(mark.as_str()))
        })
        .collect();
    names.sort();
    names
}

fn remove(args: &InstallArgs) -> Result<(), Vec<Diagnostic>> {
    let path = absolute(&args.schedule)?;
    let (dir, lives) = folder(args)?;
    let old = ours(&dir, &path);
    if old.is_empty() {
        messages::say(&format!(
            "{} has no units of {}",
            dir.display(),
            path.display()
        ));
    }
    if args.dry_run {
        messages::print(
            &old.iter()
                .map(|n| format!("{}\n", dir.join(n).display()))
                .collect::<String>(),
        );
        return Ok(());
    }
    take_away(args, &dir, lives, &old.iter().collect::<Vec<_>>())?;
    match lives && !old.is_empty() {
        true => systemctl(args.user, &["daemon-reload"]),
        false => Ok(()),
    }
}

fn take_away(
    args: &InstallArgs,
    dir: &Path,
    lives: bool,
    names: &[&String],
) -> Result<(), Vec<Diagnostic>> {
    let timers: Vec<&str> = names
        .iter()
        .map(|n| n.as_str())
        .filter(|n| n.ends_with(".timer"))
        .collect();
    if lives && !timers.is_empty() {
        systemctl(args.user, &[&["disable", "--now"], &timers[..]].concat())?;
    }
    for name in names {
        let path = dir.join(name);
        std::fs::remove_file(&path).map_err(|e| cannot(&path, &e))?;
    }
    Ok(())
}

fn systemctl(user: bool, words: &[&str]) -> Result<(), Vec<Diagnostic>> {
    let own: &[&str] = if user { &["--user"] } else { &[] };
    let words = [own, words].concat();
    let done = crate::host::process::output(Path::new("systemctl"), &words, MOST_OUTPUT);
    done.map(drop).map_err(stuck)
}
