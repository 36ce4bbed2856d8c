// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What the headers need of the compiler and of its options: a sentence each, in place of pages of errors.

#if __cplusplus < 202002L
#error \
    "morrow: the headers need C++20: compile with -std=c++20, or in CMake: target_compile_features(TARGET PRIVATE cxx_std_20)"
#define MORROW_CANNOT_COMPILE
#elif defined(__clang__) && __clang_major__ < 16
#error "morrow: this version of clang is too old: take clang 16 or newer, or g++ 12 or newer"
#define MORROW_CANNOT_COMPILE
#elif !defined(__clang__) && defined(__GNUC__) && __GNUC__ < 12
#error "morrow: this version of g++ is too old: take g++ 12 or newer, or clang 16 or newer"
#define MORROW_CANNOT_COMPILE
#elif !defined(__GNUC__)
#error "morrow: this compiler is not known: take g++ 12 or newer, or clang 16 or newer"
#define MORROW_CANNOT_COMPILE
#elif !defined(__cpp_exceptions)
#error "morrow: the headers throw exceptions: compile without -fno-exceptions"
#define MORROW_CANNOT_COMPILE
#elif !defined(__cpp_rtti) && !defined(__GXX_RTTI)
#error "morrow: the headers ask for types at run time: compile without -fno-rtti"
#define MORROW_CANNOT_COMPILE
#endif

#ifndef MORROW_CANNOT_COMPILE
#include <cstddef>
#ifndef __GLIBCXX__
#error "morrow: the library is built with libstdc++: compile without -stdlib=libc++"
#define MORROW_CANNOT_COMPILE
#elif defined(_GLIBCXX_DEBUG)
#error \
    "morrow: _GLIBCXX_DEBUG makes other containers than those that the library is built with: use -D_GLIBCXX_ASSERTIONS"
#define MORROW_CANNOT_COMPILE
#elif defined(_GLIBCXX_USE_CXX11_ABI) && _GLIBCXX_USE_CXX11_ABI == 0
#error "morrow: the library is built with the strings of C++11: compile without -D_GLIBCXX_USE_CXX11_ABI=0"
#define MORROW_CANNOT_COMPILE
#endif
#endif

#ifdef MORROW_CANNOT_COMPILE
// Ends the compilation: there is no such file.
#include <morrow_cannot_be_compiled>
#endif
