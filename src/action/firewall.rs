//! The table that `nftables` keeps, written out, and what a listing of the loaded rules says.

use std::fmt::Write as _;

use crate::resource::Digest;

/// The table's family and name.
pub(crate) const TABLE: &str = "inet palisade";

/// What the table lets through.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    pub(crate) ssh: Vec<u16>,
    pub(crate) tcp: Vec<String>,
    pub(crate) udp: Vec<String>,
    /// Addresses and networks that may reach everything.
    pub(crate) trusted: Vec<String>,
    pub(crate) ping: bool,
    /// Packets that are not for this host are dropped; else they are none of the table's business.
    pub(crate) no_forward: bool,
    /// What the host itself may connect to; empty means everything.
    pub(crate) out_tcp: Vec<String>,
    pub(crate) out_udp: Vec<String>,
    pub(crate) log: bool,
}

/// Messages without which IPv4 and IPv6 break: neighbours, routers, packets that are too large.
const ICMP: &str = "destination-unreachable, time-exceeded, parameter-problem";
const ICMPV6: &str = "destination-unreachable, packet-too-big, time-exceeded, parameter-problem, \
    mld-listener-query, mld-listener-report, mld-listener-done, nd-router-solicit, nd-router-advert, \
    nd-neighbor-solicit, nd-neighbor-advert, ind-neighbor-solicit, ind-neighbor-advert, \
    mld2-listener-report";

fn set<T: ToString>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    format!("{{ {} }}", items.join(", "))
}

impl Policy {
    fn input(&self) -> Vec<String> {
        let mut rules = vec![
            "iif \"lo\" accept".to_owned(),
            "ip saddr 127.0.0.0/8 counter drop".to_owned(),
            "ip6 saddr ::1 counter drop".to_owned(),
            // Before anything that looks at the state of connections: those that stand when the table
            // is loaded are unknown to it.
            format!("tcp dport {} accept", set(&self.ssh)),
            "ct state established,related accept".to_owned(),
            "ct state invalid counter drop".to_owned(),
            format!("icmp type {{ {ICMP} }} accept"),
            format!("icmpv6 type {{ {ICMPV6} }} accept"),
            "ip6 saddr fe80::/10 udp dport 546 accept".to_owned(),
        ];
        if self.ping {
            rules.push("icmp type echo-request accept".to_owned());
            rules.push("icmpv6 type echo-request accept".to_owned());
        }
        for network in &self.trusted {
            let family = if network.contains(':') { "ip6" } else { "ip" };
            rules.push(format!("{family} saddr {network} accept"));
        }
        if !self.tcp.is_empty() {
            rules.push(format!("tcp dport {} accept", set(&self.tcp)));
        }
        if !self.udp.is_empty() {
            rules.push(format!("udp dport {} accept", set(&self.udp)));
        }
        if self.log {
            rules.push(
                "limit rate 6/minute burst 10 packets log prefix \"palisade drop: \"".to_owned(),
            );
        }
        rules
    }

    fn output(&self) -> Vec<String> {
        let mut rules = vec!["oif \"lo\" accept".to_owned()];
        if self.out_tcp.is_empty() && self.out_udp.is_empty() {
            rules.push("ct state new,established,related accept".to_owned());
            // What has no connections of its own: neighbour discovery.
            rules.push("meta l4proto ipv6-icmp accept".to_owned());
            return rules;
        }
        rules.push(format!("tcp sport {} accept", set(&self.ssh)));
        rules.push("ct state established,related accept".to_owned());
        rules.push("meta l4proto { icmp, ipv6-icmp } accept".to_owned());
        rules.push("udp dport { 53, 67, 123, 547 } accept".to_owned());
        rules.push("tcp dport 53 accept".to_owned());
        if !self.out_tcp.is_empty() {
            rules.push(format!("tcp dport {} accept", set(&self.out_tcp)));
        }
        if !self.out_udp.is_empty() {
            rules.push(format!("udp dport {} accept", set(&self.out_udp)));
        }
        rules
    }

