"""What goes wrong: traps, exits, exceptions of the guest's and of Python's, with the guest's frames."""

import sys
import traceback
import unittest

import pellucid
from pellucid import FuncType, TrapCode

from test_core import Base

TEXT = """
(module $m
  (import "host" "fail" (func $fail (param i32)))
  (tag $tag (export "tag") (param i32 f64))
  (memory 1)
  (func $inner (param i32) (call $fail (local.get 0)))
  (func (export "outer") (param i32) (call $inner (local.get 0)))
  (func $div (export "divide") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func (export "load") (drop (i32.load (i32.const -1))))
  (func $deep (export "deep") (call $deep))
  (func (export "throw") (throw $tag (i32.const 3) (f64.const 1.5)))
  (func (export "catch") (param i32) (result i32)
    (block $caught (result i32 f64)
      (try_table (catch $tag $caught) (call $fail (local.get 0)))
      (return (i32.const -1)))
    drop))"""


class Own(Exception):
    def __init__(self, text, detail):
        super().__init__(text)
        self.detail = detail


class Errors(Base):
    def setUp(self):
        super().setUp()
        self.raises = None

        def fail(number: pellucid.i32) -> None:
            if self.raises is not None:
                raise self.raises
        self.it = self.instance(TEXT, {"host": {"fail": fail}})

    def test_traps(self):
        exports = self.it.exports
        for function, args, code in [(exports.divide, (1, 0), TrapCode.INTEGER_DIVIDE_BY_ZERO),
                                     (exports.divide, (-2**31, -1), TrapCode.INTEGER_OVERFLOW),
                                     (exports.load, (), TrapCode.MEMORY_OUT_OF_BOUNDS),
                                     (exports.deep, (), TrapCode.CALL_STACK_EXHAUSTED)]:
            with self.subTest(code=code), self.assertRaises(pellucid.Trap) as caught:
                function(*args)
            self.assertEqual(caught.exception.code, code)
            self.assertIsInstance(caught.exception, pellucid.Error)
        with self.assertRaises(pellucid.Trap) as caught:
            exports.load()
        self.assertEqual(caught.exception.fault, 2**32 - 1)

    def test_frames(self):
        with self.assertRaises(pellucid.Trap) as caught:
            self.it.exports.divide(1, 0)
        frame, = caught.exception.frames
        self.assertEqual((frame.module, frame.func, frame.func_index), ("m", "div", 3))
        start, first, end = self.it.module.func_range(3)
        self.assertTrue(first <= frame.pc < end)
        self.assertEqual(self.it.module.func_at(frame.pc), 3)
        if sys.version_info >= (3, 11):
            self.assertIn("m!div", "".join(traceback.format_exception(caught.exception)))

    def test_python_exceptions_arrive_unchanged(self):
        for raised in (Own("text", 7), KeyError("key"), KeyboardInterrupt(), SystemExit(3), ZeroDivisionError(),
                       ValueError("several\nlines"), StopIteration(1)):
            self.raises = raised
            with self.subTest(raised=raised):
                try:
                    self.it.exports.outer(1)
                except BaseException as arrived:
                    self.assertIs(arrived, raised)
                    self.assertEqual([frame.func_index for frame in pellucid.frames_of(arrived)], [1, 2])
                    functions = [entry.name for entry in traceback.extract_tb(arrived.__traceback__)]
                    self.assertEqual(functions[-1], "fail")
                    self.assertIn("test_python_exceptions_arrive_unchanged", functions)
                else:
                    self.fail("nothing was raised")
        self.raises = None
        self.it.exports.outer(1)

    def test_through_several_hosts(self):
        """Guest, host, guest, host: what is raised innermost arrives outermost, with both guests' frames."""
        self.raises = Own("deep", 1)
        middle = self.instance("""(module (import "m" "f" (func $f)) (func $middle (export "f") (call $f)))""",
                               {"m": {"f": lambda: self.it.exports.outer(1)}})
        with self.assertRaises(Own) as caught:
            middle.exports.f()
        self.assertIs(caught.exception, self.raises)
        self.assertEqual([frame.func for frame in pellucid.frames_of(caught.exception)], ["inner", "outer", "middle"])
        self.assertEqual(len(getattr(caught.exception, "__notes__", [1])), 1)

    def test_caught_by_a_host_in_between(self):
        self.raises = Own("first", 1)

        def between():
            try:
                self.it.exports.outer(1)
            except Own:
                raise KeyError("second")
        middle = self.instance('(module (import "m" "f" (func $f)) (func (export "f") (call $f)))', {"m": {"f": between}})
        with self.assertRaises(KeyError) as caught:
            middle.exports.f()
        self.assertIs(caught.exception.__context__, self.raises)

    def test_traps_through_hosts_stay_traps(self):
        middle = self.instance('(module (import "m" "f" (func $f)) (func (export "f") (call $f)))',
                               {"m": {"f": lambda: self.it.exports.load()}})
        with self.assertRaises(pellucid.Trap) as caught:
            middle.exports.f()
        self.assertEqual(caught.exception.code, TrapCode.MEMORY_OUT_OF_BOUNDS)

    def test_guests_exceptions(self):
        with self.assertRaises(pellucid.WasmException) as caught:
            self.it.exports.throw()
        self.assertEqual((caught.exception.tag, caught.exception.values), (self.it.exports.tag, (3, 1.5)))
        self.assertEqual(caught.exception.frames[0].func_index, self.it.exports.throw.index)

    def test_hosts_throw_guests_exceptions(self):
        self.raises = pellucid.WasmException(self.it.exports.tag, (8, 2.0))
        self.assertEqual(self.it.exports.catch(1), 8)
        self.raises = pellucid.WasmException(self.it.exports.tag, (8,))
        with self.assertRaisesRegex(TypeError, "carry 2 values"):
            self.it.exports.catch(1)
        tag = pellucid.Tag(self.store, "i32")
        self.raises = pellucid.WasmException(tag, (1,))
        with self.assertRaises(pellucid.WasmException) as caught:
            self.it.exports.catch(1)
        self.assertEqual((caught.exception.tag, caught.exception.values), (tag, (1,)))

    def test_start_functions(self):
        with self.assertRaises(Own):
            self.instance('(module (import "m" "f" (func $f)) (start $f))', {"m": {"f": self.raise_own}})

    def raise_own(self):
        raise Own("start", 2)

    def test_an_exception_without_room_for_notes(self):
        class Slots(Exception):
            __slots__ = ()
        self.raises = Slots()
        with self.assertRaises(Slots):
            self.it.exports.outer(1)

    def test_closed_stores(self):
        add = self.it.exports.divide
        memory = pellucid.Memory(self.store, pellucid.MemoryType(1))
        self.store.close()
        self.store.close()
        for act in (lambda: add(1, 1), lambda: memory.pages, lambda: self.store.fuel, lambda: self.it.exports["load"],
                    lambda: pellucid.Func(self.store, lambda: None, FuncType()),
                    lambda: pellucid.Instance(self.store, self.engine and pellucid.Module(self.engine, "(module)"))):
            with self.assertRaises(pellucid.InvalidState):
                act()


if __name__ == "__main__":
    unittest.main()
