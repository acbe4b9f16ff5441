/* What a guest looks like while somebody debugs it: compiled with -O0. Sorting, matrices, strings, lists. */
typedef unsigned int u32;

#define EXPORT __attribute__((visibility("default"), noinline))

enum { COUNT = 600, ORDER = 20, NODES = 256 };

static int numbers[COUNT];
static int left[ORDER][ORDER], right[ORDER][ORDER], product[ORDER][ORDER];
static char line[256], reversed[256];

struct node {
    struct node *next;
    int value;
};

static struct node nodes[NODES];

static u32 next_random(u32 *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void swap(int *a, int *b) {
    int kept = *a;
    *a = *b;
    *b = kept;
}

static void quick_sort(int *from, int *to) {
    if (from >= to) return;
    int pivot = *from, *low = from, *high = to;
    while (low <= high) {
        while (*low < pivot) low++;
        while (*high > pivot) high--;
        if (low <= high) swap(low++, high--);
    }
    quick_sort(from, high);
    quick_sort(low, to);
}

static void multiply(void) {
    for (int row = 0; row < ORDER; row++)
        for (int column = 0; column < ORDER; column++) {
            int sum = 0;
            for (int i = 0; i < ORDER; i++) sum += left[row][i] * right[i][column];
            product[row][column] = sum;
        }
}

static int length_of(const char *text) {
    int length = 0;
    while (text[length]) length++;
    return length;
}

static u32 hash_of(const char *text) {
    u32 hash = 5381;
    for (; *text; text++) hash = hash * 33 + (u32)*text;
    return hash;
}

static void reverse(char *out, const char *text) {
    int length = length_of(text);
    for (int i = 0; i < length; i++) out[i] = text[length - 1 - i];
    out[length] = 0;
}

static struct node *reverse_list(struct node *list) {
    struct node *result = 0;
    while (list) {
        struct node *next = list->next;
        list->next = result;
        result = list;
        list = next;
    }
    return result;
}

EXPORT long long run(int n) {
    u32 random = 99, check = 0;
    for (int round = 0; round < n; round++) {
        for (int i = 0; i < COUNT; i++) numbers[i] = (int)(next_random(&random) % 10000);
        quick_sort(numbers, numbers + COUNT - 1);
        for (int i = 0; i < COUNT; i++) check = check * 31 + (u32)numbers[i];
        for (int row = 0; row < ORDER; row++)
            for (int column = 0; column < ORDER; column++) left[row][column] = row + column, right[row][column] = row ^ round;
        multiply();
        check ^= (u32)product[round % ORDER][3];
        for (int i = 0; i < 200; i++) line[i] = (char)('a' + next_random(&random) % 26);
        reverse(reversed, line);
        check += hash_of(reversed) ^ hash_of(line);
        for (int i = 0; i < NODES; i++) {
            nodes[i].next = i + 1 < NODES ? &nodes[i + 1] : 0;
            nodes[i].value = i * round;
        }
        struct node *list = reverse_list(nodes);
        for (int place = 1; list; list = list->next, place++) check += (u32)(list->value * place);
    }
    return (long long)check << 16 | (check ^ random) >> 16;
}
