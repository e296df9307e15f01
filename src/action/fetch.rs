//! Copies a file of the host's to the controller.
//!
//! Changed when the controller's file is written. The path on the controller is made of what the task
//! and the inventory say, never of what the host answers. Differs from Ansible's: `..` in `src` is
//! resolved before it becomes part of that path.

use crate::resource::{Change, Query, RemotePath, Resource, State, Want};
use crate::source::{Mapping, Value};

use super::{ArgError, Decision, Failure, Observed, Spec, Task, place};

crate::args! {
    pub(crate) struct Args {
        /// The file on the host.
        src: RemotePath = required;
        /// A directory on the controller; the file goes to `dest/host/src` below it.
        dest: String = required;
        /// Put it at `dest` itself, or, with a final slash, into that directory.
        flat: bool = "false";
        /// Fail where the file is not there.
        fail_on_missing: bool = "true";
        /// Compare what has arrived with what is there.
        validate_checksum: bool = "true";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "fetch",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Copies a file of the host's to the controller",
    notes: "Changed when the controller's file is written.",
    examples: r##"
- name: The log goes to fetched/HOST/var/log/app.log
  fetch:
    src: /var/log/app.log
    dest: fetched
- name: One file for each host
  fetch:
    src: /etc/ssh/ssh_host_ed25519_key.pub
    dest: keys/{{ inventory_hostname }}.pub
    flat: true
"##,
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    Ok(Box::new(Args::read(map)?))
}
/// A path below a directory, `..` resolved so that it cannot leave it.
fn below(path: &RemotePath) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.as_str().split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

impl Args {
    /// Where it goes on the controller.
    fn place(&self, host: &str) -> Result<String, Failure> {
        if self.flat {
            return Ok(match self.dest.ends_with('/') {
                true => format!("{}{}", self.dest, self.src.name()),
                false => self.dest.clone(),
            });
        }
        if host.contains('/') || matches!(host, "" | "." | "..") {
            return Err(Failure::new(format!(
                "`{host}` cannot be the name of a directory"
            )));
        }
        let dest = self.dest.trim_end_matches('/');
        Ok(format!("{dest}/{host}/{}", below(&self.src)))
    }
}

impl Task for Args {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        let Ok(to) = self.place(&seen.host) else {
            return Vec::new();
        };
        let on = Resource::Controller(to);
        let from = place::expand(seen, &self.src);
        let mut want = Want::META.and(Want::DIGEST);
        let end = place::resolve(seen, &from, true);
        let have = match seen.peek(&on) {
            Some(State::Content(content)) => Some(content),
            _ => None,
        };
        if seen.peek(&on).is_some()
            && let Some(file) = place::peek(seen, &end)
            && file.content() != have
        {
            want = want.and(Want::CONTENT);
        }
        let mut queries = place::trail(seen, &from, true, want);
        queries.push(Query::new(on, Want::DIGEST.and(Want::CONTENT)));
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let to = self.place(&seen.host)?;
        let path = place::expand(seen, &self.src);
        let missing = |message: &str| match self.fail_on_missing {
            true => Err(Failure::new(message)),
            false => Ok(Decision::ok(crate::result! {
                "file" => path.as_str(), "msg" => message,
            })),
        };
        let Some(state) = place::look(seen, &place::resolve(seen, &path, true))? else {
            return missing("the remote file does not exist, not transferring, ignored");
        };
        if state.is_dir() {
            return missing("remote file is a directory, fetch cannot work on directories");
        }
        let Some(content) = state.content().cloned() else {
            return missing("the remote file is not a regular file, not transferring");
        };
        let on = Resource::Controller(to.clone());
        let before = seen.get(&on).clone();
        if let State::Refused(words) = before {
            return Err(Failure::new(format!("cannot read {to}: {words}")));
        }
        let text = |text: Option<String>| text.map_or(Value::Null, Value::from);
        let known = match &before {
            State::Content(have) if *have == content => have.clone(),
            _ => content.clone(),
        };
        let mut result = crate::result! {
            "checksum" => text(known.sha1()), "dest" => to, "md5sum" => text(known.md5()),
        };
        let after = State::Content(content);
        if before == after {
            result.insert("file".into(), path.as_str().into());
            return Ok(Decision::ok(result));
        }
        result.insert("remote_checksum".into(), text(known.sha1()));
        result.insert("remote_md5sum".into(), Value::Null);
        let mut decision = Decision::ok(result);
        let mut change = Change::new(on, before, after);
        let options = &mut change.how.options;
        // Where the bytes are, for one too large to be held in memory.
        options.push(("from".into(), path.as_str().into()));
        if !self.flat {
            // Below this directory no link of anybody's is followed.
            options.push(("root".into(), self.dest.clone()));
        }
        options.push(("mode".into(), state.mode.to_string()));
        if !self.validate_checksum {
            options.push(("unverified".into(), "true".into()));
        }
        decision.set(change);
        Ok(decision)
    }
}

#[cfg(test)]
mod tests {
    use super::{RemotePath, below};

    #[test]
    fn a_path_does_not_leave_its_directory() {
        let of = |p: &str| below(&RemotePath::new(p).expect("a path"));
        assert_eq!(of("/etc/x"), "etc/x");
        assert_eq!(of("/../../etc/./x"), "etc/x");
    }
}
