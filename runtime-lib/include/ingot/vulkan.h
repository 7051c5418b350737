/* The Vulkan driver: pass it in ingot_open_options to run programs with kernels for the target
 * `vulkan`.
 *
 * Needs Vulkan 1.2; libvulkan.so.1 is loaded when a program asks for it. Kernels are SPIR-V compute
 * shaders: buffer i is the storage buffer at set 0, binding i; dims are 32-bit push constants in
 * order; `grid` is the number of workgroups. */
#ifndef INGOT_VULKAN_H
#define INGOT_VULKAN_H

#include "ingot/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Features of its targets: shader-int8, shader-int16, shader-int64, shader-float16, shader-float64,
 * storage-8bit, storage-16bit, scalar-block-layout. */
const ingot_driver *ingot_vulkan_driver(void);

#ifdef __cplusplus
}
#endif
#endif /* INGOT_VULKAN_H */
