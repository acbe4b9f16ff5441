"""Memories as buffers: no copies, and safe whatever happens to the memory and its store."""

import ctypes
import gc
import sys
import unittest

import pellucid
from pellucid import MemoryType

try:
    import numpy
except ImportError:
    numpy = None


class Memories(unittest.TestCase):
    def setUp(self):
        self.engine = pellucid.Engine()
        self.store = pellucid.Store(self.engine)
        self.instance = pellucid.Instance(self.store, pellucid.Module(self.engine, """(module
            (memory (export "memory") 1 4)
            (func (export "peek") (param i32) (result i32) (i32.load (local.get 0)))
            (func (export "poke") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
            (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"""))
        self.memory = self.instance.memory

    def test_copies(self):
        self.memory.write(10, b"hello")
        self.assertEqual(self.memory.read(10, 5), b"hello")
        self.memory.pack("<I", 100, 77)
        self.assertEqual(self.instance.exports.peek(100), 77)
        self.assertEqual(self.memory.unpack("<HH", 100), (77, 0))
        self.assertEqual((self.memory[10], self.memory[10:15]), (ord("h"), b"hello"))
        self.memory[10:12] = b"HE"
        self.memory[12] = ord("L")
        self.assertEqual(self.memory.read(10, 5), b"HELlo")

    def test_bounds(self):
        for act in (lambda: self.memory.read(65535, 2), lambda: self.memory.write(65536, b"x"), lambda: self.memory.read(-1, 1),
                    lambda: self.memory.write(-1, b"x"), lambda: self.memory[65536], lambda: self.memory.read(0, 1 << 40),
                    lambda: self.memory.read(1 << 63, 1)):
            with self.assertRaises(IndexError):
                act()
        self.assertEqual(self.memory.read(65536, 0), b"")

    def test_views_are_the_guests_bytes(self):
        view = self.memory.view()
        self.instance.exports.poke(8, 0x04030201)
        self.assertEqual(bytes(view[8:12]), b"\1\2\3\4")
        view[8:12].cast("i")[0] = 5
        self.assertEqual(self.instance.exports.peek(8), 5)
        number = ctypes.c_uint32.from_buffer(view, 8)
        number.value = 6
        self.assertEqual(self.instance.exports.peek(8), 6)

    def test_views_stay_good_when_the_memory_grows(self):
        view = self.memory.view()
        self.assertEqual(self.instance.exports.grow(1), 1)
        self.assertEqual((len(view), len(self.memory), len(self.memory.view()), self.memory.pages), (65536, 131072, 131072, 2))
        self.instance.exports.poke(65532, 9)
        self.assertEqual(view[65532], 9)
        self.assertEqual(self.memory.grow(2), 2)
        view[0] = 3
        self.assertEqual(self.instance.exports.peek(0), 3)
        with self.assertRaises(pellucid.LimitExceeded):
            self.memory.grow(1)

    def test_views_outlive_the_store(self):
        self.memory.write(0, b"kept")
        view = self.memory.view()
        self.store.close()
        gc.collect()
        self.assertEqual(bytes(view[:4]), b"kept")
        view[0] = ord("K")
        with self.assertRaises(pellucid.InvalidState):
            self.memory.view()

    def test_views_outlive_everything(self):
        view = self.memory.view()
        self.memory.write(0, b"kept")
        del self.memory, self.instance, self.store, self.engine
        gc.collect()
        self.assertEqual(bytes(view[:4]), b"kept")

    def test_the_same_view_is_shared(self):
        self.assertIs(self.memory.view().obj, self.memory.view().obj)

    def test_empty_memory_and_small_pages(self):
        self.assertEqual(len(pellucid.Memory(self.store, MemoryType(0)).view()), 0)
        memory = pellucid.Memory(self.store, MemoryType(100, 200, page_size=1))
        self.assertEqual((len(memory), memory.type), (100, MemoryType(100, 200, page_size=1)))
        self.assertEqual(pellucid.Memory(self.store, MemoryType(1, is_64=True)).type.is_64, True)

    @unittest.skipUnless(sys.version_info >= (3, 12), "classes of Python's are buffers since 3.12")
    def test_a_memory_is_a_buffer(self):
        memoryview(self.memory)[0] = 7
        self.assertEqual(self.memory[0], 7)

    @unittest.skipUnless(numpy, "numpy isn't installed")
    def test_numpy(self):
        array = numpy.frombuffer(self.memory.view(), dtype="<i4", count=4, offset=16)
        self.instance.exports.poke(20, 12)
        self.assertEqual(array.tolist(), [0, 12, 0, 0])
        array += 1
        self.assertEqual([self.instance.exports.peek(address) for address in range(16, 32, 4)], [1, 13, 1, 1])
        self.memory.grow(1)
        array[0] = 99
        self.assertEqual(self.instance.exports.peek(16), 99)
        del self.memory, self.instance, self.store
        gc.collect()
        self.assertEqual(array.tolist(), [99, 13, 1, 1])


if __name__ == "__main__":
    unittest.main()
