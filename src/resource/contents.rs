//! Contents of many files out of one answer: told apart by their lengths, decoded.

use base64::Engine as _;

use super::reply::Record;

/// Texts, each with its length and a space before it.
pub(super) struct Lengths<'a>(pub &'a [u8]);

impl Lengths<'_> {
    pub(super) fn text(&mut self) -> Result<String, String> {
        let bad = "a list of names is out of frame";
        let space = self.0.iter().position(|b| *b == b' ').ok_or(bad)?;
        let length: usize = std::str::from_utf8(&self.0[..space])
            .ok()
            .and_then(|t| t.parse().ok())
            .ok_or(bad)?;
        let text = self.0.get(space + 1..space + 1 + length).ok_or(bad)?;
        self.0 = &self.0[space + 1 + length..];
        Ok(String::from_utf8_lossy(text).into_owned())
    }
}

pub(super) enum Part {
    Bytes(Vec<u8>),
    TooLarge,
}

/// Contents of the regular files of a chunk, told apart by their sizes.
pub(super) struct Contents {
    sizes: std::vec::IntoIter<String>,
    alone: Vec<u8>,
    encoding: char,
    joined: Vec<u8>,
    at: (usize, usize),
}

impl Contents {
    pub(super) fn read(sizes: &Record, joined: &Record) -> Result<Contents, String> {
        let text = &sizes.payload;
        let end = text
            .iter()
            .position(|b| *b == b'\n')
            .ok_or("contents without their sizes")?;
        let line = String::from_utf8_lossy(&text[..end]).into_owned();
        let mut words = line.split_whitespace().map(str::to_owned);
        let encoding = words.next().and_then(|w| w.chars().next()).unwrap_or('b');
        let sizes: Vec<String> = words.collect();
        Ok(Contents {
            sizes: sizes.into_iter(),
            alone: text[end + 1..].to_vec(),
            joined: decode(encoding, &joined.payload)?,
            encoding,
            at: (0, 0),
        })
    }

    pub(super) fn next(&mut self) -> Option<Part> {
        let word = self.sizes.next()?;
        if let Some(encoded) = word.strip_prefix('=') {
            let length: usize = encoded.parse().ok()?;
            let from = self.at.1;
            self.at.1 += length;
            let bytes = decode(self.encoding, self.alone.get(from..from + length)?).ok()?;
            let whole = bytes.len() as u64 <= super::hash::INLINE_LIMIT;
            return Some(if whole {
                Part::Bytes(bytes)
            } else {
                Part::TooLarge
            });
        }
        let Ok(length) = word.parse::<usize>() else {
            return Some(Part::TooLarge);
        };
        let from = self.at.0;
        self.at.0 += length;
        // A file that shrank leaves the rest too short; the digest says which it was.
        let end = (from + length).min(self.joined.len());
        Some(Part::Bytes(
            self.joined.get(from..end).unwrap_or_default().to_vec(),
        ))
    }
}

/// Undoes the prelude's `pl_ecmd`: base64 (`b`) or hexadecimal (`x`), with any white space.
pub(super) fn decode(encoding: char, text: &[u8]) -> Result<Vec<u8>, String> {
    let mut dense = text.iter().copied().filter(|b| !b.is_ascii_whitespace());
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let mut piece = Vec::with_capacity(PIECE);
    loop {
        piece.clear();
        piece.extend(dense.by_ref().take(PIECE));
        match encoding {
            _ if piece.is_empty() => return Ok(out),
            'x' => out.extend(
                hex::decode(&piece).map_err(|e| format!("bad hexadecimal in a reply: {e}"))?,
            ),
            _ => base64::engine::general_purpose::STANDARD
                .decode_vec(&piece, &mut out)
                .map_err(|e| format!("bad base64 in a reply: {e}"))?,
        }
    }
}

/// Replies are decoded a piece at a time, because they may be large; whole groups of four (or two).
const PIECE: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_stands_in_for_base64() {
        assert_eq!(decode('x', b" 00 ff\n 0a").expect("bytes"), [0, 255, 10]);
        assert_eq!(decode('b', b"AP8K\n").expect("bytes"), [0, 255, 10]);
        assert!(decode('b', b"*").is_err());
    }
}
