//! The keys that the operator keeps: every key of KMS is stored encrypted under the first of them.
//!
//! A file of lines, each 32 bytes in base64; empty ones and those that begin with `#` say nothing.
//! The first is in use. Those that follow are older: what is encrypted under them is read, and
//! encrypted anew under the first at the next start.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hearth_core::Random;

use super::cipher::Material;
use super::record::Wrapped;

/// The operator's keys, the one in use first.
#[derive(Clone, Debug)]
pub struct OperatorKeys(Vec<Material>);

impl OperatorKeys {
    /// Reads the text of a key file.
    ///
    /// # Errors
    /// What is wrong with it, without any of it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut keys = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = STANDARD.decode(line).ok().and_then(|bytes| Material::of(&bytes));
            keys.push(key.ok_or_else(|| format!("line {}: expected 32 bytes in base64", at + 1))?);
        }
        if keys.is_empty() {
            return Err("expected a line with 32 bytes in base64, found none".to_owned());
        }
        Ok(Self(keys))
    }

    /// The text of a file with a fresh key.
    #[must_use]
    pub fn fresh(random: &Random) -> String {
        format!(
            "# Hearth's encryption key. Without it the variables of functions and the keys of KMS are lost: keep a copy\n\
             # elsewhere. To change it, put a new line of 32 random bytes in base64 before this one, and restart.\n{}\n",
            STANDARD.encode(random.bytes::<32>())
        )
    }

    fn current(&self) -> &Material {
        // Never empty: see `parse`.
        &self.0[0]
    }

    pub(super) fn wrap(&self, random: &Random, aad: &[u8], material: &Material) -> Wrapped {
        Wrapped {
            under: id(self.current()),
            sealed: STANDARD.encode(self.current().seal(random, aad, material.bytes())),
        }
    }

    /// `None` when none of the keys opens it.
    pub(super) fn unwrap(&self, aad: &[u8], wrapped: &Wrapped) -> Option<Material> {
        let key = self.0.iter().find(|key| id(key) == wrapped.under)?;
        Material::of(&key.open(aad, &STANDARD.decode(&wrapped.sealed).ok()?)?)
    }

    /// Whether the key in use wrapped it.
    pub(super) fn is_current(&self, wrapped: &Wrapped) -> bool {
        id(self.current()) == wrapped.under
    }
}

/// Names a key in the store and in messages.
fn id(key: &Material) -> String {
    hex::encode(&key.fingerprint()[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refused(text: &str, expected: &str) {
        assert_eq!(OperatorKeys::parse(text).unwrap_err(), expected);
    }

    #[test]
    fn files() {
        let fresh = OperatorKeys::fresh(&Random::seeded(1));
        assert_eq!(OperatorKeys::parse(&fresh).unwrap().0.len(), 1);
        check_refused("", "expected a line with 32 bytes in base64, found none");
        check_refused("# nothing\n\nc2hvcnQ=", "line 3: expected 32 bytes in base64");
        check_refused("not base64", "line 1: expected 32 bytes in base64");
    }

    #[test]
    fn older_keys_open_and_the_first_wraps() {
        let random = Random::seeded(1);
        let (old, new) = (STANDARD.encode([1; 32]), STANDARD.encode([2; 32]));
        let keys = |text: &str| OperatorKeys::parse(text).unwrap();
        let wrapped = keys(&old).wrap(&random, b"k", &Material::new([9; 32]));
        let both = keys(&format!("{new}\n{old}\n"));
        assert!(!both.is_current(&wrapped));
        let material = both.unwrap(b"k", &wrapped).unwrap();
        let again = both.wrap(&random, b"k", &material);
        assert!(both.is_current(&again));
        assert_eq!(keys(&new).unwrap(b"k", &again).unwrap().bytes(), [9; 32]);
        assert!(keys(&new).unwrap(b"k", &wrapped).is_none() && both.unwrap(b"other", &again).is_none());
    }

    #[test]
    fn keys_are_not_printed() {
        assert_eq!(
            format!("{:?}", OperatorKeys::parse(&STANDARD.encode([65; 32])).unwrap()),
            "OperatorKeys([Material])"
        );
    }
}
