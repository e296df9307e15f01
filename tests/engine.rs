//! The engine against a host that is this machine's `sh`, with somebody in between: every wave size
//! gives the same result, check mode only asks, and a connection that drops at any exchange leaves no
//! torn file, a truthful journal, and a run that converges the next time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use palisade::engine::event::Status;
use palisade::engine::{Event, Job, Options, Summary, Unattended};
use palisade::host::{
    BoxFuture, Chunk, Connect, DialOptions, Dialer, ErrorKind, HostError, Link, Pipe, Surroundings,
    Target, Traffic,
};
use palisade::inventory::{Inventory, LoadEnv};
use palisade::journal::Journal;
use palisade::plan::{CompileOptions, Compiler};
use palisade::source::vault::Keyring;
use palisade::source::{Files, Mask, Severity};
use palisade::vars::{Outside, Templar, TemplarOptions};

/// Knows nothing of the world.
struct Nowhere;

impl Outside for Nowhere {
    fn env(&self, _: &str) -> Option<String> {
        None
    }
    fn pipe(&self, _: &str) -> Result<String, String> {
        Err("not here".into())
    }
    fn url(&self, _: &str) -> Result<String, String> {
        Err("not here".into())
    }
    fn now(&self) -> f64 {
        0.0
    }
    fn random(&self, length: usize) -> Vec<u8> {
        vec![7; length]
    }
    fn keep(&self, _: &Path, make: &mut dyn FnMut() -> String) -> Result<String, String> {
        Ok(make())
    }
}

/// Between the engine and the shell: counts requests, keeps them, and cuts the line at one of them.
#[derive(Default)]
struct Between {
    requests: AtomicUsize,
    /// The line is cut when this many requests were sent: the bytes of the last never arrive whole.
    cut_at: Option<usize>,
    /// Cut after the request was carried out, before its answer.
    after: bool,
    sent: Mutex<Vec<String>>,
}

struct Connector(Dialer, Arc<Between>);

impl Connect for Connector {
    fn connect<'a>(
        &'a self,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Box<dyn Link>, HostError>> {
        Box::pin(async move {
            let inner = self.0.connect(&Target::local(target.name.clone())).await?;
            Ok(Box::new(Wire(inner, Arc::clone(&self.1))) as Box<dyn Link>)
        })
    }
}

struct Wire(Box<dyn Link>, Arc<Between>);

impl Link for Wire {
    fn start<'a>(
        &'a self,
        command: &'a str,
        pty: bool,
    ) -> BoxFuture<'a, Result<Box<dyn Pipe>, HostError>> {
        Box::pin(async move {
            let inner = self.0.start(command, pty).await?;
            let between = Arc::clone(&self.1);
            Ok(Box::new(Line {
                inner,
                between,
                cut: false,
            }) as Box<dyn Pipe>)
        })
    }
    fn is_lost(&self) -> bool {
        false
    }
    fn close<'a>(&'a self) -> BoxFuture<'a, ()> {
        self.0.close()
    }
    fn traffic(&self) -> Traffic {
        self.0.traffic()
    }
}

struct Line {
    inner: Box<dyn Pipe>,
    between: Arc<Between>,
    cut: bool,
}

fn lost() -> HostError {
    HostError::new(ErrorKind::Lost, "the line was cut")
}

impl Pipe for Line {
    fn write<'a>(&'a mut self, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), HostError>> {
        Box::pin(async move {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let is_request = text.contains("\npl_end ");
            if is_request {
                let number = self.between.requests.fetch_add(1, Ordering::SeqCst) + 1;
                self.between.sent.lock().expect("a list").push(text);
                if self.between.cut_at == Some(number) {
                    self.cut = true;
                    if !self.between.after {
                        // Half of it arrives; the shell then sees the end of its input.
                        let half = bytes.len() / 2;
                        let _ = self.inner.write(&bytes[..half]).await;
                        let _ = self.inner.finish().await;
                        while !matches!(self.inner.read().await, Ok(Chunk::End) | Err(_)) {}
                        return Err(lost());
                    }
                }
            }
            self.inner.write(bytes).await
        })
    }
    fn finish<'a>(&'a mut self) -> BoxFuture<'a, Result<(), HostError>> {
        self.inner.finish()
    }
    fn read<'a>(&'a mut self) -> BoxFuture<'a, Result<Chunk, HostError>> {
        Box::pin(async move {
            if !self.cut {
                return self.inner.read().await;
            }
            // The request is carried out, and nobody hears of it.
            let _ = self.inner.finish().await;
            while !matches!(self.inner.read().await, Ok(Chunk::End) | Err(_)) {}
            Err(lost())
        })
    }
    fn close<'a>(&'a mut self) -> BoxFuture<'a, ()> {
        self.inner.close()
    }
}

