// A power cut for one process, by LD_PRELOAD: what it has written below a directory and not yet brought to the disk is lost.
//
// For each file an undo log is kept of every write and every change of length since its last fsync; for each directory one
// of the names that were given, changed and taken since its own last fsync. At the cut all of it is put back, and the
// process is gone. POWERCUT_DIR names the directory, POWERCUT_AT the event before which the power goes, counted from 1
// (0 = never, end = when the process has ended by itself); POWERCUT_REPORT a file for the number of events of a process
// that ended by itself.
//
// A disk may also have written what nobody asked it to: with POWERCUT_SEED each change of content has an even chance to
// survive. POWERCUT_NAMES=keep lets every name survive, as a journal does that orders them by itself: then a file may be
// there without its content.
//
// Not seen: system calls that do not go through the C library (renameat2 of the program's backup), and shared memory (the -shm
// file of SQLite, which is made anew after a crash).
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES 512
#define NAMES 4096

struct change {
    struct change *earlier;
    off_t at, old_size;          // where; how long the file was before
    size_t old_length, length;   // bytes that were there, bytes that came
    off_t new_size;              // of a change of length; -1 = a write
    char *old, *bytes;
};

struct file {
    dev_t dev;
    ino_t ino;
    int fd; // our own, readable and writable, never closed: closing one would drop the locks of SQLite
    struct change *last;
};

