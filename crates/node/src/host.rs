//! The configuration in the terms of the mechanisms below: the sandbox and the runtimes.

use std::net::Ipv4Addr;

use hearth_runtimes::DiscoveryConfig;
use hearth_sandbox::{Level, Network};

use crate::config::{Config, MinLevel, NetworkMode};
use crate::layout::Layout;

/// How functions are isolated.
#[must_use]
pub fn sandbox_options(config: &Config, layout: &Layout) -> hearth_sandbox::Options {
    hearth_sandbox::Options {
        pool_size: config.sandbox_pool.value.narrow() as usize,
        network: match config.sandbox_network.value {
            NetworkMode::Loopback => Network::Loopback,
            NetworkMode::Nat => Network::Nat,
        },
        min_level: min_level(config),
        ..hearth_sandbox::Options::new(layout.sandboxes())
    }
}

/// Whom functions ask for names: nobody, where they have no network.
#[must_use]
pub fn name_servers(config: &Config) -> Vec<Ipv4Addr> {
    match config.sandbox_network.value {
        NetworkMode::Loopback => Vec::new(),
        NetworkMode::Nat => hearth_sandbox::outbound_name_servers(),
    }
}

#[must_use]
pub fn min_level(config: &Config) -> Level {
    match config.sandbox_min_level.value {
        MinLevel::User => Level::User,
        MinLevel::Root => Level::Root,
    }
}

/// Where interpreters are looked for.
#[must_use]
pub fn discovery(config: &Config, layout: &Layout) -> DiscoveryConfig {
    DiscoveryConfig {
        search_dirs: config.runtimes_search.value.clone(),
        aliases: config.runtimes_aliases.value.clone(),
        // Commands that only look do not make a data folder.
        cache_file: layout.data().is_dir().then(|| layout.interpreters()),
        ..DiscoveryConfig::default()
    }
}
