"""Checks every response against botocore's own service model.

Hooked into each client, it sees the raw response before botocore's lenient parser does: a member
that the model does not know, a null, a number where a string belongs, a missing required member
or a wrong status code is a violation. Violations are collected, because an exception thrown in a
hook would be taken for a network failure and retried; a fixture turns them into a failed test.
"""

import base64
import binascii
import json
import re
import threading
import urllib.parse
import xml.etree.ElementTree as ElementTree
from collections import Counter

# Errors that AWS sends although no operation declares them (fact sheet lambda-api 1.1), and their status.
UNMODELLED = {
    "AccessDeniedException": {403},
    "IncompleteSignatureException": {400, 403},
    "InvalidSignatureException": {403},
    "MissingAuthenticationTokenException": {403},
    "NotImplementedException": {501},
    "RequestEntityTooLargeException": {413},
    "SerializationException": {400},
    "UnknownOperationException": {400, 404},
    "UnrecognizedClientException": {403},
    "ExpiredTokenException": {403},
    "ValidationException": {400},
}
# The same for the query protocol (IAM, STS): codes and their status.
UNMODELLED_QUERY = {
    "AccessDenied": {403}, "ExpiredToken": {403}, "IncompleteSignature": {400, 403}, "InvalidAction": {400},
    "InvalidClientTokenId": {403}, "MissingAction": {400}, "MissingAuthenticationToken": {403}, "NotImplemented": {501},
    # CreateRole with a boundary that is not there, GetAccessKeyLastUsed of an unknown key.
    "NoSuchEntity": {404},
    "SignatureDoesNotMatch": {403}, "ValidationError": {400},
}
# Values that AWS was recorded to send and the model's enumerations lack (fact sheet lambda-api 3.3).
MORE_VALUES = {"LastUpdateStatusReasonCode": {"Creating"}}
# Answers that AWS was recorded to send without members that the model requires (fact sheet lambda-api 11).
EMPTY_ANSWERS = {"GetFunctionCodeSigningConfig"}
REQUEST_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
JSON_TYPES = {
    "string": str, "boolean": bool, "integer": int, "long": int, "float": (int, float), "double": (int, float),
    "list": list, "map": dict, "structure": dict, "blob": str,
}


class Checker:
    """Collects violations and counts what was checked; safe for threads."""

    def __init__(self):
        self._lock = threading.Lock()
        self._violations = []
        self.seen = Counter()

    def attach(self, emitter):
        """To a client's or a session's events."""
        emitter.register("before-parse.*.*", self._on_response)
        return emitter

    def take(self):
        """The violations since the last call."""
        with self._lock:
            found, self._violations = self._violations, []
        return found

    def _on_response(self, operation_model, response_dict, **_):
        found = list(violations(operation_model, response_dict))
        name = f"{operation_model.service_model.service_name}:{operation_model.name}"
        with self._lock:
            self.seen[name, response_dict["status_code"]] += 1
            self._violations += [f"{name} {response_dict['status_code']}: {text}" for text in found]


def violations(operation, response):
    """All that is wrong with one response: texts."""
    headers = {k.lower(): v for k, v in response["headers"].items()}
    if not REQUEST_ID.fullmatch(headers.get("x-amzn-requestid", "")):
        yield f"expected a UUID in x-amzn-RequestId, found {headers.get('x-amzn-requestid')!r}"
    if operation.service_model.metadata["protocol"] == "query":
        yield from _query(operation, response, headers)
    elif response["status_code"] >= 300:
        yield from _error(operation, response, headers)
    else:
        yield from _success(operation, response, headers)


def _query(operation, response, headers):
    """XML: every element known, in the service's namespace, with values of the model's types."""
    namespace = "{%s}" % operation.service_model.metadata["xmlNamespace"]
    if headers.get("content-type", "").split(";")[0] != "text/xml":
        yield f"expected Content-Type text/xml, found {headers.get('content-type')!r}"
    try:
        root = ElementTree.fromstring(response["body"])
    except ElementTree.ParseError as error:
        yield f"expected XML, found {response['body'][:200]!r} ({error})"
        return
    strangers = {e.tag for e in root.iter() if not e.tag.startswith(namespace)}
    if strangers:
        yield f"expected the namespace {namespace}, found {sorted(strangers)}"
        return
    for element in root.iter():
        element.tag = element.tag.removeprefix(namespace)
    if response["status_code"] >= 300:
        yield from _query_error(operation, response["status_code"], root, headers)
    else:
        yield from _query_success(operation, response["status_code"], root, headers)


def _query_success(operation, status, root, headers):
    if status != 200:
        yield f"expected status 200, found {status}"
    shape = operation.output_shape
    wrapper = shape.serialization.get("resultWrapper") if shape else None
    expected = [name for name in (wrapper, "ResponseMetadata") if name]
    if root.tag != f"{operation.name}Response" or [e.tag for e in root] != expected:
        yield f"expected {operation.name}Response of {expected}, found {root.tag} of {[e.tag for e in root]}"
        return
    yield from _request_id(root.findtext("ResponseMetadata/RequestId"), headers)
    if wrapper:
        yield from _element(shape, root.find(wrapper), wrapper)


