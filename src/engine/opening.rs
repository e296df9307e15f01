//! Opening connections and shells, and ending them.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::host::shell::Shell;
use crate::host::{ErrorKind, HostError, Link};
use crate::resource::guard::Leftover;
use crate::resource::prelude;

use super::event::{Event, GuardStage, HostName, TrafficTotal};
use super::live;
use super::sending::{LONGEST_UPLOAD, launching, token};
use super::session::{Errand, Open, Session, Sessions};

impl Sessions {
    /// Connects and opens the shell of this user, unless both are there. A shell that is opened
    /// here has been sent `first`.
    pub(super) async fn open(
        &self,
        errand: &Errand<'_>,
        session: &mut Session,
        first: Option<&str>,
    ) -> Result<(), HostError> {
        let Errand {
            subject,
            to,
            way,
            password,
            guard: _,
        } = errand;
        if session.link.as_ref().is_some_and(|l| l.is_lost()) {
            self.close(session).await;
        }
        if session.shells.contains_key(*way) {
            return Ok(());
        }
        let began = Instant::now();
        let fresh = session.link.is_none();
        let link = match &session.link {
            Some(link) => Arc::clone(link),
            None => {
                let link: Arc<dyn Link> = Arc::from(self.targets.connect(subject, to).await?);
                self.connections.fetch_add(1, Ordering::Relaxed);
                session.link = Some(Arc::clone(&link));
                link
            }
        };
        let token = token();
        let launch = launching(way, password.as_ref(), &token, "sh", None)?;
        let text = prelude::prelude(&token);
        let deadlines = self.deadlines;
        let (mut shell, hello) =
            Shell::open(link.as_ref(), &launch, &text, &token, &deadlines, first).await?;
        // On a terminal what is printed aside would come between the records.
        if self.live && !launch.pty {
            shell.listen(live::tell(HostName::clone(to), self.events.downgrade()));
        }
        let no_shell = |m: String| HostError::new(ErrorKind::NoShell, m);
        let hello = prelude::hello(&hello.text).map_err(no_shell)?;
        self.tell_leftovers(to, &hello.guards);
        session.shells.insert(
            (*way).clone(),
            Open {
                shell,
                hello,
                loaded: false,
                password: password.clone(),
            },
        );
        if fresh {
            let seconds = began.elapsed().as_secs_f64();
            let _ = self.events.send(Event::Connected {
                host: HostName::clone(to),
                seconds,
            });
        }
        Ok(())
    }

    /// Notes a guard of this run's.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.guards.lock().is_ok_and(|mut g| g.insert(id.into()))
    }

    /// Says what guards of other runs are under way on a host, or put it back without anybody having been
    /// told, because whoever made the change was gone.
    fn tell_leftovers(&self, to: &HostName, guards: &[Leftover]) {
        for guard in guards.iter().filter(|g| self.knows(&g.id)) {
            let place = guard.place.clone();
            let stage = match guard.reverted {
                true => GuardStage::WasReverted { place },
                false => GuardStage::UnderWay { place },
            };
            let _ = self.events.send(Event::Guard {
                host: HostName::clone(to),
                stage,
                tasks: Vec::new(),
            });
        }
    }

    /// Streams a file of the host's into a file of ours.
    pub(super) async fn download(
        &self,
        errand: Errand<'_>,
        from: &str,
        size: u64,
        file: std::fs::File,
    ) -> Result<(), HostError> {
        let session = self.session(errand.to);
        let mut session = session.lock().await;
        let _permit = self.permits.acquire().await;
        self.open(&errand, &mut session, None).await?;
        let Some(link) = session.link.clone() else {
            return Err(HostError::new(ErrorKind::Lost, "the connection is gone"));
        };
        let line = crate::resource::launch::reading(from);
        let launch = launching(errand.way, errand.password.as_ref(), &token(), &line, None)?;
        let mut file = tokio::fs::File::from_std(file);
        let deadlines = self.deadlines;
        let time = Some(LONGEST_UPLOAD);
        let limit = size.saturating_add(1);
        let done = crate::host::transfer::download(
            link.as_ref(),
            &launch,
            &mut file,
            limit,
            &deadlines,
            time,
        )
        .await?;
        tokio::io::AsyncWriteExt::flush(&mut file)
            .await
            .map_err(|e| HostError::new(ErrorKind::Unreachable, e.to_string()))?;
        match done.status {
            0 => Ok(()),
            _ => Err(HostError::new(ErrorKind::Unreachable, done.stderr)),
        }
    }

    /// Ends a host's connection: the next exchange makes a new one.
    pub(super) async fn forget(&self, host: &HostName) {
        let session = self.session(host);
        let mut session = session.lock().await;
        self.close(&mut session).await;
    }

    pub(super) async fn close(&self, session: &mut Session) {
        self.part(session).await;
    }

    /// Ends the shells, so that each tidies up behind itself, then the connection. One that did not
    /// answer is not waited for.
    pub(super) fn part(&self, session: &mut Session) -> impl Future<Output = ()> + Send + 'static {
        let shells = std::mem::take(&mut session.shells).into_values();
        let usable: Vec<Shell> = shells.map(|o| o.shell).filter(Shell::is_usable).collect();
        let link = session.link.take();
        if let Some(link) = &link {
            let traffic = link.traffic();
            self.sent.fetch_add(traffic.sent, Ordering::Relaxed);
            self.received.fetch_add(traffic.received, Ordering::Relaxed);
        }
        async move {
            for shell in usable {
                shell.close().await;
            }
            if let Some(link) = link {
                link.close().await;
            }
        }
    }

    /// Ends all connections.
    pub(super) async fn close_all(&self) -> TrafficTotal {
        let all: Vec<_> = self
            .hosts
            .lock()
            .map(|h| h.values().cloned().collect())
            .unwrap_or_default();
        let mut closing = tokio::task::JoinSet::new();
        for session in all {
            let mut session = session.lock().await;
            closing.spawn(self.part(&mut session));
        }
        while closing.join_next().await.is_some() {}
        TrafficTotal {
            sent: self.sent.load(Ordering::Relaxed),
            received: self.received.load(Ordering::Relaxed),
            round_trips: self.round_trips.load(Ordering::Relaxed),
            connections: self.connections.load(Ordering::Relaxed),
        }
    }
}
