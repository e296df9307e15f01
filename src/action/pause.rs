//! Waits for a time, or for a person. Never changed.

use crate::resource::Query;
use crate::source::Mapping;

use super::{ArgError, Control, Decision, Done, Failure, Observed, Spec, Step, Task, place};

crate::args! {
    pub(crate) struct Args {
        /// How many minutes.
        minutes: Option<f64>;
        /// How many seconds.
        seconds: Option<f64>;
        /// What to ask; without a time it waits for Enter.
        prompt: Option<String>;
        /// Whether what is typed is shown.
        echo: bool = "true";
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "pause",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Waits for a time, or for a person",
    notes: "Never changed.",
    examples: r##"
- name: Five minutes
  pause:
    minutes: 5
- name: Somebody looks first
  pause:
    prompt: Is the load balancer drained?
"##,
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    let args = Args::read(map)?;
    let both = [
        ("minutes", args.minutes.is_some()),
        ("seconds", args.seconds.is_some()),
    ];
    place::exclusive(&both)?;
    Ok(Box::new(args))
}
impl Args {
    /// Whole seconds, at least one; nothing where a person is waited for.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float beyond the range becomes its end, which is a long enough pause"
    )]
    fn time(&self) -> Option<u64> {
        let whole = |n: f64| n.max(0.0) as u64;
        let minutes = self.minutes.map(|m| whole(m).saturating_mul(60));
        minutes.or(self.seconds.map(whole)).map(|s| s.max(1))
    }
}

impl Task for Args {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        Vec::new()
    }

    fn decide(&self, _: &Observed) -> Result<Decision, Failure> {
        let pause = Control::Pause {
            seconds: self.time(),
            prompt: self.prompt.clone(),
            echo: self.echo,
            unit: match self.seconds {
                Some(_) => "seconds",
                None => "minutes",
            },
        };
        Ok(Decision {
            steps: vec![Step::Control(pause)],
            result: crate::result! {
                "echo" => self.echo, "rc" => 0, "stderr" => "", "stdout" => "",
                "user_input" => "",
            },
            ..Decision::default()
        })
    }

    fn conclude(&self, decision: &Decision, done: &[Done]) -> Result<Mapping, Failure> {
        let mut result = decision.result.clone();
        result.extend(super::controlled(done));
        Ok(result)
    }
}