def _query_error(operation, status, root, headers):
    if root.tag != "ErrorResponse" or [e.tag for e in root] != ["Error", "RequestId"]:
        yield f"expected ErrorResponse of Error and RequestId, found {root.tag} of {[e.tag for e in root]}"
        return
    yield from _request_id(root.findtext("RequestId"), headers)
    error = {e.tag: e.text for e in root.find("Error")}
    code = error.get("Code")
    if list(error) != ["Type", "Code", "Message"] or not error["Message"]:
        yield f"expected Type, Code and Message, found {error}"
    if error.get("Type") != ("Receiver" if status >= 500 else "Sender"):
        yield f"expected the Type of a {status}, found {error.get('Type')}"
    modelled = {s.metadata.get("error", {}).get("code", s.name): s.metadata.get("error", {}) for s in operation.error_shapes}
    wanted = {modelled[code].get("httpStatusCode", 400)} if code in modelled else UNMODELLED_QUERY.get(code)
    if wanted is None:
        yield f"{status} {code}: an error that {operation.name} does not declare ({error})"
    elif status not in wanted:
        yield f"{code}: expected status {wanted}, found {status}"


def _request_id(found, headers):
    if found != headers.get("x-amzn-requestid"):
        yield f"expected the request's id {headers.get('x-amzn-requestid')}, found {found}"


def _element(shape, element, path):
    if shape.type_name == "structure":
        names = [e.tag for e in element]
        for name in sorted({n for n in names if names.count(n) > 1}):
            yield f"{path}.{name} is there twice"
        members = {m.serialization.get("name", n): (n, m) for n, m in shape.members.items()}
        for inner in element:
            if inner.tag not in members:
                yield f"unknown member {path}.{inner.tag}"
            else:
                yield from _element(members[inner.tag][1], inner, f"{path}.{inner.tag}")
        for wire_name, (name, _) in members.items():
            if name in shape.required_members and wire_name not in names:
                yield f"the required member {path}.{name} is missing"
    elif shape.type_name == "list":
        name = shape.member.serialization.get("name", "member")
        for i, inner in enumerate(element):
            if inner.tag != name:
                yield f"{path}[{i}]: expected <{name}>, found <{inner.tag}>"
            else:
                yield from _element(shape.member, inner, f"{path}[{i}]")
    elif len(element):
        yield f"{path}: expected {shape.type_name}, found elements {[e.tag for e in element]}"
    else:
        yield from _text(shape, element.text or "", path)


def _text(shape, text, path):
    kinds = {
        "boolean": r"true|false", "integer": r"-?\d+", "long": r"-?\d+",
        "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
    }
    if shape.type_name == "string":
        # Policy documents travel percent-encoded.
        text = urllib.parse.unquote(text) if shape.name == "policyDocumentType" else text
        if shape.name == "idType" and re.fullmatch(r"\d{12}", text):
            return  # Root's id is its account, as GetUser was recorded to answer.
        yield from _string(shape, text, path)
    elif not re.fullmatch(kinds[shape.type_name], text):
        yield f"{path}: expected {shape.type_name}, found {text!r}"
    elif shape.type_name in ("integer", "long"):
        yield from _bounds(shape, int(text), path)


def _success(operation, response, headers):
    shape, status = operation.output_shape, response["status_code"]
    members = shape.members if shape else {}
    status_is_output = any(m.serialization.get("location") == "statusCode" for m in members.values())
    expected = {200, 202, 204} if status_is_output else {operation.http.get("responseCode", 200)}
    if status not in expected:
        yield f"expected status {expected}, found {status}"
    for name, member in members.items():
        if member.serialization.get("location") == "header":
            yield from _header(shape, name, member, headers)
    payload = shape.serialization.get("payload") if shape else None
    in_body = {n: m for n, m in members.items() if not m.serialization.get("location") and n != payload}
    body = response["body"]
    if not isinstance(body, bytes):
        return  # A stream; the tests read it.
    if payload is None and (in_body or operation.service_model.metadata["protocol"] == "json"):
        yield from _body(shape, in_body, body, headers, operation)
    elif payload is None and body:
        yield f"expected an empty body, found {body[:200]!r}"


def _body(shape, in_body, body, headers, operation):
    if not in_body and not body:
        return
    yield from _content_type(operation, headers)
    value = _json(body)
    if not isinstance(value, dict):
        yield f"expected a JSON object, found {body[:200]!r}"
        return
    if value or operation.name not in EMPTY_ANSWERS:
        yield from _structure(shape, value, "", in_body)


