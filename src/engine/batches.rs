//! Which hosts a play is for, in which order, and how many of them at a time.

use std::sync::Arc;

use crate::engine::event::HostName;
use crate::plan::Play;
use crate::source::{Code, Diagnostic, Value};
use crate::vars::Scope;

use super::run::Running;

impl Running {
    pub(super) fn pattern(&self, play: &Play, scope: &Scope) -> Result<String, Diagnostic> {
        let value = self
            .ctx
            .templar
            .value(&play.hosts, scope)
            .map_err(|e| e.diagnostic())?;
        Ok(match value {
            Value::Sequence(items) => items
                .iter()
                .filter_map(crate::action::arg::text)
                .collect::<Vec<_>>()
                .join(","),
            other => crate::action::arg::text(&other).unwrap_or_default(),
        })
    }

    /// `order:` of the play.
    pub(super) fn order(
        &self,
        play: &Play,
        scope: &Scope,
        hosts: &mut Vec<HostName>,
    ) -> Result<(), Diagnostic> {
        let Some(node) = &play.order else {
            return Ok(());
        };
        let word = self
            .ctx
            .templar
            .text(node, scope)
            .map_err(|e| e.diagnostic())?;
        let Some(order) = crate::inventory::Order::parse(&word) else {
            let known = crate::inventory::Order::NAMES.join(", ");
            let text = format!("unknown order `{word}`: there are {known}");
            return Err(Diagnostic::error(&node.span, text).code(Code::KeywordValue));
        };
        let mut names: Vec<_> = hosts
            .iter()
            .map(|h| crate::inventory::HostName::new(h))
            .collect();
        order.apply(&mut names, self.seed);
        *hosts = names.iter().map(|h| Arc::from(h.as_str())).collect();
        Ok(())
    }

    /// The hosts of a play in the batches that `serial` asks for.
    pub(super) fn batches(
        &self,
        play: &Play,
        scope: &Scope,
        hosts: &[HostName],
    ) -> Result<Vec<Vec<HostName>>, Diagnostic> {
        let Some(node) = &play.serial else {
            return Ok(vec![hosts.to_vec()]);
        };
        let value = self
            .ctx
            .templar
            .value(node, scope)
            .map_err(|e| e.diagnostic())?;
        let steps = match value {
            Value::Sequence(items) => items,
            other => vec![other],
        };
        let sizes: Option<Vec<usize>> = steps.iter().map(|s| size(s, hosts.len())).collect();
        let Some(sizes) = sizes.filter(|s| !s.is_empty()) else {
            let text = "`serial` must be a number of hosts, a percentage, or a list of these";
            return Err(Diagnostic::error(&node.span, text).code(Code::KeywordValue));
        };
        let mut batches = Vec::new();
        let mut rest = hosts;
        let mut sizes = sizes.into_iter();
        let mut last = hosts.len();
        while !rest.is_empty() {
            last = sizes.next().unwrap_or(last);
            let count = if last == 0 {
                rest.len()
            } else {
                last.min(rest.len())
            };
            let (batch, more) = rest.split_at(count);
            batches.push(batch.to_vec());
            rest = more;
        }
        Ok(batches)
    }
}

/// A batch size: a number, or a percentage of all hosts (at least one).
fn size(value: &Value, all: usize) -> Option<usize> {
    let word = crate::action::arg::text(value)?;
    match word.trim().strip_suffix('%') {
        Some(percent) => {
            let percent: f64 = percent.trim().parse().ok()?;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a share of a number of hosts"
            )]
            Some(((percent.clamp(0.0, 100.0) / 100.0 * all as f64) as usize).max(1))
        }
        None => word.trim().parse().ok(),
    }
}
