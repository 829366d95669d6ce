//! What .NET functions may rely on.
//!
//! The functions are compiled once, against an `Amazon.Lambda.Core` of the tests' own (`tests/dotnet`).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use hearth_runtimes::Language;
use hearth_runtimes::telemetry::Level;

use super::harness::{ARN, Answer, Call, Case, Init, Mode, check_pieces, request_id};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs a program of the repository that compiles C#.
fn compile(program: &str, arguments: &[&str]) {
    let output = Command::new(repository().join(program)).args(arguments).output().expect("the compiler");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A class library of one source, and what stands in for the assembly that it is compiled against.
pub(super) fn library(source: &str, name: &'static str) -> Vec<(&'static str, Vec<u8>)> {
    const CORE: &str = "Amazon.Lambda.Core.dll";
    let dir = tempfile::tempdir().expect("a folder");
    let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    let of = |name: &str| repository().join(name).to_string_lossy().into_owned();
    let (core, own) = (of("tests/dotnet/Amazon.Lambda.Core.cs"), of(source));
    compile("tests/dotnet/csc", &["-target:library", &format!("-out:{}", path(CORE)), &core]);
    let (reference, out) = (format!("-r:{}", path(CORE)), format!("-out:{}", path(name)));
    compile("tests/dotnet/csc", &["-target:library", "-nowarn:1998", &reference, &out, &own]);
    [CORE, name].map(|name| (name, std::fs::read(path(name)).expect("an assembly"))).to_vec()
}

fn functions() -> &'static [(&'static str, Vec<u8>)] {
    static BUILT: OnceLock<Vec<(&str, Vec<u8>)>> = OnceLock::new();
    BUILT.get_or_init(|| library("crates/runtimes/tests/contract/dotnet/Functions.cs", "Functions.dll"))
}

fn handler(name: &'static str) -> Case {
    let case = Case::new(Language::Dotnet, "appsettings.json", "{}", name);
    functions().iter().fold(case, |case, (path, content)| case.bytes(path, content))
}

/// For what depends neither on the version nor on the way: starting .NET takes its time.
trait Once {
    fn once(self) -> Self;
}

impl Once for Case {
    fn once(self) -> Self {
        self.on(|major| major >= 5).over_the_channel()
    }
}

macro_rules! of {
    ($method:literal) => {
        handler(concat!("Functions::Contract.Functions::", $method))
    };
}

const TRACE: Option<Level> = Some(Level::Trace);
const INFO: Option<Level> = Some(Level::Info);
const WARN: Option<Level> = Some(Level::Warn);
const ERROR: Option<Level> = Some(Level::Error);
const FATAL: Option<Level> = Some(Level::Fatal);

const ORDER: &str = "{\"name\":\"Ada\",\"Count\":1}";

/// The repository's assembly is what the repository's sources say.
#[test]
fn the_bootstrap_is_what_its_sources_make() {
    let dir = tempfile::tempdir().expect("a folder");
    compile("runtimes/dotnet/build", &[&dir.path().to_string_lossy()]);
    let built = std::fs::read(dir.path().join("Hearth.Runtime.dll")).expect("an assembly");
    let packed = std::fs::read(repository().join("runtimes/dotnet/Hearth.Runtime.dll")).expect("an assembly");
    assert!(built == packed, "runtimes/dotnet/Hearth.Runtime.dll is stale; run: runtimes/dotnet/build");
}

// ---- Events and results ---------------------------------------------------------------------------------------------

#[test]
fn every_form_of_handler_is_called() {
    of!("Poco").call(ORDER).returns(0, "{\"Name\":\"Ada!\",\"Count\":2}").check();
    of!("Static").call("{}").call("{}").returns(1, "2").once().check();
    of!("Async").call(ORDER).returns(0, "{\"name\":\"Ada\",\"ü\":\"é☃\"}").once().check();
    of!("AsyncStream").call("[1]").returns(0, "[1]").once().check();
    of!("Nothing").call(ORDER).returns(0, "null").once().check();
    of!("NothingAsync").call("{}").returns(0, "null").once().check();
    of!("Null").call("{}").returns(0, "null").once().check();
    of!("Private").call("{}").returns(0, "\"private\"").once().check();
    of!("Inherited").call(ORDER).returns(0, "\"from the base: Ada\"").once().check();
    of!("System.String Two(Contract.Order)").call(ORDER).returns(0, "\"order Ada\"").once().check();
    handler("Functions::Contract.Abstract::Static")
        .call("{}")
        .returns(0, "\"static of an abstract class\"")
        .once()
        .check();
    handler("Functions::Contract.Custom::Handle").call("\"a\"").returns(0, "<\"A\">").once().check();
}

