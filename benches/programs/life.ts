// AssemblyScript, so Binaryen's code: classes with its runtime's own allocator, typed arrays with checks, strings, maps.

class Grid {
  cells: StaticArray<u8>;
  constructor(public width: i32, public height: i32) {
    this.cells = new StaticArray<u8>(width * height);
  }

  at(x: i32, y: i32): i32 {
    const column = (x + this.width) % this.width;
    const row = (y + this.height) % this.height;
    return this.cells[row * this.width + column];
  }

  step(): Grid {
    const next = new Grid(this.width, this.height);
    for (let y = 0; y < this.height; y++) {
      for (let x = 0; x < this.width; x++) {
        let around = 0;
        for (let dy = -1; dy <= 1; dy++) {
          for (let dx = -1; dx <= 1; dx++) {
            if (dx != 0 || dy != 0) around += this.at(x + dx, y + dy);
          }
        }
        next.cells[y * this.width + x] = around == 3 || (around == 2 && this.at(x, y) == 1) ? 1 : 0;
      }
    }
    return next;
  }

  describe(): string {
    let text = "";
    for (let y = 0; y < this.height; y += 8) {
      let count = 0;
      for (let x = 0; x < this.width; x++) count += this.at(x, y);
      text += "row " + y.toString() + ": " + count.toString() + ";";
    }
    return text;
  }
}

function mandelbrot(size: i32): i32 {
  let inside = 0;
  for (let py = 0; py < size; py++) {
    for (let px = 0; px < size; px++) {
      const cx = (<f64>px * 3.0) / <f64>size - 2.0;
      const cy = (<f64>py * 2.0) / <f64>size - 1.0;
      let x = 0.0, y = 0.0, i = 0;
      while (i < 60 && x * x + y * y < 4.0) {
        const t = x * x - y * y + cx;
        y = 2.0 * x * y + cy;
        x = t;
        i++;
      }
      inside += i;
    }
  }
  return inside;
}

export function run(n: i32): i64 {
  let grid = new Grid(64, 48);
  let random: u32 = 7;
  for (let i = 0; i < grid.cells.length; i++) {
    random = random * 1664525 + 1013904223;
    grid.cells[i] = <u8>(random >> 20 & 1);
  }
  const seen = new Map<string, i32>();
  let result: i64 = 0;
  for (let round = 0; round < n; round++) {
    grid = grid.step();
    const text = grid.describe();
    seen.set(text, seen.has(text) ? seen.get(text) + 1 : round);
    for (let i = 0; i < text.length; i++) result = result * 31 + text.charCodeAt(i);
    result ^= mandelbrot(24);
  }
  return result + seen.size;
}
