"""Programs: arguments, environment, streams, folders, exit codes; and waiting for input without holding up the thread."""

import asyncio
import os
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from pathlib import Path

import pellucid

# Copies standard input to standard output and standard error, then its arguments and environment, each ended by NUL, then a file.
PROGRAM = """
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 100) "file")
  (func $put (param $fd i32) (param $at i32) (param $n i32)
    (i32.store (i32.const 0) (local.get $at)) (i32.store (i32.const 4) (local.get $n))
    (if (call $write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)) (then (call $exit (i32.const 99)))))
  (func $copy (param $fd i32) (param $both i32)
    (loop $more
      (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 512))
      (if (call $read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)) (then (call $exit (i32.const 98))))
      (if (i32.load (i32.const 8)) (then
        (i32.store (i32.const 12) (i32.load (i32.const 8)))
        (call $put (i32.const 1) (i32.const 1024) (i32.load (i32.const 12)))
        (if (local.get $both) (then (call $put (i32.const 2) (i32.const 1024) (i32.load (i32.const 12)))))
        (br $more)))))
  (func (export "_start")
    (call $copy (i32.const 0) (i32.const 1))
    (drop (call $args_sizes (i32.const 16) (i32.const 20))) (drop (call $args (i32.const 2048) (i32.const 4096)))
    (call $put (i32.const 1) (i32.const 4096) (i32.load (i32.const 20)))
    (drop (call $environ_sizes (i32.const 16) (i32.const 20))) (drop (call $environ (i32.const 2048) (i32.const 4096)))
    (call $put (i32.const 1) (i32.const 4096) (i32.load (i32.const 20)))
    (if (i32.eqz (call $open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 4) (i32.const 0) (i64.const 2) (i64.const 0)
                             (i32.const 0) (i32.const 24)))
      (then (call $copy (i32.load (i32.const 24)) (i32.const 0))))
    (call $exit (i32.const 7))))"""


