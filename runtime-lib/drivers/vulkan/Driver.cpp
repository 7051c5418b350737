// The Vulkan driver: compute kernels as SPIR-V on any Vulkan 1.2 device.
//
// Buffers live in memory that the host can see, device-local where there is such memory. Launches
// are recorded into one command buffer with a barrier between them and submitted when someone looks
// at the results. One mutex per device.
#include "ingot/vulkan.h"
#include "runtime-lib/drivers/vulkan/Functions.h"
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <new>
#include <pthread.h>

using namespace ingot::vulkan;

namespace {

constexpr uint32_t kMaxBuffers = 32; // per kernel; what every device of the last years can bind
constexpr uint32_t kMaxPushConstants = 32;   // 128 bytes, guaranteed by the specification
constexpr uint32_t kLaunchesPerSubmit = 256; // descriptor sets in the pool

} // namespace

struct ingot_device {
  void *library = nullptr;
  Functions vk = {};
  VkInstance instance = VK_NULL_HANDLE;
  VkPhysicalDevice physical = VK_NULL_HANDLE;
  VkPhysicalDeviceProperties properties = {};
  VkPhysicalDeviceMemoryProperties memory = {};
  uint32_t queueFamily = 0;
  VkDevice device = VK_NULL_HANDLE;
  VkQueue queue = VK_NULL_HANDLE;
  VkCommandPool commandPool = VK_NULL_HANDLE;
  VkCommandBuffer commands = VK_NULL_HANDLE;
  VkDescriptorPool descriptors = VK_NULL_HANDLE;
  VkFence fence = VK_NULL_HANDLE;
  bool recording = false;
  uint32_t recorded = 0;
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
};

struct ingot_device_buffer {
  VkBuffer buffer;
  VkDeviceMemory memory;
  uint8_t *mapped;
};

struct ingot_device_kernel {
  VkShaderModule module;
  VkDescriptorSetLayout setLayout;
  VkPipelineLayout layout;
  VkPipeline pipeline;
  uint32_t numBuffers, numDims;
  const char *name;
};

namespace {

/// Zeroed memory without the C++ library: a C program that links the driver needs none.
template <typename T> T *create() {
  void *memory = std::calloc(1, sizeof(T));
  return memory ? new (memory) T : nullptr;
}

ingot_status fail(ingot_error *error, ingot_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
ingot_status fail(ingot_error *error, ingot_status status, const char *format, ...) {
  if (!error)
    return status;
  error->status = status;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error->text, sizeof(error->text), format, arguments);
  va_end(arguments);
  return status;
}

ingot_status check(VkResult result, const char *what, ingot_error *error) {
  if (result == VK_SUCCESS)
    return INGOT_OK;
  bool memory = result == VK_ERROR_OUT_OF_HOST_MEMORY || result == VK_ERROR_OUT_OF_DEVICE_MEMORY;
  return fail(error, memory ? INGOT_ERROR_MEMORY : INGOT_ERROR_DEVICE,
              "vulkan: %s failed (VkResult %d)", what, int(result));
}

struct Lock {
  explicit Lock(ingot_device *device) : mutex(&device->mutex) { pthread_mutex_lock(mutex); }
  ~Lock() { pthread_mutex_unlock(mutex); }
  pthread_mutex_t *mutex;
};

// ---- opening
// -------------------------------------------------------------------------------------------------------

/// The optional features a program may ask for, by the names its targets use.
struct Features {
  VkPhysicalDeviceFeatures2 base = {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, nullptr, {}};
  VkPhysicalDeviceVulkan11Features v11 = {};
  VkPhysicalDeviceVulkan12Features v12 = {};

