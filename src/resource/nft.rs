//! The packet filter as it is loaded: the whole rule set to look at, one table to change.
//!
//! A table is replaced in one transaction, so no packet ever meets half of it. The other tables of a
//! host belong to others and are never touched.

use super::apply::{ApplyError, Make};
use super::reply::Record;
use super::script::{Script, quote};
use super::{Change, Query, Resource, State};

/// Bytes of a rule set that are looked at. Orchestrators make far larger ones, of tables that come
/// after those of the host's own.
const MOST: usize = 256 * 1024;

/// Where there is no `nft`, there are no rules of its making.
const NO_TOOL: i32 = 127;

pub(super) fn ask(queries: &[&Query], script: &mut Script) {
    for query in queries {
        let list = match &query.on {
            Resource::Ruleset => format!("nft -t list ruleset | head -c {MOST}"),
            Resource::Table(name) => format!("nft list table {}", words(name)),
            _ => continue,
        };
        script.ask(&format!("pl_has nft || exit {NO_TOOL}\n{list}"));
    }
}

/// A family and a name, as two words.
fn words(table: &str) -> String {
    let words: Vec<String> = table.split_whitespace().map(quote).collect();
    words.join(" ")
}

pub(super) fn read(queries: &[&Query], records: &[Record]) -> Result<Vec<State>, String> {
    if queries.len() != records.len() {
        return Err("answers about the packet filter are not whole".into());
    }
    let state = |(query, record): (&&Query, &Record)| match (&query.on, record.status) {
        (_, 0) => State::Text(record.text()),
        (Resource::Ruleset, NO_TOOL) => State::Text(String::new()),
        (Resource::Ruleset, _) => State::Refused("the rule set cannot be listed".into()),
        _ => State::Absent,
    };
    Ok(queries.iter().zip(records).map(state).collect())
}

/// The script of one transaction that makes a table this one, or removes it.
pub fn transaction(table: &str, text: &str) -> String {
    format!("table {table}\ndelete table {table}\n{text}")
}

pub(super) fn make(change: &Change) -> Result<Make, ApplyError> {
    let Resource::Table(table) = &change.on else {
        return Err(ApplyError::unfit(change));
    };
    let text = match &change.after {
        State::Text(text) => text.as_str(),
        State::Absent => "",
        _ => return Err(ApplyError::unfit(change)),
    };
    let all = quote(&transaction(table, text));
    Ok(Make::tool(format!("pl_p {all} | nft -f - >&2")))
}

/// Ports that something listens on, and those that a login comes in by.
pub(super) fn ask_sockets(queries: &[&Query], script: &mut Script) {
    for _ in queries {
        script.ask(
            "cd /proc/net && grep -sEo '^ *[0-9]+: [0-9A-F]+:[0-9A-F]+ 0+:0000 (0A|07) ' \
             tcp tcp6 udp udp6\n\
             pl_p \"from ${SSH_CONNECTION-}$pl_nl\"\n\
             grep -hisE '^[[:space:]]*(Port|ListenAddress)[[:space:]]' \
             /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf\n:",
        );
    }
}

pub(super) fn read_sockets(queries: &[&Query], records: &[Record]) -> Result<Vec<State>, String> {
    if queries.len() != records.len() {
        return Err("answers about sockets are not whole".into());
    }
    let states = records.iter().map(|r| State::Sockets(sockets(&r.text())));
    Ok(states.collect())
}

/// What a host listens on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sockets {
    /// TCP ports that can be reached from other hosts, sorted.
    pub tcp: Vec<u16>,
    /// UDP ports likewise, sorted.
    pub udp: Vec<u16>,
    /// Ports that sshd is told to listen on, and the one this login came in by.
    pub ssh: Vec<u16>,
}

fn sockets(text: &str) -> Sockets {
    let mut found = Sockets::default();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        // `tcp6:   0: ADDRESS:PORT`, as the kernel numbers them.
        let kind = words.next().unwrap_or_default();
        let kind = kind.split_once(':').map_or(kind, |(kind, number)| {
            if number.is_empty() {
                words.next();
            }
            kind
        });
        let word = words.next().unwrap_or_default();
        let hex = word.split_once(':').filter(|(a, _)| !is_loopback(a));
        let hex = hex.and_then(|(_, port)| u16::from_str_radix(port, 16).ok());
        match kind.to_ascii_lowercase().as_str() {
            "tcp" | "tcp6" => found.tcp.extend(hex),
            "udp" | "udp6" => found.udp.extend(hex),
            // Client address and port, server address and port.
            "from" => found
                .ssh
                .extend(words.nth(2).and_then(|p| p.parse::<u16>().ok())),
            "port" => found.ssh.extend(word.parse::<u16>().ok()),
            "listenaddress" => {
                let port = word.rsplit_once(':').filter(|(host, _)| {
                    // An address of IPv6 has colons of its own.
                    host.ends_with(']') || !host.contains(':')
                });
                found
                    .ssh
                    .extend(port.and_then(|(_, p)| p.parse::<u16>().ok()));
            }
            _ => {}
        }
    }
    for ports in [&mut found.tcp, &mut found.udp, &mut found.ssh] {
        ports.sort_unstable();
        ports.dedup();
    }
    found
}

/// Addresses are in hexadecimal, IPv4's with the last byte first.
fn is_loopback(address: &str) -> bool {
    match address.len() {
        8 => address.ends_with("7F"),
        32 => {
            address == "00000000000000000000000001000000"
                || (address.starts_with("0000000000000000FFFF0000") && address.ends_with("7F"))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_that_others_can_reach_are_told_from_the_rest() {
        let found = sockets(
            "tcp:   0: 00000000:0016 00000000:0000 0A \ntcp:  10: 0100007F:0277 00000000:0000 0A \n\
             tcp6:   0: 00000000000000000000000001000000:0277\n\
             tcp6:1000: 00000000000000000000000000000000:0050\n\
             udp: 143: 0100007F:0143\nudp:   1: 00000000:007B\n\
             from 10.0.0.1 5000 10.0.0.2 2222\nPort 22\nListenAddress [::]:2200\nListenAddress ::1\n",
        );
        assert_eq!((found.tcp, found.udp), (vec![22, 80], vec![123]));
        assert_eq!(found.ssh, [22, 2200, 2222]);
    }
}
