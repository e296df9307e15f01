//! `bcrypt`: passwords hashed by Blowfish's slow key schedule.

use blowfish::Blowfish;

use crate::vars::error::{Fail, Res};

/// bcrypt's own order of letters, most significant bits first.
const ALPHABET: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Letters of a salt, and the bytes they stand for.
pub(super) const SALT_LETTERS: usize = 22;
pub(super) const SALT_BYTES: usize = 16;

/// What is taken where no rounds are given: 2 to the power of it.
pub(super) const COST: u32 = 12;

/// The costs that are taken; each is twice the one before it. Above them a password takes minutes to
/// days, and a number out of a host's text could hold a run up.
const COSTS: std::ops::RangeInclusive<u32> = 4..=20;

/// bcrypt looks at no more of a password, its end included.
const LONGEST_KEY: usize = 72;

/// The ways it is written: the computation is the same for all of them.
const IDENTS: [&str; 4] = ["2", "2a", "2b", "2y"];

/// `$2b$12$` with the salt and the digest behind it.
pub(super) fn hash(password: &str, salt: &str, cost: u32, ident: &str) -> Res<String> {
    if !IDENTS.contains(&ident) {
        let known = IDENTS.join(", ");
        return Err(Fail::error(format!(
            "bcrypt has no ident `{ident}`; there are {known}"
        )));
    }
    if !COSTS.contains(&cost) {
        let (least, most) = (COSTS.start(), COSTS.end());
        let message = format!("bcrypt takes {least} to {most} rounds (powers of two), not {cost}");
        return Err(Fail::error(message));
    }
    let wrong = || {
        Fail::error(format!(
            "a salt of bcrypt has {SALT_LETTERS} letters, digits, dots and slashes"
        ))
    };
    let seed = decode(salt).ok_or_else(wrong)?;
    if password.contains('\0') {
        return Err(Fail::error("a password for bcrypt cannot hold a NUL"));
    }
    let mut key = password.as_bytes().to_vec();
    key.push(0);
    key.truncate(LONGEST_KEY);
    let digest = digest(&key, &seed, cost);
    Ok(format!(
        "${ident}${cost:02}${}{}",
        encode(&seed),
        encode(&digest[..23])
    ))
}

fn digest(key: &[u8], seed: &[u8], cost: u32) -> Vec<u8> {
    let mut state = Blowfish::bc_init_state();
    state.salted_expand_key(seed, key);
    for _ in 0..1u64 << cost {
        state.bc_expand_key(key);
        state.bc_expand_key(seed);
    }
    let text = b"OrpheanBeholderScryDoubt";
    let word = |b: &[u8]| {
        b.iter()
            .fold(0u32, |word, byte| word << 8 | u32::from(*byte))
    };
    let mut out = Vec::new();
    for block in text.chunks(8) {
        let mut pair = [word(&block[..4]), word(&block[4..])];
        for _ in 0..64 {
            pair = state.bc_encrypt(pair);
        }
        out.extend(pair.iter().flat_map(|w| w.to_be_bytes()));
    }
    out
}

/// Bytes as letters, six bits each.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let mut bits = chunk.iter().fold(0u32, |bits, b| bits << 8 | u32::from(*b));
        bits <<= 8 * (3 - chunk.len());
        for i in 0..=chunk.len() {
            let index = (bits >> (18 - 6 * i)) & 63;
            out.push(char::from(ALPHABET[index as usize]));
        }
    }
    out
}

/// The bytes of a salt; bits beyond them are dropped.
fn decode(letters: &str) -> Option<[u8; SALT_BYTES]> {
    if letters.len() != SALT_LETTERS {
        return None;
    }
    let (mut bits, mut width, mut out) = (0u32, 0, Vec::new());
    for letter in letters.bytes() {
        let at = ALPHABET.iter().position(|a| *a == letter)?;
        bits = bits << 6 | u32::try_from(at).ok()?;
        width += 6;
        if width >= 8 {
            width -= 8;
            out.push(u8::try_from(bits >> width & 255).ok()?);
        }
    }
    out.get(..SALT_BYTES)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::hash;

    #[test]
    fn hashes_are_those_of_the_specification() {
        let of = |password, salt| hash(password, salt, 5, "2a").ok();
        assert_eq!(
            of("U*U", "CCCCCCCCCCCCCCCCCCCCC.").as_deref(),
            Some("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")
        );
        assert_eq!(
            of("", "CCCCCCCCCCCCCCCCCCCCC.").as_deref(),
            Some("$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy")
        );
        assert!(
            of("x", "short").is_none() && hash("x", "CCCCCCCCCCCCCCCCCCCCC.", 3, "2b").is_err()
        );
        assert!(hash("x", "CCCCCCCCCCCCCCCCCCCCC.", 31, "2b").is_err());
    }
}
