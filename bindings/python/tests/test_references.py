"""References: Python objects that guests hold, functions, and what guests make."""

import gc
import unittest
import weakref

import pellucid
from pellucid import FuncType

from test_core import Base

OBJECTS = """
(module
  (type $point (struct (field $x (mut i32)) (field $y (mut f64)) (field $next (mut (ref null $point)))))
  (type $bytes (array (mut i8)))
  (type $points (array (mut (ref null $point))))
  (global $kept (export "kept") (mut externref) (ref.null extern))
  (func (export "point") (param i32 f64) (result (ref $point))
    (struct.new $point (local.get 0) (local.get 1) (ref.null $point)))
  (func (export "x") (param (ref null $point)) (result i32) (struct.get $point $x (local.get 0)))
  (func (export "bytes") (param i32) (result (ref $bytes)) (array.new $bytes (i32.const 7) (local.get 0)))
  (func (export "points") (param i32) (result (ref $points)) (array.new_default $points (local.get 0)))
  (func (export "any") (param anyref) (result anyref) (local.get 0))
  (func (export "extern") (param externref) (result externref) (local.get 0))
  (func (export "func") (param funcref) (result funcref) (local.get 0))
  (func (export "is_null") (param externref) (result i32) (ref.is_null (local.get 0)))
  (func (export "out") (param anyref) (result externref) (extern.convert_any (local.get 0))))"""


class Thing:
    pass


class References(Base):
    def setUp(self):
        super().setUp()
        self.it = self.instance(OBJECTS)
        self.exports = self.it.exports

    def test_any_object_of_pythons(self):
        for value in (Thing(), "text", 5, 2.5, [1], {}, Thing, self.store, print):
            self.assertIs(self.exports.extern(value), value)
        self.assertIsNone(self.exports.extern(None))
        self.assertEqual((self.exports.is_null(None), self.exports.is_null(0)), (1, 0))

    def test_guests_keep_objects_and_give_them_up(self):
        thing = Thing()
        gone = weakref.ref(thing)
        self.exports.kept.value = thing
        del thing
        gc.collect()
        self.store.gc()
        self.assertIsNotNone(gone())
        self.assertIs(self.exports.kept.value, gone())
        self.exports.kept.value = None
        self.store.gc()
        gc.collect()
        self.assertIsNone(gone())

    def test_many_objects_dont_pile_up(self):
        things = [weakref.ref(thing) for thing in [Thing() for _ in range(100)] if self.exports.extern(thing)]
        self.store.gc()
        gc.collect()
        self.assertEqual([thing() for thing in things if thing()], [])

    def test_functions(self):
        function = self.exports.x
        self.assertIs(self.exports.func(function), function)
        self.assertIsNone(self.exports.func(None))
        with self.assertRaises(TypeError):
            self.exports.func(3)

    def test_any(self):
        thing = Thing()
        for value in (5, -2**30, 2**30 - 1, thing, "text", 2**40, True):
            self.assertEqual(self.exports.any(value), value)
        self.assertIs(self.exports.any(thing), thing)
        self.assertIsNone(self.exports.any(None))
        self.assertIs(type(self.exports.any(True)), bool)

    def test_structures(self):
        point = self.exports.point(3, 4.5)
        self.assertIsInstance(point, pellucid.StructRef)
        self.assertEqual((point["x"], point[1], point["next"], len(point)), (3, 4.5, None, 3))
        point["x"] = 8
        point["next"] = point
        self.assertEqual((self.exports.x(point), list(point)[:2], point.type_name), (8, [8, 4.5], "point"))
        self.assertEqual(point["next"], point)
        self.assertEqual(self.exports.any(point), point)
        self.assertEqual(self.exports.out(point), point)
        with self.assertRaises(KeyError):
            point["z"]
        with self.assertRaises(IndexError):
            point[7]
        with self.assertRaises(pellucid.Error):
            self.exports.x(self.exports.bytes(1))

    def test_arrays(self):
        data = self.exports.bytes(4)
        data[1] = 255
        self.assertEqual((list(data), data.read(0, 4), data[-1], data[1:3]), ([7, 255, 7, 7], b"\7\xff\7\7", 7, [255, 7]))
        data.write(2, b"ab")
        self.assertEqual(data.read(0, 4), b"\7\xffab")
        points = self.exports.points(3)
        points[2] = self.exports.point(1, 1.0)
        self.assertEqual(points[2]["x"], 1)
        with self.assertRaises(IndexError):
            points[3]

    def test_made_by_the_host(self):
        types = self.it.module.types
        point = self.store.new_struct(types[0], [1, 2.0, None])
        self.assertEqual(self.exports.x(point), 1)
        data = self.store.new_array(types[1], 9, 3)
        self.assertEqual(list(data), [9, 9, 9])
        with self.assertRaises(TypeError):
            self.store.new_struct(types[0], [1])

    def test_references_keep_what_they_are_to_and_no_more(self):
        point = self.exports.point(3, 1.0)
        for _ in range(2000):
            self.exports.point(1, 2.0)["x"]
        self.store.gc()
        self.assertEqual(point["x"], 3)
        self.assertLess(self.live_points(), 50)

    def live_points(self):
        import ctypes
        from pellucid import _native as n
        types, count = (n.HeapType * 16)(), ctypes.c_size_t()
        n.pellucid_store_heap_types(self.store._ptr, types, 16, ctypes.byref(count))
        return sum(found.count for found in types[:count.value])

    def test_host_functions_with_references(self):
        seen = []

        def host(caller: pellucid.Caller, thing: pellucid.externref, point: pellucid.anyref) -> pellucid.externref:
            seen.append((thing, point["x"]))
            return [thing]
        instance = self.instance("""(module
            (type $p (struct (field $x i32)))
            (import "m" "f" (func $f (param externref anyref) (result externref)))
            (func (export "f") (param externref) (result externref)
              (call $f (local.get 0) (struct.new $p (i32.const 5)))))""", {"m": {"f": host}})
        self.assertEqual(instance.exports.f("it"), ["it"])
        self.assertEqual(seen, [("it", 5)])

    def test_exceptions_as_references(self):
        instance = self.instance("""(module (tag $t (export "t") (param i32))
            (func (export "f") (result exnref)
              (block $b (result exnref) (try_table (catch_all_ref $b) (throw $t (i32.const 4))) unreachable))
            (func (export "again") (param exnref) (throw_ref (local.get 0))))""")
        reference = instance.exports.f()
        self.assertEqual(reference.exception, (instance.exports.t, (4,)))
        with self.assertRaises(pellucid.WasmException) as caught:
            instance.exports.again(reference)
        self.assertEqual(caught.exception.values, (4,))

    def test_references_after_the_store(self):
        point = self.exports.point(1, 1.0)
        self.store.close()
        with self.assertRaises(pellucid.Error):
            point["x"]
        del point
        gc.collect()


if __name__ == "__main__":
    unittest.main()
