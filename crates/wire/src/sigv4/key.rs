//! Signing keys, derived once a day and key.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

use hmac::{Hmac, KeyInit, Mac};
use parking_lot::RwLock;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::TERMINATOR;
use super::claims::Scope;

/// A key ready to sign with. Cloning it is cheaper than keying anew.
#[derive(Clone)]
pub(super) struct SigningKey(Hmac<Sha256>);

impl SigningKey {
    /// Four keyed hashes deep, from the secret down to the service.
    pub(super) fn derive(secret: &str, date: &str, region: &str, service: &str) -> Self {
        let mut seed = Vec::with_capacity(4 + secret.len());
        seed.extend_from_slice(b"AWS4");
        seed.extend_from_slice(secret.as_bytes());
        let mut key = keyed(&seed);
        for part in [date, region, service, TERMINATOR] {
            key = keyed(&digest(key, part.as_bytes()));
        }
        Self(key)
    }

    /// The signature of a string, in lower-case hexadecimal.
    pub(super) fn sign(&self, text: &[u8]) -> String {
        hex::encode(digest(self.0.clone(), text))
    }
}

#[allow(clippy::expect_used)] // HMAC takes keys of every length.
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of every length")
}

fn digest(mut key: Hmac<Sha256>, text: &[u8]) -> [u8; 32] {
    key.update(text);
    key.finalize().into_bytes().into()
}

/// Enough for every key and service a busy server sees in a day.
const CACHED_MAX: usize = 512;

/// Remembers derived keys: a verification with a known key costs one keyed hash instead of five.
///
/// Only keys of known secrets get here, so strangers cannot push others out.
#[derive(Default)]
pub(super) struct KeyCache {
    hasher: RandomState,
    entries: RwLock<HashMap<u64, Entry>>,
    tick: AtomicU64,
}

struct Entry {
    access_key_id: String,
    date: String,
    region: String,
    service: String,
    /// Compared, so that a key whose secret was replaced is derived anew.
    secret: String,
    key: SigningKey,
    used: AtomicU64,
}

impl Entry {
    fn is_for(&self, scope: &Scope<'_>, secret: &str) -> bool {
        self.access_key_id == scope.access_key_id
            && self.date == scope.date
            && self.region == scope.region
            && self.service == scope.service
            && bool::from(self.secret.as_bytes().ct_eq(secret.as_bytes()))
    }
}

impl KeyCache {
    /// The signing key of a scope.
    pub(super) fn key(&self, scope: &Scope<'_>, secret: &str) -> SigningKey {
        let slot = self.hasher.hash_one((scope.access_key_id, scope.date, scope.region, scope.service));
        let tick = self.tick.fetch_add(1, Ordering::Relaxed);
        if let Some(entry) = self.entries.read().get(&slot).filter(|entry| entry.is_for(scope, secret)) {
            entry.used.store(tick, Ordering::Relaxed);
            return entry.key.clone();
        }
        let key = SigningKey::derive(secret, scope.date, scope.region, scope.service);
        self.keep(
            slot,
            Entry {
                access_key_id: scope.access_key_id.to_owned(),
                date: scope.date.to_owned(),
                region: scope.region.to_owned(),
                service: scope.service.to_owned(),
                secret: secret.to_owned(),
                key: key.clone(),
                used: AtomicU64::new(tick),
            },
        );
        key
    }

    fn keep(&self, slot: u64, entry: Entry) {
        let mut entries = self.entries.write();
        if entries.len() >= CACHED_MAX && !entries.contains_key(&slot) {
            let oldest = entries.iter().min_by_key(|(_, entry)| entry.used.load(Ordering::Relaxed));
            if let Some(oldest) = oldest.map(|(slot, _)| *slot) {
                entries.remove(&oldest);
            }
        }
        entries.insert(slot, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope<'a>(access_key_id: &'a str, date: &'a str) -> Scope<'a> {
        Scope {
            access_key_id,
            date,
            region: "us-east-1",
            service: "iam",
            terminator: TERMINATOR,
        }
    }

    // The guide's example of a derived key, seen through the signature of its example request.
    #[test]
    fn the_documented_derivation() {
        let key = SigningKey::derive("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830", "us-east-1", "iam");
        let text = "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n\
                    f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59";
        assert_eq!(key.sign(text.as_bytes()), "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
    }

    #[test]
    fn a_cached_key_equals_a_derived_one_and_follows_the_secret() {
        let cache = KeyCache::default();
        for secret in ["one", "one", "two", "two"] {
            let fresh = SigningKey::derive(secret, "20150830", "us-east-1", "iam").sign(b"x");
            assert_eq!(cache.key(&scope("AKID", "20150830"), secret).sign(b"x"), fresh);
        }
        assert_eq!(cache.entries.read().len(), 1);
    }

    #[test]
    fn the_cache_is_bounded_and_drops_the_least_used() {
        let cache = KeyCache::default();
        for day in 0..=CACHED_MAX {
            cache.key(&scope("AKID", &day.to_string()), "s");
            cache.key(&scope("kept", "20150830"), "s");
        }
        let entries = cache.entries.read();
        assert_eq!(entries.len(), CACHED_MAX);
        assert!(entries.values().any(|entry| entry.access_key_id == "kept"));
    }
}
