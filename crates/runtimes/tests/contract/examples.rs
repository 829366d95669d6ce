//! The examples of this repository do what their pages say.

use hearth_runtimes::Language;

use super::harness::{Answer, Case, bootstrap_answers, request_id};

#[track_caller]
fn check(case: Case) {
    case.call("{\"name\":\"Ada\"}")
        .expect(|_, seen| match &seen.answers[0] {
            Answer::Result(body) => greets(body),
            other => panic!("{other:?}"),
        })
        .check();
}

fn greets(body: &[u8]) {
    let result: serde_json::Value = serde_json::from_slice(body).expect("JSON");
    assert_eq!(result["message"], "Hello, Ada!");
    assert_eq!(result["event"], serde_json::json!({"name": "Ada"}));
    assert_eq!(result["function"]["name"], "f");
    assert_eq!(result["invocation"]["request_id"], request_id(0));
    assert!(result["invocation"]["remaining_ms"].as_u64() > Some(1_000_000));
}

#[test]
fn hello_python_greets() {
    let code = include_str!("../../../../examples/hello-python/app.py");
    check(Case::new(Language::Python, "app.py", code, "app.handler"));
}

#[test]
fn hello_node_greets() {
    let code = include_str!("../../../../examples/hello-node/index.mjs");
    check(Case::new(Language::Node, "index.mjs", code, "index.handler"));
}

#[test]
fn hello_provided_is_a_runtime_of_its_own() {
    let bootstrap = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/hello-provided/bootstrap");
    let events = ["{\"name\":\"Adé\"}".to_owned(), format!("\"{}\"", "x".repeat(100_000))];
    for (number, answer) in bootstrap_answers(bootstrap, &events).into_iter().enumerate() {
        let Answer::Result(body) = answer else { panic!("{answer:?}") };
        let result: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(result["message"], "Hello from bash!");
        assert_eq!(result["event"].to_string(), events[number]);
        assert_eq!(result["request_id"], request_id(number));
    }
}
