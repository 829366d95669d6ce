//! What a sandbox can see and reach: its own files, its own processes, its own network. Nothing else.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;

use common::*;
use hearth_sandbox::Bind;

/// Runs a script and compares what it prints.
#[track_caller]
fn check(script: hearth_sandbox::Process, expected: &str) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    async move {
        if let Some(why) = cannot_run() {
            eprintln!("{why}");
            return;
        }
        let service = service().await;
        let done = service.run(script).await;
        assert_eq!(done.output.trim_end(), expected.trim_end(), "at {place}");
        service.sandboxes.shutdown().await;
    }
}

#[tokio::test]
async fn the_root_is_read_only() {
    let script = "for f in /x /etc/passwd /usr/x /dev/x /proc/x; do (echo x > $f) 2>/dev/null && echo wrote $f; done; \
        mkdir /y 2>/dev/null && echo made /y; rm /etc/passwd 2>/dev/null && echo removed; \
        head -n 1 /etc/passwd";
    check(sh(script), "root:x:0:0:root:/root:/bin/sh").await;
}

#[tokio::test]
async fn mounted_code_is_read_only_and_modes_hold() {
    need_root!();
    let service = service().await;
    let code = service.folder.path().join("code");
    std::fs::create_dir(&code).unwrap();
    for (name, mode) in [("open.txt", 0o644), ("closed.txt", 0o600)] {
        std::fs::write(code.join(name), "text\n").unwrap();
        std::fs::set_permissions(code.join(name), PermissionsExt::from_mode(mode)).unwrap();
    }
    std::fs::set_permissions(&code, PermissionsExt::from_mode(0o755)).unwrap();
    let script = "cat /var/task/open.txt; cat /var/task/closed.txt; touch /var/task/new; rm -f /var/task/open.txt";
    let done = service.run_with(sh(script), |spec| spec.binds.push(Bind::read_only(&code, "/var/task"))).await;
    assert_eq!(
        done.output,
        "text\n\
        cat: /var/task/closed.txt: Permission denied\n\
        touch: cannot touch '/var/task/new': Read-only file system\n\
        rm: cannot remove '/var/task/open.txt': Read-only file system\n"
    );
}

#[tokio::test]
async fn a_link_in_the_code_does_not_lead_a_mount_out() {
    need_root!();
    let service = service().await;
    let (code, layer) = (service.folder.path().join("code"), service.folder.path().join("layer"));
    std::fs::create_dir(&code).unwrap();
    std::fs::create_dir(&layer).unwrap();
    std::fs::write(layer.join("mark"), "layer").unwrap();
    // Followed on the host, this would mount over the host's own folder (in our mount namespace).
    std::os::unix::fs::symlink(service.folder.path(), code.join("sub")).unwrap();
    let mut wanted = spec(sh("true"));
    wanted.binds.push(Bind::read_only(&code, "/var/task"));
    wanted.binds.push(Bind::read_only(&layer, "/var/task/sub"));
    let error = service.create(wanted).await.unwrap_err();
    assert!(error.to_string().contains("on /var/task/sub"), "{error}");
}

#[tokio::test]
async fn only_its_own_processes_are_seen() {
    // The sandbox's first process is hidden as well.
    check(
        python(
            "import os\n\
            pids = [p for p in os.listdir('/proc') if p.isdigit()]\n\
            print([open(f'/proc/{p}/cmdline').read().split('\\0')[0] for p in pids], os.getpid() > 1)\n\
            for pid in (1, -1):\n\
            \x20   try: os.kill(pid, 0); print(pid, 'can be signalled')\n\
            \x20   except OSError as e: print(pid, e.strerror)\n\
            print(os.path.exists('/proc/1'))",
        ),
        "['python3'] True\n1 Operation not permitted\n-1 No such process\nFalse",
    )
    .await;
}

#[tokio::test]
async fn nothing_of_the_host_is_left_in_the_mounts() {
    need_root!();
    let service = service().await;
    let folder = service.folder.path().display().to_string();
    let done = service.run(sh("ls /; cut -d' ' -f5 /proc/self/mountinfo; ls /home /root /var /srv /work 2>&1")).await;
    assert!(done.output.contains("/usr"), "{}", done.output);
    for secret in [folder.as_str(), "/work", "/home", "cgroup"] {
        let seen = done.output.lines().filter(|line| !line.contains("cannot access")).any(|line| line.contains(secret));
        assert!(!seen, "{secret} is seen:\n{}", done.output);
    }
}

