//! PublishLayerVersion, GetLayerVersion, GetLayerVersionByArn, ListLayers, ListLayerVersions and
//! DeleteLayerVersion.
//!
//! Source: fact sheet "Lambda control-plane API", sections 7.1 and 7.2.

use std::collections::BTreeMap;

use hearth_wire::Caller;

use crate::Lambda;
use crate::api::code::CodeSource;
use crate::db::layers::{LayerScope, StoredLayerVersion};
use crate::error::Error;
use crate::layer::{LayerKey, LayerVersionRecord};
use crate::layer_target::{self, must_own};
use crate::ops::page::{self, List, Page};
use crate::ops::source::For;
use crate::ops::{code, source};
use crate::policy::{GET_LAYER_VERSION, Wanted};
use crate::record::FORM;

/// A wish that has passed the model's constraints.
pub(crate) struct PublishLayerVersion {
    /// Name or ARN.
    pub(crate) name: String,
    pub(crate) content: CodeSource,
    pub(crate) description: String,
    pub(crate) license: Option<String>,
    pub(crate) runtimes: Option<Vec<String>>,
    pub(crate) architectures: Option<Vec<String>>,
}

/// A layer version, as it is shown.
#[derive(Clone, Debug)]
pub(crate) struct LayerVersion {
    pub(crate) key: LayerKey,
    pub(crate) number: u64,
    pub(crate) record: LayerVersionRecord,
}

impl From<StoredLayerVersion> for LayerVersion {
    fn from(stored: StoredLayerVersion) -> Self {
        Self {
            key: stored.key,
            number: stored.number,
            record: stored.record,
        }
    }
}

/// Every publication makes a new version, also of what is there already.
pub(crate) async fn publish(
    lambda: &Lambda,
    caller: &Caller,
    wish: PublishLayerVersion,
) -> Result<LayerVersion, Error> {
    let key = layer_target::resolve(caller, &wish.name)?;
    must_own(caller, &key, "PublishLayerVersion")?;
    let given = source::take(lambda, caller, &wish.content, For::Layer).await?;
    code::check_storage(lambda, &key.account, &key.region, None, given.len()).await?;
    // Held until the version refers to it.
    let held = code::store(lambda, given).await?;
    let record = LayerVersionRecord {
        v: FORM,
        created_ms: lambda.clock.now_ms(),
        description: wish.description,
        license: wish.license,
        runtimes: wish.runtimes,
        architectures: wish.architectures,
        package: held.package.clone(),
        policy: None,
        newer: serde_json::Map::new(),
    };
    let number = lambda.layers.publish(&key, &record).await?;
    Ok(LayerVersion { key, number, record })
}

/// # Errors
/// No such version, or one of another account that its policy does not open to the caller: that
/// account's versions are not told apart from what is not there.
pub(crate) async fn get(lambda: &Lambda, caller: &Caller, key: LayerKey, number: u64) -> Result<LayerVersion, Error> {
    match accessible(lambda, caller, &key, number).await? {
        Some(record) => Ok(LayerVersion { key, number, record }),
        None => Err(Error::ResourceNotFound(NOT_THERE.to_owned())),
    }
}

pub(crate) const NOT_THERE: &str = "The resource you requested does not exist.";

/// A version that the caller may use; `None` when it is the caller's own and not there.
pub(crate) async fn accessible(
    lambda: &Lambda,
    caller: &Caller,
    key: &LayerKey,
    number: u64,
) -> Result<Option<LayerVersionRecord>, Error> {
    let record = lambda.db.layer_version(key, number).await?.map(|stored| stored.record);
    if key.account == caller.account {
        return Ok(record);
    }
    let wanted = Wanted {
        action: GET_LAYER_VERSION,
        caller: Some((&caller.account, &caller.arn)),
        url: None,
    };
    let is_open = |record: &LayerVersionRecord| record.policy.as_ref().is_some_and(|p| p.allows(wanted));
    record.filter(is_open).map(Some).ok_or_else(|| Error::NotAuthorized {
        caller: caller.arn.clone(),
        action: "GetLayerVersion",
        resource: key.version_arn(number),
    })
}

/// Deletes a version; one that is not there is no error. Functions that use it go on using it.
pub(crate) async fn delete(lambda: &Lambda, caller: &Caller, key: &LayerKey, number: u64) -> Result<(), Error> {
    must_own(caller, key, "DeleteLayerVersion")?;
    lambda.layers.remove(key, number).await?;
    lambda.collector.nudge();
    Ok(())
}

/// Which versions a list is to show, and from where.
pub(crate) struct Selection {
    pub(crate) runtime: Option<String>,
    pub(crate) architecture: Option<String>,
    pub(crate) page: page::Wish,
}

impl Selection {
    /// A version that names no runtime is compatible with none.
    fn takes(&self, record: &LayerVersionRecord) -> bool {
        let fits = |wanted: &Option<String>, given: &Option<Vec<String>>| {
            wanted.as_ref().is_none_or(|wanted| given.as_ref().is_some_and(|given| given.contains(wanted)))
        };
        fits(&self.runtime, &record.runtimes) && fits(&self.architecture, &record.architectures)
    }
}

/// The versions of a layer, the newest first; none of one that is not there.
pub(crate) async fn list_versions(
    lambda: &Lambda,
    caller: &Caller,
    name: &str,
    selection: &Selection,
) -> Result<Page<LayerVersion>, Error> {
    const LIST: List = List {
        kind: "layer-version",
        operation: "ListLayerVersions",
    };
    let key = layer_target::resolve(caller, name)?;
    must_own(caller, &key, "ListLayerVersions")?;
    let before: Option<u64> = match LIST.after(&selection.page)? {
        Some(number) => Some(number.parse().map_err(|_| LIST.foreign())?),
        None => None,
    };
    let stored = lambda.db.layer_versions(LayerScope::Layer(&key)).await?;
    let wanted = |stored: &StoredLayerVersion| {
        before.is_none_or(|before| stored.number < before) && selection.takes(&stored.record)
    };
    let found = stored.into_iter().rev().filter(wanted).map(LayerVersion::from);
    Ok(LIST.cut(&selection.page, found, |last| last.number.to_string()))
}

/// The caller's layers by name, each with the newest of its versions that are selected.
pub(crate) async fn list(lambda: &Lambda, caller: &Caller, selection: &Selection) -> Result<Page<LayerVersion>, Error> {
    const LIST: List = List {
        kind: "layer",
        operation: "ListLayers",
    };
    let after = LIST.after(&selection.page)?;
    let scope = LayerScope::Region(&caller.account, &caller.region);
    let mut newest: BTreeMap<String, StoredLayerVersion> = BTreeMap::new();
    for stored in lambda.db.layer_versions(scope).await? {
        if selection.takes(&stored.record) && after.as_ref().is_none_or(|after| stored.key.name > *after) {
            // The later ones of a layer are newer.
            newest.insert(stored.key.name.clone(), stored);
        }
    }
    let found = newest.into_values().map(LayerVersion::from);
    Ok(LIST.cut(&selection.page, found, |last| last.key.name.clone()))
}
