/* Allocation and recursion: binary trees that are made, walked, rotated and freed with the C library's malloc, and blocks
 * of mixed sizes that live for different times. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default"), noinline))
#define NOINLINE __attribute__((noinline))

typedef struct Node {
    struct Node *left, *right;
    int key;
} Node;

NOINLINE static Node *make(int depth, int key) {
    Node *node = malloc(sizeof *node);
    node->key = key;
    node->left = depth > 0 ? make(depth - 1, key * 2) : NULL;
    node->right = depth > 0 ? make(depth - 1, key * 2 + 1) : NULL;
    return node;
}

NOINLINE static int64_t sum(const Node *node) {
    return node ? node->key + 3 * sum(node->left) - sum(node->right) : 1;
}

NOINLINE static Node *mirror(Node *node) {
    if (!node) return NULL;
    Node *left = mirror(node->left);
    node->left = mirror(node->right);
    node->right = left;
    return node;
}

NOINLINE static void release(Node *node) {
    if (!node) return;
    release(node->left);
    release(node->right);
    free(node);
}

NOINLINE static Node *insert(Node *node, int key) {
    if (!node) {
        node = calloc(1, sizeof *node);
        node->key = key;
    } else if (key < node->key) {
        node->left = insert(node->left, key);
    } else {
        node->right = insert(node->right, key);
    }
    return node;
}

enum { BLOCKS = 512 };

static uint32_t churn(int turns) {
    unsigned char *blocks[BLOCKS] = {0};
    uint32_t sizes[BLOCKS] = {0}, random = 77, check = 0;
    for (int turn = 0; turn < turns; turn++) {
        random = random * 1103515245u + 12345u;
        uint32_t place = (random >> 10) % BLOCKS;
        if (blocks[place]) check += blocks[place][sizes[place] - 1];
        free(blocks[place]);
        sizes[place] = 1 + (random >> 20) % ((random & 0x80) ? 4000 : 60);
        blocks[place] = malloc(sizes[place]);
        memset(blocks[place], (int)(random >> 24), sizes[place]);
    }
    for (int place = 0; place < BLOCKS; place++) free(blocks[place]);
    return check;
}

EXPORT int64_t run(int n) {
    int64_t result = 0;
    Node *lasting = make(10, 1);
    for (int round = 0; round < n; round++) {
        Node *tree = mirror(make(12, round));
        result = result * 5 + sum(tree);
        release(tree);
        Node *sorted = NULL;
        uint32_t random = (uint32_t)round;
        for (int i = 0; i < 1000; i++) {
            random = random * 1664525u + 1013904223u;
            sorted = insert(sorted, (int)(random >> 12));
        }
        result ^= sum(sorted);
        release(sorted);
        result += churn(2000);
    }
    result += sum(lasting);
    release(lasting);
    return result;
}
