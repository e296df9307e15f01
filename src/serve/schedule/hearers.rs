//! Reads who hears of jobs: webhooks, commands, and their secrets.

use crate::hardening::field::Fields;
use crate::source::{Kind, Node, Secret, suggest};

use super::reading::Reading;
use super::{Target, Topic, Way};

impl Reading<'_> {
    pub(super) fn target(&mut self, key: &Node, node: &Node) -> Option<Target> {
        let Some(name) = key.as_str().filter(|n| !n.trim().is_empty()) else {
            self.wrong(key, "this is a name of whoever hears of jobs");
            return None;
        };
        let mut fields = Fields::of(node, "who hears of jobs", &mut self.out)?;
        let command = fields.words("command", &mut self.out);
        let url = fields.get("webhook").and_then(|n| self.url(n));
        let secret = fields.get("secret").and_then(|n| self.secret(n, false));
        let authorities = fields.text("ca", &mut self.out).and_then(|name| {
            let read = self.outside.files.bytes(&self.dir.join(&name));
            if let Err(e) = &read {
                let why = crate::source::files::plain(e);
                self.wrong(node, format!("cannot read {name}: {why}"));
            }
            read.ok()
        });
        let topics = fields.get("about").map(|n| self.topics(n));
        let ways = (
            fields.get("webhook").is_some(),
            fields.get("command").is_some(),
        );
        fields.finish(&mut self.out);
        let way = match ways {
            (true, false) => Way::Webhook {
                url: url?,
                secret,
                authorities,
            },
            (false, true) if !command.is_empty() => Way::Command(command),
            _ => {
                let text = "who hears of jobs has either `webhook` or `command`";
                self.wrong(node, text);
                return None;
            }
        };
        Some(Target {
            name: name.to_owned(),
            way,
            topics: topics.unwrap_or_else(|| Topic::ALL.to_vec()),
        })
    }

    fn url(&mut self, node: &Node) -> Option<Secret> {
        let url = self.secret(node, true)?;
        let text = url.reveal();
        if !text.starts_with("https://") && !text.starts_with("http://") {
            self.wrong(
                node,
                "a webhook is a URL that begins with https:// or http://",
            );
            return None;
        }
        Some(url)
    }

    fn topics(&mut self, node: &Node) -> Vec<Topic> {
        let mut all = Vec::new();
        for item in node.as_seq().unwrap_or(std::slice::from_ref(node)) {
            let word = item.as_str().unwrap_or_default();
            match Topic::ALL.into_iter().find(|t| t.word() == word) {
                Some(topic) => all.push(topic),
                None => {
                    let known = Topic::ALL.map(Topic::word).join(", ");
                    self.wrong_hint(
                        item,
                        format!("`{word}` is no news"),
                        format!("there are {known}"),
                    );
                }
            }
        }
        all
    }

    /// A secret: vaulted, of the environment or in a file. Where it need not be one, it may be written out.
    fn secret(&mut self, node: &Node, may_be_written: bool) -> Option<Secret> {
        let found = match &node.kind {
            Kind::Vault(text) => {
                let plain = self.outside.vault.decrypt(text);
                plain.map(|p| p.to_string()).map_err(|e| e.to_string())
            }
            Kind::Map(_) => self.outer(node),
            Kind::Str(text) | Kind::Unsafe(text) if may_be_written => Ok(text.to_string()),
            _ => Err("a secret does not stand here in clear".into()),
        };
        match found {
            Ok(text) if !text.trim().is_empty() => {
                let secret = Secret::new(text.trim());
                if !may_be_written || !matches!(node.kind, Kind::Str(_) | Kind::Unsafe(_)) {
                    self.secrets.push(secret.clone());
                }
                Some(secret)
            }
            Ok(_) => {
                self.wrong(node, "the secret is empty");
                None
            }
            Err(why) => {
                let hint =
                    "`!vault`, `{env: NAME}` or `{file: PATH}`; --vault-password-file opens vaults";
                self.wrong_hint(node, why, hint);
                None
            }
        }
    }

    fn outer(&mut self, node: &Node) -> Result<String, String> {
        let (env, file) = (node.get("env"), node.get("file"));
        match (env.and_then(Node::as_str), file.and_then(Node::as_str)) {
            (Some(name), None) => {
                let value = (self.outside.env)(name);
                value.ok_or_else(|| format!("the environment has no `{name}`"))
            }
            (None, Some(name)) => {
                let bytes = self.outside.files.bytes(&self.dir.join(name));
                let bytes = bytes.map_err(|e| {
                    format!("cannot read {name}: {}", crate::source::files::plain(&e))
                })?;
                String::from_utf8(bytes).map_err(|_| format!("{name} is not UTF-8 text"))
            }
            _ => Err("this names no secret".into()),
        }
    }

    pub(super) fn heard_by(&mut self, node: &Node, targets: &[Target]) -> Vec<String> {
        let mut names = Vec::new();
        let items = node.as_seq().unwrap_or(std::slice::from_ref(node));
        for item in items {
            let name = item.as_str().unwrap_or_default();
            if targets.iter().any(|t| t.name == name) {
                names.push(name.to_owned());
                continue;
            }
            let known = targets.iter().map(|t| t.name.as_str());
            let hint = match suggest::nearest(name, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`notify` of the schedule says who can hear of jobs".into(),
            };
            self.wrong_hint(item, format!("nobody is called `{name}` here"), hint);
        }
        names
    }
}
