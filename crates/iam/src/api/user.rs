//! Users.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_model::AccountId;
use hearth_wire::Caller;

use super::input::{Input, Reader};
use super::page::Page;
use super::write::{element, tags as write_tags};
use super::{Answer, entity as common, rules};
use crate::Iam;
use crate::error::{Error, Result};
use crate::ops::session::Principal;
use crate::ops::{entity, user};
use crate::record::{User, UserOwn};

pub(super) struct Create {
    name: String,
    path: Option<String>,
    boundary: Option<String>,
    tags: BTreeMap<String, String>,
}

impl Input for Create {
    fn read(reader: &mut Reader) -> Self {
        Self {
            path: reader.text("Path", &rules::PATH),
            name: reader.need("UserName", &rules::USER_NAME),
            boundary: reader.text("PermissionsBoundary", &rules::ARN),
            tags: reader.tags(),
        }
    }
}

pub(super) async fn create(iam: Arc<Iam>, caller: Caller, input: Create) -> Result<Answer> {
    user::check_free(&iam, &caller.account, &input.name)?;
    let new = entity::New {
        name: input.name,
        path: input.path.unwrap_or_else(|| "/".to_owned()),
        tags: input.tags,
        boundary: input.boundary,
        own: UserOwn::default(),
    };
    let user = entity::create(&iam, &caller.account, new).await?;
    Ok(answer(&caller.account, &user))
}

/// A user by name, or the caller.
pub(super) struct Get {
    name: Option<String>,
}

impl Input for Get {
    fn read(reader: &mut Reader) -> Self {
        Self {
            name: reader.text("UserName", &rules::EXISTING_USER_NAME),
        }
    }
}

pub(super) async fn get(iam: Arc<Iam>, caller: Caller, input: Get) -> Result<Answer> {
    let name = match (&input.name, Principal::of(&caller.arn)) {
        (None, Principal::Root) => return Ok(root(&caller)),
        (name, _) => or_caller(name.as_deref(), &caller)?,
    };
    let user = user::find(&iam, &caller.account, &name).await?;
    Ok(answer(&caller.account, &user))
}

/// Root is no user, but asks like one. It has no date of creation here.
fn root(caller: &Caller) -> Answer {
    element("User", |xml| {
        xml.text("Path", "/").text("UserName", "root").text("UserId", &caller.account);
        xml.text("Arn", &caller.arn).time("CreateDate", 0);
    })
}

/// The user that an operation is about when it names none.
pub(super) fn or_caller(name: Option<&str>, caller: &Caller) -> Result<String> {
    match (name, Principal::of(&caller.arn)) {
        (Some(name), _) | (None, Principal::User(name)) => Ok(name.to_owned()),
        (None, Principal::Root | Principal::Session { .. }) => {
            Err(Error::Validation("Must specify userName when calling with non-User credentials".to_owned()))
        }
    }
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
    let mut users = user::all(&iam, &caller.account).await?;
    users.retain(|user| input.prefix.as_ref().is_none_or(|prefix| user.path.starts_with(prefix)));
    let part = input.page.cut(users, |user| user.name.to_ascii_lowercase())?;
    Ok(Answer::of(|xml| {
        xml.list("Users", &part.items, |xml, user| common::write_head(xml, "User", &caller.account, user));
        part.end(xml);
    }))
}

pub(super) struct Update {
    name: String,
    new_path: Option<String>,
    new_name: Option<String>,
}

impl Input for Update {
    fn read(reader: &mut Reader) -> Self {
        Self {
            name: reader.need("UserName", &rules::EXISTING_USER_NAME),
            new_path: reader.text("NewPath", &rules::PATH),
            new_name: reader.text("NewUserName", &rules::USER_NAME),
        }
    }
}

pub(super) async fn update(iam: Arc<Iam>, caller: Caller, input: Update) -> Result<Answer> {
    let (name, path) = (input.new_name.as_deref(), input.new_path.as_deref());
    user::rename(&iam, &caller.account, &input.name, name, path).await?;
    Ok(Answer::Done)
}

/// There are no groups; tools that delete a user ask for them all the same.
pub(super) async fn groups(iam: Arc<Iam>, caller: Caller, input: common::Listed<UserOwn>) -> Result<Answer> {
    user::find(&iam, &caller.account, &input.name).await?;
    empty(&input.page, "Groups")
}

pub(super) struct Aliases {
    page: Page,
}

impl Input for Aliases {
    fn read(reader: &mut Reader) -> Self {
        Self { page: Page::read(reader) }
    }
}

/// Accounts have no aliases.
pub(super) async fn account_aliases(_: Arc<Iam>, _: Caller, input: Aliases) -> Result<Answer> {
    empty(&input.page, "AccountAliases")
}

fn empty(page: &Page, list: &str) -> Result<Answer> {
    let none = page.cut(Vec::<String>::new(), Clone::clone)?;
    Ok(Answer::of(|xml| {
        xml.texts(list, &none.items);
        none.end(xml);
    }))
}

fn answer(account: &AccountId, user: &User) -> Answer {
    element("User", |xml| {
        common::write_head(xml, "User", account, user);
        common::write_boundary(xml, user.boundary.as_deref());
        if !user.tags.is_empty() {
            write_tags(xml, &user.tags);
        }
    })
}
