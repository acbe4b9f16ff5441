"""Modules, instances, functions, tables, globals: what every program needs."""

import math
import struct
import tempfile
import unittest
from pathlib import Path

import pellucid
from pellucid import FuncType, MemoryType, TableType, ValType

NUMBERS = """
(module $numbers
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "i32") (param i32) (result i32) (local.get 0))
  (func (export "i64") (param i64) (result i64) (local.get 0))
  (func (export "f32") (param f32) (result f32) (local.get 0))
  (func (export "f64") (param f64) (result f64) (local.get 0))
  (func (export "v128") (param v128) (result v128) (local.get 0))
  (func (export "nothing"))
  (func $inner (export "two") (param i32) (result i64 f64)
    (i64.extend_i32_s (local.get 0)) (f64.convert_i32_s (local.get 0)))
  (func (export "more") (param i32) (result i32 i64 v128 i32)
    (local.get 0) (i64.const 5) (v128.const i32x4 1 2 3 4) (local.get 0)))"""


class Base(unittest.TestCase):
    engine = pellucid.Engine()

    def setUp(self):
        self.store = pellucid.Store(self.engine)

    def instance(self, text, imports=()):
        return pellucid.Instance(self.store, pellucid.Module(self.engine, text), imports)


class Functions(Base):
    def test_numbers(self):
        exports = self.instance(NUMBERS).exports
        self.assertEqual(exports.add(40, 2), 42)
        self.assertEqual(exports["add"](2**32 - 1, 3), 2)
        self.assertEqual(exports.i32(2**31), -2**31)
        self.assertEqual(exports.i32(True), 1)
        self.assertEqual(exports.i64(2**64 - 1), -1)
        self.assertEqual(exports.i64(-2**63), -2**63)
        self.assertEqual(exports.f64(2), 2.0)
        self.assertEqual(exports.f32(0.1), struct.unpack("f", struct.pack("f", 0.1))[0])
        self.assertEqual(exports.f32(1e300), math.inf)
        self.assertTrue(math.isnan(exports.f64(math.nan)))
        self.assertEqual(exports.v128(bytes(range(16))), bytes(range(16)))
        self.assertIsNone(exports.nothing())

    def test_several_results(self):
        exports = self.instance(NUMBERS).exports
        self.assertEqual(exports.two(-3), (-3, -3.0))
        self.assertEqual(exports.more(7), (7, 5, struct.pack("<4i", 1, 2, 3, 4), 7))

    def test_wrong_arguments(self):
        exports = self.instance(NUMBERS).exports
        for function, args, error in [
                (exports.add, (1,), TypeError), (exports.add, (1, 2, 3), TypeError), (exports.add, ("1", 2), TypeError),
                (exports.add, (1.0, 2), TypeError), (exports.i32, (2**32,), OverflowError),
                (exports.i64, (-2**63 - 1,), OverflowError), (exports.f64, ("x",), TypeError),
                (exports.v128, (b"short",), ValueError), (exports.v128, (1,), TypeError), (exports.nothing, (1,), TypeError)]:
            with self.subTest(function=function, args=args), self.assertRaises(error):
                function(*args)
        self.assertEqual(exports.add(1, 2), 3)

    def test_types_and_names(self):
        instance = self.instance(NUMBERS)
        module = instance.module
        self.assertEqual(module.name, "numbers")
        self.assertEqual(instance.exports.two.type, FuncType("i32", "i64 f64"))
        self.assertEqual(module.exports["two"], FuncType([ValType.I32], ["i64", ValType.F64]))
        self.assertEqual(str(module.func_type(7)), "(i32) -> (i64, f64)")
        self.assertEqual((module.func_index("inner"), module.func_name(7), module.func_name(0)), (7, "inner", "add"))
        self.assertEqual((instance.exports.two.index, instance.exports.two.name), (7, "inner"))
        self.assertEqual(sorted(instance.exports), sorted(module.exports))
        with self.assertRaises(AttributeError):
            instance.exports.missing
        with self.assertRaises(KeyError):
            instance.exports["missing"]

    def test_host_functions_by_annotation(self):
        log = []

        def add(a: pellucid.i32, b: float) -> pellucid.i64:
            log.append((a, b))
            return a * 10

        def pair(caller: pellucid.Caller, a: int) -> tuple[pellucid.i32, pellucid.f32]:
            log.append(caller.export("answer")())
            return a, a / 2

        instance = self.instance("""(module
            (import "env" "add" (func $add (param i32 f32) (result i64)))
            (import "env" "pair" (func $pair (param i64) (result i32 f32)))
            (func (export "answer") (result i32) (i32.const 42))
            (func (export "add") (result i64) (call $add (i32.const -3) (f32.const 1.5)))
            (func (export "pair") (result i32 f32) (call $pair (i64.const 9))))""", {"env": {"add": add, "pair": pair}})
        self.assertEqual(instance.exports.add(), -30)
        self.assertEqual(instance.exports.pair(), (9, 4.5))
        self.assertEqual(log, [(-3, 1.5), 42])

    def test_host_functions_without_annotations_take_the_imports_type(self):
        instance = self.instance("""(module (import "m" "f" (func $f (param i32 i64) (result f64)))
            (func (export "f") (result f64) (call $f (i32.const 1) (i64.const 2))))""", {"m": {"f": lambda a, b: a + b}})
        self.assertEqual(instance.exports.f(), 3.0)

    def test_host_functions_that_dont_fit(self):
        text = '(module (import "m" "f" (func (param i32))))'

        def wrong(a: pellucid.f64) -> None: ...
        with self.assertRaisesRegex(pellucid.LinkError, "annotated as"):
            self.instance(text, {"m": {"f": wrong}})
        with self.assertRaisesRegex(TypeError, "give a FuncType"):
            pellucid.Func(self.store, lambda a: a)
        with self.assertRaisesRegex(pellucid.LinkError, "'m' 'f'"):
            self.instance(text)
        with self.assertRaisesRegex(pellucid.LinkError, "'m' 'f'"):
            self.instance(text, {"m": {"g": wrong}})
        with self.assertRaises(pellucid.LinkError):
            self.instance(text, [])
        with self.assertRaises(pellucid.LinkError):
            self.instance(text, {"m": {"f": 3}})
        with self.assertRaises(pellucid.LinkError):
            self.instance(text, {"m": {"f": pellucid.Global(self.store, "i32", 3)}})

    def test_results_of_host_functions_are_checked(self):
        module = pellucid.Module(self.engine, """(module (import "m" "f" (func $f (result i32 i32)))
            (func (export "f") (result i32 i32) (call $f)))""")
        for result, error in [((1, 2, 3), TypeError), (1, TypeError), (("a", 1), TypeError), ((2**40, 1), OverflowError)]:
            instance = pellucid.Instance(self.store, module, {"m": {"f": lambda result=result: result}})
            with self.subTest(result=result), self.assertRaises(error):
                instance.exports.f()
        instance = pellucid.Instance(self.store, module, {"m": {"f": lambda: (2**32 - 1, 1)}})
        self.assertEqual(instance.exports.f(), (-1, 1))

    def test_host_functions_called_by_the_host(self):
        def double(a: pellucid.i32) -> pellucid.i32:
            return a * 2
        function = pellucid.Func(self.store, double)
        self.assertEqual(function(21), 42)
        self.assertIsNone(function.name)
        self.assertIsNone(function.index)
        with_type = pellucid.Func(self.store, lambda: 7, FuncType("", "f64"))
        self.assertEqual(with_type(), 7.0)

    def test_recursion_through_the_host(self):
        instance = self.instance("""(module (import "m" "f" (func $f (param i64) (result i64)))
            (func (export "f") (param i64) (result i64) (i64.add (local.get 0) (call $f (local.get 0)))))""",
                                 {"m": {"f": lambda n: instance.exports.f(n - 1) if n else 0}})
        self.assertEqual(instance.exports.f(50), sum(range(51)))

    def test_caller_is_valid_until_the_function_returns(self):
        kept = []

        def keep(caller: pellucid.Caller) -> None:
            kept.append(caller)
            self.assertEqual(caller.memory[:2], b"hi")
            self.assertEqual(caller.instance, instance)
            with self.assertRaises(pellucid.NotFound):
                caller.export("nothing")
        instance = self.instance("""(module (import "m" "f" (func $f)) (memory (export "memory") 1) (data (i32.const 0) "hi")
            (func (export "f") (call $f)))""", {"m": {"f": keep}})
        instance.exports.f()
        with self.assertRaises(pellucid.InvalidState):
            kept[0].memory


