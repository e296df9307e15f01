//! Options that several verbs share, in Ansible's spelling and meaning.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, ValueEnum};

use crate::engine::halt::MaxFail;
use crate::engine::options::Canary;
use crate::report::footer::Progress;

/// What every verb takes that may change hosts.
#[derive(Args, Clone, Debug, Default)]
pub struct Common {
    #[command(flatten)]
    pub who: Inventories,
    #[command(flatten)]
    pub values: Values,
    #[command(flatten)]
    pub connections: Connections,
    #[command(flatten)]
    pub becoming: Becoming,
    #[command(flatten)]
    pub guarding: Guarding,
    #[command(flatten)]
    pub recording: Recording,
    #[command(flatten)]
    pub showing: Showing,
}

/// Who: inventories and limits.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Hosts")]
pub struct Inventories {
    /// Inventory file, directory, script, or comma-separated host list; may be repeated
    #[arg(
        short,
        long = "inventory",
        alias = "inventory-file",
        value_name = "INVENTORY"
    )]
    pub inventory: Vec<String>,
    /// Only these of the selected hosts
    #[arg(short, long, value_name = "SUBSET")]
    pub limit: Option<String>,
}

/// How hosts are reached.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Connection")]
pub struct Connections {
    /// Connect as this user
    #[arg(short = 'u', long = "user", value_name = "REMOTE_USER")]
    pub user: Option<String>,
    /// Ask for the connection password
    #[arg(short = 'k', long)]
    pub ask_pass: bool,
    /// Read the connection password from this file
    #[arg(long, alias = "conn-pass-file", value_name = "FILE")]
    pub connection_password_file: Option<PathBuf>,
    /// Use this file to authenticate the connection
    #[arg(long, alias = "key-file", value_name = "FILE")]
    pub private_key: Option<PathBuf>,
    /// Connection type: ssh, local, docker, podman
    #[arg(short, long, value_name = "CONNECTION")]
    pub connection: Option<String>,
    /// Seconds to wait for a connection
    #[arg(short = 'T', long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
    /// Options of ssh, as in `-o ProxyJump=bastion`
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub ssh_common_args: Option<String>,
    /// More options of ssh
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub ssh_extra_args: Option<String>,
    /// Accepted for Ansible's sake; there is no scp
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true, hide = true)]
    pub scp_extra_args: Option<String>,
    /// Accepted for Ansible's sake; there is no sftp
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true, hide = true)]
    pub sftp_extra_args: Option<String>,
    /// Write keys of unknown hosts to known_hosts instead of refusing them
    #[arg(long)]
    pub accept_new_host_keys: bool,
    /// Hosts worked on at the same time (50)
    #[arg(short, long, value_name = "FORKS")]
    pub forks: Option<usize>,
    /// What environment or configuration say of unknown host keys.
    #[arg(skip)]
    pub host_key_checking: Option<bool>,
}

/// Hosts worked on at the same time, where nobody says: round trips are waited for, not computed.
pub const FORKS: usize = 50;

/// Becoming another user on the host.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Privileges")]
pub struct Becoming {
    /// Run as another user
    #[arg(short, long)]
    pub r#become: bool,
    /// How to become: sudo, su, doas
    #[arg(long, value_name = "METHOD")]
    pub become_method: Option<String>,
    /// The user to become (root)
    #[arg(long, value_name = "USER")]
    pub become_user: Option<String>,
    /// Ask for the password of becoming
    #[arg(short = 'K', long)]
    pub ask_become_pass: bool,
    /// Read the password of becoming from this file
    #[arg(long, alias = "become-pass-file", value_name = "FILE")]
    pub become_password_file: Option<PathBuf>,
}

/// Changes that may cut access.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Guard")]
pub struct Guarding {
    /// Seconds after which a change that may cut access puts itself back unless a new login confirms
    /// it (60), or `off`
    #[arg(long, value_name = "SECONDS|off", value_parser = guard)]
    pub guard: Option<Guard>,
    /// Hosts on which such changes are made before all others: a number or a percentage (1)
    #[arg(long, value_name = "N|P%", value_parser = canary)]
    pub canary: Option<Canary>,
    /// Hosts that may fail in the whole run, a number or a percentage; once more than that have, nothing
    /// further is begun
    #[arg(long, value_name = "N|P%", value_parser = max_fail)]
    pub max_fail: Option<MaxFail>,
    /// A host of the inventory from which a new login must come in as well before such a change is
    /// kept; may be repeated
    #[arg(long, value_name = "HOST")]
    pub confirm_also: Vec<String>,
}

