//! Policy documents: whether one is of IAM's grammar. Its text is kept as given.
//!
//! Source: "Grammar of the IAM JSON policy language" in the IAM user guide; the texts are those
//! that clients were seen to get.

use hearth_model::{AccountId, arn};
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// Which rules a document obeys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Who may assume a role.
    Trust,
    /// What its bearer may do.
    Permission,
}

const VERSIONS: [&str; 2] = ["2012-10-17", "2008-10-17"];
const STATEMENT_MEMBERS: [&str; 9] =
    ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];
const SYNTAX: &str = "Syntax errors in policy.";

/// Checks a document.
///
/// # Errors
/// [`Error::MalformedPolicy`] with the first thing that is wrong.
pub(crate) fn check(kind: Kind, text: &str) -> Result<()> {
    let invalid_json = match kind {
        Kind::Trust => "This policy contains invalid Json",
        Kind::Permission => SYNTAX,
    };
    let document: Value = serde_json::from_str(text).map_err(|_| malformed(invalid_json))?;
    let document = document.as_object().ok_or_else(|| malformed(invalid_json))?;
    if document.keys().any(|key| !["Version", "Id", "Statement"].contains(&key.as_str())) {
        return Err(malformed(SYNTAX));
    }
    match document.get("Version") {
        Some(version) if version.as_str().is_some_and(|version| VERSIONS.contains(&version)) => {}
        None if kind == Kind::Trust => {}
        Some(Value::String(_)) | None => {
            return Err(malformed("Policy document must be version 2012-10-17 or greater."));
        }
        Some(_) => return Err(malformed(SYNTAX)),
    }
    let statements = statements(document).filter(|all| !all.is_empty()).ok_or_else(|| malformed(SYNTAX))?;
    let mut sids = std::collections::HashSet::new();
    for statement in statements {
        let statement = statement.as_object().ok_or_else(|| malformed(SYNTAX))?;
        check_statement(kind, statement)?;
        let sid = statement.get("Sid").and_then(Value::as_str).unwrap_or_default();
        if !sid.is_empty() && !sids.insert(sid) {
            return Err(malformed("Statement IDs (SID) in a single policy must be unique."));
        }
    }
    Ok(())
}

/// The statements of a document, of which one alone may stand without a list.
pub(crate) fn statements(document: &Map<String, Value>) -> Option<&[Value]> {
    one_or_many(document.get("Statement")?)
}

/// A list, or one thing that stands for a list of one.
pub(crate) fn one_or_many(value: &Value) -> Option<&[Value]> {
    match value {
        Value::Array(all) => Some(all),
        Value::Null => None,
        one => Some(std::slice::from_ref(one)),
    }
}

/// Characters that count towards a policy's size.
pub(crate) fn size(text: &str) -> usize {
    text.chars().filter(|c| !c.is_ascii_whitespace()).count()
}

fn check_statement(kind: Kind, statement: &Map<String, Value>) -> Result<()> {
    let unknown = statement.keys().any(|key| !STATEMENT_MEMBERS.contains(&key.as_str()));
    let effect = statement.get("Effect").and_then(Value::as_str);
    if unknown || !matches!(effect, Some("Allow" | "Deny")) {
        return Err(malformed(SYNTAX));
    }
    check_sid(statement.get("Sid"))?;
    check_actions(kind, statement)?;
    check_condition(statement.get("Condition"))?;
    match kind {
        Kind::Trust => check_trust(statement),
        Kind::Permission => check_permission(statement),
    }
}

fn check_sid(sid: Option<&Value>) -> Result<()> {
    let Some(sid) = sid else { return Ok(()) };
    let sid = sid.as_str().ok_or_else(|| malformed(SYNTAX))?;
    if sid.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Ok(());
    }
    Err(malformed(
        "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
    ))
}

