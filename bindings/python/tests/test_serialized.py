"""Modules as bytes and files, and a folder that keeps them."""

import os
import tempfile
import unittest
from pathlib import Path

import pellucid

WAT = """(module $doubles
  (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))"""


def works(module: pellucid.Module) -> bool:
    store = pellucid.Store(module.engine)
    return pellucid.Instance(store, module).exports.double(21) == 42


class Serialized(unittest.TestCase):
    def setUp(self) -> None:
        self.engine = pellucid.Engine()
        self.module = pellucid.Module(self.engine, WAT)

    def test_comes_back(self) -> None:
        data = self.module.serialize()
        again = pellucid.Module.deserialize(self.engine, data)
        self.assertTrue(works(again))
        self.assertEqual((again.name, again.serialize()), ("doubles", data))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "module"
            self.module.serialize_file(path)
            self.assertEqual(path.read_bytes(), data)
            mapped = pellucid.Module.deserialize_file(self.engine, path)
            path.unlink()
            self.assertTrue(works(mapped))
            with self.assertRaises(pellucid.NotFound):
                pellucid.Module.deserialize_file(self.engine, path)

    def test_is_refused(self) -> None:
        data = bytearray(self.module.serialize())
        with self.assertRaisesRegex(pellucid.Incompatible, "debugging"):
            pellucid.Module.deserialize(pellucid.Engine(debug=True), bytes(data))
        data[-1] ^= 1
        for wrong in (bytes(data), bytes(data[:100]), b""):
            with self.assertRaises(pellucid.InvalidModule):
                pellucid.Module.deserialize(self.engine, wrong)

    def test_is_kept(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            kept = []
            for _ in range(2):
                engine = pellucid.Engine(cache=folder)
                self.assertTrue(works(pellucid.Module(engine, WAT)))
                kept.append([(entry.name, entry.inode()) for entry in os.scandir(folder)])
            self.assertEqual(len(kept[0]), 1)
            self.assertEqual(kept[0], kept[1])


if __name__ == "__main__":
    unittest.main()
