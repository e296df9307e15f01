//! Python's operators.

use std::sync::Arc;

use super::context::{ITEMS, TEXT};
use super::error::{Fail, Res};
use super::tree::{Binary, Compare};
use super::value::{Key, Val};

pub(in crate::vars) fn binary(op: Binary, a: &Val, b: &Val) -> Res<Val> {
    if op == Binary::Concat {
        let mut out = String::new();
        a.write_text(&mut out);
        b.write_text(&mut out);
        return fits(out);
    }
    if let (Some(x), Some(y)) = (a.integer(), b.integer()) {
        return integers(op, x, y);
    }
    if let (Some(x), Some(y)) = (a.number(), b.number()) {
        return floats(op, x, y);
    }
    match (op, a, b) {
        (Binary::Add, Val::Str(x), Val::Str(y)) => fits(format!("{x}{y}")),
        (Binary::Add, Val::List(_), Val::List(_)) | (Binary::Add, Val::Tuple(_), Val::Tuple(_)) => {
            let (x, y) = (a.seq().unwrap_or_default(), b.seq().unwrap_or_default());
            let items = x.iter().chain(y.iter()).cloned().collect::<Vec<_>>();
            Ok(if matches!(a, Val::Tuple(_)) {
                Val::Tuple(Arc::new(items))
            } else {
                items.into()
            })
        }
        (Binary::Mul, Val::Str(s), n) | (Binary::Mul, n, Val::Str(s)) if n.integer().is_some() => {
            let n = usize::try_from(n.integer().unwrap_or(0)).unwrap_or(0);
            if s.len().saturating_mul(n) > TEXT {
                return Err(Fail::error(format!(
                    "the text would be longer than {TEXT} bytes"
                )));
            }
            Ok(Val::from(s.repeat(n)))
        }
        (Binary::Mul, list, n) | (Binary::Mul, n, list)
            if n.integer().is_some() && list.seq().is_some() =>
        {
            let items = list.seq().unwrap_or_default();
            let n = usize::try_from(n.integer().unwrap_or(0)).unwrap_or(0);
            if items.len().saturating_mul(n) > ITEMS {
                return Err(Fail::error(format!(
                    "the list would have more than {ITEMS} items"
                )));
            }
            Ok(Val::list(
                std::iter::repeat_n(&items[..], n)
                    .flatten()
                    .cloned()
                    .collect(),
            ))
        }
        (Binary::Rem, Val::Str(s), args) => super::format::percent(s, args).map(Val::from),
        (Binary::Sub, Val::Object(x), Val::Object(y)) => match (x.seconds(), y.seconds()) {
            (Some(x), Some(y)) => Ok(super::globals::duration(x - y)),
            _ => Err(wrong(op, a, b)),
        },
        _ => Err(wrong(op, a, b)),
    }
}

fn fits(text: String) -> Res<Val> {
    if text.len() > TEXT {
        return Err(Fail::error(format!(
            "the text would be longer than {TEXT} bytes"
        )));
    }
    Ok(Val::from(text))
}

fn symbol(op: Binary) -> &'static str {
    match op {
        Binary::Add => "+",
        Binary::Sub => "-",
        Binary::Mul => "*",
        Binary::Div => "/",
        Binary::FloorDiv => "//",
        Binary::Rem => "%",
        Binary::Pow => "**",
        Binary::Concat => "~",
        Binary::And => "and",
        Binary::Or => "or",
    }
}

fn wrong(op: Binary, a: &Val, b: &Val) -> Fail {
    let message = format!(
        "`{}` does not work on {} and {}",
        symbol(op),
        a.described(),
        b.described()
    );
    match (op, a, b) {
        (Binary::Add, Val::Str(_), _) | (Binary::Add, _, Val::Str(_)) => {
            Fail::hinted(message, "use `~` to join texts, or `| int` to add numbers")
        }
        _ => Fail::error(message),
    }
}

fn integers(op: Binary, x: i64, y: i64) -> Res<Val> {
    let big = || Fail::error("the number is too large");
    let zero = || Fail::error("division by zero");
    Ok(Val::Int(match op {
        Binary::Add => x.checked_add(y).ok_or_else(big)?,
        Binary::Sub => x.checked_sub(y).ok_or_else(big)?,
        Binary::Mul => x.checked_mul(y).ok_or_else(big)?,
        Binary::FloorDiv if y == 0 => return Err(zero()),
        Binary::FloorDiv => x
            .checked_div_euclid(y)
            .map(|_| floor_div(x, y))
            .ok_or_else(big)?,
        Binary::Rem if y == 0 => return Err(zero()),
        Binary::Rem => x
            .checked_rem(y)
            .map(|r| {
                if r != 0 && (r < 0) != (y < 0) {
                    r + y
                } else {
                    r
                }
            })
            .ok_or_else(big)?,
        Binary::Pow if y >= 0 => {
            let exponent = u32::try_from(y).map_err(|_| big())?;
            x.checked_pow(exponent).ok_or_else(big)?
        }
        _ => {
            #[expect(
                clippy::cast_precision_loss,
                reason = "Python's true division does the same"
            )]
            return floats(op, x as f64, y as f64);
        }
    }))
}

