/* What a driver gives the runtime so that a program can use a device: memory, transfers, launches.
 *
 * A driver is a constant table. `open` is called when a program needs it and loads the device's
 * system library then, so that a process that never uses a device never touches its library.
 * Functions return INGOT_OK or an error with its text filled in. One device may serve several
 * sessions in several threads: a driver locks what it shares. */
#ifndef INGOT_DRIVER_H
#define INGOT_DRIVER_H

#include "ingot/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

#define INGOT_DRIVER_VERSION 1

typedef struct ingot_device ingot_device; /* the driver's: a connection to one device */
typedef struct ingot_device_buffer
    ingot_device_buffer; /* the driver's: a block of the device's memory */
typedef struct ingot_device_kernel ingot_device_kernel; /* the driver's: a kernel ready to launch */

typedef struct ingot_device_range {
  ingot_device_buffer *buffer;
  uint64_t offset, size;
} ingot_device_range;

typedef struct ingot_device_kernel_desc {
  const char *name;   /* for messages */
  const char *symbol; /* entry point in the binary */
  const void *binary; /* SPIR-V, PTX, …; stays while the device is open */
  size_t binary_size;
  uint32_t num_buffers;
  uint32_t num_dims;
  uint32_t workgroup[3];
} ingot_device_kernel_desc;

typedef struct ingot_driver {
  uint32_t version; /* INGOT_DRIVER_VERSION */
  const char *name; /* as in Target.driver: "vulkan" */

  /* Finds a device that has all features. UNSUPPORTED if there is none: the program's next
   * alternative is tried. */
  ingot_status (*open)(const char *const *features, size_t num_features, ingot_device **device,
                       ingot_error *error);
  void (*close)(ingot_device *device);

  /* Every kernel is loaded when the program is opened and released before close. */
  ingot_status (*load)(ingot_device *device, const ingot_device_kernel_desc *desc,
                       ingot_device_kernel **kernel, ingot_error *error);
  void (*unload)(ingot_device *device, ingot_device_kernel *kernel);

  ingot_status (*allocate)(ingot_device *device, uint64_t size, uint64_t alignment,
                           ingot_device_buffer **buffer, ingot_error *error);
  void (*release)(ingot_device *device, ingot_device_buffer *buffer);

  /* Transfers are complete when they return and happen after all launches before them of the same
   * thread. */
  ingot_status (*write)(ingot_device *device, ingot_device_range to, const void *from,
                        ingot_error *error);
  ingot_status (*read)(ingot_device *device, void *to, ingot_device_range from, ingot_error *error);
  ingot_status (*copy)(ingot_device *device, ingot_device_range to, ingot_device_range from,
                       ingot_error *error);

  /* Starts a kernel over grid workgroups; launches of one thread behave as if run one after the
   * other. */
  ingot_status (*launch)(ingot_device *device, ingot_device_kernel *kernel,
                         const ingot_device_range *buffers, const int64_t *dims,
                         const uint32_t grid[3], ingot_error *error);
  /* Returns when all launches of this thread are done. */
  ingot_status (*wait)(ingot_device *device, ingot_error *error);
} ingot_driver;

#ifdef __cplusplus
}
#endif
#endif /* INGOT_DRIVER_H */
