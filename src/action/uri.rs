//! Asks a web address from the host, and says what came back.
//!
//! Changed when `dest` is written; the request itself counts as no change, as in Ansible.

use crate::choices;
use crate::resource::download::{self, Landing, Request};
use crate::resource::{Content, Folder, Query, Resource, State, Want};
use crate::result;
use crate::source::{Mapping, Value};

use super::arg::Mode;
use super::get_url::headers;
use super::ran::{self, Unless};
use super::{ArgError, Decision, Done, Failure, Observed, Spec, Task};

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
    #[expect(dead_code, reason = "Ansible takes more than there is a use for here")]
    pub(crate) struct Args {
        /// The address.
        url: String = required;
        /// What is asked of it.
        method: String = "GET";
        /// What is sent; a structure is written as `body_format` says.
        body: Option<Value>;
        /// How the body is written.
        body_format: BodyFormat = "raw";
        /// A file of the controller's (or the host's, with `remote_src`) that is sent.
        src: Option<String>;
        /// Whether `src` is on the host.
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
        /// Send user and password without being asked; curl always does.
        force_basic_auth: bool = "false";
        /// Seconds it may take.
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
        /// Take it compressed and unpack it.
        decompress: bool = "true";
        /// Ask for it whatever a cache on the way has.
        force: bool = "false";
        /// Not supported where redirections are followed: curl sends its headers there too.
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
    if args.body_format == BodyFormat::Multipart {
        return Err(ArgError::new(
            "body_format",
            "`form-multipart` is not supported yet",
        ));
    }
    if args.src.is_some() && args.remote_src {
        return Err(ArgError::new(
            "remote_src",
            "sending a file of the host's is not supported yet",
        ));
    }
    let unredirected = args
        .unredirected_headers
        .as_ref()
        .is_some_and(|h| !h.is_empty());
    super::get_url::unsupported(
        args.use_gssapi,
        unredirected && args.follow_redirects != Follow::No,
    )?;
    args.attrs.only_owner_and_mode()?;
    super::place::exclusive(&[("body", args.body.is_some()), ("src", args.src.is_some())])?;
    Ok(Box::new(args))
}

/// Text as a form has it.
fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => {
                out.push(char::from(byte))
            }
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

impl Args {
    fn unless(&self) -> Unless {
        Unless {
            creates: self.creates.clone(),
            removes: self.removes.clone(),
            chdir: None,
        }
    }

    fn local(&self) -> Option<Resource> {
        let path = self.src.clone()?;
        Some(Resource::Local {
            path,
            folder: Folder::Files,
        })
    }

    /// The body as bytes, and the type it has.
    fn body(
        &self,
        file: Option<&Content>,
    ) -> Result<(Option<Vec<u8>>, Option<&'static str>), Failure> {
        if let Some(file) = file {
            let bytes = file
                .bytes
                .as_deref()
                .ok_or("the file is too large to be sent".to_owned())?;
            return Ok((Some(bytes.to_vec()), None));
        }
        let Some(body) = &self.body else {
            return Ok((None, None));
        };
        let text = |v: &Value| {
            super::arg::text(v).unwrap_or_else(|| serde_json::to_string(v).unwrap_or_default())
        };
        Ok(match (self.body_format, body) {
            (BodyFormat::Json, Value::String(s)) => {
                (Some(s.clone().into_bytes()), Some("application/json"))
            }
            (BodyFormat::Json, value) => {
                let json = serde_json::to_vec(value).map_err(|e| Failure::new(e.to_string()))?;
                (Some(json), Some("application/json"))
            }
            (BodyFormat::Form, Value::Mapping(map)) => {
                let mut pairs = Vec::new();
                for (key, value) in map {
                    let values = match value {
                        Value::Sequence(items) => items.clone(),
                        one => vec![one.clone()],
                    };
                    pairs.extend(
                        values
                            .iter()
                            .map(|v| format!("{}={}", encode(&text(key)), encode(&text(v)))),
                    );
                }
                (
                    Some(pairs.join("&").into_bytes()),
                    Some("application/x-www-form-urlencoded"),
                )
            }
            (BodyFormat::Form, value) => (
                Some(text(value).into_bytes()),
                Some("application/x-www-form-urlencoded"),
            ),
            (_, value) => (Some(text(value).into_bytes()), None),
        })
    }
}