class Linking(Base):
    def test_exports_of_any_name(self):
        names = ["get", "keys", "items", "__init__", "_store", "class", "a b", ""]
        exports = self.instance("(module " + "".join(f'(func (export "{name}") (result i32) (i32.const {number}))'
                                                     for number, name in enumerate(names)) + ")").exports
        self.assertEqual([exports[name]() for name in names], list(range(len(names))))
        self.assertEqual((exports.get(), exports.keys(), list(exports), "get" in exports, "x" in exports),
                         (0, 1, names, True, False))

    def test_a_linker_serves_many_stores(self):
        linker = pellucid.Linker()
        calls = []

        @linker.func("env")
        def log(a: pellucid.i32) -> None:
            calls.append(a)
        linker.define("env", "base", 40)
        module = pellucid.Module(self.engine, """(module (import "env" "log" (func $log (param i32)))
            (import "env" "base" (global $base i32))
            (func (export "f") (call $log (i32.add (global.get $base) (i32.const 2)))))""")
        for _ in range(3):
            linker.instantiate(pellucid.Store(self.engine), module).exports.f()
        linker.define("env", "base", 50)
        linker.instantiate(self.store, module).exports.f()
        self.assertEqual(calls, [42, 42, 42, 52])

    def test_instances_import_from_instances(self):
        numbers = self.instance(NUMBERS)
        text = """(module (import "numbers" "add" (func $add (param i32 i32) (result i32)))
            (func (export "f") (result i32) (call $add (i32.const 1) (i32.const 2))))"""
        self.assertEqual(self.instance(text, {"numbers": numbers}).exports.f(), 3)
        self.assertEqual(self.instance(text, [numbers.exports.add]).exports.f(), 3)
        linker = pellucid.Linker()
        linker.define_instance("numbers", numbers)
        self.assertEqual(linker.instantiate(self.store, pellucid.Module(self.engine, text)).exports.f(), 3)

    def test_things_of_another_store(self):
        other = pellucid.Store(self.engine)
        memory = pellucid.Memory(other, MemoryType(1))
        with self.assertRaises(pellucid.WrongStore):
            self.instance('(module (import "m" "m" (memory 1)))', {"m": {"m": memory}})

    def test_what_isnt_a_module(self):
        for source in ("(module", b"\0asm\1\0\0\0\xff", b"", "(module (func (result i32)))"):
            with self.subTest(source=source), self.assertRaises((pellucid.InvalidModule, ValueError)):
                pellucid.Module(self.engine, source)
        with self.assertRaises(pellucid.Error):
            pellucid.Module.validate(self.engine, b"\0asm")

    def test_files(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "empty.wasm"
            path.write_bytes(b"\0asm\1\0\0\0")
            self.assertEqual(pellucid.Module.from_file(self.engine, path).name, "empty")
            with self.assertRaises(FileNotFoundError):
                pellucid.Module.from_file(self.engine, Path(folder) / "none.wasm")


class Entities(Base):
    def test_by_index_where_debugging_is_on(self):
        store = pellucid.Store(pellucid.Engine(debug=True))
        instance = pellucid.Instance(store, pellucid.Module(store.engine, """(module (memory 1) (table 3 funcref)
            (global i32 (i32.const 5)) (func (result i32) (i32.const 7)))"""))
        self.assertEqual((instance.func(0)(), instance.global_(0).value, len(instance.table(0)), instance.memory_at(0).pages),
                         (7, 5, 3, 1))
        with self.assertRaises(IndexError):
            instance.func(1)
        with self.assertRaisesRegex(pellucid.DebugDisabled, "without debugging"):
            self.instance("(module (func))").func(0)

    def test_globals(self):
        instance = self.instance('(module (global (export "g") (mut i64) (i64.const 5)) (global (export "c") f32 (f32.const 2)))')
        instance.exports.g.value += 1
        self.assertEqual(instance.exports.g.value, 6)
        self.assertEqual(instance.exports.g.type, pellucid.GlobalType(ValType.I64, True))
        with self.assertRaises(pellucid.Error):
            instance.exports.c.value = 3.0
        with self.assertRaises(TypeError):
            instance.exports.g.value = "x"

    def test_tables(self):
        instance = self.instance("""(module (table (export "t") 2 4 funcref) (elem (i32.const 0) $f)
            (func $f (export "f") (result i32) (i32.const 3)))""")
        table = instance.exports.t
        self.assertEqual((len(table), table[0](), table[1]), (2, 3, None))
        table[1] = instance.exports.f
        self.assertEqual([function() for function in table], [3, 3])
        self.assertEqual((table.grow(2), len(table), table[-1]), (2, 4, None))
        self.assertEqual(table.type, TableType(ValType.FUNCREF, 2, 4))
        with self.assertRaises(IndexError):
            table[4]
        with self.assertRaises(pellucid.LimitExceeded):
            table.grow(1)
        with self.assertRaises(TypeError):
            table[0] = "no function"

    def test_limits_and_fuel(self):
        self.store.set_limit(pellucid.Limit.MEMORY_BYTES, 65536)
        self.assertEqual(self.store.limit(pellucid.Limit.MEMORY_BYTES), 65536)
        with self.assertRaises(pellucid.LimitExceeded):
            pellucid.Memory(self.store, MemoryType(2))
        engine = pellucid.Engine(fuel=True)
        store = pellucid.Store(engine)
        instance = pellucid.Instance(store, pellucid.Module(engine, '(module (func (export "f") (loop (br 0))))'))
        store.fuel = 1000
        with self.assertRaises(pellucid.OutOfFuel):
            instance.exports.f()
        self.assertLessEqual(store.fuel, 0)

    def test_the_library_tells_of_itself(self):
        self.assertRegex(pellucid.version(), r"\d+\.\d+\.\d+")
        self.assertIn("debug", pellucid.features())


if __name__ == "__main__":
    unittest.main()