/// What a run showed: per task its status, the summary, and the requests that were sent.
struct Ran {
    statuses: Vec<(Vec<usize>, String, Status)>,
    summary: Summary,
    sent: Vec<String>,
    journal: String,
}

fn run(playbook: &Path, wave: usize, check: bool, between: Between) -> Ran {
    let files = Files::Disk;
    let vault = Keyring::default();
    let mask = Mask::default();
    let run_script = |_: &Path, _: &[&str]| Err("not here".to_owned());
    let env = LoadEnv {
        files: &files,
        run_script: &run_script,
        vault: &vault,
    };
    let (inventory, _) = Inventory::load(&["host1,".to_owned()], &env);
    let compiler = Arc::new(Compiler::new(files.clone(), CompileOptions::default()));
    let (plan, found) = compiler.compile(&[playbook.to_path_buf()]);
    assert!(
        !found.iter().any(|d| d.severity == Severity::Error),
        "{found:?}"
    );
    let templar = Templar::new(TemplarOptions {
        files: files.clone(),
        outside: Arc::new(Nowhere),
        vault: Arc::new(vault.clone()),
        mask: mask.clone(),
        lenient: false,
    });
    let home = tempfile::tempdir().expect("a folder");
    let between = Arc::new(between);
    let dialer = Dialer::new(DialOptions::new(Surroundings::new(home.path(), "nobody")));
    let about = serde_json::json!({});
    let journal = match check {
        true => Journal::none(),
        false => Journal::begin(home.path(), "run", &about, None, None).expect("a journal"),
    };
    let path = journal.path().map(Path::to_path_buf);
    let (events, mut inbox) = tokio::sync::mpsc::unbounded_channel();
    let job = Job {
        plan,
        playbooks: Vec::new(),
        inventory,
        limit: None,
        limit_text: None,
        templar: Arc::new(templar),
        compiler,
        dialer: Arc::new(Connector(dialer, Arc::clone(&between))),
        files,
        extra: Arc::default(),
        prompts: Arc::default(),
        options: Options {
            check,
            wave,
            ..Options::default()
        },
        mask,
        journal,
        terminal: Arc::new(Unattended),
        seed: 1,
        events,
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let summary = runtime.block_on(palisade::engine::run(job, Arc::default()));
    let mut statuses = Vec::new();
    while let Ok(event) = inbox.try_recv() {
        if let Event::Ended { task, outcome, .. } = event {
            statuses.push((task.position.to_vec(), task.name.clone(), outcome.status));
        }
    }
    let journal = path
        .map(|p| std::fs::read_to_string(p).expect("readable"))
        .unwrap_or_default();
    let sent = between.sent.lock().expect("a list").clone();
    Ran {
        statuses,
        summary,
        sent,
        journal,
    }
}

/// Every file below a folder: its text and mode, or where it links to.
fn tree(dir: &Path) -> BTreeMap<PathBuf, String> {
    use std::os::unix::fs::PermissionsExt;
    let mut out = BTreeMap::new();
    let mut todo = vec![dir.to_path_buf()];
    while let Some(at) = todo.pop() {
        for entry in std::fs::read_dir(&at).expect("a folder").flatten() {
            let path = entry.path();
            let meta = path.symlink_metadata().expect("there");
            let mode = meta.permissions().mode() & 0o7777;
            let name = path.strip_prefix(dir).expect("below").to_path_buf();
            if meta.is_dir() {
                out.insert(name, format!("dir {mode:o}"));
                todo.push(path);
            } else if meta.is_symlink() {
                out.insert(
                    name,
                    format!("link {:?}", std::fs::read_link(&path).expect("a link")),
                );
            } else {
                let text = std::fs::read_to_string(&path).expect("text");
                out.insert(name, format!("file {mode:o} {text}"));
            }
        }
    }
    out
}

/// A small generator: the same seed gives the same playbook. Tasks touch the same few paths, so that
/// what one leaves matters to the next.
fn generate(seed: u64, dir: &Path) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = |n: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % n as u64).expect("small")
    };
    let at = dir.display();
    let mut out = String::from("- hosts: all\n  gather_facts: false\n  tasks:\n");
    for i in 0..10 {
        let (f, g) = (next(4), next(4));
        let task = match next(13) {
            0 => format!("copy: {{content: \"text {i}\\n\", dest: {at}/f{f}, mode: '0644'}}"),
            1 => format!("lineinfile: {{path: {at}/f{f}, line: 'line {g}', create: true}}"),
            2 => format!("file: {{path: {at}/d{f}, state: directory, mode: '0750'}}"),
            3 => format!("file: {{path: {at}/f{f}, state: absent}}"),
            4 => format!("file: {{path: {at}/d{f}, state: absent}}"),
            5 => format!("file: {{src: f{g}, dest: {at}/l{f}, state: link, force: true}}"),
            6 => format!("command: sh -c 'echo ran >> {at}/log'"),
            7 => format!("command: {{cmd: touch {at}/made{f}, creates: {at}/made{f}}}"),
            8 => format!("stat: {{path: {at}/f{f}}}\n      register: s{f}"),
            9 => format!(
                "copy: {{content: 'below', dest: {at}/d{f}/inner}}\n      ignore_errors: true"
            ),
            10 => format!(
                "command: cat {at}/f{f}\n      register: c{f}\n      ignore_errors: true\n      changed_when: false"
            ),
            11 => format!(
                "blockinfile: {{path: {at}/f{f}, block: 'block {g}', create: true}}\n      ignore_errors: true"
            ),
            _ => format!("set_fact: {{v{f}: 'value {i}'}}"),
        };
        out.push_str(&format!("    - name: task {i}\n      {task}\n"));
        if next(4) == 0 {
            let g = next(4);
            out.push_str(&format!(
                "    - name: depends {i}\n      copy: {{content: \"{{{{ (c{g} | default({{}})).stdout | \
                 default('none') }}}} {{{{ v{g} | default('no') }}}}\", dest: {at}/seen{i}}}\n      \
                 when: s{g} is not defined or s{g}.stat.exists\n"
            ));
        }
    }
    out
}

