//! A function's result as an answer.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hearth_wire::Response;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, SET_COOKIE};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::Malformed;

/// Headers of the answer's own transport: a function's are renamed.
const OWN: [&str; 9] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "transfer-encoding",
    "trailer",
    "upgrade",
    "x-amzn-requestid",
    "x-amzn-trace-id",
];
const REMAPPED: &str = "x-amzn-remapped-";

/// What a function says of its answer, apart from the body. Members are looked at one by one, so
/// that a refusal names the one that is wrong.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Said {
    status_code: Option<Value>,
    headers: Option<Value>,
    cookies: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Whole {
    #[serde(flatten)]
    said: Said,
    body: Option<Value>,
    is_base64_encoded: Option<Value>,
}

/// The answer to a request whose result came in one piece.
///
/// An object with a `statusCode` says what to answer; anything else is the answer. Text stands
/// without its quotes, and what is no JSON at all is passed on as it is.
pub(crate) fn of(payload: Bytes) -> Result<Response, Malformed> {
    let first = payload.iter().copied().find(|byte| !byte.is_ascii_whitespace());
    match first {
        Some(b'{') => match serde_json::from_slice::<Whole>(&payload) {
            Ok(whole) if whole.said.status_code.is_some() => shaped(whole),
            Ok(_) => Ok(ok(compact(&payload))),
            Err(_) => Ok(ok(payload)),
        },
        Some(b'"') => match serde_json::from_slice::<String>(&payload) {
            Ok(text) => Ok(ok(text.into())),
            Err(_) => Ok(ok(payload)),
        },
        _ if serde_json::from_slice::<IgnoredAny>(&payload).is_ok() => Ok(ok(compact(&payload))),
        _ => Ok(ok(payload)),
    }
}

fn ok(body: Bytes) -> Response {
    Response::bytes(StatusCode::OK, "application/json", body)
}

fn shaped(whole: Whole) -> Result<Response, Malformed> {
    let body = match whole.body {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        Some(other @ (Value::Number(_) | Value::Bool(_))) => other.to_string(),
        Some(other) => return Err(wrong("body", "text", &other)),
    };
    let is_base64 = match whole.is_base64_encoded {
        None | Some(Value::Null) => false,
        Some(Value::Bool(is_base64)) => is_base64,
        Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => true,
        Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => false,
        Some(other) => return Err(wrong("isBase64Encoded", "true or false", &other)),
    };
    let body = match is_base64 {
        false => body.into_bytes(),
        true => BASE64_STANDARD.decode(&body).map_err(|e| Malformed(format!("body: expected base64: {e}")))?,
    };
    let mut response = head(whole.said, "application/json")?;
    response.body = body.into();
    Ok(response)
}

/// Status and headers, with the content type that stands for none.
pub(super) fn head(said: Said, content_type: &'static str) -> Result<Response, Malformed> {
    let mut response = Response::empty(match said.status_code {
        None => StatusCode::OK,
        Some(value) => status(&value)?,
    });
    put_headers(&mut response.headers, said.headers)?;
    if !response.headers.contains_key(CONTENT_TYPE) {
        response.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    put_cookies(&mut response.headers, said.cookies)?;
    Ok(response)
}

/// Text will do.
fn status(value: &Value) -> Result<StatusCode, Malformed> {
    let number = match value {
        Value::String(text) => text.parse::<u16>().ok(),
        // Languages with one kind of number write 200.0.
        Value::Number(number) => number
            .as_f64()
            .filter(|number| (0.0..1_000.0).contains(number) && number.fract() == 0.0)
            // It is small and whole.
            .map(|number| {
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let number = number as u16;
                number
            }),
        _ => None,
    };
    // Answers below 200 are not the last.
    let status =
        number.filter(|number| (200..600).contains(number)).and_then(|number| StatusCode::from_u16(number).ok());
    status.ok_or_else(|| wrong("statusCode", "a number from 200 to 599", value))
}

fn put_headers(headers: &mut HeaderMap, said: Option<Value>) -> Result<(), Malformed> {
    let said = match said {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Object(said)) => said,
        Some(other) => return Err(wrong("headers", "an object", &other)),
    };
    for (name, value) in said {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text,
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            other => return Err(wrong(&format!("headers.{name}"), "text", &other)),
        };
        let lower = name.to_ascii_lowercase();
        let renamed = if OWN.contains(&lower.as_str()) { format!("{REMAPPED}{lower}") } else { lower };
        let bad = || Malformed(format!("headers.{name}: expected what can stand in a header, found {text:?}"));
        let name = HeaderName::try_from(renamed).map_err(|_| bad())?;
        headers.append(name, HeaderValue::from_bytes(text.as_bytes()).map_err(|_| bad())?);
    }
    Ok(())
}

