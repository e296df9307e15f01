//! Options that several verbs share, in Ansible's spelling and meaning.

use std::path::PathBuf;

use clap::Args;

/// Who: inventories and limits.
#[derive(Args, Clone, Debug, Default)]
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
    /// Hosts worked on at the same time
    #[arg(short, long, value_name = "FORKS", default_value_t = 50)]
    pub forks: usize,
}

/// Becoming another user on the host.
#[derive(Args, Clone, Debug, Default)]
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

/// Variables and vaults.
#[derive(Args, Clone, Debug, Default)]
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
}

/// How a run is shown.
#[derive(Args, Clone, Debug, Default)]
pub struct Showing {
    /// Say more; -vv counts round trips, may be repeated
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// One JSON event a line on stdout, everything else on stderr
    #[arg(long)]
    pub json: bool,
    /// Colours: auto, always, never
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: String,
}
