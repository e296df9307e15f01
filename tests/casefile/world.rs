//! The world of a case: what a host and the controller would answer, and what a change makes of it.

use std::collections::BTreeMap;

use palisade::action::Observed;
use palisade::resource::file::{FileState, Meta, Node, Owner};
use palisade::resource::group::GroupState;
use palisade::resource::texts::TextFile;
use palisade::resource::tree::TreeState;
use palisade::resource::user::UserState;
use palisade::resource::{
    Change, Content, Identity, LocalEntry, Query, RemotePath, Resource, State, Want,
};
use palisade::source::{Mapping, Value};

use super::states;

#[derive(Clone)]
pub(crate) struct World {
    me: Identity,
    name: String,
    files: BTreeMap<RemotePath, FileState>,
    rest: BTreeMap<Resource, State>,
    locals: BTreeMap<String, State>,
    rendered: BTreeMap<String, State>,
    inodes: u64,
}

pub(crate) fn path(text: &str) -> RemotePath {
    RemotePath::new(text).expect("a path")
}

/// `"0644"`, or the same as a YAML number in octal.
pub(crate) fn mode(value: &Value) -> u32 {
    let text = match value {
        Value::String(s) => s.clone(),
        other => panic!("a mode is written in quotes, not {other:?}"),
    };
    u32::from_str_radix(&text, 8).expect("an octal number")
}

fn entries<'a>(yaml: &'a Value, key: &str) -> impl Iterator<Item = (String, &'a Value)> {
    let map = yaml.get(key).and_then(Value::as_mapping);
    let pairs = map.into_iter().flatten();
    pairs.map(|(k, v)| (k.as_str().expect("a word").to_owned(), v))
}

impl World {
    pub(crate) fn read(yaml: &Value) -> World {
        let mut world = World {
            me: identity(yaml.get("me")),
            name: "host1".into(),
            files: BTreeMap::new(),
            rest: BTreeMap::new(),
            locals: BTreeMap::new(),
            rendered: BTreeMap::new(),
            inodes: 100,
        };
        if let Some(name) = yaml.get("name").and_then(Value::as_str) {
            world.name = name.into();
        }
        for folder in ["/", "/etc", "/tmp", "/root", "/home"] {
            let root = FileState::fresh(Node::Dir, &identity(None));
            world.put(path(folder), root);
        }
        for (name, value) in entries(yaml, "host") {
            let at = path(&name);
            let mut up = at.parent();
            while !world.files.contains_key(&up) && up.as_str() != "." {
                world.put(up.clone(), FileState::fresh(Node::Dir, &identity(None)));
                up = up.parent();
            }
            if let Some(words) = value.get("refused").and_then(Value::as_str) {
                let on = Resource::File(at);
                world.rest.insert(on, State::Refused(words.into()));
                continue;
            }
            let state = world.file(value);
            world.put(at, state);
        }
        world.accounts(yaml);
        for (user, text) in entries(yaml, "crontabs") {
            let text = State::Text(text.as_str().expect("text").into());
            world.rest.insert(Resource::Crontab(user), text);
        }
        for (name, value) in entries(yaml, "controller") {
            let content = State::Content(content(value));
            world.rest.insert(Resource::Controller(name), content);
        }
        for (name, value) in entries(yaml, "local") {
            world.locals.insert(name, local(value));
        }
        for (name, value) in entries(yaml, "rendered") {
            world.rendered.insert(name, State::Content(content(value)));
        }
        for entry in yaml
            .get("states")
            .and_then(Value::as_sequence)
            .into_iter()
            .flatten()
        {
            let on = states::resource(&entry["on"]);
            let state = states::state(&on, &entry["is"]);
            world.rest.insert(on, state);
        }
        world
    }

