//! Routes from files written here, and the same through `ssh -G`.

use super::*;

fn around(folder: &Path, user: &str, system: &str) -> Surroundings {
    std::fs::create_dir_all(folder.join(".ssh")).unwrap();
    std::fs::write(folder.join(".ssh/config"), user).unwrap();
    std::fs::write(folder.join("system"), system).unwrap();
    let mut around = Surroundings::new(folder, "me");
    around.system_config = folder.join("system");
    around
}

async fn route(user: &str, system: &str, host: &str, first: Vec<Setting>) -> Route {
    let folder = tempfile::tempdir().unwrap();
    let configs = Configs::new(around(folder.path(), user, system));
    let mut route = (*configs.route(host, first).await.unwrap()).clone();
    let home = |path: &PathBuf| PathBuf::from("~").join(path.strip_prefix(folder.path()).unwrap());
    route.identities = route.identities.iter().map(home).collect();
    route
}

#[tokio::test]
async fn the_first_value_wins_and_identities_add_up() {
    let user = "Host web*\n HostName %h.example\n Port 2200\n IdentityFile ~/.ssh/a\n\
                Host *\n Port 22\n User bob\n IdentityFile ~/.ssh/b_%r\n IdentitiesOnly yes\n";
    let got = route(
        user,
        "Host *\n User other\n SendEnv LANG LC_*\n",
        "web1",
        vec![],
    )
    .await;
    assert_eq!(
        (got.host.as_str(), got.port, got.user.as_str()),
        ("web1.example", 2200, "bob")
    );
    let paths: Vec<_> = got.identities.iter().map(|p| p.to_str().unwrap()).collect();
    assert_eq!(paths, ["~/.ssh/a", "~/.ssh/b_bob"]);
    assert!(got.identities_only);
    let got = route(user, "", "db1", vec![Setting::new("port", "1")]).await;
    assert_eq!((got.host.as_str(), got.port), ("db1", 1));
}

#[tokio::test]
async fn nothing_set_is_what_openssh_does() {
    let got = route(
        "",
        "Include /etc/none/*.conf\nHost *\n HashKnownHosts yes\n",
        "h",
        vec![],
    );
    let got = got.await;
    assert_eq!(
        (got.port, got.user.as_str(), got.strict),
        (22, "me", Strict::Yes)
    );
    assert_eq!(got.identities.len(), 3);
    assert!(got.hash_known_hosts);
    assert_eq!(got.proxy, Proxy::None);
}

#[tokio::test]
async fn jumps_and_proxy_commands() {
    let user = "Host a\n ProxyJump u@b1:2200,b2\nHost c\n ProxyCommand nc %h %p\nHost d\n ProxyJump none\n\
                Host *\n ProxyCommand ssh -W %h:%p -q last\n";
    let got = route(user, "", "a", vec![]).await.proxy;
    assert_eq!(
        got,
        Proxy::Jump(vec!["u@b1:2200".into(), "b2".into()], None)
    );
    assert_eq!(
        route(user, "", "c", vec![]).await.proxy,
        Proxy::Command("nc c 22".into())
    );
    assert_eq!(route(user, "", "d", vec![]).await.proxy, Proxy::None);
    assert_eq!(
        route(user, "", "e", vec![]).await.proxy,
        Proxy::Jump(vec!["last".into()], Some("'-q'".into()))
    );
}

#[tokio::test]
async fn a_configuration_that_others_may_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let around = around(folder.path(), "User x\n", "");
    let path = folder.path().join(".ssh/config");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    assert!(Configs::new(around).route("h", vec![]).await.is_err());
}

/// Our own evaluation and `ssh -G` give the same route.
#[tokio::test]
async fn the_same_as_ssh_g() {
    if std::process::Command::new("ssh")
        .arg("-V")
        .output()
        .is_err()
    {
        return;
    }
    let user = "Host web1 alias\n  HostName web1.example\n  Port 2201\n  ServerAliveInterval 1m\n\
                Host !web1 *.example web*\n  User=deploy\n  UserKnownHostsFile ~/k1 \"~/k2\"\n\
                Match all\n  IdentityFile /keys/%r@%h:%p\n  HostKeyAlias Some-Alias\n  \
                ConnectTimeout 7\n  StrictHostKeyChecking accept-new\n  ProxyJump hop:23\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(&path, user).unwrap();
    let mut around = Surroundings::new(std::env::var("HOME").unwrap(), whoami());
    around.system_config = folder.path().join("none");
    for host in ["web1", "web2", "alias", "a.example", "other"] {
        let read = Read::new(&[(&path, true)], &around).unwrap();
        assert_eq!(read.beyond, None);
        let first = [Setting::new("port", "99"), Setting::new("user", "u")];
        for first in [&first[..0], &first[..1], &first[..]] {
            let ours = Settings::look_up(host, first, &read.items)
                .route(host, &around)
                .unwrap();
            let theirs = ask_ssh(host, first, Some(&path)).await.unwrap();
            let theirs = theirs.route(host, &around).unwrap();
            assert_eq!(ours, theirs, "{host}");
        }
    }
}

/// What only ssh can evaluate is left to it.
#[tokio::test]
async fn match_exec_is_answered_by_ssh() {
    if std::process::Command::new("ssh")
        .arg("-V")
        .output()
        .is_err()
    {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(&path, "Match exec \"test %h = web1\"\n User fromexec\n").unwrap();
    let configs = Configs::new(around(folder.path(), "", ""));
    let first = vec![Setting::new("configfile", path.to_string_lossy())];
    let got = configs.route("web1", first.clone()).await.unwrap();
    assert_eq!(got.user, "fromexec");
    let got = configs.route("web2", first).await.unwrap();
    assert_ne!(got.user, "fromexec");
}

fn whoami() -> String {
    let out = std::process::Command::new("id")
        .arg("-un")
        .output()
        .unwrap();
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}
