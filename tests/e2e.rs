//! Whole playbooks on real hosts: five with sshd, one with busybox and dropbear. What a check foretold
//! is what the run did, the second run changes nothing, and becoming another user works or says why not.

#[path = "e2e/mod.rs"]
mod e2e;

use std::collections::BTreeSet;
use std::path::Path;

use e2e::{Bench, Run, up};
use palisade::lab::ADMIN_PASSWORD;

fn playbook(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("playbooks")
        .join(name)
}

/// What a check says it cannot foresee: commands that name no file that they make.
const UNFORESEEN: &str = "unknown";

/// The check foretold what the run did, task by task, host by host, item by item.
#[track_caller]
fn assert_foretold(check: &Run, run: &Run) {
    let (foretold, done) = (check.words(), run.words());
    for (key, word) in &done {
        let said = foretold.get(key).map_or("nothing", String::as_str);
        let left_out = key.1.contains("The site answers") || key.1.contains("And says");
        assert!(
            said == word || said == UNFORESEEN || left_out,
            "{key:?} was {word}, foretold was {said}"
        );
    }
    let names = |words: &e2e::Words| words.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&foretold), names(&done));
}

/// Check, first run, second run.
#[track_caller]
fn converges(bench: &Bench, name: &str) -> (Run, Run) {
    let at = playbook(name);
    let before: Vec<_> = changed_files(bench);
    let check = bench.run(&at, &["--check", "--diff"]).expect(0);
    assert_eq!(changed_files(bench), before, "a check changes nothing");
    assert!(bench.journals().is_empty(), "a check has no journal");
    let first = bench.run(&at, &["--diff"]).expect(0);
    assert_foretold(&check, &first);
    let shown = |run: &Run| -> BTreeSet<String> {
        let all = run.events.iter().filter(|e| e["changes"].is_array());
        all.filter(|e| e["task"]["action"] != "command")
            .map(|e| format!("{} {} {}", e["host"], e["task"]["name"], e["changes"]))
            .collect()
    };
    assert_eq!(
        shown(&check),
        shown(&first),
        "the diffs are those that were foretold"
    );
    let second = bench.run(&at, &[]).expect(0);
    second.unchanged();
    assert_eq!(first.hosts(), second.hosts());
    (first, second)
}

fn changed_files(bench: &Bench) -> Vec<String> {
    let hosts = bench.lab.hosts().unwrap();
    let of = |host: &str| bench.lab.changes(host).unwrap();
    hosts
        .iter()
        .map(|h| format!("{} {:?}", h.name, of(&h.name)))
        .collect()
}

#[test]
fn the_quickstart_converges_everywhere() {
    let Some(bench) = up("a", 5) else { return };
    let small = bench.busybox();
    let (first, second) = converges(&bench, "quickstart.yml");
    assert_eq!(first.hosts().len(), 5 + usize::from(small));
    for host in first.hosts() {
        assert!(first.count(&host, "changed") >= 9, "{first}");
        assert!(second.count(&host, "round_trips") <= 4, "{second}");
        assert_eq!(
            bench.on(&host, "stat -c %a /srv/example/etc/example.conf"),
            "640"
        );
        assert!(
            bench
                .on(&host, "grep ^ada: /etc/passwd")
                .contains("Ada Lovelace")
        );
        assert_eq!(
            bench.on(&host, "cat /srv/example/current/limits.conf"),
            "nofile = 65536"
        );
    }
}

/// The one that runs takes its time to end, as on a busy machine: what starts while it still holds the
/// address would find it taken, and nobody would answer.
#[track_caller]
fn a_slow_stop_does_not_keep_the_address_from_the_next(bench: &Bench) {
    let restart = "p=$(cat /run/web/pid); kill -STOP $p; (sleep 0.3; kill -CONT $p) &
        /srv/web/bin/webctl restart; tries=0
        until busybox wget -q -O - http://127.0.0.1:8080/shop/ >/dev/null 2>&1; do
          /srv/web/bin/webctl status && [ $((tries += 1)) -lt 500 ] || { echo nobody; exit; }
        done; echo answers";
    assert_eq!(bench.on("lab1", restart), "answers");
}

