//! `palisade serve`: jobs of a schedule, run when it is time.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use clap::{Args, CommandFactory as _};
use jiff::Timestamp;

use crate::serve::board::Board;
use crate::serve::daemon::{self, Daemon};
use crate::serve::keep::Shelf;
use crate::serve::past::{Past, who};
use crate::serve::run::Status;
use crate::serve::schedule::{self, Outside, Schedule};
use crate::serve::web::{self, Access, Site};
use crate::source::{Code, Diagnostic, Files, Mask, Secret};

use super::exit::Exit;
use super::options::Values;
use super::setup::Project;
use super::{kept, messages, run};

const EXAMPLES: &str = "\
Examples:
  palisade serve schedule.yml --check        read it, and say when each job runs next
  palisade serve schedule.yml                run jobs when it is time; the page is http://127.0.0.1:7433
  palisade serve schedule.yml --listen 0.0.0.0:7433 --token-file token
  palisade serve schedule.yml --once nightly run one job now, with history and news, and end
  kill -HUP PID                              read the schedule again; a wrong one is refused

A schedule:
  notify:
    team: {webhook: 'https://chat.example.com/hook', secret: {env: HOOK_SECRET}}
  jobs:
  - name: nightly
    verb: drift                              # drift, drift --fix, audit, harden, playbook
    playbook: site.yml
    inventory: hosts.ini
    calendar: Mon..Fri 03:00                 # or cron's: 0 3 * * 1-5
    jitter: 10m

Environment: PALISADE_SERVE_TOKEN is the token, unless --token-file names one.
Exit codes: 0 stopped in order, 1 a mistake in the schedule or an option value;
--once: those of the job, 2 as well where it did not come to its end.";

/// Where the page is, if nobody says.
const PORT: u16 = 7433;
/// A shorter token is guessed.
const SHORTEST_TOKEN: usize = 16;

#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ServeArgs {
    /// The schedule
    #[arg(value_name = "SCHEDULE")]
    pub schedule: PathBuf,
    /// Only read the schedule, and say when each job runs next
    #[arg(long, conflicts_with = "once")]
    check: bool,
    /// Run this job now, and end
    #[arg(long, value_name = "JOB")]
    once: Option<String>,
    /// Where the page and its interface are: a port, an address, or `off`
    #[arg(long, value_name = "[ADDRESS:]PORT|off", default_value = "7433", value_parser = listen)]
    listen: Listen,
    /// A file with the token that the page asks for; needed unless only this machine can connect
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A name under which a proxy on this machine hands requests on; may be repeated
    #[arg(long, value_name = "NAME")]
    host_name: Vec<String>,
    /// The history of runs: a file, postgres://USER@HOST/DATABASE, or `none`
    #[arg(long, value_name = "FILE|URL")]
    store: Option<String>,
    #[command(flatten)]
    pub values: Values,
}

/// Where to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listen {
    Off,
    At(SocketAddr),
}

fn listen(word: &str) -> Result<Listen, String> {
    if word == "off" {
        return Ok(Listen::Off);
    }
    if let Ok(port) = word.parse() {
        return Ok(Listen::At(SocketAddr::new(
            Ipv4Addr::LOCALHOST.into(),
            port,
        )));
    }
    if let Ok(address) = word.parse::<SocketAddr>() {
        return Ok(Listen::At(address));
    }
    let bare = word
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    match (bare, word.strip_prefix("localhost:").and_then(|p| p.parse().ok())) {
        (Ok(ip), _) => Ok(Listen::At(SocketAddr::new(ip, PORT))),
        (_, Some(port)) => Ok(Listen::At(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port))),
        _ => Err("a port, as in `7433`, or an address of this machine's, as in `0.0.0.0:7433` or `[::1]:7433`".into()),
    }
}

/// Carries out `palisade serve`.
pub fn run(args: &ServeArgs) -> Exit {
    let done = match &args.once {
        _ if args.check => check(args),
        Some(job) => once(args, job),
        None => serve(args),
    };
    done.unwrap_or_else(|mistakes| {
        messages::show(&mistakes);
        Exit::Start
    })
}

