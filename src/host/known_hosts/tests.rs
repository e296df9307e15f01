//! Verdicts over files written here, and over the same files as OpenSSH sees them.

use std::process::Command;

use super::*;

const ED: &str = "AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
const ED2: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

fn key(blob: &str) -> PublicKey {
    russh::keys::parse_public_key_base64(blob).unwrap()
}

fn judge(text: &str, host: &str, port: u16, blob: &str) -> Verdict {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known_hosts");
    std::fs::write(&path, text).unwrap();
    KnownHosts::default()
        .record(&[path], host, port, None)
        .unwrap()
        .judge(&key(blob))
}

#[test]
fn names_in_every_spelling() {
    let known = |text: &str, host, port| judge(text, host, port, ED) == Verdict::Known;
    assert!(known(&format!("web1 ssh-ed25519 {ED}\n"), "WEB1", 22));
    assert!(known(
        &format!("a,web1\tssh-ed25519  {ED} comment\r\n"),
        "web1",
        22
    ));
    assert!(known(
        &format!("[web1]:2222 ssh-ed25519 {ED}"),
        "web1",
        2222
    ));
    assert!(
        known(&format!("web1 ssh-ed25519 {ED}"), "web1", 2222),
        "as OpenSSH: without port"
    );
    assert!(!known(&format!("[web1]:2222 ssh-ed25519 {ED}"), "web1", 22));
    assert!(known(
        &format!("*.example,!db.example ssh-ed25519 {ED}"),
        "a.example",
        22
    ));
    assert!(!known(
        &format!("*.example,!db.example ssh-ed25519 {ED}"),
        "db.example",
        22
    ));
    assert!(!known(&format!("# web1 ssh-ed25519 {ED}"), "web1", 22));
    assert!(!known(
        &format!("@strange web1 ssh-ed25519 {ED}"),
        "web1",
        22
    ));
}

#[test]
fn a_second_key_of_the_same_type_is_known_too() {
    let text = format!("web1 ssh-ed25519 {ED2}\nweb1 ssh-ed25519 {ED}\n");
    assert_eq!(judge(&text, "web1", 22, ED), Verdict::Known);
}

#[test]
fn changed_revoked_and_other_types() {
    let text = format!("\nweb1 ssh-ed25519 {ED2}\n");
    assert!(matches!(judge(&text, "web1", 22, ED), Verdict::Changed(p) if p.line == 2));
    let text = format!("web1 ssh-ed25519 {ED}\n@revoked * ssh-ed25519 {ED}\n");
    assert!(matches!(judge(&text, "web1", 22, ED), Verdict::Revoked(p) if p.line == 2));
    let rsa = "AAAAB3NzaC1yc2EAAAADAQABAAAAgQC6cMxSCCKRfREpZKpVYml6VcoKurCzKpWY+YeLqZh37Y\
               Ag7GPBsnuRaj5A03GJacl2F+ZwqfxVB6duyZwsgRArWBdHunIFrUdsLpUoRhestB43DWkNSSt1\
               jAAj3nYT+q2XaMwapNqyDXV4mKJLkzZn0ncJSUcxvyCadyXousJT9Q==";
    let text = format!("web1 ssh-rsa {rsa}\n");
    let others = match judge(&text, "web1", 22, ED) {
        Verdict::Unknown { others } => others,
        other => panic!("{other:?}"),
    };
    assert_eq!(others, ["ssh-rsa"]);
}

#[test]
fn bytes_that_are_not_text_hide_no_other_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known_hosts");
    let mut text = b"caf\xe9 ssh-ed25519 AAAA\n\xff\xfe\n".to_vec();
    text.extend(format!("web1 ssh-ed25519 {ED}\n").bytes());
    std::fs::write(&path, text).unwrap();
    let record = KnownHosts::default()
        .record(&[path], "web1", 22, None)
        .unwrap();
    assert_eq!(record.judge(&key(ED)), Verdict::Known);
}

#[test]
fn a_directory_is_refused_and_a_missing_file_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let known = KnownHosts::default();
    assert!(
        known
            .record(&[folder.path().to_owned()], "web1", 22, None)
            .is_err()
    );
    let missing = folder.path().join("none");
    assert!(known.record(&[missing], "web1", 22, None).is_ok());
}

#[test]
fn what_is_learned_is_known_in_this_run_and_in_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/known_hosts");
    let known = KnownHosts::default();
    for hash in [false, true] {
        let name = format!("[web{hash}]:2200");
        known.learn(&path, &name, &key(ED), hash).unwrap();
        let files = [path.clone()];
        let host = format!("web{hash}");
        for known in [&known, &KnownHosts::default()] {
            let record = known.record(&files, &host, 2200, None).unwrap();
            assert_eq!(record.judge(&key(ED)), Verdict::Known);
        }
    }
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 2);
    assert!(!text.contains("webtrue"));
}

/// `ssh-keygen -F` says which lines are for a host; we must find exactly those.
#[test]
fn the_same_lines_as_ssh_keygen() {
    if Command::new("ssh-keygen").arg("-?").output().is_err() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known_hosts");
    let names = [
        "web1",
        "web1,web2",
        "*",
        "*.example",
        "web?",
        "!web1,*",
        "*,!web1",
        "[web1]:2222",
        "[*]:2222",
        "[web1]:*",
        "WEB1",
        "10.0.0.?",
        "web1,",
        ",web1",
        "@revoked web1",
        "@cert-authority *.example",
        "# web1",
        "|1|broken|hash",
        "fe80::1",
        "[fe80::1]:2222",
    ];
    let mut text = String::new();
    for name in names {
        text.push_str(&format!("{name} ssh-ed25519 {ED}\n"));
    }
    text.push_str(&format!("  web1\tssh-ed25519\t{ED}\tcomment here\r\n\n"));
    std::fs::write(&path, &text).unwrap();
    for (host, port) in [
        ("web1", 22),
        ("web2", 22),
        ("a.example", 22),
        ("web1", 2222),
        ("10.0.0.7", 22),
        ("fe80::1", 22),
        ("fe80::1", 2222),
        ("nothing", 22),
    ] {
        let name = if port == 22 {
            host.to_owned()
        } else {
            format!("[{host}]:{port}")
        };
        let out = Command::new("ssh-keygen")
            .arg("-F")
            .arg(&name)
            .arg("-f")
            .arg(&path)
            .output();
        let out = String::from_utf8_lossy(&out.unwrap().stdout).into_owned();
        let theirs: Vec<usize> = out
            .lines()
            .filter_map(|l| {
                l.split("found: line ")
                    .nth(1)?
                    .split(' ')
                    .next()?
                    .parse()
                    .ok()
            })
            .collect();
        let record = KnownHosts::default()
            .record(std::slice::from_ref(&path), host, port, None)
            .unwrap();
        let ours: Vec<usize> = record.entries.iter().map(|(place, _)| place.line).collect();
        assert_eq!(ours, theirs, "{name}\n{out}");
    }
}
