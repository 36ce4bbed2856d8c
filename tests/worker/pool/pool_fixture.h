// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "store/store.h"
#include "worker/pool/pool.h"

namespace morrow::worker {

/// What the pool told about one executor.
struct Heard {
  bool ready = false;
  std::optional<ExecutorExit> exit;
  std::vector<wire::TaskDone> done;
  std::string output;
  std::string errors;
  std::size_t after_exit = 0;  ///< words after the last word
};

/// A pool over a store in memory, programs to start, and what was heard.
class PoolTest : public testing::Test, public ExecutorEvents {
 protected:
  PoolTest();
  ~PoolTest() override;

  void executor_ready(ExecutorProcess executor) override;
  void executor_exited(ExecutorProcess executor, const ExecutorExit& exit) override;
  void executor_frame(ExecutorProcess executor, wire::FrameType type, std::string_view payload) override;
  void executor_output(ExecutorProcess executor, bool to_stderr, std::string_view text) override;
  void program_failed(const std::string& program, const std::string& sentence) override;

  void make_pool(std::uint64_t reach_session_ms = 20'000);

  /// A module as the driver would describe the file.
  static wire::Module module_of(const std::string& path);
  /// Puts a program into the store; returns its key. `file` is run as argument 0 with `how` as argument 1.
  std::string add_program(const std::string& file, const std::string& how,
                          const std::function<void(wire::Program&)>& change = {});
  void upload(const std::string& path);

  /// Runs until `done`, at most 60 s.
  testing::AssertionResult run_until(const std::function<bool()>& done);
  testing::AssertionResult run_until_ready(ExecutorProcess executor);
  testing::AssertionResult run_until_exited(ExecutorProcess executor);
  testing::AssertionResult run_until_failed();

  /// Offers and sends a task.
  void task(ExecutorProcess executor, const std::string& what, const std::string& payload = {});
  /// The same, and waits for its answer.
  std::string ask(ExecutorProcess executor, const std::string& what, const std::string& payload = {});

  static bool lives(pid_t pid);
  static std::vector<pid_t> children();

  boost::asio::io_context io_;
  std::unique_ptr<store::Store> store_;
  std::filesystem::path folder_;
  std::map<ExecutorProcess, Heard> heard_;
  std::vector<std::string> failures_;
  std::string printed_;
  std::uint32_t generation_ = 0;
  int program_number_ = 0;
  std::size_t store_jobs_ = 0;
  std::unique_ptr<ExecutorPool> pool_;
};

}  // namespace morrow::worker
