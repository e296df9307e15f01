//! Downloads a file to the host.
//!
//! Changed when the file or its attributes change. A file that is there is only asked for again if it
//! is newer, and not at all where it has the checksum that is given.

use crate::resource::download::{self, Landing, Request};
use crate::resource::{Query, RemotePath, Resource, State, Want};
use crate::result;
use crate::source::{Mapping, Value};

use super::arg::Mode;
use super::{ArgError, Decision, Done, Failure, Observed, Spec, Task, place, ran};

crate::args! {
    #[expect(dead_code, reason = "Ansible takes more than there is a use for here")]
    pub(crate) struct Args {
        /// Where it is.
        url: String = required;
        /// Where it goes; in a directory it keeps its name.
        dest: String = required;
        /// `algorithm:digest`, or `algorithm:` and the address of a list of digests.
        checksum: String = "''";
        /// Ask for it whatever is there.
        force: bool = "false";
        /// Keep the old file beside the new one.
        backup: bool = "false";
        /// Headers of the request.
        headers: Option<Mapping>;
        /// The user to log in as.
        url_username: Option<String>, aka ["username"];
        /// The user's password.
        url_password: Option<String>, aka ["password"];
        /// Send user and password without being asked; curl always does.
        force_basic_auth: bool = "false";
        /// Seconds it may take.
        timeout: u64 = "10";
        /// Whether the server must be who it says.
        validate_certs: bool = "true";
        /// What the request says it comes from.
        http_agent: String = "ansible-httpget";
        /// A certificate to show.
        client_cert: Option<String>;
        /// The certificate's key.
        client_key: Option<String>;
        /// Ciphers to offer.
        ciphers: Option<Vec<String>>;
        /// Take it compressed and unpack it.
        decompress: bool = "true";
        /// Taken; the temporary file is beside the target.
        tmp_dest: Option<String>;
        /// Not supported: curl sends its headers wherever it is sent.
        unredirected_headers: Option<Vec<String>>;
        /// Not supported.
        use_gssapi: bool = "false";
        /// Use what ~/.netrc says.
        use_netrc: bool = "true";
        /// Use the proxy of the environment.
        use_proxy: bool = "true";
    } with attrs
}

pub(crate) static SPEC: Spec = Spec {
    name: "get_url",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Downloads a file to the host",
    notes: "Changed when the file or its attributes change.",
    examples: "
- name: A file that must be this one
  get_url:
    url: http://example.com/path/file.conf
    dest: /etc/foo.conf
    mode: '0440'
    checksum: sha256:b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

const ALGORITHMS: [&str; 6] = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"];

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    if !args.checksum.is_empty() {
        let known = args
            .sum()
            .is_some_and(|(a, d)| ALGORITHMS.contains(&a) && !d.is_empty());
        if !known {
            let message = "The checksum parameter has to be in format <algorithm>:<checksum>";
            return Err(ArgError::new("checksum", message));
        }
    }
    let unredirected = args
        .unredirected_headers
        .as_ref()
        .is_some_and(|h| !h.is_empty());
    unsupported(args.use_gssapi, unredirected)?;
    args.attrs.only_owner_and_mode()?;
    RemotePath::new(&args.dest).map_err(|e| ArgError::new("dest", e))?;
    Ok(Box::new(args))
}

/// The last part of an address, as a file's name.
pub(crate) fn name_of(url: &str) -> &str {
    let path = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    match path.rsplit_once('/') {
        Some((_, name)) if !name.is_empty() => name,
        _ => "index.html",
    }
}

/// Refuses what no tool on the host is told to do.
pub(crate) fn unsupported(gssapi: bool, unredirected: bool) -> Result<(), ArgError> {
    let name = match (gssapi, unredirected) {
        (true, _) => "use_gssapi",
        (_, true) => "unredirected_headers",
        _ => return Ok(()),
    };
    Err(ArgError::new(name, format!("`{name}` is not supported")))
}

/// Headers as pairs of text.
pub(crate) fn headers(map: Option<&Mapping>) -> Vec<(String, String)> {
    let text = |v: &Value| super::arg::text(v).unwrap_or_default();
    map.into_iter()
        .flatten()
        .map(|(k, v)| (text(k), text(v)))
        .collect()
}

