//! Which system it is: `distribution*` and `os_family`.

use std::collections::BTreeMap;

use serde_yaml::{Mapping, Value};

use super::answer::{Answer, assignments};
use super::put;

/// A system by the `ID` of its os-release.
struct Row {
    id: &'static str,
    name: &'static str,
    /// The file Ansible knows it by, and the name of its way of reading that.
    file: &'static str,
    variety: &'static str,
}

const fn row(
    id: &'static str,
    name: &'static str,
    file: &'static str,
    variety: &'static str,
) -> Row {
    Row {
        id,
        name,
        file,
        variety,
    }
}

const OS: &str = "/etc/os-release";
const RH: &str = "/etc/redhat-release";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("debian", "Debian", OS, "Debian"),
    row("ubuntu", "Ubuntu", OS, "Debian"),
    row("linuxmint", "Linux Mint", OS, "Debian"),
    row("kali", "Kali", OS, "Debian"),
    row("raspbian", "Debian", OS, "Debian"),
    row("devuan", "Devuan", OS, "Debian"),
    row("pop", "Pop!_OS", OS, "NA"),
    row("neon", "KDE neon", OS, "Debian"),
    row("parrot", "Parrot", OS, "Debian"),
    row("deepin", "Deepin", OS, "Debian"),
    row("uos", "Uos", OS, "Debian"),
    row("cumulus-linux", "Cumulus Linux", OS, "Debian"),
    row("rhel", "RedHat", RH, "RedHat"),
    row("centos", "CentOS", RH, "RedHat"),
    row("rocky", "Rocky", RH, "RedHat"),
    row("almalinux", "AlmaLinux", RH, "RedHat"),
    row("fedora", "Fedora", RH, "RedHat"),
    row("virtuozzo", "Virtuozzo", RH, "RedHat"),
    row("scientific", "Scientific", RH, "RedHat"),
    row("eurolinux", "EuroLinux", RH, "RedHat"),
    row("kylin", "Kylin Linux Advanced Server", RH, "RedHat"),
    row("ol", "OracleLinux", "/etc/oracle-release", "OracleLinux"),
    row("amzn", "Amazon", OS, "Amazon"),
    row("alpine", "Alpine", "/etc/alpine-release", "Alpine"),
    row("arch", "Archlinux", "/etc/arch-release", "Archlinux"),
    row("manjaro", "Archlinux", "/etc/arch-release", "Archlinux"),
    row("opensuse-leap", "openSUSE Leap", OS, "SUSE"),
    row("opensuse-tumbleweed", "openSUSE Tumbleweed", OS, "SUSE"),
    row("opensuse-microos", "openSUSE MicroOS", OS, "SUSE"),
    row("opensuse", "openSUSE", OS, "SUSE"),
    row("sles", "SLES", OS, "SUSE"),
    row("sles_sap", "SLES_SAP", OS, "SUSE"),
    row("sled", "SLED", OS, "SUSE"),
    row("sle-micro", "SLE Micro", OS, "SUSE"),
    row("gentoo", "Gentoo", OS, "NA"),
    row("flatcar", "Flatcar", OS, "Flatcar"),
    row("coreos", "Coreos", OS, "Coreos"),
    row("openwrt", "OpenWrt", "/etc/openwrt_release", "OpenWrt"),
    row("slackware", "Slackware", "/etc/slackware-version", "Slackware"),
    row("altlinux", "Altlinux", "/etc/altlinux-release", "Altlinux"),
    row("openEuler", "openEuler", OS, "NA"),
];

