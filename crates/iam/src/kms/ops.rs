//! Finding keys, and encrypting with them.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_model::AccountId;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::Kms;
use super::cipher::Material;
use super::error::{Error, Result};
use super::record::{AliasRecord, FORM, KeyRecord, State};
use super::ring::{Key, Scope};

/// Of what the API gives out: a version, the key's id, and the generation of its material, which is
/// 0 as long as keys do not rotate.
const BLOB_VERSION: u8 = 1;
const GENERATION: [u8; 4] = [0; 4];
const HEADER: usize = 1 + 16 + 4;

/// The key that a client names: by id, ARN, alias or alias ARN.
pub(super) fn find(kms: &Kms, scope: &Scope, named: &str) -> Result<Arc<Key>> {
    let local = within(scope, named)?;
    if let Some(name) = local.strip_prefix("alias/") {
        let alias = kms.ring.alias(scope, name);
        let key = alias.and_then(|alias| there(kms, scope, &alias.target));
        return key.ok_or_else(|| Error::NotFound(format!("Alias {} is not found.", scope.alias_arn(name))));
    }
    let id = local.strip_prefix("key/").unwrap_or(local);
    there(kms, scope, id).ok_or_else(|| {
        if uuid::Uuid::try_parse(id).is_ok() || named.starts_with("arn:") {
            return Error::NotFound(format!("Key '{}' does not exist", scope.key_arn(id)));
        }
        Error::NotFound(format!("Invalid keyId '{id}'"))
    })
}

/// The key that a client means to change: one of its own.
pub(super) fn find_own(kms: &Kms, scope: &Scope, named: &str) -> Result<Arc<Key>> {
    let key = find(kms, scope, named)?;
    match &key.record.service {
        Some(service) => Err(Error::AccessDenied(format!(
            "{} is the key of AWS service {service}, which clients cannot change or use",
            key.arn
        ))),
        None => Ok(key),
    }
}

/// [`find_own`], and it may be changed: it is not about to go.
pub(super) fn find_lasting(kms: &Kms, scope: &Scope, named: &str) -> Result<Arc<Key>> {
    let key = find_own(kms, scope, named)?;
    match key.record.state {
        State::PendingDeletion { .. } => Err(pending(&key)),
        State::Enabled | State::Disabled => Ok(key),
    }
}

/// [`find_own`], and it may encrypt.
pub(super) fn find_usable(kms: &Kms, scope: &Scope, named: &str) -> Result<Arc<Key>> {
    let key = find_own(kms, scope, named)?;
    usable(&key)?;
    Ok(key)
}

pub(super) fn usable(key: &Key) -> Result<()> {
    match key.record.state {
        State::Enabled => Ok(()),
        State::Disabled => Err(Error::Disabled(key.arn.clone())),
        State::PendingDeletion { .. } => Err(pending(key)),
    }
}

fn pending(key: &Key) -> Error {
    Error::InvalidState(format!("{} is pending deletion.", key.arn))
}

/// Without the beginning of an ARN, which has to be of this account and region.
fn within<'a>(scope: &Scope, named: &'a str) -> Result<&'a str> {
    let Some(rest) = named.strip_prefix("arn:") else { return Ok(named) };
    let parts: Vec<&str> = rest.splitn(5, ':').collect();
    let [_, "kms", region, account, local] = parts.as_slice() else {
        return Err(Error::NotFound(format!("Invalid arn {named}")));
    };
    if *region != scope.region.as_str() {
        return Err(Error::NotFound(format!("Invalid arn {region}")));
    }
    if AccountId::parse(account).as_ref() != Some(&scope.account) {
        return Err(Error::NotFound(format!("Key '{named}' does not exist")));
    }
    Ok(local)
}

fn there(kms: &Kms, scope: &Scope, id: &str) -> Option<Arc<Key>> {
    kms.ring.key(scope, id).filter(|key| !is_gone(kms, key))
}

/// The time that was set for its deletion has come.
pub(super) fn is_gone(kms: &Kms, key: &Key) -> bool {
    matches!(key.record.state, State::PendingDeletion { at_ms } if at_ms <= kms.clock.now_ms())
}

