//! A copy of a process goes on in other sandboxes.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::traces::{Traces, settles_at};
use common::*;
use hearth_sandbox::{Bind, Limits, Process, Sandbox, SandboxError, SandboxSpec, Snapshot, SnapshotError};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

/// Runs what it is sent, a line of Python literal each, and answers with a line: what the last statement left in `r`.
const SERVER: &str = r"
import socket, ast
channel = socket.socket(fileno=3)
def serve():
    pending = b''
    while True:
        line, mark, rest = pending.partition(b'\n')
        if not mark:
            more = channel.recv(65536)
            if not more: return
            pending += more
            continue
        pending = rest
        try:
            exec(ast.literal_eval(line.decode()), globals())
            answer = repr(globals().get('r'))
        except BaseException as e:
            answer = 'raised ' + repr(e) + ' in line ' + str(e.__traceback__.tb_next.tb_lineno if e.__traceback__.tb_next else 0)
        channel.sendall(answer.encode() + b'\n')
serve()
";

/// State of many kinds, as the code of a function may build it before the first call.
const INIT: &str = r"
import array, collections, ctypes, decimal, hashlib, json, os, random, re, signal, socket, sqlite3, ssl, struct, sys
import subprocess, tempfile, threading, time, traceback, zlib
big = bytearray(os.urandom(20 << 20))
digest = hashlib.sha256(big).hexdigest()
table = {str(n): [n, n / 7, {n}] for n in range(50000)}
pattern = re.compile(r'(\w+)@(\w+)')
db = sqlite3.connect(':memory:')
db.execute('create table t(a)')
db.execute('insert into t values (42)')
context = ssl.create_default_context()
caught = []
signal.signal(signal.SIGTERM, lambda number, frame: caught.append(number))
def deep(n): return n if n == 0 else 1 + deep(n - 1)
class Failure(Exception): pass
def fail(): raise Failure('as expected')
generator = (n * n for n in range(10))
next(generator)
lock = threading.Lock()
started = time.time()
os.environ['ADDED'] = 'by init'
r = (digest, os.getpid())
";

/// Says `fine` when everything in a copy is as it should be.
const EXAMINE: &str = r"
assert hashlib.sha256(big).hexdigest() == digest
assert len(table) == 50000 and table['7'] == [7, 1.0, {7}] and abs(table['22'][1] - 22 / 7) < 1e-15
assert pattern.match('ab@cd').groups() == ('ab', 'cd')
assert db.execute('select a from t').fetchone() == (42,)
assert context.check_hostname and list(generator) == [1, 4, 9, 16, 25, 36, 49, 64, 81]
assert os.environ['ADDED'] == 'by init'
assert started <= time.time() < started + 3600 and time.perf_counter() > 0 and time.monotonic() > 0
assert deep(500) == 500 and json.loads(json.dumps({'a': [1.5, None]})) == {'a': [1.5, None]}
try: fail()
except Failure: assert 'as expected' in traceback.format_exc() and 'in fail' in traceback.format_exc()
# Allocations of all sizes: the heap, mappings, threads' arenas.
blocks = [bytearray(b'x') * (1 << n) for n in range(4, 25)]
blocks += [bytes(n) for n in range(20000)][::7]
assert all(block[0] == 120 for block in blocks[:21])
small = [ctypes.create_string_buffer(1 << 14) for _ in range(500)]
assert ctypes.CDLL(None).getpid() == os.getpid()
# Threads, locks, and one that ends.
seen = []
def work(n):
    with lock: seen.append((n, hashlib.sha256(bytes(1 << 16)).hexdigest()))
threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
for t in threads: t.start()
for t in threads: t.join()
assert sorted(n for n, _ in seen) == list(range(8)) and threading.active_count() == 1
# Signals, processes, files, sockets.
assert subprocess.run(['/bin/echo', 'child'], capture_output=True).stdout == b'child\n'
pid = os.fork()
if pid == 0: os._exit(7)
assert os.WEXITSTATUS(os.waitpid(pid, 0)[1]) == 7
with tempfile.TemporaryFile() as file: file.write(b'x'); file.seek(0); assert file.read() == b'x'
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(0.001)
assert caught[-1:] == [signal.SIGTERM], caught
assert zlib.decompress(zlib.compress(b'abc')) == b'abc' and decimal.Decimal('0.1') * 3 == decimal.Decimal('0.3')
assert ctypes.c_int.in_dll(ctypes.pythonapi, 'Py_OptimizeFlag').value in (0, 1, 2)
import csv, fractions, email.message
assert os.readlink('/proc/self') == str(os.getpid()) and open('/proc/self/comm').read() == 'snapshot me\n'
del blocks, small
generator = (n * n for n in range(10))
next(generator)
r = 'fine'
";

/// How many signals have been caught, when there are two or that takes too long.
const CAUGHT: &str = "
until = time.monotonic() + 60
while len(caught) < 2 and time.monotonic() < until: time.sleep(0.001)
r = len(caught)
";

/// A Python whose installation is at a path.
fn pythons() -> Vec<PathBuf> {
    let mut all = vec![PathBuf::from(PYTHON)];
    let home = std::env::var_os("PYENV_ROOT").map_or_else(|| "/root/.pyenv".into(), PathBuf::from);
    let versions = std::fs::read_dir(home.join("versions")).into_iter().flatten().flatten();
    let mut more: Vec<_> = versions
        .filter(|entry| {
            let name = entry.file_name().into_string().unwrap_or_default();
            name.strip_prefix("3.").and_then(|rest| rest.split('.').next()?.parse::<u32>().ok()).is_some_and(|n| n >= 9)
        })
        .map(|entry| entry.path().join("bin/python3"))
        .collect();
    more.sort();
    all.extend(more);
    all
}

fn server_of(python: &Path) -> (Process, UnixStream) {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let path = python.to_str().unwrap();
    let mut process = command(path, &[path, "-I", "-u", "-c", SERVER]);
    process.inherit = vec![(OwnedFd::from(theirs), 3)];
    ours.set_nonblocking(true).unwrap();
    (process, UnixStream::from_std(ours).unwrap())
}

struct Served {
    sandbox: Sandbox,
    channel: BufReader<UnixStream>,
}

async fn serve(service: &Service, python: &Path, change: impl FnOnce(&mut SandboxSpec)) -> Served {
    let (process, channel) = server_of(python);
    let mut wanted = spec(process);
    if let Some(installation) = python.parent().and_then(Path::parent).filter(|path| *path != Path::new("/usr")) {
        wanted.binds.push(Bind::read_only(installation, installation));
    }
    wanted.limits = Limits::new(512 * MIB);
    change(&mut wanted);
    let sandbox = service.create(wanted).await.unwrap();
    let mut served = Served {
        sandbox,
        channel: BufReader::new(channel),
    };
    assert_eq!(served.run("r = 'up'").await, "'up'");
    served
}

impl Served {
    async fn run(&mut self, code: &str) -> String {
        let literal = code.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"");
        self.channel.get_mut().write_all(format!("\"{literal}\"\n").as_bytes()).await.unwrap();
        let mut line = String::new();
        let read = self.channel.read_line(&mut line).await;
        assert!(read.is_ok() && !line.is_empty(), "it ended: {:?}", self.sandbox.wait().await);
        line.trim_end().to_owned()
    }

    async fn snapshot(&self) -> Result<Snapshot, SnapshotError> {
        self.sandbox.snapshot().await.map_err(told)
    }

    async fn restore(&self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        self.sandbox.restore(snapshot).await.map_err(told)
    }
}

fn told(error: SandboxError) -> SnapshotError {
    match error {
        SandboxError::Snapshot { source, .. } => source,
        other => panic!("{other}"),
    }
}

const NAME: &str = "import ctypes; ctypes.CDLL(None).prctl(15, b'snapshot me', 0, 0, 0); r = None";

