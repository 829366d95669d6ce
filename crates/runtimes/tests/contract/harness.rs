//! Starts a bootstrap as a plain process, talks to it as the server would, and compares what it does with a case.

mod http;
mod lean;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hearth_runtimes::telemetry::{Decoder, Level};
use hearth_runtimes::{
    Bootstraps, Definition, DiscoveryConfig, Interpreter, Language, LaunchOptions, ResolvedRuntime, Runtimes, State,
};
use rustix::io::{FdFlags, fcntl_setfd};

/// How long a runtime may take for anything before the case fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What stands for the request id of the n-th invocation.
pub(crate) fn request_id(number: usize) -> String {
    format!("8f5c7d1e-0000-4000-8000-{number:012}")
}

pub(crate) const ARN: &str = "arn:aws:lambda:eu-west-1:000000000000:function:f:live";
pub(crate) const DEADLINE_MS: u64 = 4_102_444_800_000;

/// An interpreter under test.
pub(crate) struct Subject {
    pub(crate) definition: &'static Definition,
    pub(crate) language: Language,
    pub(crate) version: String,
    /// Minor version of Python and Ruby, major version of Node.js, Java and .NET.
    pub(crate) number: u64,
    runtime: ResolvedRuntime,
}

/// Where the host has no version that a runtime is named after: Debian 12 has Ruby 3.1, `make dotnet` two of .NET.
const STAND_INS: [(&str, &str); 3] = [("ruby3.2", "ruby3.1"), ("dotnet8", "dotnetcore3.1"), ("dotnet10", "dotnet9")];

/// One interpreter for each runtime that this host can serve, or that stands in for one.
pub(crate) fn interpreters() -> &'static [Subject] {
    static FOUND: OnceLock<Vec<Subject>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let extra = std::env::var_os("HEARTH_TEST_INTERPRETERS").unwrap_or_default();
        let dotnet = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/dotnet");
        let search_dirs =
            std::env::split_paths(&extra).filter(|dir| !dir.as_os_str().is_empty()).chain([dotnet]).collect();
        let runtimes = Runtimes::discover(&DiscoveryConfig {
            search_dirs,
            aliases: STAND_INS.map(|(runtime, target)| (runtime.to_owned(), target.to_owned())).into(),
            ..DiscoveryConfig::default()
        });
        let ready = runtimes.list().into_iter().filter(|one| matches!(one.state, State::Ready | State::Aliased));
        ready.filter_map(|one| subject(runtimes.resolve(one.id).ok()?)).collect()
    })
}

fn subject(runtime: &ResolvedRuntime) -> Option<Subject> {
    let interpreter: &Interpreter = runtime.interpreter.as_ref()?;
    let key = interpreter.version_key();
    let number = key[usize::from(matches!(interpreter.language, Language::Python | Language::Ruby))];
    bootstraps().precompile(interpreter).expect("compile the bootstrap");
    if interpreter.language == Language::Java {
        archive_where_it_lies(runtime);
    }
    Some(Subject {
        definition: runtime.definition,
        language: interpreter.language,
        version: interpreter.version.clone(),
        number,
        runtime: runtime.clone(),
    })
}

/// The archive of Java's classes knows the jar by its path in sandboxes; without one that fits, every start would read and
/// check the classes. The rehearsal makes one of the path that the cases see.
fn archive_where_it_lies(runtime: &ResolvedRuntime) {
    const OPTION: &str = "-XX:SharedArchiveFile=";
    let argv = in_folder(Language::Java, &runtime.argv(&LaunchOptions::default()));
    let archive = argv.iter().find_map(|word| word.to_str()?.strip_prefix(OPTION)).expect("an archive of classes");
    // The version before 13 cannot make one: what stands for it there is the JDK's own.
    if Path::new(archive).is_symlink() && runtime.interpreter.as_ref().is_none_or(|one| one.version_key() < vec![13]) {
        return;
    }
    let made = format!("{archive}.made");
    let words = argv.iter().map(|word| match word.to_str() {
        Some(word) if word.starts_with(OPTION) => format!("-XX:ArchiveClassesAtExit={made}").into(),
        _ => word.clone(),
    });
    let words: Vec<OsString> = words.collect();
    let done = Command::new(&words[0]).args(&words[1..]).arg("rehearse").output().expect("run Java");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    std::fs::rename(made, archive).expect("put the archive in its place");
}

