//! Why something with the lab did not work.

use std::fmt;
use std::io;

#[derive(Debug)]
pub enum LabError {
    /// Namespaces and mounts of the kind a host needs are root's.
    NotRoot {
        why: String,
    },
    /// A program the lab is made with is not installed.
    Missing {
        program: &'static str,
        package: &'static str,
    },
    /// The kernel or its surroundings refuse something a host is made of.
    Refused {
        what: String,
        why: String,
    },
    /// A program failed.
    Command {
        command: String,
        status: String,
        stderr: String,
    },
    Io {
        what: String,
        source: io::Error,
    },
    /// The name of a lab, a host or a size is not one.
    BadName {
        what: &'static str,
        given: String,
        rule: &'static str,
    },
    NoSuchHost {
        given: String,
        known: Vec<String>,
    },
    NotUp {
        name: String,
    },
    /// A host did not come up, or its SSH server did not.
    Boot {
        host: String,
        why: String,
    },
    /// The lab's own notes cannot be read.
    Notes {
        path: String,
        why: String,
    },
    Full {
        most: usize,
    },
}

impl LabError {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            LabError::NotRoot { .. } => Some("run it as root, or with sudo".into()),
            LabError::Missing { package, .. } => Some(format!("apt-get install {package}")),
            LabError::NotUp { name } if name == super::DEFAULT_NAME => {
                Some("palisade lab up 3".into())
            }
            LabError::NotUp { name } => Some(format!("palisade lab up 3 --name {name}")),
            LabError::NoSuchHost { known, .. } if !known.is_empty() => {
                Some(format!("this lab has {}", known.join(" ")))
            }
            LabError::Notes { .. } => Some("palisade lab down removes what is left of it".into()),
            LabError::Full { .. } => {
                Some("palisade lab down, then up with the final number".into())
            }
            _ => None,
        }
    }
}

impl fmt::Display for LabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LabError::NotRoot { why } => write!(f, "the lab needs root: {why}"),
            LabError::Missing { program, .. } => write!(f, "`{program}` is not installed"),
            LabError::Refused { what, why } => write!(f, "{what} is not possible here: {why}"),
            LabError::Command {
                command,
                status,
                stderr,
            } => {
                write!(f, "`{command}` ended with {status}")?;
                let tail = stderr.trim();
                if tail.is_empty() {
                    Ok(())
                } else {
                    write!(f, ": {tail}")
                }
            }
            LabError::Io { what, source } => write!(f, "failed to {what}: {source}"),
            LabError::BadName { what, given, rule } => {
                write!(f, "`{given}` cannot be {what}: {rule}")
            }
            LabError::NoSuchHost { given, .. } => {
                write!(f, "no host of the lab is named `{given}`")
            }
            LabError::NotUp { name } => write!(f, "there is no lab named `{name}`"),
            LabError::Boot { host, why } => write!(f, "host {host} did not start: {why}"),
            LabError::Notes { path, why } => write!(f, "failed to read {path}: {why}"),
            LabError::Full { most } => {
                write!(f, "the lab's network was made for at most {most} hosts")
            }
        }
    }
}

impl std::error::Error for LabError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            LabError::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Turns an error of the system into one that says what was being done.
pub(crate) fn doing<E: Into<io::Error>>(what: impl Into<String>) -> impl FnOnce(E) -> LabError {
    let what = what.into();
    move |e| LabError::Io {
        what,
        source: e.into(),
    }
}
