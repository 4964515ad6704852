/* Notes every call that changes the files below EVENKEEL_POWER_FOLDER, in the order of their effects, at the end of the
   file EVENKEEL_POWER_LOG: a line of what it did, the inode, where, how many bytes, and the name; then the bytes. Loaded
   before libc, by LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* Held from before a call to the end of its note: the order of the notes is that of the effects. */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

/* The name below the folder, "." for the folder itself; NULL for what lies elsewhere. */
static const char *below(const char *path) {
    const char *folder = getenv("EVENKEEL_POWER_FOLDER");
    size_t length = folder ? strlen(folder) : 0;
    if (!length || strncmp(path, folder, length) != 0)
        return NULL;
    return path[length] == '/' ? path + length + 1 : path[length] == 0 ? "." : NULL;
}

static const char *name_of(int fd, char path[4096]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, 4095);
    if (length <= 0)
        return NULL;
    path[length] = 0;
    return below(path);
}

static void all(int fd, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t done = NEXT(write)(fd, bytes, count);
        if (done < 0)
            abort();
        bytes += done;
        count -= done;
    }
}

static void note(const char *what, int fd, long long at, const char *name, const void *bytes, size_t count) {
    static int log = -1;
    int before = errno;
    struct stat file = {0};
    if (log < 0 && (log = NEXT(open)(getenv("EVENKEEL_POWER_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) < 0)
        abort();
    if (fd >= 0)
        fstat(fd, &file);
    char head[4400];
    int length = snprintf(head, sizeof head, "%s %lu %lld %zu %s\n", what, (unsigned long)file.st_ino, at, count, name);
    all(log, head, length);
    all(log, bytes, count);
    errno = before;
}

#define DONE(done) do { pthread_mutex_unlock(&turn); return done; } while (0)

static int opened(int (*next)(const char *, int, ...), const char *path, int flags, mode_t mode) {
    if (!(flags & (O_CREAT | O_TRUNC)) || !below(path))
        return next(path, flags, mode);
    pthread_mutex_lock(&turn);
    struct stat file;
    int is_new = stat(path, &file) != 0;
    int fd = next(path, flags, mode);
    if (fd >= 0 && is_new)
        note("create", fd, 0, below(path), "", 0);
    else if (fd >= 0 && flags & O_TRUNC)
        note("cut", fd, 0, below(path), "", 0);
    DONE(fd);
}

#define OPEN(name)                                       \
    int name(const char *path, int flags, ...) {         \
        va_list rest;                                    \
        va_start(rest, flags);                           \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                    \
        return opened(NEXT(name), path, flags, mode);    \
    }
OPEN(open)
OPEN(open64)

/* A call on a file: `at` is asked before it, for it may move. */
#define ON_FILE(type, what, place, call, bytes, count)           \
    char path[4096];                                             \
    const char *name = name_of(fd, path);                        \
    if (!name)                                                   \
        return call;                                             \
    pthread_mutex_lock(&turn);                                   \
    long long at = place;                                        \
    type done = call;                                            \
    if (done >= 0)                                               \
        note(what, fd, at, name, bytes, count);                  \
    DONE(done)

ssize_t write(int fd, const void *from, size_t count) {
    ON_FILE(ssize_t, "write", lseek(fd, 0, SEEK_CUR), NEXT(write)(fd, from, count), from, done);
}

ssize_t pwrite(int fd, const void *from, size_t count, off_t to) {
    ON_FILE(ssize_t, "write", to, NEXT(pwrite)(fd, from, count, to), from, done);
}

ssize_t pwrite64(int fd, const void *from, size_t count, off64_t to) {
    ON_FILE(ssize_t, "write", to, NEXT(pwrite64)(fd, from, count, to), from, done);
}

/* One part after the other: what is noted is what was done. */
static ssize_t parts(int fd, const struct iovec *part, int count, off64_t to) {
    ssize_t sum = 0;
    for (int i = 0; i < count; i++) {
        ssize_t done = to < 0 ? write(fd, part[i].iov_base, part[i].iov_len)
                              : pwrite64(fd, part[i].iov_base, part[i].iov_len, to + sum);
        if (done < 0)
            return sum ? sum : done;
        sum += done;
        if ((size_t)done < part[i].iov_len)
            break;
    }
    return sum;
}

ssize_t writev(int fd, const struct iovec *part, int count) {
    char path[4096];
    return name_of(fd, path) ? parts(fd, part, count, -1) : NEXT(writev)(fd, part, count);
}

ssize_t pwritev(int fd, const struct iovec *part, int count, off_t to) {
    char path[4096];
    return name_of(fd, path) ? parts(fd, part, count, to) : NEXT(pwritev)(fd, part, count, to);
}

int ftruncate(int fd, off_t to) {
    ON_FILE(int, "cut", to, NEXT(ftruncate)(fd, to), "", 0);
}

int ftruncate64(int fd, off64_t to) {
    ON_FILE(int, "cut", to, NEXT(ftruncate64)(fd, to), "", 0);
}

int fallocate(int fd, int mode, off_t from, off_t count) {
    ON_FILE(int, "grow", from + count, NEXT(fallocate)(fd, mode, from, count), "", 0);
}

int fsync(int fd) {
    ON_FILE(int, "sync", 0, NEXT(fsync)(fd), "", 0);
}

int fdatasync(int fd) {
    ON_FILE(int, "sync", 0, NEXT(fdatasync)(fd), "", 0);
}

int msync(void *from, size_t count, int flags) {
    /* Which file that is, nobody says: the test fails on this note. */
    pthread_mutex_lock(&turn);
    int done = NEXT(msync)(from, count, flags);
    note("msync", -1, 0, "?", "", 0);
    DONE(done);
}

/* A call on names. */
#define ON_NAME(what, name, call, bytes, count) \
    if (!below(name))                           \
        return call;                            \
    pthread_mutex_lock(&turn);                  \
    int done = call;                            \
    if (done == 0)                              \
        note(what, -1, 0, below(name), bytes, count); \
    DONE(done)

int unlink(const char *path) {
    ON_NAME("unlink", path, NEXT(unlink)(path), "", 0);
}

int rename(const char *from, const char *to) {
    const char *new = below(to) ? below(to) : "";
    ON_NAME("rename", from, NEXT(rename)(from, to), new, strlen(new));
}

int mkdir(const char *path, mode_t mode) {
    ON_NAME("mkdir", path, NEXT(mkdir)(path, mode), "", 0);
}
