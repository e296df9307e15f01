//! System actions on a real shell: what they decide is done, and then there is nothing left to do.
//!
//! The shell runs in namespaces of its own over a copy-on-write view of this machine's root, so that
//! accounts and packages may change there. Where that cannot be had, the tests say so and pass.

mod driver;

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use driver::Shell;
use palisade::action::{Decision, Done, Observed, Step, find};
use palisade::resource::apply::{RunContext, StepOutcome};
use palisade::resource::{Content, Probe, Query, Resource, State};
use palisade::source::{Mapping, Value};

/// A root that forgets what is written to it.
const OVERLAY: &str = "mount -t tmpfs t /mnt && mkdir /mnt/u /mnt/w /mnt/r && \
     mount -t overlay o -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w /mnt/r && \
     mount -t proc p /mnt/r/proc && mount --bind /dev /mnt/r/dev && mount -t tmpfs t /mnt/r/run && \
     mount -t sysfs s /mnt/r/sys && \
     exec chroot /mnt/r ";

struct Host {
    shell: Shell,
    seen: Observed,
}

/// What came of one task.
#[derive(Debug)]
struct Outcome {
    changed: bool,
    result: Mapping,
    failed: Option<String>,
    facts: Option<Mapping>,
    decision: Option<Decision>,
}

impl Outcome {
    fn get(&self, key: &str) -> Value {
        self.result.get(key).cloned().unwrap_or(Value::Null)
    }
}

impl Host {
    fn open(shell: &str) -> Option<Host> {
        let probe = Command::new("unshare")
            .args([
                "-m",
                "-u",
                "-p",
                "-f",
                "sh",
                "-c",
                &format!("{OVERLAY} true"),
            ])
            .stderr(Stdio::null())
            .status();
        if !probe.is_ok_and(|s| s.success()) {
            eprintln!("no namespaces here: not tested");
            return None;
        }
        let mut command = Command::new("unshare");
        let line = format!("{OVERLAY} {shell}");
        command.args(["-m", "-u", "-p", "-f", "sh", "-c", &line]);
        Some(Host {
            shell: Shell::start(command, shell.to_owned()),
            seen: Observed::default(),
        })
    }

    /// Brings bytes there: on their own channel in earnest, as a document within the script here.
    fn upload(&mut self, upload: &palisade::resource::apply::Upload) {
        let bytes = match (&upload.content.bytes, &upload.content.source) {
            (Some(bytes), _) => bytes.to_vec(),
            (None, Some(path)) => std::fs::read(path).unwrap(),
            (None, None) => panic!("an upload of nothing"),
        };
        let mut text = String::from("pl_up() { base64 -d | (\n");
        text.push_str(&upload.command);
        text.push_str("\n)\n}\npl_up <<'UP'\n");
        for line in base64(&bytes).as_bytes().chunks(76) {
            text.push_str(std::str::from_utf8(line).unwrap());
            text.push('\n');
        }
        text.push_str("UP");
        self.shell.ask(&text);
    }

    fn local(query: &Query) -> Option<State> {
        let Resource::Local { path, .. } = &query.on else {
            return None;
        };
        Some(match std::fs::read(path) {
            Ok(bytes) if bytes.len() as u64 > palisade::resource::hash::INLINE_LIMIT => {
                let content = Content::read(&mut bytes.as_slice(), path.as_ref());
                State::Content(content.unwrap())
            }
            Ok(bytes) => State::Content(Content::new(bytes)),
            Err(_) => State::Absent,
        })
    }

