"""Using up what there is."""

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time

from calls import attempt


def fork_bomb():
    """Every process makes more of itself, for ever."""
    while True:
        try:
            os.fork()
        except OSError:
            pass


def processes():
    """As many processes as there may be, which then keep still."""
    children, refused = [], None
    while refused is None:
        try:
            child = os.fork()
        except OSError as error:
            refused = errno.errorcode[error.errno]
            break
        if child == 0:
            signal.pause()
            os._exit(0)
        children.append(child)
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return {"refused": refused, "few": len(children) <= 1024 or len(children)}


def threads():
    end = threading.Event()
    started = []
    threading.stack_size(64 << 10)
    try:
        while len(started) < 5000:
            thread = threading.Thread(target=end.wait, daemon=True)
            thread.start()
            started.append(thread)
    except RuntimeError:
        pass
    end.set()
    for thread in started:
        thread.join()
    return {"few": len(started) < 1024}


def memory(most_mib):
    """Memory that is touched, so that it counts."""
    held = []
    for _ in range(most_mib // 10):
        held.append(bytearray(b"x") * (10 << 20))
    return f"{len(held) * 10} MiB"


def _until_refused(action):
    count = 0
    try:
        while True:
            action(count)
            count += 1
    except OSError as error:
        return count, errno.errorcode[error.errno]


def disk():
    """/tmp until it is full: by size."""
    size = 4 << 20
    with open("/tmp/flood", "wb") as file:
        count, refused = _until_refused(lambda index: os.posix_fallocate(file.fileno(), index * size, size))
    more = attempt(_write_more)
    used_mib = count * 4
    return {"refused": refused, "then": more, "its size": 480 <= used_mib <= 512 or used_mib}


def _write_more():
    with open("/tmp/more", "wb") as file:
        for _ in range(16):
            file.write(bytes(1 << 20))


def inodes():
    """/tmp until it is full: by the number of files."""
    os.makedirs("/tmp/many", exist_ok=True)
    count, refused = _until_refused(lambda index: os.close(os.open(f"/tmp/many/{index}", os.O_CREAT | os.O_WRONLY)))
    return {"refused": refused, "its number": 30_000 <= count <= 35_000 or count}


def left_in_tmp():
    room = os.statvfs("/tmp")
    return {"files": os.listdir("/tmp"), "room": room.f_bavail * room.f_frsize >= 500 << 20, "inodes": room.f_favail > 32_000}


def descriptors():
    opened = []
    _, refused = _until_refused(lambda _: opened.append(os.open("/dev/null", os.O_RDONLY)))
    highest = max(opened)
    for descriptor in opened:
        os.close(descriptor)
    return {"refused": refused, "highest": highest}


def sockets_in_many():
    """Descriptors in many processes at once, each up to its own limit, with data in the pipes."""
    children = []
    for _ in range(8):
        child = os.fork()
        if child == 0:
            held = []
            try:
                while True:
                    pair = socket.socketpair()
                    held.append(pair)
                    pair[0].setblocking(False)
                    pair[0].send(bytes(4096))
            except OSError:
                os._exit(0)
        children.append(child)
    return {"ended": [os.waitpid(child, 0)[1] == 0 for child in children].count(True)}


def output(seconds):
    """Lines as fast as it can write them."""
    line = "x" * 200 + "\n"
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sys.stdout.write(line * 100)
    sys.stdout.flush()
    return "done"


def endless_line(seconds):
    """Output without an end of line, past Python's own buffers."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        os.write(1, b"x" * 65536)
    return "done"


def environment():
    return {"3 MiB": attempt(lambda: subprocess.run(["/usr/bin/env"], env={"BIG": "x" * (3 << 20)}))}


def timers():
    """Kernel timers until there are no more."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    event = (ctypes.c_char * 64)()
    event[12] = 1  # SIGEV_NONE
    timer = ctypes.c_void_p()
    count = 0
    while count < 20_000 and libc.timer_create(1, event, ctypes.byref(timer)) == 0:
        count += 1
    return "many" if count == 20_000 else errno.errorcode[ctypes.get_errno()]


def channel():
    """Nonsense on the socket that the runtime speaks over."""
    for descriptor in range(3, 64):
        try:
            with socket.socket(fileno=os.dup(descriptor)) as link:
                link.send(b"\xff" * 4096)
        except OSError:
            pass
    time.sleep(0.5)
    return "still here"
