/* The contract between compiled kernels and the runtime: what a CPU kernel is called with.
 *
 * A kernel is a function in a flat position-independent image; its address is the image's first
 * byte plus the entry offset of its record. It may be called by several threads at once for
 * disjoint tile ranges of one launch. It never allocates, never calls out, and writes only its
 * result buffers and its scratch.
 *
 * Assumptions a kernel may make
 * - Buffers in arenas, constants and variables are 64-byte aligned plus the offset the plan gives
 * them. Inputs and outputs of the program have the alignment their signature says, by default that
 * of the element type.
 * - A buffer of no bytes (a dynamic extent is 0) points to 64 readable bytes.
 * - scratch and launch_scratch are 64-byte aligned and as large as the kernel's record says; their
 * contents are undefined at the start of a launch.
 * - tile_begin < tile_end <= the launch's tiles. Tiles may run in any order and on any worker; a
 * reduction is never split over tiles, so that results do not depend on the number of threads.
 * - At least 64 KiB of stack; rounding to nearest; on x86-64 the System V convention with the
 * vector state as the caller left it (the kernel runs vzeroupper before it returns).
 *
 * A change of this file raises INGOT_KERNEL_ABI_VERSION; a program says which version its kernels
 * were compiled for. */
#ifndef INGOT_KERNEL_ABI_H
#define INGOT_KERNEL_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define INGOT_KERNEL_ABI_VERSION 1

/* Alignment of arenas, constants, variables and scratch. */
#define INGOT_BUFFER_ALIGNMENT 64

typedef struct ingot_kernel_args {
  void *const *buffers; /* one pointer per buffer, in the order of the kernel's record */
  const int64_t *dims;  /* dynamic extents, in the order of the kernel's record; NULL without any */
  void *scratch;        /* this worker's own; NULL if the record asks for none */
  void *launch_scratch; /* shared by all workers of the launch; NULL if the record asks for none */
  uint64_t tile_begin;  /* the range to compute, [tile_begin, tile_end) */
  uint64_t tile_end;
} ingot_kernel_args;

typedef void (*ingot_kernel_fn)(const ingot_kernel_args *args);

#ifdef __cplusplus
#define INGOT_STATIC_ASSERT static_assert
#else
#define INGOT_STATIC_ASSERT _Static_assert
#endif
INGOT_STATIC_ASSERT(sizeof(ingot_kernel_args) == 4 * sizeof(void *) + 16,
                    "the kernel ABI is laid out by size");
INGOT_STATIC_ASSERT(offsetof(ingot_kernel_args, scratch) == 2 * sizeof(void *),
                    "scratch is the third word");
INGOT_STATIC_ASSERT(offsetof(ingot_kernel_args, tile_begin) == 4 * sizeof(void *),
                    "tiles follow four words");
INGOT_STATIC_ASSERT(offsetof(ingot_kernel_args, tile_end) == 4 * sizeof(void *) + 8,
                    "tile_end comes last");

#ifdef __cplusplus
}
#endif
#endif /* INGOT_KERNEL_ABI_H */
