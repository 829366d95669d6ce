//! Managed policies: an account's, and AWS's own, which nobody can change.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_model::AccountId;
use hearth_wire::Caller;
use hearth_wire::query::Xml;

use super::entity::{add_tags, check_arn, remove_tags, short_key, tag_page};
use super::input::{Input, Reader};
use super::page::Page;
use super::write::{element, encoded, tags as write_tags};
use super::{Answer, rules};
use crate::Iam;
use crate::error::{Error, Result};
use crate::managed::{self, Managed};
use crate::ops::policy::{self, Bearers, Uses};
use crate::record::{Entity, Own, Policy};

pub(super) struct Create(policy::New);

impl Input for Create {
    fn read(reader: &mut Reader) -> Self {
        Self(policy::New {
            name: reader.need("PolicyName", &rules::POLICY_NAME),
            path: reader.text("Path", &rules::POLICY_PATH).unwrap_or_else(|| "/".to_owned()),
            description: reader.text("Description", &rules::POLICY_DESCRIPTION),
            document: reader.need("PolicyDocument", &rules::DOCUMENT),
            tags: reader.tags(),
        })
    }
}

pub(super) async fn create(iam: Arc<Iam>, caller: Caller, input: Create) -> Result<Answer> {
    let policy = policy::create(&iam, &caller.account, input.0).await?;
    // The description is not repeated here.
    let shown = Shown {
        description: None,
        ..Shown::of(&caller.account, &policy)
    };
    Ok(element("Policy", |xml| shown.write(xml, Uses::default())))
}

/// A policy by its ARN.
pub(super) struct Named {
    arn: String,
}

impl Input for Named {
    fn read(reader: &mut Reader) -> Self {
        Self {
            arn: reader.need("PolicyArn", &rules::ARN),
        }
    }
}

pub(super) async fn get(iam: Arc<Iam>, caller: Caller, input: Named) -> Result<Answer> {
    check_arn(&input.arn)?;
    let uses = Bearers::of(&iam, &caller.account).await?.uses(&input.arn);
    let stored;
    let shown = match managed::find(&input.arn) {
        Some(policy) => Shown::of_awss(policy),
        None => {
            stored = policy::find(&iam, &caller.account, &input.arn).await?.record;
            Shown::of(&caller.account, &stored)
        }
    };
    Ok(element("Policy", |xml| shown.write(xml, uses)))
}

pub(super) struct List {
    scope: Option<String>,
    only_attached: bool,
    prefix: Option<String>,
    usage: Option<String>,
    page: Page,
}

impl Input for List {
    fn read(reader: &mut Reader) -> Self {
        Self {
            scope: reader.word("Scope", &["All", "AWS", "Local"]),
            only_attached: reader.flag("OnlyAttached"),
            prefix: reader.text("PathPrefix", &rules::POLICY_PATH),
            usage: reader.word("PolicyUsageFilter", &["PermissionsPolicy", "PermissionsBoundary"]),
            page: Page::read(reader),
        }
    }
}

pub(super) async fn list(iam: Arc<Iam>, caller: Caller, input: List) -> Result<Answer> {
    let bearers = Bearers::of(&iam, &caller.account).await?;
    let stored: Vec<Policy> = iam.db.all(&caller.account).await?;
    let scope = input.scope.as_deref().unwrap_or("All");
    let mut shown: Vec<Shown<'_>> = Vec::new();
    if scope != "AWS" {
        shown.extend(stored.iter().map(|policy| Shown::of(&caller.account, policy)));
    }
    if scope != "Local" {
        shown.extend(managed::all().map(Shown::of_awss));
    }
    let all = shown.into_iter().map(|shown| {
        let uses = bearers.uses(&shown.arn);
        (shown, uses)
    });
    let is_listed = |(shown, uses): &(Shown, Uses)| {
        let counted = match input.usage.as_deref() {
            Some("PermissionsPolicy") => uses.attached,
            Some(_) => uses.boundaries,
            None => uses.attached + uses.boundaries,
        };
        let is_under = input.prefix.as_ref().is_none_or(|prefix| shown.path.starts_with(prefix));
        let must_be_used = input.only_attached || input.usage.as_deref() == Some("PermissionsBoundary");
        is_under && (counted > 0 || !must_be_used)
    };
    let part = input.page.cut(all.filter(is_listed).collect(), |(shown, _)| short_key(&shown.arn))?;
    Ok(Answer::of(|xml| {
        xml.list("Policies", &part.items, |xml, (shown, uses)| shown.listed().write(xml, *uses));
        part.end(xml);
    }))
}

