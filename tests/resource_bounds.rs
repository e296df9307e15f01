//! What a script does when it is told to stop, and how much it keeps of what is printed: run by every
//! shell of this machine.

#[path = "driver/mod.rs"]
mod driver;

use driver::{at, each_shell, names, sh};
use palisade::resource::apply::{RunContext, Said, StepOutcome};
use palisade::resource::{Change, Query, State};

#[test]
fn a_shell_that_is_told_to_stop_ends_its_step_and_begins_no_other() {
    for timeout in [None, Some(60)] {
        each_shell(|shell, dir| {
            // This one forgets the status of a child that ends at the very moment it is told.
            if shell.name == "ksh" {
                return;
            }
            let hello = shell.hello.clone();
            let file = State::File(shell.file(b"x"));
            let new = |name: &str| Change::new(at(&dir.join(name)), State::Absent, file.clone());
            let context = RunContext {
                timeout,
                ..RunContext::default()
            };
            let mut apply = shell.apply();
            apply.change(&new("before"), &hello).unwrap();
            // The shell hears of it well before the end of the step.
            let stops = format!(
                "kill -USR1 {}; head -c 20000000 /dev/zero | sha256sum >&2; echo to its end; exit 3",
                hello.pid
            );
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

/// The result of the only step.
fn ran(steps: &[StepOutcome], at: usize) -> &palisade::resource::program::Ran {
    match &steps[at] {
        StepOutcome::Ran(ran) => ran,
        other => panic!("{other:?}"),
    }
}

const MIB: usize = 1024 * 1024;

#[test]
fn several_floods_in_one_script_are_cut_and_the_reply_stays_within_its_limit() {
    each_shell(|shell, _| {
        // Three are enough for what costs so much.
        if !["dash", "bash --posix", "busybox sh"].contains(&shell.name.as_str()) {
            return;
        }
        let mut apply = shell.apply();
        let context = RunContext::default();
        let flood =
            "head -c 20000000 /dev/zero | tr '\\0' x; head -c 20000000 /dev/zero | tr '\\0' y >&2";
        apply.run(&sh("echo first"), &context).unwrap();
        for _ in 0..3 {
            apply.run(&sh(flood), &context).unwrap();
        }
        apply.run(&sh("head -c 1000 /dev/zero"), &context).unwrap();
        apply.run(&sh("echo last"), &context).unwrap();
        let script = apply.script().to_owned();
        let records = shell.ask(&script);
        let size: usize = records.iter().map(|r| r.payload.len() + 100).sum();
        assert!(
            size < palisade::host::shell::MAX_REPLY,
            "{}: {size}",
            shell.name
        );
        let steps = apply.read(&records, true).unwrap().steps;
        assert_eq!(steps.len(), 6, "{}", shell.name);
        let (first, last) = (ran(&steps, 0), ran(&steps, 5));
        assert_eq!(
            (first.stdout.as_slice(), first.truncated),
            (&b"first\n"[..], false)
        );
        assert_eq!(
            (last.stdout.as_slice(), last.truncated),
            (&b"last\n"[..], false)
        );
        let flooded = ran(&steps, 1);
        assert_eq!(flooded.stdout.len(), 16 * MIB, "{}", shell.name);
        for n in 1..5 {
            let flooded = ran(&steps, n);
            assert!(
                flooded.truncated && !flooded.stdout.is_empty(),
                "{} {n}",
                shell.name
            );
            assert!(
                flooded.stdout.iter().all(|b| *b == b'x' || n == 4),
                "{} {n}",
                shell.name
            );
            assert!(
                flooded.stderr.iter().all(|b| *b == b'y'),
                "{} {n}",
                shell.name
            );
        }
    });
}

#[test]
fn what_prints_for_ever_is_ended_and_leaves_nothing() {
    each_shell(|shell, dir| {
        if !["dash", "bash --posix", "busybox sh", "ksh"].contains(&shell.name.as_str()) {
            return;
        }
        // With a time limit it is started otherwise.
        let timeouts = [None, Some(60)];
        for &timeout in &timeouts[..if shell.name == "dash" { 2 } else { 1 }] {
            let mut apply = shell.apply();
            let context = RunContext {
                timeout,
                must_succeed: true,
                ..RunContext::default()
            };
            // Its children print too, and it does not heed SIGTERM.
            apply
                .run(&sh("trap '' TERM; yes for ever"), &context)
                .unwrap();
            apply
                .run(&sh(&format!("touch {}/after", dir.display())), &context)
                .unwrap();
            let reply = shell.send(apply);
            let flooded = ran(&reply.steps, 0);
            assert!(
                flooded.endless && flooded.truncated,
                "{}: {}",
                shell.name,
                flooded.rc
            );
            assert_ne!(flooded.rc, 0, "{}", shell.name);
            assert!(
                flooded.stdout.starts_with(b"for ever\nfor ever\n"),
                "{}",
                shell.name
            );
            assert_eq!(reply.steps[1], StepOutcome::NotRun, "{}", shell.name);
            assert!(names(dir).is_empty(), "{}", shell.name);
        }
    });
}

#[test]
fn a_command_that_ends_at_once_is_not_waited_for_by_its_time_limit() {
    each_shell(|shell, _| {
        let began = std::time::Instant::now();
        for _ in 0..3 {
            let mut apply = shell.apply();
            let context = RunContext {
                timeout: Some(3600),
                ..RunContext::default()
            };
            for _ in 0..20 {
                apply.run(&sh("exit 0"), &context).unwrap();
            }
            let steps = shell.send(apply).steps;
            let fine = |n| ran(&steps, n).rc == 0 && !ran(&steps, n).timed_out;
            assert!((0..20).all(fine), "{}: {steps:?}", shell.name);
        }
        let took = began.elapsed().as_secs();
        assert!(took < 60, "{}: {took} s", shell.name);
    });
}
