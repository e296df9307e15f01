//! Keeps a firewall: one table of our own that drops what nobody asked for.
//!
//! The table goes to `/etc/nftables.d/palisade.nft`, which `/etc/nftables.conf` includes, is checked
//! with `nft -c`, and loaded in one transaction. Loopback, connections that stand, the ICMP that must
//! work and the ports of SSH are always let in: those that sshd is told of, the one this login came
//! in by, and any that is named. When the table is first made, what listens stays reachable; from
//! then on only what is named is added. Other tables are not touched: where another rule set drops by
//! default, or ufw or firewalld are in charge, that one stays the host's only firewall.

use crate::choices;
use crate::resource::nft::{Sockets, transaction};
use crate::resource::unit::Scope;
use crate::resource::{Change, Query, RemotePath, Resource, State};
use crate::result;
use crate::source::{Mapping, Value};

use super::arg::Mode;
use super::attrs::Attrs;
use super::edit::Edit;
use super::firewall::{self, Base, Policy, TABLE};
use super::{ArgError, Decision, Failure, Observed, Spec, Task, place, units};

choices! {
    pub(crate) enum Holds {
        Everything = "everything",
        Table = "table",
        Chains = "chains",
        Loopback = "loopback",
        DefaultDeny = "default_deny",
        Saved = "saved",
    }
}

choices! {
    pub(crate) enum Forward {
        Drop = "drop",
        Leave = "leave",
    }
}

crate::args! {
    pub(crate) struct Args {
        /// TCP ports that anybody may reach: numbers, or ranges like `8000-8010`.
        tcp: Vec<String> = "[]";
        /// UDP ports likewise.
        udp: Vec<String> = "[]";
        /// Ports of SSH besides those that are found.
        ssh: Vec<String> = "[]";
        /// Addresses and networks that may reach every port.
        trusted: Vec<String> = "[]";
        /// Keep reachable what listens when the table is first made.
        keep_listening: bool = "true";
        /// Answer to `ping`.
        ping: bool = "true";
        /// Packets for other hosts: drop them, or leave them to other tables (a router's, Docker's).
        forward: Forward = "drop";
        /// TCP ports that this host may connect to; with neither this nor `out_udp` all are.
        out_tcp: Vec<String> = "[]";
        /// UDP ports likewise; DNS, NTP and DHCP always are.
        out_udp: Vec<String> = "[]";
        /// Log what is dropped, six lines a minute at most.
        log: bool = "false";
        /// What must hold; anything but `everything` is also satisfied by a rule set of others.
        holds: Holds = "everything";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "nftables",
    collection: "palisade",
    aliases: &[],
    summary: "Keeps a firewall: one table that drops what nobody asked for",
    notes: "Changed when a file or the loaded table changes. Where ufw, firewalld or another rule set \
            is in charge nothing is done, and `front_end` says which.",
    examples: "
- name: Only the web server and SSH can be reached
  nftables:
    tcp: [80, 443]
- name: The database can be reached from the inside
  nftables:
    trusted: [10.0.0.0/8]
    keep_listening: false
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

const FILE: &str = "/etc/nftables.d/palisade.nft";
const MAIN: &str = "/etc/nftables.conf";
const UFW: &str = "/etc/ufw/ufw.conf";
const INCLUDE: &str = "include \"/etc/nftables.d/*.nft\"";
const HEAD: &str =
    "#!/usr/sbin/nft -f\n# One table of its own; changes made here are taken back.\n";
/// What Debian's main file shows as an example: a table that lets everything through.
const EXAMPLE: &str = "\ntable inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter;\n\t}\n\
\tchain forward {\n\t\ttype filter hook forward priority filter;\n\t}\n\tchain output {\n\
\t\ttype filter hook output priority filter;\n\t}\n}\n";
const NEW_MAIN: &str = "#!/usr/sbin/nft -f\nflush ruleset\n";

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let mut args = Args::read(map)?;
    for (name, ports) in [
        ("tcp", &mut args.tcp),
        ("udp", &mut args.udp),
        ("ssh", &mut args.ssh),
        ("out_tcp", &mut args.out_tcp),
        ("out_udp", &mut args.out_udp),
    ] {
        ports.retain(|p| !p.is_empty());
        if let Some(wrong) = ports.iter().find(|p| !is_port(p)) {
            return Err(ArgError::new(
                name,
                format!("`{wrong}` is no port and no range of ports"),
            ));
        }
    }
    let sound = |c: char| c.is_ascii_hexdigit() || ".:/".contains(c);
    if let Some(wrong) = args.trusted.iter().find(|t| !t.chars().all(sound)) {
        return Err(ArgError::new("trusted", format!("`{wrong}` is no address")));
    }
    Ok(Box::new(args))
}

fn is_port(text: &str) -> bool {
    let number = |t: &str| t.parse::<u16>().is_ok_and(|n| n > 0);
    match text.split_once('-') {
        Some((from, to)) => number(from) && number(to),
        None => number(text),
    }
}

fn path(text: &str) -> Result<RemotePath, Failure> {
    RemotePath::new(text).map_err(Failure::new)
}

fn table() -> Resource {
    Resource::Table(TABLE.to_owned())
}

/// A listing, or nothing where there is none.
fn listing<'a>(seen: &'a Observed, on: &Resource) -> &'a str {
    match seen.get(on) {
        State::Text(text) => text,
        _ => "",
    }
}

