# SPDX-License-Identifier: Apache-2.0
# A program and the plugin that it loads, each linked with the library: static in both, and shared.
include(${CMAKE_CURRENT_LIST_DIR}/installed.cmake)

build_project(${SOURCES}/plugin)
set(expected "^the plugin's task: 42\nthe plugin on the program's future: 43\n[^\n]*plugin\\.cc:[0-9]+.*\nthe work of each: 1 2\n$")
foreach(kind static shared)
  expect_output("${expected}" ${work}/build/program_${kind} ${work}/build/plugin_${kind}.so)
endforeach()
file(REMOVE_RECURSE ${work})