fn floor_div(x: i64, y: i64) -> i64 {
    let q = x.wrapping_div(y);
    if x % y != 0 && ((x < 0) != (y < 0)) {
        q - 1
    } else {
        q
    }
}

fn floats(op: Binary, x: f64, y: f64) -> Res<Val> {
    if y == 0.0 && matches!(op, Binary::Div | Binary::FloorDiv | Binary::Rem) {
        return Err(Fail::error("division by zero"));
    }
    Ok(Val::Float(match op {
        Binary::Add => x + y,
        Binary::Sub => x - y,
        Binary::Mul => x * y,
        Binary::Div => x / y,
        Binary::FloorDiv => (x / y).floor(),
        Binary::Rem => x - y * (x / y).floor(),
        _ => x.powf(y),
    }))
}

pub(in crate::vars) fn negate(a: &Val) -> Res<Val> {
    match a {
        Val::Float(f) => Ok(Val::Float(-f)),
        other => match other.integer().and_then(i64::checked_neg) {
            Some(i) => Ok(Val::Int(i)),
            None => Err(Fail::error(format!(
                "`-` does not work on {}",
                a.described()
            ))),
        },
    }
}

pub(in crate::vars) fn compare(op: Compare, a: &Val, b: &Val) -> Res<bool> {
    Ok(match op {
        Compare::Eq => a == b,
        Compare::Ne => a != b,
        Compare::Lt => a.compare(b)?.is_lt(),
        Compare::Le => a.compare(b)?.is_le(),
        Compare::Gt => a.compare(b)?.is_gt(),
        Compare::Ge => a.compare(b)?.is_ge(),
        Compare::In => contains(b, a)?,
        Compare::NotIn => !contains(b, a)?,
    })
}

pub(in crate::vars) fn contains(container: &Val, value: &Val) -> Res<bool> {
    match (container, value) {
        (Val::Str(text), Val::Str(part)) => Ok(text.contains(&**part)),
        (Val::Str(_), other) => Err(Fail::error(format!(
            "`in` a string needs a string, not {}",
            other.described()
        ))),
        (Val::Dict(items), Val::Str(key)) => Ok(items.get().contains_key(&Key(key))),
        (Val::Dict(items), key) => Ok(items.get().contains_key(key)),
        (Val::List(_) | Val::Tuple(_), value) => {
            Ok(container.seq().unwrap_or_default().contains(value))
        }
        (other, _) => Err(Fail::error(format!(
            "`in` does not work on {}",
            other.described()
        ))),
    }
}

/// A Python index as a position: negative ones count from the end.
pub(in crate::vars) fn index(key: &Val, len: usize) -> Option<usize> {
    let i = key.integer()?;
    if i < 0 {
        len.checked_sub(usize::try_from(i.unsigned_abs()).ok()?)
    } else {
        usize::try_from(i).ok()
    }
}

pub(in crate::vars) fn slice(value: &Val, start: &Val, stop: &Val, step: &Val) -> Res<Val> {
    let number = |v: &Val| match v {
        Val::None => Ok(None),
        other => other.integer().map(Some).ok_or_else(|| {
            Fail::error(format!("a slice needs integers, not {}", other.described()))
        }),
    };
    let (start, stop, step) = (number(start)?, number(stop)?, number(step)?.unwrap_or(1));
    if step == 0 {
        return Err(Fail::error("the step of a slice cannot be 0"));
    }
    let pick = |len: usize| {
        let len = i64::try_from(len).unwrap_or(i64::MAX);
        let clamp =
            |i: i64, low: i64, high: i64| (if i < 0 { i + len } else { i }).clamp(low, high);
        let mut picked = Vec::new();
        if step > 0 {
            let (from, to) = (
                clamp(start.unwrap_or(0), 0, len),
                clamp(stop.unwrap_or(len), 0, len),
            );
            let mut i = from;
            while i < to {
                picked.push(usize::try_from(i).unwrap_or(0));
                i = i.saturating_add(step);
            }
        } else {
            let from = start.map_or(len - 1, |s| clamp(s, -1, len - 1));
            let to = stop.map_or(-1, |s| clamp(s, -1, len - 1));
            let mut i = from;
            while i > to {
                picked.push(usize::try_from(i).unwrap_or(0));
                i = i.saturating_add(step);
            }
        }
        picked
    };
    match value {
        Val::Str(text) => {
            let chars: Vec<char> = text.chars().collect();
            Ok(Val::from(
                pick(chars.len())
                    .into_iter()
                    .map(|i| chars[i])
                    .collect::<String>(),
            ))
        }
        Val::List(_) | Val::Tuple(_) => {
            let items = value.seq().unwrap_or_default();
            let picked = pick(items.len())
                .into_iter()
                .map(|i| items[i].clone())
                .collect();
            Ok(Val::list(picked))
        }
        Val::Undefined(_) => Ok(value.clone()),
        other => Err(Fail::error(format!(
            "{} cannot be sliced",
            other.described()
        ))),
    }
}

/// Whether something can be the key of a mapping.
pub(in crate::vars) fn hashable(key: &Val) -> Res<()> {
    match key {
        Val::List(_) | Val::Dict(_) => {
            Err(Fail::error(format!("{} cannot be a key", key.described())))
        }
        _ => Ok(()),
    }
}
