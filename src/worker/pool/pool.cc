// SPDX-License-Identifier: Apache-2.0
#include "worker/pool/pool.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "base/invariant.h"
#include "base/must.h"
#include "base/process_facts.h"

#include "worker/pool/context.h"
#include "worker/pool/executor_link.h"
#include "worker/pool/program_door.h"
#include "worker/pool/program_runner.h"

namespace morrow::worker {

namespace {

constexpr std::size_t kReadBytes = 256u << 10;  // of an executor's socket at once; one buffer serves all

// Each executor has five descriptors here. Programs get the limit that was there before.
std::uint64_t raise_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const auto before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  return before;
}

}  // namespace

/// The programs by their key, and the executors by their number.
class ExecutorPool::Impl {
 public:
  Impl(boost::asio::io_context& io, StoreJob store, ExecutorEvents& events, PoolOptions options)
      : context{.io = io,
                .store = std::move(store),
                .events = events,
                .options = std::move(options),
                .reaper = ProcessReaper(io),
                .open_files = raise_open_files(),
                .buffer = std::vector<char>(kReadBytes),
                .forget = [this](ExecutorProcess id) { base::must_erase(links, id, "an executor is forgotten once"); }},
        door(io, [this](pid_t asker, wire::Fd connection) { find_program_of(asker, std::move(connection)); }) {}

  ~Impl() {
    for (const auto& [key, runner] : programs) runner->end_now();
    programs.clear();
    for (const auto& [id, link] : links) {
      link->kill_now();
      link->wait_now();
      link->drop();
    }
    context.reaper.end_all();
  }

  ExecutorLink* find(ExecutorProcess id) const {
    const auto found = links.find(id);
    return found == links.end() ? nullptr : found->second.get();
  }

  ProgramRunner& program(const std::string& key) {
    auto& runner = programs[key];
    if (!runner) runner = std::make_shared<ProgramRunner>(context, key);
    return *runner;
  }

  /// Gives a process that asks its channel back, when it is one of a program that is being started. The nearest such
  /// program above it counts. Others get no answer but the end of the connection.
  void find_program_of(pid_t asker, wire::Fd connection) {
    for (const pid_t pid : base::with_ancestors(asker)) {
      if (pid == getpid()) return;
      for (const auto& [key, runner] : programs) {
        if (runner->take_back(pid, asker, connection)) return;
      }
    }
  }

  PoolContext context;
  [[maybe_unused]] ProgramDoor door;  // held
  std::uint32_t last = 0;
  std::unordered_map<ExecutorProcess, std::shared_ptr<ExecutorLink>> links;
  std::map<std::string, std::shared_ptr<ProgramRunner>> programs;
  std::vector<ExecutorProcess> unwritten;
};

ExecutorPool::ExecutorPool(boost::asio::io_context& io, StoreJob store, ExecutorEvents& events, PoolOptions options)
    : impl_(std::make_unique<Impl>(io, std::move(store), events, std::move(options))) {}

ExecutorPool::~ExecutorPool() = default;

ExecutorProcess ExecutorPool::start(const std::string& program, const std::vector<unsigned>& devices) {
  ++impl_->last;
  const ExecutorProcess id{impl_->last};
  const auto link = std::make_shared<ExecutorLink>(impl_->context, id, devices);
  const bool is_new = impl_->links.emplace(id, link).second;
  MORROW_INVARIANT(is_new, "an executor's number is never used again", id);
  impl_->program(program).start(link);
  return id;
}

void ExecutorPool::send(ExecutorProcess executor, wire::FrameType type, const google::protobuf::MessageLite& message) {
  auto* link = impl_->find(executor);
  if (link != nullptr && link->send(type, message)) impl_->unwritten.push_back(executor);
}

void ExecutorPool::flush() {
  for (const ExecutorProcess id : impl_->unwritten) {
    if (auto* link = impl_->find(id)) link->flush();
  }
  impl_->unwritten.clear();
}

void ExecutorPool::offer(ExecutorProcess executor, std::uint32_t slot, std::uint32_t generation) {
  if (auto* link = impl_->find(executor)) link->words().offer(slot, generation);
}

void ExecutorPool::collect_results(ExecutorProcess executor) {
  auto* link = impl_->find(executor);
  if (link != nullptr) link->collect_results();
}

bool ExecutorPool::revoke(ExecutorProcess executor, std::uint32_t slot, std::uint32_t generation) {
  auto* link = impl_->find(executor);
  return link != nullptr && link->words().revoke(slot, generation);
}

bool ExecutorPool::taken(ExecutorProcess executor, std::uint32_t slot, std::uint32_t generation) const {
  auto* link = impl_->find(executor);
  return link != nullptr && link->words().taken(slot, generation);
}

std::optional<pid_t> ExecutorPool::pid(ExecutorProcess executor) const {
  const auto* link = impl_->find(executor);
  return link == nullptr ? std::nullopt : link->pid();
}

void ExecutorPool::drain_output(ExecutorProcess executor) {
  if (auto* link = impl_->find(executor)) link->drain_output();
}

void ExecutorPool::kill(ExecutorProcess executor) {
  if (auto* link = impl_->find(executor)) link->kill();
}

void ExecutorPool::program_hint(const std::string& program, std::int64_t driver_pid) {
  impl_->program(program).add_hint(driver_pid);
}

void ExecutorPool::retire(const std::string& program, bool wanted) {
  const auto found = impl_->programs.find(program);
  if (found == impl_->programs.end() || !found->second->is_unused()) return;
  found->second->end_processes();
  if (!wanted) impl_->programs.erase(found);
}

std::size_t ExecutorPool::size() const { return impl_->links.size(); }

}  // namespace morrow::worker
