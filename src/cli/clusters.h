// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/table.h"

namespace morrow::cli {

/// The clusters of this user on this machine, by name: those with workers, and those that have none now but left a
/// store or logs.
Rows clusters_of_this_machine();
Columns cluster_columns();

}  // namespace morrow::cli
