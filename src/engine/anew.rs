//! Scripts over logins of their own: a guard trusts no connection that is open already.

use std::time::Duration;

use crate::host::{ErrorKind, HostError};
use crate::resource::guard::Entry;
use crate::resource::launch;

use super::event::HostName;
use super::sending::{launching, token};
use super::session::{Errand, Session, Sessions};

/// One look at a host.
pub(super) const LOOK: Duration = Duration::from_secs(20);

fn entry(entry: &crate::host::Entry) -> Entry<'_> {
    let key = entry.key.as_ref();
    Entry {
        how: entry.method,
        key: key.map(|(algorithm, key)| (algorithm.as_str(), key.as_str())),
    }
}

impl Sessions {
    /// Runs a script of ours over a new login.
    pub(super) async fn anew(
        &self,
        errand: &Errand<'_>,
        script: &str,
    ) -> Result<String, HostError> {
        self.anew_by(errand, None, LOOK, |_| script.to_owned())
            .await
    }

    /// The same by way of another host, or with a script that wants to know how the login came in.
    pub(super) async fn anew_by(
        &self,
        errand: &Errand<'_>,
        from: Option<&HostName>,
        limit: Duration,
        script: impl FnOnce(Entry<'_>) -> String,
    ) -> Result<String, HostError> {
        let link = match from {
            Some(from) => self.targets.connect_from(errand.to, from).await?,
            None => self.targets.connect(errand.subject, errand.to).await?,
        };
        let script = script(link.entry().map(entry).unwrap_or_default());
        let size = Some(script.len() as u64);
        let launch = launching(
            errand.way,
            errand.password.as_ref(),
            &token(),
            launch::SCRIPT,
            size,
        )?;
        let mut from = script.as_bytes();
        let deadlines = self.deadlines;
        let done =
            crate::host::transfer::upload(&*link, &launch, &mut from, &deadlines, Some(limit))
                .await;
        link.close().await;
        let done = done?;
        match done.status {
            0 => Ok(done.stdout),
            _ => {
                let said = match done.stderr.trim() {
                    "" => done.stdout.trim().to_owned(),
                    said => said.to_owned(),
                };
                Err(HostError::new(ErrorKind::Protocol, said))
            }
        }
    }

    /// Runs a script of ours in the shell that is open already, if it still is: it is who it has to be,
    /// even where nobody may become that any more.
    pub(super) async fn in_shell(&self, errand: &Errand<'_>, script: &str) {
        let session = self.session(errand.to);
        let mut session: tokio::sync::MutexGuard<'_, Session> = session.lock().await;
        if let Some(open) = session.shells.get_mut(errand.way) {
            let script = format!("({script}) >/dev/null 2>&1");
            let _ = open.shell.request(&script, Some(LOOK)).await;
        }
    }
}
