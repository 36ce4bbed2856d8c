// SPDX-License-Identifier: Apache-2.0
#include "worker/worker_main.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>

#include "base/defer.h"
#include "control/sources.h"
#include "data/spill.h"
#include "wire/addresses.h"
#include "wire/join_url.h"
#include "wire/paths.h"
#include "wire/socket.h"
#include "worker/door.h"
#include "worker/last_words.h"
#include "worker/logs/logs.h"
#include "worker/machine.h"
#include "worker/pool/process/control_groups.h"
#include "worker/pool/process/executor_groups.h"
#include "worker/pool/process/undertaker.h"
#include "worker/pool/process/visible_devices.h"
#include "worker/pool/program/files.h"
#include "worker/port/port.h"
#include "worker/private_folder.h"
#include "worker/shell/failure_messages.h"
#include "worker/shell/shell.h"

namespace morrow::worker {

namespace {

constexpr std::chrono::hours kKeepPrograms{30 * 24};
constexpr int kSecondSignal = 130;

/// Holds back the signals to stop while nobody is there to hear them: while it starts, and while it joins again.
void hold_signals(bool hold) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &signals, nullptr);
}

void set_up_process() {
  signal(SIGPIPE, SIG_IGN);
  hold_signals(true);
#if defined(NDEBUG) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // Tasks run as the same user: they shall not look into the worker's memory.
  prctl(PR_SET_DUMPABLE, 0);
#endif
}

ShellOptions shell_options(const WorkerOptions& options) {
  ShellOptions shell;
  shell.cluster = options.cluster;
  shell.lease_ms = options.lease_ms;
  shell.hand_over_ms = options.hand_over_ms;
  shell.inline_store = options.inline_store;
  shell.knobs.executor_cap = options.executor_cap;
  shell.knobs.heartbeat = std::min<Time>(shell.knobs.heartbeat, options.lease_ms * 1'000'000 / 10);
  shell.info.host = machine_name();
  shell.info.pid = getpid();
  shell.info.total = options.total;
  const ControlGroups groups;
  const std::uint64_t memory = machine_memory_bytes(groups);
  shell.objects.disk_most = options.spill_limit;
  shell.objects.memory = options.object_memory != 0 ? options.object_memory : object_memory_of(memory);
  if (shell.info.total.cpu_micro == 0) shell.info.total.cpu_micro = machine_cpu_micro(groups);
  if (shell.info.total.memory == 0) shell.info.total.memory = task_memory_of(memory, shell.objects.memory);
  const auto environment = [](const char* variable) -> std::optional<std::string> {
    const char* value = std::getenv(variable);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  std::optional<unsigned> asked;
  if (!options.all_gpus) asked = static_cast<unsigned>(options.total.gpu_micro / control::kOneMicro);
  shell.devices = VisibleDevices(environment, devices_of_machine(), asked);
  shell.info.total.gpu_micro = control::kOneMicro * shell.devices.count();
  return shell;
}

/// Empty: the store has none.
std::string folder_of_store(const std::string& url) {
  constexpr std::string_view kLmdb = "lmdb:";
  return url.starts_with(kLmdb) ? url.substr(kLmdb.size(), url.find('?') - kLmdb.size()) : "";
}

/// A full disk would stop the store, and with it the whole cluster.
void leave_disk_to_store(ShellOptions& shell) {
  const std::string folder = folder_of_store(shell.store_url);
  if (!folder.empty()) shell.objects.disk_to_leave = data::disk_to_leave(shell.objects.spill_folder, folder);
}

/// The worker was started by nohup, or so: it is to outlive its terminal.
bool ignores_hang_up() {
  struct sigaction action {};
  return sigaction(SIGHUP, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

/// Says so when the start takes long, since the store may be away or held by another process, and ends the process when
/// it is told to stop then. Nothing was taken in by then.
class SignalsWhileStarting {
 public:
  SignalsWhileStarting(Logs& logs, std::string socket_path, std::string store)
      : logs_(logs), socket_path_(std::move(socket_path)), store_(std::move(store)) {
    thread_ = std::thread([this] { run(); });
  }
  ~SignalsWhileStarting() {
    started_ = true;
    thread_.join();
  }
  SignalsWhileStarting(const SignalsWhileStarting&) = delete;
  SignalsWhileStarting& operator=(const SignalsWhileStarting&) = delete;

 private:
  static constexpr std::chrono::milliseconds kTick{20};
  static constexpr std::chrono::seconds kPatience{3};
  static constexpr std::chrono::seconds kSayAfter{2};

  void run() {
    std::chrono::milliseconds pending{0};
    const auto begin = std::chrono::steady_clock::now();
    bool said = false;
    while (!started_) {
      std::this_thread::sleep_for(kTick);
      if (std::chrono::steady_clock::now() - begin >= kSayAfter && !std::exchange(said, true))
        logs_.warn("it is still starting: the store " + store_ +
                   " does not answer; a process that is stopped may hold it, or its disk be away");
      sigset_t signals;
      sigemptyset(&signals);
      sigpending(&signals);
      const bool told = sigismember(&signals, SIGINT) == 1 || sigismember(&signals, SIGTERM) == 1 ||
                        (sigismember(&signals, SIGHUP) == 1 && !ignores_hang_up());
      if (told) pending += kTick;
      if (pending < kPatience) continue;
      logs_.warn("told to stop while it waited for the store: it ends");
      logs_.flush();
      if (!socket_path_.empty()) unlink(socket_path_.c_str());
      _exit(0);
    }
  }

  Logs& logs_;
  std::string socket_path_;
  std::string store_;
  std::atomic<bool> started_ = false;
  std::thread thread_;
};

/// Calls `stop` at the first signal; the second ends the process at once (its executors go with it). A hang-up is never
/// the second: who closes a session sends several.
class Signals {
 public:
  Signals(boost::asio::io_context& io, Shell& shell, std::string socket_path)
      : signals_(io, SIGINT, SIGTERM), shell_(shell), socket_path_(std::move(socket_path)) {
    if (!ignores_hang_up()) signals_.add(SIGHUP);
    wait();
    hold_signals(false);
  }
  ~Signals() { hold_signals(true); }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  void wait() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error) return;
      if (signal != SIGHUP && std::exchange(stopping_, true)) {
        if (!socket_path_.empty()) unlink(socket_path_.c_str());
        _exit(kSecondSignal);
      }
      shell_.stop();
      wait();
    });
  }

  boost::asio::signal_set signals_;
  Shell& shell_;
  std::string socket_path_;
  bool stopping_ = false;
};

