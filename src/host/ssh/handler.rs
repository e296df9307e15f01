//! What a server may ask of us: to check its key, and nothing else.

use std::sync::{Arc, Mutex};

use russh::client::{ChannelOpenHandle, DisconnectReason, Handler, Msg, Session};
use russh::keys::PublicKeyOrCertificate;
use russh::{Channel, ChannelOpenFailure, Names, cipher};

use crate::host::{ErrorKind, HostError, cut};

/// Text of a login banner that is kept for messages; the rest of a flood is thrown away.
const BANNER: usize = 4 * 1024;

/// Decides on a host key. Fails closed: an error is a refusal.
pub(crate) type KeyCheck = Box<dyn Fn(&PublicKeyOrCertificate) -> Result<(), HostError> + Send>;

/// What a session learned that its owner wants to know.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Notes>>);

#[derive(Default)]
struct Notes {
    refused: Option<HostError>,
    banner: String,
    goodbye: Option<String>,
}

impl Seen {
    pub(crate) fn refused(&self) -> Option<HostError> {
        self.0.lock().ok()?.refused.take()
    }

    /// What the server said while we logged in, and why it disconnected, if it said so.
    pub(crate) fn last_words(&self) -> Option<String> {
        self.0.lock().ok()?.goodbye.clone()
    }

    pub(crate) fn banner(&self) -> String {
        self.0
            .lock()
            .map(|notes| notes.banner.clone())
            .unwrap_or_default()
    }

    fn note(&self, write: impl FnOnce(&mut Notes)) {
        if let Ok(mut notes) = self.0.lock() {
            write(&mut notes);
        }
    }
}

pub(crate) struct Client {
    pub(crate) check: KeyCheck,
    pub(crate) seen: Seen,
}

impl Handler for Client {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        key: &PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        match (self.check)(key) {
            Ok(()) => Ok(true),
            Err(error) => {
                self.seen.note(|notes| notes.refused = Some(error));
                Ok(false)
            }
        }
    }

    async fn kex_done(
        &mut self,
        _secret: Option<&[u8]>,
        names: &Names,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        // Without strict key exchange, messages before it can be dropped unseen (Terrapin).
        if names.cipher == cipher::CHACHA20_POLY1305 && !names.strict_kex() {
            self.seen.note(|notes| {
                notes.refused = Some(HostError::new(
                    ErrorKind::HostKey,
                    "the server offers only chacha20-poly1305 without strict key exchange",
                ));
            });
            return Err(russh::Error::Kex);
        }
        Ok(())
    }

    async fn auth_banner(
        &mut self,
        text: &str,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.seen.note(|notes| {
            let room = BANNER.saturating_sub(notes.banner.len());
            notes.banner.push_str(cut(text, room));
        });
        Ok(())
    }

    async fn disconnected(
        &mut self,
        reason: DisconnectReason<russh::Error>,
    ) -> Result<(), russh::Error> {
        match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                let text = cut(&info.message, BANNER);
                self.seen
                    .note(|notes| notes.goodbye = Some(text.to_owned()));
                Ok(())
            }
            DisconnectReason::Error(error) => {
                self.seen.note(|notes| {
                    notes.goodbye.get_or_insert(error.to_string());
                });
                Err(error)
            }
        }
    }

    async fn should_accept_unknown_server_channel(
        &mut self,
        _id: russh::ChannelId,
        _kind: &str,
    ) -> bool {
        false
    }

    async fn server_channel_open_unknown(
        &mut self,
        _channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _channel: Channel<Msg>,
        _address: &str,
        _port: u32,
        _from: &str,
        _from_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _channel: Channel<Msg>,
        _path: &str,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _channel: Channel<Msg>,
        _host: &str,
        _port: u32,
        _from: &str,
        _from_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _channel: Channel<Msg>,
        _path: &str,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_x11(
        &mut self,
        _channel: Channel<Msg>,
        _from: &str,
        _from_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        refuse(reply).await
    }
}

/// A host never reaches back: no agent, no display, no network of ours.
async fn refuse(reply: ChannelOpenHandle) -> Result<(), russh::Error> {
    reply
        .reject(ChannelOpenFailure::AdministrativelyProhibited)
        .await;
    Ok(())
}
