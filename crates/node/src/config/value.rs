//! The types that settings have: how each is written, and what is said when it is not.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use hearth_model::{AccountId, Region};
use serde_json::json;

use super::node::{Node, Raw};

/// A refusal, before the setting adds its name and place.
#[derive(Debug, PartialEq, Eq)]
pub struct Misfit {
    pub expected: String,
    pub found: String,
    /// When the defect is not where the value begins.
    pub line: Option<usize>,
}

impl Misfit {
    fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            expected: expected.into(),
            found: found.into(),
            line: None,
        }
    }
}

/// A type a setting can have.
pub trait Value: Sized {
    /// What fits, for messages and for the manual: "one of `a`, `b`".
    const FORM: &'static str;

    /// From a short text; `None` when it does not fit.
    fn from_text(text: &str, base: &Path) -> Option<Self>;

    /// From whatever was written. Paths are relative to `base`.
    ///
    /// # Errors
    /// What was expected and what was found.
    fn from_node(node: &Node, base: &Path) -> Result<Self, Misfit> {
        let text = match &node.raw {
            Raw::Text(text) => Some(text.clone()),
            Raw::Integer(number) => Some(number.to_string()),
            _ => None,
        };
        text.and_then(|text| Self::from_text(&text, base)).ok_or_else(|| Misfit::new(Self::FORM, node.raw.describe()))
    }

    /// For `hearth config show`; secrets are left out.
    fn show(&self) -> serde_json::Value;
}

impl Value for SocketAddr {
    const FORM: &'static str = "an address and port such as 127.0.0.1:4566";

    fn from_text(text: &str, _: &Path) -> Option<Self> {
        match text.strip_prefix("localhost:") {
            // The one name that needs no resolver.
            Some(port) => Some(Self::from(([127, 0, 0, 1], port.parse().ok()?))),
            None => text.parse().ok(),
        }
    }

    fn show(&self) -> serde_json::Value {
        json!(self.to_string())
    }
}

impl Value for PathBuf {
    const FORM: &'static str = "a path";

    fn from_text(text: &str, base: &Path) -> Option<Self> {
        (!text.is_empty() && !text.contains('\0')).then(|| base.join(text))
    }

    fn show(&self) -> serde_json::Value {
        json!(self.display().to_string())
    }
}

impl Value for Region {
    const FORM: &'static str = "a region name such as us-east-1";

    fn from_text(text: &str, _: &Path) -> Option<Self> {
        Self::parse(text)
    }

    fn show(&self) -> serde_json::Value {
        json!(self.as_str())
    }
}

impl Value for AccountId {
    const FORM: &'static str = "an account id of 12 digits, in quotes";

    fn from_text(text: &str, _: &Path) -> Option<Self> {
        Self::parse(text)
    }

    fn show(&self) -> serde_json::Value {
        json!(self.as_str())
    }
}

/// A whole number within bounds that its setting states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count<const MIN: u64, const MAX: u64>(pub u64);

impl<const MIN: u64, const MAX: u64> Count<MIN, MAX> {
    /// For settings whose bound fits.
    #[must_use]
    pub fn narrow(self) -> u32 {
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }
}

impl<const MIN: u64, const MAX: u64> Value for Count<MIN, MAX> {
    const FORM: &'static str = "a whole number";

    fn from_text(text: &str, _: &Path) -> Option<Self> {
        text.parse().ok().filter(|n| (MIN..=MAX).contains(n)).map(Self)
    }

    fn from_node(node: &Node, base: &Path) -> Result<Self, Misfit> {
        let found = match &node.raw {
            Raw::Text(text) => Self::from_text(text, base),
            Raw::Integer(number) => Self::from_text(&number.to_string(), base),
            _ => None,
        };
        found.ok_or_else(|| Misfit::new(format!("a whole number from {MIN} to {MAX}"), node.raw.describe()))
    }

    fn show(&self) -> serde_json::Value {
        json!(self.0)
    }
}

/// A word of a short list.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident: $form:literal { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl Value for $name {
            const FORM: &'static str = $form;

            fn from_text(text: &str, _: &Path) -> Option<Self> {
                match text { $($word => Some(Self::$variant),)+ _ => None }
            }

            fn show(&self) -> serde_json::Value {
                json!(self.as_str())
            }
        }
    };
}

choice! {
    /// Whether signatures are verified.
    AuthMode: "`open` or `enforce`" {
        /// Any key is accepted. Loopback only.
        Open = "open",
        /// Signatures are verified against the configured keys.
        Enforce = "enforce",
    }
}

