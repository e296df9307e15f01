//! Processors, memory, mounts, firmware.

use std::collections::BTreeMap;

use serde_yaml::{Mapping, Value};

use super::answer::Answer;
use super::{mapping, put};

pub(super) fn read(answer: &Answer, out: &mut Mapping) {
    processors(answer, out);
    memory(answer, out);
    put(out, "mounts", mounts(answer));
    firmware(answer, out);
    let uptime = answer
        .line("/proc/uptime")
        .and_then(|l| l.split(['.', ' ']).next());
    if let Some(seconds) = uptime.and_then(|t| t.parse::<i64>().ok()) {
        put(out, "uptime_seconds", seconds);
    }
    let cpu = answer
        .lines("/proc/cpuinfo")
        .iter()
        .filter_map(|l| l.split_once(':'));
    let mut flags = cpu.filter(|(key, _)| matches!(key.trim(), "flags" | "Features"));
    let flags = answer
        .section("flags")
        .or_else(|| flags.next().map(|(_, list)| list));
    if let Some(flags) = flags {
        // The colon of a line that the shell read stands before its first word.
        let words = flags.split_whitespace().filter(|w| *w != ":");
        put(out, "flags", words.map(Value::from).collect::<Vec<_>>());
    }
    put(out, "lvm", "N/A");
}

/// What one processor of /proc/cpuinfo says.
fn processors(answer: &Answer, out: &mut Mapping) {
    let mut list: Vec<String> = Vec::new();
    let mut sockets: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    let (mut socket, mut vcpus, mut siblings) = (String::new(), 0_i64, 0);
    for line in answer.lines("/proc/cpuinfo") {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        match key.trim() {
            "processor" => {
                vcpus += 1;
                list.push(value.to_owned());
            }
            "vendor_id" | "cpu" | "Vendor" | "Processor" | "model name" => {
                list.push(value.to_owned());
            }
            "physical id" => {
                value.clone_into(&mut socket);
                sockets.entry(socket.clone()).or_insert((1, 1));
            }
            "cpu cores" => {
                sockets.entry(socket.clone()).or_insert((1, 1)).0 = value.parse().unwrap_or(1);
            }
            "siblings" => siblings = value.parse().unwrap_or(0),
            _ => {}
        }
    }
    let count = i64::try_from(sockets.len()).unwrap_or(1);
    let cores = sockets
        .values()
        .map(|(cores, _)| *cores)
        .next()
        .unwrap_or(1)
        .max(1);
    put(
        out,
        "processor",
        list.into_iter().map(Value::from).collect::<Vec<_>>(),
    );
    let (count, cores, threads) = if sockets.is_empty() {
        (vcpus.max(1), 1, 1)
    } else {
        (count, cores, (siblings / cores).max(1))
    };
    put(out, "processor_count", count);
    put(out, "processor_cores", cores);
    put(out, "processor_threads_per_core", threads);
    put(
        out,
        "processor_vcpus",
        count.saturating_mul(cores).saturating_mul(threads),
    );
    put(out, "processor_nproc", nproc(answer).unwrap_or(vcpus));
}

/// How many processors the shell may run on.
fn nproc(answer: &Answer) -> Option<i64> {
    let lines = answer.lines("/proc/self/status");
    let list = lines
        .iter()
        .find_map(|l| l.strip_prefix("Cpus_allowed_list:"))?;
    let mut count = 0_i64;
    for part in list.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse::<i64>().ok()?, last.parse::<i64>().ok()?);
        count = count.saturating_add(last.saturating_sub(first).saturating_add(1).max(0));
    }
    Some(count)
}

