//! Replies: length-prefixed records, never a marker that content could contain.

/// The answer of one operation of a script.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub number: usize,
    pub status: i32,
    pub payload: Vec<u8>,
}

impl Record {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }
}

/// The number that a record begins with.
pub fn number(record: &[u8]) -> Option<usize> {
    let rest = record.strip_prefix(b"\n\x01")?;
    let end = rest.iter().position(|b| *b == b' ')?;
    std::str::from_utf8(&rest[..end]).ok()?.parse().ok()
}

/// Reads `\n\001<number> <status> <length>\n<payload>` records until the bytes end.
pub fn records(mut bytes: &[u8]) -> Result<Vec<Record>, String> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let rest = bytes
            .strip_prefix(b"\n\x01")
            .ok_or_else(|| format!("reply out of frame after {} records", out.len()))?;
        let end = rest
            .iter()
            .position(|b| *b == b'\n')
            .ok_or("reply ends within a header")?;
        let header = std::str::from_utf8(&rest[..end]).map_err(|_| "reply header is not text")?;
        let mut words = header.split(' ').map(str::parse::<i64>);
        let (Some(Ok(number)), Some(Ok(status)), Some(Ok(length)), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(format!(
                "reply header `{}` is not one",
                header.escape_default()
            ));
        };
        let length = usize::try_from(length).map_err(|_| "negative length")?;
        let number = usize::try_from(number).map_err(|_| "negative record number")?;
        let payload = rest
            .get(end + 1..end + 1 + length)
            .ok_or("reply is cut within a record")?;
        out.push(Record {
            number,
            status: i32::try_from(status).unwrap_or(-1),
            payload: payload.to_vec(),
        });
        bytes = &rest[end + 1 + length..];
    }
    Ok(out)
}
