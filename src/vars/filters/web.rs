//! Filters: web.
pub(super) const FILTERS: &[(&str, super::Call)] = &[];
