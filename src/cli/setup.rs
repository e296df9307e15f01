//! From options to what a run is made from: inventory, variables, vaults, templates, connections.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::engine::options::Connection;
use crate::host::config::Surroundings;
use crate::host::dialer::{DialOptions, Dialer};
use crate::inventory::{Inventory, LoadEnv};
use crate::source::vault::{DEFAULT_ID, Keyring};
use crate::source::{Code, Diagnostic, File, Files, Kind, Mask, Node, Secret, Span, yaml};
use crate::vars::{Layer, Templar, TemplarOptions, Var, Vars};

use super::options::{Becoming, Connections, Inventories, Values};
use super::outside::Controller;
use super::terminal::AtTerminal;

/// A script that prints more than this is not an inventory or a password.
const MAX_OUTPUT: u64 = 64 * 1024 * 1024;

/// What every verb needs that looks at a project.
#[derive(Clone)]
pub struct Project {
    pub files: Files,
    pub vault: Keyring,
    pub mask: Mask,
    pub extra: Layer,
    pub templar: Arc<Templar>,
}

impl Project {
    pub fn new(values: &Values) -> Result<Project, Vec<Diagnostic>> {
        Project::over(Files::Disk, values)
    }

    /// A project that is partly made up.
    pub fn over(files: Files, values: &Values) -> Result<Project, Vec<Diagnostic>> {
        let mask = Mask::default();
        let vault = keyring(values, &mask).map_err(|d| vec![d])?;
        let extra = extra_vars(&values.extra_vars, &files, &vault)?;
        let templar = Templar::new(TemplarOptions {
            files: files.clone(),
            outside: Arc::new(Controller),
            vault: Arc::new(vault.clone()),
            mask: mask.clone(),
            lenient: false,
        });
        Ok(Project {
            files,
            vault,
            mask,
            extra: Arc::new(extra),
            templar: Arc::new(templar),
        })
    }

    pub fn env(&self) -> LoadEnv<'_> {
        LoadEnv {
            files: &self.files,
            run_script: &run_script,
            vault: &self.vault,
        }
    }

    /// The inventory of the options; without any, `/etc/ansible/hosts` if it is there.
    pub fn inventory(&self, who: &Inventories) -> (Inventory, Vec<Diagnostic>) {
        let mut sources = who.inventory.clone();
        if sources.is_empty() && Path::new("/etc/ansible/hosts").exists() {
            sources.push("/etc/ansible/hosts".into());
        }
        Inventory::load(&sources, &self.env())
    }
}

/// Runs an executable inventory.
fn run_script(path: &Path, args: &[&str]) -> Result<String, String> {
    let path = std::path::absolute(path).map_err(|e| e.to_string())?;
    crate::host::process::output(&path, args, MAX_OUTPUT)
}

/// A password from a file, or from what it prints if it is executable.
fn password_file(path: &Path) -> Result<Secret, Diagnostic> {
    use std::os::unix::fs::PermissionsExt;
    let cannot = |why: String| {
        Diagnostic::bare(format!(
            "cannot read the password file {}: {why}",
            path.display()
        ))
        .code(Code::PasswordFile)
    };
    let plain = crate::source::files::plain;
    let meta = std::fs::metadata(path).map_err(|e| cannot(plain(&e)))?;
    let text = if meta.is_file() && meta.permissions().mode() & 0o111 != 0 {
        run_script(path, &[]).map_err(cannot)?
    } else {
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(|e| cannot(plain(&e)))?;
        file.take(MAX_OUTPUT)
            .read_to_string(&mut text)
            .map_err(|e| cannot(plain(&e)))?;
        text
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(cannot("it is empty".into()));
    }
    Ok(Secret::new(text))
}

/// Asks at the terminal, without showing what is typed.
pub fn ask_password(prompt: &str) -> Result<Secret, Diagnostic> {
    rpassword::prompt_password(prompt)
        .map(Secret::new)
        .map_err(|e| Diagnostic::bare(format!("cannot ask for a password: {e}")))
}

/// The passwords that open vaults; each is masked.
pub fn keyring(values: &Values, mask: &Mask) -> Result<Keyring, Diagnostic> {
    if let Some(keyring) = &values.keyring {
        keyring.mask(mask);
        return Ok(keyring.clone());
    }
    let mut keyring = Keyring::default();
    let mut add = |id: &str, secret: Secret| {
        mask.add(secret.reveal());
        keyring.add(id, secret);
    };
    for id in &values.vault_id {
        let (label, source) = id.split_once('@').unwrap_or((DEFAULT_ID, id));
        let secret = match source {
            "prompt" | "prompt_ask_vault_pass" => {
                ask_password(&format!("Vault password ({label}): "))?
            }
            path => password_file(&expand(path))?,
        };
        add(label, secret);
    }
    for file in &values.vault_password_file {
        add(DEFAULT_ID, password_file(&expand(&file.to_string_lossy()))?);
    }
    if values.ask_vault_pass {
        add(DEFAULT_ID, ask_password("Vault password: ")?);
    }
    Ok(keyring)
}

