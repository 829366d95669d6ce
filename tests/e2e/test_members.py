"""Every member of botocore's Lambda model is understood: taken, or refused by its name as docs/compatibility.md says.

Each member is sent by itself, in an otherwise small request. A member that the server does not know is refused with
`SerializationException` (and would be a defect); one that it cannot honour, with a text that names it.
"""

import re

import botocore.session
import pytest
from botocore.exceptions import ClientError
from harness import compatibility
from harness.packages import zip_of

SERVED = compatibility.operations("lambda")
MODEL = botocore.session.get_session().get_service_model("lambda")
REFUSAL = re.compile(r"^([\w. ]+) is not available in Hearth yet: ")


def paths(shape, depth=0):
    """Every path of members below a shape that a request's body can have."""
    for name, member in shape.members.items():
        yield (name,)
        if member.type_name == "structure" and depth < 4:
            yield from ((name, *below) for below in paths(member, depth + 1))


def request(shape, path):
    """The smallest request with that member in it."""
    arguments = compatibility.sample(shape)
    inner, at = arguments, shape
    for name in path[:-1]:
        at = at.members[name]
        inner = inner.setdefault(name, compatibility.sample(at))
    inner.setdefault(path[-1], compatibility.sample(at.members[path[-1]], path[-1]))
    return arguments


@pytest.fixture(scope="module")
def function(module_lab):
    return module_lab.deploy("def handler(event, context): return event")


@pytest.fixture(scope="module")
def client(caller):
    return caller.client("lambda", parameter_validation=False, inject_host_prefix=False)


def base(name, caller, function):
    """What an operation needs before it looks at its other members."""
    if name == "CreateFunction":
        return {"FunctionName": function.name, "Runtime": "python3.12", "Role": caller.role, "Handler": "app.handler",
                "Code": {"ZipFile": zip_of({"app.py": ""})}}
    return {"FunctionName": function.name} if name.startswith("UpdateFunction") else {}


@pytest.mark.parametrize("name", sorted(SERVED))
def test_each_member_is_taken_or_refused_by_its_name(client, caller, function, name):
    shape = MODEL.operation_model(name).input_shape
    method = next(m for m, n in client.meta.method_to_api_mapping.items() if n == name)
    for path in paths(shape):
        arguments = {**request(shape, path), **{k: v for k, v in base(name, caller, function).items() if k != path[0]}}
        try:
            getattr(client, method)(**arguments)
            continue
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"]["Message"] or ""
        where = f"{name}: {'.'.join(path)}"
        assert code not in ("SerializationException", "InternalFailure", "ServiceException"), f"{where}: {code} {message}"
        if refusal := REFUSAL.match(message):
            told = refusal[1].split()[0]
            listed = {listed.rpartition(".")[2] for listed in compatibility.refused_members()}
            assert told in listed, f"{where} is refused, and the page does not list {told}: {message}"


def test_the_page_lists_no_member_that_is_not_there():
    known = set()
    for name in MODEL.operation_names:
        shape = MODEL.operation_model(name).input_shape
        known |= {part for path in paths(shape) for part in (".".join(path), path[-1])} if shape else set()
    strangers = sorted(compatibility.refused_members() - known)
    assert not strangers, f"no member of Lambda's model: {strangers}"
