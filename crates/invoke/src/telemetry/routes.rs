//! The call that subscribes.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

use super::item::Item;
use super::shared::{Subscribed, Telemetry};
use super::subscription::{Api, Subscription};
use crate::extensions::{self, Extensions};
use crate::report::Record;
use crate::runtime_api::answers::{self, Answer};

const BODY_BYTES_MAX: usize = 64 * 1024;

/// Answers `/2022-07-01/telemetry` and `/2020-08-15/logs`.
pub(crate) async fn serve(
    api: Api,
    telemetry: &Telemetry,
    extensions: &Extensions,
    request: Request<Incoming>,
) -> Answer {
    if request.method() != Method::PUT {
        return answers::not_found(request.uri().path());
    }
    let name = match extensions::caller(extensions, request.headers()) {
        Ok(name) => name,
        Err(refused) => return *refused,
    };
    let body = match Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return invalid(&format!("failed to read the request: {error}")),
    };
    match Subscription::parse(api, &body) {
        Ok(subscription) if !extensions.all_ready() => subscribe(api, telemetry, extensions, &name, &subscription),
        Ok(_) => closed(api),
        Err(message) => invalid(&message),
    }
}

fn subscribe(
    api: Api,
    telemetry: &Telemetry,
    extensions: &Extensions,
    name: &str,
    subscription: &Subscription,
) -> Answer {
    let state = match telemetry.subscribe(api, name, subscription) {
        Subscribed::Fresh => "Subscribed",
        Subscribed::Already => "Already subscribed",
        Subscribed::Elsewhere(other) => {
            return invalid(&format!("{name} is subscribed with the {} API already", other.prefix()));
        }
        Subscribed::Closed => return closed(api),
    };
    let mut record = Record::new(api.record());
    record.put("name", name);
    record.put("state", state);
    record.put("types", subscription.streams.names());
    extensions.note(record.clone());
    telemetry.put(telemetry.now_ms(), || Item::Platform(record));
    answers::json(StatusCode::OK, Bytes::from_static(b"\"OK\""))
}

fn closed(api: Api) -> Answer {
    let prefix = api.prefix();
    let message = format!("{prefix} API subscription is closed");
    answers::error(StatusCode::FORBIDDEN, &format!("{prefix}.SubscriptionClosed"), &message)
}

fn invalid(message: &str) -> Answer {
    answers::error(StatusCode::BAD_REQUEST, "ValidationError", message)
}
