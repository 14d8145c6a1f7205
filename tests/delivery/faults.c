/*
 * Makes calls on certain files fail, for LD_PRELOAD: a disk that is full, or that reports errors.
 *
 *   FAULT_PATH   files whose names contain it
 *   FAULT_ERROR  ENOSPC or EIO
 *   FAULT_EACH   of so many calls …
 *   FAULT_COUNT  … the first so many fail
 *   FAULT_AFTER  none fails before this file is there
 */
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

static int is_meant(int descriptor) {
    const char *part = getenv("FAULT_PATH");
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (part == NULL || length <= 0) {
        return 0;
    }
    path[length] = '\0';
    return strstr(path, part) != NULL && strstr(path, "-shm") == NULL;
}

static int fails(int descriptor) {
    const char *begin = getenv("FAULT_AFTER"), *each = getenv("FAULT_EACH"),
               *count = getenv("FAULT_COUNT"), *error = getenv("FAULT_ERROR");
    if (each == NULL || count == NULL || begin == NULL || !is_meant(descriptor) ||
        access(begin, F_OK) != 0) {
        return 0;
    }
    if (atomic_fetch_add(&calls, 1) % atol(each) >= atol(count)) {
        return 0;
    }
    errno = error != NULL && strcmp(error, "ENOSPC") == 0 ? ENOSPC : EIO;
    return 1;
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off64_t at) {
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (real == NULL) {
        real = (ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    }
    return fails(descriptor) ? -1 : real(descriptor, bytes, length, at);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t at) {
    return pwrite64(descriptor, bytes, length, at);
}

ssize_t write(int descriptor, const void *bytes, size_t length) {
    static ssize_t (*real)(int, const void *, size_t);
    if (real == NULL) {
        real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    }
    return fails(descriptor) ? -1 : real(descriptor, bytes, length);
}

int fsync(int descriptor) {
    static int (*real)(int);
    if (real == NULL) {
        real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    }
    return fails(descriptor) ? -1 : real(descriptor);
}

int fdatasync(int descriptor) {
    static int (*real)(int);
    if (real == NULL) {
        real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    }
    return fails(descriptor) ? -1 : real(descriptor);
}
