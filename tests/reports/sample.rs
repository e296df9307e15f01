//! Reports to write: a fleet as one looks, and one whose hosts say what would harm a reader.

use std::collections::BTreeMap;

use palisade::hardening::result::{
    ControlInfo, Difference, Evidence, FORMAT, Finding, HostReport, NumberInfo, ProfileInfo, Score,
    WaiverInfo,
};
use palisade::hardening::{Report, Severity, Verdict};

/// What a host may say: ends of strings, tags, formulas, terminals, and text that turns around.
pub const HOSTILE: &str = "=evil('\"`<script>alert(1)</script>]]>--><!--&amp;\u{1b}]52;c;eA==\u{7}\
    \r\n@SUM(1)\u{202e}\u{2028}\u{0}{{ 7*7 }}${x}\\\"},{\u{9b}31m</style></textarea>\u{ffff}é";

const SECTIONS: [(&str, &str); 7] = [
    ("1", "Initial setup"),
    ("2", "Services"),
    ("3", "Network"),
    ("4", "Firewall"),
    ("5", "Access control"),
    ("6", "Logging and auditing"),
    ("7", "Maintenance"),
];

/// id, number, title, severity, what differs.
const CONTROLS: [(&str, &str, &str, Severity, [&str; 3]); 14] = [
    (
        "mount_tmp",
        "1.1.2.1.1",
        "/tmp is a file system of its own",
        Severity::Medium,
        [
            "/etc/fstab",
            "",
            "tmpfs /tmp tmpfs nosuid,nodev,noexec 0 0\n",
        ],
    ),
    (
        "kernel_ptrace",
        "1.5.2",
        "Only a parent may trace a process",
        Severity::Medium,
        ["kernel.yama.ptrace_scope", "0\n", "1\n"],
    ),
    (
        "banner_issue_mode",
        "1.6.5",
        "Only root writes the local login banner",
        Severity::Low,
        ["/etc/issue", "mode 0664\n", "mode 0644\n"],
    ),
    (
        "services_avahi",
        "2.1.2",
        "No service announces itself to the network",
        Severity::Medium,
        ["avahi-daemon.service", "enabled\n", "masked\n"],
    ),
    (
        "time_daemon",
        "2.3.1",
        "One daemon keeps the time",
        Severity::Medium,
        ["chrony", "absent\n", "present\n"],
    ),
    (
        "network_forwarding",
        "3.3.1",
        "Packets of others are not forwarded",
        Severity::High,
        ["net.ipv4.ip_forward", "1\n", "0\n"],
    ),
    (
        "network_redirects",
        "3.3.5",
        "Redirects are not accepted",
        Severity::Medium,
        ["net.ipv4.conf.all.accept_redirects", "1\n", "0\n"],
    ),
    (
        "firewall_default",
        "4.3.5",
        "What nobody allowed is dropped",
        Severity::High,
        ["/etc/nftables.conf", "policy accept;\n", "policy drop;\n"],
    ),
    (
        "sshd_root",
        "5.1.20",
        "Nobody logs in as root by sshd",
        Severity::Critical,
        [
            "/etc/ssh/sshd_config",
            "PermitRootLogin yes\n",
            "PermitRootLogin no\n",
        ],
    ),
    (
        "sshd_ciphers",
        "5.1.6",
        "sshd offers only strong ciphers",
        Severity::High,
        [
            "/etc/ssh/sshd_config.d/00-palisade.conf",
            "",
            "Ciphers chacha20-poly1305@openssh.com,aes256-gcm@openssh.com\n",
        ],
    ),
    (
        "sudo_use_pty",
        "5.2.2",
        "sudo runs commands in a terminal of their own",
        Severity::Medium,
        ["/etc/sudoers.d/palisade", "", "Defaults use_pty\n"],
    ),
    (
        "logging_journal",
        "6.1.1.1",
        "The journal outlives a reboot",
        Severity::Medium,
        [
            "/etc/systemd/journald.conf.d/60-palisade.conf",
            "",
            "[Journal]\nStorage=persistent\n",
        ],
    ),
    (
        "permissions_passwd",
        "7.1.1",
        "Only root writes /etc/passwd",
        Severity::High,
        ["/etc/passwd", "mode 0666\n", "mode 0644\n"],
    ),
    (
        "accounts_review",
        "7.2.9",
        "Somebody knows every account",
        Severity::Low,
        ["", "", ""],
    ),
];

/// A fleet of so many hosts: most things hold, some fail on some, one host is lost among many.
pub fn fleet(size: usize) -> Report {
    let mut report = empty();
    for at in 0..size {
        let lost = (size > 4 && at == size - 1)
            .then(|| "connect to 10.0.0.9 port 22: timed out".to_owned());
        let findings = CONTROLS.iter().enumerate();
        let findings: Vec<Finding> = findings
            .map(|(n, c)| finding(n, c, at, lost.is_some()))
            .collect();
        let mut score = Score::default();
        findings.iter().for_each(|f| score.add(f.verdict));
        let trouble = match at {
            1 => vec!["reload sshd: Job for ssh.service failed".to_owned()],
            _ => Vec::new(),
        };
        report.hosts.push(HostReport {
            host: format!("web{:02}.example.org", at + 1),
            lost,
            score,
            findings,
            trouble,
            round_trips: 3,
        });
    }
    let covers = report
        .hosts
        .iter()
        .flat_map(|h| &h.findings)
        .filter(|f| f.waiver == Some(0))
        .count();
    report.waivers[0].covers = covers;
    report
}

