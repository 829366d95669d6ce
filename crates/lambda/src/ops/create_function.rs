//! CreateFunction.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_model::Architecture;
use hearth_wire::Caller;

use crate::Lambda;
use crate::api::code::CodeSource;
use crate::api::settings::Settings;
use crate::error::Error;
use crate::ops::source::For;
use crate::ops::{
    availability, code, code_signing, file_systems, function_layers, image, publish, role, settings, snap_start,
    source, tags, variable_key, vpc,
};
use crate::record::{Config, Edition, FORM, FunctionRecord, LoggingSettings, Package, Status};
use crate::snapshot::Entry;
use crate::target::{self, Use};
use crate::tasks::activation;

/// A wish that has passed the model's constraints.
pub(crate) struct CreateFunction {
    /// Name or ARN.
    pub(crate) name: String,
    pub(crate) settings: Settings,
    pub(crate) code: CodeSource,
    pub(crate) architecture: Option<Architecture>,
    pub(crate) package_type: Option<String>,
    pub(crate) publish: bool,
    pub(crate) publish_to: bool,
    pub(crate) tags: BTreeMap<String, String>,
    /// An ARN.
    pub(crate) code_signing: Option<String>,
    pub(crate) tenancy: bool,
}

const NAME_MAX: usize = 64;

/// Makes the function; it is pending until its activation.
pub(crate) async fn run(lambda: &Arc<Lambda>, caller: &Caller, wish: CreateFunction) -> Result<Arc<Entry>, Error> {
    let target = target::resolve(caller, Use::Write, &wish.name, None, "CreateFunction")?;
    let name = target.key.name.as_str();
    if name.len() > NAME_MAX {
        // Sic: the validator's words under the service code's error.
        return Err(Error::InvalidParameter(format!(
            "1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: Member must \
             have length less than or equal to {NAME_MAX}"
        )));
    }
    target::refuse_version(&target)?;
    check_members(&wish)?;
    let is_image = wish.package_type.as_deref() == Some("Image");
    let what = For::Function { is_image, doing: "creating" };
    check_mandatory(is_image, &wish.settings)?;
    image::check_settings(is_image, &wish.settings, "creating")?;
    settings::check(lambda, &wish.settings)?;
    variable_key::check(lambda, &target.key, None, &wish.settings)?;
    let architecture = availability::check_architecture(wish.architecture, lambda.host_architecture)?;
    tags::check(&wish.tags)?;
    let layers = function_layers::resolve(lambda, caller, wish.settings.layers.as_deref().unwrap_or_default()).await?;
    source::check(&wish.code, what)?;
    if lambda.functions.get(&target.key).is_some() {
        return Err(Error::AlreadyExists { name: name.to_owned() });
    }
    role::check(lambda, &target.key.account, wish.settings.role.as_deref()).await?;
    let vpc = vpc::resolve(lambda, &target.key, None, &wish.settings.vpc).await?;
    let file_systems = file_systems::resolve(lambda, wish.settings.file_systems.as_deref().unwrap_or_default())?;
    let given = source::take(lambda, caller, &wish.code, what).await?;
    // Held until the function is there: a configuration in use cannot be deleted.
    let _signing = match &wish.code_signing {
        Some(_) => Some(lambda.code_signing.turn().await),
        None => None,
    };
    code_signing::check(lambda, caller, name, wish.code_signing.as_deref()).await?;
    let copies = if wish.publish { 2 } else { 1 };
    code::check_storage(lambda, &target.key.account, &target.key.region, None, given.len() * copies).await?;
    // Merged before the package is looked at, so that a contradiction costs no unzipping.
    let draft = settings::merge(&target.key.name, &defaults(architecture), &wish.settings)?;
    let held = code::store(lambda, given).await?;
    let config = Config {
        package: held.package.clone(),
        layers,
        vpc,
        file_systems,
        ..draft
    };
    function_layers::check_sizes(&config)?;
    snap_start::check(&config)?;
    if !is_image {
        settings::warn_of_runtime(lambda, &target.key.name, &config.runtime);
    }
    let mut record = FunctionRecord {
        v: FORM,
        incarnation: lambda.random.uuid().to_string(),
        tags: wish.tags,
        reserved_concurrency: None,
        latest: Edition {
            config,
            revision_id: lambda.random.uuid().to_string(),
            modified_ms: lambda.clock.now_ms(),
            status: Status::Creating,
        },
        previous: None,
        versions_made: 0,
        provisioned: BTreeMap::new(),
        policies: BTreeMap::new(),
        code_signing: wish.code_signing,
        runtime_updates: BTreeMap::new(),
        urls: BTreeMap::new(),
        event_invoke: BTreeMap::new(),
        recursion_allowed: false,
        versions: Arc::default(),
        aliases: Arc::default(),
        newer: serde_json::Map::new(),
    };
    if wish.publish {
        publish::publish(&mut record, Status::Creating, None, &lambda.clock, &lambda.random);
    }
    let made = lambda.functions.create(&target.key, record).await;
    // Also after an error: a write that failed may have been made all the same.
    activation::start(lambda, &target.key);
    made
}

fn check_members(wish: &CreateFunction) -> Result<(), Error> {
    availability::check_members(&[
        ("PublishTo", wish.publish_to, "leave it out"),
        ("TenancyConfig", wish.tenancy, "leave it out"),
    ])
}

fn check_mandatory(is_image: bool, settings: &Settings) -> Result<(), Error> {
    if is_image || (settings.runtime.is_some() && settings.handler.is_some()) {
        return Ok(());
    }
    Err(Error::InvalidParameter(
        "Runtime and Handler are mandatory parameters for functions created with deployment packages.".to_owned(),
    ))
}

/// Source: fact sheet "Lambda control-plane API", section 3.2.
fn defaults(architecture: Architecture) -> Config {
    Config {
        serial: 0,
        runtime: String::new(),
        handler: String::new(),
        role: String::new(),
        description: String::new(),
        timeout_s: 3,
        memory_mib: 128,
        storage_mib: 512,
        architecture,
        environment: None,
        sealed: None,
        kms_key_arn: None,
        logging: LoggingSettings::default(),
        tracing_active: false,
        vpc: None,
        file_systems: Vec::new(),
        snap_start: false,
        package: Package::default(),
        image_config: None,
        layers: Vec::new(),
        dead_letter: None,
    }
}
