//! `palisade lab`: throw-away hosts on this machine.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Args, Subcommand};

use crate::host::server;
use crate::lab::changes::Kind;
use crate::lab::inventory::Format;
use crate::lab::store::Store;
use crate::lab::{DEFAULT_NAME, Lab, LabError, Profile, Want, boot, fault};

#[derive(Debug, Args)]
pub struct LabArgs {
    /// Which lab; several can stand beside each other
    #[arg(long, global = true, default_value = DEFAULT_NAME)]
    name: String,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make sure that N hosts run
    Up {
        /// How many hosts of this profile there are to be
        count: usize,
        /// The root directory hosts lie over, instead of this machine's own
        #[arg(long, value_name = "DIR")]
        root: Option<PathBuf>,
        /// debian, systemd (the same with systemd as process 1) or busybox
        #[arg(long, default_value = "debian")]
        profile: Profile,
        /// Run palisade's own small SSH server even where OpenSSH is installed
        #[arg(long)]
        own_server: bool,
    },
    /// End all hosts and remove every trace of them
    Down,
    /// Print an inventory of the hosts
    Inventory {
        #[arg(long)]
        yaml: bool,
        /// Who logs in: root, deploy (sudo without password) or admin (sudo password lab-admin)
        #[arg(long, default_value = "root")]
        user: String,
    },
    /// Log in to a host, or run a command there
    Ssh {
        host: String,
        #[arg(short = 'l', long, default_value = "root")]
        user: String,
        #[arg(last = true)]
        words: Vec<String>,
    },
    /// Run a command inside a host without SSH
    Exec {
        host: String,
        #[arg(last = true, required = true)]
        words: Vec<String>,
    },
    /// Put hosts back to how they were made
    Reset { hosts: Vec<String> },
    /// Power-cycle hosts
    Restart { hosts: Vec<String> },
    /// List the hosts
    List,
    /// Print what a host changed on its file system
    Changes { host: String },
    /// Stop every process of a host
    Freeze { host: String },
    /// Let a frozen host go on
    Thaw { host: String },
    /// Unplug a host's network cable
    Cut { host: String },
    /// Plug it in again
    Heal { host: String },
    /// Kill a host's SSH server
    KillSshd { host: String },
    /// Leave a host without power
    Halt { host: String },
    /// Mount a small disk in a host, to fill it
    Disk {
        host: String,
        /// For example 64k or 1m
        size: String,
        #[arg(default_value = fault::DISK)]
        at: String,
    },
    #[command(hide = true)]
    Keep { host: String },
    #[command(hide = true)]
    Build { host: String },
    #[command(hide = true)]
    Enter { host: String },
    /// The SSH server of a host that has none
    #[command(hide = true)]
    Serve,
}

/// Runs a verb; its exit code.
pub fn run(args: &LabArgs) -> ExitCode {
    match dispatch(args) {
        Ok(code) => code,
        Err(e) => {
            let mut err = std::io::stderr();
            let _ = writeln!(err, "error: {e}");
            if let Some(hint) = e.hint() {
                let _ = writeln!(err, "hint: {hint}");
            }
            ExitCode::from(1)
        }
    }
}

