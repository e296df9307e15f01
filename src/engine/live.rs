//! What a task prints while it runs, cut into whole lines.

use tokio::sync::mpsc::WeakUnboundedSender;

use crate::host::shell::Aside;

use super::event::{Event, HostName};

/// A line that is longer is told in pieces.
const LONGEST_LINE: usize = 8 * 1024;

/// Turns bytes into events for as long as somebody listens.
pub(super) fn tell(host: HostName, events: WeakUnboundedSender<Event>) -> Aside {
    let mut held = Vec::new();
    Box::new(move |bytes| {
        held.extend_from_slice(bytes);
        let text = lines(&mut held);
        if let Some(events) = events.upgrade()
            && !text.is_empty()
        {
            let host = host.clone();
            let _ = events.send(Event::Output { host, text });
        }
    })
}

/// Takes the whole lines from the front. A progress line that is drawn over and over ends in `\r`.
fn lines(held: &mut Vec<u8>) -> String {
    let end = held.iter().rposition(|b| matches!(b, b'\n' | b'\r'));
    let end = match end {
        None if held.len() > LONGEST_LINE => held.len(),
        None => return String::new(),
        Some(at) => at + 1,
    };
    let whole: Vec<u8> = held.drain(..end).collect();
    String::from_utf8_lossy(&whole).replace('\r', "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_told_when_it_is_whole() {
        let mut held = b"one\ntw".to_vec();
        assert_eq!(lines(&mut held), "one\n");
        assert_eq!(lines(&mut held), "");
        held.extend_from_slice("o é\r10%".as_bytes());
        assert_eq!(lines(&mut held), "two é\n");
        assert_eq!(held, b"10%");
        held = vec![b'x'; LONGEST_LINE + 1];
        assert_eq!(lines(&mut held).len(), LONGEST_LINE + 1);
    }
}
