#!/usr/bin/env python3
"""Runs kernels of TensorFlow.js' backend for WebAssembly, its builds with vectors, in Pellucid and in Node, and compares every byte.

    python3 tests/vector_programs.py [libpellucid.so]

Also a program in Rust and one in C (by Zig), compiled for WASI with vectors and for this system: both print the same.

The build for threads is given a shared memory and no threads, so that it does all itself. The modules come from npm in a pinned
version with its hash, and are kept in target/wasi-programs. What is to be called and written is a list of steps, which Node and Python follow alike. The last line counts: `N passed, F failed, 0 skipped`.
"""

import json
import random
import struct
import subprocess
import sys
from pathlib import Path

import packages
import wasm_host

ROOT = Path(__file__).resolve().parent.parent
RUN = ROOT / "c-examples" / "build" / "pellucid-run"
LIBRARY = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target" / "release" / "libpellucid.so").resolve()

# How the package numbers the types of elements (backend_wasm.ts).
FLOAT32, INT32 = 0, 1

NODE = """
const steps = JSON.parse(require("fs").readFileSync(0));
const code = require("fs").readFileSync(process.argv[1]);
const module = new WebAssembly.Module(code);
const imports = WebAssembly.Module.imports(module);
let memory;
if (imports.some(({ name }) => name === "memory")) memory = new WebAssembly.Memory({ initial: 256, maximum: 65536, shared: true });
const grow = (size) => { memory.grow(Math.ceil((size - memory.buffer.byteLength) / 65536)); return 1; };
const env = {
  memory,
  emscripten_num_logical_cores: () => 1,
  abort() { throw new Error("abort"); },
  emscripten_memcpy_big(to, from, size) { new Uint8Array(memory.buffer).copyWithin(to, from, from + size); },
  emscripten_get_heap_max() { return 0x7fff0000; },
  emscripten_resize_heap: grow,
};
const found = { env, wasi_snapshot_preview1: {} };
for (const { module, name } of imports) found[module][name] ??= () => 8;
const { exports } = new WebAssembly.Instance(module, found);
memory ??= exports.memory;
const named = {};
const out = [];
for (const step of steps) {
  if (step.call) {
    const result = exports[step.call](...step.args.map((arg) => (typeof arg === "string" ? named[arg] : arg)));
    if (step.as) named[step.as] = result;
  } else if (step.write) {
    new Uint8Array(memory.buffer).set(Buffer.from(step.data, "hex"), named[step.write]);
  } else {
    out.push(Buffer.from(new Uint8Array(memory.buffer, named[step.read], step.size)).toString("hex"));
  }
}
console.log(JSON.stringify(out));
"""


class Steps:
    """What is done with the module, in order."""

    def __init__(self):
        self.steps, self.names, self.tensors = [], [], 0
        self.call("__wasm_call_ctors")
        self.call("init")

    def call(self, name, *args, result=None):
        self.steps.append({"call": name, "args": args, "as": result})

    def allocated(self, size):
        name = f"p{len(self.steps)}"
        self.call("malloc", size, result=name)
        return name

    def bytes(self, data):
        pointer = self.allocated(len(data))
        self.steps.append({"write": pointer, "data": data.hex()})
        return pointer

    def shape(self, *sizes):
        return self.bytes(struct.pack(f"<{len(sizes)}i", *sizes)), len(sizes)

    def tensor(self, values, kind=FLOAT32):
        """The number of a new tensor."""
        return self.registered(self.bytes(struct.pack(f"<{len(values)}{'fi'[kind]}", *values)), len(values))

    def registered(self, pointer, count):
        self.tensors += 1
        self.call("register_tensor", self.tensors, count, pointer)
        return self.tensors

    def output(self, count):
        """The number of a new tensor, and where its values are."""
        pointer = self.allocated(4 * count)
        return self.registered(pointer, count), pointer

    def read(self, name, pointer, count):
        self.names.append(name)
        self.steps.append({"read": pointer, "size": 4 * count})


