//! Filters on numbers.

use super::{Call, given, needs, string};
use crate::vars::context::Ctx;
use crate::vars::error::{Fail, Res};
use crate::vars::object::Args;
use crate::vars::ops;
use crate::vars::tree::Binary;
use crate::vars::value::Val;

pub(super) const FILTERS: &[(&str, Call)] = &[
    ("int", int),
    ("float", float),
    ("abs", abs),
    ("round", round),
    ("log", log),
    ("pow", |_, v, args| {
        let [exponent] = args.bind("pow", ["y"])?;
        let exponent = exponent
            .and_then(|e| e.number())
            .ok_or_else(|| Fail::error("`pow` needs an exponent"))?;
        let base = v.number().ok_or_else(|| needs("pow", "a number", &v))?;
        Ok(Val::Float(base.powf(exponent)))
    }),
    ("root", root),
    ("human_readable", human_readable),
    ("human_to_bytes", human_to_bytes),
    ("filesizeformat", filesizeformat),
];

fn int(_ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [default, base] = args.bind("int", ["default", "base"])?;
    let default = default.unwrap_or(Val::Int(0));
    let base = base.and_then(|b| b.integer()).unwrap_or(10);
    let parsed = match &value {
        Val::Str(s) => {
            let clean: String = s.trim().chars().filter(|c| *c != '_').collect();
            whole(&clean, base).or_else(|| {
                let number: f64 = clean.parse().ok()?;
                truncated(number)
            })
        }
        Val::Float(f) => truncated(*f),
        other => other.integer(),
    };
    Ok(parsed.map_or(default, Val::Int))
}

fn whole(text: &str, base: i64) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_lowercase();
    let (base, digits) = match base {
        16 => (16, lower.strip_prefix("0x").unwrap_or(&lower)),
        8 => (8, lower.strip_prefix("0o").unwrap_or(&lower)),
        2 => (2, lower.strip_prefix("0b").unwrap_or(&lower)),
        0 => match lower.get(..2) {
            Some("0x") => (16, &lower[2..]),
            Some("0o") => (8, &lower[2..]),
            Some("0b") => (2, &lower[2..]),
            _ => (10, lower.as_str()),
        },
        base => (
            u32::try_from(base).ok().filter(|b| (2..=36).contains(b))?,
            lower.as_str(),
        ),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let number = i64::from_str_radix(digits, base).ok()?;
    Some(if negative { -number } else { number })
}

#[expect(clippy::cast_possible_truncation, reason = "checked to be in range")]
fn truncated(number: f64) -> Option<i64> {
    (number.is_finite() && number.abs() < 9.2e18).then_some(number as i64)
}

fn float(_ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [default] = args.bind("float", ["default"])?;
    let default = default.unwrap_or(Val::Float(0.0));
    let parsed = match &value {
        Val::Str(s) => s.trim().replace('_', "").parse::<f64>().ok(),
        other => other.number(),
    };
    Ok(parsed.map_or(default, Val::Float))
}

fn abs(_ctx: &mut Ctx<'_>, value: Val, _args: Args) -> Res<Val> {
    match &value {
        Val::Float(f) => Ok(Val::Float(f.abs())),
        other => match other.integer().and_then(i64::checked_abs) {
            Some(i) => Ok(Val::Int(i)),
            None => Err(needs("abs", "a number", &value)),
        },
    }
}

fn round(_ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [precision, method] = args.bind("round", ["precision", "method"])?;
    let places = precision.and_then(|p| p.integer()).unwrap_or(0);
    let method = method.map_or("common".into(), |m| string(&m).to_string());
    let number = value
        .number()
        .ok_or_else(|| needs("round", "a number", &value))?;
    let factor = 10f64.powi(i32::try_from(places).unwrap_or(0));
    let rounded = match method.as_str() {
        "ceil" => (number * factor).ceil() / factor,
        "floor" => (number * factor).floor() / factor,
        "common" if places >= 0 => {
            // Formatting rounds the exact binary value to even, as Python's `round` does.
            let places = usize::try_from(places).unwrap_or(0);
            format!("{number:.places$}").parse().unwrap_or(number)
        }
        "common" => (number * factor).round_ties_even() / factor,
        other => return Err(Fail::error(format!("`round` knows no method `{other}`"))),
    };
    if matches!(value, Val::Int(_)) && method == "common" {
        return Ok(truncated(rounded).map_or(Val::Float(rounded), Val::Int));
    }
    Ok(Val::Float(rounded))
}

