"""The sandbox is not too narrow: Python's own regression tests, and samples of Node.js's modules, pass inside.

At the root level alone: the system call filter is the same at both.
"""

import json
import subprocess

import pytest
from harness.functions import PYTHON, Invocation

# Modules of Python's `test` package that meet the kernel, with what is expected to fail inside and why. A third entry
# selects some of a long module's classes.
MODULES = {
    "test_epoll": ({},),
    "test_fcntl": ({"test_fcntl_64_bit": "F_NOTIFY tells what neighbours do with shared files"},),
    "test_mmap": ({},),
    "test_os": ({"test_openpty": "there are no terminals"},),
    "test_poll": ({},),
    "test_posix": ({},),
    "test_resource": ({"test_prlimit*": "limits of other processes are refused before the kernel looks for them"},),
    "test_select": ({},),
    "test_selectors": ({},),
    "test_shutil": ({},),
    "test_socket": (
        {"*UDPLITE*": "unusual protocols make the kernel load their code"},
        ("GeneralModuleTests", "BasicTCPTest", "BasicUDPTest", "BasicSocketPairTest", "NonBlockingTCPTests", "TestLinuxAbstractNamespace",
         "TestUnixDomain", "BufferIOTest", "NetworkConnection*", "SendmsgStreamTests", "*UnixStream*", "SendfileUsingSendfileTest", "CreateServerFunctionalTest"),
    ),
    "test_ssl": ({}, ("BasicSocketTests", "ContextTests", "SSLErrorTests", "MemoryBIOTests", "SSLObjectTests", "SimpleBackgroundTests")),
    "test_subprocess": ({"test_user": "ids above 1,023 do not exist in the sandbox's user namespace", "test_group": "the same", "test_extra_groups": "the same"}, ("POSIXProcessTestCase",)),
    "test_tempfile": ({},),
    "test_threading": ({"test_import_from_another_thread": "what the host's site hooks import is not the sandbox's matter"},),
}
# Not run: test_multiprocessing* (as on Lambda there is no /dev/shm), test_signal (its stress tests need a quiet machine).

# Runs the cases of a module whose names match one of the selected patterns and none of the ignored.
RUNNER = """
import fnmatch, importlib, json, sys, unittest
from test import support
module, selected, ignored = json.loads(sys.argv[1])
support.use_resources = []
def cases(suite):
    for one in suite:
        yield from cases(one) if isinstance(one, unittest.TestSuite) else [one]
def named(case, patterns):
    return any(fnmatch.fnmatchcase(part, pattern) for part in case.id().split('.') for pattern in patterns)
found = unittest.defaultTestLoader.loadTestsFromModule(importlib.import_module('test.' + module))
suite = unittest.TestSuite(case for case in cases(found) if named(case, selected) and not named(case, ignored))
result = unittest.TextTestRunner(verbosity=1).run(suite)
print(json.dumps({'run': result.testsRun - len(result.skipped), 'bad': [case.id() for case, _ in result.failures + result.errors]}))
"""

RUN = """
import json, os, subprocess, sys
def handler(event, context):
    kept = {name: os.environ[name] for name in ('PATH', 'LD_LIBRARY_PATH')}
    done = subprocess.run([sys.executable, '-E', '-c', event.pop(), json.dumps(event)], cwd='/tmp', capture_output=True, text=True, errors='replace', env={**kept, 'LANG': 'C.UTF-8'})
    return [done.stdout[-5000:], done.stderr[-10000:]]
"""


@pytest.fixture(scope="module")
def regression(module_lab, server):
    interpreter = server.runtimes()[PYTHON]["executable"]
    found = subprocess.run([interpreter, "-c", "import test.test_os"], capture_output=True)
    if found.returncode:
        pytest.skip(f"{interpreter} is installed without its regression tests (Debian has them in libpython3-testsuite)")
    # As many processors as a function may have: the tests need no limit.
    function = module_lab.deploy(RUN, Timeout=600, MemorySize=3008)
    client = module_lab.caller.client("lambda", read_timeout=660)

    def run(arguments):
        answer = client.invoke(FunctionName=function.name, Payload=json.dumps(arguments), LogType="Tail")
        return Invocation(answer).ok()

    return run


@pytest.mark.parametrize("module", MODULES)
def test_python(module, regression):
    ignored, *selected = MODULES[module]
    output, errors = regression([module, *(selected or [["*"]]), list(ignored), RUNNER])
    # Threads of the tests may print after the result.
    results = [line for line in output.splitlines() if line.startswith('{"run"')]
    assert results, errors
    found = json.loads(results[-1])
    assert found["bad"] == [], errors
    assert found["run"] > 0, errors


