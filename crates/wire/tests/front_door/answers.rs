//! Recognising, routing, rendering.

use crate::world::World;

/// A signature that open mode believes.
fn signed(key: &str, region: &str, service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={key}/20130524/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

#[tokio::test]
async fn an_operation_sees_labels_caller_and_endpoint() {
    let world = World::open().await;
    let authorization = signed("123456789012", "eu-west-1", "lambda");
    let uri = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Af/invocations?Qualifier=a%20b";
    let answer = world.ask("POST", uri, &[("authorization", &authorization)], b"{}").await;
    let endpoint = format!("http://127.0.0.1:{}", world.port);
    let expected = format!(
        "Invoke [FunctionName=arn:aws:lambda:eu-west-1:123456789012:function:f] 123456789012 eu-west-1 {endpoint} 2 \
         [(\"Qualifier\", \"a b\")] -"
    );
    assert_eq!((answer.status, answer.body.as_str()), (200, expected.as_str()));
    assert_eq!(answer.header("x-amzn-requestid"), answer.header("x-seen-id"));
    assert_eq!(answer.header("x-amzn-requestid").len(), 36);
    assert!(!answer.header("date").is_empty());
}

#[tokio::test]
async fn unsigned_requests_are_admitted_in_open_mode() {
    let world = World::open().await;
    let answer = world.ask("GET", "/2015-03-31/functions/f", &[], b"").await;
    assert!(answer.body.starts_with("GetFunction [FunctionName=f] 000000000000 us-east-1"), "{}", answer.body);
}

#[tokio::test]
async fn what_has_no_route() {
    let world = World::open().await;
    for (method, path) in [("GET", "/2015-03-31/nope"), ("PATCH", "/2015-03-31/functions/f")] {
        let answer = world.ask(method, path, &[], b"").await;
        assert_eq!((answer.status, answer.header("x-amzn-errortype")), (404, "UnknownOperationException"), "{path}");
    }
    let answer = world.ask("GET", "/", &[], b"").await;
    assert_eq!(answer.status, 404);
    assert!(answer.body.contains("Hearth serves lambda, logs"), "{}", answer.body);
}

#[tokio::test]
async fn json_operations_go_by_their_target() {
    let world = World::open().await;
    let authorization = signed("AKID", "us-east-1", "logs");
    let target = |name| [("authorization", authorization.as_str()), ("x-amz-target", name)];
    let answer = world.ask("POST", "/", &target("Logs_20140328.GetLogEvents"), b"{}").await;
    assert!(answer.body.starts_with("GetLogEvents [] 000000000000"), "{}", answer.body);
    let answer = world.ask("POST", "/", &target("Logs_20140328.Nope"), b"{}").await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.header("content-type"), "application/x-amz-json-1.1");
    assert!(answer.body.starts_with(r#"{"__type":"UnknownOperationException","message":"#), "{}", answer.body);
}

#[tokio::test]
async fn services_that_are_not_served_are_named_in_their_own_shape() {
    let world = World::open().await;
    let form = ("content-type", "application/x-www-form-urlencoded");
    let s3 = signed("AKID", "us-east-1", "s3");
    let answer = world.ask("PUT", "/bucket/key", &[("authorization", &s3)], b"data").await;
    assert_eq!(answer.status, 501);
    assert!(
        answer.body.contains("<Error><Code>NotImplemented</Code><Message>Hearth does not serve the AWS service s3")
    );
    let sns = signed("AKID", "us-east-1", "sns");
    let answer = world.ask("POST", "/", &[("authorization", &sns), form], b"Action=GetCallerIdentity").await;
    assert!(answer.body.contains("<ErrorResponse><Error>") && answer.body.contains("service sns"), "{}", answer.body);
    let dynamodb = signed("AKID", "us-east-1", "dynamodb");
    let target = ("x-amz-target", "DynamoDB_20120810.PutItem");
    let answer = world.ask("POST", "/", &[("authorization", &dynamodb), target], b"{}").await;
    assert!(answer.body.starts_with(r#"{"__type":"NotImplementedException""#), "{}", answer.body);
    // Unsigned, so told by its form alone.
    let answer = world.ask("POST", "/", &[form], b"Action=ListUsers&Version=2010-05-08").await;
    assert!(answer.body.contains("service iam"), "{}", answer.body);
}

#[tokio::test]
async fn a_region_that_is_none_is_refused() {
    let world = World::open().await;
    let authorization = signed("AKID", "nowhere", "lambda");
    let answer = world.ask("GET", "/2015-03-31/functions/f", &[("authorization", &authorization)], b"").await;
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (403, "InvalidSignatureException"));
    assert!(answer.body.contains("not 'nowhere'"), "{}", answer.body);
}

#[tokio::test]
async fn plain_routes() {
    let world = World::open().await;
    assert_eq!(world.ask("GET", "/_hearth/health", &[], b"").await.body, "/_hearth/health");
    assert_eq!(world.ask("GET", "/_hearth/code/a%2Fb?t=1", &[], b"").await.body, "/_hearth/code/a%2Fb");
    assert_eq!(world.ask("GET", "/_hearth/nope", &[], b"").await.status, 404);
}

#[tokio::test]
async fn what_goes_wrong_inside_stays_inside() {
    let world = World::open().await;
    let mut client = world.connect().await;
    for path in ["/2015-03-31/panic", "/2015-03-31/fail"] {
        client.send("POST", path, &[], b"").await;
        let answer = client.answer().await.expect("an answer on the same connection");
        assert_eq!((answer.status, answer.header("x-amzn-errortype")), (500, "ServiceException"));
        assert!(!answer.body.contains("secret"), "{}", answer.body);
    }
}
