// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

/// The hops and store transactions of a short future with no Morrow around them.
namespace morrow::bench {

/// Three processes: this one as the driver, one in the worker's place and one in the executor's. A call goes to the
/// worker over a unix socket, to the executor over another, and back; the worker writes a record for it, and clears the
/// record of the call a window before it, in one LMDB transaction for all that finished together; then it answers.
/// Used by one thread.
class FloorChain {
 public:
  /// `window`: how many calls will be in flight at most. \throws std::runtime_error
  explicit FloorChain(std::uint64_t window);
  ~FloorChain();
  FloorChain(const FloorChain&) = delete;
  FloorChain& operator=(const FloorChain&) = delete;

  /// Sends `count` calls and waits for all answers. \throws std::runtime_error when a process of the chain is gone
  void call(std::size_t count);

 private:
  std::string folder_;
  int socket_ = -1;
  pid_t worker_ = -1;
  std::uint64_t next_ = 0;
};

}  // namespace morrow::bench
