//! Guarded changes of every kind meet every misfortune: each is kept or put back, never both and never
//! neither, and afterwards a new login comes in and becomes root.
//!
//! Of 5 subjects × 4 changes × 5 misfortunes × 2 systems the cells are a covering set: every pair of
//! subject and change without a misfortune, every subject under every misfortune on both systems, and there
//! every change under every misfortune. What is left out are cells that differ from one of these in the
//! subject alone, or in the change alone.
//!
//! `PALISADE_CELLS=all` runs all 200 of them, and `PALISADE_CELLS=systemd/sshd,pam/slow` those that have all
//! words of one of these. Words are those of [`name`]. `PALISADE_CELLS_AT_ONCE=2` is for a machine that has
//! other things to do: so many hosts of each system. All of them take 18 minutes with six on two busy cores.
//!
//! The lab makes all 200 where it has systemd, PAM and nft; where one is missing its cells are said to be
//! skipped. What it cannot make at all: a *network configuration* that cuts access (its hosts have the
//! addresses they are given, and nothing that configures them), *OpenRC* (none of its
//! profiles boots with it; its hook is tried by itself in `guard_hooks.rs`), a *clock that jumps* (one clock for
//! all hosts, the machine's).

#[path = "e2e/mod.rs"]
mod e2e;

use std::collections::{BTreeMap, VecDeque};
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;

use e2e::{Bench, Run, Running, up};

/// Hosts of each system that are worked on at a time.
const AT_ONCE: usize = 8;

/// The shortest guard there is.
const GUARD: &str = "20";

/// Nothing here takes longer, also where everything else on the machine is busy.
const LONG: Duration = Duration::from_secs(150);

/// Looks again until it is so, or time is up. Twenty that look all the time would be what keeps the machine
/// busy.
fn until(limit: Duration, mut is: impl FnMut() -> bool) -> bool {
    let end = std::time::Instant::now() + limit;
    while std::time::Instant::now() < end {
        if is() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(250));
    }
    is()
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Subject {
    Sshd,
    Sudoers,
    Pam,
    Nftables,
    User,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    Good,
    LocksOut,
    SyntaxError,
    /// It locks out, waits until its guard has run out, and locks out again.
    Slow,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Misfortune {
    None,
    ControllerKilled,
    NetworkCut,
    Rebooted,
    SshdKilled,
}

use {Change as C, Misfortune as M, Subject as S};

const SUBJECTS: [Subject; 5] = [S::Sshd, S::Sudoers, S::Pam, S::Nftables, S::User];
const CHANGES: [Change; 4] = [C::Good, C::LocksOut, C::SyntaxError, C::Slow];
const MISFORTUNES: [Misfortune; 5] = [
    M::None,
    M::ControllerKilled,
    M::NetworkCut,
    M::Rebooted,
    M::SshdKilled,
];

type Cell = (Subject, Change, Misfortune);

/// Words by which cells are chosen: system, subject, change, misfortune.
fn name(systemd: bool, (subject, change, misfortune): Cell) -> [&'static str; 4] {
    let system = if systemd { "systemd" } else { "none" };
    let subject = match subject {
        S::Sshd => "sshd",
        S::Sudoers => "sudoers",
        S::Pam => "pam",
        S::Nftables => "nftables",
        S::User => "user",
    };
    let change = match change {
        C::Good => "good",
        C::LocksOut => "locks-out",
        C::SyntaxError => "syntax-error",
        C::Slow => "slow",
    };
    let misfortune = match misfortune {
        M::None => "calm",
        M::ControllerKilled => "controller-killed",
        M::NetworkCut => "network-cut",
        M::Rebooted => "rebooted",
        M::SshdKilled => "sshd-killed",
    };
    [system, subject, change, misfortune]
}

fn every() -> Vec<Cell> {
    let of = |subject| {
        CHANGES
            .into_iter()
            .flat_map(move |c| MISFORTUNES.into_iter().map(move |m| (subject, c, m)))
    };
    SUBJECTS.into_iter().flat_map(of).collect()
}

/// The cells of a system, the long ones first. Those whose change stays come last: what they leave is no
/// start for the others.
fn cells(systemd: bool, chosen: Option<&str>) -> VecDeque<Cell> {
    let mut cells = match chosen {
        None => covering(systemd),
        Some("all") => every(),
        Some(words) => {
            let words: Vec<Vec<&str>> = words.split(',').map(|w| w.split('/').collect()).collect();
            let all = every().into_iter();
            all.filter(|cell| {
                let name = name(systemd, *cell);
                words.iter().any(|w| w.iter().all(|w| name.contains(w)))
            })
            .collect()
        }
    };
    cells.sort_by_key(|(_, change, misfortune)| *misfortune == M::None && *change != C::Slow);
    cells.into()
}

fn covering(systemd: bool) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (s, subject) in SUBJECTS.into_iter().enumerate() {
        for (m, misfortune) in MISFORTUNES.into_iter().enumerate() {
            let change = CHANGES[(s + m + if systemd { 2 } else { 0 }) % 4];
            cells.push((subject, change, misfortune));
        }
        for (c, change) in CHANGES.into_iter().enumerate() {
            let cell = (subject, change, M::None);
            if (s + c) % 2 == usize::from(systemd) && !cells.contains(&cell) {
                cells.push(cell);
            }
        }
    }
    cells
}

