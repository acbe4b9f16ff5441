"""Frames, breakpoints, watchpoints, events, steps, changes, core dumps."""

import gc
import os
import sys
import tempfile
import threading
import unittest

import pellucid
from pellucid import CallState, debug
from pellucid.debug import Action, EventKind

TEXT = """
(module $fib
  (import "m" "host" (func $host (param i32)))
  (memory (export "memory") 1)
  (global $count (export "count") (mut i32) (i32.const 0))
  (table (export "table") 2 funcref)
  (tag $tag (export "tag") (param i32))
  (func $fib (export "fib") (param $n i32) (result i32)
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (if (result i32) (i32.lt_s (local.get $n) (i32.const 2))
      (then (local.get $n))
      (else (i32.add (call $fib (i32.sub (local.get $n) (i32.const 1)))
                     (call $fib (i32.sub (local.get $n) (i32.const 2)))))))
  (func $store (export "store") (param $at i32) (param $value i32)
    (local $copy i32)
    (local.set $copy (local.get $value))
    (i32.store (local.get $at) (local.get $copy)))
  (func (export "trap") (unreachable))
  (func (export "call_host") (param i32) (call $host (local.get 0)))
  (func (export "catch") (result i32)
    (block $caught (result i32) (try_table (catch $tag $caught) (throw $tag (i32.const 6))) (i32.const 0)))
  (func (export "grow") (drop (memory.grow (i32.const 1)))))"""


class Base(unittest.TestCase):
    engine = pellucid.Engine(debug=True)
    module = pellucid.Module(engine, TEXT)

    def setUp(self):
        self.store = pellucid.Store(self.engine)
        self.host = lambda number: None
        self.instance = pellucid.Instance(self.store, self.module, {"m": {"host": lambda number: self.host(number)}})
        self.exports = self.instance.exports

    def stop_in(self, name, *args):
        """A call that is paused at the first operator of its function."""
        with debug.edit(self.store) as edit:
            at = edit.at_function(self.module, name)
            edit.set_options(at, once=True)
        call = pellucid.Call(self.exports[name], *args)
        self.assertEqual(call.resume(), CallState.PAUSED)
        return call


class Frames(Base):
    def test_frames(self):
        with debug.edit(self.store) as edit:
            edit.set_condition(edit.at_function(self.module, "fib"), "n == 1")
        with pellucid.Call(self.exports.fib, 4) as call:
            self.assertEqual(call.resume(), CallState.PAUSED)
            frames = debug.frames(call)
            self.assertEqual([frame["n"] for frame in frames], [1, 2, 3, 4])
            self.assertEqual({frame.func_name for frame in frames}, {"fib"})
            self.assertEqual([frame.kind.name for frame in frames[:2]], ["STOPPED", "CALLING"])
            frame = frames[0]
            self.assertEqual((frame.locals, frame.local_names, frame.operands), ([1], ["n"], []))
            self.assertEqual((frame.instance, frame.module.id, frame.func_index), (self.instance, self.module.id, 1))
            self.assertEqual(frame.caller.key, frames[1].key)
            self.assertEqual(frame.evaluate("n * 10 + count"), 13)
            with self.assertRaises(pellucid.InvalidArgument):
                frame.evaluate("nothing +")
            with self.assertRaises(KeyError):
                frame["x"]
            key = frame.key
            call.step()
            self.assertEqual(debug.frame(call).key, key)
            self.assertFalse(frame.is_valid)
            with self.assertRaises(pellucid.StaleHandle):
                frame.locals
            self.assertIn("stale", repr(frame))

    def test_steps(self):
        call = self.stop_in("fib", 3)
        depth = len(debug.frames(call))
        pcs = []
        while call.step_over() == CallState.PAUSED:
            pcs.append(debug.frame(call).pc)
            self.assertEqual(len(debug.frames(call)), depth)
        self.assertEqual(call.result(), 2)
        self.assertEqual(pcs, sorted(pcs))
        call = self.stop_in("fib", 3)
        while len(debug.frames(call)) < 2:
            call.step()
        self.assertEqual(call.step_out(), CallState.PAUSED)
        self.assertEqual(len(debug.frames(call)), 1)
        self.assertEqual(debug.frame(call).operands, [1])
        call.run_to(pcs[-1])
        self.assertEqual(debug.frame(call).pc, pcs[-1])
        self.assertEqual(debug.event(call).kind, EventKind.STEP)

    def test_changes(self):
        call = self.stop_in("fib", 3)
        debug.frame(call)["n"] = 5
        call.resume()
        self.assertEqual(call.result(), 5)
        call = self.stop_in("fib", 3)
        debug.frame(call).return_(77)
        call.resume()
        self.assertEqual(call.result(), 77)
        call = self.stop_in("store", 0, 5)
        for _ in range(3):
            call.step()
        self.assertEqual(debug.frame(call).operands, [0])
        debug.frame(call).write_operand(0, 8)
        debug.frame(call)[2] = 9
        call.resume()
        self.assertEqual(self.exports.memory.unpack("<iii", 0), (0, 0, 9))
        call = self.stop_in("store", 0, 5)
        call.step()
        self.assertEqual(debug.frame(call).restart().operands, [])
        with self.assertRaises(TypeError):
            debug.frame(call)["value"] = "x"
        with self.assertRaises(IndexError):
            debug.frame(call)[9] = 1
        with self.assertRaises(TypeError):
            debug.frame(call).return_(1)

    def test_thrown_by_the_host(self):
        call = self.stop_in("fib", 3)
        debug.frame(call).throw(self.exports.tag, 5)
        # The exception is an event, too.
        self.assertEqual(call.resume(), CallState.TRAPPED)
        with self.assertRaises(pellucid.WasmException) as caught:
            call.result()
        self.assertEqual(caught.exception.values, (5,))

    def test_activations_in_a_host_function(self):
        seen = []

        def host(number):
            seen.append([[frame.func_name for frame in frames] for frames in debug.activations(self.store)])
            if number:
                self.exports.call_host(number - 1)
        self.host = host
        self.exports.call_host(1)
        self.assertEqual(seen, [[["call_host"]], [["call_host"], ["call_host"]]])


