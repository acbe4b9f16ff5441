"""The same ten tasks by this package and by wasmtime-py: lines that each needs, and what a call costs.

Usage: compare.py            (with both packages installed: pip install pellucid-….whl wasmtime numpy)

For development only. Each task is a function whose body is all that a program needs beside the guest and the imports of the
packages, written as the package's own documentation has it; it returns what shows that it was done. Lines are those of the body that
aren't blank. Each package runs in a process of its own.
"""

import inspect
import json
import subprocess
import sys
import tempfile
import textwrap
import threading
import timeit

ADD = """(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))"""
LOG = """(module (import "env" "log" (func $log (param i32) (result i32)))
  (func (export "run") (param i32) (result i32) (call $log (local.get 0))))"""
TEXT = """(module (memory (export "memory") 1) (data (i32.const 16) "hello")
  (func (export "first") (result i32) (i32.load8_u (i32.const 16))))"""
TRAP = """(module (func $inner (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))
  (func $outer (export "run") (param i32) (result i32) (call $inner (local.get 0))))"""
PROGRAM = r"""(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1) (data (i32.const 0) "\10\00\00\00\06\00\00\00") (data (i32.const 16) "hello\n")
  (func (export "_start") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) (call $exit (i32.const 3))))"""
SPIN = """(module (func (export "spin") (loop (br 0))))"""
EXTERN = """(module (table $kept 1 externref)
  (func (export "put") (param externref) (table.set $kept (i32.const 0) (local.get 0)))
  (func (export "get") (result externref) (table.get $kept (i32.const 0))))"""
PAIR = """(module (func (export "pair") (param i32) (result i32 f64) (local.get 0) (f64.const 2.5)))"""
USER = """(module (import "math" "add" (func $add (param i32 i32) (result i32)))
  (func (export "run") (result i32) (call $add (i32.const 1) (i32.const 2))))"""
LOOP = """(module (import "env" "f" (func $f (param i32 i32) (result i32)))
  (func (export "run") (param $n i32) (local $sum i32)
    (loop (local.set $sum (call $f (local.get $sum) (local.get $n)))
      (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"""


class Own(Exception):
    pass


class Pellucid:
    def call_a_function(self):
        store = pellucid.Store(pellucid.Engine())
        instance = pellucid.Instance(store, pellucid.Module(store.engine, ADD))
        return instance.exports.add(40, 2)

    def give_a_host_function(self):
        def log(number: pellucid.i32) -> pellucid.i32:
            return number + 1
        store = pellucid.Store(pellucid.Engine())
        instance = pellucid.Instance(store, pellucid.Module(store.engine, LOG), {"env": {"log": log}})
        return instance.exports.run(1)

    def read_and_write_memory(self):
        store = pellucid.Store(pellucid.Engine())
        instance = pellucid.Instance(store, pellucid.Module(store.engine, TEXT))
        text = instance.memory.read(16, 5).decode()
        instance.memory.write(16, b"H")
        return text, instance.exports.first()

    def share_memory_with_numpy(self):
        store = pellucid.Store(pellucid.Engine())
        instance = pellucid.Instance(store, pellucid.Module(store.engine, TEXT))
        array = numpy.frombuffer(instance.memory.view(), dtype="u1", count=5, offset=16)
        array += 1
        return instance.exports.first()

    def catch_a_trap_with_its_frames(self):
        store = pellucid.Store(pellucid.Engine())
        instance = pellucid.Instance(store, pellucid.Module(store.engine, TRAP))
        try:
            instance.exports.run(0)
        except pellucid.Trap as trap:
            return trap.code > 0, [frame.func for frame in trap.frames]

    def pass_an_exception_through_a_guest(self):
        def log(number: pellucid.i32) -> pellucid.i32:
            raise Own("text")
        store = pellucid.Store(pellucid.Engine())
        instance = pellucid.Instance(store, pellucid.Module(store.engine, LOG), {"env": {"log": log}})
        try:
            instance.exports.run(1)
        except Own as raised:
            return raised.args

    def run_a_program(self):
        engine = pellucid.Engine()
        wasi = pellucid.Wasi(args=["program"], stdout="capture")
        code = pellucid.Linker(wasi=wasi).run(pellucid.Store(engine), pellucid.Module(engine, PROGRAM))
        return code, wasi.take_stdout()

    def end_a_runaway_guest(self):
        store = pellucid.Store(pellucid.Engine())
        instance = pellucid.Instance(store, pellucid.Module(store.engine, SPIN))
        try:
            instance.exports.spin.call(timeout=0.1)
        except pellucid.TimedOut:
            return "ended"

    def keep_an_object_in_a_guest(self):
        store = pellucid.Store(pellucid.Engine())
        exports = pellucid.Instance(store, pellucid.Module(store.engine, EXTERN)).exports
        exports.put(["any", "object"])
        return exports.get()

    def link_two_modules(self):
        store = pellucid.Store(pellucid.Engine())
        math = pellucid.Instance(store, pellucid.Module(store.engine, ADD))
        user = pellucid.Instance(store, pellucid.Module(store.engine, USER), {"math": math})
        return user.exports.run()

    def times(self):
        store = pellucid.Store(pellucid.Engine())
        add = pellucid.Instance(store, pellucid.Module(store.engine, ADD)).exports.add
        pair = pellucid.Instance(store, pellucid.Module(store.engine, PAIR)).exports.pair

        def f(a: pellucid.i32, b: pellucid.i32) -> pellucid.i32:
            return b
        run = pellucid.Instance(store, pellucid.Module(store.engine, LOOP), {"env": {"f": f}}).exports.run
        return measured(lambda: add(1, 2), lambda: pair(1), run, pellucid_start)