choice! {
    /// How the server's own log looks.
    LogStyle: "`auto`, `human` or `json`" {
        /// Human on a terminal, JSON otherwise.
        Auto = "auto",
        Human = "human",
        Json = "json",
    }
}

choice! {
    /// How a function's share of the processors holds.
    CpuLimit: "`quota` or `weight`" {
        /// Never more than its share.
        Quota = "quota",
        /// Its share when others want theirs; more on an idle host.
        Weight = "weight",
    }
}

choice! {
    /// Whether functions reach the server's own API.
    OwnApi: "`on` or `off`" {
        /// With their roles' credentials, within their own account.
        On = "on",
        Off = "off",
    }
}

choice! {
    /// What functions can reach.
    NetworkMode: "`loopback` or `nat`" {
        /// Nothing but themselves.
        Loopback = "loopback",
        /// The internet, through address translation on the host.
        Nat = "nat",
    }
}

choice! {
    /// The weakest isolation under which the server agrees to run functions.
    MinLevel: "`user` or `root`" {
        /// What unprivileged user namespaces give.
        User = "user",
        /// Everything, limits on memory and CPU included.
        Root = "root",
    }
}

impl Value for String {
    const FORM: &'static str = "a text";

    fn from_text(text: &str, _: &Path) -> Option<Self> {
        Some(text.to_owned())
    }

    fn show(&self) -> serde_json::Value {
        json!(self)
    }
}

/// Scheme and host, with or without a port, of URLs that clients are told; none when empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UrlBase(pub Option<String>);

impl Value for UrlBase {
    const FORM: &'static str = "a URL without a path such as https://fn.example";

    fn from_text(text: &str, _: &Path) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(None));
        }
        let text = text.strip_suffix('/').unwrap_or(text);
        let authority = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':');
        (!authority.is_empty() && authority.bytes().all(good)).then(|| Self(Some(text.to_owned())))
    }

    fn show(&self) -> serde_json::Value {
        json!(self.0.as_deref().unwrap_or_default())
    }
}

/// In the environment and on the command line, lists are separated by commas.
impl<T: Value> Value for Vec<T>
where
    T: ListItem,
{
    const FORM: &'static str = T::LIST_FORM;

    fn from_text(text: &str, base: &Path) -> Option<Self> {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(|part| T::from_text(part, base)).collect()
    }

    fn from_node(node: &Node, base: &Path) -> Result<Self, Misfit> {
        match &node.raw {
            Raw::List(items) => items.iter().map(|item| at(item, T::from_node(item, base))).collect(),
            Raw::Text(text) => Self::from_text(text, base).ok_or_else(|| Misfit::new(Self::FORM, node.raw.describe())),
            other => Err(Misfit::new(Self::FORM, other.describe())),
        }
    }

    fn show(&self) -> serde_json::Value {
        self.iter().map(Value::show).collect()
    }
}

fn at<T>(node: &Node, result: Result<T, Misfit>) -> Result<T, Misfit> {
    result.map_err(|misfit| Misfit {
        line: misfit.line.or(Some(node.line)),
        ..misfit
    })
}

/// What a list of it is called.
pub trait ListItem {
    const LIST_FORM: &'static str;
}

impl ListItem for String {
    const LIST_FORM: &'static str = "a list of texts";
}

impl ListItem for PathBuf {
    const LIST_FORM: &'static str = "a list of paths";
}

impl ListItem for AccessKey {
    const LIST_FORM: &'static str = "`[[keys]]` tables, in the file alone";
}

/// Folders by the names that stand for them.
impl Value for BTreeMap<String, PathBuf> {
    const FORM: &'static str = "a table of folders, or `name=folder,...`";

    fn from_text(text: &str, base: &Path) -> Option<Self> {
        let names = BTreeMap::<String, String>::from_text(text, base)?;
        names.into_iter().map(|(name, folder)| Some((name, PathBuf::from_text(&folder, base)?))).collect()
    }

    fn from_node(node: &Node, base: &Path) -> Result<Self, Misfit> {
        match &node.raw {
            Raw::Table(pairs) => pairs
                .iter()
                .map(|(name, value)| Ok((name.clone(), at(value, PathBuf::from_node(value, base))?)))
                .collect(),
            Raw::Text(text) => Self::from_text(text, base).ok_or_else(|| Misfit::new(Self::FORM, node.raw.describe())),
            other => Err(Misfit::new(Self::FORM, other.describe())),
        }
    }

    fn show(&self) -> serde_json::Value {
        let shown: BTreeMap<_, _> = self.iter().map(|(name, folder)| (name, folder.display().to_string())).collect();
        json!(shown)
    }
}

/// Names that stand for others, such as a runtime that is absent for one that is there.
impl Value for BTreeMap<String, String> {
    const FORM: &'static str = "a table of names, or `name=other,...`";

