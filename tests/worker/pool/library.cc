// SPDX-License-Identifier: Apache-2.0
/// A shared library of the user's.
extern "C" int answer_of_library();
extern "C" int answer_of_library() { return 42; }
