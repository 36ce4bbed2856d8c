// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace morrow::runtime {

/// Has SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT leave a wire::CrashRecord in `file` (at its current position; a pipe
/// will do) before they take their usual course: a handler that the program had installed runs, or the process
/// dies by the signal, so that its exit status tells it. Handlers installed later replace ours. A process that this one
/// forks leaves no record.
///
/// Call from the thread that runs the tasks: it gets an alternate stack, so that the end of its stack can be told as
/// well. A thread of the user's whose stack ends dies with no record, unless it has an alternate stack itself.
void install_crash_handlers(int file);

}  // namespace morrow::runtime
