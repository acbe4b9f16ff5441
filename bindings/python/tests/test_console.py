"""The debugger on the command line, by what is typed and what it says."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

TEXT = """(module $fib
  (memory (export "memory") 1)
  (data (i32.const 16) "hello world")
  (global $count (export "count") (mut i32) (i32.const 0))
  (func $fib (export "fib") (param $n i32) (result i32) (local $x i32)
    (local.set $x (i32.const 7))
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (if (result i32) (i32.lt_s (local.get $n) (i32.const 2))
      (then (local.get $n))
      (else (i32.add (call $fib (i32.sub (local.get $n) (i32.const 1)))
                     (call $fib (i32.sub (local.get $n) (i32.const 2)))))))
  (func $spin (export "spin") (local $i i32) (loop (local.set $i (i32.const 5)) (br 0)))
  (func $trap (export "trap") (param $n i32) (drop (i32.div_s (i32.const 1) (local.get $n)))))"""

HELLO = """(module $hello
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\10\\00\\00\\00\\06\\00\\00\\00")
  (data (i32.const 16) "hello\\n")
  (func $main (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $exit (i32.const 3))))"""


class Console(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        for name, text in (("fib.wat", TEXT), ("hello.wat", HELLO)):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write(text)

    def start(self, *args, **options):
        return subprocess.Popen([sys.executable, "-m", "pellucid.debug", *args], cwd=self.folder, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)

    def session(self, commands, *args):
        process = self.start(*args)
        said, _ = process.communicate("\n".join(commands) + "\n", timeout=60)
        self.assertEqual(process.returncode, 0, said)
        return said.splitlines()[1:]

    def test_stopping_and_looking(self):
        said = self.session(["break fib if n == 1", "continue", "where", "up", "locals", "print n * 2 + x", "x 16 11", "x [16] 5",
                             "core dump"], "--invoke", "fib", "fib.wat", "3")
        self.assertEqual([line.split(" @")[0] for line in said], [
            "breakpoint 1 at fib", "breakpoint 1", "#0 fib(n=1)", "> #0 fib(n=1)", "  #1 fib(n=2)", "  #2 fib(n=3)", "#1 fib(n=2)",
            "0 n = 2", "1 x = 7", "11", "0x00000010  68 65 6c 6c 6f 20 77 6f 72 6c 64                 hello world",
            "0x00000010  68 65 6c 6c 6f                                   hello", "written to dump"])
        with open(os.path.join(self.folder, "dump"), "rb") as file:
            self.assertEqual(file.read(4), b"\0asm")

    def test_steps_and_changes(self):
        said = self.session(["tbreak fib", "c", "step", "s 3", "operands", "set n = 5", "watch global count", "c", "b", "delete 2", "c"],
                            "--invoke", "fib", "fib.wat", "1")
        self.assertEqual(said[:3], ["breakpoint 1 at fib, once", "breakpoint 1", said[2]])
        self.assertEqual(said[5:7], ["0 = 0", "1 = 1"])
        self.assertEqual(said[7], "watchpoint 2")
        self.assertRegex(said[8], "watchpoint 2: 0 was written: 1 @0x")
        self.assertRegex(said[9], r"#0 fib\(n=5\)")
        self.assertRegex(said[10], "2: watchpoint of global 0")
        self.assertEqual(said[11], "the program is over: 5")

    def test_frames_are_left(self):
        said = self.session(["b fib", "c", "c", "c", "up", "finish", "next", "q"], "--invoke", "fib", "fib.wat", "3")
        frames = [line.split(" @")[0] for line in said if line.startswith("#")]
        self.assertEqual(frames[:4], ["#0 fib(n=3)", "#0 fib(n=2)", "#0 fib(n=1)", "#1 fib(n=2)"])

    def test_again(self):
        said = self.session(["b fib if n == 2", "c", "disable 1", "c", "enable 1", "run", "delete 1", "c"],
                            "--invoke", "fib", "fib.wat", "3")
        self.assertEqual([line.split(" @")[0] for line in said], [
            "breakpoint 1 at fib", "breakpoint 1", "#0 fib(n=2)", "the program is over: 2", "breakpoint 1", "#0 fib(n=2)",
            "the program is over: 2"])

    def test_traps_are_looked_at(self):
        said = self.session(["c", "locals", "c"], "--invoke", "trap", "fib.wat", "0")
        self.assertEqual(said[0], "the program has failed: Trap: integer divide by zero")
        self.assertRegex(said[1], r"#0 trap\(n=0\) @0x")
        self.assertEqual(said[2], "0 n = 0")
        self.assertIn("is over", said[3])

    def test_programs(self):
        said = self.session(["catch import wasi_snapshot_preview1 fd_write", "c", "operands", "c"], "hello.wat")
        self.assertEqual(said[:2], ["breakpoint 1", "breakpoint 1"])
        self.assertEqual(said[3:7], ["0 = 1", "1 = 0", "2 = 1", "3 = 8"])
        self.assertEqual(sorted(said[7:]), ["hello", "the program has exited with code 3"])

    def test_python(self):
        said = self.session(["b fib", "c", "!print(frame['n'] + 1)", "!frame['n'] = 1", "!1 / 0", "c"],
                            "-c", "functions fib", "--invoke", "fib", "fib.wat", "3")
        self.assertEqual(said[0], "0 fib (i32) -> (i32)")
        self.assertIn("4", said)
        self.assertTrue(any("ZeroDivisionError" in line for line in said))
        self.assertEqual(said[-1], "the program is over: 1")

    def test_mistakes(self):
        said = self.session(["nonsense", "b nothing", "b 0xffffff", "locals", "delete 7", "x", "print n", "watch", "set n", "until x",
                             "b fib if ((", "c", "print (", "set n = x", "x 70000", "watch local none"],
                            "--invoke", "fib", "fib.wat", "1")
        complaints = [line for line in said if line.startswith("***")]
        self.assertEqual(len(complaints), 15, said)
        self.assertNotIn("Traceback", "".join(said))
        for args in (["none.wat"], ["--invoke", "none", "fib.wat"]):
            process = self.start(*args)
            said, _ = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 1)
            self.assertNotIn("Traceback", said)

    def test_control_c_pauses(self):
        process = self.start("--invoke", "spin", "fib.wat")
        process.stdin.write("c\n")
        process.stdin.flush()
        process.stdout.readline()
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.stdout.readline(), "interrupted\n")
        self.assertRegex(process.stdout.readline(), r"#0 spin\(\) @0x")
        said, _ = process.communicate("locals\nq\n", timeout=60)
        self.assertEqual((said, process.returncode), ("0 i = 5\n", 0))


if __name__ == "__main__":
    unittest.main()
