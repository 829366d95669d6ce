"""What docs/compatibility.md says of the APIs, and requests to compare it with."""

import functools
import re

import botocore.session

from .server import ROOT

PAGE = ROOT / "docs/compatibility.md"
SECTIONS = {"lambda": "Lambda", "logs": "CloudWatch Logs", "iam": "IAM", "sts": "STS", "kms": "KMS"}
# Text for members whose form the client or the server checks before anything else.
FORMS = {
    "FunctionName": "nobody", "Qualifier": "$LATEST", "Arn": "arn:aws:lambda:us-east-1:123456789012:layer:l:1",
    "Resource": "arn:aws:lambda:us-east-1:123456789012:function:nobody",
}


def sample(shape, name="", depth=0):
    """A value that the client library accepts for a shape."""
    kind = shape.type_name
    if kind == "structure":
        names = list(shape.members)[:1] if shape.is_tagged_union else shape.required_members
        return {} if depth > 8 else {n: sample(shape.members[n], n, depth + 1) for n in names}
    if kind == "list":
        return [sample(shape.member, name, depth + 1)] * max(1, shape.metadata.get("min", 1))
    if kind == "map":
        return {sample(shape.key, name, depth + 1): sample(shape.value, name, depth + 1)}
    if kind == "string":
        values = getattr(shape, "enum", None)
        text = values[0] if values else FORMS.get(name, "x")
        return text.ljust(shape.metadata.get("min", 0), "x")
    return {"boolean": True, "blob": b"x", "timestamp": 0, "float": 1.0, "double": 1.0}.get(kind, shape.metadata.get("min", 1))


def section(title):
    """The text below a heading of the page's first level."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found, f"{PAGE.name} has no section {title}"
    return found[1]


def rows(title):
    """The first cells of the section's tables."""
    return re.findall(r"^\| (`.*?) \|", section(title), re.MULTILINE)


@functools.cache
def operations(service):
    """The operations that the page lists as served. Its rows name members, too."""
    listed = {name for row in rows(SECTIONS[service]) for name in re.findall(r"`([A-Z]\w+)`", row)}
    return listed & set(botocore.session.get_session().get_service_model(service).operation_names)


@functools.cache
def refused_members():
    """The members of the Lambda API that the page says are refused, all or some of their values."""
    text = section(SECTIONS["lambda"])
    table = text[text.index("| member |"):]
    return {name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`([\w.]+)", row)}
