//! The lab's network: a bridge in a namespace of its own, one cable to the machine, one to each
//! host.
//!
//! The bridge is not among the machine's devices, so its firewall and its other bridges have no
//! say in what hosts tell each other, and a host's cable can be cut without a trace on the machine.
//! Hosts have no way out: a playbook under test talks to nobody.

use std::net::Ipv4Addr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::{LabError, doing};
use super::run::run;
use super::store::{HostNote, Store};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    pub base: Ipv4Addr,
    pub prefix: u8,
}

/// Hosts of a /24, leaving room for the network, the machine and broadcast.
const SMALL: usize = 250;
/// Hosts of a /20; the kernel's bridges hold 1024 ports.
const LARGE: usize = 1000;

impl Network {
    fn size(self) -> u32 {
        1 << (32 - u32::from(self.prefix))
    }

    fn overlaps(self, other: Network) -> bool {
        let (a, b) = (u32::from(self.base), u32::from(other.base));
        let mask = |p: u8| u32::MAX.checked_shl(32 - u32::from(p)).unwrap_or(0);
        let shared = mask(self.prefix.min(other.prefix));
        a & shared == b & shared
    }

    /// How many hosts may be in it.
    pub fn most(self) -> usize {
        if self.prefix >= 24 { SMALL } else { LARGE }
    }

    /// The machine's own address in it.
    pub fn machine(self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.base) + 1)
    }

    /// The lowest address that nobody has.
    pub fn free(self, taken: &[Ipv4Addr]) -> Option<Ipv4Addr> {
        (2..self.size() - 1)
            .map(|n| Ipv4Addr::from(u32::from(self.base) + n))
            .find(|a| !taken.contains(a))
    }

    fn parse(text: &str) -> Option<Network> {
        let (address, prefix) = text.split_once('/').unwrap_or((text, "32"));
        Some(Network {
            base: address.parse().ok()?,
            prefix: prefix.parse().ok()?,
        })
    }
}

/// A route wider than this is a way out or a company's summary of itself, not a network in use.
const NARROW: u8 = 12;

/// A network for `n` hosts that nothing on this machine uses yet, and no other lab has `taken`.
pub(crate) fn choose(n: usize, taken: &[Network]) -> Result<Network, LabError> {
    if n > LARGE {
        return Err(LabError::Full { most: LARGE });
    }
    let mut known = run("ip", &["-4", "-o", "address"], "")?;
    known.push_str(&run("ip", &["-4", "route", "show", "table", "all"], "")?);
    let used: Vec<Network> = known
        .split_whitespace()
        .filter(|w| w.contains('.'))
        .filter_map(Network::parse)
        .filter(|n| n.prefix >= NARROW)
        .collect();
    let (prefix, step) = if n <= SMALL { (24, 1) } else { (20, 16) };
    (77..=119_u8)
        .flat_map(|x| {
            (0..=255_u8)
                .step_by(step)
                .map(move |y| Ipv4Addr::new(10, x, y, 0))
        })
        .map(|base| Network { base, prefix })
        .find(|n| !used.iter().chain(taken).any(|u| n.overlaps(*u)))
        .ok_or_else(|| LabError::Refused {
            what: "a network for the lab".into(),
            why: "every network from 10.77.0.0 to 10.119.255.0 is in use".into(),
        })
}

/// The machine's end of the cable to the bridge.
pub(crate) fn device(lab: &str) -> String {
    format!("pl-{lab}")
}

