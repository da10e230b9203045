/*
 * Faults of a disk, for one process (LD_PRELOAD). Every libc call that changes something below one folder is counted
 * while armed; the n-th is failed, cut short, or never comes back because the process kills itself. SQLite inside Node
 * goes through the same calls. Knows nothing of what the files mean.
 *
 * TALOS_FAULT_FOLDER  the folder, absolute and free of links
 * TALOS_FAULT_TRACE   a file outside of it, to which a trace is appended while tracing is on
 *
 * The process under test gives orders by reading files that do not exist; the answer is their content:
 *   /talos-fault/arm/<mode>/<n>   counts from 1; a mode of the table below
 *   /talos-fault/disarm           answers "<changes> <opens> <faults>" since arming
 *   /talos-fault/trace/on, /talos-fault/trace/off
 *   /talos-fault/mark/<word>      puts a word into the trace
 *   /talos-fault/fork             answers "child" in a copy of the process; to the process itself, once the copy has
 *                                 ended, "signal <number>" or "code <number>". Starting Node for each kill would cost ten
 *                                 times as much. The copy has one thread: Node must run with --single-threaded
 *   /talos-fault/exit             ends the process at once, with code 0
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define ORDERS "/talos-fault/"

/* What a call does; the numbers are those of the trace. */
enum kind { CREATE = 1, OPEN, WRITE, TRUNCATE, SYNC, RENAME, UNLINK, MKDIR, RMDIR, CHMOD, LINK, MARK };

enum verdict { PASS, FAIL, HALF, HALF_THEN_KILL };

struct mode {
  const char *name;
  int error;
  int opens; /* counts and fails opening of files, also for reading, instead of changes */
  int stays; /* from the n-th call on */
  enum verdict on_write;
};

static const struct mode MODES[] = {
    {"count", 0, 0, 0, PASS},
    {"kill", 0, 0, 0, PASS},
    {"torn", 0, 0, 0, HALF_THEN_KILL},
    {"short", 0, 0, 0, HALF},
    {"ENOSPC", ENOSPC, 0, 0, FAIL},
    {"EIO", EIO, 0, 0, FAIL},
    {"EACCES", EACCES, 0, 0, FAIL},
    {"EROFS", EROFS, 0, 0, FAIL},
    {"EMFILE", EMFILE, 1, 0, FAIL},
    /* The first write that meets a full disk fills its rest; what needs no space still works. */
    {"ENOSPC-on", ENOSPC, 0, 1, HALF},
    {"EIO-on", EIO, 0, 1, FAIL},
    {"EROFS-on", EROFS, 0, 1, FAIL},
    {"EMFILE-on", EMFILE, 1, 1, FAIL},
};
enum { COUNT, KILL, TORN };

static char folder[PATH_MAX];
static size_t folder_length;
static int trace_file = -1;
static int tracing;
static const struct mode *armed;
static unsigned armed_at, changes, opens, faults;
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;

