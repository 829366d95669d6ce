//! What roles and users have in common: deletion, tags, inline and attached policies, boundaries.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use hearth_model::AccountId;
use hearth_wire::Caller;
use hearth_wire::query::Xml;

use super::input::{Input, Reader};
use super::page::Page;
use super::write::{encoded, tags as write_tags};
use super::{Answer, rules};
use crate::Iam;
use crate::document::{self, Kind};
use crate::error::{Error, Result};
use crate::managed;
use crate::ops::entity;
use crate::record::{Entity, Own};

const TAGS: usize = 50;
const ATTACHED: usize = 10;

/// A role or a user, by name.
pub(super) struct Named<O> {
    pub(super) name: String,
    own: PhantomData<fn(O)>,
}

impl<O: Own> Input for Named<O> {
    fn read(reader: &mut Reader) -> Self {
        let rule = if O::NAME_MAX == 64 { &rules::ROLE_NAME } else { &rules::EXISTING_USER_NAME };
        Self {
            name: reader.need(O::NAME_MEMBER, rule),
            own: PhantomData,
        }
    }
}

/// A list of something that one has.
pub(super) struct Listed<O> {
    pub(super) name: String,
    pub(super) page: Page,
    own: PhantomData<fn(O)>,
}

impl<O: Own> Input for Listed<O> {
    fn read(reader: &mut Reader) -> Self {
        Self {
            name: Named::<O>::read(reader).name,
            page: Page::read(reader),
            own: PhantomData,
        }
    }
}

pub(super) async fn delete<O: Own>(iam: Arc<Iam>, caller: Caller, input: Named<O>) -> Result<Answer> {
    entity::delete::<O>(&iam, &caller.account, &input.name).await?;
    Ok(Answer::Done)
}

pub(super) struct Tag<O> {
    named: Named<O>,
    tags: BTreeMap<String, String>,
}

impl<O: Own> Input for Tag<O> {
    fn read(reader: &mut Reader) -> Self {
        Self {
            named: Named::read(reader),
            tags: reader.need_tags(),
        }
    }
}

pub(super) async fn tag<O: Own>(iam: Arc<Iam>, caller: Caller, input: Tag<O>) -> Result<Answer> {
    entity::change::<O, _>(&iam, &caller.account, &input.named.name, None, |entity| {
        add_tags(&mut entity.tags, &input.tags)
    })
    .await?;
    Ok(Answer::Done)
}

/// Puts tags among others; a key in another case takes the place of the one before.
pub(super) fn add_tags(tags: &mut BTreeMap<String, String>, more: &BTreeMap<String, String>) -> Result<()> {
    tags.retain(|key, _| !more.keys().any(|new| new.eq_ignore_ascii_case(key)));
    tags.extend(more.clone());
    match tags.len() > TAGS {
        true => Err(Error::LimitExceeded(format!("The number of tags has reached the maximum limit of {TAGS}."))),
        false => Ok(()),
    }
}

pub(super) fn remove_tags(tags: &mut BTreeMap<String, String>, keys: &[String]) {
    tags.retain(|key, _| !keys.iter().any(|gone| gone.eq_ignore_ascii_case(key)));
}

pub(super) struct Untag<O> {
    named: Named<O>,
    keys: Vec<String>,
}

impl<O: Own> Input for Untag<O> {
    fn read(reader: &mut Reader) -> Self {
        Self {
            named: Named::read(reader),
            keys: reader.need_tag_keys(),
        }
    }
}

pub(super) async fn untag<O: Own>(iam: Arc<Iam>, caller: Caller, input: Untag<O>) -> Result<Answer> {
    entity::change::<O, _>(&iam, &caller.account, &input.named.name, None, |entity| {
        remove_tags(&mut entity.tags, &input.keys);
        Ok(())
    })
    .await?;
    Ok(Answer::Done)
}

pub(super) async fn list_tags<O: Own>(iam: Arc<Iam>, caller: Caller, input: Listed<O>) -> Result<Answer> {
    let entity = entity::find::<O>(&iam, &caller.account, &input.name).await?.record;
    tag_page(&input.page, entity.tags)
}

/// A page of tags.
pub(super) fn tag_page(page: &Page, tags: BTreeMap<String, String>) -> Result<Answer> {
    let part = page.cut(tags.into_iter().collect(), |(key, _)| key.clone())?;
    Ok(Answer::of(|xml| {
        write_tags(xml, part.items.iter().map(|(key, value)| (key, value)));
        part.end(xml);
    }))
}

