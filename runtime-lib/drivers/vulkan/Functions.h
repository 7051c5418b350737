// The functions of libvulkan that the driver uses, looked up when the library has been loaded.
#pragma once

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan.h>

namespace ingot::vulkan {

// One list: declared below, looked up in Driver.cpp. First those of an instance, then those of a
// device.
#define INGOT_VULKAN_INSTANCE_FUNCTIONS(X)                                                         \
  X(DestroyInstance)                                                                               \
  X(EnumeratePhysicalDevices)                                                                      \
  X(GetPhysicalDeviceProperties)                                                                   \
  X(GetPhysicalDeviceMemoryProperties)                                                             \
  X(GetPhysicalDeviceQueueFamilyProperties)                                                        \
  X(GetPhysicalDeviceFeatures2)                                                                    \
  X(CreateDevice)                                                                                  \
  X(GetDeviceProcAddr)
#define INGOT_VULKAN_DEVICE_FUNCTIONS(X)                                                           \
  X(DestroyDevice)                                                                                 \
  X(GetDeviceQueue)                                                                                \
  X(CreateBuffer)                                                                                  \
  X(DestroyBuffer)                                                                                 \
  X(GetBufferMemoryRequirements)                                                                   \
  X(AllocateMemory)                                                                                \
  X(FreeMemory)                                                                                    \
  X(BindBufferMemory)                                                                              \
  X(MapMemory)                                                                                     \
  X(CreateShaderModule)                                                                            \
  X(DestroyShaderModule)                                                                           \
  X(CreateDescriptorSetLayout)                                                                     \
  X(DestroyDescriptorSetLayout)                                                                    \
  X(CreatePipelineLayout)                                                                          \
  X(DestroyPipelineLayout)                                                                         \
  X(CreateComputePipelines)                                                                        \
  X(DestroyPipeline)                                                                               \
  X(CreateDescriptorPool)                                                                          \
  X(DestroyDescriptorPool)                                                                         \
  X(ResetDescriptorPool)                                                                           \
  X(AllocateDescriptorSets)                                                                        \
  X(UpdateDescriptorSets)                                                                          \
  X(CreateCommandPool)                                                                             \
  X(DestroyCommandPool)                                                                            \
  X(AllocateCommandBuffers)                                                                        \
  X(BeginCommandBuffer)                                                                            \
  X(EndCommandBuffer)                                                                              \
  X(ResetCommandBuffer)                                                                            \
  X(CmdBindPipeline)                                                                               \
  X(CmdBindDescriptorSets)                                                                         \
  X(CmdPushConstants)                                                                              \
  X(CmdDispatch)                                                                                   \
  X(CmdPipelineBarrier)                                                                            \
  X(CmdCopyBuffer)                                                                                 \
  X(CreateFence)                                                                                   \
  X(DestroyFence)                                                                                  \
  X(ResetFences)                                                                                   \
  X(WaitForFences)                                                                                 \
  X(QueueSubmit)                                                                                   \
  X(DeviceWaitIdle)

struct Functions {
  PFN_vkGetInstanceProcAddr GetInstanceProcAddr;
  PFN_vkCreateInstance CreateInstance;
#define INGOT_DECLARE(name) PFN_vk##name name;
  INGOT_VULKAN_INSTANCE_FUNCTIONS(INGOT_DECLARE)
  INGOT_VULKAN_DEVICE_FUNCTIONS(INGOT_DECLARE)
#undef INGOT_DECLARE
};

} // namespace ingot::vulkan
