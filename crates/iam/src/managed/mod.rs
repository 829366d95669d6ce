//! Policies of AWS's own (`arn:aws:iam::aws:policy/...`) that users of Lambda attach.
//!
//! The documents are Hearth's, with the actions that each policy is known for; their wording,
//! their order and their statements' ids are not AWS's.

mod functions;
mod services;

use hearth_model::AccountId;
use serde_json::json;

use crate::ids;

/// 2015-02-06T18:40:00Z. AWS's dates differ for each.
pub(crate) const CREATED_MS: i64 = 1_423_248_000_000;

/// One policy of AWS's own.
#[derive(Debug)]
pub(crate) struct Managed {
    /// Begins and ends with a slash.
    pub(crate) path: &'static str,
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    /// What it allows: actions on resources. A resource is `*` or an ARN.
    pub(crate) allows: &'static [(&'static [&'static str], &'static str)],
    /// Actions that it leaves out of everything; used by those that allow all but a few.
    pub(crate) all_but: &'static [&'static str],
}

impl Managed {
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:iam::aws:policy{}{}", self.path, self.name)
    }

    pub(crate) fn id(&self) -> String {
        ids::derived("ANPA", &self.arn())
    }

    /// The policy document.
    pub(crate) fn document(&self) -> String {
        let mut statements = Vec::new();
        if !self.all_but.is_empty() {
            statements.push(json!({"Effect": "Allow", "NotAction": self.all_but, "Resource": "*"}));
        }
        for (actions, resource) in self.allows {
            statements.push(json!({"Effect": "Allow", "Action": actions, "Resource": resource}));
        }
        json!({"Version": "2012-10-17", "Statement": statements}).to_string()
    }
}

/// Every one of them.
pub(crate) fn all() -> impl Iterator<Item = &'static Managed> {
    functions::ALL.iter().chain(services::ALL)
}

/// The policy of an ARN.
pub(crate) fn find(arn: &str) -> Option<&'static Managed> {
    all().find(|policy| policy.arn() == arn)
}

/// True for ARNs that belong to AWS and to no account.
pub(crate) fn is_awss(arn: &str) -> bool {
    arn.starts_with("arn:aws:iam::aws:policy/")
}

/// The account, path and name of the ARN of a policy of an account.
pub(crate) fn parse_arn(arn: &str) -> Option<(AccountId, String, &str)> {
    let (account, resource) = arn.strip_prefix("arn:aws:iam::")?.split_once(':')?;
    let (path, name) = resource.strip_prefix("policy")?.rsplit_once('/')?;
    let is_good = !name.is_empty() && (path.is_empty() || path.starts_with('/'));
    Some((AccountId::parse(account).filter(|_| is_good)?, format!("{path}/"), name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{self, Kind};

    #[test]
    fn every_document_is_a_policy() {
        for policy in all() {
            document::check(Kind::Permission, &policy.document()).unwrap_or_else(|e| panic!("{}: {e}", policy.name));
            assert!(find(&policy.arn()).is_some_and(|found| found.name == policy.name), "{} is twice", policy.name);
            assert!(policy.path.starts_with('/') && policy.path.ends_with('/') && !policy.description.is_empty());
        }
        assert!(find("arn:aws:iam::aws:policy/Nothing").is_none());
    }

    #[test]
    fn arns_of_accounts() {
        let parsed = |arn| parse_arn(arn).map(|(account, path, name)| (account.to_string(), path, name.to_owned()));
        let is = |path: &str, name: &str| Some(("123456789012".to_owned(), path.to_owned(), name.to_owned()));
        assert_eq!(parsed("arn:aws:iam::123456789012:policy/p"), is("/", "p"));
        assert_eq!(parsed("arn:aws:iam::123456789012:policy/a/b/p"), is("/a/b/", "p"));
        for bad in [
            "arn:aws:iam::aws:policy/p",
            "arn:aws:iam::123456789012:policyx/p",
            "arn:aws:iam::123456789012:role/p",
            "arn",
            "",
        ] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }
}
