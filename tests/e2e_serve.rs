//! `palisade serve` over real hosts: a difference is found, told once, mended, and told to be gone; the
//! page shows it. PALISADE_MANY_HOSTS=1 takes ten hosts instead of three, and a job that runs every minute.

#[path = "e2e/mod.rs"]
mod e2e;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use e2e::{Bench, Json, PALISADE, Running, until, up};

/// Runs come every few seconds; a busy machine may need a while for one.
const PATIENCE: Duration = Duration::from_secs(90);

/// A running `palisade serve`, and where its page is.
struct Served {
    running: Running,
    address: String,
    log: Arc<Mutex<String>>,
}

/// Starts it on a port of the system's choosing.
fn serve(dir: &Path, state: &Path, options: &[&str], env: &[(&str, &str)]) -> Served {
    let mut child = Command::new(PALISADE)
        .args(["serve", "schedule.yml", "--listen", "127.0.0.1:0"])
        .args(options)
        .current_dir(dir)
        .env("HOME", dir)
        .env("XDG_STATE_HOME", state)
        .env("XDG_DATA_HOME", state)
        .env_remove("SSH_AUTH_SOCK")
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = child.stderr.take().unwrap();
    let log = Arc::new(Mutex::new(String::new()));
    let written = Arc::clone(&log);
    let (found, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if let Some(at) = line.strip_prefix("listening on http://") {
                let _ = found.send(at.to_owned());
            }
            let mut log = written.lock().unwrap();
            log.push_str(&line);
            log.push('\n');
        }
    });
    let running = Running(child);
    let address = address.recv_timeout(PATIENCE);
    let address = address.unwrap_or_else(|_| panic!("{}", log.lock().unwrap()));
    Served {
        running,
        address,
        log,
    }
}

impl Served {
    /// The status, headers and body that a request is answered with.
    fn ask(&self, request: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|s| s.parse().ok())
            .unwrap_or(0);
        (status, head.to_owned(), body.to_owned())
    }

    fn get_as(&self, path: &str, headers: &str) -> (u16, String, String) {
        let host = &self.address;
        self.ask(&format!(
            "GET {path} HTTP/1.1\r\nhost: {host}\r\n{headers}connection: close\r\n\r\n"
        ))
    }

    fn get(&self, path: &str) -> String {
        let (status, _, body) = self.get_as(path, "");
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    fn json(&self, path: &str) -> Json {
        serde_json::from_str(&self.get(path)).unwrap()
    }

    /// Runs of a job, the newest first.
    fn runs(&self, job: &str) -> Vec<Json> {
        let all = self.json(&format!("/api/v1/runs?limit=500&job={job}"));
        all["runs"].as_array().unwrap().clone()
    }

    /// Waits for one more run of the job that watches. Their number does not grow for ever.
    fn another_run(&self) {
        let newest = || self.runs("Watch").first().map(|r| r["id"].clone());
        let before = newest();
        self.wait("another run", || newest() != before);
    }

    fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    #[track_caller]
    fn wait(&self, what: &str, mut is: impl FnMut() -> bool) {
        assert!(until(PATIENCE, &mut is), "never: {what}\n{}", self.log());
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.running.0);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Asks it to end, and its exit code.
    fn end(self) -> Option<i32> {
        self.signal(rustix::process::Signal::TERM);
        self.ended()
    }

    /// Waits for its end.
    fn ended(mut self) -> Option<i32> {
        let mut code = None;
        let ended = until(PATIENCE, || match self.running.0.try_wait().unwrap() {
            Some(status) => {
                code = status.code();
                true
            }
            None => false,
        });
        assert!(ended, "it does not end: {}", self.log());
        code
    }
}

/// A webhook: the headers and the body of every message.
struct Hook {
    url: String,
    heard: Arc<Mutex<Vec<(BTreeMap<String, String>, String)>>>,
}

