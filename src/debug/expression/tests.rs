//! What text is an expression, and what it is; and what isn't one.

use super::*;
use crate::base::{Config, DefinedFuncIndex, ErrorKind};
use crate::runtime::{Engine, Module};

const PROGRAM: &str = r#"(module
    (memory 1) (memory 1)
    (global $level (mut i32) (i32.const 0)) (global (export "ratio") f64 (f64.const 0)) (global v128 (v128.const i64x2 0 0))
    (global (export "a b:1") i32 (i32.const 0))
    (func (param $x i32) (param $y i64) (param f32) (param $v v128) (local $level f64)))"#;

struct Here;

impl Seen for Here {
    fn local(&self, local: u32) -> Option<Number> {
        Some([Integer(-3), Integer(1 << 40), Float(0.5), Integer(0), Float(2.25)][local as usize])
    }

    fn operand(&self, operand: u32) -> Option<Number> {
        [Integer(11), Integer(12)].get(operand as usize).copied()
    }

    fn global(&self, global: GlobalIndex, ty: ValType) -> Option<Number> {
        let (known, value) = match global.as_u32() {
            0 => (ValType::I32, Integer(7)),
            1 => (ValType::F64, Float(1.5)),
            _ => (ValType::I32, Integer(9)),
        };
        assert_eq!(ty, known);
        Some(value)
    }

    /// Its bytes are their addresses; memory 1 has one more in each.
    fn load(&self, memory: MemoryIndex, address: u64, bytes: u8) -> Option<u64> {
        let end = address.checked_add(bytes.into()).filter(|end| *end <= 256)?;
        Some((address..end).rev().fold(0, |value, byte| value << 8 | (byte + u64::from(memory.as_u32())) & 0xff))
    }
}

fn module() -> Module {
    let engine = Engine::new(Config { debug: true, ..Config::default() }).unwrap();
    Module::new(&engine, &wat::parse_str(PROGRAM).unwrap()).unwrap()
}

#[test]
fn what_expressions_are() {
    let module = module();
    let integers: &[(&str, i64)] = &[
        ("5", 5),
        (" 0x10 + 1 ", 17),
        ("18446744073709551615", -1),
        ("2 + 3 * 4 - 1", 13),
        ("(2 + 3) * 4", 20),
        ("10 - 3 - 2", 5),
        ("7 / 2 * 2 % 4", 2),
        ("-7 / 2", -3),
        ("- -3", 3),
        ("1 << 3 + 1", 16),
        ("-16 >> 2", -4),
        ("1 << 64", 1),
        ("@\"a b:1\" + \"a b:1\"", 18),
        ("@\"level\"", 7),
        ("6 & 3 | 8 ^ 1", 11),
        ("~0", -1),
        ("!5 + !0", 1),
        ("1 < 2 == 2 > 1", 1),
        ("1 <= 0 || 3 >= 3", 1),
        ("0 && 1 || 1", 1),
        ("1 || 0 && 0", 1),
        ("5 && 6", 1),
        ("0 || 0", 0),
        ("1 != 2", 1),
        ("local[0]", -3),
        ("$0 + $1", (1 << 40) - 3),
        ("x * x", 9),
        ("$x == -3 && y > 0", 1),
        ("operand[1] - %0", 1),
        ("global[0] + @0 + @level", 21),
        ("i32[0]", 0x0302_0100),
        ("[4]", 0x0706_0504),
        ("u8[255]", 255),
        ("i8[255]", -1),
        ("i16[254]", -2),
        ("u16[254]", 0xfffe),
        ("u32[252]", 0xfffe_fdfc),
        ("i64[0, 1]", 0x0807_0605_0403_0201),
        ("u8[u8[3 + 1] * 2]", 8),
        ("local[2] < 1", 1),
        ("level == 2.25", 1),
        ("ratio * 2 == 3", 1),
        ("1e3 == 1000", 1),
        ("5e-1 == 0.5", 1),
        ("1 / 0.0 > 1e300", 1),
        // Neither side is evaluated that doesn't decide.
        ("0 && 1 / 0", 0),
        ("1 || i32[1000]", 1),
    ];
    for (text, expected) in integers {
        let expression = Expression::new(text, module.info(), DefinedFuncIndex::from_u32(0)).expect(text);
        assert_eq!(expression.evaluate(&Here), Some(Integer(*expected)), "{text}");
    }
}

#[test]
fn what_cannot_be_told() {
    let module = module();
    for text in
        ["1 / 0", "1 % (2 - 2)", "i32[253]", "i32[-1]", "operand[2]", "1.5 & 1", "1.5 % 2", "~0.5", "[0.5]", "1 << 2.0"]
    {
        let expression = Expression::new(text, module.info(), DefinedFuncIndex::from_u32(0)).expect(text);
        assert_eq!(expression.evaluate(&Here), None, "{text}");
    }
}

#[test]
fn what_is_no_expression_says_where() {
    let module = module();
    let nested = format!("{}1{}", "(".repeat(70), ")".repeat(70));
    let wide = format!("{}1{}", "1 + (".repeat(40), ")".repeat(40));
    let long = "1 + ".repeat(400) + "1";
    let wrong: &[(&str, &str)] = &[
        ("", "at 1: a value is missing"),
        ("1 +", "at 4: a value is missing"),
        ("1 2", "at 3: an operator is missing"),
        ("(1", "at 3: ')' is missing"),
        ("i32[1", "at 6: ']' is missing"),
        ("x + nothing", "at 5: nothing is called 'nothing'"),
        ("local[5]", "at 7: that is no index of a local"),
        ("local[3]", "at 7: that is no index of a local"),
        ("global[4]", "at 8: that is no index of a global"),
        ("$5", "at 2: there is no local '5'"),
        ("$", "at 2: there is no local ''"),
        ("$v", "at 2: there is no local 'v'"),
        ("@2", "at 2: there is no global '2'"),
        ("%x", "at 2: there is no operand 'x'"),
        ("$\"x", "at 2: the second quote is missing"),
        ("1 + \"0\"", "at 5: nothing is called '0'"),
        ("i32[0, 2]", "at 5: there is no memory 2"),
        ("i32[0, x]", "at 8: the index of a memory is missing"),
        ("i128[0]", "at 1: nothing is called 'i128'"),
        ("0xzz", "at 1: '0xzz' is no number"),
        ("5e", "at 1: '5e' is no number"),
        ("99999999999999999999", "at 1: '99999999999999999999' is no number"),
        ("ä", "at 1: nothing is called 'ä'"),
        ("1 € 2", "at 3: an operator is missing"),
        (&nested, "nested too deeply"),
        (&wide, "too complicated"),
        (&long, "has 1601 bytes"),
    ];
    for (text, expected) in wrong {
        let Err(error) = Expression::new(text, module.info(), DefinedFuncIndex::from_u32(0)) else {
            panic!("{text} should be refused");
        };
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.message().contains(expected), "{text}: {}", error.message());
    }
}

#[test]
fn what_is_an_expression_where_all_is_there_that_it_names() {
    for text in ["$anything + local[99] * %7", "name == @other || global[50]", "i32[x, 9] > [y]", "-(f32[0])"] {
        Expression::check(text).expect(text);
    }
    for text in ["", "1 +", "$", "@ + 1", "i32[1", "i128[0]", "local[x]", "1 2", "()"] {
        assert_eq!(Expression::check(text).unwrap_err().kind(), ErrorKind::InvalidArgument, "{text}");
    }
}
