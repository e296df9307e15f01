//! Filters: encode.
pub(super) const FILTERS: &[(&str, super::Call)] = &[];
