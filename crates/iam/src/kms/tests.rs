use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hearth_core::{Clock, Random, Tasks};
use hearth_model::{AccountId, FunctionKey, FunctionName, KeyProblem, Region, VariableKeys};
use hearth_store::Memory;

use super::record::State;
use super::{Kms, KmsOptions, OperatorKeys, ops, scope, tasks};

const OLD: [u8; 32] = [1; 32];
const NEW: [u8; 32] = [2; 32];

fn owner(name: &str) -> FunctionKey {
    FunctionKey {
        account: AccountId::fallback(),
        region: Region::fallback(),
        name: FunctionName::parse(name).unwrap(),
    }
}

async fn open(store: &Memory, clock: &Clock, keys: &[[u8; 32]]) -> Result<Arc<Kms>, String> {
    let lines: Vec<String> = keys.iter().map(|key| STANDARD.encode(key)).collect();
    let options = KmsOptions {
        documents: Arc::new(store.clone()),
        operator_keys: OperatorKeys::parse(&lines.join("\n")).unwrap(),
        tasks: Tasks::new(),
        clock: clock.clone(),
        random: Random::system(),
    };
    Kms::open(options).await.map_err(|error| error.to_string())
}

fn world() -> (Memory, Clock) {
    let clock = Clock::fixed(0);
    (Memory::new(clock.clone()), clock)
}

#[tokio::test]
async fn variables_are_one_functions_own() {
    let (store, clock) = world();
    let kms = open(&store, &clock, &[OLD]).await.unwrap();
    let (f, context) = (owner("f"), [("function", "f")]);
    assert!(matches!(kms.seal(&f, None, &context, b"hush"), Err(KeyProblem::Failed(_))), "nobody prepared");
    kms.prepare(&f).await.unwrap();
    let sealed = kms.seal(&f, None, &context, b"hush").unwrap();
    assert_eq!(kms.open(&f, &context, &sealed).unwrap(), b"hush");
    assert!(kms.open(&f, &[("function", "g")], &sealed).is_err());
    let elsewhere = FunctionKey {
        account: AccountId::parse("111122223333").unwrap(),
        ..f.clone()
    };
    assert!(matches!(kms.open(&elsewhere, &context, &sealed), Err(KeyProblem::NotFound(_))));
    kms.prepare(&f).await.unwrap();
    assert_eq!(kms.ring.keys(&scope(&f)).len(), 1, "one for an account and region");
    let again = open(&store, &clock, &[OLD]).await.unwrap();
    assert_eq!(again.open(&f, &context, &sealed).unwrap(), b"hush");
}

#[tokio::test]
async fn what_clients_encrypt_is_no_functions_variables() {
    let (store, clock) = world();
    let kms = open(&store, &clock, &[OLD]).await.unwrap();
    let (f, pairs) = (owner("f"), [("function", "f")]);
    kms.prepare(&f).await.unwrap();
    let key = ops::service_key(&kms, &scope(&f), "lambda").unwrap();
    let blob = ops::seal(&kms, &key, &super::cipher::context(pairs), b"forged");
    assert!(kms.open(&f, &pairs, &blob).is_err());
}

#[tokio::test]
async fn the_operators_key_changes() {
    let (store, clock) = world();
    let (f, context) = (owner("f"), [("function", "f")]);
    let kms = open(&store, &clock, &[OLD]).await.unwrap();
    kms.prepare(&f).await.unwrap();
    let sealed = kms.seal(&f, None, &context, b"hush").unwrap();
    let error = open(&store, &clock, &[NEW]).await.map(|_| ()).unwrap_err();
    assert!(error.contains("is encrypted under the operator's key"), "{error}");
    open(&store, &clock, &[NEW, OLD]).await.unwrap();
    let new = open(&store, &clock, &[NEW]).await.unwrap();
    assert_eq!(new.open(&f, &context, &sealed).unwrap(), b"hush");
    assert!(open(&store, &clock, &[OLD]).await.is_err());
}

#[tokio::test]
async fn a_deleted_key_takes_along_what_it_encrypted() {
    let (store, clock) = world();
    let kms = open(&store, &clock, &[OLD]).await.unwrap();
    let (f, context) = (owner("f"), [("function", "f")]);
    let of = scope(&f);
    let key = ops::make(&kms, &of, None, String::new(), "{}".to_owned(), Default::default()).await.unwrap();
    let arn = key.arn.clone();
    let sealed = kms.seal(&f, Some(&arn), &context, b"hush").unwrap();
    for (state, expected) in [
        (State::Disabled, KeyProblem::Disabled(format!("{arn} is disabled."))),
        (State::PendingDeletion { at_ms: 5 }, KeyProblem::InvalidState(format!("{arn} is pending deletion."))),
    ] {
        let now = ops::find(&kms, &of, &arn).unwrap();
        let record = super::record::KeyRecord { state, ..now.record.clone() };
        kms.ring.change_key(&of, &now, record).await.unwrap();
        assert_eq!(kms.check(&f, &arn), Err(expected));
        assert_eq!(kms.open(&f, &context, &sealed).unwrap(), b"hush", "whatever its state is");
    }
    tasks::sweep(&kms).await;
    assert!(kms.ring.key(&of, &key.record.id).is_some(), "its time is not up");
    clock.advance_ms(5);
    assert!(matches!(kms.check(&f, &arn), Err(KeyProblem::NotFound(_))), "at once");
    tasks::sweep(&kms).await;
    assert!(kms.ring.key(&of, &key.record.id).is_none());
    let again = open(&store, &clock, &[OLD]).await.unwrap();
    assert!(matches!(again.open(&f, &context, &sealed), Err(KeyProblem::NotFound(_))));
}

#[tokio::test]
async fn keys_of_another_process_are_known_here() {
    let (store, clock) = world();
    let ours = open(&store, &clock, &[OLD]).await.unwrap();
    let theirs = open(&store, &clock, &[OLD]).await.unwrap();
    let f = owner("f");
    theirs.prepare(&f).await.unwrap();
    let sealed = theirs.seal(&f, None, &[], b"hush").unwrap();
    let wait = async {
        while ours.open(&f, &[], &sealed).is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), wait).await.unwrap();
}
