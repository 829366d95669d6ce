//! Keys: making, showing, switching off, deleting.

use std::sync::Arc;

use hearth_wire::Violations;
use serde::{Deserialize, Serialize};

use super::{Nothing, finish, key_id, page, policy, seconds, tag};
use crate::kms::error::{Error, Result};
use crate::kms::record::{KeyRecord, State};
use crate::kms::ring::{Key, Scope};
use crate::kms::{Kms, ops};

const SYMMETRIC: &str = "SYMMETRIC_DEFAULT";
const KEY_SPECS: &[&str] = &[
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_SECG_P256K1",
    SYMMETRIC,
    "HMAC_224",
    "HMAC_256",
    "HMAC_384",
    "HMAC_512",
    "SM2",
    "ML_DSA_44",
    "ML_DSA_65",
    "ML_DSA_87",
    "ECC_NIST_EDWARDS25519",
];
const USAGES: &[&str] = &["SIGN_VERIFY", "ENCRYPT_DECRYPT", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT"];
const ORIGINS: &[&str] = &["AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"];
const DESCRIPTION_MAX: usize = 8_192;
const DAY_MS: i64 = 86_400_000;

/// A request that names a key and no more.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Named {
    key_id: Option<String>,
    #[serde(default)]
    grant_tokens: Vec<String>,
}

/// An answer that names a key and no more.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct KeyId {
    key_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Described {
    key_metadata: Metadata,
}

/// `KeyMetadata`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    #[serde(rename = "AWSAccountId")]
    account: String,
    key_id: String,
    arn: String,
    creation_date: f64,
    enabled: bool,
    description: String,
    key_usage: &'static str,
    key_state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_date: Option<f64>,
    origin: &'static str,
    key_manager: &'static str,
    customer_master_key_spec: &'static str,
    key_spec: &'static str,
    encryption_algorithms: [&'static str; 1],
    multi_region: bool,
    current_key_material_id: String,
}

fn state(state: State) -> &'static str {
    match state {
        State::Enabled => "Enabled",
        State::Disabled => "Disabled",
        State::PendingDeletion { .. } => "PendingDeletion",
    }
}

