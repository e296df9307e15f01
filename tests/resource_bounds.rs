//! What a script does when it is told to stop, and how much it keeps of what is printed: run by every
//! shell of this machine.

#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests run real shells"
)]

#[path = "driver/mod.rs"]
mod driver;

use driver::{at, each_shell, names, sh};
use palisade::resource::apply::{RunContext, Said, StepOutcome};
use palisade::resource::{Change, Query, State};

#[test]
fn a_shell_that_is_told_to_stop_ends_its_step_and_begins_no_other() {
    for timeout in [None, Some(60)] {
        each_shell(|shell, dir| {
            let hello = shell.hello.clone();
            let file = State::File(shell.file(b"x"));
            let new = |name: &str| Change::new(at(&dir.join(name)), State::Absent, file.clone());
            let context = RunContext {
                timeout,
                ..RunContext::default()
            };
            let mut apply = shell.apply();
            apply.change(&new("before"), &hello).unwrap();
            let stops = format!("kill -USR1 {}; echo to its end; exit 3", hello.pid);
            apply.run(&sh(&stops), &context).unwrap();
            apply.change(&new("after"), &hello).unwrap();
            apply.run(&sh("echo ran"), &context).unwrap();
            apply.probe(&[Query::meta(at(dir))]);
            let reply = shell.send(apply);
            let steps = &reply.steps;
            assert_eq!(
                steps[0],
                StepOutcome::Done(Said::default()),
                "{}",
                shell.name
            );
            let StepOutcome::Ran(ran) = &steps[1] else {
                panic!("{}: {steps:?}", shell.name)
            };
            let said = (ran.rc, ran.stdout.as_slice(), ran.timed_out);
            assert_eq!(said, (3, &b"to its end\n"[..], false), "{}", shell.name);
            let not = [StepOutcome::NotRun, StepOutcome::NotRun];
            assert_eq!(steps[2..], not, "{}", shell.name);
            assert!(reply.answers.is_none(), "{}", shell.name);
            assert_eq!(names(dir), [dir.join("before")], "{}", shell.name);
        });
    }
}

#[test]
fn files_that_wait_for_their_group_are_not_put_in_place_after_a_stop() {
    each_shell(|shell, dir| {
        let hello = shell.hello.clone();
        let old = State::File(shell.file(b"old"));
        std::fs::write(dir.join("a"), "old").unwrap();
        let seen = shell.probe(&[Query::new(
            at(&dir.join("a")),
            palisade::resource::Want::CONTENT,
        )]);
        let mut apply = shell.apply();
        let change = Change::new(
            at(&dir.join("a")),
            seen[0].clone(),
            State::File(shell.file(b"new")),
        );
        apply.change(&change, &hello).unwrap();
        let new = Change::new(at(&dir.join("b")), State::Absent, old);
        apply.change(&new, &hello).unwrap();
        // Between the last file and the end of its group.
        let script = apply.script().to_owned();
        let stop = format!("kill -USR1 {}\npl_flush", hello.pid);
        assert!(script.contains("\npl_flush"));
        let records = shell.ask(&script.replacen("\npl_flush", &format!("\n{stop}"), 1));
        let reply = apply.read(&records, true).unwrap();
        let not = [StepOutcome::NotRun, StepOutcome::NotRun];
        assert_eq!(reply.steps, not, "{}", shell.name);
        assert_eq!(names(dir), [dir.join("a")], "{}", shell.name);
        assert_eq!(
            std::fs::read(dir.join("a")).unwrap(),
            b"old",
            "{}",
            shell.name
        );
    });
}
