//! The arguments of an action, declared once: parser, documentation and schema are the same thing.
//!
//! ```ignore
//! args! {
//!     pub(crate) struct Args {
//!         /// The file to modify.
//!         path: RemotePath = required, aka ["dest", "name"];
//!         /// Whether the line should be there.
//!         state: Present = "present";
//!         /// A regular expression to look for.
//!         regexp: Option<String>;
//!     } with attrs
//! }
//! ```
//!
//! `= required` must be given, `= "yaml"` is the default written as YAML, an `Option` may be absent.
//! `with attrs` adds the common file attributes (`owner`, `group`, `mode`, …) as a field `attrs`.

use crate::source::{Code, Mapping, Value, suggest};

use super::Task;

/// One argument, as documentation, completion and checks see it.
#[derive(Clone, Copy)]
pub struct Param {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    pub doc: &'static str,
    pub type_name: &'static str,
    pub choices: &'static [&'static str],
    /// The default as YAML; `None` where there is none.
    pub default: Option<&'static str>,
    pub required: bool,
    /// Reads a value only to see whether it could be read.
    pub check: fn(Value) -> Result<(), String>,
}

/// An action: its names, its documentation, its parser.
pub struct Spec {
    pub name: &'static str,
    /// `ansible.builtin`, `ansible.posix`, `community.general`.
    pub collection: &'static str,
    /// Further short names of the same action (`systemd_service`).
    pub aliases: &'static [&'static str],
    /// One sentence.
    pub summary: &'static str,
    /// When it counts as changed, and how it differs from Ansible's action of that name.
    pub notes: &'static str,
    /// Playbook tasks that show it; a test parses and decides each.
    pub examples: &'static str,
    pub params: fn() -> Vec<Param>,
    /// The argument that free text (`command: echo hi`) goes to.
    pub free_form: Option<&'static str>,
    /// Any argument name is taken (`set_fact`).
    pub open: bool,
    /// What Ansible does in check mode where it is not "predict": the action is skipped.
    pub skips_check: bool,
    pub parse: fn(Mapping) -> Result<Box<dyn Task>, ArgError>,
}

impl std::fmt::Debug for Spec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// A mistake in an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgError {
    /// The argument it is about; empty for one that is missing altogether.
    pub argument: String,
    pub message: String,
    pub hint: Option<String>,
}

impl ArgError {
    pub fn new(argument: &str, message: impl Into<String>) -> ArgError {
        ArgError {
            argument: argument.into(),
            message: message.into(),
            hint: None,
        }
    }

