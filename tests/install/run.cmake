# SPDX-License-Identifier: Apache-2.0
# Has the project in app/ found, built and run against what is installed alone.
include(${CMAKE_CURRENT_LIST_DIR}/installed.cmake)

set(expected "^42\n.*main\\.cc:[0-9]+")
build_project(${SOURCES}/app)
expect_output("${expected}" ${work}/build/app)

# The service of systemd starts the command that was installed.
file(READ ${prefix}/lib/systemd/system/morrow-worker@.service service)
string(FIND "${service}" "ExecStart=${prefix}/bin/morrow worker %i " at)
if(at EQUAL -1)
  message(FATAL_ERROR "the service should start ${prefix}/bin/morrow:\n${service}")
endif()

# What is missing is told by the name of its package.
execute_process(COMMAND ${CMAKE_COMMAND} -S ${work}/source -B ${work}/lacking -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${COMPILER}
                        -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_DISABLE_FIND_PACKAGE_cereal=ON -DMORROW_LIBRARY_lz4=
                ERROR_VARIABLE words OUTPUT_QUIET RESULT_VARIABLE status)
if(status EQUAL 0 OR NOT words MATCHES "sudo apt install[ \n]+libcereal-dev[ \n]+liblz4-dev")
  message(FATAL_ERROR "a project that lacks packages should be told their names, and was told:\n${words}")
endif()

# Where the command is gone that belongs to it, no other one of a build is taken.
file(REMOVE ${prefix}/bin/morrow)
execute_process(COMMAND ${CMAKE_COMMAND} -E env PATH=/usr/bin:/bin ${work}/build/app ERROR_VARIABLE words RESULT_VARIABLE status)
if(status EQUAL 0 OR NOT words MATCHES "morrow command is not found")
  message(FATAL_ERROR "without its command the app should say that it is not found, and said:\n${words}")
endif()
file(REMOVE_RECURSE ${work})
