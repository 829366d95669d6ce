//! Tracing, networks and file systems of functions.

use std::path::PathBuf;

use hearth_model::{AccountId, BoxFuture, NetworkRefusal, Networks};

use super::case::*;
use super::*;

const ACCESS_POINT: &str = "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-0123456789abcdef0";

/// One network, with one subnet and one group.
struct OneNetwork;

impl Networks for OneNetwork {
    fn find<'a>(
        &'a self,
        _: &'a AccountId,
        _: &'a Region,
        subnets: &'a [String],
        security_groups: &'a [String],
    ) -> BoxFuture<'a, Result<String, NetworkRefusal>> {
        let stranger = |ids: &[String], known: &str| ids.iter().find(|id| *id != known).cloned();
        let found = match (stranger(subnets, "subnet-1"), stranger(security_groups, "sg-1")) {
            (Some(id), _) => Err(NetworkRefusal::NoSubnet(id)),
            (_, Some(id)) => Err(NetworkRefusal::NoSecurityGroup(id)),
            (None, None) => Ok("vpc-1".to_owned()),
        };
        Box::pin(std::future::ready(found))
    }
}

fn network(subnets: &[&str], groups: &[&str]) -> Value {
    json!({"VpcConfig": {"SubnetIds": subnets, "SecurityGroupIds": groups}})
}

fn no_subnet(id: &str) -> String {
    format!(
        "Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error Message: The subnet ID \
         '{id}' does not exist"
    )
}

#[tokio::test]
async fn tracing_is_kept_shown_and_part_of_the_spec() {
    let world = World::new().await;
    let body = create_with("f", json!({"TracingConfig": {"Mode": "Active"}}));
    let made = world.expect("POST", "/2015-03-31/functions", body, 201).await;
    assert_eq!(made["TracingConfig"]["Mode"], "Active");
    world.settled("f").await;
    let traced = || match world.lambda.catalog().lookup(&key("f"), None) {
        hearth_model::Lookup::Ready(spec) => spec.tracing_active,
        other => panic!("{other:?}"),
    };
    assert!(traced());
    world.expect("PUT", "/2015-03-31/functions/f/configuration", json!({"Timeout": 5}), 200).await;
    assert_eq!(world.settled("f").await["TracingConfig"]["Mode"], "Active");
    let off = json!({"TracingConfig": {"Mode": "PassThrough"}});
    world.expect("PUT", "/2015-03-31/functions/f/configuration", off, 200).await;
    assert_eq!(world.settled("f").await["TracingConfig"]["Mode"], "PassThrough");
    assert!(!traced());
}

#[tokio::test]
async fn where_there_are_no_networks_no_subnet_is_found() {
    let world = World::new().await;
    world.make("f").await;
    let both = "SecurityGroupIds and SubnetIds must coexist or be both empty list.";
    check(
        &world,
        vec![
            create("a subnet", network(&["subnet-7"], &["sg-1"]), no_subnet("subnet-7")),
            put("a subnet", "/f/configuration", network(&["subnet-7"], &["sg-1"]), no_subnet("subnet-7")),
            create("a subnet alone", json!({"VpcConfig": {"SubnetIds": ["subnet-1"]}}), both),
            create("a group alone", json!({"VpcConfig": {"SecurityGroupIds": ["sg-1"]}}), both),
            create(
                "IPv6 alone",
                json!({"VpcConfig": {"Ipv6AllowedForDualStack": true}}),
                "Ipv6AllowedForDualStack requires SubnetIds and SecurityGroupIds.",
            ),
        ],
    )
    .await;
    world.expect("PUT", "/2015-03-31/functions/f/configuration", network(&[], &[]), 200).await;
    assert!(world.settled("f").await["VpcConfig"].is_null(), "it never was in one");
}