#[tokio::test]
async fn there_are_no_capabilities_and_no_way_to_new_ones() {
    check(
        sh("grep -E '^(Cap|NoNewPrivs|Seccomp:|Groups|Uid|Gid)' /proc/self/status | tr -s '\\t ' ' '"),
        "Uid: 993 993 993 993\nGid: 990 990 990 990\nGroups: \nCapInh: 0000000000000000\nCapPrm: 0000000000000000\n\
        CapEff: 0000000000000000\nCapBnd: 0000000000000000\nCapAmb: 0000000000000000\nNoNewPrivs: 1\nSeccomp: 2",
    )
    .await;
}

#[tokio::test]
async fn the_network_is_only_loopback() {
    check(
        python(
            "import socket, errno\n\
            print(socket.if_nameindex())\n\
            for where in ('192.0.2.1', '10.0.0.1'):\n\
            \x20   s = socket.socket(); s.settimeout(2)\n\
            \x20   print(errno.errorcode[s.connect_ex((where, 80))])",
        ),
        "[(1, 'lo')]\nENETUNREACH\nENETUNREACH",
    )
    .await;
}

#[tokio::test]
async fn each_has_a_listener_that_no_other_reaches() {
    need_root!();
    let service = service().await;
    let host = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host_port = host.local_addr().unwrap().port();
    let client = format!(
        "import socket\n\
        s = socket.create_connection(('127.0.0.1', 9001)); print(s.recv(100).decode())\n\
        h = socket.socket(); print(h.connect_ex(('127.0.0.1', {host_port})) != 0)"
    );
    for (index, name) in ["first", "second"].into_iter().enumerate() {
        let (process, reader) = with_output(python(&client));
        let mut wanted = spec(process);
        wanted.listen = vec![9001];
        // Both live at the same time: the first is kept by its own reader.
        let mut sandbox = service.create(wanted).await.unwrap();
        let other = {
            let mut wanted = spec(sh("sleep 60"));
            wanted.listen = vec![9001];
            service.create(wanted).await.unwrap()
        };
        let listener = tokio::net::TcpListener::from_std(sandbox.take_listener().unwrap()).unwrap();
        let (mut connection, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut connection, name.as_bytes()).await.unwrap();
        drop(connection);
        assert_eq!(read_all(reader).await, format!("{name}\nTrue\n"), "round {index}");
        assert!(sandbox.take_listener().is_none());
        other.destroy().await;
    }
}

#[tokio::test]
async fn no_descriptor_variable_or_argument_leaks_in() {
    need_root!();
    let service = service().await;
    let (ours, theirs) = std::io::pipe().unwrap();
    // A second sandbox at the same time, whose descriptors could leak through the helper.
    let _other = service.create(spec(sh("sleep 60"))).await.unwrap();
    let mut process = python(
        "import os\n\
        fds = sorted(int(f) for f in os.listdir('/proc/self/fd'))\n\
        print([f for f in fds if os.path.exists(f'/proc/self/fd/{f}') or f in (0, 1, 2, 7, 62)])\n\
        print(os.readlink('/proc/self/fd/0'), dict(os.environ))\n\
        os.write(62, b'from inside')",
    );
    process.inherit.push((OwnedFd::from(theirs.try_clone().unwrap()), 7));
    process.inherit.push((OwnedFd::from(theirs), 62));
    let done = service.run(process).await;
    // LC_CTYPE is Python's own doing.
    let output = done.output.replace(", 'LC_CTYPE': 'C.UTF-8'", "");
    assert_eq!(output, "[0, 1, 2, 7, 62]\n/dev/null {'PATH': '/usr/bin:/bin'}\n");
    drop(done.sandbox);
    assert_eq!(read_all(ours).await, "from inside");
}

#[tokio::test]
async fn devices_are_few() {
    check(
        sh("ls /dev; echo x > /dev/null && head -c 3 /dev/zero | od -An -tx1; head -c 1 /dev/urandom | wc -c; ls /dev/shm"),
        "fd\nfull\nnull\nrandom\nstderr\nstdin\nstdout\nurandom\nzero\n 00 00 00\n1\nls: cannot access '/dev/shm': No such file or directory",
    )
    .await;
}

#[tokio::test]
async fn files_about_the_host_are_covered() {
    check(
        sh("for f in keys timer_list kcore cmdline kallsyms; do [ -e /proc/$f ] && head -c 1 /proc/$f 2>/dev/null | wc -c; done | sort -u; \
            (echo 1 > /proc/sys/kernel/panic) 2>&1 | grep -o 'Read-only.*\\|Permission.*'"),
        "0\nRead-only file system",
    )
    .await;
}

