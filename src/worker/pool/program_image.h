// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "base/result.h"
#include "wire/messages.pb.h"
#include "worker/pool/context.h"
#include "worker/pool/process/launch.h"
#include "worker/pool/program/cached_file.h"

namespace morrow::worker {

/// Finds out how to start a program: reads its record, and takes its files from where the driver has them, when they
/// are still the same, else from the store by way of the cache. Owned by a shared_ptr; not thread-safe.
class ProgramImage : public std::enable_shared_from_this<ProgramImage> {
 public:
  /// Gets the plan; a problem is a clause without the program's name.
  using Done = std::function<void(base::Result<LaunchPlan> plan)>;

  ProgramImage(PoolContext& pool, std::string key);

  /// Answers later, from the io_context. One at a time. Looks at the files anew each time: they may have changed.
  void prepare(Done done);

  /// No answer comes any more.
  void abandon();

  void add_hint(std::int64_t driver_pid) { hints_.insert(driver_pid); }

  /// The modules, by which the executor checks itself. After `prepare`.
  const wire::Program& program() const { return program_; }

  /// For people: the executable's name, or the key while the record was not read.
  std::string name() const;

 private:
  struct Findings;
  void read_record();
  void find_files();
  void fetch_next();
  void fetch_chunks(std::uint32_t from);
  void drop_file(const std::string& why);
  void finish_plan();
  void fail(base::Problem problem);
  void retry(base::Problem problem, void (ProgramImage::*step)());
  void ask_store(std::function<void(store::Store&, Findings&)> job, std::function<void(base::Result<Findings>)> done);
  std::string original_of(const wire::Module& module, bool executable) const;
  std::string key_of_libraries() const;
  void link_libraries() const;

  PoolContext& pool_;
  std::string key_;
  std::set<std::int64_t> hints_;
  bool read_ = false;
  wire::Program program_;
  Done done_;
  std::chrono::steady_clock::time_point give_up_;
  boost::asio::steady_timer timer_;

  std::string executable_;  // empty: not decided yet
  bool copied_libraries_ = false;
  std::string library_folder_;
  std::vector<int> missing_;  // modules to be findings
  std::unique_ptr<CachedFile> file_;
  std::uint32_t chunks_ = 0;
};

}  // namespace morrow::worker