/// Refuses the first `refused` messages, as whoever restarts does.
fn hook(refused: usize) -> Hook {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let written = Arc::clone(&heard);
    std::thread::spawn(move || {
        let mut count = 0;
        for stream in listener.incoming().flatten() {
            hear(stream, &mut |message| {
                count += 1;
                match count <= refused {
                    true => "503 Service Unavailable",
                    false => {
                        written.lock().unwrap().push(message);
                        "204 No Content"
                    }
                }
            });
        }
    });
    Hook { url, heard }
}

/// One message over a connection, and what it is answered with.
fn hear(
    stream: impl std::io::Read + std::io::Write,
    answer: &mut dyn FnMut((BTreeMap<String, String>, String)) -> &'static str,
) {
    let mut reader = BufReader::new(stream);
    let mut headers = BTreeMap::new();
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
        if let Some((name, value)) = line.trim().split_once(": ") {
            headers.insert(name.to_lowercase(), value.to_owned());
        }
        line.clear();
    }
    let length = headers.get("content-length");
    let length = length.and_then(|l| l.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    if headers.is_empty() || reader.read_exact(&mut body).is_err() {
        return;
    }
    let answer = answer((headers, String::from_utf8(body).unwrap()));
    let text = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let _ = reader.get_mut().write_all(text.as_bytes());
    let _ = reader.get_mut().flush();
}

/// A webhook behind TLS, with a certificate for `localhost` that it signed itself, `cert.pem`. Every
/// message is answered so.
fn https(dir: &Path, answer: &'static str) -> Hook {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let written = Arc::clone(&heard);
    let cert = CertificateDer::from_pem_file(dir.join("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(dir.join("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert], key)
        .unwrap();
    let config = Arc::new(config);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let server = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            hear(rustls::StreamOwned::new(server, stream), &mut |message| {
                written.lock().unwrap().push(message);
                answer
            });
        }
    });
    let url = format!("https://localhost:{port}/hook/T0PSECRET");
    Hook { url, heard }
}

/// A certificate for this name, signed by itself.
fn certificate(dir: &Path, name: &str) {
    let mut make = Command::new("openssl");
    make.current_dir(dir)
        .args(["req", "-x509", "-newkey", "ec"]);
    make.args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
    make.args(["-days", "2", "-subj", "/CN=hook", "-addext"]);
    make.arg(format!("subjectAltName=DNS:{name}"));
    make.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    make.args(["-keyout", "key.pem", "-out", "cert.pem"]);
    let out = make.output().unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
}

/// One run of a job whose news goes to a webhook with these words about it: what the program said.
fn news_to(dir: &Path, hook: &Hook, more: &str) -> String {
    let schedule = format!(
        "notify: {{team: {{webhook: {{file: url}}, about: failure{more}}}}}\n\
         jobs: [{{name: here, verb: playbook, playbook: site.yml, inventory: 'localhost,', calendar: yearly}}]\n"
    );
    std::fs::write(dir.join("url"), &hook.url).unwrap();
    std::fs::write(dir.join("schedule.yml"), schedule).unwrap();
    let (code, _, error) = said(dir, &["schedule.yml", "--once", "here"]);
    assert_eq!(code, Some(2), "{error}");
    assert!(!error.contains("T0PSECRET"), "{error}");
    // So that it is news again.
    std::fs::remove_dir_all(dir.join("state/palisade/serve")).unwrap();
    error
}

