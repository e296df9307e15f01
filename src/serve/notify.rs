//! Telling others: a webhook or a command, one after the other for each, again and again if need be,
//! but not for ever.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use rustls::CertificateError;
use sha2::Sha256;
use tokio::sync::mpsc;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::source::Secret;

use super::schedule::{Target, Way};

/// How long a try may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait before each further try: somebody's restart is waited for, an outage is not.
const AGAIN: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(120),
];
/// News that waits for whoever cannot be told; what comes on top is lost, and said so.
pub(super) const MOST_WAITING: usize = 64;

/// One message for one target.
#[derive(Clone, Debug)]
pub struct Message {
    pub run: String,
    pub body: String,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Told {
    pub target: String,
    pub run: String,
    /// Nothing, or why it was given up.
    pub failed: Option<String>,
}

/// Why somebody could not be told.
struct Missed {
    why: String,
    /// A restart or an outage is waited for; a wrong address or certificate stays wrong.
    may_pass: bool,
}

impl Missed {
    fn passing(why: String) -> Missed {
        Missed {
            why,
            may_pass: true,
        }
    }

    fn lasting(why: String) -> Missed {
        Missed {
            why,
            may_pass: false,
        }
    }
}

/// Tells one target what comes, in order, until nothing more can come.
pub async fn work(
    target: Target,
    dir: PathBuf,
    mut inbox: mpsc::Receiver<Message>,
    told: impl Fn(Told),
) {
    let agent = match &target.way {
        Way::Webhook { authorities, .. } => Some(agent(authorities.as_deref())),
        Way::Command(_) => None,
    };
    while let Some(message) = inbox.recv().await {
        let mut tried = once(&target, &dir, agent.as_ref(), &message).await;
        for pause in AGAIN {
            if !matches!(&tried, Err(missed) if missed.may_pass) {
                break;
            }
            tokio::time::sleep(pause).await;
            tried = once(&target, &dir, agent.as_ref(), &message).await;
        }
        told(Told {
            target: target.name.clone(),
            run: message.run,
            failed: tried.err().map(|missed| missed.why),
        });
    }
}

async fn once(
    target: &Target,
    dir: &std::path::Path,
    agent: Option<&Result<ureq::Agent, String>>,
    message: &Message,
) -> Result<(), Missed> {
    match (&target.way, agent) {
        (Way::Command(words), _) => {
            let told = crate::host::child::tell(words, dir, &message.body, PATIENCE).await;
            told.map_err(Missed::passing)
        }
        (Way::Webhook { url, secret, .. }, Some(agent)) => {
            let agent = agent.clone().map_err(Missed::lasting)?;
            let (url, body) = (url.clone(), message.body.clone());
            let signed = secret
                .as_ref()
                .map(|s| signature(s, Timestamp::now(), &body));
            let post = move || post(&agent, &url, signed, &body);
            let done = tokio::task::spawn_blocking(post).await;
            let ended = |e| Err(Missed::passing(format!("it could not be told: {e}")));
            done.unwrap_or_else(ended)
        }
        (Way::Webhook { .. }, None) => Err(Missed::lasting("there is no way to tell it".into())),
    }
}

/// When it was said, and that we did: HMAC-SHA256 of `TIME.BODY`, so that it cannot be said again later.
pub fn signature(secret: &Secret, now: Timestamp, body: &str) -> (String, String) {
    let time = now.as_second().to_string();
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()) else {
        return (time, String::new());
    };
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body.as_bytes());
    let sum = hex::encode(mac.finalize().into_bytes());
    (time, format!("sha256={sum}"))
}

fn agent(authorities: Option<&[u8]>) -> Result<ureq::Agent, String> {
    let certificates: Vec<Certificate<'static>> = match authorities {
        Some(pem) => parse_pem(pem)
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            })
            .collect(),
        None => rustls_native_certs::load_native_certs()
            .certs
            .iter()
            .map(|c| Certificate::from_der(c).to_owned())
            .collect(),
    };
    if certificates.is_empty() && authorities.is_some() {
        return Err("`ca` holds no certificate".into());
    }
    let mut tls = TlsConfig::builder();
    // A machine without authorities of its own has those that browsers believe.
    if !certificates.is_empty() {
        tls = tls.root_certs(RootCerts::Specific(Arc::new(certificates)));
    }
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        // What somebody else answers does not choose where news goes.
        .max_redirects(0)
        .user_agent(concat!("palisade/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls.build())
        .build();
    Ok(config.into())
}

fn post(
    agent: &ureq::Agent,
    url: &Secret,
    signed: Option<(String, String)>,
    body: &str,
) -> Result<(), Missed> {
    let mut request = agent
        .post(url.reveal())
        .header("Content-Type", "application/json");
    if let Some((time, sum)) = signed {
        request = request
            .header("X-Palisade-Timestamp", time)
            .header("X-Palisade-Signature", sum);
    }
    match request.send(body) {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(refused(answer.status().as_u16())),
        Err(ureq::Error::StatusCode(code)) => Err(refused(code)),
        // An address may hold a secret, and errors may hold the address.
        Err(error) => {
            let why = error.to_string().replace(url.reveal(), "the webhook");
            match certificate(&error) {
                None => Err(Missed::passing(why)),
                Some(CertificateError::UnknownIssuer) => Err(Missed::lasting(format!(
                    "{why}; `ca: FILE` names an authority of your own"
                ))),
                Some(_) => Err(Missed::lasting(why)),
            }
        }
    }
}

/// An answer that is no thanks. Whoever is busy may be asked again.
fn refused(code: u16) -> Missed {
    let why = format!("it answered with {code}");
    match code {
        408 | 425 | 429 | 500.. => Missed::passing(why),
        300..=399 => Missed::lasting(format!("{why}, and redirects are not followed")),
        _ => Missed::lasting(why),
    }
}

/// What is wrong with a server's certificate, if that is it.
fn certificate(error: &ureq::Error) -> Option<&CertificateError> {
    let inner = match error {
        ureq::Error::Rustls(inner) => Some(inner),
        ureq::Error::Io(io) => io.get_ref()?.downcast_ref::<rustls::Error>(),
        _ => None,
    };
    match inner? {
        rustls::Error::InvalidCertificate(why) => Some(why),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_of_time_and_body() {
        let secret = Secret::new("key");
        let at = |s: i64| Timestamp::from_second(s).unwrap();
        let (time, sum) = signature(&secret, at(1), "{}");
        assert_eq!(time, "1");
        // printf '1.{}' | openssl dgst -sha256 -hmac key
        assert_eq!(
            sum,
            "sha256=1ba6b8171186efc613e8bcc0cbdab2748f24984d7c5a84faa2637afa0e40d224"
        );
        assert_ne!(sum, signature(&secret, at(2), "{}").1);
        assert_ne!(sum, signature(&secret, at(1), "[]").1);
    }
}
