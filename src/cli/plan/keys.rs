//! Whom the secrets of a plan are sealed for, and who opens them: options, and files of keys.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::setup::expand;
use crate::host::keygen::{self, Halves, Unfit};
use crate::journal::ahead::Sealing;
use crate::source::age::{self, Identity, Recipient, Wrong};
use crate::source::files::plain;
use crate::source::{Code, Diagnostic};

/// A larger file is none of keys.
const LARGEST: u64 = 1024 * 1024;

/// A file of recipients, where no option names any.
const RECIPIENTS: &str = "PALISADE_RECIPIENTS_FILE";

/// A file with an identity, where no option names one.
const IDENTITY: &str = "PALISADE_IDENTITY";

/// Options of `palisade plan`.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct For {
    /// Seal what is secret in the file for the holder of this public key: age1… or ssh-ed25519 …; may be
    /// repeated
    #[arg(long, value_name = "KEY", requires = "out", help_heading = "Secrets")]
    recipient: Vec<String>,
    /// The same for every public key in this file, one a line; may be repeated [env: PALISADE_RECIPIENTS_FILE]
    #[arg(long, value_name = "FILE", requires = "out", help_heading = "Secrets")]
    recipients_file: Vec<PathBuf>,
}

/// Options of `palisade apply`.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct By {
    /// Open what is secret in the plan with this key: a file of age-keygen's, or an Ed25519 key of SSH's; may
    /// be repeated [env: PALISADE_IDENTITY]
    #[arg(long, value_name = "FILE", help_heading = "Secrets")]
    identity: Vec<PathBuf>,
}

impl For {
    /// All recipients, each once.
    pub(super) fn recipients(&self) -> Result<Vec<Recipient>, Diagnostic> {
        let mut all = Vec::new();
        for given in &self.recipient {
            all.push(Recipient::parse(given).map_err(|wrong| of_option(given, &wrong))?);
        }
        let mut files = self.recipients_file.clone();
        if all.is_empty() && files.is_empty() {
            files.extend(from_environment(RECIPIENTS));
        }
        for file in files {
            let path = expand(&file.to_string_lossy());
            let text = read(&path, ("the file of recipients", RECIPIENT_HINT))?;
            let here = age::recipients(&text).map_err(|(line, wrong)| {
                hinted(&format!("{}:{line}: {wrong}", path.display()), &wrong)
            })?;
            if here.is_empty() {
                let text = format!("there is no recipient in {}", path.display());
                return Err(wrong_key(text).hint(RECIPIENT_HINT));
            }
            all.extend(here);
        }
        let mut once: Vec<Recipient> = Vec::with_capacity(all.len());
        for one in all {
            if !once.contains(&one) {
                once.push(one);
            }
        }
        Ok(once)
    }
}

impl By {
    /// All identities; those of the environment only where the plan asks for any.
    pub(super) fn identities(
        &self,
        sealing: Option<&Sealing>,
    ) -> Result<Vec<Identity>, Diagnostic> {
        let mut files = self.identity.clone();
        if files.is_empty() && matches!(sealing, Some(Sealing::Age { .. })) {
            files.extend(from_environment(IDENTITY));
        }
        let mut all = Vec::new();
        for file in files {
            all.extend(identities(&file)?);
        }
        Ok(all)
    }
}

fn from_environment(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os(name).filter(|p| !p.is_empty());
    path.map(PathBuf::from)
}

const RECIPIENT_HINT: &str = "a recipient is a public key: `age1…` as `age-keygen -y FILE` prints it, or \
                              `ssh-ed25519 AAAA…` as it stands in a .pub file";

const IDENTITY_HINT: &str = "an identity is a file with a line `AGE-SECRET-KEY-1…`, as `age-keygen` makes it, \
                             or an Ed25519 private key of SSH's";

fn wrong_key(text: impl Into<String>) -> Diagnostic {
    Diagnostic::bare(text).code(Code::AgeKey)
}

fn hinted(text: &str, wrong: &Wrong) -> Diagnostic {
    let said = wrong_key(text);
    match wrong {
        Wrong::Secret => said.hint("`age-keygen -y FILE` prints the public key"),
        Wrong::Public => said.hint(IDENTITY_HINT),
        Wrong::Kind(_) => said.hint("known are X25519 keys (age1…) and ssh-ed25519"),
        Wrong::NoKey | Wrong::Damaged => said.hint(RECIPIENT_HINT),
    }
}

/// What is wrong with `--recipient`; a key that may be secret is not repeated.
fn of_option(given: &str, wrong: &Wrong) -> Diagnostic {
    match wrong {
        Wrong::Secret => hinted(&format!("--recipient: {wrong}"), wrong),
        Wrong::NoKey if Path::new(given).is_file() => {
            let text = format!("--recipient `{given}`: {wrong}");
            wrong_key(text).hint(format!("it is a file: --recipients-file {given}"))
        }
        _ => hinted(&format!("--recipient `{given}`: {wrong}"), wrong),
    }
}

fn read(path: &Path, (what, hint): (&str, &str)) -> Result<String, Diagnostic> {
    let cannot =
        |why: String| wrong_key(format!("cannot read {what} {}: {why}", path.display())).hint(hint);
    let file = std::fs::File::open(path).map_err(|e| cannot(plain(&e)))?;
    let mut bytes = Vec::new();
    let read = file.take(LARGEST + 1).read_to_end(&mut bytes);
    read.map_err(|e| cannot(plain(&e)))?;
    match String::from_utf8(bytes) {
        Ok(text) if text.len() as u64 <= LARGEST => Ok(text),
        Ok(_) => Err(cannot("it is too large".into())),
        // The form of age that is no text begins with text.
        Err(error) => Ok(String::from_utf8_lossy(error.as_bytes()).into_owned()),
    }
}