impl Subject {
    pub(crate) fn executable(&self) -> &Path {
        self.runtime.interpreter.as_ref().map_or(Path::new(""), |interpreter| &interpreter.executable)
    }
}

/// Where the bootstrap of a language lies.
pub(crate) fn bootstrap_folder(language: Language) -> PathBuf {
    bootstraps().folder(language).expect("a bootstrap")
}

fn bootstraps() -> &'static Bootstraps {
    static WRITTEN: OnceLock<(tempfile::TempDir, Bootstraps)> = OnceLock::new();
    &WRITTEN
        .get_or_init(|| {
            let dir = tempfile::tempdir().expect("a temporary folder");
            let bootstraps = hearth_runtimes::materialise(dir.path()).expect("write the bootstraps");
            (dir, bootstraps)
        })
        .1
}

/// What the server tells the runtime along with an event.
#[derive(Clone, Default)]
pub(crate) struct Call {
    pub(crate) event: Vec<u8>,
    pub(crate) deadline_ms: Option<u64>,
    pub(crate) trace_id: &'static str,
    pub(crate) client_context: &'static str,
    pub(crate) identity: &'static str,
    pub(crate) tenant_id: &'static str,
    /// Over the lean channel, the frame arrives in pieces of this size.
    pub(crate) pieces: Option<usize>,
}

/// What became of an event.
#[derive(Clone, PartialEq)]
pub(crate) enum Answer {
    Result(Vec<u8>),
    Failure {
        error_type: String,
        document: Vec<u8>,
    },
    Streamed {
        content_type: String,
        body: Vec<u8>,
        /// The type and the document, if it broke off.
        failure: Option<(String, Vec<u8>)>,
    },
    /// The runtime ended without an answer.
    Gone,
}

/// What became of the init.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Init {
    Ready,
    Failed {
        error_type: String,
        document: Vec<u8>,
    },
    /// Waits to be restored from a snapshot.
    RestoreReady,
    RestoreFailed {
        error_type: String,
        document: Vec<u8>,
    },
    Gone,
}

/// The server's end of the connection to a runtime.
pub(crate) trait Link {
    fn init(&mut self) -> Init;
    /// Tells a runtime that waits for it that it is a restored one, and what came of that.
    fn restore(&mut self, environment: &[(String, String)]) -> Init;
    fn invoke(&mut self, number: usize, call: &Call) -> Answer;
    /// Hangs up, as a server that stops.
    fn close(self: Box<Self>);
}

impl Answer {
    fn put_in_words(&mut self, words: &[(String, String)]) {
        if let Self::Result(body) = self
            && let Ok(text) = std::str::from_utf8(body)
            && words.iter().any(|(from, _)| text.contains(from))
        {
            *body = words.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to)).into_bytes();
        }
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Result(body) => write!(f, "Result({:.20000})", String::from_utf8_lossy(body)),
            Self::Failure { error_type, document } => {
                write!(f, "Failure({error_type}, {:.2000})", String::from_utf8_lossy(document))
            }
            Self::Streamed { content_type, body, failure } => {
                let failure = failure.as_ref().map(|(name, document)| (name, String::from_utf8_lossy(document)));
                write!(f, "Streamed({content_type}, {:.2000}, {failure:?})", String::from_utf8_lossy(body))
            }
            Self::Gone => f.write_str("Gone"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Lean channel, and a log channel.
    Lean,
    /// The same, of a process that was started before it was known what it would serve.
    Parked,
    /// HTTP Runtime API, and plain output.
    Http,
}

/// One log event of the log channel, its times and request ids replaced by words.
pub(crate) type Log = (Option<Level>, String);

/// Everything that was seen of one process.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) mode: Mode,
    pub(crate) init: Init,
    pub(crate) answers: Vec<Answer>,
    /// `None` if it had to be hung up on, and ended by that.
    pub(crate) exit: Option<i32>,
    pub(crate) logs: Vec<Log>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Seen {
    /// All of it but the mode.
    fn words(&self) -> String {
        let Self {
            init,
            answers,
            exit,
            logs,
            stdout,
            stderr,
            ..
        } = self;
        format!("{init:?}\n{answers:#?}\n{exit:?}\n{logs:#?}\n{stdout}\n{stderr}")
    }
}

