// SPDX-License-Identifier: Apache-2.0
#include "runtime/executor/fork_server.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <morrow/error.h>

#include "base/process_facts.h"
#include "base/process_tree.h"
#include "runtime/backend/backend.h"
#include "runtime/executor/executor.h"
#include "runtime/executor/start_functions.h"
#include "runtime/executor/worker_watch.h"
#include "runtime/failures/crash_stack.h"
#include "runtime/image/manifest.h"
#include "runtime/image/program.h"
#include "wire/frame.h"

// The problem: a task needs a process of the user's program, at once. To start the program takes as long as its
// loading, its static objects and all that stands before its Session line. And it must be the driver's program to the
// byte, or a function is not where the driver says it is.
//
// So the worker starts the program once. Its Session line finds MORROW_EXECUTOR, the number of a packet socket, and
// serves that for ever (worker_above.cc says what it does when it does not find it):
//
//     worker -> PROGRAM        the modules that the driver has
//            <- PROGRAM_READY  a sentence if ours are others; whether this process can be forked
//            -> FORK           with stream, output, errors, claim words, and the object memory where there is one
//            <- FORKED         with a descriptor of the new process
//            <- EXITED         its wait status
//
// A fork copies only the thread that calls it: a lock that another thread holds, malloc's for one, would be held in the
// child for ever. So the threads are counted before each fork, and a process that has more than one refuses: then each
// executor is a program started anew, which becomes the executor itself (`in_place`). This process has no Client and
// takes no lock of Morrow's between two packets, so a child meets none that is held.
//
// An executor gets signals, limits and devices as the program is to have them, a process group of its own, and the
// pipes as its output. It ends by _exit: the objects of the first process are not destroyed in it. It dies with the
// first process, which kills all executors when the worker is gone.
//
// What tasks have started ends with the executor, also when it has left its session and process group. Executors and
// the first process are subreapers: whoever loses its parent becomes a child of the executor, and when that is dead, of
// this process. So a child that is neither an executor nor was there before the Session line belongs to a dead one, and
// is killed.
//
// Read worker/pool/program_runner.h for the other end, executor.h for what happens then.
namespace morrow::runtime {

namespace {

constexpr std::size_t kThreadStackBytes = 8 << 20;
constexpr int kStatusOfBadStart = 71;
constexpr std::size_t kForkDescriptors = 4;  // and one more where the worker keeps objects

void flush_streams() {
  std::fflush(nullptr);
  std::cout.flush();
}

// The first handler at exit: the status is told by the process's end, and the objects of the first process are not
// destroyed here.
void leave_at_exit(int status, void*) {
  flush_streams();
  _exit(status);
}

/// What the worker asks for: one more executor, with these descriptors.
struct ForkRequest {
  wire::Fork message;
  std::vector<wire::Fd> descriptors;
};

// When memory runs out the kernel ends executors, and what they have started, before anything else: what they did is
// done again. The worker, which others need too, and this program's first process stay.
void be_first_to_go() {
  const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  [[maybe_unused]] const auto size = write(file, "1000", 4);
  close(file);
}

[[noreturn]] void become_executor(ForkRequest request, const std::string& image_key) {
  ExecutorSetup setup;
  setup.stream = std::move(request.descriptors[0]);
  setup.output = std::move(request.descriptors[1]);
  setup.errors = std::move(request.descriptors[2]);
  setup.claim_words = std::move(request.descriptors[3]);
  if (request.descriptors.size() > kForkDescriptors)
    setup.object_memory = std::move(request.descriptors[kForkDescriptors]);
  setup.image_key = image_key;
  setpgid(0, 0);
  be_first_to_go();
  flush_streams();
  dup2(setup.output.get(), STDOUT_FILENO);
  dup2(setup.errors.get(), STDERR_FILENO);
  if (const int null = open("/dev/null", O_RDONLY | O_CLOEXEC); null >= 0) {
    dup2(null, STDIN_FILENO);
    close(null);
  }
  setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  for (const wire::EnvironmentSetting& setting : request.message.environment()) {
    if (setting.has_value())
      setenv(setting.name().c_str(), setting.value().c_str(), 1);
    else
      unsetenv(setting.name().c_str());
  }
  const int crash_record = fcntl(setup.claim_words.get(), F_DUPFD_CLOEXEC, 0);
  lseek(crash_record, wire::ClaimWords::kCrashOffset, SEEK_SET);
  install_crash_handlers(crash_record);
  on_exit(leave_at_exit, nullptr);
  try {
    static Executor* const executor = new Executor(std::move(setup));
    set_backend(executor);
    if (const auto sentence = call_start_functions()) {
      executor->tell_start_failed(*sentence);
      throw std::runtime_error(*sentence);
    }
    executor->run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "morrow: an executor could not start: %s\n", error.what());
    flush_streams();
    _exit(kStatusOfBadStart);
  }
}

/// The first process of a program: forks an executor for each request of the worker.
class ForkServer {
 public:
  explicit ForkServer(wire::Fd channel) : channel_(std::move(channel)) {}

  [[noreturn]] void serve() {
    remember_state();
    for (const pid_t pid : base::children_of(getpid())) helpers_.insert(pid);
    if (!start()) end();
    for (;;) {
      std::array<pollfd, 2> polled{{{channel_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}}};
      if (poll(polled.data(), polled.size(), -1) < 0) continue;
      if (polled[1].revents != 0) reap();
      if (polled[0].revents != 0 && !serve_packet()) end();
    }
  }

