// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

/// Real processes for system tests: clusters in folders of their own, workers, drivers.
namespace morrow::test {

struct Result {
  int status = -1;  ///< exit status; 128 + signal when it was killed
  bool timed_out = false;
  std::string out;
  std::string err;
};

using Environment = std::map<std::string, std::string>;

/// A process that the test started; killed by its pid when the object goes.
class Process {
 public:
  Process(const std::vector<std::string>& arguments, const Environment& environment, const std::string& folder = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  /// Waits until its error output or output holds `text`.
  bool wait_for_text(const std::string& text, std::chrono::seconds limit = std::chrono::seconds(30));
  Result wait(std::chrono::seconds limit = std::chrono::seconds(240));
  bool running();
  std::string out();
  std::string err();

 private:
  pid_t pid_ = -1;
  bool reaped_ = false;
  int status_ = 0;
  std::string out_file_;
  std::string err_file_;
};

/// A cluster's folders, removed at the end, and the programs of the build. At its end it is a failure of the test when
/// a sanitizer found something in any of its processes.
class Cluster {
 public:
  Cluster();
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  /// What processes of this cluster need to find each other. MORROW_CLUSTER is set to `name()`.
  Environment environment() const;
  const std::string& folder() const { return folder_; }
  std::string name() const { return "test"; }
  std::string store_url() const;

  /// Starts a worker; returns when it is ready.
  std::unique_ptr<Process> worker(std::vector<std::string> options = {}, const Environment& more = {});
  /// Runs one of the test programs as a driver of this cluster.
  Result run(const std::vector<std::string>& arguments, Environment more = {});
  std::unique_ptr<Process> start(const std::vector<std::string>& arguments, Environment more = {});
  /// `morrow status`
  std::string status();
  /// Waits until `morrow status` holds `text`.
  bool wait_for_status(const std::string& text);
  /// What sanitizers say of crashes is no failure in this test: it crashes on purpose.
  void expect_crashes() { crashes_expected_ = true; }
  /// Keys in the store, without those that a living worker keeps for itself.
  std::size_t keys();
  /// The same once no session is left and the scenario program's image, which stays, has been uploaded.
  std::size_t keys_with_image();

 private:
  std::string sanitizer_reports() const;
  std::string folder_;
  bool crashes_expected_ = false;
};

/// The folder of the built programs.
std::string bin();
/// The scenario program.
std::string scenarios();

/// The processes that descend from `pid`, without those that have ended.
std::vector<pid_t> descendants(pid_t pid);
/// Whether there is such a process and it has not ended. One whose end nobody has asked for yet has ended: orphans go
/// to init, and some look only every few seconds, or never.
bool lives(pid_t pid);
/// Whether all of them end in time; the message says what each that is left is doing.
testing::AssertionResult end_in_time(const std::vector<pid_t>& pids);

/// Whether `part` is in `text`; the message shows both.
testing::AssertionResult has(const std::string& text, const std::string& part);

bool eventually(const std::function<bool()>& condition, std::chrono::seconds limit = std::chrono::seconds(30));

}  // namespace morrow::test
