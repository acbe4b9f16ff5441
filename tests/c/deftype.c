/* Types that the host defines: objects, functions and tags of them are those of modules with equal types, loaded before or after. */

#include "test.h"

#define IN_GROUP(place) (PELLUCID_TYPE_IN_GROUP + (place))

static const char text[] =
    "(module"
    "  (type $point (sub (struct (field (mut f64)) (field (mut i8)))))"
    "  (type $named (sub final $point (struct (field (mut f64)) (field (mut i8)) (field externref))))"
    "  (rec"
    "    (type $tree (struct (field i32) (field (ref $trees)) (field (ref null i31))))"
    "    (type $trees (array (mut (ref null $tree)))))"
    "  (rec"
    "    (type $visit (sub (func (param (ref $tree)) (result i32))))"
    "    (type $again (func (param (ref null $visit)) (result (ref null $visit)))))"
    "  (type $careful (sub $visit (func (param (ref null $tree)) (result i32))))"
    "  (rec (type $failure (func (param (ref $tree)))) (type (struct)))"
    "  (import \"host\" \"visit\" (func $host_visit (type $visit)))"
    "  (import \"host\" \"failed\" (tag $failed (type $failure)))"
    "  (table funcref (elem $host_visit))"
    "  (func (export \"x\") (param anyref) (result f64)"
    "    (struct.get $point 0 (ref.cast (ref $point) (local.get 0))))"
    "  (func (export \"is_named\") (param anyref) (result i32) (ref.test (ref $named) (local.get 0)))"
    "  (func $sum (export \"sum\") (param $tree (ref $tree)) (result i32) (local $i i32) (local $sum i32)"
    "    (local.set $sum (struct.get $tree 0 (local.get $tree)))"
    "    (block $end (loop $next"
    "      (br_if $end (i32.ge_u (local.get $i) (array.len (struct.get $tree 1 (local.get $tree)))))"
    "      (local.set $sum (i32.add (local.get $sum)"
    "        (call $sum (ref.as_non_null (array.get $trees (struct.get $tree 1 (local.get $tree)) (local.get $i))))))"
    "      (local.set $i (i32.add (local.get $i) (i32.const 1)))"
    "      (br $next)))"
    "    (local.get $sum))"
    "  (func (export \"visit\") (param (ref $tree)) (result i32)"
    "    (call_indirect (type $visit) (local.get 0) (i32.const 0)))"
    "  (func (export \"is_careful\") (result i32) (ref.test (ref $careful) (table.get (i32.const 0))))"
    "  (func (export \"throw\") (param (ref $tree)) (throw $failed (local.get 0))))";

static pellucid_type_id_t point, named, tree, trees, visit, careful, failure;

static pellucid_valtype_t number(pellucid_kind_t kind) {
    return (pellucid_valtype_t){.kind = kind};
}

static pellucid_valtype_t reference(pellucid_kind_t kind, pellucid_type_id_t type, bool is_non_null) {
    return (pellucid_valtype_t){.kind = kind, .heap = PELLUCID_HEAP_DEFINED, .type_id = type, .is_non_null = is_non_null};
}

static pellucid_type_id_t define(const pellucid_deftype_t *types, size_t n_types) {
    pellucid_type_id_t first, again;
    MUST(pellucid_engine_define_types(engine, types, n_types, &first, ERR));
    MUST(pellucid_engine_define_types(engine, types, n_types, &again, ERR));
    CHECK(first == again);
    return first;
}

