//! The route of Invoke over a data plane that answers by script: what reaches it, and how its
//! answers and refusals look. Source: fact sheet "Lambda invocation", sections 1 to 3.

use futures_util::StreamExt;
use hearth_model::{
    Accepted, BoxFuture, FunctionError, Invocation, Invoke, InvokeError, InvokeLater, Outcome, Qualifier, Streamed,
    ThrottleReason, Version,
};
use hearth_wire::rest_json::Route;
use parking_lot::Mutex;

use super::*;

/// Keeps what it was asked and gives what it was told to give.
struct Script {
    asked: Mutex<Vec<Invocation>>,
    answer: Result<Outcome, InvokeError>,
}

impl Invoke for Script {
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<Outcome, InvokeError>> {
        self.asked.lock().push(invocation);
        Box::pin(async { self.answer.clone() })
    }

    fn invoke_streamed(&self, invocation: Invocation) -> BoxFuture<'_, Result<Streamed, InvokeError>> {
        self.asked.lock().push(invocation);
        Box::pin(async { self.answer.clone().map(Streamed::from) })
    }

    fn dry_run(&self, _: &FunctionKey, _: Option<&Qualifier>) -> Result<Version, InvokeError> {
        self.answer.clone().map(|outcome| outcome.executed_version)
    }
}

impl InvokeLater for Script {
    fn accept(&self, invocation: Invocation) -> BoxFuture<'_, Result<Accepted, InvokeError>> {
        self.asked.lock().push(invocation);
        let accepted = |outcome: Outcome| Accepted {
            trace_header: outcome.trace_header,
        };
        Box::pin(async move { self.answer.clone().map(accepted) })
    }
}

fn outcome() -> Outcome {
    Outcome {
        executed_version: Version::Latest,
        payload: Bytes::from_static(b"[1]"),
        error: None,
        log_tail: None,
        trace_header: "Root=1-a".to_owned(),
    }
}

fn script(answer: Result<Outcome, InvokeError>) -> (Arc<Script>, Route) {
    let script = Arc::new(Script {
        asked: Mutex::default(),
        answer,
    });
    let [route, _, _] = crate::invoke_routes(script.clone(), script.clone());
    (script, route)
}

fn old(answer: Result<Outcome, InvokeError>) -> (Arc<Script>, Route) {
    let script = Arc::new(Script {
        asked: Mutex::default(),
        answer,
    });
    let [_, _, route] = crate::invoke_routes(script.clone(), script.clone());
    (script, route)
}

fn streamed(answer: Result<Outcome, InvokeError>) -> (Arc<Script>, Route) {
    let script = Arc::new(Script {
        asked: Mutex::default(),
        answer,
    });
    let [_, route, _] = crate::invoke_routes(script.clone(), script.clone());
    (script, route)
}

/// The events of a streamed answer: their types and payloads.
async fn events(answer: Response) -> Vec<(String, String)> {
    let mut decoder = hearth_wire::event_stream::Decoder::default();
    let mut stream = answer.stream.unwrap();
    while let Some(piece) = stream.next().await {
        decoder.feed(&piece.unwrap());
    }
    let mut events = Vec::new();
    while let Some(message) = decoder.next().unwrap() {
        assert_eq!(message.header(":message-type"), "event");
        events.push((
            format!("{} {}", message.header(":event-type"), message.header(":content-type")),
            String::from_utf8_lossy(&message.payload).into_owned(),
        ));
    }
    assert!(decoder.is_at_boundary());
    events
}

