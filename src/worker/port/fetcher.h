// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include "control/cluster.h"
#include "wire/http_pool.h"

namespace morrow::worker {

/// Gets objects from other workers, straight into memory. Thread-safe.
class Fetcher {
 public:
  /// What became of a transfer.
  enum class End {
    kWhole,   ///< it is there, and its checksum is right
    kBusy,    ///< others get it now: ask again a moment later, when they have it. With a sentence: no port hears now
    kAbsent,  ///< none of them has it
    kFailed,  ///< the sentence says why
  };
  /// Called on a thread of this when an object came damaged.
  using Damaged = std::function<void(const std::string& sentence)>;
  using Done = std::function<void(End end, std::string sentence)>;

  explicit Fetcher(Damaged damaged = nullptr);
  /// Gives up all that is under way; no `done` is called for transfers that have not begun.
  ~Fetcher();
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;

  /// From one of these workers, in a random order; large ones in several ranges at once. `done` is called on a thread
  /// of this.
  void fetch(std::vector<wire::Endpoint> holders, std::uint64_t number, std::span<std::byte> into, Done done);

  /// What another worker says to the question whether it will hold a value too.
  enum class Copied {
    kHere,     ///< it has it
    kRefused,  ///< it can't; the sentence says why
    kBusy,     ///< it hears nobody now: ask again a moment later
    kUnknown,  ///< it did not answer: it may be about to have it
  };
  /// Has that worker get a copy of the value. `done` is called on a thread of this.
  void have_copied(wire::Endpoint worker, const control::HeldValue& value,
                   std::function<void(Copied, std::string sentence)> done);

  /// The answers of these workers (at least one) to a GET, in their order; empty: it gave none within a moment. All are
  /// asked at once. `done` is called on a thread of this.
  void ask_all(std::vector<wire::Endpoint> workers, const std::string& target, std::size_t most_bytes,
               std::function<void(std::vector<std::string>)> done);

 private:
  std::string ask(const wire::Endpoint& worker, const std::string& target, std::size_t most_bytes);
  End fetch_from(wire::HttpConnection& connection, std::uint64_t number, std::span<std::byte> into,
                 std::string& sentence);
  End read(wire::HttpConnection& connection, const wire::HttpResponse& response, std::uint64_t number,
           std::span<std::byte> into, std::size_t first, std::string& sentence);

  Damaged damaged_;
  std::atomic<bool> stop_ = false;
  wire::HttpPool connections_;
  wire::HttpPool asking_;
  boost::asio::thread_pool threads_;
  boost::asio::thread_pool askers_;  ///< of their own: people wait, and fetching may take long
};

}  // namespace morrow::worker