fn dispatch(args: &LabArgs) -> Result<ExitCode, LabError> {
    let me = std::env::current_exe().map_err(|source| LabError::Io {
        what: "find this program".into(),
        source,
    })?;
    let lab = Lab::named(&args.name, &me)?;
    match &args.verb {
        Verb::Up {
            count,
            root,
            profile,
            own_server,
        } => {
            let want = Want {
                count: *count,
                profile: *profile,
                root: root.clone(),
                own_server: *own_server,
            };
            up(&lab, args, &want)?;
        }
        Verb::Down => {
            lab.down()?;
            note("down");
        }
        Verb::Inventory { yaml, user } => {
            let format = if *yaml { Format::Yaml } else { Format::Ini };
            print(&lab.inventory(format, user)?);
        }
        Verb::Ssh { host, user, words } => return Ok(become_it(lab.ssh(host, user, words)?)),
        Verb::Exec { host, words } => {
            let mut command = lab.exec(host, words)?;
            if let Some(terminal) = std::env::var_os("TERM") {
                command.env("TERM", terminal);
            }
            return Ok(become_it(command));
        }
        Verb::Reset { hosts } => note(&format!("reset {}", lab.reset(hosts)?.join(" "))),
        Verb::Restart { hosts } => note(&format!("restarted {}", lab.restart(hosts)?.join(" "))),
        Verb::List => list(&lab, args)?,
        Verb::Changes { host } => changes(&lab, host)?,
        Verb::Freeze { host } => lab.freeze(host)?,
        Verb::Thaw { host } => lab.thaw(host)?,
        Verb::Cut { host } => lab.cut(host)?,
        Verb::Heal { host } => lab.heal(host)?,
        Verb::KillSshd { host } => lab.kill_server(host)?,
        Verb::Halt { host } => lab.halt(host)?,
        Verb::Disk { host, size, at } => lab.disk(host, size, at)?,
        Verb::Keep { host } => boot::keep(&Store::new(&args.name)?, host)?,
        Verb::Build { host } => return Ok(report(boot::build(&Store::new(&args.name)?, host))),
        Verb::Serve => return Ok(serve()),
        Verb::Enter { host } => return Ok(report(boot::enter(&Store::new(&args.name)?, host))),
    }
    Ok(ExitCode::SUCCESS)
}

/// Every address of the host it runs in.
const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 22);

fn serve() -> ExitCode {
    match server::serve(ANY, Path::new(server::HOST_KEY)) {
        Ok(never) => match never {},
        Err(e) => {
            note(&format!("error: {e}"));
            ExitCode::from(1)
        }
    }
}

fn up(lab: &Lab, args: &LabArgs, want: &Want) -> Result<(), LabError> {
    let done = lab.up(want)?;
    if !done.present.is_empty() {
        note(&format!("already up: {}", done.present.join(" ")));
    }
    if done.started.is_empty() {
        return Ok(());
    }
    let name = if args.name == DEFAULT_NAME {
        String::new()
    } else {
        format!(" --name {}", args.name)
    };
    note(&format!(
        "{} {} started in {:.2} s; next: palisade lab inventory{name} > inventory.ini",
        done.started.len(),
        if done.started.len() == 1 {
            "host"
        } else {
            "hosts"
        },
        done.took.as_secs_f64(),
    ));
    Ok(())
}

fn list(lab: &Lab, args: &LabArgs) -> Result<(), LabError> {
    if !lab.is_up() {
        let others: Vec<String> = Lab::all().into_iter().filter(|n| *n != args.name).collect();
        if !others.is_empty() {
            note(&format!("other labs here: {}", others.join(" ")));
        }
    }
    for host in lab.hosts()? {
        let state = host
            .pid
            .map_or("down".to_string(), |p| format!("up, process {p}"));
        print(&format!(
            "{}\t{}\t{}\t{state}\n",
            host.name,
            host.profile.name(),
            host.address
        ));
    }
    Ok(())
}

fn changes(lab: &Lab, host: &str) -> Result<(), LabError> {
    for change in lab.changes(host)? {
        let word = match change.kind {
            Kind::Added => "added",
            Kind::Changed => "changed",
            Kind::Attributes => "attributes",
            Kind::Removed => "removed",
        };
        print(&format!("{word}\t{}\n", change.path.display()));
    }
    Ok(())
}

/// Lets another program take this one's place.
fn become_it(mut command: Command) -> ExitCode {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    let _ = writeln!(
        std::io::stderr(),
        "error: {}: {error}",
        command.get_program().display()
    );
    ExitCode::from(127)
}

/// A step of a host's start only returns when it failed; its keeper reads stdout.
fn report(failed: Result<std::convert::Infallible, LabError>) -> ExitCode {
    match failed {
        Ok(never) => match never {},
        Err(e) => {
            print(&format!("{e}\n"));
            ExitCode::from(70)
        }
    }
}

fn print(text: &str) {
    // A reader that went away is no failure of ours.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
