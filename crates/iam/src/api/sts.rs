//! STS: who asks, and temporary credentials.

use std::sync::Arc;

use hearth_model::Credentials;
use hearth_wire::Caller;
use hearth_wire::query::Xml;

use super::input::{Input, Reader};
use super::{Answer, rules};
use crate::Iam;
use crate::error::{Error, Result};
use crate::ops::session::{self, Assume};

const NO_POLICIES: &str = "policies are not evaluated, so a session cannot be restricted; leave it out";
const NO_TAGS: &str = "policies are not evaluated, so nothing could read it; leave it out";
const NO_MFA: &str = "there are no MFA devices; leave it out";

pub(super) async fn caller_identity(iam: Arc<Iam>, caller: Caller, (): ()) -> Result<Answer> {
    let id = session::user_id(&iam, &caller.account, &caller.arn).await?;
    Ok(Answer::of(|xml| {
        xml.text("UserId", id).text("Account", &caller.account).text("Arn", &caller.arn);
    }))
}

pub(super) struct AssumeRole {
    role_arn: String,
    session_name: String,
    duration_s: Option<u32>,
    external_id: Option<String>,
}

impl Input for AssumeRole {
    fn read(reader: &mut Reader) -> Self {
        reader.refuse("Policy", NO_POLICIES);
        reader.refuse("PolicyArns", NO_POLICIES);
        reader.refuse("Tags", NO_TAGS);
        reader.refuse("TransitiveTagKeys", NO_TAGS);
        reader.refuse("SourceIdentity", NO_TAGS);
        reader.refuse("ProvidedContexts", NO_TAGS);
        reader.refuse("SerialNumber", NO_MFA);
        reader.refuse("TokenCode", NO_MFA);
        Self {
            role_arn: reader.need("RoleArn", &rules::ARN),
            session_name: reader.need("RoleSessionName", &rules::SESSION_NAME),
            duration_s: reader.number("DurationSeconds", 900..=43_200),
            external_id: reader.text("ExternalId", &rules::EXTERNAL_ID),
        }
    }
}

pub(super) async fn assume_role(iam: Arc<Iam>, caller: Caller, input: AssumeRole) -> Result<Answer> {
    let asked = Assume {
        caller_account: &caller.account,
        caller_arn: &caller.arn,
        role_arn: &input.role_arn,
        session_name: &input.session_name,
        duration_s: input.duration_s,
        external_id: input.external_id.as_deref(),
    };
    let assumed = session::assume(&iam, asked).await?;
    Ok(Answer::of(|xml| {
        write_credentials(xml, &assumed.credentials);
        xml.element("AssumedRoleUser", |xml| {
            xml.text("AssumedRoleId", &assumed.id).text("Arn", &assumed.arn);
        });
    }))
}

pub(super) struct SessionToken {
    duration_s: Option<u32>,
}

impl Input for SessionToken {
    fn read(reader: &mut Reader) -> Self {
        reader.refuse("SerialNumber", NO_MFA);
        reader.refuse("TokenCode", NO_MFA);
        Self {
            duration_s: reader.number("DurationSeconds", 900..=129_600),
        }
    }
}

pub(super) async fn session_token(iam: Arc<Iam>, caller: Caller, input: SessionToken) -> Result<Answer> {
    let is_session = caller.access_key_id.as_ref().is_some_and(|id| id.starts_with("ASIA"));
    let credentials = session::session_token(&iam, &caller.account, &caller.arn, is_session, input.duration_s)?;
    Ok(Answer::of(|xml| write_credentials(xml, &credentials)))
}

pub(super) struct KeyInfo {
    id: String,
}

impl Input for KeyInfo {
    fn read(reader: &mut Reader) -> Self {
        Self {
            id: reader.need("AccessKeyId", &rules::KEY_ID),
        }
    }
}

/// Keys of sessions are not kept anywhere, so they are not found.
pub(super) async fn access_key_info(iam: Arc<Iam>, _: Caller, input: KeyInfo) -> Result<Answer> {
    let unknown = || Error::Validation(format!("the access key {} is none that this server keeps", input.id));
    let account = iam.account_of_key(&input.id).ok_or_else(unknown)?;
    Ok(Answer::of(|xml| {
        xml.text("Account", account);
    }))
}

fn write_credentials(xml: &mut Xml, credentials: &Credentials) {
    xml.element("Credentials", |xml| {
        xml.text("AccessKeyId", &credentials.access_key_id);
        xml.text("SecretAccessKey", &credentials.secret_access_key);
        xml.text("SessionToken", &credentials.session_token);
        xml.time("Expiration", credentials.expires_ms);
    });
}
