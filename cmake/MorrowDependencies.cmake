# SPDX-License-Identifier: Apache-2.0
# Every library that Morrow uses, all from Debian 12.

# The project that this one is part of links the library, and so needs these targets as well.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)

# morrow_needs(DEBIAN_PACKAGE NAME ...): find_package(NAME ...). What is missing is told at the end, all at once.
set(morrow_missing "")
macro(morrow_needs debian_package name)
  find_package(${name} ${ARGN} QUIET)
  if(NOT ${name}_FOUND)
    list(APPEND morrow_missing ${debian_package})
  endif()
endmacro()

# The same for a library that pkg-config knows, as PkgConfig::NAME.
macro(morrow_needs_module debian_package name module)
  if(PKG_CONFIG_FOUND)
    pkg_check_modules(${name} QUIET IMPORTED_TARGET GLOBAL ${module})
  endif()
  if(NOT ${name}_FOUND)
    list(APPEND morrow_missing ${debian_package})
  endif()
endmacro()

find_package(Threads REQUIRED)
morrow_needs(pkg-config PkgConfig)
morrow_needs(libprotobuf-dev Protobuf)
if(NOT TARGET protobuf::protoc)
  list(APPEND morrow_missing protobuf-compiler)
endif()
morrow_needs(libboost-dev Boost 1.74)  # headers only; libboost1.81-dev where speed counts: worker/brain/flat_map.h
morrow_needs(libssl-dev OpenSSL)
morrow_needs(libfmt-dev fmt)
morrow_needs(libspdlog-dev spdlog)
morrow_needs(libcli11-dev CLI11)
morrow_needs(libcereal-dev cereal)
morrow_needs(nlohmann-json3-dev nlohmann_json)
morrow_needs_module(libjemalloc-dev jemalloc jemalloc)
morrow_needs_module(liblmdb-dev LMDB lmdb)
morrow_needs_module(libzstd-dev ZSTD libzstd)
morrow_needs_module(liblz4-dev LZ4 liblz4)
morrow_needs_module(libxxhash-dev XXHASH libxxhash)
if(MORROW_BUILD_TESTS)
  morrow_needs(libgtest-dev GTest)
  morrow_needs(libeigen3-dev Eigen3 NO_MODULE)
  find_program(MORROW_CLANG NAMES clang++-16 clang++ REQUIRED)  # users may have it
endif()
if(MORROW_BUILD_EXAMPLES)  # each with what is there
  find_package(GTest QUIET)
  find_package(Eigen3 QUIET NO_MODULE)
endif()
if(MORROW_BUILD_BENCH)
  morrow_needs(libbenchmark-dev benchmark)
endif()
if(morrow_missing)
  list(JOIN morrow_missing " " morrow_missing)
  message(FATAL_ERROR "packages that Morrow is built with are missing: sudo apt install ${morrow_missing}")
endif()
