/* A main for the native builds that expected.txt is checked with. PROGRAM names the source file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include PROGRAM

#ifdef SCRIPT
void host_print(const char *text, int length) { fwrite(text, 1, (size_t)length, stdout); }

int main(int argc, char **argv) {
    if (argc == 2) printf("%lld\n", eval(argv[1], (int)strlen(argv[1])));
    else fprintf(stderr, "%d\n", run_demo());
    return 0;
}
#else
int main(int argc, char **argv) {
    (void)argc;
    printf("%lld\n", (long long)run(atoi(argv[1])));
    return 0;
}
#endif
