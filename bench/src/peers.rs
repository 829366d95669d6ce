//! What Hearth is measured beside: serverless-offline, when npm can install it, and AWS's Runtime
//! Interface Emulator, when its path is given.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::hearth::{EVENT, free_address};
use crate::http::{Connection, request};

/// A running peer.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) address: String,
    pub(crate) request: Vec<u8>,
    child: Child,
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The peer's workers are its children; its process group is its own.
        let _ = Command::new("kill").arg("--").arg(format!("-{}", self.child.id())).status();
        let _ = self.child.wait();
    }
}

const SERVERLESS_CONFIG: &str = "\
service: bench
provider:
  name: aws
  runtime: nodejs20.x
plugins:
  - serverless-offline
functions:
  hello:
    handler: index.handler
";

/// serverless-offline with its Lambda endpoint, installed into `cache` by npm.
pub(crate) fn serverless_offline(cache: &Path) -> io::Result<Peer> {
    let folder = cache.join("serverless-offline");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("package.json"), "{\"name\":\"bench\",\"private\":true}")?;
    fs::write(folder.join("serverless.yml"), SERVERLESS_CONFIG)?;
    fs::write(folder.join("index.js"), crate::hearth::node("").code)?;
    if !folder.join("node_modules/serverless-offline").is_dir() {
        let installed = Command::new("npm")
            .args(["install", "--no-audit", "--no-fund", "serverless@3", "serverless-offline@13"])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .output()?;
        if !installed.status.success() {
            return Err(io::Error::other("npm could not install serverless-offline"));
        }
    }
    let (http, lambda) = (port()?, port()?);
    let mut command = Command::new(folder.join("node_modules/.bin/serverless"));
    command
        .args(["offline", "start", "--httpPort", &http, "--lambdaPort", &lambda])
        .current_dir(&folder)
        .env("SLS_TELEMETRY_DISABLED", "1")
        .env("SLS_NOTIFICATIONS_MODE", "off");
    let address = format!("127.0.0.1:{lambda}");
    let path = "/2015-03-31/functions/bench-dev-hello/invocations";
    started(command, "serverless-offline (Node)", address, path)
}

/// The emulator with the official Python client, which the Python on PATH must have.
pub(crate) fn emulator(program: &Path, cache: &Path) -> io::Result<Peer> {
    let folder = cache.join("emulator");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("app.py"), crate::hearth::python("").code)?;
    let (address, api) = (free_address()?, free_address()?);
    let mut command = Command::new(program);
    command
        .args(["--runtime-interface-emulator-address", &address, "--runtime-api-address", &api])
        .args(["python3", "-m", "awslambdaric", "app.handler"])
        .current_dir(&folder)
        .env("AWS_LAMBDA_FUNCTION_TIMEOUT", "30");
    started(command, "Runtime Interface Emulator (Python)", address, "/2015-03-31/functions/function/invocations")
}

fn port() -> io::Result<String> {
    Ok(free_address()?.rsplit(':').next().unwrap_or_default().to_owned())
}

fn started(mut command: Command, name: &'static str, address: String, path: &str) -> io::Result<Peer> {
    use std::os::unix::process::CommandExt;
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn()?;
    let peer = Peer {
        name,
        request: request("POST", path, &address, EVENT),
        address,
        child,
    };
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(60) {
        let answer = Connection::open(&peer.address).and_then(|mut c| c.exchange(&peer.request));
        if answer.is_ok_and(|answer| answer.status == 200) {
            return Ok(peer);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err(io::Error::other(format!("{name} gave no answer in 60 s")))
}
