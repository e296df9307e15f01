//! What came back from a web address: the program's answer, read into a result.

use crate::source::{Mapping, Value};

use super::ran;

/// What the program printed: `key=value` lines, the heads with their length before them, the body.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: i64,
    pub(crate) rc: i32,
    pub(crate) body: Vec<u8>,
    url: String,
    changed: bool,
    /// What is to be said of the file that was written.
    file: Mapping,
    head: String,
}

impl Answer {
    pub(crate) fn read(bytes: &[u8]) -> Option<Answer> {
        let mut answer = Answer::default();
        let mut rest = bytes;
        let mut line = || -> Option<String> {
            let end = rest.iter().position(|b| *b == b'\n')?;
            let text = ran::text(&rest[..end]);
            rest = &rest[end + 1..];
            Some(text)
        };
        loop {
            let text = line()?;
            let Some((key, value)) = text.split_once('=') else {
                break;
            };
            match key {
                "status" => answer.status = value.parse().unwrap_or(0),
                "url" => value.clone_into(&mut answer.url),
                "rc" => answer.rc = value.parse().unwrap_or(1),
                "changed" => answer.changed = value == "1",
                "size" | "uid" | "gid" => {
                    let number = value.parse::<i64>().map_or(Value::Null, Value::from);
                    answer.file.insert(key.into(), number);
                }
                _ => {
                    answer.file.insert(key.into(), value.into());
                }
            }
        }
        let length = line()?;
        let (head, body) = rest.split_at_checked(length.parse().ok()?)?;
        if answer.status == 0 {
            answer.status = -1;
        }
        answer.head = ran::text(head);
        answer.body = body.to_vec();
        Some(answer)
    }

    /// The result, for what was asked.
    pub(crate) fn result(&self, asked: &str) -> Mapping {
        let (mut map, cookies, words) = self.headers();
        let kind = map.get("content_type").and_then(Value::as_str);
        let kind = kind.unwrap_or_default().to_lowercase();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if kind.ends_with("json")
            && let Ok(json) = serde_json::from_slice::<Value>(&self.body)
        {
            map.insert("json".into(), json);
        }
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let pairs: Vec<String> = cookies
            .iter()
            .map(|(k, v)| format!("{}={}", text(k), text(v)))
            .collect();
        map.insert("cookies_string".into(), pairs.join("; ").into());
        map.insert("cookies".into(), Value::Mapping(cookies));
        map.insert("status".into(), self.status.into());
        map.insert("url".into(), self.url.as_str().into());
        let bare = |url: &str| url.trim_end_matches('/').to_owned();
        map.insert("redirected".into(), (bare(&self.url) != bare(asked)).into());
        let size = map.get("content_length").and_then(Value::as_str);
        let size = size.unwrap_or("unknown");
        let message = match self.status {
            200..300 => format!("OK ({size} bytes)"),
            -1 if ["timed out", "(28)"].iter().any(|w| words.contains(w)) => {
                "Connection failure: timed out".to_owned()
            }
            -1 => format!("Request failed: {}", words.trim()),
            status => format!("HTTP Error {status}: {}", words.trim()),
        };
        map.insert("msg".into(), message.into());
        map.insert("changed".into(), self.changed.into());
        if self.file.contains_key("path") {
            map.insert("state".into(), "file".into());
            map.extend(self.file.clone());
        }
        map
    }

    /// The headers of the last answer, the cookies of all of them, and the words of the last status or
    /// of what went wrong.
    fn headers(&self) -> (Mapping, Mapping, String) {
        let (mut map, mut cookies) = (Mapping::new(), Mapping::new());
        let (mut words, mut errors) = (String::new(), Vec::new());
        for line in self.head.lines() {
            if let Some(error) = line.strip_prefix('!') {
                errors.push(error.trim());
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
        if self.status < 0 {
            words = errors.join(" ");
        }
        (map, cookies, words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_with_its_last_headers() {
        let head = "HTTP/1.1 302 Found\r\nLocation: /b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\nSet-Cookie: a=b; Path=/\r\n\r\n";
        let text = format!(
            "status=200\nurl=http://h/b\nrc=0\nchanged=\n\n{}\n{head}{{\"x\": 1}}",
            head.len()
        );
        let answer = Answer::read(text.as_bytes()).unwrap();
        let map = answer.result("http://h/a");
        assert_eq!(map["json"]["x"], Value::from(1));
        assert_eq!(map["cookies"]["a"], Value::from("b"));
        assert_eq!(
            (&map["redirected"], map.get("location"), map.get("state")),
            (&Value::from(true), None, None)
        );
    }

    #[test]
    fn what_never_answered_says_why() {
        let answer =
            Answer::read(b"status=000\nurl=http://h/\nrc=7\nchanged=\n\n9\n!no route").unwrap();
        let map = answer.result("http://h/");
        assert_eq!(map["status"], Value::from(-1));
        assert_eq!(map["msg"], Value::from("Request failed: no route"));
    }
}