/// Where two texts begin to differ, and how each goes on there.
fn difference(one: &str, other: &str) -> Option<(String, String)> {
    let same = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum::<usize>();
    let from = one[..same].rfind("\"").unwrap_or(same);
    let start = |text: &str| text[from..].chars().take(200).collect();
    (one != other).then(|| (start(one), start(other)))
}

type Expectation = Box<dyn Fn(&Subject, &Seen) + Send + Sync>;

/// A function, what happens to it, and what is expected of it.
pub(crate) struct Case {
    language: Language,
    files: Vec<(String, Vec<u8>)>,
    handler: &'static str,
    variables: Vec<(&'static str, String)>,
    calls: Vec<Call>,
    applies: fn(u64) -> bool,
    /// The process is expected to end by itself after the last answer.
    ends: bool,
    /// After the last answer, the process is asked to end (SIGTERM).
    terminated: bool,
    /// What is seen of the process may not depend on whether it was parked.
    same_parked: bool,
    channel_only: bool,
    expectations: Vec<Expectation>,
}

impl Case {
    pub(crate) fn new(language: Language, file: &str, code: &str, handler: &'static str) -> Self {
        Self::empty(language, handler).file(file, code)
    }

    pub(crate) fn empty(language: Language, handler: &'static str) -> Self {
        Self {
            language,
            files: Vec::new(),
            handler,
            variables: Vec::new(),
            calls: Vec::new(),
            applies: |_| true,
            ends: false,
            terminated: false,
            same_parked: false,
            channel_only: false,
            expectations: Vec::new(),
        }
    }

    pub(crate) fn handler(mut self, handler: &'static str) -> Self {
        self.handler = handler;
        self
    }

    pub(crate) fn file(self, path: &str, content: &str) -> Self {
        self.bytes(path, content.as_bytes())
    }

    pub(crate) fn bytes(mut self, path: &str, content: &[u8]) -> Self {
        self.files.push((path.to_owned(), content.to_vec()));
        self
    }

    /// A variable; `{task}` in its value is the folder of the code.
    pub(crate) fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// Only for interpreters whose number (Python's and Ruby's minor version, Node's and .NET's major one) fulfils this.
    pub(crate) fn on(mut self, applies: fn(u64) -> bool) -> Self {
        self.applies = applies;
        self
    }

    pub(crate) fn call(mut self, event: &str) -> Self {
        self.calls.push(Call {
            event: event.as_bytes().to_vec(),
            ..Call::default()
        });
        self
    }

    pub(crate) fn call_with(mut self, call: Call) -> Self {
        self.calls.push(call);
        self
    }

    pub(crate) fn expect(mut self, expectation: impl Fn(&Subject, &Seen) + Send + Sync + 'static) -> Self {
        self.expectations.push(Box::new(expectation));
        self
    }

    /// The n-th event was answered with exactly these bytes.
    pub(crate) fn returns(self, number: usize, expected: &str) -> Self {
        let expected = expected.to_owned();
        self.expect(move |_, seen| match seen.answers.get(number) {
            Some(Answer::Result(body)) => assert_eq!(String::from_utf8_lossy(body), expected),
            other => panic!("expected a result, found {other:?}"),
        })
    }

    /// The n-th event was answered by a stream of this type that ended well.
    pub(crate) fn streams(self, number: usize, content_type: &str, body: &str) -> Self {
        let expected = Answer::Streamed {
            content_type: content_type.to_owned(),
            body: body.as_bytes().to_vec(),
            failure: None,
        };
        self.expect(move |_, seen| assert_eq!(seen.answers.get(number), Some(&expected)))
    }