impl Args {
    fn sum(&self) -> Option<(&str, &str)> {
        let (algorithm, digest) = self.checksum.split_once(':')?;
        Some((algorithm.trim(), digest.trim()))
    }

    fn on(&self) -> Option<Resource> {
        RemotePath::new(&self.dest).ok().map(Resource::Target)
    }

    fn run(&self) -> crate::resource::Run {
        let ciphers = self.ciphers.as_ref().map(|c| c.join(":"));
        let mut more: Vec<(&'static str, &str)> = vec![("user-agent", &self.http_agent)];
        more.extend(self.client_cert.as_deref().map(|c| ("cert", c)));
        more.extend(self.client_key.as_deref().map(|c| ("key", c)));
        more.extend(ciphers.as_deref().map(|c| ("ciphers", c)));
        if !self.use_proxy {
            more.push(("noproxy", "*"));
        }
        let request = Request {
            url: &self.url,
            method: "GET",
            headers: headers(self.headers.as_ref()),
            user: self
                .url_username
                .as_deref()
                .map(|u| (u, self.url_password.as_deref().unwrap_or_default())),
            body: None,
            timeout: self.timeout,
            validate_certs: self.validate_certs,
            follow: true,
            netrc: self.use_netrc,
            more,
        };
        let mode = match &self.attrs.mode {
            Some(Mode::Bits(bits)) => Some(format!("{bits:04o}")),
            Some(Mode::Symbolic(word)) => Some(word.clone()),
            _ => None,
        };
        download::get_url(
            &request,
            &Landing {
                dest: &self.dest,
                name: name_of(&self.url),
                checksum: self.sum(),
                force: self.force,
                backup: self.backup,
                mode,
                owner: self.attrs.owner.as_deref(),
                group: self.attrs.group.as_deref(),
            },
        )
    }
}

impl Task for Args {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        let mut queries: Vec<Query> = self
            .on()
            .map(|on| Query::new(on, Want::META.and(Want::DIGEST)))
            .into_iter()
            .collect();
        if let Some(State::File(file)) = self.on().as_ref().and_then(|on| seen.peek(on)) {
            queries.extend(self.attrs.lookups(Some(file), &seen.me));
        }
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let mut decision =
            Decision::ok(result! { "url" => self.url.as_str(), "dest" => self.dest.as_str() });
        let on = self.on();
        let there = on.as_ref().and_then(|on| seen.get(on).file());
        let is_it = |file: &crate::resource::file::FileState| match (self.sum(), file.content()) {
            (Some(("sha256", digest)), Some(content)) => {
                content.digest.to_string() == digest.to_lowercase()
            }
            _ => false,
        };
        if let Some(file) = there.filter(|f| !self.force && is_it(f)) {
            let settled = self.attrs.settle(seen, file.clone())?;
            if settled.same(file) {
                decision
                    .result
                    .insert("msg".into(), "file already exists".into());
                decision.result.extend(place::describe(file));
                return Ok(decision);
            }
        }
        decision.run(self.run());
        // A file that is not there will be; what a server says of one that is, nobody knows.
        let absent = on.is_some_and(|on| seen.get(&on).is_absent());
        decision.changed = absent.then_some(true);
        Ok(decision)
    }

    fn conclude(&self, decision: &Decision, done: &[Done]) -> Result<Mapping, Failure> {
        let mut result = decision.result.clone();
        let Some(ran) = ran::ran(done) else {
            return Ok(result);
        };
        result.insert("elapsed".into(), ran::seconds(ran).into());
        for line in ran::text(&ran.stdout).lines() {
            let Some((key, value)) = line.split_once('=') else {
                continue;
            };
            let value: Value = match key {
                "changed" => (value == "1").into(),
                "size" | "uid" | "gid" | "status_code" => {
                    value.parse::<i64>().map_or(Value::Null, Value::from)
                }
                _ => value.into(),
            };
            result.insert(key.into(), value);
        }
        if ran.rc == 0 {
            result.insert("state".into(), "file".into());
            return Ok(result);
        }
        let words = ran::text(&ran.stderr).trim().to_owned();
        let told = result
            .get("msg")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let message = [told, words]
            .into_iter()
            .filter(|w| !w.is_empty())
            .collect::<Vec<_>>()
            .join(": ");
        result.insert("msg".into(), message.as_str().into());
        result.insert("changed".into(), false.into());
        Err(Failure { message, result })
    }
}
