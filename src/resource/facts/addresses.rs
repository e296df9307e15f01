//! Addresses of interfaces and default routes, out of what `ip`, `ifconfig` and the kernel print.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Interfaces with facts of their own: a host of containers has hundreds, an attacker millions.
pub(super) const MAX_INTERFACES: usize = 4096;

pub(super) struct Address4 {
    pub address: Ipv4Addr,
    pub prefix: u32,
    pub broadcast: String,
    pub label: String,
}

pub(super) struct Address6 {
    pub address: Ipv6Addr,
    pub prefix: String,
    pub scope: String,
    pub fading: bool,
}

#[derive(Default)]
pub(super) struct Interface {
    pub v4: Vec<Address4>,
    pub v6: Vec<Address6>,
}

/// An interface's name, and what addresses it has, in the host's order.
pub(super) type Interfaces = Vec<(String, Interface)>;

/// What `ip addr show` prints, iproute2's and busybox's.
pub(super) fn ip_addr(text: &str) -> Interfaces {
    let mut out: Interfaces = Vec::new();
    for line in text.lines() {
        if !line.starts_with(' ') {
            let name = line.split(": ").nth(1).unwrap_or_default();
            let name = name.split('@').next().unwrap_or_default();
            if !name.is_empty() && out.len() < MAX_INTERFACES {
                out.push((name.to_owned(), Interface::default()));
            }
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let after = |key: &str| {
            words
                .iter()
                .position(|w| *w == key)
                .and_then(|at| words.get(at + 1))
                .copied()
        };
        let (Some((name, interface)), Some(address)) = (out.last_mut(), words.get(1)) else {
            continue;
        };
        // A peer's prefix stands with the peer.
        let (plain, prefix) = address.split_once('/').unwrap_or((address, ""));
        match words[0] {
            "inet" => {
                let Ok(address) = plain.parse() else { continue };
                interface.v4.push(Address4 {
                    address,
                    prefix: prefix.parse().ok().filter(|p| *p <= 32).unwrap_or(32),
                    broadcast: after("brd").unwrap_or_default().to_owned(),
                    label: label(&words, name),
                });
            }
            "inet6" => {
                let Ok(address) = plain.parse() else { continue };
                interface.v6.push(Address6 {
                    address,
                    prefix: if prefix.is_empty() {
                        "128".into()
                    } else {
                        prefix.to_owned()
                    },
                    scope: after("scope").unwrap_or_default().to_owned(),
                    fading: words.contains(&"temporary") || words.contains(&"deprecated"),
                });
            }
            _ => {}
        }
    }
    out
}

/// The last word, where it is a label of the interface.
fn label(words: &[&str], name: &str) -> String {
    match words.last() {
        Some(last) if last.starts_with(name) => (*last).to_owned(),
        _ => name.to_owned(),
    }
}

/// What `ifconfig -a` of net-tools and of busybox prints.
pub(super) fn ifconfig(text: &str) -> Interfaces {
    let mut out: Interfaces = Vec::new();
    for line in text.lines() {
        if !line.starts_with([' ', '\t']) {
            let name = line
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .trim_end_matches(':');
            if !name.is_empty() && out.len() < MAX_INTERFACES {
                out.push((name.to_owned(), Interface::default()));
            }
        }
        let line = line.replace("addr: ", "addr:");
        let words: Vec<&str> = line.split_whitespace().collect();
        let get = |[joined, apart]: [&str; 2]| {
            let at = words.iter().position(|w| *w == apart);
            let named = words.iter().find_map(|w| w.strip_prefix(joined));
            named.or_else(|| words.get(at? + 1).copied())
        };
        let Some((name, interface)) = out.last_mut() else {
            continue;
        };
        if words.first() == Some(&"inet6") {
            let Some(word) = get(["addr:", "inet6"]) else {
                continue;
            };
            let (plain, prefix) = word.split_once('/').unwrap_or((word, ""));
            let prefix = get(["\0", "prefixlen"]).unwrap_or(prefix);
            let Ok(address) = plain.parse::<Ipv6Addr>() else {
                continue;
            };
            interface.v6.push(Address6 {
                address,
                prefix: prefix.to_owned(),
                scope: scope(&address).to_owned(),
                fading: false,
            });
        } else if let Some(Ok(address)) = get(["addr:", "inet"]).map(str::parse::<Ipv4Addr>) {
            let mask = get(["Mask:", "netmask"]).and_then(|m| m.parse::<Ipv4Addr>().ok());
            interface.v4.push(Address4 {
                address,
                prefix: mask.map_or(32, |m| m.to_bits().leading_ones()),
                broadcast: get(["Bcast:", "broadcast"]).unwrap_or_default().to_owned(),
                label: name.clone(),
            });
        }
    }
    out
}

fn scope(address: &Ipv6Addr) -> &'static str {
    if address.is_loopback() {
        "host"
    } else if address.is_unicast_link_local() {
        "link"
    } else {
        "global"
    }
}

