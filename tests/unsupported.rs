//! Valid modules that need more than is compiled are refused by the feature's name and the byte offset, wherever the
//! feature stands; malformed and invalid ones by the validator's words and the offset.

use pellucid::base::{Config, Error, ErrorKind};
use pellucid::runtime::{Engine, Module};

fn refusal(wat: &str) -> Error {
    let engine = Engine::new(Config::default()).unwrap();
    match Module::new(&engine, &wat::parse_str(wat).unwrap()) {
        Ok(_) => panic!("accepted: {wat}"),
        Err(error) => error,
    }
}

#[test]
fn features_are_named() {
    let cases = [
        ("simd", "(module (func (param v128)))"),
        ("simd", "(module (func (drop (v128.const i64x2 0 0))))"),
        ("simd", "(module (func unreachable (drop (v128.const i64x2 0 0))))"),
        ("simd", "(module (func (local v128)))"),
        ("threads", "(module (memory 1 1 shared))"),
        ("threads", "(module (memory 1) (func (drop (i32.atomic.load (i32.const 0)))))"),
        ("threads", "(module (memory 1) (func (return) (drop (i32.atomic.load (i32.const 0)))))"),
        ("tail calls", "(module (func $f (return_call $f)))"),
        ("tail calls", "(module (func $f unreachable (return_call $f)))"),
        ("exceptions", "(module (tag))"),
        ("exceptions", "(module (func (param exnref)))"),
        ("exceptions", "(module (func unreachable (block (try_table (catch_all 0)))))"),
        ("gc", "(module (type (struct)))"),
        ("gc", "(module (global anyref (ref.null any)))"),
        ("gc", "(module (func (drop (ref.null any))))"),
        ("gc", "(module (func unreachable (drop (ref.null any))))"),
        ("gc", "(module (func unreachable (block (result anyref) unreachable) drop))"),
        ("gc", "(module (func unreachable (select (result anyref)) drop))"),
        ("function references", "(module (type $t (func)) (func (param (ref null $t))))"),
        ("memory64", "(module (memory i64 1))"),
        ("memory64", "(module (table i64 1 funcref))"),
        ("wide arithmetic", "(module (func (i64.mul_wide_s (i64.const 1) (i64.const 2)) drop drop))"),
    ];
    for (feature, wat) in cases {
        let error = refusal(wat);
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{wat}: {error}");
        let message = error.message();
        assert!(message.starts_with(&format!("unsupported: {feature} (at offset 0x")), "{wat}: {message}");
    }
}

#[test]
fn invalid_outweighs_unsupported() {
    let error = refusal("(module (func (param v128)) (func (result i32)))");
    assert_eq!(error.kind(), ErrorKind::InvalidModule);
    assert!(error.message().contains("type mismatch") && error.message().contains("at offset 0x"), "{error}");
}

#[test]
fn functions_after_an_unsupported_one_are_compiled() {
    let engine = Engine::new(Config { compile_threads: 1, ..Config::default() }).unwrap();
    let good = "(func (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))";
    for bad in ["(func (local v128))", "(func (drop (v128.const i64x2 0 0)))"] {
        let wat = format!("(module {bad} {good} {bad} {good})");
        let Err(error) = Module::new(&engine, &wat::parse_str(&wat).unwrap()) else { panic!("SIMD is refused") };
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }
}