impl Task for Args {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        let mut queries = self.unless().reads();
        queries.extend(self.local().map(|on| Query::new(on, Want::CONTENT)));
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
        let file = match self.local().map(|on| seen.get(&on)) {
            Some(State::Content(content)) => Some(content),
            Some(_) => return Err(Failure::new("Unable to open source file")),
            None => None,
        };
        let (body, kind) = self.body(file)?;
        let mut headers = headers(self.headers.as_ref());
        let named = headers
            .iter()
            .any(|(n, _)| n.eq_ignore_ascii_case("content-type"));
        headers.extend(
            kind.filter(|_| !named)
                .map(|k| ("Content-Type".into(), k.into())),
        );
        if self.force {
            headers.push(("Cache-Control".into(), "no-cache".into()));
        }
        let mut more: Vec<(&'static str, &str)> = vec![("user-agent", &self.http_agent)];
        for (key, value) in [
            ("cacert", &self.ca_path),
            ("cert", &self.client_cert),
            ("key", &self.client_key),
            ("unix-socket", &self.unix_socket),
        ] {
            more.extend(value.as_deref().map(|v| (key, v)));
        }
        let ciphers = self.ciphers.as_ref().map(|c| c.join(":"));
        more.extend(ciphers.as_deref().map(|c| ("ciphers", c)));
        if !self.use_proxy {
            more.push(("noproxy", "*"));
        }
        let safe = ["GET", "HEAD"].contains(&self.method.as_str());
        let request = Request {
            url: &self.url,
            method: &self.method,
            headers,
            user: self
                .url_username
                .as_deref()
                .map(|u| (u, self.url_password.as_deref().unwrap_or_default())),
            body,
            timeout: self.timeout,
            validate_certs: self.validate_certs,
            follow: match self.follow_redirects {
                Follow::All => true,
                Follow::No => false,
                Follow::Safe | Follow::UrlLib2 => safe,
            },
            netrc: self.use_netrc,
            more,
        };
        let mut decision = Decision::default();
        let mode = match &self.attrs.mode {
            Some(Mode::Bits(bits)) => Some(format!("{bits:04o}")),
            Some(Mode::Symbolic(word)) => Some(word.clone()),
            _ => None,
        };
        let landing = Landing {
            dest: self.dest.as_deref().unwrap_or_default(),
            mode,
            owner: self.attrs.owner.as_deref(),
            group: self.attrs.group.as_deref(),
            ..Landing::default()
        };
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
        map.insert("changed".into(), answer.changed.into());
        if let Some(path) = answer.path.as_deref().filter(|p| !p.is_empty()) {
            map.insert("path".into(), path.into());
        }
        let fine = answer.rc == 0 && self.status_code.contains(&answer.status);
        if self.return_content || !fine {
            map.insert("content".into(), ran::text(&answer.body).into());
        }
        if fine {
            return Ok(map);
        }
        let told = map
            .get("msg")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let codes: Vec<String> = self.status_code.iter().map(ToString::to_string).collect();
        let message = format!(
            "Status code was {} and not [{}]: {told}",
            answer.status,
            codes.join(", ")
        );
        map.insert("msg".into(), message.as_str().into());
        Err(Failure {
            message,
            result: map,
        })
    }
}

