//! The stream under a session: counts bytes, remembers how the peer began, and can be cut.
//!
//! russh runs a session in a task of its own that a dropped future does not stop. Cutting the
//! stream does: every read and write fails from then on, the task ends and the socket closes.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::host::Traffic;

/// What a peer says before its id string is shown when it hangs up there; no more is kept.
const OPENING: usize = 256;

/// Sockets and channels that sessions hold open now, so that tests can see a leak.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<AtomicUsize>);

impl Gauge {
    pub fn now(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// The switch and counters of one [`Wire`], held by whoever may cut it.
#[derive(Clone, Default)]
pub(crate) struct Cut(Arc<Shared>);

#[derive(Default)]
struct Shared {
    cut: AtomicBool,
    sent: AtomicU64,
    received: AtomicU64,
    opening: Mutex<Vec<u8>>,
    /// The waiting reader and the waiting writer.
    waiting: Mutex<[Option<Waker>; 2]>,
}

impl Cut {
    pub(crate) fn cut(&self) {
        self.0.cut.store(true, Ordering::SeqCst);
        let wakers = match self.0.waiting.lock() {
            Ok(mut waiting) => std::mem::take(&mut *waiting),
            Err(_) => return,
        };
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.0.cut.load(Ordering::SeqCst)
    }

    pub(crate) fn traffic(&self) -> Traffic {
        Traffic {
            sent: self.0.sent.load(Ordering::Relaxed),
            received: self.0.received.load(Ordering::Relaxed),
        }
    }

    /// The first bytes that came, for telling a server that is full from one that is none.
    pub(crate) fn opening(&self) -> String {
        match self.0.opening.lock() {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(_) => String::new(),
        }
    }

    fn wait(&self, side: usize, cx: &Context<'_>) {
        if let Ok(mut waiting) = self.0.waiting.lock() {
            match &waiting[side] {
                Some(waker) if waker.will_wake(cx.waker()) => {}
                _ => waiting[side] = Some(cx.waker().clone()),
            }
        }
    }
}

/// Cuts when dropped, unless kept: a connect that is given up must not go on.
pub(crate) struct CutOnDrop(Option<Cut>);

impl CutOnDrop {
    pub(crate) fn new(cut: &Cut) -> CutOnDrop {
        CutOnDrop(Some(cut.clone()))
    }

    pub(crate) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        if let Some(cut) = &self.0 {
            cut.cut();
        }
    }
}

/// Bytes to and from a server: a socket, a channel of a jump host, or a command's pipes.
pub(crate) trait Carrier: AsyncRead + AsyncWrite + Send + Unpin {
    /// Called after each read that brought something.
    fn after_read(&self) {}
}

impl Carrier for TcpStream {
    /// Delayed acknowledgements cost 40 ms in each step of a handshake; Linux forgets the option.
    fn after_read(&self) {
        #[cfg(target_os = "linux")]
        let _ = rustix::net::sockopt::set_tcp_quickack(self, true);
    }
}

pub(crate) struct Wire {
    inner: Box<dyn Carrier>,
    cut: Cut,
    gauge: Gauge,
    /// Read and not yet asked for. russh asks for four bytes, then for the rest of a packet; with
    /// this, that is one system call.
    held: Box<[u8]>,
    from: usize,
    to: usize,
}

/// Room for the packets of a handshake; larger reads go past it.
const HELD: usize = 4096;

impl Wire {
    pub(crate) fn new(inner: Box<dyn Carrier>, cut: &Cut, gauge: &Gauge) -> Wire {
        gauge.0.fetch_add(1, Ordering::SeqCst);
        let (cut, gauge) = (cut.clone(), gauge.clone());
        Wire {
            inner,
            cut,
            gauge,
            held: vec![0; HELD].into(),
            from: 0,
            to: 0,
        }
    }

    fn count(&self, new: &[u8]) {
        if new.is_empty() {
            return;
        }
        let shared = &self.cut.0;
        let seen = shared
            .received
            .fetch_add(new.len() as u64, Ordering::Relaxed);
        if seen < OPENING as u64
            && let Ok(mut opening) = shared.opening.lock()
        {
            let room = OPENING - opening.len();
            opening.extend_from_slice(&new[..new.len().min(room)]);
        }
        self.inner.after_read();
    }

    fn gone() -> io::Error {
        io::Error::new(io::ErrorKind::ConnectionAborted, "connection given up")
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.gauge.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.cut.wait(0, cx);
        if self.cut.is_cut() {
            return Poll::Ready(Err(Wire::gone()));
        }
        if self.from == self.to {
            if buf.remaining() >= HELD {
                let before = buf.filled().len();
                let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
                self.count(&buf.filled()[before..]);
                return polled;
            }
            let Wire { inner, held, .. } = &mut *self;
            let mut fresh = ReadBuf::new(held);
            match Pin::new(inner).poll_read(cx, &mut fresh) {
                Poll::Ready(Ok(())) => {}
                other => return other,
            }
            let to = fresh.filled().len();
            (self.from, self.to) = (0, to);
            self.count(&self.held[..to]);
        }
        let n = buf.remaining().min(self.to - self.from);
        buf.put_slice(&self.held[self.from..self.from + n]);
        self.from += n;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.cut.wait(1, cx);
        if self.cut.is_cut() {
            return Poll::Ready(Err(Wire::gone()));
        }
        let polled = Pin::new(&mut self.inner).poll_write(cx, bytes);
        if let Poll::Ready(Ok(n)) = polled {
            self.cut.0.sent.fetch_add(n as u64, Ordering::Relaxed);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.cut.wait(1, cx);
        if self.cut.is_cut() {
            return Poll::Ready(Err(Wire::gone()));
        }
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.cut.wait(1, cx);
        if self.cut.is_cut() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, DuplexStream};

    impl Carrier for DuplexStream {}

    #[tokio::test]
    async fn bytes_arrive_in_order_whatever_the_sizes_of_reads() {
        use tokio::io::AsyncWriteExt;
        let (mut theirs, ours) = tokio::io::duplex(100_000);
        let sent: Vec<u8> = (0..60_000u32).map(|n| (n % 251) as u8).collect();
        theirs.write_all(&sent).await.unwrap();
        drop(theirs);
        let cut = Cut::default();
        let mut wire = Wire::new(Box::new(ours), &cut, &Gauge::default());
        let mut got = Vec::new();
        for size in [4, 1, 5000, 4095, 4096, 3].into_iter().cycle() {
            let mut piece = vec![0; size];
            match wire.read(&mut piece).await.unwrap() {
                0 => break,
                n => got.extend_from_slice(&piece[..n]),
            }
        }
        assert!(got == sent);
        assert_eq!(cut.traffic().received, 60_000);
        assert_eq!(cut.opening().chars().count(), OPENING);
    }

    #[tokio::test]
    async fn a_waiting_read_ends_when_the_wire_is_cut() {
        let (ours, _theirs) = tokio::io::duplex(16);
        let (cut, gauge) = (Cut::default(), Gauge::default());
        let mut wire = Wire::new(Box::new(ours), &cut, &gauge);
        assert_eq!(gauge.now(), 1);
        let reading = tokio::spawn(async move { wire.read_u8().await });
        tokio::task::yield_now().await;
        cut.cut();
        assert!(reading.await.unwrap().is_err());
        assert_eq!(gauge.now(), 0);
    }
}