 private:
  // Signals of our children come by a descriptor; executors get back the settings of the program.
  void remember_state() {
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &standard, &child_action_);
    sigset_t child_signal;
    sigemptyset(&child_signal);
    sigaddset(&child_signal, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &child_signal, &mask_);
    signals_ = wire::Fd(signalfd(-1, &child_signal, SFD_CLOEXEC | SFD_NONBLOCK));
    // The worker gave the main thread a deep stack by the limit that new threads take theirs from.
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, kThreadStackBytes);
    pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
  }

  void restore_state() {
    signals_.reset();
    sigaction(SIGCHLD, &child_action_, nullptr);
    pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
  }

  // The program that the worker wants, and whether this is it.
  bool start() {
    std::string bytes;
    std::vector<wire::Fd> none;
    if (!wire::receive_packet(channel_.get(), bytes, none)) return false;
    wire::Program program;
    read_packet(bytes, wire::PROGRAM, program);
    image_key_ = image_key(program);
    wire::ProgramReady answer;
    try {
      if (const auto sentence = mismatch(read_manifest(program))) answer.set_error(*sentence);
    } catch (const std::exception& error) {
      answer.set_error(error.what());
    }
    answer.set_can_fork(program.fork_server() && base::count_threads() == 1);
    answer.set_pid(getpid());
    send(wire::PROGRAM_READY, answer);
    return true;
  }

  static void read_packet(std::string_view bytes, wire::FrameType type, google::protobuf::MessageLite& message) {
    wire::FrameReader reader;
    reader.append(bytes);
    const auto frame = reader.next();
    if (!frame || frame->type != type) throw wire::ProtocolError("the worker sent a packet that was not expected");
    wire::parse(message, frame->payload);
  }

  void send(wire::FrameType type, const google::protobuf::MessageLite& message, std::span<const int> descriptors = {}) {
    std::string bytes;
    wire::append_frame(bytes, type, message);
    try {
      wire::send_packet(channel_.get(), bytes, descriptors);
    } catch (const std::system_error& error) {
      if (error.code() == std::errc::broken_pipe || error.code() == std::errc::connection_reset)
        end();  // the worker left
      throw;
    }
  }

  bool serve_packet() {
    std::string bytes;
    ForkRequest request;
    if (!wire::receive_packet(channel_.get(), bytes, request.descriptors)) return false;
    read_packet(bytes, wire::FORK, request.message);
    wire::Forked answer;
    answer.set_executor(request.message.executor());
    if (request.descriptors.size() < kForkDescriptors || request.descriptors.size() > kForkDescriptors + 1) {
      answer.set_error("a fork needs four descriptors");
      send(wire::FORKED, answer);
    } else if (request.message.in_place()) {
      be_executor_here(std::move(request), answer);
    } else {
      fork_executor(std::move(request), answer);
    }
    return true;
  }

  [[noreturn]] void be_executor_here(ForkRequest request, wire::Forked& answer) {
    answer.set_pid(getpid());
    const wire::Fd process(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
    send_forked(answer, process);
    restore_state();
    end_with_worker(channel_.get());
    become_executor(std::move(request), image_key_);
  }

  void fork_executor(ForkRequest request, wire::Forked& answer) {
    if (base::count_threads() > 1) {
      answer.set_error("threads");
      return send(wire::FORKED, answer);
    }
    flush_streams();
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(0);
      prctl(PR_SET_CHILD_SUBREAPER, 1);
      channel_.reset();
      restore_state();
      become_executor(std::move(request), image_key_);
    }
    if (pid < 0) {
      answer.set_error(std::string("no executor can be forked: ") + std::strerror(errno));
      return send(wire::FORKED, answer);
    }
    setpgid(pid, pid);
    children_[pid] = request.message.executor();
    answer.set_pid(pid);
    const wire::Fd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    send_forked(answer, process);
  }

  void send_forked(const wire::Forked& answer, const wire::Fd& process) {
    const std::array<int, 1> descriptor{process.get()};
    send(wire::FORKED, answer, process ? std::span<const int>(descriptor) : std::span<const int>());
  }

  void reap() {
    signalfd_siginfo info;
    while (read(signals_.get(), &info, sizeof(info)) > 0) {
    }
    int status = 0;
    pid_t pid = 0;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
      helpers_.erase(pid);
      const auto found = children_.find(pid);
      if (found == children_.end()) continue;
      wire::Exited message;
      message.set_executor(found->second);
      message.set_pid(pid);
      message.set_status(status);
      children_.erase(found);
      send(wire::EXITED, message);
    }
    end_orphans();
  }

  // Their own ends are signalled too, so that what they leave is found then.
  void end_orphans() {
    for (const pid_t pid : base::children_of(getpid())) {
      if (!children_.contains(pid) && !helpers_.contains(pid)) kill(pid, SIGKILL);
    }
  }

  [[noreturn]] void end() { base::end_with_children(); }

  wire::Fd channel_;
  wire::Fd signals_;
  std::string image_key_;
  std::map<pid_t, std::uint32_t> children_;  ///< the executors
  std::set<pid_t> helpers_;                  ///< children that the program made before its Session line
  struct sigaction child_action_ {};
  sigset_t mask_{};
};

}  // namespace

void serve_worker(wire::Fd channel) {
  try {
    ForkServer(std::move(channel)).serve();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "morrow: the first process of this program stopped: %s\n", error.what());
    flush_streams();
    base::end_with_children(kStatusOfBadStart);
  }
}

}  // namespace morrow::runtime
