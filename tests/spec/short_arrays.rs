//! A script of ours: arrays of each kind of element, with lengths around those from which on guest code doesn't make, fill or copy
//! them by itself. One text, `short_arrays.wat`, with the kind put in.

use std::fmt::Write;

/// A kind of element.
struct Kind {
    storage: &'static str,
    value: &'static str,
    bytes: u32,
    get: &'static str,
    /// A value for a number.
    of: &'static str,
    same: &'static str,
    zero: &'static str,
}

const KINDS: [Kind; 6] = [
    Kind {
        storage: "i8",
        value: "i32",
        bytes: 1,
        get: "array.get_u",
        of: "(i32.and (local.get $i) (i32.const 255))",
        same: "(i32.eq (local.get $a) (local.get $b))",
        zero: "(i32.const 0)",
    },
    Kind {
        storage: "i16",
        value: "i32",
        bytes: 2,
        get: "array.get_u",
        of: "(i32.and (i32.mul (local.get $i) (i32.const 0x103)) (i32.const 0xffff))",
        same: "(i32.eq (local.get $a) (local.get $b))",
        zero: "(i32.const 0)",
    },
    Kind {
        storage: "f32",
        value: "f32",
        bytes: 4,
        get: "array.get",
        of: "(f32.convert_i32_s (local.get $i))",
        same: "(f32.eq (local.get $a) (local.get $b))",
        zero: "(f32.const 0)",
    },
    Kind {
        storage: "i64",
        value: "i64",
        bytes: 8,
        get: "array.get",
        of: "(i64.mul (i64.extend_i32_u (local.get $i)) (i64.const 0x102030405060709))",
        same: "(i64.eq (local.get $a) (local.get $b))",
        zero: "(i64.const 0)",
    },
    Kind {
        storage: "v128",
        value: "v128",
        bytes: 16,
        get: "array.get",
        of: "(i32x4.replace_lane 3 (i8x16.splat (local.get $i)) (i32.sub (i32.const 0) (local.get $i)))",
        same: "(i8x16.all_true (i8x16.eq (local.get $a) (local.get $b)))",
        zero: "(v128.const i64x2 0 0)",
    },
    Kind {
        storage: "(ref null $box)",
        value: "(ref null $box)",
        bytes: 4,
        get: "array.get",
        of: "(struct.new $box (local.get $i))",
        same: "(if (result i32) (i32.or (ref.is_null (local.get $a)) (ref.is_null (local.get $b)))
            (then (i32.and (ref.is_null (local.get $a)) (ref.is_null (local.get $b))))
            (else (i32.eq (struct.get $box 0 (local.get $a)) (struct.get $box 0 (local.get $b)))))",
        zero: "(ref.null $box)",
    },
];

/// Lengths of arrays that are known when guest code is compiled.
const KNOWN: [u32; 11] = [0, 1, 2, 3, 4, 5, 8, 9, 15, 16, 17];

/// The script.
pub fn script() -> String {
    KINDS.iter().map(|kind| of_kind(kind) + &assertions(kind)).collect()
}

/// The largest array that guest code makes by itself if its length isn't known, and how much of one it copies or fills.
fn bounds(kind: &Kind) -> (u32, u32) {
    let before = if kind.bytes < 8 { 12 } else { 16 };
    ((256 - before) / kind.bytes, 32 / kind.bytes)
}

