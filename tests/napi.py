"""Node-API as far as two packages of npm need it to be loaded and called: values are Python's, handles are numbers that lead to them.

Written after https://nodejs.org/api/n-api.html; guests are 32-bit, so handles, pointers and sizes are four bytes.
"""

OK, GENERIC_FAILURE = 0, 9
AUTO_LENGTH = 0xFFFFFFFF
STATIC = 1 << 10
TYPES = {"undefined": 0, "null": 1, "boolean": 2, "number": 3, "string": 4, "object": 6, "function": 7}


class Special:
    """undefined, null, and the global object."""

    def __init__(self, name):
        self.name = name


class Object:
    """An object, an array, an error or a promise."""

    def __init__(self):
        self.properties, self.getters, self.wrapped, self.is_error = {}, {}, 0, False


class Bytes:
    """A Uint8Array whose bytes are in the guest's memory."""

    def __init__(self, address, size):
        self.address, self.size = address, size


class Thrown(Exception):
    """What JavaScript code would see thrown."""


class Work:
    """Asynchronous work: `execute` on another thread, `complete` on this one."""

    def __init__(self, execute, complete, data):
        self.execute, self.complete, self.data = execute, complete, data


class Napi:
    """The environment of one instance. `functions` answers its imports by their names."""

    def __init__(self):
        self.undefined, self.null, self.world = Special("undefined"), Special("null"), Object()
        self.values, self.infos, self.pending, self.queued = [None], [None], None, []

    def load(self, instance, memory):
        """Initialises the module, and answers its exports."""
        self.instance, self.memory = instance, memory
        for name in instance.names():
            if name.startswith("__napi_register__"):
                instance.function(name)()
        exports = Object()
        instance.function("napi_register_wasm_v1")(1, self.handle(exports))
        return exports

    # Values and handles

    def handle(self, value):
        self.values.append(value)
        return len(self.values) - 1

    def out(self, pointer, value):
        """Writes a handle of the value."""
        return self.out_u32(pointer, self.handle(value))

    def out_u32(self, pointer, number):
        if pointer:
            self.memory.write_u32(pointer, number)
        return OK

    def out_bool(self, pointer, is_so):
        self.memory.write(pointer, bytes([is_so]))
        return OK

    def text(self, pointer, size=AUTO_LENGTH):
        if size & 0xFFFFFFFF != AUTO_LENGTH:
            return self.memory.read(pointer, size).decode()
        data = b""
        while b"\0" not in data:
            data += self.memory.read(pointer + len(data), 1)
        return data[:-1].decode()

    def list(self, pointer, count):
        return [self.values[self.memory.read_u32(pointer + 4 * index)] for index in range(count)]

    def function_of(self, callback, data):
        """A Python function for one of the guest's that follows `napi_callback`."""

        def call(*args, this=self.undefined):
            self.infos.append((args, this, data))
            result = self.instance.table_function(callback)(1, len(self.infos) - 1)
            self.infos.pop()
            pending, self.pending = self.pending, None
            if pending is not None:
                raise Thrown(pending)
            return self.values[result]

        return call

    def get(self, of, name):
        if name in of.getters:
            return of.getters[name](this=of)
        return of.properties.get(name, self.undefined)

    def guarded(self, pointer, function):
        """Writes what the function answers; what it throws is pending."""
        try:
            return self.out(pointer, function())
        except Thrown as thrown:
            self.pending = thrown.args[0]
            return GENERIC_FAILURE

    def error(self, code, message):
        made = Object()
        made.is_error = True
        made.properties["message"] = message
        if isinstance(code, str):
            made.properties["code"] = code
        return made

    # Node-API

    def napi_get_undefined(self, _env, out):
        return self.out(out, self.undefined)

    def napi_get_null(self, _env, out):
        return self.out(out, self.null)

    def napi_get_global(self, _env, out):
        return self.out(out, self.world)

    def napi_get_boolean(self, _env, is_so, out):
        return self.out(out, bool(is_so))

    def napi_create_uint32(self, _env, number, out):
        return self.out(out, number & 0xFFFFFFFF)

    def napi_create_string_utf8(self, _env, pointer, size, out):
        return self.out(out, self.text(pointer, size))

    def napi_create_object(self, _env, out):
        return self.out(out, Object())

    def napi_create_array_with_length(self, _env, size, out):
        array = Object()
        array.properties["length"] = size
        return self.out(out, array)

    def napi_create_error(self, _env, code, message, out):
        return self.out(out, self.error(self.values[code], self.values[message]))

    def napi_create_function(self, _env, _name, _size, callback, data, out):
        return self.out(out, self.function_of(callback, data))

    def napi_define_class(self, _env, _name, _size, constructor, data, count, properties, out):
        construct, getters, methods, statics = self.function_of(constructor, data), {}, {}, {}
        for index in range(count):
            name, key, method, getter, _, value, attributes, inner = (
                self.memory.read_u32(properties + 32 * index + 4 * field) for field in range(8)
            )
            name = self.text(name) if name else self.values[key]
            if getter:
                getters[name] = self.function_of(getter, inner)
            else:
                found = self.function_of(method, inner) if method else self.values[value]
                (statics if attributes & STATIC else methods)[name] = found

        def instance(*args):
            made = Object()
            made.getters, made.properties = getters, dict(methods)
            construct(*args, this=made)
            return made

        made = Object()
        made.instance, made.properties = instance, statics
        return self.out(out, made)

    def napi_new_instance(self, _env, constructor, count, args, out):
        return self.guarded(out, lambda: self.values[constructor].instance(*self.list(args, count)))

    def napi_call_function(self, _env, this, function, count, args, out):
        return self.guarded(out, lambda: self.values[function](*self.list(args, count), this=self.values[this]))

    def napi_get_cb_info(self, _env, info, count, args, this, data):
        given, receiver, of = self.infos[info]
        if count:
            for index in range(self.memory.read_u32(count)):
                self.out(args + 4 * index, given[index] if index < len(given) else self.undefined)
            self.memory.write_u32(count, len(given))
        if this:
            self.out(this, receiver)
        return self.out_u32(data, of)

    def napi_set_named_property(self, _env, of, name, value):
        self.values[of].properties[self.text(name)] = self.values[value]
        return OK

    def napi_get_named_property(self, _env, of, name, out):
        return self.guarded(out, lambda: self.get(self.values[of], self.text(name)))

    def napi_set_property(self, _env, of, key, value):
        self.values[of].properties[self.values[key]] = self.values[value]
        return OK

    def napi_get_property(self, _env, of, key, out):
        return self.guarded(out, lambda: self.get(self.values[of], self.values[key]))

    def napi_set_element(self, _env, of, index, value):
        self.values[of].properties[index] = self.values[value]
        return OK

    def napi_create_reference(self, _env, value, _count, out):
        return self.out(out, self.values[value])

    def napi_get_reference_value(self, _env, reference, out):
        return self.out_u32(out, reference)

    def napi_delete_reference(self, _env, _reference):
        return OK

    def napi_reference_unref(self, _env, _reference, out):
        return self.out_u32(out, 0)

    def napi_wrap(self, _env, of, native, _finalize, _hint, out):
        self.values[of].wrapped = native
        return self.out_u32(out, of)

    def napi_unwrap(self, _env, of, out):
        return self.out_u32(out, self.values[of].wrapped)

    def napi_typeof(self, _env, value, out):
        value = self.values[value]
        if isinstance(value, Special):
            return self.out_u32(out, TYPES[value.name])
        for kind, name in ((bool, "boolean"), ((int, float), "number"), (str, "string"), ((Object, Bytes), "object")):
            if isinstance(value, kind):
                is_class = hasattr(value, "instance")
                return self.out_u32(out, TYPES["function" if is_class else name])
        return self.out_u32(out, TYPES["function"])

    def napi_get_value_string_utf8(self, _env, value, buffer, size, out):
        value = self.values[value]
        if not isinstance(value, str):
            return GENERIC_FAILURE
        data = value.encode()
        if buffer:
            data = data[: size - 1]
            self.memory.write(buffer, data + b"\0")
        return self.out_u32(out, len(data))

    def napi_get_value_uint32(self, _env, value, out):
        return self.out_u32(out, int(self.values[value]))

    def napi_get_value_bool(self, _env, value, out):
        return self.out_bool(out, self.values[value])

    def napi_coerce_to_string(self, _env, value, out):
        return self.out(out, str(self.values[value]))

    def napi_coerce_to_object(self, _env, value, out):
        return self.out_u32(out, value)

    def napi_is_error(self, _env, value, out):
        return self.out_bool(out, isinstance(self.values[value], Object) and self.values[value].is_error)

    def napi_is_typedarray(self, _env, value, out):
        return self.out_bool(out, isinstance(self.values[value], Bytes))

    def napi_get_typedarray_info(self, _env, value, kind, size, data, _buffer, offset):
        value = self.values[value]
        for out, number in ((kind, 1), (size, value.size), (data, value.address), (offset, value.address)):
            self.out_u32(out, number)
        return OK

    def napi_is_exception_pending(self, _env, out):
        return self.out_bool(out, self.pending is not None)

    def napi_get_and_clear_last_exception(self, _env, out):
        pending, self.pending = self.pending, None
        return self.out(out, self.undefined if pending is None else pending)

    def napi_throw(self, _env, error):
        self.pending = self.values[error]
        return OK

    def napi_throw_error(self, _env, code, message):
        self.pending = self.error(self.text(code) if code else None, self.text(message))
        return OK

    def napi_create_promise(self, _env, deferred, promise):
        made = Object()
        self.out(deferred, made)
        return self.out(promise, made)

    def napi_resolve_deferred(self, _env, deferred, value):
        self.values[deferred].properties["resolved"] = self.values[value]
        return OK

    def napi_reject_deferred(self, _env, deferred, value):
        self.values[deferred].properties["rejected"] = self.values[value]
        return OK

    def napi_create_async_work(self, _env, _resource, _name, execute, complete, data, out):
        return self.out(out, Work(execute, complete, data))

    def napi_queue_async_work(self, _env, work):
        self.queued.append(self.values[work])
        return OK

    def napi_delete_async_work(self, _env, _work):
        return OK

    def napi_create_threadsafe_function(self, *args):
        return self.out(args[-1], Object())

    def napi_unref_threadsafe_function(self, _env, _function):
        return OK