pub(super) async fn delete(iam: Arc<Iam>, caller: Caller, input: Named) -> Result<Answer> {
    check_own("DeletePolicy", &caller, &input.arn)?;
    policy::delete(&iam, &caller.account, &input.arn).await?;
    Ok(Answer::Done)
}

pub(super) struct CreateVersion {
    arn: String,
    document: String,
    is_default: bool,
}

impl Input for CreateVersion {
    fn read(reader: &mut Reader) -> Self {
        Self {
            arn: reader.need("PolicyArn", &rules::ARN),
            document: reader.need("PolicyDocument", &rules::DOCUMENT),
            is_default: reader.flag("SetAsDefault"),
        }
    }
}

pub(super) async fn create_version(iam: Arc<Iam>, caller: Caller, input: CreateVersion) -> Result<Answer> {
    check_own("CreatePolicyVersion", &caller, &input.arn)?;
    let (number, version) =
        policy::add_version(&iam, &caller.account, &input.arn, &input.document, input.is_default).await?;
    Ok(element("PolicyVersion", |xml| write_version(xml, number, input.is_default, version.created_ms, None)))
}

/// A version of a policy.
pub(super) struct Version {
    arn: String,
    id: String,
}

impl Input for Version {
    fn read(reader: &mut Reader) -> Self {
        Self {
            arn: reader.need("PolicyArn", &rules::ARN),
            id: reader.need("VersionId", &rules::VERSION_ID),
        }
    }
}

pub(super) async fn get_version(iam: Arc<Iam>, caller: Caller, input: Version) -> Result<Answer> {
    check_arn(&input.arn)?;
    if let Some(policy) = managed::find(&input.arn) {
        if input.id != "v1" {
            return Err(policy::no_version(&input.arn, &input.id));
        }
        let document = policy.document();
        return Ok(element("PolicyVersion", |xml| {
            write_version(xml, 1, true, managed::CREATED_MS, Some(&document));
        }));
    }
    let policy = policy::find(&iam, &caller.account, &input.arn).await?.record;
    let number = policy::version_number(&policy, &input.arn, &input.id)?;
    let version = policy.versions.get(&number).ok_or_else(|| policy::no_version(&input.arn, &input.id))?;
    let is_default = policy.default_version == number;
    Ok(element("PolicyVersion", |xml| {
        write_version(xml, number, is_default, version.created_ms, Some(&version.document));
    }))
}

pub(super) struct Listed {
    arn: String,
    page: Page,
}

impl Input for Listed {
    fn read(reader: &mut Reader) -> Self {
        Self {
            arn: reader.need("PolicyArn", &rules::ARN),
            page: Page::read(reader),
        }
    }
}

pub(super) async fn list_versions(iam: Arc<Iam>, caller: Caller, input: Listed) -> Result<Answer> {
    check_arn(&input.arn)?;
    let versions: Vec<(u32, bool, i64)> = match managed::find(&input.arn) {
        Some(_) => vec![(1, true, managed::CREATED_MS)],
        None => {
            let policy = policy::find(&iam, &caller.account, &input.arn).await?.record;
            let row = |(number, version): (&u32, &crate::record::PolicyVersion)| {
                (*number, *number == policy.default_version, version.created_ms)
            };
            policy.versions.iter().map(row).collect()
        }
    };
    // The newest first.
    let part = input.page.cut(versions, |(number, ..)| format!("{:010}", u32::MAX - number))?;
    Ok(Answer::of(|xml| {
        xml.list("Versions", &part.items, |xml, (number, is_default, created_ms)| {
            write_version(xml, *number, *is_default, *created_ms, None);
        });
        part.end(xml);
    }))
}

