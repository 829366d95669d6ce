//! Whether a role's trust policy lets a principal assume it.
//!
//! A simple evaluation, which errs on the side of refusing: of conditions it knows `StringEquals`
//! and `StringLike` (with `IfExists`) over `sts:ExternalId`, `aws:PrincipalArn` and
//! `aws:PrincipalAccount`, and `StringEquals` of `aws:SourceAccount` for services. A statement with
//! any other condition allows nothing, and denies all the same. An account that is trusted as a
//! whole passes that on to all of its principals: identity policies are not evaluated.

use hearth_model::AccountId;
use serde_json::{Map, Value};

use crate::document::{one_or_many, statements};

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asker<'a> {
    /// A user, root or the session of a role.
    Principal { account: &'a AccountId, arn: &'a str, external_id: Option<&'a str> },
    /// E.g. `lambda.amazonaws.com`.
    Service { name: &'a str, account: &'a AccountId },
}

/// True when the trust policy allows `sts:AssumeRole`. A text that is no policy allows nothing.
pub(crate) fn allows(trust: &str, asker: Asker<'_>) -> bool {
    let Ok(Value::Object(document)) = serde_json::from_str(trust) else { return false };
    let all = statements(&document).unwrap_or_default().iter().filter_map(Value::as_object);
    let mut is_allowed = false;
    for statement in all.filter(|statement| names_action(statement) && names_principal(statement, asker)) {
        let holds = condition(statement.get("Condition"), asker);
        match statement.get("Effect").and_then(Value::as_str) {
            Some("Allow") => is_allowed |= holds == Some(true),
            _ if holds != Some(false) => return false,
            _ => {}
        }
    }
    is_allowed
}

fn names_action(statement: &Map<String, Value>) -> bool {
    let is_named = |actions: &Value| {
        let mut all = texts(actions);
        all.any(|action| like(&action.to_ascii_lowercase(), "sts:assumerole"))
    };
    match (statement.get("Action"), statement.get("NotAction")) {
        (Some(actions), _) => is_named(actions),
        (None, Some(actions)) => !is_named(actions),
        (None, None) => false,
    }
}

/// `NotPrincipal` is taken for everybody in a denial and for nobody in an allowance.
fn names_principal(statement: &Map<String, Value>, asker: Asker<'_>) -> bool {
    let Some(principal) = statement.get("Principal") else {
        return statement.get("Effect").and_then(Value::as_str) != Some("Allow");
    };
    if principal.as_str() == Some("*") {
        return true;
    }
    match asker {
        Asker::Principal { account, arn, .. } => {
            principal.get("AWS").is_some_and(|all| texts(all).any(|named| is_principal(named, account, arn)))
        }
        Asker::Service { name, .. } => {
            principal.get("Service").is_some_and(|all| texts(all).any(|named| named == name))
        }
    }
}

fn is_principal(named: &str, account: &AccountId, arn: &str) -> bool {
    let is_account =
        named == account.as_str() || (named.starts_with("arn:") && named.ends_with(&format!(":iam::{account}:root")));
    named == "*" || named == arn || is_account || is_role_of_session(named, arn)
}

/// A role is its sessions; the session's ARN has the role's name without the path.
fn is_role_of_session(named: &str, session_arn: &str) -> bool {
    let (Some((owner, role)), Some((session_owner, session))) =
        (named.split_once(":role/"), session_arn.split_once(":assumed-role/"))
    else {
        return false;
    };
    let name = role.rsplit('/').next();
    owner.replace(":iam:", ":sts:") == session_owner && name == session.split('/').next()
}

/// Whether all conditions hold; `None` when one of them is not known here.
fn condition(condition: Option<&Value>, asker: Asker<'_>) -> Option<bool> {
    let Some(operators) = condition.and_then(Value::as_object) else { return Some(true) };
    let mut holds = true;
    for (operator, keys) in operators {
        let (operator, if_exists) = match operator.strip_suffix("IfExists") {
            Some(operator) => (operator, true),
            None => (operator.as_str(), false),
        };
        let matches: fn(&str, &str) -> bool = match operator {
            "StringEquals" | "ArnEquals" => |pattern, value| pattern == value,
            "StringLike" | "ArnLike" => like,
            _ => return None,
        };
        for (key, wanted) in keys.as_object()? {
            holds &= match value(key, asker)? {
                Some(value) => texts(wanted).any(|wanted| matches(wanted, value)),
                None => if_exists,
            };
        }
    }
    Some(holds)
}

/// The value of a condition key: `None` for keys that are not known, `Some(None)` for absent ones.
fn value<'a>(key: &str, asker: Asker<'a>) -> Option<Option<&'a str>> {
    match (key.to_ascii_lowercase().as_str(), asker) {
        ("sts:externalid", Asker::Principal { external_id, .. }) => Some(external_id),
        ("aws:principalarn", Asker::Principal { arn, .. }) => Some(Some(arn)),
        ("aws:principalaccount", Asker::Principal { account, .. }) => Some(Some(account.as_str())),
        ("aws:sourceaccount", Asker::Service { account, .. }) => Some(Some(account.as_str())),
        _ => None,
    }
}