def pellucid_start():
    store = pellucid.Store(ENGINE)
    return pellucid.Instance(store, COMPILED)


class Wasmtime:
    def call_a_function(self):
        store = wasmtime.Store()
        instance = wasmtime.Instance(store, wasmtime.Module(store.engine, ADD), [])
        return instance.exports(store)["add"](store, 40, 2)

    def give_a_host_function(self):
        def log(number):
            return number + 1
        store = wasmtime.Store()
        i32 = wasmtime.ValType.i32()
        function = wasmtime.Func(store, wasmtime.FuncType([i32], [i32]), log)
        instance = wasmtime.Instance(store, wasmtime.Module(store.engine, LOG), [function])
        return instance.exports(store)["run"](store, 1)

    def read_and_write_memory(self):
        store = wasmtime.Store()
        instance = wasmtime.Instance(store, wasmtime.Module(store.engine, TEXT), [])
        exports = instance.exports(store)
        text = exports["memory"].read(store, 16, 21).decode()
        exports["memory"].write(store, b"H", 16)
        return text, exports["first"](store)

    def share_memory_with_numpy(self):
        store = wasmtime.Store()
        instance = wasmtime.Instance(store, wasmtime.Module(store.engine, TEXT), [])
        exports = instance.exports(store)
        array = numpy.frombuffer(exports["memory"].get_buffer_ptr(store), dtype="u1", count=5, offset=16)
        array += 1
        return exports["first"](store)

    def catch_a_trap_with_its_frames(self):
        store = wasmtime.Store()
        instance = wasmtime.Instance(store, wasmtime.Module(store.engine, TRAP), [])
        try:
            instance.exports(store)["run"](store, 0)
        except wasmtime.Trap as trap:
            return trap.trap_code.value > 0, [frame.func_name for frame in trap.frames]

    def pass_an_exception_through_a_guest(self):
        def log(number):
            raise Own("text")
        store = wasmtime.Store()
        i32 = wasmtime.ValType.i32()
        function = wasmtime.Func(store, wasmtime.FuncType([i32], [i32]), log)
        instance = wasmtime.Instance(store, wasmtime.Module(store.engine, LOG), [function])
        try:
            instance.exports(store)["run"](store, 1)
        except Own as raised:
            return raised.args

    def run_a_program(self):
        store = wasmtime.Store()
        linker = wasmtime.Linker(store.engine)
        linker.define_wasi()
        with tempfile.NamedTemporaryFile() as output:
            wasi = wasmtime.WasiConfig()
            wasi.argv = ["program"]
            wasi.stdout_file = output.name
            store.set_wasi(wasi)
            instance = linker.instantiate(store, wasmtime.Module(store.engine, PROGRAM))
            try:
                instance.exports(store)["_start"](store)
                code = 0
            except wasmtime.ExitTrap as trap:
                code = trap.code
            return code, output.read()

    def end_a_runaway_guest(self):
        config = wasmtime.Config()
        config.epoch_interruption = True
        engine = wasmtime.Engine(config)
        store = wasmtime.Store(engine)
        store.set_epoch_deadline(1)
        instance = wasmtime.Instance(store, wasmtime.Module(engine, SPIN), [])
        threading.Timer(0.1, engine.increment_epoch).start()
        try:
            instance.exports(store)["spin"](store)
        except wasmtime.Trap as trap:
            if trap.trap_code == wasmtime.TrapCode.INTERRUPT:
                return "ended"

    def keep_an_object_in_a_guest(self):
        store = wasmtime.Store()
        exports = wasmtime.Instance(store, wasmtime.Module(store.engine, EXTERN), []).exports(store)
        exports["put"](store, ["any", "object"])
        return exports["get"](store)

    def link_two_modules(self):
        store = wasmtime.Store()
        linker = wasmtime.Linker(store.engine)
        math = linker.instantiate(store, wasmtime.Module(store.engine, ADD))
        linker.define_instance(store, "math", math)
        user = linker.instantiate(store, wasmtime.Module(store.engine, USER))
        return user.exports(store)["run"](store)

    def times(self):
        store = wasmtime.Store()
        add = wasmtime.Instance(store, wasmtime.Module(store.engine, ADD), []).exports(store)["add"]
        pair = wasmtime.Instance(store, wasmtime.Module(store.engine, PAIR), []).exports(store)["pair"]
        i32 = wasmtime.ValType.i32()
        f = wasmtime.Func(store, wasmtime.FuncType([i32, i32], [i32]), lambda a, b: b)
        run = wasmtime.Instance(store, wasmtime.Module(store.engine, LOOP), [f]).exports(store)["run"]
        return measured(lambda: add(store, 1, 2), lambda: pair(store, 1), lambda count: run(store, count), wasmtime_start)


