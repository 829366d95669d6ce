//! What Java functions may rely on.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use hearth_runtimes::Language;
use hearth_runtimes::telemetry::Level;

use super::harness::{ARN, Answer, Call, Case, Init, Mode, bootstrap_folder, check_pieces, interpreters, request_id};

type Files = Vec<(String, Vec<u8>)>;

/// The classes of a folder of sources, compiled once against the interfaces that the bootstrap brings.
fn compiled(sources: &str, release: &str) -> Files {
    let jdk = interpreters().iter().rfind(|one| one.language == Language::Java).expect("a JDK");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract/java").join(sources);
    let out = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(jdk.executable().with_file_name("javac"));
    command
        .args(["-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC", "-nowarn", "-g", "--release", release, "-d"])
        .arg(out.path());
    command.arg("-cp").arg(jar());
    let done = command.args(entries(&folder)).output().expect("run javac");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let package = out.path().join(sources);
    let read = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        (format!("{sources}/{name}"), std::fs::read(path).expect("a class"))
    };
    entries(&package).iter().map(read).collect()
}

fn jar() -> PathBuf {
    let folders = entries(&bootstrap_folder(Language::Java));
    folders.iter().map(|folder| folder.join("hearth.jar")).find(|jar| jar.exists()).expect("a compiled bootstrap")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let found = std::fs::read_dir(folder).expect("a folder");
    let mut found: Vec<_> = found.map(|entry| entry.expect("an entry").path()).collect();
    found.sort();
    found
}

fn java(handler: &'static str) -> Case {
    static CLASSES: OnceLock<Files> = OnceLock::new();
    let classes = CLASSES.get_or_init(|| compiled("contract", "11"));
    classes.iter().fold(Case::empty(Language::Java, handler), |case, (path, bytes)| case.bytes(path, bytes))
}

const EVENT: &str = "{}";

trait Failing {
    fn fails_as(self, header: &'static str, document: &'static str) -> Self;
    fn init_fails_as(self, document: &'static str) -> Self;
}

/// The document without its traces, none of which may show the bootstrap.
fn traceless(document: &[u8]) -> String {
    fn strip(value: &mut serde_json::Value) {
        let Some(object) = value.as_object_mut() else { return };
        if let Some(trace) = object.get_mut("stackTrace") {
            assert!(!trace.to_string().contains("hearth.runtime"), "the trace shows the bootstrap: {trace}");
            *trace = serde_json::json!(trace.as_array().and_then(|frames| frames.first()).map_or("", |_| "traced"));
        }
        object.get_mut("cause").into_iter().for_each(strip);
    }
    let mut value = serde_json::from_slice(document).expect("an error document in JSON");
    strip(&mut value);
    value.to_string()
}

impl Failing for Case {
    fn fails_as(self, header: &'static str, document: &'static str) -> Self {
        self.expect(move |_, seen| match seen.answers.first() {
            Some(Answer::Failure { error_type, document: found }) => {
                assert_eq!((error_type.as_str(), traceless(found).as_str()), (header, document));
            }
            other => panic!("expected a failure, found {other:?}"),
        })
    }