    /// Asks, decides and carries out one task.
    fn act(&mut self, action: &str, yaml: &str) -> Outcome {
        let args: Mapping = serde_yaml::from_str(yaml).unwrap();
        let task = (find(action).unwrap().parse)(args).unwrap_or_else(|e| panic!("{e:?}"));
        self.seen = Observed::new(self.shell.hello.me.clone());
        for _ in 0..4 {
            let queries = task.reads(&self.seen);
            let open: Vec<Query> = queries
                .into_iter()
                .filter(|q| !self.seen.answers(q))
                .collect();
            if open.is_empty() {
                break;
            }
            let (here, there): (Vec<_>, Vec<_>) =
                open.into_iter().partition(|q| Host::local(q).is_some());
            for query in here {
                let state = Host::local(&query).unwrap();
                self.seen.put(query, state);
            }
            if there.is_empty() {
                continue;
            }
            let probe = Probe::new(&there);
            let records = self.shell.ask(probe.script.text());
            for (query, state) in probe.read(&records).unwrap() {
                self.seen.put(query, state);
            }
        }
        let failure = |f: palisade::action::Failure| Outcome {
            changed: false,
            failed: Some(f.message),
            result: f.result,
            facts: None,
            decision: None,
        };
        let decision = match task.decide(&self.seen) {
            Ok(decision) => decision,
            Err(f) => return failure(f),
        };
        assert_eq!(
            self.seen.strays(),
            [],
            "{action} looked at what it had not asked for"
        );
        let mut done = Vec::new();
        for step in &decision.steps {
            let mut apply = self.shell.apply();
            match step {
                Step::Set(change) => apply.change(change, &self.shell.hello.clone()).unwrap(),
                Step::Run(run) => apply.run(run, &RunContext::default()).unwrap(),
                Step::Control(control) => {
                    eprintln!("not carried out: {control:?}");
                    continue;
                }
            }
            let script = apply.script().to_owned();
            for upload in apply.uploads().to_vec() {
                self.upload(&upload);
            }
            let records = self.shell.ask(&script);
            match apply.read(&records, true).unwrap().steps.remove(0) {
                StepOutcome::Done(said) => done.push(Done::Set(said)),
                StepOutcome::Ran(ran) => done.push(Done::Ran(ran)),
                other => {
                    let mut outcome = failure(format!("{other:?}").into());
                    outcome
                        .result
                        .insert("step".into(), format!("{step:?}").into());
                    return outcome;
                }
            }
        }
        let concluded = match decision.steps.is_empty() {
            true => Ok(decision.result.clone()),
            false => task.conclude(&decision, &done),
        };
        match concluded {
            Ok(result) => Outcome {
                changed: result
                    .get("changed")
                    .and_then(Value::as_bool)
                    .unwrap_or(decision.changes()),
                result,
                failed: None,
                facts: decision.facts.clone(),
                decision: Some(decision),
            },
            Err(f) => failure(f),
        }
    }

    /// Carries a task out, and once more to see that nothing is left to do.
    fn once(&mut self, action: &str, yaml: &str) -> Outcome {
        let first = self.act(action, yaml);
        assert_eq!(first.failed, None, "{action} {yaml}: {first:#?}");
        assert!(first.changed, "{action} {yaml} changes something");
        let second = self.act(action, yaml);
        assert!(
            !second.changed,
            "{action} {yaml} is settled: {:#?}",
            second.decision
        );
        first
    }