    fn accounts(&mut self, yaml: &Value) {
        let root = UserState {
            group: "root".into(),
            home: "/root".into(),
            shell: "/bin/sh".into(),
            local: true,
            home_exists: true,
            ..UserState::default()
        };
        self.rest
            .insert(Resource::User("root".into()), State::User(root));
        let group = State::Group(GroupState::default());
        self.rest.insert(Resource::Group("root".into()), group);
        for (name, value) in entries(yaml, "users") {
            let on = Resource::User(name);
            let state = states::state(&on, value);
            self.rest.insert(on, state);
        }
        for (name, value) in entries(yaml, "groups") {
            let on = Resource::Group(name);
            let state = states::state(&on, value);
            self.rest.insert(on, state);
        }
    }

    fn file(&self, value: &Value) -> FileState {
        let mut state = FileState::fresh(node(value), &identity(None));
        if let Some(given) = value.get("mode") {
            state.mode = mode(given);
        }
        for (key, slot) in [("owner", &mut state.owner), ("group", &mut state.group)] {
            if let Some(word) = value.get(key) {
                *slot = owner(word);
            }
        }
        let mut meta = Meta {
            links: 1,
            ..Meta::default()
        };
        for (key, slot) in [("mtime", &mut meta.mtime), ("atime", &mut meta.atime)] {
            *slot = value.get(key).and_then(Value::as_f64).unwrap_or_default();
        }
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        meta.attributes = text("attributes");
        meta.context = text("context");
        meta.real_path = text("real_path");
        meta.inode = value.get("inode").and_then(Value::as_u64).unwrap_or(0);
        meta.links = value.get("links").and_then(Value::as_u64).unwrap_or(1);
        let mime = text("mime").zip(text("charset"));
        meta.mime = mime;
        state.meta = Some(meta);
        state
    }

    /// Puts a file at a path, as `stat` would then tell of it.
    fn put(&mut self, at: RemotePath, mut state: FileState) {
        let mut meta = state.meta.take().unwrap_or_default();
        self.inodes += 1;
        if meta.inode == 0 {
            meta.inode = self.inodes;
        }
        meta.links = meta.links.max(1);
        meta.size = state.content().map_or(0, |c| c.size);
        (meta.readable, meta.writable, meta.block_size) = (true, true, 4096);
        meta.executable = state.mode & 0o111 != 0;
        state.meta = Some(meta);
        self.files.insert(at, state);
    }

    pub(crate) fn observed(&self) -> Observed {
        let mut seen = Observed::new(self.me.clone());
        seen.host.clone_from(&self.name);
        seen
    }

    /// Resources whose answer follows from other ones.
    pub(crate) fn derived(on: &Resource) -> bool {
        matches!(
            on,
            Resource::Target(_) | Resource::Tree(_) | Resource::Glob(_) | Resource::Walk(_)
        )
    }

    pub(crate) fn answer(&self, query: &Query) -> State {
        if let Some(state) = self.rest.get(&query.on) {
            return state.clone();
        }
        match &query.on {
            Resource::File(at) => self.stat(at, query.want),
            Resource::Target(at) => self.stat(&self.follow(at), query.want),
            Resource::Tree(top) => {
                let below = self.files.keys().filter(|p| *p != top && p.is_within(top));
                let entries = below.filter_map(|p| {
                    let state = self.stat(p, query.want);
                    state.file().map(|s| (p.clone(), s.clone()))
                });
                State::Tree(TreeState {
                    entries: entries.collect(),
                    truncated: false,
                })
            }
            Resource::Texts(patterns) => self.texts(patterns),
            Resource::Walk(which) => {
                let found = self.files.iter().filter(|(p, f)| which.holds(p, f));
                let entries = found.filter_map(|(p, _)| {
                    let state = self.stat(p, query.want);
                    state.file().map(|s| (p.clone(), s.clone()))
                });
                State::Tree(TreeState {
                    entries: entries.collect(),
                    truncated: false,
                })
            }
            Resource::Module(_) => State::Module(Default::default()),
            Resource::Glob(pattern) => {
                let State::Texts(files) = self.texts(std::slice::from_ref(pattern)) else {
                    return State::Absent;
                };
                State::Paths(files.iter().map(|f| f.path.to_string()).collect())
            }
            Resource::Local { path, .. } => match self.locals.get(path) {
                Some(State::File(file)) if !query.want.has(Want::META) => {
                    State::Content(file.content().expect("content").clone())
                }
                other => other.cloned().unwrap_or(State::Absent),
            },
            Resource::Rendered { path, .. } => {
                self.rendered.get(path).cloned().unwrap_or(State::Absent)
            }
            _ => State::Absent,
        }
    }

