# SPDX-License-Identifier: Apache-2.0
# `cmake --install`, so that a project elsewhere says find_package(morrow) and links morrow::morrow.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/morrow)

install(TARGETS morrow EXPORT morrowTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS morrow_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY include/morrow DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(EXPORT morrowTargets NAMESPACE morrow:: DESTINATION ${package_dir})

configure_package_config_file(cmake/morrowConfig.cmake.in ${CMAKE_BINARY_DIR}/morrowConfig.cmake
  INSTALL_DESTINATION ${package_dir})
# Before 1.0 every minor version may change the interface.
write_basic_package_version_file(${CMAKE_BINARY_DIR}/morrowConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/morrowConfig.cmake ${CMAKE_BINARY_DIR}/morrowConfigVersion.cmake
  DESTINATION ${package_dir})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