/// What the program printed: five lines, the headers with their length before them, the body.
#[derive(Debug, Default)]
struct Answer {
    status: i64,
    url: String,
    rc: i32,
    changed: bool,
    path: Option<String>,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn read(bytes: &[u8]) -> Option<Answer> {
        let mut rest = bytes;
        let mut line = || -> Option<String> {
            let end = rest.iter().position(|b| *b == b'\n')?;
            let text = ran::text(&rest[..end]);
            rest = &rest[end + 1..];
            Some(text)
        };
        let (status, url, rc, changed, path, length) =
            (line()?, line()?, line()?, line()?, line()?, line()?);
        let (head, body) = rest.split_at_checked(length.parse().ok()?)?;
        let status = status.parse().unwrap_or(-1);
        Some(Answer {
            status: if status == 0 { -1 } else { status },
            url,
            rc: rc.parse().unwrap_or(1),
            changed: changed == "1",
            path: Some(path),
            head: ran::text(head),
            body: body.to_vec(),
        })
    }

    fn result(&self, asked: &str) -> Mapping {
        let mut map = Mapping::new();
        // Redirections leave the headers of each answer; the last are what counts.
        let mut cookies = Mapping::new();
        let mut words = String::new();
        for line in self.head.lines() {
            if let Some(error) = line.strip_prefix('!') {
                words.push_str(error);
            } else if line.starts_with("HTTP/") {
                map.clear();
                words = line.splitn(3, ' ').nth(2).unwrap_or_default().to_owned();
            } else if let Some((name, value)) = line.split_once(':') {
                let (name, value) = (name.trim().to_lowercase().replace('-', "_"), value.trim());
                if name == "set_cookie"
                    && let Some((k, v)) =
                        value.split(';').next().unwrap_or_default().split_once('=')
                {
                    cookies.insert(k.trim().into(), v.trim().into());
                }
                let joined = match map.get(name.as_str()).and_then(Value::as_str) {
                    Some(before) => format!("{before}, {value}"),
                    None => value.to_owned(),
                };
                map.insert(name.into(), joined.into());
            }
        }
        let kind = map
            .get("content_type")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_lowercase();
        if kind
            .split(';')
            .next()
            .is_some_and(|k| k.trim().ends_with("json"))
            && let Ok(json) = serde_json::from_slice::<Value>(&self.body)
        {
            map.insert("json".into(), json);
        }
        let text: Vec<String> = cookies
            .iter()
            .map(|(k, v)| {
                format!(
                    "{}={}",
                    k.as_str().unwrap_or_default(),
                    v.as_str().unwrap_or_default()
                )
            })
            .collect();
        map.insert("cookies_string".into(), text.join("; ").into());
        map.insert("cookies".into(), Value::Mapping(cookies));
        map.insert("status".into(), self.status.into());
        map.insert("url".into(), self.url.as_str().into());
        map.insert(
            "redirected".into(),
            (self.url.trim_end_matches('/') != asked.trim_end_matches('/')).into(),
        );
        let size = self.body.len();
        let message = match self.status {
            200..300 => format!(
                "OK ({} bytes)",
                map.get("content_length")
                    .and_then(Value::as_str)
                    .map_or_else(|| size.to_string(), str::to_owned)
            ),
            -1 => format!("Request failed: {}", words.trim()),
            status => format!("HTTP Error {status}: {}", words.trim()),
        };
        map.insert("msg".into(), message.into());
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_with_its_last_headers() {
        let head = "HTTP/1.1 302 Found\r\nLocation: /b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\nSet-Cookie: a=b; Path=/\r\n\r\n";
        let text = format!("200\nhttp://h/b\n0\n\n\n{}\n{head}{{\"x\": 1}}", head.len());
        let answer = Answer::read(text.as_bytes()).unwrap();
        let map = answer.result("http://h/a");
        assert_eq!(map["json"]["x"], Value::from(1));
        assert_eq!(map["cookies"]["a"], Value::from("b"));
        assert_eq!(
            (&map["redirected"], map.get("location")),
            (&Value::from(true), None)
        );
    }
}
