//! Resource policies, of functions and of layer versions: who else may use a resource. As they are
//! stored, by the rules of `record`, and what they allow.
//!
//! Source: fact sheet "Lambda control-plane API", sections 6 and 7.3.

use hearth_core::Random;
use hearth_model::{AccountId, UrlAuth, arn};
use serde::{Deserialize, Serialize};

use crate::api::policy_document;
use crate::error::Error;
use crate::pattern::PRINCIPAL_ARN;
use crate::record::optional_text;

/// Bytes of a policy's document.
const SIZE_MAX: usize = 20_480;

/// The one thing that a layer version's policy can allow.
pub(crate) const GET_LAYER_VERSION: &str = "lambda:GetLayerVersion";

/// A policy. Where there is no statement, there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Policy {
    /// A UUID.
    pub(crate) revision_id: String,
    pub(crate) statements: Vec<Statement>,
}

/// Allows a principal to do something, when every condition that is there holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Statement {
    pub(crate) sid: String,
    /// E.g. `lambda:InvokeFunction`, `lambda:*`. The first statements were of layer versions, and
    /// were stored without.
    #[serde(default = "layer_action")]
    pub(crate) action: String,
    /// As given: see [`Principal`].
    pub(crate) principal: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) organization_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source_account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) event_source_token: Option<String>,
    #[serde(default, with = "optional_text", skip_serializing_if = "Option::is_none")]
    pub(crate) url_auth: Option<UrlAuth>,
    /// Only through a function URL.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) via_url: bool,
}

fn layer_action() -> String {
    GET_LAYER_VERSION.to_owned()
}