/// What makes the change, as root.
fn script(subject: Subject, change: Change) -> &'static str {
    let bad = |change| matches!(change, C::LocksOut | C::Slow);
    match (subject, change) {
        (S::Sshd, C::Good) => "sed -i '1i LoginGraceTime 44' /etc/ssh/sshd_config",
        (S::Sshd, c) if bad(c) => "sed -i '1i AllowUsers nobody' /etc/ssh/sshd_config",
        (S::Sshd, _) => "sed -i '1i NoSuchOption yes' /etc/ssh/sshd_config",
        (S::Sudoers, C::Good) => "echo 'deploy ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/zz",
        (S::Sudoers, c) if bad(c) => "echo 'deploy ALL=(ALL) !ALL' >/etc/sudoers.d/zz",
        (S::Sudoers, _) => "echo 'deploy ALL=(' >/etc/sudoers.d/zz",
        (S::Pam, C::Good) => "sed -i '1i account optional pam_permit.so' /etc/pam.d/common-account",
        (S::Pam, c) if bad(c) => {
            "sed -i '1i account required pam_deny.so' /etc/pam.d/common-account"
        }
        (S::Pam, _) => "sed -i '1i account required pam_nosuch.so' /etc/pam.d/common-account",
        (S::Nftables, C::Good) => {
            "echo 'table inet t { chain c { type filter hook input priority 0; policy accept; }; }' >/etc/nftables.conf; nft -f /etc/nftables.conf"
        }
        (S::Nftables, c) if bad(c) => {
            "echo 'table inet t { chain c { type filter hook input priority 0; policy drop; }; }' >/etc/nftables.conf; nft -f /etc/nftables.conf"
        }
        (S::Nftables, _) => {
            "echo 'table inet t {' >/etc/nftables.conf; nft -f /etc/nftables.conf || :"
        }
        (S::User, C::Good) => "usermod -c 'Somebody else' deploy",
        (S::User, c) if bad(c) => "usermod -s /usr/sbin/nologin -e 1 deploy",
        (S::User, _) => "sed -i 's/^deploy:x:/deploy;x;/' /etc/passwd",
    }
}

/// Waits on the host until the test lets it go on.
const HOLD: &str = "touch /run/held; until [ -e /run/go ]; do sleep 0.05; done";

/// Everything that a cell may change.
const PRINT: &str = "sha256sum /etc/ssh/sshd_config /etc/sudoers /etc/sudoers.d/* /etc/pam.d/* /etc/passwd \
    /etc/shadow /etc/nftables.conf 2>&1; ! command -v nft >/dev/null || nft list ruleset";

/// How the guards of a host stand.
const ENDS: &str = "cd /var/lib/palisade/guard 2>/dev/null && ls -d */armed */committed */reverting */reverted 2>/dev/null";

