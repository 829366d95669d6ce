//! A function's life with every call to the store failing once: before or after it is done, alone
//! or with all that follow.
//!
//! What a client was told must be found by the next start, and nothing half-made; a step that
//! failed may have happened or not. The failures this catches: a state acknowledged and not
//! committed, a snapshot that strays from the store, a change left in progress for ever.

use hearth_model::Lookup;
use hearth_store::faults::{Call, Fault, Faults, Faulty};

use super::versions::{led, until};
use super::*;

/// What a client can see of the function.
#[derive(Clone, Debug, Default, PartialEq)]
struct Seen {
    code: Option<String>,
    timeout: u64,
    tags: usize,
    /// Each version's code, by number: a version is there whole or not at all.
    versions: Vec<(u64, String)>,
    /// What the alias leads to.
    alias: Option<String>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Create,
    Code,
    Configuration,
    Tag,
    Publish,
    Alias,
    PublishWithCode,
    Delete,
    CreateAgain,
}

const STORY: [Step; 9] = [
    Step::Create,
    Step::Code,
    Step::Configuration,
    Step::Tag,
    Step::Publish,
    Step::Alias,
    Step::PublishWithCode,
    Step::Delete,
    Step::CreateAgain,
];

fn sha256(text: &str) -> String {
    crate::package::hash(&package(text)).code_sha256()
}

impl Step {
    async fn run(self, world: &World) -> Result<(), ApiError> {
        let (function, tags) =
            ("/2015-03-31/functions/f", format!("/2017-03-31/tags/{}", encoded(&format!("{ARN}:f"))));
        let created = |text| create_with("f", json!({"Code": {"ZipFile": zipped(text)}}));
        let answer = match self {
            Self::Create => world.call("POST", "/2015-03-31/functions", created("one")).await,
            Self::CreateAgain => world.call("POST", "/2015-03-31/functions", created("three")).await,
            Self::Code => world.call("PUT", &format!("{function}/code"), json!({"ZipFile": zipped("two")})).await,
            Self::Configuration => {
                world.call("PUT", &format!("{function}/configuration"), json!({"Timeout": 77})).await
            }
            Self::Tag => world.call("POST", &tags, json!({"Tags": {"a": "b"}})).await,
            Self::Publish => world.call("POST", &format!("{function}/versions"), Value::Null).await,
            Self::Alias => {
                let body = json!({"Name": "live", "FunctionVersion": "1"});
                world.call("POST", &format!("{function}/aliases"), body).await
            }
            Self::PublishWithCode => {
                let body = json!({"ZipFile": zipped("four"), "Publish": true});
                world.call("PUT", &format!("{function}/code"), body).await
            }
            Self::Delete => world.call("DELETE", function, Value::Null).await,
        };
        answer.map(|_| ())
    }

    fn applied(self, before: &Seen) -> Seen {
        match self {
            Self::Create | Self::CreateAgain => Seen {
                code: Some(sha256(if matches!(self, Self::Create) { "one" } else { "three" })),
                timeout: 3,
                ..Seen::default()
            },
            Self::Code => Seen {
                code: Some(sha256("two")),
                ..before.clone()
            },
            Self::Configuration => Seen {
                timeout: 77,
                ..before.clone()
            },
            Self::Tag => Seen { tags: 1, ..before.clone() },
            Self::Publish => Seen {
                versions: vec![(1, before.code.clone().unwrap_or_default())],
                ..before.clone()
            },
            Self::Alias => Seen {
                alias: Some("1".to_owned()),
                ..before.clone()
            },
            Self::PublishWithCode => {
                let mut then = Seen {
                    code: Some(sha256("four")),
                    ..before.clone()
                };
                then.versions.push((2, sha256("four")));
                then
            }
            Self::Delete => Seen::default(),
        }
    }
}

async fn see(world: &World) -> Seen {
    match world.call("GET", "/2015-03-31/functions/f", Value::Null).await {
        Err(error) => {
            assert_eq!(error.code, "ResourceNotFoundException", "{error:?}");
            Seen::default()
        }
        Ok(answer) => {
            let shown: Value = serde_json::from_slice(&answer.body).unwrap();
            let configuration = &shown["Configuration"];
            Seen {
                code: configuration["CodeSha256"].as_str().map(ToOwned::to_owned),
                timeout: configuration["Timeout"].as_u64().unwrap(),
                tags: shown["Tags"].as_object().map_or(0, serde_json::Map::len),
                versions: versions(world).await,
                alias: alias(world).await,
            }
        }
    }
}

