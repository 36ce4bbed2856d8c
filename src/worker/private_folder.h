// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace morrow::worker {

/// Where the logs of a private worker are, in its folder.
std::string private_logs(const std::string& folder);

/// The end of a private worker: its folder goes, or all of it but the logs, of which somebody was told. Those of the
/// last few workers stay beside each other, so that programs that fail again and again do not fill the disk.
void leave_private_folder(const std::string& folder, bool keeps_logs);

}  // namespace morrow::worker
