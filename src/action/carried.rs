//! The argument of an action that palisade itself makes tasks of: JSON in base64, so that nothing in it is a
//! template.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use super::{ArgError, Task};

pub(super) fn encoded(json: &Json) -> String {
    STANDARD.encode(json.to_string())
}

/// The task that an argument says, where it is one.
pub(super) fn task<T: Task + 'static>(
    argument: &str,
    read: fn(&Json) -> Option<T>,
    wrong: ArgError,
) -> Result<Box<dyn Task>, ArgError> {
    let bytes = STANDARD.decode(argument).ok();
    let json = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    match json.as_ref().and_then(read) {
        Some(task) => Ok(Box::new(task)),
        None => Err(wrong),
    }
}
