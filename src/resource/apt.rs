//! Packages of Debian's: `dpkg-query` for what is there, `apt-cache` for what there could be.

use std::fmt::Write as _;

use super::apply::{ApplyError, Make};
use super::package::{NEEDED, OFFERED, PackageState, Way, work};
use super::program::{Exec, Program};
use super::script::{Script, quote};
use super::{Change, Resource, Run, Want};

/// Records about packages: those there are, what all provide and need, what is on offer, what files
/// hold.
pub(super) const WIDTH: usize = 4;

/// When the lists were refreshed, and the clock.
pub(super) const INDEX: &str = "pl_has apt-get || exit 127\n\
pl_x=0; for pl_f in /var/lib/apt/periodic/update-success-stamp /var/lib/apt/lists; do\n\
    [ ! -e $pl_f ] || { pl_y=$(stat -c %Y $pl_f); [ $pl_y -le $pl_x ] || pl_x=$pl_y; }\n\
    done; pl_p \"$pl_x \"; date +%s";

const HAS: &str = "pl_has apt-get && pl_has dpkg-query || exit 127\n";

/// A package file rather than a name.
pub fn is_file(name: &str) -> bool {
    name.contains('/')
}

fn words<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|n| format!(" {}", quote(n))).collect()
}

pub(super) fn ask(packages: &[(&str, Want)], script: &mut Script) {
    let plain = || {
        let names = packages.iter().map(|(n, _)| *n).filter(|n| !is_file(n));
        names.map(|n| pinned(n).0)
    };
    let newest = packages
        .iter()
        .filter(|(n, w)| !is_file(n) && w.has(Want::CONTENT));
    let newest = words(newest.map(|(n, _)| pinned(n).0));
    let names = words(plain());
    let files = words(packages.iter().map(|(n, _)| *n).filter(|n| is_file(n)));
    // Files name packages that are to be looked up too.
    script.ask(&format!(
        "{HAS}set --{names}\nfor pl_q in{files}; do pl_x=$(dpkg-deb -f \"$pl_q\" Package) && set -- \"$@\" \"$pl_x\"; done\n\
         [ $# = 0 ] || dpkg-query -W -f '${{Package}}\\t${{db:Status-Status}}\\t${{Architecture}}\\t\
         ${{db:Status-Want}}\\t${{Version}}\\n' \"$@\"\n:"
    ));
    // Only where something is missing that is to be there is it worth asking who provides and offers it.
    let offered = packages
        .iter()
        .filter(|(n, w)| !is_file(n) && (w.has(OFFERED) || w.has(Want::CONTENT)));
    let mut missing = String::from("pl_a=$pl_nl${_v%x} pl_m=");
    for (name, _) in offered {
        let name = pinned(name).0;
        let there = match split(name) {
            (bare, Some(arch)) if arch != "any" => format!("{bare}\tinstalled\t{arch}\t"),
            (bare, _) => format!("{bare}\tinstalled\t"),
        };
        let (there, word) = (quote(&there), quote(&format!(" {name}")));
        let _ = write!(
            missing,
            "\ncase $pl_a in *\"$pl_nl\"{there}*) ;; *) pl_m=$pl_m{word} ;; esac"
        );
    }
    script.say(&missing);
    script.ask(&all(packages));
    let other = packages.iter().map(|(n, _)| pinned(n));
    let other: String = other
        .filter_map(|(name, release)| {
            let (name, release) = (quote(name), quote(release?));
            let head = format!("pl_p @{name}@{release}\"$pl_nl\"");
            Some(format!("{head}; apt-cache -t {release} policy {name}\n"))
        })
        .collect();
    script.ask(&format!(
        "{HAS}set -f\nset --{newest} $pl_m\n[ $# = 0 ] || {{ apt-cache policy \"$@\"\n{other}}}\n:"
    ));
    let show =
        "dpkg-deb -W --showformat '${Package}\\t${Architecture}\\t${Version}\\n' -- \"$pl_q\"";
    script.ask(&format!(
        "for pl_q in{files}; do pl_p \"$pl_q\t\"; {show} || pl_p \"$pl_nl\"; done\n:"
    ));
}

/// One look at all packages, and what of it matters: lines of four fields about what one provides, where
/// something is missing (`pl_m`), and of three about what one needs, where that is asked.
fn all(packages: &[(&str, Want)]) -> String {
    let weighed = packages
        .iter()
        .filter(|(n, w)| w.has(NEEDED) && !is_file(n));
    let mut words = String::new();
    for (name, _) in weighed {
        let name = expression(split(pinned(name).0).0);
        let _ = write!(
            words,
            " -e {}",
            quote(&format!("^installed\t[^\t]*\t[^\t]*{name}"))
        );
    }
    let needs = match words.is_empty() {
        true => "",
        false => "${db:Status-Status}\\t${Package}\\t${Pre-Depends}, ${Depends}\\n",
    };
    format!(
        "{HAS}set --{words}\npl_f='{needs}'\n\
         [ -z \"$pl_m\" ] || {{ set -- \"$@\" -e '^installed\t.*\t.*\t.'\n\
         pl_f=$pl_f'${{db:Status-Status}}\\t${{Package}}\\t${{Version}}\\t${{Provides}}\\n'; }}\n\
         [ $# = 0 ] || dpkg-query -W -f \"$pl_f\" | grep \"$@\"\n:"
    )
}

