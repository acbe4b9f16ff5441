// The first line is a module in hexadecimal digits, answered with `ready`. Each one behind it is an argument of its `run`, answered with
// the result and the milliseconds that it took.
import { createInterface } from 'node:readline';
import { setFlagsFromString } from 'node:v8';

// What is always on in newer ones.
setFlagsFromString('--experimental-wasm-exnref');

let run;
for await (const line of createInterface({ input: process.stdin })) {
    if (!run) {
        run = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(line, 'hex'))).exports.run;
        console.log('ready');
        continue;
    }
    const start = performance.now();
    const result = run(Number(line));
    console.log(`${result} ${performance.now() - start}`);
}
