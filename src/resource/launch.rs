//! How a shell is started, as the login or as somebody else.

use super::script::quote;

/// The command line of a shell, and what it says before it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    pub command: String,
    /// The password is written only after this was seen; `None` where none is to be asked for.
    pub prompt: Option<String>,
    /// The shell is there once this was seen: nothing is written to it before.
    pub ready: Option<String>,
    /// `su` and `doas` read passwords from a terminal only.
    pub pty: bool,
}

/// Whom to become, and by what means.
#[derive(Clone, Copy, Debug)]
pub struct Become<'a> {
    pub method: &'a str,
    pub user: &'a str,
    pub exe: Option<&'a str>,
    pub flags: Option<&'a str>,
    pub has_password: bool,
    /// How many bytes the command reads; `None` for one that reads to the end. A terminal has none.
    pub input: Option<u64>,
}

/// How these programs say that somebody may not become somebody else, in small letters.
pub const DENIED: &[&str] = &[
    "is not in the sudoers file",
    "may not run sudo",
    "is not allowed to execute",
    "is not allowed to run sudo",
    "doas: operation not permitted",
    "su: permission denied",
    "su: must be",
];

/// Means of becoming somebody else that there is a row for.
pub const METHODS: &[&str] = &["sudo", "su", "doas"];

/// The longest name of a user; Linux takes 32, name services more.
const LONGEST_NAME: usize = 256;

/// The login's own shell.
pub fn login() -> Launch {
    Launch {
        command: "sh".into(),
        prompt: None,
        ready: None,
        pty: false,
    }
}

/// A command line as another user: `sh`, or one that reads its standard input. `token` is random: it
/// stands in the prompt and in the ready mark.
pub fn becoming(how: Become<'_>, token: &str, line: &str) -> Result<Launch, String> {
    check_user(how.user)?;
    let user = quote(how.user);
    let ready = format!("palisade-ready-{token}");
    // Behind a terminal, what is written must arrive as it is.
    let raw = if how.has_password && how.method != "sudo" {
        "stty raw -echo; "
    } else {
        ""
    };
    let line = match line {
        // A shell that reads a terminal takes it for a person, and prints prompts.
        "sh" if !raw.is_empty() => "cat | sh".to_owned(),
        "sh" => "exec sh".to_owned(),
        line if !raw.is_empty() => format!(
            "head -c {} | sh -c {}",
            how.input.unwrap_or_default(),
            quote(line)
        ),
        line => format!("exec sh -c {}", quote(line)),
    };
    let shell = quote(&format!("{raw}echo {ready}; {line}"));
    let exe = |default: &str| quote(how.exe.filter(|e| !e.is_empty()).unwrap_or(default));
    let flags = |default: &str| match how.flags.filter(|f| !f.trim().is_empty()) {
        // Flags are the user's own words of a command line.
        Some(text) => super::script::words(text)
            .map(|words| words.iter().map(|w| quote(w)).collect::<Vec<_>>().join(" "))
            .ok_or_else(|| "the quotes in become_flags are not balanced".to_owned()),
        None => Ok(default.to_owned()),
    };
    let prompt = format!("palisade-password-{token}:");
    let (command, prompt, pty) = match how.method {
        "sudo" => {
            // -n where no password is at hand: sudo then fails at once instead of asking.
            let ask = match how.has_password {
                true => format!("-S -p {}", quote(&prompt)),
                false => "-n".into(),
            };
            let flags = flags("-H")?;
            let flags = flags.replace("-n", "").replace("-S", "");
            let command = format!("{} {flags} {ask} -u {user} -- sh -c {shell}", exe("sudo"));
            (command, how.has_password.then_some(prompt), false)
        }
        "su" => {
            let command = format!(
                "{} {} -s /bin/sh -c {shell} -- {user}",
                exe("su"),
                flags("")?
            );
            (
                command,
                how.has_password.then(|| "assword: ".into()),
                how.has_password,
            )
        }
        "doas" => {
            let quiet = if how.has_password { "" } else { "-n" };
            let flags = flags("")?;
            let command = format!("{} {flags} {quiet} -u {user} -- sh -c {shell}", exe("doas"));
            (
                command,
                how.has_password.then(|| "assword: ".into()),
                how.has_password,
            )
        }
        other => {
            let known = METHODS.join(", ");
            return Err(format!(
                "unknown become method `{other}`: there are {known}"
            ));
        }
    };
    Ok(Launch {
        command,
        prompt,
        ready: Some(ready),
        pty,
    })
}

/// A command line that reads a script of ours.
pub const SCRIPT: &str = "sh -s";

/// A command line that prints a file.
pub fn reading(path: &str) -> String {
    format!("cat -- {}", quote(path))
}

/// A command line that tells a shell of ours, by its number, to begin no further step.
pub fn halting(pid: u32) -> String {
    format!("kill -USR1 {pid}")
}

/// Names that reach sudo: no flag, no uid, no −1.
fn check_user(name: &str) -> Result<(), String> {
    let fine = |c: char| c.is_alphanumeric() || "_.-@$\\".contains(c);
    let wrong = name.is_empty()
        || name.len() > LONGEST_NAME
        || name.starts_with('-')
        || !name.chars().all(fine)
        || name.chars().all(|c| c.is_ascii_digit());
    if wrong {
        Err(format!(
            "`{name}` is not a name of a user that can be become"
        ))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Become, becoming};

    fn sudo(user: &str) -> Result<String, String> {
        let how = Become {
            method: "sudo",
            user,
            exe: None,
            flags: None,
            has_password: false,
            input: None,
        };
        becoming(how, "abc", "sh").map(|l| l.command)
    }

    #[test]
    fn only_names_of_users_reach_sudo_and_a_terminal_is_read_by_the_byte() {
        assert_eq!(
            sudo("root").as_deref(),
            Ok("sudo -H -n -u root -- sh -c 'echo palisade-ready-abc; exec sh'")
        );
        let how = Become {
            method: "su",
            user: "root",
            exe: None,
            flags: None,
            has_password: true,
            input: Some(7),
        };
        let upload = becoming(how, "abc", "cat >x").unwrap();
        assert!(upload.pty && upload.command.contains("head -c 7 | sh -c "));
        for name in ["", "-u root", "#0", "-1", "4294967295", "a b", "$(id)"] {
            assert!(sudo(name).is_err(), "{name}");
        }
    }
}
