//! Block devices and their links.

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml::{Mapping, Value};

use super::answer::Answer;
use super::{mapping, put};

/// By the name of the device, what udev calls it.
#[derive(Debug, Default)]
pub(super) struct Links {
    ids: BTreeMap<String, Vec<String>>,
    pub(super) uuids: BTreeMap<String, Vec<String>>,
    labels: BTreeMap<String, Vec<String>>,
    masters: BTreeMap<String, Vec<String>>,
}

/// Reads `ls -l` of the folders of links; `folder:` stands above what is in it.
pub(super) fn links(answer: &Answer) -> Links {
    let mut out = Links::default();
    let mut folder = "";
    for line in answer.section("links").unwrap_or_default().lines() {
        if let Some(name) = line.strip_suffix(':') {
            folder = name;
            continue;
        }
        let Some((left, target)) = line.split_once(" -> ") else {
            continue;
        };
        let name = unhex(left.rsplit(' ').next().unwrap_or_default());
        let device = target.rsplit('/').next().unwrap_or_default().to_owned();
        let map = match folder {
            "/dev/disk/by-id" => &mut out.ids,
            "/dev/disk/by-uuid" => &mut out.uuids,
            "/dev/disk/by-label" => &mut out.labels,
            _ => continue,
        };
        map.entry(device).or_default().push(name);
    }
    for path in answer.below("/sys/block/") {
        let words: Vec<&str> = path.split('/').collect();
        if let [slave, "holders", master] | [_, slave, "holders", master] = words[..] {
            out.masters
                .entry(slave.to_owned())
                .or_default()
                .push(master.to_owned());
        }
    }
    for map in [
        &mut out.ids,
        &mut out.uuids,
        &mut out.labels,
        &mut out.masters,
    ] {
        map.values_mut().for_each(|names| names.sort());
    }
    out
}

/// `\x20` is a space.
fn unhex(text: &str) -> String {
    let mut parts = text.split("\\x");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..2).and_then(|h| u8::from_str_radix(h, 16).ok());
        match code.filter(u8::is_ascii) {
            Some(byte) => {
                out.push(char::from(byte));
                out.push_str(&part[2..]);
            }
            None => {
                out.push_str("\\x");
                out.push_str(part);
            }
        }
    }
    out
}

fn texts(list: Option<&Vec<String>>) -> Value {
    Value::Sequence(
        list.into_iter()
            .flatten()
            .cloned()
            .map(Value::from)
            .collect(),
    )
}

impl Links {
    fn of(&self, device: &str) -> Value {
        mapping([
            ("ids", texts(self.ids.get(device))),
            ("uuids", texts(self.uuids.get(device))),
            ("labels", texts(self.labels.get(device))),
            ("masters", texts(self.masters.get(device))),
        ])
    }
}

pub(super) fn read(answer: &Answer, out: &mut Mapping) {
    let links = links(answer);
    let all = |map: &BTreeMap<String, Vec<String>>| {
        let mut found = Mapping::new();
        for (device, names) in map {
            put(&mut found, device, texts(Some(names)));
        }
        Value::Mapping(found)
    };
    let summary = mapping([
        ("ids", all(&links.ids)),
        ("uuids", all(&links.uuids)),
        ("labels", all(&links.labels)),
        ("masters", all(&links.masters)),
    ]);
    put(out, "device_links", summary);
    let mut blocks: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (path, _) in answer.files_below("/sys/block/") {
        let words: Vec<&str> = path.split('/').collect();
        match words[..] {
            [block, part, "start"] => {
                blocks.entry(block).or_default().insert(part);
            }
            [block, "size"] => {
                blocks.entry(block).or_default();
            }
            _ => {}
        }
    }
    let mut devices = Mapping::new();
    for (block, parts) in blocks {
        put(&mut devices, block, device(answer, &links, block, &parts));
    }
    put(out, "devices", devices);
}

