//! Services: systemd units, and init scripts where there is no systemd.
//!
//! One question serves all units of a scope. Who manages services is seen, not told: systemd where it
//! runs, OpenRC, else init scripts, with systemd's own links where it is installed but does not run.

mod verbs;

pub use verbs::daemon;
pub(super) use verbs::make;

use super::reply::Record;
use super::script::{Script, quote};
use super::{Query, Resource, State};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Scope {
    #[default]
    System,
    User,
    Global,
}

/// How a service is.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct UnitState {
    /// Whether the service manager knows it at all.
    pub exists: bool,
    pub running: bool,
    /// Whether it starts at boot; `None` where it cannot be said (static units).
    pub enabled: Option<bool>,
    pub masked: bool,
    /// Everything `systemctl show` says of it, for results.
    pub properties: Vec<(String, String)>,
    /// The runlevels in which an init script is started, as one word.
    pub levels: String,
    /// Which manager answered.
    pub manager: ServiceManager,
    /// What is to be done besides reaching the state: `restart`, `reload`.
    pub kick: Option<Kick>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kick {
    Restart,
    Reload,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ServiceManager {
    #[default]
    Systemd,
    Sysv,
    OpenRc,
    /// systemd is installed but does not run here (a container).
    Offline,
}

const SCOPES: [Scope; 3] = [Scope::System, Scope::User, Scope::Global];

impl Scope {
    fn flag(self) -> &'static str {
        match self {
            Scope::System => "",
            Scope::User => " --user",
            Scope::Global => " --global",
        }
    }
}

/// A login without a session of its own still has its user's manager.
const SESSION: &str = "[ -n \"${XDG_RUNTIME_DIR-}\" ] || \
    { XDG_RUNTIME_DIR=/run/user/${pl_uid:-$(id -u)}; export XDG_RUNTIME_DIR; }\n";

/// Whether an init script is to be started at boot, and whether its service runs.
const SYSV: &str = r#"pl_rc=$pl_nl
for pl_f in /etc/rc?.d/S[0-9][0-9]*; do pl_rc=$pl_rc$pl_f$pl_nl; done
pl_boot() {
  pl_l= pl_b=disabled
  case $pl_rc in *"/S"[0-9][0-9]"$1$pl_nl"*)
    for pl_f in /etc/rc?.d/S[0-9][0-9]"$1"; do
      [ -e "$pl_f" ] || continue
      pl_v=${pl_f#/etc/rc} pl_v=${pl_v%%.*} pl_l=$pl_l$pl_v
      case $pl_v in [2345]) pl_b=enabled ;; esac
    done ;;
  esac
  [ -n "$pl_l" ] || [ -e "/etc/init.d/$1" ] || pl_b=
}
pl_runs() {
  if pl_has service; then pl_x=$(service "$1" status 2>&1); else pl_x=$("/etc/init.d/$1" status 2>&1); fi
  pl_s=$?
  case $pl_s:$pl_x in
    0:*'not running'*|0:*stopped*|0:*'is down'*) ;;
    0:*) pl_p running ;;
    [123]:*|4:*) ;;
    *:*'not running'*|*:*stopped*) ;;
    *:*'is running'*) pl_p running ;;
  esac
}
"#;

