//! Whether Lambda can assume a function's role.

use hearth_model::{AccountId, BoxFuture, FunctionRoles, RoleRefusal};
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
    fn check<'a>(&'a self, role_arn: &'a str) -> BoxFuture<'a, Result<(), RoleRefusal>> {
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
                (Mode::Enforce, Some((account, role))) if trusts_lambda(&role, &account) => Ok(()),
                (Mode::Enforce, _) => Err(RoleRefusal::NotAssumable),
            }
        })
    }
}

async fn find(iam: &Iam, role_arn: &str) -> Result<Option<(AccountId, Role)>, RoleRefusal> {
    let Some((account, path, name)) = parse_role_arn(role_arn) else { return Ok(None) };
    let found = iam.db.get::<Role>(&account, name).await.map_err(|error| RoleRefusal::Failed(error.to_string()))?;
    Ok(found.map(|stored| stored.record).filter(|role| role.path == path).map(|role| (account, role)))
}

fn trusts_lambda(role: &Role, account: &AccountId) -> bool {
    let asker = Asker::Service { name: LAMBDA, account };
    trust::allows(&role.own.trust, asker)
}
