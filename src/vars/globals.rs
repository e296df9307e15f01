//! Functions every template may call.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use super::context::{Ctx, ITEMS};
use super::error::{Fail, Res};
use super::filters::time;
use super::object::{Args, Builtin, Cycler, Namespace};
use super::value::{Dict, Missing, Val};

type Function = fn(&mut Ctx<'_>, Args) -> Res<Val>;

const GLOBALS: &[(&str, Function)] = &[
    ("range", range),
    ("dict", dict),
    ("namespace", namespace),
    ("cycler", cycler),
    ("joiner", joiner),
    ("lipsum", lipsum),
    ("undef", undef),
    ("now", now),
    ("lookup", super::lookups::lookup),
    ("query", super::lookups::query),
    ("q", super::lookups::query),
];

pub(in crate::vars) fn find(name: &str) -> Option<Val> {
    let (_, call) = GLOBALS.iter().find(|(n, _)| *n == name)?;
    Some(Val::Object(Arc::new(Builtin { call: *call })))
}

pub(in crate::vars) use time::duration;

fn range(ctx: &mut Ctx<'_>, args: Args) -> Res<Val> {
    let args = ctx.inputs(args)?;
    let mut numbers = Vec::new();
    for value in &args.pos {
        numbers.push(value.integer().ok_or_else(|| {
            Fail::error(format!("`range` needs integers, not {}", value.described()))
        })?);
    }
    let (start, stop, step) = match *numbers.as_slice() {
        [stop] => (0, stop, 1),
        [start, stop] => (start, stop, 1),
        [start, stop, step] if step != 0 => (start, stop, step),
        _ => {
            return Err(Fail::error(
                "`range` takes one to three integers, and no step of 0",
            ));
        }
    };
    let span = if step > 0 {
        i128::from(stop) - i128::from(start)
    } else {
        i128::from(start) - i128::from(stop)
    };
    let count = if span <= 0 {
        0
    } else {
        (span - 1) / i128::from(step.unsigned_abs()) + 1
    };
    if count > ITEMS as i128 {
        return Err(Fail::error(format!(
            "`range` of {count} items: {ITEMS} is the limit"
        )));
    }
    let count = usize::try_from(count).unwrap_or(0);
    ctx.burn(count)?;
    let mut out = Vec::with_capacity(count);
    let mut i = start;
    for _ in 0..count {
        out.push(Val::Int(i));
        i = i.saturating_add(step);
    }
    Ok(Val::list(out))
}

fn dict(ctx: &mut Ctx<'_>, args: Args) -> Res<Val> {
    let mut out = Dict::new();
    if let Some(given) = args.pos.first() {
        let given = ctx.force(given.clone())?;
        out.extend(super::methods::pairs(ctx, &given)?);
    }
    out.extend(args.named.into_iter().map(|(n, v)| (Val::Str(n), v)));
    Ok(Val::Dict(super::value::Items::live(out)))
}

fn namespace(ctx: &mut Ctx<'_>, args: Args) -> Res<Val> {
    let mut out = Dict::new();
    if let Some(given) = args.pos.first() {
        let given = ctx.force(given.clone())?;
        out.extend(super::methods::pairs(ctx, &given)?);
    }
    out.extend(args.named.into_iter().map(|(n, v)| (Val::Str(n), v)));
    Ok(Val::Object(Arc::new(Namespace(Mutex::new(out)))))
}

fn cycler(_ctx: &mut Ctx<'_>, args: Args) -> Res<Val> {
    if args.pos.is_empty() {
        return Err(Fail::error("`cycler` needs values"));
    }
    Ok(Val::Object(Arc::new(Cycler {
        items: args.pos,
        next: AtomicUsize::new(0),
        joiner: false,
    })))
}

fn joiner(_ctx: &mut Ctx<'_>, args: Args) -> Res<Val> {
    let [sep] = args.bind("joiner", ["sep"])?;
    let items = vec![sep.unwrap_or(Val::from(", "))];
    Ok(Val::Object(Arc::new(Cycler {
        items,
        next: AtomicUsize::new(0),
        joiner: true,
    })))
}

/// Filler text; nobody depends on which.
fn lipsum(_ctx: &mut Ctx<'_>, _args: Args) -> Res<Val> {
    Ok(Val::from(
        "Lorem ipsum dolor sit amet, consectetur adipiscing elit.",
    ))
}

fn undef(_ctx: &mut Ctx<'_>, args: Args) -> Res<Val> {
    let [hint] = args.bind("undef", ["hint"])?;
    let message = match hint {
        Some(hint) if hint.truth() => hint.text().to_string(),
        _ => "Mandatory variable has not been overridden".to_owned(),
    };
    Ok(Val::Undefined(Arc::new(Missing {
        name: "undef()".into(),
        message,
        blank: false,
        place: None,
    })))
}

fn now(ctx: &mut Ctx<'_>, args: Args) -> Res<Val> {
    let [utc, format] = args.bind("now", ["utc", "fmt"])?;
    ctx.impure = true;
    let seconds = ctx.engine.outside.now();
    let utc = utc.is_some_and(|v| v.truth());
    let moment = time::moment(seconds, utc);
    match format {
        Some(Val::Str(format)) if !format.is_empty() => Ok(Val::from(moment.strftime(&format)?)),
        _ => Ok(moment.value()),
    }
}
