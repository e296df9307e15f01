//! `docs/hardening.md` tells the truth: what it shows is what the program prints.

use std::fs;
use std::path::Path;
use std::process::Command;

use palisade::hardening::Severity;
use palisade::report::audit::Form;

const DOC: &str = include_str!("../docs/hardening.md");

/// The block of code, or the table, after a mark.
fn after(mark: &str) -> String {
    let rest = DOC
        .split_once(&format!("<!-- {mark} -->\n"))
        .expect("the mark")
        .1;
    let Some(rest) = rest.strip_prefix("```") else {
        return rest.split("\n\n").next().unwrap_or_default().to_owned();
    };
    let body = rest.split_once('\n').expect("a first line").1;
    body.split("```").next().unwrap_or_default().to_owned()
}

fn palisade(dir: &Path, words: &[&str]) -> (String, bool) {
    let out = Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(words)
        .current_dir(dir)
        .env_remove("ANSIBLE_CONFIG")
        .output()
        .expect("palisade");
    let text =
        String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    (text, out.status.success())
}

#[test]
fn the_control_is_shown_as_the_page_says() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(dir.path().join("own/clock")).expect("a folder");
    fs::write(dir.path().join("own/clock/zone.yml"), after("control")).expect("written");
    let hosts = "web1 palisade_clock_zone=Europe/Berlin\nweb2\nweb3\n";
    fs::write(dir.path().join("hosts.ini"), hosts).expect("written");
    let words = [
        "controls",
        "show",
        "clock_zone",
        "--modules",
        "own",
        "-i",
        "hosts.ini",
    ];
    let (text, fine) = palisade(dir.path(), &words);
    assert!(fine, "{text}");
    assert_eq!(text, after("shown"));
    let (text, fine) = palisade(
        dir.path(),
        &["controls", "--modules", "own", "--area", "clock", "--json"],
    );
    assert!(fine, "{text}");
    let read: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(read["controls"][0]["id"], "clock_zone");
    assert_eq!(read["controls"][0]["severity"], Severity::Low.word());
    let (text, fine) = palisade(
        dir.path(),
        &["controls", "show", "clock_zonne", "--modules", "own"],
    );
    assert!(
        !fine && text.contains("did you mean `clock_zone`"),
        "{text}"
    );
}

#[test]
fn the_page_names_every_form() {
    let table = after("forms");
    for form in Form::ALL {
        assert!(
            table.contains(&format!("| `{}` |", form.word())),
            "{form:?}"
        );
    }
    assert_eq!(table.lines().count(), Form::ALL.len() + 2);
}

#[test]
fn evidence_is_checked_by_hand_as_the_page_says() {
    use palisade::host::signature::Signer;
    use palisade::journal::evidence::{About, append};
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name);
    let script = "ssh-keygen -q -t ed25519 -N '' -f key && \
                  printf 'ops@example.org namespaces=\"palisade-evidence\" %s\\n' \"$(cat key.pub)\" > allowed_signers";
    let made = Command::new("sh")
        .args(["-c", script])
        .current_dir(dir.path())
        .status();
    assert!(made.expect("ssh-keygen").success());
    let signer = Signer::open(&at("key"), &mut |_| None).expect("a key");
    let mut last = String::new();
    for _ in 0..3 {
        let about = About {
            written: "2026-11-21T12:00:00Z".into(),
            profiles: "baseline".into(),
            mode: "audit".into(),
            score: 50,
            signer: Some(signer.fingerprint()),
        };
        let report = serde_json::json!({"x": "a\n\"signature\":\"", "signature": "y"});
        let sign = |text: &str| signer.sign("palisade-evidence", text);
        last = append(&at("audit.jsonl"), &about, &report, Some(&sign))
            .expect("appended")
            .digest;
    }
    let out = Command::new("sh")
        .args(["-euc", &after("by hand")])
        .current_dir(dir.path())
        .output();
    let out = out.expect("sh");
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(
        out.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], format!("{last}  -"));
    assert_eq!(lines[1], last);
    assert!(
        lines[2].starts_with("Good \"palisade-evidence\" signature for ops@example.org"),
        "{said}"
    );
    let words = [
        "evidence",
        "verify",
        "audit.jsonl",
        "--allowed-signers",
        "allowed_signers",
        "--holds",
        &last,
    ];
    let (text, fine) = palisade(dir.path(), &words);
    assert!(
        fine && text.contains("3 signed by ops@example.org"),
        "{text}"
    );
    let text = fs::read_to_string(at("audit.jsonl")).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    fs::write(at("audit.jsonl"), format!("{}\n{}\n", lines[0], lines[2])).expect("written");
    let (text, fine) = palisade(dir.path(), &["evidence", "verify", "audit.jsonl"]);
    assert!(!fine && DOC.contains(text.trim_end()), "{text}");
}
