"""Ruby: Hearth's bootstrap. AWS's own client is a gem, and no registry of gems is among those that the tests use."""

import re

from suite.build import FUNCTIONS, sources
from suite.language import Error, InitError, Language

RUNTIME = "ruby3.2"


def files(folder):
    return sources(FUNCTIONS / "ruby")


OURS = Language(
    id="ruby",
    title="Ruby",
    runtime=RUNTIME,
    package=files,
    handler="app.handler",
    integers=int,
    keys=("errorMessage", "errorType", "stackTrace"),
    errors={
        "own": Error("Function<ContractError>", trace=("/var/task/app.rb:", "failure")),
        "standard": Error("Function<ArgumentError>", re.compile(r'invalid value for Integer\(\): "no number".*'), trace=("failure",)),
        "cause": Error("Function<ContractError>"),
        "result": Error("Function<JSON::GeneratorError>", re.compile(r".*NaN not allowed in JSON.*")),
        "stray": None,
    },
    init_errors={
        "module": InitError("Init<LoadError>", "cannot load such file -- nope", settings={"Handler": "nope.handler"}),
        "name": InitError("Init<ArgumentError>", re.compile(r'Invalid handler \["app"\], must be of form FILENAME\.METHOD.*'), settings={"Handler": "app"}),
        "syntax": InitError("Init<SyntaxError>", re.compile(r"(?s).*app\.rb:1.*"), files={"app.rb": "def handler(\n"}),
        "dependency": InitError("Init<LoadError>", "cannot load such file -- nowhere", files={"app.rb": 'require "nowhere"\n'}),
        "exception": InitError("Init<ContractError>", "at load", settings={"Environment": {"Variables": {"CONTRACT_INIT": "raise"}}}),
    },
    signals={"KILL": "signal: killed", "SEGV": "signal: aborted", "ABRT": "signal: aborted"},
    levels={
        "debug": ("DEBUG", "DEBUG"), "info": ("INFO", "INFO"), "warn": ("WARN", "WARN"), "error": ("ERROR", "ERROR"),
        "fatal": ("FATAL", "FATAL"),
    },
    text_record=r"[DIWEF], \[{stamp} #\d+\] +{level} {id} -- : {message}\n".replace("{stamp}", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}"),
    json_record={"level": "{level}", "message": "{message}", "requestId": "{id}", "timestamp": "{stamp}"},
    error_json={"level": "ERROR", "errorType": "Function<ContractError>", "errorMessage": "{message}", "requestId": "{id}", "timestamp": "{stamp}"},
    variables={
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{RUNTIME}", "GEM_HOME": "/var/runtime", "RUBYLIB": "/var/task:/var/runtime/lib:/opt/ruby/lib",
        "PWD": "/var/task", "SHLVL": "0",
    },
    layer={"ruby/lib/contract_library.rb": 'module ContractLibrary\n  def self.text = "from the layer"\nend\n'},
    absent={
        "error-abrupt": "in Ruby only exceptions are raised; `exit` is case `exit`",
        "nesting": "Ruby's JSON refuses more than 100 levels, on Lambda too",
        "error_in_the_log": "two events, as on Lambda: a line that says when, then the document",
        "init_error-function": "Ruby looks for the method when the first event arrives: `Function<NoMethodError>`",
    },
)