/// An inline policy of one.
pub(super) struct Inline<O> {
    named: Named<O>,
    policy: String,
}

impl<O: Own> Input for Inline<O> {
    fn read(reader: &mut Reader) -> Self {
        Self {
            named: Named::read(reader),
            policy: reader.need("PolicyName", &rules::POLICY_NAME),
        }
    }
}

pub(super) struct PutInline<O> {
    inline: Inline<O>,
    document: String,
}

impl<O: Own> Input for PutInline<O> {
    fn read(reader: &mut Reader) -> Self {
        Self {
            inline: Inline::read(reader),
            document: reader.need("PolicyDocument", &rules::DOCUMENT),
        }
    }
}

pub(super) async fn put_inline<O: Own>(iam: Arc<Iam>, caller: Caller, input: PutInline<O>) -> Result<Answer> {
    document::check(Kind::Permission, &input.document)?;
    let name = &input.inline.named.name;
    entity::change::<O, _>(&iam, &caller.account, name, None, |entity| {
        entity.inline.insert(input.inline.policy.clone(), input.document.clone());
        let size: usize = entity.inline.values().map(|document| document::size(document)).sum();
        if size <= O::INLINE_MAX {
            return Ok(());
        }
        let text = format!("Maximum policy size of {} bytes exceeded for {} {name}", O::INLINE_MAX, O::KIND);
        Err(Error::LimitExceeded(text))
    })
    .await?;
    Ok(Answer::Done)
}

pub(super) async fn get_inline<O: Own>(iam: Arc<Iam>, caller: Caller, input: Inline<O>) -> Result<Answer> {
    let entity = entity::find::<O>(&iam, &caller.account, &input.named.name).await?.record;
    let document = entity.inline.get(&input.policy).ok_or_else(|| no_inline::<O>(&input.policy))?;
    Ok(Answer::of(|xml| {
        xml.text(O::NAME_MEMBER, &entity.name).text("PolicyName", &input.policy);
        xml.text("PolicyDocument", encoded(document));
    }))
}

pub(super) async fn delete_inline<O: Own>(iam: Arc<Iam>, caller: Caller, input: Inline<O>) -> Result<Answer> {
    entity::change::<O, _>(&iam, &caller.account, &input.named.name, None, |entity| {
        entity.inline.remove(&input.policy).map(drop).ok_or_else(|| no_inline::<O>(&input.policy))
    })
    .await?;
    Ok(Answer::Done)
}

fn no_inline<O: Own>(name: &str) -> Error {
    Error::NoSuchEntity(format!("The {} policy with name {name} cannot be found.", O::KIND))
}

pub(super) async fn list_inline<O: Own>(iam: Arc<Iam>, caller: Caller, input: Listed<O>) -> Result<Answer> {
    let entity = entity::find::<O>(&iam, &caller.account, &input.name).await?.record;
    let part = input.page.cut(entity.inline.into_keys().collect(), Clone::clone)?;
    Ok(Answer::of(|xml| {
        xml.texts("PolicyNames", &part.items);
        part.end(xml);
    }))
}

/// A managed policy and who has it.
pub(super) struct Attachment<O> {
    named: Named<O>,
    arn: String,
}

impl<O: Own> Input for Attachment<O> {
    fn read(reader: &mut Reader) -> Self {
        Self {
            named: Named::read(reader),
            arn: reader.need("PolicyArn", &rules::ARN),
        }
    }
}

pub(super) async fn attach<O: Own>(iam: Arc<Iam>, caller: Caller, input: Attachment<O>) -> Result<Answer> {
    check_arn(&input.arn)?;
    entity::change::<O, _>(&iam, &caller.account, &input.named.name, Some(&input.arn), |entity| {
        entity.attached.insert(input.arn.clone());
        match entity.attached.len() > ATTACHED {
            true => Err(Error::LimitExceeded(format!("Cannot exceed quota for {}: {ATTACHED}", O::ATTACHED_QUOTA))),
            false => Ok(()),
        }
    })
    .await?;
    Ok(Answer::Done)
}

