//! The one list of settings: key, variable, flag, type, default, meaning.
//!
//! To add a setting, add a row here and use it in `assemble.rs`; the flag, the variable,
//! `hearth config show` and the manual's table follow.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use hearth_core::config::{Origin, Setting};
use hearth_model::{AccountId, Region};

use super::error::ConfigError;
use super::host::Host;
use super::node::Node;
use super::value::{AccessKey, AuthMode, Count, CpuLimit, LogStyle, MinLevel, NetworkMode, OwnApi, UrlBase, Value};

/// What is known of a setting besides its value.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Dotted path in `hearth.toml`.
    pub key: &'static str,
    pub env: Option<&'static str>,
    /// With its dashes.
    pub flag: Option<&'static str>,
    /// What values look like.
    pub form: &'static str,
    /// The default in words.
    pub default: &'static str,
    pub help: &'static str,
}

macro_rules! settings {
    ($(
        $field:ident: $type:ty, $key:literal, $env:expr, $flag:expr,
        default $default:expr, said $said:literal, $help:literal;
    )+) => {
        /// Every setting, with the origin of its value.
        #[derive(Clone, Debug)]
        pub struct Config {
            /// The file that was read, if any.
            pub file: Option<PathBuf>,
            $(#[doc = $help] pub $field: Setting<$type>,)+
        }

        /// The settings in the order of the manual.
        pub const ENTRIES: &[Entry] = &[$(Entry {
            key: $key,
            env: $env,
            flag: $flag,
            form: <$type as Value>::FORM,
            default: $said,
            help: $help,
        }),+];

        impl Config {
            /// The built-in values.
            #[must_use]
            pub fn defaults(host: &Host) -> Self {
                Self { file: None, $($field: Setting::default(($default)(host)),)+ }
            }

            pub(super) fn set(
                &mut self,
                key: &str,
                node: &Node,
                base: &Path,
                origin: Origin,
                place: &str,
            ) -> Result<(), ConfigError> {
                match key {
                    $($key => self.$field.overlay(Some(typed(key, node, base, &origin, place)?), origin),)+
                    _ => return Err(ConfigError::UnknownKey { place: place.to_owned(), key: key.to_owned(), nearest: None }),
                }
                Ok(())
            }

            /// Key, value without secrets, origin; in the order of [`ENTRIES`].
            #[must_use]
            pub fn rows(&self) -> Vec<(&'static str, serde_json::Value, &Origin)> {
                vec![$(($key, self.$field.value.show(), &self.$field.origin)),+]
            }
        }
    };
}

fn typed<T: Value>(key: &str, node: &Node, base: &Path, origin: &Origin, place: &str) -> Result<T, ConfigError> {
    T::from_node(node, base).map_err(|misfit| ConfigError::BadValue {
        place: match (origin, misfit.line) {
            (Origin::File(path), Some(line)) => format!("{}, line {line}", path.display()),
            _ => place.to_owned(),
        },
        key: key.to_owned(),
        expected: misfit.expected,
        found: misfit.found,
    })
}

settings! {
    listen: SocketAddr, "listen", Some("HEARTH_LISTEN"), Some("--listen"),
        default |_: &Host| SocketAddr::from(([127, 0, 0, 1], 4566)), said "127.0.0.1:4566",
        "Address and port that every service answers on. Beyond loopback, `auth.mode` must be `enforce`.";
    data: PathBuf, "data", Some("HEARTH_DATA"), Some("--data"),
        default Host::data_dir, said "/var/lib/hearth for root, else ~/.local/share/hearth",
        "Folder of everything that must survive: functions, packages, logs.";
    auth_mode: AuthMode, "auth.mode", Some("HEARTH_AUTH"), Some("--auth"),
        default |_: &Host| AuthMode::Open, said "open",
        "`open` accepts any key; `enforce` verifies every signature against `keys`.";
    keys: Vec<AccessKey>, "keys", None, None,
        default |_: &Host| Vec::new(), said "none",
        "Keys that callers sign with: `access_key_id`, `secret_access_key` or `secret_access_key_file`, `account`, `user` (else `admin`).";
    region: Region, "region", Some("HEARTH_REGION"), Some("--region"),
        default |_: &Host| Region::fallback(), said "us-east-1",
        "Region of callers who name none, of Hearth's own commands, and of `hearth env`.";
    account: AccountId, "account", Some("HEARTH_ACCOUNT"), Some("--account"),
        default |_: &Host| AccountId::fallback(), said "000000000000",
        "Account of callers who name none, and of configured keys that name none.";
    concurrency: Count<1, 100_000>, "concurrency", Some("HEARTH_CONCURRENCY"), Some("--concurrency"),
        default |_: &Host| Count(1_000), said "1000",
        "Invocations that may run at once in one account and region; more are answered with 429.";
    drain_s: Count<0, 900>, "drain_s", Some("HEARTH_DRAIN_S"), Some("--drain-s"),
        default |_: &Host| Count(25), said "25",
        "Seconds that running invocations get when the server is told to stop.";
    http_connections: Count<16, 1_000_000>, "http.connections", Some("HEARTH_HTTP_CONNECTIONS"), None,
        default |_: &Host| Count(4_096), said "4096",
        "Connections at a time; one more is answered 503.";
    http_hosts: Vec<String>, "http.hosts", Some("HEARTH_HTTP_HOSTS"), None,
        default |_: &Host| Vec::new(), said "none",
        "Names beside addresses and `localhost` under which the server may be asked in `open` mode, e.g. `hearth.example` or `*.example`.";
    http_origins: Vec<String>, "http.origins", Some("HEARTH_HTTP_ORIGINS"), None,
        default |_: &Host| Vec::new(), said "none",
        "Origins of web pages that may use the API, e.g. `https://app.example`; `*` admits all.";
    http_url_base: UrlBase, "http.url_base", Some("HEARTH_HTTP_URL_BASE"), None,
        default |_: &Host| UrlBase(None), said "as the client reached the server",
        "Where function URLs are reached, e.g. `https://fn.example` for `https://<id>.lambda-url.<region>.fn.example/`.";
    log_filter: String, "log.filter", Some("HEARTH_LOG"), Some("--log"),
        default |_: &Host| "info".to_owned(), said "info",
        "What the server logs to standard error: a level, or `target=level` pairs separated by commas.";
    log_style: LogStyle, "log.style", Some("HEARTH_LOG_STYLE"), Some("--log-style"),
        default |_: &Host| LogStyle::Auto, said "auto",
        "How its lines look; `auto` is human on a terminal and JSON otherwise.";
    encryption_key_file: PathBuf, "encryption.key_file", Some("HEARTH_ENCRYPTION_KEY_FILE"), None,
        default |_: &Host| PathBuf::new(), said "`encryption-key` in the data folder, made at the first start",
        "File with the key that KMS keys and functions' variables are encrypted under; see `data-folder.md`.";
    sandbox_min_level: MinLevel, "sandbox.min_level", Some("HEARTH_SANDBOX_MIN_LEVEL"), Some("--min-level"),
        default |_: &Host| MinLevel::User, said "user",
        "The weakest isolation to run functions under; the server refuses to start on a host that gives less.";
    sandbox_network: NetworkMode, "sandbox.network", Some("HEARTH_SANDBOX_NETWORK"), Some("--network"),
        default |_: &Host| NetworkMode::Loopback, said "loopback",
        "What functions reach: themselves alone, or the internet through the host.";
    sandbox_api: OwnApi, "sandbox.api", Some("HEARTH_SANDBOX_API"), None,
        default |_: &Host| OwnApi::On, said "on",
        "Whether functions reach this server's API from inside, with the credentials of their role: all services that it serves, in their own account.";
    sandbox_pool: Count<0, 1_000>, "sandbox.pool", Some("HEARTH_SANDBOX_POOL"), None,
        default |_: &Host| Count(4), said "4",
        "Prepared sandboxes kept for the next cold start.";
    environments_idle_s: Count<1, 86_400>, "environments.idle_s", Some("HEARTH_ENVIRONMENTS_IDLE_S"), None,
        default |_: &Host| Count(600), said "600",
        "Seconds after which an environment that nobody uses is removed.";
    environments_linger_ms: Count<0, 60_000>, "environments.linger_ms", Some("HEARTH_ENVIRONMENTS_LINGER_MS"), None,
        default |_: &Host| Count(20), said "20",
        "Milliseconds between an answer and the freeze, so that a burst does not pay for thawing.";
    environments_max_age_s: Count<1, 39_600>, "environments.max_age_s", Some("HEARTH_ENVIRONMENTS_MAX_AGE_S"), None,
        default |_: &Host| Count(39_600), said "39600",
        "Seconds after which an environment takes no further invocation and is replaced.";
    environments_max_errors: Count<1, 1_000>, "environments.max_errors", Some("HEARTH_ENVIRONMENTS_MAX_ERRORS"), None,
        default |_: &Host| Count(10), said "10",
        "Invocations in a row that crashed, timed out, ran out of memory or fell with an extension, after which an environment is replaced, with its `/tmp`.";
    environments_cpu: CpuLimit, "environments.cpu", Some("HEARTH_ENVIRONMENTS_CPU"), None,
        default |_: &Host| CpuLimit::Quota, said "quota",
        "`quota` gives a function its share of the processors (1,769 MB are one) and no more, as Lambda does; `weight` lets it use what others leave idle.";
    environments_parked: Count<0, 1_000>, "environments.parked", Some("HEARTH_ENVIRONMENTS_PARKED"), None,
        default |_: &Host| Count(8), said "8",
        "Interpreters of one kind that are kept up for the next cold starts, at the most; recent demand says how many.";
    asynchronous_retry_ms: Count<1, 3_600_000>, "asynchronous.retry_ms", Some("HEARTH_ASYNCHRONOUS_RETRY_MS"), None,
        default |_: &Host| Count(60_000), said "60000",
        "Milliseconds between a function's failure with an asynchronous event and the next run; twice as many after the second failure. Lambda's are a minute and two.";
    runtimes_search: Vec<PathBuf>, "runtimes.search", Some("HEARTH_RUNTIMES_SEARCH"), None,
        default |_: &Host| Vec::new(), said "none",
        "Folders in which interpreters are looked for before the usual places.";
    runtimes_aliases: BTreeMap<String, String>, "runtimes.aliases", Some("HEARTH_RUNTIMES_ALIASES"), None,
        default |_: &Host| BTreeMap::new(), said "none",
        "Runtimes that stand in for absent ones, e.g. `\"python3.14\" = \"python3.13\"`.";
    file_systems: BTreeMap<String, PathBuf>, "file_systems", Some("HEARTH_FILE_SYSTEMS"), None,
        default |_: &Host| BTreeMap::new(), said "none",
        "Folders that functions mount by `FileSystemConfigs`, by the access point's ARN: `\"arn:aws:elasticfilesystem:...\" = \"/srv/shared\"`; others are refused.";
    hot_reload_folders: Vec<PathBuf>, "hot_reload.folders", Some("HEARTH_HOT_RELOAD_FOLDERS"), Some("--hot-reload"),
        default |_: &Host| Vec::new(), said "none",
        "Folders that functions may run as they stand, with all below them, by `S3Bucket=hot-reload`; none: refused.";
    images_folders: Vec<PathBuf>, "images.folders", Some("HEARTH_IMAGES_FOLDERS"), Some("--images"),
        default |_: &Host| Vec::new(), said "none",
        "Folders in which OCI layouts may lie that functions name as `oci:/path:tag`; none: refused.";
    images_registries: Vec<String>, "images.registries", Some("HEARTH_IMAGES_REGISTRIES"), None,
        default |_: &Host| Vec::new(), said "any",
        "Registries that images may come from, e.g. `docker.io` or `registry.example:5000`.";
    images_insecure: Vec<String>, "images.insecure", Some("HEARTH_IMAGES_INSECURE"), None,
        default |_: &Host| Vec::new(), said "none",
        "Registries beside those on loopback that are asked without TLS.";
    images_credentials: Vec<PathBuf>, "images.credentials", Some("HEARTH_IMAGES_CREDENTIALS"), None,
        default |_: &Host| Vec::new(), said "none",
        "A `config.json` as `docker login` writes it, with the credentials of registries; the first that has some for a registry counts.";
    logs_max_mib: Count<1, 1_000_000>, "logs.max_mib", Some("HEARTH_LOGS_MAX_MIB"), None,
        default |_: &Host| Count(1_024), said "1024",
        "Size to which the store of function logs may grow; the oldest events go first.";
}
