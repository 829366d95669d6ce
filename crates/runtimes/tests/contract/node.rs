//! What Node.js functions may rely on.

mod streams;

use hearth_runtimes::Language;
use hearth_runtimes::telemetry::Level;

use super::harness::{ARN, Answer, Call, Case, Init, Mode, check_pieces, request_id};

fn node(code: &str) -> Case {
    Case::new(Language::Node, "app.js", code, "app.handler")
}

/// An async handler of one expression.
fn returning(expression: &str) -> Case {
    node(&format!("exports.handler = async (event, context) => ({expression});")).call("{}")
}

/// A handler of several functions, of which the event names one. One process serves them all; starts are dear.
fn one_of(kind: &str, functions: &[String]) -> Case {
    node(&format!("const each = [{}]; exports.handler = {kind}(event) => each[event]();", functions.join(", ")))
}

/// A handler of the callback kind.
fn callback(body: &str) -> Case {
    node(&format!("exports.handler = (event, context, callback) => {{ {body} }};")).on(|major| major < 24)
}

const INFO: Option<Level> = Some(Level::Info);
const WARN: Option<Level> = Some(Level::Warn);
const ERROR: Option<Level> = Some(Level::Error);

// ---- Events and results ---------------------------------------------------------------------------------------------

#[test]
fn an_event_comes_back_as_it_went_in() {
    let events = ["{\"a\":[1,2.5,true,null,{\"b\":\"c\"}]}", "\"é☃😀\"", "[]", "null", "0"];
    let mut case = node("exports.handler = async (event) => event;");
    for (number, event) in events.into_iter().enumerate() {
        case = case.call(event).returns(number, event);
    }
    case.check();
}

#[test]
fn events_that_arrive_in_pieces_are_put_together() {
    check_pieces(node("exports.handler = async (event) => event;"));
}

#[test]
fn state_is_kept_between_invocations() {
    node("let count = 0; exports.handler = async () => ++count;")
        .call("{}")
        .call("{}")
        .call("{}")
        .returns(2, "3")
        .check();
}

#[test]
fn results_are_written_as_json_writes_them() {
    let results = [
        ("undefined", "null"),
        ("null", "null"),
        ("NaN", "null"),
        ("() => 1", "null"),
        ("''", "\"\""),
        ("false", "false"),
        ("[undefined, () => 1]", "[null,null]"),
        ("new Date(0)", "\"1970-01-01T00:00:00.000Z\""),
        ("new Map([[1, 2]])", "{}"),
        ("Buffer.from('hi')", "{\"type\":\"Buffer\",\"data\":[104,105]}"),
        ("{ toJSON: () => 5 }", "5"),
        ("'\\u2028é\\ud800'", "\"\u{2028}é\\ud800\""),
    ];
    let mut case = one_of("async ", &results.map(|(expression, _)| format!("() => ({expression})")));
    for (number, (_, expected)) in results.into_iter().enumerate() {
        case = case.call(&number.to_string()).returns(number, expected);
    }
    case.check();
}

#[test]
fn what_json_cannot_hold_fails_the_invocation_and_no_more() {
    let circle = "(() => { const circle = []; circle.push(circle); return circle; })()";
    let expressions = ["0", "10n", circle, "{ toJSON() { throw new Error('no'); } }"];
    let fails = |applies: fn(u64) -> bool, name: &str| {
        let mut case = one_of("async ", &expressions.map(|expression| format!("() => ({expression})"))).on(applies);
        for nth in 0..expressions.len() - 1 {
            case = case.call(&(nth + 1).to_string()).fails(2 * nth, name, "Unable to stringify response body", "");
            case = case.call("0").returns(2 * nth + 1, "0");
        }
        case.check();
    };
    fails(|major| major < 24, "Error");
    fails(|major| major >= 24, "Runtime.JSONStringifyError");
}

#[test]
fn six_megabytes_go_both_ways() {
    let event = format!("\"{}\"", "é".repeat(3 * 1024 * 1024 - 100));
    node("exports.handler = async (event) => event;")
        .call(&event)
        .call(&event)
        .returns(0, &event)
        .returns(1, &event)
        .check();
    returning("'x'.repeat(7000000)")
        .expect(|_, seen| assert!(matches!(&seen.answers[0], Answer::Result(body) if body.len() == 7_000_002)))
        .check();
}