#[tokio::test]
async fn copies_go_on_with_all_state_and_are_members_of_their_own_sandboxes() {
    need_root!();
    for python in pythons() {
        eprintln!("{}", python.display());
        let service = service().await;
        let mut source = serve(&service, &python, |_| {}).await;
        assert_eq!(source.run(NAME).await, "None");
        let told = source.run(INIT).await;
        assert!(told.starts_with("('"), "{told}");
        source.run("import os; os.umask(0o077); r = None").await;
        let snapshot = source.snapshot().await.unwrap();
        source.run("open('/tmp/mine', 'w').close(); r = None").await;
        assert!(snapshot.bytes() > 20 * MIB && snapshot.bytes() < 100 * MIB, "{}", snapshot.bytes());
        let mut copies = Vec::new();
        for name in ["one", "two"] {
            copies.push(serve(&service, &python, |spec| spec.hostname = name.into()).await);
        }
        let (one, two) = tokio::join!(copies[0].restore(&snapshot), copies[1].restore(&snapshot));
        one.and(two).unwrap();
        for (copy, name) in copies.iter_mut().zip(["one", "two"]) {
            assert_eq!(
                copy.run("r = socket.gethostname(), os.path.exists('/tmp/mine'), os.getcwd(), os.umask(0o022)").await,
                format!("('{name}', False, '/tmp', 63)")
            );
            assert_eq!(copy.run("r = sorted(int(n) for n in os.listdir('/proc/self/fd'))").await, "[0, 1, 2, 3, 4]");
            assert_eq!(copy.run(EXAMINE).await, "'fine'", "{}", python.display());
            // A signal from outside while it waits.
            copy.sandbox.signal(15).unwrap();
            assert_eq!(copy.run(CAUGHT).await, "2");
        }
        // What one does the others do not see, and the source goes on.
        copies[0].run("table.clear()").await;
        assert_eq!(copies[1].run("r = len(table)").await, "50000");
        assert_eq!(source.run(EXAMINE).await, "'fine'");
        // A copy can be copied.
        let again = copies[1].snapshot().await.unwrap();
        let mut third = serve(&service, &python, |_| {}).await;
        third.restore(&again).await.unwrap();
        assert_eq!(third.run(EXAMINE).await, "'fine'");
    }
}

#[tokio::test]
async fn what_the_kernel_knows_of_a_process_is_copied() {
    need_root!();
    let service = service().await;
    let mut source = serve(&service, Path::new(PYTHON), |_| {}).await;
    let set = "import ctypes, faulthandler, os, signal\n\
        libm = ctypes.CDLL('libm.so.6'); libm.fesetround(0x800)\n\
        faulthandler.enable(); os.chdir('/usr/bin'); os.umask(0o127)\n\
        signal.signal(signal.SIGHUP, signal.SIG_IGN)\n\
        signal.signal(signal.SIGTRAP, lambda *a: None); signal.siginterrupt(10, False)\n\
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])\n\
        os.set_blocking(1, False); os.set_inheritable(3, True)\n\
        r = None";
    assert_eq!(source.run(set).await, "None");
    // Of the heap the beginning alone: looking may make it grow.
    let look = "stack = (ctypes.c_ulong * 3)()\n\
        ctypes.CDLL(None).sigaltstack(None, stack)\n\
        status = open('/proc/self/status').read()\n\
        def field(name): return status.split(name + ':')[1].split()[0]\n\
        def action(n):\n  a = (ctypes.c_char * 256)(); ctypes.CDLL(None).sigaction(n, None, a); return (a.raw[:16] + a.raw[136:140]).hex()\n\
        x = 1.0\n\
        r = (libm.fegetround(), (x / 3.0).hex(), list(stack), os.getcwd(), os.get_blocking(1), os.get_inheritable(3),\n\
        [field(n) for n in ('SigBlk', 'SigIgn', 'SigCgt', 'Umask', 'Name', 'Seccomp', 'NoNewPrivs', 'CapEff', 'Uid')][:8],\n\
        [action(n) for n in range(1, 32)], open('/proc/self/cmdline').read(), faulthandler.is_enabled(),\n\
        [l.split('-' if '[heap]' in l else None)[0] for l in open('/proc/self/maps') if '[heap]' in l or '[stack]' in l or '[v' in l])";
    let expected = source.run(look).await;
    assert!(
        expected.starts_with("(2048, '0x1.5555555555556p-2'") && expected.contains("'/usr/bin', False, True"),
        "{expected}"
    );
    let snapshot = source.snapshot().await.unwrap();
    // A frozen one is thawed.
    let mut copy = serve(&service, Path::new(PYTHON), |_| {}).await;
    copy.sandbox.freeze().unwrap();
    copy.restore(&snapshot).await.unwrap();
    assert_eq!(copy.run(look).await, expected);
    assert_eq!(source.run(look).await, expected);
    // The filter is in force again.
    assert_eq!(copy.run("libc = ctypes.CDLL(None, use_errno=True)\nr = libc.unshare(0x10000000), ctypes.get_errno(), libc.prctl(35, 14, 0, 0, 0), ctypes.get_errno()").await, "(-1, 1, -1, 1)");
}

