//! Generated scripts, run by real shells: what is asked, written and run does what it says.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use palisade::resource::apply::{Apply, ApplyOptions, RunContext, Said, StepOutcome};
use palisade::resource::file::{FileState, Node};
use palisade::resource::{Change, Content, Exec, Query, RemotePath, Resource, Run, State, Want};

#[path = "driver/mod.rs"]
mod driver;

use driver::{Shell, TURN, argv, at, each_shell, names, sh, shells};

const NASTY: [&str; 12] = [
    "plain",
    "two words",
    "-rf",
    "--",
    "a'b\"c",
    "*",
    "$(id)`id`;id",
    "new\nline",
    "back\\slash",
    "ünï\u{a0}",
    " lead",
    "{a,b}~",
];

#[test]
fn paths_with_any_name_are_seen_as_they_are() {
    each_shell(|shell, dir| {
        let mut queries = Vec::new();
        for (i, name) in NASTY.iter().enumerate() {
            std::fs::write(dir.join(name), format!("{i}\0\u{1}\n{name}")).unwrap();
            queries.push(Query::new(at(&dir.join(name)), Want::CONTENT));
            queries.push(Query::new(
                at(&dir.join(format!("{name}.not"))),
                Want::DIGEST,
            ));
        }
        let states = shell.probe(&queries);
        for (i, name) in NASTY.iter().enumerate() {
            let file = states[2 * i]
                .file()
                .unwrap_or_else(|| panic!("{}: {name}", shell.name));
            let bytes = file.content().unwrap().bytes.as_deref().unwrap();
            assert_eq!(
                bytes,
                format!("{i}\0\u{1}\n{name}").as_bytes(),
                "{} {name}",
                shell.name
            );
            assert_eq!(states[2 * i + 1], State::Absent, "{} {name}", shell.name);
        }
    });
}

#[test]
fn a_new_file_is_written_and_seen() {
    each_shell(|shell, dir| {
        let contents = [
            &b"hello\nworld\n"[..],
            b"",
            b"no newline",
            b"\0\xff\x01%s\\n'\"\n",
            &[0xfe; 9000],
        ];
        for (i, bytes) in contents.into_iter().enumerate() {
            let path = dir.join(format!("{i} file"));
            let change = Change::new(at(&path), State::Absent, State::File(shell.file(bytes)));
            assert_eq!(
                shell.set(&change),
                StepOutcome::Done(Said::default()),
                "{} {i}",
                shell.name
            );
            assert_eq!(std::fs::read(&path).unwrap(), bytes, "{} {i}", shell.name);
            let seen = shell
                .probe(&[Query::new(at(&path), Want::DIGEST)])
                .remove(0);
            assert!(
                seen.same(&change.after),
                "{}: {seen:?} {:?}",
                shell.name,
                change.after
            );
            // The same again is not what was seen.
            let StepOutcome::Failed(failed) = shell.set(&change) else {
                panic!("no conflict")
            };
            assert!(failed.is_conflict(), "{}: {failed:?}", shell.name);
        }
        assert_eq!(names(dir).len(), 5, "{}: {:?}", shell.name, names(dir));
    });
}

#[test]
fn commands_run_and_tell() {
    each_shell(|shell, dir| {
        let none = RunContext::default();
        let ran = shell.run(&argv(&["printf", "%s|", "a b", "*", "", "-n"]), &none);
        assert_eq!(
            (ran.rc, ran.stdout.as_slice()),
            (0, &b"a b|*||-n|"[..]),
            "{}",
            shell.name
        );
        let ran = shell.run(
            &sh("echo out; echo err >&2; printf '\\0\\377'; exit 3"),
            &none,
        );
        assert_eq!(
            (ran.rc, ran.stdout, ran.stderr),
            (3, b"out\n\0\xff".to_vec(), b"err\n".to_vec()),
            "{}",
            shell.name
        );
        assert!(
            ran.end >= ran.start && ran.start > 1.0e9,
            "{}: {}",
            shell.name,
            ran.start
        );
        let ran = shell.run(&argv(&["no-such-tool"]), &none);
        let why = ran.not_started.as_deref();
        assert_eq!(why, Some("No such file or directory"), "{}", shell.name);
        let mut run = sh("cat; pwd; echo \"$A-$B\"");
        run.stdin = Some(Arc::from(&b"in\0put"[..]));
        run.chdir = Some(dir.to_str().unwrap().into());
        let context = RunContext {
            environment: vec![("A".into(), "x'y z".into()), ("B".into(), "$HOME".into())],
            ..RunContext::default()
        };
        let ran = shell.run(&run, &context);
        let want = format!("in\0put{}\nx'y z-$HOME\n", dir.display());
        assert_eq!(String::from_utf8_lossy(&ran.stdout), want, "{}", shell.name);
        let mut run = sh("echo");
        run.chdir = Some("/nowhere/at/all".into());
        let ran = shell.run(&run, &none);
        assert!(ran.not_started.is_some(), "{}: {}", shell.name, ran.rc);
    });
}

