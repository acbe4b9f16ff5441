"""Builds and installs the wheel by the commands of docs/PYTHON.md, as they are printed there, in a fresh environment; and runs all tests
in it, from an empty folder.

Usage: run.py path/to/libpellucid.so [test…]

Packages come from pip: `build` to build with; numpy and mypy to test with.
"""

import os
import re
import subprocess
import sys
import tempfile
import venv

TESTS = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(TESTS, "..", "..", ".."))


def commands():
    with open(os.path.join(ROOT, "docs", "PYTHON.md"), encoding="utf-8") as file:
        return re.search(r"^```sh\n(.*?)^```", file.read(), re.S | re.M)[1]


def main(library, *names):
    with tempfile.TemporaryDirectory() as folder:
        tested = os.path.join(folder, "tested")
        venv.create(tested, with_pip=True)
        # Nothing of the caller's is to be found by what is tested.
        clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PELLUCID_LIBRARY")}
        clean |= {"PATH": os.path.join(tested, "bin") + os.pathsep + clean["PATH"], "PYTHONDONTWRITEBYTECODE": "1",
                  "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_QUIET": "1"}
        # The commands are meant for the repository's root, and leave the wheel there.
        root = os.path.join(folder, "root")
        os.makedirs(os.path.join(root, "target", "release"))
        os.symlink(os.path.join(ROOT, "bindings"), os.path.join(root, "bindings"))
        os.symlink(os.path.abspath(library), os.path.join(root, "target", "release", "libpellucid.so"))
        subprocess.run(["sh", "-e", "-c", commands()], check=True, cwd=root, env=clean, stdout=subprocess.DEVNULL)
        wheel, = os.listdir(os.path.join(root, "dist"))
        print(wheel, flush=True)
        if not re.fullmatch(r"pellucid-[\d.]+-py3-none-manylinux_2_\d+_x86_64\.whl", wheel):
            raise SystemExit(f"{wheel}: a wheel of this name isn't for the systems that the library runs on")
        subprocess.run(["pip", "install", "numpy", "mypy"], check=True, env=clean)
        empty = os.path.join(folder, "empty")
        os.mkdir(empty)
        what = names or ["discover", "-s", TESTS]
        ran = subprocess.run(["python3", "-m", "unittest", *what], cwd=empty, stderr=subprocess.PIPE, text=True,
                             env={**clean, **({"PYTHONPATH": TESTS} if names else {})})
    sys.stderr.write(ran.stderr)
    total = re.search(r"^Ran (\d+) test", ran.stderr, re.M)
    counts = {what: int(found[1]) if (found := re.search(rf"{what}=(\d+)", ran.stderr)) else 0
              for what in ("failures", "errors", "skipped")}
    failed = counts["failures"] + counts["errors"]
    passed = int(total[1]) - failed - counts["skipped"] if total else 0
    print(f"{passed} passed, {failed} failed, {counts['skipped']} skipped")
    return ran.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