fn identities(file: &Path) -> Result<Vec<Identity>, Diagnostic> {
    let given = file.to_string_lossy();
    if given.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
        let text = "--identity wants the file that the key is in, not the key";
        return Err(wrong_key(text).hint("other users of this machine see what stands here"));
    }
    let path = expand(&given);
    let text = zeroize::Zeroizing::new(read(&path, ("the identity", IDENTITY_HINT))?);
    let shown = path.display();
    if age::is_age(&text) {
        let text = format!("the identity {shown} is encrypted itself");
        let hint = format!("open it on the way: --identity <(age -d {shown})");
        return Err(wrong_key(text).hint(hint));
    }
    if keygen::is_private(&text) {
        return of_ssh(&path, &text).map(|one| vec![one]);
    }
    let all = age::identities(&text).map_err(|(line, wrong)| {
        wrong_key(format!("{shown}:{line}: {wrong}")).hint(IDENTITY_HINT)
    })?;
    match all.is_empty() {
        true => {
            let text = format!("there is no identity in {shown}");
            Err(wrong_key(text).hint(IDENTITY_HINT))
        }
        false => Ok(all),
    }
}

fn of_ssh(path: &Path, text: &str) -> Result<Identity, Diagnostic> {
    let shown = path.display();
    match keygen::halves(text) {
        Ok(Halves(secret, public)) => Ok(Identity::of_ssh(&secret, &public)),
        Err(Unfit::Passphrase) => {
            let text = format!("the identity {shown} has a passphrase");
            let hint = "passphrases are not asked for here: seal plans for a key of `age-keygen`";
            Err(wrong_key(text).hint(hint))
        }
        Err(Unfit::Algorithm(name)) => {
            let text = format!("the identity {shown} is a key of the kind {name}");
            Err(wrong_key(text).hint("of SSH's keys, ssh-ed25519 is known"))
        }
        Err(Unfit::Damaged) => {
            let text = format!("the identity {shown} is no whole private key");
            Err(wrong_key(text).hint(IDENTITY_HINT))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str =
        "AGE-SECRET-KEY-1Y3N7A9QC9UCEL0V403Q4FULGHH0K7P780CKMHX2AC58GQM8FJ7ZQPJR8LD";
    const PUBLIC: &str = "age1hppca99w8dpsvpxp43sgxr4duzw542s5yqas0wn20kzscyjfsezq0sztn7";

    fn told(mistake: &Diagnostic) -> String {
        format!("{} | {}", mistake.message, mistake.hints.join(" | "))
    }

    #[test]
    fn recipients_come_from_options_and_files_each_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("team.txt");
        let ssh = keygen::ed25519().unwrap().public;
        std::fs::write(&file, format!("# the team\n{PUBLIC}\n\n{ssh} ann@home\n")).unwrap();
        let given = For {
            recipient: vec![PUBLIC.into()],
            recipients_file: vec![file.clone()],
        };
        let all: Vec<String> = given
            .recipients()
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(all, [PUBLIC.to_owned(), ssh]);
        std::fs::write(&file, "# nobody\n").unwrap();
        assert!(told(&given.recipients().unwrap_err()).contains("there is no recipient in"));
        std::fs::write(&file, format!("{PUBLIC}\nann\n")).unwrap();
        assert!(told(&given.recipients().unwrap_err()).contains("team.txt:2: it is no key of age"));
    }

    #[test]
    fn a_secret_key_in_the_place_of_a_public_one_is_not_repeated() {
        let given = For {
            recipient: vec![SECRET.into()],
            ..For::default()
        };
        let said = told(&given.recipients().unwrap_err());
        assert!(
            said.contains("age-keygen -y") && !said.contains(&SECRET[15..]),
            "{said}"
        );
        let said = told(&identities(Path::new(SECRET)).unwrap_err());
        assert!(!said.contains(&SECRET[15..]), "{said}");
    }

    #[test]
    fn identities_are_files_of_age_or_of_ssh() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        let with = |text: &str| {
            std::fs::write(&file, text).unwrap();
            identities(&file).map_err(|mistake| told(&mistake))
        };
        let mine = with(&format!("# created\n# public key: {PUBLIC}\n{SECRET}\n")).unwrap();
        assert_eq!(mine[0].recipient().to_string(), PUBLIC);
        let key = keygen::ed25519().unwrap();
        let mine = with(&key.private).unwrap();
        assert_eq!(mine[0].recipient().to_string(), key.public);
        for (text, why) in [
            (PUBLIC, "key:1: it is a public key"),
            ("", "there is no identity in"),
            ("age-encryption.org/v1\n-> scrypt", "is encrypted itself"),
            ("-----BEGIN AGE ENCRYPTED FILE-----\n", "<(age -d "),
            (
                "-----BEGIN OPENSSH PRIVATE KEY-----\n",
                "no whole private key",
            ),
        ] {
            let said = with(text).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
        let said = told(&identities(&dir.path().join("none")).unwrap_err());
        assert!(said.contains("cannot read the identity"), "{said}");
    }
}
