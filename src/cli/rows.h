// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/table.h"
#include "wire/messages.pb.h"

/// What workers tell, as rows: the same fields wherever it is shown. Times and sizes have their unit in the name.
namespace morrow::cli {

Row row_of(const wire::FutureInfo& future);
Row row_of(const wire::SessionInfo& session);
Row row_of(const wire::WorkerStatus& worker);

/// How people read these.
Columns future_columns();
Columns session_columns();
Columns worker_columns();

}  // namespace morrow::cli