int exit_status(Shell::End end) { return end == Shell::End::kBroken ? 1 : 0; }

int run_private(const WorkerOptions& options) {
  // The terminal's Ctrl-C is for the driver; we end when it does.
  setsid();
  Undertaker undertaker;
  bool keeps_logs = false;
  const base::Defer removes_folder([&] { leave_private_folder(options.private_folder, keeps_logs); });
  undertaker.remove_at_end(options.private_folder);
  if (!options.spill_folder.empty()) undertaker.remove_at_end(options.spill_folder);
  const base::Defer removes_spill_folder([&] { rmdir(options.spill_folder.c_str()); });  // when it is empty then
  wire::Fd driver(options.private_fd);
  if (fcntl(driver.get(), F_SETFD, FD_CLOEXEC) != 0) throw std::runtime_error("--private-fd is not an open descriptor");
  Logs logs({private_logs(options.private_folder), true});
  const LastWords last_words(logs);
  ShellOptions shell = shell_options(options);
  shell.private_worker = true;
  shell.undertaker = &undertaker;
  shell.store_url = options.store_url.empty() ? "lmdb:" + options.private_folder + "/store" : options.store_url;
  shell.cache_folder = options.private_folder + "/images";
  shell.info.name = options.name.empty() ? shell.info.host : options.name;
  shell.objects.owner = shell.info.name;
  shell.objects.spill_folder =
      options.spill_folder.empty() ? options.private_folder + "/objects" : options.spill_folder;
  leave_disk_to_store(shell);
  boost::asio::io_context io(1);
  Shell worker(io, std::move(shell), logs);
  worker.join();
  const Signals signals(io, worker, "");
  // What the driver has forked may hold the connection open when the driver is gone.
  boost::asio::posix::stream_descriptor driver_process(io);
  wire::Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, wire::peer_of(driver.get()).pid, 0)));
  worker.adopt(std::move(driver));
  if (pidfd) {
    driver_process.assign(pidfd.release());
    driver_process.async_wait(driver_process.wait_read, [&worker](const boost::system::error_code& error) {
      if (!error) worker.stop();
    });
  }
  const Shell::End end = worker.run();
  keeps_logs = logs.kept();
  undertaker.remove_nothing();  // what is to go goes now
  return exit_status(end);
}