#[test]
fn the_web_server_converges_everywhere_and_answers() {
    let Some(bench) = up("b", 5) else { return };
    let small = bench.busybox();
    let (first, second) = converges(&bench, "webserver.yml");
    assert_eq!(first.hosts().len(), 5 + usize::from(small));
    for host in first.hosts() {
        assert_eq!(
            second.count(&host, "skipped"),
            u64::from(host == "bb1"),
            "{second}"
        );
        // Facts, what the includes bring, the command that asks the site, the verdict on it.
        assert!(
            second.count(&host, "round_trips") <= 8,
            "{host} {}",
            second.ended()
        );
        let page = bench.on(&host, "busybox wget -q -O - http://127.0.0.1:8080/docs/");
        assert!(page.contains("<h1>Documentation</h1>"), "{page}");
        assert!(
            bench
                .on(&host, "cat /etc/motd")
                .contains(&format!("This is {host}."))
        );
    }
    a_slow_stop_does_not_keep_the_address_from_the_next(&bench);
    // One site more: two new files and a line, on the hosts that are asked for, by tag.
    let sites = r#"{"web_sites": [{"name": "new", "title": "Nouveauté"}]}"#;
    let at = playbook("webserver.yml");
    let more = bench
        .run(&at, &["-e", sites, "-l", "lab2", "-t", "content"])
        .expect(0);
    let changed: Vec<_> = more.with("changed").into_iter().collect();
    assert_eq!(changed.len(), 4, "{changed:?}");
    assert!(
        bench
            .on("lab2", "busybox wget -q -O - http://127.0.0.1:8080/new/")
            .contains("Nouveauté")
    );
    assert_eq!(
        bench.on("lab3", "ls /srv/web/sites"),
        "docs\nmissing.html\nshop\nsites.txt"
    );
}