#[test]
fn a_webhook_over_tls_is_believed_by_its_certificate_only() {
    let dir = alone("");
    let site =
        "- hosts: all\n  connection: local\n  gather_facts: false\n  tasks: [{fail: {msg: no}}]\n";
    std::fs::write(dir.path().join("site.yml"), site).unwrap();
    certificate(dir.path(), "localhost");
    let hook = https(dir.path(), "204 No Content");
    let said = news_to(dir.path(), &hook, ", ca: cert.pem");
    assert!(!said.contains("was not told"), "{said}");
    assert_eq!(hook.bodies()[0]["events"], serde_json::json!(["failure"]));
    // Nobody whom this machine believes has signed it. Waiting does not help, so it is said at once.
    let said = news_to(dir.path(), &hook, "");
    let unknown =
        "team was not told: io: invalid peer certificate: UnknownIssuer; `ca: FILE` names";
    assert!(said.contains(unknown), "{said}");
    assert_eq!(hook.bodies().len(), 1);
    for (answer, why) in [
        (
            "302 Found",
            "it answered with 302, and redirects are not followed",
        ),
        ("403 Forbidden", "it answered with 403"),
    ] {
        let hook = https(dir.path(), answer);
        let said = news_to(dir.path(), &hook, ", ca: cert.pem");
        assert!(
            said.contains(&format!("team was not told: {why}\n")),
            "{said}"
        );
        assert_eq!(hook.bodies().len(), 1, "it is tried once");
    }
    certificate(dir.path(), "elsewhere");
    let hook = https(dir.path(), "204 No Content");
    let said = news_to(dir.path(), &hook, ", ca: cert.pem");
    assert!(said.contains("invalid peer certificate"), "{said}");
    assert!(hook.bodies().is_empty());
}

impl Hook {
    fn bodies(&self) -> Vec<Json> {
        let heard = self.heard.lock().unwrap();
        heard
            .iter()
            .map(|(_, body)| serde_json::from_str(body).unwrap())
            .collect()
    }
}

const SITE: &str = "
- hosts: all
  gather_facts: false
  tasks:
  - name: message
    copy: {content: \"managed\\n\", dest: /etc/motd}
";

/// Every two seconds, and one that mends; the mending one begins when its file is there.
fn schedule(url: &str, jobs: &str) -> String {
    format!(
        "notify:\n  team: {{webhook: '{url}', secret: {{env: HOOK_SECRET}}}}\n  file: {{command: [sh, -c, 'cat >>told; echo >>told']}}\njobs:\n{jobs}"
    )
}

const WATCH: &str = "- {name: Watch, verb: drift, playbook: site.yml, inventory: inventory.ini, calendar: '*:*:0/2'}\n";
const MEND: &str = "- {name: mend, verb: playbook, playbook: site.yml, inventory: inventory.ini, calendar: '*:*:0/2', notify: []}\n";

fn state(bench: &Bench) -> std::path::PathBuf {
    bench.path("state")
}

#[test]
fn a_difference_is_found_told_once_mended_and_told_to_be_gone() {
    let many = std::env::var_os("PALISADE_MANY_HOSTS").is_some();
    let Some(bench) = up("s", if many { 10 } else { 3 }) else {
        return;
    };
    bench.play(SITE, &[]).expect(0);
    bench.write("site.yml", SITE);
    let hook = hook(1);
    bench.write("schedule.yml", &schedule(&hook.url, WATCH));
    let served = serve(
        bench.dir.path(),
        &state(&bench),
        &[],
        &[("HOOK_SECRET", "hush-hush")],
    );
    served.wait("a first run", || !served.runs("Watch").is_empty());
    let first = &served.runs("Watch")[0];
    assert_eq!(first["status"], "fine", "{first}");
    assert_eq!(served.get("/healthz"), "ok\n");

    bench.on("lab2", "echo mine >/etc/motd");
    // Refused once, it is told again.
    served.wait("news of the difference", || !hook.bodies().is_empty());
    served.another_run();
    served.another_run();
    let told = hook.bodies();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["events"], serde_json::json!(["drift"]));
    assert_eq!(
        told[0]["drift"]["lab2"],
        serde_json::json!(["message: /etc/motd"])
    );
    assert_eq!(told[0]["text"], "Watch: drift on lab2");
    signed(&hook);
    let metrics = served.get("/metrics");
    assert!(
        metrics.contains("palisade_host_drift{job=\"Watch\",host=\"lab2\"} 1\n"),
        "{metrics}"
    );
    assert!(
        metrics.contains("palisade_host_drift{job=\"Watch\",host=\"lab1\"} 0\n"),
        "{metrics}"
    );
    shown(&served, &bench, "drift.html", &["lab2", "drift", "Watch"]);

    // A schedule with a mistake is refused, and the old one goes on.
    bench.write("schedule.yml", "jobs: [{name: x}]\n");
    served.signal(rustix::process::Signal::HUP);
    served.wait("a refusal", || {
        served
            .log()
            .contains("the new schedule is wrong, and the old one goes on")
    });
    served.another_run();

    bench.write(
        "schedule.yml",
        &schedule(&hook.url, &format!("{WATCH}{MEND}")),
    );
    served.signal(rustix::process::Signal::HUP);
    served.wait("news of its end", || hook.bodies().len() == 2);
    assert_eq!(bench.on("lab2", "cat /etc/motd"), "managed");
    let told = hook.bodies();
    assert_eq!(told[1]["events"], serde_json::json!(["recovery"]));
    assert_eq!(told[1]["recovered"], serde_json::json!(["lab2"]));
    // What was told, and what mended it, is known a moment later than the host that is fine again.
    let mends = |r: &Json| r["status"] == "changed" && r["hosts"]["lab2"]["status"] == "changed";
    served.wait("the run that mended it", || {
        served.runs("mend").iter().any(mends)
    });
    for line in [
        "palisade_host_drift{job=\"Watch\",host=\"lab2\"} 0\n",
        "palisade_notifications_total{target=\"team\",result=\"told\"} 2\n",
        "palisade_notifications_total{target=\"file\",result=\"told\"} 2\n",
        "palisade_schedule_reloads_total{result=\"refused\"} 1\n",
    ] {
        served.wait(line, || served.get("/metrics").contains(line));
    }
    let lines = std::fs::read_to_string(bench.path("told")).unwrap();
    let lines: Vec<Json> = lines
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(lines.len(), 2, "the command hears the same");
    let run = told[0]["run"].as_str().unwrap();
    let page = served.get(&format!("/runs/{run}"));
    assert!(page.contains("<li>message: /etc/motd</li>"), "{page}");
    shown(&served, &bench, "mended.html", &["mend", "changed"]);
    assert_eq!(served.end(), Some(0));
    again(&bench, run);
}

