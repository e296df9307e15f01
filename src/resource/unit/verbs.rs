//! How a service comes from one state to another: the verbs of whoever manages it.

use std::fmt::Write as _;

use super::super::apply::{ApplyError, Make};
use super::super::program::{Exec, Program, Run};
use super::super::script::quote;
use super::super::{Change, Resource, State};
use super::{Kick, SESSION, Scope, ServiceManager, UnitState};

/// Enables a service that runs where systemd would lose sight of it, else fails. Giving it a second name
/// (`Alias=sshd.service`) of which another unit has spoken already (`Before=sshd.service`) makes systemd take
/// it for inactive at the next reload: then it can neither be reloaded nor started. So that name is left out.
const ENABLE: &str = r#"pl_en() {
  pl_v=$(systemctl cat -- "$1" 2>/dev/null) pl_f=
  for pl_x in $(printf '%s\n' "$pl_v" | sed -n 's/^Alias=//p'); do
    case $(systemctl list-units --all --plain --no-legend -- "$pl_x") in *not-found*) pl_f=$pl_x ;; esac
  done
  [ -n "$pl_f" ] || return
  echo "$1 runs, and $pl_f is spoken of by another unit: it does not get that name" >&2
  for pl_w in wants:WantedBy requires:RequiredBy; do
    for pl_x in $(printf '%s\n' "$pl_v" | sed -n "s/^${pl_w#*:}=//p"); do
      systemctl "add-${pl_w%:*}" "$pl_x" "$1" >&2 || return
    done
  done
}
"#;

/// The verbs that lead from one state to the other, in order.
fn verbs(before: &UnitState, after: &UnitState) -> (Vec<&'static str>, Option<&'static str>) {
    let mut standing = Vec::new();
    if before.masked != after.masked {
        standing.push(if after.masked { "mask" } else { "unmask" });
    }
    if before.enabled != after.enabled
        && let Some(on) = after.enabled
    {
        standing.push(if on { "enable" } else { "disable" });
    }
    let now = match after.kick {
        Some(Kick::Restart) if after.running => Some("restart"),
        Some(Kick::Reload) if before.running => Some("reload"),
        _ if after.running && !before.running => Some("start"),
        _ if !after.running && before.running => Some("stop"),
        _ => None,
    };
    (standing, now)
}

pub(in crate::resource) fn make(change: &Change) -> Result<Make, ApplyError> {
    let (Resource::Unit { name, scope }, State::Unit(before), State::Unit(after)) =
        (&change.on, &change.before, &change.after)
    else {
        return Err(ApplyError::unfit(change));
    };
    let (mut standing, now) = verbs(before, after);
    let has = |o: &str| change.how.option(o);
    let bare = quote(name.strip_suffix(".service").unwrap_or(name));
    let unit = quote(name);
    let flag = scope.flag();
    let mut text = String::new();
    if *scope == Scope::User {
        text.push_str(SESSION);
    }
    // What is switched on or off as a whole has the levels that its tool gives it.
    let whole = before.enabled != after.enabled;
    if let Some(line) = runlevels(before, after, &bare).filter(|_| !whole) {
        standing.retain(|v| *v != "enable" && *v != "disable");
        text.push_str(&line);
    }
    let links = has("scripts").is_none()
        && matches!(
            before.manager,
            ServiceManager::Systemd | ServiceManager::Offline
        );
    for verb in standing {
        let force = if has("force").is_some() {
            " --force"
        } else {
            ""
        };
        let levels = has("runlevel")
            .map(quote)
            .unwrap_or_else(|| "default".into());
        let line = match (before.manager, verb) {
            (ServiceManager::Systemd, "enable") if before.running && *scope == Scope::System => {
                let plain = format!("systemctl{force} enable -- {unit} >&2");
                format!("{ENABLE}pl_en {unit} || {plain}")
            }
            _ if links => format!("systemctl{flag}{force} {verb} -- {unit} >&2"),
            (ServiceManager::OpenRc, "enable") => format!("rc-update add {bare} {levels} >&2"),
            (ServiceManager::OpenRc, _) => format!("rc-update del {bare} {levels} >&2"),
            (_, verb) => format!(
                "if pl_has update-rc.d; then {{ [ {verb} = disable ] || update-rc.d {bare} defaults; }} >&2 && update-rc.d {bare} {verb} >&2\n\
                 elif pl_has chkconfig; then chkconfig {bare} {} >&2\n\
                 else echo 'this host has neither update-rc.d nor chkconfig' >&2; false\nfi",
                if verb == "enable" { "on" } else { "off" }
            ),
        };
        let _ = writeln!(text, "{line} || exit");
    }
    if let Some(verb) = now {
        let arguments = has("arguments")
            .map(|a| format!(" {a}"))
            .unwrap_or_default();
        match before.manager {
            ServiceManager::Systemd => {
                text.push_str(&act(flag, verb, &unit, has("no_block").is_some()))
            }
            ServiceManager::OpenRc => {
                let _ = writeln!(text, "rc-service {bare} {verb} >&2 || exit");
            }
            ServiceManager::Sysv | ServiceManager::Offline => {
                let arguments: String = arguments
                    .split_whitespace()
                    .map(|w| format!(" {}", quote(w)))
                    .collect();
                let run = |verb: &str| format!("pl_sv {verb}{arguments} || exit\n");
                let _ = write!(
                    text,
                    "[ -e /etc/init.d/{bare} ] || {{ echo 'systemd does not run here, and there is no init script '{bare} >&2; exit 1; }}\n\
                     pl_sv() {{ if pl_has service; then service {bare} \"$@\"; else /etc/init.d/{bare} \"$@\"; fi 9>&-; }}\n{}",
                    match (verb, has("sleep")) {
                        ("restart", Some(seconds)) =>
                            format!("{}sleep {}\n{}", run("stop"), quote(seconds), run("start")),
                        (verb, _) => run(verb),
                    }
                );
            }
        }
    }
    text.push(':');
    Ok(Make::tool(text))
}

