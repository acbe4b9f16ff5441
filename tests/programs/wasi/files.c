/* What programs do with files: stdio and POSIX calls in a folder that has `input` in it. Leaves `sorted` behind. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void must(int holds, const char *what) {
    if (!holds) {
        printf("%s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static int by_value(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static void list(const char *path) {
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, by_name);
    must(n >= 0, path);
    printf("%s:", path);
    for (int i = 0; i < n; i++) {
        printf(" %s", entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    printf("\n");
}

static void refused(const char *what, int failed) { printf("%s: %s\n", what, failed ? strerror(errno) : "allowed"); }

int main(void) {
    int numbers[3];
    FILE *in = fopen("/input", "r");
    must(in != NULL, "input");
    for (int i = 0; i < 3; i++) {
        must(fscanf(in, "%d", &numbers[i]) == 1, "scan");
    }
    fclose(in);
    qsort(numbers, 3, sizeof numbers[0], by_value);
    FILE *out = fopen("/sorted", "w");
    must(out != NULL, "sorted");
    fprintf(out, "%d %d %d\n", numbers[0], numbers[1], numbers[2]);
    must(fclose(out) == 0, "close");

    must(mkdir("/sub", 0777) == 0, "mkdir");
    for (int i = 0; i < 3; i++) {
        char path[32];
        snprintf(path, sizeof path, "/sub/file%d", i);
        int fd = open(path, O_CREAT | O_EXCL | O_RDWR, 0666);
        must(fd >= 0, path);
        must(write(fd, "0123456789", 10) == 10, "write");
        must(pwrite(fd, "xy", 2, i) == 2, "pwrite");
        must(lseek(fd, -4, SEEK_END) == 6, "lseek");
        char rest[8] = "";
        must(read(fd, rest, 8) == 4, "read");
        must(ftruncate(fd, 12) == 0, "ftruncate");
        struct stat st;
        must(fstat(fd, &st) == 0, "fstat");
        char all[13] = "";
        must(pread(fd, all, 10, 0) == 10, "pread");
        printf("%s: %s, rest %s, size %d\n", path, all, rest, (int)st.st_size);
        must(close(fd) == 0, "close");
    }
    list("/sub");
    must(rename("/sub/file0", "/sub/renamed") == 0, "rename");
    must(link("/sub/file1", "/sub/linked") == 0, "link");
    must(symlink("renamed", "/sub/symbolic") == 0, "symlink");
    char target[16] = "";
    must(readlink("/sub/symbolic", target, sizeof target - 1) == 7, "readlink");
    struct stat st, other;
    must(stat("/sub/linked", &st) == 0 && lstat("/sub/symbolic", &other) == 0, "stat");
    printf("links %d, symbolic %d to %s\n", (int)st.st_nlink, S_ISLNK(other.st_mode), target);
    struct timespec times[2] = {{1000, 5}, {2000, 7}};
    must(utimensat(AT_FDCWD, "/sub/linked", times, 0) == 0, "utimensat");
    must(stat("/sub/file1", &st) == 0, "stat");
    printf("modified %d.%09d\n", (int)st.st_mtim.tv_sec, (int)st.st_mtim.tv_nsec);
    list("/sub");

    int fd = open("/sub/log", O_CREAT | O_WRONLY | O_APPEND, 0666);
    must(fd >= 0 && write(fd, "a", 1) == 1 && lseek(fd, 0, SEEK_SET) == 0 && write(fd, "b", 1) == 1, "append");
    must(fstat(fd, &st) == 0, "fstat");
    printf("appended %d\n", (int)st.st_size);
    must(close(fd) == 0, "close");

    refused("open a missing file", open("/none", O_RDONLY) < 0);
    refused("open what exists", open("/sorted", O_CREAT | O_EXCL | O_WRONLY, 0666) < 0);
    refused("open a folder to write", open("/sub", O_WRONLY) < 0);
    refused("remove a full folder", rmdir("/sub") < 0);
    refused("leave", open("/../../etc/passwd", O_RDONLY) < 0);
    refused("close twice", close(fd) < 0);

    const char *names[] = {"file1", "file2", "renamed", "linked", "symbolic", "log"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[32];
        snprintf(path, sizeof path, "/sub/%s", names[i]);
        must(unlink(path) == 0, path);
    }
    must(rmdir("/sub") == 0, "rmdir");
    list("/");
    return 0;
}