# A check for each module, by its name. Each gives true, or throws.
NODE = """
const assert = require('assert'), os = require('os'), path = require('path')
const { once } = require('events'), { promisify } = require('util')

exports.checks = {
  async fs() {
    const fs = require('fs/promises'), folder = await fs.mkdtemp('/tmp/fs-')
    const file = path.join(folder, 'a'), text = 'x'.repeat(1 << 20)
    await fs.writeFile(file, text)
    await fs.copyFile(file, file + '2'); await fs.rename(file + '2', file + '3'); await fs.symlink('a', file + '4')
    await fs.chmod(file, 0o600); await fs.utimes(file, 1, 1); await fs.truncate(file + '3', 10)
    const watcher = require('fs').watch(folder), changed = once(watcher, 'change')
    await fs.appendFile(file, 'y'); await changed; watcher.close()
    assert.equal((await fs.readFile(file, 'utf8')).length, text.length + 1)
    assert.deepEqual((await fs.readdir(folder)).sort(), ['a', 'a3', 'a4'])
    await fs.rm(folder, { recursive: true })
  },
  async net() {
    const net = require('net')
    for (const place of [{ host: '127.0.0.1', port: 0 }, { path: '/tmp/net.sock' }]) {
      const server = net.createServer(socket => socket.pipe(socket)).listen(place)
      await once(server, 'listening')
      const client = net.connect(place.path ? place : server.address())
      client.end('hello')
      assert.equal((await once(client, 'data')).toString(), 'hello')
      server.close(); await once(server, 'close')
    }
  },
  async dgram() {
    const dgram = require('dgram'), server = dgram.createSocket('udp4'), client = dgram.createSocket('udp4')
    server.bind(0, '127.0.0.1'); await once(server, 'listening')
    const message = once(server, 'message')
    client.send('hello', server.address().port, '127.0.0.1')
    assert.equal((await message)[0].toString(), 'hello'); server.close(); client.close()
  },
  async http() {
    const http = require('http')
    const server = http.createServer((request, response) => request.pipe(response)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${server.address().port}`
    assert.equal(await (await fetch(url, { method: 'POST', body: 'hello' })).text(), 'hello')
    server.closeAllConnections(); server.close()
  },
  async child_process() {
    const { execFile, spawn, fork, execSync } = require('child_process')
    assert.equal((await promisify(execFile)('sh', ['-c', 'echo $0'])).stdout, 'sh\\n')
    const cat = spawn('cat'); cat.stdin.end('piped')
    assert.equal((await once(cat.stdout, 'data')).toString(), 'piped')
    assert.equal(execSync('sleep 60 & kill $!; wait; echo killed').toString(), 'killed\\n')
    require('fs').writeFileSync('/tmp/child.js', "process.on('message', m => { process.send(m * 2); process.disconnect() })")
    const child = fork('/tmp/child.js'); child.send(21)
    assert.equal((await once(child, 'message'))[0], 42)
  },
  async worker_threads() {
    const { Worker } = require('worker_threads'), shared = new SharedArrayBuffer(4)
    const run = () => once(new Worker("const { workerData } = require('worker_threads'); Atomics.add(new Int32Array(workerData), 0, 1)", { eval: true, workerData: shared }), 'exit')
    await Promise.all([run(), run(), run()])
    assert.equal(new Int32Array(shared)[0], 3)
  },
  async cluster() {
    require('fs').writeFileSync('/tmp/cluster.js', `
      const cluster = require('cluster'), http = require('http')
      if (cluster.isPrimary) {
        for (let i = 0; i < 2; i++) cluster.fork()
        let up = 0
        cluster.on('listening', (worker, address) => { if (++up === 2) http.get({ port: address.port, host: '127.0.0.1' }, r => r.on('data', d => { process.stdout.write(d); process.exit() })) })
      } else http.createServer((q, r) => r.end('worker')).listen(8123, '127.0.0.1')`)
    assert.equal((await promisify(require('child_process').execFile)(process.execPath, ['/tmp/cluster.js'])).stdout, 'worker')
  },
  async zlib() {
    const zlib = require('zlib'), data = Buffer.alloc(1 << 20, 'abc')
    for (const [pack, unpack] of [['gzip', 'gunzip'], ['deflate', 'inflate'], ['brotliCompress', 'brotliDecompress']])
      assert.deepEqual(await promisify(zlib[unpack])(await promisify(zlib[pack])(data)), data)
  },
  async crypto() {
    const crypto = require('crypto')
    assert.equal(crypto.createHash('sha256').update('').digest('hex').slice(0, 8), 'e3b0c442')
    assert.equal((await promisify(crypto.scrypt)('a', 'b', 64)).length, 64)
    const { privateKey, publicKey } = await promisify(crypto.generateKeyPair)('ec', { namedCurve: 'P-256' })
    assert(crypto.verify('sha256', 'x', publicKey, crypto.sign('sha256', 'x', privateKey)))
    assert.equal((await promisify(crypto.randomBytes)(32)).length, 32)
  },
  async dns() {
    const dns = require('dns/promises')
    assert.equal((await dns.lookup('localhost', 4)).address, '127.0.0.1')
    await assert.rejects(dns.resolve4('example.invalid'), { code: /EREFUSED|ECONNREFUSED|ETIMEOUT|ENOTFOUND|ESERVFAIL/ })
  },
  async perf_hooks() {
    const { performance, monitorEventLoopDelay } = require('perf_hooks'), delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable(); await new Promise(done => setTimeout(done, 30)); delay.disable()
    assert(delay.count > 0 && performance.now() > 0)
    assert(os.cpus().length > 0 && os.totalmem() > 0 && process.resourceUsage().maxRSS > 0 && os.getPriority() === 0)
  },
  async wasm() {
    const bytes = Buffer.from('0061736d0100000001070160027f7f017f030201000707010361646400000a09010700200020016a0b', 'hex')
    assert.equal((await WebAssembly.instantiate(bytes)).instance.exports.add(40, 2), 42)
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1000 }); memory.grow(100)
    assert.equal(memory.buffer.byteLength, 101 * 65536)
  },
  async signals() {
    const awake = setInterval(() => {}, 1000), caught = once(process, 'SIGUSR2')
    process.kill(process.pid, 'SIGUSR2'); await caught; clearInterval(awake)
  },
}
exports.handler = async name => { await exports.checks[name](); return 'passed' }
"""
NODE_CHECKS = ["fs", "net", "dgram", "http", "child_process", "worker_threads", "cluster", "zlib", "crypto", "dns", "perf_hooks", "wasm", "signals"]


@pytest.fixture(scope="module")
def node(module_lab):
    return module_lab.node(NODE, Timeout=60, MemorySize=1769)


@pytest.mark.parametrize("check", NODE_CHECKS)
def test_node(check, node):
    assert node.call(check) == "passed"
