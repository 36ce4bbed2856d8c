// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Where the `morrow` command was installed with these headers: `cmake --install` writes this file anew, and defines
/// MORROW_INSTALLED_COMMAND here. In the tree nothing is installed.