fn described(scope: &Scope, key: &Key) -> Described {
    let record = &key.record;
    let deletion_date = match record.state {
        State::PendingDeletion { at_ms } => Some(seconds(at_ms)),
        State::Enabled | State::Disabled => None,
    };
    Described {
        key_metadata: Metadata {
            account: scope.account.to_string(),
            key_id: record.id.clone(),
            arn: key.arn.clone(),
            creation_date: seconds(record.created_ms),
            enabled: record.state == State::Enabled,
            description: record.description.clone(),
            key_usage: "ENCRYPT_DECRYPT",
            key_state: state(record.state),
            deletion_date,
            origin: "AWS_KMS",
            key_manager: if record.service.is_some() { "AWS" } else { "CUSTOMER" },
            customer_master_key_spec: SYMMETRIC,
            key_spec: SYMMETRIC,
            encryption_algorithms: [SYMMETRIC],
            multi_region: false,
            current_key_material_id: ops::material_id(key),
        },
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Create {
    policy: Option<String>,
    description: Option<String>,
    key_usage: Option<String>,
    customer_master_key_spec: Option<String>,
    key_spec: Option<String>,
    origin: Option<String>,
    custom_key_store_id: Option<String>,
    xks_key_id: Option<String>,
    multi_region: Option<bool>,
    #[serde(default)]
    tags: Vec<tag::Tag>,
}

pub(super) async fn create(kms: Arc<Kms>, scope: Scope, input: Create) -> Result<Described> {
    let mut violations = Violations::new();
    let choices = [
        ("keySpec", &input.key_spec, KEY_SPECS),
        ("customerMasterKeySpec", &input.customer_master_key_spec, KEY_SPECS),
        ("keyUsage", &input.key_usage, USAGES),
        ("origin", &input.origin, ORIGINS),
    ];
    for (path, given, allowed) in choices {
        if let Some(given) = given {
            violations.enum_set(path, given, allowed);
        }
    }
    if let Some(description) = &input.description {
        violations.length_max("description", description, DESCRIPTION_MAX);
    }
    finish(violations)?;
    check_kind(&input)?;
    let policy = match input.policy {
        Some(policy) => policy::check(policy)?,
        None => ops::default_policy(&scope.account),
    };
    let tags = tag::merged(Default::default(), input.tags)?;
    let key = ops::make(&kms, &scope, None, input.description.unwrap_or_default(), policy, tags).await?;
    Ok(described(&scope, &key))
}

/// Symmetric keys for encryption, made here, are all that there is.
fn check_kind(input: &Create) -> Result<()> {
    let other =
        |given: &Option<String>, usual: &str| given.as_deref().filter(|given| *given != usual).map(str::to_owned);
    let unserved = [
        ("KeySpec", other(&input.key_spec, SYMMETRIC)),
        ("CustomerMasterKeySpec", other(&input.customer_master_key_spec, SYMMETRIC)),
        ("KeyUsage", other(&input.key_usage, "ENCRYPT_DECRYPT")),
        ("Origin", other(&input.origin, "AWS_KMS")),
        ("CustomKeyStoreId", input.custom_key_store_id.clone()),
        ("XksKeyId", input.xks_key_id.clone()),
        ("MultiRegion", input.multi_region.filter(|wanted| *wanted).map(|_| "true".to_owned())),
    ];
    match unserved.into_iter().find_map(|(member, given)| Some((member, given?))) {
        Some((member, given)) => Err(Error::Unsupported(format!(
            "Hearth does not serve {member} {given} yet; it makes single-Region keys of KeySpec {SYMMETRIC} and KeyUsage \
             ENCRYPT_DECRYPT"
        ))),
        None => Ok(()),
    }
}

pub(super) async fn describe(kms: Arc<Kms>, scope: Scope, input: Named) -> Result<Described> {
    super::encrypt::refuse_grants(&input.grant_tokens)?;
    let key = ops::find(&kms, &scope, key_id(input.key_id.as_ref())?)?;
    Ok(described(&scope, &key))
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Entry {
    key_id: String,
    key_arn: String,
}

pub(super) async fn list(kms: Arc<Kms>, scope: Scope, input: page::Wanted) -> Result<page::Listed<Entry>> {
    let all = kms.ring.keys(&scope).into_iter().filter(|key| !ops::is_gone(&kms, key)).collect();
    let page = page::of("Keys", all, &input, 100, |key: &Arc<Key>| &key.record.id)?;
    Ok(page.map(|key| Entry {
        key_id: key.record.id.clone(),
        key_arn: key.arn.clone(),
    }))
}

/// Changes a key that a client means; what `edit` refuses changes nothing.
pub(super) async fn change(
    kms: &Kms,
    scope: &Scope,
    named: Option<&String>,
    edit: impl FnOnce(&mut KeyRecord) -> Result<()>,
) -> Result<Arc<Key>> {
    let named = key_id(named)?;
    let _turn = kms.turn.lock().await;
    let key = ops::find_lasting(kms, scope, named)?;
    let mut record = key.record.clone();
    edit(&mut record)?;
    if record != key.record {
        kms.ring.change_key(scope, &key, record).await?;
    }
    Ok(key)
}

pub(super) async fn enable(kms: Arc<Kms>, scope: Scope, input: Named) -> Result<Nothing> {
    set_state(&kms, &scope, &input, State::Enabled).await
}

pub(super) async fn disable(kms: Arc<Kms>, scope: Scope, input: Named) -> Result<Nothing> {
    set_state(&kms, &scope, &input, State::Disabled).await
}

async fn set_state(kms: &Kms, scope: &Scope, input: &Named, state: State) -> Result<Nothing> {
    let edit = |record: &mut KeyRecord| {
        record.state = state;
        Ok(())
    };
    change(kms, scope, input.key_id.as_ref(), edit).await?;
    Ok(Nothing {})
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateDescription {
    key_id: Option<String>,
    description: Option<String>,
}

pub(super) async fn update_description(kms: Arc<Kms>, scope: Scope, input: UpdateDescription) -> Result<Nothing> {
    let mut violations = Violations::new();
    violations.required("description", input.description.as_ref());
    violations.length_max("description", input.description.as_deref().unwrap_or_default(), DESCRIPTION_MAX);
    finish(violations)?;
    let edit = |record: &mut KeyRecord| {
        record.description = input.description.unwrap_or_default();
        Ok(())
    };
    change(&kms, &scope, input.key_id.as_ref(), edit).await?;
    Ok(Nothing {})
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ScheduleDeletion {
    key_id: Option<String>,
    pending_window_in_days: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeletionScheduled {
    key_id: String,
    deletion_date: f64,
    key_state: &'static str,
    pending_window_in_days: i64,
}

pub(super) async fn schedule_deletion(
    kms: Arc<Kms>,
    scope: Scope,
    input: ScheduleDeletion,
) -> Result<DeletionScheduled> {
    let days = input.pending_window_in_days.unwrap_or(30);
    let mut violations = Violations::new();
    violations.range("pendingWindowInDays", days, 7..=30);
    finish(violations)?;
    let at_ms = kms.clock.now_ms() + days * DAY_MS;
    let edit = |record: &mut KeyRecord| {
        record.state = State::PendingDeletion { at_ms };
        Ok(())
    };
    let key = change(&kms, &scope, input.key_id.as_ref(), edit).await?;
    Ok(DeletionScheduled {
        key_id: key.arn.clone(),
        deletion_date: seconds(at_ms),
        key_state: "PendingDeletion",
        pending_window_in_days: days,
    })
}

/// The key is there again, but switched off.
pub(super) async fn cancel_deletion(kms: Arc<Kms>, scope: Scope, input: Named) -> Result<KeyId> {
    let named = key_id(input.key_id.as_ref())?;
    let _turn = kms.turn.lock().await;
    let key = ops::find_own(&kms, &scope, named)?;
    if !matches!(key.record.state, State::PendingDeletion { .. }) {
        return Err(Error::InvalidState(format!("{} is not pending deletion.", key.arn)));
    }
    let record = KeyRecord {
        state: State::Disabled,
        ..key.record.clone()
    };
    kms.ring.change_key(&scope, &key, record).await?;
    Ok(KeyId { key_id: key.arn.clone() })
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Rotation {
    key_rotation_enabled: bool,
    key_id: String,
}

/// Keys do not rotate, which `EnableKeyRotation` says as well.
pub(super) async fn rotation_status(kms: Arc<Kms>, scope: Scope, input: Named) -> Result<Rotation> {
    let key = ops::find(&kms, &scope, key_id(input.key_id.as_ref())?)?;
    Ok(Rotation {
        key_rotation_enabled: false,
        key_id: key.arn.clone(),
    })
}
