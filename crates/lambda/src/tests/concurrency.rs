//! Reserved and provisioned concurrency, over a data plane that answers by script.
//!
//! Source: fact sheet "Lambda control-plane API", section 8.

use std::collections::HashMap;

use hearth_model::{
    BoxFuture, CatalogObserver, FunctionSpec, Lookup, Preparation, Provisioned, SnapshotError, Version,
};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::case::*;
use super::versions::{publish, upload};
use super::*;

/// Says what it is told to say, and keeps what it was asked.
#[derive(Default)]
pub(super) struct Plane {
    pub(super) provisioned: Mutex<HashMap<Version, Provisioned>>,
    pub(super) snapshots: Mutex<Vec<Arc<FunctionSpec>>>,
    /// The next answer to a snapshot; it waits until there is one.
    pub(super) verdict: Mutex<Option<Result<(), SnapshotError>>>,
    pub(super) decided: Notify,
}

impl Plane {
    pub(super) fn decide(&self, verdict: Result<(), SnapshotError>) {
        *self.verdict.lock() = Some(verdict);
        self.decided.notify_waiters();
    }

    fn set(&self, version: u64, requested: u32, allocated: u32, available: u32, failure: Option<&str>) {
        let provisioned = Provisioned {
            requested,
            allocated,
            available,
            failure: failure.map(ToOwned::to_owned),
        };
        self.provisioned.lock().insert(Version::Number(version), provisioned);
    }
}

impl Preparation for Plane {
    fn provisioned(&self, _: &FunctionKey, version: Version) -> Option<Provisioned> {
        self.provisioned.lock().get(&version).cloned()
    }

    fn snapshot(&self, spec: Arc<FunctionSpec>) -> BoxFuture<'_, Result<(), SnapshotError>> {
        self.snapshots.lock().push(spec);
        Box::pin(async {
            loop {
                let decided = self.decided.notified();
                if let Some(verdict) = self.verdict.lock().clone() {
                    return verdict;
                }
                decided.await;
            }
        })
    }
}

/// A world with a data plane, and a function with versions 1 and 2.
pub(super) async fn world() -> (World, Arc<Plane>) {
    let (world, plane) = (World::new().await, Arc::new(Plane::default()));
    world.lambda.prepare_with(plane.clone());
    world.make("f").await;
    publish(&world, "f", Value::Null).await;
    upload(&world, "f", "two").await;
    publish(&world, "f", Value::Null).await;
    (world, plane)
}

fn reserved(name: &str) -> String {
    format!("/2017-10-31/functions/{name}/concurrency")
}

fn provisioned(name: &str, qualifier: &str) -> String {
    format!("/2019-09-30/functions/{name}/provisioned-concurrency?Qualifier={qualifier}")
}

fn wanted(n: i64) -> Value {
    json!({"ProvisionedConcurrentExecutions": n})
}

async fn alias(world: &World, name: &str, version: &str, weights: Value) {
    let body =
        json!({"Name": name, "FunctionVersion": version, "RoutingConfig": {"AdditionalVersionWeights": weights}});
    world.expect("POST", &functions("/f/aliases"), body, 201).await;
}

/// What the data plane is to keep, by version.
fn ahead(world: &World) -> Vec<(String, u32)> {
    let found = world.lambda.catalog().ahead(&key("f"));
    found.iter().map(|ahead| (ahead.version.to_string(), ahead.environments)).collect()
}

fn counts(shown: &Value) -> (u64, u64, u64, &str) {
    let of = |name: &str| shown[format!("{name}ProvisionedConcurrentExecutions")].as_u64().unwrap();
    (of("Requested"), of("Allocated"), of("Available"), shown["Status"].as_str().unwrap())
}

