# SPDX-License-Identifier: Apache-2.0
# `cmake --install`, so that a project elsewhere says find_package(morrow) and links morrow::morrow or morrow::shared; or
# takes the flags of both from pkg-config.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/morrow)

install(TARGETS morrow morrow_shared morrow_cli EXPORT morrowTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES cmake/seam.list DESTINATION ${CMAKE_INSTALL_LIBDIR}/morrow)
install(DIRECTORY include/morrow DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h"
  PATTERN "installed_command.h" EXCLUDE)  # written below
install(EXPORT morrowTargets NAMESPACE morrow:: DESTINATION ${package_dir})

configure_package_config_file(cmake/morrowConfig.cmake.in ${PROJECT_BINARY_DIR}/morrowConfig.cmake
  INSTALL_DESTINATION ${package_dir})
# Before 1.0 every minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/morrowConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/morrowConfig.cmake ${PROJECT_BINARY_DIR}/morrowConfigVersion.cmake
  DESTINATION ${package_dir})

# The folder of modules as it lies below the prefix, so that what was installed may be moved.
file(RELATIVE_PATH prefix_from_modules /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" prefix_from_modules ${prefix_from_modules})
foreach(module morrow morrow-shared)
  configure_file(cmake/${module}.pc.in ${PROJECT_BINARY_DIR}/${module}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${module}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

# Programs that are built with plain flags have their command from a header that says where all was installed.
install(CODE "set(includes ${CMAKE_INSTALL_INCLUDEDIR})\nset(programs ${CMAKE_INSTALL_BINDIR})")
install(CODE [[
  get_filename_component(prefix ${CMAKE_INSTALL_PREFIX} ABSOLUTE)
  set(header $ENV{DESTDIR}${prefix}/${includes}/morrow/detail/installed_command.h)
  file(CONFIGURE OUTPUT ${header} CONTENT "#pragma once\n#define MORROW_INSTALLED_COMMAND \"${prefix}/${programs}/morrow\"\n")
  list(APPEND CMAKE_INSTALL_MANIFEST_FILES ${header})
]])
# A service of systemd names the command by its whole path.
install(CODE "set(unit \"${PROJECT_SOURCE_DIR}/packaging/morrow-worker@.service.in\")")
install(CODE [[
  get_filename_component(prefix ${CMAKE_INSTALL_PREFIX} ABSOLUTE)
  set(MORROW_COMMAND ${prefix}/${programs}/morrow)
  set(installed $ENV{DESTDIR}${prefix}/lib/systemd/system/morrow-worker@.service)
  configure_file(${unit} ${installed} @ONLY)
  list(APPEND CMAKE_INSTALL_MANIFEST_FILES ${installed})
]])
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
