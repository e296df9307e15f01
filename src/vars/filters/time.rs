//! Dates and times.

use std::sync::Arc;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::{Call, given, needs, string};
use crate::vars::context::Ctx;
use crate::vars::error::{Fail, Res};
use crate::vars::object::{Args, Object};
use crate::vars::value::Val;

pub(super) const FILTERS: &[(&str, Call)] = &[("strftime", strftime), ("to_datetime", to_datetime)];

/// A point in time, as Python's `datetime` without a zone.
pub(in crate::vars) struct Moment(Zoned);

pub(in crate::vars) fn moment(seconds: f64, utc: bool) -> Moment {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "microseconds since 1970 fit"
    )]
    let stamp = Timestamp::from_microsecond((seconds * 1e6).round() as i64).unwrap_or_default();
    let zone = if utc {
        TimeZone::UTC
    } else {
        TimeZone::system()
    };
    Moment(stamp.to_zoned(zone))
}

impl Moment {
    pub(in crate::vars) fn strftime(&self, format: &str) -> Res<String> {
        let text = jiff::fmt::strtime::format(format.replace("%f", &self.micros()), &self.0);
        text.map_err(|e| Fail::error(format!("cannot write the time as `{format}`: {e}")))
    }

    fn micros(&self) -> String {
        format!("{:06}", self.0.subsec_nanosecond() / 1000)
    }

    pub(in crate::vars) fn value(self) -> Val {
        Val::Object(Arc::new(self))
    }
}

impl Object for Moment {
    fn type_name(&self) -> &'static str {
        "datetime"
    }
    fn text(&self) -> String {
        let at = self.0.datetime();
        let base = at.strftime("%Y-%m-%d %H:%M:%S").to_string();
        if at.subsec_nanosecond() >= 1000 {
            format!("{base}.{}", self.micros())
        } else {
            base
        }
    }
    fn sort_key(&self) -> Option<f64> {
        self.seconds()
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "microseconds since 1970 fit a double"
    )]
    fn seconds(&self) -> Option<f64> {
        Some(self.0.timestamp().as_microsecond() as f64 / 1e6)
    }
    fn attr(&self, _ctx: &mut Ctx<'_>, name: &str) -> Res<Option<Val>> {
        let at = self.0.datetime();
        Ok(Some(Val::Int(i64::from(match name {
            "year" => i32::from(at.year()),
            "month" => i32::from(at.month()),
            "day" => i32::from(at.day()),
            "hour" => i32::from(at.hour()),
            "minute" => i32::from(at.minute()),
            "second" => i32::from(at.second()),
            "microsecond" => at.subsec_nanosecond() / 1000,
            _ => return Ok(None),
        }))))
    }
    fn method(&self, _ctx: &mut Ctx<'_>, name: &str, args: Args) -> Res<Val> {
        let [format] = args.bind(name, ["format"])?;
        Ok(match name {
            "strftime" => {
                let format = format.ok_or_else(|| Fail::error("`strftime` needs a format"))?;
                Val::from(self.strftime(&format.text())?)
            }
            "isoformat" => Val::from(self.text().replacen(
                ' ',
                &format.map_or("T".into(), |f| f.text()),
                1,
            )),
            "timestamp" => Val::Float(self.seconds().unwrap_or(0.0)),
            "weekday" => Val::Int(i64::from(self.0.weekday().to_monday_zero_offset())),
            "isoweekday" => Val::Int(i64::from(self.0.weekday().to_monday_one_offset())),
            "date" => Val::from(self.0.strftime("%Y-%m-%d").to_string()),
            "time" => Val::from(self.0.strftime("%H:%M:%S").to_string()),
            _ => return Err(Fail::error(format!("a datetime has no method `{name}`"))),
        })
    }
    fn plain(&self, _ctx: &mut Ctx<'_>) -> Res<Option<Val>> {
        Ok(None)
    }
}

/// A length of time, as Python's `timedelta`.
struct Duration(f64);

pub(in crate::vars) fn duration(seconds: f64) -> Val {
    Val::Object(Arc::new(Duration(seconds)))
}

impl Object for Duration {
    fn type_name(&self) -> &'static str {
        "timedelta"
    }
    fn sort_key(&self) -> Option<f64> {
        Some(self.0)
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "days and seconds are small"
    )]
    fn attr(&self, _ctx: &mut Ctx<'_>, name: &str) -> Res<Option<Val>> {
        let days = (self.0 / 86400.0).floor();
        Ok(match name {
            "days" => Some(Val::Int(days as i64)),
            "seconds" => Some(Val::Int((self.0 - days * 86400.0) as i64)),
            "microseconds" => Some(Val::Int((self.0.fract() * 1e6).round() as i64)),
            _ => None,
        })
    }
    fn method(&self, _ctx: &mut Ctx<'_>, name: &str, _args: Args) -> Res<Val> {
        match name {
            "total_seconds" => Ok(Val::Float(self.0)),
            _ => Err(Fail::error(format!("a timedelta has no method `{name}`"))),
        }
    }
    fn text(&self) -> String {
        let whole = self.0.floor();
        let days = (whole / 86400.0).floor();
        let rest = whole - days * 86400.0;
        let clock = format!(
            "{}:{:02}:{:02}",
            (rest / 3600.0).floor(),
            (rest / 60.0).floor() % 60.0,
            rest % 60.0
        );
        match days {
            0.0 => clock,
            1.0 | -1.0 => format!("{days} day, {clock}"),
            _ => format!("{days} days, {clock}"),
        }
    }
}

/// `'%Y' | strftime(seconds)`: the text is the format.
fn strftime(ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [second, utc] = args.bind("strftime", ["second", "utc"])?;
    let seconds = match given(second) {
        Some(Val::Str(s)) => s
            .trim()
            .parse()
            .map_err(|_| needs("strftime", "seconds", &Val::Str(s)))?,
        Some(other) => other
            .number()
            .ok_or_else(|| needs("strftime", "seconds", &other))?,
        None => {
            ctx.impure = true;
            ctx.engine.outside.now()
        }
    };
    let utc = utc.is_some_and(|u| u.truth());
    Ok(Val::from(moment(seconds, utc).strftime(&string(&value))?))
}

fn to_datetime(_ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [format] = args.bind("to_datetime", ["format"])?;
    let format = format.map_or("%Y-%m-%d %H:%M:%S".into(), |f| string(&f));
    let text = string(&value);
    let parsed = jiff::fmt::strtime::parse(&*format, &*text)
        .and_then(|p| {
            p.to_datetime()
                .or_else(|_| p.to_date().map(|d| d.at(0, 0, 0, 0)))
        })
        .map_err(|_| Fail::error(format!("`{text}` is not a time of the form `{format}`")))?;
    let at: DateTime = parsed;
    let zoned = at
        .to_zoned(TimeZone::UTC)
        .map_err(|e| Fail::error(e.to_string()))?;
    Ok(Moment(zoned).value())
}
