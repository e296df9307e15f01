//! Digests and password hashes.

use md5::Md5;
use sha1::{Digest, Sha1};
use sha2::{Sha224, Sha256, Sha384, Sha512};

use super::{Call, bcrypt, given, string};
use crate::vars::context::Ctx;
use crate::vars::error::{Fail, Res};
use crate::vars::object::Args;
use crate::vars::value::Val;

pub(super) const FILTERS: &[(&str, Call)] = &[
    ("hash", |_, v, args| {
        let [kind] = args.bind("hash", ["hashtype"])?;
        let kind = kind.map_or("sha1".into(), |k| string(&k));
        digest(&kind, string(&v).as_bytes()).map(Val::from)
    }),
    ("sha1", |_, v, _| {
        digest("sha1", string(&v).as_bytes()).map(Val::from)
    }),
    ("md5", |_, v, _| {
        digest("md5", string(&v).as_bytes()).map(Val::from)
    }),
    ("checksum", |_, v, _| {
        digest("sha1", string(&v).as_bytes()).map(Val::from)
    }),
    ("password_hash", password_hash),
];

fn digest(kind: &str, bytes: &[u8]) -> Res<String> {
    Ok(match kind {
        "md5" => hex::encode(Md5::digest(bytes)),
        "sha1" => hex::encode(Sha1::digest(bytes)),
        "sha224" => hex::encode(Sha224::digest(bytes)),
        "sha256" => hex::encode(Sha256::digest(bytes)),
        "sha384" => hex::encode(Sha384::digest(bytes)),
        "sha512" => hex::encode(Sha512::digest(bytes)),
        other => return Err(Fail::error(format!("`hash` knows no `{other}`"))),
    })
}

const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Rounds passlib, and so Ansible, takes when none are given.
const SHA512_ROUNDS: u32 = 656_000;
const SHA256_ROUNDS: u32 = 535_000;

fn password_hash(ctx: &mut Ctx<'_>, value: Val, args: Args) -> Res<Val> {
    let [kind, salt, salt_size, rounds, ident] = args.bind(
        "password_hash",
        ["hashtype", "salt", "salt_size", "rounds", "ident"],
    )?;
    let number = |v: Option<Val>| {
        let number = given(v).and_then(|r| r.integer());
        number.and_then(|r| u32::try_from(r).ok())
    };
    let kind = kind.map_or("sha512".into(), |k| string(&k));
    let (limit, default) = match &*kind {
        "blowfish" | "bcrypt" => {
            let salt = match given(salt) {
                Some(salt) => string(&salt).to_string(),
                None => {
                    ctx.impure = true;
                    bcrypt::encode(&ctx.engine.outside.random(bcrypt::SALT_BYTES))
                }
            };
            let ident = given(ident).map_or("2b".into(), |i| string(&i));
            let cost = number(rounds).unwrap_or(bcrypt::COST);
            return bcrypt::hash(&string(&value), &salt, cost, &ident).map(Val::from);
        }
        "sha512" | "sha512_crypt" => (16, SHA512_ROUNDS),
        "sha256" | "sha256_crypt" => (16, SHA256_ROUNDS),
        "md5" | "md5_crypt" => (8, 1000),
        other => {
            return Err(Fail::hinted(
                format!("`password_hash` knows no `{other}`"),
                "sha512, sha256, md5 and blowfish (bcrypt) are known",
            ));
        }
    };
    let salt = match given(salt) {
        Some(salt) => {
            let salt = string(&salt);
            if salt.len() > limit || !salt.bytes().all(|b| ALPHABET.contains(&b)) {
                return Err(Fail::error(format!(
                    "a salt has up to {limit} letters, digits, dots and slashes"
                )));
            }
            salt.to_string()
        }
        None => {
            ctx.impure = true;
            let size = number(salt_size).and_then(|s| usize::try_from(s).ok());
            let bytes = ctx.engine.outside.random(size.unwrap_or(limit).min(limit));
            bytes
                .iter()
                .map(|b| char::from(ALPHABET[usize::from(b % 64)]))
                .collect()
        }
    };
    let rounds = number(rounds).unwrap_or(default).clamp(1000, 10_000_000);
    let password = string(&value);
    Ok(Val::from(match limit {
        8 => md5_crypt(password.as_bytes(), salt.as_bytes()),
        _ if kind.starts_with("sha512") => sha_crypt::<Sha512>(
            password.as_bytes(),
            salt.as_bytes(),
            rounds,
            '6',
            &SHA512_ORDER,
        ),
        _ => sha_crypt::<Sha256>(
            password.as_bytes(),
            salt.as_bytes(),
            rounds,
            '5',
            &SHA256_ORDER,
        ),
    }))
}

