/* A main for the native builds that check.sh makes: PROGRAM is the source file, SCRIPT is set for script.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include PROGRAM

#ifdef SCRIPT
static int quiet;

void host_print(const char *text, int length) {
    if (!quiet) fwrite(text, 1, (size_t)length, stdout);
}
#endif

/* EXPORT ARGS: prints the result, and nothing else. EXPORT alone: runs it for what it prints. */
int main(int argc, char **argv) {
#ifdef SCRIPT
    quiet = argc > 2;
    long long result = strcmp(argv[1], "eval") == 0 ? eval(argv[2], (int)strlen(argv[2])) : run_demo();
#else
    long long result = run(atoi(argv[2]));
#endif
    if (argc > 2) printf("%lld\n", result);
    return 0;
}
