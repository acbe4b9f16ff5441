// References: the host's values, structures and arrays, exceptions, what keeps them and what doesn't.

#include "test.hpp"

using namespace pellucid;

static const char *const WAT = R"((module
  (type $point (struct (field $x (mut i32)) (field $y f64)))
  (type $bytes (array (mut i8)))
  (tag $tag (export "tag") (param i32 i64))
  (func (export "point") (param i32 f64) (result anyref) (struct.new $point (local.get 0) (local.get 1)))
  (func (export "x") (param anyref) (result i32) (struct.get $point $x (ref.cast (ref $point) (local.get 0))))
  (func (export "same") (param anyref) (result anyref) (local.get 0))
  (func (export "bytes") (param i32) (result anyref) (array.new $bytes (i32.const 7) (local.get 0)))
  (func (export "throw_it") (param exnref) (throw_ref (local.get 0)))
  (func (export "throws") (throw $tag (i32.const 1) (i64.const 2)))))";

int main() {
    Engine engine = Engine::create();
    Module module = engine.compile_text(WAT);
    Store store = engine.create_store();
    Instance instance = store.instantiate(module);
    auto point = instance.get<AnyRef(std::int32_t, double)>("point");
    auto x = instance.get<std::int32_t(AnyRef)>("x");
    auto same = instance.get<AnyRef(AnyRef)>("same");

    AnyRef made = point(3, 4.5);
    CHECK(made.kind() == PELLUCID_ANYREF_OBJECT && made.type().length == 2 && made.is(made.type().type));
    CHECK(made.field(0) == Value(3) && made.field(1) == Value(4.5));
    made.set_field(0, 30);
    CHECK(x(made) == 30 && same(made) == made);
    Value both[2];
    made.read(0, both);
    CHECK(both[0] == Value(30));
    FAILS(PELLUCID_ERR_OUT_OF_RANGE, made.field(2));
    CHECK(same(AnyRef()).is_null());
    FAILS(PELLUCID_ERR_TRAP, x(AnyRef()));

    pellucid_type_id_t type = made.type().type;
    CHECK(engine.type_kind(type).kind == PELLUCID_TYPE_STRUCT && engine.type_kind(type).n_fields == 2);
    CHECK(engine.type_field(type, 0).is_mutable && engine.type_fielddef(type, 1).value.kind == PELLUCID_F64);
    CHECK(engine.type_is_final(type) && !engine.type_supertype(type) && module.type_index(type) == 0);
    CHECK(*store.type_name(type) == "point" && *store.field_name(type, 1) == "y" && *module.field_name(0, 0) == "x");
    CHECK(module.type(0) == type && module.type_count() > 2 && *module.entity_name(PELLUCID_SPACE_TYPE, 1) == "bytes");
    AnyRef of_the_host = store.structure(type, {7, 1.5});
    CHECK(x(of_the_host) == 7 && of_the_host != made);
    FAILS(PELLUCID_ERR_TYPE_MISMATCH, store.structure(type, {1.5, 1.5}));
    AnyRef bytes = store.array(module.type(1), 9, 100);
    bytes.write_bytes(10, {1, 2, 3});
    std::uint8_t read[4];
    bytes.read_bytes(10, read);
    CHECK(read[2] == 3 && read[3] == 9 && bytes.type().length == 100);
    FAILS(PELLUCID_ERR_OUT_OF_RANGE, bytes.read_bytes(98, read));

    AnyRef small = AnyRef::from_i31(-5);
    CHECK(small.i31() == -5 && same(small).i31() == -5 && small.kind() == PELLUCID_ANYREF_I31);
    ExternRef thing = store.externref(std::string("text"));
    AnyRef internal = thing.to_anyref();
    CHECK(internal.to_externref() == thing && *internal.to_externref().data<std::string>() == "text");

    // What a scope gives goes with it, unless it is kept.
    std::optional<Kept> kept;
    std::optional<Weak> weak, lasting;
    AnyRef gone, stays;
    {
        Scope scope = store.scope();
        gone = point(1, 1);
        stays = point(2, 2);
        weak = store.weak(gone);
        lasting = store.weak(stays);
        kept = Kept::create(store, stays);
    }
    store.gc();
    FAILS(PELLUCID_ERR_OUT_OF_RANGE, gone.field(0));
    CHECK(!weak->lock());
    CHECK(stays.field(0) == Value(2));
    {
        Scope scope = store.scope();
        CHECK(lasting->lock() == stays);
    }
    weak->remove();
    kept.reset();
    store.gc();
    CHECK(!lasting->lock());
    auto alive = std::make_shared<int>(0);
    {
        Scope scope = store.scope();
        (void)store.externref(alive);
    }
    store.gc();
    CHECK(alive.use_count() == 1);
    CHECK(store.heap_stats().references > 0 && !store.heap_types().empty() && !store.gc_step(1000000));
    made.keep();
    made.release();

    // Exceptions.
    Tag tag = instance.tag("tag");
    ExnRef exception = store.exnref(tag, {5, std::int64_t{6}});
    CHECK(exception.exception().tag == tag && exception.exception().values[1] == Value(std::int64_t{6}));
    try {
        instance.get<void(ExnRef)>("throw_it")(exception);
        CHECK(false);
    } catch (const Error &error) {
        pellucid_tag_t thrown;
        std::vector<pellucid_value_t> values;
        CHECK(error.exception(thrown, values) && values.size() == 2 && values[0].of.i32 == 5);
    }
    FAILS(PELLUCID_ERR_EXCEPTION, instance.get<void()>("throws")());
    Tag own = store.tag(FuncType::of<void(float)>());
    CHECK(own.type().is<void(float)>());
    FAILS(PELLUCID_ERR_TYPE_MISMATCH, store.exnref(own, {1}));

    // Types that the host defines.
    pellucid_fielddef_t field = {};
    field.value.kind = PELLUCID_I64;
    field.is_mutable = 1;
    pellucid_deftype_t defined = {};
    defined.kind = PELLUCID_TYPE_STRUCT;
    defined.fields = &field;
    defined.n_fields = 1;
    pellucid_type_id_t of_host = engine.define_types({&defined, 1});
    CHECK(store.structure(of_host, {std::int64_t{1}}).field(0) == Value(std::int64_t{1}));
    return finish();
}
