//! The ssh options that inventories carry (`ansible_ssh_common_args`), read without running ssh.

use super::{ErrorKind, HostError};

/// One `ssh_config` keyword with its value; the keyword in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Setting {
    pub key: String,
    pub value: String,
}

impl Setting {
    pub fn new(key: &str, value: impl Into<String>) -> Setting {
        Setting {
            key: key.to_ascii_lowercase(),
            value: value.into(),
        }
    }
}

/// Keywords that mean something to palisade. `config.rs` acts on each.
pub(crate) const KNOWN: &[&str] = &[
    "addressfamily",
    "batchmode",
    "bindaddress",
    "certificatefile",
    "connecttimeout",
    "connectionattempts",
    "globalknownhostsfile",
    "hashknownhosts",
    "hostkeyalias",
    "hostname",
    "identitiesonly",
    "identityagent",
    "identityfile",
    "kbdinteractiveauthentication",
    "passwordauthentication",
    "port",
    "proxycommand",
    "proxyjump",
    "pubkeyauthentication",
    "serveralivecountmax",
    "serveraliveinterval",
    "stricthostkeychecking",
    "user",
    "userknownhostsfile",
];

/// Keywords that change nothing for us: multiplexing, forwarding, terminals, logging, and lists of
/// algorithms that palisade chooses itself.
pub(crate) const HARMLESS: &[&str] = &[
    "addkeystoagent",
    "canonicalizemaxdots",
    "checkhostip",
    "ciphers",
    "clearallforwardings",
    "compression",
    "controlmaster",
    "controlpath",
    "controlpersist",
    "enableescapecommandline",
    "escapechar",
    "exitonforwardfailure",
    "fingerprinthash",
    "forkafterauthentication",
    "forwardagent",
    "forwardx11",
    "forwardx11timeout",
    "forwardx11trusted",
    "gssapiauthentication",
    "gssapidelegatecredentials",
    "gssapikeyexchange",
    "gssapitrustdns",
    "hostbasedauthentication",
    "hostkeyalgorithms",
    "identityagentforwarding",
    "ignoreunknown",
    "ipqos",
    "kexalgorithms",
    "loglevel",
    "logverbose",
    "macs",
    "nohostauthenticationforlocalhost",
    "numberofpasswordprompts",
    "obscurekeystroketiming",
    "permitlocalcommand",
    "preferredauthentications",
    "pubkeyacceptedalgorithms",
    "pubkeyacceptedkeytypes",
    "rekeylimit",
    "requesttty",
    "sendenv",
    "setenv",
    "streamlocalbindunlink",
    "syslogfacility",
    "tcpkeepalive",
    "updatehostkeys",
    "usekeychain",
    "verifyhostkeydns",
    "visualhostkey",
    "xauthlocation",
];

/// Reads arguments as ssh does. Each string may hold several words, quoted as in a shell.
pub(crate) fn parse(args: &[String]) -> Result<Vec<Setting>, HostError> {
    let mut words = Vec::new();
    for arg in args {
        words.extend(split(arg)?);
    }
    parse_words(words)
}

fn parse_words(words: Vec<String>) -> Result<Vec<Setting>, HostError> {
    let mut out = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let Some(flags) = word.strip_prefix('-').filter(|f| !f.is_empty()) else {
            return Err(refuse(&word, "is not an option"));
        };
        let mut rest = flags.chars();
        while let Some(flag) = rest.next() {
            if "qvTtnxXaAkKCN46".contains(flag) {
                match flag {
                    '4' => out.push(Setting::new("addressfamily", "inet")),
                    '6' => out.push(Setting::new("addressfamily", "inet6")),
                    _ => {}
                }
                continue;
            }
            let key = match flag {
                'o' => "",
                'J' => "proxyjump",
                'i' => "identityfile",
                'p' => "port",
                'l' => "user",
                'F' => "configfile",
                'b' => "bindaddress",
                'S' => "controlpath",
                'c' => "ciphers",
                'm' => "macs",
                _ => {
                    return Err(refuse(
                        &word,
                        "is not an ssh option that palisade understands",
                    ));
                }
            };
            let attached: String = rest.by_ref().collect();
            let value = if attached.is_empty() {
                words.next()
            } else {
                Some(attached)
            };
            let Some(value) = value else {
                return Err(refuse(&word, "has no value"));
            };
            add(&mut out, key, &value)?;
        }
    }
    Ok(out)
}

