//! The only source of randomness.

use std::sync::Arc;

use parking_lot::Mutex;

/// Draws ids and secrets. Cheap to clone.
///
/// The system form draws from the operating system, a buffer at a time, so that an id on the hot
/// path costs no system call; the seeded form repeats itself, for tests.
#[derive(Clone, Debug)]
pub struct Random {
    source: Arc<Mutex<Source>>,
}

#[derive(Debug)]
enum Source {
    System { buffer: Box<[u8; 1024]>, used: usize },
    Seeded(u64),
}

impl Default for Random {
    fn default() -> Self {
        Self::system()
    }
}

impl Random {
    /// Randomness fit for keys and secrets.
    #[must_use]
    pub fn system() -> Self {
        Self::of(Source::System {
            buffer: Box::new([0; 1024]),
            used: 1024,
        })
    }

    /// The same sequence for the same seed. For tests alone: it is guessable.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self::of(Source::Seeded(seed))
    }

    fn of(source: Source) -> Self {
        Self {
            source: Arc::new(Mutex::new(source)),
        }
    }

    /// Fills `out`.
    pub fn fill(&self, out: &mut [u8]) {
        match &mut *self.source.lock() {
            Source::System { buffer, used } => fill_from_system(buffer, used, out),
            Source::Seeded(state) => {
                for chunk in out.chunks_mut(8) {
                    let word = split_mix(state).to_le_bytes();
                    chunk.copy_from_slice(&word[..chunk.len()]);
                }
            }
        }
    }

    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    /// A random (version 4) UUID.
    #[must_use]
    pub fn uuid(&self) -> uuid::Uuid {
        uuid::Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    /// A number in `0..bound`; 0 for a bound of 0.
    #[must_use]
    pub fn below(&self, bound: u64) -> u64 {
        let word = u64::from_le_bytes(self.bytes());
        // The bias of the multiply-shift is below 2^-32 for every bound used here.
        u64::try_from((u128::from(word) * u128::from(bound)) >> 64).unwrap_or(0)
    }
}

#[allow(clippy::expect_used)]
fn fill_from_system(buffer: &mut [u8; 1024], used: &mut usize, out: &mut [u8]) {
    if out.len() > buffer.len() / 4 {
        getrandom::fill(out).expect("the operating system gives random bytes");
        return;
    }
    if *used + out.len() > buffer.len() {
        getrandom::fill(buffer).expect("the operating system gives random bytes");
        *used = 0;
    }
    let taken = &mut buffer[*used..*used + out.len()];
    out.copy_from_slice(taken);
    // What was handed out must not be readable here later.
    taken.fill(0);
    *used += out.len();
}

/// SplitMix64: one state word, full period, good enough to vary test data.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeded_sequences_repeat_and_differ_by_seed() {
        assert_eq!(Random::seeded(1).uuid(), Random::seeded(1).uuid());
        assert_ne!(Random::seeded(1).uuid(), Random::seeded(2).uuid());
    }

    #[test]
    fn system_bytes_do_not_repeat_across_refills() {
        let random = Random::system();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..500 {
            assert!(seen.insert(random.uuid()));
        }
    }

    #[test]
    fn below_stays_below() {
        let random = Random::seeded(7);
        assert!((0..1000).all(|_| random.below(10) < 10));
        assert_eq!(random.below(0), 0);
    }
}
