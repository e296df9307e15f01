//! Asks a web address from the host, and says what came back.
//!
//! Changed when `dest` is written; the request itself counts as no change, as in Ansible. The content is
//! in the result of a request that fails too, whether or not it was asked for.

use crate::choices;
use crate::resource::download::{self, Landing, Piece, Request};
use crate::resource::{Folder, Query, Resource, State, Want};
use crate::result;
use crate::source::{Mapping, Value};

use super::ran::{self, Unless};
use super::uri_answer::Answer;
use super::uri_body::{self, Body};
use super::{ArgError, Decision, Done, Failure, Observed, Spec, Task, web};

choices! {
    pub(crate) enum BodyFormat {
        Form = "form-urlencoded",
        Json = "json",
        Raw = "raw",
        Multipart = "form-multipart",
    }
}

choices! {
    pub(crate) enum Follow {
        All = "all" | "yes" | "True" | "true",
        No = "none" | "no" | "False" | "false",
        Safe = "safe",
        UrlLib2 = "urllib2",
    }
}

crate::args! {
    pub(crate) struct Args {
        /// The address.
        url: String = required;
        /// What is asked of it.
        method: String = "GET";
        /// What is sent; a structure is written as `body_format` says. With `form-multipart`, a mapping of
        /// fields to text or to `filename`, `content`, `mime_type` and `multipart_encoding` (`base64`, `7or8bit`).
        body: Option<Value>;
        /// How the body is written.
        body_format: BodyFormat = "raw";
        /// A file of the controller's (or the host's, with `remote_src`) that is sent, of any size.
        src: Option<String>;
        /// Whether `src`, and the files that a multipart body names, are on the host.
        remote_src: bool = "false";
        /// Headers of the request.
        headers: Option<Mapping>;
        /// Statuses that are fine.
        status_code: Vec<i64> = "[200]";
        /// Whether the result holds the body.
        return_content: bool = "false";
        /// Which redirections are followed.
        follow_redirects: Follow = "safe";
        /// A file that gets the body.
        dest: Option<String>;
        /// It is not asked where a path matches this pattern.
        creates: Option<String>;
        /// It is only asked where a path matches this pattern.
        removes: Option<String>;
        /// The user to log in as.
        url_username: Option<String>, aka ["user"];
        /// The user's password.
        url_password: Option<String>, aka ["password"];
        /// Send user and password with the first request, without being asked for them.
        force_basic_auth: bool = "false";
        /// Seconds without a connection or a byte after which it is given up.
        timeout: u64 = "30";
        /// Whether the server must be who it says.
        validate_certs: bool = "true";
        /// Authorities to believe, a file.
        ca_path: Option<String>;
        /// A certificate to show.
        client_cert: Option<String>;
        /// The certificate's key.
        client_key: Option<String>;
        /// A socket to use instead of the network.
        unix_socket: Option<String>;
        /// What the request says it comes from.
        http_agent: String = "ansible-httpget";
        /// Ciphers to offer.
        ciphers: Option<Vec<String>>;
        /// Unpack what comes compressed by gzip.
        decompress: bool = "true";
        /// Ask for it whatever a cache on the way, or `dest`, has.
        force: bool = "false";
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
    name: "uri",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Asks a web address from the host, and says what came back",
    notes: "Changed when `dest` is written.",
    examples: "
- name: It answers
  uri:
    url: http://www.example.com
    return_content: true
- name: Make a ticket
  uri:
    url: https://jira.example.com/rest/api/2/issue/
    method: POST
    body: {summary: Broken}
    body_format: json
    status_code: [200, 201]
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: true,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let mut args = Args::read(map)?;
    args.method = args.method.to_uppercase();
    web::check(&args.attrs)?;
    super::place::exclusive(&[("body", args.body.is_some()), ("src", args.src.is_some())])?;
    if args.body_format == BodyFormat::Multipart
        && let Some(body) = &args.body
    {
        uri_body::files(body).map_err(|m| ArgError::new("body", m))?;
    }
    Ok(Box::new(args))
}

impl Args {
    fn unless(&self) -> Unless {
        Unless {
            creates: self.creates.clone(),
            removes: self.removes.clone(),
            chdir: None,
        }
    }

    /// The files of the controller's that are sent.
    fn local(&self) -> Vec<Resource> {
        if self.remote_src {
            return Vec::new();
        }
        let fields = match (self.body_format, &self.body) {
            (BodyFormat::Multipart, Some(body)) => uri_body::files(body).unwrap_or_default(),
            _ => Vec::new(),
        };
        self.src.iter().cloned().chain(fields).map(local).collect()
    }

    /// A file that is sent, from wherever it is.
    fn piece(&self, seen: &Observed, path: &str) -> Result<Piece, Failure> {
        if self.remote_src {
            return Ok(Piece::Remote(path.to_owned()));
        }
        match seen.get(&local(path.to_owned())) {
            State::Content(content) => Ok(Piece::Local(content.clone())),
            _ => Err(Failure::new(format!(
                "could not find or access `{path}` on the controller"
            ))),
        }
    }

    fn body(&self, seen: &Observed) -> Result<Body, Failure> {
        let file = |path: &str| self.piece(seen, path);
        match (&self.src, &self.body) {
            (Some(path), _) => Ok(Body {
                pieces: vec![file(path)?],
                kind: None,
            }),
            (None, None) => Ok(Body::default()),
            (None, Some(body)) => match self.body_format {
                BodyFormat::Json => uri_body::json(body),
                BodyFormat::Form => uri_body::form(body),
                BodyFormat::Multipart => uri_body::multipart(body, file),
                BodyFormat::Raw => Ok(Body::text(uri_body::text(body), None)),
            },
        }
    }

    fn follow(&self) -> bool {
        let safe = ["GET", "HEAD"].contains(&self.method.as_str());
        match self.follow_redirects {
            Follow::All => true,
            Follow::No => false,
            Follow::Safe => safe,
            Follow::UrlLib2 => safe || self.method == "POST",
        }
    }

    fn request<'a>(&'a self, body: Body) -> Request<'a> {
        let mut headers = web::headers(self.headers.as_ref());
        let is_kind = |n: &str| n.eq_ignore_ascii_case("content-type");
        if let Some(kind) = body.kind {
            // What separates the parts stands in the type.
            if self.body_format == BodyFormat::Multipart {
                headers.retain(|(n, _)| !is_kind(n));
            }
            if !headers.iter().any(|(n, _)| is_kind(n)) {
                headers.push(("Content-Type".into(), kind));
            }
        }
        if self.force {
            headers.push(("Cache-Control".into(), "no-cache".into()));
        }
        let password = self.url_password.as_deref().unwrap_or_default();
        Request {
            url: &self.url,
            method: &self.method,
            headers,
            unredirected: web::lower(self.unredirected_headers.as_ref()),
            user: self.url_username.as_deref().map(|u| (u, password)),
            basic: self.force_basic_auth,
            body: body.pieces,
            timeout: self.timeout,
            validate_certs: self.validate_certs,
            follow: self.follow(),
            netrc: self.use_netrc,
            proxy: self.use_proxy,
            gssapi: self.use_gssapi,
            decompress: self.decompress,
            agent: &self.http_agent,
            ca: self.ca_path.as_deref(),
            cert: self.client_cert.as_deref(),
            key: self.client_key.as_deref(),
            socket: self.unix_socket.as_deref(),
            ciphers: self.ciphers.as_ref().map(|c| c.join(":")),
        }
    }
}

