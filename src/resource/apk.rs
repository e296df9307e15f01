//! Packages of Alpine's.

use super::apply::{ApplyError, Make};
use super::package::{PackageState, Way, work};
use super::script::{Script, quote};
use super::{Change, Resource, Want};

/// Records about packages: those there are, and those that have something newer.
pub(super) const WIDTH: usize = 2;

pub(super) const INDEX: &str = "pl_has apk || exit 127\n\
    pl_x=0; for pl_q in /var/cache/apk/APKINDEX.* /var/lib/apk/*; do\n\
    case $pl_q in */APKINDEX.*) [ ! -e \"$pl_q\" ] || pl_x=$(stat -c %Y \"$pl_q\") ;; esac\n\
    done; pl_p \"$pl_x \"; date +%s";

pub(super) const ASK_UPGRADE: &str = "pl_has apk || exit 127\napk version -q -l '<'\n:";

pub(super) fn ask(packages: &[(&str, Want)], script: &mut Script) {
    let names: String = packages
        .iter()
        .map(|(n, _)| format!(" {}", quote(n)))
        .collect();
    script.ask(&format!("pl_has apk || exit 127\napk info -e{names}\n:"));
    let newest = packages.iter().any(|(_, w)| w.has(Want::CONTENT));
    script.ask(&match newest {
        true => format!("apk version -q -l '<'{names}\n:"),
        false => ":".into(),
    });
}

pub(super) fn read(name: &str, texts: &[String]) -> PackageState {
    let [there, older] = texts else {
        return PackageState::default();
    };
    let version = there
        .lines()
        .any(|l| l == name)
        .then(|| "installed".to_owned());
    let stale = older.lines().any(|l| {
        let rest = l.strip_prefix(name).and_then(|r| r.strip_prefix('-'));
        rest.is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit()))
    });
    let candidate = if stale {
        Some("newer".to_owned())
    } else {
        version.clone()
    };
    PackageState {
        version,
        candidate,
        ..PackageState::default()
    }
}

pub(super) fn make(change: &Change) -> Result<Make, ApplyError> {
    let command = match &change.on {
        Resource::PackageIndex(_) => "update".into(),
        Resource::PackageUpgrade { .. } => "upgrade".into(),
        _ => match work(change) {
            Some((_, names)) if names.is_empty() => return Ok(Make::tool(":")),
            Some((way, names)) => {
                let verb = match way {
                    Way::Install if change.how.option("latest").is_some() => "add -u",
                    Way::Install => "add",
                    Way::Remove => "del",
                };
                let words: String = names.iter().map(|n| format!(" {}", quote(n))).collect();
                format!("{verb}{words}")
            }
            None => return Err(ApplyError::unfit(change)),
        },
    };
    Ok(Make::tool(format!("apk {command}")))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn what_is_older_has_something_newer() {
        let texts = ["curl\n".to_owned(), "curl-8.1-r0\n".to_owned()];
        assert_eq!(read("curl", &texts).candidate.as_deref(), Some("newer"));
        assert_eq!(read("cur", &texts).version, None);
    }
}