    fn sh(&mut self, text: &str) -> String {
        let yaml = serde_yaml::to_string(&palisade::result! { "cmd" => text }).unwrap();
        let outcome = self.act("shell", &yaml);
        outcome
            .get("stdout")
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A playbook's tasks in `ACT`, carried out in turn: for looking at what actions do.
#[test]
#[ignore = "a tool: ACT=tasks.yml ACT_SHELL=dash"]
fn act() {
    let text = std::fs::read_to_string(std::env::var("ACT").unwrap()).unwrap();
    let shell = std::env::var("ACT_SHELL").unwrap_or("sh".into());
    let tasks: Vec<Mapping> = serde_yaml::from_str(&text).unwrap();
    let mut host = Host::open(&shell).unwrap();
    for task in tasks {
        let (name, args) = task.into_iter().next().unwrap();
        let name = name.as_str().unwrap().to_owned();
        let args = match args {
            Value::String(text) => {
                let key = find(&name).unwrap().free_form.unwrap();
                Value::Mapping(palisade::result! { key => text })
            }
            args => args,
        };
        let outcome = host.act(&name, &serde_yaml::to_string(&args).unwrap());
        let word = match (&outcome.failed, outcome.changed) {
            (Some(why), _) => format!("FAILED {why}"),
            (None, true) => "changed".into(),
            (None, false) => "ok".into(),
        };
        println!(
            "{name} {word}\n    {}",
            serde_json::to_string(&outcome.result).unwrap()
        );
        if let Some(facts) = outcome.facts {
            println!("    facts {}", serde_json::to_string(&facts).unwrap());
        }
        for warning in outcome.decision.iter().flat_map(|d| &d.warnings) {
            println!("    warning: {warning}");
        }
    }
}

#[test]
fn accounts_are_made_changed_and_removed() {
    for shell in ["dash", "bash --posix", "busybox sh"] {
        let Some(mut host) = Host::open(shell) else {
            return;
        };
        host.once("group", "{name: plteam, gid: 4444}");
        let user = "{name: plann, group: plteam, groups: [daemon, bin], comment: A B, shell: /bin/sh, \
                    password: '$6$abc$def', expires: 1893456000, password_expire_max: 30}";
        let made = host.once("user", user);
        assert_eq!(made.get("group"), Value::from(4444));
        assert_eq!(
            host.sh("id -Gn plann; stat -c %U ~plann; getent shadow plann | cut -d: -f2,5,8"),
            "plteam daemon bin\nplann\n$6$abc$def:30:21915"
        );
        host.once(
            "user",
            "{name: plann, groups: sys, append: true, password_lock: true}",
        );
        assert_eq!(host.sh("getent shadow plann | cut -d: -f2"), "!$6$abc$def");
        host.once(
            "user",
            "{name: plann, groups: sys, expires: -1, uid: 5555, password_lock: no}",
        );
        host.once(
            "user",
            "{name: plann, home: /home/elsewhere, move_home: true}",
        );
        assert_eq!(
            host.sh("id -Gn plann; id -u plann; ls -d /home/elsewhere"),
            "plteam sys\n5555\n/home/elsewhere"
        );
        let missing = host.act("user", "{name: plann, groups: nowhere}");
        assert_eq!(
            missing.failed.as_deref(),
            Some("Group nowhere does not exist")
        );
        host.once("user", "{name: plann, state: absent, remove: true}");
        host.once("group", "{name: plteam, state: absent}");
    }
}

#[test]
fn packages_come_and_go() {
    let Some(mut host) = Host::open("dash") else {
        return;
    };
    let ready = host.sh(
        "set -e; command -v apt-get dpkg-deb dpkg-scanpackages >/dev/null; mkdir /tmp/r; cd /tmp/r; \
         for v in 1.0 1.1; do mkdir -p b/DEBIAN; printf 'Package: plpkg\nVersion: %s\nArchitecture: all\n\
         Maintainer: x <x@x>\nProvides: plvirtual\nDescription: x\n' $v > b/DEBIAN/control; \
         dpkg-deb -b b plpkg_$v.deb >/dev/null; done; dpkg-scanpackages -m . > Packages 2>/dev/null; \
         rm -rf /etc/apt/sources.list /etc/apt/sources.list.d; \
         echo 'deb [trusted=yes] file:/tmp/r ./' > /etc/apt/sources.list; \
         touch -d '3 days ago' /var/lib/apt/lists; rm -f /var/lib/apt/periodic/*stamp; echo ready",
    );
    if ready != "ready" {
        eprintln!("no apt here: not tested");
        return;
    }
    host.once("apt", "{update_cache: true, cache_valid_time: 3600}");
    host.once("apt", "{name: plpkg=1.0*}");
    assert!(!host.act("apt", "{name: plvirtual}").changed);
    host.once("apt", "{name: plpkg, state: latest}");
    assert_eq!(host.sh("dpkg-query -W plpkg"), "plpkg\t1.1");
    host.once("package", "{name: plpkg, state: absent}");
    host.once("apt", "{deb: /tmp/r/plpkg_1.0.deb}");
    host.once("apt", "{upgrade: dist}");
    let missing = host.act("apt", "{name: plnowhere}");
    assert_eq!(
        missing.failed.as_deref(),
        Some("No package matching 'plnowhere' is available")
    );
}

#[test]
fn services_start_and_stop_by_their_init_scripts() {
    for shell in ["dash", "busybox sh"] {
        let Some(mut host) = Host::open(shell) else {
            return;
        };
        host.sh(
            "printf '#!/bin/sh\ncase $1 in start) touch /tmp/up;; stop) rm -f /tmp/up;; restart) echo r >>/tmp/log;; \
             status) [ -e /tmp/up ] || exit 3;; esac\n' >/etc/init.d/plsvc; chmod 755 /etc/init.d/plsvc",
        );
        host.once("service", "{name: plsvc, state: started}");
        assert!(
            host.act("service", "{name: plsvc, state: restarted}")
                .changed
        );
        assert_eq!(host.sh("cat /tmp/log"), "r");
        host.once("sysvinit", "{name: plsvc, state: stopped}");
        let gone = host.act("service", "{name: plnone, state: started}");
        assert_eq!(
            gone.failed.as_deref(),
            Some("Could not find the requested service plnone: host")
        );
    }
}

#[test]
fn archives_are_looked_into_before_they_are_unpacked() {
    for shell in ["dash", "bash --posix", "busybox sh"] {
        let Some(mut host) = Host::open(shell) else {
            return;
        };
        host.sh(
            "mkdir -p /tmp/s/d /tmp/t /tmp/u; cd /tmp/s; echo 1 >a; echo 2 >'d/b c'; ln -s a l; chmod 600 a; \
             tar -czf /tmp/x.tgz .; tar -cf /tmp/x.tar a d l",
        );
        for archive in ["x.tgz", "x.tar"] {
            let plain = format!("{{src: /tmp/{archive}, dest: /tmp/t, remote_src: true}}");
            host.sh("rm -rf /tmp/t/*");
            host.once("unarchive", &plain);
            let settled = host.act("unarchive", &plain);
            assert_eq!(settled.failed, None, "{shell} {archive}");
            let settled = settled.decision.unwrap();
            assert!(settled.steps.is_empty(), "{shell}: nothing is run");
            for spoil in [
                "echo 3 >a",
                "chmod 644 a",
                "rm 'd/b c'",
                "ln -sf d l",
                "chown 1 a",
            ] {
                host.sh(&format!("cd /tmp/t && {spoil}"));
                host.once("unarchive", &plain);
            }
            host.sh("touch /tmp/t/a; rm '/tmp/t/d/b c'");
            let part = format!(
                "{{src: /tmp/{archive}, dest: /tmp/t, remote_src: true, exclude: ['*b c']}}"
            );
            let part = host.act("unarchive", &part);
            // Not every busybox has a tar that leaves things out; it says so.
            match part.failed {
                Some(why) => assert!(why.contains("unrecognized option '--exclude"), "{why}"),
                None => assert!(part.decision.unwrap().steps.is_empty(), "{shell} {archive}"),
            }
            let owned = format!(
                "{{src: /tmp/{archive}, dest: /tmp/u, remote_src: true, owner: bin, mode: u=rwX}}"
            );
            host.sh("rm -rf /tmp/u/*");
            host.once("unarchive", &owned);
            assert!(
                host.act("unarchive", &owned)
                    .decision
                    .unwrap()
                    .steps
                    .is_empty()
            );
        }
        assert_eq!(
            host.sh("stat -c %U /tmp/u/a; ls -A /tmp/t; ls -A /var/tmp | grep palis"),
            "bin\na\nd\nl"
        );
        let gone = host.act(
            "unarchive",
            "{src: /tmp/none.tgz, dest: /tmp/t, remote_src: true}",
        );
        assert!(gone.failed.unwrap().contains("does not exist"));
    }
}

#[test]
fn archives_of_any_size_are_brought_to_the_host() {
    let Some(mut host) = Host::open("dash") else {
        return;
    };
    let folder = std::env::temp_dir().join(format!("palisade-large-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut noise = vec![0; 3 << 20];
    std::fs::File::open("/dev/urandom")
        .unwrap()
        .read_exact(&mut noise)
        .unwrap();
    std::fs::write(folder.join("noise"), &noise).unwrap();
    let archive = folder.join("x.tgz");
    let mut tar = Command::new("tar");
    tar.arg("-czf")
        .arg(&archive)
        .arg("-C")
        .arg(&folder)
        .arg("noise");
    assert!(tar.status().unwrap().success());
    host.sh("mkdir -p /tmp/large");
    host.once(
        "unarchive",
        &format!("{{src: {}, dest: /tmp/large}}", archive.display()),
    );
    let wanted = palisade::resource::Digest::of(&noise).to_string();
    assert!(host.sh("sha256sum /tmp/large/noise").starts_with(&wanted));
    std::fs::remove_dir_all(folder).unwrap();
}

/// Answers every request alike, until the test is over.
fn server() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let n = stream.read(&mut request).unwrap();
            let asked = String::from_utf8_lossy(&request[..n]).to_lowercase();
            let body = asked.contains("cache-control: no-cache").to_string();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close",
                body.len()
            );
            write!(stream, "{head}\r\n\r\n{body}").unwrap();
        }
    });
    port
}

