//! A real `sh`, local, with a prelude as short as can be.

use super::*;
use crate::host::local::LocalLink;

const NONCE: &str = "0123456789abcdef0123456789abcdef";

fn prelude() -> String {
    format!(
        "pl_r() {{ printf '\\n\\001%s %s %s\\n%s' \"$1\" \"$2\" \"${{#3}}\" \"$3\"; }}\n\
         pl_end() {{ printf '\\n\\001END {NONCE} %s %s\\n' \"$1\" \"$2\"; }}\n\
         printf '\\n\\001HELLO {NONCE} %s\\n' dash\n"
    )
}

async fn shell(command: &str) -> Result<(Shell, Hello), HostError> {
    open(&Launch::plain(command)).await
}

async fn open(launch: &Launch) -> Result<(Shell, Hello), HostError> {
    let link = LocalLink::new();
    let deadlines = Deadlines {
        hello: Duration::from_secs(5),
        ..Deadlines::default()
    };
    Shell::open(&link, launch, &prelude(), NONCE, &deadlines, None).await
}

#[tokio::test]
async fn noise_is_thrown_away_and_requests_are_answered() {
    let (mut shell, hello) = shell("echo motd; echo warning >&2; exec sh").await.unwrap();
    assert_eq!(
        (hello.text.as_str(), hello.noise.as_slice()),
        ("dash", &b"motd\n"[..])
    );
    assert_eq!(
        shell.request("pl_r 0 0 abc", None).await.unwrap(),
        b"\n\x010 0 3\nabc"
    );
    assert_eq!(shell.request("false", None).await.unwrap(), b"");
    assert_eq!((shell.status(), shell.requests()), (1, 2));
    assert_eq!(
        shell.request("cat; x=1", None).await.unwrap(),
        b"",
        "no standard input"
    );
    assert_eq!(
        shell.request("pl_r 0 0 $x", None).await.unwrap(),
        b"\n\x010 0 1\n1"
    );
}

#[tokio::test]
async fn a_large_request_and_reply() {
    let (mut shell, _) = shell("sh").await.unwrap();
    let text = "x".repeat(300_000);
    let reply = shell
        .request(&format!("pl_r 0 0 '{text}'"), None)
        .await
        .unwrap();
    assert_eq!(reply.len(), text.len() + "\n\x010 0 300000\n".len());
}

#[tokio::test]
async fn a_shell_that_ends_leaves_the_outcome_unknown() {
    let (mut shell, _) = shell("sh").await.unwrap();
    let error = shell
        .request("echo why >&2; exit 7", None)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Lost);
    assert!(
        error.message.contains("status 7") && error.message.contains("why"),
        "{error}"
    );
    assert!(!shell.is_usable());
    assert!(shell.request("true", None).await.is_err());
}

#[tokio::test]
async fn output_outside_of_frames_is_refused() {
    let (mut shell, _) = shell("sh").await.unwrap();
    let error = shell.request("echo stray", None).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Protocol);
}

#[tokio::test]
async fn a_deadline_leaves_the_shell_unusable() {
    let (mut shell, _) = shell("sh").await.unwrap();
    let error = shell
        .request("sleep 60", Some(Duration::from_millis(50)))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Deadline);
    assert!(!shell.is_usable());
}

#[tokio::test]
async fn no_shell_says_why() {
    let error = shell("echo 'This account is not available.'; exit 1")
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind, ErrorKind::NoShell);
    assert!(error.message.contains("not available"), "{error}");
}

/// A stand-in for `sudo -S`: asks on stderr, reads one line, then becomes a shell.
fn sudo(tries: &str) -> Launch {
    Launch {
        command: format!(
            "for try in {tries}; do printf 'TOKEN' >&2; read -r p; \
             [ \"$p\" = right ] && {{ echo READY; exec sh; }}; done; \
             echo 'sudo: incorrect password attempts' >&2; exit 1"
        ),
        ready: Some("READY\n".into()),
        prompt: None,
        pty: false,
        denied: vec!["is not in the sudoers file".into()],
    }
}