#[test]
fn what_a_path_is() {
    each_shell(|shell, dir| {
        std::fs::create_dir(dir.join("d")).unwrap();
        std::os::unix::fs::symlink("d", dir.join("to d")).unwrap();
        std::os::unix::fs::symlink("gone\nback\\", dir.join("dangling")).unwrap();
        std::fs::write(dir.join("f"), "x").unwrap();
        std::fs::write(dir.join("big"), vec![7; 1024 * 1024 + 1]).unwrap();
        std::fs::write(dir.join("full"), vec![0xc3; 1024 * 1024]).unwrap();
        assert!(
            Command::new("mkfifo")
                .arg(dir.join("pipe"))
                .status()
                .unwrap()
                .success()
        );
        let ask = |name: &str| Query::new(at(&dir.join(name)), Want::CONTENT);
        let target = |name: &str| {
            let path = RemotePath::new(dir.join(name).to_str().unwrap()).unwrap();
            Query::new(Resource::Target(path), Want::DIGEST)
        };
        let queries = [
            ask("d"),
            ask("to d"),
            ask("dangling"),
            ask("f"),
            ask("big"),
            ask("full"),
            ask("pipe"),
            ask("f/below"),
            target("to d"),
            target("dangling"),
            target("f"),
            Query::new(at(Path::new("/proc/sys/kernel/ostype")), Want::CONTENT),
        ];
        let states = shell.probe(&queries);
        let node = |i: usize| {
            states[i]
                .file()
                .unwrap_or_else(|| panic!("{i}"))
                .node
                .clone()
        };
        let link = |to: &str| Node::Link { target: to.into() };
        assert_eq!(node(0), Node::Dir, "{}", shell.name);
        assert_eq!(
            (node(1), node(2)),
            (link("d"), link("gone\nback\\")),
            "{}",
            shell.name
        );
        let real = states[1].file().unwrap().meta.clone().unwrap().real_path;
        assert_eq!(real.as_deref(), dir.join("d").to_str(), "{}", shell.name);
        assert_eq!(
            states[3]
                .file()
                .unwrap()
                .content()
                .unwrap()
                .bytes
                .as_deref(),
            Some(&b"x"[..])
        );
        assert!(
            states[4].file().unwrap().content().unwrap().bytes.is_none(),
            "{}",
            shell.name
        );
        let full = states[5]
            .file()
            .unwrap()
            .content()
            .unwrap()
            .bytes
            .as_deref()
            .unwrap()
            .len();
        assert_eq!(full, 1024 * 1024, "{}", shell.name);
        assert_eq!(node(6), Node::Other('p'), "{}", shell.name);
        assert_eq!(
            (&states[7], &states[9]),
            (&State::Absent, &State::Absent),
            "{}",
            shell.name
        );
        assert_eq!(
            (node(8), states[10].file().unwrap().is_file()),
            (Node::Dir, true)
        );
        let proc = states[11]
            .file()
            .unwrap()
            .content()
            .unwrap()
            .bytes
            .clone()
            .unwrap();
        assert_eq!(&proc[..], b"Linux\n", "{}", shell.name);
    });
}

