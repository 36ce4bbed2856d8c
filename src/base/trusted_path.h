// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sys/stat.h>

#include "base/result.h"

/// Whether a file may be run, read or written as if it were this process's own: it may when nobody but this process's
/// user and root can change it, or put another one in its place. A process of root that believes a file of somebody
/// else does what that one wants. The sentences name the path, its owner and what to do.
namespace morrow::base {

/// The path of what stands at the end of `path`, with no link in it. A problem when it is not there, or when it, a link
/// on the way or a folder above belongs to another user than this process's and root, or may be written by others. A
/// group that has nobody but the owner is no other; in a sticky folder, as /tmp is one, each has only what is his own.
Result<std::string> trusted_path(const std::string& path);

/// The same of a folder that must be this user's own, and no sticky one.
Result<std::string> own_folder(const std::string& path);

/// A file in a folder of our own: a problem when it is a link, no plain file or somebody else's; none when there is
/// nothing.
Result<void> check_own_file(const std::string& path);

/// Makes the folder, and those above it that are not there, which nobody else may write whatever the umask is. Returns
/// 0 or the error.
int make_folders(const std::string& path, mode_t mode);

}  // namespace morrow::base
