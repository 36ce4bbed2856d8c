# SPDX-License-Identifier: Apache-2.0
# What every target of the project is compiled with. Link it PRIVATE: none of it reaches a user's program.
add_library(morrow_options INTERFACE)
target_compile_options(morrow_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor -Woverloaded-virtual)
if(MORROW_WARNINGS_ARE_ERRORS)
  target_compile_options(morrow_options INTERFACE -Werror)
endif()
target_include_directories(morrow_options INTERFACE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)

set(MORROW_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize takes them: address,undefined or thread")
if(MORROW_SANITIZE)
  add_compile_options(-fsanitize=${MORROW_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${MORROW_SANITIZE})
  if(MORROW_SANITIZE MATCHES "address.*undefined|undefined.*address")
    # AddressSanitizer sees the same accesses, and these checks are a third of the time that compiling takes.
    add_compile_options(-fno-sanitize=null,object-size,vptr)
  endif()
  if(MORROW_SANITIZE MATCHES "thread")
    # Asio's bare fences, which ThreadSanitizer does not know; its locks order the same, and those it does know.
    add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK)
  endif()
endif()