/// The order in which the bytes of a digest are written, three at a time (from the specification).
const SHA512_ORDER: [[u8; 3]; 21] = [
    [0, 21, 42],
    [22, 43, 1],
    [44, 2, 23],
    [3, 24, 45],
    [25, 46, 4],
    [47, 5, 26],
    [6, 27, 48],
    [28, 49, 7],
    [50, 8, 29],
    [9, 30, 51],
    [31, 52, 10],
    [53, 11, 32],
    [12, 33, 54],
    [34, 55, 13],
    [56, 14, 35],
    [15, 36, 57],
    [37, 58, 16],
    [59, 17, 38],
    [18, 39, 60],
    [40, 61, 19],
    [62, 20, 41],
];
const SHA256_ORDER: [[u8; 3]; 10] = [
    [0, 10, 20],
    [21, 1, 11],
    [12, 22, 2],
    [3, 13, 23],
    [24, 4, 14],
    [15, 25, 5],
    [6, 16, 26],
    [27, 7, 17],
    [18, 28, 8],
    [9, 19, 29],
];

fn write64(out: &mut String, bits: u32, count: usize) {
    for i in 0..count {
        out.push(char::from(ALPHABET[(bits >> (6 * i)) as usize & 63]));
    }
}

fn fill(source: &[u8], length: usize) -> Vec<u8> {
    source.iter().copied().cycle().take(length).collect()
}

/// SHA-crypt, after its public specification.
fn sha_crypt<D: Digest>(
    password: &[u8],
    salt: &[u8],
    rounds: u32,
    mark: char,
    order: &[[u8; 3]],
) -> String {
    let hash = |parts: &[&[u8]]| {
        let mut digest = D::new();
        parts.iter().for_each(|p| digest.update(p));
        digest.finalize().to_vec()
    };
    let alternate = hash(&[password, salt, password]);
    let mut start = D::new();
    start.update(password);
    start.update(salt);
    start.update(fill(&alternate, password.len()));
    let mut length = password.len();
    while length > 0 {
        if length & 1 == 1 {
            start.update(&alternate)
        } else {
            start.update(password)
        }
        length >>= 1;
    }
    let mut state = start.finalize().to_vec();
    let mut whole = D::new();
    for _ in 0..password.len() {
        whole.update(password);
    }
    let p = fill(&whole.finalize(), password.len());
    let mut salted = D::new();
    for _ in 0..16 + usize::from(state[0]) {
        salted.update(salt);
    }
    let s = fill(&salted.finalize(), salt.len());
    for round in 0..rounds {
        let mut next = D::new();
        if round & 1 == 1 {
            next.update(&p)
        } else {
            next.update(&state)
        }
        if round % 3 != 0 {
            next.update(&s);
        }
        if round % 7 != 0 {
            next.update(&p);
        }
        if round & 1 == 1 {
            next.update(&state)
        } else {
            next.update(&p)
        }
        state = next.finalize().to_vec();
    }
    let mut out = format!("${mark}$");
    if rounds != 5000 {
        out.push_str(&format!("rounds={rounds}$"));
    }
    out.push_str(&String::from_utf8_lossy(salt));
    out.push('$');
    let byte = |i: u8| u32::from(state[usize::from(i)]);
    for [a, b, c] in order {
        write64(&mut out, byte(*a) << 16 | byte(*b) << 8 | byte(*c), 4);
    }
    if state.len() == 64 {
        write64(&mut out, byte(63), 2);
    } else {
        write64(&mut out, byte(31) << 8 | byte(30), 3);
    }
    out
}

/// The old MD5-crypt (`$1$`).
fn md5_crypt(password: &[u8], salt: &[u8]) -> String {
    let alternate = {
        let mut digest = Md5::new();
        digest.update(password);
        digest.update(salt);
        digest.update(password);
        digest.finalize().to_vec()
    };
    let mut start = Md5::new();
    start.update(password);
    start.update(b"$1$");
    start.update(salt);
    start.update(fill(&alternate, password.len()));
    let mut length = password.len();
    while length > 0 {
        if length & 1 == 1 {
            start.update([0])
        } else {
            start.update(&password[..1])
        }
        length >>= 1;
    }
    let mut state = start.finalize().to_vec();
    for round in 0..1000 {
        let mut next = Md5::new();
        if round & 1 == 1 {
            next.update(password)
        } else {
            next.update(&state)
        }
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        if round & 1 == 1 {
            next.update(&state)
        } else {
            next.update(password)
        }
        state = next.finalize().to_vec();
    }
    let mut out = format!("$1${}$", String::from_utf8_lossy(salt));
    let byte = |i: usize| u32::from(state[i]);
    for (a, b, c) in [(0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5)] {
        write64(&mut out, byte(a) << 16 | byte(b) << 8 | byte(c), 4);
    }
    write64(&mut out, byte(11), 2);
    out
}

#[cfg(test)]
mod tests {
    use super::{SHA256_ORDER, SHA512_ORDER, md5_crypt, sha_crypt};
    use sha2::{Sha256, Sha512};

    #[test]
    fn password_hashes_are_those_of_the_specifications() {
        let sha512 = sha_crypt::<Sha512>(b"Hello world!", b"saltstring", 5000, '6', &SHA512_ORDER);
        assert_eq!(
            sha512,
            "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"
        );
        let sha256 = sha_crypt::<Sha256>(b"Hello world!", b"saltstring", 5000, '5', &SHA256_ORDER);
        assert_eq!(
            sha256,
            "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"
        );
        assert_eq!(
            md5_crypt(b"password", b"saltsalt"),
            "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/"
        );
    }
}