async fn check_events(outcome: Outcome, expected: &[(&str, &str)]) {
    let (_, route) = streamed(Ok(outcome));
    let found = events(call(&route, "f", &[], "{}").await.unwrap()).await;
    let found: Vec<_> = found.iter().map(|(kind, payload)| (kind.as_str(), payload.as_str())).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn streamed_answers_are_events() {
    let (script, route) = streamed(Ok(outcome()));
    let answer = call(&route, "f", &[("x-amz-log-type", "Tail")], "[2]").await.unwrap();
    assert_eq!(answer.headers["content-type"], "application/vnd.amazon.eventstream");
    assert_eq!(answer.headers["x-amz-executed-version"], "$LATEST");
    assert_eq!(answer.headers["x-amzn-trace-id"], "Root=1-a");
    let asked = script.asked.lock()[0].clone();
    assert_eq!((&asked.payload[..], asked.wants_log_tail), (&b"[2]"[..], true));

    let (chunk, complete) = ("PayloadChunk application/octet-stream", "InvokeComplete application/json");
    check_events(outcome(), &[(chunk, "[1]"), (complete, "{}")]).await;
    let failed = |payload: Bytes, log_tail| Outcome {
        payload,
        error: Some(FunctionError::Unhandled),
        log_tail,
        ..outcome()
    };
    check_events(
        failed(Bytes::from_static(b"{\"a\":1}"), Some(b"END".to_vec())),
        &[(complete, r#"{"ErrorCode":"Unhandled","ErrorDetails":"{\"a\":1}","LogResult":"RU5E"}"#)],
    )
    .await;
    check_events(
        failed(Bytes::from(vec![0; 6_000_000]), None),
        &[(
            complete,
            r#"{"ErrorCode":"Unhandled","ErrorDetails":"the error document is larger than an event can be"}"#,
        )],
    )
    .await;
}

#[tokio::test]
async fn a_stream_is_refused_as_an_invocation_is() {
    let (script, route) = streamed(Err(InvokeError::Throttled(ThrottleReason::Reserved)));
    let refused = call(&route, "f", &[], "{}").await;
    assert_error(refused, 429, "TooManyRequestsException", "Rate Exceeded.", "throttled");
    script.asked.lock().clear();
    let message = "1 validation error detected: Value 'Event' at 'invocationType' failed to satisfy constraint: Member \
                   must satisfy enum value set: [RequestResponse, DryRun]";
    let event = call(&route, "f", &[("x-amz-invocation-type", "Event")], "{}").await;
    assert_error(event, 400, "ValidationException", message, "event");
    let (_, route) = streamed(Ok(outcome()));
    let dry = call(&route, "f", &[("x-amz-invocation-type", "DryRun")], "{}").await.unwrap();
    assert_eq!((dry.status.as_u16(), dry.stream.is_none()), (204, true));
    assert!(script.asked.lock().is_empty());
}

async fn call(
    route: &Route,
    name: &str,
    headers: &[(&'static str, &str)],
    body: &'static str,
) -> Result<Response, ApiError> {
    let headers = headers
        .iter()
        .map(|(name, value)| (http::HeaderName::from_static(name), http::HeaderValue::from_str(value).unwrap()));
    let (name, query) = name.split_once('?').unwrap_or((name, ""));
    (route.handler)(Request {
        service: Service::Lambda,
        operation: "Invoke",
        caller: caller("us-east-1"),
        request_id: "the-request".to_owned(),
        method: Method::POST,
        headers: headers.collect(),
        labels: vec![("FunctionName", name.to_owned())],
        query: parameters(query),
        body: Bytes::from_static(body.as_bytes()),
        endpoint: ENDPOINT.to_owned(),
    })
    .await
}

#[tokio::test]
async fn an_invocation_has_what_the_caller_sent() {
    let (script, route) = script(Ok(outcome()));
    let context = STANDARD.encode(r#"{"custom":{"a":1}}"#);
    let headers = [("x-amz-log-type", "Tail"), ("x-amz-client-context", &*context), ("x-amzn-trace-id", "Root=1-b")];
    call(&route, "f", &headers, r#"{"k":1}"#).await.unwrap();
    call(&route, &format!("{ARN}:f:$LATEST"), &[], "").await.unwrap();
    let asked = script.asked.lock();
    assert_eq!((&asked[0].function, &asked[0].qualifier), (&key("f"), &None));
    assert_eq!((&*asked[0].payload, asked[0].wants_log_tail), (&br#"{"k":1}"#[..], true));
    assert_eq!(asked[0].client_context.as_deref(), Some(r#"{"custom":{"a":1}}"#));
    assert_eq!(asked[0].trace_header.as_deref(), Some("Root=1-b"));
    assert_eq!(asked[0].request_id, "the-request");
    assert_eq!((&asked[1].function, &asked[1].qualifier), (&key("f"), &Some(Qualifier::Latest)));
    assert_eq!((&*asked[1].payload, asked[1].wants_log_tail), (&b"{}"[..], false));
}

#[tokio::test]
async fn answers_carry_their_headers() {
    let (_, route) = script(Ok(outcome()));
    let answer = call(&route, "f", &[], "{}").await.unwrap();
    assert_eq!((answer.status.as_u16(), &*answer.body), (200, &b"[1]"[..]));
    assert_eq!(answer.headers["x-amz-executed-version"], "$LATEST");
    assert_eq!(answer.headers["x-amzn-trace-id"], "Root=1-a");
    assert_eq!(answer.headers["content-type"], "application/json");
    assert!(!answer.headers.contains_key("x-amz-function-error") && !answer.headers.contains_key("x-amz-log-result"));
    let failed = Outcome {
        error: Some(FunctionError::Unhandled),
        log_tail: Some(b"END".to_vec()),
        ..outcome()
    };
    let (_, route) = script(Ok(failed));
    let answer = call(&route, "f", &[], "{}").await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.headers["x-amz-function-error"]), (200, &"Unhandled".parse().unwrap()));
    assert_eq!(answer.headers["x-amz-log-result"], STANDARD.encode("END"));
}

#[tokio::test]
async fn events_are_accepted_and_answered_with_nothing() {
    let event = [("x-amz-invocation-type", "Event"), ("x-amzn-trace-id", "Root=1-b")];
    for (script, route, headers) in [
        {
            let (script, route) = script(Ok(outcome()));
            (script, route, &event[..])
        },
        {
            let (script, route) = old(Ok(outcome()));
            (script, route, &event[1..])
        },
    ] {
        let answer = call(&route, "f:1", headers, r#"{"k":1}"#).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.body.len()), (202, 0));
        assert_eq!(answer.headers["x-amzn-trace-id"], "Root=1-a");
        assert!(!answer.headers.contains_key("x-amz-executed-version"));
        let asked = script.asked.lock().pop().unwrap();
        assert_eq!((&*asked.payload, &*asked.request_id), (&br#"{"k":1}"#[..], "the-request"));
        assert_eq!(asked.qualifier, Some(Qualifier::Number(1)));
        assert_eq!(asked.trace_header.as_deref(), Some("Root=1-b"));
        let bad = call(&route, "f", headers, "{").await.unwrap_err();
        assert_eq!((bad.status.as_u16(), bad.code.as_ref()), (400, "InvalidRequestContentException"));
        assert!(script.asked.lock().is_empty());
    }
}

#[tokio::test]
async fn events_have_a_limit_of_their_own() {
    let (script, route) = script(Ok(outcome()));
    let event = [("x-amz-invocation-type", "Event")];
    let largest: &'static str = format!("\"{}\"", "x".repeat(1_048_574)).leak();
    let too_large: &'static str = format!("{largest} ").leak();
    assert_eq!(call(&route, "f", &event, largest).await.unwrap().status, 202);
    let message = "Request must be smaller than 1048576 bytes for the InvokeFunction operation";
    let refused = call(&route, "f", &event, too_large).await;
    assert_error(refused, 413, "RequestEntityTooLargeException", message, "an event");
    assert_eq!(call(&route, "f", &[], too_large).await.unwrap().status, 200);
    assert_eq!(script.asked.lock().len(), 2);
}

#[tokio::test]
async fn a_dry_run_runs_nothing() {
    let (script, route) = script(Ok(outcome()));
    let answer = call(&route, "f", &[("x-amz-invocation-type", "DryRun")], "{}").await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
    assert!(!answer.headers.contains_key("x-amz-executed-version"));
    assert!(script.asked.lock().is_empty());
}

#[tokio::test]
async fn refusals_of_the_data_plane_become_the_services_errors() {
    let pending = "The operation cannot be performed at this time. The function is currently in the following state: \
                   Pending";
    for (error, status, code, message) in [
        (
            InvokeError::NotFound {
                arn: format!("{ARN}:f:$LATEST"),
            },
            404,
            "ResourceNotFoundException",
            format!("Function not found: {ARN}:f:$LATEST"),
        ),
        (
            InvokeError::NotReady {
                state: "Pending",
                reason: None,
            },
            409,
            "ResourceConflictException",
            pending.to_owned(),
        ),
        (
            InvokeError::NotReady {
                state: "Pending",
                reason: Some("the image is being pulled".to_owned()),
            },
            409,
            "ResourceConflictException",
            format!("{pending}: the image is being pulled"),
        ),
        (InvokeError::Throttled(ThrottleReason::Account), 429, "TooManyRequestsException", "Rate Exceeded.".to_owned()),
        (
            InvokeError::Recursive,
            400,
            "RecursiveInvocationException",
            "Lambda has detected that this function is invoked in a recursive loop, and has stopped the invocation."
                .to_owned(),
        ),
        (
            InvokeError::RuntimeUnavailable("install java21".to_owned()),
            502,
            "InvalidRuntimeException",
            "install java21".to_owned(),
        ),
    ] {
        let (_, route) = script(Err(error));
        assert_error(call(&route, "f", &[], "{}").await, status, code, &message, code);
    }
}

#[tokio::test]
async fn requests_that_are_refused_before_they_reach_it() {
    let (script, route) = script(Ok(outcome()));
    let failed = "failed to satisfy constraint: Member must satisfy enum value set:";
    for (name, headers, code, message) in [
        (
            "f",
            vec![("x-amz-invocation-type", "Sometimes")],
            "ValidationException",
            format!(
                "1 validation error detected: Value 'Sometimes' at 'invocationType' {failed} [Event, RequestResponse, DryRun]"
            ),
        ),
        (
            "f",
            vec![("x-amz-log-type", "Head")],
            "ValidationException",
            format!("1 validation error detected: Value 'Head' at 'logType' {failed} [None, Tail]"),
        ),
        (
            "f",
            vec![("x-amz-tenant-id", "blue")],
            "InvalidParameterValueException",
            "TenantId is not available in Hearth yet: no function has tenant isolation".to_owned(),
        ),
        (
            "f",
            vec![("x-amz-durable-execution-name", "one")],
            "InvalidParameterValueException",
            "DurableExecutionName is not available in Hearth yet: no function is durable".to_owned(),
        ),
        (
            "f:1?Qualifier=2",
            vec![],
            "InvalidParameterValueException",
            "The derived qualifier from the function name does not match the specified qualifier.".to_owned(),
        ),
    ] {
        assert_error(call(&route, name, &headers, "{}").await, 400, code, &message, name);
    }
    let elsewhere = call(&route, "arn:aws:lambda:eu-west-1:123456789012:function:f", &[], "{}").await;
    let message = "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')";
    assert_error(elsewhere, 404, "ResourceNotFoundException", message, "another region");
    let bad = call(&route, "f", &[], "{").await.unwrap_err();
    assert_eq!((bad.status.as_u16(), bad.code.as_ref()), (400, "InvalidRequestContentException"));
    assert!(script.asked.lock().is_empty());
}
