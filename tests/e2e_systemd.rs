//! Services on a host whose process 1 is systemd.

#[path = "e2e/mod.rs"]
mod e2e;

use e2e::{PALISADE, up};

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

/// Puts the built program and a project on a host.
const PROGRAM: &str = "
- hosts: all
  gather_facts: false
  tasks:
    - copy: {src: PALISADE, dest: /usr/local/bin/palisade, mode: '0755'}
    - user: {name: ann}
    - file: {path: '{{ item }}/ops', state: directory, mode: '0755'}
      loop: [/root, /home/ann]
    - copy:
        dest: '{{ item }}/ops/site.yml'
        content: \"- hosts: all\\n  connection: local\\n  gather_facts: false\\n  tasks:\\n  - copy: {content: x, dest: {{ item }}/ops/made}\\n\"
      loop: [/root, /home/ann]
    - copy:
        dest: '{{ item }}/ops/schedule.yml'
        content: |
          timezone: Europe/Berlin
          jobs:
          - {name: Night watch 100%, verb: drift, playbook: site.yml, inventory: 'localhost,', calendar: '0 3 1 * 1'}
          - {name: mend, verb: playbook, playbook: site.yml, inventory: 'localhost,', calendar: yearly}
      loop: [/root, /home/ann]
    - command: chown -R ann /home/ann/ops
";

#[test]
fn timers_of_a_schedule_run_its_jobs_and_go_away_again() {
    let Some(bench) = up("w", 0) else { return };
    if !bench.systemd() {
        return;
    }
    bench
        .play(&PROGRAM.replace("PALISADE", PALISADE), &[])
        .expect(0);
    let on = |script: &str| bench.on("sd1", &format!("cd /root/ops; {script} 2>&1"));
    let timers = || on("systemctl list-timers --all --no-legend --no-pager 'palisade-*'");
    let first = on("palisade install-schedule schedule.yml");
    assert!(first.contains("palisade-schedule-mend.timer"), "{first}");
    let listed = timers();
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(
        listed.contains("-01-01") || listed.contains("-12-31"),
        "{listed}"
    );
    let said = on("systemd-analyze verify --man=no /etc/systemd/system/palisade-schedule-*");
    assert_eq!(said, "");
    // A machine on which nothing of ours ever ran; a difference is no failure of the service.
    let run = |unit: &str| {
        on(&format!(
            "systemctl start palisade-schedule-{unit}.service; echo $?"
        ))
    };
    assert_eq!(
        run("night-watch-100"),
        "0",
        "{}",
        on("journalctl --no-pager -u 'palisade-*'")
    );
    assert_eq!(
        run("mend"),
        "0",
        "{}",
        on("journalctl --no-pager -u 'palisade-*'")
    );
    assert_eq!(on("cat made"), "x");
    let history = on("palisade history");
    assert!(
        history.contains("1 differ") && history.contains("1 changed"),
        "{history}"
    );
    // Again it changes nothing.
    let stamps = "stat -c '%n %y' /etc/systemd/system/palisade-schedule-*";
    let before = on(stamps);
    let again = on("palisade install-schedule schedule.yml");
    assert!(again.contains("nothing has changed"), "{again}");
    assert_eq!(on(stamps), before);
    // Another time is taken up, and a job that is gone takes its timer along.
    on("sed -i -e \"s/yearly/'*-07-04'/\" -e /Night/d schedule.yml");
    let other = on("palisade install-schedule schedule.yml");
    assert!(other.contains("palisade-schedule-mend.timer"), "{other}");
    let listed = timers();
    assert!(
        listed.contains("-07-0") && listed.lines().count() == 1,
        "{listed}"
    );
    on("palisade install-schedule schedule.yml --remove");
    assert_eq!(timers(), "");
    assert_eq!(on("find /etc/systemd -name 'palisade-schedule*'"), "");
    for_a_user(&bench);
}

/// The same for somebody without privileges.
fn for_a_user(bench: &e2e::Bench) {
    let as_ann = |script: &str| {
        let script = format!("cd ops; export XDG_RUNTIME_DIR=/run/user/$(id -u); {script}");
        bench.on("sd1", &format!("su - ann -c '{script}' 2>&1"))
    };
    bench.on("sd1", "loginctl enable-linger ann");
    let there = || as_ann("test -S $XDG_RUNTIME_DIR/bus && echo there; true") == "there";
    assert!(
        e2e::until(std::time::Duration::from_secs(60), there),
        "no manager"
    );
    let installed = as_ann("palisade install-schedule schedule.yml --user");
    assert!(
        installed.contains("/home/ann/.config/systemd/user/palisade-schedule-mend.timer"),
        "{installed}"
    );
    assert!(!installed.contains("enable-linger"), "{installed}");
    let ran = as_ann("systemctl --user start palisade-schedule-mend.service; echo $?; cat made");
    assert_eq!(ran, "0\nx");
    as_ann("palisade install-schedule schedule.yml --user --remove");
    let left = as_ann(
        "systemctl --user list-timers --all --no-legend \"palisade-*\"; find ~/.config -name palisade-\\*",
    );
    assert_eq!(left, "");
    let refused = as_ann("palisade install-schedule schedule.yml; echo $?");
    assert!(
        refused.contains("--user installs your own") && refused.ends_with('1'),
        "{refused}"
    );
}