#[test]
fn trees_and_patterns() {
    each_shell(|shell, dir| {
        for name in NASTY {
            std::fs::create_dir(dir.join(name)).unwrap();
            std::fs::write(dir.join(name).join(name), name).unwrap();
        }
        std::os::unix::fs::symlink("a\nb", dir.join("plain/link")).unwrap();
        let path = RemotePath::new(dir.to_str().unwrap()).unwrap();
        let glob = |text: String| Query::meta(Resource::Glob(text));
        let top = dir.display();
        let states = shell.probe(&[
            Query::new(Resource::Tree(path), Want::DIGEST),
            Query::meta(Resource::Tree(RemotePath::new("/nowhere").unwrap())),
            glob(format!("{top}/p*/pl?in")),
            glob(format!("{top}/nothing*")),
            glob(format!("{top}/two words")),
            glob(format!("{top}/$(id)`id`;id")),
        ]);
        let State::Tree(tree) = &states[0] else {
            panic!("{}", shell.name)
        };
        assert_eq!(tree.entries.len(), 2 * NASTY.len() + 1, "{}", shell.name);
        for name in NASTY {
            let path = RemotePath::new(dir.join(name).join(name).to_str().unwrap()).unwrap();
            let (_, file) = tree.entries.iter().find(|(p, _)| *p == path).unwrap();
            let digest = file.content().map(|c| c.digest);
            // busybox prints names with newlines as they are, so their digests go missing.
            if !name.contains('\n') || !shell.name.contains("busybox") {
                assert_eq!(
                    digest,
                    Some(Content::new(name.as_bytes().to_vec()).digest),
                    "{name}"
                );
            }
        }
        let link = tree.entries.iter().find(|(_, f)| f.is_link()).unwrap();
        assert_eq!(
            link.1.node,
            Node::Link {
                target: "a\nb".into()
            },
            "{}",
            shell.name
        );
        assert_eq!(states[1], State::Absent);
        let paths = |i: usize| match &states[i] {
            State::Paths(paths) => paths.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(paths(2), [format!("{top}/plain/plain")], "{}", shell.name);
        assert!(paths(3).is_empty());
        assert_eq!((paths(4).len(), paths(5).len()), (1, 1), "{}", shell.name);
    });
}

#[test]
fn texts_of_folders() {
    each_shell(|shell, dir| {
        let write = |name: &str, text: &[u8]| std::fs::write(dir.join(name), text).unwrap();
        std::fs::create_dir(dir.join("x d")).unwrap();
        for (name, text) in [
            ("x d/b.conf", &b"b \xff\n"[..]),
            ("x d/a.conf", b"a"),
            ("x d/empty.conf", b""),
            ("x d/$(id) 'q\".conf", b"odd"),
            ("x d/new\nline.conf", b"passed over"),
            ("x d/.hidden.conf", b"hidden"),
            ("x d/a.txt", b"other"),
            ("main", b"main\n"),
        ] {
            write(name, text);
        }
        write("x d/huge.conf", &vec![b'x'; 256 * 1024 + 1]);
        std::fs::create_dir(dir.join("x d/dir.conf")).unwrap();
        std::os::unix::fs::symlink("../main", dir.join("x d/link.conf")).unwrap();
        std::os::unix::fs::symlink("gone", dir.join("x d/dangling.conf")).unwrap();
        std::fs::create_dir(dir.join("many")).unwrap();
        for i in 0..201 {
            write(&format!("many/{i}"), b"x");
        }
        std::fs::create_dir(dir.join("big")).unwrap();
        for i in 10..30 {
            write(&format!("big/{i}"), &vec![b'x'; 256 * 1024]);
        }
        let top = dir.to_str().unwrap();
        let ask = |patterns: &[&str]| {
            let patterns = patterns.iter().map(|p| format!("{top}/{p}"));
            Query::new(Resource::texts(patterns), Want::CONTENT)
        };
        let states = shell.probe(&[
            ask(&["main", "x d/*.conf", "x d/a*"]),
            ask(&["none", "nowhere/*"]),
            ask(&["many/*"]),
            ask(&["m?in"]),
            ask(&["big/*"]),
        ]);
        let texts = |i: usize| match &states[i] {
            State::Texts(files) => files.clone(),
            other => panic!("{other:?}"),
        };
        let told: Vec<String> = texts(0)
            .iter()
            .map(|f| {
                let name = f.path.as_str().strip_prefix(top).unwrap();
                let text = f.text().map_or_else(|why| why, |t| t.into_owned());
                format!("{name}={}", text.replace(top, ""))
            })
            .collect();
        let wanted = [
            "/main=main\n",
            "/x d/$(id) 'q\".conf=odd",
            "/x d/a.conf=a",
            "/x d/b.conf=b \u{fffd}\n",
            "/x d/empty.conf=",
            "/x d/huge.conf=cannot read /x d/huge.conf: it is larger than 256 KiB",
            "/x d/link.conf=main\n",
            "/x d/a.txt=other",
        ];
        assert_eq!(told, wanted, "{}", shell.name);
        let link = texts(0).remove(6);
        assert_eq!(
            link.target().as_str(),
            format!("{top}/main"),
            "{}",
            shell.name
        );
        // What is written to change it is what a question about the path itself answers.
        let main = now(shell, &dir.join("main"));
        assert!(main.same(&State::File(link.file)), "{}", shell.name);
        assert!(texts(1).is_empty());
        let too_many = format!("more than 200 files match {top}/many/*");
        assert_eq!(states[2], State::Refused(too_many), "{}", shell.name);
        assert_eq!(texts(3)[0].text().unwrap(), "main\n", "{}", shell.name);
        let read = texts(4).iter().filter(|f| f.text().is_ok()).count();
        assert_eq!((texts(4).len(), read), (20, 15), "{}", shell.name);
    });
}

fn done(outcome: StepOutcome, what: &str) {
    assert_eq!(outcome, StepOutcome::Done(Said::default()), "{what}");
}

/// The state of a path, as a change would have it before it.
fn now(shell: &mut Shell, path: &Path) -> State {
    shell.probe(&[Query::new(at(path), Want::DIGEST)]).remove(0)
}

#[test]
fn a_file_is_replaced_only_if_it_is_what_was_seen() {
    each_shell(|shell, dir| {
        let path = dir.join("-conf");
        std::fs::write(&path, "old\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o4750)).unwrap();
        let before = now(shell, &path);
        let mut after = shell.file(b"new\n");
        after.mode = 0o4750;
        let mut change = Change::new(at(&path), before.clone(), State::File(after.clone()));
        change.how.backup = Some("-conf.bak".into());
        change.how.validate = Some("grep -q 'n[e]w' %s".into());
        done(shell.set(&change), &shell.name.clone());
        assert_eq!(std::fs::read(&path).unwrap(), b"new\n");
        assert_eq!(
            std::fs::read(dir.join("-conf.bak")).unwrap(),
            b"old\n",
            "{}",
            shell.name
        );
        let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o7777;
        assert_eq!(
            (mode(&path), mode(&dir.join("-conf.bak"))),
            (0o4750, 0o4750),
            "{}",
            shell.name
        );
        // The same change again: its `before` is gone.
        let StepOutcome::Failed(failed) = shell.set(&change) else {
            panic!("no conflict")
        };
        assert!(failed.is_conflict(), "{}: {failed:?}", shell.name);
        // Refused by the validator.
        let before = now(shell, &path);
        let mut change = Change::new(at(&path), before.clone(), State::File(shell.file(b"bad\n")));
        change.how.validate = Some("sh -c 'echo no good; exit 2' x %s".into());
        let StepOutcome::Failed(failed) = shell.set(&change) else {
            panic!("accepted")
        };
        assert_eq!(
            (failed.status, failed.message.as_str()),
            (71, "no good"),
            "{}",
            shell.name
        );
        // Changed by the validator's side: the bytes of whoever wrote meanwhile stay.
        let text = format!("sh -c 'echo theirs >\"$1\"' x '{}' %s", path.display());
        change.how.validate = Some(text);
        let StepOutcome::Failed(failed) = shell.set(&change) else {
            panic!("no conflict")
        };
        assert!(failed.is_conflict(), "{}: {failed:?}", shell.name);
        assert_eq!(std::fs::read(&path).unwrap(), b"theirs\n", "{}", shell.name);
        // Only the mode was changed meanwhile.
        let before = now(shell, &path);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let change = Change::new(at(&path), before, State::File(shell.file(b"mine\n")));
        let StepOutcome::Failed(failed) = shell.set(&change) else {
            panic!("no conflict")
        };
        assert!(failed.is_conflict(), "{}: {failed:?}", shell.name);
        assert_eq!(names(dir).len(), 2, "{}: {:?}", shell.name, names(dir));
    });
}

#[test]
fn paths_are_made_changed_and_removed() {
    each_shell(|shell, dir| {
        let me = shell.hello.me.clone();
        let root = me.uid == 0;
        for name in NASTY {
            let path = dir.join(name);
            let mut made = FileState::fresh(Node::Dir, &me);
            made.mode = 0o1775;
            if root {
                made.owner = palisade::resource::file::Owner::written("12");
                made.group = palisade::resource::file::Owner::written("34");
            }
            let mut apply = shell.apply();
            let hello = shell.hello.clone();
            let link = FileState::fresh(
                Node::Link {
                    target: "../-x y".into(),
                },
                &me,
            );
            let inside = at(&path.join(name));
            let file = State::File(shell.file(name.as_bytes()));
            let mut open = file.clone();
            if let State::File(f) = &mut open {
                f.mode = 0o4711;
            }
            let changes = [
                Change::new(at(&path), State::Absent, State::File(made.clone())),
                Change::new(inside.clone(), State::Absent, file.clone()),
                Change::new(inside.clone(), file, open.clone()),
                Change::new(
                    at(&path.join("l")),
                    State::Absent,
                    State::File(link.clone()),
                ),
            ];
            for change in &changes {
                apply.change(change, &hello).unwrap();
            }
            apply.probe(&[
                Query::meta(at(&path)),
                Query::new(inside.clone(), Want::DIGEST),
                Query::meta(at(&path.join("l"))),
            ]);
            let reply = shell.send(apply);
            for step in reply.steps {
                done(step, &format!("{} {name}", shell.name));
            }
            let answers = reply.answers.unwrap();
            assert!(
                answers[0].1.same(&State::File(made)),
                "{}: {:?}",
                shell.name,
                answers[0]
            );
            assert!(answers[1].1.same(&open), "{}: {:?}", shell.name, answers[1]);
            assert!(
                answers[2].1.same(&State::File(link)),
                "{}: {:?}",
                shell.name,
                answers[2]
            );
            // A link to a directory is replaced, not entered.
            let to = |t: &str| State::File(FileState::fresh(Node::Link { target: t.into() }, &me));
            std::os::unix::fs::symlink("/usr", dir.join("usr")).unwrap();
            let change = Change::new(at(&dir.join("usr")), to("/usr"), to("/etc"));
            done(shell.set(&change), &shell.name.clone());
            assert_eq!(
                std::fs::read_link(dir.join("usr")).unwrap(),
                Path::new("/etc")
            );
            for gone in [path, dir.join("usr")] {
                let before = now(shell, &gone);
                done(
                    shell.set(&Change::new(at(&gone), before, State::Absent)),
                    &shell.name.clone(),
                );
            }
            assert!(names(dir).is_empty(), "{}: {:?}", shell.name, names(dir));
        }
    });
}

#[test]
fn a_failure_stops_the_script() {
    each_shell(|shell, dir| {
        let hello = shell.hello.clone();
        let file = State::File(shell.file(b"x"));
        let mut apply = shell.apply();
        for name in ["a", "no/such/b", "c"] {
            let change = Change::new(at(&dir.join(name)), State::Absent, file.clone());
            apply.change(&change, &hello).unwrap();
        }
        apply.run(&sh("echo ran"), &RunContext::default()).unwrap();
        apply.probe(&[Query::meta(at(dir))]);
        let reply = shell.send(apply);
        assert_eq!(
            reply.steps[0],
            StepOutcome::Done(Said::default()),
            "{}",
            shell.name
        );
        let StepOutcome::Failed(failed) = &reply.steps[1] else {
            panic!("{:?}", reply.steps)
        };
        assert!(
            failed.message.contains("No such file"),
            "{}: {failed:?}",
            shell.name
        );
        assert_eq!(
            reply.steps[2..],
            [StepOutcome::NotRun, StepOutcome::NotRun],
            "{}",
            shell.name
        );
        assert!(reply.answers.is_none());
        assert_eq!(names(dir), [dir.join("a")], "{}", shell.name);
    });
}

#[test]
fn large_contents_come_over_a_channel_of_their_own() {
    each_shell(|shell, dir| {
        let bytes: Vec<u8> = (0..300_000_u32).map(|i| (i % 251) as u8).collect();
        let path = dir.join("big one");
        let mut after = shell.file(&bytes);
        after.mode = 0o640;
        done(
            shell.set(&Change::new(
                at(&path),
                State::Absent,
                State::File(after.clone()),
            )),
            "new",
        );
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "{}", shell.name);
        // Into a directory that the same script makes.
        let mut apply = shell.apply();
        let hello = shell.hello.clone();
        let sub = FileState::fresh(Node::Dir, &hello.me);
        apply
            .change(
                &Change::new(at(&dir.join("s")), State::Absent, State::File(sub)),
                &hello,
            )
            .unwrap();
        let change = Change::new(at(&dir.join("s/big")), State::Absent, State::File(after));
        apply.change(&change, &hello).unwrap();
        let mut run = sh("wc -c");
        run.stdin = Some(Arc::from(bytes));
        apply.run(&run, &RunContext::default()).unwrap();
        let reply = shell.send(apply);
        done(reply.steps[1].clone(), &shell.name);
        let StepOutcome::Ran(ran) = &reply.steps[2] else {
            panic!("{:?}", reply.steps)
        };
        assert_eq!(
            String::from_utf8_lossy(&ran.stdout).trim(),
            "300000",
            "{}",
            shell.name
        );
        let now = shell.probe(&[Query::meta(at(&path))]).remove(0);
        assert_eq!(now.file().unwrap().mode, 0o640);
    });
}

#[test]
fn commands_end_when_they_should() {
    each_shell(|shell, dir| {
        let none = RunContext::default();
        let started = std::time::Instant::now();
        // A daemon that keeps the output open holds nothing up.
        let ran = shell.run(&sh("sleep 30 & echo up; exit 4"), &none);
        assert_eq!(
            (ran.rc, ran.stdout),
            (4, b"up\n".to_vec()),
            "{}",
            shell.name
        );
        let ran = shell.run(&sh("kill -9 $$"), &none);
        assert_eq!(ran.rc, 137, "{}", shell.name);
        // A child that ignores TERM dies with its group.
        let mark = dir.join("pid");
        let text = format!(
            "trap '' TERM; sleep 31 & echo $! >'{}'; wait; sleep 32",
            mark.display()
        );
        let limit = RunContext {
            timeout: Some(1),
            ..RunContext::default()
        };
        let ran = shell.run(&sh(&text), &limit);
        assert!(ran.timed_out && ran.rc != 0, "{}: {ran:?}", shell.name);
        let pid = std::fs::read_to_string(&mark).unwrap();
        // It was killed; how soon it is gone is the kernel's business.
        let stat = format!("/proc/{}/stat", pid.trim());
        let gone = |_: &u32| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            std::fs::read_to_string(&stat).map_or(true, |s| s.contains(") Z "))
        };
        assert!((0..100).any(|i| gone(&i)), "{}", shell.name);
        let long = RunContext {
            timeout: Some(30),
            ..RunContext::default()
        };
        let ran = shell.run(&sh("echo quick; exit 5"), &long);
        assert_eq!(
            (ran.rc, ran.timed_out, ran.stdout),
            (5, false, b"quick\n".to_vec()),
            "{}",
            shell.name
        );
        assert!(started.elapsed().as_secs() < 20, "{}", shell.name);
        let mut run = sh("head -c 5000000 /dev/zero; echo x >&2");
        let ran = shell.run(&run, &none);
        assert_eq!(
            (ran.stdout.len(), ran.truncated),
            (5_000_000, false),
            "{}",
            shell.name
        );
        run.capture = 1000;
        let ran = shell.run(&run, &none);
        assert_eq!(
            (ran.stdout.len(), ran.truncated),
            (1000, true),
            "{}",
            shell.name
        );
    });
}

