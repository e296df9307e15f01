//! Unpacks an archive on the host.
//!
//! Changed when something in the archive was not there as it is in it. Of an archive on the host this is
//! asked first; one that is still to be brought there is brought in check mode too, where it is only
//! compared. Nothing is written where nothing differs. Times are not compared.

use crate::resource::archive::{ArchiveState, Request};
use crate::resource::unpack::{self, Unpack};
use crate::resource::{Folder, Query, RemotePath, Resource, State, Want};
use crate::result;
use crate::source::{Mapping, Value};

use super::ran::{self, Unless};
use super::{ArgError, Decision, Done, Failure, Observed, Spec, Task, place, web};

crate::args! {
    #[expect(dead_code, reason = "the host's own tools choose their buffers")]
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
        /// Taken; the host's own tools choose theirs.
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
    web::check(&args.attrs)?;
    RemotePath::new(&args.dest).map_err(|e| ArgError::new("dest", e))?;
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

    /// The directory it goes to.
    fn dest(&self) -> Option<Resource> {
        RemotePath::new(&self.dest).ok().map(Resource::Target)
    }

    /// The question whether it is unpacked, where the host has the archive.
    fn archive(&self) -> Option<Resource> {
        // Labels are not compared by looking.
        let plain =
            self.attrs.attributes.is_none() && self.attrs.context.iter().all(Option::is_none);
        if !plain || !self.remote() || self.src.contains("://") {
            return None;
        }
        Some(Resource::Archive(Request {
            src: RemotePath::new(&self.src).ok()?,
            dest: RemotePath::new(&self.dest).ok()?,
            exclude: self.exclude.clone(),
            include: self.include.clone(),
            extra_opts: self.extra_opts.clone(),
            owner: self.attrs.owner.clone(),
            group: self.attrs.group.clone(),
            mode: web::mode(&self.attrs),
            keep_newer: self.keep_newer,
        }))
    }

    /// What the result says of an archive that was looked into.
    fn told(&self, map: &mut Mapping, handler: &str, files: Vec<Value>) {
        map.insert("handler".into(), handler.into());
        map.insert("state".into(), "directory".into());
        if self.list_files {
            map.insert("files".into(), Value::Sequence(files));
        }
    }

    fn is_unpacked<'a>(&self, seen: &'a Observed) -> Option<&'a ArchiveState> {
        match seen.get(&self.archive()?) {
            State::Archive(archive) if archive.unpacked => Some(archive),
            _ => None,
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
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        let mut queries = self.unless().reads();
        // Looking into an archive is work: not where it is not to be unpacked anyway.
        let settled = queries.iter().all(|q| seen.answers(q));
        if settled && self.unless().declines(seen).is_none() {
            let want = match self.decrypt {
                true => Want::CONTENT,
                false => Want::CONTENT.and(Want::CIPHER),
            };
            queries.extend(self.local().map(|on| Query::new(on, want)));
            queries.extend(self.archive().map(Query::meta));
            queries.extend(self.dest().map(Query::meta));
        }
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        if let Some((pattern, _)) = self.unless().declines(seen) {
            let message = format!("skipped, since {pattern} exists");
            let mut decision = Decision::skipped(message.clone());
            decision.result = result! { "msg" => message };
            return Ok(decision);
        }
        let content = match self.local().map(|on| seen.get(&on)) {
            Some(State::Content(content)) => Some(content.clone()),
            Some(_) => {
                return Err(Failure::new(format!(
                    "could not find or access `{}` on the controller",
                    self.src
                )));
            }
            None => None,
        };
        let dest = self.dest().map(|on| seen.get(&on));
        let Some(State::File(directory)) = dest.filter(|d| d.file().is_some_and(|f| f.is_dir()))
        else {
            let message = format!("dest '{}' must be an existing dir", self.dest);
            return Err(Failure::new(message));
        };
        let mode = web::mode(&self.attrs);
        let mut decision =
            Decision::ok(result! { "src" => self.src.as_str(), "dest" => self.dest.as_str() });
        if let Some(archive) = self.is_unpacked(seen) {
            let names = archive.files.iter().map(|f| f.as_str().into());
            self.told(&mut decision.result, &archive.handler, names.collect());
            decision.result.extend(place::describe(directory));
            return Ok(decision);
        }
        decision.run(unpack::run(&Unpack {
            src: &self.src,
            dest: &self.dest,
            content,
            exclude: &self.exclude,
            include: &self.include,
            extra: &self.extra_opts,
            keep_newer: self.keep_newer,
            owner: self.attrs.owner.as_deref(),
            group: self.attrs.group.as_deref(),
            mode: mode.as_deref(),
            flags: web::flags(&self.attrs),
            context: self.attrs.context.each_ref().map(Option::as_deref),
            unsafe_writes: self.attrs.unsafe_writes,
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
        let handler = lines.next().unwrap_or_default();
        let about = lines.next().unwrap_or_default().split(' ');
        for (key, word) in ["size", "uid", "gid", "mode", "owner", "group"]
            .iter()
            .zip(about)
        {
            let value = match *key {
                "mode" => format!("0{word:0>3}").into(),
                "owner" | "group" => word.into(),
                _ => word.parse::<i64>().map_or(Value::Null, Value::from),
            };
            map.insert((*key).into(), value);
        }
        self.told(&mut map, handler, lines.map(Value::from).collect());
        Ok(map)
    }
}
