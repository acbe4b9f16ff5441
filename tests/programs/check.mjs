// Runs the lines of expected.txt in Node's WebAssembly. Exit code 1 when a result differs.
import { readFileSync } from "node:fs";

const here = new URL(".", import.meta.url);
let failures = 0;

function load(program) {
  let printed = "";
  const print = (pointer, length) => {
    printed += Buffer.from(instance.exports.memory.buffer, pointer, length).toString();
  };
  const module = new WebAssembly.Module(readFileSync(new URL(`${program}.wasm`, here)));
  const instance = new WebAssembly.Instance(module, { env: { print } });
  return { exports: instance.exports, printed: () => printed };
}

function evaluate({ alloc, memory, eval: run }, source) {
  const bytes = Buffer.from(source);
  const pointer = alloc(bytes.length);
  new Uint8Array(memory.buffer, pointer, bytes.length).set(bytes);
  return run(pointer, bytes.length);
}

function check(what, found, expected, started) {
  const good = found === expected;
  if (!good) failures++;
  const time = (performance.now() - started).toFixed(0);
  console.log(`${good ? "ok  " : "FAIL"} ${what} ${time} ms${good ? "" : `: ${found}, expected ${expected}`}`);
}

for (const line of readFileSync(new URL("expected.txt", here), "utf8").split("\n")) {
  if (!line || line.startsWith("#")) continue;
  const [, program, name, args, result] = line.match(/^(\S+) (\S+) (.*) (\S+)$/);
  const { exports, printed } = load(program);
  const started = performance.now();
  const found = name === "eval" ? evaluate(exports, args) : exports[name](Number(args));
  check(`${program} ${name} ${args}`, String(found), result, started);
  if (name === "run_demo") {
    check("script.expected.txt", printed(), readFileSync(new URL("script.expected.txt", here), "utf8"), started);
  }
}
process.exitCode = failures ? 1 : 0;