#[rustfmt::skip]
const FAMILIES: &[(&str, &[&str])] = &[
    ("RedHat", &["RedHat", "RHEL", "Fedora", "CentOS", "Scientific", "SLC", "Ascendos", "CloudLinux",
        "PSBM", "OracleLinux", "OVS", "OEL", "Amazon", "Amzn", "Virtuozzo", "XenServer", "Alibaba",
        "EulerOS", "openEuler", "AlmaLinux", "Rocky", "TencentOS", "EuroLinux", "Miracle Linux",
        "MIRACLE", "Kylin Linux Advanced Server"]),
    ("Debian", &["Debian", "Ubuntu", "Raspbian", "Neon", "KDE neon", "Linux Mint", "SteamOS",
        "Devuan", "Kali", "Cumulus Linux", "Cumulus-linux", "Pop!_OS", "Parrot", "Pardus GNU/Linux",
        "Uos", "Deepin", "OSMC", "Linuxmint"]),
    ("Suse", &["SuSE", "SLES", "SLED", "openSUSE", "openSUSE Tumbleweed", "openSUSE Leap",
        "openSUSE MicroOS", "SLES_SAP", "SUSE_LINUX", "ALP-Dolomite", "SL-Micro"]),
    ("Archlinux", &["Archlinux", "Antergos", "Manjaro"]),
    ("Mandrake", &["Mandrake", "Mandriva"]),
    ("Solaris", &["Solaris", "Nexenta", "OmniOS", "OpenIndiana", "SmartOS"]),
    ("Slackware", &["Slackware"]),
    ("Altlinux", &["Altlinux"]),
    ("SMGL", &["SMGL"]),
    ("Gentoo", &["Gentoo", "Funtoo"]),
    ("Alpine", &["Alpine"]),
    ("AIX", &["AIX"]),
    ("HP-UX", &["HPUX"]),
    ("Darwin", &["MacOSX"]),
    ("FreeBSD", &["FreeBSD", "TrueOS"]),
    ("ClearLinux", &["Clear Linux OS", "Clear Linux Mix"]),
    ("DragonFly", &["DragonflyBSD", "DragonFlyBSD", "Gentoo/DragonflyBSD", "Gentoo/DragonFlyBSD"]),
    ("NetBSD", &["NetBSD"]),
];

/// The family of a distribution; one that is of none is its own.
fn family(distribution: &str) -> &str {
    FAMILIES
        .iter()
        .find(|(_, members)| members.contains(&distribution))
        .map_or(distribution, |(family, _)| family)
}

/// What is known of the system.
#[derive(Debug, Default)]
pub(super) struct Release {
    pub(super) os: BTreeMap<String, String>,
    pub(super) name: String,
    pub(super) version: String,
    /// `None` where nothing says; empty where the system says that it has none.
    codename: Option<String>,
    minor: Option<String>,
    pub(super) family: String,
    file: &'static str,
    variety: &'static str,
}

pub(super) fn release(answer: &Answer) -> Release {
    let mut lines = answer.lines("/etc/os-release");
    if lines.is_empty() {
        lines = answer.lines("/usr/lib/os-release");
    }
    let os = assignments(lines);
    let get = |name: &str| os.get(name).map_or("", String::as_str);
    let id = get("ID").to_owned();
    let first = |path: &str| answer.line(path).unwrap_or_default().to_owned();
    let red_hat = first("/etc/redhat-release");
    let row = ROWS.iter().find(|row| row.id == id);
    let mut out = Release {
        name: row.map_or_else(|| get("NAME").to_owned(), |row| row.name.to_owned()),
        version: get("VERSION_ID").to_owned(),
        codename: codename(&os),
        file: row.map_or(OS, |row| row.file),
        variety: row.map_or("NA", |row| row.variety),
        ..Release::default()
    };
    match id.as_str() {
        "debian" | "raspbian" => {
            let exact = first("/etc/debian_version");
            let minor = exact.split_once('.').map(|(_, minor)| minor.to_owned());
            out.minor = minor.filter(|m| m.bytes().all(|b| b.is_ascii_digit()));
            if id == "debian" && !exact.is_empty() {
                out.version = exact;
            }
        }
        "centos" => {
            let centos = first("/etc/centos-release");
            if let Some(exact) = version_in(&centos).or_else(|| version_in(&red_hat)) {
                let two: Vec<&str> = exact.splitn(3, '.').take(2).collect();
                out.version = two.join(".");
            }
            if centos.contains("Stream") || red_hat.contains("Stream") {
                out.codename = Some("Stream".into());
                (out.file, out.variety) = ("/etc/centos-release", "CentOS");
            }
        }
        "amzn" => out.minor = Some("NA".into()),
        "alpine" => {
            let exact = first("/etc/alpine-release");
            if !exact.is_empty() {
                out.version = exact;
            }
        }
        "" => unnamed(answer, &red_hat, &mut out),
        _ if out.variety == "SUSE" => {
            let service_pack = out.version.split_once('.').map(|(_, pack)| pack.to_owned());
            out.codename = Some(service_pack.unwrap_or_default());
        }
        _ => {}
    }
    out.os = os;
    out.family = family(&out.name).to_owned();
    out
}

