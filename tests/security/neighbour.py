"""The neighbour of an attack: a function that is asked all the while, and has to answer in time."""

import threading

from harness.functions import unique

TIMEOUT_S = 10
SOURCE = """
import os, socket
# What an attacker looks for.
SECRET = '{secret}'
os.environ['NEIGHBOUR'] = SECRET
with open('/tmp/secret', 'w') as file:
    file.write(SECRET)
local = socket.socket(socket.AF_UNIX)
local.bind('\\0{secret}')
local.listen()
open_port = socket.create_server(('0.0.0.0', 0))
request = None

def handler(event, context):
    global request
    request = request or context.aws_request_id
    return {{'echo': event, 'port': open_port.getsockname()[1], 'request': request, 'address': address()}}

def address():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(('192.0.2.1', 9))
        except OSError:
            return None
        return probe.getsockname()[0]
"""


class Neighbour:
    """`with neighbour.asked():` asks it again and again; leaving fails if an answer was wrong, late or missing."""

    def __init__(self, lab, runtime):
        self.secret = unique("secret")
        source = SOURCE.format(secret=self.secret)
        self.function = lab.deploy({"app.py": source}, runtime, Timeout=TIMEOUT_S)
        self.facts = self.function.call(0)
        self._answers = 0
        self._failure = None
        self._stop = threading.Event()

    @property
    def answers(self):
        """How many it gave since `asked` began."""
        return self._answers

    def asked(self):
        return _Asked(self)

    def _ask(self):
        while not self._stop.is_set():
            try:
                found = self.function.call(self._answers, tail=False)
                assert found["echo"] == self._answers, found
            except BaseException as failure:  # also what pytest raises
                self._failure = failure
                return
            self._answers += 1


class _Asked:
    def __init__(self, neighbour):
        self._neighbour = neighbour

    def __enter__(self):
        neighbour = self._neighbour
        neighbour._answers, neighbour._failure = 0, None
        neighbour._stop.clear()
        self._thread = threading.Thread(target=neighbour._ask)
        self._thread.start()
        return neighbour

    def __exit__(self, kind, error, trace):
        neighbour = self._neighbour
        neighbour._stop.set()
        # Its own timeout ends a call that hangs.
        self._thread.join()
        if kind is None:
            assert neighbour._failure is None, f"the neighbour did not answer in time: {neighbour._failure!r}"
            assert neighbour.answers >= 1, "the neighbour gave no answer during the attack"