#[test]
fn commands_get_the_surroundings_of_the_login() {
    let _turn = TURN
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    for words in shells() {
        let mut command = Command::new("sh");
        command
            .args(["-c", "umask 002; exec \"$@\"", "sh"])
            .args(&words);
        command
            .env("PATH", "/opt/mine:/usr/bin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .env("HOME", "/var");
        command.env_remove("ENV").current_dir("/var");
        let mut shell = Shell::start(command, words.join(" "));
        assert_eq!(
            (shell.hello.me.umask, shell.hello.me.home.as_str()),
            (0o002, "/var")
        );
        let ran = shell.run(
            &sh("echo $PATH $LC_ALL $HOME $(umask) $(pwd)"),
            &RunContext::default(),
        );
        let want = "/opt/mine:/usr/bin:/bin C.UTF-8 /var 0002 /var\n";
        assert_eq!(String::from_utf8_lossy(&ran.stdout), want, "{}", shell.name);
        let mut run = sh("pwd");
        run.chdir = Some("~/lib".into());
        let ran = shell.run(&run, &RunContext::default());
        assert_eq!(ran.stdout, b"/var/lib\n", "{}", shell.name);
    }
}

#[test]
fn scripts_are_run_with_their_words() {
    each_shell(|shell, _| {
        let script = |text: &str, args: &str, executable: Option<&str>| {
            Run::new(Exec::Script {
                content: Content::new(text.as_bytes().to_vec()),
                args: args.into(),
                executable: executable.map(str::to_owned),
            })
        };
        let none = RunContext::default();
        let ran = shell.run(
            &script("#!/bin/sh\nprintf '%s|' \"$@\"", "'a b' $((1+1))", None),
            &none,
        );
        assert_eq!(
            String::from_utf8_lossy(&ran.stdout),
            "a b|2|",
            "{}: {ran:?}",
            shell.name
        );
        let ran = shell.run(&script("echo $1", "x", Some("/bin/sh -e")), &none);
        assert_eq!(
            String::from_utf8_lossy(&ran.stdout),
            "x\n",
            "{}: {ran:?}",
            shell.name
        );
    });
}

/// Mounts something for as long as the test lasts; `None` where that is not allowed here.
struct Mount(PathBuf);

impl Mount {
    fn new(words: &[&str], on: &Path) -> Option<Mount> {
        let done = Command::new("mount")
            .args(words)
            .arg(on)
            .stderr(Stdio::null())
            .status();
        done.is_ok_and(|s| s.success())
            .then(|| Mount(on.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}

#[test]
fn a_full_disk_leaves_everything_as_it_was() {
    each_shell(|shell, dir| {
        let on = dir.join("small");
        std::fs::create_dir(&on).unwrap();
        let Some(_mount) = Mount::new(&["-t", "tmpfs", "-o", "size=64k", "none"], &on) else {
            return;
        };
        let path = on.join("f");
        std::fs::write(&path, "old").unwrap();
        let before = now(shell, &path);
        for size in [60_000, 90_000, 200_000] {
            // Both ways in: within the script, and uploaded beside it or elsewhere.
            let change = Change::new(
                at(&path),
                before.clone(),
                State::File(shell.file(&vec![b'x'; size])),
            );
            std::fs::write(on.join("fill"), vec![0; 20_000]).unwrap();
            let mut apply = shell.apply();
            apply.change(&change, &shell.hello.clone()).unwrap();
            let upload = apply.uploads().first().cloned();
            if let Some(upload) = upload {
                let mut child = Command::new("sh")
                    .args(["-c", &upload.command])
                    .stdin(Stdio::piped())
                    .stderr(Stdio::null())
                    .spawn()
                    .unwrap();
                child
                    .stdin
                    .take()
                    .unwrap()
                    .write_all(&upload.content.bytes.unwrap())
                    .ok();
                assert!(!child.wait().unwrap().success());
            }
            let script = apply.script().to_owned();
            let reply = apply.read(&shell.ask(&script), true).unwrap();
            let StepOutcome::Failed(failed) = &reply.steps[0] else {
                panic!("{reply:?}")
            };
            let clear = failed.message.to_lowercase().contains("no space left on");
            assert!(
                clear && failed.message.contains("small"),
                "{}: {failed:?}",
                shell.name
            );
            assert_eq!(std::fs::read(&path).unwrap(), b"old");
            assert_eq!(names(&on).len(), 2, "{}: {:?}", shell.name, names(&on));
        }
    });
}

#[test]
fn a_file_that_cannot_be_renamed_over_is_written_in_place_if_that_is_allowed() {
    each_shell(|shell, dir| {
        let (path, under) = (dir.join("f"), dir.join("under"));
        std::fs::write(&path, "old").unwrap();
        std::fs::write(&under, "old").unwrap();
        let Some(_mount) = Mount::new(&["--bind", under.to_str().unwrap()], &path) else {
            return;
        };
        let before = now(shell, &path);
        let mut change = Change::new(at(&path), before, State::File(shell.file(b"new")));
        let StepOutcome::Failed(failed) = shell.set(&change) else {
            panic!("renamed")
        };
        assert!(
            failed.message.contains("busy"),
            "{}: {failed:?}",
            shell.name
        );
        assert_eq!(std::fs::read(&under).unwrap(), b"old");
        change.how.unsafe_writes = true;
        done(shell.set(&change), &shell.name.clone());
        assert_eq!(std::fs::read(&under).unwrap(), b"new", "{}", shell.name);
        assert_eq!(names(dir).len(), 2, "{}: {:?}", shell.name, names(dir));
    });
}

#[test]
fn links_of_other_users_are_not_followed() {
    each_shell(|shell, dir| {
        if !shell.hello.is_root() {
            return;
        }
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755)).unwrap();
        let home = dir.join("home");
        let secret = dir.join("secret");
        std::fs::create_dir(&home).unwrap();
        std::fs::create_dir(&secret).unwrap();
        std::os::unix::fs::symlink(&secret, home.join(".ssh")).unwrap();
        std::os::unix::fs::symlink(secret.join("shadow"), home.join("leaf")).unwrap();
        std::fs::write(secret.join("shadow"), "root").unwrap();
        for name in ["", ".ssh", "leaf"] {
            std::os::unix::fs::lchown(home.join(name), Some(1234), Some(1234)).unwrap();
        }
        let file = State::File(shell.file(b"mine"));
        let change = Change::new(at(&home.join(".ssh/keys")), State::Absent, file.clone());
        let StepOutcome::Failed(failed) = shell.set(&change) else {
            panic!("followed")
        };
        assert_eq!(failed.status, 72, "{}: {failed:?}", shell.name);
        let leaf = RemotePath::new(home.join("leaf").to_str().unwrap()).unwrap();
        let leaf = Resource::Target(leaf);
        let before = shell
            .probe(&[Query::new(leaf.clone(), Want::DIGEST)])
            .remove(0);
        let StepOutcome::Failed(failed) = shell.set(&Change::new(leaf, before, file)) else {
            panic!("followed")
        };
        assert_eq!(failed.status, 72, "{}: {failed:?}", shell.name);
        assert_eq!(std::fs::read(secret.join("shadow")).unwrap(), b"root");
        assert_eq!(names(&secret).len(), 1);
        // What leads to the same user's own is followed.
        std::os::unix::fs::lchown(&secret, Some(1234), Some(1234)).unwrap();
        done(shell.set(&change), &shell.name.clone());
    });
}

#[test]
fn a_killed_shell_leaves_the_old_file_or_the_new_one() {
    let _turn = TURN
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let (old, new) = (vec![b'o'; 50_000], vec![b'n'; 50_000]);
    for words in shells() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        let path = dir.join("f");
        for step in 0..12 {
            std::fs::write(&path, &old).unwrap();
            let mut shell = Shell::open(&words);
            let before = now(&mut shell, &path);
            let change = Change::new(at(&path), before, State::File(shell.file(&new)));
            let mut apply = shell.apply();
            apply.change(&change, &shell.hello.clone()).unwrap();
            let text = format!("{{ {}\n}} </dev/null\n", apply.script());
            shell
                .child
                .stdin
                .as_mut()
                .unwrap()
                .write_all(text.as_bytes())
                .unwrap();
            std::thread::sleep(std::time::Duration::from_millis(step));
            shell.child.kill().unwrap();
            shell.child.wait().unwrap();
            let found = std::fs::read(&path).unwrap();
            assert!(
                found == old || found == new,
                "{} at {step}: torn",
                shell.name
            );
        }
    }
}

#[test]
fn two_runs_take_turns() {
    each_shell(|shell, dir| {
        let mut other = Shell::open(&["dash"]);
        let (path, hello) = (dir.join("f"), shell.hello.clone());
        let mut hold = other.apply();
        let change = Change::new(Resource::Hostname, host("a"), host("a b"));
        hold.change(&change, &hello).unwrap();
        // Stands in for a change that takes its time.
        let script = hold.script().replace("hostname", "sleep 3; true");
        let text = format!("{{ {script}\n}} </dev/null\npl_end 1 $?\n");
        other
            .child
            .stdin
            .as_mut()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(500));
        let change = Change::new(at(&path), State::Absent, State::File(shell.file(b"x")));
        let mut apply = Apply::new(ApplyOptions {
            token: "t1".into(),
            loaded: false,
            lock_wait: 1,
        });
        apply.change(&change, &hello).unwrap();
        let StepOutcome::Failed(failed) = shell.send(apply).steps.remove(0) else {
            panic!("no lock")
        };
        assert_eq!(failed.status, 73, "{}: {failed:?}", shell.name);
        assert!(failed.message.contains("pid"), "{failed:?}");
        // Killed while holding it: the lock goes with it.
        other.child.kill().unwrap();
        shell.loaded = true;
        done(shell.set(&change), &shell.name.clone());
    });
}

