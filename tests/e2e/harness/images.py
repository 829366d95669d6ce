"""Container images, made by hand of the host's own Python, and a registry that serves them.

Nothing is fetched: a layer is a tar of a few host files, so that every machine that runs the tests can make one.
"""

import base64
import gzip
import hashlib
import http.server
import io
import json
import os
import platform
import re
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tar(files=None, add=None):
    """files: {path: content, or ("->", target)}; `add` puts more into the archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, content in (files or {}).items():
            info = tarfile.TarInfo(path)
            if isinstance(content, tuple):
                info.type, info.linkname = tarfile.SYMTYPE, content[1]
                archive.addfile(info)
                continue
            content = content.encode() if isinstance(content, str) else content
            info.size, info.mode = len(content), 0o755 if path.endswith(".sh") else 0o644
            archive.addfile(info, io.BytesIO(content))
        if add:
            add(archive)
    return out.getvalue()


# What a function needs to have imported, so that a layer is not all of Python.
IMPORTS = "runpy, pkgutil, socket, pwd, encodings.idna, awslambdaric.bootstrap"
LISTED = """
import sys
sys.path.insert(0, sys.argv[1])
import {imports}
for module in list(sys.modules.values()):
    for name in (getattr(module, "__file__", None), getattr(module, "__cached__", None)):
        if name:
            print(name)
"""


def python_layer():
    """The Python that runs the tests, with AWS's runtime client in /function."""
    python = Path(sys.executable).resolve()
    client = Path(__import__("awslambdaric").__file__).parent.parent
    listed = subprocess.run(
        [python, "-S", "-c", LISTED.format(imports=IMPORTS), client], capture_output=True, text=True, check=True,
    ).stdout.split()
    files = {Path(name) for name in listed if os.path.exists(name)} | set(client.glob("awslambdaric/*.py"))
    for binary in [python, *(name for name in files if name.suffix == ".so")]:
        files |= {binary, *libraries(binary)}

    def add(archive):
        for path in sorted(files):
            inside = path.relative_to(client) if path.is_relative_to(client) else None
            info = archive.gettarinfo(path.resolve(), arcname=f"function/{inside}" if inside else str(path).lstrip("/"))
            # Some hosts keep their Python to root.
            info.mode |= 0o555 if info.mode & 0o100 else 0o444
            with open(path, "rb") as content:
                archive.addfile(info, content)

    return tar({"usr/local/bin/python3": ("->", str(python)), "etc/passwd": "app:x:1000:1000::/:/bin/sh\n"}, add)


def libraries(binary):
    listed = subprocess.run(["ldd", binary], capture_output=True, text=True, check=False).stdout
    return {Path(path) for path in re.findall(r"(?:=> |^\s+)(/\S+) \(", listed, re.MULTILINE)}


class Image:
    """Layers and what they are run with. Blobs by digest."""

    def __init__(self, tars, architecture=ARCHITECTURE, **process):
        # The large one as it is: packing it would take longer than all else.
        packed = [(LAYER, one) if len(one) > 1 << 20 else (LAYER + "+gzip", gzip.compress(one, mtime=0)) for one in tars]
        config = json.dumps({
            "os": "linux", "architecture": architecture, "config": process,
            "rootfs": {"type": "layers", "diff_ids": [digest(one) for one in tars]},
        }).encode()
        self.manifest = json.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": digest(config), "size": len(config)},
            "layers": [{"mediaType": kind, "digest": digest(one), "size": len(one)} for kind, one in packed],
        }).encode()
        self.digest = digest(self.manifest)
        self.blobs = {digest(one): one for one in [*(one for _, one in packed), config]}

    @property
    def hex(self):
        return self.digest.removeprefix("sha256:")


def write_layout(folder, images):
    """images: {tag: Image}"""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    manifests = []
    for tag, image in images.items():
        for name, blob in {image.digest: image.manifest, **image.blobs}.items():
            (blobs / name.removeprefix("sha256:")).write_bytes(blob)
        manifests.append({
            "mediaType": MANIFEST, "digest": image.digest, "size": len(image.manifest),
            "annotations": {"org.opencontainers.image.ref.name": tag},
        })
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": manifests}))


class Registry:
    """What of the distribution API a pull needs. With `login`, a token is wanted that the login buys."""

    def __init__(self, login=None):
        self.login, self.manifests, self.blobs, self.asked = login, {}, {}, []
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                status, headers, body = registry.answer(self.path, self.headers)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def push(self, name, image):
        """name: repository:tag. Gives the URI."""
        repository = name.split(":")[0]
        self.manifests[name.replace(":", "/")] = (MANIFEST, image.manifest)
        self.manifests[f"{repository}/{image.digest}"] = (MANIFEST, image.manifest)
        self.blobs.update(image.blobs)
        return f"{self.host}/{name}"

    def push_index(self, name, images):
        """images: {architecture: Image}"""
        for image in images.values():
            self.push(f"{name.split(':')[0]}:{image.hex}", image)
        index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
            {"mediaType": MANIFEST, "digest": image.digest, "size": len(image.manifest),
             "platform": {"os": "linux", "architecture": architecture}}
            for architecture, image in images.items()
        ]}).encode()
        self.manifests[name.replace(":", "/")] = (INDEX, index)
        return f"{self.host}/{name}"

    def answer(self, path, headers):
        self.asked.append(path)
        if path.startswith("/token"):
            wanted = "Basic " + base64.b64encode(":".join(self.login).encode()).decode()
            ok = headers.get("Authorization") == wanted
            return (200, {}, b'{"token": "ticket"}') if ok else (401, {}, b"{}")
        if self.login and headers.get("Authorization") != "Bearer ticket":
            return 401, {"WWW-Authenticate": f'Bearer realm="http://{self.host}/token",service="tests"'}, b"{}"
        kind = re.fullmatch(r"/v2/(.+)/(manifests|blobs)/([^/]+)", path)
        if kind and kind[2] == "manifests" and f"{kind[1]}/{kind[3]}" in self.manifests:
            media_type, body = self.manifests[f"{kind[1]}/{kind[3]}"]
            return 200, {"Content-Type": media_type}, body
        if kind and kind[2] == "blobs" and kind[3] in self.blobs:
            return 200, {"Content-Type": "application/octet-stream"}, self.blobs[kind[3]]
        return 404, {}, b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}'

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
