//! Downloads a file to the host.
//!
//! Changed when the file or its attributes change. A file that is there is only asked for again if it
//! is newer, and not at all where it has the checksum that is given.

use crate::resource::download::{self, Landing, Request};
use crate::resource::{Query, RemotePath, Resource, State, Want};
use crate::result;
use crate::source::{Mapping, Value};

use super::{ArgError, Decision, Done, Failure, Observed, Spec, Task, place, ran, web};

crate::args! {
    pub(crate) struct Args {
        /// Where it is.
        url: String = required;
        /// Where it goes; in a directory it gets the name that the answer or the address has.
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
        /// Send user and password with the first request, without being asked for them.
        force_basic_auth: bool = "false";
        /// Seconds without a connection or a byte after which it is given up.
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
        /// Unpack what comes compressed by gzip.
        decompress: bool = "true";
        /// A directory for the file while it comes.
        tmp_dest: Option<String>;
        /// Names of headers that do not go along where it is sent elsewhere.
        unredirected_headers: Option<Vec<String>>;
        /// Log in by GSSAPI (Kerberos), which needs a curl that knows it.
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
    web::check(&args.attrs)?;
    RemotePath::new(&args.dest).map_err(|e| ArgError::new("dest", e))?;
    Ok(Box::new(args))
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
        let password = self.url_password.as_deref().unwrap_or_default();
        let mut headers = web::headers(self.headers.as_ref());
        if self.force {
            headers.push(("Cache-Control".into(), "no-cache".into()));
        }
        let request = Request {
            url: &self.url,
            method: "GET",
            headers,
            unredirected: web::lower(self.unredirected_headers.as_ref()),
            user: self.url_username.as_deref().map(|u| (u, password)),
            basic: self.force_basic_auth,
            timeout: self.timeout,
            validate_certs: self.validate_certs,
            follow: true,
            netrc: self.use_netrc,
            proxy: self.use_proxy,
            gssapi: self.use_gssapi,
            decompress: self.decompress,
            agent: &self.http_agent,
            cert: self.client_cert.as_deref(),
            key: self.client_key.as_deref(),
            ciphers: self.ciphers.as_ref().map(|c| c.join(":")),
            ..Request::default()
        };
        let landing = Landing {
            dest: &self.dest,
            tmp: self.tmp_dest.as_deref(),
            checksum: self.sum(),
            force: self.force,
            backup: self.backup,
            ..web::landing(&self.attrs)
        };
        download::get_url(&request, &landing)
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
        let plain =
            self.attrs.attributes.is_none() && self.attrs.context.iter().all(Option::is_none);
        if let Some(file) = there.filter(|f| plain && !self.force && is_it(f)) {
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
                "checksum_dest" if value.is_empty() => Value::Null,
                _ => value.into(),
            };
            result.insert(key.into(), value);
        }
        if ran.rc == 0 {
            result.insert("state".into(), "file".into());
            return Ok(result);
        }
        let words = ran::text(&ran.stderr).trim().to_owned();
        let told = result.get("msg").and_then(Value::as_str);
        let message = match told.filter(|t| t.starts_with("Request failed")) {
            Some(told) if !words.is_empty() => format!("{told}: {words}"),
            Some(told) => told.to_owned(),
            None => words,
        };
        result.insert("msg".into(), message.as_str().into());
        result.insert("changed".into(), false.into());
        Err(Failure { message, result })
    }
}
