//! What Node.js functions that stream their answer may rely on.

use super::super::harness::{Answer, Case, Mode, request_id};
use super::{ERROR, WARN, node};

/// A streaming handler with this body.
fn streaming(body: &str) -> Case {
    node(&format!(
        "const {{ pipeline }} = require('stream/promises'); const {{ Readable }} = require('stream');\n\
         exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {{ {body} }});"
    ))
}

const BYTES: &str = "application/octet-stream";

#[test]
fn a_response_can_be_streamed() {
    streaming(
        "stream.write('a'); stream.write(Buffer.from('é')); stream.write({ b: 1 }); stream.write(''); stream.end('c');",
    )
    .call("0")
    .call("0")
    .streams(0, BYTES, "aé{\"b\":1}c")
    .streams(1, BYTES, "aé{\"b\":1}c")
    .check();
    streaming("stream.end();").call("0").streams(0, BYTES, "").check();
    streaming("stream.write(new Uint8Array([104, 105])); await new Promise((r) => stream.end(r));")
        .call("0")
        .streams(0, BYTES, "hi")
        .check();
    streaming("stream.end(JSON.stringify([event, context.awsRequestId, typeof context.getRemainingTimeInMillis()]));")
        .call("[1]")
        .streams(0, BYTES, &format!("[[1],\"{}\",\"number\"]", request_id(0)))
        .check();
}

#[test]
fn a_stream_has_a_content_type() {
    streaming("stream.setContentType('text/html'); stream.end('<p>');")
        .call("0")
        .streams(0, "text/html", "<p>")
        .check();
    streaming(
        "stream.write('a'); try { stream.setContentType('text/html'); } catch (e) { stream.end(`${e.name}: ${e.message}`); }",
    )
    .call("0")
    .streams(0, BYTES, "aRuntime.InvalidStreamingOperation: Cannot set content-type, too late.")
    .check();
}

#[test]
fn a_stream_can_begin_with_metadata() {
    let http = "application/vnd.awslambda.http-integration-response";
    let prelude = "{\"statusCode\":201,\"headers\":{\"a\":\"b\"}}\0\0\0\0\0\0\0\0";
    for (write, body) in [("s.write('x'); s.end('y');", "xy"), ("s.end('x');", "x"), ("s.end();", "")] {
        streaming(&format!(
            "const s = awslambda.HttpResponseStream.from(stream, {{ statusCode: 201, headers: {{ a: 'b' }} }}); {write}"
        ))
        .call("0")
        .streams(0, http, &format!("{prelude}{body}"))
        .check();
    }
}

#[test]
fn streams_work_with_pipelines_and_wait_for_their_reader() {
    // More than any buffer between the two takes.
    let text = "0123456789".repeat(300_000);
    streaming("await pipeline(Readable.from(Array(3000).fill('0123456789'.repeat(100))), stream);")
        .call("0")
        .streams(0, BYTES, &text)
        .check();
    // Each piece is more than the kernel takes at once, but the reader may take one while it is sent: pieces, until one had to wait.
    streaming(
        "const piece = Buffer.alloc(1000000, '0123456789');\n\
         for (let i = 0; i < 100; i++) if (!stream.write(piece)) { await new Promise((r) => stream.once('drain', r)); return stream.end('.'); }\n\
         throw new Error('never full');",
    )
    .call("0")
    .call("0")
    .expect(|_, seen| match seen.answers.get(1) {
        Some(Answer::Streamed { body, failure: None, .. }) => {
            let pieces = body.strip_suffix(b".").expect("the end that came after the wait");
            assert!(!pieces.is_empty() && pieces.len() % 1_000_000 == 0, "{}", pieces.len());
            assert!(pieces.chunks(10).all(|digits| digits == b"0123456789"));
        }
        other => panic!("{other:?}"),
    })
    .check();
    streaming("stream.end(Buffer.alloc(3000000, '0123456789'));").call("0").streams(0, BYTES, &text).check();
    node(
        "exports.handler = awslambda.streamifyResponse(async (event, stream) => { const marks = [stream.writableHighWaterMark]; \
         stream.end(JSON.stringify(marks)); }, { highWaterMark: 77 });",
    )
    .call("0")
    .streams(0, BYTES, "[77]")
    .check();
}

