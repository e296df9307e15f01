//! YAML as PyYAML writes it.
