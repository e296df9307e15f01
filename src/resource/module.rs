//! Kernel modules: whether they are there, loaded, in use.

use super::apply::{ApplyError, Make};
use super::reply::Record;
use super::script::{Script, quote};
use super::{Change, Query, Resource, State};

/// A kernel module as the running kernel knows it.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ModuleState {
    /// It is part of the kernel itself, so it is neither loaded nor removed.
    pub built_in: bool,
    /// There is a file of it for this kernel.
    pub available: bool,
    pub loaded: bool,
    /// Something uses it now.
    pub used: bool,
}

/// Hyphens and underscores mean the same in names of modules.
pub fn canonical(name: &str) -> String {
    name.replace('-', "_")
}

fn names<'a>(queries: &[&'a Query]) -> Vec<&'a str> {
    let name = |q: &&'a Query| match &q.on {
        Resource::Module(name) => Some(name.as_str()),
        _ => None,
    };
    queries.iter().filter_map(name).collect()
}

/// A line `NAME FLAGS` for each: b built in, a available, l loaded, u used.
pub(super) fn ask(queries: &[&Query], script: &mut Script) {
    let plain = |n: &&str| {
        n.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    let all: Vec<&str> = names(queries).into_iter().filter(plain).collect();
    let either: Vec<String> = all
        .iter()
        .map(|n| canonical(n).replace('_', "[-_]"))
        .collect();
    let pattern = quote(&format!("^[^:]*/({})\\.ko", either.join("|")));
    // Each as the kernel calls it, and as a pattern of what its file may be called.
    let words: Vec<String> = all
        .iter()
        .zip(&either)
        .map(|(n, either)| format!("{} {}", canonical(n), quote(either)))
        .collect();
    script.ask(&format!(
        "pl_l=$(cat /proc/modules)\n\
         pl_a=$pl_nl$(cd \"/lib/modules/${{pl_kernel:-none}}\" && \
         grep -EoHs {pattern} modules.builtin modules.dep)\n\
         pl_b=${{pl_a%%\"$pl_nl\"modules.dep:*}} pl_a=${{pl_a#\"$pl_b\"}}\n\
         set -- {}\nwhile [ $# != 0 ]; do\npl_q=$1 pl_w=$2 pl_o=; shift 2\n\
         case $pl_b$pl_nl in *\"/\"$pl_w\".ko\"*) pl_o=b ;; esac\n\
         case $pl_a$pl_nl in *\"/\"$pl_w\".ko\"*) pl_o=${{pl_o}}a ;; esac\n\
         case $pl_nl$pl_l in *\"$pl_nl$pl_q \"*)\npl_o=${{pl_o}}l\n\
         pl_x=${{pl_l#*\"$pl_q \"}}; pl_x=${{pl_x#* }}; [ \"${{pl_x%% *}}\" = 0 ] || pl_o=${{pl_o}}u ;; esac\n\
         pl_p \"$pl_q $pl_o$pl_nl\"\ndone\n:",
        words.join(" ")
    ));
}

pub(super) fn read(queries: &[&Query], records: &[Record]) -> Result<Vec<State>, String> {
    let text = records
        .first()
        .ok_or("no answer about kernel modules")?
        .text();
    let of = |query: &&Query| {
        let Resource::Module(name) = &query.on else {
            return State::Absent;
        };
        let name = canonical(name);
        let line = text
            .lines()
            .find_map(|l| l.strip_prefix(&name)?.strip_prefix(' '));
        let Some(flags) = line else {
            return State::Refused("that is no name of a module".into());
        };
        State::Module(ModuleState {
            built_in: flags.contains('b'),
            available: flags.contains('a'),
            loaded: flags.contains('l'),
            used: flags.contains('u'),
        })
    };
    Ok(queries.iter().map(of).collect())
}

pub(super) fn make(change: &Change) -> Result<Make, ApplyError> {
    let (Resource::Module(name), State::Module(before), State::Module(after)) =
        (&change.on, &change.before, &change.after)
    else {
        return Err(ApplyError::unfit(change));
    };
    let name = quote(name);
    let params = change.how.option("params").unwrap_or_default();
    let params: String = params
        .split_whitespace()
        .map(|p| format!(" {}", quote(p)))
        .collect();
    Ok(Make::tool(match (before.loaded, after.loaded) {
        (false, true) => format!("modprobe {name}{params} </dev/null || exit"),
        (true, false) => format!("modprobe -r {name} </dev/null || exit"),
        _ => return Err(ApplyError::unfit(change)),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_whatever_the_hyphens() {
        let query = Query::meta(Resource::Module("usb-storage".into()));
        let record = Record {
            number: 0,
            status: 0,
            payload: b"usb_storage alu\n".to_vec(),
        };
        let state = read(&[&query], &[record]).unwrap().remove(0);
        let wanted = ModuleState {
            available: true,
            loaded: true,
            used: true,
            built_in: false,
        };
        assert_eq!(state, State::Module(wanted));
    }
}