    /// The n-th event was answered by a stream that broke off after this body with this type and message.
    pub(crate) fn breaks_off(self, number: usize, body: &str, error_type: &str, message: &str) -> Self {
        let expected = [body, error_type, message].map(str::to_owned);
        self.expect(move |subject, seen| match seen.answers.get(number) {
            Some(Answer::Streamed {
                body,
                failure: Some((error_type, document)),
                ..
            }) => {
                assert_eq!([&String::from_utf8_lossy(body), error_type.as_str()], [&expected[0], &expected[1]]);
                let [_, name, message] = expected.clone();
                check_document(subject, document, "", &[name, message, String::new()]);
            }
            other => panic!("expected a stream that breaks off, found {other:?}"),
        })
    }

    /// The n-th event failed with this type, message and, in its trace, this text.
    pub(crate) fn fails(self, number: usize, error_type: &str, message: &str, trace: &str) -> Self {
        let expected = [error_type, message, trace].map(str::to_owned);
        self.expect(move |subject, seen| match seen.answers.get(number) {
            Some(Answer::Failure { error_type, document }) => {
                assert_eq!(error_type, &expected[0]);
                check_document(subject, document, &request_id(number), &expected);
            }
            other => panic!("expected a failure, found {other:?}"),
        })
    }

    /// Init failed with this type, message and, in its trace, this text, and the process ended with status 1 or 129.
    pub(crate) fn init_fails(self, error_type: &str, message: &str, trace: &str) -> Self {
        let expected = [error_type, message, trace].map(str::to_owned);
        self.expect(move |subject, seen| match &seen.init {
            Init::Failed { error_type, document } => {
                assert_eq!(error_type, &expected[0]);
                check_document(subject, document, "", &expected);
                let status = match subject.language {
                    Language::Node if subject.number < 24 => 129,
                    Language::Ruby => 252,
                    _ => 1,
                };
                assert_eq!(seen.exit, Some(status));
            }
            other => panic!("expected a failed init, found {other:?}"),
        })
    }

    /// The process ended by itself with this status.
    pub(crate) fn exits(mut self, status: i32) -> Self {
        self.ends = true;
        self.expect(move |_, seen| assert_eq!(seen.exit, Some(status)))
    }

    /// After the last answer the process gets SIGTERM, and ends by itself with this status (-1 if the signal ended it).
    pub(crate) fn terminated(mut self, status: i32) -> Self {
        self.terminated = true;
        self.exits(status)
    }

    /// Only over the lean channel.
    pub(crate) fn over_the_channel(mut self) -> Self {
        self.channel_only = true;
        self
    }

    /// The function sees the same, and does the same, in a process that was parked.
    pub(crate) fn same_when_parked(mut self) -> Self {
        self.same_parked = true;
        self
    }

    /// The hooks before the snapshot or after the restore failed with this type in the header and this document.
    pub(crate) fn restore_fails(self, error_type: &str, document: [&str; 3]) -> Self {
        let (expected_type, expected) = (error_type.to_owned(), document.map(str::to_owned));
        self.expect(move |subject, seen| match &seen.init {
            Init::Failed { error_type, document } | Init::RestoreFailed { error_type, document } => {
                assert_eq!(error_type, &expected_type);
                check_document(subject, document, "", &expected);
            }
            other => panic!("expected a failed hook, found {other:?}"),
        })
    }

    /// The log channel carried these events, in this order.
    pub(crate) fn logs(self, expected: &[(Option<Level>, &str)]) -> Self {
        let expected: Vec<Log> = expected.iter().map(|(level, text)| (*level, (*text).to_owned())).collect();
        self.expect(move |_, seen| {
            if seen.mode != Mode::Http {
                assert_eq!(seen.logs, expected);
            }
        })
    }

    /// Without a log channel, this went to stdout.
    pub(crate) fn prints(self, expected: &str) -> Self {
        let expected = expected.to_owned();
        self.expect(move |_, seen| {
            if seen.mode == Mode::Http {
                assert_eq!(seen.stdout, expected);
            }
        })
    }