#[tokio::test]
async fn dangerous_system_calls_are_refused() {
    // Numbers are those of x86_64; the calls are what matters, and the table's test covers the rest.
    if !cfg!(target_arch = "x86_64") {
        eprintln!("SKIPPED: the numbers in this test are those of x86_64");
        return;
    }
    check(
        python(
            "import ctypes, errno, socket\n\
            libc = ctypes.CDLL(None, use_errno=True)\n\
            def call(name, *args):\n\
            \x20   r = libc.syscall(*args)\n\
            \x20   print(name, 'ok' if r >= 0 else errno.errorcode[ctypes.get_errno()])\n\
            call('mount', 165, 0, 0, 0, 0, 0)\n\
            call('unshare', 272, 0x10000000)\n\
            call('setns', 308, 0, 0)\n\
            call('clone_newuser', 56, 0x10000000 | 17, 0, 0, 0, 0)\n\
            call('clone3', 435, 0, 0)\n\
            call('ptrace', 101, 0, 0, 0, 0)\n\
            call('bpf', 321, 0, 0, 0)\n\
            call('keyctl', 250, 0, 0, 0, 0, 0)\n\
            call('add_key', 248, 0, 0, 0, 0, 0)\n\
            call('io_uring_setup', 425, 1, 0)\n\
            call('userfaultfd', 323, 0)\n\
            call('perf_event_open', 298, 0, 0, 0, 0, 0)\n\
            call('init_module', 175, 0, 0, 0)\n\
            call('open_by_handle_at', 304, 0, 0, 0)\n\
            call('tiocsti', 16, 0, 0x5412, 0)\n\
            call('personality', 135, 0x0040000)\n\
            call('prctl_seccomp_off', 157, 22, 0, 0, 0, 0)\n\
            for name, args in (('packet', (17, 3)), ('raw', (2, 3)), ('vsock', (40, 1)), ('alg', (38, 5)), ('audit', (16, 3, 9)), ('unix', (1, 1)), ('inet6', (10, 2)), ('route', (16, 3, 0))):\n\
            \x20   call(name, 41, *args, *(0,) * (3 - len(args)))",
        ),
        "mount EPERM\nunshare EPERM\nsetns EPERM\nclone_newuser EPERM\nclone3 ENOSYS\nptrace EPERM\nbpf EPERM\nkeyctl EPERM\n\
        add_key EPERM\nio_uring_setup ENOSYS\nuserfaultfd EPERM\nperf_event_open EPERM\ninit_module EPERM\n\
        open_by_handle_at EPERM\ntiocsti EPERM\npersonality EPERM\nprctl_seccomp_off EPERM\npacket EPERM\nraw EPERM\nvsock EPERM\n\
        alg EPERM\naudit EPERM\nunix ok\ninet6 ok\nroute ok",
    )
    .await;
}

#[tokio::test]
async fn set_user_id_programs_have_no_effect() {
    check(
        sh("cp /usr/bin/id /tmp/id && chmod u+s /tmp/id && /tmp/id -u; mknod /tmp/d c 1 3 2>/dev/null || echo no device; mkfifo /tmp/f && echo fifo"),
        "993\nno device\nfifo",
    )
    .await;
}

#[tokio::test]
async fn two_sandboxes_have_different_users_outside() {
    need_root!();
    let service = service().await;
    let ours = options(service.folder.path()).cgroup_parent;
    let mut live = Vec::new();
    for _ in 0..2 {
        live.push(service.create(spec(sh("sleep 60"))).await.unwrap());
    }
    let owners: std::collections::HashSet<u32> = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| std::fs::read_to_string(path.join("cgroup")).is_ok_and(|text| text.contains(&ours)))
        .filter_map(|path| Some(std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(path).ok()?)))
        .filter(|uid| *uid >= 0x7000_0000 && uid % 1024 == 993)
        .collect();
    assert_eq!(owners.len(), 2, "{owners:?}");
}

#[tokio::test]
async fn a_listener_can_be_added_later() {
    need_root!();
    let service = service().await;
    let script = "import socket, time\n\
        while True:\n\
        \x20   s = socket.socket()\n\
        \x20   if s.connect_ex(('127.0.0.1', 4566)) == 0: print(s.recv(9).decode()); break\n\
        \x20   time.sleep(0.01)";
    let (process, reader) = with_output(python(script));
    let sandbox = service.create(spec(process)).await.unwrap();
    let listener = tokio::net::TcpListener::from_std(sandbox.listen(4566).await.unwrap()).unwrap();
    let error = sandbox.listen(4566).await.unwrap_err();
    assert!(error.to_string().contains("Address already in use"), "{error}");
    let (mut connection, _) = listener.accept().await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut connection, b"endpoint").await.unwrap();
    drop(connection);
    assert_eq!(read_all(reader).await, "endpoint\n");
}
