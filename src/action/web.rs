//! What `get_url` and `uri` share: from arguments to where a file lands and how a request is made.

use crate::resource::download::Landing;
use crate::source::{Mapping, Value};

use super::ArgError;
use super::arg::Mode;
use super::attrs::Attrs;

/// Headers as pairs of text.
pub(crate) fn headers(map: Option<&Mapping>) -> Vec<(String, String)> {
    let text = |v: &Value| super::arg::text(v).unwrap_or_default();
    map.into_iter()
        .flatten()
        .map(|(k, v)| (text(k), text(v)))
        .collect()
}

/// Names of headers in lower case, as they are compared.
pub(crate) fn lower(names: Option<&Vec<String>>) -> Vec<String> {
    names
        .into_iter()
        .flatten()
        .map(|n| n.trim().to_lowercase())
        .collect()
}

/// Refuses attributes that are none, before anything is asked.
pub(crate) fn check(attrs: &Attrs) -> Result<(), ArgError> {
    if attrs.mode == Some(Mode::Preserve) {
        let message =
            "argument `mode` cannot be `preserve`: there is no file it could be taken from";
        return Err(ArgError::new("mode", message));
    }
    let wrong = |c: char| !c.is_ascii_alphabetic();
    match &attrs.attributes {
        Some(word) if word.trim_start_matches(['+', '-', '=']).contains(wrong) => {
            let message = format!("`{word}` are no file attributes");
            Err(ArgError::new("attributes", message))
        }
        _ => Ok(()),
    }
}

/// Where a file lands, with owner, mode and labels.
pub(crate) fn landing(attrs: &Attrs) -> Landing<'_> {
    Landing {
        unsafe_writes: attrs.unsafe_writes,
        mode: mode(attrs),
        owner: attrs.owner.as_deref(),
        group: attrs.group.as_deref(),
        flags: flags(attrs),
        context: attrs.context.each_ref().map(Option::as_deref),
        ..Landing::default()
    }
}

/// Permissions as `chmod` takes them.
pub(crate) fn mode(attrs: &Attrs) -> Option<String> {
    match &attrs.mode {
        Some(Mode::Bits(bits)) => Some(format!("{bits:04o}")),
        Some(Mode::Symbolic(word)) => Some(word.clone()),
        _ => None,
    }
}

/// Attributes as `chattr` takes them: those without a sign are all there are to be.
pub(crate) fn flags(attrs: &Attrs) -> Option<String> {
    let word = attrs.attributes.as_deref()?;
    Some(match word.starts_with(['+', '-', '=']) {
        true => word.to_owned(),
        false => format!("={word}"),
    })
}