class Breakpoints(Base):
    def test_sessions_are_all_or_nothing(self):
        with self.assertRaises(ZeroDivisionError), debug.edit(self.store) as edit:
            edit.at_name("fib")
            1 / 0
        with self.assertRaises(pellucid.Error), debug.edit(self.store) as edit:
            edit.at_name("fib")
            edit.remove(12345)
        self.assertEqual(debug.breakpoints(self.store), [])
        with debug.edit(self.store) as edit:
            first, second = edit.at_name("fib"), edit.at_pc(self.module, self.module.func_range(2)[1])
            edit.discard()
        self.assertEqual(debug.breakpoints(self.store), [])
        with self.assertRaises(pellucid.InvalidState):
            edit.at_name("fib")

    def test_lists(self):
        with debug.edit(self.store) as edit:
            named, placed = edit.at_name("fib"), edit.at_function(self.module, "store")
            edit.enable(placed, False)
            watched = edit.watch_memory(self.exports.memory, 8, 4)
        first, second = debug.breakpoints(self.store)
        self.assertEqual((first.id, first.name, first.is_enabled, first.places[0].func_index), (named, "fib", True, 1))
        self.assertEqual((second.id, second.is_enabled, second.places[0].func_index), (placed, False, 2))
        watchpoint, = debug.watchpoints(self.store)
        self.assertEqual((watchpoint.id, watchpoint.address, watchpoint.size), (watched, 8, 4))
        with debug.edit(self.store) as edit:
            for id in (named, placed, watched):
                edit.remove(id)
        self.assertEqual((debug.breakpoints(self.store), debug.watchpoints(self.store)), ([], []))

    def test_conditions(self):
        asked = []

        def condition(frame):
            asked.append(frame["n"])
            return frame["n"] == 0
        with debug.edit(self.store) as edit:
            at = edit.at_name("fib")
            edit.set_condition(at, condition)
        with pellucid.Call(self.exports.fib, 3) as call:
            self.assertEqual(call.resume(), CallState.PAUSED)
            self.assertEqual(asked, [3, 2, 1, 0])
            self.assertEqual(debug.event(call).breakpoints, [at])
            with debug.edit(self.store) as edit:
                edit.set_condition(at, None)
                edit.set_options(at, ignore=1)
            self.assertEqual(call.resume(), CallState.FINISHED)
        with self.assertRaises(pellucid.InvalidArgument), debug.edit(self.store) as edit:
            edit.set_condition(edit.at_function(self.module, "fib"), "no_such_name > 3")

    def test_conditions_that_fail_stop_and_are_reported(self):
        reports = []
        self.addCleanup(setattr, sys, "unraisablehook", sys.unraisablehook)
        sys.unraisablehook = reports.append
        with debug.edit(self.store) as edit:
            edit.set_condition(edit.at_name("fib"), lambda frame: frame["nothing"])
        with pellucid.Call(self.exports.fib, 3) as call:
            self.assertEqual(call.resume(), CallState.PAUSED)
        self.assertEqual([report.exc_type for report in reports], [KeyError])

    def test_log_points(self):
        texts = []
        debug.set_log_handler(self.store, lambda text, frame, id: texts.append((text, frame["n"])))
        with debug.edit(self.store) as edit:
            edit.set_log(edit.at_name("fib"), "n={n}")
        self.exports.fib(2)
        self.assertEqual(texts, [("n=2", 2), ("n=1", 1), ("n=0", 0)])

    def test_traps_exceptions_imports(self):
        with debug.edit(self.store) as edit:
            edit.at_trap(pellucid.TrapCode.UNREACHABLE)
            exception = edit.at_exception(self.exports.tag)
            imported = edit.at_import("m", "host")
        with pellucid.Call(self.exports.catch) as call:
            self.assertEqual(call.resume(), CallState.PAUSED)
            event = debug.event(call)
            self.assertEqual((event.kind, event.exception), (EventKind.EXCEPTION, (self.exports.tag, [6])))
            self.assertEqual(event.breakpoints, [exception])
            self.assertEqual(call.resume(), CallState.FINISHED)
            self.assertEqual(call.result(), 6)
            with self.assertRaises(pellucid.InvalidState):
                event.kind
        with pellucid.Call(self.exports.call_host, 3) as call:
            self.assertEqual(call.resume(), CallState.PAUSED)
            self.assertEqual(debug.event(call).breakpoints, [imported])
        with pellucid.Call(self.exports.trap) as call:
            self.assertEqual(call.resume(), CallState.TRAPPED)
            self.assertEqual((debug.event(call).kind, debug.event(call).trap), (EventKind.TRAP, pellucid.TrapCode.UNREACHABLE))
            self.assertEqual(debug.frame(call).func_name, "trap")
            with self.assertRaises(pellucid.Trap):
                call.result()

    def test_watchpoints(self):
        with debug.edit(self.store) as edit:
            memory = edit.watch_memory(self.exports.memory, 16, 4)
            count = edit.watch_global(self.exports.count)
        with pellucid.Call(self.exports.store, 16, 258) as call:
            self.assertEqual(call.resume(), CallState.PAUSED)
            hit, = debug.event(call).hits
            self.assertEqual((hit.id, hit.address, hit.old, hit.new, hit.is_found), (memory, 16, bytes(4), b"\2\1\0\0", False))
            self.assertEqual(call.resume(), CallState.FINISHED)
        with pellucid.Call(self.exports.fib, 1) as call:
            self.assertEqual(call.resume(), CallState.PAUSED)
            hit, = debug.event(call).hits
            self.assertEqual((hit.id, hit.old, hit.new), (count, 0, 1))
        call = self.stop_in("store", 0, 5)
        with debug.edit(self.store) as edit:
            local = edit.watch_local(debug.frame(call), "copy")
        self.assertEqual(call.resume(), CallState.PAUSED)
        hit, = debug.event(call).hits
        self.assertEqual((hit.id, hit.new), (local, 5))


