/* Sockets: a program made by a compiler serves connections on a socket that the host hands in, while one thread does all. */

#define _GNU_SOURCE
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int listener;
static struct sockaddr_in address;
static pellucid_wasi_t *wasi;
static pellucid_func_t start;
static pellucid_module_t *module;
static pellucid_linker_t *linker;

static void open_listener(void) {
    socklen_t n_address = sizeof address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 16) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &n_address) != 0) {
        perror("listen");
        exit(1);
    }
}

/* The program serves so many connections; it is made from `tests/programs/wasi/serve.rs`. */
static void open_server(bool is_debug, bool is_yielding, const char *n_connections) {
    open_world(is_debug);
    open_listener();
    pellucid_wasi_config_t *config;
    MUST(pellucid_wasi_config_new(&config));
    OK(pellucid_wasi_config_add_arg(config, TEXT("serve")));
    OK(pellucid_wasi_config_add_arg(config, n_connections, strlen(n_connections)));
    OK(pellucid_wasi_config_add_arg(config, TEXT("3")));
    OK(pellucid_wasi_config_set_stream(config, PELLUCID_WASI_STDOUT, PELLUCID_WASI_CAPTURE));
    OK(pellucid_wasi_config_set_stream(config, PELLUCID_WASI_STDERR, PELLUCID_WASI_NULL));
    OK(pellucid_wasi_config_set_yielding(config, is_yielding));
    OK(pellucid_wasi_config_add_socket(config, listener, ERR));
    /* The host's own may go. */
    close(listener);
    MUST(pellucid_linker_new(engine, &linker));
    MUST(pellucid_linker_define_wasi(linker, store, config, &wasi, ERR));
    pellucid_wasi_config_delete(config);
    module = module_of_file("tests/programs/wasi/serve.wasm");
    pellucid_instance_t instance;
    MUST(pellucid_linker_instantiate(linker, store, module, &instance, ERR));
    start = func_of(instance, "_start");
}

static void close_server(void) {
    pellucid_wasi_delete(wasi);
    pellucid_linker_delete(linker);
    pellucid_module_delete(module);
    close_world();
}

static int client(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval most = {30, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    if (!CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0)) {
        exit(1);
    }
    return fd;
}

