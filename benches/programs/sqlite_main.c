/* SQLite on a database in memory: inserts, an index, joins, aggregates, text functions, deletes. */
#include "sqlite3.h"

#include <stdint.h>
#include <string.h>

/* There is no system under it: no files, and always the same time and random numbers. */
static int open_none(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *out_flags) {
    (void)vfs, (void)name, (void)flags, (void)out_flags;
    file->pMethods = NULL;
    return SQLITE_CANTOPEN;
}

static int delete_none(sqlite3_vfs *vfs, const char *name, int sync) {
    (void)vfs, (void)name, (void)sync;
    return SQLITE_IOERR;
}

static int access_none(sqlite3_vfs *vfs, const char *name, int flags, int *out_result) {
    (void)vfs, (void)name, (void)flags;
    *out_result = 0;
    return SQLITE_OK;
}

static int full_path(sqlite3_vfs *vfs, const char *name, int capacity, char *out) {
    (void)vfs;
    strncpy(out, name, (size_t)capacity);
    return SQLITE_OK;
}

static int randomness(sqlite3_vfs *vfs, int size, char *out) {
    (void)vfs;
    memset(out, 7, (size_t)size);
    return size;
}

static int no_sleep(sqlite3_vfs *vfs, int microseconds) { return (void)vfs, microseconds; }

static int current_time(sqlite3_vfs *vfs, double *out) { return (void)vfs, *out = 2460000.5, SQLITE_OK; }

static sqlite3_vfs vfs = {
    .iVersion = 1, .szOsFile = sizeof(sqlite3_file), .mxPathname = 256, .zName = "none", .xOpen = open_none,
    .xDelete = delete_none, .xAccess = access_none, .xFullPathname = full_path, .xRandomness = randomness,
    .xSleep = no_sleep, .xCurrentTime = current_time,
};

int sqlite3_os_init(void) { return sqlite3_vfs_register(&vfs, 1); }
int sqlite3_os_end(void) { return SQLITE_OK; }

#define EXPORT __attribute__((visibility("default"), noinline))

/* The smallest thing that the guest can do. */
EXPORT int ready(void) { return 42; }

static sqlite3 *db;

static int64_t query(const char *sql, int64_t argument) {
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) return -1000000;
    sqlite3_bind_int64(statement, 1, argument);
    uint64_t result = 0;
    while (sqlite3_step(statement) == SQLITE_ROW)
        for (int column = 0; column < sqlite3_column_count(statement); column++) {
            const unsigned char *text = sqlite3_column_text(statement, column);
            for (; text && *text; text++) result = result * 31 + *text;
        }
    sqlite3_finalize(statement);
    return (int64_t)result;
}

EXPORT int64_t run(int n) {
    if (sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK) return -1;
    sqlite3_exec(db,
                 "create table item(id integer primary key, name text, price real, kind int);"
                 "create table kind(id integer primary key, title text);"
                 "create index by_kind on item(kind, price);"
                 "insert into kind values (0,'zero'),(1,'one'),(2,'two'),(3,'three'),(4,'four');",
                 NULL, NULL, NULL);
    uint64_t result = 0;
    for (int round = 0; round < n; round++) {
        sqlite3_exec(db, "begin", NULL, NULL, NULL);
        sqlite3_stmt *insert;
        sqlite3_prepare_v2(db, "insert into item(name, price, kind) values (printf('item %d', ?1), (?1 * 7919 % 1000) / 8.0, ?1 % 5)",
                           -1, &insert, NULL);
        for (int i = 0; i < 200; i++) {
            sqlite3_bind_int(insert, 1, round * 200 + i);
            sqlite3_step(insert);
            sqlite3_reset(insert);
        }
        sqlite3_finalize(insert);
        sqlite3_exec(db, "commit", NULL, NULL, NULL);
        result = result * 7 + (uint64_t)query(
            "select title, count(*), cast(sum(price) as int), max(name) from item join kind on kind.id = item.kind "
            "where price > ?1 group by title order by 2 desc, 1", round % 50);
        result ^= (uint64_t)query("select id, upper(name) from item where name like '%9' and kind = ?1 order by price limit 20", round % 5);
        result += (uint64_t)query("with recursive c(x) as (select 1 union all select x + 1 from c where x < ?1) "
                                  "select sum(x * x), group_concat(x % 7, '') from c", 200);
        result ^= (uint64_t)query("select substr(name, 6), price from item where id in (select max(id) from item group by kind) and ?1", 1);
        if (round % 4 == 3) query("delete from item where id % 3 = ?1", round % 3);
    }
    sqlite3_close(db);
    return (int64_t)(result >> 1);
}
