#!/bin/sh
# Rebuilds every .wasm here, with clang as packaged by ziglang, in a temporary venv.
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

# generic: no SIMD, threads, tail calls or exceptions. The prefix map keeps this machine's paths out of the DWARF.
# The stack comes first in memory, so that an overflow traps.
compile() {
    name=$1; shift
    $ZIG cc -target wasm32-freestanding -mcpu=generic -nostdlib -fno-builtin -fno-sanitize=undefined \
        -Wall -Wextra "-fdebug-prefix-map=$PWD=." -Wl,--no-entry "$@" "$name.c" -o "$scratch/$name.wasm"
    mv "$scratch/$name.wasm" "$out/$name.wasm"
    chmod 644 "$out/$name.wasm"
}

# -Xclang -O1: zig cc turns every -O1 into -O2.
compile script -g -O1 -Xclang -O1 -Wl,-z,stack-size=262144 -Wl,--export=run_demo -Wl,--export=eval -Wl,--export=alloc
for name in compute_sieve compute_nbody compute_vm; do
    compile "$name" -g0 -O2 -Wl,-z,stack-size=262144 -Wl,--export=run
done