fn check_actions(kind: Kind, statement: &Map<String, Value>) -> Result<()> {
    let actions = exactly_one(statement, "Action", "NotAction")?;
    let actions = actions.filter(|all| !all.is_empty());
    let actions = actions.ok_or_else(|| malformed("Policy statement must contain actions."))?;
    for action in texts(actions)? {
        let is_good = match action.split_once(':') {
            Some((vendor, name)) => {
                !name.is_empty()
                    && !vendor.is_empty()
                    && vendor.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                    && !name.contains(':')
            }
            None => action == "*",
        };
        if !is_good {
            return Err(malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."));
        }
        if kind == Kind::Trust && !action.to_ascii_lowercase().starts_with("sts:") {
            return Err(malformed("AssumeRole policy may only specify STS AssumeRole actions."));
        }
    }
    Ok(())
}

fn check_condition(condition: Option<&Value>) -> Result<()> {
    let Some(condition) = condition else { return Ok(()) };
    let operators = condition.as_object().ok_or_else(|| malformed(SYNTAX))?;
    let is_value = |value: &Value| matches!(value, Value::String(_) | Value::Bool(_) | Value::Number(_));
    for keys in operators.values() {
        let keys = keys.as_object().ok_or_else(|| malformed(SYNTAX))?;
        if !keys.values().all(|values| one_or_many(values).is_some_and(|all| all.iter().all(is_value))) {
            return Err(malformed(SYNTAX));
        }
    }
    Ok(())
}

fn check_permission(statement: &Map<String, Value>) -> Result<()> {
    if statement.contains_key("Principal") || statement.contains_key("NotPrincipal") {
        return Err(malformed("Policy document should not specify a principal."));
    }
    let resources = exactly_one(statement, "Resource", "NotResource")?.filter(|all| !all.is_empty());
    let resources = resources.ok_or_else(|| malformed("Policy statement must contain resources."))?;
    for resource in texts(resources)? {
        if resource != "*" && arn::split(resource).is_none() {
            return Err(malformed(&format!("Resource {resource} must be in ARN format or \"*\".")));
        }
    }
    Ok(())
}

fn check_trust(statement: &Map<String, Value>) -> Result<()> {
    for resource in ["Resource", "NotResource"] {
        if statement.contains_key(resource) {
            return Err(malformed("Has prohibited field Resource"));
        }
    }
    let principal = match (statement.get("Principal"), statement.get("NotPrincipal")) {
        (Some(principal), None) | (None, Some(principal)) => principal,
        (None, None) => return Err(malformed("Missing required field Principal")),
        (Some(_), Some(_)) => return Err(malformed(SYNTAX)),
    };
    if principal.as_str() == Some("*") {
        return Ok(());
    }
    let kinds = principal.as_object().filter(|kinds| !kinds.is_empty());
    let kinds = kinds.ok_or_else(|| malformed("Missing required field Principal cannot be empty!"))?;
    for (kind, values) in kinds {
        let values = one_or_many(values).filter(|all| !all.is_empty()).ok_or_else(|| malformed(SYNTAX))?;
        for value in texts(values)? {
            if !is_principal(kind, value) {
                return Err(malformed(&format!(
                    "Invalid principal in policy: \"{}\":\"{value}\"",
                    kind.to_uppercase()
                )));
            }
        }
    }
    Ok(())
}

fn is_principal(kind: &str, value: &str) -> bool {
    match kind {
        "AWS" => value == "*" || AccountId::parse(value).is_some() || is_identity_arn(value),
        "Service" => value.split('.').count() >= 3 && !value.starts_with('.') && value.contains(".amazon"),
        "Federated" | "CanonicalUser" => !value.is_empty(),
        _ => false,
    }
}

/// `arn:aws:iam::<account>:...` or `arn:aws:sts::<account>:...`.
fn is_identity_arn(value: &str) -> bool {
    arn::split(value).is_some_and(|parts| {
        parts.partition.starts_with("aws")
            && matches!(parts.service, "iam" | "sts")
            && parts.region.is_empty()
            && AccountId::parse(parts.account).is_some()
            && !parts.resource.is_empty()
    })
}

fn exactly_one<'s>(statement: &'s Map<String, Value>, one: &str, other: &str) -> Result<Option<&'s [Value]>> {
    match (statement.get(one), statement.get(other)) {
        (Some(_), Some(_)) => Err(malformed(SYNTAX)),
        (Some(value), None) | (None, Some(value)) => Ok(one_or_many(value)),
        (None, None) => Ok(None),
    }
}

fn texts(values: &[Value]) -> Result<Vec<&str>> {
    values.iter().map(|value| value.as_str().ok_or_else(|| malformed(SYNTAX))).collect()
}

