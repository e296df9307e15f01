//! The frames of a reply, read as they arrive; each byte is looked at once.
//!
//! A record is `\n\x01<number> <status> <length>\n` and that many bytes. The reply ends with
//! `\n\x01END <nonce> <sequence> <status>\n` where a record would begin, so nothing inside a record
//! can end it. Anything else between records is an error: someone else writes to our output.

use super::{ErrorKind, HostError, plain};

/// A header holds three numbers, or the nonce and two.
const LONGEST_HEADER: usize = 96;

/// The end of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) status: i32,
}

/// Reads one reply.
pub(super) struct Frames {
    nonce: String,
    sequence: u64,
    /// Bytes of the current record, header included; of the reply's end, once it is there.
    record: Vec<u8>,
    /// The length the current record will have, once its header is complete.
    whole: Option<usize>,
    taken: usize,
    limit: usize,
}

impl Frames {
    pub(super) fn new(nonce: &str, sequence: u64, limit: usize) -> Frames {
        Frames {
            nonce: nonce.to_owned(),
            sequence,
            record: Vec::new(),
            whole: None,
            taken: 0,
            limit,
        }
    }

    /// Takes bytes and hands out whole records. Says when the reply has ended.
    pub(super) fn take(
        &mut self,
        mut bytes: &[u8],
        record: &mut dyn FnMut(&[u8]),
    ) -> Result<Option<End>, HostError> {
        self.taken += bytes.len();
        if self.taken > self.limit {
            return Err(HostError::new(
                ErrorKind::Protocol,
                format!("a reply is larger than {} MiB", self.limit >> 20),
            ));
        }
        while !bytes.is_empty() {
            match self.whole {
                Some(whole) => {
                    let rest = whole - self.record.len();
                    let (now, later) = bytes.split_at(rest.min(bytes.len()));
                    self.record.extend_from_slice(now);
                    bytes = later;
                }
                None => {
                    // The line feed that ends the header; the first byte is the one before it.
                    let skip = usize::from(self.record.is_empty());
                    let found = bytes.iter().skip(skip).position(|b| *b == b'\n');
                    let end = found.map_or(bytes.len(), |at| skip + at + 1);
                    self.record.extend_from_slice(&bytes[..end]);
                    bytes = &bytes[end..];
                    if found.is_none() {
                        self.check_start()?;
                        continue;
                    }
                    if let Some(end) = self.header()? {
                        return match bytes {
                            [] => Ok(Some(end)),
                            more => Err(self.garbage(more)),
                        };
                    }
                }
            }
            if self.whole == Some(self.record.len()) {
                record(&self.record);
                self.record.clear();
                self.whole = None;
            }
        }
        Ok(None)
    }

    fn check_start(&self) -> Result<(), HostError> {
        let right = self.record.iter().zip(b"\n\x01").all(|(a, b)| a == b);
        match right && self.record.len() <= LONGEST_HEADER {
            true => Ok(()),
            false => Err(self.garbage(&self.record)),
        }
    }

    /// Understands a complete header: the end of the reply, or the length of a record.
    fn header(&mut self) -> Result<Option<End>, HostError> {
        self.check_start()?;
        let line = self
            .record
            .get(2..self.record.len() - 1)
            .unwrap_or_default();
        let Ok(text) = std::str::from_utf8(line) else {
            return Err(self.garbage(&self.record));
        };
        let words: Vec<&str> = text.split(' ').collect();
        match words.as_slice() {
            ["END", nonce, sequence, status]
                if *nonce == self.nonce && sequence.parse() == Ok(self.sequence) =>
            {
                match status.parse() {
                    Ok(status) => Ok(Some(End { status })),
                    Err(_) => Err(self.garbage(&self.record)),
                }
            }
            [number, status, length] if digits(number) && digits(status) && digits(length) => {
                let length: usize = length.parse().map_err(|_| self.garbage(&self.record))?;
                if length > self.limit {
                    return Err(HostError::new(
                        ErrorKind::Protocol,
                        format!("a record announces {length} bytes"),
                    ));
                }
                self.whole = Some(self.record.len() + length);
                Ok(None)
            }
            _ => Err(self.garbage(&self.record)),
        }
    }

    fn garbage(&self, bytes: &[u8]) -> HostError {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST_HEADER)]);
        HostError::new(
            ErrorKind::Protocol,
            format!("something else wrote into the reply: {:?}", plain(&text)),
        )
        .hint("a background process that kept our output open, or a shell that echoes")
    }
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "0123456789abcdef0123456789abcdef";

    fn read(text: &[u8], piece: usize) -> Result<(Vec<Vec<u8>>, Option<End>), HostError> {
        let mut frames = Frames::new(NONCE, 7, 1 << 20);
        let mut records = Vec::new();
        let mut end = None;
        for piece in text.chunks(piece) {
            end = frames.take(piece, &mut |record| records.push(record.to_vec()))?;
        }
        Ok((records, end))
    }

    #[test]
    fn records_and_the_end_in_pieces_of_any_size() {
        let text = format!("\n\x010 0 5\nab\n\x01c\n\x0112 1 0\n\n\x01END {NONCE} 7 0\n");
        for piece in 1..text.len() {
            let (records, end) = read(text.as_bytes(), piece).unwrap();
            assert_eq!(
                records,
                [&b"\n\x010 0 5\nab\n\x01c"[..], b"\n\x0112 1 0\n"],
                "{piece}"
            );
            assert_eq!(end, Some(End { status: 0 }));
        }
    }

    #[test]
    fn an_end_inside_a_record_ends_nothing() {
        let forged = format!("\n\x01END {NONCE} 7 0\n");
        let text = format!(
            "\n\x010 0 {}\n{forged}\n\x01END {NONCE} 7 3\n",
            forged.len()
        );
        let (records, end) = read(text.as_bytes(), 4).unwrap();
        assert_eq!((records.len(), end), (1, Some(End { status: 3 })));
    }

    #[test]
    fn what_is_not_in_frame_is_an_error() {
        let other = "f".repeat(32);
        for text in [
            "hello".to_owned(),
            "\nhello\n".to_owned(),
            "\n\x01x 0 1\na".to_owned(),
            "\n\x010 0 -1\n".to_owned(),
            "\n\x010 0 99999999999\n".to_owned(),
            format!("\n\x01END {other} 7 0\n"),
            format!("\n\x01END {NONCE} 8 0\n"),
            format!("\n\x01END {NONCE} 7 0\nmore"),
            format!("\n\x01{}", "1".repeat(200)),
        ] {
            assert!(read(text.as_bytes(), 1000).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_reply_has_a_limit() {
        let mut frames = Frames::new(NONCE, 7, 1000);
        let head = b"\n\x010 0 900\n";
        assert!(frames.take(head, &mut |_| ()).is_ok());
        assert!(frames.take(&[b'x'; 1000], &mut |_| ()).is_err());
    }
}
