# The runtime's tests link the runtime alone, and flat images of hand-written kernels for two architectures.
find_package(ZLIB REQUIRED) # the other side of the tests of unpacking
set(links ingot-run-lib ZLIB::ZLIB)
set(needs ingot-run) # ToolTest starts it
set(trusted ON)      # test/runtime/sanitizers.py builds it for each sanitizer
if(TARGET ingot-run-aarch64)
  list(APPEND needs ingot-run-aarch64)
endif()
find_program(INGOT_LD_LLD NAMES ld.lld-22 ld.lld REQUIRED)
set(kernel_assembly "")
foreach(arch host aarch64)
  set(image ${CMAKE_CURRENT_BINARY_DIR}/runtime-kernels-${arch}.bin)
  set(triple)
  if(arch STREQUAL aarch64)
    set(triple --target=aarch64-none-elf)
  endif()
  add_custom_command(
    OUTPUT ${image}
    COMMAND ${CMAKE_C_COMPILER} ${triple} -O2 -ffreestanding -fPIC -fvisibility=hidden -fno-stack-protector
            -fno-asynchronous-unwind-tables -I${CMAKE_SOURCE_DIR}/runtime-lib/include -c ${folder}/kernels.c -o ${image}.o
    COMMAND ${INGOT_LD_LLD} --no-undefined -T ${folder}/kernels.ld --oformat=binary ${image}.o -o ${image}
    DEPENDS ${folder}/kernels.c ${folder}/kernels.ld VERBATIM)
  list(APPEND images ${image})
  string(APPEND kernel_assembly
    "__asm__(\".section .rodata\\n.globl ingot_test_kernels_${arch}\\n.balign 64\\ningot_test_kernels_${arch}:\\n\"\n"
    "        \".incbin \\\"${image}\\\"\\n.globl ingot_test_kernels_${arch}_end\\n\"\n"
    "        \"ingot_test_kernels_${arch}_end:\\n.text\\n\");\n")
endforeach()
# A shader for the Vulkan driver.
find_program(INGOT_SPIRV_AS spirv-as)
if(INGOT_SPIRV_AS AND TARGET ingot-vulkan)
  set(shader ${CMAKE_CURRENT_BINARY_DIR}/runtime-scale.spv)
  add_custom_command(
    OUTPUT ${shader}
    COMMAND ${INGOT_SPIRV_AS} --target-env spv1.5 ${folder}/scale.spvasm -o ${shader}
    DEPENDS ${folder}/scale.spvasm VERBATIM)
  list(APPEND images ${shader})
  string(APPEND kernel_assembly
    "__asm__(\".section .rodata\\n.globl ingot_test_shader\\n.balign 64\\ningot_test_shader:\\n\"\n"
    "        \".incbin \\\"${shader}\\\"\\n.globl ingot_test_shader_end\\ningot_test_shader_end:\\n.text\\n\");\n")
else()
  list(FILTER sources EXCLUDE REGEX VulkanTest)
endif()
set(kernel_source ${CMAKE_CURRENT_BINARY_DIR}/runtime-kernels.c)
file(CONFIGURE OUTPUT ${kernel_source} CONTENT "${kernel_assembly}" @ONLY)
set_source_files_properties(${kernel_source} PROPERTIES OBJECT_DEPENDS "${images}")
list(APPEND sources ${kernel_source})
