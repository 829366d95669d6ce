//! The nouns of Hearth and the seams between its parts.
//!
//! Invariants: no I/O, no wire formats (no serde), no tasks. The layer-3 crates never import each
//! other; they meet through the traits here and are joined in `node`.
#![forbid(unsafe_code)]

pub mod account;
pub mod arn;
pub mod asynchronous;
pub mod catalog;
pub mod credentials;
pub mod destination;
pub mod event_source;
pub mod function;
pub mod invocation;
pub mod logs;
pub mod name;
pub mod network;
pub mod objects;
pub mod preparation;
pub mod url;
mod variable_keys;

use std::future::Future;
use std::pin::Pin;

pub use account::{AccountId, Region};
pub use asynchronous::{Accepted, EventPolicy, InvokeLater};
pub use catalog::{Ahead, CatalogObserver, FunctionCatalog, FunctionKey, Lookup};
pub use credentials::{
    AccessKeys, Credentials, FunctionRoles, Identity, KeyRefusal, PrincipalIds, RoleCredentials, RoleRefusal,
};
pub use destination::{DeadLetterError, DestinationService, Destinations, Dispatch, DispatchError, Purpose};
pub use event_source::{EventSources, SourceLookup};
pub use function::{
    Architecture, CodeDir, FileSystem, FunctionSpec, ImageProcess, LiveCode, LogFormat, LogLevel, Logging, MemoryMib,
    StorageMib, TimeoutS, Version,
};
pub use invocation::{
    AnswerStream, FunctionError, Invocation, Invoke, InvokeError, Outcome, Piece, StreamEnd, Streamed, ThrottleReason,
};
pub use logs::{LogEvent, LogSink, LogStreamId};
pub use name::{FunctionName, Qualifier};
pub use network::{NetworkRefusal, Networks};
pub use objects::{ObjectError, ObjectRequest, Objects};
pub use preparation::{Preparation, Provisioned, SnapshotError};
pub use url::{Cors, FunctionUrl, FunctionUrls, URL_LABEL, URL_PATH, UrlAuth};
pub use variable_keys::{KeyProblem, VariableKeys};

/// A future that can cross a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
