//! From a route to a logged-in session: reach, shake hands, log in, each with its own deadline.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use russh::keys::PublicKeyOrCertificate;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::algorithms::config;
use super::auth::{Login, log_in};
use super::handler::{Client, KeyCheck, Seen};
use super::keys::Keys;
use super::wire::{Carrier, Cut, CutOnDrop, Gauge, Wire};
use super::{Session, proxy};
use crate::host::config::{Family, Route, Strict};
use crate::host::known_hosts::{KnownHosts, Record, Verdict, refusal};
use crate::host::{Deadlines, ErrorKind, HostError, Prompter, plain};
use crate::source::secret::Secret;

/// Before the next address is tried beside one that does not answer (RFC 8305).
const STAGGER: Duration = Duration::from_millis(250);

/// What carries a connection.
pub(crate) enum Way {
    Socket,
    Jump(Arc<Session>),
    Command(String),
}

/// One connection to be made.
pub(crate) struct Hop<'a> {
    /// For messages: `name` or `name (via jump)`.
    pub(crate) place: String,
    pub(crate) route: &'a Route,
    pub(crate) way: Way,
    pub(crate) password: Option<&'a Secret>,
    pub(crate) strict: Strict,
    pub(crate) known: &'a Arc<KnownHosts>,
    pub(crate) keys: &'a Keys,
    pub(crate) prompter: &'a Arc<dyn Prompter>,
    pub(crate) deadlines: Deadlines,
    pub(crate) gauge: &'a Gauge,
}

/// Why there is no session: for good, or because the server was busy before it said its name.
pub(crate) enum Failure {
    Busy(HostError),
    Final(HostError),
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Failure {
        Failure::Final(error)
    }
}

/// Makes the connection. If this future is dropped, the connection goes with it.
pub(crate) async fn open(hop: &Hop<'_>) -> Result<Session, Failure> {
    let Hop {
        route,
        deadlines,
        place,
        ..
    } = hop;
    let mut files = route.known_hosts.clone();
    files.extend(route.global_known_hosts.iter().cloned());
    let record = hop
        .known
        .record(&files, &route.host, route.port, route.alias.as_deref())?;
    let carrier = reach(hop).await?;
    let cut = Cut::default();
    let guard = CutOnDrop::new(&cut);
    let seen = Seen::default();
    let settings = config(&record.known_types(), record.has_authority(), route.alive);
    let doubtful = Arc::new(AtomicBool::new(false));
    let client = Client {
        check: key_check(hop, record, doubtful.clone()),
        seen: seen.clone(),
    };
    let wire = Wire::new(carrier, &cut, hop.gauge);
    let shake = russh::client::connect_stream(settings, wire, client);
    let mut handle = match tokio::time::timeout(deadlines.handshake, shake).await {
        Ok(Ok(handle)) => handle,
        Ok(Err(error)) => return Err(no_handshake(place, &error, &seen, &cut)),
        Err(_) => {
            return Err(Failure::Final(HostError::new(
                ErrorKind::Unreachable,
                match cut.traffic().received {
                    0 => format!("{place} accepted the connection and then said nothing"),
                    _ => format!("{place} did not finish the key exchange in time"),
                },
            )));
        }
    };
    let login = Login {
        route,
        place,
        password: hop.password.filter(|_| !doubtful.load(Ordering::SeqCst)),
        keys: hop.keys,
        prompter: &**hop.prompter,
        seen: &seen,
    };
    let entry = match tokio::time::timeout(deadlines.auth, log_in(&mut handle, &login)).await {
        Ok(done) => done?,
        Err(_) => {
            return Err(Failure::Final(HostError::new(
                ErrorKind::Unreachable,
                format!(
                    "{place} did not finish the login within {:?}",
                    deadlines.auth
                ),
            )));
        }
    };
    guard.keep();
    let via = match &hop.way {
        Way::Jump(session) => Some(session.clone()),
        Way::Socket | Way::Command(_) => None,
    };
    let (place, deadlines) = (place.clone(), *deadlines);
    Ok(Session {
        handle,
        cut,
        seen,
        place,
        entry,
        deadlines,
        _via: via,
    })
}