/// Starts an init script in other runlevels than before.
fn runlevels(before: &UnitState, after: &UnitState, bare: &str) -> Option<String> {
    let missing =
        |of: &str, in_: &str| -> Vec<char> { of.chars().filter(|l| !in_.contains(*l)).collect() };
    let (more, less) = (
        missing(&after.levels, &before.levels),
        missing(&before.levels, &after.levels),
    );
    let mut text = String::new();
    for (verb, word, levels) in [("enable", "on", more), ("disable", "off", less)] {
        if levels.is_empty() {
            continue;
        }
        let spaced: Vec<String> = levels.iter().map(ToString::to_string).collect();
        let (spaced, joined) = (quote(&spaced.join(" ")), quote(&spaced.concat()));
        // Links of any kind must be there before some of them can be switched.
        let _ = writeln!(
            text,
            "if pl_has update-rc.d; then\n\
             ls /etc/rc?.d/[SK][0-9][0-9]{bare} >/dev/null 2>&1 || update-rc.d {bare} defaults-disabled >&2 || exit\n\
             for pl_x in {levels}; do update-rc.d -f {bare} {verb} $pl_x >&2 || exit; done\n\
             elif pl_has chkconfig; then chkconfig --levels {joined} {bare} {word} >&2 || exit\n\
             else echo 'this host has neither update-rc.d nor chkconfig' >&2; exit 1\nfi",
            levels = spaced.trim_matches('\''),
        );
    }
    (!text.is_empty()).then_some(text)
}

/// One verb of systemd's, and a look whether the unit failed because of it.
fn act(flag: &str, verb: &str, unit: &str, no_block: bool) -> String {
    let block = if no_block { " --no-block" } else { "" };
    let told = format!("{{ systemctl{flag} status --no-pager -l -n 10 -- {unit} >&2; exit 1; }}");
    let mut text = format!("systemctl{flag}{block} {verb} -- {unit} >&2 || {told}\n");
    if verb != "stop" && !no_block {
        let _ = writeln!(text, "! systemctl{flag} -q is-failed -- {unit} || {told}");
        // What is done once it was started is not running afterwards; everything else is.
        let _ = writeln!(
            text,
            "case $(systemctl{flag} show -p ActiveState -p Type -- {unit}) in *Type=oneshot*|\\
             *ActiveState=active*|*ActiveState=activating*|*ActiveState=reloading*) ;; *) {told} ;; esac"
        );
    }
    text
}

/// Has systemd read its files anew, or execute itself anew.
pub fn daemon(scope: Scope, verb: &'static str) -> Run {
    let flag = scope.flag();
    let text = format!(
        "{SESSION}if [ -d /run/systemd/system ]; then systemctl{flag} daemon-{verb}\n\
         else echo 'systemd does not run here' >&2; fi"
    );
    let mut run = Run::new(Exec::Program(Program {
        text,
        name: "systemctl",
    }));
    run.changes = false;
    run.tells = true;
    run
}

#[cfg(test)]
mod tests {
    use super::super::{Kick, UnitState};
    use super::*;

    #[test]
    fn a_unit_that_was_started_must_run() {
        let text = act("", "start", "cron", false);
        assert!(text.contains("*ActiveState=activating*"), "{text}");
        assert!(!act("", "stop", "cron", false).contains("ActiveState"));
        assert!(!act("", "start", "cron", true).contains("ActiveState"));
    }

    #[test]
    fn verbs_lead_from_one_state_to_the_other() {
        let is = |running, enabled, kick| UnitState {
            running,
            enabled: Some(enabled),
            kick,
            ..UnitState::default()
        };
        let off = is(false, false, None);
        assert_eq!(
            verbs(&off, &is(true, true, None)),
            (vec!["enable"], Some("start"))
        );
        assert_eq!(
            verbs(&off, &is(true, false, Some(Kick::Restart))),
            (vec![], Some("restart"))
        );
        assert_eq!(
            verbs(&off, &is(true, false, Some(Kick::Reload))),
            (vec![], Some("start"))
        );
        let on = is(true, false, None);
        assert_eq!(verbs(&on, &off), (vec![], Some("stop")));
        assert_eq!(
            verbs(&on, &is(true, false, Some(Kick::Reload))),
            (vec![], Some("reload"))
        );
    }
}
