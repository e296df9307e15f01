//! Brings the content of a file of the host's into a variable. Never changed.

use base64::Engine as _;

use crate::resource::{Query, RemotePath, Want};
use crate::source::Mapping;

use super::{ArgError, Decision, Failure, Observed, Spec, Task, place};

crate::args! {
    pub(crate) struct Args {
        /// The file on the host.
        src: RemotePath = required, aka ["path"];
        /// Give the content in base64; without it, it must be UTF-8 text.
        armor: bool = "true";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "slurp",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Brings the content of a file of the host's into a variable",
    notes: "Never changed.",
    examples: r##"
- name: What is mounted?
  slurp:
    src: /proc/mounts
  register: mounts
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
impl Task for Args {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        let want = Want::META.and(Want::DIGEST).and(Want::CONTENT);
        place::trail(seen, &place::expand(seen, &self.src), true, want)
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        let path = place::expand(seen, &self.src);
        let state = place::look(seen, &place::resolve(seen, &path, true))?;
        let state = state.ok_or_else(|| Failure::new(format!("File not found: {path}")))?;
        if state.is_dir() {
            let message = format!("Source is a directory and must be a file: {path}");
            return Err(Failure::new(message));
        }
        let bytes = state.content().and_then(|c| c.bytes.as_deref());
        let bytes =
            bytes.ok_or_else(|| Failure::new(format!("{path} is too large for a variable")))?;
        let (content, encoding) = if self.armor {
            (
                base64::engine::general_purpose::STANDARD.encode(bytes),
                "base64",
            )
        } else {
            let text = std::str::from_utf8(bytes);
            let text = text.map_err(|_| Failure::new(format!("{path} is not UTF-8 text")))?;
            (text.to_owned(), "utf-8")
        };
        Ok(Decision::ok(crate::result! {
            "content" => content, "source" => path.as_str(), "encoding" => encoding,
        }))
    }
}
