"""Uses the library from Python's ctypes alone: what a binding needs isn't hidden in macros or inline functions.

Usage: smoke.py path/to/libpellucid.so path/to/pellucid.json
"""

import ctypes as c
import json
import sys

lib = c.CDLL(sys.argv[1])

OK, ERR_TRAP, ERR_STALE_HANDLE = 0, -10, -4
I32, EVENT_BREAKPOINT, ACTION_CONTINUE = 0, 16, 0
PAUSED, FINISHED, CONTINUE, STEP = 3, 4, 0, 1


class Str(c.Structure):
    _fields_ = [("data", c.c_void_p), ("size", c.c_size_t)]

    def __str__(self):
        return c.string_at(self.data, self.size).decode()


class Handle(c.Structure):
    _fields_ = [("store", c.c_uint64), ("index", c.c_uint64)]


class Of(c.Union):
    _fields_ = [("i32", c.c_int32), ("i64", c.c_int64), ("f64", c.c_double), ("handle", Handle), ("v128", c.c_uint8 * 16)]


class Value(c.Structure):
    _fields_ = [("kind", c.c_uint32), ("reserved", c.c_uint32), ("of", Of)]


class Extern(c.Structure):
    _fields_ = [("kind", c.c_uint32), ("reserved", c.c_uint32), ("of", Handle)]


class Frame(c.Structure):
    _fields_ = [("store", c.c_uint64), ("call", c.c_uint64), ("epoch", c.c_uint64), ("position", c.c_uint32),
                ("reserved", c.c_uint32)]


FUNC_CB = c.CFUNCTYPE(c.c_int32, c.c_void_p, c.c_void_p, c.POINTER(Value), c.c_size_t, c.POINTER(Value), c.c_size_t,
                      c.POINTER(c.c_void_p))
EVENT_CB = c.CFUNCTYPE(c.c_uint32, c.c_void_p, c.c_void_p, c.c_void_p)
FINALIZER = c.CFUNCTYPE(None, c.c_void_p)

lib.pellucid_event_pc.restype = c.c_uint32
lib.pellucid_error_trap.restype = c.c_uint32


def text(string):
    data = string.encode()
    return c.c_char_p(data), c.c_size_t(len(data))


def ok(status):
    if status != OK:
        name = Str()
        lib.pellucid_status_name(status, c.byref(name))
        raise AssertionError(str(name))


def new(function, *arguments):
    """Calls a function whose last parameter receives a pointer."""
    out = c.c_void_p()
    ok(function(*arguments, c.byref(out)))
    return out


def new_or_error(function, *arguments):
    """The same, with an error object after it."""
    out, error = c.c_void_p(), c.c_void_p()
    status = function(*arguments, c.byref(out), c.byref(error))
    if status != OK:
        message = Str()
        lib.pellucid_error_text(error, c.byref(message))
        raise AssertionError(str(message))
    return out


def i32(number):
    value = Value(kind=I32)
    value.of.i32 = number
    return value


ok(lib.pellucid_abi_check(1, c.c_size_t(c.sizeof(Value)), c.c_size_t(c.sizeof(Frame))))
config = new(lib.pellucid_config_new)
ok(lib.pellucid_config_set_debug(config, c.c_bool(True)))
engine = new_or_error(lib.pellucid_engine_new, config)
lib.pellucid_config_delete(config)
store = new_or_error(lib.pellucid_store_new, engine, None, None)
module = new_or_error(lib.pellucid_module_new_text, engine, *text("""
    (module (import "py" "add" (func $add (param i32 i32) (result i32)))
      (func $sum (export "sum") (param $a i32) (result i32)
        (call $add (i32.mul (local.get $a) (i32.const 2)) (i32.const 1)))
      (func (export "die") unreachable))"""))

# A host function with a finalizer.
log, finalized = [], []


@FUNC_CB
def add(userdata, caller, args, n_args, results, n_results, out_error):
    log.append((userdata, args[0].of.i32, args[1].of.i32))
    results[0].of.i32 = args[0].of.i32 + args[1].of.i32
    return OK


finalize = FINALIZER(finalized.append)
functype = new(lib.pellucid_functype_new, (c.c_uint32 * 2)(I32, I32), c.c_size_t(2), (c.c_uint32 * 1)(I32), c.c_size_t(1))
linker = new(lib.pellucid_linker_new, engine)
ok(lib.pellucid_linker_define_func(linker, store, *text("py"), *text("add"), functype, c.c_void_p(77), add, finalize, None))
lib.pellucid_functype_delete(functype)
instance, found = Handle(), Extern()
ok(lib.pellucid_linker_instantiate(linker, store, module, c.byref(instance), None))
lib.pellucid_linker_delete(linker)

