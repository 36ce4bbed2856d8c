# SPDX-License-Identifier: Apache-2.0
# Builds the program of app/ by the lines of docs/guide/building.md, without CMake: in a shell, as a user writes them.
include(${CMAKE_CURRENT_LIST_DIR}/installed.cmake)

set(ENV{PKG_CONFIG_PATH} ${prefix}/${LIBRARIES}/pkgconfig)
file(COPY ${SOURCES}/app/main.cc DESTINATION ${work}/source)
file(RENAME ${work}/source/main.cc ${work}/source/app.cc)

file(STRINGS ${SOURCES}/../../docs/guide/building.md lines REGEX "^g\\+\\+ .* app\\.cc ")
list(LENGTH lines count)
if(NOT count EQUAL 5)
  message(FATAL_ERROR "docs/guide/building.md should have five lines that compile app.cc, and has ${count}")
endif()
set(expected "^42\n.*app\\.cc:[0-9]+")
foreach(line IN LISTS lines)
  string(REPLACE "/usr/local/lib" "${prefix}/${LIBRARIES}" line "${line}")
  string(REPLACE "/usr/local" "${prefix}" line "${line}")
  string(REGEX REPLACE "^g\\+\\+" "${COMPILER}" line "${line}")
  file(REMOVE ${work}/source/app)
  execute_process(COMMAND sh -c "${line}" WORKING_DIRECTORY ${work}/source COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
  expect_output("${expected}" ${work}/source/app)
endforeach()

# The headers need nothing of Boost, whatever version a user has.
execute_process(COMMAND ${COMPILER} -std=c++20 -I${prefix}/include -M app.cc WORKING_DIRECTORY ${work}/source
                OUTPUT_VARIABLE included COMMAND_ERROR_IS_FATAL ANY)
if(included MATCHES "/boost/")
  message(FATAL_ERROR "the public headers should include nothing of Boost")
endif()

# What was installed may be moved.
file(RENAME ${prefix} ${work}/moved)
set(ENV{PKG_CONFIG_PATH} ${work}/moved/${LIBRARIES}/pkgconfig)
set(ENV{PATH} ${work}/moved/bin:$ENV{PATH})
execute_process(COMMAND sh -c "${COMPILER} -std=c++20 -g1 app.cc -o app $(pkg-config --cflags --libs morrow)"
                WORKING_DIRECTORY ${work}/source COMMAND_ERROR_IS_FATAL ANY)
expect_output("${expected}" ${work}/source/app)
file(REMOVE_RECURSE ${work})