/// One job that looks and corrects, every minute if there is time for that.
#[test]
fn a_job_that_corrects_is_told_once_and_is_one_run() {
    let many = std::env::var_os("PALISADE_MANY_HOSTS").is_some();
    let Some(bench) = up("f", if many { 10 } else { 2 }) else {
        return;
    };
    bench.play(SITE, &[]).expect(0);
    bench.write("site.yml", SITE);
    let hook = hook(0);
    let calendar = if many { "minutely" } else { "*:*:0/2" };
    let job = WATCH
        .replace("drift,", "drift --fix,")
        .replace("*:*:0/2", calendar);
    bench.write("schedule.yml", &schedule(&hook.url, &job));
    let secret = ("HOOK_SECRET", "hush-hush");
    let served = serve(bench.dir.path(), &state(&bench), &[], &[secret]);
    served.wait("a first run", || !served.runs("Watch").is_empty());
    assert_eq!(served.runs("Watch")[0]["status"], "fine");
    bench.on("lab2", "echo mine >/etc/motd");
    served.wait("news of what was corrected", || !hook.bodies().is_empty());
    assert_eq!(bench.on("lab2", "cat /etc/motd"), "managed");
    shown(&served, &bench, "fixed.html", &["lab2", "fixed", "Watch"]);
    served.another_run();
    let told = hook.bodies();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["text"], "Watch: drift fixed on lab2");
    assert_eq!(told[0]["events"], serde_json::json!(["drift"]));
    assert_eq!(
        told[0]["fixed"]["lab2"],
        serde_json::json!(["message: /etc/motd"])
    );
    let runs = served.runs("Watch");
    assert_eq!(runs[0]["status"], "fine", "{runs:?}");
    let fixed: Vec<&Json> = runs.iter().filter(|r| r["status"] == "fixed").collect();
    assert_eq!(fixed.len(), 1, "{runs:?}");
    assert_eq!(fixed[0]["hosts"]["lab2"]["status"], "fixed");
    assert_eq!(fixed[0]["id"], told[0]["run"]);
    for line in [
        "palisade_runs_total{job=\"Watch\",status=\"fixed\"} 1\n",
        "palisade_host_drift{job=\"Watch\",host=\"lab2\"} 0\n",
    ] {
        assert!(served.get("/metrics").contains(line), "{line}");
    }
    assert_eq!(served.end(), Some(0));
    // Every run of the job is one in the history, and the page has it from there after a restart.
    let mut history = Command::new(PALISADE);
    history.args(["history", "--json", "--job", "Watch"]);
    let out = e2e::output(history.env("XDG_DATA_HOME", state(&bench)));
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let kept: Vec<Json> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let one: Vec<&Json> = kept
        .iter()
        .filter(|r| r["counts"]["differing"] == 1)
        .collect();
    assert_eq!(one.len(), 1, "{text}");
    assert_eq!(
        (&one[0]["run"], &one[0]["counts"]["fixed"]),
        (&told[0]["run"], &Json::from(1))
    );
    let served = serve(bench.dir.path(), &state(&bench), &[], &[secret]);
    let path = format!("/api/v1/runs/{}", told[0]["run"].as_str().unwrap());
    let run = served.json(&path);
    assert_eq!(run["hosts"]["lab2"]["status"], "fixed", "{run}");
    assert_eq!(served.end(), Some(0));
}