static int (*real_open)(const char *, int, ...);
static int (*real_openat)(int, const char *, int, ...);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_truncate)(const char *, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_rename)(const char *, const char *);
static int (*real_link)(const char *, const char *);
static int (*real_symlink)(const char *, const char *);
static int (*real_unlink)(const char *);
static int (*real_unlinkat)(int, const char *, int);
static int (*real_mkdir)(const char *, mode_t);
static char *(*real_mkdtemp)(char *);
static int (*real_rmdir)(const char *);
static int (*real_chmod)(const char *, mode_t);
static int (*real_fchmod)(int, mode_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static ssize_t (*real_sendfile)(int, int, off_t *, size_t);
static ssize_t (*real_copy_file_range)(int, off_t *, int, off_t *, size_t, unsigned);
static int (*real_madvise)(void *, size_t, int);
static int (*real_posix_fallocate)(int, off_t, off_t);

#define FIND(name) real_##name = dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
  FIND(open), FIND(openat), FIND(write), FIND(pwrite), FIND(ftruncate), FIND(truncate), FIND(fsync), FIND(fdatasync);
  FIND(rename), FIND(link), FIND(symlink), FIND(unlink), FIND(unlinkat), FIND(mkdir), FIND(mkdtemp), FIND(rmdir), FIND(chmod), FIND(fchmod);
  FIND(writev), FIND(pwritev), FIND(sendfile), FIND(copy_file_range), FIND(posix_fallocate), FIND(madvise);
  const char *name = getenv("TALOS_FAULT_FOLDER");
  if (name != NULL) snprintf(folder, sizeof folder, "%s", name);
  folder_length = strlen(folder);
  const char *trace = getenv("TALOS_FAULT_TRACE");
  if (trace != NULL) trace_file = real_open(trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int watching(void) { return folder_length > 0 && (armed != NULL || tracing); }

/* The part of a path below the folder, or NULL for every other path. */
static const char *below(const char *path) {
  if (path == NULL || strncmp(path, folder, folder_length) != 0) return NULL;
  if (path[folder_length] == '\0') return path + folder_length;
  return path[folder_length] == '/' ? path + folder_length + 1 : NULL;
}

static const char *absolute(int at, const char *path, char *buffer) {
  if (path == NULL || path[0] == '/') return path;
  char base[PATH_MAX];
  if (at == AT_FDCWD) {
    if (getcwd(base, sizeof base) == NULL) return NULL;
  } else {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", at);
    ssize_t length = readlink(link, base, sizeof base - 1);
    if (length < 0) return NULL;
    base[length] = '\0';
  }
  return snprintf(buffer, PATH_MAX, "%s/%s", base, path) < PATH_MAX ? buffer : NULL;
}

/* Of an open file: where it lies now. A file that was removed is of no interest any more. */
static const char *below_file(int file, char *buffer) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, buffer, PATH_MAX - 1);
  if (length < 0) return NULL;
  buffer[length] = '\0';
  static const char gone[] = " (deleted)";
  if (length > (ssize_t)sizeof gone && strcmp(buffer + length - sizeof gone + 1, gone) == 0) return NULL;
  return below(buffer);
}

static void trace(enum kind kind, const char *path, const char *to, uint64_t offset, uint32_t mode, const void *data, size_t size) {
  if (!tracing || trace_file < 0) return;
  if (to == NULL) to = "";
  uint32_t words[8] = {kind, changes, strlen(path), strlen(to), (uint32_t)offset, (uint32_t)(offset >> 32), mode, size};
  struct iovec parts[4] = {{words, sizeof words}, {(void *)path, words[2]}, {(void *)to, words[3]}, {(void *)data, size}};
  pthread_mutex_lock(&guard);
  ssize_t done = real_writev(trace_file, parts, 4);
  pthread_mutex_unlock(&guard);
  if (done != (ssize_t)(sizeof words + words[2] + words[3] + size)) abort(); /* a trace with holes would prove nothing */
}

static int fails_when_full(enum kind kind) { return kind == CREATE || kind == WRITE || kind == TRUNCATE || kind == MKDIR; }

/* Counts a call, and says what becomes of it. */
static enum verdict meet(enum kind kind) {
  int is_open = kind == OPEN || kind == CREATE;
  unsigned open_number = is_open ? __atomic_add_fetch(&opens, 1, __ATOMIC_RELAXED) : 0;
  unsigned change_number = kind == OPEN ? 0 : __atomic_add_fetch(&changes, 1, __ATOMIC_RELAXED);
  const struct mode *mode = armed;
  if (mode == NULL || mode == &MODES[COUNT]) return PASS;
  unsigned number = mode->opens ? open_number : change_number;
  if (number == 0 || (mode->stays ? number < armed_at : number != armed_at)) return PASS;
  if (mode->stays && mode->error == ENOSPC && !fails_when_full(kind)) return PASS;
  if (mode == &MODES[KILL]) raise(SIGKILL);
  enum verdict verdict = kind == WRITE ? mode->on_write : mode->error != 0 ? FAIL : PASS;
  if (mode->stays && faults > 0 && verdict == HALF) verdict = FAIL;
  if (mode == &MODES[TORN] && kind != WRITE) raise(SIGKILL);
  if (verdict != PASS) __atomic_add_fetch(&faults, 1, __ATOMIC_RELAXED);
  if (verdict == FAIL) errno = mode->error;
  return verdict;
}