    /// The regular files that match patterns, of which a `*` and the plain ones are understood here.
    fn texts(&self, patterns: &[String]) -> State {
        let mut found = Vec::new();
        for pattern in patterns {
            let (head, tail) = pattern.split_once('*').unwrap_or((pattern, ""));
            for at in self.files.keys() {
                let name = at.as_str();
                let middle = name.strip_prefix(head).and_then(|m| m.strip_suffix(tail));
                let is_one = match pattern.contains('*') {
                    true => middle.is_some_and(|m| !m.contains('/') && !m.starts_with('.')),
                    false => name == pattern,
                };
                let real = self.follow(at);
                let all = Want::META.and(Want::CONTENT);
                let seen = found.iter().any(|f: &TextFile| &f.path == at);
                if let (true, false, State::File(file)) = (is_one, seen, self.stat(&real, all))
                    && file.is_file()
                {
                    found.push(TextFile {
                        path: at.clone(),
                        real: Some(real).filter(|r| r != at),
                        file,
                        refused: None,
                    });
                }
            }
        }
        State::Texts(found)
    }

    fn follow(&self, at: &RemotePath) -> RemotePath {
        let mut at = at.clone();
        for _ in 0..10 {
            match self.files.get(&at).map(|f| &f.node) {
                Some(Node::Link { target }) => at = at.parent().join(target),
                _ => break,
            }
        }
        at
    }

    /// No more than was asked for.
    fn stat(&self, at: &RemotePath, want: Want) -> State {
        let Some(mut state) = self.files.get(at).cloned() else {
            return State::Absent;
        };
        if let Node::File(Some(content)) = &mut state.node {
            let sha1 = content.sha1();
            let md5 = content.md5();
            if !want.has(Want::CONTENT) {
                *content = Content::digest_only(content.digest, content.size);
            }
            if want.has(Want::SHA1) {
                content.sha1 = sha1;
            }
            if let (true, Some(meta), Some(md5)) = (want.has(Want::MD5), &mut state.meta, md5) {
                meta.digests.push(("md5".into(), md5));
            }
            if !want.has(Want::CONTENT) && !want.has(Want::DIGEST) && !want.has(Want::SHA1) {
                state.node = Node::File(None);
            }
        }
        State::File(state)
    }

    /// Makes a change, after seeing that its one end is what is there.
    pub(crate) fn apply(&mut self, change: &Change) {
        let all = Want::META.and(Want::DIGEST).and(Want::CONTENT);
        let is = self.answer(&Query::new(change.on.clone(), all));
        let agrees = match (&is, &change.before) {
            (State::File(is), State::File(before)) => {
                let mut is = is.clone();
                if matches!((&is.node, &before.node), (Node::File(_), Node::File(None))) {
                    is.node = Node::File(None);
                }
                is.same(before)
            }
            (State::Tree(is), State::Tree(before)) => is.entries.len() == before.entries.len(),
            (is, before) => is.same(before),
        };
        assert!(
            agrees,
            "it is not what the change says it was: {is:?} and {:?}",
            change.before
        );
        match (&change.on, &change.after) {
            (Resource::File(at), State::Absent) => {
                self.files.retain(|p, _| !p.is_within(at));
            }
            (Resource::File(at), State::File(after)) => {
                let parent = self.files.get(&self.follow(&at.parent()));
                assert!(
                    parent.is_some_and(FileState::is_dir),
                    "{at} has no directory"
                );
                let mut after = after.clone();
                if let Node::File(None) = after.node {
                    after.node = self.files[at].node.clone();
                }
                if let (Node::File(Some(content)), Some(from)) =
                    (&mut after.node, change.how.option("copy_from"))
                {
                    let source = self.files[&self.follow(&path(from))].content().cloned();
                    assert_eq!(
                        source.as_ref(),
                        Some(&*content),
                        "what is copied is another"
                    );
                    *content = source.expect("content");
                }
                let bytes = after.content().is_none_or(|c| c.bytes.is_some());
                assert!(
                    bytes || change.how.option("hard_link_to").is_some(),
                    "{at}: no bytes"
                );
                if let Some(Node::File(Some(old))) = self.files.get(at).map(|f| f.node.clone())
                    && let Node::File(Some(new)) = &mut after.node
                    && new.bytes.is_none()
                {
                    *new = old;
                }
                self.put(at.clone(), after);
            }
            (Resource::File(_) | Resource::Tree(_) | Resource::Target(_), _) => {
                panic!("a change of a kind there is not: {change:?}")
            }
            (on, after) => {
                self.rest.insert(on.clone(), after.clone());
            }
        }
    }
}

