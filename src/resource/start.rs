//! Running what a task names: the words for apply.sh's `pl_x`, and what came of it.
//!
//! A command gets the surroundings that the login had, not ours, and private files for its output, so
//! that a daemon that keeps them open holds nothing up.

use std::fmt::Write as _;

use super::apply::{ApplyError, INLINE_PAYLOAD, RunContext, Upload};
use super::contents::decode;
use super::payload::payload;
use super::payload::{upload_command, upload_removal};
use super::program::Ran;
use super::reply::Record;
use super::script::{place, quote};
use super::{Content, Exec, Run};

/// A run as text; `@N@` is the number of its first record.
pub(super) struct Made {
    pub text: String,
    pub uploads: Vec<Upload>,
}

pub(super) fn make(run: &Run, context: &RunContext, token: &str) -> Result<Made, ApplyError> {
    let mut out = Made {
        text: String::from("if pl_go; then\n"),
        uploads: Vec::new(),
    };
    environment(&context.environment, run, &mut out.text)?;
    let mut flags = String::new();
    let mut first = "";
    match &run.exec {
        Exec::Argv(words) => {
            first = words
                .first()
                .ok_or_else(|| ApplyError::BadText("no command given".into()))?;
            let quoted: Vec<String> = words.iter().map(|w| quote(w)).collect();
            let dash = if first.starts_with('-') { "-- " } else { "" };
            let _ = writeln!(
                out.text,
                "pl_c() {{ exec {dash}$pl_sid {}; }}",
                quoted.join(" ")
            );
        }
        Exec::Shell { text, executable } => {
            let shell = executable.as_deref().unwrap_or("/bin/sh");
            first = shell;
            let _ = writeln!(
                out.text,
                "pl_c() {{ exec $pl_sid {} -c {}; }}",
                quote(shell),
                quote(text)
            );
        }
        Exec::Raw { text, executable } => {
            let shell = executable
                .as_deref()
                .map_or("\"${SHELL:-/bin/sh}\"".to_owned(), quote);
            let _ = writeln!(
                out.text,
                "pl_c() {{ exec $pl_sid {shell} -c {}; }}",
                quote(text)
            );
        }
        Exec::Program(program) => {
            flags.push('o');
            let _ = writeln!(
                out.text,
                "pl_c() {{ exec $pl_sid sh -c {}; }}",
                quote(program.text())
            );
        }
        Exec::Script {
            content,
            args,
            executable,
        } => {
            script(content, args, executable.as_deref(), token, &mut out)?;
        }
    }
    let whole = run.stdin.clone().map(Content::new);
    let stdin = match whole.as_ref().or(run.payload.as_ref()) {
        Some(content) => {
            keep(content, "i@N@", &format!("{token}i"), &mut out)?;
            "\"$pl_dir/i@N@\""
        }
        None => "''",
    };
    for (i, content) in run.files.iter().enumerate() {
        keep(
            content,
            &format!("i@N@f{i}"),
            &format!("{token}f{i}"),
            &mut out,
        )?;
    }
    if context.live {
        flags.push('l');
    }
    if context.must_succeed {
        flags.push('m');
    }
    let chdir = run.chdir.as_deref().map_or("''".to_owned(), place);
    let timeout = context.timeout.map_or("''".to_owned(), |t| t.to_string());
    let _ = write!(
        out.text,
        "pl_x @N@ {} {timeout} {chdir} {stdin} {} '{flags}'\nfi",
        run.capture,
        quote(first)
    );
    Ok(out)
}

fn environment(
    variables: &[(String, String)],
    run: &Run,
    text: &mut String,
) -> Result<(), ApplyError> {
    text.push_str("pl_e() { :;");
    if !run.files.is_empty() {
        text.push_str(" pl_files=$pl_dir/i@N@f; export pl_files;");
    }
    for (name, value) in variables {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let fits = !name.is_empty()
            && name.bytes().all(plain)
            && !name.starts_with(|c: char| c.is_ascii_digit());
        if !fits || value.contains('\0') {
            return Err(ApplyError::BadVariable(name.clone()));
        }
        let _ = write!(text, " {name}={}; export {name};", quote(value));
    }
    text.push_str(" }\n");
    Ok(())
}

