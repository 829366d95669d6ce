"""aws-lambda-powertools, unchanged, in a function's package: logger, tracer, metrics, event handler."""

import json

from harness.packages import zip_of
from harness.server import ROOT

PACKAGES = ROOT / ".cache" / "packages" / "python"
NEEDS = ("aws_lambda_powertools", "aws_xray_sdk", "botocore/__init__.py", "jmespath", "typing_extensions.py", "wrapt")
APP = """
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit

logger, tracer, metrics, app = Logger(), Tracer(), Metrics(), APIGatewayHttpResolver()

@app.get('/hello/<name>')
@tracer.capture_method
def hello(name):
    tracer.put_annotation('name', name)
    metrics.add_metric(name='Greetings', unit=MetricUnit.Count, value=1)
    logger.info('greeting', extra={'who': name})
    return {'hello': name}

@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event, context):
    return app.resolve(event, context)
"""
EVENT = {
    "version": "2.0", "routeKey": "GET /hello/{name}", "rawPath": "/hello/Ada", "rawQueryString": "", "headers": {},
    "requestContext": {"requestId": "from-the-gateway", "http": {"method": "GET", "path": "/hello/Ada"}, "stage": "$default"},
    "isBase64Encoded": False,
}


def package():
    files = {"app.py": APP}
    for name in NEEDS:
        path = PACKAGES / name
        assert path.exists(), f"expected {path}: make packages"
        for file in [path] if path.is_file() else path.rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                files[str(file.relative_to(PACKAGES))] = file.read_bytes()
    return zip_of(files)


def test_powertools(lab):
    variables = {"POWERTOOLS_SERVICE_NAME": "greeter", "POWERTOOLS_METRICS_NAMESPACE": "Tests", "POWERTOOLS_LOG_LEVEL": "INFO"}
    function = lab.deploy(package(), Environment={"Variables": variables}, MemorySize=512, Timeout=30)
    invocation = function.invoke(EVENT)
    answer = invocation.ok()
    assert answer["statusCode"] == 200 and json.loads(answer["body"]) == {"hello": "Ada"}
    records = [json.loads(m) for m in function.messages_until("REPORT") if m.startswith("{")]
    logged = next(r for r in records if r.get("message") == "greeting")
    assert (logged["level"], logged["service"], logged["who"], logged["cold_start"]) == ("INFO", "greeter", "Ada", True)
    assert logged["function_name"] == function.name and logged["function_request_id"] == invocation.request_id
    assert logged["function_memory_size"] == "512" and logged["correlation_id"] == "from-the-gateway"
    assert logged["xray_trace_id"].startswith("1-")
    metrics = [r for r in records if "_aws" in r]
    assert {name for r in metrics for name in ("Greetings", "ColdStart") if name in r} == {"Greetings", "ColdStart"}
    assert all(r["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Tests" for r in metrics)