#[tokio::test]
async fn a_function_comes_into_a_network_and_leaves_it() {
    let world = World::with(|options| options.networks = Some(Arc::new(OneNetwork))).await;
    world.make("f").await;
    let configuration = "/2015-03-31/functions/f/configuration";
    world.expect("PUT", configuration, network(&["subnet-1"], &["sg-1"]), 200).await;
    let shown = |subnets: Value, groups: Value, vpc: &str, ipv6: bool| json!({"SubnetIds": subnets, "SecurityGroupIds": groups, "VpcId": vpc, "Ipv6AllowedForDualStack": ipv6});
    let inside = |ipv6| shown(json!(["subnet-1"]), json!(["sg-1"]), "vpc-1", ipv6);
    assert_eq!(world.settled("f").await["VpcConfig"], inside(false));
    // What is not mentioned stays.
    world.expect("PUT", configuration, json!({"VpcConfig": {"Ipv6AllowedForDualStack": true}}), 200).await;
    assert_eq!(world.settled("f").await["VpcConfig"], inside(true));
    world.expect("PUT", configuration, json!({"VpcConfig": {"SecurityGroupIds": ["sg-1"]}}), 200).await;
    assert_eq!(world.settled("f").await["VpcConfig"], inside(true));
    let group = "Error occurred while DescribeSecurityGroups. EC2 Error Code: InvalidGroup.NotFound. EC2 Error Message: \
                 The security group 'sg-2' does not exist";
    check(
        &world,
        vec![
            put("subnet", "/f/configuration", network(&["subnet-1", "subnet-2"], &["sg-1"]), no_subnet("subnet-2")),
            put("group", "/f/configuration", network(&["subnet-1"], &["sg-2"]), group),
        ],
    )
    .await;
    let out = json!({"VpcConfig": {"SubnetIds": [], "SecurityGroupIds": [], "Ipv6AllowedForDualStack": false}});
    world.expect("PUT", configuration, out, 200).await;
    assert_eq!(world.settled("f").await["VpcConfig"], shown(json!([]), json!([]), "", false));
}

#[tokio::test]
async fn file_systems_are_folders_of_the_host() {
    let folder = tempdir();
    let path: PathBuf = folder.path().to_owned();
    let map = path.clone();
    let world = World::with(|options| {
        options.file_systems.insert(ACCESS_POINT.to_owned(), map);
    })
    .await;
    let mount = json!({"FileSystemConfigs": [{"Arn": ACCESS_POINT, "LocalMountPath": "/mnt/shared"}]});
    world.expect("POST", "/2015-03-31/functions", create_with("f", mount.clone()), 201).await;
    assert_eq!(world.settled("f").await["FileSystemConfigs"], mount["FileSystemConfigs"]);
    let found = world.lambda.catalog().lookup(&key("f"), None);
    let hearth_model::Lookup::Ready(spec) = found else { panic!("{found:?}") };
    assert_eq!((&spec.file_systems[0].folder, spec.file_systems[0].path.to_str()), (&path, Some("/mnt/shared")));
    let other = ACCESS_POINT.replace("abcdef0", "abcdef1");
    let unmapped = |arn: &str| {
        format!(
            "FileSystemConfigs is not available in Hearth yet: map {arn} to a folder of the host with the setting \
             `file_systems`, e.g. HEARTH_FILE_SYSTEMS={arn}=/srv/shared"
        )
    };
    let stranger = json!({"FileSystemConfigs": [{"Arn": other, "LocalMountPath": "/mnt/shared"}]});
    check(&world, vec![create("unmapped", stranger, unmapped(&other))]).await;
    // The configuration maps it no more: the function says so, and comes back when it does.
    let again = world.restarted().await;
    let lookup = again.lambda.catalog().lookup(&key("f"), None);
    let told = format!("the setting `file_systems` maps {ACCESS_POINT} to no folder of the host");
    assert!(matches!(&lookup, hearth_model::Lookup::NoFileSystem { reason } if *reason == told), "{lookup:?}");
    world.expect("PUT", "/2015-03-31/functions/f/configuration", json!({"FileSystemConfigs": []}), 200).await;
    assert!(world.settled("f").await["FileSystemConfigs"].is_null());
}

#[tokio::test]
async fn forms_of_file_systems_are_checked() {
    let world = World::new().await;
    let bad = json!({"FileSystemConfigs": [{"Arn": "a", "LocalMountPath": "/data"}]});
    let answer = world.call("POST", "/2015-03-31/functions", create_with("f", bad)).await.unwrap_err();
    let text = answer.message.unwrap();
    assert!(text.starts_with("2 validation errors detected: Value 'a' at 'fileSystemConfigs.1.member.arn'"), "{text}");
    assert!(text.contains("'fileSystemConfigs.1.member.localMountPath'"), "{text}");
    let none = json!({"FileSystemConfigs": [{}]});
    let answer = world.call("POST", "/2015-03-31/functions", create_with("f", none)).await.unwrap_err();
    assert!(answer.message.unwrap().starts_with("2 validation errors detected: Value null at"));
}