/// Reads the schedule, with the vaults that the options open.
pub(super) fn read(path: &std::path::Path, values: &Values) -> Result<Schedule, Vec<Diagnostic>> {
    let project = Project::new(values)?;
    let outside = Outside {
        files: &Files::Disk,
        env: &|name| std::env::var(name).ok(),
        vault: &project.vault,
        refuses: &refuses,
    };
    schedule::read(path, &outside)
}

/// What our own command line says of a job's words.
fn refuses(words: &[String]) -> Option<String> {
    let words = std::iter::once("palisade").chain(words.iter().map(String::as_str));
    let error = super::Cli::command().try_get_matches_from(words).err()?;
    let text = error.render().to_string();
    let first = text.lines().next().unwrap_or_default();
    Some(first.trim_start_matches("error: ").to_owned())
}

fn start(what: impl std::fmt::Display, why: impl std::fmt::Display) -> Vec<Diagnostic> {
    vec![Diagnostic::bare(format!("{what}: {why}"))]
}

/// Nobody can be listened to at this address.
fn deaf(address: SocketAddr, error: &std::io::Error) -> Diagnostic {
    use std::io::ErrorKind;
    let text = |why: &str| Diagnostic::bare(format!("cannot listen on {address}: {why}"));
    match error.kind() {
        ErrorKind::AddrInUse => text("another program does")
            .hint("--listen PORT takes another port, --listen off does without the page"),
        ErrorKind::AddrNotAvailable => {
            text("this machine has no such address").hint("`ip address` lists those it has")
        }
        ErrorKind::PermissionDenied => {
            text("permission denied").hint("ports below 1024 are root's")
        }
        _ => text(&crate::source::files::plain(error)),
    }
}

fn check(args: &ServeArgs) -> Result<Exit, Vec<Diagnostic>> {
    let schedule = read(&args.schedule, &args.values)?;
    let now = Timestamp::now();
    let width = schedule
        .jobs
        .iter()
        .map(|j| j.name.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for job in &schedule.jobs {
        let next = match job.timing.next(now) {
            Some(next) => next
                .to_zoned(job.timing.zone.clone())
                .strftime("%a %Y-%m-%d %H:%M:%S %Z")
                .to_string(),
            None => "never".into(),
        };
        text.push_str(&format!(
            "{:width$}  {next}  {}\n",
            job.name,
            job.verb.word()
        ));
    }
    messages::print(&crate::source::escape::escape(&text));
    Ok(Exit::Fine)
}

/// The token that the page asks for.
fn token(args: &ServeArgs) -> Result<Option<Secret>, Vec<Diagnostic>> {
    let token = match &args.token_file {
        Some(path) => {
            let text = std::fs::read_to_string(path);
            let text = text.map_err(|e| {
                start(
                    format!("cannot read the token file {}", path.display()),
                    crate::source::files::plain(&e),
                )
            })?;
            Some(text)
        }
        None => std::env::var("PALISADE_SERVE_TOKEN")
            .ok()
            .filter(|t| !t.is_empty()),
    };
    let Some(token) = token else { return Ok(None) };
    let token = token.trim();
    if token.len() < SHORTEST_TOKEN {
        let text = format!("the token is shorter than {SHORTEST_TOKEN} characters");
        let hint = "`openssl rand -hex 24 > token` makes one";
        return Err(vec![
            Diagnostic::bare(text).code(Code::ServeToken).hint(hint),
        ]);
    }
    Ok(Some(Secret::new(token)))
}

fn serve(args: &ServeArgs) -> Result<Exit, Vec<Diagnostic>> {
    let token = token(args)?;
    if let Listen::At(address) = args.listen
        && !address.ip().is_loopback()
        && token.is_none()
    {
        let text = format!("whoever reaches {address} could look, so a token is needed");
        let hint = "--token-file FILE, or PALISADE_SERVE_TOKEN in the environment";
        return Err(vec![
            Diagnostic::bare(text).code(Code::ServeToken).hint(hint),
        ]);
    }
    let schedule = read(&args.schedule, &args.values)?;
    let daemon = daemon(args, &schedule)?;
    let held = daemon
        .shelf
        .lock(None)
        .map_err(|e| start("cannot lock the schedule", e))?;
    if held.is_none() {
        let text = format!(
            "another `palisade serve` runs the jobs of {}",
            args.schedule.display()
        );
        return Err(vec![Diagnostic::bare(text)]);
    }
    let (board, past) = (Arc::clone(&daemon.board), daemon.past.clone());
    let runtime = runtime()?;
    runtime.block_on(async {
        if let Listen::At(address) = args.listen {
            let listener = web::bind(address).await;
            let listener = listener.map_err(|e| vec![deaf(address, &e)])?;
            let address = listener.local_addr().unwrap_or(address);
            messages::say(&format!("listening on http://{address}"));
            let site = Site {
                board,
                access: Access::new(token, address.ip().is_loopback(), &args.host_name),
                past,
            };
            tokio::spawn(web::serve(listener, Arc::new(site)));
        }
        daemon::run(daemon, schedule)
            .await
            .map_err(|e| start("cannot go on", e))
    })?;
    // What answers a browser is not waited for.
    runtime.shutdown_background();
    Ok(Exit::Fine)
}

fn runtime() -> Result<tokio::runtime::Runtime, Vec<Diagnostic>> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| start("cannot start", e))
}

