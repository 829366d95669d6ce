//! What Ruby functions may rely on.

use hearth_runtimes::Language;
use hearth_runtimes::telemetry::Level;

use super::harness::{ARN, Answer, Call, Case, Init, Mode, check_pieces, request_id};

fn ruby(code: &str) -> Case {
    Case::new(Language::Ruby, "app.rb", code, "app.handler")
}

/// A handler of these lines.
fn doing(lines: &str) -> Case {
    ruby(&format!("def handler(event:, context:)\n{lines}\nend\n")).call("{}")
}

const INFO: Option<Level> = Some(Level::Info);
const WARN: Option<Level> = Some(Level::Warn);
const ERROR: Option<Level> = Some(Level::Error);

trait Failing {
    fn fails_as(self, number: usize, header: &'static str, error_type: &'static str, message: &'static str) -> Self;
}

impl Failing for Case {
    /// The n-th event failed; the platform was told `header`, the invoker the rest.
    fn fails_as(self, number: usize, header: &'static str, error_type: &'static str, message: &'static str) -> Self {
        self.expect(move |_, seen| match seen.answers.get(number) {
            Some(Answer::Failure { error_type: told, document }) => {
                assert_eq!(told, header);
                let document: serde_json::Value = serde_json::from_slice(document).expect("JSON");
                assert_eq!(document["errorType"], error_type);
                let said = document["errorMessage"].as_str().expect("a message");
                assert!(said.starts_with(message), "{said:?} does not begin with {message:?}");
                let keys: Vec<_> = document.as_object().expect("an object").keys().collect();
                assert_eq!(keys, ["errorMessage", "errorType", "stackTrace"]);
                let trace = document["stackTrace"].to_string();
                assert!(!trace.contains("hearth_runtime"), "the trace shows the bootstrap: {trace}");
            }
            other => panic!("expected a failure, found {other:?}"),
        })
    }
}

// ---- Events and results ---------------------------------------------------------------------------------------------

#[test]
fn an_event_comes_back_as_it_went_in() {
    let events = ["{\"a\":[1,2.5,true,null,{\"b\":\"ü😀\"}]}", "\"text\"", "12345678901234567890", "[]", "null"];
    let mut case = ruby("def handler(event:, context:)\n  event\nend\n");
    for (number, event) in events.into_iter().enumerate() {
        case = case.call(event).returns(number, event);
    }
    case.check();
}

#[test]
fn events_that_arrive_in_pieces_are_put_together() {
    check_pieces(ruby("def handler(event:, context:)\n  event\nend\n"));
}

#[test]
fn state_is_kept_between_invocations() {
    ruby(
        "$count = 0\ndef handler(event:, context:)\n  @own = (@own || 10) + 1\n  $count += 1\n  [$count, @own]\nend\n",
    )
    .call("{}")
    .call("{}")
    .returns(1, "[2,12]")
    .check();
}

#[test]
fn handlers_may_be_methods_of_classes() {
    let code =
        "module Shop\n  class Cart\n    def self.add(event:, context:)\n      [name, event]\n    end\n  end\nend\n";
    Case::new(Language::Ruby, "lib/cart.rb", code, "lib/cart.Shop::Cart.add")
        .call("1")
        .returns(0, "[\"Shop::Cart\",1]")
        .check();
}

#[test]
fn results_are_written_as_lambda_writes_them() {
    let results = [
        ("nil", "null"),
        ("''", "\"\""),
        ("{ a: 1, 'b' => :c, nil => 2 }", "{\"a\":1,\"b\":\"c\",\"\":2}"),
        ("Struct.new(:x).new(1).x", "1"),
        ("(1..3)", "\"1..3\""),
        ("\"é☃😀\\u2028\"", "\"é☃😀\u{2028}\""),
        ("StringIO.new('raw')", "raw"),
        ("AwsLambda::Marshaller.define_singleton_method(:marshall_response) { |r| \"<#{r}>\" }; 5", "<5>"),
    ];
    // One process serves them all: starts are dear. The last one changes what comes behind it.
    let each: String = results.iter().map(|(lines, _)| format!("-> {{ {lines} }}, ")).collect();
    let mut case = ruby(&format!("EACH = [{each}]\ndef handler(event:, context:)\n  EACH[event].call\nend\n"));
    for (number, (_, expected)) in results.into_iter().enumerate() {
        case = case.call(&number.to_string()).returns(number, expected);
    }
    case.check();
}

#[test]
fn what_json_cannot_hold_fails_the_invocation_and_no_more() {
    doing("event == 1 ? 1 : Float::NAN")
        .call("1")
        .fails_as(0, "Function<UserException>", "Function<JSON::GeneratorError>", "")
        .returns(1, "1")
        .check();
    doing("event").call("nope").fails_as(1, "Function<UserException>", "Function<JSON::ParserError>", "").check();
}

#[test]
fn the_context_has_every_field() {
    let fields = "aws_request_id invoked_function_arn log_group_name log_stream_name function_name memory_limit_in_mb \
                  function_version identity client_context deadline_ms tenant_id";
    let code = format!(
        "def handler(event:, context:)\n  raise 'no' unless context.is_a?(LambdaContext)\n  \
         %w[{fields}].map {{ |name| context.send(name) }} + [context.get_remaining_time_in_millis > 1000, \
         ENV['_X_AMZN_TRACE_ID']]\nend\n"
    );
    let stream = "2026/01/01/[$LATEST]00000000000000000000000000000000";
    let fixed = format!("\"{ARN}\",\"/aws/lambda/f\",\"{stream}\",\"f\",\"128\",\"$LATEST\"");
    ruby(&code)
        .call_with(Call {
            event: b"{}".to_vec(),
            trace_id: "Root=1-2-3",
            client_context: "{\"custom\":{\"a\":\"b\"}}",
            identity: "{\"cognitoIdentityId\":\"i\"}",
            tenant_id: "blue",
            ..Call::default()
        })
        .call("{}")
        .returns(
            0,
            &format!(
                "[\"{}\",{fixed},{{\"cognitoIdentityId\":\"i\"}},{{\"custom\":{{\"a\":\"b\"}}}},4102444800000,\"blue\",\
                 true,\"Root=1-2-3\"]",
                request_id(0)
            ),
        )
        .returns(1, &format!("[\"{}\",{fixed},null,null,4102444800000,null,true,null]", request_id(1)))
        .same_when_parked()
        .check();
}

#[test]
fn a_deadline_that_has_passed_leaves_no_time() {
    ruby("def handler(event:, context:)\n  context.get_remaining_time_in_millis\nend\n")
        .call_with(Call {
            event: b"{}".to_vec(),
            deadline_ms: Some(1),
            ..Call::default()
        })
        .returns(0, "0")
        .check();
}

// ---- Failures -------------------------------------------------------------------------------------------------------

#[test]
fn an_exception_is_reported_and_the_next_event_served() {
    ruby(
        "def deep\n  raise ArgumentError, 'bad ü'\nend\ndef handler(event:, context:)\n  event == 1 ? 1 : deep\nend\n",
    )
    .call("{}")
    .call("1")
    .fails(0, "Function<ArgumentError>", "bad ü", "app.rb:2:in `deep'")
    .on(|minor| minor < 4)
    .returns(1, "1")
    .check();
    doing("raise 'oops'").fails_as(0, "Function<UserException>", "Function<RuntimeError>", "oops").check();
    doing("raise IOError, \"\\xff\"").fails_as(0, "Function<UserException>", "Function<IOError>", "\u{fffd}").check();
}

#[test]
fn broken_code_and_exit_end_the_runtime() {
    doing("nope")
        .exits(255)
        .fails_as(0, "Function<NameError>", "Function<NameError>", "undefined local variable or method `nope'")
        .on(|minor| minor < 4)
        .check();
    doing("exit 3").exits(255).fails_as(0, "Function<SystemExit>", "Function<SystemExit>", "exit").check();
    ruby("x = 1\n")
        .call("{}")
        .exits(255)
        .fails_as(0, "Function<NoMethodError>", "Function<NoMethodError>", "undefined method")
        .check();
    doing("def self.r = r\nr")
        .exits(255)
        .fails_as(0, "Function<SystemStackError>", "Function<SystemStackError>", "stack level too deep")
        .check();
    doing("Process.exit!(7)").exits(7).expect(|_, seen| assert_eq!(seen.answers[0], Answer::Gone)).check();
}

#[test]
fn an_init_that_fails_is_reported() {
    ruby("raise ArgumentError, 'at once'\n")
        .init_fails("Init<ArgumentError>", "at once", "app.rb:1:in `<top (required)>'")
        .on(|minor| minor < 4)
        .check();
    ruby("").handler("nope.handler").init_fails("Init<LoadError>", "cannot load such file -- nope", "").check();
    ruby("exit 1\n").init_fails("Init<SystemExit>", "exit", "").check();
    ruby("").handler("app").init_fails("Init<ArgumentError>", "Invalid handler [\"app\"], must be of form FILENAME.METHOD or FILENAME.CLASS.METHOD where FILENAME corresponds with an existing Ruby source file FILENAME.rb, CLASS is an optional module/class namespace and METHOD is a callable method. If using CLASS, METHOD must be a class-level method.", "").check();
    ruby("def x(\n")
        .expect(|_, seen| {
            assert!(matches!(&seen.init, Init::Failed { error_type, document }
                if error_type == "Function<UserException>" && String::from_utf8_lossy(document).contains("\"Init<SyntaxError>\"")), "{:?}", seen.init);
            assert_eq!(seen.exit, Some(252));
        })
        .check();
}

// ---- Logs -----------------------------------------------------------------------------------------------------------

#[test]
fn prints_keep_their_order_and_lines() {
    doing(
        "puts 'one', ['two']\nprint 'a', 'b'\nprint \"c\\n\"\np({ x: 1 })\nwarn 'careful'\n\
         $stdout.puts \"l1\\nl2\"\n$stderr.print 'open'\nputs\nsystem('echo child')\nnil",
    )
    .logs(&[
        (None, "one\ntwo\n"),
        (None, "abc\n"),
        (None, "{:x=>1}\n"),
        (None, "careful\n"),
        (None, "l1\n"),
        (None, "l2\n"),
        (None, "\n"),
        (None, "open"),
    ])
    .on(|minor| minor < 4)
    .expect(|_, seen| {
        if seen.mode != Mode::Http {
            assert_eq!((seen.stdout.as_str(), seen.stderr.as_str()), ("child\n", ""));
        }
    })
    .same_when_parked()
    .check();
}

#[test]
fn a_function_may_replace_its_stdout() {
    doing("kept = StringIO.new\n$stdout = kept\nputs 'in'\n$stdout = STDOUT\nputs 'out'\nkept.string")
        .returns(0, "\"in\\n\"")
        .logs(&[(None, "out\n")])
        .prints("out\n")
        .check();
}

#[test]
fn logger_writes_lambdas_text() {
    doing(
        "log = Logger.new($stdout, progname: 'shop')\nlog.debug('d')\nlog.warn('w')\nlog.error(RuntimeError.new('e'))\n\
         log << \"raw\\n\"\nLogger.new($stderr, formatter: ->(*all) { all.last + \"!\\n\" }).info('own')\nnil",
    )
    .expect(|_, seen| {
        if seen.mode == Mode::Http {
            return;
        }
        let found: Vec<_> = seen
            .logs
            .iter()
            .map(|(level, text)| {
                // The process id and the microseconds differ from run to run.
                let (head, tail) = text.split_once('[').unwrap_or(("", text));
                (*level, format!("{head}[{}", tail.split_once(']').map_or(tail, |(_, rest)| rest)))
            })
            .collect();
        assert_eq!(
            found,
            [
                (Some(Level::Debug), "D, [ DEBUG {id0} -- shop: d\n".to_owned()),
                (WARN, "W, [  WARN {id0} -- shop: w\n".to_owned()),
                (ERROR, "E, [ ERROR {id0} -- shop: e (RuntimeError)\n\n".to_owned()),
                (None, "[raw\n".to_owned()),
                (INFO, "[own!\n".to_owned()),
            ]
        );
    })
    .check();
}

#[test]
fn logger_writes_json_where_the_function_asks_for_it() {
    let code = "LOG = Logger.new($stdout)\ndef handler(event:, context:)\n  LOG.info('quiet')\n  LOG.warn(\"é\\n2\")\n  \
        begin\n    raise ArgumentError, 'bad'\n  rescue => e\n    LOG.error(e)\n  end\n  Logger.new($stdout, level: \
        :info, progname: 'p').info('loud')\n  raise 'end'\nend\n";
    ruby(code)
        .variable("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .variable("AWS_LAMBDA_LOG_LEVEL", "WARN")
        .call("{}")
        .on(|minor| minor < 4)
        .logs(&[
            (WARN, "{\"timestamp\":\"{time}\",\"level\":\"WARN\",\"message\":\"é\\n2\",\"requestId\":\"{id0}\"}\n"),
            (
                ERROR,
                "{\"timestamp\":\"{time}\",\"level\":\"ERROR\",\"message\":\"bad\",\"requestId\":\"{id0}\",\
                 \"errorType\":\"ArgumentError\",\"errorMessage\":\"bad\",\"stackTrace\":[\"{dir}/task/app.rb:6:in \
                 `handler'\"],\"location\":\"{dir}/task/app.rb:handler:6\"}\n",
            ),
            (
                INFO,
                "{\"timestamp\":\"{time}\",\"level\":\"INFO\",\"message\":\"loud\",\"requestId\":\"{id0}\",\
                 \"logger\":\"p\"}\n",
            ),
            (
                ERROR,
                "{\"timestamp\":\"{time}\",\"level\":\"ERROR\",\"message\":\"Error raised from handler method\",\
                 \"requestId\":\"{id0}\",\"errorMessage\":\"end\",\"errorType\":\"Function<RuntimeError>\",\
                 \"stackTrace\":[\"{dir}/task/app.rb:11:in `handler'\"]}\n",
            ),
        ])
        .check();
}

#[test]
fn a_failure_is_logged_with_its_document() {
    doing("print 'begun'\nraise 'oops'")
        .on(|minor| minor < 4)
        .logs(&[
            (None, "begun"),
            (ERROR, "Error raised from handler method\n"),
            (
                ERROR,
                "{\n  \"errorMessage\": \"oops\",\n  \"errorType\": \"Function<RuntimeError>\",\n  \"stackTrace\": [\n    \
                 \"{dir}/task/app.rb:3:in `handler'\"\n  ]\n}\n",
            ),
        ])
        .check();
}

// ---- Surroundings ---------------------------------------------------------------------------------------------------

#[test]
fn code_and_gems_are_found_where_functions_keep_them() {
    let spec = "Gem::Specification.new { |s| s.name = 'greeter'; s.version = '1.0'; s.summary = 'x'; s.authors = ['x']; \
                s.files = ['lib/greeter.rb']; s.require_paths = ['lib'] }\n";
    ruby("require 'greeter'\nrequire 'nearby'\ndef handler(event:, context:)\n  [GREETING, NEARBY, __dir__ == Dir.pwd]\nend\n")
        .file("vendor/bundle/ruby/3.2.0/specifications/greeter-1.0.gemspec", spec)
        .file("vendor/bundle/ruby/3.2.0/gems/greeter-1.0/lib/greeter.rb", "GREETING = 'hi'\n")
        .file("nearby.rb", "NEARBY = 1\n")
        .on(|minor| minor < 3)
        .call("{}")
        .returns(0, "[\"hi\",1,true]")
        .check();
    ruby("require 'far'\ndef handler(event:, context:)\n  [FAR, $LOAD_PATH.first == Dir.pwd]\nend\n")
        .file("else/where/far.rb", "FAR = 2\n")
        .variable("RUBYLIB", "{task}/else/where")
        .call("{}")
        .returns(0, "[2,true]")
        .check();
}

#[test]
fn a_parked_process_becomes_the_function() {
    ruby(
        "SEEN = [ENV.to_h.sort.to_h, Dir.pwd == __dir__, Time.at(0).utc_offset, Encoding.default_external.to_s, \
         'ü'.encoding.to_s, ENV['TABLE'].encoding.to_s, $LOAD_PATH.size, Gem.path.first(2), $PROGRAM_NAME == __FILE__]\n\
         def handler(event:, context:)\n  SEEN\nend\n",
    )
    .variable("TABLE", "täble")
    .variable("TZ", "Asia/Tokyo")
    .call("{}")
    .expect(|_, seen| {
        let Answer::Result(body) = &seen.answers[0] else { panic!("no result") };
        let seen: serde_json::Value = serde_json::from_slice(body).expect("JSON");
        assert_eq!(seen[0]["TABLE"], "täble");
        assert!(seen[0].as_object().expect("variables").keys().all(|name| !name.starts_with("_HEARTH")), "{seen}");
        assert_eq!((&seen[1], &seen[2], &seen[3], &seen[5]), (&true.into(), &32400.into(), &"UTF-8".into(), &"UTF-8".into()));
    })
    .over_the_channel()
    .same_when_parked()
    .check();
}

#[test]
fn descriptors_of_the_platform_are_not_inherited() {
    // The channels are told by what they are: the test's own process may have been given other descriptors.
    doing("`ls -l /proc/self/fd`.scan(/-> (\\S+)/).flatten.select { |name| name.start_with?('socket') }")
        .returns(0, "[]")
        .check();
}

#[test]
fn a_runtime_that_is_asked_to_end_runs_its_exit_hooks() {
    ruby("at_exit { puts 'bye' }\ndef handler(event:, context:)\nend\n")
        .call("{}")
        .terminated(0)
        .logs(&[(None, "bye\n")])
        .prints("bye\n")
        .check();
}
