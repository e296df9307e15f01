//! Filters: hash.
pub(super) const FILTERS: &[(&str, super::Call)] = &[];
