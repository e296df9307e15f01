//! Reboots the host and waits until it can be worked with again.
//!
//! Changed always.

use crate::resource::Query;
use crate::resource::program::{Exec, Run};
use crate::resource::restart;
use crate::source::Mapping;

use super::wait_for_connection::controlled;
use super::{ArgError, Control, Decision, Done, Failure, Observed, Reboot, Spec, Step, Task};

crate::args! {
    pub(crate) struct Args {
        /// Seconds to wait before it.
        pre_reboot_delay: u64 = "0";
        /// Seconds to wait after it, before the host is tried.
        post_reboot_delay: u64 = "0";
        /// Seconds after which it counts as failed; once for coming back, once for the test.
        reboot_timeout: u64 = "600";
        /// Seconds one try to connect may take.
        connect_timeout: Option<u64>;
        /// A command that succeeds when the host is ready.
        test_command: String = "whoami";
        /// What users who are logged in are told.
        msg: String = "Reboot initiated by Ansible";
        /// Where `shutdown` may be.
        search_paths: Vec<String> = "[/sbin, /bin, /usr/sbin, /usr/bin, /usr/local/sbin]";
        /// A command that prints something else after each boot.
        boot_time_command: String = "cat /proc/sys/kernel/random/boot_id";
        /// The command that reboots, instead of `shutdown`.
        reboot_command: Option<String>;
    }
}

pub(crate) static SPEC: Spec = Spec {
    name: "reboot",
    collection: "ansible.builtin",
    aliases: &[],
    summary: "Reboots the host and waits until it can be worked with again",
    notes: "Changed always.",
    examples: "
- name: The new kernel
  reboot:
    reboot_timeout: 3600
",
    params: Args::params,
    free_form: None,
    open: false,
    skips_check: false,
    parse,
};

fn parse(map: Mapping) -> Result<Box<dyn Task>, ArgError> {
    Ok(Box::new(Args::read(map)?))
}

/// Seconds one try to connect may take where the task does not say.
const CONNECT: u64 = 10;

fn shell(text: &str) -> Run {
    let mut run = Run::new(Exec::Shell {
        text: text.to_owned(),
        executable: None,
    });
    run.changes = false;
    run
}

impl Task for Args {
    fn reads(&self, _: &Observed) -> Vec<Query> {
        Vec::new()
    }

    fn decide(&self, _: &Observed) -> Result<Decision, Failure> {
        let reboot = match &self.reboot_command {
            Some(command) => shell(command),
            None => restart::run(&self.search_paths, self.pre_reboot_delay, &self.msg),
        };
        let mut decision = Decision::ok(crate::result! { "rebooted" => true });
        decision.changed = Some(true);
        decision.steps.push(Step::Control(Control::Reboot(Reboot {
            pre_delay: self.pre_reboot_delay,
            post_delay: self.post_reboot_delay,
            timeout: self.reboot_timeout,
            connect_timeout: self.connect_timeout.unwrap_or(CONNECT),
            test_command: shell(&self.test_command),
            reboot,
            boot_id: shell(&self.boot_time_command),
        })));
        Ok(decision)
    }

    fn conclude(&self, decision: &Decision, done: &[Done]) -> Result<Mapping, Failure> {
        Ok(controlled(decision, done))
    }
}
