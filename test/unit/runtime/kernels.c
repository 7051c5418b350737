/* Hand-written kernels for the runtime's tests, compiled to a flat image as the compiler's own are. Each lies in a section
 * of its own at a fixed offset (kernels.ld). */
#include "ingot/kernel_abi.h"

#define KERNEL(name) __attribute__((section(".text." #name), used)) void name

/* out[i] = in[i] * w[0] + w[1]; a tile is one element; buffers: in, w, out */
KERNEL(scale)(const ingot_kernel_args *args) {
  const float *in = args->buffers[0], *w = args->buffers[1];
  float *out = args->buffers[2];
  for (uint64_t i = args->tile_begin; i < args->tile_end; ++i)
    out[i] = in[i] * w[0] + w[1];
}

/* state[0] += in[0]; out[0] = state[0]; buffers: in, state, out */
KERNEL(accumulate)(const ingot_kernel_args *args) {
  const float *in = args->buffers[0];
  float *state = args->buffers[1], *out = args->buffers[2];
  state[0] += in[0];
  out[0] = state[0];
}

/* count[0] += 1; condition = count[0] < limit[0]; buffers: count (i32), limit (i32), condition (i1) */
KERNEL(count)(const ingot_kernel_args *args) {
  int32_t *count = args->buffers[0];
  const int32_t *limit = args->buffers[1];
  uint8_t *condition = args->buffers[2];
  count[0] += 1;
  condition[0] = count[0] < limit[0];
}

/* Through scratch: out[i] = (i * i) seen by the worker that computed it; dims: 1; buffers: out (i64) */
KERNEL(scratch)(const ingot_kernel_args *args) {
  int64_t *out = args->buffers[0];
  volatile int64_t *mine = args->scratch;
  for (uint64_t i = args->tile_begin; i < args->tile_end; ++i) {
    for (int k = 0; k < 8; ++k)
      mine[k] = (int64_t)(i * i) + args->dims[0];
    int64_t sum = 0;
    for (int k = 0; k < 8; ++k)
      sum += mine[k];
    out[i] = sum / 8;
  }
}
