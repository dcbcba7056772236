/* Loaded before libc: notes in a log what a program writes into one folder, in order, with its syncs.
   PARCELSCOPE_WATCHED is the folder, PARCELSCOPE_WRITES the log. An entry: kind, length of the path, path, offset, length
   of the data, data; numbers are little-endian 64-bit. For links and renames the data is the new path. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FDS 1024
static char *names[FDS];
static int writes_fd = -1;
static const char *watched;
static size_t watched_length;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static ssize_t (*real_write)(int, const void *, size_t);

__attribute__((constructor)) static void begin(void) {
    int (*real_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    real_write = dlsym(RTLD_NEXT, "write");
    watched = getenv("PARCELSCOPE_WATCHED");
    const char *log = getenv("PARCELSCOPE_WRITES");
    if (watched && log) {
        watched_length = strlen(watched);
        writes_fd = real_open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    }
}

static int is_watched(const char *path) { return writes_fd >= 0 && path && strncmp(path, watched, watched_length) == 0; }

static void all(const void *bytes, size_t length) {
    const char *at = bytes;
    while (length > 0) {
        ssize_t n = real_write(writes_fd, at, length);
        if (n <= 0) abort();
        at += n;
        length -= (size_t)n;
    }
}

static void note(char kind, const char *path, uint64_t offset, const void *data, uint64_t length) {
    uint64_t path_length = strlen(path);
    pthread_mutex_lock(&mutex);
    all(&kind, 1);
    all(&path_length, 8);
    all(path, path_length);
    all(&offset, 8);
    all(&length, 8);
    all(data, length);
    pthread_mutex_unlock(&mutex);
}

static const char *name_of(int fd) { return fd >= 0 && fd < FDS ? names[fd] : NULL; }

static int opened(int fd, const char *path, int flags, int existed) {
    if (fd >= 0 && fd < FDS && is_watched(path)) {
        free(names[fd]);
        names[fd] = strdup(path);
        if ((flags & O_CREAT) && !existed) note('c', path, 0, "", 0);
        else if (flags & O_TRUNC) note('t', path, 0, "", 0);
    }
    return fd;
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                      \
        static int (*real)(const char *, int, ...);                                                                    \
        if (!real) real = dlsym(RTLD_NEXT, #name);                                                                     \
        va_list list;                                                                                                  \
        va_start(list, flags);                                                                                         \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(list, mode_t) : 0;                                      \
        va_end(list);                                                                                                  \
        int existed = access(path, F_OK) == 0;                                                                         \
        return opened(real(path, flags, mode), path, flags, existed);                                                  \
    }
OPEN(open)
OPEN(open64)

#define PWRITE(name)                                                                                                   \
    ssize_t name(int fd, const void *data, size_t length, off_t offset) {                                              \
        static ssize_t (*real)(int, const void *, size_t, off_t);                                                      \
        if (!real) real = dlsym(RTLD_NEXT, #name);                                                                     \
        ssize_t n = real(fd, data, length, offset);                                                                    \
        if (n > 0 && name_of(fd)) note('w', name_of(fd), (uint64_t)offset, data, (uint64_t)n);                         \
        return n;                                                                                                      \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

ssize_t write(int fd, const void *data, size_t length) {
    if (!real_write) real_write = dlsym(RTLD_NEXT, "write");
    const char *name = name_of(fd);
    ssize_t n = real_write(fd, data, length);
    if (n > 0 && name) note('w', name, (uint64_t)lseek(fd, 0, SEEK_CUR) - (uint64_t)n, data, (uint64_t)n);
    return n;
}

#define SYNC(name)                                                                                                     \
    int name(int fd) {                                                                                                 \
        static int (*real)(int);                                                                                       \
        if (!real) real = dlsym(RTLD_NEXT, #name);                                                                     \
        if (name_of(fd)) note('s', name_of(fd), 0, "", 0);                                                             \
        return real(fd);                                                                                               \
    }
SYNC(fsync)
SYNC(fdatasync)

#define TRUNCATE(name)                                                                                                 \
    int name(int fd, off_t length) {                                                                                   \
        static int (*real)(int, off_t);                                                                                \
        if (!real) real = dlsym(RTLD_NEXT, #name);                                                                     \
        int done = real(fd, length);                                                                                   \
        if (done == 0 && name_of(fd)) note('t', name_of(fd), (uint64_t)length, "", 0);                                 \
        return done;                                                                                                   \
    }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

int close(int fd) {
    static int (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "close");
    if (fd >= 0 && fd < FDS) {
        free(names[fd]);
        names[fd] = NULL;
    }
    return real(fd);
}

int unlink(const char *path) {
    static int (*real)(const char *);
    if (!real) real = dlsym(RTLD_NEXT, "unlink");
    int done = real(path);
    if (done == 0 && is_watched(path)) note('u', path, 0, "", 0);
    return done;
}

#define RENAME(name, kind)                                                                                             \
    int name(const char *from, const char *to) {                                                                       \
        static int (*real)(const char *, const char *);                                                                \
        if (!real) real = dlsym(RTLD_NEXT, #name);                                                                     \
        int done = real(from, to);                                                                                     \
        if (done == 0 && is_watched(from)) note(kind, from, 0, to, strlen(to));                                        \
        return done;                                                                                                   \
    }
RENAME(rename, 'r')
RENAME(link, 'l')

int linkat(int a, const char *from, int b, const char *to, int flags) {
    static int (*real)(int, const char *, int, const char *, int);
    if (!real) real = dlsym(RTLD_NEXT, "linkat");
    int done = real(a, from, b, to, flags);
    if (done == 0 && is_watched(from)) note('l', from, 0, to, strlen(to));
    return done;
}