/// After a restart the history is there still, and what was told is not told again.
fn again(bench: &Bench, run: &str) {
    let hook = hook(0);
    bench.write("schedule.yml", &schedule(&hook.url, WATCH));
    let served = serve(
        bench.dir.path(),
        &state(bench),
        &[],
        &[("HOOK_SECRET", "x")],
    );
    let page = served.get(&format!("/runs/{run}"));
    assert!(page.contains("/etc/motd"), "{page}");
    // The history is read beside everything else.
    served.wait("earlier runs", || served.runs("Watch").len() > 2);
    served.another_run();
    assert!(hook.bodies().is_empty());
    assert_eq!(served.end(), Some(0));
}

/// The message is signed with the secret, and does not hold it.
fn signed(hook: &Hook) {
    let heard = hook.heard.lock().unwrap();
    let (headers, body) = &heard[0];
    let now = headers["x-palisade-timestamp"].parse().unwrap();
    let secret = palisade::source::Secret::new("hush-hush");
    let time = jiff::Timestamp::from_second(now).unwrap();
    let (_, sum) = palisade::serve::notify::signature(&secret, time, body);
    assert_eq!(headers["x-palisade-signature"], sum);
    assert!(!body.contains("hush"));
}

/// The page as a browser shows it.
fn shown(served: &Served, bench: &Bench, name: &str, words: &[&str]) {
    let there = Command::new("chromium").arg("--version").output();
    if !there.is_ok_and(|o| o.status.success()) {
        eprintln!("skipped: there is no chromium on this machine");
        return;
    }
    let profile = bench.path(&format!("browser-{name}"));
    let browser = |how: &[String]| {
        let out = Command::new("timeout")
            .args([
                "60",
                "chromium",
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-proxy-server",
            ])
            .arg(format!("--user-data-dir={}", profile.display()))
            .args(how)
            .arg(format!("http://{}/", served.address))
            .output()
            .unwrap();
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    let dom = browser(&["--dump-dom".into()]);
    for word in words {
        assert!(dom.contains(word), "{word} is not on the page: {dom}");
    }
    if let Some(dir) = std::env::var_os("PALISADE_SCREENSHOTS") {
        let path = Path::new(&dir).join(name).with_extension("png");
        browser(&[
            format!("--screenshot={}", path.display()),
            "--window-size=1280,800".into(),
        ]);
    }
}

/// A project without hosts: its jobs end before they connect to anything.
fn alone(schedule: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("site.yml"),
        "- hosts: all\n  gather_facts: false\n  tasks: [{debug: {msg: x}}]\n",
    )
    .unwrap();
    std::fs::write(dir.path().join("schedule.yml"), schedule).unwrap();
    dir
}