def _header(shape, name, member, headers):
    value = headers.get(member.serialization["name"].lower())
    if value is None:
        if name in shape.required_members:
            yield f"the required header {member.serialization['name']} is missing"
        return
    if member.type_name in ("integer", "long") and not re.fullmatch(r"-?\d+", value):
        yield f"header {name}: expected an integer, found {value!r}"
    if member.type_name == "string":
        yield from _string(member, value, f"header {name}")


def _error(operation, response, headers):
    body = response["body"] if isinstance(response["body"], bytes) else response["body"].read()
    value = _json(body)
    if not isinstance(value, dict):
        yield f"expected a JSON object as the error's body, found {body[:200]!r}"
        return
    yield from _content_type(operation, headers)
    is_rest = operation.service_model.metadata["protocol"] == "rest-json"
    code = headers.get("x-amzn-errortype") if is_rest else value.pop("__type", None)
    if not code:
        yield f"expected an error code in {'x-amzn-ErrorType' if is_rest else '__type'}, found none ({value})"
        return
    shape = next((s for s in operation.error_shapes if s.name == code), None)
    if shape is None:
        yield from _unmodelled(operation, response["status_code"], code, value, is_rest)
        return
    status = shape.metadata.get("error", {}).get("httpStatusCode", 400)
    if response["status_code"] != status:
        yield f"{code}: expected status {status}, found {response['status_code']}"
    in_body = {n: m for n, m in shape.members.items() if not m.serialization.get("location")}
    if not is_rest and not in_body:
        in_body = {"message": None}
    yield from _structure(shape, value, "", in_body)


def _unmodelled(operation, status, code, value, is_rest):
    if code not in UNMODELLED or (is_rest and status not in UNMODELLED[code]):
        yield f"{status} {code}: an error that {operation.name} does not declare ({value})"
    if not value.keys() <= {"message", "Message", "Type"}:
        yield f"{code}: unknown members in {value}"


def _content_type(operation, headers):
    metadata = operation.service_model.metadata
    is_rest = metadata["protocol"] == "rest-json"
    expected = "application/json" if is_rest else f"application/x-amz-json-{metadata['jsonVersion']}"
    found = headers.get("content-type", "").split(";")[0]
    if found != expected:
        yield f"expected Content-Type {expected}, found {found!r}"


def _structure(shape, value, path, members=None):
    members = shape.members if members is None else members
    by_wire_name = {(m.serialization.get("name", n) if m is not None else n): (n, m) for n, m in members.items()}
    for key, inner in value.items():
        if key not in by_wire_name:
            yield f"unknown member {path}{key} = {inner!r}"
        elif by_wire_name[key][1] is not None:
            yield from _value(by_wire_name[key][1], inner, f"{path}{key}")
    for name in shape.required_members:
        if name in members and members[name] is not None and name not in value:
            yield f"the required member {path}{name} is missing"


def _value(shape, value, path):
    if value is None:
        yield f"{path} is null; AWS leaves it out"
        return
    if shape.type_name == "timestamp":
        yield from _timestamp(shape, value, path)
        return
    expected = JSON_TYPES[shape.type_name]
    if not isinstance(value, expected) or (isinstance(value, bool) and shape.type_name != "boolean"):
        yield f"{path}: expected {shape.type_name}, found {value!r}"
        return
    if shape.type_name == "string":
        yield from _string(shape, value, path)
    elif shape.type_name in ("integer", "long"):
        yield from _bounds(shape, value, path)
    elif shape.type_name == "blob":
        try:
            base64.b64decode(value, validate=True)
        except binascii.Error:
            yield f"{path}: expected base64, found {value[:80]!r}"
    elif shape.type_name == "list":
        yield from _bounds(shape, len(value), path)
        for i, inner in enumerate(value):
            yield from _value(shape.member, inner, f"{path}[{i}]")
    elif shape.type_name == "map":
        for key, inner in value.items():
            yield from _value(shape.key, key, f"key of {path}")
            yield from _value(shape.value, inner, f"{path}.{key}")
    elif shape.type_name == "structure":
        yield from _structure(shape, value, f"{path}.")


def _timestamp(shape, value, path):
    if shape.serialization.get("timestampFormat") == "iso8601":
        right = isinstance(value, str)
    else:
        right = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not right:
        yield f"{path}: expected a timestamp, found {value!r}"


def _string(shape, value, path):
    values = getattr(shape, "enum", None)
    if values and value not in values and value not in MORE_VALUES.get(shape.name, ()):
        yield f"{path}: expected one of {values}, found {value!r}"
    yield from _bounds(shape, len(value), path)
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(_python(pattern), value):
        yield f"{path}: expected a match of {pattern}, found {value!r}"


def _python(pattern):
    """The model's patterns are Java's: its classes of letters, separators and digits."""
    return pattern.replace(r"\p{L}\p{Z}\p{N}", r"\w\s") if r"\p{" in pattern else pattern


def _bounds(shape, number, path):
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if (low is not None and number < low) or (high is not None and number > high):
        yield f"{path}: expected {low}..{high}, found {number}"


def _json(body):
    try:
        return json.loads(body)
    except ValueError:
        return None
