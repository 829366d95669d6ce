//! What Landlock adds where the kernel has it, and that it hinders nothing a program may do.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use common::*;
use hearth_sandbox::Bind;

async fn enforcing() -> Option<Service> {
    let service = service().await;
    let layer = service.sandboxes.mechanisms().iter().find(|one| one.name == "landlock").unwrap();
    if layer.in_force {
        return Some(service);
    }
    eprintln!("SKIPPED: {}", layer.detail);
    None
}

/// Nothing else refuses this one: the device is there, it may be opened, and the system call is on the list.
#[tokio::test]
async fn devices_take_no_commands() {
    need_root!();
    let Some(service) = enforcing().await else { return };
    let detail = &service.sandboxes.mechanisms().iter().find(|one| one.name == "landlock").unwrap().detail;
    if !detail.contains("device commands") {
        return eprintln!("SKIPPED: {detail}");
    }
    let script = "import errno, fcntl\n\
        device = open('/dev/urandom', 'rb')\n\
        try: fcntl.ioctl(device, 0x80045200, bytes(4)); print('answered')\n\
        except OSError as e: print(errno.errorcode[e.errno])";
    assert_eq!(service.run(python(script)).await.output, "EACCES\n");
}

#[tokio::test]
async fn signals_and_abstract_sockets_work_within_a_sandbox() {
    need_root!();
    let service = service().await;
    let script = "import os, signal, socket, sys\n\
        server = socket.socket(socket.AF_UNIX); server.bind('\\0name'); server.listen()\n\
        child = os.fork()\n\
        if child == 0:\n  \
          client = socket.socket(socket.AF_UNIX); client.connect('\\0name'); client.send(b'hello'); signal.pause()\n\
        print(server.accept()[0].recv(5), flush=True)\n\
        os.kill(child, signal.SIGTERM); print(os.waitpid(child, 0)[1])";
    assert_eq!(service.run(python(script)).await.output, "b'hello'\n15\n");
}

#[tokio::test]
async fn tmp_is_as_free_as_ever() {
    need_root!();
    let service = service().await;
    let script = "cd /tmp && mkdir a b && echo one > a/x && mv a/x b/x && ln b/x a/y && ln -s b/x l && cat a/y l \
        && mkfifo f && : > b/x && cp /bin/echo e && ./e run && rm -r a b l f && echo > /dev/null && ls";
    let done = service.run(sh(script)).await;
    assert_eq!(done.output, "one\none\nrun\ne\n");
}

#[tokio::test]
async fn what_the_caller_lets_be_written_can_be() {
    need_root!();
    let service = service().await;
    let shared = tempfile::tempdir().unwrap();
    std::fs::set_permissions(shared.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let done = service
        .run_with(sh("mkdir /mnt/d && echo kept > /mnt/d/file && cat /mnt/d/file"), |spec| {
            spec.binds.push(Bind {
                source: shared.path().to_owned(),
                target: "/mnt".into(),
                read_only: false,
                plain_source: false,
                shares_ids: false,
            });
        })
        .await;
    assert_eq!(done.output, "kept\n");
}

/// Two sandboxes have ids of their own on the host; what they share belongs to the ids that both have inside.
#[tokio::test]
async fn a_shared_folder_is_everyones_who_has_it() {
    need_root!();
    let service = service().await;
    let shared = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(shared.path(), Some(993), Some(990)).unwrap();
    let bind = || Bind::shared(shared.path(), "/mnt/shared");
    let write = "umask 077; echo first > /mnt/shared/file; stat -c %u:%g /mnt/shared/file";
    let first = service.run_with(sh(write), |spec| spec.binds.push(bind())).await;
    assert_eq!(first.output, "993:990\n");
    let file = std::fs::metadata(shared.path().join("file")).unwrap();
    let owner = (std::os::unix::fs::MetadataExt::uid(&file), std::os::unix::fs::MetadataExt::gid(&file));
    assert_eq!(owner, (993, 990), "as seen by the host");
    let add = "echo second >> /mnt/shared/file; cat /mnt/shared/file";
    let second = service.run_with(sh(add), |spec| spec.binds.push(bind())).await;
    assert_eq!(second.output, "first\nsecond\n");
}