static void sends(int fd, const char *text) {
    CHECK(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

static bool reads(int fd, const char *expected) {
    char bytes[256];
    size_t n = 0;
    while (n < strlen(expected)) {
        ssize_t got = recv(fd, bytes + n, strlen(expected) - n, 0);
        if (got <= 0) {
            return false;
        }
        n += (size_t)got;
    }
    return memcmp(bytes, expected, n) == 0;
}

/* Lets the program run for as long as it can, without waiting for anything. */
static pellucid_call_state_t run(pellucid_call_t *call) {
    pellucid_call_state_t state = 0;
    OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    while (state == PELLUCID_CALL_YIELDED) {
        pellucid_awaited_file_t file;
        size_t n_files = 0;
        uint64_t deadline;
        OK(pellucid_call_awaited_files(call, &file, 1, &n_files, &deadline));
        CHECK(n_files == 1 && deadline == UINT64_MAX);
        struct pollfd fd = {file.fd, file.interest == PELLUCID_INTEREST_READ ? POLLIN : POLLOUT, 0};
        if (poll(&fd, 1, 0) == 0) {
            break;
        }
        OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
    }
    return state;
}

static bool has_printed(const char *expected) {
    uint8_t bytes[256];
    size_t n;
    OK(pellucid_wasi_read(wasi, PELLUCID_WASI_STDOUT, bytes, sizeof bytes, &n));
    return n == strlen(expected) && memcmp(bytes, expected, n) == 0;
}

/* Host, program and clients in one thread. */
static void one_thread(bool is_debug) {
    open_server(is_debug, true, "2");
    pellucid_call_t *call;
    MUST(pellucid_call_begin(store, &start, NULL, 0, &call, ERR));
    CHECK(run(call) == PELLUCID_CALL_YIELDED);
    int fd = client();
    CHECK(run(call) == PELLUCID_CALL_YIELDED);
    sends(fd, "hello\nwor");
    CHECK(run(call) == PELLUCID_CALL_YIELDED && reads(fd, "HELLO\n"));
    sends(fd, "ld\n");
    CHECK(run(call) == PELLUCID_CALL_YIELDED && reads(fd, "WORLD\n"));
    shutdown(fd, SHUT_WR);
    CHECK(run(call) == PELLUCID_CALL_YIELDED && reads(fd, "2 lines\n"));
    char more;
    CHECK(recv(fd, &more, 1, 0) == 0);
    close(fd);
    fd = client();
    sends(fd, "x\n");
    shutdown(fd, SHUT_WR);
    CHECK(run(call) == PELLUCID_CALL_FINISHED && reads(fd, "X\n1 lines\n"));
    close(fd);
    CHECK(has_printed("connection 0: 2 lines, first byte 104\nconnection 1: 1 lines, first byte 120\n"));
    pellucid_call_delete(call);
    close_server();
}

/* A client that goes before it has its answer is an error of the program's, which gives up, and no signal for the host. */
static void gone(bool is_debug) {
    open_server(is_debug, true, "1");
    pellucid_call_t *call;
    MUST(pellucid_call_begin(store, &start, NULL, 0, &call, ERR));
    CHECK(run(call) == PELLUCID_CALL_YIELDED);
    int fd = client();
    sends(fd, "a\nb\nc\nd\n");
    struct linger at_once = {1, 0};
    CHECK(run(call) == PELLUCID_CALL_YIELDED && reads(fd, "A\n"));
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
    CHECK(run(call) == PELLUCID_CALL_TRAPPED);
    pellucid_call_delete(call);
    close_server();
    /* The same while it sends. */
    open_server(is_debug, true, "1");
    MUST(pellucid_call_begin(store, &start, NULL, 0, &call, ERR));
    CHECK(run(call) == PELLUCID_CALL_YIELDED);
    fd = client();
    sends(fd, "a\nb\nc\nd\n");
    close(fd);
    CHECK(run(call) == PELLUCID_CALL_TRAPPED);
    pellucid_call_delete(call);
    close_server();
}

static void *talk(void *userdata) {
    (void)userdata;
    int fd = client();
    sends(fd, "from a thread\n");
    CHECK(reads(fd, "FROM A THREAD\n"));
    shutdown(fd, SHUT_WR);
    CHECK(reads(fd, "1 lines\n"));
    close(fd);
    return NULL;
}

/* The program waits on the host's thread. */
static void waiting(bool is_debug) {
    open_server(is_debug, false, "1");
    pthread_t thread;
    pthread_create(&thread, NULL, talk, NULL);
    OK(pellucid_func_call(store, &start, NULL, 0, NULL, 0, ERR));
    pthread_join(thread, NULL);
    CHECK(has_printed("connection 0: 1 lines, first byte 102\n"));
    close_server();
}

static pellucid_interrupt_t *interrupt;

static void *ask(void *userdata) {
    struct timespec time = {0, 20000000};
    nanosleep(&time, NULL);
    OK(pellucid_interrupt_request(interrupt, *(pellucid_interrupt_kind_t *)userdata));
    return NULL;
}

/* A program that waits for a connection, or for what comes from it, can be interrupted, and waits on. */
static void interrupts(bool is_debug) {
    for (int is_connected = 0; is_connected <= 1; is_connected++) {
        open_server(is_debug, false, "1");
        MUST(pellucid_store_interrupt(store, &interrupt, ERR));
        pellucid_call_t *call;
        pellucid_call_state_t state = 0;
        MUST(pellucid_call_begin(store, &start, NULL, 0, &call, ERR));
        int fd = is_connected ? client() : -1;
        if (is_connected) {
            sends(fd, "half a");
        }
        for (int i = 0; i < 3; i++) {
            pellucid_interrupt_kind_t kind = i < 2 ? PELLUCID_INTERRUPT_PAUSE : PELLUCID_INTERRUPT_TRAP;
            if (i == 1 && is_connected) {
                sends(fd, " line\n");
            }
            pthread_t thread;
            pthread_create(&thread, NULL, ask, &kind);
            OK(pellucid_call_resume(call, PELLUCID_RESUME_CONTINUE, &state, ERR));
            pthread_join(thread, NULL);
            CHECK(state == (i < 2 ? PELLUCID_CALL_PAUSED : PELLUCID_CALL_TRAPPED));
        }
        if (is_connected) {
            CHECK(reads(fd, "HALF A LINE\n"));
            close(fd);
        }
        pellucid_call_delete(call);
        pellucid_interrupt_delete(interrupt);
        close_server();
    }
}

static void refusals(void) {
    pellucid_wasi_config_t *config;
    MUST(pellucid_wasi_config_new(&config));
    open_listener();
    STATUS(PELLUCID_ERR_NULL_ARGUMENT, pellucid_wasi_config_add_socket(NULL, listener, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_wasi_config_add_socket(config, -1, ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_wasi_config_add_socket(config, 1 << 20, ERR));
    int pipes[2], raw = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    CHECK(pipe(pipes) == 0);
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_wasi_config_add_socket(config, pipes[0], ERR));
    STATUS(PELLUCID_ERR_INVALID_ARGUMENT, pellucid_wasi_config_add_socket(config, raw, ERR));
    CHECK(last_error != NULL);
    /* Refused ones are the host's still, and as they were. */
    CHECK(close(pipes[0]) == 0 && close(pipes[1]) == 0 && close(raw) == 0);
    CHECK((fcntl(listener, F_GETFL) & O_NONBLOCK) == 0);
    OK(pellucid_wasi_config_add_socket(config, listener, ERR));
    CHECK((fcntl(listener, F_GETFL) & O_NONBLOCK) != 0);
    /* Only so many descriptors has a guest. */
    for (int i = 0; i < 600; i++) {
        OK(pellucid_wasi_config_add_socket(config, listener, ERR));
    }
    open_world(false);
    MUST(pellucid_linker_new(engine, &linker));
    STATUS(PELLUCID_ERR_LIMIT, pellucid_linker_define_wasi(linker, store, config, NULL, ERR));
    pellucid_linker_delete(linker);
    close_world();
    pellucid_wasi_config_delete(config);
    close(listener);
    /* The duplicates are gone. */
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == -1 && errno == ECONNREFUSED);
    close(fd);
}

int main(void) {
    refusals();
    for (int is_debug = 0; is_debug <= 1; is_debug++) {
        one_thread(is_debug);
        waiting(is_debug);
        gone(is_debug);
        interrupts(is_debug);
        has_checks = true;
        interrupts(is_debug);
        has_checks = false;
    }
    return finish();
}
