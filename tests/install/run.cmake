# SPDX-License-Identifier: Apache-2.0
# Installs the build into a folder of its own and has the project in app/ found, built and run against that alone.
function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# Away from the tree, where nothing is found by accident. It stays when something fails.
string(RANDOM LENGTH 10 random)
set(WORK /tmp/morrow-install-${random})
set(prefix ${WORK}/prefix)
file(COPY ${APP}/ DESTINATION ${WORK}/source)

run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix} --config ${CONFIG})

set(flags "")
if(SANITIZE)
  set(flags -DCMAKE_CXX_FLAGS=-fsanitize=${SANITIZE})
endif()
run(${CMAKE_COMMAND} -S ${WORK}/source -B ${WORK}/build -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${COMPILER}
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH=${prefix} ${flags})
run(${CMAKE_COMMAND} --build ${WORK}/build)

# It finds the command that was installed with the library, and not the one in the build.
unset(ENV{MORROW_COMMAND})
execute_process(COMMAND ${WORK}/build/app OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCH "^42\n.*main\\.cc:[0-9]+" found "${output}")
if(NOT found)
  message(FATAL_ERROR "the app should print 42 and a stack that names a line of main.cc, and printed:\n${output}")
endif()
file(REMOVE_RECURSE ${WORK})
