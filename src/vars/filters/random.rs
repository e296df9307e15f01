//! Filters that choose by chance.

use super::list::edge;
use super::{Call, given};
use crate::vars::context::Ctx;
use crate::vars::error::{Fail, Res};
use crate::vars::object::Args;
use crate::vars::value::Val;

pub(super) const FILTERS: &[(&str, Call)] = &[("random", random), ("shuffle", shuffle)];

/// Random numbers: from a seed, the same each time; else from the outside.
struct Dice {
    state: Option<u64>,
}

impl Dice {
    fn new(ctx: &mut Ctx<'_>, seed: Option<Val>) -> Dice {
        let state = seed.map(|s| {
            s.text().bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| {
                (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
            })
        });
        ctx.impure |= state.is_none();
        Dice { state }
    }

    fn below(&mut self, ctx: &Ctx<'_>, limit: u64) -> u64 {
        let number = match &mut self.state {
            Some(state) => {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut z = *state;
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                z ^ (z >> 31)
            }
            None => {
                let bytes = ctx.engine.outside.random(8);
                bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b))
            }
        };
        number % limit.max(1)
    }
}

fn random(ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [end, start, step, seed] = match &value {
        Val::Int(_) => {
            let [start, step, seed] = args.bind("random", ["start", "step", "seed"])?;
            [Some(value.clone()), start, step, seed]
        }
        _ => {
            let [start, step, seed] = args.bind("random", ["start", "step", "seed"])?;
            [None, start, step, seed]
        }
    };
    let mut dice = Dice::new(ctx, given(seed));
    match end.and_then(|e| e.integer()) {
        Some(end) => {
            let start = given(start).and_then(|s| s.integer()).unwrap_or(0);
            let step = given(step).and_then(|s| s.integer()).unwrap_or(1).max(1);
            let count = u64::try_from((end - start + step - 1) / step).unwrap_or(0);
            if count == 0 {
                return Err(Fail::error("`random`: there is no number in that range"));
            }
            let n = i64::try_from(dice.below(ctx, count)).unwrap_or(0);
            Ok(Val::Int(start + n * step))
        }
        None => {
            let items = ctx.iterate(&value)?;
            if items.is_empty() {
                return edge(ctx, &value, "first");
            }
            let i = usize::try_from(dice.below(ctx, items.len() as u64)).unwrap_or(0);
            Ok(items[i].clone())
        }
    }
}

fn shuffle(ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [seed] = args.bind("shuffle", ["seed"])?;
    let mut items = ctx.iterate(&value)?;
    let mut dice = Dice::new(ctx, given(seed));
    for i in (1..items.len()).rev() {
        let j = usize::try_from(dice.below(ctx, i as u64 + 1)).unwrap_or(0);
        items.swap(i, j);
    }
    Ok(Val::list(items))
}