/// Whom a statement means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Principal<'s> {
    Everyone,
    /// 12 digits.
    Account(&'s str),
    /// Of an account's root, a user, a role or a session.
    Arn(&'s str),
    /// E.g. `s3.amazonaws.com`.
    Service(&'s str),
}

/// What somebody wants to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'w> {
    pub(crate) action: &'w str,
    /// Account and ARN; `None` for a caller who does not say who it is.
    pub(crate) caller: Option<(&'w AccountId, &'w str)>,
    /// Through a function URL of this kind.
    pub(crate) url: Option<UrlAuth>,
}

impl<'s> Principal<'s> {
    /// `None` for text that names nobody.
    pub(crate) fn parse(text: &'s str) -> Option<Self> {
        match text {
            "*" => Some(Self::Everyone),
            account if AccountId::parse(account).is_some() => Some(Self::Account(account)),
            arn if PRINCIPAL_ARN.matches(arn) => Some(Self::Arn(arn)),
            service if is_service(service) => Some(Self::Service(service)),
            _ => None,
        }
    }

    fn is(self, caller: Option<(&AccountId, &str)>) -> bool {
        let Some((account, arn)) = caller else {
            return self == Self::Everyone;
        };
        match self {
            Self::Everyone => true,
            Self::Account(digits) => digits == account.as_str(),
            Self::Arn(named) if named.ends_with(":root") => {
                arn::split(named).is_some_and(|named| named.account == account.as_str())
            }
            Self::Arn(named) => named == arn || is_session_of(arn, named),
            Self::Service(_) => false,
        }
    }
}

fn is_service(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.');
    let domains = [".amazonaws.com", ".amazonaws.com.cn", ".amazon.com"];
    text.bytes().all(good) && domains.iter().any(|domain| text.len() > domain.len() && text.ends_with(domain))
}

/// Whether `arn:aws:sts::1:assumed-role/r/session` is a session of `arn:aws:iam::1:role/path/r`.
fn is_session_of(session: &str, role: &str) -> bool {
    let of = |text, service| arn::split(text).filter(|parts: &arn::Parts<'_>| parts.service == service);
    let (Some(session), Some(role)) = (of(session, "sts"), of(role, "iam")) else { return false };
    let names = session.resource.strip_prefix("assumed-role/").zip(role.resource.strip_prefix("role/"));
    session.account == role.account
        && names.is_some_and(|(session, role)| session.split('/').next() == role.rsplit('/').next())
}

impl Policy {
    /// What a policy, or the lack of one, becomes with one more statement.
    ///
    /// # Errors
    /// [`Error::StatementExists`] and [`Error::PolicyTooLong`].
    pub(crate) fn with(
        before: Option<Self>,
        statement: Statement,
        resource_arn: &str,
        random: &Random,
    ) -> Result<Self, Error> {
        let mut statements = before.map(|policy| policy.statements).unwrap_or_default();
        if statements.iter().any(|known| known.sid == statement.sid) {
            return Err(Error::StatementExists { sid: statement.sid });
        }
        statements.push(statement);
        let found = policy_document::of(resource_arn, &statements)?.len();
        if found > SIZE_MAX {
            return Err(Error::PolicyTooLong { found, limit: SIZE_MAX });
        }
        Ok(Self {
            revision_id: random.uuid().to_string(),
            statements,
        })
    }

    /// What is left without a statement: nothing, when it was the last.
    ///
    /// # Errors
    /// A statement that is not there.
    pub(crate) fn without(mut self, sid: &str, random: &Random) -> Result<Option<Self>, Error> {
        let position = self.statements.iter().position(|known| known.sid == sid);
        let missing = || Error::ResourceNotFound(format!("Statement {sid} is not found in resource policy."));
        self.statements.remove(position.ok_or_else(missing)?);
        self.revision_id = random.uuid().to_string();
        Ok((!self.statements.is_empty()).then_some(self))
    }

    pub(crate) fn allows(&self, wanted: Wanted<'_>) -> bool {
        self.statements.iter().any(|statement| statement.allows(wanted))
    }
}

impl Statement {
    fn allows(&self, wanted: Wanted<'_>) -> bool {
        let action = &self.action;
        let does = action == "*" || action == "lambda:*" || action.eq_ignore_ascii_case(wanted.action);
        // No account here belongs to an organization, and no caller with an identity of its own is a
        // service that speaks for a source.
        let unmet = [&self.organization_id, &self.source_arn, &self.source_account, &self.event_source_token];
        does && unmet.iter().all(|condition| condition.is_none())
            && self.url_auth.is_none_or(|auth| wanted.url == Some(auth))
            && (!self.via_url || wanted.url.is_some())
            && Principal::parse(&self.principal).is_some_and(|principal| principal.is(wanted.caller))
    }
}

/// Of the policy's text. `operation` is what the refusal tells to call.
///
/// # Errors
/// A revision that is not the policy's.
pub(crate) fn check_revision(
    policy: Option<&Policy>,
    given: Option<&str>,
    operation: &'static str,
) -> Result<(), Error> {
    match given {
        Some(given) if policy.is_none_or(|policy| policy.revision_id != given) => {
            Err(Error::StalePolicyRevision { operation })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ANN: &str = "arn:aws:iam::222222222222:user/ann";
    const SESSION: &str = "arn:aws:sts::222222222222:assumed-role/worker/s";

    fn statement(principal: &str) -> Statement {
        Statement {
            sid: "s".to_owned(),
            action: "lambda:InvokeFunctionUrl".to_owned(),
            principal: principal.to_owned(),
            ..Statement::default()
        }
    }

    #[track_caller]
    fn check(statement: &Statement, caller: Option<&str>, url: Option<UrlAuth>, expected: bool) {
        let account = AccountId::parse("222222222222").unwrap();
        let policy = Policy {
            revision_id: String::new(),
            statements: vec![statement.clone()],
        };
        let wanted = Wanted {
            action: "lambda:InvokeFunctionUrl",
            caller: caller.map(|arn| (&account, arn)),
            url,
        };
        assert_eq!(policy.allows(wanted), expected, "{statement:?} {caller:?} {url:?}");
    }

    #[test]
    fn principals() {
        for (principal, caller, expected) in [
            ("*", None, true),
            ("*", Some(ANN), true),
            ("222222222222", Some(ANN), true),
            ("222222222222", None, false),
            ("111111111111", Some(ANN), false),
            ("arn:aws:iam::222222222222:root", Some(ANN), true),
            ("arn:aws:iam::111111111111:root", Some(ANN), false),
            (ANN, Some(ANN), true),
            ("arn:aws:iam::222222222222:user/bob", Some(ANN), false),
            ("arn:aws:iam::222222222222:role/worker", Some(SESSION), true),
            ("arn:aws:iam::222222222222:role/a/b/worker", Some(SESSION), true),
            ("arn:aws:iam::222222222222:role/other", Some(SESSION), false),
            ("arn:aws:iam::111111111111:role/worker", Some(SESSION), false),
            (SESSION, Some(SESSION), true),
            ("s3.amazonaws.com", Some(ANN), false),
            ("s3.amazonaws.com", None, false),
        ] {
            check(&statement(principal), caller, None, expected);
        }
    }

    #[test]
    fn names_of_nobody() {
        for good in ["s3.amazonaws.com", "lambda.amazonaws.com.cn", "alexa-appkit.amazon.com", "*", "123456789012"] {
            assert!(Principal::parse(good).is_some(), "{good}");
        }
        for bad in
            ["", "invalid", "12345", ".amazonaws.com", "s3.example.com", "arn:aws:iam::1:root", "a/b.amazonaws.com"]
        {
            assert_eq!(Principal::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_condition_has_to_hold() {
        let all = statement("*");
        let with = |edit: fn(&mut Statement)| {
            let mut statement = all.clone();
            edit(&mut statement);
            statement
        };
        check(&with(|s| s.url_auth = Some(UrlAuth::None)), None, Some(UrlAuth::None), true);
        check(&with(|s| s.url_auth = Some(UrlAuth::Iam)), None, Some(UrlAuth::None), false);
        check(&with(|s| s.url_auth = Some(UrlAuth::None)), None, None, false);
        check(&with(|s| s.via_url = true), None, None, false);
        check(&with(|s| s.via_url = true), None, Some(UrlAuth::None), true);
        check(&with(|s| s.organization_id = Some("o-1234567890".to_owned())), Some(ANN), None, false);
        check(&with(|s| s.source_arn = Some("arn:aws:s3:::b".to_owned())), Some(ANN), None, false);
        check(&with(|s| s.source_account = Some("222222222222".to_owned())), Some(ANN), None, false);
        check(&with(|s| s.event_source_token = Some("t".to_owned())), Some(ANN), None, false);
    }

    #[test]
    fn actions() {
        for (action, expected) in [
            ("lambda:InvokeFunctionUrl", true),
            ("lambda:invokefunctionurl", true),
            ("lambda:*", true),
            ("*", true),
            ("lambda:InvokeFunction", false),
        ] {
            let statement = Statement {
                action: action.to_owned(),
                ..statement("*")
            };
            check(&statement, None, None, expected);
        }
    }

    #[test]
    fn statements_of_before_actions_are_of_layers() {
        let stored = r#"{"sid":"s","principal":"*"}"#;
        let read: Statement = serde_json::from_str(stored).unwrap();
        assert_eq!(read.action, GET_LAYER_VERSION);
    }
}
