"""Makes pellucid/_native.py, the mechanical layer of the package, from the library's description of itself.

Usage: generate.py include/pellucid.json src/pellucid/_native.py

Structs, unions, enumerations, types of callbacks and functions come out under their names in C, but for enumerations, whose
names and members are shortened: PELLUCID_TRAP_UNREACHABLE is Trap.UNREACHABLE. What the header says of each comes along.
"""

import json
import keyword
import os
import re
import sys

SCALARS = {
    "bool": "bool", "int": "int", "int32_t": "int32", "int64_t": "int64", "uint8_t": "uint8", "uint32_t": "uint32",
    "uint64_t": "uint64", "size_t": "size_t", "float": "float", "double": "double",
}
# Enumerations whose values are or-ed together.
FLAGS = {
    "pellucid_event_kind", "pellucid_event_flag", "pellucid_interest", "pellucid_throw", "pellucid_watch_access",
    "pellucid_core_dump_option",
}
HEAD = '''"""The C API of the library as Python calls it, made from its description by generate.py. Don't edit."""

from __future__ import annotations

import ctypes as c
import enum
from typing import Any, Callable

from ._library import function as _function

VERSION = {version!r}
'''


def class_name(name: str) -> str:
    return "".join(part.capitalize() for part in re.sub(r"^pellucid_|_t$", "", name).split("_"))


class Generator:
    def __init__(self, description: dict) -> None:
        self.version = description["version"]
        self.declarations = description["declarations"]
        self.kinds = {thing["name"]: thing for thing in self.declarations}

    def ctype(self, name: str) -> str:
        """The ctypes type for a type of C's. All pointers are void pointers, which take what byref() gives, arrays and None."""
        array = re.fullmatch(r"(\w+)\[(\d+)\]", name)
        if array:
            return f"{self.ctype(array[1])} * {array[2]}"
        if name.endswith("*"):
            return "c.c_void_p"
        if name in SCALARS:
            return f"c.c_{SCALARS[name]}"
        kind = self.kinds[name]["kind"]
        if kind == "integer":
            return self.ctype(self.kinds[name]["type"])
        if kind in ("struct", "union", "callback"):
            return class_name(name)
        raise SystemExit(f"{name}: a type that nobody knows")

    def result(self, name: str) -> str:
        return "None" if name == "void" else self.ctype(name)

    def python(self, name: str) -> str:
        ctype = self.result(name)
        return {"None": "None", "c.c_bool": "bool", "c.c_float": "float", "c.c_double": "float", "c.c_void_p": "int | None"}.get(
            ctype, "int")

    @staticmethod
    def doc(text: str, indent: str = "") -> str:
        text = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"').replace("\n", "\n" + indent)
        text = re.sub(r"[ ]+\n", "\n", text)
        return f'{indent}"""{text}"""' if not text.endswith('"') else f'{indent}"""{text} """'

    def enumeration(self, thing: dict) -> str:
        names = [value["name"].removeprefix("PELLUCID_") for value in thing["values"]]
        prefix = os.path.commonprefix(names) if len(names) > 1 else ""
        prefix = prefix[:prefix.rfind("_") + 1]
        if not all(name[len(prefix):].isidentifier() for name in names):
            prefix = ""
        base = "IntFlag" if thing["name"] in FLAGS else "IntEnum"
        lines = [f"class {class_name(thing['name'])}(enum.{base}):", self.doc(thing["doc"], "    "), ""]
        for name, value in zip(names, thing["values"]):
            lines += [f"    {name[len(prefix):]} = {value['value']}", self.doc(value["doc"], "    ")]
        return "\n".join(lines)

    def composite(self, thing: dict) -> str:
        base = "Union" if thing["kind"] == "union" else "Structure"
        lines = [f"class {class_name(thing['name'])}(c.{base}):", self.doc(thing["doc"], "    "), ""]
        for member in thing["members"]:
            # A member that is called as a keyword of Python's is reached by getattr().
            if not keyword.iskeyword(member["name"]):
                lines += [f"    {member['name']}: Any", self.doc(member["doc"], "    ")]
        fields = ",\n        ".join(f'("{member["name"]}", {self.ctype(member["type"])})' for member in thing["members"])
        lines.append(f"    _fields_ = [\n        {fields},\n    ]")
        return "\n".join(lines)

    def callback(self, thing: dict) -> str:
        types = ", ".join([self.result(thing["returns"])] + [self.ctype(p["type"]) for p in thing["parameters"]])
        return f"{class_name(thing['name'])} = c.CFUNCTYPE({types})\n{self.doc(thing['doc'])}"

    def function(self, thing: dict) -> str:
        # Callbacks are given as void pointers, too: they may be None.
        types = "".join(
            ", c.c_void_p" if self.kinds.get(p["type"], {}).get("kind") == "callback" else ", " + self.ctype(p["type"])
            for p in thing["parameters"])
        names = ", ".join(p["name"] for p in thing["parameters"])
        return (f"{thing['name']}: Callable[..., {self.python(thing['returns'])}] = _function(\n"
                f"    \"{thing['name']}\", {self.result(thing['returns'])}{types})\n"
                f"{self.doc(f'({names}){chr(10)}{chr(10)}' + thing['doc'])}")

    def module(self) -> str:
        parts = {"enum": self.enumeration, "struct": self.composite, "union": self.composite,
                 "callback": self.callback, "function": self.function}
        texts = [parts[thing["kind"]](thing) for thing in self.declarations if thing["kind"] in parts]
        return "\n\n\n".join([HEAD.format(version=self.version).rstrip(), *texts]) + "\n"


def generate(description: str, output: str) -> None:
    with open(description, encoding="utf-8") as file:
        text = Generator(json.load(file)).module()
    with open(output, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    generate(*sys.argv[1:])
