#!/usr/bin/env python3
"""Runs a program that is made with the older exceptions, with debugging off and on, and compares what it does with Node.

    python3 tests/exception_programs.py [libpellucid.so]

Pandoc (npm's `pandoc-wasm`), in Haskell with Lua in it, whose errors are exceptions of WebAssembly: conversions between formats, filters
in Lua that raise and catch errors, also in coroutines, and conversions that fail.

The package comes from npm in a pinned version with its hash, and is kept in target/wasi-programs. The last line counts:
`N passed, F failed, 0 skipped`.
"""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import packages
import wasm_host

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target" / "release" / "libpellucid.so").resolve()
ARGUMENTS = ["pandoc.wasm", "+RTS", "-H64m", "-RTS"]
STREAMS = ("stdin", "stdout", "stderr", "warnings")

MARKDOWN = """# Größe & *more*

A paragraph with `code`, $x^2 + y_1$, a [link](https://example.org "title") and a note.[^1]

| a | b |
|--:|:--|
| 1 | **2** |

1. one
2. two

   > quoted

[^1]: The note.
"""

# Errors with values of all kinds, through functions of Lua and C, with handlers, in coroutines, and again.
CATCHING = """
local function raise(value) return (string.gsub("x", "x", function() error(value, 0) end)) end
local kinds = {1, 2.5, "text", {text = "table"}, true}
local function show(value) return type(value) == "table" and value.text or tostring(value) end
function Str(el)
  local seen = {}
  for _, kind in ipairs(kinds) do
    local ok, value = pcall(raise, kind)
    seen[#seen + 1] = tostring(ok) .. show(value)
  end
  local _, traced = xpcall(raise, function(value) return "handled " .. value end, el.text)
  local co = coroutine.wrap(function(a) local b = coroutine.yield(a .. "1"); raise("in " .. b) end)
  seen[#seen + 1] = co("first") .. show(select(2, pcall(co, "co")))
  local _, again = pcall(function() local _, value = pcall(raise, "deep"); error(value .. "er", 0) end)
  local n = 0
  for i = 1, 2000 do if not pcall(raise, i) then n = n + 1 end end
  return pandoc.Str(table.concat(seen, ",") .. "," .. traced .. "," .. again .. n)
end
"""

CASES = [
    ("markdown to html", {"from": "markdown", "to": "html"}, MARKDOWN, {}),
    ("markdown to latex", {"from": "markdown", "to": "latex", "standalone": True}, MARKDOWN, {}),
    ("markdown to json", {"from": "markdown", "to": "json"}, MARKDOWN, {}),
    ("latex to rst", {"from": "latex", "to": "rst"}, "\\section{S} \\emph{e} \\begin{itemize}\\item i\\end{itemize}", {}),
    ("errors that are caught", {"from": "markdown", "to": "html", "filters": ["f.lua"]}, "hello *you*", {"f.lua": CATCHING}),
    ("one that isn't", {"from": "markdown", "to": "html", "filters": ["f.lua"]}, "a", {"f.lua": "function Str(el) error('no') end"}),
    ("a filter that doesn't parse", {"from": "markdown", "to": "html", "filters": ["f.lua"]}, "a", {"f.lua": "function ("}),
    ("an unknown format", {"from": "nonsense", "to": "html"}, "a", {}),
    ("again after that", {"from": "html", "to": "markdown"}, "<h2 id='x'>A</h2><p>b<br>c</p>", {}),
]

NODE = """
import fs from "fs";
const { convert } = await import(process.argv[1]);
const cases = JSON.parse(fs.readFileSync(0));
console.log = console.warn = () => {};
const outcomes = [];
for (const [, options, stdin, files] of cases) {
  const { stdout, stderr, warnings } = await convert(options, stdin, files);
  outcomes.push([stdout, stderr, warnings]);
}
process.stdout.write(JSON.stringify(outcomes));
"""


def fresh_folder():
    folder = packages.KEPT / "scratch" / "pandoc"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def expected(folder):
    """What each case gives in Node, by the package's own code."""
    shim = folder / "node_modules" / "@bjorn3" / "browser_wasi_shim"
    if not shim.exists():
        shim.parent.mkdir(parents=True, exist_ok=True)
        shim.symlink_to(packages.folder("@bjorn3/browser_wasi_shim") / "package")
    done = subprocess.run(
        ["node", "--no-warnings", "--input-type=module", "-e", NODE, (folder / "package" / "index.js").as_uri()],
        input=json.dumps(CASES), check=True, text=True, stdout=subprocess.PIPE,
    )
    return json.loads(done.stdout)


class Pandoc:
    """Pandoc, ready to convert."""

    def __init__(self, code, debugging):
        self.folder = fresh_folder()
        self.host = wasm_host.Host(LIBRARY, debugging=debugging)
        self.instance = self.host.program(code.read_bytes(), ARGUMENTS, self.folder)
        self.memory = self.instance.memory()
        self.instance.function("__wasm_call_ctors")()
        argv = self.put_words(*(self.put(argument.encode() + b"\0") for argument in ARGUMENTS), 0)
        self.instance.function("hs_init_with_rtsopts")(self.put_words(len(ARGUMENTS)), self.put_words(argv))

    def put(self, data):
        address = self.instance.function("malloc")(len(data))
        self.memory.write(address, data)
        return address

    def put_words(self, *words):
        return self.put(b"".join((word & 0xFFFFFFFF).to_bytes(4, "little") for word in words))

    def convert(self, options, stdin, files):
        for file in self.folder.iterdir():
            file.unlink()
        for name in STREAMS:
            (self.folder / name).write_text(stdin if name == "stdin" else "", encoding="utf-8")
        for name, text in files.items():
            (self.folder / name).write_text(text, encoding="utf-8")
        encoded = json.dumps(options).encode()
        self.instance.function("convert")(self.put(encoded), len(encoded))
        stdout, stderr, warnings = [(self.folder / name).read_text(encoding="utf-8") for name in STREAMS[1:]]
        return [stdout, stderr, json.loads(warnings) if warnings else []]


def main():
    passed = failed = 0
    folder = packages.folder("pandoc-wasm")
    code, wanted = folder / "package" / "src" / "pandoc.wasm", expected(folder)
    for debugging in (False, True):
        start = time.monotonic()
        pandoc = Pandoc(code, debugging)
        how = "on" if debugging else "off"
        print(f"        {time.monotonic() - start:5.1f} s  pandoc is compiled and begun, debugging {how}")
        start = time.monotonic()
        for (name, *case), outcome in zip(CASES, wanted):
            found = pandoc.convert(*case)
            if found == outcome:
                passed += 1
                print(f"ok      {name}, debugging {how}")
            else:
                failed += 1
                print(f"FAILED  {name}, debugging {how}: {found!r}\n  instead of {outcome!r}")
        print(f"        {time.monotonic() - start:5.1f} s  {len(CASES)} conversions")
        pandoc.host.close()
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