fn add(out: &mut Vec<Setting>, key: &str, value: &str) -> Result<(), HostError> {
    let (key, value) = if key.is_empty() {
        let (key, rest) = value
            .split_once(|c: char| c == '=' || c.is_ascii_whitespace())
            .ok_or_else(|| refuse(value, "has no value; write -o Key=Value"))?;
        (
            key.trim().to_ascii_lowercase(),
            unquote(rest.trim_matches([' ', '\t', '='])),
        )
    } else {
        (key.to_owned(), value)
    };
    if key == "proxycommand" {
        return match jump_of(value) {
            Some(settings) => {
                out.extend(settings);
                Ok(())
            }
            None => Err(refuse(value, "is not run from an inventory").hint(
                "use ProxyJump (-J user@bastion), or set ProxyCommand in your own ~/.ssh/config",
            )),
        };
    }
    if HARMLESS.contains(&key.as_str()) {
        return Ok(());
    }
    if key != "configfile" && !KNOWN.contains(&key.as_str()) {
        return Err(refuse(
            &key,
            "is not an ssh option that palisade understands",
        ));
    }
    if key == "port" && value.parse::<u16>().is_err() {
        return Err(refuse(value, "is not a port"));
    }
    out.push(Setting {
        key,
        value: value.to_owned(),
    });
    Ok(())
}

/// `ssh -W %h:%p [options] [user@]host`, the usual bastion idiom, is a jump. Options that say how the
/// bastion itself is reached become the setting `jumpargs`.
pub(crate) fn jump_of(command: &str) -> Option<Vec<Setting>> {
    let words = split(command).ok()?;
    let mut words = words.iter().map(String::as_str);
    if !matches!(words.next()?, "ssh" | "/usr/bin/ssh") {
        return None;
    }
    let (mut forward, mut host, mut args) = (false, None, Vec::new());
    while let Some(word) = words.next() {
        match word {
            "-W" => forward = matches!(words.next()?, "%h:%p" | "[%h]:%p"),
            _ if word.starts_with("-W") => forward = matches!(&word[2..], "%h:%p" | "[%h]:%p"),
            "-o" | "-i" | "-p" | "-l" | "-F" => args.extend([word, words.next()?]),
            _ if word.starts_with('-') => args.push(word),
            _ if host.is_some() => return None,
            _ => host = Some(word),
        }
    }
    let mut settings = vec![Setting::new("proxyjump", host.filter(|_| forward)?)];
    if !args.is_empty() {
        let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
        // What we do not understand must not be dropped in silence.
        parse_words(args.clone()).ok()?;
        settings.push(Setting::new("jumpargs", join(&args)));
    }
    Some(settings)
}

/// Words as one text that [`split`] takes apart again.
pub(crate) fn join(words: &[String]) -> String {
    let quoted = words
        .iter()
        .map(|word| format!("'{}'", word.replace('\'', "'\\''")));
    quoted.collect::<Vec<_>>().join(" ")
}

pub(crate) fn unquote(value: &str) -> &str {
    value
        .strip_prefix('"')
        .and_then(|v| v.strip_suffix('"'))
        .unwrap_or(value)
}

/// Words as a POSIX shell splits them, without any expansion.
pub(crate) fn split(text: &str) -> Result<Vec<String>, HostError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some('\''), c) => word.get_or_insert_default().push(c),
            (_, '\\') => {
                let next = chars
                    .next()
                    .ok_or_else(|| refuse(text, "ends in a backslash"))?;
                word.get_or_insert_default().push(next);
            }
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err(refuse(text, "has an open quote"));
    }
    words.extend(word);
    Ok(words)
}

fn refuse(what: &str, why: &str) -> HostError {
    HostError::new(
        ErrorKind::Unreachable,
        format!("ssh argument {what:?} {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        let all = parse(&[text.to_owned()]).unwrap();
        all.into_iter().map(|s| (s.key, s.value)).collect()
    }

    #[test]
    fn options_in_every_spelling() {
        let got = read("-o Port=2222 -oUser=bob -i ~/k -J a@b:1 -o 'StrictHostKeyChecking no' -qC");
        let keys: Vec<&str> = got.iter().map(|(k, _)| k.as_str()).collect();
        assert_eq!(
            keys,
            [
                "port",
                "user",
                "identityfile",
                "proxyjump",
                "stricthostkeychecking"
            ]
        );
        assert_eq!(got[4].1, "no");
        assert_eq!(read("-o ControlMaster=auto -o ControlPersist=60s"), []);
    }

    #[test]
    fn a_bastion_by_proxy_command_is_a_jump_and_others_are_not_run() {
        let got = read(r#"-o ProxyCommand="ssh -W %h:%p -q -p 2200 admin@bastion""#);
        let args = "'-q' '-p' '2200'";
        let jump = ("proxyjump".to_owned(), "admin@bastion".to_owned());
        assert_eq!(got, [jump, ("jumpargs".into(), args.into())]);
        assert_eq!(split(args).unwrap(), ["-q", "-p", "2200"]);
        let odd = vec!["a b".to_owned(), "it's".to_owned(), String::new()];
        assert_eq!(split(&join(&odd)).unwrap(), odd);
        assert!(parse(&["-o ProxyCommand='ssh -D 1 -W %h:%p b'".into()]).is_err());
        assert!(parse(&["-o ProxyCommand='nc %h %p'".into()]).is_err());
        assert!(parse(&["-o LocalCommand=id".into()]).is_err());
        assert!(parse(&["-D 1080".into()]).is_err());
        assert!(parse(&["-o 'User".into()]).is_err());
    }
}