#[test]
fn events_around_the_size_of_a_read_arrive_whole() {
    let sizes = [65_000, 65_300, 65_400, 65_536, 70_000, 131_072, 200_000];
    let mut case = node("exports.handler = async (event) => event.length;");
    for (number, size) in sizes.into_iter().enumerate() {
        case = case.call(&format!("\"{}\"", "x".repeat(size))).returns(number, &size.to_string());
    }
    case.check();
}

#[test]
fn results_around_the_size_of_a_write_arrive_whole() {
    let sizes = [21_000, 21_800, 21_850, 43_000, 65_400, 65_536, 66_000, 300_000];
    let mut case = node("exports.handler = async (event) => 'x'.repeat(event);");
    for (number, size) in sizes.into_iter().enumerate() {
        case = case.call(&size.to_string()).returns(number, &format!("\"{}\"", "x".repeat(size)));
    }
    case.check();
}

#[test]
fn thenables_are_promises() {
    node("exports.handler = () => ({ then(resolve) { resolve(9); } });").call("{}").returns(0, "9").check();
}

#[test]
fn the_event_loop_runs_between_and_during_invocations() {
    node(
        "let ticks = 0; setInterval(() => ticks++, 1).unref();\n\
          exports.handler = async () => { await new Promise((r) => setTimeout(r, 20)); return ticks > 0; };",
    )
    .call("{}")
    .call("{}")
    .returns(1, "true")
    .check();
}

// ---- Callbacks ------------------------------------------------------------------------------------------------------

#[test]
fn a_callback_answers_when_the_event_loop_is_empty() {
    callback("setTimeout(() => console.log('later'), 30); callback(null, event);")
        .call("1")
        .call("2")
        .returns(0, "1")
        .returns(1, "2")
        .logs(&[(INFO, "{time}\t{id0}\tINFO\tlater\n"), (INFO, "{time}\t{id1}\tINFO\tlater\n")])
        .check();
}

#[test]
fn a_callback_answers_at_once_when_told_to() {
    let body = "context.callbackWaitsForEmptyEventLoop = false; setInterval(() => {}, 1000); callback(null, event);";
    callback(body).call("1").call("2").returns(0, "1").returns(1, "2").check();
}

#[test]
fn the_first_answer_counts() {
    callback("callback(null, 1); callback(null, 2); callback(new Error('x'));")
        .call("0")
        .call("0")
        .returns(1, "1")
        .check();
    callback("context.succeed(1); context.succeed(2); context.fail('x');").call("0").call("0").returns(1, "1").check();
    callback("callback(null, 'first'); throw new Error('x');").call("0").returns(0, "\"first\"").check();
    node("exports.handler = async (event, context, callback) => { context.succeed('context'); return 'promise'; };")
        .on(|major| major < 24)
        .call("0")
        .returns(0, "\"context\"")
        .check();
}

#[test]
fn the_context_can_answer() {
    callback("context.done(null, { a: 1 });").call("0").returns(0, "{\"a\":1}").check();
    callback("context.done('reason');").call("0").fails(0, "string", "reason", "").check();
    callback("context.fail(new TypeError('t'));").call("0").fails(0, "TypeError", "t", "app.js").check();
    callback("context.fail();").call("0").fails(0, "string", "handled", "").check();
    callback("setInterval(() => {}, 1000); context.succeed(3);").call("0").call("0").returns(1, "3").check();
}

#[test]
fn callbacks_report_errors() {
    callback("callback(new RangeError('r'));").call("0").call("0").fails(1, "RangeError", "r", "app.js").check();
    callback("callback('text');").call("0").fails(0, "string", "text", "").check();
}

#[test]
fn a_synchronous_handler_that_never_calls_back_gives_null() {
    callback("return 5;").call("0").call("0").returns(0, "null").returns(1, "null").check();
    callback("setTimeout(() => callback(null, 7), 10); return 5;").call("0").returns(0, "7").check();
}

#[test]
fn node_24_has_no_callbacks() {
    let message = "ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. \
        You need to modify this function to use a supported handler signature to use Node.js 24 or later. \
        For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.";
    node("exports.handler = (event, context, callback) => callback(null, 1);")
        .on(|major| major >= 24)
        .init_fails("Runtime.CallbackHandlerDeprecated", message, "")
        .check();
    node("exports.handler = (event, context) => [typeof context.done, typeof context.succeed, 'fail' in context];")
        .on(|major| major >= 24)
        .call("{}")
        .returns(0, "[\"undefined\",\"undefined\",false]")
        .check();
}

