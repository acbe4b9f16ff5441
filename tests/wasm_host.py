"""A host of WebAssembly modules in Python, as the tests of real programs need it: any import is a Python function.

Not a binding: it has what those programs ask for, and no more.
"""

import ctypes as c

OK, ERR_HOST = 0, -11
KINDS = ("i32", "i64", "f32", "f64")
EXTERN_FUNC, EXTERN_MEMORY = 0, 2
PAGE = 65536
WASI_INHERIT = 1
LIMIT_STACK_BYTES = 6


class Handle(c.Structure):
    _fields_ = [("store", c.c_uint64), ("index", c.c_uint64)]


class Extern(c.Structure):
    _fields_ = [("kind", c.c_uint32), ("reserved", c.c_uint32), ("of", Handle)]


class Text(c.Structure):
    _fields_ = [("data", c.c_void_p), ("size", c.c_size_t)]

    def __str__(self):
        return c.string_at(self.data, self.size).decode() if self.size else ""


class ValueOf(c.Union):
    _fields_ = [("i32", c.c_int32), ("i64", c.c_int64), ("f32", c.c_float), ("f64", c.c_double), ("words", c.c_uint64 * 2)]


class Value(c.Structure):
    _fields_ = [("kind", c.c_uint32), ("reserved", c.c_uint32), ("of", ValueOf)]

    def get(self):
        return getattr(self.of, KINDS[self.kind])

    def set(self, value):
        if self.kind < 2:
            value = (c.c_int32, c.c_int64)[self.kind](value).value
        setattr(self.of, KINDS[self.kind], value)


class MemoryType(c.Structure):
    _fields_ = [("minimum", c.c_uint64), ("maximum", c.c_uint64)] + [
        (name, c.c_uint32) for name in ("has_maximum", "is_64", "is_shared", "page_size_log2")
    ]


Callback = c.CFUNCTYPE(
    c.c_int32, c.c_void_p, c.c_void_p, c.POINTER(Value), c.c_size_t, c.POINTER(Value), c.c_size_t, c.POINTER(c.c_void_p)
)


class WasmError(Exception):
    """What a function of the library answered."""