fn daemon(args: &ServeArgs, schedule: &Schedule) -> Result<Daemon, Vec<Diagnostic>> {
    let program =
        std::env::current_exe().map_err(|e| start("cannot find the program itself", e))?;
    let dir = run::state_dir();
    let dir = dir.ok_or_else(|| {
        start(
            "there is no place to remember anything",
            "no home directory",
        )
    })?;
    let cannot = |e: std::io::Error| {
        let why = crate::source::files::plain(&e);
        let text = format!("cannot remember anything in {}: {why}", dir.display());
        let hint = "XDG_STATE_HOME names the folder that it is made in";
        vec![Diagnostic::bare(text).hint(hint)]
    };
    let shelf = Shelf::open(&dir.join("serve"), &args.schedule).map_err(cannot)?;
    let (path, values) = (args.schedule.clone(), args.values.clone());
    let say = |text: &str| {
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
        messages::say(&format!("{now} {}", crate::source::escape::escape(text)));
    };
    let past = Past::new(
        kept::place(args.store.as_deref()).map_err(|d| vec![d])?,
        myself(),
    );
    let board = Board::new(schedule.path.display().to_string(), Timestamp::now());
    Ok(Daemon {
        program,
        env: args
            .store
            .iter()
            .map(|s| ("PALISADE_STORE".to_owned(), s.clone()))
            .collect(),
        shelf,
        read: Box::new(move || read(&path, &values)),
        show: Box::new(messages::show),
        say: Arc::new(say),
        past,
        board: Arc::new(Mutex::new(board)),
        mask: Mask::default(),
        seed: run::seed(),
    })
}

/// Who runs jobs, and where.
fn myself() -> String {
    let user = std::env::var("USER")
        .or_else(|_| std::env::var("LOGNAME"))
        .ok();
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    who(user.as_deref(), machine.as_deref().map(str::trim))
}

fn once(args: &ServeArgs, job: &str) -> Result<Exit, Vec<Diagnostic>> {
    let schedule = read(&args.schedule, &args.values)?;
    if !schedule.jobs.iter().any(|j| j.name == job) {
        let text = format!("`{job}` is no job of {}", args.schedule.display());
        let names = schedule.jobs.iter().map(|j| j.name.as_str());
        let error = Diagnostic::bare(text);
        return Err(vec![match crate::source::suggest::nearest(job, names) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error,
        }]);
    }
    let mut daemon = daemon(args, &schedule)?;
    let runtime = runtime()?;
    let run = runtime.block_on(daemon::once(&mut daemon, &schedule, job));
    let run = run.map_err(|why| vec![Diagnostic::bare(why)])?;
    Ok(match (run.exit, run.status) {
        (_, Status::Stopped) => Exit::Terminated,
        (Some(0), _) => Exit::Fine,
        (Some(1), _) => Exit::Start,
        (Some(3), _) => Exit::Findings,
        (Some(4), _) => Exit::Unreachable,
        (Some(9), _) => Exit::Reverted,
        (Some(10), _) => Exit::LockedOut,
        _ => Exit::Failed,
    })
}