/// A basic regular expression that matches exactly this.
fn expression(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if ".*[\\^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// The key of a package of which the newest of one release is asked.
pub fn pin(name: &str, release: &str) -> String {
    format!("{name}@{release}")
}

/// A name, and the release that its newest version is asked of.
fn pinned(name: &str) -> (&str, Option<&str>) {
    match name.split_once('@') {
        Some((name, release)) => (name, Some(release)),
        None => (name, None),
    }
}

/// A name without its architecture, and the architecture.
fn split(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once(':') {
        Some((name, arch)) => (name, Some(arch)),
        None => (name, None),
    }
}

pub(super) fn read(name: &str, texts: &[String]) -> PackageState {
    let [listed, all, policy, files] = texts else {
        return PackageState::default();
    };
    if is_file(name) {
        let lines = files.lines().map(|l| l.split('\t').collect::<Vec<_>>());
        let mut found = lines.filter(|f| f.len() == 4 && f[0] == name);
        let Some(file) = found.next() else {
            return PackageState::default();
        };
        let mut state = installed(file[1], listed);
        state.candidate = Some(file[3].to_owned());
        return state;
    }
    // What is said of one release stands behind a line with its key.
    let (policy, name) = match pinned(name) {
        (bare, Some(_)) => {
            let mark = format!("@{name}\n");
            (policy.split_once(&mark).map_or("", |(_, rest)| rest), bare)
        }
        (bare, None) => (policy.as_str(), bare),
    };
    let mut state = installed(name, listed);
    state.needed_by = needed_by(split(name).0, all);
    state.candidate = candidate(name, policy);
    if state.version.is_none() {
        let provides = |line: &&str| {
            let field = line.split('\t').nth(3).unwrap_or_default();
            field.split(", ").any(|p| p.split(' ').next() == Some(name))
        };
        for line in all.lines().filter(provides) {
            let mut fields = line.split('\t').skip(1);
            state.providers.extend(fields.next().map(str::to_owned));
            state.version = fields.next().map(str::to_owned);
        }
    }
    state
}

fn installed(name: &str, listed: &str) -> PackageState {
    let (bare, arch) = split(name);
    let mut state = PackageState::default();
    for line in listed.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [package, status, architecture, want, version] = fields.as_slice() else {
            continue;
        };
        if *package != bare || arch.is_some_and(|a| a != *architecture && a != "any") {
            continue;
        }
        state.held |= *want == "hold";
        match *status {
            // What is unpacked or half configured is not there as it should be.
            "installed" | "triggers-awaited" | "triggers-pending" => {
                state.version = Some((*version).to_owned());
            }
            "config-files" => state.config_files = true,
            _ => {}
        }
    }
    state
}

/// The packages whose dependencies name it.
fn needed_by(name: &str, text: &str) -> Vec<String> {
    let names = |on: &str| {
        let word = on.trim().split([' ', ':', '(']).next();
        word == Some(name)
    };
    let needs = |line: &str| {
        let mut fields = line.split('\t').skip(1);
        let (package, on) = (fields.next()?, fields.next()?);
        (fields.next().is_none() && package != name && on.split([',', '|']).any(names))
            .then(|| package.to_owned())
    };
    let mut by: Vec<String> = text.lines().filter_map(needs).collect();
    by.sort();
    by.dedup();
    by
}

/// What `apt-cache policy` says would be installed.
fn candidate(name: &str, policy: &str) -> Option<String> {
    let head = |l: &str| {
        l.strip_suffix(':')
            .is_some_and(|n| n == name || split(n).0 == name)
    };
    let mut lines = policy.lines().skip_while(|l| !head(l)).skip(1);
    let line = lines.find_map(|l| l.trim_start().strip_prefix("Candidate: "))?;
    Some(line.to_owned()).filter(|c| c != "(none)")
}

/// The command of a kind of upgrade, as this folder calls it; `build-dep NAME` names a package.
fn command(how: &str) -> String {
    match how {
        "safe" => "upgrade --with-new-pkgs".into(),
        "dist" => "dist-upgrade".into(),
        "fixed" => "-f install".into(),
        other => match other.split_once(' ') {
            Some((verb, names)) => {
                format!("{}{}", quote(verb), words(names.split_whitespace()))
            }
            None => quote(other),
        },
    }
}

