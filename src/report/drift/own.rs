//! What is a host's own: names, addresses, identities. The same difference has them at the same places on
//! every host, so they are masked before differences are compared.

use crate::source::{Mapping, Value};

/// What stands in the place of a host's own value is its name between these.
const OPEN: char = '‹';
const CLOSE: char = '›';

/// A shorter name of a host is a word that occurs anywhere.
const SHORTEST_NAME: usize = 2;

/// A shorter value of a variable is a number that occurs anywhere.
const SHORTEST_VALUE: usize = 4;

/// Values that many hosts have, and what firmware says where it has nothing to say.
const COMMON: [&str; 14] = [
    "localhost",
    "localhost.localdomain",
    "127.0.0.1",
    "127.0.1.1",
    "0.0.0.0",
    "::1",
    "NA",
    "N/A",
    "None",
    "none",
    "Not Specified",
    "Default string",
    "System Serial Number",
    "00:00:00:00:00:00",
];

/// Facts that are a host's own, in the order of preference where two have the same value.
const FACTS: [&str; 10] = [
    "ansible_fqdn",
    "ansible_hostname",
    "ansible_nodename",
    "ansible_machine_id",
    "ansible_product_uuid",
    "ansible_product_serial",
    "ansible_ssh_host_key_ed25519_public",
    "ansible_ssh_host_key_ecdsa_public",
    "ansible_ssh_host_key_rsa_public",
    "ansible_ssh_host_key_dsa_public",
];

/// Of a host with more addresses the others are not masked: each costs a comparison at every word.
const MOST_ADDRESSES: usize = 64;

/// The values of one host.
#[derive(Clone, Debug)]
pub struct Own {
    /// Names and values, the longest value first.
    values: Vec<(String, String)>,
    /// First bytes of values: most places of a text are none of them.
    first: [bool; 256],
}

impl Default for Own {
    fn default() -> Own {
        Own {
            values: Vec::new(),
            first: [false; 256],
        }
    }
}

impl Own {
    /// What a host is called.
    pub fn name(&mut self, name: &str, value: &str) {
        if value.len() >= SHORTEST_NAME {
            self.put(name, value);
        }
    }

    /// Any other value that no other host has.
    pub fn value(&mut self, name: &str, value: &str) {
        if value.len() >= SHORTEST_VALUE {
            self.put(name, value);
        }
    }

    fn put(&mut self, name: &str, value: &str) {
        let known = |(n, v): &(String, String)| n == name || v == value;
        let plain = !value.contains([OPEN, CLOSE, '\n']) && !COMMON.contains(&value);
        if !plain || self.values.iter().any(known) {
            return;
        }
        if let Some(byte) = value.bytes().next() {
            self.first[usize::from(byte)] = true;
        }
        let at = self.values.partition_point(|(_, v)| v.len() >= value.len());
        self.values.insert(at, (name.to_owned(), value.to_owned()));
    }

    /// Takes from facts what is the host's own.
    pub fn learn(&mut self, facts: &Mapping) {
        let text = |name: &str| facts.get(name).and_then(Value::as_str);
        for name in FACTS {
            match (text(name), name.ends_with("name") || name.ends_with("fqdn")) {
                (Some(value), true) => self.name(name, value),
                (Some(value), false) => self.value(name, value),
                (None, _) => {}
            }
        }
        for (fact, keys) in [
            ("ansible_default_ipv4", ["address", "macaddress"]),
            ("ansible_default_ipv6", ["address", "macaddress"]),
        ] {
            let map = facts.get(fact).and_then(Value::as_mapping);
            for key in keys {
                if let Some(value) = map.and_then(|m| m.get(key)).and_then(Value::as_str) {
                    self.value(&format!("{fact}.{key}"), value);
                }
            }
        }
        for list in ["ansible_all_ipv4_addresses", "ansible_all_ipv6_addresses"] {
            let items = facts.get(list).and_then(Value::as_sequence);
            for (n, item) in items.into_iter().flatten().take(MOST_ADDRESSES).enumerate() {
                if let Some(value) = item.as_str() {
                    self.value(&format!("{list}[{n}]"), value);
                }
            }
        }
    }

