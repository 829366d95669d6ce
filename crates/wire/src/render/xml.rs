//! Errors of the XML protocols.
//!
//! Source: fact sheet "Neighbouring services", section 0.2.

use crate::error::ApiError;
use crate::response::Response;

/// `namespace` is left out when empty.
pub(super) fn query(error: &ApiError, namespace: &str, request_id: &str) -> Response {
    let fault = if error.status.is_server_error() { "Receiver" } else { "Sender" };
    let namespace = if namespace.is_empty() { String::new() } else { format!(" xmlns=\"{namespace}\"") };
    answer(
        error,
        format!(
            "<ErrorResponse{namespace}><Error><Type>{fault}</Type>{}</Error><RequestId>{request_id}</RequestId></ErrorResponse>",
            code_and_message(error)
        ),
    )
}

pub(super) fn ec2(error: &ApiError, request_id: &str) -> Response {
    answer(
        error,
        format!(
            "<Response><Errors><Error>{}</Error></Errors><RequestID>{request_id}</RequestID></Response>",
            code_and_message(error)
        ),
    )
}

pub(super) fn s3(error: &ApiError, request_id: &str) -> Response {
    let response = answer(
        error,
        format!("<Error>{}<RequestId>{request_id}</RequestId><HostId>hearth</HostId></Error>", code_and_message(error)),
    );
    response.with_header("x-amz-request-id", request_id)
}

fn code_and_message(error: &ApiError) -> String {
    let message = error.message.as_deref().unwrap_or_default();
    format!("<Code>{}</Code><Message>{}</Message>", escaped(&error.code), escaped(message))
}

fn answer(error: &ApiError, body: String) -> Response {
    let document = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}");
    Response::bytes(error.status, "text/xml", document.into())
}

/// Text that can stand in an element: markup escaped, what XML cannot hold replaced.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\t' | '\n' => out.push(char),
            '\r' => out.push_str("&#13;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn shapes() {
        let error = ApiError::user(StatusCode::NOT_IMPLEMENTED, "NotImplemented", "a <b> & c");
        let body = |response: Response| String::from_utf8(response.body.to_vec()).expect("text");
        assert!(body(query(&error, "", "id")).ends_with(
            "<ErrorResponse><Error><Type>Receiver</Type><Code>NotImplemented</Code>\
             <Message>a &lt;b&gt; &amp; c</Message></Error><RequestId>id</RequestId></ErrorResponse>"
        ));
        assert!(body(query(&error, "urn:n", "id")).contains("<ErrorResponse xmlns=\"urn:n\"><Error>"));
        assert!(body(ec2(&error, "id")).ends_with("</Error></Errors><RequestID>id</RequestID></Response>"));
        assert!(body(s3(&error, "id")).contains("<Error><Code>NotImplemented</Code>"));
    }
}