#[test]
fn streams_are_the_event_and_the_answer_themselves() {
    check_pieces(of!("Echo"));
    of!("Kept").call("\"first\"").call("\"second\"").returns(0, "").returns(1, "\"first\"").check();
}

#[test]
fn the_context_has_every_field() {
    let stream = "2026/01/01/[$LATEST]00000000000000000000000000000000";
    let fixed = format!("\"{ARN}\",\"/aws/lambda/f\",\"{stream}\",\"f\",128,\"$LATEST\"");
    of!("Context")
        .call_with(Call {
            event: b"{}".to_vec(),
            trace_id: "Root=1-2-3",
            client_context: "{\"client\":{\"app_title\":\"t\"},\"custom\":{\"a\":\"b\"},\"env\":{\"locale\":\"de\"}}",
            identity: "{\"cognitoIdentityId\":\"i\"}",
            tenant_id: "blue",
            ..Call::default()
        })
        .call("{}")
        .returns(
            0,
            &format!(
                "[\"{}\",{fixed},\"i\",\"t\",\"b\",\"de\",\"blue\",\"Root=1-2-3\",true,\"Root=1-2-3\"]",
                request_id(0)
            ),
        )
        .returns(1, &format!("[\"{}\",{fixed},null,null,null,null,null,null,true,null]", request_id(1)))
        .same_when_parked()
        .check();
}

// ---- Failures -------------------------------------------------------------------------------------------------------

