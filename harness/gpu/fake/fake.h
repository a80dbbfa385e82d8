/* Makes the fake drivers beside this program the GPU runtimes of this process and its children.
 * Code objects in their manner are there too; see ci/cmake/tests.cmake. */
#ifndef HARNESS_GPU_FAKE_FAKE_H
#define HARNESS_GPU_FAKE_FAKE_H

#include <dlfcn.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FAKE_PATH = PATH_MAX + 64 };

/* The path of `name` in the folder of this program. */
static inline bool fake_path(char out[FAKE_PATH], const char *name)
{
    char folder[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
    if (n < 0)
        return false;
    folder[n] = '\0';
    *strrchr(folder, '/') = '\0';
    return snprintf(out, FAKE_PATH, "%s/%s", folder, name) < FAKE_PATH;
}

/* "libcuda.so.1" or "libamdhip64.so". */
static inline bool fake_driver(const char *library)
{
    char path[FAKE_PATH], name[64];
    snprintf(name, sizeof(name), "fake/%s", library);
    return fake_path(path, name) && dlopen(path, RTLD_NOW | RTLD_GLOBAL) != NULL;
}

#endif