/// Ports below this are given to whoever asks for one; above, the kernel picks them for clients.
const FIRST_EPHEMERAL: u16 = 32768;
/// UDP ports of clients: DHCP, and names on the local network.
const CLIENTS: [u16; 5] = [68, 546, 5353, 5355, 323];

impl Args {
    fn attrs() -> Attrs {
        Attrs {
            mode: Some(Mode::Bits(0o644)),
            ..Attrs::default()
        }
    }

    /// Who is in charge of packets besides us.
    fn front_end(&self, seen: &Observed) -> Result<Option<&'static str>, Failure> {
        let ufw = match seen.get(&place::file(&path(UFW)?)) {
            State::File(file) => file.content().and_then(|c| c.text()),
            _ => None,
        };
        let is_on = |text: &str| {
            text.lines()
                .any(|l| l.trim().eq_ignore_ascii_case("ENABLED=yes"))
        };
        if ufw.is_some_and(is_on) {
            return Ok(Some("ufw"));
        }
        Ok(
            match seen.get(&units::resource("firewalld", Scope::System)) {
                State::Unit(unit) if unit.running => Some("firewalld"),
                _ => None,
            },
        )
    }

    /// What is let through: what is named, and what was open before.
    fn policy(&self, sockets: &Sockets, old: &str) -> Policy {
        let mut ssh = sockets.ssh.clone();
        ssh.extend(self.ssh.iter().filter_map(|p| p.parse::<u16>().ok()));
        if ssh.is_empty() {
            ssh.push(22);
        }
        sorted(&mut ssh);
        let (mut tcp, mut udp) = (self.tcp.clone(), self.udp.clone());
        if self.keep_listening && old.is_empty() {
            tcp.extend(sockets.tcp.iter().map(ToString::to_string));
            let served = |p: &&u16| **p < FIRST_EPHEMERAL && !CLIENTS.contains(p);
            udp.extend(sockets.udp.iter().filter(served).map(ToString::to_string));
        } else if self.keep_listening {
            tcp.extend(firewall::open_ports(old, "tcp"));
            udp.extend(firewall::open_ports(old, "udp"));
        }
        let known: Vec<String> = ssh.iter().map(ToString::to_string).collect();
        tcp.retain(|p| !known.contains(p));
        for ports in [&mut tcp, &mut udp] {
            ports.sort_by_key(|p| {
                let first = p.split('-').next().unwrap_or_default();
                (first.parse::<u16>().unwrap_or(0), p.clone())
            });
            ports.dedup();
        }
        Policy {
            ssh,
            tcp,
            udp,
            trusted: self.trusted.clone(),
            ping: self.ping,
            no_forward: self.forward == Forward::Drop,
            out_tcp: self.out_tcp.clone(),
            out_udp: self.out_udp.clone(),
            log: self.log,
        }
    }

    /// Whether what is loaded, and what will be at the next boot, is as asked, by whomever.
    fn is_held(&self, bases: &[Base], saved: bool) -> bool {
        let hooks: &[&str] = match self.forward {
            Forward::Drop => &["input", "forward", "output"],
            Forward::Leave => &["input", "output"],
        };
        let of = |hook: &str| -> Vec<&Base> { bases.iter().filter(|b| b.hook == hook).collect() };
        let has = |rules: &[&str]| {
            let one = |b: &Base| rules.iter().all(|r| b.rules.iter().any(|l| l.contains(r)));
            bases.iter().any(|b| b.hook == "input" && one(b))
        };
        match self.holds {
            Holds::Everything => false,
            Holds::Table => !bases.is_empty(),
            Holds::Chains => hooks.iter().all(|h| !of(h).is_empty()),
            Holds::DefaultDeny => hooks.iter().all(|h| of(h).iter().any(|b| b.drops)),
            Holds::Loopback => has(&["\"lo\" accept", "saddr 127.0.0.0/8"]) && has(&["saddr ::1"]),
            Holds::Saved => saved && !bases.is_empty(),
        }
    }
}

