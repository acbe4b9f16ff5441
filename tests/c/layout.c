/* Sizes, offsets and numbers, which bindings repeat by hand. */

#include "test.h"

#define SIZE(type, size) _Static_assert(sizeof(type) == (size), "size of " #type)
#define PLACE(type, member, place) _Static_assert(offsetof(type, member) == (place), "place of " #member " in " #type)

SIZE(pellucid_str_t, 16);
SIZE(pellucid_bytes_t, 16);
SIZE(pellucid_instance_t, 16);
SIZE(pellucid_func_t, 16);
SIZE(pellucid_table_t, 16);
SIZE(pellucid_memory_t, 16);
SIZE(pellucid_global_t, 16);
SIZE(pellucid_externref_t, 16);
SIZE(pellucid_value_t, 24);
PLACE(pellucid_value_t, of, 8);
SIZE(pellucid_raw_t, 16);
_Static_assert(_Alignof(pellucid_raw_t) == 8, "alignment of raw values");
SIZE(pellucid_extern_t, 24);
PLACE(pellucid_extern_t, of, 8);
SIZE(pellucid_frame_t, 32);
PLACE(pellucid_frame_t, call, 8);
PLACE(pellucid_frame_t, epoch, 16);
PLACE(pellucid_frame_t, position, 24);
SIZE(pellucid_memorytype_t, 32);
PLACE(pellucid_memorytype_t, has_maximum, 16);
SIZE(pellucid_tabletype_t, 32);
PLACE(pellucid_tabletype_t, element, 20);
SIZE(pellucid_globaltype_t, 8);
SIZE(pellucid_backtrace_frame_t, 48);
PLACE(pellucid_backtrace_frame_t, module_name, 16);
SIZE(pellucid_spaces_t, 32);
SIZE(pellucid_frame_info_t, 56);
PLACE(pellucid_frame_info_t, instance, 8);
PLACE(pellucid_frame_info_t, module_id, 24);
SIZE(pellucid_breakpoint_options_t, 40);
SIZE(pellucid_breakpoint_info_t, 128);
SIZE(pellucid_breakpoint_place_t, 16);
SIZE(pellucid_watchpoint_info_t, 120);
SIZE(pellucid_watch_hit_t, 40);
PLACE(pellucid_breakpoint_info_t, id, 8);
PLACE(pellucid_breakpoint_info_t, last_told, 112);

_Static_assert(PELLUCID_OK == 0 && PELLUCID_ERR_PANIC == -19, "statuses");
_Static_assert(PELLUCID_I32 == 0 && PELLUCID_EXTERNREF == 6 && PELLUCID_UNAVAILABLE == 255, "kinds");
_Static_assert(PELLUCID_EVENT_ALL == (PELLUCID_EVENT_WATCHPOINT | PELLUCID_EVENT_HOST_ERROR | PELLUCID_EVENT_EXCEPTION | PELLUCID_EVENT_UNCAUGHT_EXCEPTION | PELLUCID_EVENT_TRAP | PELLUCID_EVENT_BREAKPOINT |
                                      PELLUCID_EVENT_STEP | PELLUCID_EVENT_EPOCH | PELLUCID_EVENT_INTERRUPT |
                                      PELLUCID_EVENT_DEADLINE | PELLUCID_EVENT_FUEL),
               "events");

int main(void) {
    pellucid_value_t zero = {0};
    CHECK(zero.kind == PELLUCID_I32 && zero.of.i32 == 0);
    return finish();
}
