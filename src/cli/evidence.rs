//! `--evidence` of audits, and `palisade evidence`: chains of reports, written and verified.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;

use crate::hardening::Report;
use crate::host::signature::{AllowedSigners, Signer, check};
use crate::journal::evidence::{self, About, Broken, Entry, Signed, Verified};
use crate::report::audit::{Point, view};
use crate::source::{Code, Diagnostic, Secret};

use super::exit::Exit;
use super::{messages, terminal};

/// What signatures are made for, so that they mean nothing elsewhere.
pub const NAMESPACE: &str = "palisade-evidence";

/// Keeping an audit as evidence.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Evidence")]
pub struct Evidence {
    /// Append the report to this chain; `palisade evidence verify` checks it
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
    /// Sign what is appended with this SSH key, or with the agent's key of this .pub file
    #[arg(long, value_name = "KEY", requires = "evidence")]
    sign: Option<PathBuf>,
}

impl Evidence {
    /// Whether the chain can be appended to, said before the run that is its subject.
    pub fn check(&self) -> Result<(), Diagnostic> {
        match &self.evidence {
            Some(path) => evidence::check(path).map_err(refused),
            None => Ok(()),
        }
    }

    pub fn signer(&self) -> Result<Option<Signer>, Diagnostic> {
        let mut ask = |prompt: &str| terminal::ask(prompt, false).map(Secret::new);
        let signer = self.sign.as_ref().map(|path| Signer::open(path, &mut ask));
        signer.transpose().map_err(Diagnostic::bare)
    }

    /// Earlier runs of the same kind, for their trend.
    pub fn history(&self, report: &Report) -> Vec<Point> {
        let Some(path) = &self.evidence else {
            return Vec::new();
        };
        let profiles = view::profiles(report);
        let like = |e: &Entry| e.profiles == profiles && e.mode == report.mode;
        let entries = evidence::entries(path).unwrap_or_default();
        entries
            .into_iter()
            .filter(like)
            .map(|e| Point {
                started: e.written,
                percent: e.score.min(100),
            })
            .collect()
    }

    /// Appends the report, and says so.
    pub fn append(&self, report: &Report, signer: Option<&Signer>) -> Result<(), Diagnostic> {
        let Some(path) = &self.evidence else {
            return Ok(());
        };
        let about = About {
            written: report.started.clone(),
            profiles: view::profiles(report),
            mode: report.mode.clone(),
            score: report.score().percent(),
            signer: signer.map(Signer::fingerprint),
        };
        let json = serde_json::to_value(report).map_err(|e| refused(e.to_string()))?;
        let sign = signer.map(|s| move |text: &str| s.sign(NAMESPACE, text));
        let sign = sign.as_ref().map(|f| f as evidence::Sign<'_>);
        let link = evidence::append(path, &about, &json, sign).map_err(refused)?;
        let by = about
            .signer
            .map(|s| format!(", signed by {s}"))
            .unwrap_or_default();
        messages::say(&format!(
            "evidence: entry {} of {} is {}{by}",
            link.number,
            path.display(),
            link.digest
        ));
        Ok(())
    }
}

fn refused(why: String) -> Diagnostic {
    Diagnostic::bare(format!("no evidence is appended: {why}")).code(Code::Evidence)
}

/// Options of `palisade evidence`.
#[derive(Args, Clone, Debug)]
pub struct EvidenceArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    /// Say whether a chain is what was written, or name the first place where it is not
    Verify(VerifyArgs),
}

const EXAMPLES: &str = "\
Examples:
  palisade evidence verify audit.jsonl
  palisade evidence verify audit.jsonl --allowed-signers ~/.ssh/allowed_signers
  palisade evidence verify audit.jsonl --holds 5f2b…    an entry whose digest you kept

Exit codes: 0 the chain is what was written, 1 it is not.";

