//! Unpacks an archive on the host.
//!
//! Changed when something in the archive was not there as it is in it. Whether that is so is found by
//! the same program that unpacks, and nothing is written then; check mode does not know it.

use crate::resource::unpack::{self, Unpack};
use crate::resource::{Folder, Query, Resource, State, Want};
use crate::result;
use crate::source::{Mapping, Value};

use super::arg::Mode;
use super::ran::{self, Unless};
use super::{ArgError, Decision, Done, Failure, Observed, Spec, Task};

crate::args! {
    #[expect(dead_code, reason = "Ansible takes more than there is a use for here")]
    pub(crate) struct Args {
        /// The archive: on the controller, on the host with `remote_src`, or an address.
        src: String = required;
        /// The directory it goes to.
        dest: String = required;
        /// Whether the archive is on the host.
        remote_src: bool = "false";
        /// The opposite of `remote_src`.
        copy: bool = "true";
        /// Nothing is done where this path is.
        creates: Option<String>;
        /// Whether the result holds the names in the archive.
        list_files: bool = "false";
        /// Names that are left out.
        exclude: Vec<String> = "[]";
        /// Names that are taken; all of them by default.
        include: Vec<String> = "[]";
        /// Further options of tar or unzip.
        extra_opts: Vec<String> = "[]";
        /// Do not replace files that are newer than those in the archive.
        keep_newer: bool = "false";
        /// Whether a vaulted archive is decrypted.
        decrypt: bool = "true";
        /// Taken; has no use here.
        io_buffer_size: u64 = "65536";
        /// Whether the server of an address must be who it says.
        validate_certs: bool = "true";
    } with attrs
}

pub(crate) static SPEC: Spec = Spec {
    name: "unarchive",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Unpacks an archive on the host",
    notes: "Changed when something in the archive was not there as it is in it.",
    examples: "
- name: From the controller
  unarchive:
    src: foo.tgz
    dest: /var/lib/foo
- name: From the network
  unarchive:
    src: https://example.com/example.zip
    dest: /usr/local/bin
    remote_src: true
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    super::place::exclusive(&[
        ("exclude", !args.exclude.is_empty()),
        ("include", !args.include.is_empty()),
    ])?;
    Ok(Box::new(args))
}

impl Args {
    fn remote(&self) -> bool {
        self.remote_src || !self.copy || self.src.contains("://")
    }

    fn unless(&self) -> Unless {
        Unless {
            creates: self.creates.clone(),
            ..Unless::default()
        }
    }

    fn local(&self) -> Option<Resource> {
        let path = self.src.clone();
        (!self.remote()).then_some(Resource::Local {
            path,
            folder: Folder::Files,
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
        if let Some((pattern, _)) = self.unless().declines(seen) {
            let message = format!("skipped, since {pattern} exists");
            let mut decision = Decision::skipped(message.clone());
            decision.result = result! { "msg" => message };
            return Ok(decision);
        }
        let bytes = match self.local().map(|on| seen.get(&on)) {
            Some(State::Content(content)) => match &content.bytes {
                Some(bytes) => Some(bytes.to_vec()),
                None => {
                    return Err(Failure::new(format!(
                        "{} is too large to be sent in one piece; copy it first and use remote_src",
                        self.src
                    )));
                }
            },
            Some(_) => {
                return Err(Failure::new(format!(
                    "could not find or access `{}` on the controller",
                    self.src
                )));
            }
            None => None,
        };
        let mode = match &self.attrs.mode {
            Some(Mode::Bits(bits)) => Some(format!("{bits:04o}")),
            Some(Mode::Symbolic(word)) => Some(word.clone()),
            _ => None,
        };
        let mut decision =
            Decision::ok(result! { "src" => self.src.as_str(), "dest" => self.dest.as_str() });
        decision.run(unpack::run(&Unpack {
            src: &self.src,
            dest: &self.dest,
            bytes,
            exclude: &self.exclude,
            include: &self.include,
            extra: &self.extra_opts,
            keep_newer: self.keep_newer,
            owner: self.attrs.owner.as_deref(),
            group: self.attrs.group.as_deref(),
            mode: mode.as_deref(),
            validate_certs: self.validate_certs,
        }));
        Ok(decision)
    }

    fn conclude(&self, decision: &Decision, done: &[Done]) -> Result<Mapping, Failure> {
        let mut map = decision.result.clone();
        let Some(ran) = ran::ran(done) else {
            return Ok(map);
        };
        let text = ran::text(&ran.stdout);
        if ran.rc != 0 {
            let words = ran::text(&ran.stderr).trim().to_owned();
            return Err(Failure {
                message: format!("Failed to unpack {}: {words}", self.src),
                result: map,
            });
        }
        let mut lines = text.lines();
        map.insert("changed".into(), (lines.next() == Some("changed")).into());
        map.insert("handler".into(), lines.next().unwrap_or_default().into());
        map.insert("state".into(), "directory".into());
        if self.list_files {
            map.insert(
                "files".into(),
                Value::Sequence(lines.map(Value::from).collect()),
            );
        }
        Ok(map)
    }
}