/// What is written down about a run.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Journal and history")]
pub struct Recording {
    /// Do not keep what was there before a change: what it replaces cannot be undone
    #[arg(long)]
    pub no_undo_data: bool,
    /// The history of runs: a file, postgres://USER@HOST/DATABASE, or `none`
    #[arg(long, value_name = "FILE|URL")]
    pub store: Option<String>,
    /// Do not write what comes of this run to the history
    #[arg(long, conflicts_with = "store")]
    pub no_history: bool,
    /// The name that runs are compared by, instead of the command with what it is of
    #[arg(long, value_name = "NAME")]
    pub job: Option<String>,
    /// What runs on a host that is thrown away is not recorded.
    #[arg(skip)]
    pub nothing: bool,
}

/// What `--guard` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    Off,
    Seconds(u64),
}

/// A shorter guard could run out before a slow login has confirmed it.
const SHORTEST_GUARD: u64 = 20;

/// A longer one would leave a host out of reach for no reason.
const LONGEST_GUARD: u64 = 3600;

fn guard(word: &str) -> Result<Guard, String> {
    if word == "off" {
        return Ok(Guard::Off);
    }
    let seconds = word.strip_suffix('s').unwrap_or(word).parse().ok();
    match seconds {
        Some(s) if (SHORTEST_GUARD..=LONGEST_GUARD).contains(&s) => Ok(Guard::Seconds(s)),
        Some(_) => Err(format!(
            "{SHORTEST_GUARD} to {LONGEST_GUARD} seconds are possible"
        )),
        None => Err("seconds, as in `90` or `90s`, or `off`".into()),
    }
}

/// A number of hosts, or a part of them.
pub fn share(word: &str) -> Result<Canary, String> {
    canary(word)
}

fn canary(word: &str) -> Result<Canary, String> {
    let wrong = || "a number of hosts, or a percentage as in `10%`".to_owned();
    match word.strip_suffix('%') {
        Some(number) => {
            let percent: u8 = number.parse().map_err(|_| wrong())?;
            match percent {
                0..=100 => Ok(Canary::Percent(percent)),
                _ => Err("a percentage is at most 100%".into()),
            }
        }
        None => word.parse().map(Canary::Hosts).map_err(|_| wrong()),
    }
}

fn max_fail(word: &str) -> Result<MaxFail, String> {
    Ok(match canary(word)? {
        Canary::Hosts(n) => MaxFail::Hosts(n),
        Canary::Percent(p) => MaxFail::Percent(p),
    })
}

/// Variables and vaults.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Variables and vaults")]
pub struct Values {
    /// Variables as key=value, YAML/JSON, or @FILE; may be repeated
    #[arg(short, long, value_name = "EXTRA_VARS")]
    pub extra_vars: Vec<String>,
    /// A vault identity, LABEL@SOURCE; may be repeated
    #[arg(long, value_name = "VAULT_ID")]
    pub vault_id: Vec<String>,
    /// Ask for the vault password
    #[arg(short = 'J', long, alias = "ask-vault-password")]
    pub ask_vault_pass: bool,
    /// Read the vault password from this file or script; may be repeated
    #[arg(long, alias = "vault-pass-file", value_name = "FILE")]
    pub vault_password_file: Vec<PathBuf>,
    /// Passwords that were asked for already.
    #[arg(skip)]
    pub keyring: Option<crate::source::vault::Keyring>,
    /// Where roles are looked for, from environment or configuration.
    #[arg(skip)]
    pub roles_path: Vec<PathBuf>,
    /// Facts are gathered only where a play asks for it, from environment or configuration.
    #[arg(skip)]
    pub gathers_explicitly: bool,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum When {
    #[default]
    Auto,
    Always,
    Never,
}

/// Who reads the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// People: one host scrolls, many are grouped
    Human,
    /// Scripts that read Ansible's text
    Classic,
    /// Programs: one JSON event a line
    Json,
}

/// How a run is shown.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct Showing {
    /// Say more; -vv counts round trips, -vvv shows results
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// One JSON event a line on stdout, everything else on stderr
    #[arg(long, conflicts_with = "output")]
    pub json: bool,
    /// Who reads the output
    #[arg(long, value_name = "FORM")]
    pub output: Option<Output>,
    /// Colours
    #[arg(long, alias = "colour", value_name = "WHEN", default_value = "auto")]
    pub color: When,
    /// Only ASCII characters
    #[arg(long)]
    pub ascii: bool,
    /// How progress is shown
    #[arg(long, value_name = "HOW", default_value = "auto",
          value_parser = PossibleValuesParser::new(["auto", "bar", "counter", "none"]).map(progress))]
    pub progress: Progress,
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the parser hands its word over"
)]
fn progress(word: String) -> Progress {
    match word.as_str() {
        "bar" => Progress::Bar,
        "counter" => Progress::Counter,
        "none" => Progress::None,
        _ => Progress::Auto,
    }
}