fn sorted(ports: &mut Vec<u16>) {
    ports.sort_unstable();
    ports.dedup();
}

fn edit<'a>(path: &'a RemotePath, attrs: &'a Attrs, validate: Option<&'a str>) -> Edit<'a> {
    Edit {
        path,
        attrs,
        create: true,
        backup: false,
        validate,
        encoding: None,
    }
}

/// Whether the main file loads our folder.
fn includes(text: &str) -> bool {
    let ours = |l: &str| l.starts_with("include") && l.contains("/etc/nftables.d/");
    text.lines().any(|l| ours(l.trim()))
}

impl Task for Args {
    fn reads(&self, seen: &Observed) -> Vec<Query> {
        let attrs = Args::attrs();
        let mut queries = vec![
            Query::meta(Resource::Ruleset),
            Query::meta(table()),
            Query::meta(Resource::Sockets),
            Query::meta(units::resource("firewalld", Scope::System)),
        ];
        for file in [FILE, MAIN, UFW] {
            if let Ok(path) = RemotePath::new(file) {
                queries.extend(edit(&path, &attrs, None).reads(seen));
            }
        }
        queries
    }

    fn decide(&self, seen: &Observed) -> Result<Decision, Failure> {
        if let Some(front_end) = self.front_end(seen)? {
            let mut decision =
                Decision::skipped(format!("{front_end} is the firewall of this host"));
            decision.result = result! { "front_end" => front_end };
            return Ok(decision);
        }
        let (attrs, kept) = (Args::attrs(), Attrs::default());
        let (file, main) = (path(FILE)?, path(MAIN)?);
        let edit_file = edit(&file, &attrs, Some("nft -c -f %s"));
        let edit_main = edit(&main, &kept, None);
        let (found, found_main) = (edit_file.open(seen)?, edit_main.open(seen)?);
        let live = listing(seen, &table());
        let mut bases = firewall::bases(listing(seen, &Resource::Ruleset));
        bases.retain(|b| b.table != TABLE);
        let foreign = bases.iter().find(|b| b.hook == "input" && b.drops);
        let foreign = foreign.map(|b| b.table.clone());
        bases.extend(firewall::bases(live));
        let saved_by_us = includes(&found_main.text) && found.text.contains("hook input");
        let saved = saved_by_us
            || firewall::bases(&found_main.text)
                .iter()
                .any(|b| b.hook == "input");
        let mut decision = Decision::ok(result! {
            "front_end" => "nftables",
            "tables" => Value::Sequence(names(&bases)),
        });
        if self.is_held(&bases, saved) {
            return Ok(decision);
        }
        if let Some(other) = foreign {
            return match self.holds {
                Holds::Everything => {
                    decision.skipped = Some(format!("table {other} is the firewall of this host"));
                    Ok(decision)
                }
                aspect => Err(Failure::finding(
                    format!(
                        "table {other} drops by default and is left alone, but {} does not hold of it",
                        aspect.word()
                    ),
                    decision.result,
                )),
            };
        }
        let State::Sockets(sockets) = seen.get(&Resource::Sockets) else {
            return Err(Failure::new("it is not known what this host listens on"));
        };
        let wanted = self.policy(sockets, &found.text).table();
        let text = format!("{HEAD}{}", transaction(TABLE, &wanted));
        let mut put = |edit: &Edit<'_>, found, text: &str| -> Result<(), Failure> {
            let mut edited = edit.close(seen, found, Some(text))?;
            decision.steps.append(&mut edited.decision.steps);
            Ok(())
        };
        put(&edit_file, &found, &text)?;
        if !includes(&found_main.text) {
            let base = match found_main.state {
                None => NEW_MAIN.to_owned(),
                Some(_) if found_main.text.ends_with('\n') => {
                    found_main.text.replace(EXAMPLE, "\n")
                }
                Some(_) => format!("{}\n", found_main.text),
            };
            put(&edit_main, &found_main, &format!("{base}{INCLUDE}\n"))?;
        }
        if firewall::outline(live) != firewall::outline(&wanted) {
            let before = seen.get(&table()).clone();
            decision.set(Change::new(table(), before, State::Text(wanted)));
        }
        Ok(decision)
    }
}

fn names(bases: &[Base]) -> Vec<Value> {
    let mut names: Vec<&str> = bases.iter().map(|b| b.table.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(Value::from).collect()
}
