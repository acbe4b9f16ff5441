"""A debugger on the command line, in the manner of pdb.

python -m pellucid.debug [options] program.wasm [arguments of the program]
"""

from __future__ import annotations

import argparse
import cmd
import code
import shlex
import sys
from typing import Any, Callable

import pellucid
from pellucid import CallState, debug
from pellucid.debug import EventKind, Frame, WatchAccess

ACCESS = {"watch": WatchAccess.WRITE, "rwatch": WatchAccess.READ, "awatch": WatchAccess.READ | WatchAccess.WRITE}


class Complaint(Exception):
    """What the user has asked for isn't possible."""


def number(word: str) -> int:
    try:
        return int(word, 0)
    except ValueError:
        raise Complaint(f"{word!r} is no number") from None


class Console(cmd.Cmd):
    """Commands on a call of a program."""

    prompt = "(pellucid) "

    def __init__(self, make: Callable[[], tuple[pellucid.Store, pellucid.Func, list[Any]]], **streams: Any) -> None:
        super().__init__(**streams)
        self.make = make
        self.at = 0
        self.numbers: dict[int, int] = {}
        # By the user's number.
        self.conditions: dict[int, str] = {}
        self.begin()

    # The program.

    def begin(self) -> None:
        self.store, self.func, args = self.make()
        debug.pause_on_control_c(self.store)
        self.call = pellucid.Call(self.func, *args)
        self.numbers.clear()
        self.at = 0

    @property
    def frames(self) -> list[Frame]:
        return debug.frames(self.call) if self.call.state in (CallState.PAUSED, CallState.TRAPPED, CallState.YIELDED) else []

    @property
    def frame(self) -> Frame:
        frames = self.frames
        if not frames:
            raise Complaint("the program doesn't stand anywhere: `run` or `continue` first")
        return frames[min(self.at, len(frames) - 1)]

    @property
    def module(self) -> pellucid.Module:
        index = self.func.index
        if index is None:
            raise Complaint("the program is no guest's function")
        return self.instance.module

    @property
    def instance(self) -> pellucid.Instance:
        frames = self.frames
        return frames[min(self.at, len(frames) - 1)].instance if frames else self.store_instance

    @property
    def store_instance(self) -> pellucid.Instance:
        found: pellucid.Instance = self.make.instance  # type: ignore[attr-defined]
        return found

    def say(self, text: str) -> None:
        print(text, file=self.stdout, flush=True)

    def onecmd(self, line: str) -> bool:
        try:
            return bool(super().onecmd(line))
        except (Complaint, pellucid.Error, ValueError, TypeError, LookupError, OverflowError) as failure:
            self.say(f"*** {failure.args[0] if isinstance(failure, KeyError) and failure.args else failure}")
            return False
        except KeyboardInterrupt:
            self.say("interrupted")
            return False

    def default(self, line: str) -> bool | None:  # type: ignore[override]
        if line == "EOF":
            return True
        if line.startswith("!"):
            self.python(line[1:])
            return None
        self.say(f"*** no such command: {line.split()[0]}; `help` lists them")
        return None

    def emptyline(self) -> bool:
        return False

    # Going on.

    def go(self, how: Callable[[], CallState]) -> None:
        if self.call.state not in (CallState.READY, CallState.PAUSED, CallState.YIELDED):
            raise Complaint("the program is over: `run` begins it again")
        try:
            how()
        except KeyboardInterrupt:
            pass  # It has paused, which is told below.
        self.at = 0
        self.tell()

    def tell(self) -> None:
        state = self.call.state
        if state == CallState.FINISHED:
            result = self.call.result()
            self.say("the program is over" + (f": {result!r}" if result is not None else ""))
        elif state in (CallState.TRAPPED, CallState.EXITED):
            error = self.call.error()
            if isinstance(error, pellucid.Exit):
                self.say(f"the program has exited with code {error.code}")
                return
            self.say(f"the program has failed: {type(error).__name__}: {error}")
            if self.frames:
                self.show()
        elif state == CallState.PAUSED:
            self.tell_event()
            self.show()
        else:
            self.say("the program waits for a function of the host's")

    def tell_event(self) -> None:
        event = debug.event(self.call)
        if event is None:
            return
        for id in event.breakpoints:
            self.say(f"breakpoint {self.number_of(id)}")
        for hit in event.hits:
            done = "is" if hit.is_found else "was read:" if hit.access == WatchAccess.READ else "was written:"
            self.say(f"watchpoint {self.number_of(hit.id)}: {self.value(hit.old)} {done} {self.value(hit.new)} @{hit.pc:#x}")
        if event.kind in (EventKind.EXCEPTION, EventKind.UNCAUGHT_EXCEPTION):
            tag, values = event.exception
            self.say(f"exception {tag!r} {values}")
        elif event.kind == EventKind.INTERRUPT:
            self.say("interrupted")

    def number_of(self, id: int) -> int:
        """The user's number of a breakpoint: small, in the order in which they were made."""
        if id not in self.numbers:
            self.numbers[id] = max(self.numbers.values(), default=0) + 1
        return self.numbers[id]

    def id_of(self, word: str) -> int:
        wanted = number(word)
        for id, mine in self.numbers.items():
            if mine == wanted:
                return id
        raise Complaint(f"there is no breakpoint {wanted}")

    @staticmethod
    def value(value: Any) -> str:
        return value.hex() if isinstance(value, bytes) else repr(value)

    def describe(self, frame: Frame) -> str:
        names, values = frame.local_names, frame.locals
        count = len(frame.module.func_type(frame.func_index).params)
        args = ", ".join(f"{names[index] or index}={self.value(values[index])}" for index in range(count))
        return f"{frame.func_name}({args}) @{frame.pc:#x}"

    def show(self) -> None:
        frames = self.frames
        if frames:
            self.at = min(self.at, len(frames) - 1)
            self.say(f"#{self.at} {self.describe(frames[self.at])}")
        else:
            self.say("in no frame")

    def do_run(self, line: str) -> None:
        """run: begins the program again, with the same breakpoints at functions and operators."""
        kept = debug.breakpoints(self.store)
        numbers = dict(self.numbers)
        self.call.close()
        self.begin()
        with debug.edit(self.store) as edit:
            for old in kept:
                new = None
                if old.name is not None:
                    new = edit.at_name(old.name)
                elif old.kind == debug.BreakpointKind.PC and old.places:
                    new = edit.at_pc(self.module, old.places[0].pc)
                if new is not None:
                    edit.enable(new, old.is_enabled)
                    self.numbers[new] = numbers[old.id]
                    if numbers[old.id] in self.conditions:
                        edit.set_condition(new, self.conditions[numbers[old.id]])
        self.go(self.call.resume)

    def do_continue(self, line: str) -> None:
        """continue: goes on to the next event."""
        self.go(self.call.resume)

    def do_step(self, line: str) -> None:
        """step [n]: executes one operator, or n."""
        count = number(line) if line else 1

        def steps() -> CallState:
            state = self.call.state
            for _ in range(count):
                state = self.call.step()
                event = debug.event(self.call)
                if state != CallState.PAUSED or event is None or event.kind != EventKind.STEP:
                    break
            return state
        self.go(steps)

    def do_next(self, line: str) -> None:
        """next: goes on to the next operator of the frame, whatever it calls."""
        frame = self.frames[self.at] if self.at and self.frames else None
        self.go(lambda: self.call.step_over(frame))

    def do_finish(self, line: str) -> None:
        """finish: goes on to where the frame's caller goes on."""
        frame = self.frames[self.at] if self.at and self.frames else None
        self.go(lambda: self.call.step_out(frame))

    def do_until(self, line: str) -> None:
        """until pc: goes on until the frame comes to an operator."""
        frame, pc = self.frame, number(line)
        self.go(lambda: self.call.run_to(pc, frame))

    # Breakpoints.

    def add(self, make: Callable[[debug.Edit], int], condition: str = "") -> int:
        with debug.edit(self.store) as edit:
            id = make(edit)
            if condition:
                edit.set_condition(id, condition)
        made = self.number_of(id)
        if condition:
            self.conditions[made] = condition
        return made

    def place(self, word: str) -> Callable[[debug.Edit], int]:
        if word[:1].isdigit():
            pc = number(word)
            self.module.func_at(pc)
            return lambda edit: edit.at_pc(self.module, pc)
        if word not in [self.module.func_name(index) for index in range(self.module.func_count)]:
            raise Complaint(f"no function is called {word!r}")
        return lambda edit: edit.at_name(word)

    def do_break(self, line: str) -> None:
        """break function|pc [if expression]: sets a breakpoint; without arguments lists all. `help expressions` says what those are."""
        if not line:
            self.list()
            return
        place, _, condition = line.partition(" if ")
        self.say(f"breakpoint {self.add(self.place(place.strip()), condition.strip())} at {place.strip()}")

    def do_tbreak(self, line: str) -> None:
        """tbreak function|pc: sets a breakpoint that is removed when it is reached."""
        place = self.place(line.strip())

        def make(edit: debug.Edit) -> int:
            id = place(edit)
            edit.set_options(id, once=True)
            return id
        self.say(f"breakpoint {self.add(make)} at {line.strip()}, once")

    def watch(self, line: str, access: WatchAccess) -> None:
        words = shlex.split(line)
        if not words:
            raise Complaint("what? an address [size], `global name`, or `local name`")
        if words[0] == "local" and len(words) == 2:
            frame, name = self.frame, words[1]
            made = self.add(lambda edit: edit.watch_local(frame, int(name) if name.isdigit() else name, access))
        elif words[0] == "global" and len(words) == 2:
            item = self.global_called(words[1])
            made = self.add(lambda edit: edit.watch_global(item, access))
        else:
            address, size = number(words[0]), number(words[1]) if len(words) > 1 else 4
            made = self.add(lambda edit: edit.watch_memory(self.memory, address, size, access))
        self.say(f"watchpoint {made}")

    def do_watch(self, line: str) -> None:
        """watch address [size] | global name | local name: stops after it was written."""
        self.watch(line, ACCESS["watch"])

    def do_rwatch(self, line: str) -> None:
        """rwatch ...: stops after it was read."""
        self.watch(line, ACCESS["rwatch"])

    def do_awatch(self, line: str) -> None:
        """awatch ...: stops after it was read or written."""
        self.watch(line, ACCESS["awatch"])

    def do_catch(self, line: str) -> None:
        """catch exception | import module name: stops at exceptions, or where an imported function is called. The program always stops
        where it traps."""
        words = shlex.split(line)
        if words == ["exception"]:
            made = self.add(lambda edit: edit.at_exception())
        elif len(words) == 3 and words[0] == "import":
            made = self.add(lambda edit: edit.at_import(words[1], words[2]))
        else:
            raise Complaint("catch exception, or catch import module name")
        self.say(f"breakpoint {made}")

    def change(self, line: str, what: Callable[[debug.Edit, int], None]) -> None:
        ids = [self.id_of(word) for word in line.split()]
        if not ids:
            raise Complaint("which? `break` lists the numbers")
        with debug.edit(self.store) as edit:
            for id in ids:
                what(edit, id)

    def do_delete(self, line: str) -> None:
        """delete number ...: removes breakpoints and watchpoints."""
        self.change(line, lambda edit, id: edit.remove(id))

    def do_enable(self, line: str) -> None:
        """enable number ...: enables breakpoints and watchpoints."""
        self.change(line, lambda edit, id: edit.enable(id, True))

    def do_disable(self, line: str) -> None:
        """disable number ...: disables breakpoints and watchpoints."""
        self.change(line, lambda edit, id: edit.enable(id, False))

    def list(self) -> None:
        for point in debug.breakpoints(self.store):
            where = point.name or ", ".join(f"{place.pc:#x}" for place in point.places) or point.kind.name.lower()
            off = "" if point.is_enabled else ", disabled"
            self.say(f"{self.number_of(point.id)}: breakpoint at {where}, hit {point.hits} times{off}")
        for watched in debug.watchpoints(self.store):
            off = "" if watched.is_enabled else ", disabled"
            self.say(f"{self.number_of(watched.id)}: watchpoint of {watched.kind.name.lower()} {watched.entity} "
                     f"{watched.address:#x}, {watched.size}, hit {watched.hits} times{off}")

    # Looking around.

    def do_where(self, line: str) -> None:
        """where: the frames, the innermost first."""
        for index, frame in enumerate(self.frames):
            self.say(f"{'>' if index == self.at else ' '} #{index} {self.describe(frame)}")

    def do_up(self, line: str) -> None:
        """up: looks at the frame's caller."""
        if self.at + 1 >= len(self.frames):
            raise Complaint("this is the outermost frame")
        self.at += 1
        self.show()

    def do_down(self, line: str) -> None:
        """down: looks at the frame that this one has called."""
        if not self.at:
            raise Complaint("this is the innermost frame")
        self.at -= 1
        self.show()

    def do_locals(self, line: str) -> None:
        """locals: the locals of the frame, parameters first."""
        frame = self.frame
        for index, (name, value) in enumerate(zip(frame.local_names, frame.locals)):
            self.say(f"{index} {name or ''}".rstrip() + f" = {self.value(value)}")

    def do_operands(self, line: str) -> None:
        """operands: the operands of the frame, from the bottom."""
        for index, value in enumerate(self.frame.operands):
            self.say(f"{index} = {self.value(value)}")

    def do_print(self, line: str) -> None:
        """print expression: what it is in the frame; see `help expressions`."""
        self.say(str(self.frame.evaluate(line)))

    def help_expressions(self) -> None:
        self.say("Numbers; names of locals and globals; local[2] or $2; operand[0] or %0; global[1] or @1; i8 u8 i16 u16 i32 u32 i64 f32 "
                 "f64[address];\nC's operators; parentheses.")

    def do_set(self, line: str) -> None:
        """set local = value: sets a local of the frame, by its name or number."""
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals:
            raise Complaint("set local = value")
        frame = self.frame
        frame[int(name) if name.isdigit() else name] = float(value) if "." in value else number(value)

    @property
    def memory(self) -> pellucid.Memory:
        try:
            found: pellucid.Memory = self.instance.memory_at(0)
        except pellucid.OutOfRange:
            raise Complaint("the module has no memory") from None
        return found

    def global_called(self, name: str) -> pellucid.Global:
        if name.isdigit():
            found: pellucid.Global = self.instance.global_(int(name))
            return found
        exported = self.instance.exports[name] if name in self.instance.exports else None
        if not isinstance(exported, pellucid.Global):
            raise Complaint(f"no global is exported as {name!r}; a number says one by its index")
        return exported

    def do_x(self, line: str) -> None:
        """x address [size]: bytes of the memory; the address is an expression in brackets, or a number."""
        words = line.rsplit(None, 1) if not line.startswith("[") else [line[:line.index("]") + 1], line[line.index("]") + 1:]]
        words = [word.strip() for word in words if word.strip()]
        if not words:
            raise Complaint("x address [size]")
        address = int(self.frame.evaluate(words[0][1:-1])) & 0xffffffff if words[0].startswith("[") else number(words[0])
        data = self.memory.read(address, number(words[1]) if len(words) > 1 else 64)
        for start in range(0, len(data), 16):
            row = data[start:start + 16]
            shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
            self.say(f"{address + start:#010x}  {row.hex(' '):47}  {shown}")

    def do_functions(self, line: str) -> None:
        """functions [part of a name]: the functions of the module."""
        module = self.module
        for index in range(module.func_count):
            name = module.func_name(index) or ""
            if line in name:
                self.say(f"{index} {name} {module.func_type(index)}")

    def do_core(self, line: str) -> None:
        """core file: writes a core dump."""
        if not line:
            raise Complaint("core file")
        debug.core_dump(self.store, line)
        self.say(f"written to {line}")

    def do_python(self, line: str) -> None:
        """python [statement], or !statement: Python, where `frame`, `call`, `store`, `instance`, `pellucid` and `debug` are."""
        self.python(line)

    def python(self, line: str) -> None:
        names = {"call": self.call, "store": self.store, "instance": self.instance, "pellucid": pellucid, "debug": debug,
                 "frame": self.frames[self.at] if self.frames else None}
        if line.strip():
            code.InteractiveInterpreter(names).runsource(line.strip())
        else:
            code.interact(local=names, banner="", exitmsg="")

    def do_quit(self, line: str) -> bool:
        """quit: ends the program and the debugger."""
        return True

    do_r = do_run
    do_c = do_cont = do_continue
    do_s = do_step
    do_n = do_next
    do_b = do_break
    do_w = do_bt = do_where
    do_u = do_up
    do_d = do_down
    do_l = do_locals
    do_o = do_operands
    do_p = do_print
    do_f = do_finish
    do_q = do_quit