#[tokio::test]
async fn reserved_concurrency_is_put_shown_and_taken_back() {
    let (world, _) = world().await;
    let read = "/2019-09-30/functions/f/concurrency";
    assert_eq!(world.expect("GET", read, Value::Null, 200).await, json!({}));
    let unreserved = async || {
        let settings = world.expect("GET", "/2016-08-19/account-settings", Value::Null, 200).await;
        settings["AccountLimit"]["UnreservedConcurrentExecutions"].as_u64().unwrap()
    };
    assert_eq!(unreserved().await, 1_000);
    for n in [0, 7, 900] {
        let body = json!({"ReservedConcurrentExecutions": n});
        assert_eq!(world.expect("PUT", &reserved("f"), body.clone(), 200).await, body);
        assert_eq!(world.expect("GET", read, Value::Null, 200).await, body);
        assert_eq!(unreserved().await, 1_000 - n);
        let whole = world.expect("GET", &functions("/f"), Value::Null, 200).await;
        assert_eq!(whole["Concurrency"], body);
        let qualified = world.expect("GET", &functions("/f?Qualifier=1"), Value::Null, 200).await;
        assert_eq!(qualified.get("Concurrency"), None);
        let Lookup::Ready(spec) = world.lambda.catalog().lookup(&key("f"), None) else { panic!("active") };
        assert_eq!(spec.reserved_concurrency.map(u64::from), Some(n));
    }
    world.expect("DELETE", &reserved("f"), Value::Null, 204).await;
    assert_eq!(world.expect("GET", read, Value::Null, 200).await, json!({}));
}

#[tokio::test]
async fn reservations_that_are_refused() {
    let (world, _) = world().await;
    world.make("g").await;
    world.expect("PUT", &reserved("g"), json!({"ReservedConcurrentExecutions": 100}), 200).await;
    world.expect("PUT", &provisioned("f", "1"), wanted(2), 202).await;
    let case = |what, method, uri: String, body, status, code, message: &str| Case {
        what,
        method,
        uri,
        body,
        status,
        code,
        message: message.to_owned(),
    };
    let body = |n: i64| json!({"ReservedConcurrentExecutions": n});
    let too_much = "Specified ReservedConcurrentExecutions for function decreases account's \
                    UnreservedConcurrentExecution below its minimum value of [100].";
    let versions = "This operation is permitted on Lambda functions only. Aliases and versions do not support this \
                    operation. Please specify either a function name or an unqualified function ARN.";
    let nope = format!("Function not found: {ARN}:nope:$LATEST");
    let arn = |tail: &str| encoded(&format!("{ARN}:f{tail}"));
    let read = |name: &str| format!("/2019-09-30/functions/{name}/concurrency");
    check(
        &world,
        vec![
            case("801 of 900", "PUT", reserved("f"), body(801), 400, INVALID, too_much),
            case("more than the account", "PUT", reserved("f"), body(5_000_000_000), 400, INVALID, too_much),
            case(
                "below what is provisioned",
                "PUT",
                reserved("f"),
                body(1),
                400,
                INVALID,
                " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned concurrency [2].",
            ),
            case("latest", "PUT", reserved(&arn(":$LATEST")), body(1), 400, INVALID, versions),
            case("a version", "PUT", reserved("f%3A1"), body(1), 400, INVALID, versions),
            case("a version", "DELETE", reserved("f%3A1"), Value::Null, 400, INVALID, versions),
            case("unknown", "PUT", reserved("nope"), body(1), 404, NOT_FOUND, &nope),
            case("unknown", "DELETE", reserved("nope"), Value::Null, 404, NOT_FOUND, &nope),
            case("unknown", "GET", read("nope"), Value::Null, 404, NOT_FOUND, &nope),
            case(
                "less than none",
                "PUT",
                reserved("f"),
                body(-1),
                400,
                "ValidationException",
                "1 validation error detected: Value '-1' at 'reservedConcurrentExecutions' failed to satisfy \
                 constraint: Member must have value greater than or equal to 0",
            ),
            case(
                "nothing",
                "PUT",
                reserved("f"),
                json!({}),
                400,
                "ValidationException",
                "1 validation error detected: Value null at 'reservedConcurrentExecutions' failed to satisfy \
                 constraint: Member must not be null",
            ),
        ],
    )
    .await;
    world.expect("PUT", &reserved("f"), body(800), 200).await;
    let error = world.call("PUT", &reserved("f"), body(801)).await.unwrap_err();
    assert_eq!(error.fault, hearth_wire::Fault::Unsaid, "recorded without `Type`");
}

