"""Deployment packages, made in memory."""

import base64
import hashlib
import importlib.metadata
import io
import stat
import zipfile

FILE = stat.S_IFREG | 0o644
PROGRAM = stat.S_IFREG | 0o755
EPOCH = (2024, 1, 1, 0, 0, 0)


def zip_of(files, compression=zipfile.ZIP_DEFLATED):
    """A zip of {path: content} or {path: (content, mode)}; content is text or bytes.

    The same files give the same bytes.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for path, content in files.items():
            content, mode = content if isinstance(content, tuple) else (content, FILE)
            entry = zipfile.ZipInfo(path, EPOCH)
            entry.compress_type = compression
            entry.create_system = 3  # Unix, so that the mode counts
            entry.external_attr = mode << 16
            archive.writestr(entry, content.encode() if isinstance(content, str) else content)
    return out.getvalue()


def program(content):
    """A file with the executable bit."""
    return (content, PROGRAM)


def zip_of_folder(folder):
    """What `zip -r` makes of a folder."""
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            files[str(path.relative_to(folder))] = (path.read_bytes(), stat.S_IFREG | (path.stat().st_mode & 0o777))
    return zip_of(files)


def code_sha256(package):
    """`CodeSha256` of a package."""
    return base64.b64encode(hashlib.sha256(package).digest()).decode()


def distribution_files(*names):
    """The installed files of Python distributions, as `pip install --target` would lay them out."""
    files = {}
    for name in names:
        for entry in importlib.metadata.files(name) or []:
            path = str(entry)
            source = entry.locate()
            if not path.startswith("..") and "__pycache__" not in path and source.is_file():
                files[path] = source.read_bytes()
    assert files, f"expected the distributions {names} to be installed: pip install -r tests/requirements.txt"
    return files