fn log(_ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [base] = args.bind("log", ["base"])?;
    let number = value
        .number()
        .ok_or_else(|| needs("log", "a number", &value))?;
    if number <= 0.0 {
        return Err(Fail::error("`log` needs a positive number"));
    }
    Ok(Val::Float(match given(base).and_then(|b| b.number()) {
        Some(10.0) => number.log10(),
        Some(base) => number.ln() / base.ln(),
        None => number.ln(),
    }))
}

fn root(_ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [base] = args.bind("root", ["base"])?;
    let number = value
        .number()
        .ok_or_else(|| needs("root", "a number", &value))?;
    let base = given(base).and_then(|b| b.number()).unwrap_or(2.0);
    Ok(Val::Float(if (base - 2.0).abs() < f64::EPSILON {
        number.sqrt()
    } else {
        number.powf(1.0 / base)
    }))
}

const UNITS: [(char, f64); 8] = [
    ('Y', 1_208_925_819_614_629_174_706_176.0),
    ('Z', 1_180_591_620_717_411_303_424.0),
    ('E', 1_152_921_504_606_846_976.0),
    ('P', 1_125_899_906_842_624.0),
    ('T', 1_099_511_627_776.0),
    ('G', 1_073_741_824.0),
    ('M', 1_048_576.0),
    ('K', 1024.0),
];

fn human_readable(_ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [bits, unit] = args.bind("human_readable", ["isbits", "unit"])?;
    let size = match &value {
        Val::Str(s) => s.trim().parse::<f64>().ok(),
        other => other.number(),
    };
    let size = size.ok_or_else(|| needs("human_readable", "a number", &value))?;
    let base = if bits.is_some_and(|b| b.truth()) {
        "bits"
    } else {
        "Bytes"
    };
    let unit = given(unit).map(|u| string(&u).to_uppercase());
    let mut chosen = (String::new(), 1.0);
    for (letter, limit) in UNITS {
        let fits = match &unit {
            None => size >= limit,
            Some(unit) => unit.starts_with(letter),
        };
        if fits {
            chosen = (letter.to_string(), limit);
            break;
        }
    }
    let suffix = if chosen.0.is_empty() {
        base.to_owned()
    } else {
        format!("{}{}", chosen.0, &base[..1])
    };
    Ok(Val::from(format!("{:.2} {suffix}", size / chosen.1)))
}

#[expect(clippy::cast_possible_truncation, reason = "checked to be in range")]
fn human_to_bytes(_ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [unit, bits] = args.bind("human_to_bytes", ["default_unit", "isbits"])?;
    let text = string(&value);
    let text = text.trim();
    let wrong = || Fail::error(format!("`human_to_bytes` cannot read `{text}`"));
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let number: f64 = text[..end].parse().map_err(|_| wrong())?;
    let mut suffix = text[end..].trim().to_owned();
    if suffix.is_empty() {
        suffix = given(unit)
            .map(|u| string(&u).to_string())
            .unwrap_or_default();
    }
    let _ = bits;
    let factor = match suffix.to_uppercase().chars().next() {
        None | Some('B') => 1.0,
        Some(letter) => {
            UNITS
                .iter()
                .find(|(l, _)| *l == letter)
                .ok_or_else(wrong)?
                .1
        }
    };
    Ok(Val::Int((number * factor).round_ties_even() as i64))
}

fn filesizeformat(_ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [binary] = args.bind("filesizeformat", ["binary"])?;
    let binary = binary.is_some_and(|b| b.truth());
    let number = match &value {
        Val::Str(s) => s.trim().parse::<f64>().ok(),
        other => other.number(),
    };
    let bytes = number.ok_or_else(|| needs("filesizeformat", "a number", &value))?;
    let base: f64 = if binary { 1024.0 } else { 1000.0 };
    if (bytes - 1.0).abs() < f64::EPSILON {
        return Ok(Val::from("1 Byte"));
    }
    if bytes < base {
        return Ok(Val::from(format!("{bytes:.0} Bytes")));
    }
    let names = if binary {
        ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"]
    } else {
        ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"]
    };
    let mut unit = base;
    for (i, name) in names.iter().enumerate() {
        if bytes < unit * base || i + 1 == names.len() {
            return Ok(Val::from(format!("{:.1} {name}", bytes / unit)));
        }
        unit *= base;
    }
    ops::binary(Binary::Concat, &value, &Val::from(" Bytes"))
}