  Features() {
    v11.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES;
    v12.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES;
    base.pNext = &v11;
    v11.pNext = &v12;
  }
  /// The flag of a feature, or null for an unknown name.
  VkBool32 *find(const char *name) {
    const struct {
      const char *name;
      VkBool32 *flag;
    } rows[] = {{"shader-int64", &base.features.shaderInt64},
                {"shader-int16", &base.features.shaderInt16},
                {"shader-float64", &base.features.shaderFloat64},
                {"shader-int8", &v12.shaderInt8},
                {"shader-float16", &v12.shaderFloat16},
                {"storage-16bit", &v11.storageBuffer16BitAccess},
                {"storage-8bit", &v12.storageBuffer8BitAccess},
                {"scalar-block-layout", &v12.scalarBlockLayout}};
    for (const auto &row : rows)
      if (std::strcmp(row.name, name) == 0)
        return row.flag;
    return nullptr;
  }
};

void closeDevice(ingot_device *d) {
  const Functions &vk = d->vk;
  if (d->device && vk.DeviceWaitIdle) {
    vk.DeviceWaitIdle(d->device);
    if (d->fence)
      vk.DestroyFence(d->device, d->fence, nullptr);
    if (d->descriptors)
      vk.DestroyDescriptorPool(d->device, d->descriptors, nullptr);
    if (d->commandPool)
      vk.DestroyCommandPool(d->device, d->commandPool, nullptr);
    vk.DestroyDevice(d->device, nullptr);
  }
  if (d->instance && vk.DestroyInstance)
    vk.DestroyInstance(d->instance, nullptr);
  if (d->library)
    dlclose(d->library);
  pthread_mutex_destroy(&d->mutex);
  std::free(d);
}

ingot_status loadLibrary(ingot_device *d, ingot_error *error) {
  // Device drivers keep threads and thread-local state: their code stays even when the library is
  // closed.
  d->library = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!d->library)
    return fail(error, INGOT_ERROR_UNSUPPORTED,
                "the program needs Vulkan, and this machine has no libvulkan.so.1\n"
                "hint: install a Vulkan driver, or compile for the CPU alone");
  Functions &vk = d->vk;
  vk.GetInstanceProcAddr =
      reinterpret_cast<PFN_vkGetInstanceProcAddr>(dlsym(d->library, "vkGetInstanceProcAddr"));
  if (vk.GetInstanceProcAddr)
    vk.CreateInstance =
        reinterpret_cast<PFN_vkCreateInstance>(vk.GetInstanceProcAddr(nullptr, "vkCreateInstance"));
  if (!vk.CreateInstance)
    return fail(error, INGOT_ERROR_UNSUPPORTED, "libvulkan.so.1 is not a Vulkan loader");
  VkApplicationInfo application = {
      VK_STRUCTURE_TYPE_APPLICATION_INFO, nullptr, "ingot", 1, "ingot", 1, VK_API_VERSION_1_2};
  VkInstanceCreateInfo info = {
      VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, nullptr, 0, &application, 0, nullptr, 0, nullptr};
  if (vk.CreateInstance(&info, nullptr, &d->instance) != VK_SUCCESS)
    return fail(error, INGOT_ERROR_UNSUPPORTED,
                "the program needs Vulkan 1.2, and this machine has no driver for it\n"
                "hint: install a Vulkan driver, or compile for the CPU alone");
#define INGOT_LOOK_UP(name)                                                                        \
  vk.name = reinterpret_cast<PFN_vk##name>(vk.GetInstanceProcAddr(d->instance, "vk" #name));       \
  if (!vk.name)                                                                                    \
    return fail(error, INGOT_ERROR_UNSUPPORTED, "this machine's Vulkan lacks vk" #name);
  INGOT_VULKAN_INSTANCE_FUNCTIONS(INGOT_LOOK_UP)
#undef INGOT_LOOK_UP
  return INGOT_OK;
}

/// Index of a queue family that computes, or -1.
int computeFamily(const ingot_device *d, VkPhysicalDevice physical) {
  VkQueueFamilyProperties families[32];
  uint32_t count = 32;
  d->vk.GetPhysicalDeviceQueueFamilyProperties(physical, &count, families);
  for (uint32_t i = 0; i < count; ++i)
    if (families[i].queueFlags & VK_QUEUE_COMPUTE_BIT)
      return int(i);
  return -1;
}

/// How much a kind of device is preferred.
int rank(VkPhysicalDeviceType type) {
  switch (type) {
  case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
    return 4;
  case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
    return 3;
  case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
    return 2;
  default:
    return 1;
  }
}

/// Takes the best device that has all features; says what the last one lacks if there is none.
ingot_status choosePhysical(ingot_device *d, const char *const *names, size_t count,
                            ingot_error *error) {
  VkPhysicalDevice all[16];
  uint32_t found = 16;
  VkResult result = d->vk.EnumeratePhysicalDevices(d->instance, &found, all);
  if (result != VK_SUCCESS && result != VK_INCOMPLETE)
    found = 0;
  fail(error, INGOT_ERROR_UNSUPPORTED,
       "the program needs Vulkan 1.2, and this machine has no device for it\n"
       "hint: compile for the CPU alone");
  int best = 0;
  for (uint32_t i = 0; i < found; ++i) {
    VkPhysicalDeviceProperties properties;
    d->vk.GetPhysicalDeviceProperties(all[i], &properties);
    int family = computeFamily(d, all[i]);
    if (properties.apiVersion < VK_API_VERSION_1_2 || family < 0 ||
        rank(properties.deviceType) <= best)
      continue;
    Features features;
    d->vk.GetPhysicalDeviceFeatures2(all[i], &features.base);
    const char *missing = nullptr;
    for (size_t k = 0; k < count && !missing; ++k) {
      VkBool32 *flag = features.find(names[k]);
      if (!flag || !*flag)
        missing = names[k];
    }
    if (missing) {
      fail(error, INGOT_ERROR_UNSUPPORTED,
           "the program needs %s, which the Vulkan device '%s' lacks", missing,
           properties.deviceName);
      continue;
    }
    best = rank(properties.deviceType);
    d->physical = all[i];
    d->properties = properties;
    d->queueFamily = uint32_t(family);
  }
  if (!best)
    return INGOT_ERROR_UNSUPPORTED;
  d->vk.GetPhysicalDeviceMemoryProperties(d->physical, &d->memory);
  return INGOT_OK;
}

ingot_status createDevice(ingot_device *d, const char *const *names, size_t count,
                          ingot_error *error) {
  Functions &vk = d->vk;
  Features features;
  for (size_t i = 0; i < count; ++i)
    *features.find(names[i]) = VK_TRUE;
  float priority = 1;
  VkDeviceQueueCreateInfo queue = {
      VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO, nullptr, 0, d->queueFamily, 1, &priority};
  VkDeviceCreateInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO;
  info.pNext = &features.base;
  info.queueCreateInfoCount = 1;
  info.pQueueCreateInfos = &queue;
  if (ingot_status status = check(vk.CreateDevice(d->physical, &info, nullptr, &d->device),
                                  "creating the device", error))
    return status;
#define INGOT_LOOK_UP(name)                                                                        \
  vk.name = reinterpret_cast<PFN_vk##name>(vk.GetDeviceProcAddr(d->device, "vk" #name));           \
  if (!vk.name)                                                                                    \
    return fail(error, INGOT_ERROR_UNSUPPORTED, "this machine's Vulkan lacks vk" #name);
  INGOT_VULKAN_DEVICE_FUNCTIONS(INGOT_LOOK_UP)
#undef INGOT_LOOK_UP
  vk.GetDeviceQueue(d->device, d->queueFamily, 0, &d->queue);
  VkCommandPoolCreateInfo pool = {VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO, nullptr,
                                  VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT, d->queueFamily};
  VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, kLaunchesPerSubmit * kMaxBuffers};
  VkDescriptorPoolCreateInfo descriptors = {
      VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO, nullptr, 0, kLaunchesPerSubmit, 1, &size};
  VkFenceCreateInfo fence = {VK_STRUCTURE_TYPE_FENCE_CREATE_INFO, nullptr, 0};
  VkResult result = vk.CreateCommandPool(d->device, &pool, nullptr, &d->commandPool);
  if (result == VK_SUCCESS) {
    VkCommandBufferAllocateInfo commands = {VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO, nullptr,
                                            d->commandPool, VK_COMMAND_BUFFER_LEVEL_PRIMARY, 1};
    result = vk.AllocateCommandBuffers(d->device, &commands, &d->commands);
  }
  if (result == VK_SUCCESS)
    result = vk.CreateDescriptorPool(d->device, &descriptors, nullptr, &d->descriptors);
  if (result == VK_SUCCESS)
    result = vk.CreateFence(d->device, &fence, nullptr, &d->fence);
  return check(result, "preparing the device", error);
}

ingot_status openDevice(const char *const *features, size_t count, ingot_device **device,
                        ingot_error *error) {
  ingot_device *d = create<ingot_device>();
  if (!d)
    return fail(error, INGOT_ERROR_MEMORY, "no memory to open a Vulkan device");
  ingot_status status = loadLibrary(d, error);
  if (!status)
    status = choosePhysical(d, features, count, error);
  if (!status)
    status = createDevice(d, features, count, error);
  if (status) {
    closeDevice(d);
    return status;
  }
  *device = d;
  return INGOT_OK;
}

// ---- kernels
// -------------------------------------------------------------------------------------------------------

void unload(ingot_device *d, ingot_device_kernel *kernel) {
  const Functions &vk = d->vk;
  vk.DestroyPipeline(d->device, kernel->pipeline, nullptr);
  vk.DestroyPipelineLayout(d->device, kernel->layout, nullptr);
  vk.DestroyDescriptorSetLayout(d->device, kernel->setLayout, nullptr);
  vk.DestroyShaderModule(d->device, kernel->module, nullptr);
  std::free(kernel);
}

ingot_status load(ingot_device *d, const ingot_device_kernel_desc *desc,
                  ingot_device_kernel **result, ingot_error *error) {
  const Functions &vk = d->vk;
  if (desc->num_buffers > kMaxBuffers || desc->num_dims > kMaxPushConstants ||
      desc->num_buffers > d->properties.limits.maxPerStageDescriptorStorageBuffers)
    return fail(error, INGOT_ERROR_UNSUPPORTED,
                "kernel %s takes more buffers or dims than this device binds", desc->name);
  if (desc->binary_size < 20 || desc->binary_size % 4 ||
      reinterpret_cast<uintptr_t>(desc->binary) % 4)
    return fail(error, INGOT_ERROR_FORMAT, "kernel %s is not SPIR-V", desc->name);
  uint32_t magic;
  std::memcpy(&magic, desc->binary, 4);
  if (magic != 0x07230203)
    return fail(error, INGOT_ERROR_FORMAT, "kernel %s is not SPIR-V", desc->name);
  ingot_device_kernel *kernel = create<ingot_device_kernel>();
  if (!kernel)
    return fail(error, INGOT_ERROR_MEMORY, "no memory for kernel %s", desc->name);
  kernel->numBuffers = desc->num_buffers;
  kernel->numDims = desc->num_dims;
  kernel->name = desc->name;
  VkShaderModuleCreateInfo module = {VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, nullptr, 0,
                                     desc->binary_size,
                                     static_cast<const uint32_t *>(desc->binary)};
  VkDescriptorSetLayoutBinding bindings[kMaxBuffers] = {};
  for (uint32_t i = 0; i < desc->num_buffers; ++i)
    bindings[i] = {i, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1, VK_SHADER_STAGE_COMPUTE_BIT, nullptr};
  VkDescriptorSetLayoutCreateInfo set = {VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                         nullptr, 0, desc->num_buffers, bindings};
  VkPushConstantRange dims = {VK_SHADER_STAGE_COMPUTE_BIT, 0, desc->num_dims * 4};
  VkResult made = vk.CreateShaderModule(d->device, &module, nullptr, &kernel->module);
  if (made == VK_SUCCESS)
    made = vk.CreateDescriptorSetLayout(d->device, &set, nullptr, &kernel->setLayout);
  if (made == VK_SUCCESS) {
    VkPipelineLayoutCreateInfo layout = {VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                         nullptr,
                                         0,
                                         1,
                                         &kernel->setLayout,
                                         desc->num_dims ? 1u : 0u,
                                         &dims};
    made = vk.CreatePipelineLayout(d->device, &layout, nullptr, &kernel->layout);
  }
  if (made == VK_SUCCESS) {
    VkComputePipelineCreateInfo pipeline = {};
    pipeline.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO;
    pipeline.stage.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO;
    pipeline.stage.stage = VK_SHADER_STAGE_COMPUTE_BIT;
    pipeline.stage.module = kernel->module;
    pipeline.stage.pName = desc->symbol;
    pipeline.layout = kernel->layout;
    made = vk.CreateComputePipelines(d->device, VK_NULL_HANDLE, 1, &pipeline, nullptr,
                                     &kernel->pipeline);
  }
  if (made != VK_SUCCESS) {
    unload(d, kernel);
    char what[256];
    snprintf(what, sizeof(what), "loading kernel %s", desc->name);
    return check(made, what, error);
  }
  *result = kernel;
  return INGOT_OK;
}

// ---- memory
// --------------------------------------------------------------------------------------------------------

/// A memory type among `allowed` that has all of `flags`, or -1.
int memoryType(const ingot_device *d, uint32_t allowed, VkMemoryPropertyFlags flags) {
  for (uint32_t i = 0; i < d->memory.memoryTypeCount; ++i)
    if ((allowed >> i & 1) && (d->memory.memoryTypes[i].propertyFlags & flags) == flags)
      return int(i);
  return -1;
}

void releaseBuffer(ingot_device *d, ingot_device_buffer *buffer) {
  d->vk.DestroyBuffer(d->device, buffer->buffer, nullptr);
  d->vk.FreeMemory(d->device, buffer->memory, nullptr);
  std::free(buffer);
}

ingot_status allocate(ingot_device *d, uint64_t size, uint64_t, ingot_device_buffer **result,
                      ingot_error *error) {
  const Functions &vk = d->vk;
  ingot_device_buffer *buffer = create<ingot_device_buffer>();
  if (!buffer)
    return fail(error, INGOT_ERROR_MEMORY, "no memory for a Vulkan buffer");
  VkBufferCreateInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO;
  info.size = size;
  info.usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
               VK_BUFFER_USAGE_TRANSFER_DST_BIT;
  VkResult made = vk.CreateBuffer(d->device, &info, nullptr, &buffer->buffer);
  if (made == VK_SUCCESS) {
    VkMemoryRequirements needs;
    vk.GetBufferMemoryRequirements(d->device, buffer->buffer, &needs);
    constexpr VkMemoryPropertyFlags kVisible =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    int type = memoryType(d, needs.memoryTypeBits, kVisible | VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT);
    if (type < 0)
      type = memoryType(d, needs.memoryTypeBits, kVisible); // the specification promises one
    VkMemoryAllocateInfo memory = {VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, nullptr, needs.size,
                                   uint32_t(type)};
    made = type < 0 ? VK_ERROR_OUT_OF_DEVICE_MEMORY
                    : vk.AllocateMemory(d->device, &memory, nullptr, &buffer->memory);
  }
  if (made == VK_SUCCESS)
    made = vk.BindBufferMemory(d->device, buffer->buffer, buffer->memory, 0);
  if (made == VK_SUCCESS)
    made = vk.MapMemory(d->device, buffer->memory, 0, VK_WHOLE_SIZE, 0,
                        reinterpret_cast<void **>(&buffer->mapped));
  if (made != VK_SUCCESS) {
    releaseBuffer(d, buffer);
    char what[64];
    snprintf(what, sizeof(what), "allocating %llu bytes", static_cast<unsigned long long>(size));
    return check(made, what, error);
  }
  *result = buffer;
  return INGOT_OK;
}

// ---- work
// ----------------------------------------------------------------------------------------------------------

/// Starts recording if nothing is recorded yet, and orders what follows after what is recorded.
ingot_status record(ingot_device *d, ingot_error *error) {
  const Functions &vk = d->vk;
  if (!d->recording) {
    VkCommandBufferBeginInfo begin = {VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO, nullptr,
                                      VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT, nullptr};
    if (ingot_status status = check(vk.BeginCommandBuffer(d->commands, &begin), "recording", error))
      return status;
    d->recording = true;
    return INGOT_OK;
  }
  VkMemoryBarrier barrier = {VK_STRUCTURE_TYPE_MEMORY_BARRIER, nullptr,
                             VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
                             VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT |
                                 VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT};
  constexpr VkPipelineStageFlags kStages =
      VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
  vk.CmdPipelineBarrier(d->commands, kStages, kStages, 0, 1, &barrier, 0, nullptr, 0, nullptr);
  return INGOT_OK;
}

/// Submits what is recorded and waits for it.
ingot_status flush(ingot_device *d, ingot_error *error) {
  if (!d->recording)
    return INGOT_OK;
  const Functions &vk = d->vk;
  d->recording = false;
  d->recorded = 0;
  // What the kernels wrote must be visible to the host before the fence says so.
  VkMemoryBarrier barrier = {VK_STRUCTURE_TYPE_MEMORY_BARRIER, nullptr,
                             VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
                             VK_ACCESS_HOST_READ_BIT};
  vk.CmdPipelineBarrier(d->commands,
                        VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
                        VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &barrier, 0, nullptr, 0, nullptr);
  VkSubmitInfo submit = {};
  submit.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO;
  submit.commandBufferCount = 1;
  submit.pCommandBuffers = &d->commands;
  VkResult result = vk.EndCommandBuffer(d->commands);
  if (result == VK_SUCCESS)
    result = vk.QueueSubmit(d->queue, 1, &submit, d->fence);
  if (result == VK_SUCCESS)
    result = vk.WaitForFences(d->device, 1, &d->fence, VK_TRUE, UINT64_MAX);
  if (result == VK_SUCCESS)
    result = vk.ResetFences(d->device, 1, &d->fence);
  vk.ResetDescriptorPool(d->device, d->descriptors, 0);
  vk.ResetCommandBuffer(d->commands, 0);
  return check(result, "running kernels", error);
}

ingot_status writeRange(ingot_device *d, ingot_device_range to, const void *from,
                        ingot_error *error) {
  Lock lock(d);
  if (ingot_status status = flush(d, error))
    return status;
  std::memcpy(to.buffer->mapped + to.offset, from, size_t(to.size));
  return INGOT_OK;
}

ingot_status readRange(ingot_device *d, void *to, ingot_device_range from, ingot_error *error) {
  Lock lock(d);
  if (ingot_status status = flush(d, error))
    return status;
  std::memcpy(to, from.buffer->mapped + from.offset, size_t(from.size));
  return INGOT_OK;
}

ingot_status copyRange(ingot_device *d, ingot_device_range to, ingot_device_range from,
                       ingot_error *error) {
  Lock lock(d);
  if (ingot_status status = record(d, error))
    return status;
  VkBufferCopy region = {from.offset, to.offset, to.size};
  d->vk.CmdCopyBuffer(d->commands, from.buffer->buffer, to.buffer->buffer, 1, &region);
  return INGOT_OK;
}

ingot_status launch(ingot_device *d, ingot_device_kernel *kernel, const ingot_device_range *buffers,
                    const int64_t *dims, const uint32_t grid[3], ingot_error *error) {
  const Functions &vk = d->vk;
  const VkPhysicalDeviceLimits &limits = d->properties.limits;
  for (int i = 0; i < 3; ++i)
    if (grid[i] > limits.maxComputeWorkGroupCount[i])
      return fail(error, INGOT_ERROR_DEVICE,
                  "kernel %s wants %u workgroups, and this device runs %u", kernel->name, grid[i],
                  limits.maxComputeWorkGroupCount[i]);
  VkDescriptorBufferInfo infos[kMaxBuffers];
  VkWriteDescriptorSet writes[kMaxBuffers];
  for (uint32_t i = 0; i < kernel->numBuffers; ++i) {
    if (buffers[i].size > limits.maxStorageBufferRange ||
        buffers[i].offset % limits.minStorageBufferOffsetAlignment)
      return fail(error, INGOT_ERROR_DEVICE,
                  "kernel %s: buffer %u is too large or not aligned for this device", kernel->name,
                  i);
    infos[i] = {buffers[i].buffer->buffer, buffers[i].offset, buffers[i].size};
  }
  int32_t constants[kMaxPushConstants];
  for (uint32_t i = 0; i < kernel->numDims; ++i)
    constants[i] = int32_t(dims[i]);
  Lock lock(d);
  if (d->recorded == kLaunchesPerSubmit)
    if (ingot_status status = flush(d, error))
      return status;
  VkDescriptorSet set;
  VkDescriptorSetAllocateInfo allocation = {VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO, nullptr,
                                            d->descriptors, 1, &kernel->setLayout};
  if (ingot_status status =
          check(vk.AllocateDescriptorSets(d->device, &allocation, &set), "binding buffers", error))
    return status;
  for (uint32_t i = 0; i < kernel->numBuffers; ++i)
    writes[i] = {VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET, nullptr, set,       i,      0, 1,
                 VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,      nullptr, &infos[i], nullptr};
  vk.UpdateDescriptorSets(d->device, kernel->numBuffers, writes, 0, nullptr);
  if (ingot_status status = record(d, error))
    return status;
  ++d->recorded;
  vk.CmdBindPipeline(d->commands, VK_PIPELINE_BIND_POINT_COMPUTE, kernel->pipeline);
  vk.CmdBindDescriptorSets(d->commands, VK_PIPELINE_BIND_POINT_COMPUTE, kernel->layout, 0, 1, &set,
                           0, nullptr);
  if (kernel->numDims)
    vk.CmdPushConstants(d->commands, kernel->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0,
                        kernel->numDims * 4, constants);
  vk.CmdDispatch(d->commands, grid[0], grid[1], grid[2]);
  return INGOT_OK;
}

ingot_status waitForAll(ingot_device *d, ingot_error *error) {
  Lock lock(d);
  return flush(d, error);
}

} // namespace

const ingot_driver *ingot_vulkan_driver(void) {
  static const ingot_driver driver = {
      INGOT_DRIVER_VERSION, "vulkan",   openDevice, closeDevice, load,   unload,    allocate,
      releaseBuffer,        writeRange, readRange,  copyRange,   launch, waitForAll};
  return &driver;
}