// ---- The context ----------------------------------------------------------------------------------------------------

#[test]
fn the_context_has_every_field() {
    let call = Call {
        event: b"{}".to_vec(),
        trace_id: "Root=1",
        client_context: "{\"custom\":{\"a\":\"\u{e9}\"}}",
        identity: "{\"cognitoIdentityId\":\"ci\",\"cognitoIdentityPoolId\":\"pi\"}",
        tenant_id: "blue",
        ..Call::default()
    };
    let code = "exports.handler = async (event, context) => { const { callbackWaitsForEmptyEventLoop, ...rest } = context; return rest; };";
    let logs =
        "\"logGroupName\":\"/aws/lambda/f\",\"logStreamName\":\"2026/01/01/[$LATEST]00000000000000000000000000000000\"";
    let told = format!(
        "\"clientContext\":{{\"custom\":{{\"a\":\"é\"}}}},\
         \"identity\":{{\"cognitoIdentityId\":\"ci\",\"cognitoIdentityPoolId\":\"pi\"}},\
         \"invokedFunctionArn\":\"{ARN}\",\"awsRequestId\":\"{}\",\"tenantId\":\"blue\"",
        request_id(0)
    );
    let before_24 =
        format!("{{\"functionVersion\":\"$LATEST\",\"functionName\":\"f\",\"memoryLimitInMB\":\"128\",{logs},{told}}}");
    let since_24 = format!(
        "{{{told},\"xRayTraceId\":\"Root=1\",\"functionName\":\"f\",\"functionVersion\":\"$LATEST\",\
         \"memoryLimitInMB\":\"128\",{logs}}}"
    );
    node(code).on(|major| major < 24).call_with(call.clone()).returns(0, &before_24).check();
    node(code).on(|major| major >= 24).call_with(call).returns(0, &since_24).check();
}

#[test]
fn absent_parts_of_the_context_are_undefined() {
    returning("[context.clientContext, context.identity, context.tenantId].map((x) => typeof x)")
        .returns(0, "[\"undefined\",\"undefined\",\"undefined\"]")
        .check();
}

#[test]
fn the_remaining_time_counts_down() {
    let past = Call {
        event: b"{}".to_vec(),
        deadline_ms: Some(1000),
        ..Call::default()
    };
    let code = "exports.handler = async (event, context) => { const left = context.getRemainingTimeInMillis();\n\
        return [Math.abs(left - (4102444800000 - Date.now())) < 5000, left < 0]; };";
    node(code).call("{}").call_with(past).returns(0, "[true,false]").returns(1, "[false,true]").check();
}

#[test]
fn a_client_context_that_is_not_json_fails() {
    let call = Call {
        event: b"{}".to_vec(),
        client_context: "nope",
        ..Call::default()
    };
    returning("1")
        .call_with(call)
        .expect(|_, seen| match &seen.answers[1] {
            Answer::Failure { document, .. } => {
                let text = String::from_utf8_lossy(document);
                assert!(text.contains("Cannot parse ClientContext as json: SyntaxError: Unexpected token"), "{text}");
            }
            other => panic!("{other:?}"),
        })
        .check();
}

#[test]
fn the_trace_id_is_in_the_environment_while_there_is_one() {
    let traced = |trace_id| Call {
        event: b"{}".to_vec(),
        trace_id,
        ..Call::default()
    };
    node("exports.handler = async () => process.env._X_AMZN_TRACE_ID;")
        .call_with(traced("Root=1;Sampled=1"))
        .call("{}")
        .call_with(traced("Root=2"))
        .returns(0, "\"Root=1;Sampled=1\"")
        .returns(1, "null")
        .returns(2, "\"Root=2\"")
        .check();
}

// ---- Names and kinds of modules -------------------------------------------------------------------------------------

/// A module of the named file gives this, or fails with this.
fn module(file: &str, code: &str, handler: &'static str) -> Case {
    Case::new(Language::Node, file, code, handler).call("{}")
}

const ESM: &str = "export const handler = async () => import.meta.url.split('/task/')[1];";
const CJS: &str = "exports.handler = async () => __filename.split('/task/')[1];";