const LOCAL: &str = "jobs: [{name: here, verb: drift, playbook: site.yml, inventory: 'localhost,', calendar: yearly}]\n";

#[test]
fn who_may_look_and_how_much_may_be_asked() {
    let dir = alone(LOCAL);
    let token = "0123456789abcdef0123";
    std::fs::write(dir.path().join("token"), format!("{token}\n")).unwrap();
    let state = dir.path().join("state");
    let served = serve(dir.path(), &state, &["--token-file", "token"], &[]);
    let status = |path: &str, headers: &str| served.get_as(path, headers).0;
    assert_eq!(status("/healthz", ""), 200);
    assert_eq!(status("/", ""), 303);
    assert_eq!(status("/metrics", ""), 401);
    assert_eq!(
        status(
            "/api/v1/jobs",
            "authorization: Bearer 0123456789abcdef0124\r\n"
        ),
        401
    );
    assert_eq!(
        status("/metrics", &format!("authorization: Bearer {token}\r\n")),
        200
    );
    assert_eq!(
        status("/nothing", &format!("authorization: Bearer {token}\r\n")),
        404
    );
    let post = |body: &str, more: &str| {
        let head = format!(
            "POST /login HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
            served.address
        );
        served.ask(&format!(
            "{head}{more}content-length: {}\r\n\r\n{body}",
            body.len()
        ))
    };
    assert_eq!(post("token=wrong", "").0, 401);
    assert_eq!(
        post(&format!("token={token}"), "sec-fetch-site: cross-site\r\n").0,
        403
    );
    let (code, head, _) = post(&format!("token={token}"), "sec-fetch-site: same-origin\r\n");
    assert_eq!(code, 303, "{head}");
    let cookie = head
        .lines()
        .find_map(|l| l.strip_prefix("set-cookie: "))
        .unwrap();
    assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let (code, head, page) = served.get_as("/", &format!("cookie: {cookie}\r\n"));
    assert_eq!(code, 200);
    assert!(
        head.contains("content-security-policy: default-src 'none'"),
        "{head}"
    );
    assert!(page.contains("here") && !page.contains("<script"), "{page}");
    // Another name for this machine, as a page of somebody else's would use.
    let rebound = "GET /healthz HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n";
    assert_eq!(served.ask(rebound).0, 421);
    let long = "x".repeat(64 * 1024);
    assert_eq!(post(&format!("token={long}"), "").0, 413);
    assert!(matches!(
        status("/", &format!("cookie: {long}\r\n")),
        431 | 400 | 0
    ));
    assert_eq!(served.get("/healthz"), "ok\n");
    assert_eq!(served.end(), Some(0));
}

/// `palisade serve` to its end: exit code, stdout and stderr.
fn said(dir: &Path, words: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(PALISADE);
    command
        .arg("serve")
        .args(words)
        .current_dir(dir)
        .env("HOME", dir);
    command
        .env("XDG_STATE_HOME", dir.join("state"))
        .env("XDG_DATA_HOME", dir.join("state"));
    command.env_remove("PALISADE_SERVE_TOKEN");
    let out = e2e::output(&mut command);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code(), text(&out.stdout), text(&out.stderr))
}