    fn init_fails_as(self, document: &'static str) -> Self {
        self.expect(move |_, seen| match &seen.init {
            Init::Failed { error_type, document: found } => {
                assert_eq!((error_type.as_str(), traceless(found).as_str()), ("Runtime.BadFunctionCode", document));
                assert_eq!(seen.exit, Some(1));
            }
            other => panic!("expected a failed init, found {other:?}"),
        })
    }
}

// ---- Events and results ---------------------------------------------------------------------------------------------

#[test]
fn any_event_comes_back_as_it_went_in() {
    let events = ["{\"a\":[1,2.5,true,{\"b\":\"ü😀\"}]}", "\"text\"", "12345678901234567890", "[]", "null", "1.0E10"];
    let case = events
        .into_iter()
        .enumerate()
        .fold(java("contract.Functions::same"), |case, (number, event)| case.call(event).returns(number, event));
    case.check();
}

#[test]
fn events_that_arrive_in_pieces_are_put_together() {
    check_pieces(java("contract.Functions::same"));
}

#[test]
fn classes_by_their_getters_setters_and_fields() {
    let order = "{\"name\":\"n\",\"value\":4,\"URLPath\":\"/x\",\"paid\":true,\"parts\":[{\"name\":\"p\",\"value\":1000}],\
                 \"byUnit\":{\"DAYS\":[3,1]},\"price\":1.10,\"data\":\"AQI=\",\"note\":\"hi\",\"numbers\":[1,2],\
                 \"id\":\"00000000-0000-0001-0000-000000000002\",\"at\":\"1970-01-01T00:00:05.5Z\",\"unknown\":[{}]}";
    let expected = "{\"name\":\"n\",\"value\":4,\"URLPath\":\"/x\",\"paid\":true,\"parts\":[{\"name\":\"p\",\"value\":1000}],\
                    \"byUnit\":{\"DAYS\":[3,1]},\"price\":1.10,\"data\":\"AQI=\",\"note\":\"hi\",\"numbers\":[1,2],\
                    \"id\":\"00000000-0000-0001-0000-000000000002\",\"at\":5.500000000}";
    java("contract.Functions$Typed")
        .call(order)
        .call("{}")
        .returns(0, expected)
        .returns(1, "{\"paid\":false,\"note\":null}")
        .check();
    java("contract.Functions$Typed::handleRequest")
        .call("{\"value\":\"7\"}")
        .returns(0, "{\"value\":7,\"paid\":false,\"note\":null}")
        .check();
    java("contract.Functions$Inherited").call("{}").returns(0, "\"Order\"").check();
    let list = "[{\"name\":\"a\",\"value\":\"b\"}]";
    java("contract.Functions::list").call(list).returns(0, list).check();
}

#[test]
fn records() {
    static CLASSES: OnceLock<Files> = OnceLock::new();
    let classes = CLASSES.get_or_init(|| compiled("recent", "17"));
    let case = Case::empty(Language::Java, "recent.Records::handle").on(|number| number >= 17);
    let case = classes.iter().fold(case, |case, (path, bytes)| case.bytes(path, bytes));
    case.call("{\"points\":[{\"x\":1,\"name\":\"a\",\"z\":0}],\"closed\":true}")
        .returns(0, "{\"points\":[{\"x\":1,\"name\":\"a\"}],\"closed\":true,\"count\":1}")
        .call("{}")
        .expect(|_, seen| assert!(matches!(seen.answers.get(1), Some(Answer::Failure { .. }))))
        .check();
}

/// AWS's runtime reads with Jackson, set to be forgiving; each of these is what it makes of the event.
#[test]
fn events_that_nearly_fit_are_taken() {
    #[track_caller]
    fn check(event: &'static str, expected: &'static str) {
        java("contract.Functions::loose").over_the_channel().call(event).returns(0, expected).check();
    }
    check(
        "{\"texts\":\"one\",\"numbers\":7,\"unit\":\"NONE\",\"boxed\":\"\",\"whole\":\"\",\"day\":[2020,1,2],\
         \"part\":[{\"name\":[\"n\"]}],\"ID\":\"i\",\"id\":\"j\"}",
        "{\"texts\":[\"one\"],\"numbers\":[7],\"whole\":0,\"day\":[2020,1,2],\"part\":{\"name\":\"n\"},\"ID\":\"i\"}",
    );
    check(
        "{\"texts\":\"\",\"numbers\":\"\",\"unit\":\"4\",\"boxed\":\"null\",\"day\":\"2020-01-02\",\"part\":[]}",
        "{\"unit\":\"MINUTES\",\"whole\":3,\"day\":[2020,1,2]}",
    );
    for event in ["\"\"", "[]", "null"] {
        check(event, "null");
    }
    for event in ["{}", "1", "null"] {
        java("contract.Functions$Nothing").over_the_channel().call(event).returns(0, "\"null\"").check();
    }
}

#[test]
fn results_are_written_as_the_declared_type() {
    let forms = [
        ("declared", "{\"orders\":[{\"name\":\"n\"}]}"),
        ("undeclared", "[{\"value\":{\"name\":\"n\",\"paid\":false,\"note\":null,\"numbers\":[1]}}]"),
        (
            "times",
            "[[2020,1,2],[2020,1,2,3,4,5,600],[3,4],1577930645.000000600,7.000000000,1.500000000,2020,\"Europe/Berlin\",\
             \"file:///tmp/\",{\"1970-01-01T00:00:00.000+00:00\":{\"key\":1}}]",
        ),
    ];
    for (method, expected) in forms {
        let handler: &'static str = format!("contract.Functions::{method}").leak();
        java(handler).over_the_channel().call("[]").returns(0, expected).check();
    }
}

#[test]
fn single_values_are_converted() {
    let event = "{\"whole\":\"41\",\"cut\":1.5,\"none\":null,\"boxed\":1e3,\"noBox\":null,\"fraction\":1,\
                 \"truth\":\"true\",\"letter\":\"x\",\"text\":12}";
    let expected = "{\"whole\":41,\"cut\":1,\"none\":0,\"boxed\":1000,\"fraction\":1.0,\"truth\":true,\
                    \"letter\":\"x\",\"text\":\"12\"}";
    java("contract.Functions::singles").call(event).returns(0, expected).check();
}

#[test]
fn methods_of_every_form() {
    let forms: [(&str, &str); 4] = [("fixed", "\"x128\""), ("none", "\"none\""), ("nothing", "null"), ("length", "3")];
    for (method, expected) in forms {
        let handler: &'static str = format!("contract.Functions::{method}").leak();
        java(handler).over_the_channel().call("\"x\"").returns(0, expected).check();
    }
}

#[test]
fn values_that_json_has_no_form_for() {
    let expected = "{\"float\":1.0,\"large\":1.0E10,\"nan\":\"NaN\",\"date\":5,\"instant\":5.500000000,\"decimal\":1E+3,\
                    \"enum\":\"DAYS\",\"class\":\"java.lang.String\",\"bytes\":\"AQI=\",\
                    \"text\":\"\\u0001\u{2028}\\uD800<😀\\\"\",\"object\":{}}";
    java("contract.Functions::values").call(EVENT).returns(0, expected).check();
    let expected = "{\"errorMessage\":\"An error occurred during JSON serialization of response\",\
                    \"errorType\":\"java.lang.RuntimeException\",\"stackTrace\":\"\",\"cause\":{\"errorMessage\":\
                    \"more than 1000 objects within each other, perhaps in a circle\",\
                    \"errorType\":\"java.lang.IllegalArgumentException\",\"stackTrace\":\"\"}}";
    java("contract.Functions::circle").call(EVENT).fails_as("Runtime.UserException", expected).check();
}

#[test]
fn events_that_do_not_fit_say_where() {
    #[track_caller]
    fn check(handler: &'static str, events: &[(&str, &'static str)]) {
        let mut case = java(handler).over_the_channel();
        for (number, &(event, expected)) in events.iter().enumerate() {
            case = case.call(event).expect(move |_, seen| match seen.answers.get(number) {
                Some(Answer::Failure { document, .. }) => {
                    let found: serde_json::Value = serde_json::from_slice(document).expect("JSON");
                    assert_eq!(found["errorMessage"], "An error occurred during JSON parsing");
                    assert_eq!(found["cause"]["errorMessage"], expected);
                }
                other => panic!("expected a failure, found {other:?}"),
            });
        }
        case.check();
    }
    check(
        "contract.Functions$Typed",
        &[
            (
                "{\"parts\":[{},{\"value\":\"soon\"}]}",
                "expected a value for java.util.Date, found soon at event.parts[1].value",
            ),
            ("[1,2]", "expected a value for contract.Functions$Order, found an array"),
            ("{\"a\" 1}", "expected a colon, found '1' at byte 5"),
            (&"[".repeat(100_000), "more than 1000 objects and arrays within each other"),
            ("", "expected a value, found the end at byte 0"),
            ("{}}", "expected the end, found '}' at byte 2"),
        ],
    );
    check(
        "contract.Functions::number",
        &[
            ("1e999999999", "expected a value for int, found 1E+999999999"),
            ("3000000000", "expected a value for int, found 3000000000"),
            ("01", "expected a number, found 01 at byte 0"),
        ],
    );
}

