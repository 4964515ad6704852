/* Writes and syncs of the state's files fail, those that EVENKEEL_FAULT names: `EIO 40 3` is the 40th to the 42nd call.
   Loaded before libc, by LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long calls;

static int fails(int fd) {
    const char *fault = getenv("EVENKEEL_FAULT");
    char name[16], path[64], file[4096];
    long first, count;
    if (!fault || sscanf(fault, "%15s %ld %ld", name, &first, &count) != 3)
        return 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(path, file, sizeof file - 1);
    if (length <= 0)
        return 0;
    file[length] = 0;
    if (!strstr(file, "/state.") && !strstr(file, "/committed"))
        return 0;
    long call = atomic_fetch_add(&calls, 1) + 1;
    if (call < first || call >= first + count)
        return 0;
    errno = strcmp(name, "ENOSPC") == 0 ? ENOSPC : EIO;
    return 1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *bytes, size_t count) {
    return fails(fd) ? -1 : NEXT(write)(fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    return fails(fd) ? -1 : NEXT(pwrite)(fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    return fails(fd) ? -1 : NEXT(pwrite64)(fd, bytes, count, at);
}

int fsync(int fd) {
    return fails(fd) ? -1 : NEXT(fsync)(fd);
}

int fdatasync(int fd) {
    return fails(fd) ? -1 : NEXT(fdatasync)(fd);
}
