#!/bin/sh
# Checks expected.txt two ways: the .wasm files in Node, and native gcc builds of the same sources.
set -eu
cd "$(dirname "$0")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

echo "Node:"
node check.mjs || failed=1

echo "Native:"
for program in script compute_sieve compute_nbody compute_vm; do
    defines="-DPROGRAM=\"$program.c\""
    [ $program != script ] || defines="$defines -DSCRIPT"
    gcc -O2 -Wall -Wextra -ffp-contract=off $defines native.c -o "$scratch/$program" -lm
done
while read -r program export rest; do
    case $program in '' | '#'*) continue ;; esac
    args=${rest% *} expected=${rest##* }
    found=$("$scratch/$program" "$export" "$args")
    if [ "$found" = "$expected" ]; then echo "ok   $program $export $args"
    else echo "FAIL $program $export $args: $found, expected $expected"; failed=1; fi
done < expected.txt
"$scratch/script" run_demo | diff script.expected.txt - && echo "ok   script.expected.txt" || failed=1
exit $failed
