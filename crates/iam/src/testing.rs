//! What the crate's tests share.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_core::{Clock, Random, Tasks};
use hearth_model::AccountId;
use hearth_store::Memory;

use crate::ops::entity::New;
use crate::record::{RoleOwn, UserOwn};
use crate::{Mode, Options};

/// Over a store, with no configured keys. Servers of one store share the secret, too.
pub(crate) fn options(mode: Mode, store: &Memory) -> Options {
    Options {
        mode,
        keys: Vec::new(),
        account: AccountId::fallback(),
        documents: Arc::new(store.clone()),
        tasks: Tasks::new(),
        master_secret: [1; 32],
        clock: Clock::fixed(0),
        random: Random::seeded(1),
    }
}

pub(crate) fn store() -> Memory {
    Memory::new(Clock::fixed(0))
}

/// A role under `/p/`.
pub(crate) fn role(name: &str, trust: &str) -> New<RoleOwn> {
    let own = RoleOwn {
        trust: trust.to_owned(),
        description: None,
        max_session_s: 3_600,
        newer: serde_json::Map::new(),
    };
    new(name, "/p/", own)
}

pub(crate) fn user(name: &str) -> New<UserOwn> {
    new(name, "/", UserOwn::default())
}

fn new<O>(name: &str, path: &str, own: O) -> New<O> {
    New {
        name: name.to_owned(),
        path: path.to_owned(),
        tags: BTreeMap::new(),
        boundary: None,
        own,
    }
}
