//! The interpreters and virtual machines that people bring run inside: neither filter nor root are too narrow.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::*;
use hearth_sandbox::{Bind, ExitStatus, Process};

/// Threads, subprocesses, sockets, temporary files, clocks, shared memory, hashing, signals.
const PYTHON_SAMPLE: &str = r#"
import asyncio, concurrent.futures, hashlib, json, mmap, multiprocessing.pool, os, select, signal, socket, sqlite3
import subprocess, sys, tempfile, threading, time, urllib.request, http.server, zlib
with concurrent.futures.ThreadPoolExecutor(8) as pool: assert sum(pool.map(lambda x: x, range(100))) == 4950
assert subprocess.run('echo $((6*7))', shell=True, capture_output=True).stdout == b'42\n'
class Quiet(http.server.SimpleHTTPRequestHandler): log_message = lambda *a: None
server = http.server.HTTPServer(('127.0.0.1', 0), Quiet)
threading.Thread(target=server.serve_forever, daemon=True).start()
assert urllib.request.urlopen(f'http://127.0.0.1:{server.server_port}/').status == 200
async def main(): return await asyncio.gather(*(asyncio.sleep(0.001, n) for n in range(10)))
assert asyncio.run(main()) == list(range(10))
with tempfile.TemporaryFile() as f:
    f.truncate(1 << 20)
    m = mmap.mmap(f.fileno(), 0); m[5:8] = b'abc'; m.flush()
db = sqlite3.connect('/tmp/x.db'); db.execute('create table t(a)'); db.commit()
signal.signal(signal.SIGALRM, lambda *a: None); signal.setitimer(signal.ITIMER_REAL, 0.01); signal.pause()
pid = os.fork()
if pid == 0: os._exit(3)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
assert os.cpu_count() >= 1 and os.urandom(4) and time.time() > 0 and hashlib.sha256(b'').hexdigest()
print('fine')
"#;

const NODE_SAMPLE: &str = r#"
const { Worker } = require('worker_threads'), { execSync } = require('child_process'), fs = require('fs');
const assert = require('assert'), http = require('http'), crypto = require('crypto'), zlib = require('zlib'), dns = require('dns');
assert.equal(execSync('echo $((6*7))').toString(), '42\n');
fs.writeFileSync('/tmp/x', 'y'); assert.equal(fs.readFileSync('/tmp/x', 'utf8'), 'y');
crypto.scryptSync('a', 'b', 32); zlib.gunzipSync(zlib.gzipSync('abc'));
const server = http.createServer((q, r) => r.end('hi')).listen(0, '127.0.0.1', async () => {
  assert.equal(await (await fetch(`http://127.0.0.1:${server.address().port}/`)).text(), 'hi');
  const worker = new Worker("require('worker_threads').parentPort.postMessage(7)", { eval: true });
  worker.on('message', async (n) => { assert.equal(n, 7); await fs.promises.readdir('/'); console.log('fine'); process.exit(0); });
});
"#;

const JAVA_SAMPLE: &str = r#"
import java.net.*; import java.nio.file.*; import java.util.concurrent.*;
public class Sample {
    public static void main(String[] a) throws Exception {
        var pool = Executors.newFixedThreadPool(4);
        if (pool.submit(() -> 42).get() != 42) throw new Error();
        pool.shutdown();
        var server = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"));
        new Thread(() -> { try { server.accept().close(); } catch (Exception e) { throw new RuntimeException(e); } }).start();
        new Socket("127.0.0.1", server.getLocalPort()).getInputStream().read();
        Files.writeString(Path.of("/tmp/x"), "y");
        var out = new String(new ProcessBuilder("/bin/echo", "child").start().getInputStream().readAllBytes());
        if (!out.equals("child\n")) throw new Error(out);
        System.gc();
        System.out.println("fine");
    }
}
"#;