fn host(name: &str) -> State {
    State::Hostname(palisade::resource::hostname::HostnameState {
        current: name.into(),
        ..Default::default()
    })
}

#[test]
fn the_hostname_is_asked() {
    each_shell(|shell, _| {
        let State::Hostname(state) = shell.probe(&[Query::meta(Resource::Hostname)]).remove(0)
        else {
            panic!("no hostname")
        };
        let real = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        assert_eq!(state.current, real.trim(), "{}", shell.name);
    });
}

#[test]
fn quoted_words_are_what_they_were() {
    // A fixed sequence of pseudo-random words over awkward characters, a thousand to a shell.
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    let alphabet: Vec<char> = "'\"\\$`!*?[]{}()<>|&;#~=%^ \t\n\r\u{1}\u{7f}\u{80}\u{a0}é漢😀ab-/."
        .chars()
        .collect();
    for words in shells() {
        for _ in 0..10 {
            let all: Vec<String> = (0..1000)
                .map(|_| {
                    let length = next(12);
                    (0..length)
                        .map(|_| alphabet[next(alphabet.len() as u64) as usize])
                        .collect()
                })
                .collect();
            let mut script = String::from("LC_ALL=C; export LC_ALL\nfor w in");
            for word in &all {
                script.push(' ');
                script.push_str(&palisade::resource::script::quote(word));
            }
            script.push_str("; do printf '%s\\000' \"$w\"; done\n");
            let mut child = Command::new(words[0])
                .args(&words[1..])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut stdin = child.stdin.take().unwrap();
            let writer = std::thread::spawn(move || stdin.write_all(script.as_bytes()).unwrap());
            let out = child.wait_with_output().unwrap().stdout;
            writer.join().unwrap();
            let got: Vec<&[u8]> = out.split(|b| *b == 0).collect();
            for (word, got) in all.iter().zip(&got) {
                assert_eq!(word.as_bytes(), *got, "{words:?}");
            }
            assert_eq!(got.len(), all.len() + 1, "{words:?}");
        }
    }
}

