//! Carries a compiled project out: runtime, reporter, signals, journal.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::engine::event::HostName;
use crate::engine::{Event, Job, Options, Stop, Summary};
use crate::journal::{Journal, contents, is_full};
use crate::report::Reporter;
use crate::source::{Code, Diagnostic};
use crate::vars::Layer;

use super::exit::Exit;
use super::playbook::{Compiled, PlaybookArgs};
use super::terminal::{AtTerminal, Hush};
use super::{kept, messages, recorded, resume, setup};

/// How often a reporter may say that time passes.
const TICK: Duration = Duration::from_millis(100);

/// Everything a run needs beside the engine.
pub struct Running<'a> {
    pub args: &'a PlaybookArgs,
    pub compiled: Compiled,
    pub limit: Option<Vec<HostName>>,
    pub options: Options,
    pub prompts: Layer,
    pub reporter: Box<dyn Reporter>,
    pub terminal: AtTerminal,
}

/// How a run ended.
pub struct Ended {
    pub summary: Summary,
    /// What stopped it, if not Ctrl-C: SIGTERM, or a terminal that was closed.
    pub terminated: Option<Exit>,
    /// Where it was written down.
    pub journal: Option<PathBuf>,
}

impl Ended {
    /// One that never began.
    fn by(mistake: Diagnostic) -> Ended {
        let mistakes = vec![mistake];
        messages::show(&mistakes);
        Ended {
            summary: Summary {
                mistakes,
                ..Summary::default()
            },
            terminated: None,
            journal: None,
        }
    }
}

/// The hosts that `--limit` leaves.
pub fn limit(
    compiled: &mut Compiled,
    args: &PlaybookArgs,
) -> Result<Option<Vec<HostName>>, Diagnostic> {
    for name in &args.common.guarding.confirm_also {
        let hosts = compiled.inventory.hosts();
        if !hosts.iter().any(|h| h.name.as_str() == name) {
            let text = format!("`--confirm-also {name}`: the inventory has no such host");
            return Err(Diagnostic::bare(text).code(Code::UnknownHost));
        }
    }
    resume::check(args, compiled)?;
    let unwell = args.resumes.as_ref().filter(|r| !r.all).map(|r| &r.hosts);
    let Some(limit) = &args.common.who.limit else {
        let all = unwell.map(|hosts| hosts.iter().map(|h| Arc::from(h.as_str())).collect());
        return Ok(all);
    };
    let Compiled {
        project, inventory, ..
    } = compiled;
    let selection = inventory.limit(limit, &project.env())?;
    messages::show(&selection.warnings);
    let mut hosts: Vec<HostName> = selection
        .hosts
        .iter()
        .map(|h| Arc::from(h.as_str()))
        .collect();
    if let Some(unwell) = unwell {
        hosts.retain(|h| unwell.contains(&**h));
    }
    if hosts.is_empty() && !inventory.hosts().is_empty() {
        let text =
            "Specified inventory, host pattern and/or --limit leaves us with no hosts to target.";
        return Err(Diagnostic::bare(text).code(Code::NoHostsLeft));
    }
    Ok(Some(hosts))
}

/// Runs a compiled project, with a reporter in a thread of its own.
pub fn carry_out(running: Running<'_>) -> Ended {
    let Running {
        args,
        compiled,
        limit,
        options,
        prompts,
        reporter,
        terminal,
    } = running;
    let journal = match options.check {
        true => Journal::none(),
        false => match begin_journal(args, &compiled, limit.as_deref()) {
            Ok(journal) => journal,
            Err(mistake) => return Ended::by(mistake),
        },
    };
    let Compiled {
        project,
        inventory,
        plan,
        compiler,
        ..
    } = compiled;
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(e) => return Ended::by(Diagnostic::bare(format!("cannot start: {e}"))),
    };
    let (reporter, keeping) = match kept::begin(args, reporter, &project.mask, &options) {
        Ok(begun) => begun,
        Err(mistake) => return Ended::by(mistake),
    };
    let (events, inbox) = tokio::sync::mpsc::unbounded_channel::<Event>();
    let telling = {
        let (handle, hush) = (runtime.handle().clone(), terminal.hush());
        std::thread::spawn(move || tell(&handle, inbox, reporter, &hush))
    };
    let stop = Arc::new(Stop::default());
    let told = events.downgrade();
    let terminated: Arc<Mutex<Option<Exit>>> = Arc::default();
    let job = Job {
        plan,
        playbooks: args
            .playbooks
            .iter()
            .map(|p| p.display().to_string())
            .collect(),
        inventory,
        limit,
        limit_text: args.common.who.limit.clone(),
        templar: Arc::clone(&project.templar),
        compiler,
        dialer: Arc::new(setup::dialer(&args.common.connections, &terminal)),
        files: project.files.clone(),
        extra: Arc::clone(&project.extra),
        prompts,
        options,
        mask: project.mask.clone(),
        journal: journal.clone(),
        terminal: Arc::new(terminal),
        seed: seed(),
        events,
    };
    let summary = runtime.block_on(async {
        let watching = tokio::spawn(watch(Arc::clone(&stop), Arc::clone(&terminated), told));
        let summary = crate::engine::run(job, stop).await;
        watching.abort();
        summary
    });
    if !journal.is_empty()
        && let Some(dir) = state_dir()
    {
        let now = std::time::SystemTime::now();
        // What is old can go the next time as well.
        let _ = contents::prune(&dir.join(RUNS), &dir.join(CONTENTS), now);
    }
    // The reporter ends when the last sender is gone; it needs the runtime's clock until then.
    let _ = telling.join();
    drop(runtime);
    let ended = Ended {
        summary,
        terminated: terminated.lock().map_or(None, |t| *t),
        journal: journal.path().map(PathBuf::from),
    };
    if let Some(keeping) = keeping {
        keeping.end(&ended);
    }
    ended
}