fn write(dir: &Path, text: &str) -> PathBuf {
    let path = dir.join("play.yml");
    std::fs::write(&path, text).expect("written");
    path
}

#[test]
fn every_wave_size_gives_the_same_result() {
    for seed in 1..=24 {
        let mut first: Option<(Vec<_>, BTreeMap<PathBuf, String>)> = None;
        for wave in [1, 2, 5, 200] {
            let project = tempfile::tempdir().expect("a folder");
            let target = PathBuf::from(format!("/tmp/palisade-wave-{}-{seed}", std::process::id()));
            let _ = std::fs::remove_dir_all(&target);
            std::fs::create_dir(&target).expect("made");
            let text = generate(seed, &target);
            let ran = run(
                &write(project.path(), &text),
                wave,
                false,
                Between::default(),
            );
            let left = tree(&target);
            std::fs::remove_dir_all(&target).expect("removed");
            match &first {
                None => first = Some((ran.statuses, left)),
                Some((statuses, tree)) => {
                    assert_eq!(statuses, &ran.statuses, "wave {wave}, seed {seed}:\n{text}");
                    assert_eq!(tree, &left, "wave {wave}, seed {seed}:\n{text}");
                }
            }
        }
    }
}

#[test]
fn check_mode_only_asks() {
    for seed in 1..=12 {
        let project = tempfile::tempdir().expect("a folder");
        let target = tempfile::tempdir().expect("a folder");
        let playbook = write(project.path(), &generate(seed, target.path()));
        let ran = run(&playbook, 200, true, Between::default());
        assert!(
            tree(target.path()).is_empty(),
            "seed {seed} wrote something"
        );
        for request in &ran.sent {
            // Scripts that change hosts begin by taking the lock.
            assert!(
                !request.contains("pl_put ") && !request.contains("pl_do "),
                "{request}"
            );
        }
    }
}

