//! Which function a request means.
//!
//! Source: fact sheet "Lambda control-plane API", section 2.1. The parts come from the groups of
//! the pattern that the service prints, so that what passes the check is what is understood.

use hearth_model::{AccountId, FunctionKey, FunctionName, Qualifier, Region, arn};
use hearth_wire::Caller;
use hearth_wire::validation::Violations;
use regex_lite::Captures;

use crate::error::Error;
use crate::pattern::{NAME_TO_READ, NAME_TO_WRITE, Pattern, QUALIFIER};

/// Which operations take the name, and so its pattern and length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Read,
    Write,
}

impl Use {
    fn pattern(self) -> &'static Pattern {
        match self {
            Self::Read => &NAME_TO_READ,
            Self::Write => &NAME_TO_WRITE,
        }
    }

    fn length_max(self) -> usize {
        match self {
            Self::Read => 256,
            Self::Write => 140,
        }
    }
}

/// The function meant, in the caller's account and region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) key: FunctionKey,
    /// As given, by the name or by the parameter, a number without leading zeros. It matches the
    /// qualifier's pattern.
    pub(crate) qualifier: Option<String>,
    /// Without qualifier.
    pub(crate) arn: String,
}

impl Target {
    /// The qualifier by kind.
    pub(crate) fn parsed_qualifier(&self) -> Option<Qualifier> {
        self.qualifier.as_deref().and_then(Qualifier::parse)
    }

    /// What policies and URLs are kept by: the qualifier as given, empty without one.
    pub(crate) fn scope(&self) -> &str {
        self.qualifier.as_deref().unwrap_or_default()
    }

    /// The ARN with the qualifier that was asked for.
    pub(crate) fn asked_arn(&self) -> String {
        match &self.qualifier {
            Some(qualifier) => arn::qualified(&self.arn, qualifier),
            None => self.arn.clone(),
        }
    }

    /// The answer when there is no such function or version.
    pub(crate) fn not_found(&self) -> Error {
        Error::FunctionNotFound { arn: self.asked_arn() }
    }
}

/// Notes what the model refuses: the qualifier before the name, as the service does.
pub(crate) fn check(violations: &mut Violations, used: Use, name: Option<&str>, qualifier: Option<&str>) {
    if let Some(qualifier) = qualifier {
        QUALIFIER.check(violations, "qualifier", qualifier);
        violations.length("qualifier", qualifier, 1..=128);
    }
    violations.required("functionName", name.as_ref());
    if let Some(name) = name {
        used.pattern().check(violations, "functionName", name);
        violations.length("functionName", name, 1..=used.length_max());
    }
}

/// Finds out whose function is meant. The name has passed [`check`]. `action` is the operation's
/// name, for the refusal of a foreign account's function.
pub(crate) fn resolve(
    caller: &Caller,
    used: Use,
    name: &str,
    qualifier: Option<&str>,
    action: &'static str,
) -> Result<Target, Error> {
    let parts = parse(used, name)
        .ok_or_else(|| Error::InvalidParameter(format!("expected a function name or ARN, found {name:?}")))?;
    if let (Some(derived), Some(given)) = (&parts.qualifier, qualifier)
        && derived != given
    {
        return Err(Error::InvalidParameter(
            "The derived qualifier from the function name does not match the specified qualifier.".to_owned(),
        ));
    }
    if let Some(region) = parts.region.as_ref().filter(|region| **region != caller.region) {
        return Err(Error::OtherRegion {
            asked: region.to_string(),
            here: caller.region.to_string(),
        });
    }
    if let Some(account) = parts.account.as_ref().filter(|account| **account != caller.account) {
        return Err(foreign(caller, action, account, &parts.name));
    }
    Ok(Target {
        arn: arn::function(&caller.region, &caller.account, parts.name.as_str()),
        key: FunctionKey {
            account: caller.account.clone(),
            region: caller.region.clone(),
            name: parts.name,
        },
        qualifier: qualifier.map(ToOwned::to_owned).or(parts.qualifier).map(canonical),
    })
}