fn finding(
    n: usize,
    control: &(&str, &str, &str, Severity, [&str; 3]),
    host: usize,
    lost: bool,
) -> Finding {
    let (id, _, _, _, [on, before, after]) = control;
    let verdict = match (n, host % 5) {
        _ if lost => Verdict::Unknown,
        (13, _) => Verdict::Manual,
        (0, _) => Verdict::Waived,
        (5, 2) => Verdict::NotApplicable,
        (4, 3) => Verdict::Error,
        (8, 1 | 4) | (9, 0..=2) | (3, 2) | (7, _) | (11, 0) => Verdict::Fail,
        (10, 1) => Verdict::Fixed,
        _ => Verdict::Pass,
    };
    let why = match verdict {
        Verdict::Unknown => Some("the host was not reached"),
        Verdict::Waived => Some("one disk, replaced in spring"),
        Verdict::NotApplicable => Some("a router forwards"),
        Verdict::Error => Some("apt-get: could not get lock /var/lib/dpkg/lock-frontend"),
        _ => None,
    };
    let differs = matches!(verdict, Verdict::Fail | Verdict::Fixed | Verdict::Waived);
    let evidence = Evidence {
        task: "It is as it should be".into(),
        at: format!("modules/{}.yml:12:5", id.replacen('_', "/", 1)),
        status: if differs { "changed" } else { "ok" },
        message: why.filter(|_| verdict == Verdict::Error).map(str::to_owned),
        observed: serde_json::json!({"effective": before.trim(), "at": format!("{on}:{}", 10 + host)}),
        differences: Vec::from_iter(differs.then(|| Difference {
            on: (*on).into(),
            before: (*before).into(),
            after: (*after).into(),
            summary: "+1 -1".into(),
        })),
    };
    let asked = !lost && !matches!(verdict, Verdict::NotApplicable | Verdict::Manual);
    Finding {
        control: (*id).into(),
        verdict,
        why: why.map(str::to_owned),
        waiver: (verdict == Verdict::Waived).then_some(0),
        evidence: Vec::from_iter(asked.then_some(evidence)),
    }
}

fn empty() -> Report {
    let control = |(id, number, title, severity, _): &(&str, &str, &str, Severity, [&str; 3])| {
        ControlInfo {
        id: (*id).into(),
        at: format!("modules/{}.yml:1:1", id.replacen('_', "/", 1)),
        title: (*title).into(),
        severity: *severity,
        rationale: "Whoever gets in by a small hole looks for the next one at once. This closes one that is \
            often looked for."
            .into(),
        impact: (*severity == Severity::High).then(|| "Old clients may not connect any more.".into()),
        manual: (*id == "accounts_review").then(|| "Ask the owner of each account whether it is needed.".into()),
        fix: (*id == "time_daemon").then(|| "Choose one of them, and remove the others.".into()),
        references: BTreeMap::from([
            ("nist_800_53".into(), vec!["AC-3".into(), "AC-6".into()]),
            ("pci_dss_4".into(), vec!["2.2.6".into()]),
        ]),
        numbers: vec![NumberInfo {
            profile: "cis_debian12".into(),
            number: (*number).into(),
        }],
    }
    };
    let sections = SECTIONS.iter().map(|(n, t)| ((*n).into(), (*t).into()));
    Report {
        tool: "palisade".into(),
        version: "0.1.0".into(),
        format: FORMAT,
        mode: "audit".into(),
        started: "2026-11-21T12:00:00.123456789Z".into(),
        seconds: 1.25,
        profiles: vec![ProfileInfo {
            id: "cis_debian12".into(),
            title: "CIS Debian Linux 12 Benchmark".into(),
            version: "1.1.0".into(),
            level: "l1-server".into(),
            sections: sections.collect(),
        }],
        controls: CONTROLS.iter().map(control).collect(),
        waivers: vec![
            waiver("mount_tmp", "web*", false),
            waiver("sudo_use_pty", "db1", true),
        ],
        hosts: Vec::new(),
    }
}

fn waiver(control: &str, hosts: &str, expired: bool) -> WaiverInfo {
    let day = if expired { "2026-10-31" } else { "2027-03-31" };
    let ends = if expired {
        "2026-11-01T00:00:00Z"
    } else {
        "2027-04-01T00:00:00Z"
    };
    WaiverInfo {
        control: control.into(),
        hosts: hosts.into(),
        reason: "one disk, replaced in spring".into(),
        owner: "ops@example.org".into(),
        expires: day.into(),
        ends: ends.into(),
        expired,
        covers: 0,
    }
}

/// One host, whose every word is hostile.
pub fn hostile() -> Report {
    let mut report = fleet(1);
    let evil = || HOSTILE.to_owned();
    for control in &mut report.controls {
        control.title = evil();
        control.rationale = evil();
        control.impact = Some(evil());
        control.manual = control.manual.as_ref().map(|_| evil());
        control.fix = Some(evil());
        control.references = BTreeMap::from([(evil(), vec![evil()])]);
    }
    for waiver in &mut report.waivers {
        waiver.reason = evil();
        waiver.owner = evil();
        waiver.hosts = evil();
    }
    for host in &mut report.hosts {
        host.host = evil();
        host.trouble = vec![evil()];
        for finding in &mut host.findings {
            finding.why = Some(evil());
            for evidence in &mut finding.evidence {
                evidence.task = evil();
                evidence.message = Some(evil());
                evidence.observed = serde_json::json!({ HOSTILE: HOSTILE });
            }
            if let Some(evidence) = finding.evidence.first_mut() {
                evidence.differences = vec![Difference {
                    on: evil(),
                    before: evil(),
                    after: String::new(),
                    summary: evil(),
                }];
            }
        }
    }
    report
}
