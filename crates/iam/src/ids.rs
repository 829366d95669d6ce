//! Ids as IAM writes them: a prefix that tells the kind, and base 32.

use hearth_core::Random;
use sha2::{Digest, Sha256};

/// Of a role, user or policy: 17 random characters.
pub(crate) fn unique(prefix: &str, random: &Random) -> String {
    format!("{prefix}{}", base32(&random.bytes::<11>(), 17))
}

/// Of an access key: 16 random characters.
pub(crate) fn access_key(prefix: &str, random: &Random) -> String {
    format!("{prefix}{}", base32(&random.bytes::<10>(), 16))
}

/// Of what exists nowhere but by its name (a configured user, a role that nobody made, AWS's own
/// policies): always the same for the same ARN.
pub(crate) fn derived(prefix: &str, arn: &str) -> String {
    format!("{prefix}{}", base32(&Sha256::digest(arn.as_bytes())[..11], 17))
}

/// `chars` characters of 5 bits each, from at most 16 bytes.
fn base32(bytes: &[u8], chars: u32) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let number = bytes.iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    (0..chars).rev().map(|place| char::from(ALPHABET[(number >> (place * 5) & 31) as usize])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_awss_lengths() {
        let random = Random::seeded(1);
        assert_eq!(unique("AROA", &random).len(), 21);
        assert_eq!(access_key("AKIA", &random).len(), 20);
        assert_ne!(unique("AROA", &random), unique("AROA", &random));
        assert_eq!(derived("AIDA", "a"), derived("AIDA", "a"));
        assert_ne!(derived("AIDA", "a"), derived("AIDA", "b"));
        assert_eq!((base32(&[0; 10], 16), base32(&[255; 10], 16)), ("A".repeat(16), "7".repeat(16)));
    }
}
