"""What is installed: the library, the types that it says, and the documentation, whose programs run as they are printed."""

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import unittest

import pellucid
from pellucid import _library, _native

HERE = os.path.dirname(os.path.abspath(__file__))
DOCUMENT = os.path.join(HERE, "..", "..", "..", "docs", "PYTHON.md")
README = os.path.join(HERE, "..", "README.md")

SAMPLE = '''
import asyncio
import pellucid


def log(caller: pellucid.Caller, at: pellucid.i32, size: pellucid.i32) -> None:
    print(caller.memory.read(at, size).decode())


async def fetch(number: pellucid.i32) -> pellucid.i64:
    await asyncio.sleep(0)
    return number


def main() -> int:
    engine = pellucid.Engine(pellucid.Config(fuel=True, limits={pellucid.Limit.MEMORY_BYTES: 1 << 20}))
    module: pellucid.Module = pellucid.Module(engine, "(module)")
    with pellucid.Store(engine) as store:
        linker = pellucid.Linker(wasi=pellucid.Wasi(args=["a"], stdout="capture"))
        linker.define("env", "log", log)
        linker.define("env", "fetch", fetch)
        instance = linker.instantiate(store, module)
        store.fuel += 5
        try:
            found: int = instance.exports.f(1, 2.0)
            view: memoryview = instance.memory.view()
            answer = asyncio.run(instance.exports.f.call_async(1))
        except pellucid.Trap as trap:
            for frame in trap.frames:
                print(frame.func, frame.pc)
            return int(trap.code)
        print(view[0], answer)
        return found
'''


def readable(data):
    return data.decode(errors="replace")


class Package(unittest.TestCase):
    def test_the_library_is_the_packages_own(self):
        self.assertEqual(os.path.dirname(_library.PATH), os.path.dirname(pellucid.__file__))
        self.assertEqual(pellucid.__version__, _native.VERSION)
        self.assertEqual(pellucid.__version__, pellucid.version())

    def test_the_library_is_stripped(self):
        sections = subprocess.run(["readelf", "-SW", _library.PATH], capture_output=True, text=True, check=True).stdout
        self.assertNotIn(".debug_info", sections)
        self.assertNotIn(".symtab", sections)
        self.assertIn(".dynsym", sections)

    def test_the_header_fits(self):
        import ctypes
        self.assertEqual(_native.pellucid_abi_check(_native.Abi.ABI_VERSION, ctypes.sizeof(_native.Value),
                                                    ctypes.sizeof(_native.Frame)), 0)

    def test_all_that_is_promised_is_there(self):
        for name in pellucid.__all__:
            thing = getattr(pellucid, name)
            if isinstance(thing, type):
                self.assertTrue(thing.__doc__, name)

    @unittest.skipUnless(importlib.util.find_spec("mypy"), "mypy isn't installed")
    def test_types(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "sample.py"), "w", encoding="utf-8") as file:
                file.write(SAMPLE)
            command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", os.path.join(folder, "cache")]
            for what in (["sample.py"], ["-p", "pellucid"]):
                done = subprocess.run(command + what, capture_output=True, text=True, cwd=folder)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            with open(os.path.join(folder, "sample.py"), "a", encoding="utf-8") as file:
                file.write("\nmain().upper()\npellucid.Store(5)\n")
            done = subprocess.run(command + ["sample.py"], capture_output=True, text=True, cwd=folder)
            self.assertIn("Found 2 errors", done.stdout)


class Documentation(unittest.TestCase):
    def test_programs_run_as_printed(self):
        """Each block of Python is a program; the block of text behind it is what it prints."""
        for document in (DOCUMENT, README):
            with open(document, encoding="utf-8") as file:
                text = file.read()
            programs = re.findall(r"^```python\n(.*?)^```\n(?:\n?It prints:?\n\n```text\n(.*?)^```\n)?", text, re.S | re.M)
            self.assertTrue(programs)
            for program, expected in programs:
                with self.subTest(program=program), tempfile.TemporaryDirectory() as folder:
                    path = os.path.join(folder, "program.py")
                    with open(path, "w", encoding="utf-8") as file:
                        file.write(program)
                    done = subprocess.run([sys.executable, path], cwd=folder, capture_output=True, timeout=60)
                    self.assertEqual((done.returncode, readable(done.stderr)), (0, ""))
                    if expected:
                        self.assertEqual(readable(done.stdout), expected)


if __name__ == "__main__":
    unittest.main()
