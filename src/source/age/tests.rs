//! Round trips, what is refused, and what the tool `age` wrote.

use super::*;

/// Bytes that are others each time.
fn random() -> impl FnMut(&mut [u8]) -> Result<(), AgeError> {
    let mut next = 0u8;
    move |buffer| {
        for byte in buffer {
            next = next.wrapping_mul(5).wrapping_add(37);
            *byte = next;
        }
        Ok(())
    }
}

fn identity(n: u8) -> Identity {
    Identity::parse(&bech32::encode("age-secret-key-", &[n; 32])).unwrap()
}

fn ssh(n: u8) -> Identity {
    let point = curve25519_dalek::EdwardsPoint::mul_base_clamped({
        use sha2::Digest as _;
        let digest = <[u8; 64]>::from(sha2::Sha512::digest([n; 32]));
        digest[..32].try_into().unwrap()
    });
    Identity::of_ssh(&[n; 32], &point.compress().to_bytes())
}

fn sealed(content: &[u8], identities: &[&Identity]) -> String {
    let recipients: Vec<_> = identities.iter().map(|i| i.recipient().clone()).collect();
    encrypt(content, &recipients, &mut random()).unwrap()
}

#[test]
fn each_recipient_opens_it_and_nobody_else() {
    let (a, b, c) = (identity(1), ssh(2), identity(3));
    // A key of SSH is the same as a public and as a secret one.
    assert_eq!(
        &Recipient::parse(&b.recipient().to_string()).unwrap(),
        b.recipient()
    );
    for length in [
        0,
        1,
        16,
        CHUNK - 1,
        CHUNK,
        CHUNK + 1,
        2 * CHUNK,
        2 * CHUNK + 5,
    ] {
        let content: Vec<u8> = (0..length).map(|n| n as u8).collect();
        let text = sealed(&content, &[&a, &b]);
        assert!(is_age(&text) && text.lines().all(|line| line.len() <= WIDTH));
        for one in [&a, &b] {
            assert_eq!(*decrypt(&text, &[c.clone(), one.clone()]).unwrap(), content);
        }
        assert_eq!(
            decrypt(&text, &[c.clone(), ssh(4)]).unwrap_err(),
            AgeError::Identity
        );
        assert_eq!(decrypt(&text, &[]).unwrap_err(), AgeError::NoIdentity);
    }
}

#[test]
fn no_byte_of_it_may_be_another() {
    let a = identity(1);
    let text = sealed(b"hunter2", &[&a, &identity(2)]);
    let bytes = unarmored(&text).unwrap();
    for at in 0..bytes.len() {
        let mut other = bytes.clone();
        other[at] ^= 1;
        assert!(
            decrypt(&armored(&other), std::slice::from_ref(&a)).is_err(),
            "{at}"
        );
        let torn = decrypt(&armored(&bytes[..at]), std::slice::from_ref(&a));
        assert!(torn.is_err(), "{at}");
    }
    let torn = decrypt(&text[..text.len() / 2], std::slice::from_ref(&a));
    assert_eq!(torn.unwrap_err(), AgeError::Form("it ends too early"));
    assert_eq!(decrypt("x", &[a]).unwrap_err(), AgeError::NotAge);
}

#[test]
fn a_chunk_taken_off_at_the_end_is_missed() {
    let a = identity(1);
    let bytes = unarmored(&sealed(&vec![7; 2 * CHUNK], &[&a])).unwrap();
    let short = armored(&bytes[..bytes.len() - CHUNK - TAG]);
    let why = decrypt(&short, &[a]).unwrap_err();
    assert_eq!(why, AgeError::Form("its content is not as it was written"));
}

#[test]
fn a_key_that_anybody_agrees_with_is_refused() {
    let zero = Recipient::parse(&bech32::encode("age", &[0; 32])).unwrap();
    assert_eq!(
        encrypt(b"x", &[zero], &mut random()),
        Err(AgeError::WeakKey)
    );
}

#[test]
fn without_random_bytes_nothing_is_written() {
    let none = &mut |_: &mut [u8]| Err(AgeError::NoRandom);
    let to = identity(1).recipient().clone();
    assert_eq!(encrypt(b"x", &[to], none), Err(AgeError::NoRandom));
}

/// `printf 'from age' | age -a -r OF_KEY -r SSH_KEY`, and with `-p`.
const FROM_AGE: &str = "-----BEGIN AGE ENCRYPTED FILE-----\n\
    YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBiZ2t1WHdXWXFodlVWMzBp\n\
    WU1rbTY4TFc0UFVsK2lldlJ1dkxSNFJPc1ZnCmpsSzRlYTFTcnlkYTNuRTQ5U1Q5\n\
    dlhYeDZQWHB0L0FDTmc0aWF5aEFOT2cKLT4gc3NoLWVkMjU1MTkgcVJDSWt3IFgr\n\
    bDJ2aUxPUUdXVXhyVDJwUEU3L0VoUWhxcm9Pa1lNaGR3c0JUdk9NazgKMTNuTDBH\n\
    RHpqMTkyZVViQ3BXYmVEVmFUUEM3Y1FzUHduSi9Wbm1wSW90awotLS0gTkczMk0x\n\
    WlFsckc4alBMTHVtcWJQUFVrRXJ6eEtReENaekVsNWtoY1ZtYwqKI3KbQQtIdgTr\n\
    yIB7saDyWz1ZDtmwM4o72ZYh1GZnXChdQBeiEzfs\n\
    -----END AGE ENCRYPTED FILE-----";
const FROM_AGE_P: &str = "-----BEGIN AGE ENCRYPTED FILE-----\n\
    YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCA1Wmo2alVVbW5oai9jazZI\n\
    U2c2VEtBIDE4CllTUWxUU2hGeTA5M2RyMmk3ZnVpTUMxTEZFZHVjbDEyN1hvSHFC\n\
    VENtcEkKLS0tIDRaSlR5UFJRaHlST1N4WXpQR2hJRmNyekZGU3lYaEFhekg5SHVX\n\
    QkVoeUUK3Id8U7XeqzeqhWUU0xZ+Wo8np7GD+SZJA2IfpwxsPGLUyg==\n\
    -----END AGE ENCRYPTED FILE-----";

#[test]
fn what_age_wrote_is_read() {
    let key = "AGE-SECRET-KEY-1Y3N7A9QC9UCEL0V403Q4FULGHH0K7P780CKMHX2AC58GQM8FJ7ZQPJR8LD";
    let identity = Identity::parse(key).unwrap();
    assert_eq!(
        decrypt(FROM_AGE, std::slice::from_ref(&identity)).unwrap()[..],
        b"from age"[..]
    );
    assert_eq!(
        decrypt(FROM_AGE_P, &[identity]).unwrap_err(),
        AgeError::Passphrase
    );
}
