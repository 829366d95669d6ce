//! The outbound network: what is reached through the host, and what is not.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use common::*;
use hearth_sandbox::{Network, Sandboxes};

async fn nat_service() -> Service {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.network = Network::Nat;
    let sandboxes = Sandboxes::start(options).await.unwrap();
    Service { sandboxes, folder }
}

/// A question about `example.com`, type A.
const QUESTION: &[u8] = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01";

/// A name server outside this host that answers it.
fn name_server() -> Option<Ipv4Addr> {
    let config = std::fs::read_to_string("/etc/resolv.conf").ok()?;
    let servers = config.lines().filter_map(|line| line.strip_prefix("nameserver ")?.trim().parse().ok());
    servers.filter(|server: &Ipv4Addr| !server.is_loopback()).find(|server| {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
        socket.send_to(QUESTION, (*server, 53)).is_ok() && socket.recv(&mut [0; 512]).is_ok()
    })
}

#[tokio::test]
async fn what_is_outside_answers() {
    need_root!();
    let Some(server) = name_server() else {
        eprintln!("SKIPPED: no name server outside this host answers");
        return;
    };
    let service = nat_service().await;
    let script = format!(
        "import socket\n\
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5)\n\
        s.sendto({}, ('{server}', 53)); print(s.recv(512)[:2])",
        python_bytes(QUESTION)
    );
    let done = service.run(python(&script)).await;
    assert_eq!(done.output, "b'\\x124'\n");
}

fn python_bytes(bytes: &[u8]) -> String {
    format!("bytes({bytes:?})")
}

#[tokio::test]
async fn host_neighbours_and_metadata_do_not_answer() {
    need_root!();
    let service = nat_service().await;
    // A neighbour that listens on all of its addresses.
    let (process, reader) = with_output(python(
        "import socket, time\n\
        s = socket.create_server(('0.0.0.0', 8000))\n\
        u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.connect(('192.0.2.9', 9)); print(u.getsockname()[0], flush=True)\n\
        time.sleep(60)",
    ));
    let neighbour = service.create(spec(process)).await.unwrap();
    let address = first_line(reader).await;
    // The host, on each of its addresses.
    let host = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = host.local_addr().unwrap().port();
    let script = format!(
        "import socket\n\
        def reaches(address, port):\n\
        \x20   s = socket.socket(); s.settimeout(0.5)\n\
        \x20   return s.connect_ex((address, port)) == 0\n\
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); own.connect(('192.0.2.9', 9))\n\
        a, b, c, d = own.getsockname()[0].split('.')\n\
        gateway = f'{{a}}.{{b}}.{{c}}.{{int(d) - 1}}'\n\
        print('neighbour', reaches('{address}', 8000))\n\
        print('gateway', reaches(gateway, {port}))\n\
        print('metadata', reaches('169.254.169.254', 80))\n\
        for host in {hosts:?}: print('host', reaches(host, {port}))",
        hosts = host_addresses(),
    );
    let done = service.run(python(&script)).await;
    assert!(done.output.starts_with("neighbour False\ngateway False\nmetadata False\n"), "{}", done.output);
    assert!(!done.output.contains("True"), "{}", done.output);
    // Nor does the host reach in, except as itself: nothing answers a stranger.
    drop(neighbour);
    service.sandboxes.shutdown().await;
}

#[tokio::test]
async fn links_go_with_their_sandboxes() {
    need_root!();
    let service = nat_service().await;
    let before = links();
    for _ in 0..5 {
        service.create(spec(sh("true"))).await.unwrap().destroy().await;
    }
    service.sandboxes.shutdown().await;
    for _ in 0..500 {
        if links() <= before {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(links() <= before, "{} links, {before} before", links());
}

/// Other tests of this file have theirs at the same time; this one's come and go.
fn links() -> usize {
    std::fs::read_dir("/sys/class/net").unwrap().count()
}

/// This host's own addresses, as the way out would show them.
fn host_addresses() -> Vec<String> {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    match socket.connect("192.0.2.1:9") {
        Ok(()) => vec![socket.local_addr().unwrap().ip().to_string()],
        Err(_) => Vec::new(),
    }
}

async fn first_line(reader: std::io::PipeReader) -> String {
    tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(reader), &mut line).unwrap();
        line.trim().to_owned()
    })
    .await
    .unwrap()
}