fn malformed(text: &str) -> Error {
    Error::MalformedPolicy(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_all(kind: Kind, cases: &[(&str, Option<&str>)]) {
        for (text, expected) in cases {
            let found = check(kind, text).err().map(|error| error.to_string());
            match (found, expected) {
                (None, None) => {}
                (Some(found), Some(expected)) => assert!(found.contains(expected), "{text}: {found}"),
                (found, expected) => panic!("{text}: expected {expected:?}, found {found:?}"),
            }
        }
    }

    fn permission(statement: &str) -> String {
        format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#)
    }

    #[test]
    fn permission_policies() {
        let cases = [
            (r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#, None),
            (r#"{"Effect":"Allow","Action":["s3:GetObject","*"],"Resource":["arn:aws:s3:::b/*"],"Sid":"A1"}"#, None),
            (r#"{"Effect":"Deny","NotAction":"iam:*","NotResource":"*","Condition":{"Bool":{"a:b":true}}}"#, None),
            (r#"{"Effect":"Maybe","Action":"s3:*","Resource":"*"}"#, Some("Syntax errors")),
            (r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Colour":1}"#, Some("Syntax errors")),
            (r#"{"Effect":"Allow","Action":"s3:*","NotAction":"s3:*","Resource":"*"}"#, Some("Syntax errors")),
            (r#"{"Effect":"Allow","Action":1,"Resource":"*"}"#, Some("Syntax errors")),
            (r#"{"Effect":"Allow","Resource":"*"}"#, Some("must contain actions")),
            (r#"{"Effect":"Allow","Action":[],"Resource":"*"}"#, Some("must contain actions")),
            (r#"{"Effect":"Allow","Action":"GetObject","Resource":"*"}"#, Some("prefaced by a vendor")),
            (r#"{"Effect":"Allow","Action":"s3:*"}"#, Some("must contain resources")),
            (r#"{"Effect":"Allow","Action":"s3:*","Resource":"bucket"}"#, Some("Resource bucket must be in ARN")),
            (r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":"*"}"#, Some("not specify a principal")),
            (r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Sid":"a b"}"#, Some("alpha-numeric")),
            (r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Bool":[]}}"#, Some("Syntax errors")),
        ];
        for (statement, expected) in cases {
            check_all(Kind::Permission, &[(&permission(statement), expected)]);
        }
        let twice = permission(
            r#"{"Sid":"a","Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"a","Effect":"Deny","Action":"*","Resource":"*"}"#,
        );
        check_all(
            Kind::Permission,
            &[
                (&twice, Some("must be unique")),
                ("{", Some("Syntax errors")),
                ("[]", Some("Syntax errors")),
                (r#"{"Version":"2012-10-17","Statement":[]}"#, Some("Syntax errors")),
                (r#"{"Version":"2012-10-17"}"#, Some("Syntax errors")),
                (
                    r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#,
                    Some("version 2012-10-17 or greater"),
                ),
                (r#"{"Version":"2020-01-01","Statement":{}}"#, Some("version 2012-10-17 or greater")),
            ],
        );
    }

    #[test]
    fn trust_policies() {
        let with = |principal: &str| {
            format!(r#"{{"Statement":{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"}}}}"#)
        };
        for good in [
            r#""*""#,
            r#"{"Service":"lambda.amazonaws.com"}"#,
            r#"{"AWS":["123456789012","*"]}"#,
            r#"{"AWS":"arn:aws:iam::123456789012:root"}"#,
            r#"{"Federated":"cognito-identity.amazonaws.com"}"#,
        ] {
            check_all(Kind::Trust, &[(&with(good), None)]);
        }
        for (bad, text) in [
            (r#"{"AWS":"alice"}"#, r#"Invalid principal in policy: "AWS":"alice""#),
            (r#"{"Service":"lambda"}"#, r#"Invalid principal in policy: "SERVICE":"lambda""#),
            ("{}", "cannot be empty"),
            (r#"{"Planet":"mars"}"#, "Invalid principal"),
        ] {
            check_all(Kind::Trust, &[(&with(bad), Some(text))]);
        }
        check_all(
            Kind::Trust,
            &[
                ("no", Some("This policy contains invalid Json")),
                (
                    r#"{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole"}}"#,
                    Some("Missing required field Principal"),
                ),
                (
                    r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject"}}"#,
                    Some("may only specify STS AssumeRole actions"),
                ),
                (
                    r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}}"#,
                    Some("prohibited field Resource"),
                ),
            ],
        );
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_documents_never_panic(text in r#"[{}\[\]":,a-zA-Z*0-9]{0,80}"#) {
            let _ = (check(Kind::Trust, &text), check(Kind::Permission, &text));
        }
    }
}