fn texts(values: &Value) -> impl Iterator<Item = &str> {
    one_or_many(values).unwrap_or_default().iter().filter_map(Value::as_str)
}

/// `*` stands for any text, `?` for one character. Linear in the product of both at worst.
fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t, mut retry) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[t] => (p, t) = (p + 1, t + 1),
            _ => match retry {
                Some((star, from)) => {
                    (p, t) = (star + 1, from + 1);
                    retry = Some((star, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: &str = "arn:aws:iam::123456789012:user/p/alice";
    const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/r/f";

    #[track_caller]
    fn check(statement: &str, arn: &str, external_id: Option<&str>, expected: bool) {
        let trust = format!(r#"{{"Statement":[{statement}]}}"#);
        let account = AccountId::parse("123456789012").unwrap();
        let asker = Asker::Principal {
            account: &account,
            arn,
            external_id,
        };
        assert_eq!(allows(&trust, asker), expected, "{statement} {arn} {external_id:?}");
    }

    fn allow(principal: &str) -> String {
        format!(r#"{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{principal}}}"#)
    }

    #[test]
    fn principals() {
        for good in [
            r#""*""#,
            r#"{"AWS":"*"}"#,
            r#"{"AWS":"123456789012"}"#,
            r#"{"AWS":"arn:aws:iam::123456789012:root"}"#,
            r#"{"AWS":["arn:aws:iam::111122223333:root","arn:aws:iam::123456789012:user/p/alice"]}"#,
        ] {
            check(&allow(good), ALICE, None, true);
        }
        for bad in [
            r#"{"AWS":"111122223333"}"#,
            r#"{"AWS":"arn:aws:iam::123456789012:user/alice"}"#,
            r#"{"Service":"lambda.amazonaws.com"}"#,
            r#"{"AWS":"arn:aws:iam::123456789012:role/r"}"#,
        ] {
            check(&allow(bad), ALICE, None, false);
        }
        check(&allow(r#"{"AWS":"arn:aws:iam::123456789012:role/q/r"}"#), SESSION, None, true);
        check(&allow(r#"{"AWS":"arn:aws:iam::111122223333:role/r"}"#), SESSION, None, false);
        check(&allow(r#"{"AWS":"arn:aws:sts::123456789012:assumed-role/r/f"}"#), SESSION, None, true);
    }

    #[test]
    fn services() {
        let account = AccountId::fallback();
        let asker = |name| Asker::Service { name, account: &account };
        let trust = format!(r#"{{"Statement":{}}}"#, allow(r#"{"Service":["lambda.amazonaws.com"]}"#));
        assert!(allows(&trust, asker("lambda.amazonaws.com")));
        assert!(!allows(&trust, asker("ec2.amazonaws.com")));
        assert!(!allows("nonsense", asker("lambda.amazonaws.com")));
    }

    #[test]
    fn actions_effects_and_conditions() {
        let with = |effect: &str, action: &str, condition: &str| {
            format!(r#"{{"Effect":"{effect}","Action":"{action}","Principal":"*","Condition":{condition}}}"#)
        };
        check(&with("Allow", "sts:*", "{}"), ALICE, None, true);
        check(&with("Allow", "sts:TagSession", "{}"), ALICE, None, false);
        let external = r#"{"StringEquals":{"sts:ExternalId":"42"}}"#;
        check(&with("Allow", "sts:AssumeRole", external), ALICE, Some("42"), true);
        check(&with("Allow", "sts:AssumeRole", external), ALICE, Some("43"), false);
        check(&with("Allow", "sts:AssumeRole", external), ALICE, None, false);
        let arn = r#"{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/p/al?ce"}}"#;
        check(&with("Allow", "sts:AssumeRole", arn), ALICE, None, true);
        let unknown = r#"{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#;
        check(&with("Allow", "sts:AssumeRole", unknown), ALICE, None, false);
        let all = allow(r#""*""#);
        check(&format!("{all},{}", with("Deny", "sts:AssumeRole", "{}")), ALICE, None, false);
        check(&format!("{all},{}", with("Deny", "sts:AssumeRole", unknown)), ALICE, None, false);
        check(&format!("{all},{}", with("Deny", "sts:AssumeRole", external)), ALICE, Some("1"), true);
        check(&format!(r#"{all},{{"Effect":"Deny","Action":"sts:*","NotPrincipal":{{}}}}"#), ALICE, None, false);
    }

    #[test]
    fn wildcards() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abcd", false),
            ("?", "", false),
            ("a**b*", "ab", true),
            ("*a*b", "xxaxxb", true),
            ("", "a", false),
            ("", "", true),
        ] {
            assert_eq!(like(pattern, text), expected, "{pattern} {text}");
        }
    }
}
