// SPDX-License-Identifier: Apache-2.0
// A library of the user's, in two builds that differ in one number.
extern "C" int plugin_answer() { return PLUGIN_ANSWER; }
