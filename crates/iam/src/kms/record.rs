//! Keys and aliases as they are stored: our own form, not AWS's. Read by the rules of
//! [`crate::record`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The form written today.
pub(super) const FORM: u32 = 1;

type Newer = serde_json::Map<String, serde_json::Value>;

/// A key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct KeyRecord {
    pub(super) v: u32,
    /// A UUID.
    pub(super) id: String,
    /// Unix milliseconds.
    pub(super) created_ms: i64,
    #[serde(default)]
    pub(super) description: String,
    /// As given.
    pub(super) policy: String,
    /// The service whose key it is; absent for those that clients make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) service: Option<String>,
    pub(super) state: State,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
    /// The key itself.
    pub(super) material: Wrapped,
    #[serde(flatten)]
    pub(super) newer: Newer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Enabled,
    Disabled,
    PendingDeletion {
        /// Unix milliseconds.
        at_ms: i64,
    },
}

/// Key material, encrypted under a key of the operator's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wrapped {
    /// Names the operator's key.
    pub(super) under: String,
    /// In base64.
    pub(super) sealed: String,
}

/// Another name of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct AliasRecord {
    pub(super) v: u32,
    /// Without `alias/`.
    pub(super) name: String,
    /// The key's id.
    pub(super) target: String,
    /// Unix milliseconds.
    pub(super) created_ms: i64,
    pub(super) updated_ms: i64,
    #[serde(flatten)]
    pub(super) newer: Newer,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_and_newer_forms_are_read() {
        let newer = r#"{"v":2,"id":"i","created_ms":1,"policy":"{}","state":{"pending_deletion":{"at_ms":5}},
            "material":{"under":"u","sealed":"s"},"colour":"blue"}"#;
        let key: KeyRecord = serde_json::from_str(newer).unwrap();
        assert_eq!((key.state, key.service.as_deref()), (State::PendingDeletion { at_ms: 5 }, None));
        assert_eq!(serde_json::to_value(&key).unwrap()["colour"], "blue");
        let older = r#"{"v":1,"name":"aws/lambda","target":"i","created_ms":1,"updated_ms":1}"#;
        assert_eq!(serde_json::from_str::<AliasRecord>(older).unwrap().name, "aws/lambda");
    }
}