/// Which units systemd is asked about (`$@`), and which it cannot know (`pl_un`, a line each): it has
/// not loaded them, or only their name, and no file of theirs is where it looks. Where many are asked for, most are such,
/// and each would cost systemd more than all the rest.
const KNOWN: &str = r#"pl_full() {
  case $1 in
    *[!a-zA-Z0-9_.-]*) return 1 ;;
    *.service|*.socket|*.timer|*.path) pl_v=$1 ;;
    *.*) return 1 ;;
    *) pl_v=$1.service ;;
  esac
}
pl_known() {
  pl_full "$1" || return 0
  case $pl_lu in *[" $pl_nl"]"$pl_v "*)
    set -- ${pl_lu#*[" $pl_nl"]"$pl_v "}
    [ "$1 $2" = "not-found inactive" ] || return 0 ;;
  esac
  for pl_d in $pl_up; do [ ! -e "$pl_d/$pl_v" ] && [ ! -L "$pl_d/$pl_v" ] || return 0; done
  return 1
}
pl_loaded() {
  for pl_q; do
    shift
    ! pl_full "$pl_q" || set -- "$@" "$pl_v"
  done
  systemctl list-units --all --full --plain --no-legend --no-pager -- "$@"
}
pl_usual() {
  [ /proc/1/exe -ef /usr/lib/systemd/systemd ] && [ -r /proc/1/environ ] || return
  IFS= read -r pl_x </proc/1/environ || :
  case $pl_x in *SYSTEMD_UNIT_PATH=*) return 1 ;; esac
}
pl_show() {
  pl_up= pl_lu= pl_un=$pl_nl
  if [ $# -gt @FEW@ ]; then
    if pl_usual; then pl_x='@PATHS@'; else pl_x=$(systemctl show -p UnitPath); fi
    for pl_d in $pl_x; do
      pl_d=${pl_d#UnitPath=}
      [ ! -d "$pl_d" ] || pl_up="$pl_up $pl_d"
    done
    [ -z "$pl_up" ] || pl_lu=$pl_nl$(pl_loaded "$@") || pl_up=
  fi
  for pl_q; do
    shift
    if [ -z "$pl_up" ] || pl_known "$pl_q"; then set -- "$@" "$pl_q"; else pl_un=$pl_un$pl_q$pl_nl; fi
  done
  pl_x=
  [ $# = 0 ] || pl_x=$(systemctl show -- "$@")
}
"#;

/// Where systemd looks, unless it was built or started otherwise: asking it costs more than the looks.
const PATHS: &str = "/etc/systemd/system.control /run/systemd/system.control /run/systemd/transient \
    /run/systemd/generator.early /etc/systemd/system /etc/systemd/system.attached /run/systemd/system \
    /run/systemd/system.attached /run/systemd/generator /usr/local/lib/systemd/system \
    /lib/systemd/system /usr/lib/systemd/system /run/systemd/generator.late";

/// Units that systemd is asked about as they are, without looking first which there can be.
const FEW: usize = 8;

fn units<'a>(queries: &[&'a Query], of: Scope) -> Vec<&'a str> {
    let name = |q: &&'a Query| match &q.on {
        Resource::Unit { name, scope } if *scope == of => Some(name.as_str()),
        _ => None,
    };
    queries.iter().filter_map(name).collect()
}