pub(super) async fn detach<O: Own>(iam: Arc<Iam>, caller: Caller, input: Attachment<O>) -> Result<Answer> {
    check_arn(&input.arn)?;
    let was_not = || Error::NoSuchEntity(format!("Policy {} was not found.", input.arn));
    entity::change::<O, _>(&iam, &caller.account, &input.named.name, None, |entity| {
        if entity.attached.remove(&input.arn) { Ok(()) } else { Err(was_not()) }
    })
    .await?;
    Ok(Answer::Done)
}

pub(super) fn check_arn(arn: &str) -> Result<()> {
    if hearth_model::arn::split(arn).is_some() {
        return Ok(());
    }
    Err(Error::Validation("Invalid ARN:  Could not be parsed!".to_owned()))
}

pub(super) struct ListAttached<O> {
    listed: Listed<O>,
    prefix: Option<String>,
}

impl<O: Own> Input for ListAttached<O> {
    fn read(reader: &mut Reader) -> Self {
        Self {
            listed: Listed::read(reader),
            prefix: reader.text("PathPrefix", &rules::POLICY_PATH),
        }
    }
}

pub(super) async fn list_attached<O: Own>(iam: Arc<Iam>, caller: Caller, input: ListAttached<O>) -> Result<Answer> {
    let entity = entity::find::<O>(&iam, &caller.account, &input.listed.name).await?.record;
    let path = |arn: &str| arn.split_once(":policy").map_or_else(String::new, |(_, resource)| resource.to_owned());
    let is_listed = |arn: &String| input.prefix.as_ref().is_none_or(|prefix| path(arn).starts_with(prefix));
    let arns: Vec<String> = entity.attached.into_iter().filter(is_listed).collect();
    let part = input.listed.page.cut(arns, |arn| short_key(arn))?;
    Ok(Answer::of(|xml| {
        xml.list("AttachedPolicies", &part.items, |member, arn| {
            member.text("PolicyName", name_of(arn)).text("PolicyArn", arn);
        });
        part.end(xml);
    }))
}

fn name_of(policy_arn: &str) -> &str {
    policy_arn.rsplit('/').next().unwrap_or(policy_arn)
}

/// Orders policies by name, and is short enough for a marker: AWS's own and an account's may have
/// one name.
pub(super) fn short_key(policy_arn: &str) -> String {
    format!("{}:{}", name_of(policy_arn), u8::from(managed::is_awss(policy_arn)))
}

pub(super) struct PutBoundary<O> {
    named: Named<O>,
    arn: String,
}

impl<O: Own> Input for PutBoundary<O> {
    fn read(reader: &mut Reader) -> Self {
        Self {
            named: Named::read(reader),
            arn: reader.need("PermissionsBoundary", &rules::ARN),
        }
    }
}

pub(super) async fn put_boundary<O: Own>(iam: Arc<Iam>, caller: Caller, input: PutBoundary<O>) -> Result<Answer> {
    check_arn(&input.arn)?;
    entity::change::<O, _>(&iam, &caller.account, &input.named.name, Some(&input.arn), |entity| {
        entity.boundary = Some(input.arn.clone());
        Ok(())
    })
    .await?;
    Ok(Answer::Done)
}

pub(super) async fn delete_boundary<O: Own>(iam: Arc<Iam>, caller: Caller, input: Named<O>) -> Result<Answer> {
    entity::change::<O, _>(&iam, &caller.account, &input.name, None, |entity| {
        let none = || Error::NoSuchEntity(format!("{} {} has no permissions boundary.", O::TITLE, input.name));
        entity.boundary.take().map(drop).ok_or_else(none)
    })
    .await?;
    Ok(Answer::Done)
}

/// The members that begin every role and user. `title` is `Role` or `User`.
pub(super) fn write_head<O: Own>(xml: &mut Xml, title: &str, account: &AccountId, entity: &Entity<O>) {
    xml.text("Path", &entity.path);
    xml.text(O::NAME_MEMBER, &entity.name);
    xml.text(&format!("{title}Id"), &entity.id);
    xml.text("Arn", entity.arn(account));
    xml.time("CreateDate", entity.created_ms);
}

pub(super) fn write_boundary(xml: &mut Xml, arn: Option<&str>) {
    if let Some(arn) = arn {
        xml.element("PermissionsBoundary", |xml| {
            xml.text("PermissionsBoundaryType", "PermissionsBoundaryPolicy").text("PermissionsBoundaryArn", arn);
        });
    }
}