static int answer(const char *text) {
  int file = memfd_create("talos-fault", MFD_CLOEXEC);
  if (file >= 0 && (real_write(file, text, strlen(text)) < 0 || lseek(file, 0, SEEK_SET) < 0)) return -1;
  return file;
}

enum { HUNG_SECONDS = 60 };

/* V8 keeps its heap from copies of the process, which would make them faster to start, and unable to run. */
int madvise(void *address, size_t size, int advice) {
  return advice == MADV_DONTFORK ? 0 : real_madvise(address, size, advice);
}

static void fork_and_wait(char *text, size_t size) {
  pid_t child = fork();
  if (child == 0) {
    alarm(HUNG_SECONDS);
    snprintf(text, size, "child");
    return;
  }
  int status = 0;
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (child < 0) snprintf(text, size, "none %d", errno);
  else if (WIFSIGNALED(status)) snprintf(text, size, "signal %d", WTERMSIG(status));
  else snprintf(text, size, "code %d", WEXITSTATUS(status));
}

static int obey(const char *order) {
  char text[64] = "ok";
  if (strncmp(order, "arm/", 4) == 0) {
    const char *name = order + 4;
    const char *slash = strchr(name, '/');
    for (size_t i = 0; slash != NULL && i < sizeof MODES / sizeof MODES[0]; i++) {
      if (strlen(MODES[i].name) != (size_t)(slash - name) || strncmp(MODES[i].name, name, slash - name) != 0) continue;
      changes = opens = faults = 0;
      armed_at = strtoul(slash + 1, NULL, 10);
      armed = &MODES[i];
      return answer(text);
    }
    errno = EINVAL;
    return -1;
  }
  if (strcmp(order, "disarm") == 0) {
    armed = NULL;
    snprintf(text, sizeof text, "%u %u %u", changes, opens, faults);
  } else if (strcmp(order, "fork") == 0) {
    fork_and_wait(text, sizeof text);
  } else if (strcmp(order, "exit") == 0) {
    _exit(0);
  } else if (strcmp(order, "trace/on") == 0) {
    tracing = 1;
  } else if (strcmp(order, "trace/off") == 0) {
    tracing = 0;
  } else if (strncmp(order, "mark/", 5) == 0) {
    trace(MARK, order + 5, NULL, 0, 0, NULL, 0);
  } else {
    errno = EINVAL;
    return -1;
  }
  return answer(text);
}

static int do_open(int at, const char *path, int flags, mode_t mode) {
  if (path != NULL && strncmp(path, ORDERS, sizeof ORDERS - 1) == 0) return obey(path + sizeof ORDERS - 1);
  char buffer[PATH_MAX];
  const char *name = watching() ? below(absolute(at, path, buffer)) : NULL;
  if (name == NULL) return real_openat(at, path, flags, mode);
  struct stat before;
  int existed = fstatat(at, path, &before, 0) == 0;
  if (meet((flags & (O_CREAT | O_TRUNC)) != 0 ? CREATE : OPEN) != PASS) return -1;
  int file = real_openat(at, path, flags, mode);
  struct stat after;
  if (file >= 0 && (flags & O_CREAT) != 0 && !existed && fstat(file, &after) == 0) trace(CREATE, name, NULL, 0, after.st_mode & 07777, NULL, 0);
  if (file >= 0 && (flags & O_TRUNC) != 0 && existed) trace(TRUNCATE, name, NULL, 0, 0, NULL, 0);
  return file;
}

#define MODE_OF(flags)                                                     \
  mode_t mode = 0;                                                         \
  if (((flags) & O_CREAT) != 0 || ((flags) & O_TMPFILE) == O_TMPFILE) {    \
    va_list rest;                                                          \
    va_start(rest, flags);                                                 \
    mode = va_arg(rest, mode_t);                                           \
    va_end(rest);                                                          \
  }

