# What `cmake --install` lays down. Component `runtime`: C headers, static libraries, ingot-run. Component `compiler`:
# the compiler library, the headers that plug-ins include, ingot and ingot-opt. The tree can be moved as a whole.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(INGOT_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/Ingot)

install(DIRECTORY runtime-lib/include/ingot DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT runtime)
set(INGOT_RUNTIME_LIBRARIES ingot-core ingot-host)
if(TARGET ingot-vulkan)
  list(APPEND INGOT_RUNTIME_LIBRARIES ingot-vulkan)
  set_target_properties(ingot-vulkan PROPERTIES EXPORT_NAME vulkan)
endif()
# Ingot::runtime needs an operating system, Ingot::core nothing.
set_target_properties(ingot-host PROPERTIES EXPORT_NAME runtime)
set_target_properties(ingot-core PROPERTIES EXPORT_NAME core)
install(TARGETS ${INGOT_RUNTIME_LIBRARIES} EXPORT IngotTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime)
install(TARGETS ingot-run RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
configure_file(cmake/ingot-runtime.pc.in ${CMAKE_BINARY_DIR}/ingot-runtime.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/ingot-runtime.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT runtime)
install(EXPORT IngotTargets NAMESPACE Ingot:: DESTINATION ${INGOT_PACKAGE_DIR} COMPONENT runtime)

if(INGOT_COMPILER)
  # What a plug-in, or a program that compiles models, includes. The include root is the repository's.
  set(INGOT_COMPILER_HEADERS ${CMAKE_INSTALL_INCLUDEDIR}/ingot-compiler)
  set(public
      backends/Target.h backends/common/*.h ir/*/*.h ir/*/*.td
      compiler/driver/Commands.h compiler/driver/Compile.h compiler/driver/Diagnostics.h compiler/emit/Emit.h
      compiler/evaluator/Evaluator.h compiler/evaluator/TensorValue.h compiler/importers/common/*.h
      compiler/importers/onnx/ImportOnnx.h compiler/importers/onnx/OnnxNode.h compiler/importers/onnx/OpTable.h
      compiler/importers/pt2/*.h compiler/pipeline/*.h compiler/plugin/*.h)
  foreach(pattern ${public})
    file(GLOB headers RELATIVE ${CMAKE_SOURCE_DIR} CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${pattern})
    foreach(header ${headers})
      get_filename_component(folder ${header} DIRECTORY)
      install(FILES ${header} DESTINATION ${INGOT_COMPILER_HEADERS}/${folder} COMPONENT compiler)
    endforeach()
  endforeach()
  install(DIRECTORY ${CMAKE_BINARY_DIR}/ir DESTINATION ${INGOT_COMPILER_HEADERS} COMPONENT compiler
          FILES_MATCHING PATTERN "*.h.inc" PATTERN CMakeFiles EXCLUDE)

  # The tools find the library by their own place; LLVM is where this build found it (IngotMLIR.cmake).
  file(RELATIVE_PATH to_libraries /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
  set_target_properties(ingot ingot-opt PROPERTIES INSTALL_RPATH "$ORIGIN/${to_libraries}")
  set_target_properties(IngotCompiler PROPERTIES EXPORT_NAME compiler)
  target_include_directories(IngotCompiler INTERFACE $<INSTALL_INTERFACE:${INGOT_COMPILER_HEADERS}>)
  target_compile_features(IngotCompiler INTERFACE cxx_std_20)
  foreach(definition ${INGOT_LLVM_DEFINITIONS})
    target_compile_definitions(IngotCompiler INTERFACE $<INSTALL_INTERFACE:${definition}>)
  endforeach()
  install(TARGETS IngotCompiler EXPORT IngotCompilerTargets
          LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT compiler)
  install(TARGETS ingot ingot-opt RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT compiler)
  install(EXPORT IngotCompilerTargets NAMESPACE Ingot:: DESTINATION ${INGOT_PACKAGE_DIR} COMPONENT compiler)
endif()

# find_package(Ingot [COMPONENTS runtime compiler])
configure_package_config_file(cmake/IngotConfig.cmake.in ${CMAKE_BINARY_DIR}/IngotConfig.cmake
                              INSTALL_DESTINATION ${INGOT_PACKAGE_DIR})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/IngotConfigVersion.cmake COMPATIBILITY SameMinorVersion)
foreach(component runtime compiler)
  install(FILES ${CMAKE_BINARY_DIR}/IngotConfig.cmake ${CMAKE_BINARY_DIR}/IngotConfigVersion.cmake
          DESTINATION ${INGOT_PACKAGE_DIR} COMPONENT ${component})
endforeach()