const GO_SAMPLE: &str = r#"
package main
import ("fmt"; "io"; "net"; "net/http"; "os"; "os/exec"; "sync"; "time")
func main() {
	var group sync.WaitGroup
	for i := 0; i < 100; i++ { group.Add(1); go func() { defer group.Done(); time.Sleep(time.Millisecond) }() }
	group.Wait()
	listener, err := net.Listen("tcp", "127.0.0.1:0"); if err != nil { panic(err) }
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hi") }))
	response, err := http.Get("http://" + listener.Addr().String()); if err != nil { panic(err) }
	io.ReadAll(response.Body)
	if err := os.WriteFile("/tmp/x", []byte("y"), 0o600); err != nil { panic(err) }
	out, err := exec.Command("/bin/echo", "child").Output(); if err != nil { panic(err) }
	fmt.Printf("%s", out); fmt.Println("fine")
}
"#;

async fn check(process: Process, binds: Vec<Bind>, expected: &str) {
    let service = service().await;
    let what = process.program.clone();
    let done = service
        .run_with(process, |spec| {
            spec.binds.extend(binds);
            spec.limits.memory_bytes = 512 * MIB;
        })
        .await;
    assert_eq!(done.output, expected, "{}", what.display());
    assert_eq!(done.exit.status, ExitStatus::Code(0), "{}", what.display());
}

/// Every CPython from 3.9 that pyenv has here, and the distribution's.
#[tokio::test]
async fn python() {
    need_root!();
    // The whole path also as argv[0]: CPython finds its library by it.
    let sample = |program: &str| command(program, &[program, "-W", "ignore", "-c", PYTHON_SAMPLE]);
    check(sample(PYTHON), Vec::new(), "fine\n").await;
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let Ok(versions) = std::fs::read_dir(home.join(".pyenv/versions")) else { return };
    for version in versions.flatten().map(|entry| entry.path()) {
        let minor =
            version.file_name().and_then(|name| name.to_str()?.strip_prefix("3.")?.split('.').next()?.parse().ok());
        if minor.is_some_and(|minor: u32| minor >= 9) {
            let program = version.join("bin/python3");
            let bind = Bind::read_only(&version, &version);
            check(sample(program.to_str().unwrap()), vec![bind], "fine\n").await;
        }
    }
}

#[tokio::test]
async fn node() {
    need_root!();
    let Some(node) = find("node") else { return };
    check(command(node.to_str().unwrap(), &["node", "-e", NODE_SAMPLE]), Vec::new(), "fine\n").await;
}

#[tokio::test]
async fn java() {
    need_root!();
    let (Some(java), Some(javac)) = (find("java"), find("javac")) else { return };
    let folder = readable_folder();
    std::fs::write(folder.path().join("Sample.java"), JAVA_SAMPLE).unwrap();
    run(Command::new(javac).args(["--release", "11", "Sample.java"]).current_dir(folder.path()));
    let binds = configuration_of_java(&java);
    let program = java.canonicalize().unwrap();
    let process = command(program.to_str().unwrap(), &["java", "-cp", "/var/task", "Sample"]);
    check(process, [binds, vec![Bind::read_only(folder.path(), "/var/task")]].concat(), "fine\n").await;
}

/// Debian keeps a virtual machine's configuration in /etc, with links to it from /usr.
fn configuration_of_java(java: &Path) -> Vec<Bind> {
    let home = java.canonicalize().unwrap();
    let name = home.ancestors().nth(2).and_then(Path::file_name).unwrap().to_owned();
    let short = name.to_string_lossy().replace("-openjdk-amd64", "-openjdk");
    let etc = Path::new("/etc").join(short);
    if etc.is_dir() { vec![Bind::read_only(&etc, &etc)] } else { Vec::new() }
}

#[tokio::test]
async fn a_static_go_program() {
    need_root!();
    let Some(go) = find("go") else { return };
    let folder = readable_folder();
    std::fs::write(folder.path().join("main.go"), GO_SAMPLE).unwrap();
    run(Command::new(go)
        .args(["build", "-o", "bootstrap", "main.go"])
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "-mod=mod")
        .current_dir(folder.path()));
    let mut process = Process::new("/var/task/bootstrap");
    process.cwd = "/var/task".into();
    check(process, vec![Bind::read_only(folder.path(), "/var/task")], "child\nfine\n").await;
}

/// A folder that the sandbox's user may read.
fn readable_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    folder
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|dir| dir.join(name)).find(|path| path.is_file());
    if found.is_none() {
        eprintln!("SKIPPED: {name} is not installed");
    }
    found
}