    /// Runs the case on every interpreter of its language that it is about, in both modes. There may be none: some cases
    /// are about versions that this host lacks.
    #[track_caller]
    pub(crate) fn check(self) {
        let place = Location::caller();
        for subject in interpreters().iter().filter(|one| one.language == self.language && (self.applies)(one.number)) {
            let mut unparked = None;
            for mode in [Mode::Lean, Mode::Parked, Mode::Http] {
                if mode == Mode::Parked && !subject.runtime.can_be_parked(&self.own_variables()) {
                    continue;
                }
                if mode == Mode::Http && self.channel_only {
                    continue;
                }
                let seen = self.run(subject, mode);
                let checks =
                    std::panic::AssertUnwindSafe(|| self.expectations.iter().for_each(|one| one(subject, &seen)));
                if std::panic::catch_unwind(checks).is_err() {
                    panic!("case at {place} on {} {mode:?}: {seen:#?}", subject.version);
                }
                match mode {
                    Mode::Lean if self.same_parked => unparked = Some(seen.words()),
                    Mode::Parked if self.same_parked => {
                        let parked = seen.words();
                        let found = difference(unparked.as_deref().unwrap_or_default(), &parked);
                        assert_eq!(found, None, "case at {place} on {}", subject.version);
                    }
                    Mode::Lean | Mode::Parked | Mode::Http => {}
                }
            }
        }
    }

    fn run(&self, subject: &Subject, mode: Mode) -> Seen {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let task = dir.path().join("task");
        let (mut link, mut process) = self.start(subject, mode, &task);
        let mut init = link.init();
        let mut answers = Vec::new();
        if init == Init::RestoreReady {
            init = link.restore(&[("RESTORED".to_owned(), "yes".to_owned())]);
        }
        if init == Init::Ready {
            for (number, call) in self.calls.iter().enumerate() {
                let answer = link.invoke(number, call);
                let gone = answer == Answer::Gone;
                answers.push(answer);
                if gone {
                    break;
                }
            }
        }
        if self.terminated {
            process.terminate();
        }
        let by_itself = init != Init::Ready || answers.contains(&Answer::Gone) || process.has_ended(self.ends);
        if !by_itself {
            link.close();
        }
        let exit = process.wait();
        let words = [(dir.path().to_string_lossy().into_owned() + "/", "{dir}/".to_owned())];
        for answer in &mut answers {
            answer.put_in_words(&words);
        }
        Seen {
            mode,
            init,
            answers,
            exit: by_itself.then_some(exit),
            logs: process.logs().into_iter().map(|(level, text)| (level, in_words(&text, &words))).collect(),
            stdout: in_words(&process.stdout(), &words),
            stderr: in_words(&process.stderr(), &words),
        }
    }

    fn own_variables(&self) -> Vec<(String, String)> {
        self.variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    fn start(&self, subject: &Subject, mode: Mode, task: &Path) -> (Box<dyn Link>, Process) {
        let mut environment = environment(subject, task);
        for (name, value) in &self.variables {
            set(&mut environment, name, value.replace("{task}", &task.to_string_lossy()));
        }
        set(&mut environment, "_HANDLER", self.handler.to_owned());
        let write_files = || write_files(task, &self.files);
        if mode == Mode::Parked {
            return lean::start_parked(parked_command(subject), write_files, &environment);
        }
        write_files();
        let mut command = command(subject, &subject.runtime.argv(&LaunchOptions::default()));
        command.current_dir(task).envs(environment);
        match mode {
            Mode::Lean | Mode::Parked => lean::start(command),
            Mode::Http => http::start(command, true),
        }
    }
}

/// The bootstrap's command line, with the bootstrap where it lies on the host.
fn command(subject: &Subject, argv: &[OsString]) -> Command {
    let argv = in_folder(subject.language, argv);
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]).env_clear();
    command
}

fn in_folder(language: Language, argv: &[OsString]) -> Vec<OsString> {
    let folder = format!("{}/", bootstrap_folder(language).display());
    argv.iter()
        .map(|word| word.to_str().map_or_else(|| word.clone(), |text| text.replace("/var/runtime/", &folder).into()))
        .collect()
}

fn parked_command(subject: &Subject) -> Command {
    let launch = subject.runtime.parked(128).expect("a parked start");
    // Without a memory, as the ordinary start of a case.
    let mut command = command(subject, &subject.runtime.argv(&LaunchOptions::default()));
    command.current_dir("/").envs(launch.environment).env_remove("LD_LIBRARY_PATH");
    command
}