class Handlers(Base):
    def test_a_handler_is_told_and_decides(self):
        log = []

        def handle(event):
            log.append((event.kind, event.frame["n"]))
            return Action.CONTINUE if event.frame["n"] else None
        debug.set_handler(self.store, handle, EventKind.BREAKPOINT)
        with debug.edit(self.store) as edit:
            edit.at_name("fib")
        self.assertEqual(self.exports.fib(2), 1)
        self.assertEqual(log, [(EventKind.BREAKPOINT, 2), (EventKind.BREAKPOINT, 1), (EventKind.BREAKPOINT, 0)])
        debug.clear_handler(self.store)
        self.assertEqual(self.exports.fib(2), 1)
        self.assertEqual(len(log), 3)

    def test_what_a_handler_raises_arrives(self):
        raised = KeyError("from the handler")

        def handle(event):
            raise raised
        debug.set_handler(self.store, handle)
        with debug.edit(self.store) as edit:
            edit.at_name("fib")
        with self.assertRaises(KeyError) as caught:
            self.exports.fib(2)
        self.assertIs(caught.exception, raised)
        self.assertEqual(pellucid.frames_of(raised)[0].func, "fib")

    def test_actions(self):
        pcs = []

        def handle(event):
            pcs.append(event.pc)
            return Action.STEP
        debug.set_handler(self.store, handle)
        with debug.edit(self.store) as edit:
            edit.at_name("store")
        self.exports.store(0, 1)
        self.assertGreater(len(pcs), 4)
        debug.set_handler(self.store, lambda event: Action.TRAP)
        with self.assertRaises(pellucid.Trap) as caught:
            self.exports.store(0, 1)
        self.assertEqual(caught.exception.code, pellucid.TrapCode.REQUESTED)
        debug.set_handler(self.store, lambda event: Action.PAUSE if event.can_pause else Action.CONTINUE)
        self.exports.store(0, 1)
        with pellucid.Call(self.exports.store, 0, 1) as call:
            self.assertEqual(call.resume(), CallState.PAUSED)
        debug.set_handler(self.store, lambda event: "nonsense")
        with self.assertRaises(ValueError):
            self.exports.store(0, 1)

    def test_events_of_a_stores_life(self):
        seen = []

        def handle(event):
            if event.kind == EventKind.MEMORY_GROWN:
                seen.append(event.growth[1:])
            elif event.kind == EventKind.MODULE_LOADED:
                seen.append(event.module.id)
            elif event.kind == EventKind.CALL_FINISHED:
                seen.append(event.results)
        debug.set_handler(self.store, handle, EventKind.MEMORY_GROWN | EventKind.MODULE_LOADED | EventKind.CALL_FINISHED)
        self.exports.grow()
        other = pellucid.Module(self.engine, '(module (func (export "f") (result i32) (i32.const 3)))')
        pellucid.Instance(self.store, other).exports.f()
        self.assertEqual(seen, [(1, 2), [], other.id, [3]])

    def test_errors_of_events_are_the_exceptions_themselves(self):
        raised, seen = KeyError("x"), []

        def host(number):
            raise raised
        self.host = host
        debug.set_handler(self.store, lambda event: seen.append(event.error), EventKind.HOST_ERROR)
        with self.assertRaises(KeyError):
            self.exports.call_host(1)
        self.assertIs(seen[0], raised)
        self.assertEqual(len(pellucid.frames_of(raised)), 1)

    def test_tracing(self):
        log = []

        def handle(event):
            if event.kind == EventKind.FUNCTION_ENTRY:
                log.append(event.frame["n"])
            else:
                log.append(event.results)
        debug.set_handler(self.store, handle, EventKind.FUNCTION_ENTRY | EventKind.FUNCTION_EXIT)
        with debug.edit(self.store) as edit:
            edit.trace(self.module, self.module.func_index("fib"))
        self.exports.fib(2)
        self.assertEqual(log, [2, 1, [1], 0, [0], [1]])