fn memory(answer: &Answer, out: &mut Mapping) {
    let mut kilo: BTreeMap<&str, i64> = BTreeMap::new();
    for line in answer.lines("/proc/meminfo") {
        if let Some((key, rest)) = line.split_once(':') {
            let number = rest.split_whitespace().next().and_then(|w| w.parse().ok());
            kilo.insert(key, number.unwrap_or(0));
        }
    }
    let Some(total) = kilo.get("MemTotal").copied() else {
        return;
    };
    let get = |key: &str| kilo.get(key).copied().unwrap_or(0).max(0);
    let whole = |k: i64| Value::from(k / 1024);
    let (total, free) = (total.max(0), get("MemFree"));
    let (swap, swap_free) = (get("SwapTotal"), get("SwapFree"));
    put(out, "memtotal_mb", total / 1024);
    put(out, "memfree_mb", free / 1024);
    put(out, "swaptotal_mb", swap / 1024);
    put(out, "swapfree_mb", swap_free / 1024);
    let spare = free
        .saturating_add(get("Cached"))
        .saturating_add(get("Buffers"));
    let used = |total: i64, free: i64| Value::from(total.saturating_sub(free) / 1024);
    let parts = mapping([
        (
            "real",
            mapping([
                ("total", whole(total)),
                ("used", used(total, free)),
                ("free", whole(free)),
            ]),
        ),
        (
            "nocache",
            mapping([("free", whole(spare)), ("used", used(total, spare))]),
        ),
        (
            "swap",
            mapping([
                ("total", whole(swap)),
                ("free", whole(swap_free)),
                ("used", used(swap, swap_free)),
                ("cached", whole(get("SwapCached"))),
            ]),
        ),
    ]);
    put(out, "memory_mb", parts);
}

/// A line of /proc/self/mountinfo.
pub(super) struct Mount {
    root: String,
    pub(super) at: String,
    options: String,
    kind: String,
    device: String,
}

pub(super) fn table(answer: &Answer) -> Vec<Mount> {
    let mut out = Vec::new();
    for line in answer.lines("/proc/self/mountinfo") {
        let Some((left, right)) = line.split_once(" - ") else {
            continue;
        };
        let left: Vec<&str> = left.split(' ').collect();
        let right: Vec<&str> = right.splitn(3, ' ').collect();
        let ([_, _, _, root, at, flags, ..], [kind, device, super_flags]) = (&left[..], &right[..])
        else {
            continue;
        };
        out.push(Mount {
            root: unescape(root),
            at: unescape(at),
            options: options(flags, super_flags),
            kind: (*kind).to_owned(),
            device: unescape(device),
        });
    }
    out
}

/// The options as /proc/mounts has them: read-only if either is, what the file system's flags say,
/// the mount's flags, the file system's own options.
fn options(mount: &str, file_system: &str) -> String {
    let split = |text: &str| -> (String, Vec<String>) {
        let mut words = text.split(',').map(str::to_owned);
        (words.next().unwrap_or_default(), words.collect())
    };
    let (mount_mode, mount) = split(mount);
    let (super_mode, own) = split(file_system);
    let flag = |w: &&String| {
        matches!(
            w.as_str(),
            "sync" | "dirsync" | "mand" | "lazytime" | "seclabel"
        ) || w.starts_with("context=")
            || w.starts_with("fscontext=")
            || w.starts_with("rootcontext=")
    };
    let flags = own.iter().take_while(flag).count();
    let mode = if mount_mode == "ro" || super_mode == "ro" {
        "ro"
    } else {
        "rw"
    };
    let mut words = vec![mode.to_owned()];
    words.extend(own[..flags].iter().cloned());
    words.extend(mount);
    words.extend(own[flags..].iter().cloned());
    words.join(",")
}

