//! Servers that misbehave: what they send is bounded, what they ask for is refused, what they leave
//! out is unknown, and nothing stays open.

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use palisade::host::ssh::Gauge;
use palisade::host::{
    Chunk, DialOptions, Dialer, ErrorKind, HostError, Link, SshTarget, Surroundings, Target,
};
use palisade::source::Secret;
use russh::keys::PrivateKey;
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Response, Session, run_stream};
use russh::{Channel, ChannelId, MethodKind, MethodSet, Preferred};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone, Default)]
struct Server {
    banner: usize,
    keyboard: bool,
    more_prompts: bool,
    hang_up_at_login: bool,
    open_channels: bool,
    logins: Arc<AtomicUsize>,
    opened: Arc<Mutex<Vec<bool>>>,
}

impl Handler for Server {
    type Error = russh::Error;

    async fn authentication_banner(&mut self) -> Result<Option<String>, russh::Error> {
        Ok((self.banner > 0).then(|| "\u{1b}[31mbanner ".repeat(self.banner / 12)))
    }

    async fn auth_password(&mut self, _user: &str, password: &str) -> Result<Auth, russh::Error> {
        if self.keyboard {
            return Ok(Auth::UnsupportedMethod);
        }
        self.logins.fetch_add(1, Ordering::SeqCst);
        if self.hang_up_at_login {
            return Err(russh::Error::Disconnect);
        }
        Ok(if password == "right" {
            Auth::Accept
        } else {
            Auth::reject()
        })
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _user: &str,
        _methods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        if !self.keyboard {
            return Ok(Auth::reject());
        }
        let Some(mut response) = response else {
            let mut prompts = vec![(Cow::Borrowed("Password: "), false)];
            if self.more_prompts {
                prompts.push((Cow::Borrowed("One-time code: "), false));
            }
            let (name, instructions) = (Cow::Borrowed(""), Cow::Borrowed(""));
            return Ok(Auth::Partial {
                name,
                instructions,
                prompts: Cow::Owned(prompts),
            });
        };
        self.logins.fetch_add(1, Ordering::SeqCst);
        let right = response
            .next()
            .is_some_and(|answer| &answer[..] == b"right");
        Ok(if right { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_succeeded(&mut self, session: &mut Session) -> Result<(), russh::Error> {
        if self.open_channels {
            let (handle, opened) = (session.handle(), self.opened.clone());
            tokio::spawn(async move {
                for _ in 0..20 {
                    let got = [
                        handle.channel_open_agent().await.is_ok(),
                        handle.channel_open_session().await.is_ok(),
                        handle.channel_open_x11("a", 1).await.is_ok(),
                        handle
                            .channel_open_forwarded_tcpip("a", 1, "b", 2)
                            .await
                            .is_ok(),
                        handle
                            .channel_open_direct_tcpip("127.0.0.1", 22, "b", 2)
                            .await
                            .is_ok(),
                        handle
                            .channel_open_forwarded_streamlocal("/tmp/x")
                            .await
                            .is_ok(),
                        handle
                            .channel_open_direct_streamlocal("/tmp/x")
                            .await
                            .is_ok(),
                    ];
                    opened.lock().unwrap().extend(got);
                }
            });
        }
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        match command {
            b"no status" => {
                session.data(id, &b"done"[..])?;
                session.eof(id)?;
                session.close(id)
            }
            b"two" => {
                session.exit_status_request(id, 3)?;
                session.exit_status_request(id, 0)?;
                session.close(id)
            }
            b"late" => {
                session.close(id)?;
                session.exit_status_request(id, 0)
            }
            b"cut" => {
                session.exit_status_request(id, 0)?;
                Err(russh::Error::Disconnect)
            }
            b"gone" => Err(russh::Error::Disconnect),
            b"flood" => {
                let handle = session.handle();
                tokio::spawn(
                    async move { while handle.data(id, vec![b'x'; 30_000]).await.is_ok() {} },
                );
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

struct Started {
    dialer: Dialer,
    target: Target,
    server: Server,
}

impl Started {
    async fn connect(&self) -> Result<Box<dyn Link>, HostError> {
        self.dialer.connect(&self.target).await
    }
}

/// A dialer that trusts whatever listens on this port, and gives up soon.
fn client(port: u16, password: &str) -> (Dialer, Target) {
    let mut options = DialOptions::new(Surroundings::new("/nonexistent", "me"));
    options.host_key_checking = Some(false);
    options.deadlines.handshake = Duration::from_millis(300);
    options.deadlines.auth = Duration::from_secs(5);
    options.deadlines.channel = Duration::from_millis(500);
    let target = SshTarget {
        host: "127.0.0.1".into(),
        port: Some(port),
        password: Some(Secret::new(password)),
        args: vec!["-F none".into()],
        ..SshTarget::default()
    };
    (Dialer::new(options), Target::ssh("fake", target))
}

async fn serve(server: Server, password: &str) -> Started {
    serve_with(server, password, Preferred::default()).await
}

async fn serve_with(server: Server, password: &str, preferred: Preferred) -> Started {
    let seed = [7; 32];
    let pair = russh::keys::ssh_key::private::Ed25519Keypair::from_seed(&seed);
    let methods = match server.keyboard {
        true => [MethodKind::PublicKey, MethodKind::KeyboardInteractive],
        false => [MethodKind::PublicKey, MethodKind::Password],
    };
    let config = Arc::new(Config {
        keys: vec![PrivateKey::from(pair)],
        methods: MethodSet::from(&methods[..]),
        auth_rejection_time: Duration::from_millis(1),
        preferred,
        ..Config::default()
    });
    let handler = server.clone();
    let port = listen(move |stream| {
        let (config, handler) = (config.clone(), handler.clone());
        async move {
            if let Ok(session) = run_stream(config, stream, handler).await {
                let _ = session.await;
            }
        }
    })
    .await;
    let (dialer, target) = client(port, password);
    Started {
        dialer,
        target,
        server,
    }
}

/// Runs `serve` for every connection; gives the port.
async fn listen<F, W>(serve: F) -> u16
where
    F: Fn(TcpStream) -> W + Send + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    port
}

async fn nothing_is_open(gauge: &Gauge) {
    for _ in 0..200 {
        if gauge.now() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{} connections are still open", gauge.now());
}

/// The exit status of a command, if one counts, and its output.
async fn outcome(link: &dyn Link, command: &str) -> (Option<i32>, Vec<u8>) {
    let mut pipe = link.start(command, false).await.unwrap();
    let (mut status, mut out) = (None, Vec::new());
    loop {
        match pipe.read().await.unwrap() {
            Chunk::Out(bytes) => out.extend(bytes),
            Chunk::Exit(code) => assert_eq!(status.replace(code), None, "one status only"),
            Chunk::Err(_) => {}
            Chunk::End => return (status, out),
        }
    }
}

#[tokio::test]
async fn an_exit_status_is_what_was_sent_first_and_in_time_or_unknown() {
    let started = serve(Server::default(), "right").await;
    let link = started.connect().await.unwrap();
    assert_eq!(outcome(&*link, "no status").await, (None, b"done".to_vec()));
    assert_eq!(outcome(&*link, "two").await.0, Some(3));
    assert_eq!(outcome(&*link, "late").await.0, None);
    assert_eq!(outcome(&*link, "gone").await.0, None);
    assert!(link.is_lost());
    assert!(matches!(
        link.start("x", false).await.err().unwrap().kind,
        ErrorKind::Lost
    ));
    drop(link);
    nothing_is_open(&started.dialer.gauge()).await;
}

#[tokio::test]
async fn a_host_opens_no_channel_towards_us() {
    let server = Server {
        open_channels: true,
        ..Server::default()
    };
    let started = serve(server, "right").await;
    let link = started.connect().await.unwrap();
    for _ in 0..400 {
        if started.server.opened.lock().unwrap().len() == 140 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let opened = started.server.opened.lock().unwrap().clone();
    assert_eq!(
        (opened.len(), opened.iter().filter(|ok| **ok).count()),
        (140, 0)
    );
    assert_eq!(
        outcome(&*link, "two").await.0,
        Some(3),
        "the session still works"
    );
}

#[tokio::test]
async fn a_wrong_password_is_sent_once_and_a_cut_is_not_a_wrong_password() {
    let started = serve(
        Server {
            banner: 200_000,
            ..Server::default()
        },
        "wrong",
    )
    .await;
    let error = started.connect().await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::Auth, "{error}");
    assert!(error.message.len() < 1000 && !error.message.contains('\u{1b}'));
    assert!(
        !error.message.contains("wrong"),
        "the password is not shown"
    );
    assert_eq!(started.server.logins.load(Ordering::SeqCst), 1);
    nothing_is_open(&started.dialer.gauge()).await;

    let started = serve(
        Server {
            hang_up_at_login: true,
            ..Server::default()
        },
        "right",
    )
    .await;
    let error = started.connect().await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
    nothing_is_open(&started.dialer.gauge()).await;
}

#[tokio::test]
async fn keyboard_interactive_answers_one_hidden_prompt() {
    let keyboard = Server {
        keyboard: true,
        ..Server::default()
    };
    assert!(
        serve(keyboard.clone(), "right")
            .await
            .connect()
            .await
            .is_ok()
    );
    let error = serve(keyboard.clone(), "wrong")
        .await
        .connect()
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind, ErrorKind::Auth);
    let started = serve(
        Server {
            more_prompts: true,
            ..keyboard
        },
        "right",
    )
    .await;
    let error = started.connect().await.err().unwrap();
    assert!(error.message.contains("One-time code"), "{error}");
    assert_eq!(
        started.server.logins.load(Ordering::SeqCst),
        2,
        "nothing more was answered"
    );
}

#[tokio::test]
async fn an_unread_flood_ends_with_its_pipe() {
    let started = serve(Server::default(), "right").await;
    let link = started.connect().await.unwrap();
    let mut pipe = link.start("flood", false).await.unwrap();
    assert!(matches!(pipe.read().await.unwrap(), Chunk::Out(_)));
    drop(pipe);
    assert_eq!(outcome(&*link, "two").await.0, Some(3));
}

#[tokio::test]
async fn weak_algorithms_are_refused_by_name() {
    let weak = Preferred {
        kex: Cow::Borrowed(&[russh::kex::DH_G1_SHA1]),
        ..Preferred::default()
    };
    let started = serve_with(Server::default(), "right", weak).await;
    let error = started.connect().await.err().unwrap();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(
        error.message.contains("diffie-hellman-group1-sha1"),
        "{error}"
    );
}

/// A server that is none: what it does with each connection, and what is said of it.
async fn answer_to<F, W>(serve: F) -> (HostError, Duration)
where
    F: Fn(TcpStream) -> W + Send + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    let (dialer, target) = client(listen(serve).await, "right");
    let start = Instant::now();
    let error = dialer.connect(&target).await.err().unwrap();
    let time = start.elapsed();
    nothing_is_open(&dialer.gauge()).await;
    (error, time)
}

#[tokio::test]
async fn silence_and_drips_end_at_the_deadline_and_leave_nothing_open() {
    let silent = |stream: TcpStream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    };
    let (error, time) = answer_to(silent).await;
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(
        error.message.contains("said nothing") && time < Duration::from_secs(2),
        "{error}"
    );
    let named = |mut stream: TcpStream| async move {
        let _ = stream.write_all(b"SSH-2.0-fake\r\n").await;
        std::future::pending::<()>().await;
    };
    let (error, _) = answer_to(named).await;
    assert!(error.message.contains("key exchange in time"), "{error}");
    let drip = |mut stream: TcpStream| async move {
        while stream.write_all(b"S").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let (error, time) = answer_to(drip).await;
    assert!(time < Duration::from_secs(2), "{error}");
}

#[tokio::test]
async fn what_is_not_an_ssh_server_is_named() {
    let http = |mut stream: TcpStream| async move {
        let _ = stream
            .write_all(b"HTTP/1.1 400 Bad \x1b[31mRequest\r\n\r\n")
            .await;
    };
    let (error, _) = answer_to(http).await;
    assert!(
        error
            .message
            .contains("not an SSH server: it says \"HTTP/1.1 400 Bad"),
        "{error}"
    );
    let punish = |mut stream: TcpStream| async move {
        let _ = stream.write_all(b"Not allowed at this time\r\n").await;
    };
    let (error, time) = answer_to(punish).await;
    assert!(error.message.contains("PerSourcePenalties"), "{error}");
    assert!(time < Duration::from_secs(1), "it is not asked again");
}

#[tokio::test]
async fn giving_up_half_way_leaves_nothing_open() {
    let port = listen(|stream: TcpStream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let (dialer, target) = client(port, "right");
    let gauge = dialer.gauge();
    let attempt = tokio::time::timeout(Duration::from_millis(50), dialer.connect(&target));
    assert!(attempt.await.is_err());
    nothing_is_open(&gauge).await;
}
