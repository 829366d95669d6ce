//! The program as its caller sees it: output, exit codes, the life of a server.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::Value;

/// Without the caller's settings, in a folder of its own.
fn hearth(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hearth"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", folder).current_dir(folder);
    command.env("HEARTH_DATA", folder.join("data")).stdin(Stdio::null());
    command
}

#[track_caller]
fn check(arguments: &[&str], file: &str, code: i32, expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    if !file.is_empty() {
        std::fs::write(folder.path().join("hearth.toml"), file).unwrap();
    }
    let done = hearth(folder.path()).args(arguments).output().unwrap();
    let shown = text(&done);
    assert_eq!(done.status.code(), Some(code), "{arguments:?}: {shown}");
    assert!(shown.contains(expected), "{arguments:?}: expected {expected:?} in: {shown}");
}

fn text(done: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr))
}

#[test]
fn every_answer_has_its_exit_code() {
    check(&["version"], "", 0, "hearth 0.");
    check(&["version", "-o", "json"], "", 0, "\"version\"");
    check(&["--help"], "", 0, "hearth <COMMAND>");
    check(&["completion", "zsh"], "", 0, "#compdef hearth");
    check(&["--no-such-flag"], "", 2, "--no-such-flag");
    check(&["config", "show"], "listn = 1", 2, "unknown key \"listn\"; the nearest known key is \"listen\"");
    check(&["serve", "--listen", "0.0.0.0:0"], "", 2, "auth.mode");
    check(&["invoke", "f", "--endpoint-url", "http://127.0.0.1:1"], "", 7, "no Hearth at http://127.0.0.1:1");
    check(&["logs", "f", "--endpoint-url", "http://127.0.0.1:1"], "", 7, "start one with `hearth serve`");
    check(&["invoke", "f", "--endpoint-url", "https://127.0.0.1:1"], "", 2, "TLS is not built in");
    check(&["serve", "--log", "=,="], "", 2, "log filter");
}

#[test]
fn settings_show_where_they_came_from() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hearth.toml"), "region = \"eu-west-1\"\n").unwrap();
    let mut command = hearth(folder.path());
    command.args(["config", "show", "-o", "json", "--listen", "127.0.0.1:99"]);
    let shown: Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    let origin = |key: &str| {
        let rows = shown.as_array().unwrap();
        rows.iter().find(|row| row["key"] == key).unwrap()["origin"].as_str().unwrap().to_owned()
    };
    assert_eq!(origin("listen"), "flag --listen");
    assert_eq!(origin("data"), "environment HEARTH_DATA");
    assert!(origin("region").ends_with("/hearth.toml"));
    assert_eq!(origin("concurrency"), "default");
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = hearth(folder.path())
        .args(["completion", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut complaint = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{complaint}");
    assert_eq!(complaint, "");
}

/// A server that has printed its banner.
struct Server {
    child: Child,
    banner: String,
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    fn start(folder: &Path) -> Self {
        let mut command = hearth(folder);
        command.args(["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut banner = String::new();
        while !banner.contains("Try next") {
            assert_ne!(stdout.read_line(&mut banner).unwrap(), 0, "the server ended instead of starting: {banner}");
        }
        Self {
            child,
            banner,
            _stdout: stdout,
        }
    }

    fn listen(&self) -> String {
        let (_, rest) = self.banner.split_once("http://").unwrap();
        rest.split_whitespace().next().unwrap().to_owned()
    }

    fn stop(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }
}

#[test]
fn the_life_of_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let listen = server.listen();

    let locked = hearth(folder.path()).args(["serve", "--listen", "127.0.0.1:0"]).output().unwrap();
    assert_eq!(locked.status.code(), Some(4), "{}", text(&locked));
    assert!(text(&locked).contains(&format!("pid {}", server.child.id())), "{}", text(&locked));

    let taken = hearth(folder.path()).args(["serve", "--listen", &listen]).output().unwrap();
    assert_eq!(taken.status.code(), Some(3), "{}", text(&taken));
    assert!(text(&taken).contains(&format!("is taken by hearth (process {})", server.child.id())), "{}", text(&taken));

    assert_eq!(server.stop(), Some(0));
    assert_eq!(Server::start(folder.path()).stop(), Some(0), "the next start needs no repair");
}

/// The wait for a signal once stood inside a log line, and was skipped with it when the filter left
/// that line out: a server with `HEARTH_LOG=warn` was up and ended at once.
#[test]
fn a_quiet_server_waits_for_its_signal() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hearth.toml"), "log.filter = \"off\"\n").unwrap();
    let server = Server::start(folder.path());
    let missing = hearth(folder.path())
        .args(["invoke", "nobody", "--endpoint-url", &format!("http://{}", server.listen())])
        .output()
        .unwrap();
    assert_eq!(missing.status.code(), Some(8), "{}", text(&missing));
    assert!(text(&missing).contains("ResourceNotFoundException"), "{}", text(&missing));
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_port_taken_by_another_program_is_named() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = other.local_addr().unwrap().to_string();
    check(&["serve", "--listen", &listen], "", 3, "--listen 127.0.0.1:PORT");
}
