//! Whether an identity may do something: the one place where that is decided.
//!
//! Policies are not evaluated yet. Until they are: in `open` mode everything is allowed; in
//! `enforce` mode a principal may do everything in its own account and nothing elsewhere.
//! Configured users are administrators of their account, which is what that says; a function's
//! session may do more than its role's policies would say, which `docs/security.md` has to tell.

use hearth_model::{AccountId, Identity, arn};

use crate::keys::{Iam, Mode};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Action<'a> {
    /// E.g. `lambda:InvokeFunction`.
    pub name: &'a str,
    /// The resource's ARN, or `*` for actions on none.
    pub resource_arn: &'a str,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    Allow,
    /// The text is AWS's: `User: <arn> is not authorized to perform: <action> on resource: <arn> ...`.
    Deny(String),
}

impl Iam {
    /// Decides whether `identity` may do `action`.
    #[must_use]
    pub fn authorize(&self, identity: &Identity, action: Action<'_>) -> Decision {
        if self.mode() == Mode::Open || is_own(&identity.account, action.resource_arn) {
            return Decision::Allow;
        }
        let name = action.name;
        Decision::Deny(format!(
            "User: {} is not authorized to perform: {name} on resource: {} because no resource-based policy allows \
             the {name} action",
            identity.arn, action.resource_arn
        ))
    }
}

/// True for resources of this account, and for those whose ARN names no account.
fn is_own(account: &AccountId, resource_arn: &str) -> bool {
    let owner = arn::split(resource_arn).map_or("", |parts| parts.account);
    owner.is_empty() || owner == account.as_str()
}

#[cfg(test)]
mod tests {
    use hearth_core::{Clock, Random};

    use super::*;
    use crate::Options;

    #[track_caller]
    fn check(mode: Mode, resource_arn: &str, allowed: bool) {
        let iam = Iam::new(Options {
            mode,
            keys: Vec::new(),
            account: AccountId::fallback(),
            documents: std::sync::Arc::new(hearth_store::Memory::new(Clock::fixed(0))),
            tasks: hearth_core::Tasks::new(),
            master_secret: [0; 32],
            clock: Clock::fixed(0),
            random: Random::seeded(0),
        })
        .unwrap();
        let identity = Identity {
            account: AccountId::parse("123456789012").unwrap(),
            arn: "arn:aws:iam::123456789012:user/alice".to_owned(),
        };
        let action = Action {
            name: "lambda:InvokeFunction",
            resource_arn,
        };
        assert_eq!(iam.authorize(&identity, action) == Decision::Allow, allowed, "{mode:?} {resource_arn}");
    }

    #[test]
    fn enforce_ends_at_the_account() {
        let (own, other) =
            ("arn:aws:lambda:us-east-1:123456789012:function:f", "arn:aws:lambda:us-east-1:111122223333:function:f");
        check(Mode::Enforce, own, true);
        check(Mode::Enforce, "*", true);
        check(Mode::Enforce, "arn:aws:s3:::bucket", true);
        check(Mode::Enforce, other, false);
        check(Mode::Open, other, true);
    }

    #[test]
    fn a_refusal_says_who_what_and_where() {
        let iam = Iam::new(Options {
            mode: Mode::Enforce,
            keys: Vec::new(),
            account: AccountId::fallback(),
            documents: std::sync::Arc::new(hearth_store::Memory::new(Clock::fixed(0))),
            tasks: hearth_core::Tasks::new(),
            master_secret: [0; 32],
            clock: Clock::fixed(0),
            random: Random::seeded(0),
        })
        .unwrap();
        let identity = Identity {
            account: AccountId::fallback(),
            arn: "arn:aws:iam::000000000000:user/bob".to_owned(),
        };
        let action = Action {
            name: "lambda:GetFunction",
            resource_arn: "arn:aws:lambda:us-east-1:111122223333:function:f",
        };
        let text = "User: arn:aws:iam::000000000000:user/bob is not authorized to perform: lambda:GetFunction on \
                    resource: arn:aws:lambda:us-east-1:111122223333:function:f because no resource-based policy \
                    allows the lambda:GetFunction action";
        assert_eq!(iam.authorize(&identity, action), Decision::Deny(text.to_owned()));
    }
}
