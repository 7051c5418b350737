# The runtime's tests link the runtime alone, and a flat image of hand-written kernels.
set(links ingot-run-lib)
find_program(INGOT_LD_LLD NAMES ld.lld-22 ld.lld REQUIRED)
set(kernel_image ${CMAKE_CURRENT_BINARY_DIR}/runtime-kernels.bin)
add_custom_command(
  OUTPUT ${kernel_image}
  COMMAND ${CMAKE_C_COMPILER} ${INGOT_KERNEL_TARGET_FLAGS} -O2 -ffreestanding -fPIC -fvisibility=hidden
          -fno-asynchronous-unwind-tables -fno-stack-protector -I${CMAKE_SOURCE_DIR}/runtime-lib/include
          -c ${folder}/kernels.c -o ${kernel_image}.o
  COMMAND ${INGOT_LD_LLD} --no-undefined -T ${folder}/kernels.ld --oformat=binary ${kernel_image}.o -o ${kernel_image}
  DEPENDS ${folder}/kernels.c ${folder}/kernels.ld VERBATIM)
set(kernel_source ${CMAKE_CURRENT_BINARY_DIR}/runtime-kernels.c)
file(CONFIGURE OUTPUT ${kernel_source} CONTENT
"__asm__(\".section .rodata\\n.globl ingot_test_kernels\\n.balign 64\\ningot_test_kernels:\\n\"
        \".incbin \\\"@kernel_image@\\\"\\n.globl ingot_test_kernels_end\\ningot_test_kernels_end:\\n.text\\n\");
" @ONLY)
set_source_files_properties(${kernel_source} PROPERTIES OBJECT_DEPENDS ${kernel_image})
list(APPEND sources ${kernel_source})
# ToolTest starts it.
set(needs ingot-run)