    /// The text with names in the place of the host's own values, or none where it has none.
    pub fn hide(&self, text: &str) -> Option<String> {
        // What has the marks already could not be told apart from what is marked.
        if self.values.is_empty() || text.contains(OPEN) {
            return None;
        }
        let bytes = text.as_bytes();
        let mut out = String::new();
        let (mut at, mut copied) = (0, 0);
        while at < bytes.len() {
            let found = match self.first[usize::from(bytes[at])] {
                true => self.at(bytes, at),
                false => None,
            };
            let Some((name, value)) = found else {
                at += 1;
                continue;
            };
            out.push_str(&text[copied..at]);
            out.push(OPEN);
            out.push_str(name);
            out.push(CLOSE);
            at += value.len();
            copied = at;
        }
        if copied == 0 {
            return None;
        }
        out.push_str(&text[copied..]);
        Some(out)
    }

    /// The value that stands at a place as a word.
    fn at(&self, text: &[u8], at: usize) -> Option<&(String, String)> {
        let is = |(_, value): &&(String, String)| {
            let value = value.as_bytes();
            text[at..].starts_with(value) && is_word(text, at, at + value.len())
        };
        self.values.iter().find(is)
    }

    /// Names that stand in a text, with their values.
    pub fn used<'a>(&'a self, texts: &'a [&'a str]) -> impl Iterator<Item = (String, String)> + 'a {
        let used = |(name, _): &&(String, String)| {
            let mark = format!("{OPEN}{name}{CLOSE}");
            texts.iter().any(|t| t.contains(&mark))
        };
        self.values.iter().filter(used).cloned()
    }
}

/// Whether what stands from here to there is not a part of a longer word or address.
fn is_word(text: &[u8], from: usize, to: usize) -> bool {
    let part = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let before = from.checked_sub(1).and_then(|i| text.get(i)).copied();
    let after = text.get(to).copied();
    if before.is_some_and(part) || after.is_some_and(part) {
        return false;
    }
    // A number between points or colons belongs to an address.
    let address = text[from].is_ascii_digit();
    let joins = |b: Option<u8>| b.is_some_and(|b| b == b'.' || b == b':');
    let digit = |i: Option<usize>| {
        i.and_then(|i| text.get(i))
            .is_some_and(u8::is_ascii_hexdigit)
    };
    let left = joins(before) && digit(from.checked_sub(2));
    let right = after == Some(b'.') && digit(Some(to + 1));
    !(address && (left || right))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Own {
        let mut own = Own::default();
        own.name("inventory_hostname", "web1");
        own.name("ansible_fqdn", "web1.example.com");
        own.value("ansible_host", "10.0.0.5");
        own.value("ansible_port", "22");
        own.name("ansible_hostname", "localhost");
        own
    }

    #[test]
    fn own_values_are_masked_where_they_are_words() {
        for (text, masked) in [
            ("web1", Some("‹inventory_hostname›")),
            ("at web1.example.com.", Some("at ‹ansible_fqdn›.")),
            (
                "/srv/web1/x web1-data",
                Some("/srv/‹inventory_hostname›/x ‹inventory_hostname›-data"),
            ),
            ("http://10.0.0.5:80/", Some("http://‹ansible_host›:80/")),
            ("web10 myweb1 web1_x", None),
            ("10.0.0.50 110.0.0.5 10.0.0.5.6 1.10.0.0.5", None),
            ("port 22 on localhost", None),
            ("‹web1› web1", None),
            ("ünweb1 über-web1", Some("ünweb1 über-‹inventory_hostname›")),
        ] {
            assert_eq!(own().hide(text).as_deref(), masked, "{text}");
        }
    }

    #[test]
    fn facts_tell_what_is_a_hosts_own() {
        let mut own = Own::default();
        own.learn(&crate::result! {
            "ansible_machine_id" => "0123456789abcdef",
            "ansible_hostname" => "db",
            "ansible_all_ipv4_addresses" => vec!["127.0.0.1", "192.0.2.7"],
            "ansible_distribution" => "Debian",
        });
        let masked = own.hide("db 0123456789abcdef 192.0.2.7 127.0.0.1 Debian");
        assert_eq!(
            masked.as_deref(),
            Some(
                "‹ansible_hostname› ‹ansible_machine_id› ‹ansible_all_ipv4_addresses[1]› 127.0.0.1 Debian"
            )
        );
    }
}
