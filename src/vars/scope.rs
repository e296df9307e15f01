//! Variables as one task on one host sees them, and how a name becomes a value.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};

use super::context::Ctx;
use super::error::{Fail, Place, Res};
use super::object::{AllHosts, OwnVars};
use super::value::{Dict, Missing, Val};
use super::{Hosts, Layer, SearchPath, Var};
use crate::source::{Kind, Node, Span};

/// Variables as one task on one host sees them.
pub struct Scope {
    /// Highest precedence first.
    pub layers: Vec<Layer>,
    /// Every host's scope, for `hostvars`.
    pub hosts: Arc<dyn Hosts>,
    /// Where `template`, `file` and other lookups find relative names, first match wins.
    pub search: Arc<SearchPath>,
    /// Root names that were looked up while rendering: what a rendered value depends on.
    pub looked_up: Mutex<BTreeSet<String>>,
    /// Nobody will read what is wrong: no hint is looked for.
    pub unheard: bool,
    /// Variables already prepared: the layers do not change under a scope.
    memo: Mutex<BTreeMap<Arc<str>, Option<Val>>>,
}

impl Scope {
    pub fn new(layers: Vec<Layer>, hosts: Arc<dyn Hosts>, search: Arc<SearchPath>) -> Scope {
        Scope {
            layers,
            hosts,
            search,
            looked_up: Mutex::default(),
            unheard: false,
            memo: Mutex::default(),
        }
    }

    /// The variable of the highest precedence under a name, as it was written or learnt.
    pub fn var(&self, name: &str) -> Option<&Var> {
        self.layers.iter().find_map(|layer| layer.get(name))
    }

    /// Every variable's name.
    pub fn names(&self) -> BTreeSet<String> {
        self.layers
            .iter()
            .flat_map(|layer| layer.keys().cloned())
            .collect()
    }

    fn note(&self, name: &str) {
        if let Ok(mut seen) = self.looked_up.lock()
            && !seen.contains(name)
        {
            seen.insert(name.to_owned());
        }
    }
}

/// A template inside a variable, rendered when it is looked at.
pub(in crate::vars) struct Thunk {
    text: Arc<str>,
    span: Span,
    vault: bool,
    /// The scope it belongs to, where that is not the one it is looked at from.
    scope: Option<Arc<Scope>>,
    value: OnceLock<Val>,
}

/// A written value as templates see it: its own templates not rendered yet.
pub(in crate::vars) fn prepare(node: &Node, scope: Option<&Arc<Scope>>) -> Val {
    let thunk = |text: &Arc<str>, vault| {
        Val::Thunk(Arc::new(Thunk {
            text: Arc::clone(text),
            span: node.span.clone(),
            vault,
            scope: scope.cloned(),
            value: OnceLock::new(),
        }))
    };
    match &node.kind {
        Kind::Null => Val::None,
        Kind::Bool(b) => Val::Bool(*b),
        Kind::Int(i) => Val::Int(*i),
        Kind::Float(f) => Val::Float(*f),
        Kind::Str(s) if super::parse::is_template(s) => thunk(s, false),
        Kind::Str(s) | Kind::Unsafe(s) => Val::Str(Arc::clone(s)),
        Kind::Vault(s) => thunk(s, true),
        Kind::Seq(items) => Val::list(items.iter().map(|n| prepare(n, scope)).collect()),
        Kind::Map(entries) => {
            let pairs = entries
                .iter()
                .map(|(k, v)| (prepare_key(k), prepare(v, scope)));
            Val::dict(pairs.collect::<Dict>())
        }
    }
}

/// Keys are never templates.
fn prepare_key(node: &Node) -> Val {
    match &node.kind {
        Kind::Str(s) => Val::Str(Arc::clone(s)),
        _ => prepare(node, None),
    }
}

