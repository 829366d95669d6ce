//! The APIs of IAM and STS: parse, call, render.
//!
//! Source: fact sheet "Neighbouring services", section 3; the services' models. To add an
//! operation: a handler in the file of its resource, its logic in `ops`, a line in the table, and
//! its name taken out of [`unserved`].

mod access_key;
mod entity;
mod input;
mod page;
mod policy;
mod role;
mod rules;
mod sts;
mod unserved;
mod user;
mod write;

use std::future::Future;
use std::sync::Arc;

use hearth_wire::query::{self, Form, Operation, Xml};
use hearth_wire::{ApiError, Caller, Request, handler};

use crate::Iam;
use crate::error::Result;
use crate::record::{RoleOwn, UserOwn};
use input::{Input, Reader};

/// Every operation of IAM's model.
pub(crate) fn iam_operations(iam: &Arc<Iam>) -> Vec<Operation> {
    let on = &Table { iam, namespace: query::IAM };
    let mut all = vec![
        on.serve("CreateRole", role::create),
        on.serve("GetRole", role::get),
        on.serve("ListRoles", role::list),
        on.serve("UpdateRole", role::update),
        on.serve("UpdateRoleDescription", role::describe),
        on.serve("UpdateAssumeRolePolicy", role::trust),
        on.serve("DeleteRole", entity::delete::<RoleOwn>),
        on.serve("TagRole", entity::tag::<RoleOwn>),
        on.serve("UntagRole", entity::untag::<RoleOwn>),
        on.serve("ListRoleTags", entity::list_tags::<RoleOwn>),
        on.serve("PutRolePolicy", entity::put_inline::<RoleOwn>),
        on.serve("GetRolePolicy", entity::get_inline::<RoleOwn>),
        on.serve("DeleteRolePolicy", entity::delete_inline::<RoleOwn>),
        on.serve("ListRolePolicies", entity::list_inline::<RoleOwn>),
        on.serve("AttachRolePolicy", entity::attach::<RoleOwn>),
        on.serve("DetachRolePolicy", entity::detach::<RoleOwn>),
        on.serve("ListAttachedRolePolicies", entity::list_attached::<RoleOwn>),
        on.serve("PutRolePermissionsBoundary", entity::put_boundary::<RoleOwn>),
        on.serve("DeleteRolePermissionsBoundary", entity::delete_boundary::<RoleOwn>),
        on.serve("ListInstanceProfilesForRole", role::instance_profiles),
        on.serve("CreatePolicy", policy::create),
        on.serve("GetPolicy", policy::get),
        on.serve("ListPolicies", policy::list),
        on.serve("DeletePolicy", policy::delete),
        on.serve("CreatePolicyVersion", policy::create_version),
        on.serve("GetPolicyVersion", policy::get_version),
        on.serve("ListPolicyVersions", policy::list_versions),
        on.serve("DeletePolicyVersion", policy::delete_version),
        on.serve("SetDefaultPolicyVersion", policy::set_default_version),
        on.serve("ListEntitiesForPolicy", policy::list_entities),
        on.serve("TagPolicy", policy::tag),
        on.serve("UntagPolicy", policy::untag),
        on.serve("ListPolicyTags", policy::list_tags),
        on.serve("CreateUser", user::create),
        on.serve("GetUser", user::get),
        on.serve("ListUsers", user::list),
        on.serve("UpdateUser", user::update),
        on.serve("DeleteUser", entity::delete::<UserOwn>),
        on.serve("TagUser", entity::tag::<UserOwn>),
        on.serve("UntagUser", entity::untag::<UserOwn>),
        on.serve("ListUserTags", entity::list_tags::<UserOwn>),
        on.serve("PutUserPolicy", entity::put_inline::<UserOwn>),
        on.serve("GetUserPolicy", entity::get_inline::<UserOwn>),
        on.serve("DeleteUserPolicy", entity::delete_inline::<UserOwn>),
        on.serve("ListUserPolicies", entity::list_inline::<UserOwn>),
        on.serve("AttachUserPolicy", entity::attach::<UserOwn>),
        on.serve("DetachUserPolicy", entity::detach::<UserOwn>),
        on.serve("ListAttachedUserPolicies", entity::list_attached::<UserOwn>),
        on.serve("PutUserPermissionsBoundary", entity::put_boundary::<UserOwn>),
        on.serve("DeleteUserPermissionsBoundary", entity::delete_boundary::<UserOwn>),
        on.serve("ListGroupsForUser", user::groups),
        on.serve("CreateAccessKey", access_key::create),
        on.serve("ListAccessKeys", access_key::list),
        on.serve("UpdateAccessKey", access_key::update),
        on.serve("DeleteAccessKey", access_key::delete),
        on.serve("GetAccessKeyLastUsed", access_key::last_used),
        on.serve("ListAccountAliases", user::account_aliases),
    ];
    all.extend(unserved::operations(unserved::IAM));
    all
}

/// Every operation of STS's model.
pub(crate) fn sts_operations(iam: &Arc<Iam>) -> Vec<Operation> {
    let on = &Table { iam, namespace: query::STS };
    let mut all = vec![
        on.serve("GetCallerIdentity", sts::caller_identity),
        on.serve("AssumeRole", sts::assume_role),
        on.serve("GetSessionToken", sts::session_token),
        on.serve("GetAccessKeyInfo", sts::access_key_info),
    ];
    all.extend(unserved::operations(unserved::STS));
    all
}

/// What an operation answers: nothing, or the content of its result.
enum Answer {
    Done,
    Result(Xml),
}

impl Answer {
    /// Of a result that is written by `fill`.
    fn of(fill: impl FnOnce(&mut Xml)) -> Self {
        let mut xml = Xml::new();
        fill(&mut xml);
        Self::Result(xml)
    }
}

struct Table<'a> {
    iam: &'a Arc<Iam>,
    namespace: &'static str,
}

impl Table<'_> {
    /// Makes an operation of a function over the state.
    fn serve<I, F, Fut>(&self, name: &'static str, operation: F) -> Operation
    where
        I: Input,
        F: Fn(Arc<Iam>, Caller, I) -> Fut + Send + Sync + Copy + 'static,
        Fut: Future<Output = Result<Answer>> + Send + 'static,
    {
        let namespace = self.namespace;
        let run = move |iam, request: Request| async move {
            let input = Reader::read::<I>(name, Form::of(&request)).map_err(ApiError::from)?;
            let result = match operation(iam, request.caller, input).await? {
                Answer::Done => None,
                Answer::Result(xml) => Some(xml),
            };
            Ok(query::answer(namespace, name, result.as_ref(), &request.request_id))
        };
        Operation {
            name,
            handler: handler(Arc::clone(self.iam), run),
        }
    }
}
