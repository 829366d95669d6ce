//! Variables as they are stored.

use hearth_model::{BoxFuture, FunctionKey, KeyProblem, VariableKeys};
use hearth_store::{Documents, Memory};
use parking_lot::Mutex;

use super::*;

const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/k";

/// Hides bytes well enough to see whether they were hidden, and for whom.
#[derive(Default)]
struct Fake {
    gone: Mutex<bool>,
}

impl VariableKeys for Fake {
    fn check(&self, _: &FunctionKey, key_arn: &str) -> Result<(), KeyProblem> {
        if key_arn == KEY && !*self.gone.lock() { Ok(()) } else { Err(KeyProblem::NotFound("no such key".to_owned())) }
    }

    fn prepare<'a>(&'a self, _: &'a FunctionKey) -> BoxFuture<'a, Result<(), KeyProblem>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn seal(
        &self,
        owner: &FunctionKey,
        key_arn: Option<&str>,
        context: &[(&str, &str)],
        plain: &[u8],
    ) -> Result<Vec<u8>, KeyProblem> {
        key_arn.map_or(Ok(()), |arn| self.check(owner, arn))?;
        let hidden: Vec<u8> = plain.iter().map(|byte| !byte).collect();
        Ok([format!("{context:?}|").as_bytes(), &hidden].concat())
    }

    fn open(&self, _: &FunctionKey, context: &[(&str, &str)], sealed: &[u8]) -> Result<Vec<u8>, KeyProblem> {
        let problem = || KeyProblem::NotFound("no such key".to_owned());
        let hidden = sealed.strip_prefix(format!("{context:?}|").as_bytes()).filter(|_| !*self.gone.lock());
        Ok(hidden.ok_or_else(problem)?.iter().map(|byte| !byte).collect())
    }
}

async fn over(store: &Memory, dir: &Arc<tempfile::TempDir>, keys: Option<Arc<Fake>>) -> World {
    let keys = keys.map(|keys| keys as Arc<dyn VariableKeys>);
    let (documents, blobs) = (Arc::new(store.clone()), Arc::new(store.clone()));
    let change = |options: &mut Options| options.keys = keys;
    World::built(Clock::fixed(1_700_000_000_120), store.clone(), documents, blobs, Arc::clone(dir), change).await
}

/// What the store has of functions, as text.
async fn stored(store: &Memory) -> String {
    let documents = store.scan("function", String::new(), None, 100).await.unwrap();
    documents.iter().map(|document| String::from_utf8_lossy(&document.body).into_owned()).collect()
}

async fn environment(world: &World, uri: &str) -> Value {
    world.expect("GET", uri, Value::Null, 200).await["Environment"].clone()
}

async fn make(world: &World, members: Value) {
    world.expect("POST", "/2015-03-31/functions", create_with("f", members), 201).await;
    world.settled("f").await;
}

const CONFIGURATION: &str = "/2015-03-31/functions/f/configuration";

#[tokio::test]
async fn they_are_stored_for_the_function_alone() {
    let (store, dir) = (Memory::new(Clock::fixed(0)), tempdir());
    let keys = Arc::new(Fake::default());
    let world = over(&store, &dir, Some(Arc::clone(&keys))).await;
    let secret = json!({"Variables": {"TOKEN": "hush"}});
    make(&world, json!({"Environment": secret, "Publish": true})).await;
    assert!(!stored(&store).await.contains("hush") && stored(&store).await.contains("sealed"));
    let again = over(&store, &dir, Some(keys)).await;
    assert_eq!(environment(&again, CONFIGURATION).await, secret);
    assert_eq!(environment(&again, "/2015-03-31/functions/f/configuration?Qualifier=1").await, secret);
}

#[tokio::test]
async fn what_was_stored_in_clear_is_encrypted_at_the_start() {
    let (store, dir) = (Memory::new(Clock::fixed(0)), tempdir());
    let plain = over(&store, &dir, None).await;
    let secret = json!({"Variables": {"TOKEN": "hush"}});
    make(&plain, json!({"Environment": secret, "Publish": true})).await;
    assert!(stored(&store).await.contains("hush") && !plain.lambda.is_unscrubbed().await.unwrap());
    let world = over(&store, &dir, Some(Arc::default())).await;
    assert!(!stored(&store).await.contains("hush"));
    assert_eq!(environment(&world, CONFIGURATION).await, secret);
    assert!(world.lambda.is_unscrubbed().await.unwrap());
    world.lambda.scrubbed().await.unwrap();
    assert!(!world.lambda.is_unscrubbed().await.unwrap());
}

#[tokio::test]
async fn they_are_lost_with_their_key_and_may_be_given_anew() {
    let (store, dir) = (Memory::new(Clock::fixed(0)), tempdir());
    let keys = Arc::new(Fake::default());
    let world = over(&store, &dir, Some(Arc::clone(&keys))).await;
    let secret = json!({"Variables": {"TOKEN": "hush"}});
    make(&world, json!({"Environment": secret, "KMSKeyArn": KEY})).await;
    *keys.gone.lock() = true;
    for world in [world, over(&store, &dir, Some(Arc::clone(&keys))).await] {
        let shown = environment(&world, CONFIGURATION).await;
        assert_eq!(shown["Error"]["ErrorCode"], "KMSNotFoundException", "{shown}");
        let found = world.lambda.catalog().lookup(&key("f"), None);
        assert!(matches!(found, hearth_model::Lookup::KeyUnusable { .. }), "{found:?}");
        // What has nothing to do with them goes on.
        let tags = format!("/2017-03-31/tags/{}", encoded(&format!("{ARN}:f")));
        world.expect("POST", &tags, json!({"Tags": {"a": "b"}}), 204).await;
        let refused = world.call("PUT", CONFIGURATION, json!({"Timeout": 9})).await.unwrap_err();
        assert!(refused.message.unwrap().contains("KMS Exception: NotFoundException"));
    }
    let world = over(&store, &dir, Some(keys)).await;
    let fresh = json!({"Environment": {"Variables": {"TOKEN": "new"}}, "KMSKeyArn": ""});
    world.expect("PUT", CONFIGURATION, fresh, 200).await;
    assert_eq!(world.settled("f").await["Environment"]["Variables"]["TOKEN"], "new");
}
