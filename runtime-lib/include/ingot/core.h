/* The freestanding core: for firmware, and for hosts that bring their own files, memory and
 * threads.
 *
 * The core calls nothing but memcpy, memset, memcmp and strncmp; everything else it needs comes
 * through ingot_host. With an operating system use ingot_program_open_file / _memory of runtime.h,
 * which supply one. */
#ifndef INGOT_CORE_H
#define INGOT_CORE_H

#include "ingot/driver.h"
#include "ingot/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Computes tiles [begin, end) of a launch as worker `worker`. */
typedef void (*ingot_tile_fn)(void *context, uint32_t worker, uint64_t begin, uint64_t end);

/* What the core needs from its surroundings. Members marked optional may be NULL. */
typedef struct ingot_host {
  void *context;    /* first argument of the functions below */
  const char *name; /* what messages call the program: "model.ingot"; optional */
  const char *arch; /* as in Target.arch: "x86_64", "aarch64", "thumb", … */
  /* Whether the CPU has a feature (LLVM's name): 1 yes, 0 no, -1 a name this host does not know.
   * Optional: a CPU without optional features. */
  int (*has_feature)(void *context, const char *feature);

  /* Memory for programs and sessions. `allocate` returns NULL when there is none. `release` is
   * optional. */
  void *(*allocate)(void *context, size_t bytes, size_t alignment);
  void (*release)(void *context, void *memory, size_t bytes);

  /* Makes `bytes` of code at `code` (inside the program's image) executable and says where. The
   * core has checked its hash. Optional: code runs where it lies. */
  ingot_status (*map_code)(void *context, const void *code, size_t bytes, const void **mapped,
                           ingot_error *error);
  void (*unmap_code)(void *context, const void *mapped, size_t bytes);

  /* Workers: a pool of `threads` including the caller; pool_run returns when all tiles are done and
   * calls `body` with worker < threads, never twice at a time for one worker. Optional: one thread.
   */
  void *(*pool_create)(void *context, uint32_t threads);
  void (*pool_destroy)(void *context, void *pool);
  void (*pool_run)(void *pool, uint64_t tiles, ingot_tile_fn body, void *body_context);

  /* A monotonic clock, for profiles. Optional. */
  uint64_t (*now_ns)(void *context);
  /* Called last by ingot_program_close, and when opening fails: releases `context`. Optional. */
  void (*closed)(void *context);
} ingot_host;

/* Opens a program whose bytes lie at `image`, 8-byte aligned (64 for kernels to read weights in
 * place), and stay there unchanged until it is closed. `host` is copied. Errors: FORMAT,
 * UNSUPPORTED, MEMORY, DEVICE, ARGUMENT. */
ingot_status ingot_core_open(const void *image, uint64_t size, const ingot_host *host,
                             const ingot_open_options *options, ingot_program **program,
                             ingot_error *error);

/* SHA-256 of `size` bytes. */
void ingot_sha256(const void *data, size_t size, uint8_t digest[32]);

#ifdef __cplusplus
}
#endif
#endif /* INGOT_CORE_H */