enum kind { MADE, TAKEN, MOVED };
struct name {
    enum kind kind;
    dev_t dev; // of the directory
    ino_t ino;
    char *path, *to, *saved; // saved: another name of what stood at `path` (TAKEN) or `to` (MOVED)
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct file files[FILES];
static int file_count;
static struct name names[NAMES];
static int name_count;
static char directory[PATH_MAX];
static long event, cut_at, saves;
static uint64_t seed;
static int keep_names, ready, cut_at_end;

static void cut(void);

#define REAL(result, name, ...) static result (*real_##name)(__VA_ARGS__)
REAL(int, open64, const char *, int, ...);
REAL(ssize_t, write, int, const void *, size_t);
REAL(ssize_t, writev, int, const struct iovec *, int);
REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
REAL(int, ftruncate64, int, off64_t);
REAL(int, fsync, int);
REAL(int, fdatasync, int);
REAL(int, rename, const char *, const char *);
REAL(int, unlink, const char *);
REAL(int, linkat, int, const char *, int, const char *, int);

static void find(void) {
#define FIND(name) *(void **)&real_##name = dlsym(RTLD_NEXT, #name)
    FIND(open64); FIND(write); FIND(writev); FIND(pwrite64); FIND(ftruncate64);
    FIND(fsync); FIND(fdatasync); FIND(rename); FIND(unlink); FIND(linkat);
}

__attribute__((constructor)) static void begin(void) {
    find();
    const char *dir = getenv("POWERCUT_DIR"), *at = getenv("POWERCUT_AT"), *chance = getenv("POWERCUT_SEED");
    const char *kept = getenv("POWERCUT_NAMES");
    if (!dir || !realpath(dir, directory)) return;
    cut_at_end = at && !strcmp(at, "end");
    cut_at = at ? atol(at) : 0;
    seed = chance ? strtoull(chance, NULL, 10) : 0;
    keep_names = kept && !strcmp(kept, "keep");
    ready = 1;
    // Nobody but the program itself loses its power.
    unsetenv("LD_PRELOAD");
}

__attribute__((destructor)) static void end(void) {
    const char *report = getenv("POWERCUT_REPORT");
    if (!ready) return;
    FILE *out = report ? fopen(report, "w") : NULL;
    if (out) { fprintf(out, "%ld\n", event); fclose(out); }
    if (cut_at_end) {
        fflush(NULL);
        pthread_mutex_lock(&mutex);
        cut();
    }
}

static void stop(const char *why) {
    fprintf(stderr, "powercut: %s\n", why);
    _exit(99);
}

static void *room(size_t length) {
    void *room = malloc(length ? length : 1);
    if (!room) stop("no memory");
    return room;
}

// The absolute path of a file below the directory, or NULL for all others.
static char *below(const char *path) {
    char copy[PATH_MAX], folder[PATH_MAX], whole[PATH_MAX * 2];
    if (!ready || strlen(path) >= PATH_MAX) return NULL;
    strcpy(copy, path);
    char *slash = strrchr(copy, '/');
    const char *last = slash ? slash + 1 : copy;
    if (slash) *slash = 0;
    if (!realpath(slash ? (*copy ? copy : "/") : ".", folder)) return NULL;
    snprintf(whole, sizeof whole, "%s/%s", folder, last);
    size_t length = strlen(directory), whole_length = strlen(whole);
    if (strncmp(whole, directory, length) || whole[length] != '/') return NULL;
    if (whole_length > 4 && !strcmp(whole + whole_length - 4, "-shm")) return NULL;
    return strdup(whole);
}

static struct file *known(int fd) {
    struct stat stat;
    if (!ready || fstat(fd, &stat)) return NULL;
    for (int n = 0; n < file_count; n++)
        if (files[n].dev == stat.st_dev && files[n].ino == stat.st_ino) return &files[n];
    return NULL;
}

static void learn(int fd) {
    struct stat stat;
    char path[64];
    if (known(fd) || fstat(fd, &stat) || !S_ISREG(stat.st_mode)) return;
    if (file_count == FILES) stop("too many files");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = real_open64(path, O_RDWR | O_CLOEXEC);
    if (own < 0) stop("a file cannot be opened");
    files[file_count++] = (struct file){stat.st_dev, stat.st_ino, own, NULL};
}

static off_t size_of(int fd) {
    struct stat stat;
    return fstat(fd, &stat) ? 0 : stat.st_size;
}

// Notes what stands where something is about to be written, or cut off.
static void note(struct file *file, off_t at, const void *bytes, size_t length, off_t new_size) {
    struct change *change = room(sizeof *change);
    off_t size = size_of(file->fd);
    size_t old = new_size < 0 ? length : size > new_size ? (size_t)(size - new_size) : 0;
    *change = (struct change){file->last, at, size, 0, length, new_size, room(old), room(length)};
    ssize_t got = pread64(file->fd, change->old, old, at);
    change->old_length = got > 0 ? got : 0;
    if (length) memcpy(change->bytes, bytes, length);
    file->last = change;
}

static void forget(struct file *file) {
    while (file->last) {
        struct change *change = file->last;
        file->last = change->earlier;
        free(change->old); free(change->bytes); free(change);
    }
}

static void remember(enum kind kind, const char *path, const char *to, const char *saved) {
    struct stat stat_of;
    char copy[PATH_MAX];
    if (name_count == NAMES) stop("too many names");
    strcpy(copy, to ? to : path);
    *strrchr(copy, '/') = 0;
    if (stat(copy, &stat_of)) return;
    names[name_count++] = (struct name){kind, stat_of.st_dev, stat_of.st_ino, strdup(path), to ? strdup(to) : NULL, saved ? strdup(saved) : NULL};
}

// Another name for what stands at a path, so that it can be put back; NULL if nothing does.
static char *save(const char *path) {
    char saved[PATH_MAX * 2];
    snprintf(saved, sizeof saved, "%s.powercut", directory);
    mkdir(saved, 0700);
    snprintf(saved, sizeof saved, "%s.powercut/%d-%ld", directory, getpid(), saves++);
    return real_linkat(AT_FDCWD, path, AT_FDCWD, saved, 0) ? NULL : strdup(saved);
}

static int survives(void) {
    if (!seed) return 0;
    seed ^= seed << 13; seed ^= seed >> 7; seed ^= seed << 17;
    return seed & 1;
}

static void put_back_content(struct file *file) {
    struct change *first = NULL;
    for (struct change *change = file->last, *earlier; change; change = earlier) {
        earlier = change->earlier;
        real_ftruncate64(file->fd, change->old_size);
        real_pwrite64(file->fd, change->old, change->old_length, change->at);
        real_ftruncate64(file->fd, change->old_size);
        change->earlier = first; // from here on: the later one
        first = change;
    }
    for (struct change *change = first; change; change = change->earlier) {
        if (!survives()) continue;
        if (change->new_size >= 0) real_ftruncate64(file->fd, change->new_size);
        else real_pwrite64(file->fd, change->bytes, change->length, change->at);
    }
}

static void cut(void) {
    for (int n = name_count - 1; n >= 0 && !keep_names; n--) {
        struct name *name = &names[n];
        if (name->kind == MADE) real_unlink(name->path);
        if (name->kind == TAKEN && name->saved) real_rename(name->saved, name->path);
        if (name->kind == MOVED) {
            real_rename(name->to, name->path);
            if (name->saved) real_rename(name->saved, name->to);
        }
    }
    for (int n = 0; n < file_count; n++) put_back_content(&files[n]);
    _exit(137);
}

static void happens(void) {
    if (++event == cut_at) cut();
}

#define LOCKED(result, call) pthread_mutex_lock(&mutex); result done = call; int error = errno; pthread_mutex_unlock(&mutex); errno = error; return done

static int opened(const char *path, int flags, mode_t mode) {
    if (!real_open64) find();
    char *whole = ready ? below(path) : NULL;
    if (!whole) return real_open64(path, flags, mode);
    struct stat stat;
    int there = !lstat(whole, &stat), writes = (flags & O_ACCMODE) != O_RDONLY;
    if (there && (flags & O_TRUNC) && writes && S_ISREG(stat.st_mode) && stat.st_size) {
        int before = real_open64(whole, O_RDWR | O_CLOEXEC);
        if (before >= 0) {
            learn(before);
            happens();
            note(known(before), 0, NULL, 0, 0);
        }
    }
    if (!there && (flags & O_CREAT)) happens();
    int fd = real_open64(path, flags, mode);
    if (fd >= 0) {
        learn(fd);
        if (!there && (flags & O_CREAT)) remember(MADE, whole, NULL, NULL);
    }
    free(whole);
    return fd;
}

#define OPENS(name, ...)                                                     \
    int name(__VA_ARGS__) {                                                  \
        mode_t mode = 0;                                                     \
        if (flags & (O_CREAT | O_TMPFILE)) {                                 \
            va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); \
        }                                                                    \
        LOCKED(int, opened(path, flags, mode));                              \
    }
