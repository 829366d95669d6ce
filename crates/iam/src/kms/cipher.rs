//! How bytes are encrypted: AES-256-GCM under a key of the message's own.
//!
//! ```text
//! sealed      := salt (16), nonce (12), ciphertext and tag (16)
//! message key := HMAC-SHA256(material, "hearth message key" salt)
//! ```
//!
//! A nonce of 96 random bits may be drawn some 2^32 times for one key. With a key for each message,
//! made of 128 further random bits, no use of Hearth comes near a limit, and nothing has to be counted.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, Key, KeyInit, Nonce};
use hearth_core::Random;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

const SALT: usize = 16;
const NONCE: usize = 12;

/// The secret of a key. Wiped when it is dropped, and never shown.
#[derive(Clone)]
pub(super) struct Material(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for Material {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Material")
    }
}

impl Material {
    pub(super) fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// `None` when it is not of a key's size.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::new)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    pub(super) fn seal(&self, random: &Random, aad: &[u8], plain: &[u8]) -> Vec<u8> {
        let (salt, nonce) = (random.bytes::<SALT>(), random.bytes::<NONCE>());
        let mut sealed = [salt.as_slice(), nonce.as_slice()].concat();
        sealed.extend_from_slice(&encrypt(&self.message_key(&salt), nonce, aad, plain));
        sealed
    }

    /// `None` when it was not made with this key and `aad`.
    pub(super) fn open(&self, aad: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (salt, rest) = sealed.split_first_chunk::<SALT>()?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE>()?;
        decrypt(&self.message_key(salt), *nonce, aad, ciphertext)
    }

    fn message_key(&self, salt: &[u8; SALT]) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.keyed(b"hearth message key").chain_update(salt).finalize().into_bytes().into())
    }

    /// Says which key it is without telling it.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        self.keyed(b"hearth key fingerprint").finalize().into_bytes().into()
    }

    #[allow(clippy::expect_used)]
    fn keyed(&self, purpose: &[u8]) -> Hmac<Sha256> {
        let mac: Hmac<Sha256> = hmac::KeyInit::new_from_slice(self.bytes()).expect("HMAC takes keys of every length");
        mac.chain_update(purpose)
    }
}

#[allow(clippy::expect_used)]
fn encrypt(key: &[u8; 32], nonce: [u8; NONCE], aad: &[u8], plain: &[u8]) -> Vec<u8> {
    let cipher = Aes256Gcm::new(&Key::<Aes256Gcm>::from(*key));
    let payload = Payload { msg: plain, aad };
    cipher.encrypt(&Nonce::from(nonce), payload).expect("GCM takes up to 64 GiB")
}

fn decrypt(key: &[u8; 32], nonce: [u8; NONCE], aad: &[u8], ciphertext: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let cipher = Aes256Gcm::new(&Key::<Aes256Gcm>::from(*key));
    let payload = Payload { msg: ciphertext, aad };
    cipher.decrypt(&Nonce::from(nonce), payload).ok().map(Zeroizing::new)
}

/// Pairs of texts as bytes to authenticate: sorted, each text after its length, so that no two
/// contexts have the same bytes.
pub(super) fn context<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let sorted: std::collections::BTreeMap<_, _> = pairs.into_iter().collect();
    let mut bytes = Vec::new();
    for text in sorted.into_iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test cases 14 and 16 of "The Galois/Counter Mode of Operation" (McGrew, Viega), appendix B.
    #[test]
    fn published_vectors() {
        #[track_caller]
        fn check(key: &str, nonce: &str, aad: &str, plain: &str, expected: &str) {
            let bytes = |text: &str| hex::decode(text).unwrap();
            let (key, nonce) = (bytes(key).try_into().unwrap(), bytes(nonce).try_into().unwrap());
            let sealed = encrypt(&key, nonce, &bytes(aad), &bytes(plain));
            assert_eq!(hex::encode(&sealed), expected);
            assert_eq!(decrypt(&key, nonce, &bytes(aad), &sealed).unwrap().as_slice(), bytes(plain));
        }
        check(
            &"0".repeat(64),
            &"0".repeat(24),
            "",
            &"0".repeat(32),
            "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
        );
        check(
            &"feffe9928665731c6d6a8f9467308308".repeat(2),
            "cafebabefacedbaddecaf888",
            "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657\
             ba637b39",
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0a\
             bcc9f66276fc6ece0f4e1768cddf8853bb2d551b",
        );
    }

    #[test]
    fn only_the_same_key_and_context_open_it() {
        let (random, key, other) = (Random::seeded(1), Material::new([1; 32]), Material::new([2; 32]));
        let sealed = key.seal(&random, b"f", b"plain");
        assert_eq!(key.open(b"f", &sealed).unwrap().as_slice(), b"plain");
        assert!(key.open(b"g", &sealed).is_none() && other.open(b"f", &sealed).is_none());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.open(b"f", &changed).is_none(), "byte {at}");
            assert!(key.open(b"f", &sealed[..at]).is_none(), "cut at {at}");
        }
        assert_ne!(key.seal(&random, b"f", b"plain"), sealed);
    }

    #[test]
    fn contexts_are_told_apart() {
        assert_eq!(context([("b", "2"), ("a", "1")]), context([("a", "1"), ("b", "2")]));
        assert_ne!(context([("a", "1b")]), context([("a1", "b")]));
        assert_ne!(context([("a", ""), ("b", "")]), context([("a", "b")]));
        assert!(context([]).is_empty());
    }
}
