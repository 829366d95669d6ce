"""C#, in real sandboxes; the permutations are the business of the contract's tests.

`dotnet8` is served by the runtime of .NET 9 that `make dotnet` installs, by an alias.
"""

import json
import re
import time

import pytest
from harness import dotnet
from harness.waiting import eventually

RUNTIME = "dotnet8"
HANDLER = "App::App.Function::Handle"

APP = r"""
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Amazon.Lambda.Core;

[assembly: LambdaSerializer(typeof(Amazon.Lambda.Serialization.SystemTextJson.DefaultLambdaJsonSerializer))]

namespace App
{
    public class Event { public string Do { get; set; } public string Text { get; set; } }

    public class Function
    {
        private int count;

        public async Task<object> Handle(Event input, ILambdaContext context)
        {
            count++;
            switch (input.Do)
            {
                case "log":
                    context.Logger.LogInformation("{who} was here", "Ada");
                    context.Logger.LogDebug("unseen");
                    Console.WriteLine("one\ntwo");
                    Console.Error.WriteLine("careful");
                    break;
                case "fail":
                    try { throw new ArgumentException("the cause"); }
                    catch (Exception cause) { throw new InvalidOperationException("bad ü", cause); }
                case "exit": Environment.Exit(3); break;
                case "sleep": await Task.Delay(Timeout.Infinite); break;
                case "hog":
                    var kept = new List<byte[]>();
                    while (true) { kept.Add(new byte[1 << 20]); Array.Fill(kept[kept.Count - 1], (byte)1); }
                case "see":
                    return new
                    {
                        count, text = input.Text, cwd = Directory.GetCurrentDirectory(),
                        variables = Environment.GetEnvironmentVariables().Keys.Cast<string>().ToDictionary(name => name, Environment.GetEnvironmentVariable),
                        started = Started(), tmp = Directory.GetFileSystemEntries("/tmp"),
                        context = new object[] { context.FunctionName, context.MemoryLimitInMB, context.InvokedFunctionArn, context.AwsRequestId, context.RemainingTime.TotalMilliseconds },
                        version = Environment.Version.ToString(), threads = Environment.ProcessorCount,
                    };
            }
            return null;
        }

        private static double Started()
        {
            var stat = File.ReadAllText("/proc/self/stat");
            return double.Parse(stat.Substring(stat.LastIndexOf(')') + 2).Split(' ')[19]) / 100;
        }

        public Stream Echo(Stream input) => input;
    }
}
"""

# What the official client does in a program of its own: it asks the Runtime API over HTTP.
PROGRAM = r"""
using System;
using System.Net.Http;
using System.Linq;
using System.Threading.Tasks;

static class Program
{
    static async Task Main(string[] arguments)
    {
        var api = $"http://{Environment.GetEnvironmentVariable("AWS_LAMBDA_RUNTIME_API")}/2018-06-01/runtime/invocation/";
        using var client = new HttpClient { Timeout = System.Threading.Timeout.InfiniteTimeSpan };
        while (true)
        {
            using var next = await client.GetAsync(api + "next");
            var id = next.Headers.GetValues("Lambda-Runtime-Aws-Request-Id").Single();
            var body = await next.Content.ReadAsStringAsync();
            var answer = "{\"program\":\"" + Environment.GetEnvironmentVariable("_HANDLER") + "\",\"event\":" + body + "}";
            await client.PostAsync(api + id + "/response", new StringContent(answer));
        }
    }
}
"""

CONFIGURATION = json.dumps(
    {
        "runtimeOptions": {
            "framework": {"name": "Microsoft.NETCore.App", "version": "8.0.0"},
            "configProperties": {"System.Globalization.Invariant": True},
        }
    }
)


@pytest.fixture(scope="module")
def package():
    return dotnet.library(APP, "App")


@pytest.fixture(scope="module")
def function(module_lab, package):
    return module_lab.deploy(package, RUNTIME, HANDLER, MemorySize=256)


def test_state_and_context(function):
    first, second = function.call({"do": "see", "text": "ä😀"}), function.call({"do": "see"})
    assert second["count"] == first["count"] + 1 and first["text"] == "ä😀"
    name, memory, arn, request_id, remaining = first["context"]
    assert (name, memory, arn) == (function.name, 256, function.arn)
    assert 30_000 < remaining <= 60_000 and re.fullmatch(r"[0-9a-f-]{36}", request_id)
    variables = first["variables"]
    assert (variables["AWS_EXECUTION_ENV"], variables["LAMBDA_RUNTIME_NAME"]) == ("AWS_Lambda_dotnet8", "dotnet8")
    hidden = ("_HEARTH", "_LAMBDA_TELEMETRY", "DOTNET_GCHeapHardLimit")
    assert not [one for one in variables if one.startswith(hidden)]
    assert first["cwd"] == "/var/task" and first["tmp"] == []