pub(super) async fn delete_version(iam: Arc<Iam>, caller: Caller, input: Version) -> Result<Answer> {
    check_own("DeletePolicyVersion", &caller, &input.arn)?;
    policy::delete_version(&iam, &caller.account, &input.arn, &input.id).await?;
    Ok(Answer::Done)
}

pub(super) async fn set_default_version(iam: Arc<Iam>, caller: Caller, input: Version) -> Result<Answer> {
    check_own("SetDefaultPolicyVersion", &caller, &input.arn)?;
    policy::set_default(&iam, &caller.account, &input.arn, &input.id).await?;
    Ok(Answer::Done)
}

pub(super) struct ListEntities {
    arn: String,
    filter: Option<String>,
    prefix: Option<String>,
    usage: Option<String>,
    page: Page,
}

impl Input for ListEntities {
    fn read(reader: &mut Reader) -> Self {
        Self {
            arn: reader.need("PolicyArn", &rules::ARN),
            filter: reader.word("EntityFilter", &["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"]),
            prefix: reader.text("PathPrefix", &rules::PATH_PREFIX),
            usage: reader.word("PolicyUsageFilter", &["PermissionsPolicy", "PermissionsBoundary"]),
            page: Page::read(reader),
        }
    }
}

impl ListEntities {
    fn names<O: Own>(&self, kind: &str, all: &[Entity<O>]) -> Vec<Bearer> {
        let is_kind = self.filter.as_deref().is_none_or(|filter| filter == kind);
        let is_under = |entity: &&Entity<O>| self.prefix.as_ref().is_none_or(|prefix| entity.path.starts_with(prefix));
        let uses = |entity: &&Entity<O>| match self.usage.as_deref() {
            Some("PermissionsPolicy") => entity.attached.contains(&self.arn),
            Some(_) => entity.boundary.as_ref() == Some(&self.arn),
            None => entity.uses(&self.arn),
        };
        let found = all.iter().filter(|_| is_kind).filter(is_under).filter(uses);
        found
            .map(|entity| Bearer {
                is_role: O::TITLE == "Role",
                name: entity.name.clone(),
                id: entity.id.clone(),
            })
            .collect()
    }
}

/// Who has a policy.
struct Bearer {
    is_role: bool,
    name: String,
    id: String,
}

pub(super) async fn list_entities(iam: Arc<Iam>, caller: Caller, input: ListEntities) -> Result<Answer> {
    check_arn(&input.arn)?;
    if managed::find(&input.arn).is_none() {
        policy::find(&iam, &caller.account, &input.arn).await?;
    }
    let bearers = Bearers::of(&iam, &caller.account).await?;
    let mut all = input.names("User", &bearers.users);
    all.extend(input.names("Role", &bearers.roles));
    let part = input.page.cut(all, |one| format!("{}:{}", u8::from(one.is_role), one.name))?;
    let of = |is_role: bool| part.items.iter().filter(move |one| one.is_role == is_role);
    Ok(Answer::of(|xml| {
        xml.element("PolicyGroups", |_| {});
        xml.list("PolicyUsers", of(false), |member, one| {
            member.text("UserName", &one.name).text("UserId", &one.id);
        });
        xml.list("PolicyRoles", of(true), |member, one| {
            member.text("RoleName", &one.name).text("RoleId", &one.id);
        });
        part.end(xml);
    }))
}

pub(super) struct Tag {
    arn: String,
    tags: BTreeMap<String, String>,
}

impl Input for Tag {
    fn read(reader: &mut Reader) -> Self {
        Self {
            arn: reader.need("PolicyArn", &rules::ARN),
            tags: reader.need_tags(),
        }
    }
}

pub(super) async fn tag(iam: Arc<Iam>, caller: Caller, input: Tag) -> Result<Answer> {
    check_own("TagPolicy", &caller, &input.arn)?;
    policy::change(&iam, &caller.account, &input.arn, |policy| add_tags(&mut policy.tags, &input.tags)).await?;
    Ok(Answer::Done)
}

