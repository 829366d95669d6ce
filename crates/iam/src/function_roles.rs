//! Whether Lambda can assume a function's role.

use hearth_model::{AccountId, BoxFuture, FunctionRoles, RoleRefusal, arn};
use parking_lot::Mutex;

use crate::Iam;
use crate::keys::Mode;
use crate::ops::session::parse_role_arn;
use crate::record::Role;
use crate::trust::{self, Asker};

const LAMBDA: &str = "lambda.amazonaws.com";
/// How many absent roles are remembered as told; more are told again.
const TOLD: usize = 1_000;

/// Absent roles that the log has told of.
#[derive(Default)]
pub(crate) struct Told(Mutex<std::collections::HashSet<String>>);

impl Told {
    /// True the first time.
    fn is_news(&self, role_arn: &str) -> bool {
        let mut told = self.0.lock();
        if told.len() >= TOLD {
            told.clear();
        }
        told.insert(role_arn.to_owned())
    }
}

impl FunctionRoles for Iam {
    fn check<'a>(&'a self, account: &'a AccountId, role_arn: &'a str) -> BoxFuture<'a, Result<(), RoleRefusal>> {
        Box::pin(async move {
            let role = find(self, role_arn).await?;
            match (self.mode(), role) {
                (Mode::Open, Some(_)) => Ok(()),
                (Mode::Open, None) => {
                    if self.told.is_news(role_arn) {
                        tracing::info!(role_arn, "a function's role does not exist; in open mode that is accepted");
                    }
                    Ok(())
                }
                // Whoever may make functions in one account must not get the credentials of another.
                (Mode::Enforce, _) if arn::split(role_arn).is_none_or(|arn| arn.account != account.as_str()) => {
                    Err(RoleRefusal::ForeignAccount)
                }
                (Mode::Enforce, Some(role)) if trusts_lambda(&role, account) => Ok(()),
                (Mode::Enforce, _) => Err(RoleRefusal::NotAssumable),
            }
        })
    }
}

async fn find(iam: &Iam, role_arn: &str) -> Result<Option<Role>, RoleRefusal> {
    let Some((account, path, name)) = parse_role_arn(role_arn) else { return Ok(None) };
    let found = iam.db.get::<Role>(&account, name).await.map_err(|error| RoleRefusal::Failed(error.to_string()))?;
    Ok(found.map(|stored| stored.record).filter(|role| role.path == path))
}

fn trusts_lambda(role: &Role, account: &AccountId) -> bool {
    let asker = Asker::Service { name: LAMBDA, account };
    trust::allows(&role.own.trust, asker)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::entity;
    use crate::testing;

    const TRUSTING: &str = r#"{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole",
        "Principal":{"Service":"lambda.amazonaws.com"}}}"#;
    const OTHER: &str = r#"{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"*"}}}"#;

    async fn world(mode: Mode) -> Iam {
        let iam = Iam::new(testing::options(mode, &testing::store())).unwrap();
        for (name, trust) in [("good", TRUSTING), ("bad", OTHER)] {
            entity::create(&iam, &AccountId::fallback(), testing::role(name, trust)).await.unwrap();
        }
        iam
    }

    #[tokio::test]
    async fn enforce_takes_roles_that_trust_lambda() {
        let (iam, account) = (world(Mode::Enforce).await, AccountId::fallback());
        for (arn, expected) in [
            ("arn:aws:iam::000000000000:role/p/good", Ok(())),
            ("arn:aws:iam::000000000000:role/good", Err(RoleRefusal::NotAssumable)),
            ("arn:aws:iam::000000000000:role/p/bad", Err(RoleRefusal::NotAssumable)),
            ("arn:aws:iam::000000000000:role/p/none", Err(RoleRefusal::NotAssumable)),
            ("arn:aws:iam::111122223333:role/p/good", Err(RoleRefusal::ForeignAccount)),
        ] {
            assert_eq!(iam.check(&account, arn).await, expected, "{arn}");
        }
    }

    #[tokio::test]
    async fn open_takes_every_role_and_tells_of_absent_ones_once() {
        let (iam, account) = (world(Mode::Open).await, AccountId::fallback());
        for arn in ["arn:aws:iam::000000000000:role/p/bad", "arn:aws:iam::111122223333:role/none"] {
            assert_eq!(iam.check(&account, arn).await, Ok(()), "{arn}");
        }
        assert!(!iam.told.is_news("arn:aws:iam::111122223333:role/none"), "it was told of");
        assert!(iam.told.is_news("arn:aws:iam::000000000000:role/p/bad"), "it is there");
    }
}