def kernels():
    """Steps that call kernels with random values."""
    steps, numbers = Steps(), random.Random(12)
    floats = lambda count, low=-4.0, high=4.0: [numbers.uniform(low, high) for _ in range(count)]
    count = 1003  # no multiple of what a vector holds

    for name in ("Abs", "Ceil", "Cos", "Elu", "Exp", "Floor", "Neg", "Relu", "Relu6", "Round", "Sigmoid", "Sin", "Square", "Tanh"):
        values = steps.tensor(floats(count))
        out, pointer = steps.output(count)
        steps.call(name, values, *([] if name == "Sigmoid" else [FLOAT32]), out)
        steps.read(name, pointer, count)
    for name in ("Log", "Rsqrt", "Sqrt"):
        values = steps.tensor(floats(count, 0.01, 90.0))
        out, pointer = steps.output(count)
        steps.call(name, values, *([] if name == "Sigmoid" else [FLOAT32]), out)
        steps.read(name, pointer, count)
    for kind, types in ((FLOAT32, "float32"), (INT32, "int32")):
        for name in ("Add", "Sub", "Multiply", "Maximum", "Minimum", "SquaredDifference"):
            made = [floats(17 * 59) if kind == FLOAT32 else [numbers.randrange(-1000, 1000) for _ in range(17 * 59)] for _ in "ab"]
            (left, right), (out, pointer) = [steps.tensor(values, kind) for values in made], steps.output(17 * 59)
            steps.call(name, left, *steps.shape(17, 59), right, *steps.shape(17, 59), kind, out)
            steps.read(f"{name} of {types}", pointer, 17 * 59)
    rows, inner, columns = 37, 129, 53
    for transposed in (0, 1):
        left, right = steps.tensor(floats(rows * inner)), steps.tensor(floats(inner * columns))
        shapes = [*steps.shape(1, *((inner, rows) if transposed else (rows, inner)))], [*steps.shape(1, inner, columns)]
        bias = steps.tensor(floats(columns))
        out, pointer = steps.output(rows * columns)
        # Activation 1 is relu; tensor 0 stands for none.
        steps.call("_FusedMatMul", left, *shapes[0], right, *shapes[1], transposed, 0, 1, bias, 0, 0.0, out)
        steps.read(f"_FusedMatMul{', transposed' if transposed else ''}", pointer, rows * columns)
    # Batch 2, 19 x 23, 3 channels to 8, a filter of 3 x 3, the same size of the output.
    values, weights, bias = steps.tensor(floats(2 * 19 * 23 * 3)), steps.tensor(floats(3 * 3 * 3 * 8)), steps.tensor(floats(8))
    out, pointer = steps.output(2 * 19 * 23 * 8)
    steps.call("FusedConv2D", values, 2, 19, 23, weights, 3, 3, bias, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 8, 0, 0, 0.0, out)
    steps.read("FusedConv2D", pointer, 2 * 19 * 23 * 8)
    values = steps.tensor(floats(31 * 10))
    out, pointer = steps.output(31 * 10)
    steps.call("Softmax", values, out, 10, 31)
    steps.read("Softmax", pointer, 31 * 10)
    values = steps.tensor(floats(11 * 13 * 7))
    out, pointer = steps.output(11 * 13 * 7)
    order = steps.bytes(struct.pack("<3i", 2, 0, 1))
    steps.call("Transpose", values, *steps.shape(11, 13, 7), FLOAT32, out, order, 3)
    steps.read("Transpose", pointer, 11 * 13 * 7)
    return steps


def in_node(code, steps):
    """What is read at each step that reads."""
    done = subprocess.run(
        ["node", "-e", NODE, str(code)], input=json.dumps(steps.steps), stdout=subprocess.PIPE, text=True, check=True
    )
    return [bytes.fromhex(data) for data in json.loads(done.stdout)]


