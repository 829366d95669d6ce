//! A code signing configuration as it is stored: our own form, read by older-or-newer rules (see
//! [`crate::record`]).

use std::collections::BTreeMap;

use hearth_model::arn;
use serde::{Deserialize, Serialize};

use crate::db::resources::{ResourceKey, Stored};
use crate::resources::Tagged;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CodeSigningRecord {
    /// The form it was written in.
    pub(crate) v: u32,
    /// Absent until a client gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    /// ARNs of signing profile versions.
    pub(crate) publishers: Vec<String>,
    pub(crate) policy: Policy,
    /// Unix milliseconds.
    pub(crate) modified_ms: i64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tags: BTreeMap<String, String>,
    /// Members of newer forms.
    #[serde(flatten)]
    pub(crate) newer: serde_json::Map<String, serde_json::Value>,
}

/// What becomes of code that none of the publishers has signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Policy {
    /// It is deployed, and the log says so.
    #[default]
    Warn,
    /// It is refused.
    Enforce,
}

impl Policy {
    pub(crate) const ALL: [(Self, &'static str); 2] = [(Self::Warn, "Warn"), (Self::Enforce, "Enforce")];

    pub(crate) fn text(self) -> &'static str {
        Self::ALL[usize::from(self == Self::Enforce)].1
    }

    pub(crate) fn of(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, found)| *found == text).map(|(policy, _)| *policy)
    }
}

impl Stored for CodeSigningRecord {
    const COLLECTION: &'static str = "code-signing-config";
}

impl Tagged for CodeSigningRecord {
    fn tags(&mut self) -> &mut BTreeMap<String, String> {
        &mut self.tags
    }
}

pub(crate) fn config_arn(key: &ResourceKey) -> String {
    arn::code_signing_config(&key.region, &key.account, &key.id)
}
