//! Core dumps of whatever stands still: each must be well-formed, and have the frames that there are.

use crate::driver::Outcome;
use crate::ours::{self, Session};
use pellucid::debug::{CoreContents, Frame};
use wasmparser::{KnownCustom, Parser, Payload, Validator, WasmFeatures};

/// Makes one, and reads it.
pub fn check(session: &Session, innermost: &Frame, counts: &mut Outcome) {
    let debuggee = &session.debuggee;
    let mut bytes = Vec::new();
    let mut take = |part: &[u8]| {
        bytes.extend_from_slice(part);
        Ok(())
    };
    debuggee.core_dump("fuzz", CoreContents::default(), &mut take).expect("there is memory");
    Validator::new_with_features(WasmFeatures::all()).validate_all(&bytes).expect("it is a module");
    let place = format!("call {}: ", innermost.call);
    let mut is_there = false;
    for payload in Parser::new(0).parse_all(&bytes) {
        let Payload::CustomSection(section) = payload.expect("it is valid") else { continue };
        let KnownCustom::CoreDumpStack(stack) = section.as_known() else {
            assert_ne!(section.name(), "corestack", "it can be read");
            continue;
        };
        if !stack.name.starts_with(&place) {
            continue;
        }
        is_there = true;
        let frames = ours::frames(debuggee, innermost);
        assert_eq!(stack.frames.len(), frames.len());
        for (dumped, frame) in stack.frames.iter().zip(&frames) {
            let info = debuggee.frame_info(frame).expect("it is fresh");
            assert_eq!((dumped.funcidx, dumped.codeoffset), (info.func_index.as_u32(), info.func_offset));
            assert_eq!((dumped.locals.len(), dumped.stack.len()), (info.n_locals as usize, info.n_operands as usize));
        }
    }
    assert!(is_there, "the call has no stack");
    counts.count("core dumps", 1);
}
