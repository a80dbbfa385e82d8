/*
 * A folder of its own for a test, and files in it. Every function aborts the test when the system
 * refuses.
 */
#ifndef HARNESS_BASE_TEMP_FOLDER_H
#define HARNESS_BASE_TEMP_FOLDER_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEMP_PATH = 256 };

struct temp_folder {
    char path[TEMP_PATH / 2];
};

static inline void temp_folder_make(struct temp_folder *folder)
{
    snprintf(folder->path, sizeof(folder->path), "%s/harness-test-XXXXXX", P_tmpdir);
    if (!mkdtemp(folder->path))
        abort();
}

/* The path of `name` in the folder. */
static inline const char *temp_folder_path(const struct temp_folder *folder, const char *name,
                                           char path[TEMP_PATH])
{
    if (snprintf(path, TEMP_PATH, "%s/%s", folder->path, name) >= TEMP_PATH)
        abort();
    return path;
}

static inline void temp_folder_put(const struct temp_folder *folder, const char *name,
                                   const void *data, size_t size)
{
    char path[TEMP_PATH];
    FILE *file = fopen(temp_folder_path(folder, name, path), "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        abort();
}

static inline void temp_folder_puts(const struct temp_folder *folder, const char *name,
                                    const char *text)
{
    temp_folder_put(folder, name, text, strlen(text));
}

/* The number of entries in the folder. */
static inline size_t temp_folder_count(const struct temp_folder *folder)
{
    DIR *dir = opendir(folder->path);
    if (!dir)
        abort();
    size_t count = 0;
    for (const struct dirent *entry; (entry = readdir(dir));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return count;
}

/* Removes the folder, its files and its empty folders. */
static inline void temp_folder_remove(const struct temp_folder *folder)
{
    DIR *dir = opendir(folder->path);
    if (!dir)
        abort();
    for (const struct dirent *entry; (entry = readdir(dir));) {
        char path[TEMP_PATH + sizeof(entry->d_name)];
        snprintf(path, sizeof(path), "%s/%s", folder->path, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            remove(path) != 0)
            abort();
    }
    closedir(dir);
    if (rmdir(folder->path) != 0)
        abort();
}

#endif
