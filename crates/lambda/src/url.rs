//! Function URLs: as they are stored, by the rules of `record`, and as the front door sees them.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_model::{Cors, FunctionKey, FunctionUrl, FunctionUrls, Identity, Qualifier, UrlAuth};
use serde::{Deserialize, Serialize};

use crate::policy::Wanted;
use crate::record::{FunctionRecord, Text, optional_text, text};
use crate::shards::Shards;
use crate::snapshot::Snapshot;

/// What a statement has to allow.
const ACTION: &str = "lambda:InvokeFunctionUrl";

/// A URL of a function or an alias.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UrlRecord {
    /// 32 lowercase letters and digits, never used again.
    pub(crate) id: String,
    #[serde(with = "text")]
    pub(crate) auth: UrlAuth,
    /// Absent when a client gave none, or one of nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cors: Option<CorsRecord>,
    /// Absent until a client says one: then it is buffered.
    #[serde(default, with = "optional_text", skip_serializing_if = "Option::is_none")]
    pub(crate) mode: Option<InvokeMode>,
    /// Unix milliseconds.
    pub(crate) created_ms: i64,
    /// Unix milliseconds.
    pub(crate) modified_ms: i64,
}

/// As given: what was not said is not shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CorsRecord {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) allow_credentials: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) allow_headers: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) allow_methods: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) allow_origins: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expose_headers: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_age_s: Option<u32>,
}

/// Whether an answer is passed on as a whole or as it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InvokeMode {
    Buffered,
    ResponseStream,
}

impl Text for InvokeMode {
    const ALL: &'static [(Self, &'static str)] =
        &[(Self::Buffered, "BUFFERED"), (Self::ResponseStream, "RESPONSE_STREAM")];
    fn same(self, other: Self) -> bool {
        self == other
    }
}

impl CorsRecord {
    fn rules(&self) -> Cors {
        let list = |items: &Option<Vec<String>>| items.clone().unwrap_or_default();
        Cors {
            allow_credentials: self.allow_credentials.unwrap_or(false),
            allow_headers: list(&self.allow_headers),
            allow_methods: list(&self.allow_methods),
            allow_origins: list(&self.allow_origins),
            expose_headers: list(&self.expose_headers),
            max_age_s: self.max_age_s,
        }
    }
}

impl UrlRecord {
    /// `scope` is the alias, empty for the function itself.
    fn shown(&self, key: &FunctionKey, scope: &str) -> FunctionUrl {
        FunctionUrl {
            id: self.id.clone(),
            function: key.clone(),
            qualifier: Some(scope).filter(|scope| !scope.is_empty()).and_then(Qualifier::parse),
            auth: self.auth,
            cors: self.cors.as_ref().map(CorsRecord::rules),
            streams: self.mode == Some(InvokeMode::ResponseStream),
        }
    }
}

/// URLs by their ids.
pub(crate) struct Urls(Shards<String, Arc<FunctionUrl>>);

impl Urls {
    pub(crate) fn new() -> Self {
        Self(Shards::new())
    }

    /// Shows a function's URLs as they are now. Its callers take turns.
    pub(crate) fn replace(&self, key: &FunctionKey, before: Option<&FunctionRecord>, now: Option<&FunctionRecord>) {
        let none = BTreeMap::new();
        let before = before.map_or(&none, |record| &record.urls);
        let now = now.map_or(&none, |record| &record.urls);
        if before == now {
            return;
        }
        for gone in before.values() {
            self.0.change(&gone.id, |shard| {
                shard.remove(&gone.id);
            });
        }
        for (scope, url) in now {
            self.0.change(&url.id, |shard| {
                shard.insert(url.id.clone(), Arc::new(url.shown(key, scope)));
            });
        }
    }
}

impl FunctionUrls for Snapshot {
    fn find(&self, id: &str) -> Option<Arc<FunctionUrl>> {
        self.urls.0.with(id, &id.to_owned(), |url| url.map(Arc::clone))
    }

    /// A caller of the function's own account is let in by its own policies, of which none is looked
    /// at yet; everybody else by the function's, or the alias'.
    fn admits(&self, url: &FunctionUrl, caller: Option<&Identity>) -> bool {
        let Some(entry) = self.get(&url.function) else {
            return false;
        };
        let scope = url.qualifier.as_ref().map(ToString::to_string).unwrap_or_default();
        if url.qualifier.is_some() && !entry.record.aliases.contains_key(&scope) {
            return false;
        }
        if url.auth == UrlAuth::Iam && caller.is_some_and(|caller| caller.account == url.function.account) {
            return true;
        }
        let wanted = Wanted {
            action: ACTION,
            caller: caller.map(|caller| (&caller.account, caller.arn.as_str())),
            url: Some(url.auth),
        };
        entry.record.policies.get(&scope).is_some_and(|policy| policy.allows(wanted))
    }
}
