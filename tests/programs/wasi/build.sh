#!/bin/sh
# Rebuilds every .wasm here, with clang and wasi-libc as packaged by ziglang, in a temporary venv.
# ZIG="python -m ziglang" uses one that is there already. OUT=dir writes elsewhere.
set -eu
cd "$(dirname "$0")"
out=${OUT:-.}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

if [ -z "${ZIG:-}" ]; then
    python3 -m venv "$scratch/venv"
    "$scratch/venv/bin/pip" install --quiet ziglang==0.17.1
    ZIG="$scratch/venv/bin/python -m ziglang"
fi
export ZIG_LOCAL_CACHE_DIR="$scratch/cache" ZIG_GLOBAL_CACHE_DIR="$scratch/cache"

for name in echo files; do
    $ZIG cc -target wasm32-wasi -mcpu=generic -Os -s -Wall -Wextra "$name.c" -o "$scratch/$name.wasm"
    mv "$scratch/$name.wasm" "$out/$name.wasm"
    chmod 644 "$out/$name.wasm"
done

# Rust's, for which `rustup target add wasm32-wasip1 wasm32-wasip1-threads` is needed.
${RUSTC:-rustc} --edition 2024 -O -C strip=symbols -C panic=abort --target wasm32-wasip1 serve.rs -o "$out/serve.wasm"
chmod 644 "$out/serve.wasm"
${RUSTC:-rustc} --edition 2024 -O -C strip=debuginfo -C panic=abort --target wasm32-wasip1-threads threads.rs -o "$out/threads.wasm"
chmod 644 "$out/threads.wasm"