    fn from_text(text: &str, _: &Path) -> Option<Self> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(|part| part.split_once('=').map(|(k, v)| (k.trim().to_owned(), v.trim().to_owned()))).collect()
    }

    fn from_node(node: &Node, base: &Path) -> Result<Self, Misfit> {
        match &node.raw {
            Raw::Table(pairs) => pairs
                .iter()
                .map(|(name, value)| Ok((name.clone(), at(value, String::from_node(value, base))?)))
                .collect(),
            Raw::Text(text) => Self::from_text(text, base).ok_or_else(|| Misfit::new(Self::FORM, node.raw.describe())),
            other => Err(Misfit::new(Self::FORM, other.describe())),
        }
    }

    fn show(&self) -> serde_json::Value {
        json!(self)
    }
}

/// A key that callers may sign with.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    pub access_key_id: String,
    pub secret_access_key: String,
    /// The configured account when absent.
    pub account: Option<AccountId>,
    /// The user's name; `admin` when absent.
    pub user: Option<String>,
}

impl std::fmt::Debug for AccessKey {
    // The secret stays out of logs and messages.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

impl Value for AccessKey {
    const FORM: &'static str = "a table with access_key_id and secret_access_key or secret_access_key_file";

    fn from_text(_: &str, _: &Path) -> Option<Self> {
        None
    }

    fn from_node(node: &Node, base: &Path) -> Result<Self, Misfit> {
        let Raw::Table(members) = &node.raw else {
            return Err(Misfit::new(Self::FORM, node.raw.describe()));
        };
        let mut members = Members(members);
        members.only(&["access_key_id", "secret_access_key", "secret_access_key_file", "account", "user"])?;
        let Some(access_key_id) = members.text("access_key_id")? else {
            return Err(Misfit::new(Self::FORM, "no access_key_id"));
        };
        if access_key_id.len() < 3 || !access_key_id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(Misfit::new("an access_key_id of 3 or more letters and digits", format!("{access_key_id:?}")));
        }
        Ok(Self {
            secret_access_key: secret(&mut members, base)?,
            account: members.account()?,
            user: members.text("user")?,
            access_key_id,
        })
    }

    fn show(&self) -> serde_json::Value {
        let account = self.account.as_ref().map(AccountId::as_str);
        json!({ "access_key_id": self.access_key_id, "account": account, "user": self.user })
    }
}

/// Given in place, or in a file of its own that fewer people may read.
fn secret(members: &mut Members<'_>, base: &Path) -> Result<String, Misfit> {
    match (members.text("secret_access_key")?, members.text("secret_access_key_file")?) {
        (Some(secret), None) if !secret.is_empty() => Ok(secret),
        (None, Some(file)) => read_secret(&base.join(file)),
        (Some(_), None) => Err(Misfit::new(AccessKey::FORM, "an empty secret_access_key")),
        (Some(_), Some(_)) => Err(Misfit::new(AccessKey::FORM, "both")),
        (None, None) => Err(Misfit::new(AccessKey::FORM, "neither")),
    }
}

fn read_secret(path: &Path) -> Result<String, Misfit> {
    let expected = "a secret_access_key_file that can be read";
    let text = std::fs::read_to_string(path).map_err(|e| Misfit::new(expected, format!("{}: {e}", path.display())))?;
    match text.trim() {
        "" => Err(Misfit::new("a secret in the secret_access_key_file", format!("{} empty", path.display()))),
        secret => Ok(secret.to_owned()),
    }
}

/// The members of a table, by name.
struct Members<'a>(&'a [(String, Node)]);

impl Members<'_> {
    fn only(&self, known: &[&'static str]) -> Result<(), Misfit> {
        match self.0.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            Some((name, node)) => Err(Misfit {
                expected: format!("one of {}", known.join(", ")),
                found: format!("{name:?}"),
                line: Some(node.line),
            }),
            None => Ok(()),
        }
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, Misfit> {
        match self.0.iter().find(|(found, _)| found == name) {
            Some((_, Node { raw: Raw::Text(text), .. })) => Ok(Some(text.clone())),
            Some((_, node)) => at(node, Err(Misfit::new(format!("a text for {name}"), "something else"))),
            None => Ok(None),
        }
    }

    fn account(&mut self) -> Result<Option<AccountId>, Misfit> {
        match self.text("account")? {
            Some(text) => match AccountId::parse(&text) {
                Some(account) => Ok(Some(account)),
                None => Err(Misfit::new(AccountId::FORM, format!("{text:?}"))),
            },
            None => Ok(None),
        }
    }
}