/// `kept` is what the one before this has kept, and then what this one has.
Shell::End run_once(const WorkerOptions& options, Logs& logs, Door& door, Undertaker& undertaker,
                    ExecutorGroups& groups, const std::string& state, KeptValues& kept) {
  ShellOptions shell = shell_options(options);
  shell.undertaker = &undertaker;
  shell.groups = &groups;
  shell.store_url = store_of(options, state);
  if (const std::string folder = folder_of_store(shell.store_url); !folder.empty())
    shell.key_file = folder + "/program.key";
  shell.look_at_door = [&door, &logs] { return door.look(logs); };
  shell.cache_folder = state + "/images";
  forget_old_programs(shell.cache_folder, kKeepPrograms);
  shell.info.name = door.name();
  shell.objects.owner = door.name();
  shell.objects.spill_folder = options.spill_folder.empty() ? state + "/objects" : options.spill_folder;
  leave_disk_to_store(shell);
  shell.kept = std::exchange(kept, {});
  shell.info.socket = door.path();
  boost::asio::io_context io(1);
  shell.port = wire::listen_tcp(options.address, options.port);
  // What it listens on, not what was written: there are many ways to write "all addresses".
  std::string listens = wire::local_address(shell.port.get());
  std::string host;
  std::uint16_t port = 0;
  wire::parse_address(listens, host, port);
  const bool loopback = wire::is_loopback(host);
  shell.encrypt = !options.insecure && !loopback;
  if (const std::string reached = wire::reachable_address(host); reached != host) {
    const bool v6 = reached.find(':') != std::string::npos;
    listens = (v6 ? "[" + reached + "]" : reached) + ":" + std::to_string(port);
  }
  shell.info.address = std::string(shell.encrypt ? "https://" : "http://") + listens;
  if (options.insecure && !loopback) {
    logs.warn("what is said on " + shell.info.address +
              ", the cluster's token too, can be read by everybody on its network: --insecure");
  }
  const std::string total = shell.info.total.text();
  const std::string reached = "; " + shell.info.address;
  std::optional<SignalsWhileStarting> starting(std::in_place, logs, door.path(), shell.store_url);
  Shell worker(io, std::move(shell), logs);
  worker.listen(door.copy());  // a copy: the door stays open when this worker was fenced and joins again
  worker.join();
  starting.reset();
  const Signals signals(io, worker, door.path());
  logs.say("worker " + door.name() + " of cluster " + options.cluster + " is ready: " + total + "; socket " +
           door.path() + "; logs in " + logs.folder() + reached);
  const Shell::End end = worker.run();
  if (end == Shell::End::kFenced) kept = worker.keep();
  return end;
}

}  // namespace

int run_worker(const WorkerOptions& options) {
  set_up_process();
  control::sources::encode_failure = encode_failure;
  if (!options.private_folder.empty()) return run_private(options);
  wire::check_name("cluster", options.cluster);
  // Before there are other processes, which would be in another group, and these before all that takes memory, threads
  // or descriptors.
  ExecutorGroups groups(ControlGroups().own(), getpid(), ExecutorGroups::means());
  Undertaker undertaker;
  const std::string state = wire::state_folder(options.cluster, true);
  Door door(options, identity_of(store_of(options, state)));
  undertaker.remove_at_end(door.path());
  undertaker.remove_at_end(wire::store_note(door.path()));
  Logs logs({state + "/logs/" + door.name(), options.quiet});
  const LastWords last_words(logs);
  if (groups.active()) {
    logs.say(std::string("each executor has a control group of its own") +
             (groups.limits_memory() ? ", which holds it to the memory that its task asked for" : ""));
  }
  KeptValues kept;
  for (;;) {
    const Shell::End end = run_once(options, logs, door, undertaker, groups, state, kept);
    if (end != Shell::End::kFenced) {
      logs.say("worker " + door.name() + " has ended");
      return exit_status(end);
    }
    logs.say("it joins the cluster again");
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

}  // namespace morrow::worker