class Host:
    """The library, an engine, and what is made with it."""

    def __init__(self, path, debugging=False, exact=False):
        self.lib = c.CDLL(str(path))
        self.lib.pellucid_module_import_count.restype = c.c_size_t
        self.lib.pellucid_error_trap.restype = c.c_uint32
        config, self.engine = c.c_void_p(), c.c_void_p()
        self.lib.pellucid_config_new(c.byref(config))
        self.lib.pellucid_config_set_debug(config, c.c_bool(debugging))
        self.lib.pellucid_config_set_exact(config, c.c_bool(exact))
        self.checked("engine_new", config, c.byref(self.engine))
        self.new_store()

    def another(self):
        """A host with a store of its own in the same engine, for another thread. To be closed before this one."""
        other = object.__new__(Host)
        other.lib, other.engine = self.lib, c.c_void_p()
        self.lib.pellucid_engine_clone(self.engine, c.byref(other.engine))
        other.new_store()
        return other

    def new_store(self):
        self.store, self.kept, self.raised = c.c_void_p(), [], None
        self.checked("store_new", self.engine, None, None, c.byref(self.store))
        # Programs nest calls deeply.
        self.lib.pellucid_store_set_limit(self.store, c.c_uint32(LIMIT_STACK_BYTES), c.c_uint64(16 << 20))

    def shared_memory(self, minimum, maximum):
        """A memory for any number of stores of the engine."""
        made, ty = c.c_void_p(), MemoryType(minimum, maximum, 1, 0, 1, 0)
        self.checked("shared_memory_new", self.engine, c.byref(ty), c.byref(made))
        return made

    def memory_of(self, shared):
        """The shared memory, as this store imports it."""
        made = Handle()
        self.checked("memory_from_shared", self.store, shared, c.byref(made))
        return Extern(EXTERN_MEMORY, 0, made)

    def checked(self, name, *args):
        error = c.c_void_p()
        status = getattr(self.lib, f"pellucid_{name}")(*args, c.byref(error))
        if status == OK:
            return
        message = Text()
        if error:
            self.lib.pellucid_error_message(error, c.byref(message))
        told = f"{name}: {message or status}"
        self.lib.pellucid_error_delete(error)
        raised, self.raised = self.raised, None
        raise raised or WasmError(told)

    def function(self, function, functype):
        """A host function; `function` is given the arguments, and answers the result or None."""

        def callback(_userdata, _caller, args, n_args, results, n_results, _out_error):
            try:
                answer = function(*(args[index].get() for index in range(n_args)))
                if n_results:
                    results[0].set(answer)
                return OK
            except BaseException as error:  # it goes on in the Python code that called the guest
                self.raised = error
                return ERR_HOST

        self.kept.append(Callback(callback))
        made = Handle()
        self.checked("func_new", self.store, functype, None, self.kept[-1], None, c.byref(made))
        return Extern(EXTERN_FUNC, 0, made)

    def instance(self, code, find_import):
        """An instance of a module; `find_import(module, name)` answers a Python function for what it imports, or an `Extern`."""
        module = c.c_void_p()
        self.checked("module_new", self.engine, code, c.c_size_t(len(code)), c.byref(module))
        imports = []
        for index in range(self.lib.pellucid_module_import_count(module)):
            texts, kind, externtype = (Text(), Text()), c.c_uint32(), c.c_void_p()
            self.lib.pellucid_module_import(
                module, c.c_size_t(index), c.byref(texts[0]), c.byref(texts[1]), c.byref(kind), c.byref(externtype)
            )
            found = find_import(str(texts[0]), str(texts[1]))
            if kind.value == EXTERN_FUNC:
                functype = c.c_void_p()
                self.lib.pellucid_externtype_func(externtype, c.byref(functype))
                found = self.function(found, functype)
                self.lib.pellucid_functype_delete(functype)
            imports.append(found)
            self.lib.pellucid_externtype_delete(externtype)
        instance = Instance(self)
        given = (Extern * max(1, len(imports)))(*imports)
        self.checked("instance_new", self.store, module, given, c.c_size_t(len(imports)), c.byref(instance.handle))
        self.lib.pellucid_module_delete(module)
        return instance

    def program(self, code, arguments, folder):
        """An instance of a module that imports WASI, with these arguments, and a folder as its root."""
        module, linker, config, instance = c.c_void_p(), c.c_void_p(), c.c_void_p(), Instance(self)
        self.checked("module_new", self.engine, code, c.c_size_t(len(code)), c.byref(module))
        self.lib.pellucid_wasi_config_new(c.byref(config))
        for argument in arguments:
            self.lib.pellucid_wasi_config_add_arg(config, argument.encode(), c.c_size_t(len(argument.encode())))
        for stream in (1, 2):
            self.lib.pellucid_wasi_config_set_stream(config, c.c_uint32(stream), c.c_uint32(WASI_INHERIT))
        path = str(folder).encode()
        self.checked("wasi_config_add_folder", config, path, c.c_size_t(len(path)), b"/", c.c_size_t(1), c.c_bool(False))
        self.lib.pellucid_linker_new(self.engine, c.byref(linker))
        self.checked("linker_define_wasi", linker, self.store, config, None)
        self.checked("linker_instantiate", linker, self.store, module, c.byref(instance.handle))
        self.lib.pellucid_linker_delete(linker)
        self.lib.pellucid_wasi_config_delete(config)
        self.lib.pellucid_module_delete(module)
        return instance

    def callable(self, handle):
        """A guest's function as one of Python."""
        functype, kinds, count = c.c_void_p(), c.POINTER(c.c_uint32)(), c.c_size_t()
        self.lib.pellucid_func_type(self.store, c.byref(handle), c.byref(functype))
        self.lib.pellucid_functype_params(functype, c.byref(kinds), c.byref(count))
        params = kinds[: count.value]
        self.lib.pellucid_functype_results(functype, None, c.byref(count))
        n_results = count.value
        self.lib.pellucid_functype_delete(functype)

        def call(*args):
            if len(args) != len(params):
                raise TypeError(f"{len(params)} arguments are needed, not {len(args)}")
            given, results = (Value * max(1, len(args)))(), (Value * max(1, n_results))()
            for value, kind, arg in zip(given, params, args):
                value.kind = kind
                value.set(arg)
            self.checked(
                "func_call", self.store, c.byref(handle), given, c.c_size_t(len(args)), results, c.c_size_t(n_results)
            )
            return results[0].get() if n_results else None

        return call

    def close(self):
        self.lib.pellucid_store_delete(self.store)
        self.lib.pellucid_engine_delete(self.engine)


