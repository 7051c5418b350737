# ingot-run for other architectures than the host's, to run under an emulator: one static program from the runtime's
# sources, compiled in one go. Built where a cross C library is installed.
set(cross_sources)
foreach(part core host run)
  file(GLOB part_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/runtime-lib/${part}/*.cpp)
  list(APPEND cross_sources ${part_sources})
endforeach()

# ingot_cross_run(NAME TRIPLE): the target ingot-run-NAME, program bin/ingot-run-NAME.
function(ingot_cross_run name triple)
  if(NOT EXISTS /usr/${triple}/include/stdio.h OR NOT CMAKE_CXX_COMPILER_ID MATCHES Clang)
    message(STATUS "ingot-run-${name} is not built: no C library for ${triple}")
    return()
  endif()
  # Header-only libraries of the host, without the host's other headers.
  set(headers ${CMAKE_BINARY_DIR}/cross-include)
  file(MAKE_DIRECTORY ${headers})
  foreach(library flatbuffers CLI)
    file(CREATE_LINK /usr/include/${library} ${headers}/${library} SYMBOLIC)
  endforeach()
  set(program ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/ingot-run-${name})
  set(objects)
  foreach(source ${cross_sources} ${CMAKE_SOURCE_DIR}/tools/ingot-run/main.cpp)
    file(RELATIVE_PATH object ${CMAKE_SOURCE_DIR} ${source})
    string(REPLACE "/" "-" object ${object})
    set(object ${CMAKE_BINARY_DIR}/cross-${name}/${object}.o)
    set(flags -O2 -fno-exceptions -fno-rtti)
    if(source MATCHES "tools/")
      set(flags -O1 -fexceptions)
    endif()
    add_custom_command(
      OUTPUT ${object}
      COMMAND ${CMAKE_CXX_COMPILER_LAUNCHER} ${CMAKE_CXX_COMPILER} --target=${triple} -std=c++17 ${flags}
              -DNDEBUG -Wall -Wextra -I${CMAKE_SOURCE_DIR} -I${CMAKE_BINARY_DIR}
              -I${CMAKE_SOURCE_DIR}/runtime-lib/include -isystem ${headers} -MD -MF ${object}.d -c ${source} -o ${object}
      DEPENDS ${source} ingot-schema DEPFILE ${object}.d VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/cross-${name})
  add_custom_command(
    OUTPUT ${program}
    COMMAND ${CMAKE_CXX_COMPILER} --target=${triple} -fuse-ld=lld -static -s ${objects} -o ${program}
    DEPENDS ${objects} VERBATIM)
  add_custom_target(ingot-run-${name} ALL DEPENDS ${program})
endfunction()

ingot_cross_run(aarch64 aarch64-linux-gnu)
