//! Fetching over HTTP on the host: with `curl`, or `wget` where that is what there is.
//!
//! What is asked reaches the program as assignments on its standard input, so that neither an address
//! nor a header nor a password stands on a command line. What the host's tool cannot do is an error
//! that says what to install.

use super::Content;
use super::program::{Exec, Program, Run};
use super::script::{place, quote};

const FETCH: &str = include_str!("fetch.sh");
const GET_URL: &str = include_str!("get_url.sh");
const URI: &str = include_str!("uri.sh");

/// A request.
#[derive(Clone, Debug, Default)]
pub struct Request<'a> {
    pub url: &'a str,
    pub method: &'a str,
    pub headers: Vec<(String, String)>,
    /// Headers that go to the first address only, in lower case.
    pub unredirected: Vec<String>,
    pub user: Option<(&'a str, &'a str)>,
    /// User and password go with the first request, not only where they are asked for.
    pub basic: bool,
    /// What is sent, piece after piece.
    pub body: Vec<Piece>,
    /// Seconds without a byte, or a connection.
    pub timeout: u64,
    pub validate_certs: bool,
    pub follow: bool,
    /// Whether `~/.netrc` is asked for a user, where none is given.
    pub netrc: bool,
    pub proxy: bool,
    pub gssapi: bool,
    /// What comes compressed is unpacked.
    pub decompress: bool,
    pub agent: &'a str,
    pub ca: Option<&'a str>,
    pub cert: Option<&'a str>,
    pub key: Option<&'a str>,
    pub socket: Option<&'a str>,
    pub ciphers: Option<String>,
}

/// A piece of a body.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    Bytes(Vec<u8>),
    /// A file of the controller's, of any size.
    Local(Content),
    /// A file of the host's.
    Remote(String),
    /// The piece as lines of base64, as mail has them.
    Encoded(Box<Piece>),
}

/// Where a file goes and what it must be.
#[derive(Clone, Debug, Default)]
pub struct Landing<'a> {
    pub dest: &'a str,
    /// A directory for the file while it comes.
    pub tmp: Option<&'a str>,
    /// Algorithm and digest, or the address of a list of digests.
    pub checksum: Option<(&'a str, &'a str)>,
    pub force: bool,
    pub backup: bool,
    /// Write in place where the file cannot be replaced.
    pub unsafe_writes: bool,
    pub mode: Option<String>,
    pub owner: Option<&'a str>,
    pub group: Option<&'a str>,
    /// `chattr`'s letters with what is done with them before.
    pub flags: Option<String>,
    /// SELinux user, role, type and level.
    pub context: [Option<&'a str>; 4],
    /// Statuses at which it is written.
    pub statuses: &'a [i64],
}

/// Puts what is at an address into a file, unless that is what is in it already.
pub fn get_url(request: &Request, landing: &Landing) -> Run {
    program(request, landing, GET_URL, "get_url")
}

/// Asks an address, and answers with status, headers and body.
pub fn uri(request: &Request, landing: &Landing) -> Run {
    program(request, landing, URI, "uri")
}

fn program(request: &Request, landing: &Landing, rest: &str, name: &'static str) -> Run {
    let text = super::prelude::sent(&format!("{FETCH}{rest}"));
    let mut run = Run::new(Exec::Program(Program { text, name }));
    let mut given = Given::default();
    asked(request, &mut given);
    landed(landing, &mut given);
    pieces(&request.body, &mut given, &mut run.files);
    run.stdin = Some(given.0.into_bytes().into());
    run.judged = true;
    run
}

/// Assignments.
#[derive(Default)]
struct Given(String);

impl Given {
    fn text(&mut self, name: &str, value: &str) {
        self.0.push_str(&format!("{name}={}\n", quote(value)));
    }

    fn flag(&mut self, name: &str, value: bool) {
        self.text(name, if value { "1" } else { "" });
    }

    /// A path as the program sees it, whose directory is the root.
    fn path(&mut self, name: &str, path: &str) {
        let word = match path {
            "" => "''".to_owned(),
            path => place(path).replace("\"$pl_cwd\"/", "./"),
        };
        self.0.push_str(&format!("{name}={word}\n"));
    }
}

fn asked(request: &Request, given: &mut Given) {
    let method = if request.method.is_empty() {
        "GET"
    } else {
        request.method
    };
    given.text("url", request.url);
    given.text("method", method);
    given.text("timeout", &request.timeout.max(1).to_string());
    given.text("agent", request.agent);
    given.text("user", request.user.map(|(u, _)| u).unwrap_or_default());
    given.text("sock", request.socket.unwrap_or_default());
    given.text("ciphers", request.ciphers.as_deref().unwrap_or_default());
    let pem = request.ca.or(request.cert).or(request.key);
    given.text("pem", pem.unwrap_or_default());
    given.flag("gss", request.gssapi);
    given.flag("follow", request.follow);
    given.flag("validate", request.validate_certs);
    given.flag("proxy", request.proxy);
    given.flag("dec", request.decompress);
    given.text("since", "");
    given.text("c_curl", &curl(request));
    given.text("c_wget", &wget(request));
    let lines = |keep: &dyn Fn(&str) -> bool| {
        let kept = request
            .headers
            .iter()
            .filter(|(n, _)| keep(&n.to_lowercase()));
        let line = |(n, v): &(String, String)| format!("{n}: {v}").replace(['\r', '\n'], " ");
        kept.map(line).collect::<Vec<_>>().join("\n")
    };
    let along = |n: &str| !request.unredirected.iter().any(|u| u == n);
    let of_body = ["content-type", "content-length", "transfer-encoding"];
    given.text("h1", &lines(&|_| true));
    given.text("h2", &lines(&along));
    given.text("h3", &lines(&|n| along(n) && !of_body.contains(&n)));
}