OPENS(open, const char *path, int flags, ...)
OPENS(open64, const char *path, int flags, ...)

static int opened_at(int folder, const char *path, int flags, mode_t mode) {
    static int (*real)(int, const char *, int, ...);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "openat64");
    return folder == AT_FDCWD || *path == '/' ? opened(path, flags, mode) : real(folder, path, flags, mode);
}

#define OPENS_AT(name)                                                       \
    int name(int folder, const char *path, int flags, ...) {                 \
        mode_t mode = 0;                                                     \
        if (flags & (O_CREAT | O_TMPFILE)) {                                 \
            va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); \
        }                                                                    \
        LOCKED(int, opened_at(folder, path, flags, mode));                   \
    }
OPENS_AT(openat)
OPENS_AT(openat64)

static ssize_t wrote(int fd, const void *bytes, size_t length) {
    struct file *file = known(fd);
    if (file) {
        happens();
        int appends = fcntl(fd, F_GETFL) & O_APPEND;
        note(file, appends ? size_of(fd) : lseek64(fd, 0, SEEK_CUR), bytes, length, -1);
    }
    return real_write(fd, bytes, length);
}
ssize_t write(int fd, const void *bytes, size_t length) {
    if (!real_write) find();
    LOCKED(ssize_t, wrote(fd, bytes, length));
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (!real_writev) find();
    pthread_mutex_lock(&mutex);
    struct file *file = known(fd);
    pthread_mutex_unlock(&mutex);
    // One after the other: what is written is the same.
    if (!file) return real_writev(fd, parts, count);
    ssize_t whole = 0;
    for (int n = 0; n < count; n++) {
        ssize_t done = write(fd, parts[n].iov_base, parts[n].iov_len);
        if (done < 0) return whole ? whole : done;
        whole += done;
    }
    return whole;
}

static ssize_t wrote_at(int fd, const void *bytes, size_t length, off64_t at) {
    struct file *file = known(fd);
    if (file) {
        happens();
        note(file, at, bytes, length, -1);
    }
    return real_pwrite64(fd, bytes, length, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) { LOCKED(ssize_t, wrote_at(fd, bytes, length, at)); }
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { LOCKED(ssize_t, wrote_at(fd, bytes, length, at)); }

static int shortened(int fd, off64_t size) {
    struct file *file = known(fd);
    if (file) {
        happens();
        note(file, size, NULL, 0, size);
    }
    return real_ftruncate64(fd, size);
}
int ftruncate64(int fd, off64_t size) { LOCKED(int, shortened(fd, size)); }
int ftruncate(int fd, off_t size) { LOCKED(int, shortened(fd, size)); }

static int synced(int fd, int (*real)(int)) {
    struct stat stat;
    struct file *file = known(fd);
    int folder = !file && ready && !fstat(fd, &stat) && S_ISDIR(stat.st_mode);
    if (file || folder) happens();
    int done = real(fd);
    if (done == 0 && file) forget(file);
    for (int n = 0, kept = 0; done == 0 && folder && n <= name_count; n++) {
        if (n == name_count) { name_count = kept; break; }
        if (names[n].dev != stat.st_dev || names[n].ino != stat.st_ino) names[kept++] = names[n];
    }
    return done;
}
int fsync(int fd) { LOCKED(int, synced(fd, real_fsync)); }
int fdatasync(int fd) { LOCKED(int, synced(fd, real_fdatasync)); }

static int renamed(const char *from, const char *to) {
    char *old = below(from), *new = below(to), *saved = NULL;
    if (new) {
        happens();
        saved = save(new);
    }
    int done = real_rename(from, to);
    if (done == 0 && old && new) remember(MOVED, old, new, saved);
    free(old); free(new); free(saved);
    return done;
}
int rename(const char *from, const char *to) { LOCKED(int, renamed(from, to)); }

static int unlinked(const char *path) {
    char *whole = below(path), *saved = NULL;
    if (whole) {
        happens();
        saved = save(whole);
    }
    int done = real_unlink(path);
    if (done == 0 && saved) remember(TAKEN, whole, NULL, saved);
    free(whole); free(saved);
    return done;
}
int unlink(const char *path) { LOCKED(int, unlinked(path)); }

static int linked(int from_folder, const char *from, int folder, const char *to, int flags) {
    char *whole = folder == AT_FDCWD || *to == '/' ? below(to) : NULL;
    if (whole) happens();
    int done = real_linkat(from_folder, from, folder, to, flags);
    if (done == 0 && whole) remember(MADE, whole, NULL, NULL);
    free(whole);
    return done;
}
int linkat(int from_folder, const char *from, int folder, const char *to, int flags) { LOCKED(int, linked(from_folder, from, folder, to, flags)); }
int link(const char *from, const char *to) { LOCKED(int, linked(AT_FDCWD, from, AT_FDCWD, to, 0)); }