pub(super) fn ask(queries: &[&Query], script: &mut Script) {
    for scope in SCOPES {
        let names = units(queries, scope);
        if names.is_empty() {
            continue;
        }
        let words: String = names.iter().map(|n| format!(" {}", quote(n))).collect();
        let flag = scope.flag();
        if scope != Scope::System {
            script.ask(&format!(
                "{SESSION}if [ '{flag}' = ' --user' ] && pl_x=$(systemctl --user show --{words}); then\n\
                 pl_p \"systemd$pl_nl$pl_x$pl_nl\"; for pl_q in{words}; do pl_p \"@$pl_q$pl_nl\"; done\nelse pl_p \"offline$pl_nl\"\n\
                 for pl_q in{words}; do\npl_x=$(systemctl{flag} is-enabled -- \"$pl_q\") || :\n\
                 pl_p \"$pl_q\t${{pl_x:+yes}}\t\t$pl_x$pl_nl\"\ndone\nfi\n:"
            ));
            continue;
        }
        script.ask(&format!(
            "{SYSV}{KNOWN}if [ -d /run/systemd/system ] && pl_has systemctl && \
             pl_show{words}; then\npl_p \"systemd$pl_nl$pl_x$pl_nl\"\n\
             for pl_q in{words}; do pl_boot \"${{pl_q%.service}}\"\n\
             case $pl_un in *\"$pl_nl$pl_q$pl_nl\"*) pl_p - ;; *) pl_p @ ;; esac\n\
             pl_p \"$pl_q$pl_b $pl_l$pl_nl\"; done\n\
             elif pl_has rc-service && [ -d /run/openrc ]; then\npl_p \"openrc$pl_nl\"\n\
             for pl_q in{words}; do\npl_e= pl_r= pl_b=disabled\n\
             rc-service -e \"$pl_q\" && pl_e=yes\n! rc-service \"$pl_q\" status || pl_r=running\n\
             for pl_f in /etc/runlevels/*/\"$pl_q\"; do [ ! -e \"$pl_f\" ] || pl_b=enabled; done\n\
             pl_p \"$pl_q\t$pl_e\t$pl_r\t$pl_b$pl_nl\"\ndone >&3\n\
             else\nif pl_has systemctl; then pl_p \"offline$pl_nl\"; else pl_p \"sysv$pl_nl\"; fi\n\
             for pl_q in{words}; do\npl_n=${{pl_q%.service}} pl_e= pl_r=\n\
             [ ! -e \"/etc/init.d/$pl_n\" ] || {{ pl_e=yes; pl_r=$(pl_runs \"$pl_n\"); }}\n\
             pl_boot \"$pl_n\"\n\
             if pl_has systemctl; then\npl_x=$(systemctl is-enabled -- \"$pl_q\" 2>/dev/null)\n\
             case $pl_x in enabled*|disabled|static|masked*|indirect|alias|linked*|generated) pl_e=yes ;; esac\n\
             case $pl_x in ''|generated|not-found) ;; *) pl_b=$pl_x ;; esac\nfi\n\
             pl_p \"$pl_q\t$pl_e\t$pl_r\t$pl_b\t$pl_l$pl_nl\"\ndone\nfi\n:"
        ).replace("done >&3", "done 2>/dev/null").replace("@FEW@", &FEW.to_string()).replace("@PATHS@", PATHS));
    }
}

pub(super) fn read(queries: &[&Query], records: &[Record]) -> Result<Vec<State>, String> {
    let mut records = records.iter();
    let mut found: Vec<(Scope, &str, UnitState)> = Vec::new();
    for scope in SCOPES {
        let names = units(queries, scope);
        if names.is_empty() {
            continue;
        }
        let text = records
            .next()
            .map(Record::text)
            .ok_or("no answer about services")?;
        let (manager, rest) = text
            .split_once('\n')
            .ok_or("an empty answer about services")?;
        if manager == "systemd" {
            // One line a unit stands at the end, in the order they were asked.
            let lines: Vec<&str> = rest.lines().collect();
            let end = lines.len().saturating_sub(names.len());
            let (shows, boot) = lines.split_at(end);
            let shows = shows.join("\n");
            let mut blocks = shows.split("\n\n").filter(|b| b.contains('='));
            for (name, boot) in names.iter().zip(boot) {
                let (block, boot) = match boot.strip_prefix('-') {
                    Some(boot) => (Some(NOT_FOUND), boot),
                    None => (blocks.next(), boot.strip_prefix('@').unwrap_or_default()),
                };
                let block = block.ok_or("systemctl told of fewer units than it was asked for")?;
                let boot = boot.strip_prefix(name).unwrap_or_default();
                found.push((scope, name, shown(block, boot)));
            }
            if blocks.next().is_some() {
                return Err("systemctl told of more units than it was asked for".into());
            }
            continue;
        }
        let manager = match manager {
            "offline" => ServiceManager::Offline,
            "openrc" => ServiceManager::OpenRc,
            _ => ServiceManager::Sysv,
        };
        for name in names {
            let fields = |l: &str| l.split('\t').map(str::to_owned).collect::<Vec<_>>();
            let mut lines = rest.lines().map(fields);
            let Some(line) = lines.find(|f| f.len() >= 4 && f[0] == name) else {
                continue;
            };
            let state = UnitState {
                exists: line[1] == "yes",
                running: line[2] == "running",
                enabled: enabled(&line[3]),
                masked: line[3].starts_with("masked"),
                levels: line.get(4).cloned().unwrap_or_default(),
                manager,
                ..UnitState::default()
            };
            found.push((scope, name, state));
        }
    }
    let state = |query: &&Query| match &query.on {
        Resource::Unit { name, scope } => {
            let mut same = found.iter().filter(|(s, n, _)| s == scope && n == name);
            same.next()
                .map_or(State::Absent, |(_, _, state)| State::Unit(state.clone()))
        }
        _ => State::Absent,
    };
    Ok(queries.iter().map(state).collect())
}