/// Generators inside the process repeat in every copy, OpenSSL's too. What is said to renew them must do so.
#[tokio::test]
async fn random_numbers_repeat_unless_they_are_renewed() {
    need_root!();
    let service = service().await;
    let mut source = serve(&service, Path::new(PYTHON), |_| {}).await;
    let begin = "import os, random, secrets, ssl; random.random(); ssl.RAND_bytes(4); r = 'begun'";
    assert_eq!(source.run(begin).await, "'begun'");
    let snapshot = source.snapshot().await.unwrap();
    let mut drawn = Vec::new();
    for renew in [
        "",
        "",
        "random.seed(); ssl.RAND_add(os.urandom(64), 64.0)",
        "random.seed(); ssl.RAND_add(os.urandom(64), 64.0)",
    ] {
        let mut copy = serve(&service, Path::new(PYTHON), |_| {}).await;
        copy.restore(&snapshot).await.unwrap();
        copy.run(renew).await;
        let mut numbers = Vec::new();
        for draw in ["random.random()", "ssl.RAND_bytes(16)", "secrets.token_hex(16)"] {
            numbers.push(copy.run(&format!("r = {draw}")).await);
        }
        drawn.push(numbers);
    }
    let same = |one: usize, other: usize| -> Vec<bool> {
        drawn[one].iter().zip(&drawn[other]).map(|(one, other)| one == other).collect()
    };
    assert_eq!(same(0, 1), [true, true, false]);
    assert_eq!(same(2, 3), [false, false, false]);
}

/// Each process lies at other addresses: whatever overlaps does so some time.
#[tokio::test]
async fn many_restores_one_after_the_other() {
    need_root!();
    let service = service().await;
    let mut source = serve(&service, Path::new(PYTHON), |_| {}).await;
    source.run(NAME).await;
    source.run(INIT).await;
    let snapshot = source.snapshot().await.unwrap();
    for _ in 0..20 {
        let mut copy = serve(&service, Path::new(PYTHON), |_| {}).await;
        copy.restore(&snapshot).await.unwrap();
        assert_eq!(copy.run(EXAMINE).await, "'fine'");
        copy.sandbox.destroy().await;
    }
}

