// SPDX-License-Identifier: Apache-2.0
#include "runtime/client/random.h"

#include <sys/random.h>

#include <cerrno>
#include <system_error>

namespace morrow::runtime {

std::uint64_t random_id() {
  std::uint64_t number = 0;
  while (number == 0) {
    const ssize_t got = getrandom(&number, sizeof(number), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got != sizeof(number)) throw std::system_error(errno, std::generic_category(), "cannot draw a random number");
  }
  return number;
}

}  // namespace morrow::runtime