pub(super) fn ask_upgrade(how: &str) -> String {
    match how {
        "clean" => "pl_has apt-get || exit 127\n\
                    for pl_q in /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/* \
                    /var/cache/apt/*.bin; do\n\
                    [ ! -e \"$pl_q\" ] || pl_p \"Del $pl_q$pl_nl\"\ndone"
            .into(),
        _ => format!(
            "pl_has apt-get || exit 127\napt-get -s -q {} 2>&1",
            command(how)
        ),
    }
}

/// The packages a simulation names.
pub(super) fn pending(text: &str) -> Vec<String> {
    let named = |line: &str| {
        let rest = ["Inst ", "Remv ", "Del "]
            .iter()
            .find_map(|v| line.strip_prefix(v))?;
        rest.split(' ').next().map(str::to_owned)
    };
    text.lines().filter_map(named).collect()
}

/// Surroundings in which nothing asks a question, and a wait for whoever holds the lock.
const QUIET: &str = "DEBIAN_FRONTEND=noninteractive DEBIAN_PRIORITY=critical\n\
    APT_LISTCHANGES_FRONTEND=none NEEDRESTART_SUSPEND=1 LANG=C\n\
    export DEBIAN_FRONTEND DEBIAN_PRIORITY APT_LISTCHANGES_FRONTEND NEEDRESTART_SUSPEND LANG\n";

/// apt waits for dpkg's lock itself; the locks of its lists it does not wait for.
const WAITING: &str = "pl_apt() {\n\
    pl_i=0 pl_g=$(mktemp) || return\n\
    while :; do\n\
    pl_x=$(apt-get \"$@\" 2>\"$pl_g\"); pl_s=$?\n\
    [ $pl_s != 0 ] || break\n\
    case $(cat \"$pl_g\") in *'Could not get lock'*|*'Unable to lock'*) ;; *) break ;; esac\n\
    [ $pl_i -lt $pl_wait ] || break\n\
    sleep 1; pl_i=$((pl_i+1))\n\
    done\n\
    [ -z \"$pl_x\" ] || pl_p \"$pl_x$pl_nl\"; cat \"$pl_g\" >&2; rm -f -- \"$pl_g\"; return $pl_s\n}\n";

/// While it works, services are kept from starting by a file that answers for the administrator.
fn policy(status: &str) -> String {
    let status: i32 = status.parse().unwrap_or(101);
    format!(
        "pl_f=/usr/sbin/policy-rc.d; pl_b=$pl_f.palisade.$$\n\
         [ ! -e $pl_f ] || mv -- $pl_f \"$pl_b\" || exit\n\
         trap 'rm -f -- $pl_f; [ ! -e \"$pl_b\" ] || mv -- \"$pl_b\" $pl_f' EXIT\n\
         pl_p \"#!/bin/sh${{pl_nl}}exit {status}$pl_nl\" >$pl_f && chmod 755 $pl_f || exit\n"
    )
}

pub(super) fn make(change: &Change) -> Result<Make, ApplyError> {
    let how = &change.how;
    let wait: u64 = how
        .option("lock_timeout")
        .and_then(|t| t.parse().ok())
        .unwrap_or(60);
    let flags = |kind: &str| -> String {
        let given = how.options.iter().filter(|(k, _)| k == kind || k == "flag");
        given.map(|(_, v)| format!(" {}", quote(v))).collect()
    };
    let mut text = format!("pl_wait={wait}\n{QUIET}{WAITING}");
    if let Some(status) = how.option("policy_rc_d") {
        text.push_str(&policy(status));
    }
    let base = format!("pl_apt -y -o DPkg::Lock::Timeout={wait}");
    match &change.on {
        Resource::PackageIndex(_) => {
            let retries: u64 = how
                .option("retries")
                .and_then(|r| r.parse().ok())
                .unwrap_or(5);
            let delay: u64 = how
                .option("max_delay")
                .and_then(|r| r.parse().ok())
                .unwrap_or(12);
            let _ = write!(
                text,
                "pl_j=0\nuntil {base} update; do\n\
                 pl_j=$((pl_j+1)); [ $pl_j -lt {retries} ] || exit 100\n\
                 pl_d=$((1<<pl_j)); [ $pl_d -le {delay} ] || pl_d={delay}\n\
                 sleep $pl_d\ndone\ntouch /var/lib/apt/lists\n"
            );
        }
        Resource::PackageUpgrade { how, .. } => {
            let _ = writeln!(text, "{base}{} {}", flags("install"), command(how));
        }
        _ => match work(change) {
            Some((_, names)) if names.is_empty() => return Ok(Make::tool(":")),
            Some((Way::Install, names)) => {
                let downgrade = if how.option("batch").is_none() {
                    " --allow-downgrades"
                } else {
                    ""
                };
                let names = words(names.iter().map(String::as_str));
                let _ = writeln!(text, "{base}{downgrade}{} install{names}", flags("install"));
            }
            Some((Way::Remove, names)) => {
                let names = words(names.iter().map(String::as_str));
                let _ = writeln!(text, "{base}{} remove{names}", flags("remove"));
            }
            None => return Err(ApplyError::unfit(change)),
        },
    }
    Ok(Make::tool(text))
}

