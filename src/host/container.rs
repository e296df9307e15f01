//! A container: the engine's own `exec`, one process per command.

use std::sync::Arc;

use super::local::{Counters, no_terminal, spawn};
use super::target::Engine;
use super::{BoxFuture, HostError, Link, Pipe, Traffic};

/// `connection: docker` and `podman`.
pub(crate) struct ContainerLink {
    engine: Engine,
    id: String,
    user: Option<String>,
    counters: Arc<Counters>,
}

impl ContainerLink {
    /// The names were checked by [`super::Target::check`], so none can be an option.
    pub(crate) fn new(engine: Engine, id: String, user: Option<String>) -> ContainerLink {
        ContainerLink {
            engine,
            id,
            user,
            counters: Arc::default(),
        }
    }

    fn words<'a>(&'a self, command: &'a str) -> Vec<&'a str> {
        let mut words = vec![self.engine.program(), "exec", "-i"];
        if let Some(user) = &self.user {
            words.extend(["-u", user]);
        }
        words.extend([self.id.as_str(), "sh", "-c", command]);
        words
    }
}

impl Link for ContainerLink {
    fn start<'a>(
        &'a self,
        command: &'a str,
        pty: bool,
    ) -> BoxFuture<'a, Result<Box<dyn Pipe>, HostError>> {
        Box::pin(async move {
            if pty {
                return Err(no_terminal("a container"));
            }
            spawn(&self.words(command), &self.counters)
        })
    }

    fn is_lost(&self) -> bool {
        false
    }

    fn close<'a>(&'a self) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }

    fn traffic(&self) -> Traffic {
        self.counters.traffic()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_one_word() {
        let link = ContainerLink::new(Engine::Podman, "web".into(), Some("root".into()));
        let words = link.words("echo a; b");
        assert_eq!(
            words,
            [
                "podman",
                "exec",
                "-i",
                "-u",
                "root",
                "web",
                "sh",
                "-c",
                "echo a; b"
            ]
        );
    }
}