async fn versions(world: &World) -> Vec<(u64, String)> {
    let list = world.expect("GET", "/2015-03-31/functions/f/versions", Value::Null, 200).await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let published = list["Versions"].as_array().unwrap().iter().skip(1);
    published.map(|version| (text(&version["Version"]).parse().unwrap(), text(&version["CodeSha256"]))).collect()
}

async fn alias(world: &World) -> Option<String> {
    let answer = world.call("GET", "/2015-03-31/functions/f/aliases/live", Value::Null).await.ok()?;
    let shown: Value = serde_json::from_slice(&answer.body).unwrap();
    shown["FunctionVersion"].as_str().map(ToOwned::to_owned)
}

/// Waits for a change to end; a crashed store lets none end.
async fn settle(world: &World, faults: &Faults) {
    for _ in 0..10_000 {
        let entry = world.lambda.functions.get(&key("f"));
        if faults.is_crashed() || entry.is_none_or(|entry| !entry.record.is_in_transition()) {
            return;
        }
        tokio::task::yield_now().await;
        std::thread::yield_now();
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    panic!("a change does not end");
}

/// The store as the story leaves it, what may be found in it, and how many calls it took.
async fn live(fault: Option<(u64, Fault)>) -> (World, Vec<Seen>, u64) {
    let clock = Clock::fixed(1_700_000_000_120);
    let store = Memory::new(clock.clone());
    let faults = Faults::new();
    let faulty = Arc::new(Faulty::new(store.clone(), faults.clone()));
    let world = World::over(clock, store, faulty.clone(), faulty, tempdir()).await;
    if let Some((nth, fault)) = fault {
        faults.plan(Call::Any, nth, fault);
    }
    let before = faults.calls();
    let mut possible = vec![Seen::default()];
    for step in STORY {
        let now = possible.pop().unwrap();
        let then = step.applied(&now);
        let done = step.run(&world).await;
        settle(&world, &faults).await;
        possible = match done {
            Ok(()) => vec![then],
            Err(_) if faults.is_crashed() => {
                possible = vec![now, then];
                break;
            }
            // The store works again: what the server shows is what there is.
            Err(error) => {
                assert_eq!(error.status.as_u16(), 500, "{step:?}: {error:?}");
                let seen = see(&world).await;
                assert!(seen == now || seen == then, "{step:?}: {seen:?}");
                if seen == now && !matches!(step, Step::Tag) {
                    step.run(&world).await.unwrap_or_else(|e| panic!("{step:?} again: {e:?}"));
                    settle(&world, &faults).await;
                }
                vec![see(&world).await]
            }
        };
    }
    (world, possible, faults.calls() - before)
}

/// An active function can be run, within moments.
async fn ready(world: &World, what: &str) {
    for _ in 0..10_000 {
        if matches!(world.lambda.catalog().lookup(&key("f"), None), Lookup::Ready(_)) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    panic!("{what}: the function cannot be run");
}

#[tokio::test(start_paused = true)]
async fn every_failure_of_the_store_leaves_the_truth() {
    let (_, possible, calls) = live(None).await;
    assert_eq!(possible[0].code, Some(sha256("three")));
    assert!(calls > 12, "the story asks the store {calls} times");
    for fault in [Fault::FailBefore, Fault::FailAfter, Fault::CrashBefore, Fault::CrashAfter] {
        for nth in 1..=calls {
            let (world, possible, _) = live(Some((nth, fault))).await;
            let again = world.restarted().await;
            settle(&again, &Faults::new()).await;
            let found = see(&again).await;
            assert!(possible.contains(&found), "{fault:?} at {nth}: found {found:?}, expected one of {possible:?}");
            if found.code.is_some() {
                let shown = again.settled("f").await;
                assert_eq!(shown["State"], "Active", "{fault:?} at {nth}: {shown}");
                assert_eq!(shown["LastUpdateStatus"], "Successful", "{fault:?} at {nth}: {shown}");
                ready(&again, &format!("{fault:?} at {nth}, after the restart")).await;
                for (number, _) in &found.versions {
                    let what = format!("{fault:?} at {nth}: version {number} serves");
                    until(&what, || led(&again, "f", &number.to_string()).is_some()).await;
                }
                if matches!(fault, Fault::FailBefore | Fault::FailAfter) {
                    ready(&world, &format!("{fault:?} at {nth}")).await;
                }
            }
        }
    }
}
