//! Services on a host whose process 1 is systemd.

#[path = "e2e/mod.rs"]
mod e2e;

use e2e::up;

const SERVICES: &str = "
- hosts: all
  vars:
    unit: \"[Service]\\nExecStart=/bin/sleep 100000\\nExecReload=/bin/true\\n\\
      [Install]\\nWantedBy=multi-user.target\\n\"
  tasks:
    - {name: manager, assert: {that: ansible_facts.service_mgr == 'systemd'}}
    - {name: unit one, copy: {dest: /etc/systemd/system/one.service, content: '{{ unit }}'}, notify: restart}
    - {name: one, service: {name: one, state: started, enabled: true}}
    - {name: unit two, copy: {dest: /etc/systemd/system/two.service, content: '{{ unit }}'}}
    - {name: two, systemd: {name: two, state: started, enabled: true, daemon_reload: true}}
    - {name: two again, systemd: {name: two.service, state: started, enabled: true}}
    - {name: masked, systemd: {name: cron, masked: true}}
    - {name: missing, service: {name: nosuch, state: started}, ignore_errors: true}
    - {name: name, hostname: {name: renamed}}
  handlers:
    - {name: restart, service: {name: one, state: restarted}}
";

#[test]
fn services_are_started_enabled_and_masked_once() {
    let Some(bench) = up("s", 0) else { return };
    if !bench.systemd() {
        return;
    }
    let first = bench.play(SERVICES, &[]).expect(0);
    let words = first.words();
    let word = |name: &str| {
        let found = words
            .iter()
            .find(|((_, task, _), _)| task.strip_prefix('/') == Some(name));
        found.map_or("nothing", |(_, word)| word.as_str())
    };
    for name in [
        "unit one", "one", "unit two", "two", "masked", "name", "restart",
    ] {
        assert_eq!(word(name), "changed", "{name}: {first}");
    }
    assert_eq!(
        (word("two again"), word("missing")),
        ("ok", "ignored"),
        "{first}"
    );
    let is = |what: &str| bench.on("sd1", &format!("systemctl {what} one two cron"));
    assert_eq!(is("is-active"), "active\nactive\ninactive");
    assert_eq!(is("is-enabled"), "enabled\nenabled\nmasked");
    assert_eq!(bench.on("sd1", "hostnamectl --static"), "renamed");
    let second = bench.play(SERVICES, &[]).expect(0);
    assert_eq!(second.count("sd1", "changed"), 0, "{second}");
    assert!(second.count("sd1", "round_trips") <= 4, "{second}");
}

const REBOOT: &str = "
- hosts: all
  gather_facts: false
  tasks:
    - {name: unit, copy: {dest: /etc/systemd/system/one.service,
        content: \"[Service]\\nExecStart=/bin/sleep 100000\\n[Install]\\nWantedBy=multi-user.target\\n\"}}
    - {name: one, service: {name: one, enabled: true}}
    - {name: away, file: {path: /run/before, state: touch}}
    - {name: reboot, reboot: {reboot_timeout: 60}, register: r}
    - {name: another boot, stat: {path: /run/before}, register: before}
    - {name: gone, assert: {that: [not before.stat.exists, r.rebooted]}}
    - {name: started at boot, service: {name: one, state: started}}
";

#[test]
fn a_reboot_is_waited_for_and_what_is_enabled_runs_afterwards() {
    let Some(bench) = up("t", 0) else { return };
    if !bench.systemd() {
        return;
    }
    let run = bench.play(REBOOT, &[]).expect(0);
    let words = run.words();
    let last = words
        .iter()
        .find(|((_, task, _), _)| task == "/started at boot");
    assert_eq!(last.unwrap().1, "ok", "{run}");
}

const OTHER_NAME: &str = "
- hosts: all
  gather_facts: false
  tasks:
    - name: speaks of another name
      copy: {dest: /etc/systemd/system/early.service,
        content: \"[Unit]\\nBefore=known-as.service\\n[Service]\\nType=oneshot\\nRemainAfterExit=yes\\n\\
          ExecStart=/bin/true\\n[Install]\\nWantedBy=multi-user.target\\n\"}
    - name: unit
      copy: {dest: /etc/systemd/system/one.service,
        content: \"[Service]\\nExecStart=/bin/sleep 100000\\n\\
          [Install]\\nWantedBy=multi-user.target\\nAlias=known-as.service\\n\"}
    - {name: early, systemd: {name: early, state: started, enabled: true, daemon_reload: true}}
    - {name: started, systemd: {name: one, state: started}}
    - {name: enabled, systemd: {name: one, enabled: true}}
    - {name: read anew, systemd: {daemon_reload: true}}
";

/// At the next reload systemd takes such a service for inactive, and cannot start it either.
#[test]
fn a_running_service_is_not_lost_when_it_would_get_a_name_that_others_speak_of() {
    let Some(bench) = up("n", 0) else { return };
    if !bench.systemd() {
        return;
    }
    bench.play(OTHER_NAME, &[]).expect(0);
    let is = bench.on(
        "sd1",
        "systemctl is-active one; systemctl is-enabled one; ls /etc/systemd/system/known-as.service",
    );
    let mut is = is.lines();
    assert_eq!((is.next(), is.next()), (Some("active"), Some("enabled")));
    assert_eq!(is.next(), None, "it has the name");
    bench.play(OTHER_NAME, &[]).expect(0);
}
