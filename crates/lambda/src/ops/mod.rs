//! The logic of the operations, over the state and free of wire formats.

pub(crate) mod account_settings;
pub(crate) mod availability;
pub(crate) mod code;
pub(crate) mod create_function;
pub(crate) mod delete_function;
pub(crate) mod download;
pub(crate) mod environment;
pub(crate) mod function_layers;
pub(crate) mod get_function;
pub(crate) mod layer_policy;
pub(crate) mod layers;
pub(crate) mod list_functions;
pub(crate) mod logging;
pub(crate) mod marker;
pub(crate) mod runtime;
pub(crate) mod settings;
pub(crate) mod tags;
pub(crate) mod update;
pub(crate) mod update_function_code;
pub(crate) mod update_function_configuration;
