# Kernels run through the runtime's own driver.
set(links IngotCompiler ingot-vulkan)
