//! Facts: what a host says of itself, under Ansible's names and in its shapes.

use serde_yaml::Mapping;

/// What is to be gathered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Request {
    /// `all`, `min`, `network`, `!hardware`, … as `gather_subset` takes them.
    pub subset: Vec<String>,
    /// Where local facts are (`/etc/ansible/facts.d`).
    pub fact_path: String,
    /// Seconds a slow question may take.
    pub timeout: u32,
}

/// Facts by name, without the `ansible_` prefix.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Facts(pub Mapping);