class Programs(unittest.TestCase):
    engine = pellucid.Engine()
    module = pellucid.Module(engine, PROGRAM)

    def run_with(self, **options):
        wasi = pellucid.Wasi(**options)
        code = pellucid.Linker(wasi=wasi).run(pellucid.Store(self.engine), self.module)
        return code, wasi

    def test_nothing_is_given(self):
        self.assertEqual(self.run_with()[0], 7)

    def test_arguments_environment_bytes_capture(self):
        code, wasi = self.run_with(args=["app", "ä"], env={"A": "1"}, stdin=b"input;", stdout="capture", stderr="capture")
        self.assertEqual((code, wasi.take_stdout(), wasi.take_stderr()), (7, "input;app\0ä\0A=1\0".encode(), b"input;"))
        self.assertEqual(wasi.take_stdout(), b"")

    def test_files_and_folders(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder)
            (path / "file").write_bytes(b"content")
            (path / "in").write_bytes(b"x" * 2000)
            for kind in ("folders", "read_only_folders"):
                code, wasi = self.run_with(stdin=path / "in", stdout=path / "out", **{kind: {"/": path}})
                self.assertEqual((code, (path / "out").read_bytes()), (7, b"x" * 2000 + b"content"))
            with self.assertRaises(pellucid.NotFound):
                pellucid.Wasi(stdin=path / "none")
            with self.assertRaises(pellucid.NotFound):
                pellucid.Wasi(folders={"/": path / "none"})

    def test_functions(self):
        parts, written = [b"one ", b"x" * 1000, b""], []
        code, wasi = self.run_with(stdin=lambda room: parts.pop(0), stdout=written.append)
        self.assertEqual((code, b"".join(written)), (7, b"one " + b"x" * 1000))
        self.assertEqual(wasi.errors, [])

    def test_functions_that_fail(self):
        def fail(data):
            raise KeyError("no")
        code, wasi = self.run_with(stdin=b"x", stdout=fail)
        self.assertEqual((code, [type(error) for error in wasi.errors]), (99, [KeyError]))
        code, wasi = self.run_with(stdin=fail)
        self.assertEqual((code, [type(error) for error in wasi.errors]), (98, [KeyError]))

    def test_inherit(self):
        program = textwrap.dedent(f"""
            import sys, pellucid
            engine = pellucid.Engine()
            wasi = pellucid.Wasi(stdin="inherit", stdout="inherit", stderr="inherit", env="inherit")
            sys.exit(pellucid.Linker(wasi=wasi).run(pellucid.Store(engine), pellucid.Module(engine, sys.argv[1])))
            """)
        done = subprocess.run([sys.executable, "-c", program, PROGRAM], input=b"in", capture_output=True, timeout=60,
                              env={**os.environ, "PELLUCID_TEST": "yes"})
        self.assertEqual((done.returncode, done.stderr), (7, b"in"))
        self.assertTrue(done.stdout.startswith(b"in"))
        self.assertIn(b"PELLUCID_TEST=yes\0", done.stdout)

    def test_what_cant_be(self):
        for options in ({"stdin": "capture"}, {"stdout": "file.txt"}, {"env": "all"}, {"args": ["a\0b"]}, {"stdin": 3}):
            with self.subTest(options=options), self.assertRaises((ValueError, pellucid.Error)):
                pellucid.Wasi(**options)

    def test_exit(self):
        wasi = pellucid.Wasi()
        instance = pellucid.Linker(wasi=wasi).instantiate(pellucid.Store(self.engine), self.module)
        with self.assertRaises(pellucid.Exit) as caught:
            instance.exports._start()
        self.assertEqual(caught.exception.code, 7)

    def test_each_store_has_its_own(self):
        wasi = pellucid.Wasi(stdin=b"x", stdout="capture")
        linker = pellucid.Linker(wasi=wasi)
        for _ in range(2):
            linker.run(pellucid.Store(self.engine), self.module)
        self.assertEqual(wasi.take_stdout(), b"xx")

    def test_a_name_that_wasi_hasnt(self):
        module = pellucid.Module(self.engine, '(module (import "wasi_snapshot_preview1" "nothing" (func)))')
        with self.assertRaisesRegex(pellucid.LinkError, "nothing"):
            pellucid.Linker(wasi=pellucid.Wasi()).instantiate(pellucid.Store(self.engine), module)


class Waiting(unittest.IsolatedAsyncioTestCase):
    async def test_waiting_for_input_lets_others_run(self):
        read, write = os.pipe()
        engine = pellucid.Engine()
        wasi = pellucid.Wasi(stdin=Path(f"/dev/fd/{read}"), stdout="capture")
        instance = pellucid.Linker(wasi=wasi).instantiate(pellucid.Store(engine), pellucid.Module(engine, PROGRAM))
        task = asyncio.ensure_future(instance.exports._start.call_async())
        ticks = 0
        for _ in range(5):
            await asyncio.sleep(0.01)
            ticks += 1
        self.assertFalse(task.done())
        os.write(write, b"late")
        os.close(write)
        with self.assertRaises(pellucid.Exit):
            await task
        os.close(read)
        self.assertEqual((ticks, wasi.take_stdout()), (5, b"late"))

    async def test_sleeping_lets_others_run(self):
        engine = pellucid.Engine()
        module = pellucid.Module(engine, """(module
            (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "sleep") (result i32)
              (i32.store (i32.const 16) (i32.const 1))              ;; the monotonic clock
              (i64.store (i32.const 24) (i64.const 50000000))
              (call $poll (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 200))))""")
        sleeps = [pellucid.Linker(wasi=pellucid.Wasi()).instantiate(pellucid.Store(engine), module).exports.sleep for _ in range(20)]
        start = time.monotonic()
        self.assertEqual(await asyncio.gather(*(sleep.call_async() for sleep in sleeps)), [0] * 20)
        self.assertTrue(0.05 <= time.monotonic() - start < 0.9)


if __name__ == "__main__":
    unittest.main()