/// `01` is version 1: policies, URLs and provisioned concurrency are kept by one way to write it.
fn canonical(qualifier: String) -> String {
    match Qualifier::parse(&qualifier) {
        Some(Qualifier::Number(number)) => number.to_string(),
        _ => qualifier,
    }
}

/// The qualifier that a name ends with.
pub(crate) fn qualifier_in(used: Use, name: &str) -> Option<String> {
    parse(used, name)?.qualifier
}

/// Changes concern `$LATEST`: published versions are immutable.
///
/// # Errors
/// A qualifier of anything else. The text is recorded for the concurrency operations.
pub(crate) fn refuse_version(target: &Target) -> Result<(), Error> {
    match target.qualifier.as_deref() {
        None | Some("$LATEST") => Ok(()),
        Some(_) => Err(no_versions()),
    }
}

/// The refusal of a qualifier where only a function can be meant.
pub(crate) fn no_versions() -> Error {
    Error::InvalidParameter(
        "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. \
         Please specify either a function name or an unqualified function ARN."
            .to_owned(),
    )
}

/// Creating elsewhere is refused without a word; anything else says what would open it.
fn foreign(caller: &Caller, action: &'static str, account: &AccountId, name: &FunctionName) -> Error {
    if action == "CreateFunction" {
        return Error::ForeignAccount;
    }
    Error::NotAuthorized {
        caller: caller.arn.clone(),
        action,
        resource: arn::function(&caller.region, account, name.as_str()),
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Parts {
    region: Option<Region>,
    account: Option<AccountId>,
    name: FunctionName,
    qualifier: Option<String>,
}

/// Group numbers of the two name patterns, which differ behind the name alone.
mod group {
    pub(super) const REGION: usize = 3;
    pub(super) const ACCOUNT: usize = 9;
    pub(super) const NAME: usize = 11;
    pub(super) const QUALIFIER: usize = 13;
}

fn parse(used: Use, text: &str) -> Option<Parts> {
    let groups = used.pattern().captures(text)?;
    let region = without_colon(&groups, group::REGION);
    let account = without_colon(&groups, group::ACCOUNT);
    Some(Parts {
        // What the pattern admits, the types admit; `None` here would be read as "not given".
        region: region.map(|text| Region::parse(text).ok_or(())).transpose().ok()?,
        account: account.map(|text| AccountId::parse(text).ok_or(())).transpose().ok()?,
        name: FunctionName::parse(groups.get(group::NAME)?.as_str())?,
        qualifier: groups.get(group::QUALIFIER).map(|found| found.as_str().to_owned()),
    })
}

fn without_colon<'t>(groups: &Captures<'t>, group: usize) -> Option<&'t str> {
    groups.get(group).map(|found| found.as_str().trim_end_matches(':'))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn caller() -> Caller {
        Caller {
            account: AccountId::parse("123456789012").unwrap(),
            region: Region::fallback(),
            arn: "arn:aws:iam::123456789012:root".to_owned(),
            access_key_id: None,
        }
    }

    #[track_caller]
    fn check_parse(used: Use, text: &str, expected: Option<(&str, &str, &str, &str)>) {
        let found = parse(used, text).map(|p| {
            (
                p.region.map_or(String::new(), |r| r.to_string()),
                p.account.map_or(String::new(), |a| a.to_string()),
                p.name.to_string(),
                p.qualifier.unwrap_or_default(),
            )
        });
        let expected = expected.map(|(r, a, n, q)| (r.to_owned(), a.to_owned(), n.to_owned(), q.to_owned()));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn every_accepted_form() {
        for used in [Use::Read, Use::Write] {
            check_parse(used, "f", Some(("", "", "f", "")));
            check_parse(used, "f:1", Some(("", "", "f", "1")));
            check_parse(used, "f:$LATEST", Some(("", "", "f", "$LATEST")));
            check_parse(used, "function:f", Some(("", "", "f", "")));
            check_parse(used, "function:f:live", Some(("", "", "f", "live")));
            check_parse(used, "123456789012:function:f", Some(("", "123456789012", "f", "")));
            check_parse(used, "123456789012:f", Some(("", "123456789012", "f", "")));
            check_parse(used, "us-east-1:123456789012:function:f", Some(("us-east-1", "123456789012", "f", "")));
            let arn = "arn:aws:lambda:us-east-1:123456789012:function:f";
            check_parse(used, arn, Some(("us-east-1", "123456789012", "f", "")));
            check_parse(used, &format!("{arn}:2"), Some(("us-east-1", "123456789012", "f", "2")));
            let short = "arn:aws:lambda:us-east-1:123456789012:function";
            check_parse(used, short, Some(("us-east-1", "123456789012", "function", "")));
        }
        check_parse(Use::Read, "a.b", Some(("", "", "a.b", "")));
        check_parse(Use::Write, "a.b", None);
        check_parse(Use::Read, "f:$LATEST.PUBLISHED", Some(("", "", "f", "$LATEST.PUBLISHED")));
        check_parse(Use::Write, "f:$LATEST.PUBLISHED", None);
    }

    #[test]
    fn refused_forms() {
        for bad in [
            "",
            "*",
            "my-function!",
            "invalid:function:name",
            "f:invalid!",
            "function:f:$LATEST:extra",
            "f:$LATES",
            "arn:aws:lambda::123456789012:function:f",
            "arn:aws:lambda:us-east-1::function:f",
            "arn:aws:ec2:us-east-1:123456789012:function:f",
            "arn:aws:lambda:us-east-1:123456789012:function:f:1:2",
        ] {
            check_parse(Use::Read, bad, None);
            check_parse(Use::Write, bad, None);
        }
    }

    #[test]
    fn a_version_has_one_name() {
        for (name, given, expected) in [
            ("f:01", None, "1"),
            ("f", Some("007"), "7"),
            ("f:0", None, "0"),
            ("f:live", None, "live"),
            ("f", Some("2024-01-02"), "2024-01-02"),
            ("f", Some("$LATEST"), "$LATEST"),
            ("f", Some("099999999999999999999"), "099999999999999999999"),
        ] {
            let target = resolve(&caller(), Use::Read, name, given, "GetFunction").unwrap();
            assert_eq!(target.qualifier.as_deref(), Some(expected), "{name} {given:?}");
        }
    }

    proptest! {
        #[test]
        fn parts_put_together_are_taken_apart(
            name in "[a-zA-Z0-9_-]{2,64}",
            qualifier in proptest::option::of("[a-zA-Z0-9_-]{1,128}"),
            region in "[a-z]{2}-[a-z]{1,9}-[0-9]",
            account in "[0-9]{12}",
        ) {
            let tail = qualifier.clone().map_or(String::new(), |q| format!(":{q}"));
            let text = format!("arn:aws:lambda:{region}:{account}:function:{name}{tail}");
            let parts = parse(Use::Read, &text).unwrap();
            prop_assert_eq!(parts.name.as_str(), name);
            prop_assert_eq!(parts.qualifier, qualifier);
            prop_assert_eq!(parts.region.unwrap().to_string(), region);
            prop_assert_eq!(parts.account.unwrap().to_string(), account);
        }

        /// Whatever passes the service's check leads to a target or a refusal, and never panics.
        #[test]
        fn any_text_is_understood_or_refused(text in "[a-z0-9:$.*-]{0,40}") {
            let mut violations = Violations::new();
            check(&mut violations, Use::Read, Some(&text), None);
            if violations.finish().is_ok() {
                let target = resolve(&caller(), Use::Read, &text, None, "GetFunction");
                prop_assert!(!matches!(target, Err(Error::InvalidParameter(_))), "{}: {:?}", text, target);
            }
        }
    }
}