impl Ctx<'_> {
    /// A variable by name: templates in it rendered only as far as they are looked at.
    pub(in crate::vars) fn root(&mut self, name: &str) -> Res<Option<Val>> {
        let scope = self.scope;
        scope.note(name);
        match name {
            "hostvars" => return Ok(Some(Val::Object(Arc::new(AllHosts)))),
            "vars" => return Ok(Some(Val::Object(Arc::new(OwnVars)))),
            "omit" => return Ok(Some(Val::Omit)),
            _ => {}
        }
        let memo = |memo: &Mutex<BTreeMap<Arc<str>, Option<Val>>>| {
            memo.lock().ok().and_then(|m| m.get(name).cloned())
        };
        let value = match memo(&scope.memo) {
            Some(known) if self.foreign.is_none() => known,
            _ => {
                let value = match scope.var(name) {
                    None => None,
                    Some(Var::Data(datum)) => return Ok(Some(datum.0.clone())),
                    Some(Var::Pending) => return Err(Fail::Pending),
                    Some(Var::Unknown) => return Err(Fail::Unknown(Arc::from(name))),
                    Some(Var::Template(node)) => Some(prepare(node, self.foreign.as_ref())),
                };
                if self.foreign.is_none()
                    && let Ok(mut memo) = scope.memo.lock()
                {
                    memo.insert(Arc::from(name), value.clone());
                }
                value
            }
        };
        match value {
            Some(Val::Thunk(thunk)) => self.named(name, |ctx| ctx.unfold(&thunk)).map(Some),
            other => Ok(other),
        }
    }

    /// Renders what a thunk holds. Something undefined in it makes the whole undefined.
    fn unfold(&mut self, thunk: &Arc<Thunk>) -> Res<Val> {
        if let Some(known) = thunk.value.get() {
            return Ok(known.clone());
        }
        let outer = std::mem::replace(&mut self.impure, false);
        let result = match &thunk.scope {
            Some(scope)
                if self
                    .foreign
                    .as_ref()
                    .is_none_or(|own| !Arc::ptr_eq(own, scope)) =>
            {
                let scope = Arc::clone(scope);
                self.elsewhere(&scope, |ctx| ctx.render_thunk(thunk))
            }
            _ => self.render_thunk(thunk),
        };
        let pure = !self.impure;
        self.impure |= outer;
        let value = match result {
            Ok(value) => value,
            Err(Fail::Undefined(missing, place)) => Val::Undefined(Arc::new(Missing {
                name: missing.name.clone(),
                message: missing.message.clone(),
                blank: false,
                place: missing.place.clone().or(place),
            })),
            Err(other) => return Err(other),
        };
        if pure {
            let _ = thunk.value.set(value.clone());
        }
        Ok(value)
    }

    fn render_thunk(&mut self, thunk: &Thunk) -> Res<Val> {
        if !thunk.vault {
            return self.detached(|ctx| ctx.render_native(&thunk.text, &thunk.span));
        }
        let plain = self.engine.decrypt(&thunk.text, &thunk.span)?;
        if super::parse::is_template(&plain) {
            return self.detached(|ctx| ctx.render_native(&plain, &thunk.span));
        }
        Ok(Val::Str(plain))
    }

    /// The value itself, whatever stood for it.
    pub(in crate::vars) fn force(&mut self, value: Val) -> Res<Val> {
        match value {
            Val::Thunk(thunk) => self.deeper(|ctx| {
                let value = ctx.unfold(&thunk)?;
                ctx.force(value)
            }),
            other => Ok(other),
        }
    }

    /// The value with everything inside it rendered and frozen.
    pub(in crate::vars) fn deep(&mut self, value: Val) -> Res<Val> {
        use super::value::Items;
        let value = self.force(value)?;
        match &value {
            Val::List(Items::Lazy(_) | Items::Live(_)) | Val::Tuple(_) => {
                let items = value.seq().unwrap_or_default();
                let forced = self.deeper(|ctx| {
                    items
                        .iter()
                        .map(|v| ctx.deep(v.clone()))
                        .collect::<Res<Vec<_>>>()
                })?;
                Ok(match value {
                    Val::Tuple(_) => Val::Tuple(Arc::new(forced)),
                    _ => Val::List(Items::Frozen(Arc::new(forced))),
                })
            }
            Val::Dict(Items::Lazy(items)) => {
                let items = Arc::clone(items);
                self.deep_dict(&items)
            }
            Val::Dict(live @ Items::Live(_)) => {
                let items = live.get();
                self.deep_dict(&items)
            }
            _ => Ok(value),
        }
    }

    fn deep_dict(&mut self, items: &Dict) -> Res<Val> {
        let forced = self.deeper(|ctx| {
            items
                .iter()
                .map(|(k, v)| Ok((k.clone(), ctx.deep(v.clone())?)))
                .collect::<Res<Dict>>()
        })?;
        Ok(Val::Dict(super::value::Items::Frozen(Arc::new(forced))))
    }

    /// Every variable of the scope that can be rendered.
    pub(in crate::vars) fn all_variables(&mut self) -> Res<Val> {
        let mut all = Dict::new();
        for name in self.scope.names() {
            match self.root(&name) {
                Ok(Some(value)) if !value.is_undefined() => {
                    all.insert(Val::from(name), value);
                }
                Ok(_) | Err(Fail::Error(_) | Fail::Undefined(..)) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(Val::dict(all))
    }

    /// The place of a template's mistake, in its file where that can be told.
    pub(in crate::vars) fn located(&self, fail: Fail, text: &str, span: &Span) -> Fail {
        fail.within(|at| Some(super::place::locate(span, text, at)))
    }
}

impl Missing {
    pub(in crate::vars) fn place(&self) -> Option<&Place> {
        self.place.as_deref()
    }
}
