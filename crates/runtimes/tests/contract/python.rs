//! What Python functions may rely on.

use hearth_runtimes::Language;
use hearth_runtimes::telemetry::Level;

use super::harness::{ARN, Answer, Call, Case, Init, Mode, check_pieces, request_id};

fn python(code: &str) -> Case {
    Case::new(Language::Python, "app.py", code, "app.handler")
}

/// A handler of one expression.
fn returning(expression: &str) -> Case {
    python(&format!("def handler(event, context):\n    return {expression}\n")).call("{}")
}

/// A handler of several expressions, of which the event names one. One process serves them all; starts are dear.
fn one_of<'a>(before: &str, expressions: impl IntoIterator<Item = &'a str>) -> Case {
    let each: String = expressions.into_iter().map(|expression| format!("    lambda: {expression},\n")).collect();
    python(&format!("{before}each = [\n{each}]\ndef handler(event, context):\n    return each[event]()\n"))
}

const INFO: Option<Level> = Some(Level::Info);
const WARN: Option<Level> = Some(Level::Warn);
const ERROR: Option<Level> = Some(Level::Error);

// ---- Events and results ---------------------------------------------------------------------------------------------

#[test]
fn an_event_comes_back_as_it_went_in() {
    let events = ["{\"a\": [1, 2.5, true, null, {\"b\": \"c\"}]}", "\"text\"", "12345678901234567890", "[]", "null"];
    let mut case = python("def handler(event, context):\n    return event\n");
    for (number, event) in events.into_iter().enumerate() {
        case = case.call(event).returns(number, event);
    }
    case.check();
}

#[test]
fn white_space_around_an_event_is_no_part_of_it() {
    python("def handler(event, context):\n    return event\n").call(" \n[1, 2] \t").returns(0, "[1, 2]").check();
}

#[test]
fn an_event_that_is_not_json_fails() {
    returning("event")
        .call("nope")
        .fails(1, "Runtime.UnmarshalError", "Unable to unmarshal input: Expecting value: line 1 column 1 (char 0)", "")
        .check();
}

#[test]
fn events_that_arrive_in_pieces_are_put_together() {
    check_pieces(python("def handler(event, context):\n    return event\n"));
}

#[test]
fn state_is_kept_between_invocations() {
    python("count = 0\ndef handler(event, context):\n    global count\n    count += 1\n    return count\n")
        .call("{}")
        .call("{}")
        .call("{}")
        .returns(2, "3")
        .check();
}

#[test]
fn results_are_written_as_lambda_writes_them() {
    let results = [
        ("None", "null"),
        ("''", "\"\""),
        ("True", "true"),
        ("(1, 2)", "[1, 2]"),
        ("{'a': {}, 'b': []}", "{\"a\": {}, \"b\": []}"),
        ("{1: 2, None: 3, True: 4, 1.5: 6}", "{\"1\": 4, \"null\": 3, \"1.5\": 6}"),
        (
            "[float('inf'), -float('inf'), float('nan'), 1e100, 1.0, 10**30]",
            "[Infinity, -Infinity, NaN, 1e+100, 1.0, 1000000000000000000000000000000]",
        ),
        ("__import__('decimal').Decimal('1.50')", "1.50"),
        (
            "[__import__('decimal').Decimal(x) for x in ('1E+3', 'NaN', '-Infinity', '-0')]",
            "[1E+3, NaN, -Infinity, -0]",
        ),
        ("{'b': b'hi'}", "{\"b\": \"hi\"}"),
        ("{b'k': 1}", "{\"k\": 1}"),
        ("__import__('enum').IntEnum('E', 'A B').B", "2"),
        ("__import__('collections').OrderedDict(b=1, a=2)", "{\"b\": 1, \"a\": 2}"),
    ];
    let mut case = one_of("", results.map(|(expression, _)| expression));
    for (number, (_, expected)) in results.into_iter().enumerate() {
        case = case.call(&number.to_string()).returns(number, expected);
    }
    case.check();
}

#[test]
fn named_tuples_are_objects() {
    let code = "from collections import namedtuple\nP = namedtuple('P', 'x y')\n\
        def handler(event, context):\n    return P(1, [P(2, None)])\n";
    python(code).call("{}").returns(0, "{\"x\": 1, \"y\": [{\"x\": 2, \"y\": null}]}").check();
    returning("{'u': __import__('urllib.parse').parse.urlparse('http://a/b?c')}")
        .returns(0, "{\"u\": {\"scheme\": \"http\", \"netloc\": \"a\", \"path\": \"/b\", \"params\": \"\", \"query\": \"c\", \"fragment\": \"\"}}")
        .check();
}

#[test]
fn characters_beyond_ascii_are_kept_since_3_12() {
    returning("'é☃😀\\u2028'").on(|minor| minor >= 12).returns(0, "\"é☃😀\u{2028}\"").check();
    returning("'é☃😀\\u2028'").on(|minor| minor < 12).returns(0, "\"\\u00e9\\u2603\\ud83d\\ude00\\u2028\"").check();
    returning("__import__('decimal').Decimal('0.1'), 'é'")
        .on(|minor| minor < 12)
        .returns(0, "[0.1, \"\\u00e9\"]")
        .check();
}

