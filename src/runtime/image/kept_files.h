// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

/// Files that the driver has open for writing at its Session line. Each process that is to run tasks begins the program
/// anew and opens them too, to write them from their beginning as a rule; what the driver wrote by then must stay.
namespace morrow::runtime {

/// The line that tells them, for the environment of such a process; empty when there are none.
std::string kept_files_line();

/// From here on nothing is kept: this process is the driver, or has come to its Session line.
void keep_no_files();

}  // namespace morrow::runtime
