/* Text that comes from a file or a guest, such as a name, as it may be printed: what could do something to a terminal is a '?'. */
#ifndef SHOWN_TEXT_H
#define SHOWN_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* How many bytes the character takes that begins here, and which it is; 0 if it is no UTF-8. */
static inline size_t shown_character(const uint8_t *at, size_t size, uint32_t *out_character)
{
    size_t n = at[0] < 0x80 ? 1 : at[0] >= 0xc2 && at[0] < 0xe0 ? 2 : (at[0] & 0xf0) == 0xe0 ? 3 : at[0] >= 0xf0 && at[0] < 0xf5 ? 4 : 0;
    if (n == 0 || n > size)
        return 0;
    *out_character = n == 1 ? at[0] : at[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        *out_character = *out_character << 6 | (at[i] & 0x3f);
    }
    return n;
}

/* Whether a character moves the cursor, begins an escape sequence, or changes the direction in which others are written. */
static inline bool is_control(uint32_t character)
{
    return character < ' ' || (character >= 0x7f && character < 0xa0) || character == 0x200e || character == 0x200f
           || (character >= 0x2028 && character <= 0x202e) || (character >= 0x2066 && character <= 0x2069);
}

static inline void print_shown(const char *text, size_t size)
{
    const uint8_t *at = (const uint8_t *)text;
    while (size > 0) {
        uint32_t character;
        size_t n = shown_character(at, size, &character);
        if (n == 0 || is_control(character))
            putchar('?');
        else
            fwrite(at, 1, n, stdout);
        n = n == 0 ? 1 : n;
        at += n;
        size -= n;
    }
}

#endif