#[test]
fn mistakes_are_said_before_anything_begins() {
    let dir = alone(LOCAL);
    let (code, _, error) = said(dir.path(), &["schedule.yml", "--listen", "0.0.0.0:0"]);
    assert_eq!(code, Some(1));
    assert!(
        error.contains("a token is needed") && error.contains("--token-file"),
        "{error}"
    );
    std::fs::write(dir.path().join("short"), "x").unwrap();
    let (code, _, error) = said(dir.path(), &["schedule.yml", "--token-file", "short"]);
    assert!(
        code == Some(1) && error.contains("shorter than 16"),
        "{error}"
    );
    let (code, _, error) = said(dir.path(), &["nothing.yml"]);
    assert!(
        code == Some(1) && error.contains("nothing.yml: no such file"),
        "{error}"
    );
    let (code, out, _) = said(dir.path(), &["schedule.yml", "--check"]);
    assert!(
        code == Some(0) && out.starts_with("here  ") && out.contains("-01-01 00:00:00"),
        "{out}"
    );
    let (code, _, error) = said(dir.path(), &["schedule.yml", "--once", "hree"]);
    assert!(
        code == Some(1) && error.contains("did you mean `here`?"),
        "{error}"
    );
    let wrong = LOCAL.replace("inventory", "options: [--frks, 3], inventory");
    std::fs::write(dir.path().join("wrong.yml"), wrong).unwrap();
    let (code, _, error) = said(dir.path(), &["wrong.yml", "--check"]);
    assert!(
        code == Some(1) && error.contains("wrong.yml:1") && error.contains("'--frks'"),
        "{error}"
    );
}

#[test]
fn one_job_at_once_and_its_exit_code() {
    let dir = alone(LOCAL);
    std::fs::write(
        dir.path().join("site.yml"),
        "- hosts: all\n  connection: local\n  gather_facts: false\n  tasks:\n  - copy: {content: x, dest: \"{{ playbook_dir }}/made\"}\n",
    )
    .unwrap();
    let (code, _, error) = said(dir.path(), &["schedule.yml", "--once", "here"]);
    assert_eq!(code, Some(3), "{error}");
    assert!(
        error.contains("here: drift") && error.contains("localhost drift"),
        "{error}"
    );
    std::fs::write(dir.path().join("site.yml"), "- hosts: all\n  tsks: []\n").unwrap();
    let (code, _, error) = said(dir.path(), &["schedule.yml", "--once", "here"]);
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("site.yml:2: "), "{error}");
}

#[test]
fn a_playbook_with_a_mistake_corrects_nothing() {
    let jobs = LOCAL.replace("calendar", "options: [--fix], calendar");
    let dir = alone(&jobs);
    let made = dir.path().join("made");
    let playbook = |second: &str| {
        let text = format!(
            "- hosts: all\n  connection: local\n  gather_facts: false\n  tasks:\n\
             \x20 - copy: {{content: x, dest: '{{{{ playbook_dir }}}}/made'}}\n  - {second}\n"
        );
        std::fs::write(dir.path().join("site.yml"), text).unwrap();
        said(dir.path(), &["schedule.yml", "--once", "here"])
    };
    let (code, _, error) = playbook("coppy: {content: x, dest: /x}");
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("coppy") && !made.exists(), "{error}");
    let (_, _, error) = playbook("debug: {msg: x}");
    assert!(made.exists(), "{error}");
}

#[test]
fn an_end_lets_a_run_come_to_its_end_and_another_daemon_is_refused() {
    let jobs = "jobs: [{name: slow, verb: playbook, playbook: site.yml, inventory: 'localhost,', calendar: '*:*:*'}]\n";
    let dir = alone(jobs);
    let playbook = "- hosts: all\n  connection: local\n  gather_facts: false\n  tasks:\n\
                    \x20 - shell: 'touch begun; while [ ! -e go ]; do sleep 0.1; done; touch ended'\n    args: {chdir: '{{ playbook_dir }}'}\n\
                    \x20 - shell: touch beyond\n    args: {chdir: '{{ playbook_dir }}'}\n";
    std::fs::write(dir.path().join("site.yml"), playbook).unwrap();
    let state = dir.path().join("state");
    let served = serve(dir.path(), &state, &[], &[]);
    let there = |name: &str| dir.path().join(name).exists();
    served.wait("its begin", || there("begun"));
    let (code, _, error) = said(dir.path(), &["schedule.yml", "--listen", "off"]);
    assert!(
        code == Some(1) && error.contains("another `palisade serve`"),
        "{error}"
    );
    let (code, _, error) = said(dir.path(), &["schedule.yml", "--once", "slow"]);
    assert!(
        code == Some(1) && error.contains("`slow` runs already"),
        "{error}"
    );
    served.signal(rustix::process::Signal::TERM);
    served.wait("that it waits", || {
        served.log().contains("stopping; waiting for slow")
    });
    std::fs::write(dir.path().join("go"), "").unwrap();
    assert_eq!(served.ended(), Some(0));
    assert!(there("ended") && !there("beyond"));
}