#[test]
fn a_serializer_of_the_functions_own() {
    java("contract.Functions::fixed")
        .file("META-INF/services/com.amazonaws.services.lambda.runtime.CustomPojoSerializer", "contract.Own\n")
        .call("1")
        .returns(0, "<own 1128>")
        .check();
}

// ---- Handlers -------------------------------------------------------------------------------------------------------

#[test]
fn handlers_that_read_and_write_bytes() {
    for handler in ["contract.Functions$Streams", "contract.Functions::copy"] {
        java(handler).call("{\"a\": 1}").call("\"\"").returns(0, "{\"a\": 1}").returns(1, "\"\"").check();
    }
}

#[test]
fn of_overloads_the_longest_that_ends_with_a_context() {
    java("contract.Functions::over").call("\"x\"").returns(0, "\"two, with a context\"").check();
}

#[test]
fn a_handler_that_cannot_be_one_fails_each_invocation() {
    #[track_caller]
    fn check(handler: &'static str, document: &'static str) {
        let expected = document;
        java(handler).over_the_channel().call("\"x\"").fails_as("Runtime.BadFunctionCode", expected).check();
    }
    check(
        "contract.Functions",
        r#"{"errorMessage":"Class does not implement an appropriate handler interface: contract.Functions"}"#,
    );
    check("::x", r#"{"errorMessage":"Invalid handler: `::x'"}"#);
    check(
        "no.Where::x",
        r#"{"errorMessage":"Class not found: no.Where","errorType":"java.lang.ClassNotFoundException"}"#,
    );
    check(
        "contract.Functions::nope",
        r#"{"errorMessage":"No public method named nope with appropriate method signature found on class contract.Functions"}"#,
    );
    check(
        "contract.Functions::tooMany",
        r#"{"errorMessage":"No public method named tooMany with appropriate method signature found on class contract.Functions"}"#,
    );
    check(
        "contract.Functions$Open",
        r#"{"errorMessage":"Class contract.Functions$Open does not implement RequestHandler with concrete type parameters: parameter T has no upper bound."}"#,
    );
    check(
        "contract.Functions$NeedsMore::handle",
        r#"{"errorMessage":"Class contract.Functions$NeedsMore has no public zero-argument constructor","errorType":"java.lang.Exception"}"#,
    );
    check(
        "contract.Functions$Inner::handle",
        r#"{"errorMessage":"Class contract.Functions$Inner cannot be instantiated because it is a non-static inner class","errorType":"java.lang.Exception"}"#,
    );
}

#[test]
fn what_the_functions_code_throws_before_its_handler_fails_the_init() {
    java("contract.Functions$Broken::handle")
        .init_fails_as(
            r#"{"errorMessage":"not today","errorType":"java.lang.IllegalArgumentException","stackTrace":"traced","cause":{"errorMessage":"because","errorType":"java.lang.IllegalStateException","stackTrace":"traced"}}"#,
        )
        .check();
    java("contract.Functions$BrokenClass::handle")
        .init_fails_as(
            r#"{"errorMessage":"Error loading class contract.Functions$BrokenClass","errorType":"java.lang.ExceptionInInitializerError","stackTrace":"traced","cause":{"errorMessage":"not today","errorType":"java.lang.IllegalArgumentException","stackTrace":"traced"}}"#,
        )
        .check();
}

// ---- Failures -------------------------------------------------------------------------------------------------------

#[test]
fn an_exception_with_its_cause_and_trace() {
    java("contract.Functions::fails")
        .call("\"why ä\"")
        .call("\"again\"")
        .fails_as(
            "Runtime.UserException",
            r#"{"errorMessage":"why ä","errorType":"contract.Functions$Problem","stackTrace":"traced","cause":{"errorMessage":"inner","errorType":"java.lang.IllegalStateException","stackTrace":"traced"}}"#,
        )
        .expect(|_, seen| {
            if seen.mode != Mode::Http {
                let (level, text) = &seen.logs[0];
                assert_eq!((seen.logs.len(), *level), (2, None));
                let start = "why ä: contract.Functions$Problem\ncontract.Functions$Problem: why ä\n\tat contract.Functions.fails(Functions.java:";
                assert!(text.starts_with(start) && text.contains("\nCaused by: java.lang.IllegalStateException: inner\n"), "{text}");
            }
        })
        .check();
}

#[test]
fn what_the_virtual_machine_throws_is_the_last_of_the_process() {
    java("contract.Functions::overflows")
        .call("\"x\"")
        .fails_as(
            "Runtime.UserException",
            r#"{"errorMessage":"java.lang.StackOverflowError","errorType":"java.lang.StackOverflowError","stackTrace":"traced"}"#,
        )
        .exits(1)
        .check();
    java("contract.Functions::exits").call("7").exits(7).check();
}

// ---- Context, logs, surroundings ------------------------------------------------------------------------------------

#[test]
fn the_context_has_what_the_platform_delivered() {
    let call = Call {
        event: EVENT.into(),
        trace_id: "Root=1-2-3",
        client_context: "{\"client\":{\"app_title\":\"t\"},\"custom\":{\"k\":\"v\"},\"env\":{}}",
        identity: "{\"cognitoIdentityId\":\"i\",\"cognitoIdentityPoolId\":\"p\"}",
        tenant_id: "blue",
        ..Call::default()
    };
    let (first, second) = (request_id(0), request_id(1));
    let names = "\"names\":[\"f\",\"$LATEST\",\"/aws/lambda/f\"]";
    let full = format!(
        "{{\"id\":\"{first}\",{names},\"arn\":\"{ARN}\",\"identity\":{{\"identityId\":\"i\",\"identityPoolId\":\"p\"}},\
         \"client\":{{\"client\":{{\"appTitle\":\"t\"}},\"custom\":{{\"k\":\"v\"}},\"environment\":{{}}}},\"tenant\":\"blue\",\
         \"trace\":\"Root=1-2-3\",\"property\":\"Root=1-2-3\",\"time\":true}}"
    );
    let bare = format!("{{\"id\":\"{second}\",{names},\"arn\":\"{ARN}\",\"time\":true}}");
    java("contract.Functions::context")
        .call_with(call)
        .call(EVENT)
        .expect(move |_, seen| {
            let found: Vec<_> = seen
                .answers
                .iter()
                .map(|answer| match answer {
                    Answer::Result(body) => serde_json::from_slice::<serde_json::Value>(body).expect("JSON"),
                    other => panic!("expected a result, found {other:?}"),
                })
                .collect();
            let wanted: Vec<serde_json::Value> =
                [&full, &bare].map(|text| serde_json::from_str(text).expect("JSON")).into();
            assert_eq!(found, wanted);
        })
        .check();
}

#[test]
fn output_and_records_keep_their_order() {
    use Level::{Debug, Error, Fatal, Info, Trace, Warn};
    java("contract.Functions::logs")
        .call(EVENT)
        .logs(&[
            (None, "begun\n"),
            (None, "two\n"),
            (None, "error\n"),
            (None, "plain"),
            (None, "of two\nlines"),
            (Some(Trace), "[TRACE] of two\nlines"),
            (Some(Debug), "[DEBUG] of two\nlines"),
            (Some(Info), "[INFO] of two\nlines"),
            (Some(Warn), "[WARN] of two\nlines"),
            (Some(Error), "[ERROR] of two\nlines"),
            (Some(Fatal), "[FATAL] of two\nlines"),
            (Some(Info), "ready"),
            (None, "open"),
        ])
        .check();
}

#[test]
fn records_in_json_from_a_level_on() {
    let record = |level: &str| {
        format!(
            "{{\"timestamp\":\"{{time}}\",\"message\":\"of two\\nlines\",\"level\":\"{level}\",\"AWSRequestId\":\"{{id0}}\"}}\n"
        )
    };
    let plain = record("UNDEFINED").replace("of two\\nlines", "plain");
    java("contract.Functions::logs")
        .variable("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .variable("AWS_LAMBDA_LOG_LEVEL", "ERROR")
        .call(EVENT)
        .logs(&[
            (None, "begun\n"),
            (None, "two\n"),
            (None, "error\n"),
            (None, plain.as_str()),
            (None, record("UNDEFINED").as_str()),
            (Some(Level::Error), record("ERROR").as_str()),
            (Some(Level::Fatal), record("FATAL").as_str()),
            (None, "open"),
        ])
        .check();
}

/// Variables, as Java and as its child processes see them, working folder, time zone: a process that was parked has the
/// function's. The folder of relative names is asked of the kernel, which no property of Java changes.
#[test]
fn a_function_cannot_tell_that_its_process_was_parked() {
    java("contract.Functions::around")
        .file("note.txt", "noted")
        .variable("OWN", "wert ä")
        .variable("TZ", "Asia/Tokyo")
        .call("\"x\"")
        .expect(|_, seen| match seen.answers.first() {
            Some(Answer::Result(body)) => {
                let found: serde_json::Value = serde_json::from_slice(body).expect("JSON");
                assert_eq!((&found["relative"], &found["zone"]), (&5.into(), &"Asia/Tokyo".into()));
                let child = found["child"].as_str().expect("a text");
                assert!(child.starts_with("{dir}/task\n") && child.contains("\nOWN=wert ä\n"), "{child}");
                for gone in ["HEARTH", "LC_ALL", "TELEMETRY"] {
                    assert!(!String::from_utf8_lossy(body).contains(gone), "{gone}");
                }
            }
            other => panic!("expected a result, found {other:?}"),
        })
        .over_the_channel()
        .same_when_parked()
        .check();
}

#[test]
fn hooks_around_a_snapshot() {
    java("contract.Functions$Hooked::handle")
        .variable("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
        .call(EVENT)
        .over_the_channel()
        .returns(0, "\"before-2 before-1 after-1 after-2 yes\"")
        .check();
    java("contract.Functions$Hooked::handle")
        .variable("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
        .variable("FAIL", "yes")
        .expect(|_, seen| match &seen.init {
            Init::Failed { error_type, .. } => {
                assert_eq!((error_type.as_str(), seen.exit), ("Runtime.BeforeCheckpointError", Some(64)));
            }
            other => panic!("expected a failed hook, found {other:?}"),
        })
        .check();
}
