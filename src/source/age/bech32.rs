//! Bech32 (BIP 173) without its limit of 90 characters: how keys of age are written down.

const LETTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// Letters of the sum at the end.
const SUM: usize = 6;

/// Longer than any key that is known.
const LONGEST: usize = 200;

fn sum(prefix: &str, values: &[u8]) -> u32 {
    const OF: [u32; 5] = [
        0x3b6a_57b2,
        0x2650_8e6d,
        0x1ea1_19fa,
        0x3d42_33dd,
        0x2a14_62b3,
    ];
    let high = prefix.bytes().map(|b| b >> 5);
    let low = prefix.bytes().map(|b| b & 31);
    let all = high.chain([0]).chain(low).chain(values.iter().copied());
    all.fold(1, |sum: u32, value| {
        let top = sum >> 25;
        let next = (sum & 0x01ff_ffff) << 5 ^ u32::from(value);
        let bits = OF.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1);
        bits.fold(next, |sum, (_, of)| sum ^ of)
    })
}

/// Groups of `from` bits as groups of `to` bits. What is left over is filled with zeros, or has to be them.
fn regroup(data: &[u8], from: u32, to: u32, pads: bool) -> Option<Vec<u8>> {
    let (mut held, mut bits) = (0u32, 0);
    let mut out = Vec::with_capacity(data.len() * from as usize / to as usize + 1);
    for value in data {
        held = (held << from | u32::from(*value)) & 0xffff;
        bits += from;
        while bits >= to {
            bits -= to;
            out.push((held >> bits & ((1 << to) - 1)) as u8);
        }
    }
    let rest = held << (to - bits) & ((1 << to) - 1);
    match (pads, bits) {
        (true, 1..) => out.push(rest as u8),
        (false, bits) if bits >= from || rest != 0 => return None,
        _ => {}
    }
    Some(out)
}

/// Bytes under a prefix of lower-case letters.
pub(super) fn encode(prefix: &str, bytes: &[u8]) -> String {
    let mut values = regroup(bytes, 8, 5, true).unwrap_or_default();
    let sum = sum(prefix, &[&values[..], &[0; SUM]].concat()) ^ 1;
    values.extend((0..SUM).map(|i| (sum >> (5 * (SUM - 1 - i)) & 31) as u8));
    let letters = values.iter().map(|v| char::from(LETTERS[usize::from(*v)]));
    format!("{prefix}1{}", letters.collect::<String>())
}

/// The prefix in lower-case letters, and the bytes; nothing where anything is wrong with it.
pub(super) fn decode(text: &str) -> Option<(String, Vec<u8>)> {
    let mixed = text.bytes().any(|b| b.is_ascii_lowercase())
        && text.bytes().any(|b| b.is_ascii_uppercase());
    if mixed || text.len() > LONGEST || !text.is_ascii() {
        return None;
    }
    let text = text.to_ascii_lowercase();
    let (prefix, letters) = text.rsplit_once('1').filter(|(p, _)| !p.is_empty())?;
    let value = |b: u8| LETTERS.iter().position(|l| *l == b).map(|at| at as u8);
    let values: Vec<u8> = letters.bytes().map(value).collect::<Option<_>>()?;
    let rest = values.len().checked_sub(SUM)?;
    if sum(prefix, &values) != 1 {
        return None;
    }
    Some((prefix.to_owned(), regroup(&values[..rest], 5, 8, false)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_no_letter_may_be_another() {
        let bytes: Vec<u8> = (0..32).map(|n| n * 7).collect();
        let text = encode("age", &bytes);
        let back = decode(&text).unwrap();
        assert_eq!(back, ("age".into(), bytes.clone()));
        assert_eq!(decode(&text.to_ascii_uppercase()).unwrap().1, bytes);
        for at in 4..text.len() {
            let mut other = text.clone().into_bytes();
            other[at] = if other[at] == b'q' { b'p' } else { b'q' };
            assert_eq!(decode(std::str::from_utf8(&other).unwrap()), None, "{at}");
        }
        assert_eq!(decode(&text[..text.len() - 1]), None);
        assert_eq!(decode("age1"), None);
        assert_eq!(decode("äge1qqqqqq"), None);
    }

    /// Vectors of BIP 173.
    #[test]
    fn as_others_write_it() {
        assert_eq!(decode("A12UEL5L"), Some(("a".into(), Vec::new())));
        let (prefix, bytes) = decode("abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw").unwrap();
        assert_eq!((prefix.as_str(), bytes.len()), ("abcdef", 20));
        assert_eq!(
            encode("abcdef", &bytes),
            "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw"
        );
        for wrong in ["A1G7SGD8", "10a06t8", "1qzzfhee", "x1b4n0q5v", "li1dgmt3"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