/// Makes a key. `turn` of [`Kms`] need not be held: nothing else can name it yet.
pub(super) async fn make(
    kms: &Kms,
    scope: &Scope,
    service: Option<&str>,
    description: String,
    policy: String,
    tags: BTreeMap<String, String>,
) -> Result<Arc<Key>> {
    let id = kms.random.uuid().to_string();
    let material = Material::new(kms.random.bytes());
    let record = KeyRecord {
        v: FORM,
        created_ms: kms.clock.now_ms(),
        description,
        policy,
        service: service.map(ToOwned::to_owned),
        state: State::Enabled,
        tags,
        material: kms.ring.wrap(scope, &id, &material),
        newer: serde_json::Map::new(),
        id,
    };
    Ok(kms.ring.put_key(scope, record, material, None).await?)
}

/// The account's key for a service, `alias/aws/<service>`.
pub(super) fn service_key(kms: &Kms, scope: &Scope, service: &str) -> Option<Arc<Key>> {
    let alias = kms.ring.alias(scope, &format!("aws/{service}"))?;
    kms.ring.key(scope, &alias.target)
}

/// Makes [`service_key`], when it is first needed.
pub(super) async fn make_service_key(kms: &Kms, scope: &Scope, service: &str) -> Result<()> {
    if service_key(kms, scope, service).is_some() {
        return Ok(());
    }
    let _turn = kms.turn.lock().await;
    if service_key(kms, scope, service).is_some() {
        return Ok(());
    }
    let description = format!("Default key that protects my {service} functions when no other key is defined");
    let policy = default_policy(&scope.account);
    let key = make(kms, scope, Some(service), description, policy, BTreeMap::new()).await?;
    let now_ms = kms.clock.now_ms();
    let alias = AliasRecord {
        v: FORM,
        name: format!("aws/{service}"),
        target: key.record.id.clone(),
        created_ms: now_ms,
        updated_ms: now_ms,
        newer: serde_json::Map::new(),
    };
    Ok(kms.ring.put_alias(scope, alias).await?)
}

/// What a key has that is made without a policy: the account's principals may do what IAM lets them.
pub(super) fn default_policy(account: &AccountId) -> String {
    let document = serde_json::json!({
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [{
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": {"AWS": format!("arn:aws:iam::{account}:root")},
            "Action": "kms:*",
            "Resource": "*",
        }],
    });
    format!("{document:#}")
}

/// Names the material of a key, as the service does: 64 hexadecimal digits.
pub(super) fn material_id(key: &Key) -> String {
    hex::encode(Sha256::digest(format!("hearth key material {} 0", key.arn)))
}

/// Encrypts. The blob names its key.
pub(super) fn seal(kms: &Kms, key: &Key, context: &[u8], plain: &[u8]) -> Vec<u8> {
    let id = uuid::Uuid::try_parse(&key.record.id).unwrap_or_default();
    let mut blob = vec![BLOB_VERSION];
    blob.extend_from_slice(id.as_bytes());
    blob.extend_from_slice(&GENERATION);
    let aad = [blob.as_slice(), key.arn.as_bytes(), &[0], context].concat();
    blob.extend_from_slice(&key.material.seal(&kms.random, &aad, plain));
    blob
}

/// Which key encrypted a blob.
///
/// # Errors
/// Not a blob of ours, or its key is not there.
pub(super) fn key_of(kms: &Kms, scope: &Scope, blob: &[u8]) -> Result<Arc<Key>> {
    let header = blob.get(..HEADER).filter(|header| header[0] == BLOB_VERSION && header[17..] == GENERATION);
    let id = header.and_then(|header| uuid::Uuid::from_slice(&header[1..17]).ok()).ok_or(Error::InvalidCiphertext)?;
    there(kms, scope, &id.to_string()).ok_or_else(|| {
        let text = "The ciphertext refers to a customer master key that does not exist, does not exist in this region, \
                    or you are not allowed to access.";
        Error::AccessDenied(text.to_owned())
    })
}

/// Decrypts, whatever the key's state is.
pub(super) fn open(kms: &Kms, scope: &Scope, context: &[u8], blob: &[u8]) -> Result<(Arc<Key>, Zeroizing<Vec<u8>>)> {
    let key = key_of(kms, scope, blob)?;
    let (header, sealed) = blob.split_at(HEADER);
    let aad = [header, key.arn.as_bytes(), &[0], context].concat();
    let plain = key.material.open(&aad, sealed).ok_or(Error::InvalidCiphertext)?;
    Ok((key, plain))
}
