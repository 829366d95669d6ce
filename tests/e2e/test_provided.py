"""`provided.al2023`: any executable named `bootstrap` that speaks the Runtime API.

Source: fact sheet "Execution-environment contract", sections 1, 4.1, 5 and 7.
"""

import json

import pytest
from harness.functions import PROVIDED
from harness.packages import program

# Speaks the Runtime API with bash alone: /dev/tcp and the headers.
BASH = r"""#!/bin/bash
host=${AWS_LAMBDA_RUNTIME_API%:*} port=${AWS_LAMBDA_RUNTIME_API#*:}
api=/2018-06-01/runtime
count=0
request() { # method, path, body, further header
  exec 3<>"/dev/tcp/$host/$port"
  printf '%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n%sConnection: close\r\n\r\n%s' "$1" "$2" "$host" "${#3}" "$4" "$3" >&3
  headers='' body='' length=0
  read -r status <&3
  while IFS= read -r line <&3; do
    line=${line%$'\r'}
    [ -z "$line" ] && break
    headers+="$line"$'\n'
    case "${line,,}" in
      lambda-runtime-aws-request-id:*) id=${line#*: } ;;
      content-length:*) length=${line#*: } ;;
    esac
  done
  LC_ALL=C read -r -N "$length" body <&3
  exec 3>&-
}
export LC_ALL=C
echo "init of the bootstrap"
while true; do
  request GET "$api/invocation/next"
  count=$((count + 1))
  seen=$headers
  case "$body" in
    '"fail"') request POST "$api/invocation/$id/error" '{"errorType":"Own.Error","errorMessage":"as asked"}' $'Lambda-Runtime-Function-Error-Type: Own.Error\r\n' ;;
    '"exit"') exit 7 ;;
    '"headers"') request POST "$api/invocation/$id/response" "\"$(printf '%s' "$seen" | tr '\n' '|' | tr -d '"{}\\')\"" ;;
    '"env"') request POST "$api/invocation/$id/response" "\"$(env | tr '\n' '|' | tr -d '"\\')\"" ;;
    '"twice"') request POST "$api/invocation/$id/response" 1; request POST "$api/invocation/$id/response" 2; echo "second: $status $body" ;;
    '"unknown"') request POST "$api/invocation/00000000-0000-0000-0000-000000000000/response" 1; echo "unknown: $status $body"; request POST "$api/invocation/$id/response" 3 ;;
    *) echo "event $body"; request POST "$api/invocation/$id/response" "{\"count\":$count,\"event\":$body}" ;;
  esac
done
"""


@pytest.fixture(scope="module")
def bash(module_lab):
    return module_lab.provided({"bootstrap": program(BASH)})


def test_a_bootstrap_in_bash(bash):
    first = bash.call({"a": 1})
    assert first["event"] == {"a": 1}
    assert bash.call("ä")["count"] == first["count"] + 1
    messages = bash.messages_until('event "ä"')
    assert "init of the bootstrap\n" in messages and 'event {"a": 1}\n' in messages


def test_its_errors_are_passed_on_as_they_are(bash):
    invocation = bash.invoke("fail")
    assert invocation.raw == b'{"errorType":"Own.Error","errorMessage":"as asked"}' and invocation.error == "Unhandled"


def test_the_headers_of_next(bash):
    invocation = bash.invoke("headers")
    found = dict(line.split(": ", 1) for line in invocation.ok().split("|") if line)
    found = {k.lower(): v for k, v in found.items()}
    assert found["lambda-runtime-aws-request-id"] == invocation.request_id
    assert found["lambda-runtime-invoked-function-arn"] == bash.arn
    assert found["lambda-runtime-trace-id"].startswith("Root=1-")
    assert len(found["lambda-runtime-deadline-ms"]) == 13
    assert found["content-type"] == "application/json"
    assert "lambda-runtime-client-context" not in found and "lambda-runtime-cognito-identity" not in found


def test_the_environment(bash):
    found = dict(line.split("=", 1) for line in bash.call("env").split("|") if "=" in line)
    assert "AWS_EXECUTION_ENV" not in found, "as on AWS"
    assert found["_HANDLER"] == "bootstrap" and found["LAMBDA_TASK_ROOT"] == "/var/task"
    assert found["AWS_LAMBDA_FUNCTION_NAME"] == bash.name
    assert not [k for k in found if k.startswith(("HEARTH", "_HEARTH"))]


def test_answers_to_a_confused_runtime(bash):
    assert bash.invoke("twice").raw == b"1"
    assert bash.invoke("unknown").raw == b"3"
    messages = "".join(bash.messages_until("unknown: "))
    assert "unknown: HTTP/1.1 400" in messages and "InvalidRequestID" in messages
    assert "second: HTTP/1.1 40" in messages


def test_an_exit(bash):
    invocation = bash.invoke("exit")
    assert invocation.failed() == {
        "errorType": "Runtime.ExitError", "errorMessage": f"RequestId: {invocation.request_id} Error: Runtime exited with error: exit status 7"}
    assert bash.call("again")["count"] == 1


ENTRYPOINTS = {
    "missing": ({"other": program("x")}, "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"),
    "not executable": ({"bootstrap": BASH}, "fork/exec /var/task/bootstrap: permission denied"),
    "not a program": ({"bootstrap": program(b"\x7fELFnonsense")}, "fork/exec /var/task/bootstrap: exec format error"),
    "without its interpreter": ({"bootstrap": program("#!/no/such/interpreter\n")}, "fork/exec /var/task/bootstrap: no such file or directory"),
}


@pytest.mark.parametrize("case", ENTRYPOINTS)
def test_bootstraps_that_cannot_start(lab, case):
    files, text = ENTRYPOINTS[case]
    function = lab.provided(files)
    invocation = function.invoke()
    assert invocation.error == "Unhandled"
    assert json.loads(invocation.raw) == {
        "errorType": "Runtime.InvalidEntrypoint", "errorMessage": f"RequestId: {invocation.request_id} Error: {text}"}
    logged = "".join(function.messages_until("REPORT"))
    assert text in logged and "Runtime.InvalidEntrypoint" in logged, logged


def test_a_bootstrap_that_exits_at_once(lab):
    function = lab.provided({"bootstrap": program("#!/bin/sh\nexit 0\n")})
    invocation = function.invoke()
    assert invocation.failed() == {
        "errorType": "Runtime.ExitError", "errorMessage": f"RequestId: {invocation.request_id} Error: Runtime exited without providing a reason"}


def test_a_bootstrap_that_reports_an_init_error(lab):
    posting = BASH.replace('echo "init of the bootstrap"\n', """request POST "$api/init/error" '{"errorType":"Own.Init","errorMessage":"cannot"}' $'Lambda-Runtime-Function-Error-Type: Own.Init\\r\\n'; exit 1\n""")
    assert posting != BASH
    invocation = lab.provided({"bootstrap": program(posting)}).invoke()
    assert invocation.raw == b'{"errorType":"Own.Init","errorMessage":"cannot"}' and invocation.error == "Unhandled"


def test_al2_is_served_too(lab):
    assert lab.deploy({"bootstrap": program(BASH)}, "provided.al2", "anything").call("x")["count"] == 1
    assert PROVIDED == "provided.al2023"