#[tokio::test]
async fn what_cannot_be_copied_is_refused_with_the_reason_and_goes_on() {
    need_root!();
    let service = service().await;
    for (code, reason) in [
        ("import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()", "2 threads"),
        ("import os; kept = os.open('/etc/passwd', 0)", "opened descriptor 4 (/etc/passwd)"),
        ("import socket; kept = socket.socket()", "opened descriptor 4 (socket:)"),
        ("import select; kept = select.epoll()", "opened descriptor 4 (anon_inode:[eventpoll])"),
        ("import os; os.close(0)", "closed descriptor 0"),
        ("import subprocess; kept = subprocess.Popen(['/bin/sleep', '60'])", "started other processes"),
        (
            "import os\nif os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0:\n    import time; time.sleep(60)\n  os._exit(0)\nos.wait()",
            "2 processes",
        ),
        ("import mmap; kept = mmap.mmap(-1, 4096)", "shared with others"),
        (
            "import mmap, os\nf = open('/tmp/f', 'wb+'); f.truncate(9)\n\
            kept = mmap.mmap(f.fileno(), 9, flags=2); f.close(); os.closerange(4, 99)",
            "other sandboxes do not have",
        ),
        (
            "import os, mmap\nf = os.memfd_create('x'); os.truncate(f, 9)\n\
            kept = mmap.mmap(f, 9, flags=2); os.closerange(4, 99)",
            "deleted, or has no path",
        ),
        ("open('/tmp/x', 'w').close()", "left files in /tmp"),
        ("import signal; signal.setitimer(signal.ITIMER_REAL, 1000)", "a timer of it runs"),
        ("import os; os.mkdir('/tmp/d'); os.chdir('/tmp/d')", "working directory is /tmp/d"),
        ("import signal, os\nsignal.pthread_sigmask(0, [10]); os.kill(os.getpid(), 10)", "signal to it is pending"),
    ] {
        let mut source = serve(&service, Path::new(PYTHON), |_| {}).await;
        let answer = source.run(&format!("{code}\nr = 'ready'")).await;
        assert_eq!(answer, "'ready'", "{code}");
        let error = source.snapshot().await.unwrap_err();
        assert!(matches!(&error, SnapshotError::Refused(why) if why.contains(reason)), "{code}: {error}");
        assert_eq!(source.run("r = 6 * 7").await, "42");
    }
}

#[tokio::test]
async fn one_that_does_not_wait_is_refused_and_one_that_is_about_to_is_waited_for() {
    need_root!();
    let service = service().await;
    let mut source = serve(&service, Path::new(PYTHON), |_| {}).await;
    assert_eq!(source.run("r = 1").await, "1");
    assert_eq!(source.run("import time\nchannel.sendall(b'soon\\n')\ntime.sleep(0.3)\nr = 2").await, "soon");
    source.snapshot().await.unwrap();
    let mut line = String::new();
    source.channel.read_line(&mut line).await.unwrap();
    assert_eq!(line, "2\n");
    assert_eq!(source.run("channel.sendall(b'busy\\n')\nwhile True: pass").await, "busy");
    let error = source.snapshot().await.unwrap_err();
    assert!(error.to_string().contains("does not wait for something to read"), "{error}");
}

#[tokio::test]
async fn a_place_that_does_not_fit_is_refused() {
    need_root!();
    let service = service().await;
    let python = Path::new(PYTHON);
    let code = service.folder.path().join("code");
    std::fs::create_dir(&code).unwrap();
    let library = "/usr/lib/x86_64-linux-gnu/libz.so.1";
    std::fs::copy(library, code.join("lib.so")).unwrap();
    let with_code = |spec: &mut SandboxSpec| {
        spec.dirs.push("/var/task".into());
        spec.binds.push(Bind::read_only(&code, "/var/task"));
    };
    std::os::unix::fs::chown(&code, Some(0), Some(0)).unwrap();
    let set = std::os::unix::fs::PermissionsExt::from_mode;
    std::fs::set_permissions(&code, set(0o755)).unwrap();
    let mut source = serve(&service, python, with_code).await;
    let loaded = source.run("import ctypes; lib = ctypes.CDLL('/var/task/lib.so'); r = lib.zlibVersion() != 0").await;
    assert_eq!(loaded, "True");
    let snapshot = source.snapshot().await.unwrap();

    let bare = serve(&service, python, |_| {}).await;
    let error = bare.restore(&snapshot).await.unwrap_err();
    assert!(error.to_string().contains("failed to open /var/task/lib.so"), "{error}");

    let mut same = serve(&service, python, with_code).await;
    same.restore(&snapshot).await.unwrap();
    assert_eq!(same.run("r = lib.zlibVersion() != 0").await, "True");

    // Another descriptor.
    let (mut process, _channel) = server_of(python);
    process.inherit.push((std::fs::File::open("/dev/null").unwrap().into(), 9));
    let mut wanted = spec(process);
    with_code(&mut wanted);
    let other = service.create(wanted).await.unwrap();
    let error = told(other.restore(&snapshot).await.unwrap_err());
    assert!(matches!(&error, SnapshotError::Refused(why) if why.contains("9 /dev/null")), "{error}");

    // Another file at the path, though of the same content.
    let late = serve(&service, python, with_code).await;
    std::fs::remove_file(code.join("lib.so")).unwrap();
    std::fs::copy(library, code.join("lib.so")).unwrap();
    let error = late.restore(&snapshot).await.unwrap_err();
    assert!(matches!(&error, SnapshotError::FileChanged { path } if path == "/var/task/lib.so"), "{error}");
}

