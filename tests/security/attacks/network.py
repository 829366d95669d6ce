"""Reaching others over the network."""

import http.client
import os
import socket
from concurrent.futures import ThreadPoolExecutor

from calls import attempt, read


def _connect(family, address, timeout_s=2.0):
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(timeout_s)
        try:
            client.connect(address)
        except TimeoutError:
            return "no answer"
        except OSError as error:
            return attempt(_raise, error)
    return "connected"


def _raise(error):
    raise error


def tcp(places):
    """places: {name: [address, port]}. All at once, because some never answer."""

    def one(place):
        address, port = place
        return _connect(socket.AF_INET6 if ":" in address else socket.AF_INET, (address, port))

    with ThreadPoolExecutor(len(places)) as pool:
        return dict(zip(places, pool.map(one, places.values())))


def local(names):
    """names: of abstract Unix sockets that others listen on."""
    found = {who: _connect(socket.AF_UNIX, "\0" + name) for who, name in names.items()}
    table = read("/proc/net/unix")
    found["listed"] = [who for who, name in names.items() if name in table] or "nothing"
    return found


def api(host, port, keys):
    """The server's own API, signed in the name of whoever; only what it answers inside can be reached."""
    found = {"its port on the host": _connect(socket.AF_INET, (host, port))}
    host, port = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://").split(":")
    for name, (key, token) in keys.items():
        headers = {
            "Authorization": f"AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature={'0' * 64}",
            "X-Amz-Security-Token": token,
        }
        found[name] = _ask(host, port, headers)
    own = {"Authorization": f"AWS4-HMAC-SHA256 Credential={os.environ['AWS_ACCESS_KEY_ID']}/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature={'0' * 64}", "X-Amz-Security-Token": os.environ["AWS_SESSION_TOKEN"]}
    found["its own keys, forged signature"] = _ask(host, port, own)
    found["no keys"] = _ask(host, port, {})
    return found


def _ask(host, port, headers):
    connection = http.client.HTTPConnection(host, port, timeout=5)
    connection.request("GET", "/2015-03-31/functions/", headers=headers)
    return connection.getresponse().status


def runtime_apis():
    """Wherever on loopback others may have theirs; 127.0.0.1 is its own."""
    return {f"127.0.0.{last}": _connect(socket.AF_INET, (f"127.0.0.{last}", 9001)) for last in (2, 3, 4)}


def interfaces():
    return {"names": [name for _, name in socket.if_nameindex()], "routes": len(read("/proc/net/route").splitlines()) - 1, "port below 1024": attempt(_bind)}


def _bind():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 80))


def own_address():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return probe.getsockname()[0]


def from_outside(gateway_step, places):
    """In `nat` mode: the host by the way out, and what the test names."""
    address = own_address()
    first, last = address.rsplit(".", 1)
    host = f"{first}.{int(last) - 1}"
    reached = {f"the gateway's {name}": [host, port] for name, port in gateway_step.items()}
    return tcp({**reached, **places})