#[tokio::test]
async fn what_is_provisioned_is_kept_ahead_and_its_state_is_the_data_planes() {
    let (world, plane) = world().await;
    let put = world.expect("PUT", &provisioned("f", "1"), wanted(3), 202).await;
    assert_eq!((counts(&put), &put["LastModified"]), ((3, 0, 0, "IN_PROGRESS"), &json!("2023-11-14T22:13:20+0000")));
    assert_eq!(ahead(&world), [("1".to_owned(), 3)]);
    assert_eq!(world.lambda.catalog().with_ahead(), [key("f")]);
    let shown = async || world.expect("GET", &provisioned("f", "1"), Value::Null, 200).await;
    assert_eq!(shown().await, put);
    for (allocated, available, failure, expected) in [
        (2, 1, None, (3, 2, 1, "IN_PROGRESS")),
        (3, 3, None, (3, 3, 3, "READY")),
        (0, 0, Some("FUNCTION_ERROR_INIT_FAILURE"), (3, 0, 0, "FAILED")),
    ] {
        plane.set(1, 3, allocated, available, failure);
        let found = shown().await;
        assert_eq!(counts(&found), expected);
        assert_eq!(found.get("StatusReason").and_then(Value::as_str), failure);
    }
    let listed = "/2019-09-30/functions/f/provisioned-concurrency?List=ALL";
    let list = world.expect("GET", listed, Value::Null, 200).await;
    assert_eq!(list["ProvisionedConcurrencyConfigs"][0]["FunctionArn"], format!("{ARN}:f:1"));
    assert_eq!(counts(&list["ProvisionedConcurrencyConfigs"][0]), (3, 0, 0, "FAILED"));
    let more = world.expect("PUT", &provisioned("f", "1"), wanted(5), 202).await;
    assert_eq!(counts(&more), (5, 0, 0, "IN_PROGRESS"), "the failure was of another wish");
    let again = world.restarted().await;
    assert_eq!(ahead(&again), [("1".to_owned(), 5)]);
    for _ in 0..2 {
        world.expect("DELETE", &provisioned("f", "1"), Value::Null, 204).await;
    }
    assert!(ahead(&world).is_empty());
    let list = world.expect("GET", listed, Value::Null, 200).await;
    assert_eq!(list, json!({"ProvisionedConcurrencyConfigs": []}));
}

#[tokio::test]
async fn what_is_provisioned_follows_its_alias() {
    let (world, plane) = world().await;
    alias(&world, "live", "1", json!({})).await;
    let version = async || world.expect("GET", &functions("/f/configuration?Qualifier=1"), Value::Null, 200).await;
    let (before, live) = (version().await, world.expect("GET", &functions("/f/aliases/live"), Value::Null, 200).await);
    world.expect("PUT", &provisioned("f", "live"), wanted(10), 202).await;
    assert_ne!(version().await["RevisionId"], before["RevisionId"], "the version's revision moves");
    assert_eq!(world.expect("GET", &functions("/f/aliases/live"), Value::Null, 200).await, live);
    assert_eq!(ahead(&world), [("1".to_owned(), 10)]);
    plane.set(1, 10, 10, 10, None);
    let shown = async || world.expect("GET", &provisioned("f", "live"), Value::Null, 200).await;
    assert_eq!(counts(&shown().await), (10, 10, 10, "READY"));
    world.expect("PUT", &functions("/f/aliases/live"), json!({"FunctionVersion": "2"}), 200).await;
    assert_eq!(ahead(&world), [("2".to_owned(), 10)]);
    assert_eq!(counts(&shown().await), (10, 0, 0, "IN_PROGRESS"));
    let weights = json!({"RoutingConfig": {"AdditionalVersionWeights": {"1": 0.3}}});
    world.expect("PUT", &functions("/f/aliases/live"), weights, 200).await;
    assert_eq!(ahead(&world), [("1".to_owned(), 3), ("2".to_owned(), 7)]);
    plane.set(2, 7, 7, 6, None);
    assert_eq!(counts(&shown().await), (10, 10, 9, "IN_PROGRESS"));
    plane.set(2, 7, 7, 7, None);
    assert_eq!(counts(&shown().await), (10, 10, 10, "READY"));
    world.expect("DELETE", &functions("/f/aliases/live"), Value::Null, 204).await;
    assert!(ahead(&world).is_empty());
}