#[test]
fn what_is_fetched_gets_its_owner_and_mode() {
    let Some(mut host) = Host::open("dash") else {
        return;
    };
    if host.sh("command -v curl").is_empty() {
        eprintln!("no curl here: not tested");
        return;
    }
    let url = format!("http://127.0.0.1:{}/x", server());
    let attrs = "owner: bin, group: sys, mode: '0640'";
    host.once(
        "uri",
        &format!("{{url: '{url}', dest: /tmp/got, force: true, {attrs}}}"),
    );
    assert_eq!(
        host.sh("cat /tmp/got; stat -c ' %U %G %a' /tmp/got"),
        "true bin sys 640"
    );
    host.sh("chmod 600 /tmp/got");
    host.once(
        "uri",
        &format!("{{url: '{url}', dest: /tmp/got, force: true, {attrs}}}"),
    );
    host.once(
        "get_url",
        &format!("{{url: '{url}', dest: /tmp/had, {attrs}}}"),
    );
    assert_eq!(host.sh("stat -c '%U %G %a' /tmp/had"), "bin sys 640");
    // GNU's wget does the same.
    host.sh("d=$(command -v curl); rm -f \"$d\" /usr/bin/curl /bin/curl");
    let header = host.act(
        "get_url",
        &format!("{{url: '{url}', dest: /tmp/had, force: true, headers: {{a: b}}}}"),
    );
    match &header.failed {
        Some(why) => assert!(why.contains("neither curl") || why.contains("`a`"), "{why}"),
        None => assert_eq!(header.get("status_code"), Value::from(200)),
    }
    // What busybox's wget would show to everybody is not given to it.
    if host.sh("command -v busybox").is_empty() {
        return;
    }
    host.sh("rm -f /usr/bin/wget /bin/wget");
    let plain = format!("{{url: '{url}', dest: /tmp/had, force: true}}");
    assert_eq!(host.act("get_url", &plain).failed, None);
    let header = host.act(
        "uri",
        &format!("{{url: '{url}', headers: {{X-Token: secret}}}}"),
    );
    let why = header.failed.unwrap();
    assert!(
        why.contains("X-Token") && why.contains("install curl"),
        "{why}"
    );
}

