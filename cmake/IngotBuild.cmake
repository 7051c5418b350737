# Compiler flags, and the functions that declare Ingot's libraries.
#
# Sources are globbed: a new file is picked up by the next build, no list to edit.

# One code model for everything, so that one precompiled header serves libraries and tools.
set(CMAKE_POSITION_INDEPENDENT_CODE OFF)
add_compile_options(-fPIC -Wall -Wextra -Wno-unused-parameter -Werror=return-type
                    $<$<COMPILE_LANGUAGE:CXX>:-Werror=switch>)
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions>)
if(INGOT_SANITIZE)
  # Not vptr and function: they are about our own types, not about input, and double the code.
  add_compile_options(-fsanitize=${INGOT_SANITIZE} -fno-sanitize=vptr,function -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    add_compile_options(-fsanitize-ignorelist=${CMAKE_SOURCE_DIR}/cmake/sanitizer-ignorelist.txt)
  endif()
  if(INGOT_PLAIN_BUILD)
    # A check at every use of a pointer: in MLIR's headers most of the compile time, and the address sanitizer sees
    # what they would. The runtime's own sanitizer builds (test/runtime/sanitizers.py) have them.
    add_compile_options(-fno-sanitize=null,alignment,object-size)
  endif()
  add_link_options(-fsanitize=${INGOT_SANITIZE})
endif()
if(INGOT_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  add_link_options(-fuse-ld=lld)
  # A precompiled header that ccache can reuse: its hash must not depend on its time.
  set(CMAKE_PCH_INSTANTIATE_TEMPLATES ON)
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>
                      "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
endif()
include_directories(${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})

# ingot_library(NAME [RECURSE] [TRUSTED] [DEPENDS TARGET...] [INCLUDES FOLDER...] [DEFINES MACRO...])
# A part of the compiler that uses MLIR: all *.cpp of the current folder (and of its sub-folders with RECURSE),
# compiled against the shared precompiled header, and linked into libIngotCompiler.
# TRUSTED: it sees verified IR only, never bytes of a user's file. With INGOT_PLAIN_BUILD its objects come from there.
function(ingot_library name)
  cmake_parse_arguments(ARG "RECURSE;TRUSTED" "" "DEPENDS;INCLUDES;DEFINES" ${ARGN})
  if(ARG_RECURSE)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  else()
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  endif()
  if(NOT sources)
    return()
  endif()
  set_property(GLOBAL APPEND PROPERTY INGOT_COMPILER_OBJECTS ${name})
  if(ARG_TRUSTED AND INGOT_PLAIN_BUILD)
    set(objects)
    foreach(source ${sources})
      file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
      file(RELATIVE_PATH source ${CMAKE_CURRENT_SOURCE_DIR} ${source})
      list(APPEND objects ${INGOT_PLAIN_BUILD}/${folder}/CMakeFiles/${name}.dir/${source}.o)
    endforeach()
    add_library(${name} OBJECT IMPORTED GLOBAL)
    set_target_properties(${name} PROPERTIES IMPORTED_OBJECTS "${objects}")
    return()
  endif()
  add_library(${name} OBJECT ${sources})
  add_dependencies(${name} ingot-generated)
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  target_include_directories(${name} SYSTEM PRIVATE ${ARG_INCLUDES})
  target_compile_definitions(${name} PRIVATE ${ARG_DEFINES})
  target_precompile_headers(${name} REUSE_FROM ingot-pch)
endfunction()
