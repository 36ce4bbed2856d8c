// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/client/link.h"
#include "wire/frame.h"
#include "wire/socket.h"

namespace morrow::runtime {

/// Finds a worker of this machine that answers: knocks at the sockets of a cluster, one a moment after the other, and
/// listens at all of them at once. For one thread.
class Knocks {
 public:
  /// A worker that answered, and takes a HELLO now.
  struct Answer {
    wire::Fd socket;
    std::string path;
    std::string error;  ///< not empty: it does not want us, with this sentence
  };

  explicit Knocks(std::string cluster) : cluster_(std::move(cluster)) {}

  /// The first answer; none by the deadline, or when nobody is left that could. Sockets in `except` are left out. What
  /// was knocked at and did not answer yet is listened to by the next call. \throws std::runtime_error when the folder
  /// of the sockets is another user's
  std::optional<Answer> first(const std::set<std::string>& except, Clock::time_point deadline);
  /// Hangs up everywhere.
  void clear() { knocks_.clear(); }
  /// A sentence about a worker that did not answer, or why none could be asked; empty: there is none.
  std::string silent() const;

 private:
  /// A connection on which nothing came yet.
  struct Knock {
    std::string path;
    wire::Fd socket;
    wire::FrameReader frames;
    bool gone = false;
    bool answered = false;
    std::string error;
  };

  std::vector<std::string> fresh(const std::set<std::string>& except) const;
  void knock(const std::string& path);
  void listen(Clock::time_point until);
  static void hear(Knock& knock);

  const std::string cluster_;
  std::vector<Knock> knocks_;
  std::string trouble_;  ///< why one of the last could not be knocked at
};

}  // namespace morrow::runtime
