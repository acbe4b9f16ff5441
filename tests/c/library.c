/* The library: version, ABI, features, names of statuses, log. */

#include "test.h"

static void version(void) {
    uint32_t major = 9, minor = 9, patch = 9;
    OK(pellucid_version(&major, &minor, &patch));
    CHECK(major == PELLUCID_VERSION_MAJOR && minor == PELLUCID_VERSION_MINOR && patch == PELLUCID_VERSION_PATCH);
    OK(pellucid_version(NULL, &minor, NULL));
    pellucid_str_t text;
    OK(pellucid_version_text(&text));
    CHECK(same_text(text, PELLUCID_VERSION));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_version_text(NULL));
}

static void abi(void) {
    OK(pellucid_abi_check(PELLUCID_ABI_VERSION, sizeof(pellucid_value_t), sizeof(pellucid_frame_t)));
    STATUS(PELLUCID_ERR_UNSUPPORTED,
           pellucid_abi_check(PELLUCID_ABI_VERSION + 1, sizeof(pellucid_value_t), sizeof(pellucid_frame_t)));
    STATUS(PELLUCID_ERR_UNSUPPORTED, pellucid_abi_check(PELLUCID_ABI_VERSION, 16, sizeof(pellucid_frame_t)));
    STATUS(PELLUCID_ERR_UNSUPPORTED, pellucid_abi_check(PELLUCID_ABI_VERSION, sizeof(pellucid_value_t), 40));
}

static void features(void) {
    bool has_debug = false;
    size_t n = pellucid_feature_count();
    CHECK(n > 5);
    for (size_t i = 0; i < n; i++) {
        pellucid_str_t name;
        OK(pellucid_feature_name(i, &name));
        has_debug = has_debug || same_text(name, "debug");
    }
    CHECK(has_debug);
    pellucid_str_t untouched = {"x", 1};
    STATUS(PELLUCID_ERR_OUT_OF_RANGE, pellucid_feature_name(n, &untouched));
    CHECK(same_text(untouched, "x"));
}

static void names(void) {
    pellucid_str_t name;
    OK(pellucid_status_name(PELLUCID_OK, &name));
    CHECK(same_text(name, "PELLUCID_OK"));
    OK(pellucid_status_name(PELLUCID_ERR_STALE_HANDLE, &name));
    CHECK(same_text(name, "PELLUCID_ERR_STALE_HANDLE"));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_status_name(2, &name));
    STATUS(PELLUCID_ERR_NOT_FOUND, pellucid_status_name(-1000, &name));
}

static int messages;

static void log_message(void *userdata, pellucid_log_level_t level, const pellucid_str_t *target,
                        const pellucid_str_t *message) {
    (void)userdata;
    CHECK(level >= PELLUCID_LOG_ERROR && level <= PELLUCID_LOG_TRACE);
    CHECK(target->size > 0 && message->data != NULL);
    messages++;
}

static void logging(void) {
    int first = 0, second = 0, refused = 0;
    OK(pellucid_log_clear());
    OK(pellucid_log_set(PELLUCID_LOG_TRACE, &first, log_message, count));
    OK(pellucid_log_set(PELLUCID_LOG_DEBUG, &second, log_message, count));
    CHECK(first == 1 && second == 0);
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_log_set(6, &refused, log_message, count));
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_log_set(PELLUCID_LOG_DEBUG, &refused, NULL, count));
    CHECK(refused == 2 && second == 0);
    /* A name section that breaks off is logged. */
    static const uint8_t wasm[] = {0, 'a', 's', 'm', 1, 0, 0, 0, 0, 7, 4, 'n', 'a', 'm', 'e', 0, 9};
    open_world(false);
    pellucid_module_t *module = NULL;
    OK(pellucid_module_new(engine, wasm, sizeof wasm, &module, ERR));
    CHECK(messages > 0);
    OK(pellucid_log_clear());
    CHECK(second == 1);
    int before = messages;
    pellucid_module_delete(module);
    OK(pellucid_module_new(engine, wasm, sizeof wasm, &module, ERR));
    CHECK(messages == before);
    pellucid_module_delete(module);
    close_world();
}

int main(void) {
    version();
    abi();
    features();
    names();
    logging();
    return finish();
}
