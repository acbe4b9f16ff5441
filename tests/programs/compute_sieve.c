/* Integers and memory: a sieve, two sorts and a hash table over the same size n. No imports. */

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define NOINLINE __attribute__((noinline))
#define EXPORT __attribute__((visibility("default"), noinline))

enum { MAX_N = 1 << 22, SLOTS = 1 << 20, EMPTY = 0, DELETED = 1 };

static u8 composite[MAX_N + 1];
static u32 numbers[MAX_N / 4], scratch[MAX_N / 4];
static struct { u32 key, value; } table[SLOTS];

static u32 random_state;

static u32 next_random(void) { /* xorshift32 */
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    return random_state ^= random_state << 5;
}

static u64 mix(u64 hash, u64 value) { return (hash ^ value) * 0x9e3779b97f4a7c15ull; }

NOINLINE static u64 sieve(int n) {
    u64 hash = 0;
    __builtin_memset(composite, 0, (u32)n + 1);
    for (int p = 2; p <= n; p++) {
        if (composite[p]) continue;
        hash = mix(hash, (u64)p);
        if (p <= n / p) for (int multiple = p * p; multiple <= n; multiple += p) composite[multiple] = 1;
    }
    return hash;
}

/* Hoare partition around the middle; recursion on the smaller side, insertion sort for short runs. */
NOINLINE static void quick_sort(u32 *first, u32 *last) {
    while (last - first > 12) {
        u32 pivot = first[(last - first) / 2], *low = first, *high = last;
        while (low <= high) {
            while (*low < pivot) low++;
            while (*high > pivot) high--;
            if (low <= high) { u32 held = *low; *low++ = *high; *high-- = held; }
        }
        if (high - first < last - low) { quick_sort(first, high); first = low; }
        else { quick_sort(low, last); last = high; }
    }
    for (u32 *next = first + 1; next <= last; next++) {
        u32 held = *next, *hole = next;
        for (; hole > first && hole[-1] > held; hole--) *hole = hole[-1];
        *hole = held;
    }
}

NOINLINE static void merge_sort(u32 *items, u32 *spare, int count) {
    if (count < 2) return;
    int half = count / 2, left = 0, right = half;
    merge_sort(items, spare, half);
    merge_sort(items + half, spare, count - half);
    for (int i = 0; i < count; i++)
        spare[i] = right == count || (left < half && items[left] <= items[right]) ? items[left++] : items[right++];
    __builtin_memcpy(items, spare, (u32)count * sizeof *items);
}

/* Fills the array anew, so that both sorts see the same input. */
static void fill(int count, u32 seed) {
    random_state = seed;
    for (int i = 0; i < count; i++) numbers[i] = next_random();
}

NOINLINE static u64 hash_sorted(int count) {
    u64 hash = 0;
    for (int i = 0; i < count; i++) {
        if (i && numbers[i - 1] > numbers[i]) __builtin_trap();
        hash = mix(hash, numbers[i]);
    }
    return hash;
}

/* The slot of `key`, or the slot to put it in. */
NOINLINE static u32 find_slot(u32 key) {
    u32 slot = (key * 2654435769u) >> 12, reuse = SLOTS;
    for (;; slot = (slot + 1) & (SLOTS - 1)) {
        if (table[slot].key == key) return slot;
        if (table[slot].key == DELETED && reuse == SLOTS) reuse = slot;
        if (table[slot].key == EMPTY) return reuse == SLOTS ? slot : reuse;
    }
}

/* Counts how often random keys occur, and deletes every third. */
NOINLINE static u64 count_keys(int count) {
    u64 hash = 0;
    __builtin_memset(table, 0, sizeof table);
    random_state = 2463534242u;
    for (int i = 0; i < count; i++) {
        u32 key = next_random() % (SLOTS / 2) + 2, slot = find_slot(key);
        if (i % 3 == 2 && table[slot].key == key) { hash = mix(hash, table[slot].value); table[slot].key = DELETED; continue; }
        if (table[slot].key != key) { table[slot].key = key; table[slot].value = 0; }
        table[slot].value += (u32)i;
    }
    for (u32 slot = 0; slot < SLOTS; slot++) if (table[slot].key > DELETED) hash = mix(hash, table[slot].value);
    return hash;
}

/* Requires: 0 <= n <= MAX_N; traps otherwise. */
EXPORT long long run(int n) {
    if (n < 0 || n > MAX_N) __builtin_trap();
    int count = n / 4;
    u64 hash = sieve(n);
    fill(count, 88172645u);
    if (count) quick_sort(numbers, numbers + count - 1);
    u64 sorted = hash_sorted(count);
    fill(count, 88172645u);
    merge_sort(numbers, scratch, count);
    if (hash_sorted(count) != sorted) __builtin_trap();
    hash = mix(hash, sorted);
    return (long long)(mix(hash, count_keys(n / 4)) >> 1);
}