/// /proc/net/if_inet6, where there is no tool to ask: IPv6 addresses alone.
pub(super) fn if_inet6(lines: &[String]) -> Interfaces {
    let mut out: Interfaces = Vec::new();
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [address, _, prefix, _, _, name] = words[..] else {
            continue;
        };
        let (Ok(bits), Ok(prefix)) = (
            u128::from_str_radix(address, 16),
            u32::from_str_radix(prefix, 16),
        ) else {
            continue;
        };
        let address = Ipv6Addr::from_bits(bits);
        let at = out.iter().position(|(n, _)| n == name).unwrap_or_else(|| {
            out.push((name.to_owned(), Interface::default()));
            out.len() - 1
        });
        out[at].1.v6.push(Address6 {
            address,
            prefix: prefix.to_string(),
            scope: scope(&address).to_owned(),
            fading: false,
        });
        if out.len() >= MAX_INTERFACES {
            break;
        }
    }
    out
}

pub(super) fn mask(prefix: u32) -> u32 {
    u32::MAX.checked_shl(32 - prefix.min(32)).unwrap_or(0)
}

/// The best route of the main table to an address of the public internet: device and gateway.
pub(super) fn route4(lines: &[String]) -> Option<(String, Ipv4Addr)> {
    let far = Ipv4Addr::new(8, 8, 8, 8).to_bits();
    let mut best: Option<((u32, std::cmp::Reverse<u32>), String, Ipv4Addr)> = None;
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, to, gateway, flags, _, _, metric, netmask, ..] = words[..] else {
            continue;
        };
        // Addresses are printed as the machine keeps them; hosts are little-endian.
        let hex = |t: &str| u32::from_str_radix(t, 16).map(u32::swap_bytes);
        let (Ok(to), Ok(gateway), Ok(netmask)) = (hex(to), hex(gateway), hex(netmask)) else {
            continue;
        };
        let flags = u32::from_str_radix(flags, 16).unwrap_or(0);
        // Up, and not a refusal.
        if flags & 1 == 0 || flags & 0x200 != 0 || far & netmask != to {
            continue;
        }
        let metric = metric.parse::<u32>().unwrap_or(0);
        let rank = (netmask.count_ones(), std::cmp::Reverse(metric));
        if best.as_ref().is_none_or(|(r, _, _)| rank > *r) {
            best = Some((rank, name.to_owned(), Ipv4Addr::from_bits(gateway)));
        }
    }
    best.map(|(_, name, gateway)| (name, gateway))
}

pub(super) fn route6(lines: &[String]) -> Option<(String, Ipv6Addr)> {
    let far: u128 = 0x2404_6800_400a_0800_0000_0000_0000_1012;
    let mut best: Option<((u32, std::cmp::Reverse<u32>), String, Ipv6Addr)> = None;
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [to, prefix, _, _, gateway, metric, _, _, flags, name] = words[..] else {
            continue;
        };
        let number = |t: &str| u32::from_str_radix(t, 16).ok();
        let wide = |t: &str| u128::from_str_radix(t, 16).ok();
        let (Some(to), Some(prefix), Some(gateway), Some(metric), Some(flags)) = (
            wide(to),
            number(prefix),
            wide(gateway),
            number(metric),
            number(flags),
        ) else {
            continue;
        };
        let netmask = u128::MAX.checked_shl(128 - prefix.min(128)).unwrap_or(0);
        if flags & 1 == 0 || flags & 0x200 != 0 || name == "lo" || far & netmask != to {
            continue;
        }
        let rank = (prefix, std::cmp::Reverse(metric));
        if best.as_ref().is_none_or(|(r, _, _)| rank > *r) {
            best = Some((rank, name.to_owned(), Ipv6Addr::from_bits(gateway)));
        }
    }
    best.map(|(_, name, gateway)| (name, gateway))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_peers_and_secondaries_are_read() {
        let text = "2: eth0@if3: <UP> mtu 1500\n    inet 10.0.0.2/24 brd 10.0.0.255 scope global eth0\n    \
            inet 10.0.0.3/24 scope global secondary eth0:1\n    inet 10.9.0.1 peer 10.9.0.2/32 scope global eth0\n    \
            inet6 fd00::2/64 scope global deprecated \n       valid_lft forever\n";
        let found = ip_addr(text);
        let (name, eth0) = &found[0];
        assert_eq!(
            (name.as_str(), eth0.v4.len(), eth0.v6[0].fading),
            ("eth0", 3, true)
        );
        assert_eq!(
            (eth0.v4[1].label.as_str(), eth0.v4[2].prefix),
            ("eth0:1", 32)
        );
    }

    #[test]
    fn ifconfig_of_busybox_is_read() {
        let text = "eth0      Link encap:Ethernet  HWaddr 02:42:AC:11:00:02  \n          \
            inet addr:172.17.0.2  Bcast:172.17.255.255  Mask:255.255.0.0\n          \
            inet6 addr: fe80::1/64 Scope:Link\n";
        let found = ifconfig(text);
        assert_eq!(found[0].1.v4[0].prefix, 16);
        assert_eq!(
            (
                found[0].1.v6[0].prefix.as_str(),
                found[0].1.v6[0].scope.as_str()
            ),
            ("64", "link")
        );
    }

    #[test]
    fn the_longest_prefix_and_the_least_metric_win() {
        let lines = [
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU",
            "eth1\t00000000\t0101A8C0\t0003\t0\t0\t200\t00000000\t0\t0\t0",
            "eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0",
        ];
        let lines = lines.map(str::to_owned);
        assert_eq!(
            route4(&lines),
            Some(("eth0".into(), Ipv4Addr::new(10, 0, 0, 1)))
        );
    }
}