    /// What kind of mistake it is; its words say so.
    pub fn code(&self) -> Code {
        if self.message.starts_with("unknown argument") {
            Code::UnknownArgument
        } else if self.message.ends_with("is missing") || self.message.contains("must be given") {
            Code::MissingArgument
        } else {
            Code::ArgumentValue
        }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> ArgError {
        self.hint = Some(hint.into());
        self
    }
}

/// Takes the value given under a name or one of its aliases; `null` counts as not given.
pub fn take(map: &mut Mapping, names: &[&str]) -> Option<Value> {
    let mut found = None;
    for name in names {
        if let Some(value) = map.shift_remove(*name)
            && !value.is_null()
        {
            found.get_or_insert(value);
        }
    }
    found
}

/// Refuses what is left over.
pub fn finish(map: &Mapping, known: &[Param], open: bool) -> Result<(), ArgError> {
    match map.keys().find_map(|k| k.as_str()) {
        Some(name) if !open => Err(unknown(name, known)),
        _ => Ok(()),
    }
}

/// The error for an argument there is not.
pub fn unknown(name: &str, known: &[Param]) -> ArgError {
    let names = known
        .iter()
        .flat_map(|p| std::iter::once(p.name).chain(p.aliases.iter().copied()));
    let error = ArgError::new(name, format!("unknown argument `{name}`"));
    match suggest::nearest(name, names.clone()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None if known.is_empty() => error.hint("it takes no arguments"),
        None => {
            let list: Vec<_> = known.iter().map(|p| p.name).collect();
            error.hint(format!("it takes {}", list.join(", ")))
        }
    }
}

/// Checks arguments that are known before anything is rendered: names always, and the values that
/// hold no template. `None` stands for a value that will only be known on the host.
pub fn check(spec: &Spec, given: &[(String, Option<Value>)]) -> Vec<ArgError> {
    let params = (spec.params)();
    let mut errors = Vec::new();
    for (name, value) in given {
        let param = params
            .iter()
            .find(|p| p.name == name || p.aliases.contains(&name.as_str()));
        match (param, value) {
            (None, _) if spec.open => {}
            (None, _) => errors.push(unknown(name, &params)),
            (Some(param), Some(value)) if !value.is_null() => {
                if let Err(message) = (param.check)(value.clone()) {
                    let mut error = ArgError::new(name, format!("argument `{name}` {message}"));
                    if let Some(word) = value.as_str()
                        && let Some(near) = suggest::nearest(word, param.choices.iter().copied())
                    {
                        error = error.hint(format!("did you mean `{near}`?"));
                    }
                    errors.push(error);
                }
            }
            _ => {}
        }
    }
    for param in params.iter().filter(|p| p.required) {
        let is = |(n, _): &(String, Option<Value>)| {
            n == param.name || param.aliases.contains(&n.as_str())
        };
        if !given.iter().any(is) {
            errors.push(ArgError::new(
                "",
                format!("argument `{}` is missing", param.name),
            ));
        }
    }
    errors
}

/// Reads a default, which stands in the source and is checked by a test of the registry.
pub fn default<T: super::arg::FromArg>(yaml: &str) -> Result<T, String> {
    let value: Value = serde_yaml::from_str(yaml).map_err(|e| e.to_string())?;
    T::from_arg(value)
}

/// Optional fields are `Option<T>`, so that the macro needs one rule for both.
pub trait Field: Sized {
    type Inner: super::arg::FromArg;
    fn some(inner: Self::Inner) -> Self;
}

impl<T: super::arg::FromArg> Field for Option<T> {
    type Inner = T;
    fn some(inner: T) -> Option<T> {
        Some(inner)
    }
}

/// See the page of this module.
#[macro_export]
macro_rules! args {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $(
                $(#[doc = $doc:expr])*
                $field:ident : $type:ty $(= $default:tt)? $(, aka [$($alias:literal),+ $(,)?])? ;
            )*
        } $(with $attrs:ident)?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        $vis struct $name {
            $($(#[doc = $doc])* pub(crate) $field: $type,)*
            $(pub(crate) $attrs: $crate::action::attrs::Attrs,)?
        }

        impl $name {
            /// The arguments, as documentation and checks see them.
            #[allow(unused_mut)]
            $vis fn params() -> Vec<$crate::action::Param> {
                let mut params: Vec<$crate::action::Param> = vec![$(
                    $crate::args!(@param $type, stringify!($field), concat!($($doc, "\n"),*),
                        [$($($alias),+)?] $(, $default)?),
                )*];
                $(params.extend($crate::action::attrs::Attrs::params()); let _ = stringify!($attrs);)?
                params
            }

            /// Reads rendered arguments.
            #[allow(unused_mut, unused_variables)]
            $vis fn read(
                mut map: $crate::source::Mapping,
            ) -> Result<$name, $crate::action::ArgError> {
                $(let $field: $type = $crate::args!(@take map, $type, stringify!($field),
                    [$($($alias),+)?] $(, $default)?);)*
                $(let $attrs = $crate::action::attrs::Attrs::take(&mut map)?;)?
                $crate::action::args::finish(&map, &Self::params(), false)?;
                Ok($name { $($field,)* $($attrs,)? })
            }
        }
    };
    (@param $type:ty, $name:expr, $doc:expr, [$($alias:literal),*], required) => {
        $crate::args!(@row $type, $name, $doc, [$($alias),*], None, true)
    };
    (@param $type:ty, $name:expr, $doc:expr, [$($alias:literal),*], $default:literal) => {
        $crate::args!(@row $type, $name, $doc, [$($alias),*], Some($default), false)
    };
    (@param $type:ty, $name:expr, $doc:expr, [$($alias:literal),*]) => {
        $crate::args!(@row <$type as $crate::action::args::Field>::Inner, $name, $doc,
            [$($alias),*], None, false)
    };
    (@row $type:ty, $name:expr, $doc:expr, [$($alias:literal),*], $default:expr, $required:expr) => {
        $crate::action::Param {
            name: $name.trim_start_matches("r#"),
            aliases: &[$($alias),*],
            doc: $doc,
            type_name: <$type as $crate::action::arg::FromArg>::TYPE,
            choices: <$type as $crate::action::arg::FromArg>::CHOICES,
            default: $default,
            required: $required,
            check: |value| <$type as $crate::action::arg::FromArg>::from_arg(value).map(|_| ()),
        }
    };
    (@take $map:ident, $type:ty, $name:expr, [$($alias:literal),*], required) => {{
        let name = $name.trim_start_matches("r#");
        match $crate::action::args::take(&mut $map, &[name, $($alias),*]) {
            Some(value) => $crate::args!(@read $type, name, value),
            None => {
                let message = format!("argument `{name}` is missing");
                return Err($crate::action::ArgError::new("", message));
            }
        }
    }};
    (@take $map:ident, $type:ty, $name:expr, [$($alias:literal),*], $default:literal) => {{
        let name = $name.trim_start_matches("r#");
        match $crate::action::args::take(&mut $map, &[name, $($alias),*]) {
            Some(value) => $crate::args!(@read $type, name, value),
            None => $crate::action::args::default::<$type>($default)
                .map_err(|m| $crate::action::ArgError::new(name, m))?,
        }
    }};
    (@take $map:ident, $type:ty, $name:expr, [$($alias:literal),*]) => {{
        let name = $name.trim_start_matches("r#");
        match $crate::action::args::take(&mut $map, &[name, $($alias),*]) {
            Some(value) => <$type as $crate::action::args::Field>::some($crate::args!(
                @read <$type as $crate::action::args::Field>::Inner, name, value)),
            None => None,
        }
    }};
    (@read $type:ty, $name:expr, $value:expr) => {
        <$type as $crate::action::arg::FromArg>::from_arg($value).map_err(|message| {
            let message = format!("argument `{}` {message}", $name);
            $crate::action::ArgError::new($name, message)
        })?
    };
}

/// An argument with a fixed set of words: `choices! { pub(crate) enum Present { Present = "present" } }`.
/// The first word of each variant is documented; more words after it are accepted too.
#[macro_export]
macro_rules! choices {
    ($(#[$meta:meta])* $vis:vis enum $name:ident {
        $($(#[$vmeta:meta])* $variant:ident = $word:literal $(| $more:literal)*),+ $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $name { $($(#[$vmeta])* $variant),+ }

        impl $name {
            /// The word for it.
            #[allow(dead_code)]
            $vis fn word(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl $crate::action::arg::FromArg for $name {
            const TYPE: &'static str = "string";
            const CHOICES: &'static [&'static str] = &[$($word),+];
            fn from_arg(value: $crate::source::Value) -> Result<Self, String> {
                let word = match &value {
                    $crate::source::Value::Bool(true) => "yes".to_owned(),
                    $crate::source::Value::Bool(false) => "no".to_owned(),
                    other => <String as $crate::action::arg::FromArg>::from_arg(other.clone())?,
                };
                match word.as_str() {
                    $($word $(| $more)* => Ok($name::$variant),)+
                    _ => Err(format!("must be one of {}, not `{word}`",
                        <Self as $crate::action::arg::FromArg>::CHOICES.join(", "))),
                }
            }
        }
    };
}

choices! {
    /// Whether a thing should be there.
    pub(crate) enum Present {
        Present = "present",
        Absent = "absent",
    }
}
