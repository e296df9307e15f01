//! Where a history is: a file, or a server.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::source::Secret;

/// Where a history is.
#[derive(Clone, Debug)]
pub enum Place {
    File(PathBuf),
    Server(Server),
}

/// A PostgreSQL database, as an address said it.
#[derive(Clone, Debug)]
pub struct Server {
    /// With user and password, if these are in it, and without what is said below.
    pub(super) url: Secret,
    /// What may be shown: nothing before an `@`, and no parameters.
    pub(super) shown: String,
    pub(super) clear: Clear,
    pub(super) roots: Option<PathBuf>,
    /// From elsewhere than the address.
    pub(super) password: Option<Secret>,
}

/// Whether anything may go over a network without encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clear {
    /// To this machine only.
    Here,
    /// `sslmode=disable`, by name.
    Everywhere,
    /// Not even to this machine.
    Nowhere,
}

/// Why an address is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    pub what: String,
    pub hint: Option<&'static str>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(path) => write!(f, "{}", path.display()),
            Place::Server(server) => f.write_str(&server.shown),
        }
    }
}

impl Place {
    /// What `--store` says: a path, or `postgres://USER@HOST/DATABASE`.
    pub fn of(word: &str) -> Result<Place, Wrong> {
        let Some((scheme, rest)) = word.split_once("://") else {
            return Ok(Place::File(PathBuf::from(word)));
        };
        if !matches!(scheme, "postgres" | "postgresql") {
            return Err(Wrong {
                what: format!("`{scheme}://` is no kind of history"),
                hint: Some("name a file, or postgres://USER@HOST/DATABASE"),
            });
        }
        server(rest).map(Place::Server)
    }

    /// Where it is if nobody says: below `$XDG_DATA_HOME` or `~/.local/share`.
    pub fn usual(data: &Path) -> Place {
        Place::File(data.join("palisade/history.db"))
    }

    /// A password from elsewhere, for an address without one.
    pub fn with_password(mut self, password: Option<Secret>) -> Place {
        if let Place::Server(server) = &mut self {
            server.password = password;
        }
        self
    }
}

fn server(rest: &str) -> Result<Server, Wrong> {
    let (before, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let (mut clear, mut roots, mut left) = (Clear::Here, None, Vec::new());
    for parameter in parameters.split('&').filter(|p| !p.is_empty()) {
        match parameter.split_once('=') {
            Some(("sslmode", "disable")) => clear = Clear::Everywhere,
            Some(("sslmode", "allow" | "prefer")) => clear = Clear::Here,
            Some(("sslmode", "require" | "verify-ca" | "verify-full")) => clear = Clear::Nowhere,
            Some(("sslmode", other)) => {
                return Err(Wrong {
                    what: format!("`sslmode={other}` is no mode"),
                    hint: Some("disable, prefer, require and verify-full are"),
                });
            }
            Some(("sslrootcert", path)) => roots = Some(PathBuf::from(path.replace("%2F", "/"))),
            _ => left.push(parameter),
        }
    }
    let url = match left.is_empty() {
        true => format!("postgres://{before}"),
        false => format!("postgres://{before}?{}", left.join("&")),
    };
    let open = before.rsplit_once('@').map_or(before, |(_, host)| host);
    Ok(Server {
        url: Secret::new(url),
        shown: format!("postgres://{open}"),
        clear,
        roots,
        password: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(word: &str) -> Server {
        match Place::of(word) {
            Ok(Place::Server(server)) => server,
            other => panic!("{word}: {other:?}"),
        }
    }

    #[test]
    fn a_path_is_a_file_and_a_slip_is_no_path() {
        assert!(matches!(Place::of("a/b.db"), Ok(Place::File(_))));
        let wrong = Place::of("postgre://db/x").unwrap_err();
        assert!(wrong.what.contains("`postgre://`"), "{}", wrong.what);
        assert!(Place::of("postgres://db/x?sslmode=off").is_err());
    }

    #[test]
    fn a_password_is_never_shown() {
        let place = Place::of("postgres://me:pa@ss@db.example/ops?sslmode=require&user=x").unwrap();
        assert_eq!(place.to_string(), "postgres://db.example/ops");
        assert!(!format!("{place:?}").contains("pa@ss"));
    }

    #[test]
    fn clear_text_is_asked_for_by_name() {
        assert_eq!(at("postgres://db/x").clear, Clear::Here);
        assert_eq!(at("postgres://db/x?sslmode=prefer").clear, Clear::Here);
        assert_eq!(
            at("postgres://db/x?sslmode=disable").clear,
            Clear::Everywhere
        );
        let full =
            at("postgresql://db/x?sslmode=verify-full&sslrootcert=%2Fca.pem&connect_timeout=3");
        assert_eq!(full.clear, Clear::Nowhere);
        assert_eq!(full.roots.as_deref(), Some(Path::new("/ca.pem")));
        assert_eq!(full.url.reveal(), "postgres://db/x?connect_timeout=3");
    }
}
