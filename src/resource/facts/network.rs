//! Interfaces, addresses and default routes.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde_yaml::{Mapping, Value};

use super::addresses::{
    Address4, Address6, Interface, Interfaces, MAX_INTERFACES, if_inet6, ifconfig, ip_addr, mask,
    route4, route6,
};
use super::answer::Answer;
use super::{mapping, put};

/// Names that mean something else with `ansible_` in front: no interface gets a fact under one.
#[rustfmt::skip]
const TAKEN: &[&str] = &[
    "host", "port", "user", "password", "connection", "become", "become_user", "become_method",
    "become_exe", "become_flags", "become_pass", "become_password", "ssh_host", "ssh_port",
    "ssh_user", "ssh_pass", "ssh_password", "ssh_extra_args", "ssh_executable", "ssh_args",
    "scp_extra_args", "sftp_extra_args", "ssh_common_args", "ssh_pipelining", "pipelining",
    "remote_tmp", "remote_user", "remote_port", "shell_type", "shell_executable", "executable",
    "python_interpreter", "timeout", "async_dir", "connection_path", "network_os", "check_mode",
    "diff_mode", "facts", "version", "managed", "verbosity", "loop", "loop_var", "index_var",
    "play_hosts", "play_batch", "play_name", "play_hosts_all", "role_name", "role_names",
    "run_tags", "skip_tags", "limit", "forks", "config_file", "inventory_sources", "search_path",
    "failed_task", "failed_result", "packages", "services", "local", "delegated_vars", "no_log",
    "user_dir", "user_gecos", "user_gid", "user_id", "user_shell", "user_uid", "real_user_id",
    "dependent_role_names", "collection_name", "module_setup", "gather_subset", "job_vars",
    "vault_password", "private_key_file", "host_key_checking", "sudo", "sudo_user", "sudo_pass",
    "su", "su_user", "su_pass", "uuid", "date_time", "env", "all_ipv4_addresses",
    "all_ipv6_addresses", "default_ipv4", "default_ipv6", "interfaces", "locally_reachable_ips",
    // Facts that this host may lack, so that nothing would stand over the interface's.
    "dns", "lsb", "python", "python_version", "lvm", "flags", "machine_id", "swapfree_mb",
    "swaptotal_mb", "memfree_mb", "memtotal_mb", "memory_mb", "mounts", "devices", "fips", "domain",
    "fqdn", "hostname", "nodename", "kernel", "kernel_version", "machine", "architecture", "system",
    "distribution", "os_family", "pkg_mgr", "service_mgr", "selinux", "apparmor", "is_chroot",
    "cmdline", "proc_cmdline", "processor", "loadavg", "hostnqn", "iscsi_iqn", "bios_date",
    "form_factor", "facter", "ohai", "facts_path", "keys",
];

pub(super) fn read(answer: &Answer, out: &mut Mapping) {
    let mut found = match (answer.section("ip"), answer.section("ifconfig")) {
        (Some(text), _) => ip_addr(text),
        (None, Some(text)) => ifconfig(text),
        (None, None) => if_inet6(answer.lines("/proc/net/if_inet6")),
    };
    for (file, _) in answer.files_below("/sys/class/net/") {
        let name = file.split('/').next().unwrap_or_default();
        if !found.iter().any(|(n, _)| n == name) && found.len() < MAX_INTERFACES {
            found.push((name.to_owned(), Interface::default()));
        }
    }
    let mut facts: Vec<(String, Mapping)> = Vec::new();
    for (name, interface) in &found {
        let mut fact = link(answer, name);
        add_addresses(interface, name, &mut fact, &mut facts);
        facts.push((name.clone(), fact));
    }
    summary(answer, &found, out);
    let names: Vec<Value> = facts
        .iter()
        .map(|(name, _)| Value::from(name.clone()))
        .collect();
    put(out, "interfaces", names);
    for (name, fact) in facts {
        // A dot stays, as in the name of a VLAN.
        let key = name.replace(['-', ':'], "_");
        if !TAKEN.contains(&key.as_str()) && !key.starts_with("ssh_host_key") {
            out.entry(Value::from(key)).or_insert(Value::Mapping(fact));
        }
    }
}

