//! Filters: yaml.
pub(in crate::vars) const FILTERS: &[(&str, super::Call)] = &[];