fn device(answer: &Answer, links: &Links, block: &str, parts: &BTreeSet<&str>) -> Mapping {
    let base = format!("/sys/block/{block}");
    let line = |file: &str| answer.line(&format!("{base}/{file}"));
    let or_null = |file: &str| line(file).map_or(Value::Null, Value::from);
    let sectors = line("size")
        .and_then(|t| t.parse::<i64>().ok())
        .unwrap_or(0);
    let scheduler = line("queue/scheduler").unwrap_or_default();
    let chosen = scheduler
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'));
    let mode = chosen.map_or("", |(mode, _)| mode);
    let sector_size = line("queue/logical_block_size");
    let mut map = Mapping::new();
    put(&mut map, "virtual", 1);
    put(&mut map, "links", links.of(block));
    put(&mut map, "vendor", or_null("device/vendor"));
    put(&mut map, "model", or_null("device/model"));
    put(&mut map, "sas_address", or_null("device/sas_address"));
    put(
        &mut map,
        "sas_device_handle",
        or_null("device/sas_device_handle"),
    );
    if let Some(serial) = line("device/serial") {
        put(&mut map, "serial", serial);
    }
    put(&mut map, "removable", or_null("removable"));
    put(
        &mut map,
        "support_discard",
        or_null("queue/discard_granularity"),
    );
    let mut partitions = Mapping::new();
    for part in parts {
        put(&mut partitions, part, partition(answer, links, &base, part));
    }
    put(&mut map, "partitions", partitions);
    put(&mut map, "rotational", or_null("queue/rotational"));
    put(&mut map, "scheduler_mode", mode);
    put(&mut map, "sectors", sectors);
    put(&mut map, "sectorsize", sector_size.unwrap_or("512"));
    put(&mut map, "size", size(sectors));
    put(&mut map, "host", "");
    put(
        &mut map,
        "holders",
        holders(answer, &format!("{base}/holders/")),
    );
    map
}

fn partition(answer: &Answer, links: &Links, base: &str, part: &str) -> Mapping {
    let line = |file: &str| answer.line(&format!("{base}/{part}/{file}"));
    let sectors = line("size")
        .and_then(|t| t.parse::<i64>().ok())
        .unwrap_or(0);
    let mut map = Mapping::new();
    put(&mut map, "links", links.of(part));
    put(&mut map, "start", line("start").unwrap_or("0"));
    put(&mut map, "sectors", sectors);
    let block = answer.line(&format!("{base}/queue/logical_block_size"));
    match block.and_then(|t| t.parse::<i64>().ok()) {
        Some(size) => put(&mut map, "sectorsize", size),
        None => put(&mut map, "sectorsize", 512),
    }
    put(&mut map, "size", size(sectors));
    let uuid = links.uuids.get(part).and_then(|l| l.first());
    put(
        &mut map,
        "uuid",
        uuid.map_or(Value::Null, |u| Value::from(u.clone())),
    );
    put(
        &mut map,
        "holders",
        holders(answer, &format!("{base}/{part}/holders/")),
    );
    map
}

/// What is built on it; a volume of the device mapper by the name people gave it.
fn holders(answer: &Answer, folder: &str) -> Vec<Value> {
    let name = |h: &str| {
        let file = format!("/sys/block/{h}/dm/name");
        answer.line(&file).unwrap_or(h).to_owned()
    };
    answer.below(folder).map(|h| Value::from(name(h))).collect()
}

/// `256.00 GB`, from sectors of 512 bytes.
#[expect(clippy::cast_precision_loss, reason = "two decimals of it are shown")]
fn size(sectors: i64) -> String {
    let bytes = sectors.max(0) as f64 * 512.0;
    let units = [
        (1_u64 << 50, "PB"),
        (1 << 40, "TB"),
        (1 << 30, "GB"),
        (1 << 20, "MB"),
        (1 << 10, "KB"),
    ];
    for (limit, unit) in units {
        if bytes >= limit as f64 {
            return format!("{:.2} {unit}", bytes / limit as f64);
        }
    }
    format!("{bytes:.2} Bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_people() {
        assert_eq!(size(536_870_912), "256.00 GB");
        assert_eq!((size(0), size(3)), ("0.00 Bytes".into(), "1.50 KB".into()));
    }

    #[test]
    fn links_are_told_by_device() {
        let ls = "/dev/disk/by-label:\nlrwxrwxrwx 1 0 0 10 Jan 1 00:00 my\\x20disk -> ../../sda1\n";
        let text = format!("links {}\n{ls}", ls.len());
        let links = links(&Answer::read(text.as_bytes()));
        assert_eq!(links.labels["sda1"], ["my disk"]);
    }
}
