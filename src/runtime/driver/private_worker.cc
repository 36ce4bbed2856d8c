// SPDX-License-Identifier: Apache-2.0
#include "runtime/driver/private_worker.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <vector>

#include <morrow/error.h>

#include "base/environment.h"
#include "base/exit_status.h"
#include "base/trusted_path.h"
#include "runtime/backend/refusals.h"
#include "runtime/driver/find_command.h"

namespace morrow::runtime {

namespace {

constexpr int kPollMs = 5;
constexpr int kPatienceMs = 5'000;

/// In the first of these that is a folder in which nobody else could put another in its place. \throws SessionError
std::string make_folder(const std::string& prefix, const std::vector<std::string>& places) {
  std::string why;
  for (const std::string& place : places) {
    if (place.empty()) continue;
    const auto trusted = base::trusted_path(place);
    std::string folder = place + "/" + prefix + "-XXXXXX";
    if (trusted && mkdtemp(folder.data()) != nullptr) return folder;
    why = trusted ? place + ": " + std::strerror(errno) : trusted.problem();
  }
  throw SessionError("a private worker needs a temporary folder, and none can be made: " + why);
}

/// For the values that do not fit in memory: on a disk, which the folder of sockets seldom is.
std::string make_spill_folder(const SessionOptions& options) {
  const std::string prefix = "morrow-private-spill";
  if (!options.spill_folder.empty()) return make_folder(prefix, {options.spill_folder});
  return make_folder(prefix, {base::environment("TMPDIR"), "/var/tmp", "/tmp"});
}

std::string number(double value) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.15g", value);
  return text.data();
}

std::vector<std::string> resource_arguments(const SessionOptions& options) {
  check_amounts(options);
  std::vector<std::string> arguments;
  const auto add = [&arguments](const char* option, const std::string& value) {
    arguments.emplace_back(option);
    arguments.push_back(value);
  };
  if (options.cpus) add("--cpus", number(options.cpus->value()));
  if (options.memory) add("--memory", std::to_string(options.memory->value()));
  if (options.gpus) add("--gpus", number(options.gpus->value()));
  for (const auto& [name, amount] : options.resources) add("--resource", name + "=" + number(amount.value()));
  if (options.object_memory) add("--object-memory", std::to_string(options.object_memory->value()));
  return arguments;
}

}  // namespace

PrivateWorker::PrivateWorker(const SessionOptions& options) : command_(find_command()) {
  refuse_to_be_worker();
  const std::vector<std::string> resources = resource_arguments(options);
  folder_ = make_folder("morrow-private", {base::environment(base::kRuntimeDirVariable), "/tmp"});
  const Folders unless_started{*this};
  spill_folder_ = make_spill_folder(options);
  auto [ours, theirs] = wire::socket_pair(false);
  socket_ = std::move(ours);
  std::vector<std::string> arguments{command_,      "worker",       "--private",
                                     folder_,       "--private-fd", std::to_string(theirs.get()),
                                     "--spill-dir", spill_folder_};
  arguments.insert(arguments.end(), resources.begin(), resources.end());
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, theirs.get(), theirs.get());  // the same number: it is inherited
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  // A session of its own: the terminal's Ctrl-C is for the driver, whose end it sees by the connection.
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  const int error = posix_spawn(&pid_, command_.c_str(), &actions, &attributes, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    pid_ = -1;
    throw SessionError("the private worker " + command_ + " can't be started: " + std::strerror(error));
  }
}

bool PrivateWorker::reap(bool wait_for_it) {
  if (ended_ || pid_ < 0) return true;
  pid_t got = 0;
  while ((got = waitpid(pid_, &status_, wait_for_it ? 0 : WNOHANG)) < 0 && errno == EINTR) {
  }
  if (got < 0) status_ = 0;  // the program reaps its children itself, or ignores them
  ended_ = got != 0;
  return ended_;
}

std::string PrivateWorker::ending() {
  for (int waited = 0; !reap(false) && waited < 1'000; waited += kPollMs) poll(nullptr, 0, kPollMs);
  if (!ended_) return "closed the connection";
  return base::describe_exit(status_);
}

PrivateWorker::~PrivateWorker() {
  socket_.reset();
  for (int waited = 0; !reap(false) && waited < kPatienceMs; waited += kPollMs) poll(nullptr, 0, kPollMs);
  if (!ended_) {
    kill(pid_, SIGKILL);
    reap(true);
  }
  if (status_ == 0) folder_.clear();  // it has removed it, or has left its logs there
  remove_folders();                   // it does so itself, unless it was killed
}

void PrivateWorker::remove_folders() {
  std::error_code ignored;
  for (const std::string& folder : {folder_, spill_folder_}) {
    if (!folder.empty()) std::filesystem::remove_all(folder, ignored);
  }
}

}  // namespace morrow::runtime
