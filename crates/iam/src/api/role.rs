//! Roles.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_model::AccountId;
use hearth_wire::Caller;
use hearth_wire::query::Xml;

use super::input::{Input, Reader};
use super::page::Page;
use super::write::{element, encoded, tags as write_tags};
use super::{Answer, entity as common, rules};
use crate::Iam;
use crate::document::{self, Kind};
use crate::error::{Error, Result};
use crate::ops::entity as ops;
use crate::record::{Role, RoleOwn};

const SESSION_DEFAULT_S: u32 = 3_600;
/// Characters of a trust policy that are not white space.
const TRUST_SIZE: usize = 2_048;

pub(super) struct Create {
    name: String,
    path: Option<String>,
    trust: String,
    description: Option<String>,
    max_session_s: Option<u32>,
    boundary: Option<String>,
    tags: BTreeMap<String, String>,
}

impl Input for Create {
    fn read(reader: &mut Reader) -> Self {
        Self {
            path: reader.text("Path", &rules::PATH),
            name: reader.need("RoleName", &rules::ROLE_NAME),
            trust: reader.need("AssumeRolePolicyDocument", &rules::DOCUMENT),
            description: reader.text("Description", &rules::ROLE_DESCRIPTION),
            max_session_s: reader.number("MaxSessionDuration", 3_600..=43_200),
            boundary: reader.text("PermissionsBoundary", &rules::ARN),
            tags: reader.tags(),
        }
    }
}

pub(super) async fn create(iam: Arc<Iam>, caller: Caller, input: Create) -> Result<Answer> {
    check_trust(&input.trust)?;
    let path = input.path.unwrap_or_else(|| "/".to_owned());
    if path.starts_with("/aws-service-role/") {
        let text = "the path /aws-service-role/ is for service-linked roles, which Hearth does not have; \
                    make the role under another path";
        return Err(Error::InvalidInput(text.to_owned()));
    }
    let new = ops::New {
        name: input.name,
        path,
        tags: input.tags,
        boundary: input.boundary,
        own: RoleOwn {
            trust: input.trust,
            description: input.description,
            max_session_s: input.max_session_s.unwrap_or(SESSION_DEFAULT_S),
            newer: serde_json::Map::new(),
        },
    };
    let role = ops::create(&iam, &caller.account, new).await?;
    let told = Parts {
        max_session: false,
        last_used: false,
        ..Parts::ALL
    };
    Ok(element("Role", |xml| write(xml, &caller.account, &role, told)))
}

pub(super) async fn get(iam: Arc<Iam>, caller: Caller, input: common::Named<RoleOwn>) -> Result<Answer> {
    let role = ops::find::<RoleOwn>(&iam, &caller.account, &input.name).await?.record;
    Ok(answer(&caller.account, &role))
}

pub(super) struct List {
    prefix: Option<String>,
    page: Page,
}

impl Input for List {
    fn read(reader: &mut Reader) -> Self {
        Self {
            prefix: reader.text("PathPrefix", &rules::PATH_PREFIX),
            page: Page::read(reader),
        }
    }
}

pub(super) async fn list(iam: Arc<Iam>, caller: Caller, input: List) -> Result<Answer> {
    let mut roles: Vec<Role> = iam.db.all(&caller.account).await?;
    roles.retain(|role| input.prefix.as_ref().is_none_or(|prefix| role.path.starts_with(prefix)));
    let part = input.page.cut(roles, |role| role.name.to_ascii_lowercase())?;
    let listed = Parts {
        last_used: false,
        tags: false,
        boundary: false,
        ..Parts::ALL
    };
    Ok(Answer::of(|xml| {
        xml.list("Roles", &part.items, |xml, role| write(xml, &caller.account, role, listed));
        part.end(xml);
    }))
}

pub(super) struct Update {
    name: String,
    description: Option<String>,
    max_session_s: Option<u32>,
}

impl Input for Update {
    fn read(reader: &mut Reader) -> Self {
        Self {
            name: reader.need("RoleName", &rules::ROLE_NAME),
            description: reader.text("Description", &rules::ROLE_DESCRIPTION),
            max_session_s: reader.number("MaxSessionDuration", 3_600..=43_200),
        }
    }
}

