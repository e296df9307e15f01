//! Filters: path.
pub(super) const FILTERS: &[(&str, super::Call)] = &[];