#[test]
fn many_files_go_together_and_stop_at_the_first_that_cannot() {
    each_shell(|shell, dir| {
        let hello = shell.hello.clone();
        let mut expected = Vec::new();
        let mut apply = shell.apply();
        for i in 0..40 {
            let sub = dir.join(format!("d{} x", i % 3));
            std::fs::create_dir_all(&sub).unwrap();
            let path = sub.join(format!("f{i}"));
            let mut after = shell.file(format!("{i}\n").as_bytes());
            after.mode = [0o644, 0o600, 0o755, 0o440][i % 4];
            let mut before = State::Absent;
            if i % 2 == 0 {
                std::fs::write(&path, "old").unwrap();
                let mode = std::fs::Permissions::from_mode(0o640);
                std::fs::set_permissions(&path, mode).unwrap();
                let mut old = shell.file(b"old");
                old.mode = 0o640;
                before = State::File(old);
            }
            let mut change = Change::new(at(&path), before, State::File(after));
            if i % 7 == 3 {
                change.how.validate = Some(format!("grep -q '^{i}$' %s"));
            }
            if i % 4 == 2 {
                change.how.backup = Some(format!("f{i}~"));
            }
            // A directory may be made in between.
            if i % 10 == 5 {
                let made = FileState::fresh(Node::Dir, &hello.me);
                let on = at(&dir.join(format!("made{i}")));
                apply
                    .change(&Change::new(on, State::Absent, State::File(made)), &hello)
                    .unwrap();
            }
            apply.change(&change, &hello).unwrap();
            expected.push((path, i));
        }
        let broken = dir.join("d1 x/f31");
        let queries = vec![Query::meta(at(dir))];
        apply.probe(&queries);
        // Somebody gets in the way of the 32nd.
        std::fs::write(&broken, "theirs").unwrap();
        let reply = shell.send(apply);
        let failed: Vec<usize> = (0..reply.steps.len())
            .filter(|i| matches!(&reply.steps[*i], StepOutcome::Failed(f) if f.is_conflict()))
            .collect();
        assert_eq!(failed.len(), 1, "{}: {:?}", shell.name, reply.steps);
        assert!(reply.answers.is_none());
        for (path, i) in &expected {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let mode = std::fs::metadata(path).map_or(0, |m| m.permissions().mode() & 0o7777);
            match i {
                0..31 => {
                    assert_eq!(text, format!("{i}\n"), "{}", shell.name);
                    assert_eq!(
                        mode,
                        [0o644, 0o600, 0o755, 0o440][i % 4],
                        "{} {i}",
                        shell.name
                    );
                }
                31 => assert_eq!(text, "theirs"),
                _ => assert_ne!(text, format!("{i}\n"), "{}", shell.name),
            }
        }
        let left: Vec<_> = (0..3)
            .flat_map(|i| names(&dir.join(format!("d{i} x"))))
            .collect();
        let temp = left
            .iter()
            .find(|p| p.to_string_lossy().contains("palisade"));
        assert_eq!(temp, None, "{}", shell.name);
        assert_eq!(
            std::fs::read(dir.join("d2 x/f2~")).unwrap(),
            b"old",
            "{}",
            shell.name
        );
    });
}