fn of_kind(kind: &Kind) -> String {
    let (longest, moved) = bounds(kind);
    let made = KNOWN.iter().copied().chain(longest - 1..longest + 2);
    let made = made.map(|length| {
        format!(
            "(if (i32.eqz (call $are_right (call $numbered (i32.const 3) (i32.const 1))
               (array.new $a (call $of (i32.const 77)) (i32.const {length})) (array.new_default $a (i32.const {length}))
               (call $numbered (i32.const 3) (i32.const 5)) (i32.const {length})))
             (then (return (i32.const {length}))))\n"
        )
    });
    let counts: Vec<u32> = KNOWN.iter().copied().chain(moved.saturating_sub(1)..moved + 2).collect();
    let copies = counts.iter().zip(1..).map(|(count, number): (_, u32)| {
        format!(
            "(func $copy{number} (param $to (ref null $a)) (param $at i32) (param $from (ref null $a)) (param $source i32) (param i32)
               (array.copy $a $a (local.get $to) (local.get $at) (local.get $from) (local.get $source) (i32.const {count})))
             (func $fill{number} (param $a (ref null $a)) (param $at i32) (param $number i32) (param i32)
               (array.fill $a (local.get $a) (local.get $at) (call $of (local.get $number)) (i32.const {count})))\n"
        )
    });
    let moves = counts.iter().zip(1..).map(|(count, number): (_, u32)| {
        format!(
            "(if (i32.eqz (call $moves (i32.const {number}) (i32.const {count}))) (then (return (i32.const {count}))))\n"
        )
    });
    let names = |name: &str| (1..=counts.len()).map(|number| format!("${name}{number} ")).collect::<String>();
    let length = counts.iter().max().expect("there are some") + 8;
    include_str!("short_arrays.wat")
        .replace("MADE_KNOWN", &made.collect::<String>())
        .replace("COPY_KNOWN", &copies.collect::<String>())
        .replace("MOVED_KNOWN", &moves.collect::<String>())
        .replace("COPIES", &names("copy"))
        .replace("FILLS", &names("fill"))
        .replace("MANY", &(15_000 / kind.bytes).to_string())
        .replace("LENGTH", &length.to_string())
        .replace("STORAGE", kind.storage)
        .replace("VALUE", kind.value)
        .replace("GET", kind.get)
        .replace("OF", kind.of)
        .replace("SAME", kind.same)
        .replace("ZERO", kind.zero)
}

fn assertions(kind: &Kind) -> String {
    let (longest, moved) = bounds(kind);
    let mut script = String::new();
    let consts = |args: &[i32]| args.iter().map(|arg| format!(" (i32.const {arg})")).collect::<String>();
    let mut gives = |function: &str, args: &[i32], result: Option<u32>| {
        let result = result.map_or(String::new(), |result| format!("(i32.const {result})"));
        writeln!(script, "(assert_return (invoke \"{function}\"{}) {result})", consts(args)).unwrap();
    };
    let none = u32::MAX;
    let (most_made, most_moved) = (longest + 3, moved + 3);
    // Twice, as memory that was used before isn't zero.
    gives("made", &[0, 40], Some(41));
    gives("use", &[1000], None);
    gives("made", &[0, 40], Some(41));
    gives("made", &[longest as i32 - 2, most_made as i32], Some(most_made + 1));
    gives("made_known", &[], Some(none));
    gives("moved", &[most_moved as i32], Some(most_moved + 1));
    gives("moved_known", &[], Some(none));
    gives("begin", &[], None);
    gives("copy", &[20, 40, 0], None);
    gives("copy_back", &[40, 20, 0], None);
    gives("fill", &[20, 0], None);
    let mut traps = |function: &str, args: &[i32], message: &str| {
        writeln!(script, "(assert_trap (invoke \"{function}\"{}) \"{message}\")", consts(args)).unwrap();
    };
    let outside = "out of bounds array access";
    let few = moved as i32;
    for count in [0, 1, 2, few, few + 1, -1] {
        // What is behind the end by one, by all, and what wraps around.
        let first = |length: i32| if (0..=length).contains(&count) { length + 1 - count } else { 0 };
        for at in [first(20), 21, -1, i32::MIN].into_iter().filter(|at| *at != 0 || !(0..21).contains(&count)) {
            traps("copy", &[at, 0, count], outside);
            traps("copy_back", &[0, at, count], outside);
            traps("fill", &[at, count], outside);
        }
        for at in [first(40), 41, -1].into_iter().filter(|at| *at != 0) {
            traps("copy", &[0, at, count], outside);
            traps("copy_back", &[at, 0, count], outside);
        }
        for function in ["copy_to_null", "copy_from_null", "fill_null"] {
            traps(function, &[count], "null array reference");
        }
    }
    for at in [19, 20, 21, -1, -2] {
        traps("copy_two", &[at, 0], outside);
        traps("copy_two", &[0, at + if at < 0 { 0 } else { 20 }], outside);
        traps("fill_two", &[at], outside);
    }
    for (function, args) in [("new", &[-1][..]), ("new_default", &[-1]), ("new_known", &[])] {
        traps(function, args, "heap exhausted");
    }
    writeln!(script, "(assert_return (invoke \"are_as_before\") (i32.const 1))").unwrap();
    writeln!(script, "(assert_return (invoke \"new\" (i32.const 5000)) (i32.const 5000))").unwrap();
    script
}
