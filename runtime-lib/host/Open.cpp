// Programs from files and from memory on a POSIX system: maps the file, gives the core memory,
// threads and a clock.
#include "ingot/core.h"
#include "runtime-lib/host/CpuFeatures.h"
#include "runtime-lib/host/ThreadPool.h"
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <new>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

namespace {

using namespace ingot;

/// What the host keeps per open program; the core's callbacks get it as context and free it last.
struct HostState {
  CpuFeatures features = detectCpuFeatures();
  int file = -1;
  const uint8_t *mapping = nullptr; // of the file
  size_t mappingSize = 0;
  void *copy = nullptr; // of an unaligned image
  char name[256] = {};
};

/// malloc and placement instead of new: a C program that links the runtime needs no C++ library.
/// Null without memory.
HostState *createState() {
  void *memory = malloc(sizeof(HostState));
  return memory ? new (memory) HostState : nullptr;
}

ingot_status fail(ingot_error *error, ingot_status status, const char *format, const char *name,
                  const char *reason) {
  if (error) {
    error->status = status;
    snprintf(error->text, sizeof(error->text), format, name, reason);
  }
  return status;
}

int hasFeature(void *context, const char *feature) {
  return hasCpuFeature(static_cast<HostState *>(context)->features, feature);
}

void *allocate(void *, size_t bytes, size_t alignment) {
  void *memory = nullptr;
  return posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, bytes) ==
                 0
             ? memory
             : nullptr;
}

void release(void *, void *memory, size_t) { free(memory); }

/// Read and execute, never write: straight from the file if the segment starts on a page, else a
/// copy whose pages turn executable after they are written.
ingot_status mapCode(void *context, const void *code, size_t bytes, const void **mapped,
                     ingot_error *error) {
  HostState *state = static_cast<HostState *>(context);
  size_t page = size_t(sysconf(_SC_PAGESIZE));
  if (state->mapping) {
    size_t offset = size_t(static_cast<const uint8_t *>(code) - state->mapping);
    if (offset % page == 0) {
      void *memory =
          mmap(nullptr, bytes, PROT_READ | PROT_EXEC, MAP_PRIVATE, state->file, off_t(offset));
      if (memory != MAP_FAILED) {
        *mapped = memory;
        return INGOT_OK;
      }
    }
  }
  // A file system mounted noexec, or a program in memory.
  void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return fail(error, INGOT_ERROR_MEMORY, "%s: cannot map memory for its code: %s", state->name,
                strerror(errno));
  memcpy(memory, code, bytes);
  if (mprotect(memory, bytes, PROT_READ | PROT_EXEC) != 0) {
    ingot_status status = fail(error, INGOT_ERROR_UNSUPPORTED,
                               "%s: this system refuses to make its code executable: %s",
                               state->name, strerror(errno));
    munmap(memory, bytes);
    return status;
  }
  __builtin___clear_cache(static_cast<char *>(memory), static_cast<char *>(memory) + bytes);
  *mapped = memory;
  return INGOT_OK;
}

void unmapCode(void *, const void *mapped, size_t bytes) {
  munmap(const_cast<void *>(mapped), bytes);
}

void *poolCreate(void *, uint32_t threads) { return createThreadPool(threads); }
void poolDestroy(void *, void *pool) { destroyThreadPool(static_cast<ThreadPool *>(pool)); }
void poolRun(void *pool, uint64_t tiles, ingot_tile_fn body, void *context) {
  runThreadPool(static_cast<ThreadPool *>(pool), tiles, body, context);
}

uint64_t nowNs(void *) {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return uint64_t(time.tv_sec) * 1000000000u + uint64_t(time.tv_nsec);
}

void closed(void *context) {
  HostState *state = static_cast<HostState *>(context);
  if (state->mapping)
    munmap(const_cast<uint8_t *>(state->mapping), state->mappingSize);
  if (state->file >= 0)
    close(state->file);
  free(state->copy);
  free(state);
}

ingot_status open(HostState *state, const void *image, size_t size,
                  const ingot_open_options *options, ingot_program **program, ingot_error *error) {
  ingot_host host = {};
  host.context = state;
  host.name = state->name;
  host.arch = hostArch();
  host.has_feature = hasFeature;
  host.allocate = allocate;
  host.release = release;
  host.map_code = mapCode;
  host.unmap_code = unmapCode;
  host.pool_create = poolCreate;
  host.pool_destroy = poolDestroy;
  host.pool_run = poolRun;
  host.now_ns = nowNs;
  host.closed = closed;
  return ingot_core_open(image, size, &host, options, program, error);
}

} // namespace

ingot_status ingot_program_open_file(const char *path, const ingot_open_options *options,
                                     ingot_program **program, ingot_error *error) {
  *program = nullptr;
  HostState *state = createState();
  if (!state)
    return fail(error, INGOT_ERROR_MEMORY, "no memory to open %s%s", "a program", "");
  const char *slash = strrchr(path, '/');
  snprintf(state->name, sizeof(state->name), "%s", slash ? slash + 1 : path);
  struct stat info;
  ingot_status status = INGOT_OK;
  // Without O_NONBLOCK a pipe that nobody writes to would block here for ever.
  state->file = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (state->file < 0 || fstat(state->file, &info) != 0)
    status = fail(error, INGOT_ERROR_IO, "cannot open %s: %s", path, strerror(errno));
  else if (!S_ISREG(info.st_mode))
    status = fail(error, INGOT_ERROR_IO, "%s is not a file%s", path, "");
  else if (info.st_size == 0)
    status = fail(error, INGOT_ERROR_FORMAT, "%s is empty%s", state->name, "");
  if (!status) {
    state->mappingSize = size_t(info.st_size);
    void *memory = mmap(nullptr, state->mappingSize, PROT_READ, MAP_PRIVATE, state->file, 0);
    if (memory == MAP_FAILED)
      status = fail(error, INGOT_ERROR_IO, "cannot map %s: %s", path, strerror(errno));
    else
      state->mapping = static_cast<const uint8_t *>(memory);
  }
  if (status) {
    closed(state);
    return status;
  }
  return open(state, state->mapping, state->mappingSize, options, program, error);
}

ingot_status ingot_program_open_memory(const void *data, size_t size,
                                       const ingot_open_options *options, ingot_program **program,
                                       ingot_error *error) {
  *program = nullptr;
  HostState *state = createState();
  if (!state)
    return fail(error, INGOT_ERROR_MEMORY, "no memory to open %s%s", "a program", "");
  snprintf(state->name, sizeof(state->name), "the program");
  if (reinterpret_cast<uintptr_t>(data) % 64 != 0 && size != 0) {
    if (posix_memalign(&state->copy, 64, size) != 0) {
      state->copy = nullptr;
      closed(state);
      return fail(error, INGOT_ERROR_MEMORY,
                  "%s lies at an address that is no multiple of 64, and %s", "the program",
                  "there is no memory for a copy");
    }
    memcpy(state->copy, data, size);
    data = state->copy;
  }
  return open(state, data, size, options, program, error);
}
