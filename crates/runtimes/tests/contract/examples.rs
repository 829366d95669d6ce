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
fn webhook_ruby_lets_through_what_is_signed() {
    let body = "{\"repository\":{\"full_name\":\"ada/engine\"},\"sender\":{\"login\":\"ada\"}}";
    // printf %s "$body" | openssl dgst -sha256 -hmac opensesame
    let good = "sha256=ee36fb25347ea9a1055c93220131eca99d9687c84d765de7b83f45c2edd37e52";
    let event = |signature: &str, kind: &str, body: &str| {
        serde_json::json!({"headers": {"X-Hub-Signature-256": signature, "X-GitHub-Event": kind}, "body": body})
            .to_string()
    };
    let check = |number: usize, status: u64, message: &'static str| {
        move |seen: &super::harness::Seen| {
            let Answer::Result(body) = &seen.answers[number] else { panic!("{seen:?}") };
            let result: serde_json::Value = serde_json::from_slice(body).expect("JSON");
            assert_eq!(result["statusCode"], status);
            assert!(result["body"].as_str().is_some_and(|text| text.contains(message)), "{result}");
        }
    };
    let checks = [check(0, 202, "accepted"), check(1, 401, "does not fit"), check(2, 401, "does not fit")];
    Case::new(Language::Ruby, "app.rb", include_str!("../../../../examples/webhook-ruby/app.rb"), "app.handler")
        .variable("WEBHOOK_SECRET", "opensesame")
        .call(&event(good, "push", body))
        .call(&event(&good.replace('0', "1"), "push", body))
        .call("{\"body\":\"{}\"}")
        .expect(move |_, seen| checks.iter().for_each(|check| check(seen)))
        .check();
}

#[test]
fn csv_report_dotnet_adds_up() {
    let event = "{\"csv\":\"region,amount\\nnorth,10\\nsouth,2.5\\n\\\"no,rth\\\",5\\nsouth,many\",\"sum\":\"amount\",\"by\":\"region\"}";
    let library = super::dotnet::library("examples/csv-report-dotnet/Function.cs", "CsvReport.dll");
    let case = Case::new(Language::Dotnet, "README.md", "", "CsvReport::CsvReport.Function::Handle");
    let case = library.iter().fold(case, |case, (path, content)| case.bytes(path, content));
    case.call(event)
        .expect(|_, seen| {
            let Answer::Result(body) = &seen.answers[0] else { panic!("{seen:?}") };
            let result: serde_json::Value = serde_json::from_slice(body).expect("JSON");
            assert_eq!(result["Total"], 17.5);
            assert_eq!((&result["Rows"], &result["Skipped"]), (&4.into(), &1.into()));
            assert_eq!(result["Groups"][0]["Name"], "no,rth");
            assert_eq!(
                result["Groups"][2],
                serde_json::json!({"Name": "south", "Rows": 1, "Total": 2.5, "Average": 2.5})
            );
        })
        .check();
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
