//! Streams from the server to a port inside.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::io::{BufRead, BufReader, Read, Write};

use common::*;
use hearth_sandbox::{Sandbox, SandboxError, SetupError};

/// A sandbox with a Python process that has said "up".
async fn listening(service: &Service, script: &str) -> Sandbox {
    let (process, reader) = with_output(python(script));
    let sandbox = service.create(spec(process)).await.unwrap();
    let mut line = String::new();
    BufReader::new(reader).read_line(&mut line).unwrap();
    assert_eq!(line, "up\n");
    sandbox
}

const ECHO: &str = "import socket\n\
    s = socket.create_server(('127.0.0.1', 4243))\n\
    print('up', flush=True)\n\
    while True:\n\
    \x20   c, _ = s.accept()\n\
    \x20   c.sendall(b'heard ' + c.recv(100)); c.close()";

#[tokio::test]
async fn a_stream_leads_into_the_sandbox() {
    need_root!();
    let service = service().await;
    let sandbox = listening(&service, ECHO).await;
    for word in ["one", "two"] {
        let mut stream = sandbox.connect(4243).await.unwrap();
        assert!(matches!(stream.read(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock));
        stream.set_nonblocking(false).unwrap();
        stream.write_all(word.as_bytes()).unwrap();
        let mut told = String::new();
        stream.read_to_string(&mut told).unwrap();
        assert_eq!(told, format!("heard {word}"));
    }
}

#[tokio::test]
async fn nobody_there_is_refused_at_once() {
    need_root!();
    let service = service().await;
    let sandbox = service.create(spec(sh("sleep 60"))).await.unwrap();
    let error = sandbox.connect(4243).await.unwrap_err();
    assert!(matches!(error, SandboxError::Setup(SetupError::Connect { port: 4243, .. })), "{error:?}");
    assert!(error.to_string().contains("127.0.0.1:4243 in the sandbox: Connection refused"), "{error}");
    sandbox.kill();
    sandbox.wait().await;
    assert!(matches!(sandbox.connect(4243).await, Err(SandboxError::Ended { .. })));
}

/// A listener that takes nothing, and whose queue is full: the kernel would try again for two minutes.
#[tokio::test]
async fn a_listener_that_takes_nothing_holds_up_nobody() {
    need_root!();
    let service = service().await;
    let sandbox = listening(
        &service,
        "import socket, time\n\
        s = socket.socket(); s.bind(('127.0.0.1', 4243)); s.listen(0)\n\
        print('up', flush=True); time.sleep(60)",
    )
    .await;
    let mut taken = Vec::new();
    let error = loop {
        match sandbox.connect(4243).await {
            Ok(stream) => taken.push(stream),
            Err(error) => break error,
        }
        assert!(taken.len() < 10, "the queue is never full");
    };
    assert!(matches!(error, SandboxError::TimedOut { .. }), "{error}");
    // Its first process still obeys.
    sandbox.respawn(python(ECHO)).await.unwrap();
    loop {
        match sandbox.connect(4243).await {
            Ok(_) => break,
            // The new listener is not up yet.
            Err(error) => assert!(error.to_string().contains("refused"), "{error}"),
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_frozen_sandbox_takes_no_connection_and_the_next_one_works() {
    need_root!();
    let service = service().await;
    let sandbox = listening(&service, ECHO).await;
    sandbox.freeze().unwrap();
    let error = sandbox.connect(4243).await.unwrap_err();
    assert!(error.to_string().contains("did not accept a connection within 3000 ms"), "{error}");
    sandbox.thaw().unwrap();
    // The answer to the question above comes now, and is nobody's.
    assert!(sandbox.connect(4243).await.is_ok());
}

#[tokio::test]
async fn only_this_sandbox_is_reached() {
    need_root!();
    let service = service().await;
    let listening = listening(&service, ECHO).await;
    let other = service.create(spec(sh("sleep 60"))).await.unwrap();
    assert!(listening.connect(4243).await.is_ok());
    assert!(other.connect(4243).await.unwrap_err().to_string().contains("refused"));
    let host = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = host.local_addr().unwrap().port();
    assert!(other.connect(port).await.unwrap_err().to_string().contains("refused"));
}