static void define_all(void) {
    pellucid_fielddef_t of_named[] = {
        {.value = number(PELLUCID_F64), .is_mutable = 1},
        {.value = number(PELLUCID_I32), .bits = 8, .is_mutable = 1},
        {.value = number(PELLUCID_EXTERNREF)},
    };
    pellucid_deftype_t def_point = {.kind = PELLUCID_TYPE_STRUCT, .is_open = 1, .fields = of_named, .n_fields = 2};
    point = define(&def_point, 1);
    pellucid_deftype_t def_named = {.kind = PELLUCID_TYPE_STRUCT, .has_supertype = 1, .supertype = point, .fields = of_named,
                                    .n_fields = 3};
    named = define(&def_named, 1);
    pellucid_fielddef_t of_tree[] = {
        {.value = number(PELLUCID_I32)},
        {.value = reference(PELLUCID_ANYREF, IN_GROUP(1), true)},
        {.value = {.kind = PELLUCID_ANYREF, .heap = PELLUCID_HEAP_I31}},
    };
    pellucid_fielddef_t of_trees = {.value = reference(PELLUCID_ANYREF, IN_GROUP(0), false), .is_mutable = 1};
    pellucid_deftype_t def_trees[] = {
        {.kind = PELLUCID_TYPE_STRUCT, .fields = of_tree, .n_fields = 3},
        {.kind = PELLUCID_TYPE_ARRAY, .fields = &of_trees, .n_fields = 1},
    };
    tree = define(def_trees, 2);
    trees = tree + 1;
    pellucid_valtype_t takes_tree = reference(PELLUCID_ANYREF, tree, true), gives = number(PELLUCID_I32);
    pellucid_valtype_t visitor = reference(PELLUCID_FUNCREF, IN_GROUP(0), false);
    pellucid_deftype_t def_visits[] = {
        {.kind = PELLUCID_TYPE_FUNC, .is_open = 1, .params = &takes_tree, .n_params = 1, .results = &gives, .n_results = 1},
        {.kind = PELLUCID_TYPE_FUNC, .params = &visitor, .n_params = 1, .results = &visitor, .n_results = 1},
    };
    visit = define(def_visits, 2);
    pellucid_valtype_t takes_null = reference(PELLUCID_ANYREF, tree, false);
    pellucid_deftype_t def_careful = {.kind = PELLUCID_TYPE_FUNC, .is_open = 1, .has_supertype = 1, .supertype = visit,
                                      .params = &takes_null, .n_params = 1, .results = &gives, .n_results = 1};
    careful = define(&def_careful, 1);
    pellucid_deftype_t def_failure[] = {
        {.kind = PELLUCID_TYPE_FUNC, .params = &takes_tree, .n_params = 1},
        {.kind = PELLUCID_TYPE_STRUCT},
    };
    failure = define(def_failure, 2);
}

/* They are the module's. */
static void compare(const pellucid_module_t *module) {
    pellucid_type_id_t expected[] = {point, named, tree, trees, visit, visit + 1, careful, failure, failure + 1}, found;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        OK(pellucid_module_type(module, i, &found));
        CHECK(found == expected[i]);
    }
    bool is;
    OK(pellucid_type_is_final(engine, point, &is));
    CHECK(!is);
    OK(pellucid_type_is_final(engine, named, &is));
    CHECK(is);
    OK(pellucid_type_supertype(engine, careful, &found));
    CHECK(found == visit);
    pellucid_fielddef_t field;
    OK(pellucid_type_fielddef(engine, point, 1, &field));
    CHECK(field.value.kind == PELLUCID_I32 && field.value.heap == 0 && field.bits == 8 && field.is_mutable == 1);
    OK(pellucid_type_fielddef(engine, tree, 1, &field));
    CHECK(field.value.kind == PELLUCID_ANYREF && field.value.heap == PELLUCID_HEAP_DEFINED && field.value.type_id == trees);
    CHECK(field.value.is_non_null == 1 && field.bits == 0 && field.is_mutable == 0);
    OK(pellucid_type_fielddef(engine, tree, 2, &field));
    CHECK(field.value.heap == PELLUCID_HEAP_I31 && field.value.is_non_null == 0);
    OK(pellucid_type_fielddef(engine, trees, 0, &field));
    CHECK(field.value.type_id == tree && field.is_mutable == 1);
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_type_fielddef(engine, trees, 1, &field));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_type_fielddef(engine, visit, 0, &field));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_type_fielddef(engine, 1u << 30, 0, &field));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_type_is_final(engine, 1u << 30, &is));
}

static pellucid_value_t any(pellucid_anyref_t anyref) {
    pellucid_value_t value = value_of(PELLUCID_ANYREF);
    value.of.anyref = anyref;
    return value;
}

static pellucid_anyref_t tree_of(int32_t number, const pellucid_anyref_t *below, uint32_t n_below) {
    pellucid_value_t none = value_of(PELLUCID_ANYREF), fields[3] = {value_i32(number), none, none};
    MUST(pellucid_array_new(store, trees, &none, n_below, &fields[1].of.anyref, ERR));
    for (uint32_t i = 0; i < n_below; i++) {
        pellucid_value_t each = any(below[i]);
        OK(pellucid_object_set(store, &fields[1].of.anyref, i, &each));
    }
    pellucid_anyref_t made;
    MUST(pellucid_struct_new(store, tree, fields, 3, &made, ERR));
    return made;
}

