//! A disk that fills while runs are written down: a run is refused before it touches a host, or ends in
//! order, and is gone on with when there is room.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::e2e::{Bench, Json, Run, up};
use super::{given, log, prepared_hosts, resume};

/// A small disk, gone however the test ends.
struct Disk(PathBuf);

impl Disk {
    fn at(path: PathBuf, size: &str) -> Option<Disk> {
        std::fs::create_dir_all(&path).unwrap();
        let size = format!("size={size}");
        let mount = ["-t", "tmpfs", "-o", &size, "none"];
        let done = Command::new("mount").args(mount).arg(&path).status();
        if !done.is_ok_and(|s| s.success()) {
            eprintln!("skipped: nothing can be mounted");
            return None;
        }
        Some(Disk(path))
    }

    /// Leaves so many KiB on it, and nothing else.
    fn leave(&self, free: u64, size: u64) {
        let _ = std::fs::remove_dir_all(self.0.join("palisade"));
        let bytes = vec![b'x'; usize::try_from((size - free) * 1024).unwrap()];
        std::fs::write(self.ballast(), bytes).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

const SIZE: u64 = 1024;

/// KiB that are left, by default: from none at all to enough.
const LEFT: [u64; 6] = [4, 60, 72, 84, 120, 400];

/// As many levels as somebody asks for, or the few that show every way to end.
fn levels() -> Vec<u64> {
    match given("PALISADE_LEVELS", 0) {
        0 => LEFT.to_vec(),
        many => (0..many).map(|n| n * 240 / many).chain([400]).collect(),
    }
}

const SITE: &str = "
- hosts: all
  gather_facts: false
  vars_files: [gen.yml]
  tasks:
    - {name: conf, copy: {content: \"conf {{ gen }}\\n\", dest: /srv/t/conf}, notify: reload}
    - {name: many, copy: {content: \"{{ 'some words\\n' * 300 }}{{ item }} {{ gen }}\\n\", dest: '/srv/t/many{{ item }}'}, loop: [1, 2, 3, 4, 5]}
    - {name: early, meta: flush_handlers}
    - {name: ran, command: \"sh -c 'echo {{ gen }} >>/srv/t/ran; echo said {{ gen }}'\", register: said}
    - {name: said, copy: {content: \"{{ said.stdout }}\\n\", dest: /srv/t/said}}
    - {name: more, copy: {content: \"{{ 'more words\\n' * 300 }}{{ item }} {{ gen }}\\n\", dest: '/srv/t/more{{ item }}'}, loop: [1, 2, 3, 4, 5], notify: again}
  handlers:
    - {name: reload, command: cp /srv/t/conf /srv/t/seen}
    - {name: again, shell: cat /srv/t/more? >/srv/t/seen_more}
";

/// Everything on a host.
fn all(bench: &Bench, host: &str) -> String {
    bench.on(host, "cd /srv/t; md5sum * 2>/dev/null")
}

fn is_meant(bench: &Bench, host: &str, generation: u64) {
    let found = "cd /srv/t; cmp conf seen; cat more? | cmp - seen_more; cat conf said; tail -qn 1 many1 more5; \
                 grep -cx $1 ran; find / -xdev -name '.*palisade*' -print 2>/dev/null";
    let found = bench.on(host, &found.replace("$1", &generation.to_string()));
    let g = generation;
    assert_eq!(
        found,
        format!("conf {g}\nsaid {g}\n1 {g}\n5 {g}\n1"),
        "{host}"
    );
}

/// Every step that was begun has its end, and the run has one.
fn is_closed(journal: &Path, run: &Run) {
    let text = std::fs::read_to_string(journal).unwrap();
    let lines = text
        .lines()
        .map(|l| serde_json::from_str::<Json>(l).unwrap());
    let lines: Vec<Json> = lines.collect();
    let of =
        |key: &str| -> BTreeSet<u64> { lines.iter().filter_map(|l| l[key].as_u64()).collect() };
    let (begun, ended) = (of("intent"), of("outcome"));
    assert!(begun.is_subset(&ended), "{text} {run}");
    assert!(text.contains("\"end\":\"stopped\""), "{text} {run}");
    assert!(!text.contains("\"unknown\""), "{text} {run}");
}

#[test]
fn on_a_full_disk_a_run_is_not_begun_or_ends_in_order_and_is_gone_on_with() {
    let Some(bench) = up("rf", 2) else {
        return;
    };
    let Some(disk) = Disk::at(bench.path("state"), &format!("{SIZE}k")) else {
        return;
    };
    let hosts = prepared_hosts(&bench);
    let site = bench.write("site.yml", SITE);
    let (mut refused, mut stopped, mut whole) = (0, 0, 0);
    for (generation, free) in (1..).zip(levels()) {
        bench.write("gen.yml", &format!("gen: {generation}\n"));
        disk.leave(free, SIZE);
        let before: Vec<String> = hosts.iter().map(|h| all(&bench, h)).collect();
        let run = bench.run(&site, &[]);
        match run.code {
            Some(0) => whole += 1,
            Some(1) => {
                refused += 1;
                assert!(run.stderr.contains("cannot be recorded in"), "{run}");
                assert!(run.stderr.contains("make room"), "{run}");
                let after: Vec<String> = hosts.iter().map(|h| all(&bench, h)).collect();
                assert_eq!(before, after, "{free}: {run}");
                assert!(
                    bench.journals().is_empty(),
                    "{free}: {:?}",
                    bench.journals()
                );
                std::fs::remove_file(disk.ballast()).unwrap();
                bench.run(&site, &[]).expect(0);
            }
            _ => {
                stopped += 1;
                let run = run.expect(8);
                let said = format!("{}{}", run.stdout, run.stderr);
                assert!(
                    said.contains("cannot be written any more"),
                    "{free}: {said}"
                );
                let list = log(&bench);
                let state = list[0]["state"].as_str().unwrap_or_default();
                assert!(
                    state.starts_with("unfinished") && !state.contains("killed"),
                    "{state}"
                );
                is_closed(&bench.journals()[0], &run);
                std::fs::remove_file(disk.ballast()).unwrap();
                resume(&bench, &[]).expect(0);
            }
        }
        for host in &hosts {
            is_meant(&bench, host, generation);
        }
    }
    println!("{refused} refused, {stopped} stopped, {whole} whole");
    assert!(
        refused > 1 && stopped > 1 && whole > 0,
        "{refused} {stopped} {whole}"
    );
    // A directory that nobody can write to.
    drop(disk);
    let state = bench.path("state");
    let _ = std::fs::remove_dir_all(&state);
    std::fs::write(&state, "").unwrap();
    bench.write("gen.yml", "gen: 99\n");
    let run = bench.run(&site, &[]).expect(1);
    assert!(run.stderr.contains("XDG_STATE_HOME"), "{run}");
    is_meant(&bench, &hosts[0], levels().len() as u64);
    bench.run(&site, &["--check"]).expect(0);
}