/// Puts bytes into the private directory under `name`.
fn keep(content: &Content, name: &str, private: &str, out: &mut Made) -> Result<(), ApplyError> {
    match &content.bytes {
        Some(bytes) if bytes.len() as u64 <= INLINE_PAYLOAD => {
            let p = payload(bytes);
            let _ = writeln!(out.text, "pl_keep {name} {} {}", p.letter, p.word);
        }
        None if content.source.is_none() => return Err(ApplyError::NoBytes("a payload".into())),
        _ => {
            let private = format!(".palisade.{private}");
            let command = upload_command(None, "", &private);
            out.uploads.push(Upload {
                command,
                content: content.clone(),
                remove: upload_removal(None, "", &private),
            });
            let _ = writeln!(out.text, "pl_keep {name} f {private}");
        }
    }
    Ok(())
}

/// A script is executed; where that is forbidden (noexec) its interpreter reads it.
fn script(
    content: &Content,
    args: &str,
    executable: Option<&str>,
    token: &str,
    out: &mut Made,
) -> Result<(), ApplyError> {
    keep(content, "i@N@s", &format!("{token}s"), out)?;
    let args = quote(&format!(" {args}"));
    let _ = match executable {
        Some(executable) => writeln!(
            out.text,
            "pl_c() {{ exec $pl_sid /bin/sh -c {}\" '$pl_f'\"{args}; }}\npl_f=$pl_dir/i@N@s",
            quote(executable)
        ),
        None => writeln!(
            out.text,
            "pl_f=$pl_dir/i@N@s\nchmod 700 \"$pl_f\"\npl_j=\n\
             pl_exec || {{ IFS= read -r pl_j <\"$pl_f\"; \
             case $pl_j in '#!'*) pl_j=${{pl_j#??}} ;; *) pl_j=/bin/sh ;; esac; }}\n\
             pl_c() {{ exec $pl_sid /bin/sh -c \"$pl_j '$pl_f'\"{args}; }}"
        ),
    };
    Ok(())
}

/// Reads the three records of a run.
pub(super) fn read(how: &Record, out: &Record, err: &Record, limit: usize) -> Result<Ran, String> {
    let text = how.text();
    let (line, why) = text.split_once('\n').ok_or("a run without its times")?;
    let words: Vec<&str> = line.split(' ').collect();
    let [timed_out, epoch, base, from, to] = words[..] else {
        return Err(format!(
            "`{}` does not say how a run went",
            line.escape_default()
        ));
    };
    let number = |text: &str| text.trim_end_matches(".%N").parse::<f64>().unwrap_or(0.0);
    let at = |up: &str| number(epoch) + number(up) - number(base);
    let (stdout, cut_out) = bytes(out, limit)?;
    let (stderr, cut_err) = bytes(err, limit)?;
    Ok(Ran {
        rc: how.status,
        stdout,
        stderr,
        start: at(from),
        end: at(to),
        truncated: cut_out || cut_err,
        not_started: Some(why.to_owned()).filter(|w| !w.is_empty()),
        timed_out: timed_out == "1",
        endless: timed_out == "2",
    })
}

/// The bytes of an output, whose record begins with the letter of its encoding, and whether there
/// were more of them.
fn bytes(record: &Record, limit: usize) -> Result<(Vec<u8>, bool), String> {
    let Some((letter, text)) = record.payload.split_first() else {
        return Ok((Vec::new(), false));
    };
    let mut bytes = decode(char::from(letter.to_ascii_lowercase()), text)?;
    let over = bytes.len() > limit || letter.is_ascii_uppercase();
    bytes.truncate(limit);
    Ok((bytes, over))
}
