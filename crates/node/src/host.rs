//! The configuration in the terms of the mechanisms below: the sandbox and the runtimes.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use hearth_runtimes::DiscoveryConfig;
use hearth_sandbox::{Level, Network};

use crate::config::{Config, MinLevel, NetworkMode};
use crate::layout::Layout;

/// Source: "Lambda quotas", AWS Lambda developer guide: container images, uncompressed.
const IMAGE_BYTES_MAX: u64 = 10 << 30;
/// Files, folders and links of an image: twice what the largest have.
const IMAGE_ENTRIES_MAX: u64 = 1_000_000;

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

/// The way to container images.
#[must_use]
pub fn images(config: &Config, layout: &Layout) -> hearth_image::Images {
    // Whom every sandbox runs as.
    let (uid, gid) = {
        let options = sandbox_options(config, layout);
        (options.uid, options.gid)
    };
    hearth_image::Images::new(hearth_image::Options {
        settings: hearth_image::Settings {
            folders: config.images_folders.value.clone(),
            credentials: config.images_credentials.value.clone(),
            registries: config.images_registries.value.clone(),
            insecure_registries: config.images_insecure.value.clone(),
        },
        architecture: if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        bytes_max: IMAGE_BYTES_MAX,
        entries_max: IMAGE_ENTRIES_MAX,
        user: ("sbx_user1051", uid, gid),
    })
}

/// Writes what container images have as `/etc/resolv.conf`.
///
/// # Errors
/// When it cannot be written.
pub fn write_resolver(config: &Config, layout: &Layout) -> std::io::Result<PathBuf> {
    let path = layout.resolver();
    path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
    // In the place of one that may be mounted in a sandbox of the server before.
    let fresh = path.with_extension("new");
    std::fs::write(&fresh, hearth_invoke::resolver(&name_servers(config)))?;
    std::fs::set_permissions(&fresh, std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    std::fs::rename(&fresh, &path)?;
    Ok(path)
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