def in_pellucid(code, steps, **options):
    host = wasm_host.Host(LIBRARY, **options)

    def grow(size):
        memory.grow(-(-(size - memory.size()) // wasm_host.PAGE))
        return 1

    def abort():
        raise RuntimeError("abort")

    shared = host.shared_memory(256, 65536)
    found = {
        "memory": host.memory_of(shared),
        "emscripten_num_logical_cores": lambda: 1,
        "abort": abort,
        "emscripten_memcpy_big": lambda to, from_, size: memory.write(to, memory.read(from_, size)),
        "emscripten_get_heap_max": lambda: 0x7FFF0000,
        "emscripten_resize_heap": grow,
    }
    instance = host.instance(code.read_bytes(), lambda _module, name: found.get(name, lambda *_args: 8))
    memory = instance.memory() if "memory" in instance.names() else wasm_host.Memory(host, found["memory"].of)
    named, out = {}, []
    for step in steps.steps:
        if "call" in step:
            result = instance.function(step["call"])(*(named.get(arg, arg) for arg in step["args"]))
            if step["as"]:
                named[step["as"]] = result
        elif "write" in step:
            memory.write(named[step["write"]], bytes.fromhex(step["data"]))
        else:
            out.append(memory.read(named[step["read"]], step["size"]))
    host.lib.pellucid_shared_memory_delete(shared)
    host.close()
    return out


def rust(guest, native):
    source = ROOT / "tests" / "programs" / "vectors.rs"
    subprocess.run(["rustup", "target", "add", "wasm32-wasip1"], check=True, stderr=subprocess.DEVNULL)
    options = ["--edition", "2024", "-O", source, "-o"]
    subprocess.run(["rustc", "--target", "wasm32-wasip1", "-C", "target-feature=+simd128,+relaxed-simd", *options, guest], check=True)
    subprocess.run(["rustc", *options, native], check=True)


def c(guest, native):
    source = ROOT / "benches" / "programs" / "matrices.c"
    main = packages.KEPT / "matrices_main.c"
    main.write_text('#include <stdio.h>\n#include <stdlib.h>\n#include "' + str(source) + '"\n'
                    'int main(int n, char **args) { printf("%lld\\n", (long long)run(n > 1 ? atoi(args[1]) : 1)); }\n')
    # Products and sums as they are written, in both.
    options = ["-ffp-contract=off", main, "-o"]
    wasi = ["-target", "wasm32-wasi", "-mcpu=generic+simd128+relaxed_simd", "-O3"]
    subprocess.run([*packages.zig(), *wasi, *options, guest], check=True, env=packages.zig_environment())
    subprocess.run(["cc", "-O2", *options, native], check=True)


def in_wasi():
    if not RUN.exists():
        subprocess.run(["make", "-C", ROOT / "c-examples", "pellucid-run"], check=True)
    for language, build in (("Rust", rust), ("C", c)):
        guest, native = packages.KEPT / f"vectors-{language}.wasm", packages.KEPT / f"vectors-{language}"
        build(guest, native)
        # The two bytes of `v128.store`.
        check(f"{language} has vectors", guest.read_bytes().count(b"\xfd\x0b") > 10)
        for argument in ("3", "20"):
            expected = subprocess.run([native, argument], stdout=subprocess.PIPE, check=True).stdout
            for mode in ([], ["--debug"]):
                done = subprocess.run([RUN, *mode, guest, argument], stdout=subprocess.PIPE)
                check(" ".join([f"{language}, {argument}", *mode]), done.stdout == expected and done.returncode == 0)


passed, failed = 0, 0


def check(name, is_fine):
    global passed, failed
    passed, failed = passed + is_fine, failed + (not is_fine)
    print(f"{'ok     ' if is_fine else 'FAILED '} {name}", flush=True)


STEPS = kernels()
for build in ("simd", "threaded-simd"):
    code = packages.folder("@tensorflow/tfjs-backend-wasm") / "package" / "dist" / f"tfjs-backend-wasm-{build}.wasm"
    all_expected = in_node(code, STEPS)
    for mode, options in (
        ("", {}),
        (", debugging on", {"debugging": True}),
        (", in the exact form", {"debugging": True, "exact": True}),
    ):
        for name, data, expected in zip(STEPS.names, in_pellucid(code, STEPS, **options), all_expected, strict=True):
            # A kernel that did nothing would be the same in both.
            check(f"{build} {name}{mode}", data == expected and any(data))
in_wasi()
print(f"{passed} passed, {failed} failed, 0 skipped")
sys.exit(1 if failed else 0)