static pellucid_func_t sum;

/* A host function of a type that is open and of a group: gives the sum as the guest computes it, and one more. */
static pellucid_status_t on_visit(void *userdata, pellucid_caller_t *caller, const pellucid_value_t *args, size_t n_args,
                                  pellucid_value_t *results, size_t n_results, pellucid_error_t **out_error) {
    (void)userdata;
    CHECK(n_args == 1 && n_results == 1 && results[0].kind == PELLUCID_I32);
    pellucid_status_t status = pellucid_func_call(pellucid_caller_store(caller), &sum, args, 1, results, 1, out_error);
    results[0].of.i32 += 1;
    return status;
}

static pellucid_functype_t *functype_of(pellucid_type_id_t type) {
    pellucid_functype_t *functype;
    MUST(pellucid_type_functype(engine, type, &functype));
    return functype;
}

static pellucid_func_t visitor_of(const pellucid_functype_t *functype) {
    pellucid_func_t func;
    MUST(pellucid_func_new(store, functype, NULL, on_visit, NULL, &func, ERR));
    return func;
}

static void guests_take_them(bool is_debug, bool is_module_first) {
    open_world(is_debug);
    pellucid_module_t *module = is_module_first ? module_of(text) : NULL;
    define_all();
    pellucid_value_t fields[3] = {value_of(PELLUCID_F64), value_i32(300), value_of(PELLUCID_EXTERNREF)}, result;
    fields[0].of.f64 = 2.5;
    pellucid_value_t at_point = value_of(PELLUCID_ANYREF), at_named = at_point;
    /* Before there is any module, and so any collector that knows the types. */
    MUST(pellucid_struct_new(store, point, fields, 2, &at_point.of.anyref, ERR));
    MUST(pellucid_struct_new(store, named, fields, 3, &at_named.of.anyref, ERR));
    pellucid_anyref_t leaves[2] = {tree_of(1, NULL, 0), tree_of(2, NULL, 0)};
    pellucid_value_t root = any(tree_of(4, leaves, 2));
    OK(pellucid_store_gc(store));
    module = is_module_first ? module : module_of(text);
    compare(module);
    pellucid_extern_t imports[2] = {{.kind = PELLUCID_EXTERN_FUNC}, {.kind = PELLUCID_EXTERN_TAG}};
    pellucid_functype_t *of_visit = functype_of(visit), *of_failure = functype_of(failure), *of_careful = functype_of(careful);
    imports[0].of.func = visitor_of(of_visit);
    MUST(pellucid_tag_new(store, of_failure, &imports[1].of.tag));
    pellucid_instance_t instance;
    MUST(pellucid_instance_new(store, module, imports, 2, &instance, ERR));
    sum = func_of(instance, "sum");
    pellucid_func_t func = func_of(instance, "x");
    OK(pellucid_func_call(store, &func, &at_point, 1, &result, 1, ERR));
    CHECK(result.of.f64 == 2.5);
    OK(pellucid_func_call(store, &func, &at_named, 1, &result, 1, ERR));
    CHECK(result.of.f64 == 2.5);
    STATUS(PELLUCID_ERR_TRAP, pellucid_func_call(store, &func, &root, 1, &result, 1, ERR));
    func = func_of(instance, "is_named");
    OK(pellucid_func_call(store, &func, &at_named, 1, &result, 1, ERR));
    CHECK(result.of.i32 == 1);
    OK(pellucid_func_call(store, &func, &at_point, 1, &result, 1, ERR));
    CHECK(result.of.i32 == 0);
    func = func_of(instance, "visit");
    OK(pellucid_func_call(store, &func, &root, 1, &result, 1, ERR));
    CHECK(result.of.i32 == 8);
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_func_call(store, &func, &at_point, 1, &result, 1, ERR));
    func = func_of(instance, "throw");
    STATUS(PELLUCID_ERR_EXCEPTION, pellucid_func_call(store, &func, &root, 1, NULL, 0, ERR));
    pellucid_tag_t tag;
    OK(pellucid_error_exception(last_error, &tag, &result, 1, NULL));
    CHECK(tag.index == imports[1].of.tag.index && memcmp(&result.of.anyref, &root.of.anyref, sizeof root.of.anyref) == 0);
    func = func_of(instance, "is_careful");
    OK(pellucid_func_call(store, &func, NULL, 0, &result, 1, ERR));
    CHECK(result.of.i32 == 0);
    /* A function of a subtype is imported, too, and is known as what it is. */
    imports[0].of.func = visitor_of(of_careful);
    MUST(pellucid_instance_new(store, module, imports, 2, &instance, ERR));
    func = func_of(instance, "is_careful");
    OK(pellucid_func_call(store, &func, NULL, 0, &result, 1, ERR));
    CHECK(result.of.i32 == 1);
    func = func_of(instance, "visit");
    OK(pellucid_func_call(store, &func, &root, 1, &result, 1, ERR));
    CHECK(result.of.i32 == 8);
    pellucid_functype_delete(of_visit);
    pellucid_functype_delete(of_failure);
    pellucid_functype_delete(of_careful);
    pellucid_module_delete(module);
    close_world();
}

