"""What a function finds around it."""

from suite.cases import case
from suite.subject import VARIABLES


def environment(subject):
    return subject.cached("environment", lambda: subject.main.call({"case": "environment"}))


@case("the variables that Lambda sets")
def test_variables(subject):
    found = environment(subject)["variables"]
    expected = {
        "_HANDLER": subject.main.created["Handler"], "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": subject.main.name, "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(subject.main.created["MemorySize"]),
        "AWS_LAMBDA_LOG_GROUP_NAME": subject.main.group, "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "LAMBDA_TASK_ROOT": "/var/task", "LAMBDA_RUNTIME_DIR": "/var/runtime", "LANG": "en_US.UTF-8",
        **subject.language.variables,
    }
    assert {name: found.get(name) for name in expected} == expected
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_LOG_STREAM_NAME", "PATH"):
        assert found.get(name), name
    for name in ("HOME", *subject.language.unset):
        assert name not in found, name


@case("the function's own variables")
def test_own_variables(subject):
    found = environment(subject)["variables"]
    assert {name: found.get(name) for name in VARIABLES} == VARIABLES


@case("the time zone of variable TZ")
def test_time_zone(subject):
    assert environment(subject)["hour"] == 1, "Berlin's at the epoch"


@case("nothing of the server's own")
def test_no_leaks(subject):
    assert not [name for name in environment(subject)["variables"] if name.upper().lstrip("_").startswith("HEARTH")]


@case("the working folder is /var/task")
def test_folder(subject):
    assert environment(subject)["folder"] == "/var/task"


@case("a layer's file below /opt")
def test_layer_file(subject):
    assert subject.main.call({"case": "read", "path": "/opt/contract.txt"}) == "from the layer"


@case("a layer's library, where the language looks for it")
def test_layer_library(subject):
    assert subject.main.call({"case": "layer"}) == "from the layer"


@case("a wrapper script (`AWS_LAMBDA_EXEC_WRAPPER`)")
def test_wrapper(subject):
    function = subject.deploy(variables={"AWS_LAMBDA_EXEC_WRAPPER": "/opt/contract-wrapper"}, Layers=[subject.layer])
    found = function.call({"case": "environment"})["variables"]
    assert found["CONTRACT_WRAPPED"] == "yes" and found["_HANDLER"] == subject.language.handler


@case("/tmp can be written, and is kept between invocations")
def test_tmp(subject):
    assert subject.main.call({"case": "write", "path": "/tmp/ä.txt", "text": "kept ä"}) is True
    assert subject.main.call({"case": "read", "path": "/tmp/ä.txt"}) == "kept ä"


@case("the code and layers cannot be written")
def test_read_only(subject):
    for path in ("/var/task/new", "/opt/new", "/var/runtime/new"):
        assert subject.main.call({"case": "write", "path": path, "text": ""}) is False, path


@case("child processes")
def test_children(subject):
    assert subject.main.call({"case": "run", "command": "echo child of $AWS_LAMBDA_FUNCTION_NAME"}) == f"child of {subject.main.name}\n"