/// Many contents go out in several scripts: no host has to hold all of them at once.
#[test]
fn a_wave_of_large_files_is_sent_in_pieces() {
    let project = tempfile::tempdir().expect("a folder");
    let target = tempfile::tempdir().expect("a folder");
    let text = "
- hosts: all
  gather_facts: false
  tasks:
    - {name: loop, copy: {content: \"{{ item }}{{ 'x' * 60000 }}\", dest: 'AT/l{{ item }}'}, loop: \"{{ range(60) }}\"}
";
    let each =
        |n: usize| format!("    - copy: {{content: \"{{{{ 'x' * 60000 }}}}\", dest: AT/t{n}}}\n");
    let text = text.to_owned() + &(0..60).map(each).collect::<String>();
    let playbook = write(
        project.path(),
        &text.replace("AT", &target.path().display().to_string()),
    );
    let ran = run(&playbook, 200, false, Between::default());
    assert_eq!(tree(target.path()).len(), 120, "{:?}", ran.statuses.last());
    let longest = ran.sent.iter().map(String::len).max();
    assert!(longest < Some(2 * 1024 * 1024), "{longest:?}");
    assert!(ran.sent.len() < 20, "{} requests", ran.sent.len());
}

/// What a command that was not run would have said is nobody's guess: not that it was empty.
#[test]
fn what_depends_on_a_command_that_was_not_run_is_unknown() {
    let project = tempfile::tempdir().expect("a folder");
    let at = project.path().join("made").display().to_string();
    let text = "
- hosts: all
  gather_facts: false
  vars:
    through: \"{{ read.stdout }}\"
  tasks:
    - {name: a read, command: cat /etc/hostname, register: read, changed_when: false}
    - {name: b file, copy: {content: \"{{ through }}\", dest: AT}}
    - {name: c when, ping: {}, when: read.stdout != ''}
    - {name: d default, ping: {data: \"{{ read.stdout | default('x') }}\"}}
    - {name: e loop, ping: {}, loop: \"{{ read.stdout_lines }}\"}
    - {name: f fact, set_fact: {copied: \"{{ read.stdout }}\"}}
    - {name: g later, ping: {data: \"{{ copied }}\"}}
    - {name: h include, include_tasks: none.yml, when: read.rc == 0}
    - {name: i retried, ping: {data: \"{{ read.stdout }}\"}, until: true, retries: 1}
    - {name: j defined, ping: {}, when: read is defined}
    - {name: k other, ping: {}}
    - {name: l run, command: echo yes, check_mode: false, register: ran, changed_when: false}
    - {name: m known, ping: {data: \"{{ ran.stdout }}\"}}
";
    std::fs::write(project.path().join("none.yml"), "[]").expect("written");
    let playbook = write(project.path(), &text.replace("AT", &at));
    let ran = run(&playbook, 200, true, Between::default());
    let said: Vec<String> = ran
        .statuses
        .iter()
        .map(|(_, name, status)| format!("{} {status:?}", &name[..1]))
        .collect();
    let want = "a Unknown, b Unknown, c Unknown, d Unknown, e Unknown, f Unknown, g Unknown, \
                h Unknown, i Unknown, j Ok, k Ok, l Ok, m Ok";
    assert_eq!(said.join(", "), want);
}

const CONVERGING: &str = "
- hosts: all
  gather_facts: false
  tasks:
    - file: {path: AT/d, state: directory}
    - copy: {content: \"one\\n\", dest: AT/d/one}
    - lineinfile: {path: AT/two, line: two, create: true}
    - command: {cmd: touch AT/made, creates: AT/made}
    - copy: {content: \"three\\n\", dest: AT/three, mode: '0600'}
    - file: {src: one, dest: AT/d/link, state: link}
    - command: {cmd: touch AT/made2, creates: AT/made2}
    - copy: {content: \"four\\n\", dest: AT/four}
";

#[test]
fn a_line_cut_at_any_exchange_leaves_truth_and_a_run_that_converges() {
    let whole: BTreeMap<PathBuf, String> = {
        let (project, target) = (
            tempfile::tempdir().expect("one"),
            tempfile::tempdir().expect("two"),
        );
        let text = CONVERGING.replace("AT", &target.path().display().to_string());
        run(
            &write(project.path(), &text),
            200,
            false,
            Between::default(),
        );
        tree(target.path())
    };
    for after in [false, true] {
        for cut in 1..=6 {
            let (project, target) = (
                tempfile::tempdir().expect("one"),
                tempfile::tempdir().expect("two"),
            );
            let text = CONVERGING.replace("AT", &target.path().display().to_string());
            let playbook = write(project.path(), &text);
            let between = Between {
                cut_at: Some(cut),
                after,
                ..Between::default()
            };
            let ran = run(&playbook, 200, false, between);
            let was_cut = ran.sent.len() >= cut;
            for (path, state) in tree(target.path()) {
                assert_eq!(
                    whole.get(&path),
                    Some(&state),
                    "torn at {cut} (after: {after})"
                );
            }
            assert_every_intent_has_an_outcome(&ran.journal);
            if was_cut {
                let recap = &ran.summary.recap[0];
                assert!(
                    recap.unknown + recap.unreachable > 0,
                    "cut {cut} was not told"
                );
            }
            let again = run(&playbook, 200, false, Between::default());
            assert_eq!(
                tree(target.path()),
                whole,
                "cut {cut}, after {after}: did not converge"
            );
            assert!(again.summary.recap[0].failed == 0);
            let third = run(&playbook, 200, false, Between::default());
            assert_eq!(third.summary.recap[0].changed, 0);
        }
    }
}

fn assert_every_intent_has_an_outcome(journal: &str) {
    let mut open = std::collections::BTreeSet::new();
    for line in journal.lines() {
        let value: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        if let Some(n) = value.get("intent").and_then(serde_json::Value::as_u64) {
            open.insert(n);
        }
        if let Some(n) = value.get("outcome").and_then(serde_json::Value::as_u64) {
            open.remove(&n);
        }
    }
    assert!(open.is_empty(), "intents without outcome: {open:?}");
}

#[test]
fn a_run_with_nothing_to_change_is_one_question() {
    let (project, target) = (
        tempfile::tempdir().expect("one"),
        tempfile::tempdir().expect("two"),
    );
    let text = CONVERGING.replace("AT", &target.path().display().to_string());
    let playbook = write(project.path(), &text);
    run(&playbook, 200, false, Between::default());
    let second = run(&playbook, 200, false, Between::default());
    assert_eq!(second.summary.recap[0].changed, 0);
    assert_eq!(second.sent.len(), 1, "{:?}", second.sent.len());
}

#[test]
fn the_first_task_of_each_section_is_itself() {
    let dir = tempfile::tempdir().expect("a folder");
    let text = "
- hosts: all
  gather_subset: ['!all']
  pre_tasks:
    - file: {path: AT/pre, state: touch}
  tasks:
    - file: {path: AT/task, state: touch}
      notify: told
  post_tasks:
    - file: {path: AT/post, state: touch}
  handlers:
    - name: told
      file: {path: AT/told, state: touch}
";
    let at = dir.path().join("made");
    std::fs::create_dir(&at).expect("a folder");
    let text = text.replace("AT", &at.display().to_string());
    let ran = run(&write(dir.path(), &text), 200, false, Between::default());
    let made: Vec<_> = tree(&at).into_keys().collect();
    assert_eq!(made.len(), 4, "{made:?} {:?}", ran.statuses);
}

#[test]
fn a_task_goes_on_by_itself_until_its_time_is_over() {
    let (project, target) = (
        tempfile::tempdir().expect("one"),
        tempfile::tempdir().expect("two"),
    );
    let text = "
- hosts: all
  gather_facts: false
  vars: {ansible_async_dir: AT/jobs}
  tasks:
    - shell: until [ -e AT/go ]; do sleep 0.05; done; echo gone
      async: 60
      poll: 0
      register: begun
    - async_status: {jid: '{{ begun.ansible_job_id }}'}
      register: early
    - file: {path: AT/go, state: touch}
    - async_status: {jid: '{{ begun.ansible_job_id }}'}
      register: ended
      until: ended is finished
      retries: 100
      delay: 0.1
    - assert:
        that:
          - begun.started and not begun.finished and begun.changed
          - begun.results_file == 'AT/jobs/' ~ begun.ansible_job_id
          - early.started and not early.finished and not early.changed
          - ended.stdout == 'gone' and ended.rc == 0 and ended.changed
    - async_status: {jid: '{{ begun.ansible_job_id }}', mode: cleanup}
      register: erased
    - async_status: {jid: '{{ begun.ansible_job_id }}'}
      register: nothing
      failed_when: nothing.msg != 'could not find job'
    - lineinfile: {path: AT/lines, line: one, create: true}
      async: 60
      poll: 1
    - shell: sleep 600
      async: 1
      poll: 1
      register: late
      failed_when: late.msg != 'Timeout exceeded'
    - shell: ls AT/jobs
      register: left
    - assert: {that: [left.stdout == '', late.finished, erased.erased == begun.results_file]}
";
    let text = text.replace("AT", &target.path().display().to_string());
    let playbook = write(project.path(), &text);
    let ran = run(&playbook, 200, false, Between::default());
    assert_eq!(ran.summary.recap[0].failed, 0, "{:?}", ran.statuses);
    let lines = std::fs::read_to_string(target.path().join("lines"));
    assert_eq!(lines.expect("written"), "one\n");
    assert_every_intent_has_an_outcome(&ran.journal);
    // A check starts nothing, and what asks for it later finds its answer.
    let begun = text.split("    - assert:").next().expect("a beginning");
    let checked = run(&write(project.path(), begun), 200, true, Between::default());
    assert_eq!(checked.summary.recap[0].failed, 0, "{:?}", checked.statuses);
}
