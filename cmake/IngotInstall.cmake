# What `cmake --install` lays down: runtime, headers, compiler library, package files.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(INGOT_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/Ingot)

# The runtime: C headers, two static libraries, the tool.
install(DIRECTORY runtime-lib/include/ingot DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT runtime)
set(INGOT_RUNTIME_LIBRARIES ingot-core ingot-host)
if(TARGET ingot-vulkan)
  list(APPEND INGOT_RUNTIME_LIBRARIES ingot-vulkan)
endif()
install(TARGETS ${INGOT_RUNTIME_LIBRARIES} EXPORT IngotTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime)
install(TARGETS ingot-run RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
configure_file(cmake/ingot-runtime.pc.in ${CMAKE_BINARY_DIR}/ingot-runtime.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/ingot-runtime.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT runtime)

# find_package(Ingot): Ingot::ingot-host (with an operating system), Ingot::ingot-core (freestanding).
install(EXPORT IngotTargets NAMESPACE Ingot:: DESTINATION ${INGOT_PACKAGE_DIR} COMPONENT runtime)
configure_package_config_file(cmake/IngotConfig.cmake.in ${CMAKE_BINARY_DIR}/IngotConfig.cmake
                              INSTALL_DESTINATION ${INGOT_PACKAGE_DIR})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/IngotConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/IngotConfig.cmake ${CMAKE_BINARY_DIR}/IngotConfigVersion.cmake
        DESTINATION ${INGOT_PACKAGE_DIR} COMPONENT runtime)
