//! Access keys of users. Those of the configuration are not shown here and cannot be changed.

use std::sync::Arc;

use hearth_wire::Caller;

use super::input::{Input, Reader};
use super::page::Page;
use super::user::or_caller;
use super::write::element;
use super::{Answer, rules};
use crate::Iam;
use crate::error::Result;
use crate::ops::{entity, user};
use crate::record::UserOwn;

/// The owner of keys: a user by name, or the caller.
pub(super) struct Create {
    user: Option<String>,
}

impl Input for Create {
    fn read(reader: &mut Reader) -> Self {
        Self {
            user: reader.text("UserName", &rules::EXISTING_USER_NAME),
        }
    }
}

pub(super) async fn create(iam: Arc<Iam>, caller: Caller, input: Create) -> Result<Answer> {
    let name = or_caller(input.user.as_deref(), &caller)?;
    let (key, secret) = user::create_key(&iam, &caller.account, &name).await?;
    Ok(element("AccessKey", |xml| {
        xml.text("UserName", &name).text("AccessKeyId", &key.id).text("Status", status(key.active));
        xml.text("SecretAccessKey", &secret).time("CreateDate", key.created_ms);
    }))
}

pub(super) struct List {
    user: Option<String>,
    page: Page,
}

impl Input for List {
    fn read(reader: &mut Reader) -> Self {
        Self {
            user: reader.text("UserName", &rules::EXISTING_USER_NAME),
            page: Page::read(reader),
        }
    }
}

pub(super) async fn list(iam: Arc<Iam>, caller: Caller, input: List) -> Result<Answer> {
    let name = or_caller(input.user.as_deref(), &caller)?;
    let user = entity::find::<UserOwn>(&iam, &caller.account, &name).await?.record;
    let part = input.page.cut(user.own.keys, |key| key.id.clone())?;
    Ok(Answer::of(|xml| {
        xml.list("AccessKeyMetadata", &part.items, |xml, key| {
            xml.text("UserName", &name).text("AccessKeyId", &key.id).text("Status", status(key.active));
            xml.time("CreateDate", key.created_ms);
        });
        part.end(xml);
    }))
}

pub(super) struct Update {
    user: Option<String>,
    id: String,
    status: String,
}

impl Input for Update {
    fn read(reader: &mut Reader) -> Self {
        let (user, id) =
            (reader.text("UserName", &rules::EXISTING_USER_NAME), reader.need("AccessKeyId", &rules::KEY_ID));
        Self {
            user,
            id,
            status: reader.need_word("Status", &["Active", "Inactive"]),
        }
    }
}

pub(super) async fn update(iam: Arc<Iam>, caller: Caller, input: Update) -> Result<Answer> {
    let name = or_caller(input.user.as_deref(), &caller)?;
    user::update_key(&iam, &caller.account, &name, &input.id, input.status == "Active").await?;
    Ok(Answer::Done)
}

pub(super) struct Delete {
    user: Option<String>,
    id: String,
}

impl Input for Delete {
    fn read(reader: &mut Reader) -> Self {
        Self {
            user: reader.text("UserName", &rules::EXISTING_USER_NAME),
            id: reader.need("AccessKeyId", &rules::KEY_ID),
        }
    }
}

pub(super) async fn delete(iam: Arc<Iam>, caller: Caller, input: Delete) -> Result<Answer> {
    let name = or_caller(input.user.as_deref(), &caller)?;
    user::delete_key(&iam, &caller.account, &name, &input.id).await?;
    Ok(Answer::Done)
}

pub(super) struct LastUsed {
    id: String,
}

impl Input for LastUsed {
    fn read(reader: &mut Reader) -> Self {
        Self {
            id: reader.need("AccessKeyId", &rules::KEY_ID),
        }
    }
}

/// Uses are not recorded: the answer is that of a key which was never used.
pub(super) async fn last_used(iam: Arc<Iam>, caller: Caller, input: LastUsed) -> Result<Answer> {
    let key = iam.directory.get(&input.id).filter(|key| key.account == caller.account);
    let key = key.ok_or_else(|| user::no_key(&input.id))?;
    Ok(Answer::of(|xml| {
        xml.text("UserName", &key.user_name);
        xml.element("AccessKeyLastUsed", |xml| {
            xml.text("ServiceName", "N/A").text("Region", "N/A");
        });
    }))
}

fn status(active: bool) -> &'static str {
    if active { "Active" } else { "Inactive" }
}