/// What /sys says of an interface.
fn link(answer: &Answer, name: &str) -> Mapping {
    let base = format!("/sys/class/net/{name}");
    let line = |file: &str| answer.line(&format!("{base}/{file}"));
    let mut fact = Mapping::new();
    put(&mut fact, "device", name);
    if let Some(address) = line("address")
        && address != "00:00:00:00:00:00"
    {
        put(&mut fact, "macaddress", address);
    }
    if let Some(mtu) = line("mtu").and_then(|t| t.parse::<i64>().ok()) {
        put(&mut fact, "mtu", mtu);
    }
    if let Some(state) = line("operstate") {
        put(&mut fact, "active", state != "down");
    }
    for text in answer.section("net").unwrap_or_default().lines() {
        let words: Vec<&str> = text.splitn(3, ' ').collect();
        if let [interface, key @ ("pciid" | "module"), value] = words[..]
            && interface == name
        {
            put(&mut fact, key, value);
        }
    }
    if let Some(number) = line("type") {
        let kind = match number {
            "1" => "ether",
            "32" => "infiniband",
            "512" => "ppp",
            "772" => "loopback",
            "65534" => "tunnel",
            _ => "unknown",
        };
        put(&mut fact, "type", kind);
    }
    if let Some(id) = line("bridge/bridge_id") {
        put(&mut fact, "type", "bridge");
        let folder = format!("{base}/brif/");
        let ports: Vec<Value> = answer.below(&folder).map(Value::from).collect();
        put(&mut fact, "interfaces", ports);
        put(&mut fact, "id", id);
        put(&mut fact, "stp", line("bridge/stp_state") == Some("1"));
    }
    if let Some(mode) = line("bonding/mode") {
        put(&mut fact, "type", "bonding");
        let slaves = line("bonding/slaves").unwrap_or_default();
        put(
            &mut fact,
            "slaves",
            slaves.split(' ').map(Value::from).collect::<Vec<_>>(),
        );
        put(
            &mut fact,
            "mode",
            mode.split(' ').next().unwrap_or_default(),
        );
        let first = |file: &str| line(file).map(|l| l.split(' ').next().unwrap_or_default());
        for (key, file) in [
            ("miimon", "bonding/miimon"),
            ("lacp_rate", "bonding/lacp_rate"),
        ] {
            if let Some(value) = first(file) {
                put(&mut fact, key, value);
            }
        }
        if let Some(primary) = line("bonding/primary") {
            put(&mut fact, "primary", primary);
        }
        if let Some(all) = line("bonding/all_slaves_active") {
            put(&mut fact, "all_slaves_active", all == "1");
        }
    }
    if let Some(address) = line("bonding_slave/perm_hwaddr") {
        put(&mut fact, "perm_macaddress", address);
    }
    if let Some(speed) = line("speed").and_then(|t| t.parse::<i64>().ok()) {
        put(&mut fact, "speed", speed);
    }
    let flags =
        line("flags").and_then(|t| u32::from_str_radix(t.trim_start_matches("0x"), 16).ok());
    if let Some(flags) = flags {
        put(&mut fact, "promisc", flags & 0x100 != 0);
    }
    fact
}

fn v4_value(a: &Address4) -> Value {
    let mask = mask(a.prefix);
    let network = Ipv4Addr::from_bits(a.address.to_bits() & mask);
    mapping([
        ("address", Value::from(a.address.to_string())),
        ("broadcast", Value::from(a.broadcast.clone())),
        (
            "netmask",
            Value::from(Ipv4Addr::from_bits(mask).to_string()),
        ),
        ("network", Value::from(network.to_string())),
        ("prefix", Value::from(a.prefix.to_string())),
    ])
}

fn add_addresses(
    interface: &Interface,
    name: &str,
    fact: &mut Mapping,
    more: &mut Vec<(String, Mapping)>,
) {
    let mut secondaries = Vec::new();
    for address in &interface.v4 {
        let value = v4_value(address);
        if !fact.contains_key("ipv4") {
            put(fact, "ipv4", value.clone());
        } else {
            secondaries.push(value.clone());
        }
        if address.label != name {
            let mut alias = Mapping::new();
            put(&mut alias, "ipv4", value);
            more.push((address.label.clone(), alias));
        }
    }
    if !secondaries.is_empty() {
        put(fact, "ipv4_secondaries", secondaries);
    }
    let v6: Vec<Value> = interface
        .v6
        .iter()
        .map(|a| {
            mapping([
                ("address", Value::from(a.address.to_string())),
                ("prefix", Value::from(a.prefix.clone())),
                ("scope", Value::from(a.scope.clone())),
            ])
        })
        .collect();
    if !v6.is_empty() {
        put(fact, "ipv6", v6);
    }
}

