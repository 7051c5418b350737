# Kernels run through the runtime's own driver.
set(trusted ON) # generated kernels and passes
set(links IngotCompiler ingot-vulkan)
