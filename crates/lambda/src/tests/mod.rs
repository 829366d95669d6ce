//! The control plane through its routes, over a store in memory.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod aliases;
mod availability;
mod case;
mod code_signing;
mod code_sources;
mod concurrency;
mod constraints;
mod event_invoke;
mod faults;
mod function_urls;
mod images;
mod invoke;
mod layers;
mod lifecycle;
mod mappings;
mod permissions;
mod recursion;
mod refusals;
mod restart;
mod runtime_management;
mod settings;
mod shapes;
mod snap_start;
mod variables;
mod versions;

use std::io::Write;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hearth_core::{Clock, Random, Shutdown, Tasks};
use hearth_model::{AccountId, Architecture, FunctionKey, FunctionName, Region};
use hearth_store::{Blobs, Documents, Memory};
use hearth_wire::rest_json::Router;
use hearth_wire::server::LocalRequest;
use hearth_wire::{ApiError, Caller, Request, Response, Service};
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;

use crate::record::FunctionRecord;
use crate::{AccountLimits, Lambda, Options};

pub(super) const ENDPOINT: &str = "http://127.0.0.1:4566";
pub(super) const ROLE: &str = "arn:aws:iam::123456789012:role/r";
pub(super) const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function";

/// A control plane and what it stands on.
pub(super) struct World {
    pub(super) lambda: Arc<Lambda>,
    pub(super) clock: Clock,
    pub(super) store: Memory,
    pub(super) dir: Arc<tempfile::TempDir>,
    router: Router,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With other options.
    pub(super) async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let clock = Clock::fixed(1_700_000_000_120);
        let store = Memory::new(clock.clone());
        Self::built(clock, store.clone(), Arc::new(store.clone()), Arc::new(store), tempdir(), change).await
    }

    /// Another control plane on the same store and disk: what is there after a restart.
    pub(super) async fn restarted(&self) -> Self {
        self.restarted_with(|_| {}).await
    }

    /// The same with other options.
    pub(super) async fn restarted_with(&self, change: impl FnOnce(&mut Options)) -> Self {
        let store = self.store.clone();
        let dir = Arc::clone(&self.dir);
        Self::built(self.clock.clone(), store.clone(), Arc::new(store.clone()), Arc::new(store), dir, change).await
    }

    pub(super) async fn over(
        clock: Clock,
        store: Memory,
        documents: Arc<dyn Documents>,
        blobs: Arc<dyn Blobs>,
        dir: Arc<tempfile::TempDir>,
    ) -> Self {
        Self::built(clock, store, documents, blobs, dir, |_| {}).await
    }

    async fn built(
        clock: Clock,
        store: Memory,
        documents: Arc<dyn Documents>,
        blobs: Arc<dyn Blobs>,
        dir: Arc<tempfile::TempDir>,
        change: impl FnOnce(&mut Options),
    ) -> Self {
        let mut options = Options {
            clock: clock.clone(),
            random: Random::seeded(7),
            tasks: Tasks::new(),
            shutdown: Shutdown::new(),
            documents,
            blobs,
            code_cache_dir: dir.path().join("code"),
            limits: AccountLimits::default(),
            host_architecture: Architecture::X86_64,
            download_secret: [3; 32],
            runtime_check: None,
            runtime_versions: crate::RuntimeVersions::default(),
            event_sources: None,
            url_base: None,
            networks: None,
            file_systems: crate::FileSystems::default(),
            roles: None,
            images: images(hearth_image::Settings::default()),
            images_dir: dir.path().join("images"),
            objects: None,
            hot_reload: crate::HotReload::default(),
            keys: None,
            destinations: None,
        };
        change(&mut options);
        let lambda = Lambda::open(options).await.unwrap();
        Self {
            router: Router::new(lambda.routes()).unwrap(),
            lambda,
            clock,
            store,
            dir,
        }
    }

    /// One call, as `region`'s caller.
    pub(super) async fn call_in(
        &self,
        region: &str,
        method: &str,
        uri: &str,
        body: impl Into<Bytes>,
    ) -> Result<Response, ApiError> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let query = parameters(query);
        let found = self.router.find(&method, path, &query).unwrap_or_else(|e| panic!("{method} {uri}: {e:?}"));
        let request = Request {
            service: Service::Lambda,
            operation: found.route.operation,
            caller: caller(region),
            request_id: "r".to_owned(),
            method,
            headers: http::HeaderMap::new(),
            labels: found.labels,
            query,
            body: body.into(),
            endpoint: ENDPOINT.to_owned(),
        };
        (found.route.handler)(request).await
    }

    pub(super) async fn call(&self, method: &str, uri: &str, body: Value) -> Result<Response, ApiError> {
        let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
        self.call_in("us-east-1", method, uri, body).await
    }

    /// A request to one of Hearth's own paths.
    pub(super) async fn call_local(&self, method: &str, uri: &str) -> Result<Response, ApiError> {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let routes = self.lambda.local_routes();
        let route = routes.iter().find(|route| path.starts_with(route.path)).unwrap();
        (route.handler)(LocalRequest {
            request_id: "r".to_owned(),
            method: Method::from_bytes(method.as_bytes()).unwrap(),
            path: path.to_owned(),
            query: parameters(query),
            headers: http::HeaderMap::new(),
            body: Bytes::new(),
            endpoint: ENDPOINT.to_owned(),
        })
        .await
    }

    /// A call that has to succeed; its body.
    #[track_caller]
    pub(super) fn expect(&self, method: &str, uri: &str, body: Value, status: u16) -> impl Future<Output = Value> {
        let at = std::panic::Location::caller();
        async move {
            let answer = self.call(method, uri, body).await.unwrap_or_else(|e| panic!("{at}: {method} {uri}: {e:?}"));
            assert_eq!(answer.status.as_u16(), status, "{at}: {method} {uri}");
            if answer.body.is_empty() { Value::Null } else { serde_json::from_slice(&answer.body).unwrap() }
        }
    }

    /// Makes a function and waits until it is active.
    pub(super) async fn make(&self, name: &str) -> Value {
        self.expect("POST", "/2015-03-31/functions", create_body(name), 201).await;
        self.settled(name).await
    }

    /// The function's configuration once no change is under way.
    pub(super) async fn settled(&self, name: &str) -> Value {
        for _ in 0..10_000 {
            let uri = format!("/2015-03-31/functions/{name}/configuration");
            let shown = self.expect("GET", &uri, Value::Null, 200).await;
            if shown["State"] != "Pending" && shown["LastUpdateStatus"] != "InProgress" {
                return shown;
            }
            // Unpacking has a thread of its own: paused time does not pass while it works.
            tokio::task::yield_now().await;
            std::thread::yield_now();
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        panic!("{name} does not settle");
    }

    pub(super) fn record(&self, name: &str) -> FunctionRecord {
        self.lambda.functions.get(&key(name)).unwrap().record.clone()
    }
}

