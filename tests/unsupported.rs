//! Valid modules that need more than is compiled are refused by the feature's name and the byte offset, wherever the
//! feature stands; malformed and invalid ones by the validator's words and the offset.

use pellucid::base::{Config, Error, ErrorKind};
use pellucid::runtime::{Engine, Module};

fn refusal(wat: &str) -> Error {
    let engine = Engine::new(Config::default()).unwrap();
    match Module::new(&engine, &wat::parse_str(wat).unwrap()) {
        Ok(_) => panic!("accepted: {wat}"),
        Err(error) => {
            // Without compiling, the same.
            let validated = Module::validate(&engine, &wat::parse_str(wat).unwrap()).expect_err(wat);
            assert_eq!((validated.kind(), validated.message()), (error.kind(), error.message()), "{wat}");
            error
        }
    }
}

#[test]
fn features_are_named() {
    let cases = [
        ("stack switching", "(module (type $f (func)) (type (cont $f)))"),
        ("memory control", "(module (memory 1) (func (memory.discard (i32.const 0) (i32.const 0))))"),
        ("shared-everything threads", "(module (type (shared (struct))))"),
        ("custom descriptors", "(module (rec (type $a (descriptor $b) (struct)) (type $b (describes $a) (struct))))"),
        // More than one, each by its name.
        (
            "memory control, stack switching",
            "(module (memory 1) (type $f (func)) (type (cont $f)) (func (memory.discard (i32.const 0) (i32.const 0))))",
        ),
        // One that is known, and one that isn't even known.
        (
            "memory control",
            "(module (memory 1) (func (drop (ref.null exn))) (func (memory.discard (i32.const 0) (i32.const 0))))",
        ),
    ];
    for (feature, wat) in cases {
        let error = refusal(wat);
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{wat}: {error}");
        let message = error.message();
        assert!(message.starts_with(&format!("unsupported: {feature} (at offset 0x")), "{wat}: {message}");
    }
}

#[test]
fn no_proposal_of_the_validator_is_unnamed() {
    // What a new one is called, and how it is refused, is for the cases above.
    let known = wasmparser::WasmFeatures::all().difference(wasmparser::WasmFeatures::default());
    let known: Vec<_> = known.iter_names().map(|(name, _)| name).collect();
    let known: Vec<_> = known.into_iter().filter(|name| !name.starts_with("CM")).collect();
    let named = [
        "SHARED_EVERYTHING_THREADS",
        "MEMORY_CONTROL",
        "CUSTOM_PAGE_SIZES",
        "LEGACY_EXCEPTIONS",
        "STACK_SWITCHING",
        "CUSTOM_DESCRIPTORS",
        // These two need others, which are refused first.
        "ACQUIRE_RELEASE_ATOMICS",
        "MULTIBYTE_ARRAY_ACCESS",
    ];
    assert!(known.iter().all(|name| named.contains(name)), "{known:?}");
}

#[test]
fn validation_alone_names_features_too() {
    let engine = Engine::new(Config::default()).unwrap();
    let wasm = wat::parse_str("(module (type $f (func)) (type (cont $f)))").unwrap();
    let error = Module::validate(&engine, &wasm).unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Unsupported, "unsupported: stack switching (at offset 0xe)")
    );
}

#[test]
fn invalid_outweighs_unsupported() {
    for wat in [
        "(module (func (param v128)) (func (result i32)))",
        "(module (type $f (func)) (type (cont $f)) (func (result i32)))",
        "(module (memory 1) (func (memory.discard (i32.const 0) (i32.const 0))) (func (result i32)))",
        "(module (memory 1) (func (result i32)) (func (memory.discard (i32.const 0) (i32.const 0))))",
    ] {
        let error = refusal(wat);
        assert_eq!(error.kind(), ErrorKind::InvalidModule, "{wat}: {error}");
        assert!(
            error.message().contains("type mismatch") && error.message().contains("at offset 0x"),
            "{wat}: {error}"
        );
    }
}