class Program:
    """Makes a store with the program, again for each run."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.engine = pellucid.Engine(debug=True)
        self.module = pellucid.Module.from_file(self.engine, options.program)
        self.instance: pellucid.Instance

    def __call__(self) -> tuple[pellucid.Store, pellucid.Func, list[Any]]:
        options = self.options
        pairs = dict(pair.partition("=")[::2] for pair in options.env)
        folders = {guest: host or guest for guest, _, host in (pair.partition("=") for pair in options.dir)}
        wasi = pellucid.Wasi(args=[options.program, *options.arguments], env=pairs, folders=folders, stdin="inherit",
                             stdout="inherit", stderr="inherit")
        store = pellucid.Store(self.engine)
        self.instance = pellucid.Linker(wasi=wasi).instantiate(store, self.module)
        name = options.invoke or "_start"
        func = self.instance.exports[name] if name in self.instance.exports else None
        if not isinstance(func, pellucid.Func):
            raise SystemExit(f"{options.program} exports no function {name!r}: --invoke says another")
        args = [float(word) if "." in word else int(word, 0) for word in options.arguments] if options.invoke else []
        return store, func, args


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m pellucid.debug", description="Debugs a WebAssembly program.")
    parser.add_argument("--dir", action="append", default=[], metavar="GUEST=HOST", help="a folder that the program may use")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="a variable of its environment")
    parser.add_argument("--invoke", metavar="NAME", help="a function to call with the arguments, which are numbers, instead of _start")
    parser.add_argument("-c", dest="commands", action="append", default=[], metavar="COMMAND", help="what to do first")
    parser.add_argument("program", help="a file of WebAssembly, bytes or text")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments of the program")
    options = parser.parse_args()
    try:
        console = Console(Program(options))
    except (pellucid.Error, OSError) as failure:
        print(failure, file=sys.stderr)
        return 1
    console.say(f"{options.program}, {console.module.func_count} functions; `help` lists commands")
    for command in options.commands:
        if console.onecmd(command):
            return 0
    if not sys.stdin.isatty():
        # What answers a script says which command it answers.
        console.use_rawinput = False
        console.prompt = ""
    while True:
        try:
            console.cmdloop()
            return 0
        except KeyboardInterrupt:
            console.say("`quit` ends the debugger")


if __name__ == "__main__":
    sys.exit(main())