#[test]
fn timers_of_systemd_do_the_same() {
    let schedule = "timezone: Europe/Berlin\njobs:\n\
        - {name: Night watch 100%, verb: drift, playbook: site.yml, inventory: 'localhost,', calendar: '0 3 1 * 1', jitter: 10m}\n\
        - {name: mend, verb: playbook, playbook: site.yml, inventory: 'localhost,', calendar: ['Mon 04:00 UTC', hourly], timeout: 1m}\n";
    let dir = alone(schedule);
    let install = |words: &[&str]| {
        let mut command = Command::new(PALISADE);
        command
            .arg("install-schedule")
            .args(words)
            .current_dir(dir.path())
            .env("HOME", dir.path());
        command.env("XDG_STATE_HOME", dir.path().join("state"));
        let out = e2e::output(&mut command);
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        (
            out.status.code(),
            text,
            String::from_utf8_lossy(&out.stderr).into_owned(),
        )
    };
    let (code, shown, error) = install(&["schedule.yml", "--dry-run"]);
    assert_eq!(code, Some(0), "{error}");
    for part in [
        "# palisade-schedule-night-watch-100.timer",
        "OnCalendar=*-*-01 03:00:00 Europe/Berlin\nOnCalendar=Mon *-*-* 03:00:00 Europe/Berlin\n",
        "RandomizedDelaySec=600",
        "OnCalendar=Mon *-*-* 04:00:00 UTC\nOnCalendar=*-*-* *:00:00 Europe/Berlin\n",
        "\"--once\" \"Night watch 100%%\"",
        "TimeoutStartSec=540",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    let units = dir.path().join("units");
    let names = || {
        let mut names: Vec<String> = std::fs::read_dir(&units)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let (code, _, error) = install(&["schedule.yml", "--to", "units"]);
    assert_eq!(code, Some(0), "{error}");
    assert_eq!(names().len(), 4);
    verified(&units, &names());
    // A job that is gone takes its units along; those of others stay.
    std::fs::write(units.join("palisade-other.timer"), "# mine\n").unwrap();
    let fewer: Vec<&str> = schedule.lines().filter(|l| !l.contains("mend")).collect();
    std::fs::write(dir.path().join("schedule.yml"), fewer.join("\n")).unwrap();
    assert_eq!(install(&["schedule.yml", "--to", "units"]).0, Some(0));
    assert_eq!(
        names(),
        [
            "palisade-other.timer",
            "palisade-schedule-night-watch-100.service",
            "palisade-schedule-night-watch-100.timer"
        ]
    );
    assert_eq!(
        install(&["schedule.yml", "--to", "units", "--remove"]).0,
        Some(0)
    );
    assert_eq!(names(), ["palisade-other.timer"]);
}

/// systemd understands every line of the units.
fn verified(dir: &Path, names: &[String]) {
    let there = Command::new("systemd-analyze").arg("--version").output();
    if !there.is_ok_and(|o| o.status.success()) {
        eprintln!("skipped: there is no systemd-analyze on this machine");
        return;
    }
    let paths = names.iter().map(|n| dir.join(n));
    let out = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .args(paths)
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&out.stderr).into_owned() + &String::from_utf8_lossy(&out.stdout);
    let about: Vec<&str> = said.lines().filter(|l| l.contains("palisade-")).collect();
    assert!(about.is_empty(), "{said}");
}
