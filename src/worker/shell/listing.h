// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "wire/messages.pb.h"
#include "worker/shell/means.h"
#include "worker/shell/why.h"

namespace morrow::worker {

/// Futures and sessions for people, each future with the reason why it is where it is: of this worker's own tasks from
/// its memory, of all others as the store has them; with `failures` of this worker, whose futures may be gone. `then`
/// is called once, on the main thread.
void list_for_people(const wire::ListRequest& request, const Why& why, const std::vector<TaskSeen>& own,
                     const std::vector<wire::FutureInfo>& failures, const PostToStore& post,
                     const std::function<void(const wire::ListReply&)>& then);

}  // namespace morrow::worker
