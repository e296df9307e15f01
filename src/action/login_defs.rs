//! Sets an option of the tools that make accounts: `/etc/login.defs`.

use crate::source::Value;

use super::args::Present;
use super::conf_value::{self, Setting};
use super::{ArgError, Spec};
use crate::resource::RemotePath;

crate::args! {
    pub(crate) struct Args {
        /// The option, as `login.defs(5)` has it.
        name: String = required, aka ["key", "option"];
        /// Its value.
        value: Option<Value>;
        /// The largest number that will do.
        at_most: Option<i64>;
        /// The smallest number that will do.
        at_least: Option<i64>;
        /// Values that will do; the first is written where none of them stands there.
        one_of: Vec<String> = "[]";
        /// Whether it should be set at all.
        state: Present = "present";
        /// The file.
        path: RemotePath = "/etc/login.defs";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "login_defs",
    collection: "palisade",
    aliases: &[],
    summary: "Sets an option of the tools that make accounts",
    notes: "Changed when the file changes. Accounts that there are keep what they have: see `user`.",
    examples: "
- name: New passwords last a year at most
  login_defs: {name: PASS_MAX_DAYS, at_most: 365, at_least: 1}
- name: What new accounts make is for them and their group
  login_defs: {name: UMASK, one_of: ['027', '077']}
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse: |map| {
        let args = Args::read(map)?;
        if !args
            .name
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        {
            let error = ArgError::new("name", format!("`{}` is no option", args.name));
            return Err(error.hint("options are written in capitals"));
        }
        let setting = Setting::new(conf_value::Args {
            name: args.name,
            value: args.value,
            at_most: args.at_most,
            at_least: args.at_least,
            one_of: args.one_of,
            flag: false,
            explicit: true,
            state: args.state,
            path: args.path,
            files: Vec::new(),
            style: conf_value::Style::Blank,
            mode: None,
            optional: true,
            validate: None,
        })?;
        Ok(Box::new(setting))
    },
};