class Instance:
    def __init__(self, host):
        self.host, self.handle, self.functions = host, Handle(), {}

    def export(self, name):
        item, text = Extern(), name.encode()
        if self.host.lib.pellucid_instance_export(
            self.host.store, c.byref(self.handle), text, c.c_size_t(len(text)), c.byref(item)
        ):
            raise WasmError(f"there is no export {name}")
        return item

    def function(self, name):
        """The exported function, as one of Python."""
        if name not in self.functions:
            self.functions[name] = self.host.callable(self.export(name).of)
        return self.functions[name]

    def has(self, name):
        text = name.encode()
        return self.host.lib.pellucid_instance_export(
            self.host.store, c.byref(self.handle), text, c.c_size_t(len(text)), c.byref(Extern())
        ) == OK

    def names(self):
        """Of all exports."""
        count, names = c.c_size_t(), []
        self.host.lib.pellucid_instance_export_count(self.host.store, c.byref(self.handle), c.byref(count))
        for index in range(count.value):
            name = Text()
            self.host.lib.pellucid_instance_export_at(
                self.host.store, c.byref(self.handle), c.c_size_t(index), c.byref(name), None, None
            )
            names.append(str(name))
        return names

    def table_function(self, index):
        """An element of the function table, as a function of Python."""
        value = Value()
        status = self.host.lib.pellucid_table_get(
            self.host.store, c.byref(self.export("__indirect_function_table").of), c.c_uint64(index), c.byref(value)
        )
        if status != OK:
            raise WasmError(f"table_get of {index}: {status}")
        return self.host.callable(Handle(*value.of.words))

    def memory(self):
        """The exported memory."""
        return Memory(self.host, self.export("memory").of)


class Memory:
    def __init__(self, host, handle):
        self.host, self.handle = host, handle

    def read(self, address, size):
        buffer = c.create_string_buffer(size)
        self.access("read", address, buffer, size)
        return buffer.raw

    def write(self, address, data):
        self.access("write", address, data, len(data))

    def access(self, what, address, data, size):
        function = getattr(self.host.lib, f"pellucid_memory_{what}")
        status = function(self.host.store, c.byref(self.handle), c.c_uint64(address & 0xFFFFFFFF), data, c.c_size_t(size))
        if status != OK:
            raise WasmError(f"memory_{what} of {size} bytes at {address}: {status}")

    def size(self):
        """Bytes."""
        pages = c.c_uint64()
        self.host.lib.pellucid_memory_size(self.host.store, c.byref(self.handle), c.byref(pages))
        return pages.value * PAGE

    def grow(self, n_pages):
        self.host.checked("memory_grow", self.host.store, c.byref(self.handle), c.c_uint64(n_pages), None)

    def read_u32(self, address):
        return int.from_bytes(self.read(address, 4), "little")

    def write_u32(self, address, value):
        self.write(address, (value & 0xFFFFFFFF).to_bytes(4, "little"))
