//! Which package manager and which service manager a host has.

use super::answer::Answer;
use super::distribution;

/// One of a closed set: the family's own tool where it is there, else the first that is.
pub(super) fn package_manager(answer: &Answer, release: &distribution::Release) -> &'static str {
    let has = |path: &str| answer.has(path);
    let apk = has("/sbin/apk") || has("/usr/bin/apk");
    match release.family.as_str() {
        "Debian" if has("/usr/bin/apt-get") => return "apt",
        "RedHat" if release.name != "Altlinux" => {
            if has("/run/ostree-booted") {
                return "atomic_container";
            }
            let major = release
                .version
                .split('.')
                .next()
                .and_then(|m| m.parse::<u32>().ok());
            let newest = release.name == "Fedora" && major.is_some_and(|m| m >= 41);
            let old = match release.name.as_str() {
                "Fedora" => major.is_some_and(|m| m < 23),
                "Amazon" => major.is_some_and(|m| m < 2022),
                _ => major.is_some_and(|m| m < 8),
            };
            let dnf = has("/usr/bin/dnf") || has("/usr/bin/dnf-3") || has("/usr/bin/microdnf");
            if has("/usr/bin/dnf5") && (newest || !dnf) {
                return "dnf5";
            }
            if old && has("/usr/bin/yum") {
                return "yum";
            }
            if dnf {
                return "dnf";
            }
            return if has("/usr/bin/yum") {
                "yum"
            } else {
                "unknown"
            };
        }
        "Suse" if has("/usr/bin/zypper") => return "zypper",
        "Alpine" if apk => return "apk",
        "Archlinux" if has("/usr/bin/pacman") => return "pacman",
        "Gentoo" if has("/usr/bin/emerge") => return "portage",
        "Altlinux" if has("/usr/bin/apt-get") => return "apt_rpm",
        _ => {}
    }
    let table = [
        ("/usr/bin/apt-get", "apt"),
        ("/usr/bin/dnf", "dnf"),
        ("/usr/bin/yum", "yum"),
        ("/usr/bin/zypper", "zypper"),
        ("/sbin/apk", "apk"),
        ("/usr/bin/apk", "apk"),
        ("/usr/bin/pacman", "pacman"),
        ("/usr/bin/emerge", "portage"),
        ("/usr/bin/xbps-install", "xbps"),
        ("/bin/opkg", "opkg"),
        ("/usr/sbin/urpmi", "urpmi"),
        ("/usr/bin/swupd", "swupd"),
        ("/usr/sbin/slackpkg", "slackpkg"),
        ("/usr/sbin/pkg", "pkgng"),
    ];
    table
        .iter()
        .find(|(path, _)| has(path))
        .map_or("unknown", |(_, name)| name)
}

/// By the name of the first process, or by what is lying about where that says nothing.
pub(super) fn service_manager(answer: &Answer) -> String {
    let first = answer.line("/proc/1/comm").unwrap_or_default();
    let known = match first {
        "procd" => "openwrt_init",
        "runit-init" => "runit",
        "svscan" => "svc",
        "openrc-init" => "openrc",
        "init" | "" => "",
        name if name.ends_with("sh") => "",
        name => name,
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    let has = |path: &str| answer.has(path);
    let marks = ["/run/systemd/system", "/dev/.run/systemd", "/dev/.systemd"];
    let guess = if marks.iter().any(|m| has(m)) || has("systemd-init") {
        "systemd"
    } else if (has("/sbin/initctl") || has("/usr/sbin/initctl")) && has("/etc/init") {
        "upstart"
    } else if has("/sbin/openrc") {
        "openrc"
    } else if has("/etc/init.d") {
        "sysvinit"
    } else {
        "service"
    };
    guess.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(files: &str, exists: &str) -> Answer {
        let text = format!(
            "files {}\n{files}exists {}\n{exists}",
            files.len(),
            exists.len()
        );
        Answer::read(text.as_bytes())
    }

    #[test]
    fn managers_are_those_that_are_there() {
        let debian = "/etc/os-release:ID=debian\n";
        let manager = |files: &str, exists: &str| {
            let answer = answer(files, exists);
            package_manager(&answer, &distribution::release(&answer))
        };
        assert_eq!(manager(debian, "/usr/bin/apt-get\n/usr/bin/dnf\n"), "apt");
        assert_eq!(manager("", "/usr/bin/yum\n"), "yum");
        let fedora =
            |v: &str| format!("/etc/os-release:ID=fedora\n/etc/os-release:VERSION_ID={v}\n");
        let both = "/usr/bin/dnf\n/usr/bin/dnf5\n";
        assert_eq!(
            (manager(&fedora("41"), both), manager(&fedora("40"), both)),
            ("dnf5", "dnf")
        );
        assert_eq!(manager("/etc/os-release:ID=../../sh\n", ""), "unknown");
    }

    #[test]
    fn the_first_process_tells_the_service_manager() {
        let manager = |comm: &str, exists: &str| {
            service_manager(&answer(&format!("/proc/1/comm:{comm}\n"), exists))
        };
        assert_eq!(manager("systemd", ""), "systemd");
        assert_eq!(manager("init", "/sbin/openrc\n/etc/init.d\n"), "openrc");
        assert_eq!(manager("init", "/etc/init.d\n"), "sysvinit");
        assert_eq!(manager("bash", "/run/systemd/system\n"), "systemd");
    }
}
