//! The invocation record that destinations get, and the dead letter.
//!
//! Source: fact sheet "Lambda invocation", section 4.

use bytes::Bytes;
use hearth_core::Clock;
use hearth_model::{DeadLetterError, Dispatch, EventPolicy, Purpose};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::event::Event;
use crate::key::LaneKey;
use crate::verdict::{Answer, Condition, Fate};

/// The service cuts the message of a dead letter here.
const ERROR_MESSAGE_MAX: usize = 1_024;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    version: &'static str,
    timestamp: String,
    request_context: RequestContext<'a>,
    request_payload: Payload<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_context: Option<ResponseContext>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_payload: Option<Payload<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    request_id: &'a str,
    function_arn: &'a str,
    condition: &'static str,
    approximate_invoke_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext {
    status_code: u16,
    executed_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_error: Option<&'static str>,
}

/// JSON as it came; what is not JSON (a custom runtime may answer anything) as a string.
#[derive(Serialize)]
#[serde(untagged)]
enum Payload<'a> {
    Json(&'a RawValue),
    Text(String),
}

impl<'a> Payload<'a> {
    fn of(bytes: &'a Bytes) -> Self {
        match serde_json::from_slice::<&RawValue>(bytes) {
            Ok(json) => Self::Json(json),
            Err(_) => Self::Text(String::from_utf8_lossy(bytes).into_owned()),
        }
    }
}

impl Condition {
    const fn text(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::RetriesExhausted => "RetriesExhausted",
            Self::EventAgeExceeded => "EventAgeExceeded",
            Self::ZeroReservedConcurrency => "ZeroReservedConcurrency",
            Self::RecursiveInvocation => "RecursiveInvocation",
        }
    }
}

/// What is to be sent of an event that has come to its end.
pub(crate) fn dispatches(
    key: &LaneKey,
    event: &Event,
    fate: &Fate,
    policy: &EventPolicy,
    clock: &Clock,
) -> Vec<Dispatch> {
    let (destination, purpose, dead_letter) = match fate.condition {
        Condition::Success => (&policy.on_success, Purpose::OnSuccess, None),
        _ => (&policy.on_failure, Purpose::OnFailure, policy.dead_letter.as_ref()),
    };
    let function_arn = key.arn();
    let trace_header = fate.answer.as_ref().map_or(&event.head.trace_header, |answer| &answer.trace_header);
    let dispatch = |target: &String, purpose, body, error| Dispatch {
        target: target.clone(),
        purpose,
        function_arn: function_arn.clone(),
        request_id: event.head.request_id.clone(),
        body,
        error,
        trace_header: Some(trace_header.clone()),
    };
    let record = destination.as_ref().map(|target| {
        let body = record(&function_arn, event, fate, clock);
        dispatch(target, purpose, body, None)
    });
    let letter = dead_letter
        .map(|target| dispatch(target, Purpose::DeadLetter, event.payload.clone(), Some(dead_letter_error(fate))));
    record.into_iter().chain(letter).collect()
}

fn record(function_arn: &str, event: &Event, fate: &Fate, clock: &Clock) -> Bytes {
    let answer = fate.answer.as_ref();
    let record = Record {
        version: "1.0",
        timestamp: format!("{:.3}", clock.now()),
        request_context: RequestContext {
            request_id: &event.head.request_id,
            function_arn,
            condition: fate.condition.text(),
            approximate_invoke_count: event.head.attempts,
        },
        request_payload: Payload::of(&event.payload),
        response_context: answer.map(|answer| ResponseContext {
            status_code: 200,
            executed_version: answer.executed_version.to_string(),
            function_error: answer.failed.then_some("Unhandled"),
        }),
        response_payload: answer.map(|answer| Payload::of(&answer.payload)),
    };
    // Text and numbers, and JSON that was read: it cannot fail.
    serde_json::to_vec(&record).unwrap_or_default().into()
}

/// 200 is recorded for failures of the function; what stands for the others is not.
fn dead_letter_error(fate: &Fate) -> DeadLetterError {
    if let Some(answer) = &fate.answer {
        return DeadLetterError {
            code: 200,
            message: error_message(answer),
        };
    }
    let (code, message) = match fate.condition {
        Condition::ZeroReservedConcurrency => (429, "Rate Exceeded."),
        Condition::RecursiveInvocation => (400, "The function was invoked in a loop."),
        Condition::Success | Condition::RetriesExhausted | Condition::EventAgeExceeded => {
            (429, "The event was too old to be run.")
        }
    };
    DeadLetterError {
        code,
        message: message.to_owned(),
    }
}

