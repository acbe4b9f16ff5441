#!/bin/sh
# Rebuilds every .wasm here, and what each program prints, which is what the same source prints on the JVM. Compiler and libraries come from
# Maven Central, Binaryen from npm, in pinned versions. Needs mvn, java and npm. As Kotlin's own build does for release, what the compiler
# makes is optimised by Binaryen; a few programs are there as the compiler makes them too, with names and DWARF.
#   build.sh [NAME…]
# KEEP=dir keeps what is downloaded. OUT=dir writes elsewhere.
set -eu
cd "$(dirname "$0")"
here=$PWD
out=${OUT:-.}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
keep=${KEEP:-$scratch}
mkdir -p "$keep" "$out"
keep=$(cd "$keep" && pwd)
out=$(cd "$out" && pwd)
version=2.3.0
names=${*:-objects strings collections lambdas exceptions coroutines numbers interpreter garbage}

if [ ! -d "$keep/kotlin-$version" ]; then
    cat > "$scratch/pom.xml" <<END
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>pellucid</groupId>
  <artifactId>kotlin-programs</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.jetbrains.kotlin</groupId>
      <artifactId>kotlin-compiler-embeddable</artifactId>
      <version>$version</version>
    </dependency>
    <dependency>
      <groupId>org.jetbrains.kotlin</groupId>
      <artifactId>kotlin-stdlib-wasm-wasi</artifactId>
      <version>$version</version>
      <type>klib</type>
    </dependency>
  </dependencies>
</project>
END
    mvn --quiet --batch-mode --file "$scratch/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$scratch/libraries"
    mv "$scratch/libraries" "$keep/kotlin-$version"
fi
if [ ! -d "$keep/binaryen" ]; then
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$scratch/npm" binaryen@132.0.0 > /dev/null
    mv "$scratch/npm" "$keep/binaryen"
fi
libraries=$keep/kotlin-$version
classes=$(echo "$libraries"/*.jar | tr ' ' ':')

jvm() { java -cp "$classes" org.jetbrains.kotlin.cli.jvm.K2JVMCompiler -no-stdlib -no-reflect "$@"; }
# The compiler knows a library again by its whole path only.
wasm() {
    ours=$1; shift
    java -cp "$classes" org.jetbrains.kotlin.cli.js.K2JSCompiler -Xwasm -Xwasm-target=wasm-wasi \
        -libraries "$libraries/kotlin-stdlib-wasm-wasi-$version.klib$ours" "$@"
}

optimise() {
    node "$keep/binaryen/node_modules/binaryen/bin/wasm-opt" "$1" -o "$2" --enable-gc --enable-reference-types --enable-exception-handling \
        --enable-bulk-memory --enable-nontrapping-float-to-int --enable-sign-ext --enable-multivalue --closed-world \
        -O3 --gufa -O3 --type-ssa --type-merging -O3
}

for name in $names; do
    jvm -cp "$libraries/kotlin-stdlib-$version.jar" -d "$scratch/$name" "$name.kt"
    class=$(echo "$name" | cut -c 1 | tr '[:lower:]' '[:upper:]')$(echo "$name" | cut -c 2-)Kt
    java -cp "$scratch/$name:$libraries/kotlin-stdlib-$version.jar" "$class" > "$out/$name.expected.txt"

    # Paths in debug information don't depend on where this is.
    cp "$here/$name.kt" "$scratch/$name.kt"
    (
        cd "$scratch"
        wasm "" -Xir-produce-klib-file -ir-output-dir klibs -ir-output-name "$name" "$name.kt"
        # Outside an array is an exception, as it is in the JVM, not a trap.
        wasm ":$scratch/klibs/$name.klib" -Xir-produce-js "-Xinclude=$scratch/klibs/$name.klib" -ir-output-dir wasm -ir-output-name "$name" \
            -Xir-dce -Xwasm-use-new-exception-proposal -Xwasm-enable-array-range-checks -Xwasm-generate-dwarf
    )
    optimise "$scratch/wasm/$name.wasm" "$out/$name.wasm"
    case $name in
    objects | exceptions | coroutines) cp "$scratch/wasm/$name.wasm" "$out/$name.debug.wasm" ;;
    esac
done
chmod 644 "$out"/*.wasm "$out"/*.txt
