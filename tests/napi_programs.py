#!/usr/bin/env python3
"""Loads packages of npm that are compiled from Rust for threads and Node-API, calls them, and compares with their native twins.

    python3 tests/napi_programs.py [libpellucid.so]

- `@node-rs/crc32-wasm32-wasi` against Python's zlib and, for CRC-32C, known values.
- `@oxc-parser/binding-wasm32-wasi`, a parser of JavaScript and TypeScript, against the native module of the same version in Node: the
  syntax trees of programs, byte by byte; also parsed on another thread, in a store of its own that shares the memory.

The packages come from npm in pinned versions with their hashes, and are kept in target/wasi-programs. The last line counts:
`N passed, F failed, 0 skipped`.
"""

import json
import os
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path

import packages
import wasm_host
from napi import Bytes, Napi

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target" / "release" / "libpellucid.so").resolve()

# RFC 3720, B.4 and the check value of CRC-32C.
CRC32C = {bytes(32): 0x8A9136AA, bytes([255]) * 32: 0x62A8AB43, bytes(range(32)): 0x46DD794E, b"123456789": 0xE3069283}

SOURCES = {
    "a.js": "let x = 1 + y; // done\nexport default async function* f({ a, b = 2 }, ...c) { for await (const d of c) yield a ** d?.[b] }",
    "b.ts": "enum Kind { One = 1, Two }\nabstract class A<T extends Kind> implements B { #x?: T; static { } get y(): T | null { return this.#x! } }",
    "c.jsx": "const e = <a b='c' {...d}>text &amp; {f}<></></a>;",
    "d.js": "const = broken;",
    "e.js": "/(?<year>\\d{4})-\\p{L}+/v.test(`a${'ü😀'}b`) ?? import('x');",
    "long.js": "\n".join(f"function f{n}(a, b) {{ if (a > {n}) return [a, b, {n}.5e3]; else throw new Error('{n}'); }}" for n in range(2000)),
}

NATIVE = """
const { parseSync } = require(process.argv[1]);
const sources = JSON.parse(require("fs").readFileSync(0));
const parsed = {};
for (const name in sources) {
  const { program, errors } = parseSync(name, sources[name]);
  parsed[name] = [program, errors.length];
}
console.log(JSON.stringify(parsed));
"""


class Program:
    """A module of the kind that napi-rs makes, with a shared memory."""

    def __init__(self, code, pages, host, shared=None):
        self.code, self.host, self.napi = code.read_bytes(), host, Napi()
        self.shared = shared or host.shared_memory(*pages)
        memory = host.memory_of(self.shared)
        self.memory = wasm_host.Memory(host, memory.of)
        self.napi.memory = self.memory
        self.instance = host.instance(self.code, lambda module, name: memory if name == "memory" else self.imported(name))
        self.napi.instance = self.instance

    def imported(self, name):
        wasi = {
            "random_get": lambda at, size: self.memory.write(at, os.urandom(size)),
            "environ_sizes_get": lambda count, size: (self.memory.write_u32(count, 0), self.memory.write_u32(size, 0)),
            "environ_get": lambda _list, _text: None,
            "clock_time_get": lambda _id, _precision, out: self.memory.write(out, time.monotonic_ns().to_bytes(8, "little")),
            "sched_yield": lambda: None,
            "fd_write": self.write,
        }

        def succeeding(*args):
            wasi[name](*args)
            return 0

        def missing(*_args):
            raise NotImplementedError(name)

        return succeeding if name in wasi else getattr(self.napi, name, missing)

    def write(self, _fd, list_at, count, out):
        parts = [(self.memory.read_u32(list_at + 8 * n), self.memory.read_u32(list_at + 8 * n + 4)) for n in range(count)]
        print("guest:", b"".join(self.memory.read(*part) for part in parts).decode(errors="replace"))
        self.memory.write_u32(out, sum(size for _, size in parts))

    def load(self):
        if "_initialize" in self.instance.names():
            self.instance.function("_initialize")()
        return self.napi.load(self.instance, self.memory)


def crc32(**options):
    folder = packages.folder("@node-rs/crc32-wasm32-wasi") / "package"
    host = wasm_host.Host(LIBRARY, **options)
    program = Program(folder / "crc32.wasm32-wasi.wasm", (4000, 65536), host)
    exports = program.load()

    def of(data, name):
        if isinstance(data, bytes):
            pointer = program.instance.function("malloc")(len(data) or 1)
            program.memory.write(pointer, data)
            data = Bytes(pointer, len(data))
        return exports.properties[name](data)

    long = bytes(n * n % 251 for n in range(1_000_003))
    outcomes = [of(data, "crc32") == zlib.crc32(data) for data in (b"", b"123456789", bytes(range(256)) * 5, long)]
    outcomes += [of("Grüße", "crc32") == zlib.crc32("Grüße".encode())]
    outcomes += [of(data, "crc32c") == expected for data, expected in CRC32C.items()]
    host.lib.pellucid_shared_memory_delete(program.shared)
    host.close()
    return all(outcomes)


def oxc(expected, **options):
    folder = packages.folder("@oxc-parser/binding-wasm32-wasi") / "package"
    host = wasm_host.Host(LIBRARY, **options)
    program = Program(folder / "parser.wasm32-wasi.wasm", (4000, 65536), host)
    exports = program.load()
    napi = program.napi

    def result(parsed):
        return [napi.get(parsed, "program"), napi.get(parsed, "errors").properties["length"]]

    here = {name: result(exports.properties["parseSync"](name, source)) for name, source in SOURCES.items()}

    # What `parseAsync` queues runs on another thread, in a store of its own, on a stack that the module makes for it.
    promises = {name: exports.properties["parseAsync"](name, source) for name, source in SOURCES.items()}
    stack = program.instance.function("emnapi_async_worker_create")()
    failed = []

    def work():
        try:
            other = host.another()
            worker = Program(folder / "parser.wasm32-wasi.wasm", None, other, program.shared)
            worker.instance.function("emnapi_async_worker_init")(stack)
            for queued in napi.queued:
                worker.instance.table_function(queued.execute)(1, queued.data)
            other.close()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    for queued in napi.queued:
        program.instance.table_function(queued.complete)(1, 0, queued.data)
    there = {name: result(promise.properties["resolved"]) for name, promise in promises.items()}
    host.lib.pellucid_shared_memory_delete(program.shared)
    host.close()
    return here == expected, there == expected


def native():
    folder = packages.folder("@oxc-parser/binding-linux-x64-gnu") / "package"
    done = subprocess.run(
        ["node", "-e", NATIVE, str(folder / "parser.linux-x64-gnu.node")], input=json.dumps(SOURCES), stdout=subprocess.PIPE,
        text=True, check=True,
    )
    return json.loads(done.stdout)


passed, failed = 0, 0


def check(name, is_fine):
    global passed, failed
    passed, failed = passed + is_fine, failed + (not is_fine)
    print(f"{'ok     ' if is_fine else 'FAILED '} {name}", flush=True)


EXPECTED = native()
for mode, options in (("", {}), (", debugging on", {"debugging": True})):
    check(f"crc32{mode}", crc32(**options))
    here, there = oxc(EXPECTED, **options)
    check(f"oxc-parser{mode}", here)
    check(f"oxc-parser on another thread{mode}", there)
print(f"{passed} passed, {failed} failed, 0 skipped")
sys.exit(1 if failed else 0)