#[test]
fn modules_of_both_kinds_are_loaded() {
    module("app.mjs", ESM, "app.handler").returns(0, "\"app.mjs\"").check();
    module("app.cjs", CJS, "app.handler").returns(0, "\"app.cjs\"").check();
    let package = "{\"type\":\"module\"}";
    module("app.js", ESM, "app.handler").file("package.json", package).returns(0, "\"app.js\"").check();
    module("a/b/app.js", ESM, "a/b/app.handler").file("package.json", package).returns(0, "\"a/b/app.js\"").check();
    module("app.mjs", "const x = await Promise.resolve(5); export const handler = async () => x;", "app.handler")
        .returns(0, "5")
        .check();
    module("app.mjs", "export default async () => 'default';", "app.default").returns(0, "\"default\"").check();
    module("app", CJS, "app.handler").file("app.js", ESM).returns(0, "\"app\"").check();
    module("app/index.js", CJS, "app.handler").returns(0, "\"app/index.js\"").check();
}

#[test]
fn js_comes_before_mjs_before_cjs() {
    module("app.js", CJS, "app.handler").file("app.mjs", ESM).file("app.cjs", CJS).returns(0, "\"app.js\"").check();
    module("app.mjs", ESM, "app.handler").file("app.cjs", CJS).returns(0, "\"app.mjs\"").check();
}

#[test]
fn handlers_may_be_nested() {
    module("dir/sub/file.js", CJS, "dir/sub/file.handler").returns(0, "\"dir/sub/file.js\"").check();
    module("app.js", "exports.a = { b: { c: async () => 'abc' } };", "app.a.b.c").returns(0, "\"abc\"").check();
}

#[test]
fn packages_of_layers_are_found_through_node_path() {
    let code = "exports.handler = async () => require('layered').value;";
    node(code)
        .variable("NODE_PATH", "{task}/layer/node_modules")
        .file("layer/node_modules/layered/index.js", "exports.value = 'from the layer';")
        .call("{}")
        .returns(0, "\"from the layer\"")
        .check();
    node("")
        .handler("layered.handler")
        .variable("NODE_PATH", "{task}/layer/node_modules")
        .file("layer/node_modules/layered/index.js", "exports.handler = async () => 'handler of the layer';")
        .call("{}")
        .returns(0, "\"handler of the layer\"")
        .check();
}

#[test]
fn handlers_that_cannot_be_found_fail_the_init() {
    let dots = "'../app.handler' is not a valid handler name. Use absolute paths when specifying root directories in handler names.";
    for (name, error_type, message) in [
        ("app.nope", "Runtime.HandlerNotFound", "app.nope is undefined or not exported"),
        ("app.a.b", "Runtime.HandlerNotFound", "app.a.b is undefined or not exported"),
        ("app.number", "Runtime.HandlerNotFound", "app.number is not a function"),
        ("app", "Runtime.MalformedHandlerName", "Bad handler"),
        ("../app.handler", "Runtime.MalformedHandlerName", dots),
    ] {
        node("exports.number = 3;").handler(name).init_fails(error_type, message, "").check();
    }
}

#[test]
fn a_default_export_may_hold_the_handler_since_node_24() {
    let case = || module("app.mjs", "export default { handler: async () => 'held' };", "app.handler");
    case().on(|major| major >= 24).returns(0, "\"held\"").check();
    case()
        .on(|major| major < 24)
        .init_fails("Runtime.HandlerNotFound", "app.handler is undefined or not exported", "")
        .check();
}

/// Init failed with this type and a message that starts so.
fn init_fails_with(case: Case, error_type: &'static str, start: &'static str) {
    case.expect(move |_, seen| match &seen.init {
        Init::Failed { error_type: found, document } => {
            assert_eq!(found, error_type);
            let parsed: serde_json::Value = serde_json::from_slice(document).expect("JSON");
            let message = parsed["errorMessage"].as_str().expect("a message").to_owned();
            assert!(message.starts_with(start), "{message}");
        }
        other => panic!("{other:?}"),
    })
    .check();
}

#[test]
fn code_that_does_not_load_fails_the_init() {
    let missing = "Error: Cannot find module 'not-there'\nRequire stack:\n- ";
    init_fails_with(node("require('not-there');"), "Runtime.ImportModuleError", missing);
    init_fails_with(node("").handler("not-there.handler"), "Runtime.ImportModuleError", missing);
    init_fails_with(node("exports.handler = () => {"), "Runtime.UserCodeSyntaxError", "SyntaxError: ");
    init_fails_with(
        module("app.mjs", "import 'not-there';", "app.handler"),
        "Error",
        "Cannot find package 'not-there'",
    );
    init_fails_with(
        module("app.mjs", "export const a = ;", "app.handler"),
        "Runtime.UserCodeSyntaxError",
        "SyntaxError: ",
    );
    init_fails_with(
        module("app.mjs", "await Promise.reject(new TypeError('late'));", "app.handler"),
        "TypeError",
        "late",
    );
    node("throw new RangeError('at init');").init_fails("RangeError", "at init", "app.js").check();
    node("throw 'text';").init_fails("string", "text", "").check();
}