/// What `is-enabled` says, where that is yes or no.
fn enabled(word: &str) -> Option<bool> {
    match word {
        "enabled" | "enabled-runtime" => Some(true),
        "disabled" | "indirect" | "alias" | "masked" | "masked-runtime" | "linked"
        | "linked-runtime" => Some(false),
        _ => None,
    }
}

/// What systemd says of a unit that it does not know.
const NOT_FOUND: &str = "LoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=";

fn shown(block: &str, boot: &str) -> UnitState {
    let mut properties: Vec<(String, String)> = Vec::new();
    for line in block.lines() {
        match line.split_once('=') {
            Some((key, value)) if key.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                properties.push((key.to_owned(), value.to_owned()));
            }
            // A value of several lines.
            _ => {
                if let Some((_, value)) = properties.last_mut() {
                    value.push('\n');
                    value.push_str(line);
                }
            }
        }
    }
    let get = |key: &str| {
        let found = properties.iter().find(|(k, _)| k == key);
        found.map(|(_, v)| v.as_str()).unwrap_or_default()
    };
    let file = get("UnitFileState");
    let (boot, levels) = boot.split_once(' ').unwrap_or((boot, ""));
    let load = get("LoadState");
    UnitState {
        exists: load != "not-found" || !file.is_empty(),
        running: matches!(get("ActiveState"), "active" | "activating" | "reloading"),
        enabled: match file {
            "generated" | "" => enabled(boot),
            word => enabled(word),
        },
        masked: load == "masked" || file.starts_with("masked"),
        levels: levels.to_owned(),
        manager: ServiceManager::Systemd,
        kick: None,
        properties,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(payload: &str) -> UnitState {
        let on = Resource::Unit {
            name: "cron".into(),
            scope: Scope::System,
        };
        let record = Record {
            number: 0,
            status: 0,
            payload: payload.as_bytes().to_vec(),
        };
        match read(&[&Query::meta(on)], &[record]).unwrap().remove(0) {
            State::Unit(unit) => unit,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn units_are_read_from_what_systemd_shows() {
        let unit = read_one(
            "systemd\nId=cron.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\n@cronenabled\n",
        );
        assert!(unit.exists && unit.running && unit.enabled == Some(true) && !unit.masked);
        assert_eq!(unit.properties[0], ("Id".into(), "cron.service".into()));
        let gone = read_one(
            "systemd\nId=cron.service\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\n@cron\n",
        );
        assert!(!gone.exists && !gone.running && gone.enabled.is_none());
        let script = read_one(
            "systemd\nLoadState=loaded\nActiveState=active\nUnitFileState=generated\n@crondisabled\n",
        );
        assert_eq!(script.enabled, Some(false));
    }

    #[test]
    fn init_scripts_are_read_too() {
        let unit = read_one("sysv\ncron\tyes\trunning\tenabled\n");
        assert!(unit.running && unit.enabled == Some(true) && unit.manager == ServiceManager::Sysv);
        assert!(read_one("offline\ncron\tyes\t\tmasked\n").masked);
    }
}
