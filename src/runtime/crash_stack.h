#pragma once

namespace morrow::runtime {

/// Has SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT leave a wire::CrashRecord in `file` (at its current position) before they kill the process as they would have: so the
/// exit status tells the signal still. Handlers that the program installs itself later replace it. Call once, from the main thread, which gets an alternate
/// stack, so that the end of its stack can be told too.
void install_crash_handlers(int file);

}  // namespace morrow::runtime
