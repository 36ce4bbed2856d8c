// SPDX-License-Identifier: Apache-2.0
// A future that nobody keeps is warned of, unless that is said to be meant.
#include <morrow/morrow.h>

int main() {
  const morrow::Session session;
#ifdef FORGOTTEN
  morrow::submit([] {});
#else
  morrow::submit([] {}).unattended();
  morrow::submit({.cpus = 2}, [] { return 1; }).get();
  const auto kept = morrow::submit([] { return 1; });
  kept.release();
  morrow::submit([] {}).cancel();
#endif
  morrow::wait_all();
}