pub(super) async fn update(iam: Arc<Iam>, caller: Caller, input: Update) -> Result<Answer> {
    ops::change::<RoleOwn, _>(&iam, &caller.account, &input.name, None, |role| {
        if let Some(description) = &input.description {
            role.own.description = Some(description.clone());
        }
        role.own.max_session_s = input.max_session_s.unwrap_or(role.own.max_session_s);
        Ok(())
    })
    .await?;
    Ok(Answer::Result(Xml::new()))
}

pub(super) struct Describe {
    name: String,
    description: String,
}

impl Input for Describe {
    fn read(reader: &mut Reader) -> Self {
        Self {
            name: reader.need("RoleName", &rules::ROLE_NAME),
            description: reader.need("Description", &rules::ROLE_DESCRIPTION),
        }
    }
}

pub(super) async fn describe(iam: Arc<Iam>, caller: Caller, input: Describe) -> Result<Answer> {
    let role = ops::change::<RoleOwn, _>(&iam, &caller.account, &input.name, None, |role| {
        role.own.description = Some(input.description.clone());
        Ok(role.clone())
    })
    .await?;
    Ok(answer(&caller.account, &role))
}

pub(super) struct Trust {
    name: String,
    document: String,
}

impl Input for Trust {
    fn read(reader: &mut Reader) -> Self {
        Self {
            name: reader.need("RoleName", &rules::ROLE_NAME),
            document: reader.need("PolicyDocument", &rules::DOCUMENT),
        }
    }
}

pub(super) async fn trust(iam: Arc<Iam>, caller: Caller, input: Trust) -> Result<Answer> {
    check_trust(&input.document)?;
    ops::change::<RoleOwn, _>(&iam, &caller.account, &input.name, None, |role| {
        role.own.trust.clone_from(&input.document);
        Ok(())
    })
    .await?;
    Ok(Answer::Done)
}

/// There are no instance profiles; tools that delete a role ask for them all the same.
pub(super) async fn instance_profiles(iam: Arc<Iam>, caller: Caller, input: common::Listed<RoleOwn>) -> Result<Answer> {
    ops::find::<RoleOwn>(&iam, &caller.account, &input.name).await?;
    let none = input.page.cut(Vec::<String>::new(), Clone::clone)?;
    Ok(Answer::of(|xml| {
        xml.texts("InstanceProfiles", &none.items);
        none.end(xml);
    }))
}

fn check_trust(text: &str) -> Result<()> {
    document::check(Kind::Trust, text)?;
    if document::size(text) > TRUST_SIZE {
        return Err(Error::LimitExceeded(format!("Cannot exceed quota for ACLSizePerRole: {TRUST_SIZE}")));
    }
    Ok(())
}

/// What an answer tells of a role; the operations differ.
#[derive(Clone, Copy)]
struct Parts {
    max_session: bool,
    last_used: bool,
    tags: bool,
    boundary: bool,
}

impl Parts {
    const ALL: Self = Self {
        max_session: true,
        last_used: true,
        tags: true,
        boundary: true,
    };
}

fn answer(account: &AccountId, role: &Role) -> Answer {
    element("Role", |xml| write(xml, account, role, Parts::ALL))
}

fn write(xml: &mut Xml, account: &AccountId, role: &Role, parts: Parts) {
    common::write_head(xml, "Role", account, role);
    xml.text("AssumeRolePolicyDocument", encoded(&role.own.trust));
    xml.maybe("Description", role.own.description.as_ref());
    xml.maybe("MaxSessionDuration", parts.max_session.then_some(role.own.max_session_s));
    if parts.boundary {
        common::write_boundary(xml, role.boundary.as_deref());
    }
    if parts.tags && !role.tags.is_empty() {
        write_tags(xml, &role.tags);
    }
    if parts.last_used {
        // Uses are not recorded.
        xml.element("RoleLastUsed", |_| {});
    }
}