#[test]
fn a_stream_that_fails_before_its_beginning_is_an_error() {
    streaming("throw new TypeError('early');").call("0").call("0").fails(1, "TypeError", "early", "app.js").check();
    streaming("stream.setContentType('text/html'); throw 'early';").call("0").fails(0, "string", "early", "").check();
    node("exports.handler = awslambda.streamifyResponse((event, stream) => { return 5; });")
        .call("0")
        .fails(0, "Error", "Streaming does not support non-async handlers.", "")
        .check();
}

#[test]
fn a_stream_that_fails_later_breaks_off() {
    for how in [
        "stream.write('so far'); throw new RangeError('late');",
        "stream.write('so far'); await new Promise((r) => setTimeout(r, 20)); throw new RangeError('late');",
        "async function* source() { yield 'so far'; await new Promise((r) => setTimeout(r, 20)); throw new RangeError('late'); }\n\
         await pipeline(Readable.from(source()), stream);",
    ] {
        streaming(how)
            .call("0")
            .call("0")
            .breaks_off(0, "so far", "RangeError", "late")
            .breaks_off(1, "so far", "RangeError", "late")
            .check();
    }
    streaming("stream.write('so far'); stream.destroy();")
        .call("0")
        .call("0")
        .breaks_off(1, "so far", "Error", "Response stream is not finished.")
        .check();
}

#[test]
fn an_uncaught_error_in_a_stream_ends_the_process() {
    streaming(
        "stream.write('so far'); setTimeout(() => { throw new Error('uncaught'); }, 20); await new Promise(() => {});",
    )
    .call("0")
    .breaks_off(0, "so far", "Error", "uncaught")
    .exits(129)
    .check();
}

#[test]
fn a_failure_after_the_end_of_a_stream_is_only_logged() {
    streaming("stream.end('whole'); await new Promise((r) => setTimeout(r, 20)); throw new Error('after');")
        .call("0")
        .call("0")
        .streams(1, BYTES, "whole")
        .expect(|_, seen| {
            let errors = seen.logs.iter().filter(|(level, text)| *level == ERROR && text.contains("after")).count();
            assert_eq!(errors, if seen.mode == Mode::Http { 0 } else { 2 });
        })
        .check();
}

#[test]
fn writes_that_come_too_late_hurt_nobody() {
    let code = "let last = null; exports.handler = awslambda.streamifyResponse(async (event, stream) => {\n\
        let late = 'none'; if (last) late = await new Promise((r) => last.write('late', (e) => r(e.code)));\n\
        last = stream; stream.end(late); });";
    node(code)
        .call("0")
        .call("0")
        .call("0")
        .streams(0, BYTES, "none")
        .streams(1, BYTES, "ERR_STREAM_WRITE_AFTER_END")
        .streams(2, BYTES, "ERR_STREAM_WRITE_AFTER_END")
        .check();
}

#[test]
fn a_streaming_handler_s_value_is_ignored_with_a_warning() {
    streaming("stream.end('x'); return 5;")
        .call("0")
        .streams(0, BYTES, "x")
        .logs(&[(WARN, "{time}\t{id0}\tWARN\tStreaming handlers ignore return values.\n")])
        .check();
}

#[test]
fn only_responses_can_be_streamed() {
    node("exports.handler = async () => 1; exports.handler[Symbol.for('aws.lambda.runtime.handler.streaming')] = 'request';")
        .init_fails("Runtime.MalformedStreamingHandler", "Only response streaming is supported.", "")
        .check();
}

/// Functions that are called back with a stream may have three parameters in every version.
#[test]
fn streaming_handlers_are_no_callback_handlers() {
    node("exports.handler = awslambda.streamifyResponse(async (event, stream, context) => stream.end('x') && undefined);")
        .call("0")
        .streams(0, BYTES, "x")
        .check();
}

#[test]
fn a_stream_that_nobody_ends_ends_the_process() {
    streaming("stream.write('so far');")
        .call("0")
        .expect(|_, seen| {
            // Over HTTP the open request keeps the process up until its time is over; the harness would wait as long.
            assert!(matches!(&seen.answers[0], Answer::Streamed { failure: Some((name, _)), .. } if name == "Runtime.NodeJsExit"));
        })
        .exits(13)
        .over_the_channel()
        .check();
}

#[test]
fn handlers_may_be_marked_as_streaming_without_the_global_object() {
    node(
        "exports.handler = async (event, stream) => { stream.end(typeof awslambda); };\
         exports.handler[Symbol.for('aws.lambda.runtime.handler.streaming')] = 'response';",
    )
    .variable("AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA", "1")
    .call("{}")
    .streams(0, BYTES, "undefined")
    .check();
}