#[test]
fn es_modules_in_js_files_need_a_package_json_before_node_24() {
    let case = module("app.js", ESM, "app.handler").on(|major| major < 24);
    init_fails_with(case, "Runtime.UserCodeSyntaxError", "SyntaxError: ");
}

#[test]
fn node_24_finds_out_by_itself_what_a_js_file_is() {
    for await_or_not in ["", "await null;"] {
        let code = format!("{await_or_not} {ESM}");
        module("app.js", &code, "app.handler").on(|major| major >= 24).returns(0, "\"app.js\"").check();
    }
}

#[test]
fn a_rejection_during_init_fails_it() {
    let code = "Promise.reject(new Error('lost')); exports.handler = async () => 1;";
    node(code)
        .expect(|_, seen| match &seen.init {
            Init::Failed { error_type, document } => {
                assert_eq!(error_type, "Runtime.UnhandledPromiseRejection");
                assert!(String::from_utf8_lossy(document).contains("\"errorMessage\":\"Error: lost\""));
            }
            other => panic!("{other:?}"),
        })
        .exits(128)
        .check();
}

// ---- Failures -------------------------------------------------------------------------------------------------------

#[test]
fn errors_are_reported_however_they_are_raised() {
    let errors = [
        ("new TypeError('t')", "TypeError", "t", "TypeError: t\n    at "),
        ("Object.assign(new Error('x'), { name: 'MyName' })", "MyName", "x", ": x"),
        ("new (class Foo extends Error {})('foo')", "Error", "foo", ""),
        ("'text'", "string", "text", ""),
        ("42", "number", "42", ""),
        ("new Error('two\\nlines \\x7f')", "Error", "two\nlines %7F", ""),
    ];
    for kind in ["async ", ""] {
        let mut case = one_of(kind, &errors.map(|(error, ..)| format!("() => {{ throw {error}; }}")));
        for (nth, (_, error_type, message, trace)) in errors.into_iter().enumerate() {
            for number in [2 * nth, 2 * nth + 1] {
                case = case.call(&nth.to_string()).fails(number, error_type, message, trace);
            }
        }
        case.check();
    }
}

#[test]
fn look_alikes_of_errors_count_before_node_24() {
    let code = "exports.handler = async () => { throw { name: 'N', message: 'm', stack: 's' }; };";
    node(code).on(|major| major < 24).call("{}").fails(0, "N", "m", "s").check();
    node(code).on(|major| major >= 24).call("{}").fails(0, "object", "[object Object]", "").check();
}

#[test]
fn errors_without_a_stack_are_reported() {
    let fails = |applies: fn(u64) -> bool, expected: &'static str| {
        node("exports.handler = async () => { throw Object.assign(new Error('bare'), { stack: undefined }); };")
            .on(applies)
            .call("{}")
            .expect(move |_, seen| match &seen.answers[0] {
                Answer::Failure { document, .. } => assert_eq!(String::from_utf8_lossy(document), expected),
                other => panic!("{other:?}"),
            })
            .check();
    };
    fails(
        |major| major < 24,
        "{\"errorType\":\"handled\",\"errorMessage\":\"callback called with Error argument, but there was a problem \
         while retrieving one or more of its message, name, and stack\"}",
    );
    fails(|major| major >= 24, "{\"errorType\":\"Error\",\"errorMessage\":\"bare\",\"trace\":[]}");
}

#[test]
fn an_error_without_a_reason_is_reported_too() {
    let code = "exports.handler = () => Promise.reject();";
    node(code).on(|major| major < 24).call("{}").fails(0, "string", "handled", "").check();
    node(code).on(|major| major >= 24).call("{}").fails(0, "undefined", "undefined", "").check();
}

#[test]
fn an_exception_that_nobody_catches_fails_the_invocation_and_ends_the_process() {
    let code = "exports.handler = () => new Promise(() => { setTimeout(() => { throw new Error('lost'); }, 5); });";
    node(code).call("{}").fails(0, "Error", "lost", "app.js").exits(129).check();
}

