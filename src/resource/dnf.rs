//! Packages of Fedora's and Red Hat's: `rpm` for what is there, `dnf` (or `yum`) for the rest.

use super::apply::{ApplyError, Make};
use super::package::{NEEDED, PackageState, Way, work};
use super::script::{Script, quote};
use super::{Change, Resource, Want};

/// Records about packages: those there are, those that have something newer, who needs them.
pub(super) const WIDTH: usize = 3;

const TOOL: &str = "for pl_t in dnf dnf5 microdnf yum; do ! pl_has $pl_t || break; done\n\
                    pl_has $pl_t && pl_has rpm || exit 127\n";

pub(super) const INDEX: &str = "pl_has rpm || exit 127\n\
    for pl_t in dnf dnf5 microdnf yum; do ! pl_has $pl_t || break; done; pl_has $pl_t || exit 127\n\
    pl_x=0; for pl_q in /var/cache/dnf/*.solv /var/cache/libdnf5/*; do\n\
    [ ! -e \"$pl_q\" ] || { pl_y=$(stat -c %Y \"$pl_q\"); [ \"$pl_y\" -le \"$pl_x\" ] || pl_x=$pl_y; }\n\
    done; pl_p \"$pl_x \"; date +%s";

pub(super) const ASK_UPGRADE: &str = "pl_has rpm || exit 127\n\
    for pl_t in dnf dnf5 yum; do ! pl_has $pl_t || break; done; pl_has $pl_t || exit 127\n\
    $pl_t -q check-update | sed -n '/^Obsoleting/q; /^[^ ]/p'";

pub(super) fn ask(packages: &[(&str, Want)], script: &mut Script) {
    let words = |newest: bool| -> String {
        let these = packages
            .iter()
            .filter(|(_, w)| !newest || w.has(Want::CONTENT));
        these.map(|(n, _)| format!(" {}", quote(n))).collect()
    };
    // A name may be a package's or one that a package provides.
    script.ask(&format!(
        "{TOOL}for pl_q in{}; do\npl_x=$(rpm -q --qf '%{{EVR}}\\n' -- \"$pl_q\") || \
         pl_x=$(rpm -q --whatprovides --qf '%{{EVR}}\\n' -- \"$pl_q\") || continue\n\
         pl_p \"$pl_q\t$pl_x$pl_nl\"\ndone\n:",
        words(false)
    ));
    let newest = words(true);
    script.ask(&match newest.is_empty() {
        true => ":".into(),
        false => format!("{TOOL}$pl_t -q check-update{newest}\n:"),
    });
    let weighed = packages.iter().filter(|(_, w)| w.has(NEEDED));
    let weighed: String = weighed.map(|(n, _)| format!(" {}", quote(n))).collect();
    script.ask(&match weighed.is_empty() {
        true => ":".into(),
        false => format!(
            "pl_has rpm || exit 127\nfor pl_q in{weighed}; do\n\
             rpm -q --whatrequires --qf \"$pl_q\\t%{{NAME}}\\n\" -- \"$pl_q\" | grep '\t'\ndone\n:"
        ),
    });
}

pub(super) fn read(name: &str, texts: &[String]) -> PackageState {
    let [there, newer, needs] = texts else {
        return PackageState::default();
    };
    let own = there
        .lines()
        .find_map(|l| l.strip_prefix(name)?.strip_prefix('\t'));
    // `name.arch  version  repository`
    let offer = newer.lines().find_map(|l| {
        let mut words = l.split_whitespace();
        let first = words.next()?;
        let same = first == name || first.rsplit_once('.').is_some_and(|(n, _)| n == name);
        words.next().filter(|_| same)
    });
    let version = own.map(str::to_owned);
    let candidate = offer.map(str::to_owned).or_else(|| version.clone());
    let needs = needs.lines().filter_map(|l| l.split_once('\t'));
    let needs = needs.filter(|(on, by)| *on == name && *by != name);
    let mut needed_by: Vec<String> = needs.map(|(_, by)| by.to_owned()).collect();
    needed_by.sort();
    needed_by.dedup();
    PackageState {
        needed_by,
        version,
        candidate,
        ..PackageState::default()
    }
}

pub(super) fn make(change: &Change) -> Result<Make, ApplyError> {
    let command = match &change.on {
        Resource::PackageIndex(_) => "makecache".into(),
        Resource::PackageUpgrade { .. } => "upgrade".into(),
        _ => match work(change) {
            Some((_, names)) if names.is_empty() => return Ok(Make::tool(":")),
            Some((way, names)) => {
                let verb = match way {
                    Way::Install if change.how.option("latest").is_some() => "upgrade_or_install",
                    Way::Install => "install",
                    Way::Remove => "remove",
                };
                let names: String = names
                    .iter()
                    .map(|n| format!(" {}", quote(&n.replacen('=', "-", 1))))
                    .collect();
                if verb == "upgrade_or_install" {
                    // `upgrade` passes over what is not there.
                    return Ok(Make::tool(format!(
                        "{TOOL}$pl_t -y install{names} && $pl_t -y upgrade{names}"
                    )));
                }
                format!("{verb}{names}")
            }
            None => return Err(ApplyError::unfit(change)),
        },
    };
    Ok(Make::tool(format!("{TOOL}$pl_t -y {command}")))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn versions_and_offers_are_found_by_name() {
        let texts = [
            "vim-enhanced\t2:9.0-1\n".to_owned(),
            "\nvim-enhanced.x86_64  2:9.1-1  updates\n".to_owned(),
            "vim-enhanced\tvim-plugins\n".to_owned(),
        ];
        let state = read("vim-enhanced", &texts);
        assert_eq!(state.version.as_deref(), Some("2:9.0-1"));
        assert_eq!(state.candidate.as_deref(), Some("2:9.1-1"));
        assert_eq!(read("vim", &texts).version, None);
    }
}