/// Decides on the key that the server shows. Owned by the session's task.
fn key_check(hop: &Hop<'_>, record: Record, doubtful: Arc<AtomicBool>) -> KeyCheck {
    let strict = hop.strict;
    let known = hop.known.clone();
    let learn: Option<PathBuf> = hop.route.known_hosts.first().cloned();
    let hash = hop.route.hash_known_hosts;
    let prompter = hop.prompter.clone();
    Box::new(move |shown: &PublicKeyOrCertificate| {
        let key = shown.public_key();
        let verdict = match shown {
            PublicKeyOrCertificate::PublicKey { .. } => record.judge(&key),
            PublicKeyOrCertificate::Certificate(certificate) => {
                let now = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .map_or(0, |d| d.as_secs());
                record.judge_certificate(certificate, now)
            }
        };
        match (&verdict, strict) {
            (Verdict::Known, _) => Ok(()),
            (Verdict::Revoked(_), _) => Err(refusal(&record.name, &key, &verdict)),
            (Verdict::Unknown { others }, Strict::AcceptNew) if others.is_empty() => {
                if let Some(path) = &learn {
                    known.learn(path, &record.name, &key, hash)?;
                }
                prompter.notice(&format!(
                    "host key of {} was new and is now known",
                    record.name
                ));
                Ok(())
            }
            (Verdict::Unknown { .. } | Verdict::Changed(_), Strict::No) => {
                // The user chose not to check; a key that was known and changed is told all the same.
                if matches!(verdict, Verdict::Changed(_)) {
                    doubtful.store(true, Ordering::SeqCst);
                    prompter.notice(&refusal(&record.name, &key, &verdict).message);
                }
                Ok(())
            }
            (Verdict::Unknown { .. } | Verdict::Changed(_), _) => {
                Err(refusal(&record.name, &key, &verdict))
            }
        }
    })
}

fn no_handshake(place: &str, error: &russh::Error, seen: &Seen, cut: &Cut) -> Failure {
    if let Some(refused) = seen.refused() {
        return Failure::Final(refused);
    }
    let opening = cut.opening();
    let unreachable = |text: String| HostError::new(ErrorKind::Unreachable, text);
    if opening.contains("Not allowed at this time") {
        return Failure::Final(
            unreachable(format!(
                "{place} turns us away for now (sshd's PerSourcePenalties)"
            ))
            .hint("failed logins from this address were punished; wait, then try again"),
        );
    }
    let hung_up = match error {
        russh::Error::Disconnect | russh::Error::HUP => true,
        russh::Error::IO(e) => matches!(
            e.kind(),
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof
        ),
        _ => false,
    };
    let named = opening.lines().any(|line| line.starts_with("SSH-"));
    if hung_up && (opening.is_empty() || opening.contains("Exceeded MaxStartups")) {
        return Failure::Busy(
            unreachable(format!("{place} hangs up before it says its name"))
                .hint("the server may be full (MaxStartups) or deny this address"),
        );
    }
    if !named && !opening.is_empty() {
        let line = opening.lines().next().unwrap_or_default();
        return Failure::Final(unreachable(format!(
            "{place} is not an SSH server: it says {:?}",
            plain(line)
        )));
    }
    Failure::Final(match error {
        russh::Error::NoCommonAlgo { kind, theirs, .. } => unreachable(format!(
            "{place} offers no {kind:?} algorithm that is safe enough: only {}",
            plain(&theirs.join(", "))
        ))
        .hint("the server needs an update, or stronger algorithms in its sshd_config"),
        other => match seen.last_words() {
            Some(words) => {
                unreachable(format!("{place} ended the key exchange: {}", plain(&words)))
            }
            None => unreachable(format!("{place}: key exchange failed: {other}")),
        },
    })
}