trait Failing {
    fn fails_as(self, number: usize, error_type: &'static str, check: fn(&serde_json::Value)) -> Self;
    fn refused(self, message: &'static str) -> Self;
}

impl Failing for Case {
    fn fails_as(self, number: usize, error_type: &'static str, check: fn(&serde_json::Value)) -> Self {
        self.expect(move |_, seen| match seen.answers.get(number) {
            Some(Answer::Failure { error_type: told, document }) => {
                assert_eq!(told, error_type);
                let document: serde_json::Value = serde_json::from_slice(document).expect("JSON");
                assert_eq!(document["errorType"], error_type);
                let trace = document["stackTrace"].to_string();
                for own in ["Hearth.", "System.Reflection.", "RuntimeMethodHandle", "InvokeStub"] {
                    assert!(!trace.contains(own), "the trace shows the bootstrap: {trace}");
                }
                check(&document);
            }
            other => panic!("expected a failure, found {other:?}"),
        })
    }

    /// Init failed because the handler cannot be one.
    fn refused(self, message: &'static str) -> Self {
        self.expect(move |_, seen| {
            let Init::Failed { error_type, document } = &seen.init else { panic!("expected a failed init") };
            let document: serde_json::Value = serde_json::from_slice(document).expect("JSON");
            assert_eq!(error_type, "LambdaValidationException");
            let said = document["errorMessage"].as_str().unwrap_or_default();
            assert!(said.starts_with(message), "{said:?} does not begin with {message:?}");
            assert_eq!(seen.exit, Some(1));
        })
    }
}

#[test]
fn an_exception_is_reported_with_its_causes() {
    of!("Fail")
        .call(ORDER)
        .call("{\"name\":\"fine\"}")
        .fails_as(0, "InvalidOperationException", |document| {
            assert_eq!(document["errorMessage"], "outer ü");
            assert_eq!(document["cause"]["errorType"], "ArgumentException");
            assert_eq!(document["cause"]["errorMessage"], "inner Ada");
            let keys: Vec<_> = document.as_object().expect("an object").keys().collect();
            assert_eq!(keys, ["errorType", "errorMessage", "stackTrace", "cause"]);
            let trace = document["stackTrace"].as_array().expect("a trace");
            assert_eq!(trace.len(), 1);
            assert!(trace[0].as_str().is_some_and(|line| line.starts_with("at Contract.Functions.Fail(Order order)")));
        })
        .returns(1, "\"fine\"")
        .check();
    of!("FailAsync")
        .call("{}")
        .fails_as(0, "FormatException", |document| assert_eq!(document["errorMessage"], "later"))
        .check();
    of!("FailTogether")
        .call("{}")
        .fails_as(0, "AggregateException", |document| {
            assert_eq!(document["cause"]["errorMessage"], "one");
            assert_eq!(document["causes"][1]["errorType"], "TimeoutException");
        })
        .expect(|_, seen| {
            // What it holds is told after the frames, none of which may be the bootstrap's.
            let told: Vec<_> = seen.logs.iter().filter(|(_, text)| text.contains("several")).collect();
            assert!(matches!(told[..], [(_, text)] if text.contains("TimeoutException: two") && !text.contains("Hearth.Runtime")), "{told:?}");
        })
        .over_the_channel()
        .once()
        .check();
    of!("FailHuge")
        .call("{}")
        .fails_as(0, "Exception", |document| {
            assert_eq!(document["errorMessage"], "Exception exceeded maximum payload size of 256KB.");
        })
        .once()
        .check();
}

#[test]
fn an_event_that_does_not_fit_fails_the_invocation_and_no_more() {
    of!("Poco")
        .call("[1]")
        .call("nope")
        .call(ORDER)
        .fails_as(0, "JsonException", |_| ())
        .fails_as(1, "JsonException", |_| ())
        .returns(2, "{\"Name\":\"Ada!\",\"Count\":2}")
        .check();
}

#[test]
fn an_exit_ends_the_runtime() {
    of!("Exit").call("{}").exits(7).expect(|_, seen| assert_eq!(seen.answers[0], Answer::Gone)).check();
}

#[test]
fn a_handler_that_cannot_be_one_is_refused() {
    let check = |name: &'static str, message: &'static str| handler(name).refused(message).once().check();
    check(
        "Functions::Contract.Functions",
        "Invalid lambda function handler: 'Functions::Contract.Functions'. The valid",
    );
    check(
        "::Contract.Functions::Echo",
        "Invalid lambda function handler: '::Contract.Functions::Echo', the assembly is missing.",
    );
    check(
        "Nope::Contract.Functions::Echo",
        "Could not find the specified handler assembly with the file name 'Nope, Culture=",
    );
    check("Functions::Contract.Nope::Echo", "Unable to load type 'Contract.Nope' from assembly 'Functions'.");
    check(
        "Functions::Contract.Functions::Nope",
        "Unable to find method 'Nope' in type 'Contract.Functions' from assembly",
    );
    check(
        "Functions::Contract.Functions::Two",
        "The method 'Two' in type 'Contract.Functions' appears to have a number of",
    );
    check(
        "Functions::Contract.Functions::Three",
        "Method 'Three' of type 'Contract.Functions' is not supported: the method has",
    );
    check(
        "Functions::Contract.Functions::Second",
        "Method 'Second' of type 'Contract.Functions' is not supported: the method",
    );
    check(
        "Functions::Contract.Functions::AsyncVoid",
        "The method 'AsyncVoid' cannot be used as a Lambda Handler because it is an",
    );
    check(
        "Functions::Contract.Functions::Generic",
        "The method 'Generic' cannot be used as a Lambda Handler because it is a",
    );
    check(
        "Functions::Contract.Abstract::Instance",
        "The instance method 'Instance' cannot be used as a Lambda Handler because",
    );
}

#[test]
fn a_class_that_cannot_be_made_is_the_functions_own_failure() {
    handler("Functions::Contract.Broken::Handle")
        .expect(|_, seen| {
            let Init::Failed { error_type, document } = &seen.init else { panic!("expected a failed init") };
            assert_eq!(error_type, "ArgumentException");
            assert!(String::from_utf8_lossy(document).contains("cannot be made"));
        })
        .check();
    handler("Functions::Contract.BrokenStatically::Handle")
        .expect(|_, seen| {
            let Init::Failed { document, .. } = &seen.init else { panic!("expected a failed init") };
            let document: serde_json::Value = serde_json::from_slice(document).expect("JSON");
            assert_eq!(document["errorType"], "TypeInitializationException");
            assert_eq!(document["cause"]["errorMessage"], "cannot be initialised");
        })
        .check();
}

// ---- Logs -----------------------------------------------------------------------------------------------------------

#[test]
fn the_logger_and_the_console_write_lambdas_text() {
    of!("Log")
        .call("{}")
        .logs(&[
            (INFO, "{time}\t{id0}\tinfo\tinfo\n"),
            (WARN, "{time}\t{id0}\twarn\ttwo\nlines\n"),
            (ERROR, "{time}\t{id0}\tfail\terror\n"),
            (FATAL, "{time}\t{id0}\tcrit\tcritical\n"),
            (INFO, "{time}\t{id0}\tinfo\tline\n"),
            (WARN, "{time}\t{id0}\twarn\tlevel\n"),
            (ERROR, "{time}\t{id0}\tfail\tenum\n"),
            (None, "{time}\t{id0}\todd\tunknown\n"),
            (None, "{time}\t{id0}\tstatic\n"),
            (WARN, "{time}\t{id0}\twarn\tstatic level\n"),
            (INFO, "{time}\t{id0}\tinfo\tconsole 1\n"),
            (ERROR, "{time}\t{id0}\tfail\terror\n"),
            (None, "raw text\n"),
            (None, "and"),
        ])
        .same_when_parked()
        .check();
    of!("Log")
        .variable("AWS_LAMBDA_HANDLER_LOG_LEVEL", "Trace")
        .variable("AWS_LAMBDA_HANDLER_LOG_FORMAT", "Unformatted")
        .call("{}")
        .expect(|_, seen| {
            if seen.mode != Mode::Http {
                assert_eq!(seen.logs[..2], [(TRACE, "trace\n".into()), (Some(Level::Debug), "debug\n".into())]);
            }
        })
        .check();
}

#[test]
fn templates_are_filled_in() {
    of!("Templates")
        .call("{}")
        .expect(|_, seen| {
            if seen.mode == Mode::Http {
                return;
            }
            let said: Vec<_> = seen.logs.iter().filter_map(|(_, text)| text.splitn(4, '\t').nth(3)).collect();
            assert_eq!(said[0], "Ada bought 007 of { a = 1 } {kept}} {missing}\n");
            assert_eq!(said[1], "a and 2.5 and a\n");
            assert_eq!(said[2], "{list} {map} 01AB {none} {time}\n");
            assert_eq!(said[3], "no {holes} without values\n");
            assert_eq!(said[4], "it failed 1\nSystem.FormatException: bad\n");
        })
        .check();
}

#[test]
fn json_is_written_where_the_function_asks_for_it() {
    let head = "{\"timestamp\":\"{time}\",\"level\":\"Information\",\"requestId\":\"{id0}\",\"message\":";
    let expected = [
        (
            INFO,
            format!(
                "{head}\"Ada bought 007 of {{ a = 1 }} {{kept}}}} {{missing}}\",\"name\":\"Ada\",\"count\":\"007\",\
                 \"thing\":{{\"a\":1}}}}\n"
            ),
        ),
        (INFO, format!("{head}\"a and 2.5 and a\",\"0\":\"a\",\"1\":2.5}}\n")),
        (
            INFO,
            format!(
                "{head}\"{{list}} {{map}} 01AB {{none}} {{time}}\",\"list\":[1,2],\"map\":{{\"k\":true}},\
                 \"bytes\":\"01AB\",\"when\":\"{{time}}\"}}\n"
            ),
        ),
        (INFO, format!("{head}\"no {{holes}} without values\"}}\n")),
        (
            ERROR,
            format!(
                "{},\"n\":1,\"errorType\":\"System.FormatException\",\"errorMessage\":\"bad\",\
                 \"stackTrace\":[\"System.FormatException: bad\"]}}\n",
                head.replace("Information", "Error") + "\"it failed 1\""
            ),
        ),
    ];
    let expected: Vec<_> = expected.iter().map(|(level, text)| (*level, text.as_str())).collect();
    of!("Templates").variable("AWS_LAMBDA_LOG_FORMAT", "JSON").call("{}").logs(&expected).check();
    of!("Log")
        .variable("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .variable("AWS_LAMBDA_LOG_LEVEL", "FATAL")
        .call("{}")
        .expect(|_, seen| {
            if seen.mode != Mode::Http {
                let leveled: Vec<_> = seen.logs.iter().filter_map(|(level, _)| *level).collect();
                assert_eq!(leveled, [Level::Fatal]);
            }
        })
        .check();
}

#[test]
fn a_failure_is_logged() {
    of!("FailHuge")
        .call("{}")
        .expect(|_, seen| {
            if seen.mode != Mode::Http {
                assert_eq!(seen.logs[0].0, ERROR);
                assert!(seen.logs[0].1.starts_with("{time}\t{id0}\tfail\tSystem.Exception: xxx"));
            }
        })
        .once()
        .check();
    handler("Functions::Contract.Broken::Handle")
        .expect(|_, seen| {
            if seen.mode != Mode::Http {
                assert!(
                    seen.logs[0].1.starts_with("{time}\t\tfail\tSystem.ArgumentException: cannot be made"),
                    "{seen:?}"
                );
            }
        })
        .check();
}

// ---- Surroundings ---------------------------------------------------------------------------------------------------

#[test]
fn a_parked_process_becomes_the_function() {
    of!("Surroundings")
        .variable("TABLE", "täble")
        .variable("TZ", "Asia/Tokyo")
        .call("{}")
        .expect(|_, seen| {
            let Answer::Result(body) = &seen.answers[0] else { panic!("no result") };
            let seen: serde_json::Value = serde_json::from_slice(body).expect("JSON");
            let variables = seen[0].to_string();
            assert!(variables.contains("TABLE=täble") && !variables.contains("_HEARTH"), "{variables}");
            assert!(!variables.contains("TELEMETRY"), "{variables}");
            assert_eq!((&seen[2], &seen[4]), (&9.into(), &"täble".into()));
        })
        .over_the_channel()
        .same_when_parked()
        .check();
}

#[test]
fn descriptors_of_the_platform_are_not_inherited() {
    // .NET Core 3.1 has a socket of its own that it lets through.
    of!("Child").on(|major| major >= 5).call("{}").returns(0, "[]").check();
}
