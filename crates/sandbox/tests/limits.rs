//! What a sandbox may use is enforced by the kernel, and touches nobody else.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::time::Duration;

use common::*;
use hearth_sandbox::{Cpu, ExitStatus, Limits};

#[tokio::test]
async fn too_much_memory_kills_only_that_sandbox_and_is_told_as_such() {
    need_root!();
    let service = service().await;
    let neighbour = service.create(spec(sh("sleep 60"))).await.unwrap();
    let done = service.run(python("x = bytearray(400 << 20); print('survived')")).await;
    assert_eq!(done.exit.status, ExitStatus::Signal(9), "{}", done.output);
    assert!(done.exit.oom_killed);
    assert!(!done.output.contains("survived"));
    assert_eq!(done.sandbox.oom_kills(), 1);
    let alive = tokio::time::timeout(Duration::from_millis(50), neighbour.wait()).await;
    assert!(alive.is_err(), "the neighbour died");
    assert_eq!(neighbour.oom_kills(), 0);
}

#[tokio::test]
async fn a_kill_that_was_not_for_memory_is_not_told_as_one() {
    need_root!();
    let service = service().await;
    let done = service.run(sh("kill -9 $$")).await;
    assert_eq!(done.exit.status, ExitStatus::Signal(9));
    assert!(!done.exit.oom_killed);
}

#[tokio::test]
async fn memory_is_measured() {
    need_root!();
    let service = service().await;
    let (process, reader) =
        with_output(python("import sys, time; x = bytearray(40 << 20); print('ready', flush=True); time.sleep(60)"));
    let sandbox = service.create(spec(process)).await.unwrap();
    let mut line = [0; 6];
    tokio::task::spawn_blocking(move || {
        let mut reader = reader;
        std::io::Read::read_exact(&mut reader, &mut line).unwrap();
    })
    .await
    .unwrap();
    let (current, peak) = (sandbox.memory_current_bytes().unwrap(), sandbox.memory_peak_bytes().unwrap());
    assert!((40 * MIB..80 * MIB).contains(&current), "{current}");
    assert!((current..80 * MIB).contains(&peak), "{peak}");
    assert!(sandbox.cpu_usage().unwrap() > Duration::ZERO);
}

#[tokio::test]
async fn a_fork_bomb_is_contained() {
    need_root!();
    let service = service().await;
    let script = "import os, errno, time\n\
        n = 0\n\
        while True:\n\
        \x20   try:\n\
        \x20       if os.fork() == 0: time.sleep(60)\n\
        \x20       n += 1\n\
        \x20   except OSError as e:\n\
        \x20       print(n, errno.errorcode[e.errno]); break";
    let done = service.run_with(python(script), |spec| spec.limits.processes = 20).await;
    // The interpreter itself is the twentieth.
    assert_eq!(done.output, "19 EAGAIN\n");
}

#[tokio::test]
async fn tmp_is_full_at_its_size_and_does_not_count_as_memory() {
    need_root!();
    let service = service().await;
    // Four times the memory limit.
    let script = "import errno, os\n\
        n = 0\n\
        try:\n\
        \x20   with open('/tmp/big', 'wb', buffering=0) as f:\n\
        \x20       while True: n += f.write(b'x' * (1 << 20))\n\
        except OSError as e: print(n >> 20, errno.errorcode[e.errno])";
    let done = service
        .run_with(python(script), |spec| {
            spec.tmp_bytes = 256 * MIB;
            spec.limits = Limits::new(64 * MIB);
        })
        .await;
    let (written, error) = done.output.trim().split_once(' ').unwrap_or_else(|| panic!("{}", done.output));
    assert_eq!(error, "ENOSPC");
    let written: u64 = written.parse().unwrap();
    assert!((250..=262).contains(&written), "{written} MiB fitted into 256");
    let peak = done.sandbox.memory_peak_bytes().unwrap();
    assert!(peak < 32 * MIB, "{peak} bytes of memory for a file");
}

#[tokio::test]
async fn tmp_has_a_limit_of_files() {
    need_root!();
    let service = service().await;
    let script = "import errno\n\
        n = 0\n\
        try:\n\
        \x20   while True: open(f'/tmp/{n}', 'w').close(); n += 1\n\
        except OSError as e: print(errno.errorcode[e.errno], 1000 < n < 100000)";
    let done = service.run(python(script)).await;
    assert_eq!(done.output, "ENOSPC True\n");
}