#[test]
fn times_are_set() {
    each_shell(|shell, dir| {
        let path = dir.join("f");
        std::fs::write(&path, "x").unwrap();
        let before = now(shell, &path);
        let mut change = Change::new(at(&path), before.clone(), before);
        change.how.options = vec![
            ("mtime".into(), "1000000000".into()),
            ("atime".into(), "now".into()),
        ];
        done(shell.set(&change), &shell.name.clone());
        let meta = now(shell, &path).file().unwrap().meta.clone().unwrap();
        assert!(
            (meta.mtime - 1.0e9).abs() < 0.001,
            "{}: {meta:?}",
            shell.name
        );
        assert!(meta.atime > 1.5e9, "{}: {meta:?}", shell.name);
    });
}

/// A shell in a mount namespace of its own, after `setup` ran in it.
fn elsewhere(setup: &str, words: &[&str]) -> Option<Shell> {
    let mut command = Command::new("unshare");
    let text = format!("{setup}\nexec \"$@\"");
    command.args(["-m", "sh", "-ec", &text, "sh"]).args(words);
    let mut allowed = Command::new("unshare");
    allowed
        .args(["-m", "mount", "-t", "tmpfs", "x", "/mnt"])
        .stderr(Stdio::null());
    let allowed = allowed.status().is_ok_and(|s| s.success());
    allowed.then(|| Shell::start(command, words.join(" ")))
}

