set(links IngotCompiler)
set(trusted ON) # generated kernels and passes