fn mac(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("02:70:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

/// Makes the bridge and plugs the machine in, unless that is done already.
pub(crate) fn switch_up(store: &Store, network: Network) -> Result<(), LabError> {
    let device = device(&store.name);
    if Path::new("/sys/class/net").join(&device).exists() {
        return Ok(());
    }
    let switch = store.path("switch");
    std::fs::write(&switch, "").map_err(doing(format!("write {}", switch.display())))?;
    let me = std::process::id();
    let machine = network.machine();
    let cables = format!(
        "link set lo up\n\
         link add br0 type bridge\n\
         link set br0 up\n\
         link add up0 type veth peer name {device} address {} netns {me}\n\
         link set up0 master br0 up\n",
        mac(machine)
    );
    let net = format!("--net={}", switch.display());
    run("unshare", &[&net, "--", "ip", "-batch", "-"], &cables).map_err(|e| match e {
        LabError::Command { stderr, .. } => LabError::Refused {
            what: "a bridge of the lab's own".into(),
            why: stderr,
        },
        other => other,
    })?;
    let prefix = network.prefix;
    let plug = format!(
        "address add {machine}/{prefix} dev {device}\n\
         link set {device} up\n"
    );
    run("ip", &["-batch", "-"], &plug).map(drop)
}

pub(crate) fn switch_down(store: &Store) -> Result<(), LabError> {
    let device = device(&store.name);
    if Path::new("/sys/class/net").join(&device).exists() {
        run("ip", &["link", "del", &device], "")?;
    }
    super::root::detach(&store.path("switch"))
}

/// Lays the cable between the bridge and a host that has just got its network namespace.
///
/// Who has which hardware address is written down on both ends: no questions on the wire, and a
/// host whose cable is cut is silent, as a host behind a router would be.
pub(crate) fn plug(
    store: &Store,
    network: Network,
    host: &HostNote,
    pid: u32,
) -> Result<(), LabError> {
    let (name, address, prefix) = (&host.name, host.address, network.prefix);
    let net = format!("--net={}", store.path("switch").display());
    // The cable of a host that was killed may still be there until the kernel has swept up.
    let _ = run("nsenter", &[&net, "ip", "link", "del", name], "");
    let cable = format!(
        "link add {name} type veth peer name eth0 address {} netns {pid}\n\
         link set {name} master br0 up\n",
        mac(address)
    );
    run("nsenter", &[&net, "ip", "-batch", "-"], &cable)?;
    let (machine, device) = (network.machine(), device(&store.name));
    let inside = format!(
        "link set lo up\n\
         address add {address}/{prefix} dev eth0\n\
         link set eth0 up\n\
         neigh replace {machine} lladdr {} dev eth0 nud permanent\n",
        mac(machine)
    );
    run(
        "nsenter",
        &[&format!("--net=/proc/{pid}/ns/net"), "ip", "-batch", "-"],
        &inside,
    )?;
    let known = [
        "neigh",
        "replace",
        &address.to_string(),
        "lladdr",
        &mac(address),
    ];
    let on = ["dev", &device, "nud", "permanent"];
    run("ip", &[&known[..], &on[..]].concat(), "").map(drop)
}

/// Unplugs or replugs a host's cable: packets vanish without a word.
pub(crate) fn cable(store: &Store, host: &str, up: bool) -> Result<(), LabError> {
    let net = format!("--net={}", store.path("switch").display());
    let state = if up { "up" } else { "down" };
    run("nsenter", &[&net, "ip", "link", "set", host, state], "").map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> Network {
        Network::parse(text).unwrap()
    }

    #[test]
    fn networks_overlap_when_one_holds_the_other() {
        assert!(net("10.77.0.0/24").overlaps(net("10.0.0.0/8")));
        assert!(net("10.77.0.0/16").overlaps(net("10.77.3.9")));
        assert!(!net("10.77.0.0/24").overlaps(net("10.77.1.0/24")));
        assert!(net("0.0.0.0/0").overlaps(net("10.77.1.0/24")));
    }

    #[test]
    fn addresses_are_given_from_the_bottom_and_given_again() {
        let n = net("10.77.0.0/24");
        let first = n.free(&[]).unwrap();
        assert_eq!(first, Ipv4Addr::new(10, 77, 0, 2));
        assert_eq!(n.free(&[first]).unwrap(), Ipv4Addr::new(10, 77, 0, 3));
        assert_eq!(n.machine(), Ipv4Addr::new(10, 77, 0, 1));
    }
}