/* What modules, functions and tags tell of their types makes others of the same types. */
static void types_from_modules_are_exact(void) {
    open_world(false);
    pellucid_module_t *module = module_of(text);
    pellucid_extern_t imports[2] = {{.kind = PELLUCID_EXTERN_FUNC}, {.kind = PELLUCID_EXTERN_TAG}};
    pellucid_externtype_t *import_type;
    pellucid_functype_t *functype;
    MUST(pellucid_module_import(module, 0, NULL, NULL, NULL, &import_type));
    MUST(pellucid_externtype_func(import_type, &functype));
    imports[0].of.func = visitor_of(functype);
    pellucid_functype_delete(functype);
    pellucid_externtype_delete(import_type);
    MUST(pellucid_module_import(module, 1, NULL, NULL, NULL, &import_type));
    MUST(pellucid_externtype_tag(import_type, &functype));
    MUST(pellucid_tag_new(store, functype, &imports[1].of.tag));
    pellucid_functype_delete(functype);
    pellucid_externtype_delete(import_type);
    pellucid_instance_t instance;
    OK(pellucid_instance_new(store, module, imports, 2, &instance, ERR));
    MUST(pellucid_func_type(store, &imports[0].of.func, &functype));
    imports[0].of.func = visitor_of(functype);
    pellucid_functype_delete(functype);
    MUST(pellucid_tag_type(store, &imports[1].of.tag, &functype));
    MUST(pellucid_tag_new(store, functype, &imports[1].of.tag));
    pellucid_functype_delete(functype);
    OK(pellucid_instance_new(store, module, imports, 2, &instance, ERR));
    MUST(pellucid_extern_type(store, &imports[0], &import_type));
    MUST(pellucid_externtype_func(import_type, &functype));
    imports[0].of.func = visitor_of(functype);
    pellucid_functype_delete(functype);
    pellucid_externtype_delete(import_type);
    MUST(pellucid_module_func_type(module, 0, &functype));
    imports[0].of.func = visitor_of(functype);
    pellucid_linker_t *linker;
    MUST(pellucid_linker_new(engine, &linker));
    OK(pellucid_linker_define_func(linker, store, TEXT("host"), TEXT("visit"), functype, NULL, on_visit, NULL, ERR));
    OK(pellucid_linker_define(linker, store, TEXT("host"), TEXT("failed"), &imports[1], ERR));
    OK(pellucid_linker_instantiate(linker, store, module, &instance, ERR));
    pellucid_linker_delete(linker);
    /* A function that isn't there is one of the type that is asked for. */
    MUST(pellucid_linker_new(engine, &linker));
    OK(pellucid_linker_define(linker, store, TEXT("host"), TEXT("failed"), &imports[1], ERR));
    OK(pellucid_linker_define_unknown_as_traps(linker, store, module, ERR));
    OK(pellucid_linker_instantiate(linker, store, module, &instance, ERR));
    pellucid_linker_delete(linker);
    /* Another engine hasn't the type, but those that are the same everywhere. */
    pellucid_functype_t *plain;
    pellucid_kind_t kind = PELLUCID_I32;
    pellucid_func_t func;
    pellucid_tag_t tag;
    MUST(pellucid_functype_new(&kind, 1, NULL, 0, &plain));
    MUST(pellucid_func_new(store, plain, NULL, on_visit, NULL, &func, ERR));
    pellucid_functype_delete(plain);
    MUST(pellucid_func_type(store, &func, &plain));
    pellucid_module_delete(module);
    close_world();
    open_world(false);
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_func_new(store, functype, NULL, on_visit, NULL, &func, ERR));
    CHECK(message_has(last_error, "another engine"));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_tag_new(store, functype, &tag));
    OK(pellucid_func_new(store, plain, NULL, on_visit, NULL, &func, ERR));
    OK(pellucid_tag_new(store, plain, &tag));
    pellucid_functype_delete(functype);
    pellucid_functype_delete(plain);
    close_world();
}

