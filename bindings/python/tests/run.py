"""Builds the wheel as the README says, installs it into a fresh environment, and runs all tests there, in an empty folder.

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
BINDING = os.path.dirname(TESTS)


def environment(folder, *packages, pip=None):
    """The Python of a new virtual environment, with packages that its own pip or that of another has installed."""
    venv.create(folder, with_pip=pip is None)
    python = os.path.join(folder, "bin", "python")
    subprocess.run([pip or python, "-m", "pip", "--python", python, "--quiet", "--disable-pip-version-check", "install", *packages],
                   check=True)
    return python


def main(library, *names):
    # Nothing of the caller's is to be found by what is tested.
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PELLUCID_LIBRARY")}
    with tempfile.TemporaryDirectory() as folder:
        builder = environment(os.path.join(folder, "builder"), "build")
        dist = os.path.join(folder, "dist")
        subprocess.run([builder, "-m", "build", "--wheel", "--outdir", dist, BINDING], check=True, stdout=subprocess.DEVNULL,
                       env={**clean, "PELLUCID_LIBRARY": os.path.abspath(library)})
        wheel, = os.listdir(dist)
        print(wheel, flush=True)
        if not re.fullmatch(r"pellucid-[\d.]+-py3-none-manylinux_2_\d+_x86_64\.whl", wheel):
            raise SystemExit(f"{wheel}: a wheel of this name isn't for the systems that the library runs on")
        python = environment(os.path.join(folder, "tested"), os.path.join(dist, wheel), "numpy", "mypy", pip=builder)
        empty = os.path.join(folder, "empty")
        os.mkdir(empty)
        what = names or ["discover", "-s", TESTS]
        ran = subprocess.run([python, "-m", "unittest", *what], cwd=empty, stderr=subprocess.PIPE, text=True,
                             env={**clean, "PYTHONDONTWRITEBYTECODE": "1", **({"PYTHONPATH": TESTS} if names else {})})
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
