//! What the model's constraints refuse: requests and the exact text of the answer.
//!
//! Source of the texts: fact sheet "Lambda control-plane API", sections 1.2, 2.1 and 4.

use super::*;

const READ_PATTERN: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?";
const WRITE_PATTERN: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?";
const QUALIFIER_PATTERN: &str = r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+";
const ROLE_PATTERN: &str = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+";

/// One request with one defect: what `at` failed.
struct Case {
    value: String,
    at: &'static str,
    constraint: String,
}

impl Case {
    fn message(&self) -> String {
        let Self { value, at, constraint } = self;
        format!("1 validation error detected: Value {value} at '{at}' failed to satisfy constraint: {constraint}")
    }
}

fn case(value: impl ToString, at: &'static str, constraint: impl Into<String>) -> Case {
    Case {
        value: format!("'{}'", value.to_string()),
        at,
        constraint: constraint.into(),
    }
}

fn null(at: &'static str) -> Case {
    Case {
        value: "null".to_owned(),
        at,
        constraint: "Member must not be null".to_owned(),
    }
}

fn matching(pattern: &str) -> String {
    format!("Member must satisfy regular expression pattern: {pattern}")
}

fn one_of(set: &str) -> String {
    format!("Member must satisfy enum value set: [{set}]")
}

fn at_most(max: i64) -> String {
    format!("Member must have value less than or equal to {max}")
}

fn at_least(min: i64) -> String {
    format!("Member must have value greater than or equal to {min}")
}

fn no_longer(max: usize) -> String {
    format!("Member must have length less than or equal to {max}")
}

fn no_shorter(min: usize) -> String {
    format!("Member must have length greater than or equal to {min}")
}

#[track_caller]
fn refused(answer: Result<Response, ApiError>, case: &Case, what: &str) {
    assert_error(answer, 400, "ValidationException", &case.message(), what);
}

#[tokio::test]
async fn names_that_no_operation_takes() {
    let world = World::new().await;
    for name in [
        "*",
        "my-function!",
        "invalid:function:name",
        "f:invalid!",
        "arn:aws:lambda::123456789012:function:f",
        "arn:aws:lambda:us-east-1::function:f",
        "arn:aws:ec2:us-east-1:123456789012:function:f",
        "arn:aws:lambda:us-east-1:123456789012:function:f:1:2",
        "function:f:$LATEST:extra",
        "f:$LATES",
    ] {
        let uri = format!("/2015-03-31/functions/{}", encoded(name));
        let read = case(name, "functionName", matching(READ_PATTERN));
        refused(world.call("GET", &uri, Value::Null).await, &read, "GetFunction");
        refused(world.call("DELETE", &uri, Value::Null).await, &read, "DeleteFunction");
        refused(world.call("GET", &format!("{uri}/configuration"), Value::Null).await, &read, "the configuration");
        let write = case(name, "functionName", matching(WRITE_PATTERN));
        let update = world.call("PUT", &format!("{uri}/configuration"), json!({"Timeout": 3})).await;
        refused(update, &write, "UpdateFunctionConfiguration");
        let update = world.call("PUT", &format!("{uri}/code"), json!({"ZipFile": zipped("x")})).await;
        refused(update, &write, "UpdateFunctionCode");
        let create = world.call("POST", "/2015-03-31/functions", create_with("f", json!({"FunctionName": name}))).await;
        refused(create, &write, "CreateFunction");
    }
}

#[tokio::test]
async fn names_that_are_too_long() {
    let world = World::new().await;
    let long = format!("{ARN}:{}", "a".repeat(141 - ARN.len() - 1));
    assert_eq!(long.len(), 141);
    let create = world.call("POST", "/2015-03-31/functions", create_with("f", json!({"FunctionName": long}))).await;
    refused(create, &case(&long, "functionName", no_longer(140)), "CreateFunction");
    let longer = "a".repeat(257);
    let uri = format!("/2015-03-31/functions/{longer}");
    refused(world.call("GET", &uri, Value::Null).await, &case(&longer, "functionName", no_longer(256)), "GetFunction");
}

#[tokio::test]
async fn qualifiers_that_no_operation_takes() {
    let world = World::new().await;
    for (qualifier, constraint) in [
        ("invalid!".to_owned(), matching(QUALIFIER_PATTERN)),
        ("a.b".to_owned(), matching(QUALIFIER_PATTERN)),
        ("a".repeat(129), no_longer(128)),
    ] {
        let uri = format!("/2015-03-31/functions/f?Qualifier={}", encoded(&qualifier));
        let case = case(&qualifier, "qualifier", constraint);
        refused(world.call("GET", &uri, Value::Null).await, &case, "GetFunction");
        refused(world.call("DELETE", &uri, Value::Null).await, &case, "DeleteFunction");
    }
    let both = world.call("GET", "/2015-03-31/functions/f%21?Qualifier=q%21", Value::Null).await;
    let message = format!(
        "2 validation errors detected: Value 'q!' at 'qualifier' failed to satisfy constraint: {}; Value 'f!' at \
         'functionName' failed to satisfy constraint: {}",
        matching(QUALIFIER_PATTERN),
        matching(READ_PATTERN)
    );
    assert_error(both, 400, "ValidationException", &message, "the qualifier comes first");
}