#[test]
fn nothing_has_to_be_writable_to_run_a_command() {
    let setup =
        "for d in /dev/shm /run /tmp /var/tmp; do mount -t tmpfs -o ro none $d; done; HOME=/proc";
    // ksh itself cannot do without.
    for words in shells().into_iter().filter(|w| w[0] != "ksh") {
        let Some(mut shell) = elsewhere(setup, &words) else {
            return;
        };
        let ran = shell.run(&sh("echo out; exit 6"), &RunContext::default());
        assert_eq!(
            (ran.rc, ran.stdout),
            (6, b"out\n".to_vec()),
            "{}",
            shell.name
        );
        let ran = shell.run(&argv(&["nothing-here"]), &RunContext::default());
        assert_eq!(ran.rc, 127, "{}", shell.name);
    }
}

#[test]
fn scripts_run_where_execution_is_forbidden() {
    let setup = "for d in /dev/shm /run /tmp /var/tmp; do mount -t tmpfs -o noexec none $d; done";
    for words in shells() {
        let Some(mut shell) = elsewhere(setup, &words) else {
            return;
        };
        let content = Content::new(b"#!/bin/sh -e\nfalse; echo not reached".to_vec());
        let exec = Exec::Script {
            content,
            args: String::new(),
            executable: None,
        };
        let ran = shell.run(&Run::new(exec), &RunContext::default());
        assert_eq!((ran.rc, ran.stdout), (1, vec![]), "{}", shell.name);
    }
}

#[test]
fn what_may_not_be_read_is_refused() {
    let _turn = TURN
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let dir = tempfile::tempdir().unwrap();
    let top = dir.path().canonicalize().unwrap();
    let open = |p: &Path, mode| {
        std::fs::set_permissions(p, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    open(&top, 0o755);
    std::fs::create_dir(top.join("shut")).unwrap();
    std::fs::write(top.join("shut/f"), "x").unwrap();
    std::fs::write(top.join("f"), "x").unwrap();
    open(&top.join("f"), 0o000);
    open(&top.join("shut"), 0o000);
    for words in shells() {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .args(&words);
        command.env("HOME", "/nonexistent");
        let mut allowed = Command::new("setpriv");
        allowed
            .args(["--reuid=65534", "true"])
            .stderr(Stdio::null());
        if !allowed.status().is_ok_and(|s| s.success()) {
            return;
        }
        let mut shell = Shell::start(command, words.join(" "));
        let states = shell.probe(&[
            Query::new(at(&top.join("shut/f")), Want::DIGEST),
            Query::new(at(&top.join("f")), Want::CONTENT),
            Query::new(at(&top.join("shut")), Want::META),
        ]);
        assert!(
            matches!(states[0], State::Refused(_)),
            "{}: {:?}",
            shell.name,
            states[0]
        );
        let file = states[1].file().unwrap();
        assert!(file.content().is_none() && !file.meta.as_ref().unwrap().readable);
        assert!(states[2].file().unwrap().is_dir());
        let file = State::File(shell.file(b"x"));
        let change = Change::new(at(&top.join("new")), State::Absent, file);
        let StepOutcome::Failed(failed) = shell.set(&change) else {
            panic!("written")
        };
        assert!(
            failed.message.contains("ermission denied"),
            "{}: {failed:?}",
            shell.name
        );
        let ran = shell.run(&sh("id -u"), &RunContext::default());
        assert_eq!(ran.stdout, b"65534\n", "{}", shell.name);
    }
    open(&top.join("shut"), 0o755);
}

/// The whole machine is walked, so two shells must do: a plain one and busybox's.
#[test]
fn a_walk_finds_files_anywhere() {
    use palisade::resource::walk::Which;
    let name = format!("palisade walk {}", std::process::id());
    each_shell(|shell, dir| {
        if shell.hello.me.uid != 0 || !["dash", "busybox sh"].contains(&shell.name.as_str()) {
            return;
        }
        let open = dir.join(&name);
        let odd = dir.join("new\nline");
        for path in [&open, &odd] {
            std::fs::write(path, "x").unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666)).unwrap();
        }
        let ask = |which| Query::new(Resource::Walk(which), Want::META);
        let states = shell.probe(&[ask(Which::Named(name.clone())), ask(Which::WorldWritable)]);
        let paths = |state: &State| match state {
            State::Tree(tree) => tree.entries.iter().map(|(p, _)| p.to_string()).collect(),
            other => vec![format!("{other:?}")],
        };
        let text = |path: &Path| path.display().to_string();
        assert_eq!(paths(&states[0]), [text(&open)], "{}", shell.name);
        let open_ones = paths(&states[1]);
        for path in [&open, &odd] {
            assert!(
                open_ones.contains(&text(path)),
                "{}: {open_ones:?}",
                shell.name
            );
        }
    });
}

#[test]
fn mounts_and_modules_are_seen() {
    each_shell(|shell, _| {
        let root = Resource::Mount(RemotePath::new("/").unwrap());
        let module = |name: &str| Query::new(Resource::Module(name.into()), Want::META);
        let none = Resource::Mount(RemotePath::new("/no/mount").unwrap());
        let queries = [
            Query::new(root, Want::META),
            Query::new(none, Want::META),
            module("no-such-module"),
            module("a b"),
        ];
        let states = shell.probe(&queries);
        assert!(
            matches!(&states[0], State::Mount(m) if !m.fstype.is_empty()),
            "{}",
            shell.name
        );
        assert_eq!(states[1], State::Absent, "{}", shell.name);
        let unknown = matches!(&states[2], State::Module(m) if !m.loaded && !m.available);
        assert!(unknown, "{}: {:?}", shell.name, states[2]);
        assert!(matches!(&states[3], State::Refused(_)), "{}", shell.name);
    });
}