int open(const char *path, int flags, ...) {
  MODE_OF(flags)
  return do_open(AT_FDCWD, path, flags, mode);
}
int openat(int at, const char *path, int flags, ...) {
  MODE_OF(flags)
  return do_open(at, path, flags, mode);
}
int creat(const char *path, mode_t mode) { return do_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

/* offset < 0: where the file stands. */
static ssize_t do_write(int file, const struct iovec *parts, int count, off_t offset) {
  char buffer[PATH_MAX];
  const char *name = watching() ? below_file(file, buffer) : NULL;
  enum verdict verdict = name == NULL ? PASS : meet(WRITE);
  if (verdict == FAIL) return -1;
  if (name == NULL) return offset < 0 ? real_writev(file, parts, count) : real_pwritev(file, parts, count, offset);
  size_t size = 0;
  for (int i = 0; i < count; i++) size += parts[i].iov_len;
  char *data = malloc(size + 1);
  size_t filled = 0;
  for (int i = 0; i < count; i++) {
    memcpy(data + filled, parts[i].iov_base, parts[i].iov_len);
    filled += parts[i].iov_len;
  }
  if (verdict != PASS) size /= 2;
  ssize_t done = offset < 0 ? real_write(file, data, size) : real_pwrite(file, data, size, offset);
  if (verdict == HALF_THEN_KILL) raise(SIGKILL);
  if (done > 0) trace(WRITE, name, NULL, offset < 0 ? (uint64_t)(lseek(file, 0, SEEK_CUR) - done) : (uint64_t)offset, 0, data, done);
  free(data);
  return done;
}

ssize_t write(int file, const void *data, size_t size) {
  if (!watching()) return real_write(file, data, size);
  struct iovec part = {(void *)data, size};
  return do_write(file, &part, 1, -1);
}
ssize_t pwrite(int file, const void *data, size_t size, off_t offset) {
  if (!watching()) return real_pwrite(file, data, size, offset);
  struct iovec part = {(void *)data, size};
  return do_write(file, &part, 1, offset);
}
ssize_t writev(int file, const struct iovec *parts, int count) {
  return watching() ? do_write(file, parts, count, -1) : real_writev(file, parts, count);
}
ssize_t pwritev(int file, const struct iovec *parts, int count, off_t offset) {
  return watching() ? do_write(file, parts, count, offset) : real_pwritev(file, parts, count, offset);
}

/* Callers fall back to read and write, which are seen. */
ssize_t sendfile(int to, int from, off_t *offset, size_t size) {
  if (!watching()) return real_sendfile(to, from, offset, size);
  errno = EINVAL;
  return -1;
}
ssize_t copy_file_range(int from, off_t *from_offset, int to, off_t *to_offset, size_t size, unsigned flags) {
  if (!watching()) return real_copy_file_range(from, from_offset, to, to_offset, size, flags);
  errno = EXDEV;
  return -1;
}
int posix_fallocate(int file, off_t offset, off_t size) {
  return watching() ? EOPNOTSUPP : real_posix_fallocate(file, offset, size);
}

int ftruncate(int file, off_t size) {
  char buffer[PATH_MAX];
  const char *name = watching() ? below_file(file, buffer) : NULL;
  if (name == NULL) return real_ftruncate(file, size);
  if (meet(TRUNCATE) == FAIL) return -1;
  int result = real_ftruncate(file, size);
  if (result == 0) trace(TRUNCATE, name, NULL, size, 0, NULL, 0);
  return result;
}

static int sync_with(int (*real)(int), int file) {
  char buffer[PATH_MAX];
  const char *name = watching() ? below_file(file, buffer) : NULL;
  if (name == NULL) return real(file);
  if (meet(SYNC) == FAIL) return -1;
  int result = real(file);
  if (result == 0) trace(SYNC, name, NULL, 0, 0, NULL, 0);
  return result;
}
int fsync(int file) { return sync_with(real_fsync, file); }
int fdatasync(int file) { return sync_with(real_fdatasync, file); }

int fchmod(int file, mode_t mode) {
  char buffer[PATH_MAX];
  const char *name = watching() ? below_file(file, buffer) : NULL;
  if (name == NULL) return real_fchmod(file, mode);
  if (meet(CHMOD) == FAIL) return -1;
  int result = real_fchmod(file, mode);
  if (result == 0) trace(CHMOD, name, NULL, 0, mode & 07777, NULL, 0);
  return result;
}

/* A call that names its file by path: counted, made, and put into the trace. */
#define BY_PATH(kind, path, mode, offset, call)                             \
  char buffer[PATH_MAX];                                                    \
  const char *name = watching() ? below(absolute(AT_FDCWD, path, buffer)) : NULL; \
  if (name == NULL) return call;                                            \
  if (meet(kind) == FAIL) return -1;                                        \
  int result = call;                                                        \
  if (result == 0) trace(kind, name, NULL, offset, mode, NULL, 0);          \
  return result;

int unlink(const char *path) { BY_PATH(UNLINK, path, 0, 0, real_unlink(path)) }
int rmdir(const char *path) { BY_PATH(RMDIR, path, 0, 0, real_rmdir(path)) }
int mkdir(const char *path, mode_t mode) { BY_PATH(MKDIR, path, mode & 07777, 0, real_mkdir(path, mode)) }
/* libc's own would call neither of them by name. */
int remove(const char *path) {
  struct stat stats;
  return lstat(path, &stats) == 0 && S_ISDIR(stats.st_mode) ? rmdir(path) : unlink(path);
}
int chmod(const char *path, mode_t mode) { BY_PATH(CHMOD, path, mode & 07777, 0, real_chmod(path, mode)) }
int truncate(const char *path, off_t size) { BY_PATH(TRUNCATE, path, 0, size, real_truncate(path, size)) }

/* Its name is known when it is there; libc makes it without calling mkdir by name. */
char *mkdtemp(char *pattern) {
  char buffer[PATH_MAX];
  if (!watching() || below(absolute(AT_FDCWD, pattern, buffer)) == NULL) return real_mkdtemp(pattern);
  if (meet(MKDIR) == FAIL) return NULL;
  char *made = real_mkdtemp(pattern);
  if (made != NULL) trace(MKDIR, below(absolute(AT_FDCWD, made, buffer)), NULL, 0, 0700, NULL, 0);
  return made;
}

int unlinkat(int at, const char *path, int flags) {
  char buffer[PATH_MAX];
  const char *name = watching() ? below(absolute(at, path, buffer)) : NULL;
  if (name == NULL) return real_unlinkat(at, path, flags);
  enum kind kind = (flags & AT_REMOVEDIR) != 0 ? RMDIR : UNLINK;
  if (meet(kind) == FAIL) return -1;
  int result = real_unlinkat(at, path, flags);
  if (result == 0) trace(kind, name, NULL, 0, 0, NULL, 0);
  return result;
}

static int between(enum kind kind, int (*real)(const char *, const char *), const char *from, const char *to) {
  char from_buffer[PATH_MAX], to_buffer[PATH_MAX];
  const char *source = watching() ? below(absolute(AT_FDCWD, from, from_buffer)) : NULL;
  const char *target = watching() ? below(absolute(AT_FDCWD, to, to_buffer)) : NULL;
  if (source == NULL && target == NULL) return real(from, to);
  if (meet(kind) == FAIL) return -1;
  int result = real(from, to);
  if (result == 0 && source != NULL && target != NULL) trace(kind, source, target, 0, 0, NULL, 0);
  return result;
}
int rename(const char *from, const char *to) { return between(RENAME, real_rename, from, to); }
int link(const char *from, const char *to) { return between(LINK, real_link, from, to); }
int symlink(const char *text, const char *path) { BY_PATH(LINK, path, 0, 0, real_symlink(text, path)) }

/* The names of the large-file interface are the same calls on a 64-bit system. */
int open64(const char *, int, ...) __attribute__((alias("open")));
int openat64(int, const char *, int, ...) __attribute__((alias("openat")));
int creat64(const char *, mode_t) __attribute__((alias("creat")));
ssize_t pwrite64(int, const void *, size_t, off_t) __attribute__((alias("pwrite")));
ssize_t pwritev64(int, const struct iovec *, int, off_t) __attribute__((alias("pwritev")));
int ftruncate64(int, off_t) __attribute__((alias("ftruncate")));
int truncate64(const char *, off_t) __attribute__((alias("truncate")));
ssize_t sendfile64(int, int, off_t *, size_t) __attribute__((alias("sendfile")));
int posix_fallocate64(int, off_t, off_t) __attribute__((alias("posix_fallocate")));