#[test]
fn a_rejection_that_nobody_handles_fails_the_invocation_and_ends_the_process() {
    let code = "exports.handler = () => { Promise.reject(new Error('lost')); return new Promise((r) => setTimeout(r, 500)); };";
    node(code)
        .call("{}")
        .fails(0, "Runtime.UnhandledPromiseRejection", "Error: lost", "Runtime.UnhandledPromiseRejection: Error: lost")
        .exits(128)
        .check();
}

#[test]
fn a_rejection_after_the_answer_leaves_the_answer() {
    let code = "exports.handler = async () => { (async () => { throw new Error('lost'); })(); return 1; };";
    node(code).call("{}").returns(0, "1").exits(128).check();
}

#[test]
fn a_promise_that_never_settles_is_reported() {
    let message = "The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a \
        Promise that was never settled. For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes";
    node("exports.handler = () => new Promise(() => {});")
        .call("{}")
        .fails(0, "Runtime.NodeJsExit", message, "")
        .exits(13)
        .check();
}

#[test]
fn exiting_ends_the_process_and_reports_nothing() {
    node("exports.handler = async () => process.exit(3);")
        .call("{}")
        .exits(3)
        .expect(|_, seen| {
            assert_eq!(seen.answers, [Answer::Gone]);
        })
        .check();
    node("process.exit(4);").exits(4).expect(|_, seen| assert_eq!(seen.init, Init::Gone)).check();
}

#[test]
fn a_module_that_never_finishes_loading_ends_the_process() {
    module("app.mjs", "await new Promise(() => {}); export const handler = 1;", "app.handler")
        .exits(13)
        .expect(|_, seen| assert_eq!(seen.init, Init::Gone))
        .check();
}

#[test]
fn a_server_that_hangs_up_ends_the_process_quietly() {
    returning("1").returns(0, "1").expect(|_, seen| assert_eq!((seen.exit, seen.stderr.as_str()), (None, ""))).check();
}

#[test]
fn the_runtime_s_own_variables_are_gone() {
    node(
        "const own = (k) => /HEARTH|TELEMETRY/.test(k); const seen = Object.keys(process.env).filter(own);\n\
          exports.handler = async () => seen;",
    )
    .call("{}")
    .returns(0, "[]")
    .check();
}

// ---- Logs -----------------------------------------------------------------------------------------------------------

#[test]
fn console_records_have_time_request_id_and_level() {
    let code = "exports.handler = async () => { console.log('l', { a: 1 }); console.info('i %s', 5); console.warn('two\\nlines');\n\
        console.error('e'); console.debug('d'); console.trace('t'); console.fatal('f'); console.log(); process.stdout.write('raw\\n'); };";
    node(code)
        .call("{}")
        .logs(&[
            (INFO, "{time}\t{id0}\tINFO\tl { a: 1 }\n"),
            (INFO, "{time}\t{id0}\tINFO\ti 5\n"),
            (WARN, "{time}\t{id0}\tWARN\ttwo\nlines\n"),
            (ERROR, "{time}\t{id0}\tERROR\te\n"),
            (Some(Level::Debug), "{time}\t{id0}\tDEBUG\td\n"),
            (Some(Level::Trace), "{time}\t{id0}\tTRACE\tt\n"),
            (Some(Level::Fatal), "{time}\t{id0}\tFATAL\tf\n"),
            (INFO, "{time}\t{id0}\tINFO\tundefined\n"),
        ])
        .prints(
            "{time}\t{id0}\tINFO\tl { a: 1 }\n{time}\t{id0}\tINFO\ti 5\n{time}\t{id0}\tWARN\ttwo\rlines\n{time}\t{id0}\tERROR\te\n\
             {time}\t{id0}\tDEBUG\td\n{time}\t{id0}\tTRACE\tt\n{time}\t{id0}\tFATAL\tf\n{time}\t{id0}\tINFO\tundefined\nraw\n",
        )
        .expect(|_, seen| assert!(seen.mode == Mode::Http || seen.stdout == "raw\n"))
        .check();
}

#[test]
fn records_of_the_init_have_no_request_id() {
    let code = "console.log('at init'); exports.handler = async () => 1;";
    node(code).on(|major| major < 24).logs(&[(INFO, "{time}\tundefined\tINFO\tat init\n")]).check();
    node(code).on(|major| major >= 24).logs(&[(INFO, "{time}\t-\tINFO\tat init\n")]).check();
}

