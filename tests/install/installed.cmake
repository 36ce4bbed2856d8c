# SPDX-License-Identifier: Apache-2.0
# Included by the tests of what is installed: installs the build into a folder of its own, away from the tree, where
# nothing is found by accident. The folder stays when something fails.
function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# What the program prints must match.
function(expect_output pattern)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
  if(NOT output MATCHES "${pattern}")
    message(FATAL_ERROR "${ARGN} should print what matches\n${pattern}\nand printed:\n${output}")
  endif()
endfunction()

# Configures and builds a copy of the project in `source`, in ${work}/build.
function(build_project source)
  file(COPY ${source}/ DESTINATION ${work}/source)
  set(flags "")
  if(SANITIZE)
    set(flags -DCMAKE_CXX_FLAGS=-fsanitize=${SANITIZE})
  endif()
  run(${CMAKE_COMMAND} -S ${work}/source -B ${work}/build -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${COMPILER}
      -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH=${prefix} ${flags} ${ARGN})
  run(${CMAKE_COMMAND} --build ${work}/build)
endfunction()

string(RANDOM LENGTH 10 random)
set(work /tmp/morrow-install-${random})
set(prefix ${work}/prefix)
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix} --config ${CONFIG})

# Programs find the command that was installed with the library, and not the one in the build.
unset(ENV{MORROW_COMMAND})
unset(ENV{MORROW_CLUSTER})
