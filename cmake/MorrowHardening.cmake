# SPDX-License-Identifier: Apache-2.0
# What the library and the command are compiled and linked with, so that a mistake in them is hard to use. Link
# morrow_hardening PRIVATE: none of it reaches a user's program. docs/guide/building.md has the same as advice for those.
add_library(morrow_hardening INTERFACE)
if(NOT MORROW_SANITIZE)  # sanitizers find more, and need the plain functions of the C library
  target_compile_options(morrow_hardening INTERFACE -fstack-protector-strong -fstack-clash-protection)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    target_compile_options(morrow_hardening INTERFACE -fcf-protection=full)
  endif()
  set(released "$<CONFIG:Release,RelWithDebInfo,MinSizeRel>")
  # It asks for optimization. The flags of a distribution may name another level.
  target_compile_options(morrow_hardening INTERFACE "$<${released}:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=3>")
  # Assertions, positions in the source and line tables name files as they lie in the tree, wherever that was built. Of
  # two that fit the compiler takes the last. A debugger wants the paths.
  target_compile_options(morrow_hardening INTERFACE
    "$<${released}:-ffile-prefix-map=${PROJECT_SOURCE_DIR}=morrow;-ffile-prefix-map=${PROJECT_BINARY_DIR}=morrow-build>")
  target_compile_definitions(morrow_hardening INTERFACE _GLIBCXX_ASSERTIONS)
  target_link_options(morrow_hardening INTERFACE
    LINKER:-z,relro LINKER:-z,now LINKER:-z,noexecstack $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-pie>)
endif()