/// Facts about all interfaces together.
fn summary(answer: &Answer, found: &Interfaces, out: &mut Mapping) {
    let texts = |list: Vec<String>| Value::Sequence(list.into_iter().map(Value::from).collect());
    let v4 = || found.iter().flat_map(|(_, i)| &i.v4);
    let v6 = || found.iter().flat_map(|(_, i)| &i.v6);
    let public4 = v4()
        .filter(|a| !a.address.is_loopback())
        .map(|a| a.address.to_string());
    put(out, "all_ipv4_addresses", texts(public4.collect()));
    let public6 = v6()
        .filter(|a| !a.address.is_loopback())
        .map(|a| a.address.to_string());
    put(out, "all_ipv6_addresses", texts(public6.collect()));
    // In the order of the kernel's table of local routes.
    let mut near4: Vec<(u32, bool, String)> = Vec::new();
    for a in v4() {
        if a.address.is_loopback() && a.prefix < 32 {
            let network = a.address.to_bits() & mask(a.prefix);
            near4.push((
                network,
                false,
                format!("{}/{}", Ipv4Addr::from_bits(network), a.prefix),
            ));
        }
        near4.push((a.address.to_bits(), true, a.address.to_string()));
    }
    near4.sort();
    let reach4 = near4.into_iter().map(|(_, _, text)| text).collect();
    let mut near6: Vec<Ipv6Addr> = v6().map(|a| a.address).collect();
    near6.sort();
    let reach6 = near6.iter().map(Ipv6Addr::to_string).collect();
    let reachable = mapping([("ipv4", texts(reach4)), ("ipv6", texts(reach6))]);
    put(out, "locally_reachable_ips", reachable);
    put(out, "default_ipv4", default4(answer, found));
    put(out, "default_ipv6", default6(answer, found));
}

fn start(answer: &Answer, name: &str, gateway: Option<String>) -> Mapping {
    let link = link(answer, name);
    let mut out = Mapping::new();
    if let Some(gateway) = gateway {
        put(&mut out, "gateway", gateway);
    }
    put(&mut out, "interface", name);
    for key in ["macaddress", "mtu", "type"] {
        if let Some(value) = link.get(key) {
            put(&mut out, key, value.clone());
        }
    }
    out
}

fn default4(answer: &Answer, found: &Interfaces) -> Mapping {
    let Some((name, gateway)) = route4(answer.lines("/proc/net/route")) else {
        return Mapping::new();
    };
    let addresses: BTreeMap<_, _> = found.iter().map(|(n, i)| (n.as_str(), &i.v4)).collect();
    let mine = addresses
        .get(name.as_str())
        .map_or(&[][..], |v| v.as_slice());
    // The kernel speaks from the address that shares the gateway's network, or the first.
    let near = |a: &&Address4| (a.address.to_bits() ^ gateway.to_bits()) & mask(a.prefix) == 0;
    let Some(address) = mine.iter().find(near).or_else(|| mine.first()) else {
        return Mapping::new();
    };
    let via = (!gateway.is_unspecified()).then(|| gateway.to_string());
    let mut out = start(answer, &name, via);
    put(&mut out, "alias", address.label.clone());
    if let Value::Mapping(map) = v4_value(address) {
        out.extend(map);
    }
    out
}

fn default6(answer: &Answer, found: &Interfaces) -> Mapping {
    let Some((name, gateway)) = route6(answer.lines("/proc/net/ipv6_route")) else {
        return Mapping::new();
    };
    let interface = found.iter().find(|(n, _)| *n == name).map(|(_, i)| i);
    let mine = interface.map_or(&[][..], |i| i.v6.as_slice());
    let global = |a: &&Address6| a.scope == "global";
    let temporary = mine.iter().filter(global).find(|a| !a.fading);
    let Some(address) = temporary.or_else(|| mine.iter().find(global)) else {
        return Mapping::new();
    };
    let via = (!gateway.is_unspecified()).then(|| gateway.to_string());
    let mut out = start(answer, &name, via);
    put(&mut out, "address", address.address.to_string());
    put(&mut out, "prefix", address.prefix.clone());
    put(&mut out, "scope", address.scope.clone());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_cannot_take_the_name_of_a_variable() {
        let text = "2: user: <UP> mtu 1500\n3: become: <UP>\n4: br-lan: <UP>\n";
        let text = format!("ip {}\n{text}", text.len());
        let mut out = Mapping::new();
        read(&Answer::read(text.as_bytes()), &mut out);
        assert!(!out.contains_key("user") && !out.contains_key("become"));
        assert!(out.contains_key("br_lan"));
        assert_eq!(out["interfaces"].as_sequence().map(Vec::len), Some(3));
    }
}
