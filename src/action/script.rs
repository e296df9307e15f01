//! Runs a script of the controller's on the host.
//!
//! Changed whenever it ran; `creates` and `removes` keep it from running. The words after the script
//! are handed to it as a shell reads them.

use crate::resource::program::{Exec, Run};
use crate::resource::{Folder, Query, Resource, State, Want};
use crate::result;
use crate::source::Mapping;

use super::ran::{self, Unless};
use super::raw::plain;
use super::{ArgError, Decision, Done, Failure, Observed, Spec, Task};

crate::args! {
    pub(crate) struct Args {
        /// The script, by the task's search path, and its arguments.
        cmd: String = required, aka ["_raw_params", "free_form"];
        /// The directory to run it in.
        chdir: Option<String>;
        /// It does not run where a path matches this pattern.
        creates: Option<String>;
        /// It only runs where a path matches this pattern.
        removes: Option<String>;
        /// The interpreter to run it with, instead of the one its first line names.
        executable: Option<String>;
        /// Whether a vaulted script is decrypted.
        decrypt: bool = "true";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "script",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Runs a script of the controller's on the host",
    notes: "Changed whenever it ran.",
    examples: "
- name: Run it, once
  script: /some/local/create_file.sh --some-argument 1234
  args:
    creates: /the/created/file.txt
",
    params: Args::params,
    free_form: Some("cmd"),
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    args.parts().map_err(|e| ArgError::new("cmd", e))?;
    Ok(Box::new(args))
}

impl Args {
    /// The script, and the text after it.
    fn parts(&self) -> Result<(String, String), String> {
        let text = self.cmd.trim();
        let first = ran::words(text)?
            .into_iter()
            .next()
            .ok_or("no script was given")?;
        let mut open = None;
        let mut escaped = false;
        let end = text.find(|c: char| {
            match (c, open) {
                _ if escaped => escaped = false,
                ('\\', None | Some('"')) => escaped = true,
                (c, Some(quote)) if c == quote => open = None,
                ('\'' | '"', None) => open = Some(c),
                (c, None) => return c.is_ascii_whitespace(),
                _ => {}
            }
            false
        });
        let rest = end.map_or("", |at| text[at..].trim_start());
        Ok((first, rest.to_owned()))
    }

    fn unless(&self) -> Unless {
        Unless {
            creates: self.creates.clone(),
            removes: self.removes.clone(),
            chdir: self.chdir.clone(),
        }
    }

    fn local(&self) -> Result<Resource, Failure> {
        let (path, _) = self.parts()?;
        Ok(Resource::Local {
            path,
            folder: Folder::Files,
        })
    }
}

impl Task for Args {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        let mut queries = self.unless().reads();
        let want = match self.decrypt {
            true => Want::CONTENT,
            false => Want::CONTENT.and(Want::CIPHER),
        };
        queries.extend(self.local().ok().map(|on| Query::new(on, want)));
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        if let Some((pattern, exists)) = self.unless().declines(seen) {
            let message = match exists {
                true => format!("{pattern} exists, matching creates option"),
                false => format!("{pattern} does not exist, matching removes option"),
            };
            let mut decision = Decision::skipped(message.clone());
            decision.result = result! { "msg" => message };
            return Ok(decision);
        }
        let (path, args) = self.parts()?;
        let content = match seen.get(&self.local()?) {
            State::Content(content) => content.clone(),
            State::Refused(why) => return Err(Failure::new(why.clone())),
            _ => {
                let message = format!("could not find or access `{path}` on the controller");
                return Err(Failure::new(message));
            }
        };
        let executable = self.executable.clone();
        let mut run = Run::new(Exec::Script {
            content,
            args,
            executable,
        });
        run.chdir.clone_from(&self.chdir);
        let mut decision = Decision {
            changed: self.unless().is_given().then_some(true),
            ..Decision::default()
        };
        decision.run(run);
        Ok(decision)
    }

    fn conclude(&self, decision: &Decision, done: &[Done]) -> Result<Mapping, Failure> {
        plain(decision, done)
    }
}

#[cfg(test)]
mod tests {
    use super::Args;

    #[test]
    fn the_script_is_the_first_word() {
        let parts = |cmd: &str| {
            let map = crate::result! { "cmd" => cmd };
            Args::read(map).unwrap().parts().unwrap()
        };
        assert_eq!(parts("a.sh 'b  c' d"), ("a.sh".into(), "'b  c' d".into()));
        assert_eq!(
            parts(r"'my script.sh'   x"),
            ("my script.sh".into(), "x".into())
        );
        assert_eq!(
            parts(r"my\ script.sh"),
            ("my script.sh".into(), String::new())
        );
    }
}