/// Members that CreateFunction and UpdateFunctionConfiguration share, each with one defect.
fn settings() -> Vec<(Value, Case)> {
    let items = |max: usize, min: usize, pattern: &str| {
        let pattern = matching(pattern);
        format!(
            "Member must satisfy constraint: [{}, {}, {pattern}, Member must not be null]",
            no_longer(max),
            no_shorter(min)
        )
    };
    let layer = r"(arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)";
    let any_arn = r"(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()";
    let levels = "TRACE, DEBUG, INFO, WARN, ERROR, FATAL";
    let six_groups = ["sg-1", "sg-2", "sg-3", "sg-4", "sg-5", "sg-6"];
    vec![
        (json!({"Role": "r"}), case("r", "role", matching(ROLE_PATTERN))),
        (json!({"Role": ""}), case("", "role", matching(ROLE_PATTERN))),
        (
            json!({"Role": "arn:aws:iam::12345:role/r"}),
            case("arn:aws:iam::12345:role/r", "role", matching(ROLE_PATTERN)),
        ),
        (json!({"Handler": "a b"}), case("a b", "handler", matching(r"[^\s]+"))),
        (json!({"Handler": ""}), case("", "handler", matching(r"[^\s]+"))),
        (json!({"Handler": "h".repeat(129)}), case("h".repeat(129), "handler", no_longer(128))),
        (json!({"Description": "d".repeat(257)}), case("d".repeat(257), "description", no_longer(256))),
        (json!({"Timeout": 0}), case(0, "timeout", at_least(1))),
        (json!({"Timeout": -1}), case(-1, "timeout", at_least(1))),
        (json!({"Timeout": 901}), case(901, "timeout", at_most(900))),
        (json!({"MemorySize": 127}), case(127, "memorySize", at_least(128))),
        (json!({"MemorySize": 0}), case(0, "memorySize", at_least(128))),
        (json!({"MemorySize": 32769}), case(32769, "memorySize", at_most(32768))),
        (json!({"EphemeralStorage": {"Size": 511}}), case(511, "ephemeralStorage.size", at_least(512))),
        (json!({"EphemeralStorage": {"Size": 10241}}), case(10241, "ephemeralStorage.size", at_most(10240))),
        (json!({"EphemeralStorage": {}}), null("ephemeralStorage.size")),
        (json!({"TracingConfig": {"Mode": "On"}}), case("On", "tracingConfig.mode", one_of("Active, PassThrough"))),
        (
            json!({"SnapStart": {"ApplyOn": "Always"}}),
            case("Always", "snapStart.applyOn", one_of("PublishedVersions, None")),
        ),
        (
            json!({"LoggingConfig": {"LogFormat": "json"}}),
            case("json", "loggingConfig.logFormat", one_of("JSON, Text")),
        ),
        (
            json!({"LoggingConfig": {"LogFormat": "JSON", "ApplicationLogLevel": "LOUD"}}),
            case("LOUD", "loggingConfig.applicationLogLevel", one_of(levels)),
        ),
        (
            json!({"LoggingConfig": {"LogFormat": "JSON", "SystemLogLevel": "ERROR"}}),
            case("ERROR", "loggingConfig.systemLogLevel", one_of("DEBUG, INFO, WARN")),
        ),
        (
            json!({"LoggingConfig": {"LogGroup": "a b"}}),
            case("a b", "loggingConfig.logGroup", matching(r"[\.\-_/#A-Za-z0-9]+")),
        ),
        (
            json!({"LoggingConfig": {"LogGroup": "g".repeat(513)}}),
            case("g".repeat(513), "loggingConfig.logGroup", no_longer(512)),
        ),
        (json!({"KMSKeyArn": "key"}), case("key", "kMSKeyArn", matching(any_arn))),
        (json!({"DeadLetterConfig": {"TargetArn": "q"}}), case("q", "deadLetterConfig.targetArn", matching(any_arn))),
        (json!({"Layers": ["l"]}), case("[l]", "layers", items(2048, 1, layer))),
        (
            json!({"Layers": ["arn:aws:lambda:us-east-1:123456789012:layer:l"]}),
            case("[arn:aws:lambda:us-east-1:123456789012:layer:l]", "layers", items(2048, 1, layer)),
        ),
        (
            json!({"VpcConfig": {"SubnetIds": ["net-1"]}}),
            case("[net-1]", "vpcConfig.subnetIds", items(1024, 0, "subnet-[0-9a-z]*")),
        ),
        (
            json!({"VpcConfig": {"SubnetIds": ["subnet-1", "x"], "SecurityGroupIds": []}}),
            case("[subnet-1, x]", "vpcConfig.subnetIds", items(1024, 0, "subnet-[0-9a-z]*")),
        ),
        (
            json!({"VpcConfig": {"SecurityGroupIds": ["group"]}}),
            case("[group]", "vpcConfig.securityGroupIds", items(1024, 0, "sg-[0-9a-zA-Z]*")),
        ),
        (
            json!({"VpcConfig": {"SecurityGroupIds": six_groups}}),
            case("[sg-1, sg-2, sg-3, sg-4, sg-5, sg-6]", "vpcConfig.securityGroupIds", no_longer(5)),
        ),
    ]
}

