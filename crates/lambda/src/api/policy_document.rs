//! The documents in which resource policies are shown.
//!
//! Source: fact sheet "Lambda control-plane API", section 6: the order of members is the recorded
//! one, and the value of a condition is text, never a list.

use hearth_model::arn;
use serde::Serialize;

use crate::error::Error;
use crate::policy::{Principal, Statement};
use crate::record::Text;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document<'s> {
    version: &'static str,
    id: &'static str,
    statement: Vec<Shown<'s>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown<'s> {
    sid: &'s str,
    effect: &'static str,
    principal: ShownPrincipal<'s>,
    action: &'s str,
    resource: &'s str,
    #[serde(skip_serializing_if = "Condition::is_empty")]
    condition: Condition<'s>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ShownPrincipal<'s> {
    Everyone(&'static str),
    Service {
        #[serde(rename = "Service")]
        name: &'s str,
    },
    Account {
        #[serde(rename = "AWS")]
        arn: String,
    },
}

#[derive(Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Condition<'s> {
    #[serde(skip_serializing_if = "StringEquals::is_empty")]
    string_equals: StringEquals<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arn_like: Option<ArnLike<'s>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bool: Option<Bool>,
}

#[derive(Default, PartialEq, Serialize)]
struct StringEquals<'s> {
    #[serde(rename = "AWS:SourceAccount", skip_serializing_if = "Option::is_none")]
    source_account: Option<&'s str>,
    #[serde(rename = "lambda:FunctionUrlAuthType", skip_serializing_if = "Option::is_none")]
    url_auth: Option<&'static str>,
    #[serde(rename = "aws:PrincipalOrgID", skip_serializing_if = "Option::is_none")]
    organization_id: Option<&'s str>,
    #[serde(rename = "lambda:EventSourceToken", skip_serializing_if = "Option::is_none")]
    event_source_token: Option<&'s str>,
}

#[derive(PartialEq, Serialize)]
struct ArnLike<'s> {
    #[serde(rename = "AWS:SourceArn")]
    source_arn: &'s str,
}

#[derive(PartialEq, Serialize)]
struct Bool {
    #[serde(rename = "lambda:InvokedViaFunctionUrl")]
    via_url: &'static str,
}

impl Condition<'_> {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl StringEquals<'_> {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl<'s> Shown<'s> {
    fn of(resource: &'s str, statement: &'s Statement) -> Self {
        Self {
            sid: &statement.sid,
            effect: "Allow",
            principal: principal(resource, &statement.principal),
            action: &statement.action,
            resource,
            condition: Condition {
                string_equals: StringEquals {
                    source_account: statement.source_account.as_deref(),
                    url_auth: statement.url_auth.map(Text::text),
                    organization_id: statement.organization_id.as_deref(),
                    event_source_token: statement.event_source_token.as_deref(),
                },
                arn_like: statement.source_arn.as_deref().map(|source_arn| ArnLike { source_arn }),
                bool: statement.via_url.then_some(Bool { via_url: "true" }),
            },
        }
    }
}

/// An account is shown as its root, of the resource's partition.
fn principal<'s>(resource: &str, text: &'s str) -> ShownPrincipal<'s> {
    match Principal::parse(text) {
        Some(Principal::Everyone) => ShownPrincipal::Everyone("*"),
        Some(Principal::Service(name)) => ShownPrincipal::Service { name },
        Some(Principal::Account(account)) => {
            let partition = arn::split(resource).map_or("aws", |parts| parts.partition);
            ShownPrincipal::Account {
                arn: format!("arn:{partition}:iam::{account}:root"),
            }
        }
        // Nothing else was ever stored.
        Some(Principal::Arn(_)) | None => ShownPrincipal::Account { arn: text.to_owned() },
    }
}

/// A policy as it is shown: its length is what the service limits.
pub(crate) fn of(resource_arn: &str, statements: &[Statement]) -> Result<String, Error> {
    json(&Document {
        version: "2012-10-17",
        id: "default",
        statement: statements.iter().map(|statement| Shown::of(resource_arn, statement)).collect(),
    })
}

/// One statement as it is shown.
pub(crate) fn statement(resource_arn: &str, statement: &Statement) -> Result<String, Error> {
    json(&Shown::of(resource_arn, statement))
}

fn json(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|e| Error::WrongShape(e.to_string()))
}