#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
struct VerifyArgs {
    /// The chain
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Who may sign, as in ssh-keygen(1); every entry must then be signed by one of them
    #[arg(long, value_name = "FILE")]
    allowed_signers: Option<PathBuf>,
    /// A digest that must be in the chain, as the run said it that wrote it
    #[arg(long, value_name = "DIGEST")]
    holds: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Carries out `palisade evidence`.
pub fn run(args: &EvidenceArgs) -> Exit {
    let Verb::Verify(args) = &args.verb;
    let allowed = args.allowed_signers.as_deref().map(AllowedSigners::load);
    let allowed = match allowed.transpose() {
        Ok(allowed) => allowed,
        Err(why) => {
            messages::show(&[Diagnostic::bare(why)]);
            return Exit::Start;
        }
    };
    let judge = |signature: Option<&str>, digest: &str, entry: &Entry| {
        judged(allowed.as_ref(), signature, digest, entry)
    };
    let holds = args
        .holds
        .as_deref()
        .map(|d| d.trim_start_matches("sha256:"));
    let found = evidence::verify(&args.file, holds, &judge);
    let text = match args.json {
        true => format!("{}\n", json(&found)),
        false => said(&args.file, &found),
    };
    messages::print(&text);
    match found {
        Ok(_) => Exit::Fine,
        Err(_) => Exit::Start,
    }
}

fn judged(
    allowed: Option<&AllowedSigners>,
    signature: Option<&str>,
    digest: &str,
    entry: &Entry,
) -> Result<Option<Signed>, String> {
    let Some(signature) = signature else {
        return match allowed {
            Some(_) => Err("nobody signed the entry".into()),
            None => Ok(None),
        };
    };
    let key = check(signature, NAMESPACE, digest)?;
    let fingerprint = crate::host::signature::fingerprint(&key);
    let when: Timestamp = entry
        .written
        .parse()
        .map_err(|_| "it has no time".to_owned())?;
    let name = match allowed {
        None => None,
        Some(allowed) => {
            let who = allowed.who(&key, NAMESPACE, when);
            let who = who.ok_or_else(|| format!("signed by {fingerprint}, who may not sign"))?;
            Some(who.to_owned())
        }
    };
    Ok(Some(Signed {
        key: fingerprint,
        name,
    }))
}

fn said(path: &Path, found: &Result<Verified, Broken>) -> String {
    let path = path.display();
    let found = match found {
        Ok(found) => found,
        Err(broken) => return format!("{path}: broken: {broken}\n"),
    };
    let Some(last) = &found.last else {
        return format!("{path}: no entries\n");
    };
    let mut text = format!(
        "{path}: {} entries from {} to {}, none changed, removed or moved\nlast entry {} is {}\n",
        found.entries, found.first_written, found.last_written, last.number, last.digest
    );
    for (signed, count) in &found.signed {
        let who = match &signed.name {
            Some(name) => format!("{name} ({})", signed.key),
            None => format!(
                "{}; whose key that is, --allowed-signers would say",
                signed.key
            ),
        };
        text.push_str(&format!("{count} signed by {who}\n"));
    }
    if found.unsigned > 0 {
        text.push_str(&format!(
            "{} not signed: whoever can write the file can write it anew\n",
            found.unsigned
        ));
    }
    if !found.remembered {
        text.push_str(
            "there is no .last file beside it, so entries cut off its end would not be missed; \
             --holds with a digest kept elsewhere would tell\n",
        );
    }
    crate::source::escape::escape(&text).into_owned()
}

fn json(found: &Result<Verified, Broken>) -> String {
    let value = match found {
        Err(broken) => serde_json::json!({
            "valid": false, "line": broken.line, "what": broken.what,
        }),
        Ok(found) => {
            let signed: Vec<_> = found
                .signed
                .iter()
                .map(|(s, n)| serde_json::json!({"key": s.key, "name": s.name, "entries": n}))
                .collect();
            serde_json::json!({
                "valid": true,
                "entries": found.entries,
                "first": found.first_written,
                "last": found.last_written,
                "digest": found.last.as_ref().map(|l| &l.digest),
                "signed": signed,
                "unsigned": found.unsigned,
                "end_known": found.remembered,
            })
        }
    };
    let text = serde_json::to_string_pretty(&value).unwrap_or_default();
    crate::source::escape::escape_json(&text).into_owned()
}