pub fn expand(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

/// `-e`: `key=value …`, YAML or JSON, or a file of either.
fn extra_vars(given: &[String], files: &Files, vault: &Keyring) -> Result<Vars, Vec<Diagnostic>> {
    let mut vars = Vars::new();
    for (index, text) in given.iter().enumerate() {
        let label = format!("--extra-vars[{index}]");
        if let Some(path) = text.strip_prefix('@') {
            let mut file = files.text(&expand(path)).map_err(|d| vec![d])?;
            if crate::source::vault::is_vault(&file.text) {
                let plain = vault.decrypt(&file.text).map_err(|e| {
                    let text = format!("cannot open the vault {path}: {e}");
                    vec![Diagnostic::bare(text).code(e.code())]
                })?;
                file = File::secret(path, plain.as_str());
            }
            add_mapping(&mut vars, &file)?;
        } else if text.trim_start().starts_with(['{', '[']) || text.trim_start().starts_with("---")
        {
            add_mapping(&mut vars, &File::new(label.as_str(), text.as_str()))?;
        } else {
            let file = File::new(label.as_str(), text.as_str());
            let span = Span::new(&file, 0, text.len());
            let wrong = |m: String| vec![Diagnostic::error(&span, m).code(Code::ExtraVars)];
            let (pairs, rest) = crate::source::words::key_values(text, false).map_err(&wrong)?;
            if let Some(rest) = rest.filter(|r| !r.trim().is_empty()) {
                return Err(wrong(format!("`{rest}` is not of the form key=value")));
            }
            for (key, value) in pairs {
                vars.insert(key, Var::Template(Node::str(&value, span.clone())));
            }
        }
    }
    Ok(vars)
}

fn add_mapping(vars: &mut Vars, file: &Arc<File>) -> Result<(), Vec<Diagnostic>> {
    let (node, diagnostics) = yaml::parse_one(file);
    if yaml::failed(&diagnostics) {
        return Err(diagnostics);
    }
    match node.kind {
        Kind::Null => {}
        Kind::Map(entries) => {
            for (key, value) in entries {
                if let Some(key) = crate::action::arg::text(&key.to_value()) {
                    vars.insert(key, Var::Template(value));
                }
            }
        }
        _ => {
            let text = format!(
                "extra variables must be a mapping, not {}",
                node.type_name()
            );
            return Err(vec![
                Diagnostic::error(&node.span, text).code(Code::ExtraVars),
            ]);
        }
    }
    Ok(())
}

/// How to connect where the inventory does not say.
pub fn connection(
    how: &Connections,
    who: &Becoming,
    mask: &Mask,
) -> Result<Connection, Diagnostic> {
    let password = match (&how.connection_password_file, how.ask_pass) {
        (Some(path), _) => Some(password_file(path)?),
        (None, true) => Some(ask_password("SSH password: ")?),
        (None, false) => None,
    };
    let become_password = match (&who.become_password_file, who.ask_become_pass) {
        (Some(path), _) => Some(password_file(path)?),
        (None, true) => {
            let hint = if password.is_some() {
                "[defaults to SSH password]"
            } else {
                ""
            };
            let given = ask_password(&format!("BECOME password{hint}: "))?;
            Some(if given.reveal().is_empty() {
                password.clone().unwrap_or(given)
            } else {
                given
            })
        }
        (None, false) => None,
    };
    for secret in password.iter().chain(&become_password) {
        mask.add(secret.reveal());
    }
    let mut common_args = Vec::new();
    for line in how.ssh_common_args.iter().chain(&how.ssh_extra_args) {
        let words = crate::resource::script::words(line)
            .ok_or_else(|| Diagnostic::bare("the quotes in the ssh options are not balanced"))?;
        common_args.extend(words);
    }
    Ok(Connection {
        kind: how.connection.clone(),
        user: how.user.clone(),
        private_key: how.private_key.clone(),
        password,
        common_args,
        timeout: how.timeout,
        r#become: who.r#become,
        become_user: who.become_user.clone(),
        become_method: who.become_method.clone(),
        become_password,
    })
}

/// Connects hosts for this user.
pub fn dialer(how: &Connections, terminal: &AtTerminal) -> Dialer {
    let home = std::env::home_dir().unwrap_or_else(|| PathBuf::from("/"));
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    let user = user.unwrap_or_else(|_| "root".into());
    let mut options = DialOptions::new(Surroundings::new(home, user));
    options.accept_new = how.accept_new_host_keys;
    options.private_key = how.private_key.clone();
    options.prompter = Arc::new(terminal.clone());
    if let Some(seconds) = how.timeout {
        options.deadlines.connect = std::time::Duration::from_secs(seconds.max(1));
    }
    options.host_key_checking = how.host_key_checking;
    Dialer::new(options)
}
