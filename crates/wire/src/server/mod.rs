//! The front door: one port for every service.
//!
//! The way of a request: connection (`connection`, `pace`) -> a site's own (`site`), or who asks
//! from where (`browser`) -> plain route (`local`) or API call (`call`): recognise the service,
//! identify the caller, route, read the body (`body`), verify the signature, run the handler ->
//! render (`exchange`).
//!
//! A handler runs on its connection's task: no hand-off on the way of an invocation. When the
//! client goes away its future is dropped wherever it stands, so **handlers must be drop-safe**:
//! what has to be finished belongs in a task of its own. A handler that panics costs its request
//! a 500 and nothing else. The same holds for a body that is still being made
//! ([`crate::BodyStream`]); once its head is out, a panic there breaks the answer off.

mod accept;
mod answer_body;
mod body;
mod browser;
mod call;
mod connection;
mod exchange;
mod exposure;
mod guest;
mod identity;
mod limits;
mod local;
mod pace;
mod site;

pub use browser::BrowserPolicy;
pub use exposure::{ExposureError, check_exposure};
pub use guest::{Guest, GuestDoor};
pub use limits::Limits;
pub use local::{LocalHandler, LocalRequest, LocalRoute, Matching, local_handler};
pub use site::{Admission, Reception, Site, SiteHead, SiteMount, SiteRequest, Terms};

use std::sync::Arc;

use hearth_core::{Clock, Random, Shutdown, Tasks};
use hearth_model::{AccessKeys, Region};
use tokio::net::TcpListener;

use crate::aws_json::JsonService;
use crate::protocol::Protocol;
use crate::query::QueryService;
use crate::request::Service;
use crate::rest_json::Router;
use crate::sigv4::{Mode, Verifier};
use body::BodyMemory;

/// The operations of a service.
#[derive(Debug)]
pub enum Api {
    RestJson(Router),
    AwsJson(JsonService),
    Query(QueryService),
}

impl Api {
    fn protocol(&self) -> Protocol {
        match self {
            Self::RestJson(_) => Protocol::RestJson,
            Self::AwsJson(service) => Protocol::AwsJson(service.version()),
            Self::Query(service) => Protocol::Query(service.namespace()),
        }
    }
}

/// A service behind the door.
#[derive(Debug)]
pub struct Mount {
    pub service: Service,
    pub api: Api,
}

/// What a front door is made of.
pub struct Options {
    pub mode: Mode,
    pub limits: Limits,
    pub clock: Clock,
    pub random: Random,
    pub access_keys: Arc<dyn AccessKeys>,
    /// Of callers who name none: unsigned, and by no host name that says it.
    pub region: Region,
    pub services: Vec<Mount>,
    pub local: Vec<LocalRoute>,
    pub sites: Vec<SiteMount>,
    pub browser: BrowserPolicy,
}

/// Answers requests, from whatever listener they come.
pub struct FrontDoor {
    mode: Mode,
    limits: Limits,
    random: Random,
    access_keys: Arc<dyn AccessKeys>,
    region: Region,
    services: Vec<Mount>,
    local: Vec<LocalRoute>,
    sites: Vec<SiteMount>,
    browser: BrowserPolicy,
    verifier: Verifier,
    memory: BodyMemory,
    http: hyper::server::conn::http1::Builder,
}

impl FrontDoor {
    /// Builds it; nothing listens yet.
    #[must_use]
    pub fn new(options: Options) -> Arc<Self> {
        Arc::new(Self {
            memory: BodyMemory::new(&options.limits),
            http: connection::http(&options.limits),
            mode: options.mode,
            limits: options.limits,
            random: options.random,
            access_keys: options.access_keys,
            region: options.region,
            services: options.services,
            local: options.local,
            sites: options.sites,
            browser: options.browser,
            verifier: Verifier::new(options.clock),
        })
    }

    /// Accepts connections until `shutdown`, each served by a task of kind `Connection`. After
    /// `shutdown` a connection finishes the request it is at, answers with `connection: close`,
    /// and ends; `tasks.drain` waits for that. Run it as a task of kind `Listener`.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, shutdown: Shutdown, tasks: Tasks) {
        accept::run(self, listener, shutdown, tasks).await;
    }

    /// Whether requests have to name a host of this machine: see [`BrowserPolicy::check`].
    fn checks_hosts(&self) -> bool {
        self.mode == Mode::Open
    }

    /// The names of the services that are served, for messages.
    fn served_names(&self) -> String {
        let names = self.services.iter().map(|mount| mount.service.name());
        names.collect::<Vec<_>>().join(", ")
    }
}

impl std::fmt::Debug for FrontDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrontDoor").field("mode", &self.mode).field("services", &self.services).finish_non_exhaustive()
    }
}
