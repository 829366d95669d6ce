//! Encrypting and decrypting.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_wire::Violations;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{base64, bytes, finish, key_id};
use crate::kms::cipher::context;
use crate::kms::error::{Error, Result};
use crate::kms::ring::{Key, Scope};
use crate::kms::{Kms, ops};

const SYMMETRIC: &str = "SYMMETRIC_DEFAULT";
const ALGORITHMS: &[&str] = &[SYMMETRIC, "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "SM2PKE"];
const PLAINTEXT_MAX: usize = 4_096;
const CIPHERTEXT_MAX: usize = 6_144;
const CONTEXT_MAX: usize = 8_192;

type Context = BTreeMap<String, String>;

/// What may stand in every request that uses a key.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Common {
    #[serde(default)]
    grant_tokens: Vec<String>,
    #[serde(default)]
    dry_run: bool,
    recipient: Option<serde::de::IgnoredAny>,
}

impl Common {
    fn check(&self) -> Result<()> {
        if self.recipient.is_some() {
            let text = "Hearth does not serve Recipient: there are no attested enclaves here; leave it out";
            return Err(Error::Unsupported(text.to_owned()));
        }
        refuse_grants(&self.grant_tokens)
    }

    /// Past all that would be refused.
    fn end_dry_run(&self) -> Result<()> {
        if self.dry_run { Err(Error::DryRun) } else { Ok(()) }
    }
}

/// There are no grants whose tokens could be known.
pub(super) fn refuse_grants(tokens: &[String]) -> Result<()> {
    if tokens.is_empty() {
        return Ok(());
    }
    Err(Error::InvalidGrantToken("Hearth's KMS has no grants yet, and so knows no grant token".to_owned()))
}

fn check_algorithm(path: &str, given: Option<&str>) -> Result<()> {
    let Some(given) = given else { return Ok(()) };
    let mut violations = Violations::new();
    violations.enum_set(path, given, ALGORITHMS);
    finish(violations)?;
    if given == SYMMETRIC {
        return Ok(());
    }
    Err(Error::InvalidKeyUsage(format!("{given} is no algorithm of a key of KeySpec {SYMMETRIC}")))
}

/// What a client's context adds to the encryption.
fn aad(pairs: &Context) -> Result<Vec<u8>> {
    let size: usize = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > CONTEXT_MAX {
        return Err(Error::Validation(format!(
            "1 validation error detected: Value at 'encryptionContext' failed to satisfy constraint: Member must have \
             length less than or equal to {CONTEXT_MAX}"
        )));
    }
    Ok(context(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))))
}

