//! What is answered: a function of the request, the board and the time.

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::super::board::{Board, JobBoard};
use super::super::run::Run;
use super::access::Access;
use super::{metrics, page};

/// A request, as far as it matters.
pub struct Ask<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: &'a str,
    pub host: Option<&'a str>,
    pub authorization: Option<&'a str>,
    pub cookie: Option<&'a str>,
    /// Where a browser says that the request comes from.
    pub site: Option<&'a str>,
    pub body: &'a [u8],
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub kind: &'static str,
    pub body: String,
    pub headers: Vec<(&'static str, String)>,
}

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
/// The exposition format of Prometheus.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Runs that one answer lists.
const MOST_LISTED: usize = 500;

impl Reply {
    pub(super) fn plain(status: u16, text: &str) -> Reply {
        Reply::new(status, "text/plain; charset=utf-8", text.to_owned())
    }

    fn new(status: u16, kind: &'static str, body: String) -> Reply {
        Reply {
            status,
            kind,
            body,
            headers: Vec::new(),
        }
    }

    fn json(json: &Json) -> Reply {
        let text = serde_json::to_string_pretty(json).unwrap_or_default();
        Reply::new(200, JSON, text + "\n")
    }

    fn to(place: &str) -> Reply {
        let mut reply = Reply::plain(303, "");
        reply.headers.push(("location", place.to_owned()));
        reply
    }

    fn with(mut self, name: &'static str, value: String) -> Reply {
        self.headers.push((name, value));
        self
    }
}

/// The run that a request is about, if it is not on the board and whoever asks may see it.
pub(super) fn wants_run<'a>(
    ask: &Ask<'a>,
    board: &Board,
    access: &Access,
    now: Timestamp,
) -> Option<&'a str> {
    let path = ask.path;
    let id = path
        .strip_prefix("/api/v1/runs/")
        .or_else(|| path.strip_prefix("/runs/"))?;
    let may = access.knows_host(ask.host) && access.allows(ask.authorization, ask.cookie, now);
    (may && board.run(id).is_none()).then_some(id)
}

/// Answers a request. `older` is the run that [`wants_run`] named, if there is one.
pub fn answer(
    ask: &Ask<'_>,
    board: &Board,
    access: &Access,
    older: Option<&Run>,
    now: Timestamp,
) -> Reply {
    if !access.knows_host(ask.host) {
        let text = "this name is not one of ours; --host-name NAME makes it one\n";
        return Reply::plain(421, text);
    }
    let mut reply = match ask.method {
        "GET" | "HEAD" => get(ask, board, access, older, now),
        "POST" => post(ask, access, now),
        _ => Reply::plain(405, "only GET\n").with("allow", "GET, HEAD, POST".into()),
    };
    if ask.method == "HEAD" {
        reply.body.clear();
    }
    reply
}

fn post(ask: &Ask<'_>, access: &Access, now: Timestamp) -> Reply {
    // A form of somebody else's page neither logs in nor out.
    if ask
        .site
        .is_some_and(|s| !matches!(s, "same-origin" | "none"))
    {
        return Reply::plain(403, "not from another page\n");
    }
    match ask.path {
        "/login" => {
            let given = field(ask.body, "token").unwrap_or_default();
            match access.login(&given, now) {
                Some(cookie) => Reply::to("/").with("set-cookie", cookie),
                None if !access.wants_token() => Reply::to("/"),
                None => Reply::new(401, HTML, page::login(true)),
            }
        }
        "/logout" => Reply::to("/login").with("set-cookie", Access::logout()),
        _ => Reply::plain(405, "only GET\n").with("allow", "GET, HEAD".into()),
    }
}

/// A field of a form.
fn field(body: &[u8], name: &str) -> Option<String> {
    let body = std::str::from_utf8(body).ok()?;
    let mut pairs = body.split('&').filter_map(|p| p.split_once('='));
    let (_, value) = pairs.find(|(n, _)| *n == name)?;
    Some(decoded(&value.replace('+', " ")))
}

