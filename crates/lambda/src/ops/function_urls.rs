//! CreateFunctionUrlConfig, GetFunctionUrlConfig, UpdateFunctionUrlConfig, DeleteFunctionUrlConfig
//! and ListFunctionUrlConfigs.
//!
//! Source: fact sheet "Lambda control-plane API", section 10.

use std::ops::Bound;
use std::sync::Arc;

use hearth_core::Random;
use hearth_model::{Region, UrlAuth, arn};
use hearth_wire::Caller;

use crate::Lambda;
use crate::error::Error;
use crate::ops::page::{self, List, Page};
use crate::record::FunctionRecord;
use crate::snapshot::Entry;
use crate::target::{self, Target, Use};
use crate::url::{CorsRecord, InvokeMode, UrlRecord};

/// What a client wants of a URL; what it does not mention is absent.
#[derive(Default)]
pub(crate) struct Wanted {
    pub(crate) auth: Option<UrlAuth>,
    /// One of nothing takes away what was there.
    pub(crate) cors: Option<CorsRecord>,
    pub(crate) mode: Option<InvokeMode>,
}

/// A URL, and what it is of.
#[derive(Debug)]
pub(crate) struct Found {
    /// With the alias, if it is of one.
    pub(crate) arn: String,
    pub(crate) region: Region,
    pub(crate) url: UrlRecord,
}

const LIST: List = List {
    kind: "url",
    operation: "ListFunctionUrlConfigs",
};

pub(crate) async fn create(
    lambda: &Arc<Lambda>,
    caller: &Caller,
    asked: &Asked<'_>,
    wanted: &Wanted,
) -> Result<Found, Error> {
    let target = asked.resolve(caller, "CreateFunctionUrlConfig")?;
    let edit = |entry: &Entry| {
        let mut record = entry.record.clone();
        check_exists(&target, &record)?;
        if record.urls.contains_key(target.scope()) {
            return Err(Error::Conflict(format!(
                "Failed to create function url config for [functionArn = {}]. Error message:  FunctionUrlConfig exists \
                 for this Lambda function",
                target.asked_arn()
            )));
        }
        let now_ms = lambda.clock.now_ms();
        let url = UrlRecord {
            id: new_id(&lambda.random),
            auth: wanted.auth.unwrap_or(UrlAuth::Iam),
            cors: some_cors(wanted.cors.as_ref()),
            mode: wanted.mode,
            created_ms: now_ms,
            modified_ms: now_ms,
        };
        record.urls.insert(target.scope().to_owned(), url);
        Ok(record)
    };
    let entry = lambda.functions.change(&target.key, &[], no_function, edit).await?;
    found(&entry, &target)
}

pub(crate) async fn update(
    lambda: &Arc<Lambda>,
    caller: &Caller,
    asked: &Asked<'_>,
    wanted: &Wanted,
) -> Result<Found, Error> {
    let target = asked.resolve(caller, "UpdateFunctionUrlConfig")?;
    let edit = |entry: &Entry| {
        let mut record = entry.record.clone();
        check_exists(&target, &record)?;
        let url = record.urls.get_mut(target.scope()).ok_or_else(no_url)?;
        url.auth = wanted.auth.unwrap_or(url.auth);
        url.mode = wanted.mode.or(url.mode);
        if wanted.cors.is_some() {
            url.cors = some_cors(wanted.cors.as_ref());
        }
        url.modified_ms = lambda.clock.now_ms();
        Ok(record)
    };
    let entry = lambda.functions.change(&target.key, &[], no_function, edit).await?;
    found(&entry, &target)
}

pub(crate) fn get(lambda: &Lambda, caller: &Caller, asked: &Asked<'_>) -> Result<Found, Error> {
    let target = asked.resolve(caller, "GetFunctionUrlConfig")?;
    found(&*lambda.functions.get(&target.key).ok_or_else(no_url)?, &target)
}

pub(crate) async fn delete(lambda: &Arc<Lambda>, caller: &Caller, asked: &Asked<'_>) -> Result<(), Error> {
    let target = asked.resolve(caller, "DeleteFunctionUrlConfig")?;
    let edit = |entry: &Entry| {
        let mut record = entry.record.clone();
        record.urls.remove(target.scope()).ok_or_else(no_url)?;
        Ok(record)
    };
    lambda.functions.change(&target.key, &[], no_url, edit).await.map(|_| ())
}

/// All URLs of a function and its aliases.
pub(crate) fn list(lambda: &Lambda, caller: &Caller, name: &str, wish: &page::Wish) -> Result<Page<Found>, Error> {
    let target = target::resolve(caller, Use::Write, name, None, "ListFunctionUrlConfigs")?;
    target::refuse_version(&target)?;
    let entry = lambda.functions.get(&target.key).ok_or_else(no_function)?;
    let from = LIST.after(wish)?.map_or(Bound::Unbounded, Bound::Excluded);
    let wanted = entry.record.urls.range::<String, _>((from, Bound::Unbounded));
    let page = LIST.cut(wish, wanted, |(scope, _)| (*scope).clone());
    Ok(Page {
        items: page.items.into_iter().map(|(scope, url)| show(&entry, scope, url)).collect(),
        next_marker: page.next_marker,
    })
}

/// A function or one of its aliases, as a client names it.
pub(crate) struct Asked<'r> {
    pub(crate) name: &'r str,
    pub(crate) qualifier: Option<&'r str>,
}

impl Asked<'_> {
    fn resolve(&self, caller: &Caller, action: &'static str) -> Result<Target, Error> {
        target::resolve(caller, Use::Write, self.name, self.qualifier, action)
    }
}

fn check_exists(target: &Target, record: &FunctionRecord) -> Result<(), Error> {
    match target.scope() {
        "" => Ok(()),
        alias if record.aliases.contains_key(alias) => Ok(()),
        _ => Err(no_function()),
    }
}

fn no_function() -> Error {
    Error::ResourceNotFound("Function does not exist".to_owned())
}

fn no_url() -> Error {
    Error::ResourceNotFound("The resource you requested does not exist.".to_owned())
}

fn found(entry: &Entry, target: &Target) -> Result<Found, Error> {
    let url = entry.record.urls.get(target.scope()).ok_or_else(no_url)?;
    Ok(show(entry, target.scope(), url))
}

fn show(entry: &Entry, scope: &str, url: &UrlRecord) -> Found {
    Found {
        arn: match scope {
            "" => entry.arn.clone(),
            alias => arn::qualified(&entry.arn, alias),
        },
        region: entry.key.region.clone(),
        url: url.clone(),
    }
}

fn some_cors(cors: Option<&CorsRecord>) -> Option<CorsRecord> {
    cors.filter(|cors| **cors != CorsRecord::default()).cloned()
}

/// 32 characters of which there are 32, as long as AWS's: nobody guesses one.
fn new_id(random: &Random) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let drawn: [u8; 32] = random.bytes();
    drawn.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
}