fn local(path: String) -> Resource {
    Resource::Local {
        path,
        folder: Folder::Files,
    }
}

impl Task for Args {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        let mut queries = self.unless().reads();
        let local = self.local().into_iter();
        queries.extend(local.map(|on| Query::new(on, Want::CONTENT)));
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        if let Some((pattern, exists)) = self.unless().declines(seen) {
            let words = if exists { "exists" } else { "does not exist" };
            let message = format!("skipped, since '{pattern}' {words}");
            return Ok(Decision::ok(
                result! { "stdout" => message.as_str(), "msg" => message.as_str() },
            ));
        }
        let request = self.request(self.body(seen)?);
        let landing = Landing {
            dest: self.dest.as_deref().unwrap_or_default(),
            force: self.force,
            statuses: &self.status_code,
            ..web::landing(&self.attrs)
        };
        let mut decision = Decision::default();
        let mut run = download::uri(&request, &landing);
        run.changes = self.dest.is_some();
        decision.run(run);
        Ok(decision)
    }

    fn conclude(&self, _: &Decision, done: &[Done]) -> Result<Mapping, Failure> {
        let Some(ran) = ran::ran(done) else {
            return Ok(Mapping::new());
        };
        if ran.rc != 0 {
            return Err(Failure::new(ran::text(&ran.stderr).trim()));
        }
        let answer =
            Answer::read(&ran.stdout).ok_or_else(|| Failure::new("the answer is cut short"))?;
        let mut map = answer.result(&self.url);
        map.insert("elapsed".into(), ran::seconds(ran).into());
        let fine = answer.rc == 0 && self.status_code.contains(&answer.status);
        if self.return_content || !fine {
            map.insert("content".into(), ran::text(&answer.body).into());
        }
        if fine {
            return Ok(map);
        }
        let told = map.get("msg").and_then(Value::as_str).unwrap_or_default();
        let codes: Vec<String> = self.status_code.iter().map(ToString::to_string).collect();
        let (status, codes) = (answer.status, codes.join(", "));
        let message = format!("Status code was {status} and not [{codes}]: {told}");
        map.insert("msg".into(), message.as_str().into());
        Err(Failure {
            message,
            result: map,
        })
    }
}