/// Installs a package file from the network, unless that version of it is there. Prints `unchanged`
/// then.
pub fn install_url(url: &str, flags: &[&str], wait: u64) -> Run {
    let text = format!(
        "pl_nl='\n'\npl_p() {{ printf %s \"$1\"; }}\npl_wait={wait}\n{QUIET}{WAITING}\
         d=$(mktemp -d) || exit\ntrap 'rm -rf -- \"$d\"' EXIT\nchmod 755 \"$d\"\n\
         if command -v curl >/dev/null; then curl -fsSL -o \"$d/p.deb\" -- {url}\n\
         else wget -q -O \"$d/p.deb\" -- {url}\nfi || {{ echo 'cannot download '{url} >&2; exit 1; }}\n\
         n=$(dpkg-deb -f \"$d/p.deb\" Package) v=$(dpkg-deb -f \"$d/p.deb\" Version) || exit\n\
         case $(dpkg-query -W -f '${{db:Status-Status}} ${{Version}}' \"$n\" 2>/dev/null) in\n\
         \"installed $v\") echo unchanged; exit 0 ;;\nesac\n\
         pl_apt -y -o DPkg::Lock::Timeout={wait}{} install \"$d/p.deb\"\n",
        words(flags.iter().copied()),
        url = quote(url),
    );
    let mut run = Run::new(Exec::Program(Program {
        text,
        name: "apt-get",
    }));
    run.judged = true;
    run
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "curl\tinstalled\tamd64\tinstall\t7.88.1-10\n\
                          nginx\tconfig-files\tamd64\tdeinstall\t1.2\n\
                          libc6\tinstalled\ti386\thold\t2.36\nlibc6\tinstalled\tamd64\thold\t2.36\n";
    const PROVIDED: &str =
        "installed\texim4-daemon-light\t4.96\tmail-transport-agent, exim4-localscanapi-6.0\n";
    const POLICY: &str = "nginx:\n  Installed: (none)\n  Candidate: 1.22.1-9\n  Version table:\n\
                          mail-transport-agent:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n";

    fn state(name: &str) -> PackageState {
        read(
            name,
            &[
                LISTED,
                &format!("{NEEDS}{PROVIDED}"),
                POLICY,
                "/x.deb\tcurl\tamd64\t9.0\n",
            ]
            .map(str::to_owned),
        )
    }

    const NEEDS: &str = "installed\ta\tlibc6 (>= 2), , nginx | apache2\n\
                         installed\tb\tcurl:any (= 1), nginx-common\ninstalled\tcurl\t, curl\n";

    #[test]
    fn who_needs_a_package_names_it_among_its_dependencies() {
        assert_eq!(state("nginx").needed_by, ["a"]);
        assert_eq!(state("curl").needed_by, ["b"]);
        assert_eq!(state("libc6:i386").needed_by, ["a"]);
    }

    #[test]
    fn packages_are_read_from_what_dpkg_and_apt_say() {
        assert_eq!(state("curl").version.as_deref(), Some("7.88.1-10"));
        let nginx = state("nginx");
        assert_eq!((nginx.version, nginx.config_files), (None, true));
        assert_eq!(nginx.candidate.as_deref(), Some("1.22.1-9"));
        let agent = state("mail-transport-agent");
        assert_eq!(
            (agent.version.as_deref(), agent.providers),
            (Some("4.96"), vec!["exim4-daemon-light".into()])
        );
        assert!(state("libc6:i386").held && state("libc6:arm64").version.is_none());
        let pinned = format!("{POLICY}@nginx@sid\nnginx:\n  Candidate: 1.26-1\n");
        let texts = [LISTED, PROVIDED, &pinned, ""].map(str::to_owned);
        assert_eq!(
            read("nginx@sid", &texts).candidate.as_deref(),
            Some("1.26-1")
        );
        assert_eq!(state("/x.deb").candidate.as_deref(), Some("9.0"));
        assert_eq!(state("/x.deb").version.as_deref(), Some("7.88.1-10"));
    }

    #[test]
    fn a_simulation_names_packages() {
        let text = "Reading package lists...\nRemv old [1]\nInst new [1] (2 Debian:12 [amd64])\nConf new (2)\n";
        assert_eq!(pending(text), ["old", "new"]);
    }
}
