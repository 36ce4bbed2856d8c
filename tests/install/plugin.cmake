# SPDX-License-Identifier: Apache-2.0
# A program and the plugin that it loads, each linked with the library: static in both, and shared.
include(${CMAKE_CURRENT_LIST_DIR}/installed.cmake)

build_project(${SOURCES}/plugin)
set(expected "^the plugin's task: 42\nthe plugin on the program's future: 43\n[^\n]*plugin\\.cc:[0-9]+.*\nthe work of each: 1 2\n$")
foreach(kind static shared)
  expect_output("${expected}" ${work}/build/program_${kind} ${work}/build/plugin_${kind}.so)
endforeach()

# Two copies that know nothing of each other: the sentence says so.
execute_process(COMMAND ${work}/build/program_apart ${work}/build/plugin_static.so
                ERROR_VARIABLE words OUTPUT_QUIET RESULT_VARIABLE status)
if(status EQUAL 0 OR NOT words MATCHES "the copy of Morrow in plugin_static.so.*morrow::shared")
  message(FATAL_ERROR "a plugin with a copy of its own should be told so, and was told:\n${words}")
endif()
file(REMOVE_RECURSE ${work})
