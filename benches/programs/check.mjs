// Runs every line of expected.txt in Node, an engine that isn't measured here:
//   node check.mjs         compares
//   node check.mjs bless   writes the results
// The hand-written .wat files need wat2wasm on the path.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const here = import.meta.dirname;
const bless = process.argv[2] === 'bless';

function bytes(name) {
    for (const folder of [here, join(here, '../../tests/programs')]) {
        if (existsSync(join(folder, `${name}.wasm`))) return readFileSync(join(folder, `${name}.wasm`));
    }
    const out = join(tmpdir(), `pellucid-${name}-${process.pid}.wasm`);
    execFileSync('wat2wasm', ['--enable-tail-call', join(here, `${name}.wat`), '-o', out]);
    return readFileSync(out);
}

function run(name, argument) {
    const module = new WebAssembly.Module(bytes(name));
    const imports = {};
    for (const { module: from, name: item } of WebAssembly.Module.imports(module)) {
        (imports[from] ??= {})[item] = () => 8; // WASI's "bad file descriptor"
    }
    const { exports } = new WebAssembly.Instance(module, imports);
    exports._initialize?.();
    if (name !== 'script') return exports.run(Number(argument));
    const source = readFileSync(join(here, argument));
    const address = exports.alloc(source.length);
    new Uint8Array(exports.memory.buffer).set(source, address);
    return exports.eval(address, source.length);
}

let failed = 0;
const lines = readFileSync(join(here, 'expected.txt'), 'utf8').split('\n').map(line => {
    if (!line || line.startsWith('#')) return line;
    const [name, argument, expected] = line.split(' ');
    const start = performance.now();
    const found = run(name, argument);
    console.log(name, argument, String(found), `${(performance.now() - start).toFixed(0)} ms`);
    if (String(found) !== expected && !bless) {
        console.log(`${name}: expected ${expected}`);
        failed++;
    }
    return `${name} ${argument} ${found}`;
});
if (bless) writeFileSync(join(here, 'expected.txt'), lines.join('\n'));
process.exit(failed ? 1 : 0);