/// `%41` is `A`.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let pair = text.get(i + 1..i + 3).filter(|_| bytes[i] == b'%');
        match pair.and_then(|p| u8::from_str_radix(p, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn get(
    ask: &Ask<'_>,
    board: &Board,
    access: &Access,
    older: Option<&Run>,
    now: Timestamp,
) -> Reply {
    // What says nothing of hosts is for everybody.
    match ask.path {
        "/healthz" => {
            let (status, text) = match board.stopping {
                true => (503, "stopping\n"),
                false => (200, "ok\n"),
            };
            return Reply::plain(status, text);
        }
        "/style.css" => return Reply::new(200, "text/css; charset=utf-8", page::STYLE.to_owned()),
        "/login" if access.wants_token() => return Reply::new(200, HTML, page::login(false)),
        _ => {}
    }
    if !access.allows(ask.authorization, ask.cookie, now) {
        let page = ask.authorization.is_none() && is_page(ask.path);
        return match page {
            true => Reply::to("/login"),
            false => {
                Reply::plain(401, "a token is wanted\n").with("www-authenticate", "Bearer".into())
            }
        };
    }
    let found = match ask.path {
        "/" => Some(Reply::new(
            200,
            HTML,
            page::front(board, now, access.wants_token()),
        )),
        "/metrics" => Some(Reply::new(200, METRICS, metrics::written(board, now))),
        "/api/v1/jobs" => Some(Reply::json(&jobs(board))),
        "/api/v1/runs" => Some(Reply::json(&runs(ask.query, board))),
        path => part(path, board, older, now, access.wants_token()),
    };
    found.unwrap_or_else(|| Reply::plain(404, "there is nothing here\n"))
}

fn is_page(path: &str) -> bool {
    path == "/" || path.starts_with("/runs/") || path.starts_with("/jobs/")
}

fn part(
    path: &str,
    board: &Board,
    older: Option<&Run>,
    now: Timestamp,
    token: bool,
) -> Option<Reply> {
    let run = |id: &str| board.run(id).map(|r| &**r).or(older);
    if let Some(id) = path.strip_prefix("/api/v1/runs/") {
        return Some(Reply::json(&run(id)?.json(true)));
    }
    if let Some(id) = path.strip_prefix("/runs/") {
        return Some(Reply::new(200, HTML, page::run(run(id)?, board, token)));
    }
    let slug = path.strip_prefix("/jobs/")?;
    Some(Reply::new(
        200,
        HTML,
        page::job(board.job(slug)?, board, now, token),
    ))
}

fn jobs(board: &Board) -> Json {
    let one = |job: &JobBoard| {
        let text = |t: Option<Timestamp>| t.map(|t| t.to_string());
        json!({
            "name": job.name, "verb": job.verb, "command": job.words, "calendar": job.calendar,
            "timezone": job.zone.iana_name(), "next": text(job.next),
            "running_since": text(job.running_since), "failures": job.failures,
            "paused_until": text(job.paused_until), "skipped": job.skipped,
            "last": job.last().map(|r| r.json(false)),
        })
    };
    let all: Vec<Json> = board.jobs.iter().map(one).collect();
    json!({ "format": 1, "schedule": board.schedule, "jobs": all })
}

fn runs(query: &str, board: &Board) -> Json {
    let pairs = || query.split('&').filter_map(|p| p.split_once('='));
    let get = |name: &str| {
        let (_, value) = pairs().find(|(n, _)| *n == name)?;
        Some(decoded(&value.replace('+', " ")))
    };
    let job = get("job");
    let limit = get("limit").and_then(|l| l.parse().ok()).unwrap_or(50);
    let all = board.jobs.iter().flat_map(|j| &j.runs);
    let mut all: Vec<_> = all
        .filter(|r| job.as_ref().is_none_or(|j| *j == r.job))
        .collect();
    all.sort_by(|a, b| b.started.cmp(&a.started).then_with(|| a.job.cmp(&b.job)));
    let shown = all.into_iter().take(limit.min(MOST_LISTED));
    let list: Vec<Json> = shown.map(|r| r.json(false)).collect();
    json!({ "format": 1, "runs": list })
}
