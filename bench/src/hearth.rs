//! A Hearth of its own for the run: started, given functions, measured, stopped.

use std::io::{self, Cursor, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::http::{Connection, request, request_with};

/// What may serve a runtime that the host lacks: the figures are the language's, whatever its version.
pub(crate) const STAND_INS: &str = "ruby3.2=ruby3.1,dotnet8=dotnet9";

/// The .NET of `make dotnet`, and the compiler that it comes with.
pub(crate) const DOTNET: &str = ".cache/dotnet";
const CSC: &str = "tests/dotnet/csc";

/// A running server.
pub(crate) struct Hearth {
    child: Child,
    pub(crate) address: String,
    /// From the start of the process to its first healthy answer.
    pub(crate) start_up: Duration,
    data: Arc<tempfile::TempDir>,
}

/// What a function of the benchmark is made of.
pub(crate) struct Source {
    pub(crate) runtime: String,
    pub(crate) handler: &'static str,
    pub(crate) file: &'static str,
    pub(crate) code: Vec<u8>,
}

pub(crate) fn python(runtime: &str) -> Source {
    Source {
        runtime: runtime.to_owned(),
        handler: "app.handler",
        file: "app.py",
        code: b"def handler(event, context):\n    return {'hello': event.get('name', 'world')}\n".to_vec(),
    }
}

pub(crate) fn node(runtime: &str) -> Source {
    Source {
        runtime: runtime.to_owned(),
        handler: "index.handler",
        file: "index.js",
        code: b"exports.handler = async (event) => ({ hello: event.name ?? 'world' });\n".to_vec(),
    }
}

pub(crate) fn ruby(runtime: &str) -> Source {
    Source {
        runtime: runtime.to_owned(),
        handler: "app.handler",
        file: "app.rb",
        code: b"def handler(event:, context:)\n  { hello: event['name'] || 'world' }\nend\n".to_vec(),
    }
}

pub(crate) fn java(runtime: &str) -> Source {
    Source {
        runtime: runtime.to_owned(),
        handler: "App::handle",
        file: "App.java",
        code: "import java.util.Map;\n\npublic class App {\n    public Map<String, Object> handle(Map<String, Object> event) {\n        \
               return Map.of(\"hello\", event.getOrDefault(\"name\", \"world\"));\n    }\n}\n".into(),
    }
}

pub(crate) fn dotnet(runtime: &str) -> Source {
    Source {
        runtime: runtime.to_owned(),
        handler: "App::App::Handle",
        file: "App.cs",
        code: "using System.IO;\nusing System.Text.Json;\n\npublic static class App {\n    public static Stream Handle(Stream input) {\n        \
               using var given = JsonDocument.Parse(input);\n        \
               var hello = given.RootElement.TryGetProperty(\"name\", out var name) ? name.GetString() : \"world\";\n        \
               return new MemoryStream(JsonSerializer.SerializeToUtf8Bytes(new { hello }));\n    }\n}\n"
            .into(),
    }
}

/// What every invocation sends.
pub(crate) const EVENT: &[u8] = br#"{"name":"hearth"}"#;

impl Hearth {
    /// On a data folder of its own: it has yet to look at the host's interpreters.
    pub(crate) fn start(program: &Path) -> io::Result<Self> {
        Self::start_with(program, &[])
    }

    /// The same with settings, as variables.
    pub(crate) fn start_with(program: &Path, settings: &[(&str, String)]) -> io::Result<Self> {
        Self::start_on(program, Arc::new(tempfile::tempdir()?), settings)
    }

    /// Stops it, and starts it on the same data folder.
    pub(crate) fn start_again(self, program: &Path) -> io::Result<Self> {
        let data = Arc::clone(&self.data);
        drop(self);
        Self::start_on(program, data, &[])
    }

    fn start_on(program: &Path, data: Arc<tempfile::TempDir>, settings: &[(&str, String)]) -> io::Result<Self> {
        let address = free_address()?;
        let began = Instant::now();
        let child = Command::new(program)
            .arg("serve")
            .env("HEARTH_LISTEN", &address)
            .env("HEARTH_DATA", data.path())
            .env("HEARTH_RUNTIMES_ALIASES", STAND_INS)
            .env("HEARTH_RUNTIMES_SEARCH", std::path::absolute(DOTNET)?)
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut hearth = Self {
            child,
            address,
            start_up: Duration::ZERO,
            data,
        };
        hearth.wait_until_healthy(began)?;
        hearth.start_up = began.elapsed();
        Ok(hearth)
    }

    fn wait_until_healthy(&mut self, began: Instant) -> io::Result<()> {
        let probe = request("GET", "/_hearth/health", &self.address, b"");
        while began.elapsed() < Duration::from_secs(30) {
            let answer = Connection::open(&self.address).and_then(|mut c| c.exchange(&probe));
            if answer.is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("hearth ended at once: {status}")));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(io::Error::other("hearth did not become healthy in 30 s"))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn data_dir(&self) -> &Path {
        self.data.path()
    }

    /// Creates a function of one processor's memory and waits until it is active.
    pub(crate) fn deploy(&self, name: &str, source: &Source) -> io::Result<()> {
        self.deploy_sized(name, source, 1_769)
    }

    /// Creates a function and waits until it is active.
    pub(crate) fn deploy_sized(&self, name: &str, source: &Source, memory_mib: u32) -> io::Result<()> {
        let body = json!({
            "FunctionName": name,
            "Runtime": source.runtime,
            "Handler": source.handler,
            "Role": "arn:aws:iam::000000000000:role/bench",
            "MemorySize": memory_mib,
            "Timeout": 300,
            "Code": {"ZipFile": BASE64_STANDARD.encode(zipped(source)?)},
        });
        let created = self.call("POST", "/2015-03-31/functions", body.to_string().as_bytes())?;
        if created["FunctionName"] != name {
            return Err(io::Error::other(format!("{name} was not created: {created}")));
        }
        for _ in 0..1_000 {
            let state = self.call("GET", &format!("/2015-03-31/functions/{name}/configuration"), b"")?;
            if state["State"] == "Active" {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(io::Error::other(format!("{name} did not become active")))
    }

    /// The bytes of an invocation.
    pub(crate) fn invocation(&self, name: &str) -> Vec<u8> {
        let path = format!("/2015-03-31/functions/{name}/invocations");
        request("POST", &path, &self.address, EVENT)
    }

    /// The bytes of an asynchronous invocation, which is answered when its event is on disk.
    pub(crate) fn event(&self, name: &str) -> Vec<u8> {
        let path = format!("/2015-03-31/functions/{name}/invocations");
        request_with("X-Amz-Invocation-Type: Event\r\n", "POST", &path, &self.address, EVENT)
    }

    /// One invocation on a connection of its own, with its answer checked.
    pub(crate) fn invoke(&self, name: &str) -> io::Result<Duration> {
        let mut connection = Connection::open(&self.address)?;
        let began = Instant::now();
        let answer = connection.exchange(&self.invocation(name))?;
        let took = began.elapsed();
        let result: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        // Programs built for the contract's tests answer with the event itself.
        if answer.status != 200 || (result["hello"] != "hearth" && result["name"] != "hearth") {
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            return Err(io::Error::other(format!("{name} answered {}: {text}", answer.status)));
        }
        Ok(took)
    }

    fn call(&self, method: &str, path: &str, body: &[u8]) -> io::Result<Value> {
        let answer = Connection::open(&self.address)?.exchange(&request(method, path, &self.address, body))?;
        serde_json::from_slice(&answer.body).map_err(io::Error::other)
    }
}

impl Drop for Hearth {
    fn drop(&mut self) {
        // SIGTERM and not a kill: sandboxes are to be cleared away.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        for _ in 0..500 {
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
    }
}

fn zipped(source: &Source) -> io::Result<Vec<u8>> {
    let (name, bytes) = match source.file.rsplit_once('.') {
        Some((class, "java")) => {
            let mut compiler = Command::new("javac");
            compiler.args(["--release", "11", source.file]);
            (format!("{class}.class"), compiled(source, compiler, &format!("{class}.class"))?)
        }
        Some((name, "cs")) => {
            let mut compiler = Command::new(std::path::absolute(CSC)?);
            compiler.args(["-target:library", source.file]);
            (format!("{name}.dll"), compiled(source, compiler, &format!("{name}.dll"))?)
        }
        _ => (source.file.to_owned(), source.code.clone()),
    };
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(name, SimpleFileOptions::default().unix_permissions(0o755)).map_err(io::Error::other)?;
    zip.write_all(&bytes)?;
    Ok(zip.finish().map_err(io::Error::other)?.into_inner())
}

/// What the compiler makes of the source, in a file of this name.
fn compiled(source: &Source, mut compiler: Command, made: &str) -> io::Result<Vec<u8>> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join(source.file), &source.code)?;
    let status = compiler.current_dir(folder.path()).status()?;
    if !status.success() {
        return Err(io::Error::other(format!("the compiler of {} ended with {status}", source.file)));
    }
    std::fs::read(folder.path().join(made))
}

pub(crate) fn free_address() -> io::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
