//! What AWS has and Hearth cannot honour yet: refused by name, unless the form asks for nothing.

use super::case::*;
use super::*;

#[tokio::test]
async fn what_hearth_does_not_have_yet_is_refused_by_name() {
    let world = World::new().await;
    world.make("f").await;
    let queue = "arn:aws:sqs:us-east-1:123456789012:q";
    let key = "arn:aws:kms:us-east-1:123456789012:key/k";
    let unavailable = |member: &str, hint: &str| format!("{member} is not available in Hearth yet: {hint}");
    let shared = [
        (
            json!({"DeadLetterConfig": {"TargetArn": queue}}),
            "DeadLetterConfig",
            "there is no SQS here; leave out TargetArn",
        ),
        (
            json!({"SnapStart": {"ApplyOn": "PublishedVersions"}}),
            "SnapStart",
            "nothing initialises environments ahead of demand here",
        ),
        (
            json!({"CapacityProviderConfig": {"LambdaManagedInstancesCapacityProviderConfig": {}}}),
            "CapacityProviderConfig",
            "leave it out",
        ),
        (json!({"DurableConfig": {"ExecutionTimeout": 60}}), "DurableConfig", "leave it out"),
    ];
    for (members, member, hint) in shared {
        let message = unavailable(member, hint);
        let case = put("update", "/f/configuration", members.clone(), message.clone());
        check(&world, vec![create("create", members, message), case]).await;
    }
    let host = "this host runs x86_64 and cannot run arm64";
    check(
        &world,
        vec![
            create("publish to", json!({"PublishTo": "LATEST_PUBLISHED"}), unavailable("PublishTo", "leave it out")),
            create(
                "tenancy",
                json!({"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}}),
                unavailable("TenancyConfig", "leave it out"),
            ),
            create("another architecture", json!({"Architectures": ["arm64"]}), unavailable("Architectures", host)),
            create(
                "a key for the source",
                json!({"Code": {"ZipFile": zipped("x"), "SourceKMSKeyArn": key}}),
                unavailable("SourceKMSKeyArn", "leave it out"),
            ),
            put(
                "publish to",
                "/f/code",
                json!({"ZipFile": zipped("x"), "PublishTo": "LATEST_PUBLISHED"}),
                unavailable("PublishTo", "leave it out"),
            ),
            put(
                "another architecture",
                "/f/code",
                json!({"ZipFile": zipped("x"), "Architectures": ["arm64"]}),
                unavailable("Architectures", host),
            ),
            put(
                "an image for a zip",
                "/f/code",
                json!({"ImageUri": "r/i:1"}),
                "Please don't provide ImageUri when updating a function with packageType Zip.",
            ),
            put("no source", "/f/code", json!({}), "Please provide a source for function code."),
            put(
                "not a zip",
                "/f/code",
                json!({"ZipFile": "aGVsbG8="}),
                "Could not unzip uploaded file. Please check your file, then try to upload again.",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn forms_that_ask_for_nothing_are_accepted() {
    let world = World::new().await;
    for (n, members) in [
        json!({"Layers": []}),
        json!({"VpcConfig": {}}),
        json!({"VpcConfig": {"SubnetIds": [], "SecurityGroupIds": [], "Ipv6AllowedForDualStack": false}}),
        json!({"FileSystemConfigs": []}),
        json!({"DeadLetterConfig": {}}),
        json!({"DeadLetterConfig": {"TargetArn": ""}}),
        json!({"KMSKeyArn": ""}),
        json!({"SnapStart": {"ApplyOn": "None"}}),
        json!({"TracingConfig": {"Mode": "PassThrough"}}),
        json!({"ImageConfig": {}}),
        json!({"PackageType": "Zip", "Publish": false, "Architectures": ["x86_64"], "Tags": {}}),
        json!({"Timeout": null, "Environment": null, "DurableConfig": null}),
    ]
    .into_iter()
    .enumerate()
    {
        let body = create_with(&format!("f{n}"), members.clone());
        let answer = world.call("POST", "/2015-03-31/functions", body).await;
        assert!(answer.is_ok(), "{members}: {answer:?}");
    }
}
