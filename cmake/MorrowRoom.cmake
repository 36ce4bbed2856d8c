# SPDX-License-Identifier: Apache-2.0
# morrow_room(NAME SOURCES ... [USES ROOM ...] [LIBS LIBRARY ...]): a folder of src/ as a library, and what it may use.
#
# NAME_obj are its objects, for archives made of several rooms; NAME is an archive of them. NAME_alone links them with
# what the room uses and nothing else: a call back, against an arrow, is an undefined symbol there.
function(morrow_room name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES;LIBS" ${ARGN})
  if(NOT name STREQUAL morrow_base)
    list(APPEND ARG_USES morrow_base)  # all rooms may use it
  endif()
  add_library(${name}_obj OBJECT ${ARG_SOURCES})
  target_include_directories(${name}_obj PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(${name}_obj PRIVATE morrow_options morrow_hardening PUBLIC ${ARG_USES} ${ARG_LIBS})

  add_library(${name} STATIC $<TARGET_OBJECTS:${name}_obj>)
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(${name} PUBLIC ${ARG_USES} ${ARG_LIBS})

  if(MORROW_BUILD_TESTS AND NOT MORROW_SANITIZE)
    add_library(${name}_alone SHARED $<TARGET_OBJECTS:${name}_obj>)
    target_link_libraries(${name}_alone PRIVATE ${ARG_USES} ${ARG_LIBS})
    target_link_options(${name}_alone PRIVATE -Wl,-z,defs)
    set_target_properties(${name}_alone PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/alone)
  endif()
endfunction()