fn landed(landing: &Landing, given: &mut Given) {
    let (algorithm, digest) = landing.checksum.unwrap_or_default();
    given.path("t", landing.dest);
    given.path("tmp", landing.tmp.unwrap_or_default());
    given.text("alg", algorithm);
    given.text("sum", digest);
    given.flag("force", landing.force);
    given.flag("backup", landing.backup);
    given.flag("unsafe", landing.unsafe_writes);
    given.text("mode", landing.mode.as_deref().unwrap_or_default());
    given.text("own", landing.owner.unwrap_or_default());
    given.text("grp", landing.group.unwrap_or_default());
    given.text("flags", landing.flags.as_deref().unwrap_or_default());
    let context = ["-u", "-r", "-t", "-l"].iter().zip(landing.context);
    let label = context.filter_map(|(flag, word)| Some(format!("{flag} {}", quote(word?))));
    given.text("label", &label.collect::<Vec<_>>().join(" "));
    let codes: Vec<String> = landing.statuses.iter().map(ToString::to_string).collect();
    given.text("codes", &format!(" {} ", codes.join(" ")));
}

/// The body: a file as it is, or a function that prints it piece after piece. Bytes and files of the
/// controller's lie in files of the run's.
fn pieces(body: &[Piece], given: &mut Given, files: &mut Vec<Content>) {
    let mut file = |piece: &Piece| match piece {
        Piece::Remote(path) => place(path).replace("\"$pl_cwd\"/", "./"),
        Piece::Bytes(bytes) => kept(files, Content::new(bytes.clone())),
        Piece::Local(content) => kept(files, content.clone()),
        Piece::Encoded(_) => "/dev/null".to_owned(),
    };
    let text = match body {
        [] => "body=\n".to_owned(),
        [Piece::Encoded(_), ..] | [_, _, ..] => {
            let line = |piece: &Piece| match piece {
                Piece::Encoded(inner) => format!("code64 <{} || exit\n", file(inner)),
                piece => format!("cat <{} || exit\n", file(piece)),
            };
            let lines: String = body.iter().map(line).collect();
            format!("body=-\npieces() {{\n{lines}}}\n")
        }
        [one] => format!("body={}\n", file(one)),
    };
    given.0.push_str(&text);
}

fn kept(files: &mut Vec<Content>, content: Content) -> String {
    files.push(content);
    format!("\"${{pl_files}}{}\"", files.len() - 1)
}

/// Settings of curl's, without headers.
fn curl(request: &Request) -> String {
    let text = |s: &str| {
        let s = s.replace('\\', "\\\\").replace('"', "\\\"");
        let s = s.replace('\n', "\\n").replace('\r', "\\r");
        format!("\"{}\"", s.replace('\t', "\\t"))
    };
    let time = request.timeout.max(1);
    let mut out = format!("connect-timeout = {time}\nspeed-time = {time}\nspeed-limit = 1\n");
    let mut line = |key: &str, value: &str| out.push_str(&format!("{key} = {}\n", text(value)));
    line("user-agent", request.agent);
    for (key, value) in [
        ("cacert", request.ca),
        ("cert", request.cert),
        ("key", request.key),
        ("unix-socket", request.socket),
        ("ciphers", request.ciphers.as_deref()),
        ("noproxy", (!request.proxy).then_some("*")),
    ] {
        if let Some(value) = value {
            line(key, value);
        }
    }
    match (request.user, request.gssapi) {
        (Some((user, password)), _) => line("user", &format!("{user}:{password}")),
        (None, true) => line("user", ":"),
        (None, false) => {}
    }
    let flags = [
        ("negotiate", request.gssapi),
        (
            "anyauth",
            request.user.is_some() && !request.basic && !request.gssapi,
        ),
        (
            "netrc-optional",
            request.netrc && request.user.is_none() && !request.gssapi,
        ),
        ("insecure", !request.validate_certs),
    ];
    for (flag, _) in flags.iter().filter(|(_, given)| *given) {
        out.push_str(&format!("{flag}\n"));
    }
    out
}

/// Settings of GNU wget's, without headers.
fn wget(request: &Request) -> String {
    let time = request.timeout.max(1);
    let mut out = format!(
        "timeout = {time}\ntries = 1\nserver_response = on\ncontent_on_error = on\nhsts = off\n"
    );
    let mut line = |key: &str, value: &str| {
        out.push_str(&format!("{key} = {}\n", value.replace(['\r', '\n'], " ")));
    };
    line("user_agent", request.agent);
    for (key, value) in [
        ("ca_certificate", request.ca),
        ("certificate", request.cert),
        ("private_key", request.key),
        ("ciphers", request.ciphers.as_deref()),
        ("http_user", request.user.map(|(u, _)| u)),
        ("http_password", request.user.map(|(_, p)| p)),
        ("use_proxy", (!request.proxy).then_some("off")),
        (
            "check_certificate",
            (!request.validate_certs).then_some("off"),
        ),
        (
            "netrc",
            (!request.netrc || request.user.is_some()).then_some("off"),
        ),
        ("auth_no_challenge", request.basic.then_some("on")),
    ] {
        if let Some(value) = value {
            line(key, value);
        }
    }
    out
}