fn with(password: &str, launch: Launch) -> Launch {
    let prompt = Prompt {
        token: "TOKEN".into(),
        password: Secret::new(password),
    };
    Launch {
        prompt: Some(prompt),
        ..launch
    }
}

#[tokio::test]
async fn a_password_is_written_after_its_prompt_and_only_once() {
    let (mut shell, _) = open(&with("right", sudo("1 2 3"))).await.unwrap();
    assert_eq!(
        shell.request("pl_r 0 0 ok", None).await.unwrap(),
        b"\n\x010 0 2\nok"
    );
    for tries in ["1 2 3", "1"] {
        let error = open(&with("wrong", sudo(tries))).await.err().unwrap();
        assert_eq!(error.kind, ErrorKind::Become);
        assert!(error.message.contains("password is wrong"), "{error}");
        assert!(!error.message.contains("TOKEN"));
    }
}

#[tokio::test]
async fn a_password_is_not_run_by_a_shell_that_did_not_ask() {
    let launch = with(
        "touch-nothing",
        Launch {
            command: "echo READY; exec sh".into(),
            ready: Some("READY\n".into()),
            ..Launch::default()
        },
    );
    let (shell, _) = open(&launch).await.unwrap();
    assert_eq!(shell.errors(), "");
    let unready = Launch {
        ready: None,
        ..launch
    };
    assert_eq!(open(&unready).await.err().unwrap().kind, ErrorKind::Become);
}

#[tokio::test]
async fn nothing_of_the_ready_line_is_taken_for_output() {
    for (end, pause) in [("\\n", ""), ("\\r\\n", ""), ("", "sleep 0.1; echo; ")] {
        let launch = Launch {
            command: format!("printf 'motd READY-1{end}'; {pause}exec cat"),
            ready: Some("READY-1".into()),
            ..Launch::default()
        };
        let mut out = Vec::new();
        let time = Deadlines::default();
        let link = LocalLink::new();
        let done = crate::host::transfer::download(&link, &launch, &mut out, 9, &time, None).await;
        assert_eq!(
            (done.unwrap().status, out.as_slice()),
            (0, &b""[..]),
            "{end:?}"
        );
    }
}

#[tokio::test]
async fn who_may_not_become_is_told_so() {
    let launch = Launch {
        command: "echo 'bob is not in the sudoers file.' >&2; exit 1".into(),
        ..with("right", sudo("1"))
    };
    let error = open(&launch).await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::Become);
    assert!(error.message.contains("not allowed"), "{error}");
    let launch = Launch {
        command: "echo 'sudo: a password is required' >&2; exit 1".into(),
        ..sudo("1")
    };
    assert!(
        open(&launch)
            .await
            .err()
            .unwrap()
            .message
            .contains("needs a password")
    );
}

#[tokio::test]
async fn a_first_request_goes_out_with_the_prelude() {
    let link = LocalLink::new();
    let launch = Launch::plain("echo motd; exec sh");
    let deadlines = Deadlines::default();
    let first = Some("pl_r 0 0 abc; false");
    let opened = Shell::open(&link, &launch, &prelude(), NONCE, &deadlines, first).await;
    let (mut shell, hello) = opened.unwrap();
    assert_eq!((hello.text.as_str(), shell.is_usable()), ("dash", false));
    let mut reply = Vec::new();
    let mut record = |bytes: &[u8]| reply.extend_from_slice(bytes);
    shell.answer(None, None, &mut record).await.unwrap();
    assert_eq!(reply, b"\n\x010 0 3\nabc");
    assert_eq!((shell.status(), shell.requests()), (1, 1));
    let reply = shell.request("pl_r 0 0 def", None).await.unwrap();
    assert_eq!(reply, b"\n\x010 0 3\ndef");
}
