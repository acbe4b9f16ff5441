#!/bin/sh
# Rebuilds every .wasm here: C, C++ and Zig with a pinned `ziglang` package, AssemblyScript with a pinned npm package,
# Lua and SQLite from the sources in pinned crates. Needs python3, npm, cargo, and the network the first time.
#   build.sh [NAME…]
# ZIG="python -m ziglang" and ASC="path/to/asc" use tools that are there already. OUT=dir writes elsewhere.
set -eu
cd "$(dirname "$0")"
out=${OUT:-.}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
wanted=$*

wants() {
    [ -z "$wanted" ] && return
    case " $wanted " in *" $1 "*) ;; *) return 1 ;; esac
}

if [ -z "${ZIG:-}" ]; then
    python3 -m venv "$scratch/venv"
    "$scratch/venv/bin/pip" install --quiet ziglang==0.17.1
    ZIG="$scratch/venv/bin/python -m ziglang"
fi
export ZIG_LOCAL_CACHE_DIR="$scratch/cache" ZIG_GLOBAL_CACHE_DIR="${ZIG_CACHE:-$scratch/cache}"

# The folder of a crate's sources, fetched by cargo.
crate_sources() {
    mkdir -p "$scratch/fetch/src"
    : > "$scratch/fetch/src/lib.rs"
    cat > "$scratch/fetch/Cargo.toml" <<END
[package]
name = "fetch"
version = "0.0.0"
edition = "2021"
[dependencies]
$1 = "=$2"
[workspace]
END
    cargo fetch --quiet --manifest-path "$scratch/fetch/Cargo.toml"
    ls -d "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/"$1-$2" | head -n 1
}

# wasm <name> <command…>: runs the command with its output file appended, and installs that.
wasm() {
    name=$1; shift
    "$@" -o "$scratch/$name.wasm"
    mv "$scratch/$name.wasm" "$out/$name.wasm"
    chmod 644 "$out/$name.wasm"
}

# generic: no SIMD, threads, tail calls or exceptions. The stack comes first in memory, so that an overflow traps.
flags="-mcpu=generic -fno-sanitize=undefined -Wall -Wextra -Wl,-z,stack-size=262144 -Wl,--export=run"
# Without any library.
bare() { name=$1; shift; wasm "$name" $ZIG cc -target wasm32-freestanding -nostdlib $flags -Wl,--no-entry "$@"; }
# With wasi-libc; what it imports is never called, or answered with "not supported".
libc() { name=$1; shift; wasm "$name" $ZIG "$@" -target wasm32-wasi -mexec-model=reactor $flags -Wl,--strip-debug; }

# With vectors, written by hand or found by the compiler.
vectors() { name=$1; shift; flags="$flags -mcpu=generic+simd128" bare "$name" "$@"; }

wants pixels && vectors pixels -O2 -g0 -fno-builtin pixels.c
wants matrices && vectors matrices -O3 -g0 -fno-builtin matrices.c
wants signal && bare signal -O3 -g0 signal.c
wants switch && bare switch -O2 -g0 -fno-builtin switch.c
wants unoptimised && bare unoptimised -O0 -g0 -fno-builtin unoptimised.c
wants text && libc text cc -O2 -g0 text.c
wants trees && libc trees cc -O2 -g0 trees.c
wants objects && libc objects c++ -std=c++20 -O2 -g0 -fno-exceptions -fno-rtti objects.cpp
# zig_hashes <name> <target>
zig_hashes() {
    wasm_out=$scratch/$1.wasm
    $ZIG build-exe hashes.zig -target "$2" -mcpu=generic -O ReleaseSafe -fno-entry --export=run \
        -fstrip --cache-dir "$scratch/cache" -femit-bin="$wasm_out"
    mv "$wasm_out" "$out/$1.wasm"
    chmod 644 "$out/$1.wasm"
}
wants hashes && zig_hashes hashes wasm32-freestanding
wants hashes64 && zig_hashes hashes64 wasm64-freestanding
if wants life; then
    if [ -z "${ASC:-}" ]; then
        npm install --silent --no-audit --no-fund --prefix "$scratch/npm" assemblyscript@0.27.31 >/dev/null
        ASC=$scratch/npm/node_modules/.bin/asc
    fi
    "$ASC" life.ts -O2 --runtime incremental --use abort= -o "$scratch/life.wasm"
    mv "$scratch/life.wasm" "$out/life.wasm"
    chmod 644 "$out/life.wasm"
fi
if wants lua; then
    lua=$(crate_sources lua-src 547.1.0)/lua-5.4.7
    parts=
    for part in lapi lcode lctype ldebug ldo ldump lfunc lgc llex lmem lobject lopcodes lparser lstate lstring ltable \
        ltm lundump lvm lzio lauxlib lbaselib lstrlib ltablib lmathlib; do
        parts="$parts $lua/$part.c"
    done
    # No setjmp: a Lua error ends the guest.
    mkdir "$scratch/include"
    : > "$scratch/include/setjmp.h"
    libc lua cc -O2 -g0 -I "$scratch/include" -I "$lua" '-DLUAI_THROW(L,c)=__builtin_trap()' '-DLUAI_TRY(L,c,a)={a}' '-Dluai_jmpbuf=int' \
        -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_PROCESS_CLOCKS -Wno-unused-parameter $parts lua_main.c \
        -lwasi-emulated-signal -lwasi-emulated-process-clocks
fi
if wants sqlite; then
    sqlite=$(crate_sources libsqlite3-sys 0.30.1)/sqlite3
    libc sqlite cc -O2 -g0 -I "$sqlite" -DSQLITE_OS_OTHER=1 -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION \
        -DSQLITE_TEMP_STORE=3 -DSQLITE_OMIT_JSON -DSQLITE_OMIT_DESERIALIZE -DSQLITE_OMIT_DEPRECATED \
        -DSQLITE_ENABLE_MATH_FUNCTIONS -w \
        -Wl,--export=ready "$sqlite/sqlite3.c" sqlite_main.c
fi