    /// The table. An empty chain is named after what is in it, so that what is loaded can be told
    /// from what was loaded once.
    pub(crate) fn table(&self) -> String {
        let mut chains = String::new();
        let mut chain = |name: &str, rules: &[String]| {
            let _ = writeln!(chains, "\tchain {name} {{");
            let head = format!("type filter hook {name} priority filter; policy drop;");
            let _ = writeln!(chains, "\t\t{head}");
            for rule in rules {
                let _ = writeln!(chains, "\t\t{rule}");
            }
            chains.push_str("\t}\n");
        };
        chain("input", &self.input());
        if self.no_forward {
            chain("forward", &[]);
        }
        chain("output", &self.output());
        let digest = Digest::of(chains.as_bytes()).to_string();
        let mark = digest.get(..12).unwrap_or_default();
        format!("table {TABLE} {{\n\tchain version_{mark} {{\n\t}}\n{chains}}}\n")
    }
}

/// What can be compared of a table whatever way it is printed: chains and how many rules each has.
pub(crate) fn outline(text: &str) -> Vec<(String, usize)> {
    let mut found: Vec<(String, usize)> = Vec::new();
    let mut within = false;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line
            .strip_prefix("chain ")
            .and_then(|l| l.strip_suffix('{'))
        {
            found.push((name.trim().to_owned(), 0));
            within = true;
        } else if line == "}" {
            within = false;
        } else if within
            && !line.is_empty()
            && !line.starts_with("type ")
            && let Some((_, count)) = found.last_mut()
        {
            *count += 1;
        }
    }
    found.sort();
    found
}

/// The ports that a table of ours has open, so that they stay so.
pub(crate) fn open_ports(text: &str, protocol: &str) -> Vec<String> {
    let start = format!("{protocol} dport {{ ");
    let lines = text.lines().map(str::trim);
    // The first line of TCP ports is that of SSH.
    let skip = usize::from(protocol == "tcp");
    let sets = lines.take_while(|l| !l.starts_with("chain output"));
    let mut sets = sets.filter_map(|l| l.strip_prefix(&start)?.strip_suffix(" } accept"));
    let ports = sets.nth(skip).unwrap_or_default();
    ports
        .split(", ")
        .filter(|p| !p.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A chain that packets are led into.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Base {
    pub(crate) table: String,
    pub(crate) hook: String,
    pub(crate) drops: bool,
    pub(crate) rules: Vec<String>,
}

/// The base chains of filters in a listing.
pub(crate) fn bases(listing: &str) -> Vec<Base> {
    let mut found: Vec<Base> = Vec::new();
    let (mut table, mut open) = (String::new(), false);
    for line in listing.lines().map(str::trim) {
        if let Some(name) = line
            .strip_prefix("table ")
            .and_then(|l| l.strip_suffix('{'))
        {
            table = name.trim().to_owned();
        } else if let Some(rest) = line.strip_prefix("type filter hook ") {
            let hook = rest.split(' ').next().unwrap_or_default().to_owned();
            open = true;
            found.push(Base {
                table: table.clone(),
                hook,
                drops: rest.contains("policy drop"),
                rules: Vec::new(),
            });
        } else if line == "}" {
            open = false;
        } else if open && let Some(base) = found.last_mut() {
            base.rules.push(line.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        Policy {
            ssh: vec![22],
            tcp: vec!["80".into(), "443".into()],
            ping: true,
            no_forward: true,
            ..Policy::default()
        }
    }

    #[test]
    fn a_table_says_which_one_it_is() {
        let one = policy().table();
        let other = Policy {
            tcp: Vec::new(),
            ..policy()
        };
        let other = other.table();
        assert_ne!(outline(&one), outline(&other));
        assert!(outline(&one)[3].0.starts_with("version_"));
        assert_eq!(open_ports(&one, "tcp"), ["80", "443"]);
        assert!(open_ports(&other, "tcp").is_empty() && open_ports(&one, "udp").is_empty());
    }

    #[test]
    fn base_chains_are_found_in_a_listing() {
        let found = bases(&policy().table());
        let hooks: Vec<&str> = found.iter().map(|b| b.hook.as_str()).collect();
        assert_eq!(hooks, ["input", "forward", "output"]);
        assert!(found.iter().all(|b| b.drops && b.table == TABLE));
        assert_eq!(found[0].rules[0], "iif \"lo\" accept");
    }

    #[test]
    fn ssh_is_let_in_before_states_are_looked_at() {
        let rules = policy().input();
        let at = |part: &str| rules.iter().position(|r| r.contains(part)).expect(part);
        assert!(at("dport { 22 }") < at("ct state"));
    }
}
