//! What a play brings to its hosts: variables, each at its level.

use std::path::Path;
use std::sync::Arc;

use crate::plan::Play;
use crate::source::{Code, Diagnostic, Kind, Node};
use crate::vars::{Layer, Var};

use super::event::{HostName, Recap};
use super::fleet::TaskLayers;
use super::magic;
use super::run::Running;

impl Running {
    /// Makes every host of the inventory known, so that `hostvars` has all of them.
    pub(super) fn add_hosts(&mut self, play: &Play) {
        for host in self.inventory.hosts() {
            let name: HostName = Arc::from(host.name.as_str());
            let layers = self.inventory.layers(&name, Some(&play.dir));
            let mut magic = self.run_vars.clone();
            magic.extend(magic::of_host(&self.inventory, &name));
            self.ctx.fleet.add(&name, layers, magic);
        }
    }

    /// Puts the variables of the play in place for its hosts.
    pub(super) fn begin_batch(
        &mut self,
        play: &Arc<Play>,
        name: &str,
        all: &[HostName],
        batch: &[HostName],
    ) -> Result<(), Diagnostic> {
        let magic = magic::of_play(name, &play.dir, all, batch, &play.role_names);
        for host in batch {
            if !self.tallies.contains_key(host) {
                self.tallies.insert(host.clone(), Recap::default());
                self.order.push(host.clone());
            }
            let mut layers = vec![Arc::clone(&play.vars), Arc::clone(&self.prompts)];
            let mut defaults = vec![connection_vars(&play.keywords)];
            defaults.extend(play.role_defaults.iter().cloned());
            self.ctx.fleet.set_magic(host, magic.clone());
            self.ctx
                .fleet
                .begin_play(host, defaults.clone(), layers.clone());
            for node in &play.vars_files {
                layers.push(self.vars_file(play, host, node)?);
                self.ctx
                    .fleet
                    .begin_play(host, defaults.clone(), layers.clone());
            }
            layers.extend(play.role_vars.iter().cloned());
            self.ctx.fleet.begin_play(host, defaults, layers);
        }
        Ok(())
    }

    /// One entry of `vars_files`: a name, or a list of which the first that exists is read.
    fn vars_file(&self, play: &Play, host: &str, node: &Node) -> Result<Layer, Diagnostic> {
        let choices: Vec<&Node> = match &node.kind {
            Kind::Seq(items) => items.iter().collect(),
            _ => vec![node],
        };
        let scope = self
            .ctx
            .fleet
            .scope(host, &TaskLayers::default(), &play.search);
        let mut looked = Vec::new();
        for choice in choices {
            let name = self
                .ctx
                .templar
                .text(choice, &scope)
                .map_err(|e| e.diagnostic())?;
            let path = Path::new(&name);
            let path = if path.is_absolute() {
                path.to_path_buf()
            } else {
                play.dir.join(path)
            };
            if self.ctx.files.is_file(&path) {
                let node = self.ctx.templar.vars_file(&path)?;
                return mapping(&node);
            }
            looked.push(path.display().to_string());
        }
        let text = format!("no file of variables was found: {}", looked.join(", "));
        Err(Diagnostic::error(&node.span, text).code(Code::FileNotFound))
    }
}

/// How a play says its hosts are reached. Variables of the same meaning win over it, so it lies
/// below all of them.
fn connection_vars(keywords: &crate::plan::Keywords) -> Layer {
    let given = [
        ("ansible_connection", &keywords.connection),
        ("ansible_user", &keywords.remote_user),
        ("ansible_port", &keywords.port),
    ];
    let pairs = given
        .into_iter()
        .filter_map(|(name, node)| Some((name.to_owned(), Var::Template(node.clone()?))));
    Arc::new(pairs.collect())
}

fn mapping(node: &Node) -> Result<Layer, Diagnostic> {
    match &node.kind {
        Kind::Null => Ok(Layer::default()),
        Kind::Map(entries) => {
            let pairs = entries.iter().filter_map(|(key, value)| {
                let key = crate::action::arg::text(&key.to_value())?;
                Some((key, Var::Template(value.clone())))
            });
            Ok(Arc::new(pairs.collect()))
        }
        _ => {
            let text = format!("variables must be a mapping, not {}", node.type_name());
            Err(Diagnostic::error(&node.span, text).code(Code::VarsNotMapping))
        }
    }
}
