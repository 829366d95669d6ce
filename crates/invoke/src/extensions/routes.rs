//! The calls an extension makes.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::registry::Refusal;
use super::shared::{Extensions, Identity};
use crate::runtime_api::answers::{self, Answer};

/// A registration.
const BODY_BYTES_MAX: usize = 64 * 1024;

const IDENTIFIER: &str = "lambda-extension-identifier";
const NAME: &str = "lambda-extension-name";
const FEATURES: &str = "lambda-extension-accept-feature";
const ERROR_TYPE: &str = "lambda-extension-function-error-type";
const EVENT_IDENTIFIER: &str = "lambda-extension-event-identifier";

/// Answers what stands under `/2020-01-01/extension/`; `call` is the rest of the path.
pub(crate) async fn serve(extensions: &Extensions, call: &str, request: Request<Incoming>) -> Answer {
    let answer = match (request.method(), call) {
        (&Method::POST, "register") => register(extensions, request).await,
        (&Method::GET, "event/next") => next(extensions, request.headers()).await,
        (&Method::POST, "init/error") => failed(extensions, request, Extensions::fail_init).await,
        (&Method::POST, "exit/error") => failed(extensions, request, Extensions::fail_exit).await,
        _ => return answers::not_found(request.uri().path()),
    };
    answer.unwrap_or_else(refused)
}

pub(super) fn refused(refusal: Refusal) -> Answer {
    answers::error(StatusCode::FORBIDDEN, refusal.kind, &refusal.message)
}

async fn register(extensions: &Extensions, request: Request<Incoming>) -> Result<Answer, Refusal> {
    let name = header(request.headers(), NAME);
    if name.is_empty() {
        return Err(Refusal::new("Extension.InvalidExtensionName", "Empty extension name"));
    }
    let with_account = header(request.headers(), FEATURES).split(',').any(|feature| feature.trim() == "accountId");
    let body = collect(request.into_body()).await?;
    let events = parse_registration(&body)?;
    let (id, identity) = extensions.register(&name, &events)?;
    let mut answer = answers::json(StatusCode::OK, registered(&identity, with_account));
    put(&mut answer, IDENTIFIER, id);
    Ok(answer)
}

fn parse_registration(body: &[u8]) -> Result<Vec<String>, Refusal> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Registration {
        #[serde(default)]
        events: Option<Vec<String>>,
        #[serde(default)]
        configuration_keys: Option<Vec<Value>>,
    }
    let bad = |message: String| Refusal::new("InvalidRequestFormat", message);
    let registration: Registration = serde_json::from_slice(body).map_err(|error| bad(error.to_string()))?;
    if registration.configuration_keys.is_some_and(|keys| !keys.is_empty()) {
        return Err(bad("configurationKeys are deprecated; use environment variables instead".to_owned()));
    }
    Ok(registration.events.unwrap_or_default())
}

fn registered(identity: &Identity, with_account: bool) -> Bytes {
    let mut document = Map::new();
    document.insert("functionName".into(), identity.function_name.as_str().into());
    document.insert("functionVersion".into(), identity.function_version.as_str().into());
    document.insert("handler".into(), identity.handler.as_str().into());
    if with_account {
        document.insert("accountId".into(), identity.account_id.as_str().into());
    }
    Value::Object(document).to_string().into()
}

async fn next(extensions: &Extensions, headers: &HeaderMap) -> Result<Answer, Refusal> {
    let event = extensions.next(identifier(headers)?).await?;
    let mut answer = answers::json(StatusCode::OK, event.document());
    put(&mut answer, EVENT_IDENTIFIER, extensions.fresh_id());
    Ok(answer)
}

async fn failed(
    extensions: &Extensions,
    request: Request<Incoming>,
    fail: impl Fn(&Extensions, Uuid, String) -> Result<(), Refusal>,
) -> Result<Answer, Refusal> {
    let id = identifier(request.headers())?;
    let error_type = header(request.headers(), ERROR_TYPE);
    if error_type.is_empty() {
        let message = "Lambda-Extension-Function-Error-Type not found";
        return Err(Refusal::new("Extension.MissingHeader", message));
    }
    discard(request.into_body()).await;
    fail(extensions, id, error_type)?;
    Ok(answers::accepted())
}

/// The identifier of whoever calls, which need not be a known one.
pub(crate) fn identifier(headers: &HeaderMap) -> Result<Uuid, Refusal> {
    let text = header(headers, IDENTIFIER);
    if text.is_empty() {
        let message = "Missing Lambda-Extension-Identifier header";
        return Err(Refusal::new("Extension.MissingExtensionIdentifier", message));
    }
    Uuid::parse_str(&text)
        .map_err(|_| Refusal::new("Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier"))
}

/// The name of the registered extension that calls, or the answer to a stranger.
pub(crate) fn caller(extensions: &Extensions, headers: &HeaderMap) -> Result<String, Box<Answer>> {
    identifier(headers).and_then(|id| extensions.name(id)).map_err(|refusal| Box::new(refused(refusal)))
}

/// Read for the connection's sake: an error document is the extension's own, and nobody asks for it.
async fn discard(mut body: Incoming) {
    while let Some(Ok(_)) = body.frame().await {}
}

async fn collect(body: Incoming) -> Result<Bytes, Refusal> {
    let collected = Limited::new(body, BODY_BYTES_MAX).collect().await;
    let unread = |error: Box<dyn std::error::Error + Send + Sync>| {
        Refusal::new("InvalidRequestFormat", format!("failed to read the request: {error}"))
    };
    collected.map(http_body_util::Collected::to_bytes).map_err(unread)
}

fn header(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}

fn put(answer: &mut Answer, name: &'static str, id: Uuid) {
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        answer.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: Result<&[&str], &str>) {
        let found = parse_registration(body.as_bytes()).map_err(|refusal| refusal.message);
        let expected = expected.map(|events| events.iter().map(|&e| e.to_owned()).collect()).map_err(str::to_owned);
        assert_eq!(found, expected, "{body}");
    }

    #[test]
    fn registrations_are_read_as_they_are_written() {
        check(r#"{"events":["INVOKE","SHUTDOWN"]}"#, Ok(&["INVOKE", "SHUTDOWN"]));
        check(r#"{"events":null}"#, Ok(&[]));
        check("{}", Ok(&[]));
        check(
            r#"{"events":[],"configurationKeys":["a"]}"#,
            Err("configurationKeys are deprecated; use environment variables instead"),
        );
        assert_eq!(parse_registration(b"").unwrap_err().kind, "InvalidRequestFormat");
        assert_eq!(parse_registration(b"[1]").unwrap_err().kind, "InvalidRequestFormat");
    }

    #[test]
    fn the_account_is_told_to_who_asks() {
        let identity = Identity {
            function_name: "f".into(),
            function_version: "$LATEST".into(),
            handler: "app.handler".into(),
            account_id: "000000000000".into(),
        };
        assert_eq!(
            registered(&identity, true),
            r#"{"functionName":"f","functionVersion":"$LATEST","handler":"app.handler","accountId":"000000000000"}"#
        );
        assert_eq!(
            registered(&identity, false),
            r#"{"functionName":"f","functionVersion":"$LATEST","handler":"app.handler"}"#
        );
    }
}