/// The variables of a function without its own, in order.
fn environment(subject: &Subject, task: &Path) -> Vec<(String, String)> {
    let mut environment = Vec::new();
    for (name, value) in subject.runtime.environment() {
        // The host's libraries, not those that are where a sandbox has them.
        if name != "LD_LIBRARY_PATH" {
            set(&mut environment, name, value.replace("/var/task", &task.to_string_lossy()));
        }
    }
    for (name, value) in [
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("AWS_LAMBDA_FUNCTION_NAME", "f"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/f"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/01/01/[$LATEST]00000000000000000000000000000000"),
    ] {
        set(&mut environment, name, value.to_owned());
    }
    environment
}

fn set(environment: &mut Vec<(String, String)>, name: &str, value: String) {
    match environment.iter_mut().find(|(known, _)| known == name) {
        Some((_, old)) => *old = value,
        None => environment.push((name.to_owned(), value)),
    }
}

/// What an OS-only function's executable answers to these events.
pub(crate) fn bootstrap_answers(bootstrap: &str, events: &[String]) -> Vec<Answer> {
    let mut command = Command::new(bootstrap);
    command.env("AWS_LAMBDA_FUNCTION_NAME", "f");
    let (mut link, mut process) = http::start(command, false);
    assert_eq!(link.init(), Init::Ready);
    let call = |event: &String| Call {
        event: event.as_bytes().to_vec(),
        ..Call::default()
    };
    let answers = events.iter().enumerate().map(|(number, event)| link.invoke(number, &call(event))).collect();
    link.close();
    process.wait();
    answers
}

fn write_files(task: &Path, files: &[(String, Vec<u8>)]) {
    std::fs::create_dir_all(task).expect("a task folder");
    for (path, content) in files {
        let path = task.join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }
}

/// Compares an error document: the keys and their order are part of the contract.
fn check_document(subject: &Subject, document: &[u8], request_id: &str, expected: &[String; 3]) {
    let parsed: serde_json::Value = serde_json::from_slice(document).expect("an error document in JSON");
    let keys: Vec<_> = parsed.as_object().expect("an object").keys().map(String::as_str).collect();
    let trace_key = match subject.language {
        Language::Python => {
            assert_eq!(keys, ["errorMessage", "errorType", "requestId", "stackTrace"]);
            assert_eq!(parsed["requestId"], request_id);
            "stackTrace"
        }
        Language::Ruby => {
            assert_eq!(keys, ["errorMessage", "errorType", "stackTrace"]);
            "stackTrace"
        }
        _ => {
            assert_eq!(keys, ["errorType", "errorMessage", "trace"]);
            "trace"
        }
    };
    assert_eq!(parsed["errorType"], expected[0]);
    assert_eq!(parsed["errorMessage"], expected[1]);
    let trace: Vec<_> =
        parsed[trace_key].as_array().expect("a trace").iter().filter_map(|line| line.as_str()).collect();
    let trace = trace.join("\n");
    assert!(trace.contains(&expected[2]), "the trace has no {:?}: {trace}", expected[2]);
    if subject.language != Language::Node {
        assert!(!trace.contains("hearth_runtime"), "the trace shows the bootstrap: {trace}");
    }
}

/// Replaces what differs from run to run: folders, request ids and times.
fn in_words(text: &str, words: &[(String, String)]) -> String {
    let mut text = text.to_owned();
    for (from, to) in words {
        text = text.replace(from, to);
    }
    for number in 0..4 {
        text = text.replace(&request_id(number), &format!("{{id{number}}}"));
    }
    without_times(&text)
}

/// `2026-01-01T00:00:00.000Z` and `2026-01-01T00:00:00Z` become `{time}`. Looks at little else than the `T`s: outputs are long.
fn without_times(text: &str) -> String {
    const BEFORE: &[u8] = b"0000-00-00";
    const AFTER: &[u8] = b"00:00:00";
    let fits = |bytes: &[u8], shape: &[u8]| {
        bytes.iter().zip(shape).all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            other => byte == other,
        })
    };
    let bytes = text.as_bytes();
    let mut out = String::new();
    let mut done = 0;
    for (at, _) in text.match_indices('T') {
        let (start, end) = (at.saturating_sub(BEFORE.len()), at + 1 + AFTER.len());
        let whole = at >= done + BEFORE.len() && end <= bytes.len();
        if !whole || !fits(&bytes[start..at], BEFORE) || !fits(&bytes[at + 1..end], AFTER) {
            continue;
        }
        out += &text[done..start];
        out += "{time}";
        let digits = bytes[end..].iter().take_while(|byte| **byte == b'.' || byte.is_ascii_digit()).count();
        done = if bytes.get(end + digits) == Some(&b'Z') { end + digits + 1 } else { end };
    }
    out + &text[done..]
}