#[test]
fn a_configured_level_filters() {
    let code = "exports.handler = async () => { console.debug('d'); console.log('l'); console.warn('w'); console.fatal('f'); };";
    let (warn, fatal) = ("{time}\t{id0}\tWARN\tw\n", "{time}\t{id0}\tFATAL\tf\n");
    let fatal = (Some(Level::Fatal), fatal);
    node(code).variable("AWS_LAMBDA_LOG_LEVEL", "WARN").call("{}").logs(&[(WARN, warn), fatal]).check();
    node(code).variable("AWS_LAMBDA_LOG_LEVEL", "FATAL").call("{}").logs(&[fatal]).check();
}

#[test]
fn json_records_have_lambda_s_fields() {
    let code = "exports.handler = async () => { console.log('a', 'b'); console.log({ a: 1 }); const c = {}; c.c = c; console.log(c); };";
    let call = Call {
        event: b"{}".to_vec(),
        tenant_id: "blue",
        ..Call::default()
    };
    let start =
        "{\"timestamp\":\"{time}\",\"level\":\"INFO\",\"requestId\":\"{id0}\",\"tenantId\":\"blue\",\"message\":";
    let lines = [
        format!("{start}\"a b\"}}"),
        format!("{start}{{\"a\":1}}}}"),
        format!("{start}\"<ref *1> {{ c: [Circular *1] }}\"}}"),
    ];
    let logs: Vec<_> = lines.iter().map(|line| (INFO, line.as_str())).collect();
    let printed = lines.join("\n") + "\n";
    node(code).variable("AWS_LAMBDA_LOG_FORMAT", "JSON").call_with(call).logs(&logs).prints(&printed).check();
}

