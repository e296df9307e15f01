//! YAML as Ansible reads it: an event parser builds one tree of nodes.