pub(super) struct Untag {
    arn: String,
    keys: Vec<String>,
}

impl Input for Untag {
    fn read(reader: &mut Reader) -> Self {
        Self {
            arn: reader.need("PolicyArn", &rules::ARN),
            keys: reader.need_tag_keys(),
        }
    }
}

pub(super) async fn untag(iam: Arc<Iam>, caller: Caller, input: Untag) -> Result<Answer> {
    check_own("UntagPolicy", &caller, &input.arn)?;
    policy::change(&iam, &caller.account, &input.arn, |policy| {
        remove_tags(&mut policy.tags, &input.keys);
        Ok(())
    })
    .await?;
    Ok(Answer::Done)
}

pub(super) async fn list_tags(iam: Arc<Iam>, caller: Caller, input: Listed) -> Result<Answer> {
    check_arn(&input.arn)?;
    let tags = match managed::find(&input.arn) {
        Some(_) => BTreeMap::new(),
        None => policy::find(&iam, &caller.account, &input.arn).await?.record.tags,
    };
    tag_page(&input.page, tags)
}

/// Nobody may change what belongs to AWS.
fn check_own(operation: &str, caller: &Caller, arn: &str) -> Result<()> {
    check_arn(arn)?;
    if !managed::is_awss(arn) {
        return Ok(());
    }
    let text = format!("User: {} is not authorized to perform: iam:{operation} on resource: policy {arn}", caller.arn);
    Err(Error::AccessDenied(text))
}

/// A policy as answers show it.
struct Shown<'a> {
    name: &'a str,
    id: String,
    arn: String,
    path: &'a str,
    default_version: u32,
    description: Option<&'a str>,
    created_ms: i64,
    updated_ms: i64,
    tags: Option<&'a BTreeMap<String, String>>,
}

impl<'a> Shown<'a> {
    fn of(account: &AccountId, policy: &'a Policy) -> Self {
        Self {
            name: &policy.name,
            id: policy.id.clone(),
            arn: policy.arn(account),
            path: &policy.path,
            default_version: policy.default_version,
            description: policy.description.as_deref(),
            created_ms: policy.created_ms,
            updated_ms: policy.updated_ms,
            tags: Some(&policy.tags),
        }
    }

    fn of_awss(policy: &'static Managed) -> Self {
        Self {
            name: policy.name,
            id: policy.id(),
            arn: policy.arn(),
            path: policy.path,
            default_version: 1,
            description: Some(policy.description),
            created_ms: managed::CREATED_MS,
            updated_ms: managed::CREATED_MS,
            tags: None,
        }
    }

    /// Lists leave out what takes room.
    fn listed(&self) -> Self {
        Self {
            id: self.id.clone(),
            arn: self.arn.clone(),
            description: None,
            tags: None,
            ..*self
        }
    }

    fn write(&self, xml: &mut Xml, uses: Uses) {
        xml.text("PolicyName", self.name);
        xml.text("PolicyId", &self.id);
        xml.text("Arn", &self.arn);
        xml.text("Path", self.path);
        xml.text("DefaultVersionId", format_args!("v{}", self.default_version));
        xml.text("AttachmentCount", uses.attached);
        xml.text("PermissionsBoundaryUsageCount", uses.boundaries);
        xml.text("IsAttachable", true);
        xml.maybe("Description", self.description);
        xml.time("CreateDate", self.created_ms);
        xml.time("UpdateDate", self.updated_ms);
        if let Some(tags) = self.tags.filter(|tags| !tags.is_empty()) {
            write_tags(xml, tags);
        }
    }
}

fn write_version(xml: &mut Xml, number: u32, is_default: bool, created_ms: i64, document: Option<&str>) {
    xml.maybe("Document", document.map(encoded));
    xml.text("VersionId", format_args!("v{number}"));
    xml.text("IsDefaultVersion", is_default);
    xml.time("CreateDate", created_ms);
}