async fn reach(hop: &Hop<'_>) -> Result<Box<dyn Carrier>, Failure> {
    let Hop {
        route,
        deadlines,
        place,
        ..
    } = hop;
    let time = route.connect_timeout.unwrap_or(deadlines.connect);
    match &hop.way {
        Way::Socket => Ok(Box::new(socket(place, route, time).await?)),
        Way::Command(command) => Ok(Box::new(proxy::spawn(place, command)?)),
        Way::Jump(jump) => {
            let open = jump.handle.channel_open_direct_tcpip(
                route.host.clone(),
                u32::from(route.port),
                "127.0.0.1",
                0,
            );
            match tokio::time::timeout(time + deadlines.channel, open).await {
                Ok(Ok(channel)) => Ok(Box::new(proxy::Tunnel(channel.into_stream()))),
                Ok(Err(russh::Error::ChannelOpenFailure(reason))) => {
                    Err(Failure::Final(HostError::new(
                        ErrorKind::Unreachable,
                        format!(
                            "{} cannot connect to {}:{} ({reason:?})",
                            jump.place, route.host, route.port
                        ),
                    )))
                }
                Ok(Err(_)) => Err(Failure::Final(HostError::new(
                    ErrorKind::Unreachable,
                    format!("the connection to the jump host {} was lost", jump.place),
                ))),
                Err(_) => Err(Failure::Final(HostError::new(
                    ErrorKind::Unreachable,
                    format!("{} did not connect to {} in time", jump.place, route.host),
                ))),
            }
        }
    }
}

/// Connects to the first address that answers; a new one is tried every quarter of a second.
async fn socket(place: &str, route: &Route, time: Duration) -> Result<TcpStream, Failure> {
    let unreachable = |text: String| HostError::new(ErrorKind::Unreachable, text);
    let name = route.host.trim_matches(['[', ']']);
    let look_up = tokio::net::lookup_host((name, route.port));
    let found = match tokio::time::timeout(time, look_up).await {
        Ok(Ok(found)) => found,
        Ok(Err(e)) => return Err(unreachable(format!("cannot resolve {name}: {e}")).into()),
        Err(_) => return Err(unreachable(format!("resolving {name} took too long")).into()),
    };
    let bind = match &route.bind {
        None => None,
        Some(text) => Some(
            text.parse()
                .map_err(|_| unreachable(format!("bad BindAddress {text:?}")))?,
        ),
    };
    let mut addresses: Vec<SocketAddr> = found
        .filter(|address| match route.family {
            Family::Any => true,
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
        })
        .collect();
    addresses.dedup();
    let mut waiting = addresses.into_iter();
    let mut attempts: JoinSet<(SocketAddr, io::Result<TcpStream>)> = JoinSet::new();
    let mut last = unreachable(format!(
        "{place}: {name} has no address of the wanted family"
    ));
    loop {
        let more = waiting.next();
        let stagger = more.is_some();
        if let Some(address) = more {
            attempts.spawn(async move { (address, connect(address, bind, time).await) });
        } else if attempts.is_empty() {
            return Err(last.into());
        }
        let next = attempts.join_next();
        let done = match stagger && waiting.len() > 0 {
            true => match tokio::time::timeout(STAGGER, next).await {
                Ok(done) => done,
                Err(_) => continue,
            },
            false => next.await,
        };
        match done {
            Some(Ok((_, Ok(stream)))) => return Ok(stream),
            Some(Ok((address, Err(error)))) => {
                last = unreachable(format!("{place}: {address}: {}", describe(&error)));
            }
            Some(Err(_)) | None => {}
        }
    }
}

async fn connect(
    address: SocketAddr,
    bind: Option<std::net::IpAddr>,
    time: Duration,
) -> io::Result<TcpStream> {
    let connect = async {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.set_nodelay(true)?;
        if let Some(bind) = bind {
            socket.bind(SocketAddr::new(bind, 0))?;
        }
        socket.connect(address).await
    };
    tokio::time::timeout(time, connect)
        .await
        .unwrap_or_else(|_| {
            Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("no answer within {time:?}"),
            ))
        })
}

fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".into(),
        io::ErrorKind::HostUnreachable => "no route to host".into(),
        io::ErrorKind::NetworkUnreachable => "network is unreachable".into(),
        _ => error.to_string(),
    }
}