class Others(Base):
    def test_core_dumps(self):
        self.exports.memory.write(100, b"a word in memory")
        call = self.stop_in("fib", 3)
        dump = debug.core_dump(self.store, name="it")
        self.assertTrue(dump.startswith(b"\0asm"))
        self.assertIn(b"a word in memory", dump)
        self.assertNotIn(b"a word in memory", debug.core_dump(self.store, memories=False))
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "core")
            self.assertIsNone(debug.core_dump(self.store, path, name="it"))
            with open(path, "rb") as file:
                self.assertEqual(file.read(), dump)
        call.close()

    def test_without_debugging(self):
        store = pellucid.Store(pellucid.Engine())
        for act in (lambda: debug.edit(store), lambda: debug.breakpoints(store), lambda: debug.core_dump(store),
                    lambda: debug.set_handler(store, print)):
            with self.assertRaises(pellucid.DebugDisabled):
                act()

    def test_callbacks_go_when_they_are_replaced(self):
        import weakref

        class Handler:
            def __call__(self, event):
                pass
        handler = Handler()
        gone = weakref.ref(handler)
        debug.set_handler(self.store, handler)
        del handler
        self.assertIsNotNone(gone())
        debug.clear_handler(self.store)
        self.store._open()
        gc.collect()
        self.assertIsNone(gone())

    def test_sessions_that_go_on_another_thread(self):
        sessions = [debug.edit(self.store)]
        thread = threading.Thread(target=sessions.clear)
        thread.start()
        thread.join()
        gc.collect()
        self.assertEqual(len(self.store._handle.trash), 1)
        debug.edit(self.store).discard()

    def test_pausing_a_guest_that_runs(self):
        store = pellucid.Store(self.engine)
        spin = pellucid.Instance(store, pellucid.Module(self.engine, """(module (func $spin (export "spin") (local $i i32)
            (loop (local.set $i (i32.add (local.get $i) (i32.const 1))) (br 0))))""")).exports.spin
        threading.Timer(0.1, store.interrupter.pause).start()
        with pellucid.Call(spin) as call:
            self.assertEqual(call.resume(), CallState.PAUSED)
            self.assertEqual(debug.event(call).kind, EventKind.INTERRUPT)
            self.assertGreater(debug.frame(call)["i"] & 0xffffffff, 0)


if __name__ == "__main__":
    unittest.main()
