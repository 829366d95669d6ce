//! HTTP in front of functions: requests become events, results become answers.
//!
//! `api` is the payload format 2.0, which function URLs share with HTTP APIs; `url` serves function
//! URLs. Invariants: functions are found and permissions asked for in memory
//! ([`hearth_model::FunctionUrls`]), and run through [`hearth_model::Invoke`] like any other
//! invocation; nothing here knows how either is done.
#![forbid(unsafe_code)]

mod api;
mod url;

pub use url::{Options, mount};