#[tokio::test]
async fn too_little_memory_and_sudden_death_are_errors_that_leave_nothing() {
    need_root!();
    let service = service().await;
    let python = Path::new(PYTHON);
    let mut source = serve(&service, python, |_| {}).await;
    source.run("import os; big = os.urandom(60 << 20); r = 1").await;
    let snapshot = source.snapshot().await.unwrap();

    let small = serve(&service, python, |spec| spec.limits = Limits::new(40 * MIB)).await;
    let error = small.restore(&snapshot).await.unwrap_err();
    let expected = matches!(&error, SnapshotError::Step { step, .. } if step.contains("memory limit"));
    assert!(expected || error == SnapshotError::Ended, "{error}");
    assert!(small.sandbox.wait().await.status == hearth_sandbox::ExitStatus::Signal(9));
    small.sandbox.destroy().await;

    for pause_us in [0, 500, 1000, 2000, 3000, 5000, 8000, 12_000, 20_000, 40_000] {
        let dying = serve(&service, python, |_| {}).await;
        let kill = async {
            tokio::time::sleep(Duration::from_micros(pause_us)).await;
            dying.sandbox.signal(9).unwrap();
        };
        let (restored, ()) = tokio::join!(dying.restore(&snapshot), kill);
        if let Err(error) = restored {
            let is_end = matches!(error, SnapshotError::Ended | SnapshotError::Step { .. } | SnapshotError::Refused(_));
            assert!(is_end, "{pause_us}: {error:?}");
        }
        assert_eq!(dying.sandbox.wait().await.status, hearth_sandbox::ExitStatus::Signal(9));
        dying.sandbox.destroy().await;
    }

    source.sandbox.destroy().await;
    let Service { sandboxes, folder } = service;
    sandboxes.shutdown().await;
    settles_at(folder.path(), &Traces::none()).await;
}

/// Code that reads in a page of its own, of which the kernel is told (`madvise`) how to treat it.
const OWN_CODE: &str = "
import ctypes
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
page = libc.mmap(None, 4096, 7, 0x22, -1, 0)
assert libc.madvise(page, 4096, ADVICE) == 0
ctypes.memmove(page, bytes.fromhex('31c00f05c3'), 5)
read = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_long)(page)
buffer = ctypes.create_string_buffer(1)
channel.sendall(b'waits\\n')
read(3, buffer, 1)
r = buffer.raw
";

/// What is to make the last calls of a restore lies in a page that comes back empty: other code than was copied runs, and
/// must get nowhere.
#[tokio::test]
async fn code_that_changes_on_the_way_ends_in_an_error() {
    need_root!();
    let service = service().await;
    for (advice, is_kept) in [("0", true), ("18", false)] {
        let mut source = serve(&service, Path::new(PYTHON), |_| {}).await;
        // It answers before it waits.
        assert_eq!(source.run(&OWN_CODE.replace("ADVICE", advice)).await, "waits");
        let snapshot = source.snapshot().await.unwrap();
        let mut copy = serve(&service, Path::new(PYTHON), |_| {}).await;
        let restored = copy.restore(&snapshot).await;
        if is_kept {
            restored.unwrap();
            copy.channel.get_mut().write_all(b"x").await.unwrap();
            let mut line = String::new();
            copy.channel.read_line(&mut line).await.unwrap();
            assert_eq!(line, "b'x'\n");
        } else {
            let error = restored.unwrap_err();
            assert!(matches!(error, SnapshotError::Damaged(_)), "{error}");
            assert_eq!(copy.sandbox.wait().await.status, hearth_sandbox::ExitStatus::Signal(9));
        }
    }
}
