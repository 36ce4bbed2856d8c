# SPDX-License-Identifier: Apache-2.0
# Builds the project in part/, which has Morrow as a part of it, and runs its program. Files are joined and nothing is
# optimized: this is about CMake. What was built stays for the next time.
function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

set(work ${BUILD}/part)
run(${CMAKE_COMMAND} -S ${SOURCES}/part -B ${work} -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${COMPILER}
    -DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER} -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=16
    -DMORROW_TREE=${TREE})
execute_process(COMMAND ${CMAKE_COMMAND} -S ${SOURCES}/part -B ${work}/lacking -G ${GENERATOR}
                        -DCMAKE_CXX_COMPILER=${COMPILER} -DMORROW_TREE=${TREE}
                        -DCMAKE_DISABLE_FIND_PACKAGE_fmt=ON -DCMAKE_DISABLE_FIND_PACKAGE_Boost=ON
                ERROR_VARIABLE words OUTPUT_QUIET RESULT_VARIABLE status)
if(status EQUAL 0 OR NOT words MATCHES "sudo apt install[ \n]+libboost-dev[ \n]+libfmt-dev")
  message(FATAL_ERROR "who lacks packages should be told their names, and was told:\n${words}")
endif()

run(${CMAKE_COMMAND} --build ${work} --target app)

unset(ENV{MORROW_COMMAND})
unset(ENV{MORROW_CLUSTER})
execute_process(COMMAND ${work}/app OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCH "^42\n.*main\\.cc:[0-9]+" found "${output}")
if(NOT found)
  message(FATAL_ERROR "the app should print 42 and a stack that names a line of main.cc, and printed:\n${output}")
endif()
