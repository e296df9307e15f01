//! A run that is killed at any moment is gone on with: everything comes to be as it was meant, no handler
//! is lost, no command runs twice without being told to, nothing torn or left over stays behind.

#[path = "e2e/mod.rs"]
mod e2e;
#[path = "e2e_resume/full.rs"]
mod full;
#[path = "e2e_resume/verbs.rs"]
mod verbs;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use e2e::{Bench, Json, PALISADE, Run, output, up};

/// How often a run is killed, where nobody says otherwise.
const KILLS: u64 = 4;

fn given(name: &str, or: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|v| v.parse().ok())
        .unwrap_or(or)
}

fn verb(bench: &Bench, words: &[&str]) -> Run {
    let mut command = Command::new(PALISADE);
    command.args(words);
    bench.surround(&mut command);
    Run::of(&output(&mut command))
}

fn resume(bench: &Bench, words: &[&str]) -> Run {
    verb(bench, &[&["resume", "--json"], words].concat())
}

/// The runs as `palisade log` lists them.
fn log(bench: &Bench) -> Vec<Json> {
    verb(bench, &["log", "-n", "0", "--format", "json"])
        .expect(0)
        .events
}

/// Numbers that look random, and are the same for the same seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }
}

/// Everything of it follows from `gen`; the effect of each handler is a copy of what was changed.
const SITE: &str = "
- hosts: all
  gather_facts: false
  vars_files: [gen.yml]
  tasks:
    - {name: folder, file: {path: '/srv/t/d{{ gen }}', state: directory}}
    - {name: conf, copy: {content: \"conf {{ gen }}\\n\", dest: /srv/t/conf}, notify: reload conf}
    - {name: many, copy: {content: \"{{ item }} {{ gen }}\\n\", dest: '/srv/t/many{{ item }}'}, loop: [1, 2, 3, 4, 5, 6], notify: reload many}
    - {name: once, command: \"sh -c 'echo {{ gen }} >>/srv/t/once; echo said {{ gen }}'\", register: said, changed_when: false}
    - {name: said, copy: {content: \"{{ said.stdout }}\\n\", dest: /srv/t/said}}
    - {name: early, meta: flush_handlers}
    - {name: big, copy: {src: big, dest: /srv/t/big}, notify: reload big}
    - {name: made, command: 'sh -c \"echo x >>/srv/t/made{{ gen }}\"', args: {creates: '/srv/t/made{{ gen }}'}}
    - {name: line, lineinfile: {path: /srv/t/lines, line: 'line {{ gen }}', create: true}, notify: reload lines}
  handlers:
    - {name: reload conf, command: cp /srv/t/conf /srv/t/seen_conf}
    - {name: reload many, shell: cat /srv/t/many? >/srv/t/seen_many}
    - {name: reload big, command: cp /srv/t/big /srv/t/seen_big}
    - {name: reload lines, command: cp /srv/t/lines /srv/t/seen_lines}
";

fn prepare(bench: &Bench, generation: u64) -> std::path::PathBuf {
    bench.write("gen.yml", &format!("gen: {generation}\n"));
    // Larger than what travels inside a script.
    let big = format!("{generation} and so on\n").repeat(20_000);
    bench.write("files/big", &big);
    bench.write("site.yml", SITE)
}

/// What is torn: a file that is neither of this generation nor of one before.
fn torn(bench: &Bench, host: &str, generation: u64) {
    let script = "cd /srv/t 2>/dev/null || exit 0; for f in conf many? said big; do \
                  [ ! -e $f ] || echo \"$f $(sort -u $f | wc -l) $(wc -c <$f) $(tail -n 1 $f)\"; done";
    for line in bench.on(host, script).lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |text: &str| text.parse::<u64>().ok();
        let found = words.iter().skip(3).find_map(|w| number(w)).unwrap_or(0);
        assert_eq!(words[1], "1", "{host}: {line}");
        if words[0] == "big" {
            let size = format!("{found} and so on\n").len() as u64 * 20_000;
            assert_eq!(number(words[2]), Some(size), "{host}: {line}");
        }
        assert!(found <= generation.max(6), "{host}: {line}");
    }
}

/// Everything is as the generation says, handlers have run, nothing is left over.
fn as_meant(bench: &Bench, host: &str, generation: u64, once: bool) {
    let script = "cd /srv/t; cmp conf seen_conf; cat many? | cmp - seen_many; cmp big seen_big; \
                  cmp lines seen_lines; cat conf said; tail -n 1 lines; cat made$1; head -n 1 big; ls -d d$1; \
                  find / -xdev \\( -name '.*.palisade.*' -o -name '.palisade.*' \\) -print 2>/dev/null; \
                  echo once $(grep -cx $1 once)";
    let script = script.replace("$1", &generation.to_string());
    let g = generation;
    let (times, found) = {
        let found = bench.on(host, &script);
        let (rest, times) = found.rsplit_once("once ").unwrap();
        (times.parse::<u64>().unwrap(), rest.trim().to_owned())
    };
    let wanted = format!("conf {g}\nsaid {g}\nline {g}\nx\n{g} and so on\nd{g}");
    assert_eq!(found, wanted, "{host}");
    assert!(times == 1 || times == 2 && !once, "{host}: once {times}");
}

#[test]
fn a_run_killed_at_any_moment_is_gone_on_with_and_nothing_is_lost() {
    let Some(bench) = up("rk", 8) else {
        return;
    };
    let seed = given("PALISADE_SEED", 20_261_121).max(1);
    let kills = given("PALISADE_KILLS", KILLS);
    println!("seed {seed}, {kills} kills");
    let mut numbers = Numbers(seed);
    let hosts: Vec<String> = prepared_hosts(&bench);
    let began = Instant::now();
    let site = prepare(&bench, 0);
    bench.run(&site, &[]).expect(0);
    let whole = u64::try_from(began.elapsed().as_micros()).unwrap();
    let (mut unfinished, mut unsure) = (0, 0);
    for generation in 1..=kills {
        let site = prepare(&bench, generation);
        let mut command = bench.palisade(&site, &[]);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(numbers.below(whole)));
        child.kill().unwrap();
        let killed = !child.wait().unwrap().success();
        for host in &hosts {
            torn(&bench, host, generation);
        }
        let at = log(&bench);
        let mine = at.first().filter(|_| at.len() as u64 > runs_before(&bench));
        let open = mine.is_some_and(|run| run["state"] == "unfinished (killed)");
        let mut once = true;
        if killed && open {
            unfinished += 1;
            let run = resume(&bench, &[]);
            if run.code == Some(2) {
                // Of a command nobody knows whether it ended: it is not repeated unless somebody says so.
                let failed = run.with("failed");
                assert!(
                    failed.iter().all(|f| f.contains("/once")),
                    "{failed:?} {run}"
                );
                assert!(run.stdout.contains("nobody knows"), "{run}");
                (once, unsure) = (false, unsure + 1);
                resume(&bench, &["--repeat"]).expect(0);
            } else {
                run.expect(0);
            }
        } else {
            // Killed before anything was written down, or when it had ended: then this is a second run.
            once = mine.is_none();
            bench.run(&site, &[]).expect(0);
        }
        println!("{generation}: killed {killed}, open {open}, once {once}");
        for host in &hosts {
            as_meant(&bench, host, generation, once);
        }
        let third = bench.run(&site, &[]).expect(0);
        third.unchanged();
        assert!(!third.stderr.contains("pending"), "{third}");
        let left = log(&bench);
        let left = left.iter().find(|r| {
            let state = r["state"].as_str().unwrap_or_default();
            state.starts_with("unfinished") || state.contains("pending")
        });
        assert_eq!(left, None);
        noted(&bench);
    }
    println!(
        "{unfinished} of {kills} were resumed, {unsure} of them with a command nobody knew of"
    );
}

/// The file where the number of runs seen so far stands.
fn runs_before(bench: &Bench) -> u64 {
    let text = std::fs::read_to_string(bench.path("seen")).unwrap_or_default();
    text.parse().unwrap_or(0)
}

fn noted(bench: &Bench) {
    bench.write("seen", &bench.journals().len().to_string());
}

fn prepared_hosts(bench: &Bench) -> Vec<String> {
    let text = std::fs::read_to_string(bench.path("inventory.ini")).unwrap();
    let first = |line: &str| line.split_whitespace().next().map(str::to_owned);
    let hosts: Vec<String> = text
        .lines()
        .filter(|l| l.contains("ansible_host"))
        .filter_map(first)
        .collect();
    assert!(!hosts.is_empty(), "{text}");
    for host in &hosts {
        bench.on(host, "mkdir -p /srv/t");
    }
    hosts
}

pub(crate) const FAILS: &str = "
- hosts: all
  gather_facts: false
  tasks:
    - {name: conf, copy: {content: new, dest: /etc/conf}, notify: [reload, told]}
    - {name: ran, command: \"sh -c 'echo x >>/etc/ran; echo words'\", register: ran}
    - {name: stands, command: test -e /etc/stands, changed_when: false}
    - {name: used, copy: {content: '{{ ran.stdout }}', dest: /etc/used}}
  handlers:
    - {name: reload, command: cp /etc/conf /etc/seen}
    - {name: told, command: touch /etc/told}
";

#[test]
fn handlers_of_a_host_that_failed_are_pending_until_they_are_resumed() {
    let Some(bench) = up("rp", 2) else {
        return;
    };
    let hosts = prepared_hosts(&bench);
    let (good, bad) = (&hosts[0], &hosts[1]);
    bench.on(good, "touch /etc/stands");
    let first = bench.play(FAILS, &[]).expect(2);
    let pending: Vec<&Json> = first
        .events
        .iter()
        .filter(|e| e["event"] == "pending")
        .collect();
    assert_eq!(pending.len(), 1, "{first}");
    assert_eq!(pending[0]["host"], bad.as_str());
    assert_eq!(
        pending[0]["handlers"],
        serde_json::json!(["reload", "told"])
    );
    // An ordinary run says so, and they stay pending.
    let second = bench.play(FAILS, &[]).expect(2);
    assert!(
        second
            .stderr
            .contains(&format!("still pending on {bad}: reload")),
        "{second}"
    );
    assert_eq!(
        bench
            .on(bad, "ls /etc/seen /etc/told; grep -c x /etc/ran")
            .trim(),
        "2"
    );
    // Gone on with, the host is asked again what failed, and the command that ended is not run again.
    let failed = resume(&bench, &[]).expect(2);
    assert_eq!(failed.hosts(), std::slice::from_ref(bad));
    bench.on(bad, "touch /etc/stands");
    let human = verb(&bench, &["resume", "--check"]).expect(0);
    assert!(human.stderr.contains("resuming"), "{human}");
    resume(&bench, &[]).expect(0);
    let found = "cat /etc/seen; echo; cat /etc/used; echo; ls /etc/told; grep -c x /etc/ran";
    assert_eq!(bench.on(bad, found), "new\nwords\n/etc/told\n2");
    let over = verb(&bench, &["resume"]);
    assert!(
        over.stderr
            .contains("every run that is recorded came to its end"),
        "{over}"
    );
    // Who changed it, and what a run did.
    let who = verb(&bench, &["log", "--host", bad, "--path", "/etc/conf"]).expect(0);
    assert!(who.stdout.contains("/etc/conf: "), "{who}");
    let newest = log(&bench)[0]["run"].as_str().unwrap().to_owned();
    let shown = verb(&bench, &["show", &newest]).expect(0);
    assert!(
        shown.stdout.contains("/etc/used") && shown.stdout.contains("goes on with"),
        "{shown}"
    );
    explained(&bench, bad);
    let missing = verb(&bench, &["show", "1999"]).expect(1);
    assert!(
        missing.stderr.contains("no run `1999` is recorded"),
        "{missing}"
    );
}

/// Why a variable has its value, and why a task does what it does.
fn explained(bench: &Bench, host: &str) {
    let text = "
- hosts: all
  gather_facts: false
  vars: {port: 80}
  tasks:
    - {name: passed over, command: 'false', when: port == 81}
    - {name: would be, copy: {content: other, dest: /etc/conf}, vars: {port: 82}}
";
    bench.write("why.yml", text);
    bench.write("group_vars/all.yml", "port: 8080\n");
    let inventory = bench.path("inventory.ini").display().to_string();
    let explain = |words: &[&str]| {
        let words = [
            &["explain"],
            words,
            &["--host", host, "-i", &inventory, "why.yml"],
        ]
        .concat();
        verb(bench, &words)
    };
    let var = explain(&["var", "port"]).expect(0);
    let order: Vec<&str> = var
        .stdout
        .lines()
        .skip(1)
        .filter_map(|l| l.split_whitespace().next())
        .collect();
    assert_eq!(order, ["may", "wins", "overridden"], "{var}");
    assert!(
        var.stdout.contains("why.yml:4:16") && var.stdout.contains("group_vars/all.yml:1:7"),
        "{var}"
    );
    let skipped = explain(&["task", "passed"]).expect(0);
    assert!(
        skipped.stdout.contains("`when: port == 81` does not hold"),
        "{skipped}"
    );
    let would = explain(&["task", "would be"]).expect(0);
    assert!(
        would.stdout.contains("would change:") && would.stdout.contains("/etc/conf"),
        "{would}"
    );
    let none = explain(&["task", "nowhere"]).expect(1);
    assert!(none.stderr.contains("is called `nowhere`"), "{none}");
    assert_eq!(bench.on(host, "cat /etc/conf"), "new");
}

#[test]
fn a_playbook_that_changed_and_values_that_were_not_recorded_are_asked_for() {
    let Some(bench) = up("rc", 1) else {
        return;
    };
    let host = prepared_hosts(&bench).remove(0);
    let text = "
- hosts: all
  gather_facts: false
  tasks:
    - {name: conf, copy: {content: '{{ secret }}', dest: /etc/conf}}
    - {name: stands, command: test -e /etc/stands, changed_when: false}
";
    let option = ["-e", "secret=verysecret"];
    bench.play(text, &option).expect(2);
    let record = std::fs::read_to_string(&bench.journals()[0]).unwrap();
    assert!(!record.contains("verysecret"), "{record}");
    let run = resume(&bench, &[]).expect(1);
    assert!(run.stderr.contains("not recorded: secret"), "{run}");
    bench.on(&host, "touch /etc/stands");
    bench.write(
        "play.yml",
        &format!("{text}    - {{name: more, command: 'true'}}\n"),
    );
    let run = resume(&bench, &option).expect(1);
    assert!(run.stderr.contains("changed since the run"), "{run}");
    let run = resume(&bench, &["-e", "secret=verysecret", "--changed-ok"]).expect(0);
    assert!(
        run.words().keys().any(|(_, task, _)| task == "/more"),
        "{run}"
    );
    // A damaged record is set aside and said so; the others are there.
    let path = bench.path("state/palisade/runs/20000101-000000-000000.jsonl");
    std::fs::write(&path, "{\"version\":3,\"torn").unwrap();
    let list = verb(&bench, &["log"]).expect(0);
    assert!(list.stderr.contains("set aside"), "{list}");
    assert!(!path.exists() && path.with_extension("damaged").exists());
    assert!(
        !verb(&bench, &["log"])
            .expect(0)
            .stderr
            .contains("set aside")
    );
}