fn identity(value: Option<&Value>) -> Identity {
    let text = |key: &str, usual: &str| {
        let given = value.and_then(|v| v.get(key)).and_then(Value::as_str);
        given.unwrap_or(usual).to_owned()
    };
    let number = |key: &str, usual: u32| {
        let given = value.and_then(|v| v.get(key)).and_then(Value::as_u64);
        given.map_or(usual, |n| u32::try_from(n).expect("a small number"))
    };
    Identity {
        user: text("user", "root"),
        uid: number("uid", 0),
        group: text("group", "root"),
        gid: number("gid", 0),
        home: text("home", "/root"),
        umask: number("umask", 0o022),
        login: text("login", "root"),
    }
}

/// `root`, or `name:id`.
fn owner(word: &Value) -> Owner {
    let word = word.as_str().expect("an owner is a name, or name:id");
    match word.split_once(':') {
        Some((name, id)) => Owner::known(id.parse().expect("a number"), name),
        None if word == "root" => Owner::known(0, "root"),
        None => Owner::written(word),
    }
}

fn content(value: &Value) -> Content {
    let text = value
        .as_str()
        .or_else(|| value.get("content").and_then(Value::as_str));
    if let Some(encoded) = value.get("bytes").and_then(Value::as_sequence) {
        let byte = |v: &Value| u8::try_from(v.as_u64().expect("a number")).expect("a byte");
        return Content::new(encoded.iter().map(byte).collect::<Vec<u8>>());
    }
    Content::new(text.unwrap_or_default().as_bytes().to_vec())
}

pub(crate) fn node(value: &Value) -> Node {
    if let Some(target) = value.get("link").and_then(Value::as_str) {
        return Node::Link {
            target: target.into(),
        };
    }
    if value.get("dir").is_some() || value.as_str() == Some("dir") {
        return Node::Dir;
    }
    if let Some(letter) = value.get("other").and_then(Value::as_str) {
        return Node::Other(letter.chars().next().expect("a letter"));
    }
    Node::File(Some(content(value)))
}

fn local(value: &Value) -> State {
    let Some(tree) = value.get("tree").and_then(Value::as_mapping) else {
        let mut file = FileState::fresh(Node::File(Some(content(value))), &identity(None));
        file.mode = value.get("mode").map_or(file.mode, mode);
        return State::File(file);
    };
    let entry = |(name, value): (&Value, &Value)| {
        let name = name.as_str().expect("a name").to_owned();
        let entry = match node(value) {
            Node::Dir => LocalEntry::Dir,
            Node::Link { target } => LocalEntry::Link(target),
            _ => LocalEntry::File {
                content: content(value),
                mode: value.get("mode").map_or(0o644, mode),
            },
        };
        (name, entry)
    };
    let tree: &Mapping = tree;
    State::LocalTree(tree.iter().map(entry).collect())
}