#[tokio::test]
async fn the_data_plane_is_told_of_every_such_change() {
    #[derive(Default)]
    struct Counting(Mutex<u32>);
    impl CatalogObserver for Counting {
        fn function_changed(&self, _: &FunctionKey) {
            *self.0.lock() += 1;
        }
    }
    let (world, _) = world().await;
    let seen = Arc::new(Counting::default());
    world.lambda.observe(seen.clone());
    let mut told = 0;
    let mut check = |what| {
        let now = *seen.0.lock();
        assert!(now > told, "{what}");
        told = now;
    };
    alias(&world, "live", "1", json!({})).await;
    check("an alias");
    world.expect("PUT", &provisioned("f", "live"), wanted(2), 202).await;
    check("provisioned");
    world.expect("PUT", &functions("/f/aliases/live"), json!({"FunctionVersion": "2"}), 200).await;
    check("moved");
    world.expect("PUT", &reserved("f"), json!({"ReservedConcurrentExecutions": 5}), 200).await;
    check("reserved");
    world.expect("DELETE", &provisioned("f", "live"), Value::Null, 204).await;
    check("no more provisioned");
}

#[tokio::test]
async fn provisions_that_are_refused() {
    let (world, _) = world().await;
    alias(&world, "one", "1", json!({})).await;
    alias(&world, "two", "2", json!({})).await;
    alias(&world, "latest", "$LATEST", json!({})).await;
    world.expect("PUT", &provisioned("f", "1"), wanted(1), 202).await;
    world.expect("PUT", &provisioned("f", "two"), wanted(1), 202).await;
    world.make("g").await;
    publish(&world, "g", Value::Null).await;
    world.expect("PUT", &reserved("g"), json!({"ReservedConcurrentExecutions": 2}), 200).await;
    let case = |what, method, uri: String, body: Value, status, code, message: &str| Case {
        what,
        method,
        uri,
        body,
        status,
        code,
        message: message.to_owned(),
    };
    let put = |what, qualifier: &str, n, status, code, message: &str| {
        case(what, "PUT", provisioned("f", qualifier), wanted(n), status, code, message)
    };
    let unpublished = "Provisioned Concurrency Configs cannot be applied to unpublished function versions.";
    let resource = "The function resource provided must be an alias or a published version.";
    let alias_on = "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version";
    let pointed = "Version is pointed by a Provisioned Concurrency alias";
    let conflict = "ResourceConflictException";
    let missing = "ProvisionedConcurrencyConfigNotFoundException";
    let nothing = "No Provisioned Concurrency Config found for this function";
    let get = |what, q: &str, status, code, message: &str| {
        case(what, "GET", provisioned("f", q), Value::Null, status, code, message)
    };
    check(
        &world,
        vec![
            put("latest", "%24LATEST", 1, 400, INVALID, unpublished),
            put("an alias of latest", "latest", 1, 400, INVALID, unpublished),
            put(
                "none",
                "1",
                0,
                400,
                "ValidationException",
                "1 validation error detected: Value '0' at 'provisionedConcurrentExecutions' failed to satisfy \
                 constraint: Member must have value greater than or equal to 1",
            ),
            put("unknown alias", "nope", 1, 404, NOT_FOUND, &format!("Cannot find alias arn: {ARN}:f:nope")),
            put(
                "a huge version",
                "99999999999999999999",
                1,
                404,
                NOT_FOUND,
                &format!("Function not found: {ARN}:f:99999999999999999999"),
            ),
            put("unknown version", "10", 1, 404, NOT_FOUND, &format!("Function not found: {ARN}:f:10")),
            case(
                "an alias of an unknown function",
                "PUT",
                provisioned("nope", "live"),
                wanted(1),
                404,
                NOT_FOUND,
                &format!("Cannot find alias arn: {ARN}:nope:live"),
            ),
            put("an alias onto a version", "one", 1, 409, conflict, alias_on),
            put("a version under an alias", "2", 1, 409, conflict, pointed),
            // 1 of the account's 1,000 is the alias', 2 are the other function's.
            put(
                "more than the account",
                "1",
                1_000,
                400,
                INVALID,
                "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [998].",
            ),
            put(
                "too little left",
                "1",
                898,
                400,
                INVALID,
                "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below \
                 its minimum value of [100].",
            ),
            case(
                "more than reserved",
                "PUT",
                provisioned("g", "1"),
                wanted(3),
                400,
                INVALID,
                "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for \
                 function",
            ),
            get("latest", "%24LATEST", 400, INVALID, resource),
            case("latest", "DELETE", provisioned("f", "%24LATEST"), Value::Null, 400, INVALID, resource),
            get("nothing", "one", 404, missing, nothing),
            get("unknown alias", "nope", 404, NOT_FOUND, &format!("Cannot find alias arn: {ARN}:f:nope")),
            get("unknown version", "10", 404, NOT_FOUND, &format!("Function not found: {ARN}:f:10")),
            case(
                "no qualifier",
                "GET",
                "/2019-09-30/functions/f/provisioned-concurrency".to_owned(),
                Value::Null,
                400,
                "ValidationException",
                "1 validation error detected: Value null at 'qualifier' failed to satisfy constraint: Member must not \
                 be null",
            ),
            case(
                "a list of nothing",
                "GET",
                "/2019-09-30/functions/nope/provisioned-concurrency?List=ALL".to_owned(),
                Value::Null,
                404,
                NOT_FOUND,
                &format!("Function not found: {ARN}:nope"),
            ),
            Case {
                uri: functions("/f/aliases/two"),
                ..put("moved onto a version", "", 0, 409, conflict, alias_on)
            },
        ]
        .into_iter()
        .map(|case| match case.what {
            "moved onto a version" => Case {
                body: json!({"FunctionVersion": "1"}),
                ..case
            },
            _ => case,
        })
        .collect(),
    )
    .await;
    world.expect("PUT", &provisioned("f", "1"), wanted(897), 202).await;
    let settings = world.expect("GET", "/2016-08-19/account-settings", Value::Null, 200).await;
    assert_eq!(settings["AccountLimit"]["UnreservedConcurrentExecutions"], 100);
    world.expect("PUT", &provisioned("g", "1"), wanted(2), 202).await;
}

#[tokio::test]
async fn nothing_is_provisioned_where_nobody_would_do_it() {
    let world = World::new().await;
    world.make("f").await;
    publish(&world, "f", Value::Null).await;
    let answer = world.call("PUT", &provisioned("f", "1"), wanted(1)).await;
    let message = "ProvisionedConcurrentExecutions is not available in Hearth yet: nothing initialises environments \
                   ahead of demand here";
    assert_error(answer, 400, INVALID, message, "no data plane");
}

#[tokio::test]
async fn a_deleted_version_takes_what_was_provisioned_along() {
    let (world, _) = world().await;
    world.expect("PUT", &provisioned("f", "1"), wanted(1), 202).await;
    world.expect("DELETE", &functions("/f?Qualifier=1"), Value::Null, 204).await;
    assert!(ahead(&world).is_empty());
    let settings = world.expect("GET", "/2016-08-19/account-settings", Value::Null, 200).await;
    assert_eq!(settings["AccountLimit"]["UnreservedConcurrentExecutions"], 1_000);
}