def test_streams_and_their_size(module_lab, package):
    function = module_lab.deploy(package, RUNTIME, "App::App.Function::Echo", MemorySize=512)
    large = "x" * 6_000_000
    assert function.call(large) == large
    assert function.call([1, {"a": None}]) == [1, {"a": None}]


def test_logs_in_text(function):
    request_id = function.invoke({"do": "log"}).request_id
    messages = function.messages_until("careful")
    time_and_id = rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z\t{request_id}\t"
    for expected in ("info\tAda was here\n", "info\tone\ntwo\n", "fail\tcareful\n"):
        assert [m for m in messages if re.fullmatch(time_and_id + expected, m)], (expected, messages)
    assert not [m for m in messages if "unseen" in m]


def test_logs_in_json(module_lab, package):
    logging = {"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG", "SystemLogLevel": "WARN"}
    function = module_lab.deploy(package, RUNTIME, HANDLER, LoggingConfig=logging)
    request_id = function.invoke({"do": "log"}).request_id
    records = [json.loads(m) for m in function.messages_until("careful") if m.startswith("{")]
    by_message = {record.get("message"): record for record in records}
    record = by_message["Ada was here"]
    assert re.fullmatch(r"\S+Z", record.pop("timestamp"))
    record.pop("traceId", None)
    assert record == {"level": "Information", "requestId": request_id, "message": "Ada was here", "who": "Ada"}
    assert (by_message["unseen"]["level"], by_message["careful"]["level"]) == ("Debug", "Error")


def test_failures(function):
    error = function.invoke({"do": "fail"}).failed()
    assert list(error) == ["errorType", "errorMessage", "stackTrace", "cause"]
    assert (error["errorType"], error["errorMessage"]) == ("InvalidOperationException", "bad ü")
    assert (error["cause"]["errorType"], error["cause"]["errorMessage"]) == ("ArgumentException", "the cause")
    assert "App.Function" in error["stackTrace"][0]
    assert function.call({"do": "see"})["count"] > 1, "a failure keeps the environment"
    gone = function.invoke({"do": "exit"}).failed()
    assert gone["errorType"] == "Runtime.ExitError" and "exit status 3" in gone["errorMessage"]
    assert function.call({"do": "see"})["count"] == 1, "an exit ends it"


def test_memory_runs_out_for_the_function_alone(module_lab, package):
    """The heap is told of its limit, so that it is an exception and no kill."""
    function = module_lab.deploy(package, RUNTIME, HANDLER, MemorySize=128)
    assert function.invoke({"do": "hog"}).failed()["errorType"] == "OutOfMemoryException"
    assert function.call({"do": "see"})["version"]


def test_a_timeout_and_the_next_event(module_lab, package):
    function = module_lab.deploy(package, RUNTIME, HANDLER, Timeout=8)
    function.call({"do": "see"})
    assert function.invoke({"do": "sleep"}).failed()["errorType"] == "Sandbox.Timedout"
    assert function.call({"do": "see"})["count"] == 1


def test_a_handler_that_is_not_there(module_lab, package):
    function = module_lab.deploy(package, RUNTIME, "App::App.Nope::Handle")
    error = function.invoke({}).failed()
    assert error["errorType"] == "LambdaValidationException"
    assert error["errorMessage"] == "Unable to load type 'App.Nope' from assembly 'App'."


def test_a_program_of_its_own(module_lab):
    files = {
        "Program.dll": dotnet.compile(PROGRAM, "Program"),
        "Program.runtimeconfig.json": CONFIGURATION,
    }
    function = module_lab.deploy(files, RUNTIME, "Program")
    assert function.call({"a": 1}) == {"program": "Program", "event": {"a": 1}}
    assert function.call(2)["event"] == 2
    missing = module_lab.deploy(files, RUNTIME, "Nope").invoke({}).failed()
    assert "exit status 104" in missing["errorMessage"]


def test_a_cold_start_takes_a_process_that_waits(module_lab, package):
    """By its age: it was up before the function was made."""

    def waiting_since_before():
        made = time.clock_gettime(time.CLOCK_BOOTTIME)
        return module_lab.deploy(package, RUNTIME, HANDLER).call({"do": "see"})["started"] < made

    eventually(waiting_since_before, "a cold start out of a parked process", 20)