fn playbook(bench: &Bench, host: &str, (subject, change, misfortune): Cell) -> std::path::PathBuf {
    let make = script(subject, change);
    let (make, handler) = match (change, misfortune) {
        (C::Slow, _) => (format!("{make}; {HOLD}; {make}"), ":"),
        (_, M::None) => (make.to_owned(), ":"),
        // Nothing further arrives before it is put back.
        (C::LocksOut, _) if subject == S::Nftables => (format!("{make}; {HOLD}"), ":"),
        _ => (make.to_owned(), HOLD),
    };
    let text = format!(
        "
- hosts: all
  gather_facts: false
  tasks:
    - name: change
      guard: true
      notify: behind
      shell: |
        {make}
  handlers:
    - name: behind
      shell: '{handler}'
"
    );
    bench.write(&format!("{host}.yml"), &text)
}

/// Carries a cell out on a host; the error is what is not as it must be.
fn cell(bench: &Bench, host: &str, cell: Cell) -> Result<(), String> {
    let (_, change, misfortune) = cell;
    let on = |script: &str| bench.try_on(host, script).unwrap_or_default();
    on("rm -f /run/held /run/go");
    let (before, ends) = (on(PRINT), on(ENDS));
    let said = |what: &str| {
        Err(format!(
            "{what}\n{}",
            on("tail -n 50 /var/lib/palisade/guard/*/revert.log; cat /etc/rc.local")
        ))
    };

    let login = ["-e", "ansible_user=deploy", "-b", "-l", host];
    let playbook = playbook(bench, host, cell);
    let mut command = bench.palisade(
        &playbook,
        &[&login[..], &["--json", "--guard", GUARD]].concat(),
    );
    let out = bench.path(&format!("{host}.out"));
    let file = std::fs::File::create(&out).unwrap();
    command
        .stdout(Stdio::from(file.try_clone().unwrap()))
        .stderr(Stdio::from(file));
    let mut run = Running(command.spawn().unwrap());
    let words = || std::fs::read_to_string(&out).unwrap_or_default();

    let new = || {
        let now = on(ENDS);
        let mut new = now.lines().filter(|l| !ends.contains(l));
        let new: Vec<String> = new
            .by_ref()
            .map(|l| l.split('/').nth(1).unwrap_or_default().to_owned())
            .collect();
        new.join(" ")
    };
    if change == C::Slow || misfortune != M::None {
        if !until(LONG, || !on("ls /run/held 2>/dev/null").is_empty()) {
            return said(&format!("it was never begun: {}", words()));
        }
        match misfortune {
            M::None => {}
            M::ControllerKilled => run.0.kill().unwrap(),
            M::NetworkCut => bench.lab.cut(host).unwrap(),
            M::Rebooted => drop(bench.lab.restart(&[host.to_owned()]).unwrap()),
            M::SshdKilled => bench.lab.kill_server(host).unwrap(),
        }
        // What is slow goes on after the time is over; what is not, at once.
        if change == C::Slow
            && misfortune != M::Rebooted
            && !until(LONG, || new() == "reverting" && on(PRINT) == before)
        {
            return said(&format!("not put back in time: {}", new()));
        }
        on("touch /run/go");
        if misfortune == M::NetworkCut {
            let back = until(LONG, || new() == "reverted");
            bench.lab.heal(host).unwrap();
            if !back {
                return said(&format!("not put back: {}", new()));
            }
        }
    }
    let mut code = None;
    until(LONG, || {
        code = run.0.try_wait().unwrap();
        code.is_some()
    });
    let mut good = change == C::Good && misfortune == M::None;
    if change == C::SyntaxError && misfortune == M::None {
        // What does not hinder a login is confirmed by one.
        until(LONG, || ["committed", "reverted"].contains(&&*new()));
        good = new() == "committed";
    }
    let (end, expected) = if good {
        ("committed", 0)
    } else {
        ("reverted", 9)
    };
    if !until(LONG, || new() == end) {
        return said(&format!("it is `{}`, not {end}: {}", new(), words()));
    }
    if misfortune != M::ControllerKilled && code.and_then(|c| c.code()) != Some(expected) {
        return said(&format!("the run ended with {code:?}: {}", words()));
    }
    let after = on(PRINT);
    if !good && after != before {
        return said(&format!("before:\n{before}\nafter:\n{after}"));
    }
    let left = on(
        "ls /etc/cron.d /etc/init.d /etc/systemd/system /etc/systemd/system/sysinit.target.wants 2>/dev/null | grep palisade-guard; grep -s palisade /etc/rc.local",
    );
    if !left.is_empty() {
        return said(&format!("left behind: {left}"));
    }
    let play = "- {hosts: all, gather_facts: false, tasks: [{command: id -u}]}";
    let play = bench.write(&format!("{host}-login.yml"), play);
    let mut last = String::new();
    let comes_in = || {
        let run = bench.run(&play, &login);
        last = run.to_string();
        run.code == Some(0) && Run::result(&run, host, "command")["stdout"] == "0"
    };
    if !until(LONG, comes_in) {
        return said(&format!("nobody comes in: {last}"));
    }
    // It has ended once, and nothing that was still under way has ended it again.
    match new() {
        now if now == end => Ok(()),
        now => said(&format!("it was {end}, and is `{now}`")),
    }
}

