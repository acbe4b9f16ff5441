//! Programs whose functions go on in their exact form.

use pellucid::base::Result;
use pellucid::debug::{Action, Debuggee, Edit, Event, EventKind, Frame};
use pellucid::runtime::Module;
use std::cell::RefCell;
use std::collections::HashMap;

/// Has each function go on in its exact form from its first operator on, the first `times` that it is called. `moved` is told of each
/// frame that was to move, and where it is then.
pub fn continue_exactly(
    debuggee: &Debuggee,
    module: &Module,
    times: u32,
    moved: impl Fn(&Debuggee, &Frame, Result<Frame>) + 'static,
) {
    let mut edit = Edit::begin(debuggee).unwrap();
    for function in module.info().bodies.keys() {
        edit.add_at_function(debuggee, module, module.info().func_index(function)).unwrap();
    }
    edit.commit(debuggee).unwrap();
    let calls = RefCell::new(HashMap::new());
    let handler = move |debuggee: &Debuggee, event: &Event| {
        let frame = event.frame.unwrap();
        let info = debuggee.frame_info(&frame).unwrap();
        let mut calls = calls.borrow_mut();
        let count = calls.entry(info.func_index).or_insert(0);
        *count += 1;
        if *count <= times {
            moved(debuggee, &frame, debuggee.frame_set_pc(&frame, info.pc));
        }
        Action::Continue
    };
    debuggee.set_event_handler(EventKind::Breakpoint.bit(), Box::new(handler)).unwrap();
}
