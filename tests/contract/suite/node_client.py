"""AWS's runtime client for Node.js with its native addon, which is built here.

The package's own installation wants autotools, cmake, node-gyp with Node's headers from the net, and a minute. All it
makes of that is one shared library out of a few sources that the package has with it: AWS's C++ client, and curl, of which
HTTP alone is needed. The compiler makes it of them directly.
"""

import shutil

from harness.npm import fetch, unpack

from .build import folder_of, once, run

VERSION = "3.3.0"
CLIENT = (f"aws-lambda-ric@{VERSION}", "fb6cd346ec91301e6a02921e60bea1cc8d73cc7ec301191416b95f7d1295e09a")
# The version that the client asks for, and the headers of Node's C interface, which is the same for every version of Node.
WRAPPER = ("node-addon-api@6.1.0", "441ddeef9b009b74f79e840f3e4d469e89a29e1304c573b8f48b355c7d088086")
HEADERS = ("node-api-headers@1.5.0", "59d0c186cb2db56fb5219219fdbcfb0573c33ff772494a23940564b9cfff881c")

NEEDS = "install gcc and g++ (Debian: gcc, g++)"
OPTIONS = ("-w", "-fPIC", "-fvisibility=hidden", "-DCURL_STATICLIB")
# It includes these, and uses nothing of them.
UNUSED_HEADERS = ("uv.h", "v8.h", "node.h")

# curl's configuration, as its own script would find it on Linux, with what the client's installation turns off.
CURL_HAS = """
  ALARM ARPA_INET_H ASSERT_H BOOL_T CLOCK_GETTIME_MONOTONIC ERRNO_H FCNTL FCNTL_H FCNTL_O_NONBLOCK FREEADDRINFO GETADDRINFO
  GETADDRINFO_THREADSAFE GETPEERNAME GETSOCKNAME GETTIMEOFDAY GMTIME_R INET_NTOP INET_PTON IOCTL_FIONBIO LONGLONG MSG_NOSIGNAL
  NETDB_H NETINET_IN_H NETINET_TCP_H POLL POLL_FINE POLL_H POSIX_STRERROR_R RECV SELECT SEND SETJMP_H SIGACTION SIGNAL SIGNAL_H
  SIGSETJMP SOCKET STDBOOL_H STDINT_H STDLIB_H STRCASECMP STRDUP STRERROR_R STRING_H STRTOK_R STRTOLL STRUCT_SOCKADDR_STORAGE
  STRUCT_TIMEVAL SYS_IOCTL_H SYS_POLL_H SYS_SELECT_H SYS_SOCKET_H SYS_STAT_H SYS_TIME_H SYS_TYPES_H SYS_UIO_H TIME_H UNISTD_H
  VARIADIC_MACROS_C99
"""
CURL_LACKS = """
  ALTSVC COOKIES CRYPTO_AUTH DICT DOH FILE FTP GETOPTIONS GOPHER HSTS HTTP_AUTH IMAP LDAP LDAPS LIBCURL_OPTION MIME MQTT NETRC
  NTLM PARSEDATE POP3 PROGRESS_METER PROXY RTSP SHUFFLE_DNS SMB SMTP SOCKETPAIR TELNET TFTP VERBOSE_STRINGS
"""
CURL_TYPES = {
    "OS": '"Linux"', "STDC_HEADERS": 1, "TIME_WITH_SYS_TIME": 1, "SEND_QUAL_ARG2": "const", "SIZEOF_SHORT": 2, "SIZEOF_INT": 4,
    **{f"SIZEOF_{name}": 8 for name in ("LONG", "OFF_T", "CURL_OFF_T", "SIZE_T", "TIME_T")},
    **{f"{call}_TYPE_{part}": kind for call in ("RECV", "SEND") for part, kind in
       {"ARG1": "int", "ARG2": "void *", "ARG3": "size_t", "ARG4": "int", "RETV": "ssize_t"}.items()},
}


def client():
    """The folder of the client's files, as they are in its package, and of its addon beside them."""
    recipe = [CLIENT, WRAPPER, HEADERS, OPTIONS, UNUSED_HEADERS, CURL_HAS, CURL_LACKS, CURL_TYPES, run("g++", "--version", needs=NEEDS)]
    return once(folder_of("node-client"), recipe, build) / "client"


def build(out):
    parts = {name: out / name for name in ("client", "wrapper", "headers", "cpp", "curl", "work")}
    for name, package in (("client", CLIENT), ("wrapper", WRAPPER), ("headers", HEADERS)):
        unpack(fetch(*package, out), parts[name])
    for name, archive in (("cpp", "aws-lambda-cpp-*"), ("curl", "curl-*")):
        unpack(next((parts["client"] / "deps").glob(f"{archive}.tar.gz")), parts[name])
    parts["work"].mkdir()
    compile_curl(parts["curl"], parts["work"])
    link(out, parts)
    for name, folder in parts.items():
        if name != "client":
            shutil.rmtree(folder)


def compile_curl(curl, work):
    """All of its files at once, which reads the system's headers once, but for one that shares a name with another."""
    defines = {f"HAVE_{name}": 1 for name in CURL_HAS.split()} | {f"CURL_DISABLE_{name}": 1 for name in CURL_LACKS.split()} | CURL_TYPES
    (work / "curl_config.h").write_text("".join(f"#define {name} {value}\n" for name, value in defines.items()))
    alone = curl / "lib" / "version.c"
    files = [file for folder in ("lib", "lib/vauth", "lib/vtls") for file in sorted((curl / folder).glob("*.c")) if file != alone]
    (work / "curl.c").write_text("".join(f'#include "{file}"\n' for file in files))
    run("gcc", "-c", *OPTIONS, "-DHAVE_CONFIG_H", "-DBUILDING_LIBCURL", "-I.", f"-I{curl}/include", f"-I{curl}/lib", "curl.c", alone,
        cwd=work, needs=NEEDS)


def link(out, parts):
    cpp, work = parts["cpp"], parts["work"]
    for name in UNUSED_HEADERS:
        (work / name).touch()
    version = next((parts["client"] / "deps").glob("aws-lambda-cpp-*")).name.removeprefix("aws-lambda-cpp-").removesuffix(".tar.gz")
    numbers = dict(zip(("VERSION_MAJOR", "VERSION_MINOR", "VERSION_PATCH"), version.split(".")), VERSION=version)
    text = (cpp / "src" / "version.cpp.in").read_text()
    for name, value in numbers.items():
        text = text.replace(f"@PROJECT_{name}@", value)
    (work / "version.cpp").write_text(text)
    run("g++", "-shared", "-std=c++17", *OPTIONS, "-I.", f"-I{parts['wrapper']}", f"-I{parts['headers']}/include", f"-I{cpp}/include",
        f"-I{parts['curl']}/include", "-o", parts["client"] / "dist" / "rapid-client.node", parts["client"] / "src" / "rapid-client.cc",
        cpp / "src" / "runtime.cpp", cpp / "src" / "logging.cpp", "version.cpp", "curl.o", "version.o", cwd=work, needs=NEEDS)