/// A blob that has to be there, of 1 to `max` bytes. Its value is not shown.
fn blob(path: &str, given: Option<&String>, max: usize) -> Result<Zeroizing<Vec<u8>>> {
    let mut violations = Violations::new();
    violations.required(path, given);
    finish(violations)?;
    let found = bytes(path, given.map_or("", String::as_str))?;
    let bound = match found.len() {
        0 => "greater than or equal to 1".to_owned(),
        length if length > max => format!("less than or equal to {max}"),
        _ => return Ok(found),
    };
    Err(Error::Validation(format!(
        "1 validation error detected: Value at '{path}' failed to satisfy constraint: Member must have length {bound}"
    )))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Encrypt {
    key_id: Option<String>,
    plaintext: Option<String>,
    #[serde(default)]
    encryption_context: Context,
    encryption_algorithm: Option<String>,
    #[serde(flatten)]
    common: Common,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Encrypted {
    ciphertext_blob: String,
    key_id: String,
    encryption_algorithm: &'static str,
}

pub(super) async fn encrypt(kms: Arc<Kms>, scope: Scope, input: Encrypt) -> Result<Encrypted> {
    input.common.check()?;
    check_algorithm("encryptionAlgorithm", input.encryption_algorithm.as_deref())?;
    let named = key_id(input.key_id.as_ref())?;
    let plain = blob("plaintext", input.plaintext.as_ref(), PLAINTEXT_MAX)?;
    let aad = aad(&input.encryption_context)?;
    let key = ops::find_usable(&kms, &scope, named)?;
    input.common.end_dry_run()?;
    Ok(Encrypted {
        ciphertext_blob: base64(&ops::seal(&kms, &key, &aad, &plain)),
        key_id: key.arn.clone(),
        encryption_algorithm: SYMMETRIC,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Decrypt {
    ciphertext_blob: Option<String>,
    #[serde(default)]
    encryption_context: Context,
    key_id: Option<String>,
    encryption_algorithm: Option<String>,
    dry_run_modifiers: Option<serde::de::IgnoredAny>,
    #[serde(flatten)]
    common: Common,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Decrypted {
    key_id: String,
    plaintext: String,
    encryption_algorithm: &'static str,
    key_material_id: String,
}

pub(super) async fn decrypt(kms: Arc<Kms>, scope: Scope, input: Decrypt) -> Result<Decrypted> {
    input.common.check()?;
    refuse_modifiers(input.dry_run_modifiers.is_some())?;
    check_algorithm("encryptionAlgorithm", input.encryption_algorithm.as_deref())?;
    let ciphertext = blob("ciphertextBlob", input.ciphertext_blob.as_ref(), CIPHERTEXT_MAX)?;
    let (key, plain) = opened(&kms, &scope, &ciphertext, &input.encryption_context, input.key_id.as_ref())?;
    input.common.end_dry_run()?;
    Ok(Decrypted {
        key_id: key.arn.clone(),
        plaintext: base64(&plain),
        encryption_algorithm: SYMMETRIC,
        key_material_id: ops::material_id(&key),
    })
}

fn refuse_modifiers(given: bool) -> Result<()> {
    if !given {
        return Ok(());
    }
    Err(Error::Unsupported("Hearth does not serve DryRunModifiers yet; leave it out".to_owned()))
}

/// Decrypts with the key that the blob names, which has to be the one that the client names, if it does.
fn opened(
    kms: &Kms,
    scope: &Scope,
    ciphertext: &[u8],
    context: &Context,
    named: Option<&String>,
) -> Result<(Arc<Key>, Zeroizing<Vec<u8>>)> {
    let aad = aad(context)?;
    let expected = match named {
        Some(_) => Some(ops::find_usable(kms, scope, key_id(named)?)?),
        None => None,
    };
    let key = ops::key_of(kms, scope, ciphertext)?;
    if expected.is_some_and(|expected| expected.record.id != key.record.id) {
        return Err(Error::IncorrectKey);
    }
    // With the refusals of a key that is not the client's, or is switched off.
    ops::find_usable(kms, scope, &key.record.id)?;
    ops::open(kms, scope, &aad, ciphertext)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReEncrypt {
    ciphertext_blob: Option<String>,
    #[serde(default)]
    source_encryption_context: Context,
    source_key_id: Option<String>,
    destination_key_id: Option<String>,
    #[serde(default)]
    destination_encryption_context: Context,
    source_encryption_algorithm: Option<String>,
    destination_encryption_algorithm: Option<String>,
    dry_run_modifiers: Option<serde::de::IgnoredAny>,
    #[serde(flatten)]
    common: Common,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReEncrypted {
    ciphertext_blob: String,
    source_key_id: String,
    key_id: String,
    source_encryption_algorithm: &'static str,
    destination_encryption_algorithm: &'static str,
    source_key_material_id: String,
    destination_key_material_id: String,
}

pub(super) async fn re_encrypt(kms: Arc<Kms>, scope: Scope, input: ReEncrypt) -> Result<ReEncrypted> {
    input.common.check()?;
    refuse_modifiers(input.dry_run_modifiers.is_some())?;
    check_algorithm("sourceEncryptionAlgorithm", input.source_encryption_algorithm.as_deref())?;
    check_algorithm("destinationEncryptionAlgorithm", input.destination_encryption_algorithm.as_deref())?;
    let named = super::named("destinationKeyId", input.destination_key_id.as_ref(), 2_048)?;
    let ciphertext = blob("ciphertextBlob", input.ciphertext_blob.as_ref(), CIPHERTEXT_MAX)?;
    let source = input.source_key_id.as_ref();
    let (from, plain) = opened(&kms, &scope, &ciphertext, &input.source_encryption_context, source)?;
    let to = ops::find_usable(&kms, &scope, named)?;
    let aad = aad(&input.destination_encryption_context)?;
    input.common.end_dry_run()?;
    Ok(ReEncrypted {
        ciphertext_blob: base64(&ops::seal(&kms, &to, &aad, &plain)),
        source_key_id: from.arn.clone(),
        key_id: to.arn.clone(),
        source_encryption_algorithm: SYMMETRIC,
        destination_encryption_algorithm: SYMMETRIC,
        source_key_material_id: ops::material_id(&from),
        destination_key_material_id: ops::material_id(&to),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateDataKey {
    key_id: Option<String>,
    #[serde(default)]
    encryption_context: Context,
    number_of_bytes: Option<i64>,
    key_spec: Option<String>,
    #[serde(flatten)]
    common: Common,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DataKey {
    ciphertext_blob: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    plaintext: Option<String>,
    key_id: String,
    key_material_id: String,
}

pub(super) async fn generate_data_key(kms: Arc<Kms>, scope: Scope, input: GenerateDataKey) -> Result<DataKey> {
    data_key(&kms, &scope, &input, true)
}

pub(super) async fn generate_data_key_without_plaintext(
    kms: Arc<Kms>,
    scope: Scope,
    input: GenerateDataKey,
) -> Result<DataKey> {
    data_key(&kms, &scope, &input, false)
}

fn data_key(kms: &Kms, scope: &Scope, input: &GenerateDataKey, shown: bool) -> Result<DataKey> {
    input.common.check()?;
    let named = key_id(input.key_id.as_ref())?;
    let size = data_key_size(input)?;
    let aad = aad(&input.encryption_context)?;
    let key = ops::find_usable(kms, scope, named)?;
    input.common.end_dry_run()?;
    let plain = random(kms, size);
    Ok(DataKey {
        ciphertext_blob: base64(&ops::seal(kms, &key, &aad, &plain)),
        plaintext: shown.then(|| base64(&plain)),
        key_id: key.arn.clone(),
        key_material_id: ops::material_id(&key),
    })
}

fn data_key_size(input: &GenerateDataKey) -> Result<usize> {
    let mut violations = Violations::new();
    if let Some(spec) = &input.key_spec {
        violations.enum_set("keySpec", spec, &["AES_256", "AES_128"]);
    }
    finish(violations)?;
    match (input.key_spec.as_deref(), input.number_of_bytes) {
        (Some("AES_128"), None) => Ok(16),
        (Some(_), None) => Ok(32),
        (None, Some(_)) => size("numberOfBytes", input.number_of_bytes),
        _ => Err(Error::Validation("Please specify either number of bytes or key spec.".to_owned())),
    }
}

fn size(path: &str, given: Option<i64>) -> Result<usize> {
    let mut violations = Violations::new();
    violations.required(path, given.as_ref());
    if let Some(given) = given {
        violations.range(path, given, 1..=1_024);
    }
    finish(violations)?;
    Ok(given.and_then(|given| usize::try_from(given).ok()).unwrap_or(1))
}

fn random(kms: &Kms, size: usize) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(vec![0; size]);
    kms.random.fill(&mut bytes);
    bytes
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateRandom {
    number_of_bytes: Option<i64>,
    custom_key_store_id: Option<String>,
    #[serde(flatten)]
    common: Common,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Generated {
    plaintext: String,
}

pub(super) async fn generate_random(kms: Arc<Kms>, _: Scope, input: GenerateRandom) -> Result<Generated> {
    input.common.check()?;
    if input.custom_key_store_id.is_some() {
        return Err(Error::Unsupported("Hearth has no key stores yet; leave CustomKeyStoreId out".to_owned()));
    }
    let size = size("numberOfBytes", input.number_of_bytes)?;
    Ok(Generated {
        plaintext: base64(&random(&kms, size)),
    })
}
