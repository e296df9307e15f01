//! The page and its interface: who may connect, for how long, and with how much.
//!
//! What is answered is a function of the request and the board (`answer`); here are only its bounds.

mod access;
mod answer;
mod metrics;
mod page;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

pub use access::Access;
pub use answer::{Ask, Reply, answer};

use super::board::Board;
use super::past::Past;
use super::run::Run;

/// Connections at the same time: browsers, a Prometheus, and some to spare.
const MOST_CONNECTIONS: usize = 64;
/// From the first byte of a request to the end of its headers.
const HEADERS: Duration = Duration::from_secs(10);
/// A body is a token typed into a form.
const MOST_BODY: usize = 4 * 1024;
/// Headers beyond this are no browser's.
const MOST_HEADERS: usize = 16 * 1024;
/// All requests of one connection, and their answers.
const CONNECTION: Duration = Duration::from_secs(120);
/// A wrong token is answered late, so that guessing takes years.
const WRONG: Duration = Duration::from_millis(500);

/// What is shown, and to whom.
pub struct Site {
    pub board: Arc<Mutex<Board>>,
    pub access: Access,
    pub past: Past,
}

/// Answers whoever connects, for ever.
pub async fn serve(listener: TcpListener, site: Arc<Site>) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(_) => {
                // No descriptors are left: somebody has to close one first.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let site = Arc::clone(&site);
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request| {
                let site = Arc::clone(&site);
                async move { Ok::<_, Infallible>(respond(&site, request).await) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADERS)
                .max_buf_size(MOST_HEADERS)
                .serve_connection(TokioIo::new(stream), service);
            // Whoever reads slowly, or says nothing, is not waited for.
            let _ = tokio::time::timeout(CONNECTION, connection).await;
            drop(permit);
        });
    }
}

/// Binds the address.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

async fn respond(site: &Site, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let read = Limited::new(body, MOST_BODY).collect();
    let body = match tokio::time::timeout(HEADERS, read).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => return sent(Reply::plain(413, "the request is too large\n")),
        Err(_) => return sent(Reply::plain(408, "the request took too long\n")),
    };
    let header = |name: &HeaderName| text(&head.headers, name);
    let ask = Ask {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        // A request to a proxy names its host in the first line.
        host: head.uri.authority().map(|a| a.as_str()).or(header(&HOST)),
        authorization: header(&AUTHORIZATION),
        cookie: header(&COOKIE),
        site: head
            .headers
            .get("sec-fetch-site")
            .and_then(|v| v.to_str().ok()),
        body: &body,
    };
    // A copy is cheap beside a page, and nobody waits for it.
    let board = super::daemon::lock(&site.board).clone();
    let now = Timestamp::now();
    let older = match answer::wants_run(&ask, &board, &site.access, now) {
        Some(id) => older(site, id.to_owned()).await,
        None => None,
    };
    let reply = answer(&ask, &board, &site.access, older.as_ref(), now);
    if reply.status == 401 {
        tokio::time::sleep(WRONG).await;
    }
    sent(reply)
}

/// A run that is not on the board any more.
async fn older(site: &Site, id: String) -> Option<Run> {
    let past = site.past.clone();
    let found = tokio::task::spawn_blocking(move || past.find(&id)).await;
    found.ok()?.ok()?
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// What every answer says: nothing is loaded from elsewhere, run, framed, guessed at or kept.
const HEADERS_OF_ALL: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cache-control", "no-store"),
];

fn sent(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(reply.body)));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in HEADERS_OF_ALL {
        headers.insert(*name, HeaderValue::from_static(value));
    }
    headers.insert("content-type", HeaderValue::from_static(reply.kind));
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    response
}
