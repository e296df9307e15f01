//! Control groups: each host has its own, so that it can be frozen as a whole, and so that its root
//! can never see or set the group of whoever started the lab.
//!
//! A machine without writable control groups (a container, usually) has none for its hosts.

use std::fs;
use std::path::PathBuf;

/// The group's directory in every hierarchy that is mounted here.
fn groups(lab: &str) -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            let kind = *fields.get(2)?;
            let at = *fields.get(1)?;
            let known = kind == "cgroup2" || kind == "cgroup";
            known.then(|| PathBuf::from(at).join(format!("palisade-lab-{lab}")))
        })
        .collect()
}

/// Moves the calling process into the host's group.
pub(crate) fn join(lab: &str, host: &str) {
    for group in groups(lab) {
        let own = group.join(host);
        if fs::create_dir_all(&own).is_ok() {
            // A cpuset of the older kind takes nobody in before it has been given processors.
            for name in ["cpuset.cpus", "cpuset.mems"] {
                for (from, to) in [(group.join(".."), &group), (group.clone(), &own)] {
                    if let Ok(value) = fs::read(from.join(name)) {
                        let _ = fs::write(to.join(name), value);
                    }
                }
            }
            let _ = fs::write(own.join("cgroup.procs"), "0");
        }
    }
}

/// Stops every process of a host, or lets them run again. Says whether there was a way.
pub(crate) fn freeze(lab: &str, host: &str, frozen: bool) -> bool {
    groups(lab).into_iter().map(|g| g.join(host)).any(|group| {
        let old = if frozen { "FROZEN" } else { "THAWED" };
        let new = if frozen { "1" } else { "0" };
        [("cgroup.freeze", new), ("freezer.state", old)]
            .iter()
            .any(|(name, value)| {
                let file = group.join(name);
                file.exists() && fs::write(file, value).is_ok()
            })
    })
}

/// Removes the groups of a lab whose processes are gone.
pub(crate) fn remove(lab: &str) {
    for group in groups(lab) {
        for entry in fs::read_dir(&group).into_iter().flatten().flatten() {
            remove_below(&entry.path());
        }
        let _ = fs::remove_dir(group);
    }
}

fn remove_below(group: &std::path::Path) {
    if !group.is_dir() {
        return;
    }
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            remove_below(&entry.path());
        }
    }
    let _ = fs::remove_dir(group);
}