/* Errors say how types differ whose parameters and results are the same. */
static void links(void) {
    open_world(false);
    define_all();
    pellucid_module_t *module = module_of(text);
    pellucid_extern_t imports[2] = {{.kind = PELLUCID_EXTERN_FUNC}, {.kind = PELLUCID_EXTERN_TAG}};
    pellucid_functype_t *of_failure = functype_of(failure);
    MUST(pellucid_tag_new(store, of_failure, &imports[1].of.tag));
    pellucid_valtype_t takes_tree = reference(PELLUCID_ANYREF, tree, true), gives = number(PELLUCID_I32);
    pellucid_deftype_t alone = {.kind = PELLUCID_TYPE_FUNC, .params = &takes_tree, .n_params = 1, .results = &gives,
                                .n_results = 1};
    pellucid_deftype_t other_group[] = {alone, {.kind = PELLUCID_TYPE_FUNC}}, with_supertype = alone;
    other_group[0].is_open = 1;
    pellucid_instance_t instance;
    pellucid_functype_t *functype = functype_of(define(&alone, 1));
    imports[0].of.func = visitor_of(functype);
    pellucid_functype_delete(functype);
    STATUS(PELLUCID_ERR_LINK, pellucid_instance_new(store, module, imports, 2, &instance, ERR));
    CHECK(message_has(last_error, "(open to subtypes, type 0 of a group of 2) is wanted, not func [(ref struct type "));
    CHECK(message_has(last_error, ")] -> [i32]"));
    functype = functype_of(define(other_group, 2));
    imports[0].of.func = visitor_of(functype);
    pellucid_functype_delete(functype);
    STATUS(PELLUCID_ERR_LINK, pellucid_instance_new(store, module, imports, 2, &instance, ERR));
    CHECK(message_has(last_error, "-> [i32] (open to subtypes, type 0 of a group of 2); type 1 of these groups is another"));
    alone.is_open = 1;
    with_supertype.has_supertype = 1;
    with_supertype.supertype = define(&alone, 1);
    functype = functype_of(define(&with_supertype, 1));
    imports[0].of.func = visitor_of(functype);
    pellucid_functype_delete(functype);
    STATUS(PELLUCID_ERR_LINK, pellucid_instance_new(store, module, imports, 2, &instance, ERR));
    CHECK(message_has(last_error, "-> [i32] (a subtype of type "));
    functype = functype_of(visit);
    imports[0].of.func = visitor_of(functype);
    pellucid_functype_delete(functype);
    pellucid_deftype_t lone_failure = {.kind = PELLUCID_TYPE_FUNC, .params = &takes_tree, .n_params = 1};
    functype = functype_of(define(&lone_failure, 1));
    MUST(pellucid_tag_new(store, functype, &imports[1].of.tag));
    pellucid_functype_delete(functype);
    STATUS(PELLUCID_ERR_LINK, pellucid_instance_new(store, module, imports, 2, &instance, ERR));
    CHECK(message_has(last_error, " -> [] (type 0 of a group of 2) is wanted, not tag "));
    pellucid_functype_delete(of_failure);
    pellucid_module_delete(module);
    close_world();
}

static void refused(const pellucid_deftype_t *types, size_t n_types, pellucid_status_t status, const char *part) {
    pellucid_type_id_t first = 77;
    STATUS(status, pellucid_engine_define_types(engine, types, n_types, &first, ERR));
    if (!CHECK(first == 77 && message_has(last_error, part))) {
        fprintf(stderr, "    expected: %s\n", part);
    }
}

