#!/bin/sh
# Rebuilds words.wasm with TeaVM from Maven Central, and what it prints, which is what the same source prints on the JVM. Needs mvn and a JDK.
#   build.sh
# OUT=dir writes elsewhere.
set -eu
cd "$(dirname "$0")"
out=${OUT:-.}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mvn --quiet --batch-mode "-Dout=$scratch" process-classes
cp "$scratch/javascript/classes.wasm" "$out/words.wasm"
java -cp "$scratch/classes" Expected > "$out/words.expected.txt"
chmod 644 "$out/words.wasm" "$out/words.expected.txt"
