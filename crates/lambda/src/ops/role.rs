//! Whether a function can have its role. Source: fact sheet "Lambda control-plane API", section 3.4.

use hearth_model::{AccountId, RoleRefusal};
use hearth_store::StoreError;

use crate::Lambda;
use crate::error::Error;

/// Asks those who know the roles. A role that is not mentioned stays.
pub(crate) async fn check(lambda: &Lambda, account: &AccountId, role_arn: Option<&str>) -> Result<(), Error> {
    let (Some(roles), Some(role_arn)) = (&lambda.roles, role_arn) else { return Ok(()) };
    roles.check(account, role_arn).await.map_err(|refusal| match refusal {
        RoleRefusal::NotAssumable => {
            Error::InvalidParameter("The role defined for the function cannot be assumed by Lambda.".to_owned())
        }
        RoleRefusal::ForeignAccount => Error::ForeignRole,
        RoleRefusal::Failed(cause) => Error::Store(StoreError::Io {
            action: format!("look up role {role_arn}"),
            cause,
        }),
    })
}
