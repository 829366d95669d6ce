"""The sandbox is not too narrow: popular packages do real work inside.

`make packages` fetches them (pinned in packages/) to .cache/packages; without them the tests fail.
"""

import os
from pathlib import Path

import pytest
from harness.packages import zip_of
from harness.server import ROOT

PACKAGES = Path(os.environ.get("HEARTH_PACKAGES", ROOT / ".cache/packages"))

NUMBERS = """
import numpy as np, pandas as pd, io
def handler(event, context):
    matrix = np.random.default_rng(1).random((300, 300))
    inverse = np.linalg.inv(matrix)
    frame = pd.DataFrame({'kind': list('abca'), 'n': [1, 2, 3, 4]})
    sums = frame.groupby('kind').n.sum().to_dict()
    back = pd.read_csv(io.StringIO(frame.to_csv(index=False)))
    spectrum = np.fft.fft(np.ones(1024))
    return {'inverse': bool(np.allclose(matrix @ inverse, np.eye(300))), 'sums': sums, 'csv': bool(back.equals(frame)), 'fft': float(spectrum[0].real),
            'dates': str(pd.date_range('2026-01-30', periods=3, tz='Europe/Zurich')[2])}
"""

WEB = """
import io, ssl, boto3, requests
from botocore.config import Config
from concurrent.futures import ThreadPoolExecutor
from PIL import Image, ImageFilter
def handler(event, context):
    picture = Image.effect_noise((800, 600), 50).convert('RGB').filter(ImageFilter.GaussianBlur(2)).resize((80, 60))
    sizes = {}
    for kind in ('PNG', 'JPEG', 'WEBP'):
        packed = io.BytesIO()
        picture.save(packed, kind)
        sizes[kind] = Image.open(packed).size
    tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing := ssl.MemoryBIO(), server_hostname='example.com')
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        hello = outgoing.read()[:1] == b'\\x16'
    s3 = boto3.client('s3', config=Config(signature_version='s3v4'))
    url = s3.generate_presigned_url('get_object', Params={'Bucket': 'b', 'Key': 'k'})
    try:
        requests.get('https://127.0.0.1:1/', timeout=5)
    except requests.ConnectionError as error:
        refused = 'refused' in str(error)
    with ThreadPoolExecutor(8) as pool:
        clients = len({id(client) for client in pool.map(lambda _: boto3.session.Session().client('dynamodb'), range(8))})
    return {'sizes': sizes, 'hello': hello, 'signed': 'X-Amz-Signature=' in url, 'refused': refused, 'clients': clients}
"""

IMAGES = """
const sharp = require('sharp')
exports.handler = async () => {
  const noise = await sharp({ create: { width: 800, height: 600, channels: 3, background: '#f80' } }).composite([{ input: Buffer.from('<svg width="100" height="100"><circle cx="50" cy="50" r="40" fill="blue"/></svg>') }]).png().toBuffer()
  const found = {}
  for (const kind of ['jpeg', 'webp', 'avif', 'png']) {
    const meta = await sharp(await sharp(noise).resize(80).rotate(90)[kind]().toBuffer()).metadata()
    found[kind] = [meta.width, meta.height]
  }
  return found
}
"""

SDK = """
const { S3Client, GetObjectCommand, ListBucketsCommand } = require('@aws-sdk/client-s3')
exports.handler = async () => {
  const s3 = new S3Client({ endpoint: 'http://127.0.0.1:1', forcePathStyle: true, maxAttempts: 1 })
  let signed
  s3.middlewareStack.add(next => async args => { signed = args.request.headers.authorization; return next(args) }, { step: 'finalizeRequest', priority: 'low' })
  const refused = await s3.send(new ListBucketsCommand({})).then(() => null, error => error.code)
  return { refused, signed: /^AWS4-HMAC-SHA256 Credential=/.test(signed || ''), command: new GetObjectCommand({ Bucket: 'b', Key: 'k' }).input.Key }
}
"""


INSIDE = """
const { LambdaClient, ListFunctionsCommand } = require('@aws-sdk/client-lambda')
const { STSClient, GetCallerIdentityCommand } = require('@aws-sdk/client-sts')
exports.handler = async () => {
  const { Arn } = await new STSClient({}).send(new GetCallerIdentityCommand({}))
  const { Functions } = await new LambdaClient({}).send(new ListFunctionsCommand({}))
  return [Arn.split(':').pop(), Functions.some(one => one.FunctionName === process.env.AWS_LAMBDA_FUNCTION_NAME)]
}
"""


# Other tests' programs, which lie beside the packages and are no part of a function here.
PROGRAMS = {"@deno", "@esbuild", "@oven", "esbuild"}


def package(folder, source, *names):
    """A zip of installed packages (all, or those whose folders begin with the names) and a source file."""
    top = PACKAGES / folder
    assert top.is_dir(), f"expected the packages in {top}; fetch them with: make packages"
    files = dict(source)
    for path in sorted(top.rglob("*")):
        inside = path.relative_to(top)
        wanted = not names or inside.parts[0].lower().startswith(names)
        # Tests of packages would take most of the room.
        if wanted and path.is_file() and not ({"tests", "__pycache__"} | PROGRAMS) & set(inside.parts):
            files[str(inside)] = (path.read_bytes(), 0o100000 | (path.stat().st_mode & 0o777))
    return zip_of(files)


SHARED = ("dateutil", "python_dateutil", "six")


@pytest.mark.parametrize("source, names, expected", [
    pytest.param(NUMBERS, ("numpy", "pandas", "pytz", "tzdata", *SHARED), {"inverse": True, "sums": {"a": 5, "b": 2, "c": 3}, "csv": True, "fft": 1024.0, "dates": "2026-02-01 00:00:00+01:00"}, id="numpy-pandas"),
    pytest.param(WEB, ("pil", "requests", "boto", "certifi", "charset", "idna", "jmespath", "s3transfer", "urllib3", *SHARED), {"sizes": {"PNG": [80, 60], "JPEG": [80, 60], "WEBP": [80, 60]}, "hello": True, "signed": True, "refused": True, "clients": 8}, id="pillow-requests-boto3"),
])
def test_python(lab, source, names, expected):
    function = lab.deploy(package("python", {"app.py": source}, *names), Timeout=120, MemorySize=1769)
    assert function.call() == expected


@pytest.mark.parametrize("source, expected", [
    pytest.param(IMAGES, {kind: [60, 80] for kind in ("jpeg", "webp", "avif", "png")}, id="sharp"),
    pytest.param(SDK, {"refused": "ECONNREFUSED", "signed": True, "command": "k"}, id="aws-sdk"),
])
def test_node(lab, source, expected):
    function = lab.node(package("nodejs", {"app.js": source}), Timeout=120, MemorySize=1769)
    assert function.call() == expected


def test_node_uses_the_api_of_the_server_it_runs_on(lab):
    function = lab.node(package("nodejs", {"app.js": INSIDE}), Timeout=120, MemorySize=1769)
    assert function.call() == [f"assumed-role/test/{function.name}", True]
