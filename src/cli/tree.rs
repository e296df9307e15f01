//! `-t DIR`: each host's result as a file, beside what is shown.

use std::path::PathBuf;

use crate::engine::Event;
use crate::report::Reporter;
use crate::report::text::{json_line, result, sorted};
use crate::source::{Mask, Value};

use super::messages;

pub struct Tree {
    inner: Box<dyn Reporter>,
    dir: PathBuf,
    mask: Mask,
}

impl Tree {
    pub fn new(inner: Box<dyn Reporter>, dir: PathBuf, mask: Mask) -> Tree {
        Tree { inner, dir, mask }
    }

    fn write(&self, host: &str, value: &Value) {
        // A host's name is data: it must not lead out of the directory.
        let name = host.replace('/', "_");
        if matches!(name.as_str(), "." | ".." | "") {
            return;
        }
        let made = std::fs::create_dir_all(&self.dir);
        let path = self.dir.join(&name);
        if let Err(e) = made.and_then(|()| std::fs::write(&path, json_line(value))) {
            messages::say(&format!("warning: {}: {e}", path.display()));
        }
    }
}

impl Reporter for Tree {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Ended {
                host,
                task,
                outcome,
            } => {
                let map = result(task, outcome, &self.mask);
                self.write(host, &sorted(Value::Mapping(map)));
            }
            Event::Unreachable { host, message, .. } => {
                let message = self.mask.apply(message).into_owned();
                let map = crate::result! {
                    "changed" => false, "msg" => message, "unreachable" => true,
                };
                self.write(host, &Value::Mapping(map));
            }
            _ => {}
        }
        self.inner.event(event);
    }

    fn tick(&mut self) {
        self.inner.tick();
    }

    fn hide(&mut self) {
        self.inner.hide();
    }
}
