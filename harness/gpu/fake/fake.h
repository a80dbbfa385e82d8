/* Makes the fake driver beside this program the GPU runtime of this process and its children. */
#ifndef HARNESS_GPU_FAKE_FAKE_H
#define HARNESS_GPU_FAKE_FAKE_H

#include <dlfcn.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The path of `name` in the folder of this program. */
static inline bool fake_path(char out[PATH_MAX + 64], const char *name)
{
    char folder[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
    if (n < 0)
        return false;
    folder[n] = '\0';
    *strrchr(folder, '/') = '\0';
    return snprintf(out, PATH_MAX + 64, "%s/%s", folder, name) < PATH_MAX + 64;
}

static inline bool fake_cuda(void)
{
    char path[PATH_MAX + 64];
    return fake_path(path, "fake/libcuda.so.1") && dlopen(path, RTLD_NOW | RTLD_GLOBAL) != NULL;
}

/* A code object with those kernels of NAME.hip, words between spaces. */
static inline bool fake_code(const char *name, const char *kernels)
{
    char path[PATH_MAX + 64], file[128];
    if (!fake_path(path, "code") || (mkdir(path, 0777), false) || !fake_path(path, "code/sm_00") ||
        (mkdir(path, 0777), false))
        return false;
    snprintf(file, sizeof(file), "code/sm_00/%s.fatbin", name);
    FILE *out = fake_path(path, file) ? fopen(path, "w") : NULL;
    return out && fprintf(out, "fake %s", kernels) > 0 && !fclose(out);
}

#endif
