//! Layers as they are named, stored and opened to others: our own form, by the rules of `record`.

use hearth_model::{AccountId, Region, arn};
use serde::{Deserialize, Serialize};

use crate::policy::Policy;
use crate::record::Package;

/// Names a layer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LayerKey {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    /// Letters, digits, `-` and `_`.
    pub(crate) name: String,
}

impl LayerKey {
    pub(crate) fn arn(&self) -> String {
        arn::layer(&self.region, &self.account, &self.name)
    }

    /// The ARN of one of its versions.
    pub(crate) fn version_arn(&self, number: u64) -> String {
        arn::qualified(&self.arn(), &number.to_string())
    }
}

/// What is stored of a layer as a whole. It stays when all versions are gone, so that no number is
/// given twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LayerHead {
    /// The form it was written in.
    pub(crate) v: u32,
    /// The last number that was given.
    pub(crate) latest: u64,
    /// Members of newer forms.
    #[serde(flatten)]
    pub(crate) newer: serde_json::Map<String, serde_json::Value>,
}

/// What is stored of a layer version. All but the policy stays as it is for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LayerVersionRecord {
    /// The form it was written in.
    pub(crate) v: u32,
    /// Unix milliseconds.
    pub(crate) created_ms: i64,
    pub(crate) description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) license: Option<String>,
    /// Absent when the client said nothing of them; else shown as they were given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) runtimes: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) architectures: Option<Vec<String>>,
    pub(crate) package: Package,
    /// Absent while it has no statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<Policy>,
    /// Members of newer forms.
    #[serde(flatten)]
    pub(crate) newer: serde_json::Map<String, serde_json::Value>,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use super::*;
    use crate::policy::{GET_LAYER_VERSION, Statement, Wanted};

    #[track_caller]
    fn check(principal: &str, organization_id: Option<&str>, expected: bool) {
        let statement = Statement {
            sid: "s".to_owned(),
            action: GET_LAYER_VERSION.to_owned(),
            principal: principal.to_owned(),
            organization_id: organization_id.map(ToOwned::to_owned),
            ..Statement::default()
        };
        let account = AccountId::parse("222222222222").unwrap();
        let policy = Policy {
            revision_id: String::new(),
            statements: vec![statement],
        };
        let wanted = Wanted {
            action: GET_LAYER_VERSION,
            caller: Some((&account, "arn:aws:iam::222222222222:user/ann")),
            url: None,
        };
        assert_eq!(policy.allows(wanted), expected, "{principal} {organization_id:?}");
    }

    #[test]
    fn whom_a_statement_lets_in() {
        check("*", None, true);
        check("222222222222", None, true);
        check("arn:aws:iam::222222222222:root", None, true);
        check("333333333333", None, false);
        check("arn:aws:iam::333333333333:root", None, false);
        check("*", Some("o-0123456789"), false);
    }

    #[test]
    fn members_of_a_newer_form_survive_a_rewrite() {
        let stored = serde_json::json!({
            "v": 9, "created_ms": 1, "description": "", "colour": "red",
            "package": {"sha256_hex": "ab", "size_bytes": 1, "unzipped_bytes": 2},
        });
        let record: LayerVersionRecord = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(serde_json::to_value(&record).unwrap(), stored);
    }
}