/// A number nobody chose, for `order: shuffle`.
pub(super) fn seed() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(1, |d| d.as_secs() ^ u64::from(d.subsec_nanos()))
}

/// Hands events to the reporter as they come, and time as it passes.
fn tell(
    handle: &tokio::runtime::Handle,
    mut inbox: tokio::sync::mpsc::UnboundedReceiver<Event>,
    mut reporter: Box<dyn Reporter>,
    hush: &Hush,
) {
    let mut hidden = false;
    loop {
        if hush.heeded() {
            if !std::mem::replace(&mut hidden, true) {
                reporter.hide();
            }
            std::thread::sleep(TICK / 4);
            continue;
        }
        hidden = false;
        let next = handle.block_on(async { tokio::time::timeout(TICK, inbox.recv()).await });
        match next {
            Ok(Some(event)) => reporter.event(&event),
            Ok(None) => return,
            Err(_) => reporter.tick(),
        }
    }
}

/// How long a run that is to stop at once may take to say what is unknown.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The first Ctrl-C ends the run in order, the second at once, the third without another word.
async fn watch(
    stop: Arc<Stop>,
    terminated: Arc<Mutex<Option<Exit>>>,
    events: tokio::sync::mpsc::WeakUnboundedSender<Event>,
) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut int), Ok(mut term)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return;
    };
    let mut hangup = match outlives_terminal() {
        true => None,
        false => signal(SignalKind::hangup()).ok(),
    };
    loop {
        let hung_up = async {
            match &mut hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        let exit = tokio::select! {
            _ = int.recv() => Exit::Interrupted,
            _ = term.recv() => Exit::Terminated,
            _ = hung_up => Exit::HungUp,
        };
        if let Ok(mut terminated) = terminated.lock() {
            *terminated = Some(exit).filter(|e| *e != Exit::Interrupted);
        }
        if stop.is_at_once() {
            super::leave(exit);
        }
        stop.ask();
        let at_once = stop.is_at_once();
        if let Some(events) = events.upgrade() {
            let _ = events.send(Event::Interrupted { at_once });
        }
        if !at_once {
            continue;
        }
        tokio::spawn(async move {
            tokio::time::sleep(LAST_WORDS).await;
            super::leave(exit);
        });
    }
}

/// Whether it was started to go on when its terminal is closed, as `nohup` does: with that signal ignored.
fn outlives_terminal() -> bool {
    const HANGUP: u64 = 1;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|l| l.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & HANGUP != 0)
}

/// Runs that begin in the same microsecond take the next one.
const TRIES: usize = 16;

/// What a run is written down in. What cannot be written down is not begun.
fn begin_journal(
    args: &PlaybookArgs,
    compiled: &Compiled,
    limit: Option<&[HostName]>,
) -> Result<Journal, Diagnostic> {
    let Some(dir) = state_dir().filter(|_| !args.common.recording.nothing) else {
        return Ok(Journal::none());
    };
    let about = recorded::about(args, compiled, limit);
    let carried = match &args.resumes {
        Some(resuming) => resuming.carried.clone(),
        None => resume::carried(&dir.join(RUNS), &about),
    };
    let kept = (!args.common.recording.no_undo_data).then(|| dir.join(CONTENTS));
    let mut begun = Err(std::io::ErrorKind::AlreadyExists.into());
    for _ in 0..TRIES {
        let now = jiff::Timestamp::now();
        let run = now.strftime("%Y%m%d-%H%M%S-%6f").to_string();
        let mask = compiled.project.mask.clone();
        let hides = Box::new(move |text: &str| mask.apply(text) != text);
        begun = Journal::begin(&dir.join(RUNS), &run, &about, kept.as_deref(), Some(hides));
        let taken = |e: &std::io::Error| e.kind() == std::io::ErrorKind::AlreadyExists;
        if !begun.as_ref().is_err_and(taken) {
            break;
        }
    }
    if let Ok(journal) = &begun {
        for host in args.resumes.iter().flat_map(|r| &r.hosts) {
            // Until it says otherwise.
            journal.host(host, "stopped");
        }
        for one in carried {
            journal.notified(&one.host, &one.by, &[(one.handler, one.name)]);
        }
    }
    begun.map_err(|e| {
        let runs = dir.join(RUNS);
        let text = format!(
            "this run cannot be recorded in {}, so it is not begun: {e}",
            runs.display()
        );
        Diagnostic::bare(text)
            .code(Code::RecordFull)
            .hint(match is_full(&e) {
                true => {
                    "make room on that disk, or name a directory on another one in XDG_STATE_HOME"
                }
                false => "name a directory that can be written to in XDG_STATE_HOME",
            })
    })
}

/// Where runs are recorded, and what was there before them is kept, below the state's directory.
pub const RUNS: &str = "runs";
pub const CONTENTS: &str = "contents";

/// `$XDG_STATE_HOME/palisade`, by default below `~/.local/state`.
pub fn state_dir() -> Option<PathBuf> {
    let base = match std::env::var_os("XDG_STATE_HOME") {
        Some(dir) if !dir.is_empty() => PathBuf::from(dir),
        _ => std::env::home_dir()?.join(".local/state"),
    };
    Some(base.join("palisade"))
}