static void refusals(void) {
    open_world(false);
    define_all();
    pellucid_fielddef_t field = {.value = number(PELLUCID_I64)};
    pellucid_deftype_t type = {.kind = PELLUCID_TYPE_STRUCT, .fields = &field, .n_fields = 1};
    pellucid_status_t bad = PELLUCID_ERR_INVALID_ARGUMENT;
    refused(NULL, 0, bad, "0 types");
    refused(&type, (size_t)-1 / 2, bad, "");
    field.bits = 8;
    refused(&type, 1, bad, "8 bits");
    field.bits = 0;
    field.is_mutable = 2;
    refused(&type, 1, bad, "is_mutable");
    field.is_mutable = 0;
    field.value.type_id = visit;
    refused(&type, 1, bad, "no reference");
    field.value = number(99);
    refused(&type, 1, bad, "99");
    field.value = number(PELLUCID_CONTREF);
    refused(&type, 1, PELLUCID_ERR_UNSUPPORTED, "9");
    field.value = reference(PELLUCID_FUNCREF, point, false);
    refused(&type, 1, bad, "kind 5");
    field.value = reference(PELLUCID_ANYREF, visit, false);
    refused(&type, 1, bad, "kind 7");
    field.value = reference(PELLUCID_ANYREF, 1u << 29, false);
    refused(&type, 1, bad, "no type");
    field.value = reference(PELLUCID_ANYREF, IN_GROUP(1), false);
    refused(&type, 1, bad, "no type 1");
    field.value = reference(PELLUCID_ANYREF, UINT32_MAX, false);
    refused(&type, 1, bad, "no type");
    field.value = (pellucid_valtype_t){.kind = PELLUCID_EXTERNREF, .heap = PELLUCID_HEAP_I31};
    refused(&type, 1, bad, "can be to");
    field.value = (pellucid_valtype_t){.kind = PELLUCID_ANYREF, .heap = 7};
    refused(&type, 1, bad, "7");
    field.value = (pellucid_valtype_t){.kind = PELLUCID_ANYREF, .is_non_null = 2};
    refused(&type, 1, bad, "is_non_null");
    field.value = number(PELLUCID_I32);
    type.has_supertype = 1;
    type.supertype = named;
    refused(&type, 1, bad, "final");
    type.supertype = point;
    refused(&type, 1, bad, "doesn't match");
    type.supertype = IN_GROUP(0);
    refused(&type, 1, bad, "before");
    type.supertype = 1u << 31;
    refused(&type, 1, bad, "no type");
    type.supertype = 1u << 29;
    refused(&type, 1, bad, "no type");
    type.has_supertype = 0;
    type.is_open = 3;
    refused(&type, 1, bad, "is_open");
    type.is_open = 0;
    type.kind = PELLUCID_TYPE_FUNC;
    refused(&type, 1, bad, "no fields");
    type.kind = 4;
    refused(&type, 1, bad, "4");
    type.kind = PELLUCID_TYPE_ARRAY;
    type.n_fields = 0;
    refused(&type, 1, bad, "not of 0");
    type.n_fields = 1;
    type.params = &field.value;
    type.n_params = 1;
    refused(&type, 1, bad, "only functions");
    type.n_params = 0;
    type.fields = NULL;
    refused(&type, 1, PELLUCID_ERR_NULL_ARGUMENT, "fields");
    static pellucid_fielddef_t many[10001];
    type = (pellucid_deftype_t){.kind = PELLUCID_TYPE_STRUCT, .fields = many, .n_fields = 10001};
    refused(&type, 1, bad, "10000");
    type.n_fields = 10000;
    define(&type, 1);
    pellucid_functype_t *functype;
    STATUS(PELLUCID_ERR_TYPE_MISMATCH, pellucid_type_functype(engine, point, &functype));
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_type_functype(engine, UINT32_MAX, &functype));
    pellucid_tag_t tag;
    functype = functype_of(visit);
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_tag_new(store, functype, &tag));
    pellucid_functype_delete(functype);
    close_world();
}

int main(void) {
    for (int round = 0; round < 4; round++) {
        guests_take_them(round & 1, round & 2);
    }
    types_from_modules_are_exact();
    links();
    refusals();
    return finish();
}