#[test]
fn parts_of_a_form_come_from_both_ends() {
    let Some(mut host) = Host::open("dash") else {
        return;
    };
    if host.sh("command -v curl").is_empty() {
        eprintln!("no curl here: not tested");
        return;
    }
    let url = format!("http://127.0.0.1:{}/x", echo());
    let file = std::env::temp_dir().join(format!("palisade-part-{}", std::process::id()));
    std::fs::write(&file, "from here\n").unwrap();
    let sent = |host: &mut Host, rest: &str| {
        let yaml = format!("{{url: '{url}', method: POST, return_content: true, {rest}}}");
        let outcome = host.act("uri", &yaml);
        assert_eq!(outcome.failed, None);
        outcome.get("content").as_str().unwrap().to_owned()
    };
    let parts = format!(
        "body_format: form-multipart, body: {{one: {{filename: '{}'}}, two: plain}}",
        file.display()
    );
    let got = sent(&mut host, &parts);
    assert!(got.contains("ZnJvbSBoZXJlCg==\r\n"), "{got}");
    assert!(
        got.contains("name=\"two\"\r\n\r\nplain\r\n--palisade-"),
        "{got}"
    );
    host.sh("echo 'from there' >/tmp/part");
    let parts = "body_format: form-multipart, remote_src: true, \
                 body: {one: {filename: /tmp/part, multipart_encoding: 7or8bit}}";
    let got = sent(&mut host, parts);
    assert!(
        got.contains("filename=\"part\"\r\n\r\nfrom there\n\r\n--"),
        "{got}"
    );
    assert!(sent(&mut host, "src: /tmp/part, remote_src: true").ends_with("from there\n"));
    // More than is kept in memory, or in a script.
    std::fs::write(&file, vec![b'x'; 3 << 20]).unwrap();
    let whole = format!("src: '{}'", file.display());
    assert_eq!(sent(&mut host, &whole).matches('x').count(), 3 << 20);
    std::fs::remove_file(&file).unwrap();
}

/// A server that says what it was sent, without its headers.
fn echo() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = std::io::BufReader::new(stream.unwrap());
            let (mut line, mut length) = (String::new(), 0);
            while std::io::BufRead::read_line(&mut stream, &mut line).unwrap() > 2 {
                let lower = line.to_lowercase();
                if let Some(n) = lower.strip_prefix("content-length:") {
                    length = n.trim().parse().unwrap();
                }
                if lower.starts_with("expect:") {
                    let go = b"HTTP/1.1 100 Continue\r\n\r\n";
                    stream.get_mut().write_all(go).unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close");
            let stream = stream.get_mut();
            write!(stream, "{head}\r\n\r\n").unwrap();
            stream.write_all(&body).unwrap();
        }
    });
    port
}
