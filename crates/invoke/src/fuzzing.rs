//! For fuzz targets alone: what reads bytes that a function writes.

use std::sync::Arc;

use bytes::Bytes;
use hearth_core::{Clock, Random, Tasks};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::environment::{cut, level_of};
use crate::extensions::{Extensions, Identity};
use crate::runtime_api::{Delivery, RuntimeApi, Services, converse_once};
use crate::telemetry::Telemetry;

/// How often a connection is given a turn: what waits for something else waits for ever.
const TURNS: usize = 500;

/// What is printed, in pieces.
pub fn log_lines<'a>(pieces: impl Iterator<Item = &'a [u8]>) {
    let mut line = Vec::new();
    for piece in pieces {
        cut(&mut line, piece, |line| {
            let _ = level_of(&line);
        });
    }
}

/// The bytes of one connection to port 9001 of a sandbox whose runtime has an event to answer and
/// whose extension has yet to register.
///
/// # Panics
/// When the host has no memory for a runtime of its own.
pub fn runtime_api(bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    #[allow(clippy::expect_used)] // Not of the program: the fuzzer is to hear of it.
    runtime.expect("a runtime for one connection").block_on(connection(bytes));
}

async fn connection(bytes: &[u8]) {
    let tasks = Tasks::new();
    let services = Services {
        extensions: Arc::new(Extensions::new(Random::seeded(1))),
        telemetry: Arc::new(Telemetry::new(Clock::fixed(0), tasks.clone())),
        credentials: None,
        api: None,
    };
    let identity = Identity {
        function_name: "f".to_owned(),
        function_version: "1".to_owned(),
        handler: "h".to_owned(),
        account_id: "000000000000".to_owned(),
    };
    services.extensions.begin(Arc::new(identity), vec!["e".to_owned()]);
    services.telemetry.begin();
    let api = RuntimeApi::new(true);
    api.deliver(delivery());
    let (mut client, server) = tokio::io::duplex(1 << 20);
    let conversation = converse_once(server, &api, services, &tasks);
    let speech = async {
        // Errors mean that the other side hung up.
        let _ = client.write_all(bytes).await;
        let _ = client.shutdown().await;
        let _ = client.read_to_end(&mut Vec::new()).await;
    };
    tokio::select! {
        () = conversation => {}
        () = speech => {}
        () = turns() => {}
    }
}

fn delivery() -> Delivery {
    Delivery {
        request_id: "8a2d5a5e-0000-4000-8000-000000000000".to_owned(),
        deadline_ms: 1,
        invoked_arn: "arn".to_owned(),
        trace_header: String::new(),
        client_context: None,
        cognito_identity: None,
        as_stream: false,
        event: Bytes::from_static(b"{}"),
    }
}

async fn turns() {
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
}