#[test]
fn json_records_unfold_errors() {
    let code = "exports.handler = async () => { const e = new RangeError('r'); e.stack = 'RangeError: r\\n    at x'; e.code = 'C';\n\
        console.error(e); console.error('while', e); };";
    let start = "{\"timestamp\":\"{time}\",\"level\":\"ERROR\",\"requestId\":\"{id0}\",\"message\":";
    let fields = "\"errorType\":\"RangeError\",\"errorMessage\":\"r\",\"stackTrace\":[\"RangeError: r\",\"    at x\"]";
    let alone = format!("{start}{{{fields},\"code\":\"C\"}}}}");
    node(code)
        .variable("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .call("{}")
        .expect(move |_, seen| {
            if seen.mode != Mode::Http {
                assert_eq!(seen.logs[0], (ERROR, alone.clone()));
                let second = &seen.logs[1].1;
                assert!(
                    second.starts_with(&format!("{start}\"while RangeError: r")) && second.contains(fields),
                    "{second}"
                );
            }
        })
        .check();
}

#[test]
fn a_failed_invocation_is_one_event() {
    let code = "exports.handler = async () => { const e = new Error('bad'); e.stack = 'Error: bad\\n    at x'; e.extra = [1]; throw e; };";
    let text = "{time}\t{id0}\tERROR\tInvoke Error \t{\"errorType\":\"Error\",\"errorMessage\":\"bad\",\"extra\":[1],\
        \"stack\":[\"Error: bad\",\"    at x\"]}\n";
    node(code).call("{}").logs(&[(ERROR, text)]).prints(text).check();
    let json = "{\"timestamp\":\"{time}\",\"level\":\"ERROR\",\"requestId\":\"{id0}\",\"message\":{\"errorType\":\"Error\",\
        \"errorMessage\":\"bad\",\"stackTrace\":[\"Error: bad\",\"    at x\"],\"extra\":[1]}}";
    node(code).variable("AWS_LAMBDA_LOG_FORMAT", "JSON").call("{}").logs(&[(ERROR, json)]).check();
}

#[test]
fn a_failed_init_is_one_event() {
    let code = "const e = new Error('bad'); e.stack = 's'; throw e;";
    let of = |id: &str, title: &str| {
        format!(
            "{{time}}\t{id}\tERROR\t{title} \t{{\"errorType\":\"Error\",\"errorMessage\":\"bad\",\"stack\":[\"s\"]}}\n"
        )
    };
    node(code).on(|major| major < 24).logs(&[(ERROR, &of("undefined", "Uncaught Exception"))]).check();
    node(code).on(|major| major >= 24).logs(&[(ERROR, &of("-", "Init Error"))]).check();
}

// ---- The end --------------------------------------------------------------------------------------------------------

#[test]
fn a_function_hears_of_its_shutdown() {
    node("process.on('SIGTERM', () => { console.log('bye'); process.exit(3); }); exports.handler = async () => 1;")
        .call("{}")
        .returns(0, "1")
        .logs(&[(INFO, "{time}\t{id0}\tINFO\tbye\n")])
        .terminated(3)
        .check();
    returning("1").returns(0, "1").terminated(-1).check();
}

// ---- Parked ---------------------------------------------------------------------------------------------------------

/// All that a function can see of its process, except what `docs/develop/runtime-channel.md` names.
#[test]
fn a_parked_process_looks_like_any_other() {
    let code = "const names = Object.getOwnPropertyNames(globalThis).sort(); const loaded = Object.keys(require.cache).map((name) => require('path').basename(name)).sort();\n\
        const inherited = require('child_process').execFileSync('/usr/bin/env').toString().split('\\n').sort();\n\
        exports.handler = async () => ({ names, loaded, inherited, environ: Object.entries(process.env).sort(),\n\
          argv: process.argv, execArgv: process.execArgv, execPath: process.execPath, cwd: process.cwd(), title: process.title,\n\
          paths: module.paths, global: require('module').globalPaths, found: require('found'), main: require.main.filename,\n\
          date: new Date(0).toString(), zone: Intl.DateTimeFormat().resolvedOptions(), locale: (1234.5).toLocaleString(),\n\
          listeners: process.eventNames().map((name) => [String(name), process.listenerCount(name)]).sort(),\n\
          descriptors: require('fs').readdirSync('/proc/self/fd').length, umask: process.umask(),\n\
          heap: require('v8').getHeapStatistics().heap_size_limit, report: process.report.excludeNetwork,\n\
          features: process.features, module: Object.keys(require('module')).sort() });";
    node(code)
        .file("lib/found.js", "module.exports = 'found';")
        .variable("TZ", "Asia/Tokyo")
        .variable("NODE_PATH", "{task}/lib")
        .variable("TEXT", "é\\\"\n ")
        .call("{}")
        .same_when_parked()
        .expect(|_, seen| match &seen.answers[0] {
            Answer::Result(body) => {
                let text = String::from_utf8_lossy(body);
                assert!(text.contains("\"date\":\"Thu Jan 01 1970 09:00:00 GMT+0900"), "{text}");
            }
            other => panic!("{other:?}"),
        })
        .check();
}

// ---- The global object ----------------------------------------------------------------------------------------------

#[test]
fn the_global_object_can_be_switched_off() {
    for (setting, expected) in
        [("", "object"), ("0", "object"), ("TRUE", "object"), ("1", "undefined"), ("true", "undefined")]
    {
        returning("typeof awslambda")
            .variable("AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA", setting)
            .returns(0, &format!("\"{expected}\""))
            .check();
    }
}

/// The code of a function that answers what the store knows, and of one that keeps values there.
const ASKS_THE_STORE: &str = "const store = awslambda.InvokeStore;\
    const before = [store.hasContext(), store.getRequestId()];\
    exports.handler = async () => { await null; \
      const kept = store.get('mine') ?? null; store.set('mine', 5);\
      let refused = ''; try { store.set(Symbol.for('_AWS_LAMBDA_REQUEST_ID'), 'x'); } catch (error) { refused = error.message; }\
      return [before, store.getRequestId(), store.getXRayTraceId(), store.getTenantId(), kept, store.get('mine'), refused]; };";

#[test]
fn libraries_learn_of_the_invocation_since_node_24() {
    let refused = "Cannot modify protected Lambda context field: Symbol(_AWS_LAMBDA_REQUEST_ID)";
    let expected =
        |number: usize, rest: &str| format!("[[false,\"-\"],\"{}\",{rest},null,5,\"{refused}\"]", request_id(number));
    node(ASKS_THE_STORE)
        .on(|major| major >= 24)
        .call_with(Call {
            event: b"{}".into(),
            trace_id: "Root=1",
            tenant_id: "blue",
            ..Call::default()
        })
        .call("{}")
        .returns(0, &expected(0, "\"Root=1\",\"blue\""))
        .returns(1, &expected(1, "null,null"))
        .check();
    returning("'InvokeStore' in awslambda").on(|major| major < 24).returns(0, "false").check();
}