pub(super) fn images(settings: hearth_image::Settings) -> hearth_image::Images {
    hearth_image::Images::new(hearth_image::Options {
        settings,
        architecture: "amd64",
        bytes_max: 1 << 20,
        entries_max: 1_000,
        user: ("sbx", 993, 990),
    })
}

pub(super) fn caller(region: &str) -> Caller {
    Caller {
        account: AccountId::parse("123456789012").unwrap(),
        region: Region::parse(region).unwrap(),
        arn: "arn:aws:iam::123456789012:user/ann".to_owned(),
        access_key_id: None,
    }
}

pub(super) fn key(name: &str) -> FunctionKey {
    FunctionKey {
        account: AccountId::parse("123456789012").unwrap(),
        region: Region::fallback(),
        name: FunctionName::parse(name).unwrap(),
    }
}

pub(super) fn tempdir() -> Arc<tempfile::TempDir> {
    Arc::new(tempfile::tempdir().unwrap())
}

/// A good package that holds `text`.
pub(super) fn package(text: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("app.py", SimpleFileOptions::default()).unwrap();
    zip.write_all(text.as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}

pub(super) fn zipped(text: &str) -> String {
    STANDARD.encode(package(text))
}

/// The smallest CreateFunction that succeeds.
pub(super) fn create_body(name: &str) -> Value {
    json!({
        "FunctionName": name,
        "Runtime": "python3.12",
        "Role": ROLE,
        "Handler": "app.handler",
        "Code": {"ZipFile": zipped("def handler(e, c): return 1")},
    })
}

/// The same with members replaced; null removes one.
pub(super) fn create_with(name: &str, members: Value) -> Value {
    let mut body = create_body(name);
    for (member, value) in members.as_object().unwrap() {
        body[member] = value.clone();
    }
    body
}

pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

pub(super) fn parameters(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(name, value)| (name.to_owned(), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned()
}

/// What an error is to say.
#[track_caller]
pub(super) fn assert_error(found: Result<Response, ApiError>, status: u16, code: &str, message: &str, what: &str) {
    match found {
        Ok(answer) => panic!("{what}: expected {code}, found {} {:?}", answer.status, answer.body),
        Err(error) => {
            let found = (error.status.as_u16(), error.code.as_ref(), error.message.as_deref().unwrap_or("<null>"));
            assert_eq!(found, (status, code, message), "{what}");
        }
    }
}