const WHO: &str = "
- hosts: lab1
  gather_facts: false
  become: true
  tasks:
    - name: who
      command: id -un
      register: who
    - name: file
      copy: {content: \"{{ who.stdout }}\\n\", dest: /etc/who, mode: '0600'}
    - name: as somebody else
      command: id -un
      become_user: nobody
";

/// Everything that came from sudo's log of this host, or its own words, about wrong passwords.
fn passwords_tried(bench: &Bench) -> usize {
    let log = bench.on("lab1", "cat /var/log/sudo.log 2>/dev/null");
    log.lines()
        .filter(|l| l.contains("incorrect password"))
        .count()
}

#[test]
fn becoming_root_with_and_without_a_password() {
    let Some(bench) = up("c", 1) else { return };
    if !Path::new("/usr/bin/sudo").exists() {
        eprintln!("skipped: sudo is not installed");
        return;
    }
    let play = bench.write("who.yml", WHO);
    let password = bench.write("password", &format!("{ADMIN_PASSWORD}\n"));
    let file = password.to_str().unwrap();
    for options in [
        vec!["-e", "ansible_user=deploy"],
        vec!["-e", "ansible_user=admin", "--become-password-file", file],
    ] {
        bench.on("lab1", "rm -f /etc/who");
        let run = bench.run(&play, &options).expect(0);
        assert_eq!(run.result("lab1", "who")["stdout"], "root");
        assert_eq!(run.result("lab1", "as somebody else")["stdout"], "nobody");
        assert_eq!(
            bench.on("lab1", "stat -c %U:%a /etc/who; cat /etc/who"),
            "root:600\nroot"
        );
    }
}

#[test]
fn a_wrong_password_is_sent_once_and_said_clearly() {
    let Some(bench) = up("d", 1) else { return };
    if !Path::new("/usr/bin/sudo").exists() {
        eprintln!("skipped: sudo is not installed");
        return;
    }
    bench.on(
        "lab1",
        "echo 'Defaults logfile=/var/log/sudo.log,passwd_tries=3' >/etc/sudoers.d/log",
    );
    let play = bench.write("who.yml", WHO);
    let wrong = "not-the-password-of-admin";
    let file = bench.write("password", wrong);
    let options = [
        "-e",
        "ansible_user=admin",
        "--become-password-file",
        file.to_str().unwrap(),
    ];
    let run = bench.run(&play, &options);
    assert!(matches!(run.code, Some(2 | 4)), "{run}");
    let text = format!("{}{}", run.stdout, run.stderr);
    assert!(text.contains("the become password is wrong"), "{run}");
    assert!(!text.contains(wrong));
    assert!(passwords_tried(&bench) <= 1);
    assert_eq!(bench.on("lab1", "ls /etc/who 2>/dev/null"), "");

    let none = bench.run(&play, &["-e", "ansible_user=admin"]);
    assert!(matches!(none.code, Some(2 | 4)), "{none}");
    assert!(
        none.stdout.contains("needs a password, and none was given"),
        "{none}"
    );
}

#[test]
fn who_may_not_become_root_is_told_so() {
    let Some(bench) = up("e", 1) else { return };
    if !Path::new("/usr/bin/sudo").exists() {
        eprintln!("skipped: sudo is not installed");
        return;
    }
    bench.on(
        "lab1",
        "rm -f /etc/sudoers.d/*; printf 'root ALL=(ALL) ALL\\n' >/etc/sudoers",
    );
    let play = bench.write("who.yml", WHO);
    let file = bench.write("password", ADMIN_PASSWORD);
    let options = [
        "-e",
        "ansible_user=admin",
        "--become-password-file",
        file.to_str().unwrap(),
    ];
    let run = bench.run(&play, &options);
    assert!(matches!(run.code, Some(2 | 4)), "{run}");
    assert!(
        run.stdout.contains("admin is not in the sudoers file"),
        "{run}"
    );
    assert!(!run.stdout.contains(ADMIN_PASSWORD));
}

/// Every kind of file action, on states that were there before.
const MANY: &str = "
- hosts: lab1
  gather_facts: false
  tasks:
    - name: copy
      copy: {content: \"new {{ item }}\\n\", dest: '/srv/{{ item }}', mode: '0644'}
      loop: [absent, same, other, mode, owner, long]
    - name: line
      lineinfile: {path: '/srv/line.{{ item }}', line: 'key = 1', regexp: '^key', create: true}
      loop: [absent, empty, has, twice, unended]
    - name: block
      blockinfile: {path: '/srv/block.{{ item }}', block: \"one\\ntwo\", create: true}
      loop: [absent, empty, has, unended]
    - name: replace
      replace: {path: /srv/line.twice, regexp: '^other', replace: 'another'}
    - name: directory
      file: {path: '/srv/dir.{{ item }}', state: directory, mode: '0750', owner: deploy}
      loop: [absent, there, mode]
    - name: link
      file: {src: /srv/absent, path: '/srv/link.{{ item }}', state: link, force: true}
      loop: [absent, there, elsewhere]
    - name: gone
      file: {path: '/srv/gone.{{ item }}', state: absent}
      loop: [absent, file, dir, link]
    - name: touched
      file: {path: /srv/touched, state: touch, mode: '0600', access_time: preserve,
             modification_time: preserve}
    - name: group
      group: {name: builders, gid: 4711}
    - name: user
      user: {name: '{{ item }}', groups: [builders], append: true, comment: Builds}
      loop: [deploy, builder]
    - name: key
      authorized_key: {user: builder, key: '{{ pub }}'}
    - name: cron
      cron: {name: job, cron_file: job, user: root, job: 'true', hour: '4'}
    - name: made
      command: touch /srv/made
      args: {creates: /srv/made}
    - name: unmade
      command: rm /srv/made2
      args: {removes: /srv/made2}
  vars:
    pub: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBmnvRlcBSHGsGm5Jl0WZZJdjEbKMUXMc6CZ2L+cdd12 b@example
";

const BEFORE: &str = r"cd /srv; umask 022; echo 'new same' >same; echo old >other; echo 'new mode' >mode
chmod 600 mode; echo 'new owner' >owner; chown deploy owner; seq 20000 >long
: >line.empty; echo 'key = 0' >line.has; printf 'key=0\nother\nkey=2\n' >line.twice
printf 'a\nkeyless' >line.unended; : >block.empty; printf 'x' >block.unended
printf '# BEGIN ANSIBLE MANAGED BLOCK\none\n# END ANSIBLE MANAGED BLOCK\nafter\n' >block.has
mkdir dir.there dir.mode; chown deploy dir.there; chmod 750 dir.there; chmod 777 dir.mode
ln -s /srv/absent link.there; ln -s /nowhere link.elsewhere
echo x >gone.file; mkdir -p gone.dir/deep; ln -s /etc gone.link; echo y >made2";

#[test]
fn generated_states_converge_as_foretold_and_then_rest() {
    let Some(bench) = up("f", 1) else { return };
    bench.on("lab1", BEFORE);
    let play = bench.write("many.yml", MANY);
    let check = bench.run(&play, &["--check", "--diff"]).expect(0);
    let first = bench.run(&play, &["--diff"]).expect(0);
    assert_foretold(&check, &first);
    let written = bench.on(
        "lab1",
        "cd /srv; for f in $(find . | sort); do stat -c '%n %F %a %U %G' $f; \
        [ -d $f ] || cat $f; done | sha256sum; find /srv /etc /home -name '.*.palisade.*'",
    );
    let second = bench.run(&play, &[]).expect(0);
    second.unchanged();
    assert!(
        second.count("lab1", "round_trips") <= 4,
        "{}",
        second.ended()
    );
    let now = bench.on(
        "lab1",
        "cd /srv; for f in $(find . | sort); do stat -c '%n %F %a %U %G' $f; \
        [ -d $f ] || cat $f; done | sha256sum; find /srv /etc /home -name '.*.palisade.*'",
    );
    assert_eq!(now, written);
    assert_eq!(
        written.lines().count(),
        1,
        "no temporary file stays: {written}"
    );
    // Any prefix of it done already: the rest still converges.
    for upto in ["line", "directory", "user"] {
        bench.lab.reset(&["lab1".into()]).unwrap();
        bench.on("lab1", BEFORE);
        let cut = MANY.split(&format!("    - name: {upto}\n")).next().unwrap();
        let vars = MANY.split("  vars:\n").nth(1).unwrap();
        let text = format!("{cut}  vars:\n{vars}");
        bench.play(&text, &[]).expect(0);
        bench.run(&play, &[]).expect(0);
        bench.run(&play, &[]).expect(0).unchanged();
    }
}
