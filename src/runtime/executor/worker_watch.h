// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace morrow::runtime {

/// From here on this process ends soon after the worker at the other end of `channel` is gone, with all that it has
/// started, also while a task runs. Starts a thread; `channel` stays open as long as the process lives.
void end_with_worker(int channel);

}  // namespace morrow::runtime