#[tokio::test]
async fn tmp_starts_empty_and_open_to_the_user() {
    need_root!();
    let service = service().await;
    let done = service.run(sh("ls -A /tmp; stat -c '%a %u' /tmp; touch /tmp/x && echo writable")).await;
    assert_eq!(done.output, "1777 0\nwritable\n");
}

#[tokio::test]
async fn limits_of_each_process_are_set() {
    need_root!();
    let service = service().await;
    let script = "import resource as r\n\
        print([r.getrlimit(x) for x in (r.RLIMIT_NOFILE, r.RLIMIT_NPROC, r.RLIMIT_CORE, r.RLIMIT_MEMLOCK)])\n\
        print(r.getrlimit(r.RLIMIT_STACK)[0])";
    let done = service.run(python(script)).await;
    assert_eq!(done.output, "[(1024, 1024), (1024, 1024), (1, 1), (65536, 65536)]\n8388608\n");
}

#[tokio::test]
async fn a_cpu_quota_holds_on_an_idle_host() {
    need_root!();
    let service = service().await;
    // What the kernel granted, compared with what passed: no matter how fast the machine is.
    let script = "import time\n\
        t0 = time.monotonic(); c0 = time.process_time()\n\
        while time.monotonic() - t0 < 1.0: pass\n\
        print(time.process_time() - c0)";
    let done = service
        .run_with(python(script), |spec| {
            spec.limits.cpu = Cpu {
                quota_millis: Some(200),
                weight: 100,
            };
        })
        .await;
    let used: f64 = done.output.trim().parse().unwrap();
    assert!(used < 0.4, "{used} s of CPU in 1 s with a quota of 0.2");
}

#[tokio::test]
async fn a_cpu_quota_can_be_changed() {
    need_root!();
    let service = service().await;
    let script = "import time\n\
        c0 = time.process_time(); time.sleep(0.3)\n\
        t0 = time.monotonic(); c0 = time.process_time()\n\
        while time.monotonic() - t0 < 1.0: pass\n\
        print(time.process_time() - c0)";
    let (process, reader) = with_output(python(script));
    let sandbox = service.create(spec(process)).await.unwrap();
    sandbox.set_cpu_quota(Some(100)).unwrap();
    let output = read_all(reader).await;
    let used: f64 = output.trim().parse().unwrap();
    assert!(used < 0.3, "{used} s of CPU in 1 s with a quota of 0.1");
    sandbox.set_cpu_quota(None).unwrap();
}

#[tokio::test]
async fn without_disk_images_tmp_is_in_memory_and_that_is_said() {
    need_root!();
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    // A helper that sees something useless in the place of mkfs.ext4.
    let helper = options.helper.path.display().to_string();
    let script = format!("mount --bind /dev/null /usr/sbin/mkfs.ext4 && exec {helper}");
    options.helper.path = "/usr/bin/unshare".into();
    options.helper.args = ["--mount", "/bin/sh", "-c", &script].map(Into::into).to_vec();
    let sandboxes = hearth_sandbox::Sandboxes::start(options).await.unwrap();
    let quota = sandboxes.mechanisms().iter().find(|mechanism| mechanism.name == "disk quota of /tmp").unwrap();
    assert!(!quota.in_force && quota.detail.contains("in memory") && quota.detail.contains("mkfs.ext4"), "{quota:?}");
    let service = Service { sandboxes, folder };
    let script = "import errno\n\
        try: open('/tmp/big', 'wb').write(b'x' * (80 << 20)); print('fits')\n\
        except OSError as e: print(errno.errorcode[e.errno])";
    let done = service.run_with(python(script), |spec| spec.limits = Limits::new(256 * MIB)).await;
    assert_eq!(done.output, "ENOSPC\n");
}

#[tokio::test]
async fn the_largest_tmp_can_be_had() {
    need_root!();
    let service = service().await;
    let script = "import os; s = os.statvfs('/tmp'); print(s.f_bavail * s.f_frsize >> 20)";
    let done = service.run_with(python(script), |spec| spec.tmp_bytes = 10_240 * MIB).await;
    let mebibytes: u64 = done.output.trim().parse().unwrap();
    assert!((10_200..10_400).contains(&mebibytes), "{mebibytes}");
}
