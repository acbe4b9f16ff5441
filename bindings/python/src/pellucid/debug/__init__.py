"""Looking into guests: frames, breakpoints, watchpoints, steps, core dumps. For stores of an `Engine(debug=True)`.

    from pellucid import debug

    with debug.edit(store) as edit:
        edit.at_function(module, "fib")
    with pellucid.Call(instance.exports.fib, 10) as call:
        while call.resume() == pellucid.CallState.PAUSED:
            for frame in debug.frames(call):
                print(frame.func_name, frame.locals)
        print(call.result())

`python -m pellucid.debug program.wasm` is a debugger made of this.
"""

from .._native import Action, BreakpointKind, EventKind, FrameKind, Resume, Throw, WatchAccess, WatchKind
from .edits import Breakpoint, Edit, Place, Watchpoint, breakpoints, edit, watchpoints
from .events import Event, Hit, clear_handler, event, set_handler, set_log_handler
from .frames import Frame, activations, core_dump, frame, frames, pause_on_control_c

__all__ = [
    "Action", "Breakpoint", "BreakpointKind", "Edit", "Event", "EventKind", "Frame", "FrameKind", "Hit", "Place", "Resume",
    "Throw", "WatchAccess", "WatchKind", "Watchpoint", "activations", "breakpoints", "clear_handler", "core_dump", "edit",
    "event", "frame", "frames", "pause_on_control_c", "set_handler", "set_log_handler", "watchpoints",
]