fn put_cookies(headers: &mut HeaderMap, said: Option<Value>) -> Result<(), Malformed> {
    let said = match said {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Array(said)) => said,
        Some(other) => return Err(wrong("cookies", "a list", &other)),
    };
    for cookie in said {
        let value = cookie.as_str().and_then(|text| HeaderValue::from_bytes(text.as_bytes()).ok());
        headers.append(SET_COOKIE, value.ok_or_else(|| wrong("cookies", "what can stand in a header", &cookie))?);
    }
    Ok(())
}

fn wrong(member: &str, expected: &str, found: &Value) -> Malformed {
    let mut found = found.to_string();
    if found.len() > 64 {
        let end = (0..=64).rev().find(|at| found.is_char_boundary(*at)).unwrap_or_default();
        found.truncate(end);
        found.push_str("...");
    }
    Malformed(format!("{member}: expected {expected}, found {found}"))
}

/// JSON without the spaces between its tokens, as the service writes it anew.
fn compact(json: &Bytes) -> Bytes {
    if !json.iter().any(u8::is_ascii_whitespace) {
        return json.clone();
    }
    let (mut kept, mut in_text, mut escaped) = (Vec::with_capacity(json.len()), false, false);
    for byte in json {
        if in_text {
            (in_text, escaped) = (escaped || *byte != b'"', !escaped && *byte == b'\\');
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            in_text = *byte == b'"';
        }
        kept.push(*byte);
    }
    kept.into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(payload: &str, status: u16, content_type: &str, body: &str) {
        let found = of(Bytes::from(payload.to_owned())).unwrap();
        assert_eq!(found.status.as_u16(), status, "{payload}");
        assert_eq!(found.headers[CONTENT_TYPE], content_type, "{payload}");
        assert_eq!(found.body, body, "{payload}");
    }

    const JSON: &str = "application/json";

    #[test]
    fn what_says_nothing_of_http_is_the_answer() {
        check(r#"{"hello": "world"}"#, 200, JSON, r#"{"hello":"world"}"#);
        check(r#"["hello", 3, true]"#, 200, JSON, r#"["hello",3,true]"#);
        check(r#""hello""#, 200, JSON, "hello");
        check(r#""h\u00e9\"""#, 200, JSON, "hé\"");
        check("3", 200, JSON, "3");
        check("3.1", 200, JSON, "3.1");
        check("true", 200, JSON, "true");
        check("null", 200, JSON, "null");
        check(
            r#"{"a": "b \" c  d", "e": 100000000000000000000000000001}"#,
            200,
            JSON,
            r#"{"a":"b \" c  d","e":100000000000000000000000000001}"#,
        );
        check(r#"{"statusCode": null, "body": "x"}"#, 200, JSON, r#"{"statusCode":null,"body":"x"}"#);
    }

    #[test]
    fn what_is_no_json_is_passed_on() {
        for raw in ["", "hello", "{oops", "\"open", "<html> </html>"] {
            check(raw, 200, JSON, raw);
        }
    }

    #[test]
    fn an_answer_is_what_its_members_say() {
        check(r#"{"statusCode": 200, "body": "{\"hello\": \"world\"}"}"#, 200, JSON, r#"{"hello": "world"}"#);
        check(r#"{"statusCode": "418"}"#, 418, JSON, "");
        check(r#"{"statusCode": 201.0, "body": null}"#, 201, JSON, "");
        check(r#"{"statusCode": 200, "body": 7}"#, 200, JSON, "7");
        check(
            r#"{"statusCode": 200, "headers": {"Content-Type": "text/html"}, "body": "<p>"}"#,
            200,
            "text/html",
            "<p>",
        );
        check(r#"{"statusCode": 200, "isBase64Encoded": true, "body": "aGk="}"#, 200, JSON, "hi");
        check(r#"{"statusCode": 200, "isBase64Encoded": false, "body": "aGk="}"#, 200, JSON, "aGk=");
        check(r#"{"statusCode": 200, "body": "x", "more": [1]}"#, 200, JSON, "x");
    }

    #[test]
    fn headers_and_cookies() {
        let payload = r#"{"statusCode": 302, "headers": {"Location": "/a", "X-Number": 3, "X-None": null,
            "Content-Length": "99", "Connection": "close", "x-amzn-RequestId": "mine"},
            "cookies": ["a=1; HttpOnly", "b=2"]}"#;
        let found = of(Bytes::from_static(payload.as_bytes())).unwrap();
        for (name, value) in [
            ("location", "/a"),
            ("x-number", "3"),
            ("x-amzn-remapped-content-length", "99"),
            ("x-amzn-remapped-connection", "close"),
            ("x-amzn-remapped-x-amzn-requestid", "mine"),
        ] {
            assert_eq!(found.headers[name], value);
        }
        for absent in ["x-none", "content-length", "connection", "x-amzn-requestid"] {
            assert!(!found.headers.contains_key(absent), "{absent}");
        }
        assert_eq!(found.headers.get_all(SET_COOKIE).iter().collect::<Vec<_>>(), ["a=1; HttpOnly", "b=2"]);
    }

    #[track_caller]
    fn check_refused(payload: &str, expected: &str) {
        let found = of(Bytes::from(payload.to_owned())).expect_err("a refusal");
        assert_eq!(found, Malformed(expected.to_owned()), "{payload}");
    }

    #[test]
    fn answers_that_cannot_be() {
        for bad in ["true", "\"ok\"", "99", "100", "600", "200.5", "-1"] {
            check_refused(
                &format!(r#"{{"statusCode":{bad}}}"#),
                &format!("statusCode: expected a number from 200 to 599, found {bad}"),
            );
        }
        check_refused(r#"{"statusCode":200,"body":{"a":1}}"#, r#"body: expected text, found {"a":1}"#);
        check_refused(r#"{"statusCode":200,"headers":[]}"#, "headers: expected an object, found []");
        check_refused(r#"{"statusCode":200,"headers":{"a":["b"]}}"#, r#"headers.a: expected text, found ["b"]"#);
        check_refused(
            r#"{"statusCode":200,"headers":{"a b":"c"}}"#,
            r#"headers.a b: expected what can stand in a header, found "c""#,
        );
        check_refused(
            "{\"statusCode\":200,\"headers\":{\"a\":\"b\\nc\"}}",
            r#"headers.a: expected what can stand in a header, found "b\nc""#,
        );
        check_refused(r#"{"statusCode":200,"cookies":"a"}"#, r#"cookies: expected a list, found "a""#);
        check_refused(r#"{"statusCode":200,"cookies":[1]}"#, "cookies: expected what can stand in a header, found 1");
        check_refused(
            r#"{"statusCode":200,"isBase64Encoded":true,"body":"?"}"#,
            "body: expected base64: Invalid symbol 63, offset 0.",
        );
    }

    proptest::proptest! {
        #[test]
        fn any_result_is_answered_or_refused(payload in "[ -~]{0,60}") {
            let _ = of(Bytes::from(payload));
        }

        #[test]
        fn compact_json_means_the_same(text in "[ \"\\\\a-z\n]{0,20}", number in 0_i64..1_000) {
            let value = serde_json::json!({"a": [text, number], &text: null});
            let pretty = Bytes::from(serde_json::to_vec_pretty(&value).unwrap());
            proptest::prop_assert_eq!(compact(&pretty), Bytes::from(value.to_string()));
        }
    }
}
