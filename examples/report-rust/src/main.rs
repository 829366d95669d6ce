//! Makes a spreadsheet of rows: an Excel workbook with a header that stays in view, a filter, and sums below.
//!
//! Called directly, the answer is `{"name": ..., "workbook": <base64>, "rows": N}`. Behind a function URL the body of the
//! request is the wish, and the answer is the file.

mod workbook;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use lambda_runtime::{run, service_fn, Error, LambdaEvent};
use serde_json::{json, Value};

use workbook::Wish;

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let event = event.payload;
    if event.get("requestContext").is_some() {
        return Ok(by_http(&event));
    }
    let wish = Wish::of(event)?;
    let made = wish.workbook()?;
    eprintln!("made {} of {} rows, {} bytes", wish.file_name(), wish.rows.len(), made.len());
    Ok(json!({ "name": wish.file_name(), "workbook": STANDARD.encode(&made), "rows": wish.rows.len() }))
}

fn by_http(event: &Value) -> Value {
    let made = body(event).and_then(|wish| {
        let wish = Wish::of(wish)?;
        Ok((wish.file_name(), wish.workbook()?))
    });
    match made {
        Ok((name, bytes)) => json!({
            "statusCode": 200,
            "headers": {
                "content-type": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                "content-disposition": format!("attachment; filename=\"{name}\""),
            },
            "body": STANDARD.encode(bytes),
            "isBase64Encoded": true,
        }),
        Err(error) => json!({ "statusCode": 400, "headers": { "content-type": "text/plain" }, "body": error.to_string() }),
    }
}

fn body(event: &Value) -> Result<Value, Error> {
    let text = event["body"].as_str().ok_or("expected a body of JSON, found none")?;
    let decoded;
    let bytes = if event["isBase64Encoded"] == true {
        decoded = STANDARD.decode(text)?;
        decoded.as_slice()
    } else {
        text.as_bytes()
    };
    Ok(serde_json::from_slice(bytes)?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(handle)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Value {
        serde_json::from_str(include_str!("../event.json")).unwrap()
    }

    #[test]
    fn a_request_is_answered_with_the_file() {
        let request = json!({ "requestContext": {}, "body": event().to_string(), "isBase64Encoded": false });
        let answer = by_http(&request);
        assert_eq!(answer["statusCode"], 200);
        assert_eq!(answer["headers"]["content-disposition"], "attachment; filename=\"Sales.xlsx\"");
        let file = STANDARD.decode(answer["body"].as_str().unwrap()).unwrap();
        assert!(file.starts_with(b"PK"), "a workbook is a zip");
    }

    #[test]
    fn what_is_wrong_is_told() {
        for body in ["", "{", "{\"columns\": [\"a\"], \"rows\": [[1, 2]]}"] {
            let answer = by_http(&json!({ "requestContext": {}, "body": body }));
            assert_eq!(answer["statusCode"], 400, "{body}");
        }
    }
}