#[tokio::test]
async fn settings_of_both_operations() {
    let world = World::new().await;
    world.make("f").await;
    for (members, case) in settings() {
        let create = world.call("POST", "/2015-03-31/functions", create_with("g", members.clone())).await;
        refused(create, &case, &format!("CreateFunction {members}"));
        let update = world.call("PUT", "/2015-03-31/functions/f/configuration", members.clone()).await;
        refused(update, &case, &format!("UpdateFunctionConfiguration {members}"));
    }
}

#[tokio::test]
async fn members_of_a_creation() {
    let world = World::new().await;
    let architecture = "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]";
    for (members, case) in [
        (json!({"FunctionName": null}), null("functionName")),
        (json!({"Role": null}), null("role")),
        (json!({"Code": null}), null("code")),
        (json!({"PackageType": "Tar"}), case("Tar", "packageType", one_of("Zip, Image"))),
        (json!({"Architectures": ["X86_64"]}), case("[X86_64]", "architectures", architecture)),
        (json!({"Architectures": ["x86_64", "arm64"]}), case("[x86_64, arm64]", "architectures", no_longer(1))),
        (json!({"Architectures": []}), case("[]", "architectures", no_shorter(1))),
    ] {
        let create = world.call("POST", "/2015-03-31/functions", create_with("f", members.clone())).await;
        refused(create, &case, &format!("{members}"));
    }
    let empty = world.call("POST", "/2015-03-31/functions", Value::Null).await;
    let message = "3 validation errors detected: Value null at 'functionName' failed to satisfy constraint: Member must \
                   not be null; Value null at 'role' failed to satisfy constraint: Member must not be null; Value null \
                   at 'code' failed to satisfy constraint: Member must not be null";
    assert_error(empty, 400, "ValidationException", message, "an empty body");
}

#[tokio::test]
async fn keys_of_environment_variables() {
    let world = World::new().await;
    let message = "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: Map keys \
                   must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]";
    for key in ["A", "1A", "A-B", "", "_X", "Ä1"] {
        let body = create_with("f", json!({"Environment": {"Variables": {key: "secret"}}}));
        let answer = world.call("POST", "/2015-03-31/functions", body).await;
        assert_error(answer, 400, "ValidationException", message, key);
    }
}

#[tokio::test]
async fn parameters_of_lists() {
    let world = World::new().await;
    for (query, case) in [
        ("MaxItems=0", case(0, "maxItems", at_least(1))),
        ("MaxItems=10001", case(10001, "maxItems", at_most(10000))),
        ("FunctionVersion=LATEST", case("LATEST", "functionVersion", one_of("ALL"))),
        ("FunctionVersion=all", case("all", "functionVersion", one_of("ALL"))),
        ("MasterRegion=mars", case("mars", "masterRegion", matching(r"ALL|[a-z]{2}(-gov)?-[a-z]+-\d{1}"))),
    ] {
        refused(world.call("GET", &format!("/2015-03-31/functions?{query}"), Value::Null).await, &case, query);
    }
}

#[tokio::test]
async fn resources_of_tags() {
    let world = World::new().await;
    let pattern = r"arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)";
    for resource in ["f", "arn:aws:s3:::bucket", "arn:aws:lambda:us-east-1:123456789012:queue:q"] {
        let uri = format!("/2017-03-31/tags/{}", encoded(resource));
        let case = case(resource, "resource", matching(pattern));
        refused(world.call("GET", &uri, Value::Null).await, &case, "ListTags");
        refused(world.call("POST", &uri, json!({"Tags": {"a": "b"}})).await, &case, "TagResource");
        refused(world.call("DELETE", &format!("{uri}?tagKeys=a"), Value::Null).await, &case, "UntagResource");
    }
    let uri = format!("/2017-03-31/tags/{}", encoded(&format!("{ARN}:f")));
    refused(world.call("DELETE", &uri, Value::Null).await, &null("tagKeys"), "no keys");
    refused(world.call("POST", &uri, json!({})).await, &null("tags"), "no tags");
}