# One-shot calls.
ok(lib.pellucid_instance_export(store, c.byref(instance), *text("sum"), c.byref(found)))
func, argument, result = Handle(found.of.store, found.of.index), i32(20), Value()
ok(lib.pellucid_func_call(store, c.byref(func), c.byref(argument), c.c_size_t(1), c.byref(result), c.c_size_t(1), None))
assert result.of.i32 == 41 and log == [(77, 40, 1)], (result.of.i32, log)

# A trap with its backtrace.
ok(lib.pellucid_instance_export(store, c.byref(instance), *text("die"), c.byref(found)))
error = c.c_void_p()
status = lib.pellucid_func_call(store, c.byref(found.of), None, c.c_size_t(0), None, c.c_size_t(0), c.byref(error))
assert status == ERR_TRAP and lib.pellucid_error_trap(error) == 1
message = Str()
ok(lib.pellucid_error_text(error, c.byref(message)))
assert "unreachable" in str(message) and "die" in str(message), str(message)
lib.pellucid_error_delete(error)

# A breakpoint, a handler, and a frame that goes stale.
events = []


@EVENT_CB
def handle(userdata, where, event):
    frame, local, n = Frame(), Value(), c.c_uint32()
    ok(lib.pellucid_event_frame(c.c_void_p(event), c.byref(frame)))
    ok(lib.pellucid_frame_read_locals(c.c_void_p(where), c.byref(frame), 0, c.byref(local), c.c_size_t(1), c.byref(n)))
    events.append((lib.pellucid_event_pc(c.c_void_p(event)), local.of.i32, frame))
    return ACTION_CONTINUE


edit, identity, pc = new(lib.pellucid_edit_begin, store), c.c_uint64(), c.c_uint32()
ok(lib.pellucid_edit_add_at_function(edit, module, 1, c.byref(identity), c.byref(pc)))
ok(lib.pellucid_edit_commit(edit, None))
lib.pellucid_edit_delete(edit)
ok(lib.pellucid_store_set_event_handler(store, EVENT_BREAKPOINT, None, handle, finalize))
ok(lib.pellucid_func_call(store, c.byref(func), c.byref(argument), c.c_size_t(1), c.byref(result), c.c_size_t(1), None))
assert [event[:2] for event in events] == [(pc.value, 20)], events
stale = c.c_uint32()
assert lib.pellucid_frame_pc(store, c.byref(events[0][2]), c.byref(stale)) == ERR_STALE_HANDLE
ok(lib.pellucid_store_clear_event_handler(store))

# Without a handler the call pauses; then it is stepped.
call, state = new_or_error(lib.pellucid_call_begin, store, c.byref(func), c.byref(argument), c.c_size_t(1)), c.c_uint32()
steps, mode = 0, CONTINUE
while True:
    ok(lib.pellucid_call_resume(call, mode, c.byref(state), None))
    if state.value != PAUSED:
        break
    steps, mode = steps + 1, STEP
assert state.value == FINISHED and steps == 6, steps
ok(lib.pellucid_call_results(call, c.byref(result), c.c_size_t(1)))
assert result.of.i32 == 41

# The description of the API is well-formed, and says what is true.
with open(sys.argv[2], encoding="utf-8") as file:
    described = {thing["name"]: thing for thing in json.load(file)["declarations"]}
for name, thing in described.items():
    assert thing["doc"]
    if thing["kind"] == "function":
        assert hasattr(lib, name) and thing["since"] and thing["owns"] and thing["context"], name
resume = described["pellucid_call_resume"]
assert [parameter["type"] for parameter in resume["parameters"]] == [
    "pellucid_call_t *", "pellucid_resume_t", "pellucid_call_state_t *", "pellucid_error_t **"], resume
assert [parameter["nullable"] for parameter in resume["parameters"]] == [False, False, True, True], resume
assert "PELLUCID_ERR_INVALID_STATE" in resume["statuses"] and resume["since"] == "0.1."

# Garbage-collected hosts delete in any order.
for delete, thing in [(lib.pellucid_engine_delete, engine), (lib.pellucid_store_delete, store),
                      (lib.pellucid_module_delete, module), (lib.pellucid_call_delete, call)]:
    assert 77 not in finalized
    delete(thing)
assert finalized == [None, 77], finalized
print("ok")
