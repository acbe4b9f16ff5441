/* Arguments, a variable, numbered lines of input; ends with an exit code from a handler's order. */
#include <stdio.h>
#include <stdlib.h>

static int lines;

static void say(void) { fprintf(stderr, "%d lines\n", lines); }

int main(int argc, char **argv) {
    char line[100];
    atexit(say);
    for (int i = 1; i < argc; i++) {
        puts(argv[i]);
    }
    printf("GREETING=%s\n", getenv("GREETING"));
    while (fgets(line, sizeof line, stdin) != NULL) {
        printf("%d: %s", ++lines, line);
    }
    putchar('\n');
    exit(lines + 1);
}