/// Gives a host `nft`, where its packages were fetched.
fn nft(bench: &Bench, host: &str) -> bool {
    // Not over the root itself: its links to directories would become directories.
    let script = "command -v nft >/dev/null || for p in libnftnl11 libnftables1 nftables; do \
                  dpkg -x /var/cache/palisade-tests/${p}_*.deb /mnt/nft; done 2>/dev/null; \
                  for d in /mnt/nft/*; do [ ! -d $d ] || cp -a $d/. ${d#/mnt/nft}/; done; \
                  nft list ruleset && echo works";
    bench.on(host, script).contains("works")
}

#[test]
fn whatever_is_changed_and_whatever_happens_it_is_kept_or_put_back_and_a_new_login_comes_in() {
    let chosen = std::env::var("PALISADE_CELLS").ok();
    let at_once = std::env::var("PALISADE_CELLS_AT_ONCE").ok();
    let at_once = at_once.map_or(AT_ONCE, |n| n.parse().unwrap());
    let queues = [false, true].map(|systemd| cells(systemd, chosen.as_deref()));
    assert!(
        queues.iter().any(|q| !q.is_empty()),
        "no cell is {chosen:?}"
    );
    let hosts = [0, 1].map(|system: usize| at_once.min(queues[system].len()));
    let Some(bench) = up("a", hosts[0]) else {
        return;
    };
    let systems = match hosts[1] == 0 || bench.systemds(hosts[1]) {
        true => 2,
        false => 1,
    };
    let mut left: usize = queues.iter().take(systems).map(VecDeque::len).sum();
    let queues = queues.map(Mutex::new);
    let wrong = Mutex::new(Vec::new());
    let skipped = Mutex::new(0);
    let took = Mutex::new(BTreeMap::<String, f64>::new());
    std::thread::scope(|scope| {
        for (systemd, queue) in [false, true].into_iter().zip(&queues).take(systems) {
            let prefix = if systemd { "sd" } else { "lab" };
            for n in 1..=hosts[usize::from(systemd)] {
                let (bench, wrong, took, skipped) = (&bench, &wrong, &took, &skipped);
                scope.spawn(move || {
                    let host = format!("{prefix}{n}");
                    let nft = nft(bench, &host);
                    let next = || queue.lock().unwrap().pop_front();
                    while let Some(one) = next() {
                        let name = name(systemd, one).join("/");
                        if one.0 == S::Nftables && !nft {
                            eprintln!(
                                "skipped: {name}: there is no nft for {host} (tests/install-deps)"
                            );
                            *skipped.lock().unwrap() += 1;
                            continue;
                        }
                        let began = std::time::Instant::now();
                        if let Err(why) = cell(bench, &host, one) {
                            eprintln!("{host}: {name}: {why}");
                            wrong.lock().unwrap().push(format!("{host}: {name}: {why}"));
                            // It may be in any state now.
                            return;
                        }
                        let seconds = began.elapsed().as_secs_f64();
                        eprintln!("{host}: {name}: {seconds:.0} s");
                        took.lock().unwrap().insert(name, seconds);
                    }
                });
            }
        }
    });
    left -= skipped.into_inner().unwrap();
    let wrong = wrong.into_inner().unwrap();
    let took = took.into_inner().unwrap();
    println!("{} of {left} cells: {took:#?}", took.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert_eq!(took.len(), left);
}
