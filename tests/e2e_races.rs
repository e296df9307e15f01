//! Others who write at the same time: between reading and hashing, between looking and writing, between
//! verifying and renaming. And what a controller that was killed left on a host.

#[path = "e2e/mod.rs"]
mod e2e;

use e2e::{Bench, up};

const LINE: &str = "
- hosts: lab1
  gather_facts: false
  tasks:
    - name: line
      lineinfile: {path: /srv/file, line: ours}
";

/// Puts a program in the place of the host's `sha256sum`: it hashes, then `then` happens.
fn after_hashing(bench: &Bench, then: &str) {
    bench.on(
        "lab1",
        "[ -e /usr/bin/sha256sum.real ] || cp /usr/bin/sha256sum /usr/bin/sha256sum.real; rm -f /usr/bin/sha256sum",
    );
    let text = format!("#!/bin/sh\nsha256sum.real \"$@\"; r=$?\n{then}\nexit $r\n");
    bench.put("lab1", "/usr/bin/sha256sum", &text);
    bench.on(
        "lab1",
        "chmod 755 /usr/bin/sha256sum; printf 'first\\n' >/srv/file; rm -f /srv/once",
    );
}

#[test]
fn a_file_that_is_written_to_while_it_is_read_is_asked_about_again() {
    let Some(bench) = up("a", 1) else { return };
    // The digest is of the file before, the content of the file after.
    after_hashing(
        &bench,
        "[ -e /srv/once ] || { touch /srv/once; echo theirs >>/srv/file; }",
    );
    let run = bench.play(LINE, &[]).expect(0);
    assert_eq!(run.count("lab1", "changed"), 1);
    assert_eq!(bench.on("lab1", "cat /srv/file"), "first\ntheirs\nours");
    // Every time: said, and nothing is written.
    after_hashing(&bench, "echo theirs >>/srv/file");
    let run = bench.play(LINE, &[]).expect(2);
    let said = run.result("lab1", "line")["msg"].as_str().unwrap();
    assert!(said.contains("changed while it was being read"), "{said}");
    assert!(!bench.on("lab1", "cat /srv/file").contains("ours"));
}

#[test]
fn a_file_that_is_written_to_between_verifying_and_renaming_is_not_lost() {
    let Some(bench) = up("b", 1) else { return };
    // Only the last look at it, together with the new file, is followed by the other writer.
    let racer =
        |when: &str| format!("case \"$*\" in *.palisade.*) {when} echo theirs >>/srv/file ;; esac");
    let once =
        racer("[ -e /srv/once ] ||").replace("echo theirs", "{ touch /srv/once; echo theirs");
    after_hashing(&bench, &once.replace("/srv/file ;;", "/srv/file; } ;;"));
    let run = bench.play(LINE, &[]).expect(0);
    assert_eq!(run.count("lab1", "changed"), 1);
    assert_eq!(bench.on("lab1", "cat /srv/file"), "first\ntheirs\nours");
    after_hashing(&bench, &racer(""));
    let run = bench.play(LINE, &[]).expect(2);
    let said = run.result("lab1", "line")["msg"].as_str().unwrap();
    assert!(said.contains("changed meanwhile"), "{said}");
    let now = bench.on("lab1", "cat /srv/file");
    assert!(
        now.starts_with("first\ntheirs") && !now.contains("ours"),
        "{now}"
    );
    assert_eq!(bench.on("lab1", "ls -A /srv | grep palisade"), "");
}

#[test]
fn what_a_killed_run_left_is_removed_by_a_later_one_and_nothing_else_is() {
    let Some(bench) = up("c", 1) else { return };
    let token = "0123456789abcdef0123456789abcdef0";
    let made = format!(
        "mkdir /srv/at; cd /srv/at; old='touch -d 2000-01-01'
        $old .file.palisade.{token} .other.palisade.{token}1 .short.palisade.ab .x.palisade.notes \
             .link.palisade.{token} .theirs.palisade.{token} file.palisade.{token}
        ln -sf file .link.palisade.{token}; chown deploy .theirs.palisade.{token}
        mkdir .dir.palisade.{token}; $old .dir.palisade.{token}
        touch .new.palisade.{token}
        mkdir -m 700 /dev/shm/.palisade.x.999999 /dev/shm/.palisade.y.1 /dev/shm/.palisade.z.999998
        $old /dev/shm/.palisade.x.999999 /dev/shm/.palisade.y.1"
    );
    bench.on("lab1", &made);
    let text = "
- hosts: lab1
  gather_facts: false
  tasks:
    - copy: {content: x, dest: /srv/at/file}
    - command: 'true'
";
    bench.play(text, &[]).expect(0);
    let left = bench.on("lab1", "ls -A /srv/at | LC_ALL=C sort");
    let stays = [
        format!(".dir.palisade.{token}"),
        format!(".link.palisade.{token}"),
        format!(".new.palisade.{token}"),
        ".short.palisade.ab".into(),
        format!(".theirs.palisade.{token}"),
        ".x.palisade.notes".into(),
        "file".into(),
        format!("file.palisade.{token}"),
    ];
    assert_eq!(left, stays.join("\n"));
    let dirs = bench.on("lab1", "ls -A /dev/shm | LC_ALL=C sort");
    assert_eq!(dirs, ".palisade.y.1\n.palisade.z.999998");
}
