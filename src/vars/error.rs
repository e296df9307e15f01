//! How an evaluation ends without a value.

use std::sync::Arc;

use super::value::Missing;
use crate::source::Code;

pub(in crate::vars) type Res<T> = Result<T, Fail>;

/// A place in a template's source, in bytes.
pub(in crate::vars) type At = (u32, u32);

#[derive(Clone, Debug)]
pub(in crate::vars) enum Fail {
    Undefined(Arc<Missing>, Option<Box<Place>>),
    Pending,
    Unknown(Arc<str>),
    Error(Box<Fault>),
    /// `continue` and `break` of template loops.
    Continue,
    Break,
}

#[derive(Clone, Debug)]
pub(in crate::vars) struct Fault {
    pub message: String,
    /// Its kind, where it is a narrower one than "a template failed".
    pub code: Option<Code>,
    pub hint: Option<String>,
    pub place: Option<Box<Place>>,
}

/// Where it went wrong: the innermost template, and the place in it.
#[derive(Clone, Debug)]
pub(in crate::vars) struct Place {
    pub at: At,
    /// Set once the template's own place in a file is known.
    pub span: Option<crate::source::Span>,
}

impl Fail {
    pub(in crate::vars) fn error(message: impl Into<String>) -> Fail {
        Fail::Error(Box::new(Fault {
            message: message.into(),
            code: None,
            hint: None,
            place: None,
        }))
    }

    pub(in crate::vars) fn hinted(message: impl Into<String>, hint: impl Into<String>) -> Fail {
        Fail::Error(Box::new(Fault {
            message: message.into(),
            code: None,
            hint: Some(hint.into()),
            place: None,
        }))
    }

    #[must_use]
    pub(in crate::vars) fn code(mut self, code: Code) -> Fail {
        if let Fail::Error(fault) = &mut self {
            fault.code = Some(code);
        }
        self
    }

    pub(in crate::vars) fn undefined(missing: &Arc<Missing>) -> Fail {
        Fail::Undefined(Arc::clone(missing), None)
    }

    fn place_mut(&mut self) -> Option<&mut Option<Box<Place>>> {
        match self {
            Fail::Undefined(_, place) => Some(place),
            Fail::Error(fault) => Some(&mut fault.place),
            _ => None,
        }
    }

    /// Notes the place unless a more exact one is known.
    #[must_use]
    pub(in crate::vars) fn at(mut self, at: At) -> Fail {
        if let Some(place @ None) = self.place_mut() {
            *place = Some(Box::new(Place { at, span: None }));
        }
        self
    }

    /// Turns the place in the template into a place in a file.
    #[must_use]
    pub(in crate::vars) fn within(
        mut self,
        locate: impl FnOnce(Option<At>) -> Option<crate::source::Span>,
    ) -> Fail {
        if let Some(place) = self.place_mut() {
            match place {
                Some(known) if known.span.is_some() => {}
                Some(known) => known.span = locate(Some(known.at)),
                None => {
                    *place = locate(None).map(|span| {
                        Box::new(Place {
                            at: (0, 0),
                            span: Some(span),
                        })
                    });
                }
            }
        }
        self
    }
}

pub(in crate::vars) fn undefined(missing: &Arc<Missing>) -> Fail {
    Fail::Undefined(Arc::clone(missing), missing.place().cloned().map(Box::new))
}
