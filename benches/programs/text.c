/* String work on the C library's own functions: word counts in a chained hash table, sorting by strcmp, edit distance,
 * substring search, number formatting. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default"), noinline))

static uint32_t seed;

static uint32_t next_random(void) {
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

static const char *const syllables[] = {"ka", "lo", "mi", "ren", "tus", "vo", "shi", "dar", "e", "un", "pel", "lu", "cid", "o"};

/* A text of `words` words, in lines. The caller frees it. */
static char *make_text(int words) {
    char *text = malloc((size_t)words * 16 + 1), *end = text;
    for (int word = 0; word < words; word++) {
        int count = 1 + (int)(next_random() % 4);
        while (count-- > 0) {
            const char *syllable = syllables[next_random() % (sizeof syllables / sizeof *syllables)];
            size_t length = strlen(syllable);
            memcpy(end, syllable, length);
            end += length;
        }
        *end++ = word % 11 == 10 ? '\n' : ' ';
    }
    *end = 0;
    return text;
}

typedef struct Entry {
    struct Entry *next;
    int count;
    char word[];
} Entry;

enum { BUCKETS = 1024 };

static uint32_t hash_of(const char *word) {
    uint32_t hash = 2166136261u;
    for (; *word; word++) hash = (hash ^ (uint8_t)*word) * 16777619u;
    return hash;
}

static Entry *count_word(Entry **table, const char *word, size_t length) {
    char key[64];
    memcpy(key, word, length);
    key[length] = 0;
    Entry **place = &table[hash_of(key) % BUCKETS];
    while (*place && strcmp((*place)->word, key) != 0) place = &(*place)->next;
    if (!*place) {
        *place = malloc(sizeof(Entry) + length + 1);
        (*place)->next = NULL;
        (*place)->count = 0;
        memcpy((*place)->word, key, length + 1);
    }
    (*place)->count++;
    return *place;
}

static int compare_entries(const void *left, const void *right) {
    const Entry *a = *(Entry *const *)left, *b = *(Entry *const *)right;
    return a->count != b->count ? b->count - a->count : strcmp(a->word, b->word);
}

static int edit_distance(const char *left, const char *right) {
    int row[64], columns = (int)strlen(right);
    for (int column = 0; column <= columns; column++) row[column] = column;
    for (int line = 1; *left; left++, line++) {
        int diagonal = row[0];
        row[0] = line;
        for (int column = 1; column <= columns; column++) {
            int above = row[column], best = diagonal + (*left != right[column - 1]);
            if (above + 1 < best) best = above + 1;
            if (row[column - 1] + 1 < best) best = row[column - 1] + 1;
            row[column] = best;
            diagonal = above;
        }
    }
    return row[columns];
}

static char *format_number(char *out, int value) {
    char digits[12];
    int count = 0;
    do digits[count++] = (char)('0' + value % 10); while ((value /= 10) != 0);
    while (count > 0) *out++ = digits[--count];
    return out;
}

/* n rounds, each over a new text of two thousand words. */
EXPORT int64_t run(int n) {
    uint64_t result = 0;
    seed = 12345;
    for (int round = 0; round < n; round++) {
        char *text = make_text(2000);
        Entry *table[BUCKETS] = {0};
        int distinct = 0;
        for (char *word = text; *word;) {
            size_t length = strcspn(word, " \n");
            distinct += count_word(table, word, length)->count == 1;
            word += length + (word[length] != 0);
        }
        Entry **sorted = malloc(sizeof *sorted * (size_t)distinct);
        int place = 0;
        for (int bucket = 0; bucket < BUCKETS; bucket++)
            for (Entry *entry = table[bucket]; entry; entry = entry->next) sorted[place++] = entry;
        qsort(sorted, (size_t)distinct, sizeof *sorted, compare_entries);
        int distance = 0;
        for (int i = 0; i + 1 < distinct && i < 300; i++) distance += edit_distance(sorted[i]->word, sorted[i + 1]->word);
        int found = 0;
        for (const char *at = text; (at = strstr(at, "cid")) != NULL; at++) found++;
        char *report = malloc((size_t)distinct * 32 + 1), *end = report;
        for (int i = 0; i < distinct; i++) {
            end = stpcpy(end, sorted[i]->word);
            *end++ = '=';
            end = format_number(end, sorted[i]->count);
        }
        *end = 0;
        result = result * 31 + hash_of(report) + (uint64_t)distance * 7 + (uint64_t)found;
        for (int i = 0; i < distinct; i++) free(sorted[i]);
        free(sorted);
        free(report);
        free(text);
    }
    return (int64_t)(result >> 1);
}