/// `errorMessage` of the function's error document; the document where it has none.
fn error_message(answer: &Answer) -> String {
    let document: Option<serde_json::Value> = serde_json::from_slice(&answer.payload).ok();
    let message = document.as_ref().and_then(|document| document.get("errorMessage")?.as_str());
    let mut message = message.map_or_else(|| String::from_utf8_lossy(&answer.payload).into_owned(), ToOwned::to_owned);
    message.truncate(message.floor_char_boundary(ERROR_MESSAGE_MAX));
    message
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use hearth_model::{AccountId, FunctionKey, FunctionName, Region, Version};
    use serde_json::{Value, json};

    use super::*;

    fn all() -> EventPolicy {
        EventPolicy {
            on_success: Some("success".to_owned()),
            on_failure: Some("failure".to_owned()),
            dead_letter: Some("letter".to_owned()),
            ..EventPolicy::default()
        }
    }

    fn sent(condition: Condition, attempts: u32, answer: Option<(&'static str, bool)>) -> Vec<Dispatch> {
        let key = LaneKey {
            function: FunctionKey {
                account: AccountId::fallback(),
                region: Region::fallback(),
                name: FunctionName::parse("f").unwrap(),
            },
            qualifier: None,
        };
        let mut event = Event::new("r".to_owned(), 0, "Root=1".to_owned(), Bytes::from_static(b" {\"a\": 1}"));
        event.head.attempts = attempts;
        let answer = answer.map(|(payload, failed)| Answer {
            executed_version: Version::Latest,
            payload: Bytes::from_static(payload.as_bytes()),
            failed,
            trace_header: "Root=1;Lineage=1".to_owned(),
        });
        dispatches(&key, &event, &Fate { condition, answer }, &all(), &Clock::fixed(1_573_755_365_568))
    }

    #[test]
    fn a_success_has_the_recorded_form() {
        let sent = sent(Condition::Success, 1, Some(("null", false)));
        assert_eq!((sent.len(), &*sent[0].target, sent[0].purpose), (1, "success", Purpose::OnSuccess));
        assert_eq!(sent[0].trace_header.as_deref(), Some("Root=1;Lineage=1"));
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST";
        assert_eq!(
            serde_json::from_slice::<Value>(&sent[0].body).unwrap(),
            json!({
                "version": "1.0", "timestamp": "2019-11-14T18:16:05.568Z",
                "requestContext": {"requestId": "r", "functionArn": arn, "condition": "Success", "approximateInvokeCount": 1},
                "requestPayload": {"a": 1},
                "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
                "responsePayload": null,
            })
        );
    }

    #[test]
    fn a_failure_goes_to_its_destination_and_as_a_dead_letter() {
        let sent = sent(Condition::RetriesExhausted, 3, Some((r#"{"errorMessage":"no","errorType":"E"}"#, true)));
        let record: Value = serde_json::from_slice(&sent[0].body).unwrap();
        assert_eq!((&*sent[0].target, sent[0].purpose), ("failure", Purpose::OnFailure));
        assert_eq!(record["requestContext"]["approximateInvokeCount"], 3);
        assert_eq!(record["responseContext"]["functionError"], "Unhandled");
        assert_eq!(record["responsePayload"], json!({"errorMessage": "no", "errorType": "E"}));
        assert_eq!(
            (&*sent[1].target, sent[1].purpose, &*sent[1].body),
            ("letter", Purpose::DeadLetter, &b" {\"a\": 1}"[..])
        );
        let error = sent[1].error.clone().unwrap();
        assert_eq!((error.code, &*error.message), (200, "no"));
    }

    #[test]
    fn what_did_not_run_has_no_response() {
        let sent = sent(Condition::ZeroReservedConcurrency, 0, None);
        let record: Value = serde_json::from_slice(&sent[0].body).unwrap();
        assert_eq!(record["requestContext"]["condition"], "ZeroReservedConcurrency");
        assert!(record.get("responseContext").is_none() && record.get("responsePayload").is_none());
        assert_eq!(sent[1].error.as_ref().map(|error| error.code), Some(429));
    }

    #[test]
    fn any_answer_is_told_of_and_messages_are_cut_between_characters() {
        let sent = sent(Condition::RetriesExhausted, 1, Some(("not json", true)));
        let record: Value = serde_json::from_slice(&sent[0].body).unwrap();
        assert_eq!(record["responsePayload"], "not json");
        assert_eq!(sent[1].error.as_ref().unwrap().message, "not json");
        let answer = Answer {
            executed_version: Version::Latest,
            payload: format!("{}\u{e4}", "x".repeat(1_023)).into(),
            failed: true,
            trace_header: String::new(),
        };
        assert_eq!(error_message(&answer).len(), 1_023);
    }
}