/// `\040` is a space.
fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes.get(at + 1..at + 4).filter(|_| bytes[at] == b'\\');
        let code = code.and_then(|d| std::str::from_utf8(d).ok());
        match code.and_then(|d| u8::from_str_radix(d, 8).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 4;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn mounts(answer: &Answer) -> Vec<Value> {
    let mut sizes: BTreeMap<&str, [u64; 7]> = BTreeMap::new();
    for section in answer.sections_of("stat") {
        for line in section.lines() {
            let words: Vec<&str> = line.splitn(8, ' ').collect();
            let mut numbers = [0; 7];
            for (slot, word) in numbers.iter_mut().zip(&words) {
                *slot = word.parse().unwrap_or(0);
            }
            if let Some(path) = words.get(7) {
                sizes.insert(path, numbers);
            }
        }
    }
    let links = super::device::links(answer);
    let mut out = Vec::new();
    for mount in table(answer) {
        let local = mount.device.starts_with(['/', '\\']);
        if !local && !mount.device.contains(":/") || mount.kind == "none" {
            continue;
        }
        let mut map = Mapping::new();
        put(&mut map, "mount", mount.at.clone());
        put(&mut map, "device", mount.device.clone());
        put(&mut map, "fstype", mount.kind.clone());
        let bound = if mount.root == "/" { "" } else { ",bind" };
        put(&mut map, "options", format!("{}{bound}", mount.options));
        put(&mut map, "dump", 0);
        put(&mut map, "passno", 0);
        let name = mount.device.rsplit('/').next().unwrap_or_default();
        let uuid = links.uuids.get(name).and_then(|l| l.first());
        put(&mut map, "uuid", uuid.map_or("N/A", String::as_str));
        if let Some([fragment, block, blocks, _free, available, files, files_free]) =
            sizes.get(mount.at.as_str()).copied()
        {
            put(&mut map, "size_total", fragment.saturating_mul(blocks));
            put(
                &mut map,
                "size_available",
                fragment.saturating_mul(available),
            );
            put(&mut map, "block_size", block);
            put(&mut map, "block_total", blocks);
            put(&mut map, "block_available", available);
            put(&mut map, "block_used", blocks.saturating_sub(available));
            put(&mut map, "inode_total", files);
            put(&mut map, "inode_available", files_free);
            put(&mut map, "inode_used", files.saturating_sub(files_free));
        }
        out.push(Value::Mapping(map));
    }
    out
}

/// What the DMI table calls the kinds of case.
const FORM_FACTORS: [&str; 37] = [
    "Unknown",
    "Other",
    "Unknown",
    "Desktop",
    "Low Profile Desktop",
    "Pizza Box",
    "Mini Tower",
    "Tower",
    "Portable",
    "Laptop",
    "Notebook",
    "Hand Held",
    "Docking Station",
    "All In One",
    "Sub Notebook",
    "Space-saving",
    "Lunch Box",
    "Main Server Chassis",
    "Expansion Chassis",
    "Sub Chassis",
    "Bus Expansion Chassis",
    "Peripheral Chassis",
    "RAID Chassis",
    "Rack Mount Chassis",
    "Sealed-case PC",
    "Multi-system",
    "CompactPCI",
    "AdvancedTCA",
    "Blade",
    "Blade Enclosure",
    "Tablet",
    "Convertible",
    "Detachable",
    "IoT Gateway",
    "Embedded PC",
    "Mini PC",
    "Stick PC",
];

fn firmware(answer: &Answer, out: &mut Mapping) {
    let names = [
        "bios_date",
        "bios_vendor",
        "bios_version",
        "board_asset_tag",
        "board_name",
        "board_serial",
        "board_vendor",
        "board_version",
        "chassis_asset_tag",
        "chassis_serial",
        "chassis_vendor",
        "chassis_version",
        "product_name",
        "product_serial",
        "product_uuid",
        "product_version",
    ];
    let get = |name: &str| answer.line(&format!("/sys/class/dmi/id/{name}"));
    for name in names {
        put(out, name, get(name).unwrap_or("NA"));
    }
    put(out, "system_vendor", get("sys_vendor").unwrap_or("NA"));
    let form = get("chassis_type").map(|t| {
        let index = t.parse::<usize>().ok();
        index
            .and_then(|n| FORM_FACTORS.get(n).copied())
            .unwrap_or("NA")
    });
    put(out, "form_factor", form.unwrap_or("NA"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_those_of_proc_mounts() {
        assert_eq!(
            options("rw,relatime", "rw,discard,resuid=1"),
            "rw,relatime,discard,resuid=1"
        );
        assert_eq!(
            options("rw,nosuid", "ro,seclabel,size=4k"),
            "ro,seclabel,nosuid,size=4k"
        );
        assert_eq!(unescape("/mnt/a\\040b\\"), "/mnt/a b\\");
    }
}