/// A runtime process and what it writes.
pub(crate) struct Process {
    child: Child,
    outputs: BTreeMap<&'static str, JoinHandle<Vec<u8>>>,
}

impl Process {
    /// Starts the command, handing these descriptors over to it and to no other process.
    pub(crate) fn start(mut command: Command, inherited: Vec<OwnedFd>, log: Option<OwnedFd>) -> Self {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        for descriptor in &inherited {
            fcntl_setfd(descriptor.as_fd(), FdFlags::empty()).expect("clear close-on-exec");
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        drop(inherited);
        drop(guard);
        let mut child = child.expect("start the bootstrap");
        let mut outputs = BTreeMap::new();
        let stdout: OwnedFd = child.stdout.take().expect("stdout").into();
        let stderr: OwnedFd = child.stderr.take().expect("stderr").into();
        for (name, descriptor) in [("stdout", Some(stdout)), ("stderr", Some(stderr)), ("logs", log)] {
            outputs.extend(descriptor.map(|descriptor| (name, std::thread::spawn(move || read_all(descriptor)))));
        }
        Self { child, outputs }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn terminate(&self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("a signal");
    }

    /// Whether the process has ended without being hung up on. Where it is expected to, it is given time.
    fn has_ended(&mut self, expected: bool) -> bool {
        let started = Instant::now();
        loop {
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                return true;
            }
            if !expected || started.elapsed() > PATIENCE {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn wait(&mut self) -> i32 {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a status") {
                return status.code().unwrap_or(-1);
            }
            if started.elapsed() > PATIENCE {
                self.child.kill().expect("kill");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn output(&mut self, name: &str) -> Vec<u8> {
        self.outputs.remove(name).map(|reader| reader.join().expect("a reader")).unwrap_or_default()
    }

    fn stdout(&mut self) -> String {
        String::from_utf8_lossy(&self.output("stdout")).into_owned()
    }

    fn stderr(&mut self) -> String {
        String::from_utf8_lossy(&self.output("stderr")).into_owned()
    }

    fn logs(&mut self) -> Vec<Log> {
        let mut decoder = Decoder::default();
        decoder.feed(&self.output("logs"));
        let mut logs = Vec::new();
        while let Some(frame) = decoder.next().expect("log frames") {
            logs.push((frame.level, String::from_utf8_lossy(&frame.message).into_owned()));
        }
        while let Some(frame) = decoder.unfinished() {
            logs.push((frame.level, String::from_utf8_lossy(&frame.message).into_owned()));
        }
        logs
    }
}

fn read_all(descriptor: OwnedFd) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = std::fs::File::from(descriptor).read_to_end(&mut bytes);
    bytes
}

/// Events of many lengths, each sent in pieces, come back whole from a handler that returns them.
#[track_caller]
pub(crate) fn check_pieces(mut case: Case) {
    for (number, (pieces, length)) in [(1, 10), (3, 20), (7, 100), (1000, 70_000), (1, 0)].into_iter().enumerate() {
        let event = format!("\"{}\"", "é".repeat(length));
        let expected = Answer::Result(event.clone().into_bytes());
        case = case
            .call_with(Call {
                event: event.into_bytes(),
                pieces: Some(pieces),
                ..Call::default()
            })
            .expect(move |subject, seen| {
                if subject.language != Language::Python || subject.number >= 12 {
                    assert_eq!(seen.answers[number], expected);
                } else {
                    // Before 3.12 the result is written in ASCII.
                    assert!(matches!(seen.answers[number], Answer::Result(_)));
                }
            });
    }
    case.check();
}
