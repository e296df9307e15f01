//! Rebooting.

use super::program::{Exec, Program, Run};
use super::script::quote;

/// A program that has the host reboot a moment after it ended, so that its end is still heard of.
pub fn run(places: &[String], delay: u64, message: &str) -> Run {
    let places: String = places.iter().map(|p| format!("{}:", quote(p))).collect();
    let minutes = delay / 60;
    let text = format!(
        "PATH={places}$PATH\nif command -v shutdown >/dev/null 2>&1; then set -- shutdown -r {when} {message}\n\
         elif command -v reboot >/dev/null 2>&1; then set -- reboot\n\
         else echo 'neither shutdown nor reboot is on this host' >&2; exit 127\nfi\n\
         if command -v setsid >/dev/null 2>&1; then s=setsid; else s=; fi\n\
         (sleep 1; $s \"$@\") </dev/null >/dev/null 2>&1 &\n",
        when = if minutes > 0 {
            format!("+{minutes}")
        } else {
            "now".into()
        },
        message = quote(message),
    );
    Run::new(Exec::Program(Program {
        text,
        name: "reboot",
    }))
}
