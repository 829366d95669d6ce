//! A map that is read without a lock, by many at once.
//!
//! A shard is an immutable map behind an atomic pointer, replaced by a writer. Writers of one map
//! have to take turns, so that no copy overtakes another.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use arc_swap::ArcSwap;

/// A writer copies one shard: enough of them keep that cheap with many entries.
const SHARDS: usize = 64;

pub(crate) struct Shards<K, V>(Vec<ArcSwap<HashMap<K, V>>>);

impl<K: Hash + Eq + Clone, V: Clone> Shards<K, V> {
    pub(crate) fn new() -> Self {
        Self((0..SHARDS).map(|_| ArcSwap::default()).collect())
    }

    /// Looks at an entry. `text` is what entries are spread by, a part of the key.
    pub(crate) fn with<R>(&self, text: &str, key: &K, look: impl FnOnce(Option<&V>) -> R) -> R {
        look(self.shard(text).load().get(key))
    }

    /// Replaces the shard of `text`.
    pub(crate) fn change(&self, text: &str, change: impl FnOnce(&mut HashMap<K, V>)) {
        let shard = self.shard(text);
        let mut copy = HashMap::clone(&shard.load());
        change(&mut copy);
        shard.store(Arc::new(copy));
    }

    fn shard(&self, text: &str) -> &ArcSwap<HashMap<K, V>> {
        // FNV-1a: spreads well enough, and the map hashes the whole key anyway.
        let hash = text
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        &self.0[usize::try_from(hash % SHARDS as u64).unwrap_or(0)]
    }
}