def wasmtime_start():
    store = wasmtime.Store(ENGINE)
    return wasmtime.Instance(store, COMPILED, [])


TASKS = [name for name in vars(Pellucid) if not name.startswith("_") and name != "times"]
MEASURES = ["host to guest: add(1, 2)", "host to guest: two results", "guest to host: f(a, b)", "a store and an instance"]


def measured(add, pair, run, start):
    """Nanoseconds: the least of several rounds, which is what others on the machine disturb least."""
    def least(function, count):
        return min(timeit.repeat(function, number=count, repeat=9)) / count * 1e9
    return [least(add, 20000), least(pair, 20000), least(lambda: run(20000), 1) / 20000, least(start, 200)]


def lines(function):
    source = textwrap.dedent(inspect.getsource(function)).splitlines()[1:]
    return sum(1 for line in source if line.strip())


def one(name):
    """What one package does, for the other process."""
    global pellucid, wasmtime, numpy, ENGINE, COMPILED
    import numpy
    if name == "Pellucid":
        import pellucid
        ENGINE = pellucid.Engine()
        COMPILED = pellucid.Module(ENGINE, ADD)
    else:
        import wasmtime
        ENGINE = wasmtime.Engine()
        COMPILED = wasmtime.Module(ENGINE, ADD)
    package = globals()[name]()
    results = [repr(getattr(package, task)()) for task in TASKS]
    print(json.dumps({"results": results, "lines": [lines(getattr(package, task)) for task in TASKS],
                      "times": package.times()}))


def main():
    found = {}
    for name in ("Pellucid", "Wasmtime"):
        done = subprocess.run([sys.executable, __file__, name], check=True, capture_output=True, text=True)
        found[name] = json.loads(done.stdout)
    ours, theirs = found["Pellucid"], found["Wasmtime"]
    print("| Task | lines, pellucid | lines, wasmtime-py |\n|---|--:|--:|")
    for index, task in enumerate(TASKS):
        print(f"| {task.replace('_', ' ')} | {ours['lines'][index]} | {theirs['lines'][index]} |")
    print(f"| all | {sum(ours['lines'])} | {sum(theirs['lines'])} |")
    print("\n| Time, in ns | pellucid | wasmtime-py |\n|---|--:|--:|")
    for index, measure in enumerate(MEASURES):
        print(f"| {measure} | {ours['times'][index]:,.0f} | {theirs['times'][index]:,.0f} |")
    for index, task in enumerate(TASKS):
        if ours["results"][index] != theirs["results"][index]:
            print(f"\n{task}: {ours['results'][index]} and {theirs['results'][index]}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        one(sys.argv[1])
    else:
        main()