#[test]
fn bytes_are_the_response_itself() {
    let raw = Answer::Result(b"raw\xff\x00".to_vec());
    returning("b'raw\\xff\\x00'").expect(move |_, seen| assert_eq!(seen.answers[0], raw)).check();
}

#[test]
fn what_json_cannot_hold_fails_the_invocation_and_no_more() {
    let failures = [
        ("{1, 2}", "Object of type set is not JSON serializable"),
        ("object()", "Object of type object is not JSON serializable"),
        ("[datetime.datetime.now()]", "Object of type datetime is not JSON serializable"),
        ("{'x': complex(1, 2)}", "Object of type complex is not JSON serializable"),
        ("{'b': b'\\xff'}", "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        ("circle", "Circular reference detected"),
    ];
    let before = "import datetime\ncircle = []\ncircle.append(circle)\n";
    let mut case = one_of(before, std::iter::once("0").chain(failures.map(|(expression, _)| expression)));
    for (nth, (_, message)) in failures.into_iter().enumerate() {
        let message = format!("Unable to marshal response: {message}");
        case = case.call(&(nth + 1).to_string()).fails(2 * nth, "Runtime.MarshalError", &message, "");
        case = case.call("0").returns(2 * nth + 1, "0");
    }
    case.check();
}

#[test]
fn keys_that_are_no_keys_fail() {
    returning("{(1, 2): 3}")
        .expect(|_, seen| match &seen.answers[0] {
            Answer::Failure { error_type, document } => {
                assert_eq!(error_type, "Runtime.MarshalError");
                let text = String::from_utf8_lossy(document);
                assert!(text.contains("keys must be str, int, float, bool or None, not tuple"), "{text}");
            }
            other => panic!("{other:?}"),
        })
        .check();
}

#[test]
fn a_coroutine_is_no_result() {
    python("async def handler(event, context):\n    return 1\n")
        .call("{}")
        .fails(
            0,
            "Runtime.MarshalError",
            "Unable to marshal response: Object of type coroutine is not JSON serializable",
            "",
        )
        .check();
}

#[test]
fn six_megabytes_go_both_ways() {
    let text = "é".repeat(3 * 1024 * 1024 - 100);
    let event = format!("\"{text}\"");
    python("def handler(event, context):\n    return (event if context is None else event.encode())\n")
        .call(&event)
        .returns(0, &text)
        .check();
    returning("'x' * 7000000")
        .expect(|_, seen| assert!(matches!(&seen.answers[0], Answer::Result(body) if body.len() == 7_000_002)))
        .check();
}

#[test]
fn events_around_the_size_of_a_read_arrive_whole() {
    let sizes = [65_000, 65_300, 65_400, 65_536, 70_000, 131_072, 200_000];
    let mut case = python("def handler(event, context):\n    return len(event)\n");
    for (number, size) in sizes.into_iter().enumerate() {
        case = case.call(&format!("\"{}\"", "x".repeat(size))).returns(number, &size.to_string());
    }
    case.check();
}

// ---- The context ----------------------------------------------------------------------------------------------------

#[test]
fn the_context_has_every_field() {
    let code = "def handler(event, context):\n    return {k: v for k, v in vars(context).items() if k[0] != '_' and k != 'identity'}\n";
    let call = Call {
        event: b"{}".to_vec(),
        tenant_id: "blue",
        ..Call::default()
    };
    let expected = format!(
        "{{\"aws_request_id\": \"{}\", \"log_group_name\": \"/aws/lambda/f\", \
         \"log_stream_name\": \"2026/01/01/[$LATEST]00000000000000000000000000000000\", \"function_name\": \"f\", \
         \"memory_limit_in_mb\": \"128\", \"function_version\": \"$LATEST\", \"invoked_function_arn\": \"{ARN}\", \
         \"tenant_id\": \"blue\", \"client_context\": null}}",
        request_id(0)
    );
    python(code).call_with(call).returns(0, &expected).check();
}

#[test]
fn absent_parts_of_the_context_are_none() {
    returning(
        "[context.client_context, context.tenant_id, context.identity.cognito_identity_id, \
               context.identity.cognito_identity_pool_id, context.w3c()]",
    )
    .returns(0, "[null, null, null, null, {}]")
    .check();
}

#[test]
fn the_invoker_s_context_and_identity_are_objects() {
    let call = Call {
        event: b"{}".to_vec(),
        client_context: "{\"custom\":{\"a\":\"\u{e9}\"},\"env\":{\"b\":\"2\"},\"client\":{\"installation_id\":\"i\",\"app_title\":\"t\"},\
                         \"w3c\":{\"traceparent\":\"tp\",\"other\":\"x\"}}",
        identity: "{\"cognitoIdentityId\":\"ci\",\"cognitoIdentityPoolId\":\"pi\"}",
        ..Call::default()
    };
    let code = "def handler(event, context):\n    c = context.client_context\n\
        \x20   return [ord(c.custom['a']), c.env, c.client.installation_id, c.client.app_title, c.client.app_version_name,\n\
        \x20       c.client.app_version_code, c.client.app_package_name, context.identity.cognito_identity_id,\n\
        \x20       context.identity.cognito_identity_pool_id, context.w3c()]\n";
    let expected = "[233, {\"b\": \"2\"}, \"i\", \"t\", null, null, null, \"ci\", \"pi\", {\"traceparent\": \"tp\"}]";
    python(code).call_with(call).returns(0, expected).check();
}

#[test]
fn a_client_context_that_is_not_json_fails() {
    let call = Call {
        event: b"{}".to_vec(),
        client_context: "nope",
        ..Call::default()
    };
    let message = "Unable to parse Client Context JSON: Expecting value: line 1 column 1 (char 0)";
    returning("1").call_with(call).fails(1, "Runtime.LambdaContextUnmarshalError", message, "").check();
}

#[test]
fn the_remaining_time_counts_down_to_zero() {
    let past = Call {
        event: b"{}".to_vec(),
        deadline_ms: Some(1000),
        ..Call::default()
    };
    let code = "import time\ndef handler(event, context):\n    left = context.get_remaining_time_in_millis()\n\
        \x20   return [type(left).__name__, left == 0 or abs(left - (4102444800000 - time.time() * 1000)) < 5000, left > 0]\n";
    python(code)
        .call("{}")
        .call_with(past)
        .returns(0, "[\"int\", true, true]")
        .returns(1, "[\"int\", true, false]")
        .check();
}

#[test]
fn the_trace_id_is_in_the_environment_while_there_is_one() {
    let traced = |trace_id| Call {
        event: b"{}".to_vec(),
        trace_id,
        ..Call::default()
    };
    python("import os\ndef handler(event, context):\n    return os.environ.get('_X_AMZN_TRACE_ID')\n")
        .call_with(traced("Root=1;Sampled=1"))
        .call_with(traced("Root=2"))
        .call("{}")
        .call_with(traced("Root=2"))
        .returns(0, "\"Root=1;Sampled=1\"")
        .returns(1, "\"Root=2\"")
        .returns(2, "null")
        .returns(3, "\"Root=2\"")
        .check();
}

#[test]
fn a_context_prints_what_it_holds() {
    let expected = format!(
        "\"LambdaContext([aws_request_id={},log_group_name=/aws/lambda/f,\
         log_stream_name=2026/01/01/[$LATEST]00000000000000000000000000000000,function_name=f,memory_limit_in_mb=128,\
         function_version=$LATEST,invoked_function_arn={ARN},client_context=None,\
         identity=CognitoIdentity([cognito_identity_id=None,cognito_identity_pool_id=None]),tenant_id=None])\"",
        request_id(0)
    );
    returning("repr(context)").returns(0, &expected).check();
}

// ---- Names of handlers ----------------------------------------------------------------------------------------------

#[test]
fn handlers_are_found_in_folders_packages_and_modules() {
    let handler = "def handler(event, context):\n    return __name__\n";
    for (name, file, module) in [
        ("folder/mod.handler", "folder/mod.py", "folder.mod"),
        ("pkg.sub.mod.handler", "pkg/sub/mod.py", "pkg.sub.mod"),
        ("pkg.handler", "pkg/__init__.py", "pkg"),
    ] {
        python("").handler(name).file(file, handler).call("{}").returns(0, &format!("\"{module}\"")).check();
    }
}

#[test]
fn handlers_that_cannot_be_found_fail_the_init() {
    for (name, error_type, message) in [
        ("nope.handler", "Runtime.ImportModuleError", "Unable to import module 'nope': No module named 'nope'"),
        ("a.b.handler", "Runtime.ImportModuleError", "Unable to import module 'a.b': No module named 'a'"),
        ("app.nope", "Runtime.HandlerNotFound", "Handler 'nope' missing on module 'app'"),
        ("app", "Runtime.MalformedHandlerName", "Bad handler 'app': not enough values to unpack (expected 2, got 1)"),
        ("", "Runtime.MalformedHandlerName", "Bad handler '': not enough values to unpack (expected 2, got 1)"),
        ("sys.exit", "Runtime.BuiltInModuleConflict", "Cannot use built-in module sys as a handler module"),
    ] {
        python("x = 1").handler(name).init_fails(error_type, message, "").check();
    }
}

#[test]
fn code_that_does_not_load_fails_the_init() {
    python("import not_there\n")
        .init_fails("Runtime.ImportModuleError", "Unable to import module 'app': No module named 'not_there'", "")
        .check();
    python("raise RuntimeError('at init')\n")
        .init_fails("RuntimeError", "at init", "app.py\", line 1, in <module>")
        .check();
    python("def handler(:\n")
        .expect(|_, seen| match &seen.init {
            Init::Failed { error_type, document } => {
                let text = String::from_utf8_lossy(document);
                assert_eq!(error_type, "Runtime.UserCodeSyntaxError");
                assert!(text.contains("Syntax error in module 'app': "), "{text}");
                assert!(text.contains("app.py\\\" Line 1"), "{text}");
            }
            other => panic!("{other:?}"),
        })
        .exits(1)
        .check();
}

// ---- Failures -------------------------------------------------------------------------------------------------------

#[test]
fn an_exception_is_reported_with_its_own_frames_only() {
    let code = "class Broken(Exception):\n    pass\ndef inner():\n    raise Broken('a', 2)\ndef handler(event, context):\n    inner()\n";
    python(code)
        .call("{}")
        .call("{}")
        .fails(0, "Broken", "('a', 2)", "line 6, in handler\n    inner()\n")
        .fails(1, "Broken", "('a', 2)", "line 4, in inner")
        .check();
}

#[test]
fn odd_exceptions_are_reported_too() {
    let code = "class Mute(Exception):\n    def __str__(self): raise ValueError\n\
        def handler(event, context):\n    raise (Mute() if event else ValueError('\\ud800 é'))\n";
    python(code)
        .call("1")
        .call("0")
        .fails(0, "Mute", "<unprintable Mute object>", "in handler")
        .expect(|_, seen| match &seen.answers[1] {
            // serde_json refuses half of a surrogate pair, so this one is looked at as text.
            Answer::Failure { document, .. } => {
                let text = String::from_utf8_lossy(document);
                assert!(text.starts_with("{\"errorMessage\": \"\\ud800 "), "{text}");
            }
            other => panic!("{other:?}"),
        })
        .check();
    python("def handler(): pass\n")
        .call("{}")
        .fails(0, "TypeError", "handler() takes 0 positional arguments but 2 were given", "")
        .check();
}

#[test]
fn exiting_ends_the_process_and_reports_nothing() {
    for (statement, status) in [
        ("sys.exit(3)", 3),
        ("sys.exit()", 0),
        ("sys.exit('bye')", 1),
        ("exit(4)", 4),
        ("quit()", 0),
        ("os._exit(7)", 7),
        ("raise type('B', (BaseException,), {})()", 1),
    ] {
        let code = format!("import os, sys\ndef handler(event, context):\n    {statement}\n");
        python(&code).call("{}").exits(status).expect(|_, seen| assert_eq!(seen.answers, [Answer::Gone])).check();
        let at_init = format!("import os, sys\n{statement}\n");
        python(&at_init).exits(status).expect(|_, seen| assert_eq!(seen.init, Init::Gone)).check();
    }
}

#[test]
fn a_server_that_hangs_up_ends_the_process_quietly() {
    returning("1")
        .returns(0, "1")
        .expect(|_, seen| {
            assert_eq!((seen.exit, seen.stderr.as_str()), (None, ""));
        })
        .check();
}

// ---- The environment ------------------------------------------------------------------------------------------------

#[test]
fn the_runtime_s_own_variables_and_descriptors_are_gone() {
    let code = "import os, subprocess\nseen = sorted(k for k in os.environ if 'HEARTH' in k or 'TELEMETRY' in k)\n\
        inherited = subprocess.run(['/bin/ls', '/proc/self/fd'], capture_output=True, text=True).stdout.split()\n\
        def handler(event, context):\n    return [seen, inherited]\n";
    python(code).call("{}").returns(0, "[[], [\"0\", \"1\", \"2\", \"3\"]]").check();
}

#[test]
fn modules_are_searched_for_as_on_lambda() {
    let code = "import os, sys\ndef handler(event, context):\n    \
        return [p.replace(os.environ['LAMBDA_TASK_ROOT'], 'TASK') for p in sys.path[:4]]\n";
    python(code)
        .call("{}")
        .expect(|subject, seen| {
            let layer = format!("/opt/python/lib/python3.{}/site-packages", subject.number);
            let expected = format!("[\"TASK\", \"{layer}\", \"/opt/python\", \"/var/runtime\"]");
            assert_eq!(seen.answers[0], Answer::Result(expected.into_bytes()));
        })
        .check();
}

#[test]
fn pythonpath_and_its_sitecustomize_are_honoured() {
    python("import extra, sys\ndef handler(event, context):\n    return [extra.X, sys.customised]\n")
        .variable("PYTHONPATH", "{task}/more:/var/runtime")
        .file("more/extra.py", "X = 5\n")
        .file("more/sitecustomize.py", "import sys\nsys.customised = True\n")
        .call("{}")
        .returns(0, "[5, true]")
        .check();
}

#[test]
fn pth_files_of_the_code_are_not_processed() {
    python("import sys\ndef handler(event, context):\n    return any('elsewhere' in p for p in sys.path)\n")
        .file("x.pth", "/elsewhere\nimport sys; sys.path.append('/elsewhere')\n")
        .call("{}")
        .returns(0, "false")
        .check();
}

#[test]
fn the_function_s_modules_do_not_disturb_the_runtime() {
    python("import channel, codec, handler as other\ndef handler(event, context):\n    return [channel.A, codec.A, other.A]\n")
        .file("channel.py", "A = 1")
        .file("codec.py", "A = 2")
        .file("handler.py", "A = 3")
        .file("logging.py", "raise SystemError")
        .file("os.py", "raise SystemError")
        .call("{}")
        .returns(0, "[1, 2, 3]")
        .check();
}

#[test]
fn threads_and_child_processes_work() {
    let code = "import multiprocessing, os, threading\ndef child(q):\n    print('from the child')\n    q.put(os.getpid())\n\
        def handler(event, context):\n    context_ = multiprocessing.get_context('fork')\n    q = context_.SimpleQueue()\n\
        \x20   p = context_.Process(target=child, args=(q,))\n    p.start()\n    pid = q.get()\n    p.join()\n\
        \x20   found = []\n    t = threading.Thread(target=lambda: found.append(1))\n    t.start()\n    t.join()\n\
        \x20   return [pid == p.pid, p.exitcode, found]\n";
    python(code).call("{}").returns(0, "[true, 0, [1]]").logs(&[(None, "from the child\n")]).check();
}

#[test]
fn spawned_processes_do_not_start_the_runtime_again() {
    let code = "import multiprocessing, work\ndef handler(event, context):\n    spawn = multiprocessing.get_context('spawn')\n\
        \x20   p = spawn.Process(target=work.run)\n    p.start()\n    p.join()\n    return p.exitcode\n";
    python(code).file("work.py", "import os\ndef run():\n    os._exit(9)\n").call("{}").returns(0, "9").check();
}

// ---- Logs -----------------------------------------------------------------------------------------------------------

#[test]
fn prints_are_one_event_per_line() {
    let code = "import sys\nprint('at init')\ndef handler(event, context):\n    print('a\\nb\\rc')\n    print('no end', end='')\n\
        \x20   print(' of line', 1)\n    sys.stdout.write('x\\n')\n    sys.stdout.writelines(['1\\n', '2\\n'])\n\
        \x20   sys.stdout.buffer.write(b'bytes\\n')\n    print('é☃')\n    print('last', end='')\n";
    python(code)
        .call("{}")
        .logs(&[
            (None, "at init\n"),
            (None, "a\n"),
            (None, "b\rc\n"),
            (None, "no end of line 1\n"),
            (None, "x\n"),
            (None, "1\n"),
            (None, "2\n"),
            (None, "bytes\n"),
            (None, "é☃\n"),
            (None, "last"),
        ])
        .prints("at init\na\nb\rc\nno end of line 1\nx\n1\n2\nbytes\né☃\nlast")
        .check();
}

#[test]
fn descriptors_1_and_2_stay_usable() {
    let code = "import os, subprocess, sys\ndef handler(event, context):\n    os.write(1, b'raw\\n')\n\
        \x20   subprocess.run(['/bin/echo', 'child'])\n    os.write(sys.stderr.fileno(), b'raw 2\\n')\n\
        \x20   return [sys.stdout.fileno(), sys.stderr.fileno(), sys.stdout.isatty(), sys.stdout.encoding]\n";
    python(code)
        .call("{}")
        .returns(0, "[1, 2, false, \"utf-8\"]")
        .expect(|_, seen| assert_eq!((seen.stdout.as_str(), seen.stderr.as_str()), ("raw\nchild\n", "raw 2\n")))
        .check();
}

#[test]
fn streams_can_be_replaced_and_closed() {
    let code = "import contextlib, io, sys\ndef handler(event, context):\n    with contextlib.redirect_stdout(io.StringIO()) as out:\n\
        \x20       print('caught')\n    print('shown')\n    sys.stderr.close()\n    return out.getvalue()\n";
    python(code)
        .call("{}")
        .call("{}")
        .returns(0, "\"caught\\n\"")
        .logs(&[(None, "shown\n"), (None, "shown\n")])
        .check();
}

#[test]
fn log_records_have_level_time_and_request_id() {
    let code = "import logging\nlogging.warning('at init')\nlogger = logging.getLogger()\n\
        def handler(event, context):\n    logger.info('hidden')\n    logger.setLevel('INFO')\n    logger.info('shown %d', 1)\n\
        \x20   logging.getLogger('my.lib').error('two\\nlines')\n    logging.basicConfig(level='DEBUG')\n    logger.debug('hidden')\n";
    python(code)
        .call("{}")
        .logs(&[
            (None, "[WARNING]\t{time}\t\tat init\n"),
            (None, "[INFO]\t{time}\t{id0}\tshown 1\n"),
            (None, "[ERROR]\t{time}\t{id0}\ttwo\nlines\n"),
        ])
        .prints("[WARNING]\t{time}\t\tat init\n[INFO]\t{time}\t{id0}\tshown 1\n[ERROR]\t{time}\t{id0}\ttwo\nlines\n")
        .check();
}

#[test]
fn prints_and_log_records_keep_their_order() {
    let code = "import logging, sys\ndef handler(event, context):\n    for n in range(3):\n        print('p', n)\n        logging.warning(n)\n\
        \x20       print('e', n, file=sys.stderr)\n        context.log('c')\n";
    let logs: Vec<_> = (0..3)
        .flat_map(|n| {
            [format!("p {n}\n"), format!("[WARNING]\t{{time}}\t{{id0}}\t{n}\n"), format!("e {n}\n"), "c".to_owned()]
        })
        .collect();
    let logs: Vec<_> = logs.iter().map(|text| (None, text.as_str())).collect();
    python(code).call("{}").logs(&logs).check();
}

#[test]
fn a_configured_level_filters_and_is_named() {
    let code = "import logging\ndef handler(event, context):\n    logging.debug('d')\n    logging.info('i')\n    logging.warning('w')\n";
    let info = "[INFO]\t{time}\t{id0}\ti\n";
    let warning = "[WARNING]\t{time}\t{id0}\tw\n";
    let debug = "[DEBUG]\t{time}\t{id0}\td\n";
    for (level, expected) in [
        ("INFO", &[(INFO, info), (WARN, warning)][..]),
        ("WARN", &[(WARN, warning)]),
        ("FATAL", &[]),
        ("TRACE", &[(Some(Level::Debug), debug), (INFO, info), (WARN, warning)]),
    ] {
        python(code).variable("AWS_LAMBDA_LOG_LEVEL", level).call("{}").logs(expected).check();
    }
}

#[test]
fn json_records_have_lambda_s_fields() {
    let code = "import logging\nlogger = logging.getLogger('my')\n\
        def handler(event, context):\n    logger.warning('é %s', 1, extra={'order': 7, 'what': object, 'none': None})\n\
        \x20   logging.info({'a': 1})\n    logging.debug('hidden')\n";
    let call = Call {
        event: b"{}".to_vec(),
        tenant_id: "blue",
        ..Call::default()
    };
    python(code)
        .variable("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .variable("AWS_LAMBDA_LOG_LEVEL", "INFO")
        .call("{}")
        .call_with(call)
        .expect(|_, seen| {
            if seen.mode != Mode::Http {
                let expected = "{\"timestamp\": \"{time}\", \"level\": \"WARNING\", \"message\": \"é 1\", \"logger\": \"my\", \
                    \"requestId\": \"{id0}\", \"order\": 7, \"what\": \"<class 'object'>\"}\n";
                assert_eq!(seen.logs[0], (WARN, expected.to_owned()));
                let dict = "{\"timestamp\": \"{time}\", \"level\": \"INFO\", \"message\": {\"a\": 1}, \"logger\": \"root\", \
                    \"requestId\": \"{id1}\", \"tenantId\": \"blue\"}\n";
                assert_eq!(seen.logs[3], (INFO, dict.to_owned()));
                assert_eq!(seen.logs.len(), 4);
            }
        })
        .check();
}

#[test]
fn json_records_of_exceptions_say_what_and_where() {
    let code = "import logging\ndef handler(event, context):\n    try:\n        1 / 0\n    except Exception:\n        logging.exception('oh')\n";
    python(code)
        .variable("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .call("{}")
        .logs(&[(
            ERROR,
            "{\"timestamp\": \"{time}\", \"level\": \"ERROR\", \"message\": \"oh\", \"logger\": \"root\", \"stackTrace\": \
             [\"  File \\\"{dir}/task/app.py\\\", line 4, in handler\\n    1 / 0\\n\"], \"errorType\": \"ZeroDivisionError\", \
             \"errorMessage\": \"division by zero\", \"requestId\": \"{id0}\", \
             \"location\": \"{dir}/task/app.py:handler:6\"}\n",
        )])
        .on(|minor| minor < 11)
        .check();
}

#[test]
fn an_uncaught_error_is_one_event() {
    let frames = "[ERROR] ValueError: two\nlines\nTraceback (most recent call last):\n\
        \u{a0}\u{a0}File \"{dir}/task/app.py\", line 2, in handler\n\u{a0}\u{a0}\u{a0}\u{a0}raise ValueError('two\\nlines')";
    let plain = "[ERROR] ValueError: two\nlines\rTraceback (most recent call last):\r\
        \u{a0}\u{a0}File \"{dir}/task/app.py\", line 2, in handler\r\u{a0}\u{a0}\u{a0}\u{a0}raise ValueError('two\\nlines')\n";
    python("def handler(event, context):\n    raise ValueError('two\\nlines')\n")
        .call("{}")
        .logs(&[(ERROR, frames)])
        .prints(plain)
        .check();
}

#[test]
fn an_uncaught_error_in_json_is_the_error_document() {
    let line = "{\"timestamp\": \"{time}\", \"level\": \"ERROR\", \"errorMessage\": \"bad\", \"errorType\": \"ValueError\", \
        \"requestId\": \"{id0}\", \"stackTrace\": [\"  File \\\"{dir}/task/app.py\\\", line 2, in handler\\n    \
        raise ValueError('bad')\\n\"]}";
    python("def handler(event, context):\n    raise ValueError('bad')\n")
        .variable("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .call("{}")
        .logs(&[(ERROR, line)])
        .prints(&(line.to_owned() + "\n"))
        .check();
}

#[test]
fn a_failed_init_is_logged_with_a_warning() {
    let warning = "[WARNING]\t{time}\t\tLAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code.\n";
    let error = "[ERROR] Runtime.ImportModuleError: Unable to import module 'app': No module named 'not_there'\n\
        Traceback (most recent call last):";
    python("import not_there\n").logs(&[(None, warning), (ERROR, error)]).check();
}

#[test]
fn what_is_printed_before_an_error_comes_before_it() {
    let error = "[ERROR] ValueError: bad\nTraceback (most recent call last):\n\
        \u{a0}\u{a0}File \"{dir}/task/app.py\", line 3, in handler\n\u{a0}\u{a0}\u{a0}\u{a0}raise ValueError('bad')";
    python("def handler(event, context):\n    print('so far', end='')\n    raise ValueError('bad')\n")
        .call("{}")
        .logs(&[(None, "so far"), (ERROR, error)])
        .check();
    python("print('init', end='')\ndef handler(event, context):\n    print('invoke')\n")
        .call("{}")
        .logs(&[(None, "init"), (None, "invoke\n")])
        .check();
}

#[test]
fn what_is_printed_before_the_end_is_not_lost() {
    python("import sys\ndef handler(event, context):\n    print('one')\n    print('two', end='')\n    sys.exit(1)\n")
        .call("{}")
        .exits(1)
        .logs(&[(None, "one\n"), (None, "two")])
        .prints("one\ntwo")
        .check();
}

#[test]
fn threads_that_write_at_once_do_not_mix_their_lines() {
    let code = "import logging, sys, threading\ndef work(letter):\n    for n in range(50):\n        sys.stdout.write(letter * 9000 + '\\n')\n\
        \x20       logging.warning(letter * 9000)\ndef handler(event, context):\n\
        \x20   threads = [threading.Thread(target=work, args=(letter,)) for letter in 'abcd']\n\
        \x20   [t.start() for t in threads]\n    [t.join() for t in threads]\n";
    python(code)
        .call("{}")
        .expect(|_, seen| {
            if seen.mode != Mode::Http {
                assert_eq!(seen.logs.len(), 400);
                for (_, text) in &seen.logs {
                    let message = text.trim_end().rsplit('\t').next().unwrap_or_default();
                    let first = message.chars().next().unwrap_or_default();
                    assert!(message.len() == 9000 && message.chars().all(|letter| letter == first));
                }
            }
        })
        .check();
}

#[test]
fn a_long_line_is_one_frame() {
    python("def handler(event, context):\n    print('x' * 100000)\n")
        .call("{}")
        .expect(|_, seen| assert!(seen.mode == Mode::Http || (seen.logs.len() == 1 && seen.logs[0].1.len() == 100_001)))
        .check();
}

#[test]
fn a_line_that_takes_several_prints_is_one_event() {
    let code = "import logging, sys\ndef handler(event, context):\n    print('a', 1, end='')\n    sys.stderr.write('err')\n\
        \x20   print('b\\nc', end='')\n    sys.stderr.write('or\\n')\n    logging.warning('w')\n    print()\n";
    python(code)
        .call("{}")
        .logs(&[(None, "a 1b\n"), (None, "error\n"), (None, "[WARNING]\t{time}\t{id0}\tw\n"), (None, "c\n")])
        .check();
}

/// What stood in the bootstrap, waiting for the end of its line, was lost with a function that ran into its timeout.
#[test]
fn what_is_printed_before_a_kill_is_not_lost() {
    python("import os\ndef handler(event, context):\n    print('one')\n    print('two', end='')\n    os.kill(os.getpid(), 9)\n")
        .call("{}")
        .exits(-1)
        .logs(&[(None, "one\n"), (None, "two")])
        .check();
}

// ---- The end --------------------------------------------------------------------------------------------------------

#[test]
fn a_function_hears_of_its_shutdown() {
    let code = "import signal, sys\ndef bye(number, frame):\n    print('bye')\n    sys.exit(3)\n\
        signal.signal(signal.SIGTERM, bye)\ndef handler(event, context):\n    return 1\n";
    python(code).call("{}").returns(0, "1").logs(&[(None, "bye\n")]).terminated(3).check();
    returning("1").returns(0, "1").terminated(-1).check();
}

// ---- Parked ---------------------------------------------------------------------------------------------------------

/// All that a function can see of its process, except what `docs/develop/runtime-channel.md` names.
#[test]
fn a_parked_process_looks_like_any_other() {
    let code = "import sys\nmodules = sorted(sys.modules)\n\
        import builtins, gc, locale, os, resource, signal, subprocess, time, warnings\n\
        def handler(event, context):\n    return dict(modules=modules, environ=sorted(os.environ.items()),\n\
        \x20       inherited=sorted(subprocess.run(['/usr/bin/env'], stdout=-1).stdout.splitlines()), argv=sys.argv,\n\
        \x20       orig_argv=getattr(sys, 'orig_argv', 0), flags=str(sys.flags), path=sys.path, executable=sys.executable,\n\
        \x20       meta_path=[str(type(f)) for f in sys.meta_path], hooks=len(sys.path_hooks), cwd=os.getcwd(),\n\
        \x20       zone=[time.tzname, time.timezone, time.strftime('%H', time.localtime(0))], locale=locale.setlocale(locale.LC_ALL),\n\
        \x20       encodings=[sys.getfilesystemencoding(), sys.stdout.encoding, sys.stdin.encoding],\n\
        \x20       descriptors=len(os.listdir('/proc/self/fd')), threads=len(os.listdir('/proc/self/task')),\n\
        \x20       signals=[str(signal.getsignal(n)) for n in range(1, 32)], gc=[gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()],\n\
        \x20       limits=[resource.getrlimit(n) for n in range(15)], recursion=sys.getrecursionlimit(), builtins=sorted(dir(builtins)),\n\
        \x20       filters=str(warnings.filters), umask=os.umask(0o22), session=os.getsid(0) == os.getpgrp(), main=sorted(vars(sys.modules['__main__'])))\n";
    python(code)
        .variable("TZ", "Asia/Tokyo")
        .variable("PYTHONPATH", "{task}/lib:/var/runtime")
        .variable("TEXT", "é\\\"\n ")
        .call("{}")
        .same_when_parked()
        .expect(|_, seen| match &seen.answers[0] {
            Answer::Result(body) => {
                let text = String::from_utf8_lossy(body);
                assert!(
                    text.contains("\"zone\": [[\"JST\", \"JST\"], -32400, \"09\"]") && text.contains("{dir}/task/lib"),
                    "{text}"
                );
            }
            other => panic!("{other:?}"),
        })
        .check();
}

#[test]
fn parked_processes_do_not_share_their_randomness() {
    let drawn = std::sync::Arc::new(std::sync::Mutex::new(std::collections::BTreeSet::new()));
    let code = "import random, uuid\ndef handler(event, context):\n    return [random.random(), str(uuid.uuid4()), hash('x')]\n";
    let seen_before = std::sync::Arc::clone(&drawn);
    let case = || {
        let drawn = std::sync::Arc::clone(&seen_before);
        python(code).call("{}").expect(move |_, seen| match &seen.answers[0] {
            Answer::Result(body) => {
                let values: Vec<serde_json::Value> = serde_json::from_slice(body).expect("values");
                let mut drawn = drawn.lock().expect("values");
                assert!(values.into_iter().all(|value| drawn.insert(value.to_string())));
            }
            other => panic!("{other:?}"),
        })
    };
    case().check();
    case().check();
}

// ---- Snapshots ------------------------------------------------------------------------------------------------------

fn snapshotted(code: &str) -> Case {
    python(&format!("from snapshot_restore_py import register_before_snapshot, register_after_restore\n{code}"))
        .variable("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
}

const HANDLER: &str = "def handler(event, context):\n    return done\n";

#[test]
fn hooks_run_around_the_snapshot() {
    let hooks = "import os\ndone = ['init']\n\
        def note(what, end='.'):\n    done.append(what + end + os.environ.get('RESTORED', 'no'))\n\
        register_before_snapshot(note, 'b1')\nregister_before_snapshot(note, 'b2', end='!')\n\
        register_after_restore(note, 'a1')\n\
        @register_after_restore\ndef last():\n    note('a2')\n";
    // Variables of a restore travel over the channel alone.
    snapshotted(&format!("{hooks}{HANDLER}"))
        .call("{}")
        .expect(|_, seen| {
            let restored = if seen.mode == Mode::Http { "no" } else { "yes" };
            let expected = format!("[\"init\", \"b2!no\", \"b1.no\", \"a1.{restored}\", \"a2.{restored}\"]");
            assert_eq!(seen.answers[0], Answer::Result(expected.into_bytes()));
        })
        .check();
}

#[test]
fn a_function_without_hooks_can_be_snapshotted() {
    python("def handler(event, context):\n    return 1\n")
        .variable("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
        .call("{}")
        .returns(0, "1")
        .check();
}

#[test]
fn a_function_s_own_copy_of_the_hooks_counts() {
    let own = "before = []\nafter = []\ndef register_before_snapshot(f):\n    before.append((f, (), {}))\n\
        def register_after_restore(f):\n    after.append((f, (), {}))\n\
        def get_before_snapshot():\n    return before\ndef get_after_restore():\n    return after\n";
    snapshotted(&format!("done = []\nregister_before_snapshot(lambda: done.append(1))\nregister_after_restore(lambda: done.append(2))\n{HANDLER}"))
        .file("snapshot_restore_py.py", own)
        .call("{}")
        .returns(0, "[1, 2]")
        .check();
}

#[test]
fn numbers_are_drawn_anew_after_a_restore() {
    snapshotted(
        "import random\nrandom.seed(1)\nstate = random.getstate()\n\
         def handler(event, context):\n    return random.getstate() == state\n",
    )
    .call("{}")
    .returns(0, "false")
    .check();
}

#[test]
fn hooks_that_fail_end_the_process() {
    let failing = |what: &str, hook: &str| {
        snapshotted(&format!("import sys\ndef bad():\n    {hook}\nregister_{what}(bad)\ndone = 1\n{HANDLER}"))
    };
    let raises = "raise ValueError('no')";
    let trace = "line 4, in bad";
    failing("before_snapshot", raises)
        .restore_fails("Runtime.BeforeSnapshotError", ["ValueError", "no", trace])
        .expect(|_, seen| assert!(matches!(seen.init, Init::Failed { .. })))
        .exits(64)
        .check();
    failing("after_restore", raises)
        .restore_fails("Runtime.AfterRestoreError", ["ValueError", "no", trace])
        .expect(|_, seen| assert!(matches!(seen.init, Init::RestoreFailed { .. })))
        .logs(&[(
            ERROR,
            "[ERROR] ValueError: no\nTraceback (most recent call last):\n\
             \u{a0}\u{a0}File \"{dir}/task/app.py\", line 4, in bad\n\u{a0}\u{a0}\u{a0}\u{a0}raise ValueError('no')",
        )])
        .exits(65)
        .check();
    // Even a hook that wants to end the process has failed.
    failing("after_restore", "sys.exit(0)")
        .restore_fails("Runtime.AfterRestoreError", ["SystemExit", "0", trace])
        .exits(65)
        .check();
}
