"""Ruby's programming model, in real sandboxes; the permutations are the business of the contract's tests."""

import json
import re
import time

import pytest
from harness.functions import unique
from harness.packages import zip_of
from harness.waiting import eventually

RUNTIME = "ruby3.2"

APP = """
require 'far'
require 'greeter'

LOG = Logger.new($stdout)
$count = 0

module Shop
  def self.add(event:, context:)
    [name, event]
  end
end

def handler(event:, context:)
  $count += 1
  case event['do']
  when 'log'
    puts "one\\ntwo"
    LOG.warn('careful')
    $stderr.puts 'err'
    system('echo child')
  when 'fail' then raise ArgumentError, 'bad ü'
  when 'exit' then exit 3
  when 'sleep' then sleep
  when 'see'
    return {
      count: $count, far: FAR, greeting: GREETING, cwd: Dir.pwd, variables: ENV.to_h,
      started: File.read('/proc/self/stat').rpartition(')').last.split[19].to_i / 100.0,
      context: [context.function_name, context.memory_limit_in_mb, context.invoked_function_arn,
                context.aws_request_id, context.get_remaining_time_in_millis, context.client_context]
    }
  end
  event
end
"""

SPECIFICATION = """Gem::Specification.new do |s|
  s.name, s.version, s.summary, s.authors = 'greeter', '1.0', 'greets', ['Ada']
  s.files, s.require_paths = ['lib/greeter.rb'], ['lib']
end
"""

LAYER = {
    "ruby/lib/far.rb": "FAR = 2\n",
    "ruby/gems/3.2.0/specifications/greeter-1.0.gemspec": SPECIFICATION,
    "ruby/gems/3.2.0/gems/greeter-1.0/lib/greeter.rb": "GREETING = 'hi'\n",
}


def layer(caller):
    made = caller.awslambda.publish_layer_version(LayerName=unique("l"), Content={"ZipFile": zip_of(LAYER)})
    return made["LayerVersionArn"]


@pytest.fixture(scope="module")
def function(module_lab, caller):
    return module_lab.deploy({"app.rb": APP}, RUNTIME, Layers=[layer(caller)], MemorySize=256)


def test_code_layers_and_context(function):
    first, second = function.call({"do": "see"}), function.call({"do": "see"})
    assert second["count"] == first["count"] + 1
    assert (first["far"], first["greeting"], first["cwd"]) == (2, "hi", "/var/task")
    name, memory, arn, request_id, remaining, client_context = first["context"]
    assert (name, memory, arn, client_context) == (function.name, "256", function.arn, None)
    assert 30_000 < remaining <= 60_000 and re.fullmatch(r"[0-9a-f-]{36}", request_id)
    variables = first["variables"]
    assert variables["AWS_EXECUTION_ENV"] == "AWS_Lambda_ruby3.2"
    assert variables["GEM_PATH"].startswith("/var/task/vendor/bundle/ruby/3.2.0:/opt/ruby/gems/3.2.0:")
    assert not [one for one in variables if one.startswith("_HEARTH") or one == "_LAMBDA_TELEMETRY_LOG_FD"]
    assert function.call({"text": "ä😀"}) == {"text": "ä😀"}


def test_a_method_of_a_module(module_lab, caller):
    function = module_lab.deploy({"app.rb": APP}, RUNTIME, "app.Shop.add", Layers=[layer(caller)])
    assert function.call([1]) == ["Shop", [1]]


def test_logs_in_text(function):
    answer = function.invoke({"do": "log"})
    answer.ok()
    messages = function.messages_until("child")
    assert "one\ntwo\n" in messages and "err\n" in messages and "child\n" in messages
    warned = [m for m in messages if "careful" in m]
    assert re.fullmatch(rf"W, \[\S+ #\d+\]  WARN {answer.request_id} -- : careful\n", warned[0]), warned


def test_logs_in_json(module_lab, caller):
    logging = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "WARN"}
    function = module_lab.deploy({"app.rb": APP}, RUNTIME, Layers=[layer(caller)], LoggingConfig=logging)
    request_id = function.invoke({"do": "log"}).request_id
    records = [json.loads(m) for m in function.messages_until("careful") if m.startswith("{")]
    [record] = [r for r in records if r.get("message") == "careful"]
    record.pop("timestamp")
    assert record == {"level": "WARN", "message": "careful", "requestId": request_id}
    function.invoke({"do": "fail"}).failed()
    records = [json.loads(m) for m in function.messages_until("Error raised") if m.startswith("{")]
    [failure] = [r for r in records if r.get("level") == "ERROR"]
    assert (failure["errorType"], failure["errorMessage"]) == ("Function<ArgumentError>", "bad ü")


def test_failures(function):
    error = function.invoke({"do": "fail"}).failed()
    assert list(error) == ["errorMessage", "errorType", "stackTrace"]
    assert (error["errorType"], error["errorMessage"]) == ("Function<ArgumentError>", "bad ü")
    assert len(error["stackTrace"]) == 1 and error["stackTrace"][0].startswith("/var/task/app.rb:")
    before = function.call({"do": "see"})["count"]
    assert before > 1, "a failure keeps the environment"
    assert function.invoke({"do": "exit"}).failed()["errorType"] == "Function<SystemExit>"
    assert function.call({"do": "see"})["count"] == 1, "an exit ends it"


def test_a_timeout_and_the_next_event(module_lab, caller):
    function = module_lab.deploy({"app.rb": APP}, RUNTIME, Layers=[layer(caller)], Timeout=5)
    assert function.invoke({"do": "sleep"}).failed()["errorType"] == "Sandbox.Timedout"
    assert function.call({"do": "see"})["count"] == 1


def test_an_init_that_fails(module_lab):
    function = module_lab.deploy({"app.rb": "require 'nowhere'\n"}, RUNTIME)
    error = function.invoke({}).failed()
    assert (error["errorType"], error["errorMessage"]) == ("Init<LoadError>", "cannot load such file -- nowhere")


def test_a_cold_start_takes_an_interpreter_that_waits(module_lab, caller):
    """By the age of the process: it was up before the function was made."""
    layers = [layer(caller)]
    module_lab.deploy({"app.rb": APP}, RUNTIME, Layers=layers)
    eventually(lambda: waiting_since_before(module_lab, layers), "a cold start out of a parked interpreter", 20)


def waiting_since_before(lab, layers):
    made = time.clock_gettime(time.CLOCK_BOOTTIME)
    seen = lab.deploy({"app.rb": APP}, RUNTIME, Layers=layers).call({"do": "see"})
    return seen["started"] < made
