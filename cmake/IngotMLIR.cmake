# Finds MLIR and LLVM 22, and declares what every part of the compiler shares.
find_package(MLIR 22.1 REQUIRED CONFIG HINTS ${MLIR_DIR} /usr/lib/llvm-22/lib/cmake/mlir)
message(STATUS "MLIR ${LLVM_PACKAGE_VERSION} in ${MLIR_DIR}")
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)
# HandleLLVMOptions would redefine the ABI macro and override flags: take only the definitions.
separate_arguments(INGOT_LLVM_DEFINITIONS NATIVE_COMMAND "${LLVM_DEFINITIONS}")
# add_compile_definitions wants bare names here.
list(TRANSFORM INGOT_LLVM_DEFINITIONS REPLACE "^-D" "")
add_compile_definitions(${INGOT_LLVM_DEFINITIONS})
# After the system's own: the folder may also hold libc++abi's cxxabi.h, which must not win.
list(REMOVE_DUPLICATES LLVM_INCLUDE_DIRS)
set(INGOT_LLVM_INCLUDES ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
list(REMOVE_DUPLICATES INGOT_LLVM_INCLUDES)
foreach(folder ${INGOT_LLVM_INCLUDES})
  add_compile_options("SHELL:-idirafter ${folder}")
endforeach()
# LLVM's libraries lie outside the loader's path, and CMake takes their folder for one inside.
add_link_options(-Wl,-rpath,${LLVM_LIBRARY_DIR})
set(INGOT_LLVM_BIN ${LLVM_TOOLS_BINARY_DIR})

# Everything that must exist before any source of the compiler is compiled: TableGen output, schemas.
add_custom_target(ingot-generated)
add_dependencies(ingot-generated ingot-schema)

# The precompiled header: parsing MLIR's headers is most of a translation unit's time.
add_library(ingot-pch OBJECT ${CMAKE_SOURCE_DIR}/cmake/pch.cpp)
target_precompile_headers(ingot-pch PRIVATE ${CMAKE_SOURCE_DIR}/cmake/pch.h)

# ingot_tablegen(FILE.td OUTPUT ACTION [OUTPUT ACTION]...)
# Generates OUTPUT beside the build folder's mirror of the current folder.
function(ingot_tablegen td)
  set(LLVM_TARGET_DEFINITIONS ${td})
  set(rest ${ARGN})
  set(outputs)
  while(rest)
    list(POP_FRONT rest output action)
    separate_arguments(action)
    mlir_tablegen(${output} ${action} EXTRA_INCLUDES ${CMAKE_SOURCE_DIR} ${INGOT_LLVM_INCLUDES})
  endwhile()
  string(REPLACE "/" "-" id "${CMAKE_CURRENT_SOURCE_DIR}/${td}")
  string(MAKE_C_IDENTIFIER "gen${id}" id)
  add_public_tablegen_target(${id})
  add_dependencies(ingot-generated ${id})
endfunction()
