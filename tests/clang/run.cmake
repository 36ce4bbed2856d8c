# SPDX-License-Identifier: Apache-2.0
# Builds the project beside this with clang against what is installed of the build, runs its tests, and compares what its
# examples say with what those of the build say.
function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

set(work ${BUILD}/clang)
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${work}/prefix --config ${CONFIG})
run(${CMAKE_COMMAND} -S ${PROJECT} -B ${work}/build -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${COMPILER}
    -DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER} -DCMAKE_PREFIX_PATH=${work}/prefix -DTREE=${TREE})
run(${CMAKE_COMMAND} --build ${work}/build)
run(${work}/build/public_under_clang --gtest_brief=1)

unset(ENV{MORROW_CLUSTER})
set(ENV{MORROW_COMMAND} ${work}/prefix/bin/morrow)
function(say_the_same example)
  execute_process(COMMAND ${BUILD}/bin/${example} ${ARGN} OUTPUT_VARIABLE expected COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${work}/build/examples/${example} ${ARGN} OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
  # How long it took differs.
  string(REGEX REPLACE "[0-9.]+ (s|ms|MB/s|GB/s)" "" expected "${expected}")
  string(REGEX REPLACE "[0-9.]+ (s|ms|MB/s|GB/s)" "" output "${output}")
  if(NOT output STREQUAL expected)
    message(FATAL_ERROR "${example} under clang should have said\n${expected}\nand said\n${output}")
  endif()
endfunction()
say_the_same(fib 15)
say_the_same(monte_carlo 7 10)
say_the_same(wc ${TREE}/include)
say_the_same(sort --records 20000)
say_the_same(sweep 4)
say_the_same(tiles 100 ${work}/image.pgm)
say_the_same(kmers - 4)
say_the_same(pipeline /dev/null)
say_the_same(branch_and_bound 40)
say_the_same(eigen 70 30)
say_the_same(gtest --gtest_brief=1)
say_the_same(plugin)