/// A system without os-release, by the files that tell older ones apart.
fn unnamed(answer: &Answer, red_hat: &str, out: &mut Release) {
    let table = [
        ("/etc/alpine-release", "Alpine"),
        ("/etc/openwrt_release", "OpenWrt"),
        ("/etc/slackware-version", "Slackware"),
        ("/etc/gentoo-release", "Gentoo"),
        ("/etc/arch-release", "Archlinux"),
        ("/etc/debian_version", "Debian"),
    ];
    if !red_hat.is_empty() {
        let first = red_hat.split(' ').next().unwrap_or_default();
        out.name = if first == "Red" {
            "RedHat".into()
        } else {
            first.to_owned()
        };
        out.version = version_in(red_hat).unwrap_or_default().to_owned();
        out.codename = parenthesis(red_hat);
        (out.file, out.variety) = (RH, "RedHat");
    } else if let Some((file, name)) = table.iter().find(|(file, _)| answer.has(file)) {
        out.name = (*name).to_owned();
        out.version = version_in(answer.line(file).unwrap_or_default())
            .unwrap_or_default()
            .to_owned();
        (out.file, out.variety) = (file, name);
    } else {
        out.name = answer
            .line("/proc/sys/kernel/ostype")
            .unwrap_or("Linux")
            .to_owned();
    }
}

/// The name of a release: its own line, or what stands in parentheses behind the version.
fn codename(os: &BTreeMap<String, String>) -> Option<String> {
    let get = |name: &str| os.get(name).map(String::as_str);
    get("VERSION_CODENAME")
        .or_else(|| get("UBUNTU_CODENAME"))
        .map(str::to_owned)
        .or_else(|| parenthesis(get("VERSION")?))
}

fn parenthesis(text: &str) -> Option<String> {
    let (_, rest) = text.rsplit_once('(')?;
    Some(rest.split(')').next()?.trim().to_owned())
}

/// The first word that begins with a digit.
fn version_in(text: &str) -> Option<&str> {
    text.split_whitespace()
        .find(|w| w.starts_with(|c: char| c.is_ascii_digit()))
}

pub(super) fn read(answer: &Answer, out: &mut Mapping) {
    let release = release(answer);
    let major = release.version.split('.').next().unwrap_or_default();
    let or_na = |text: &str| Value::from(if text.is_empty() { "NA" } else { text });
    put(out, "distribution", release.name.clone());
    put(out, "distribution_version", or_na(&release.version));
    put(out, "distribution_major_version", or_na(major));
    put(
        out,
        "distribution_release",
        release.codename.as_deref().unwrap_or("NA"),
    );
    if let Some(minor) = release.minor {
        put(out, "distribution_minor_version", minor);
    }
    if !release.file.is_empty() {
        put(out, "distribution_file_path", release.file);
        put(out, "distribution_file_variety", release.variety);
    }
    if !release.file.is_empty() && release.variety != "Archlinux" {
        put(out, "distribution_file_parsed", true);
    }
    let sought = match release.name.as_str() {
        "RedHat" => Some("Red Hat"),
        "OracleLinux" => Some("Oracle Linux"),
        _ => None,
    };
    if let Some(sought) = sought {
        put(out, "distribution_file_search_string", sought);
    }
    put(out, "os_family", release.family);
}
