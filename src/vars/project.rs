//! Project files as templates use them: variables of connections, files of variables, plain bytes of
//! vaulted files.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;

use super::{Scope, Templar, TemplateError};
use crate::source::vault::VaultError;
use crate::source::{Diagnostic, File, Kind, Node, Span, Value, vault, yaml};

impl Templar {
    /// A variable by its name, rendered; `None` where it is not set.
    pub fn variable(&self, name: &str, scope: &Scope) -> Result<Option<Value>, TemplateError> {
        match scope.var(name) {
            None => Ok(None),
            Some(_) => self.expression(name, &Span::outside(name), scope).map(Some),
        }
    }

    /// A text file of the project's, decrypted if it is a vault.
    pub fn project_file(&self, path: &Path) -> Result<Arc<File>, Diagnostic> {
        let file = self.engine.files.text(path)?;
        if !vault::is_vault(&file.text) {
            return Ok(file);
        }
        match self.engine.vault.decrypt(&file.text) {
            Ok(plain) => Ok(File::secret(path, plain.as_str())),
            Err(why) => Err(cannot_open(&file, &why)),
        }
    }

    /// A file of variables: one YAML document.
    pub fn vars_file(&self, path: &Path) -> Result<Node, Diagnostic> {
        let file = self.project_file(path)?;
        let (node, diagnostics) = yaml::parse_one(&file);
        let wrong = diagnostics
            .into_iter()
            .find(|d| d.severity == crate::source::Severity::Error);
        match wrong {
            Some(wrong) => Err(wrong),
            None if file.hidden => {
                self.mask(&node);
                Ok(node)
            }
            None => Ok(node),
        }
    }

    /// Everything in a vaulted file is secret.
    fn mask(&self, node: &Node) {
        match &node.kind {
            Kind::Str(text) | Kind::Unsafe(text) => self.engine.mask.add(text),
            Kind::Seq(items) => items.iter().for_each(|n| self.mask(n)),
            Kind::Map(entries) => entries.iter().for_each(|(_, n)| self.mask(n)),
            _ => {}
        }
    }

    /// The bytes of a file as they are meant: a vault's plain text.
    pub fn plain(&self, bytes: Vec<u8>) -> Result<Vec<u8>, Diagnostic> {
        let text = match std::str::from_utf8(&bytes) {
            Ok(text) if vault::is_vault(text) => text,
            _ => return Ok(bytes),
        };
        match self.engine.vault.decrypt_bytes(text) {
            Ok(plain) => {
                // Bytes that are no text are known by how they are written down.
                match std::str::from_utf8(&plain) {
                    Ok(text) => self.engine.mask.add_whole(text),
                    Err(_) => {
                        let text = base64::engine::general_purpose::STANDARD.encode(&*plain);
                        self.engine.mask.add_whole(&text);
                    }
                }
                Ok(plain.to_vec())
            }
            Err(why) => {
                Err(Diagnostic::bare(format!("cannot open this vault: {why}")).code(why.code()))
            }
        }
    }
}

fn cannot_open(file: &Arc<File>, why: &VaultError) -> Diagnostic {
    let end = file.text.find('\n').unwrap_or(file.text.len());
    Diagnostic::error(
        &Span::new(file, 0, end),
        format!("cannot open this vault: {why}"),
    )
    .code(why.code())
}
