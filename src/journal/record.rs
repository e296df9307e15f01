//! One end of a change as the journal keeps it: enough to tell what it was, never a secret.

use serde_json::{Value, json};

use crate::resource::State;
use crate::resource::file::{FileState, Node};

pub(super) fn end(state: &State, hidden: bool) -> Value {
    if hidden {
        return json!("hidden");
    }
    match state {
        State::Absent => json!("absent"),
        State::File(file) => self::file(file),
        State::Package(p) => json!({ "version": p.version }),
        State::Unit(u) => json!({ "running": u.running, "enabled": u.enabled, "masked": u.masked }),
        State::Sysctl(value) => json!(value),
        State::Mount(m) => {
            json!({ "source": m.source, "fstype": m.fstype, "options": m.options.join(",") })
        }
        State::Module(m) => json!({ "loaded": m.loaded }),
        State::User(u) => json!({ "uid": u.uid, "group": u.group, "groups": u.groups,
            "home": u.home, "shell": u.shell }),
        State::Group(g) => json!({ "gid": g.gid, "members": g.members }),
        State::Hostname(h) => json!(h.permanent),
        State::Text(text) => json!({ "bytes": text.len() }),
        State::Content(c) => json!({ "sha256": c.digest.to_string(), "size": c.size }),
        _ => json!("present"),
    }
}

fn file(file: &FileState) -> Value {
    let mut map = json!({
        "mode": format!("{:04o}", file.mode), "owner": file.owner.word(), "group": file.group.word(),
    });
    match &file.node {
        Node::File(Some(content)) => {
            map["sha256"] = json!(content.digest.to_string());
            map["size"] = json!(content.size);
        }
        Node::File(None) => {}
        Node::Dir => map["type"] = json!("directory"),
        Node::Link { target } => map["link"] = json!(target),
        Node::Other(kind) => map["type"] = json!(kind.to_string()),
    }
    map
}
