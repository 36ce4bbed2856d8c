// SPDX-License-Identifier: Apache-2.0
// A program whose executor side is written by hand, so that the pool is tested alone. Argument 1 says how it starts;
// the name of a task says what the executor does.
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "wire/claim_words.h"
#include "wire/frame.h"
#include "wire/socket.h"

#ifdef WITH_LIBRARY
extern "C" int answer_of_library();
#endif

namespace {

using morrow::wire::Fd;
namespace wire = morrow::wire;

template <typename Message>
void send(int channel, wire::FrameType type, const Message& message, std::vector<int> descriptors = {}) {
  std::string bytes;
  wire::append_frame(bytes, type, message);
  wire::send_packet(channel, bytes, descriptors);
}

std::string open_descriptors() {
  std::string list;
  DIR* folder = opendir("/proc/self/fd");
  while (const dirent* entry = readdir(folder)) {
    if (entry->d_name[0] == '.' || std::atoi(entry->d_name) == dirfd(folder)) continue;
    char target[256] = {};
    const auto path = std::string("/proc/self/fd/") + entry->d_name;
    if (readlink(path.c_str(), target, sizeof(target) - 1) < 0) continue;
    list += std::string(entry->d_name) + "=" + target + "\n";
  }
  closedir(folder);
  return list;
}

std::string link_of(const char* path) {
  char target[4096] = {};
  return readlink(path, target, sizeof(target) - 1) < 0 ? "" : target;
}

std::string environment_of(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string facts(const wire::Fork& fork) {
  rlimit stack{};
  getrlimit(RLIMIT_STACK, &stack);
  sigset_t mask;
  sigprocmask(SIG_SETMASK, nullptr, &mask);
  struct sigaction pipe_action {};
  sigaction(SIGPIPE, nullptr, &pipe_action);
  std::string text = "exe=" + link_of("/proc/self/exe") + "\nfolder=" + link_of("/proc/self/cwd");
  text += "\nstdin=" + link_of("/proc/self/fd/0");
  for (const wire::EnvironmentSetting& setting : fork.environment())
    text += "\n" + setting.name() + "=" + (setting.has_value() ? setting.value() : "unset");
  text += "\nMARK=" + environment_of("MARK") +
          "\nsession=" + (getsid(0) == getsid(getppid()) ? "of its parent" : "its own");
  text += "\nstack=" + std::to_string(stack.rlim_cur) + "\nusr1 blocked=" + std::to_string(sigismember(&mask, SIGUSR1));
  text += std::string("\nsigpipe=") + (pipe_action.sa_handler == SIG_DFL ? "default" : "other");
#ifdef WITH_LIBRARY
  text += "\nlibrary=" + std::to_string(answer_of_library());
#endif
  return text + "\n";
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto size = write(fd, text.data(), text.size());
    if (size <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(size));
  }
}

void reply(int stream, const wire::Task& task, std::string bytes) {
  wire::TaskDone done;
  done.set_slot(task.slot());
  done.set_generation(task.generation());
  done.set_bytes(std::move(bytes));
  std::string out;
  wire::append_frame(out, wire::TASK_DONE, done);
  write_all(stream, out);
}

// Leaves a process that keeps standard output and, `far`, also left the process group.
std::string leave_grandchild(bool far) {
  const pid_t pid = fork();
  if (pid != 0) return std::to_string(pid);
  if (far) setsid();
  for (;;) pause();
}

void run(const wire::Task& task, int stream, int file, const wire::Fork& fork) {
  const std::string& what = task.name();
  if (what == "echo") return reply(stream, task, task.payload());
  if (what == "facts") return reply(stream, task, facts(fork));
  if (what == "descriptors") return reply(stream, task, open_descriptors());
  if (what == "pid") return reply(stream, task, std::to_string(getpid()));
  if (what == "parent") return reply(stream, task, std::to_string(getppid()));
  if (what == "print") {
    write_all(1, "out " + task.payload() + "\n");
    write_all(2, "err " + task.payload() + "\n");
    return reply(stream, task, "printed");
  }
  if (what == "reply and exit") {
    write_all(1, "last words");
    reply(stream, task, std::string(200'000, 'x'));
    _exit(std::atoi(task.payload().c_str()));
  }
  if (what == "leave grandchild") {
    return reply(stream, task, leave_grandchild(false));
  }
  if (what == "leave far grandchild") {
    return reply(stream, task, leave_grandchild(true));
  }
  if (what == "crash") {
    lseek(file, wire::ClaimWords::kCrashOffset, SEEK_SET);
    write_all(file, "the crash record");
    signal(SIGSEGV, SIG_DFL);  // a sanitizer's handler would exit
    raise(SIGSEGV);
  }
  if (what == "shrink") {
    if (ftruncate(file, 0) != 0) return reply(stream, task, "refused");
    return reply(stream, task, "shrunk");
  }
  if (what == "rubbish") write_all(stream, std::string(64, '\xff'));
  if (what == "close") close(stream);
  for (;;) pause();  // "hang" and the two above
}

[[noreturn]] void become_executor(const wire::Fork& fork, std::vector<Fd> ends) {
  dup2(ends[1].get(), 1);
  dup2(ends[2].get(), 2);
  ends[1].reset();
  ends[2].reset();
  wire::ClaimWords words(ends[3].get());
  wire::FrameReader reader;
  wire::Task task;
  for (;;) {
    while (const auto frame = reader.next()) {
      if (frame->type != wire::TASK) continue;
      wire::parse(task, frame->payload);
      if (words.take(task.slot(), task.generation())) run(task, ends[0].get(), ends[3].get(), fork);
    }
    char* room = reader.room(65'536);
    const auto size = read(ends[0].get(), room, 65'536);
    if (size <= 0) _exit(0);
    reader.filled(static_cast<std::size_t>(size));
  }
}

class ForkServer {
 public:
  ForkServer(int channel, std::string_view how) : channel_(channel), how_(how) {}

  [[noreturn]] void serve() {
    sigset_t child;
    sigset_t before;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &before);
    const int signals = signalfd(-1, &child, SFD_CLOEXEC);
    std::string bytes;
    std::vector<Fd> descriptors;
    for (;;) {
      pollfd both[2] = {{channel_, POLLIN, 0}, {signals, POLLIN, 0}};
      poll(both, 2, -1);
      if (both[0].revents != 0) {
        if (!wire::receive_packet(channel_, bytes, descriptors)) _exit(0);
        wire::FrameReader reader;
        reader.append(bytes);
        const auto frame = reader.next();
        if (frame->type == wire::PROGRAM) ready();
        wire::Fork message;
        if (frame->type == wire::FORK) {
          wire::parse(message, frame->payload);
          fork_one(message, std::move(descriptors), before);
        }
      }
      if (both[1].revents != 0) {
        signalfd_siginfo info;
        [[maybe_unused]] const auto got = read(signals, &info, sizeof(info));
        reap();
      }
    }
  }

 private:
  void ready() {
    wire::ProgramReady message;
    if (how_ == "refuse") message.set_error("libmath.so is another build here");
    message.set_can_fork(how_ != "threads");
    message.set_pid(getpid());
    send(channel_, wire::PROGRAM_READY, message);
  }

  void fork_one(const wire::Fork& message, std::vector<Fd> ends, const sigset_t& before) {
    wire::Forked forked;
    forked.set_executor(message.executor());
    if (how_ == "dies at fork") _exit(9);
    if (how_ == "killed at first fork" && open(environment_of("MARKER").c_str(), O_CREAT | O_EXCL, 0600) >= 0)
      raise(SIGKILL);
    if (how_ == "deaf") return;
    if (how_ == "late threads" && !message.in_place()) {
      forked.set_error("threads");
      return send(channel_, wire::FORKED, forked);
    }
    const pid_t server = getpid();
    const pid_t pid = message.in_place() ? server : fork();
    if (pid == 0 || message.in_place()) {
      sigprocmask(SIG_SETMASK, &before, nullptr);
      if (pid == 0) {
        close(channel_);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != server) _exit(0);
        setpgid(0, 0);
        close_signals();
      }
    }
    if (pid != 0) {
      forked.set_pid(pid);
      const Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
      send(channel_, wire::FORKED, forked, {pidfd.get()});
      executors_[pid] = message.executor();
    }
    if (pid == 0 || message.in_place()) become_executor(message, std::move(ends));
  }

  static void close_signals() {
    for (int fd = 3; fd < 32; ++fd) {
      if (link_of(("/proc/self/fd/" + std::to_string(fd)).c_str()) == "anon_inode:[signalfd]") close(fd);
    }
  }

  void reap() {
    int status = 0;
    for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
      wire::Exited message;
      message.set_executor(executors_[pid]);
      message.set_pid(pid);
      message.set_status(status);
      executors_.erase(pid);
      send(channel_, wire::EXITED, message);
    }
  }

  int channel_;
  std::string how_;
  std::map<pid_t, std::uint32_t> executors_;
};

}  // namespace

int main(int argc, char** argv) {
  const std::string how = argc > 1 ? argv[1] : "";
  std::printf("hello from the program\n");
  if (how == "exit") {
    for (int i = 1; i <= 9; ++i) std::printf("line %d\n", i);
    return 3;
  }
  if (how == "return") return 0;
  if (how == "loader") {
    std::fprintf(stderr,
                 "./train: error while loading shared libraries: libfoo.so.1: cannot open shared object file: "
                 "No such file or directory\n");
    return 127;
  }
  if (how == "old system") {
    std::fprintf(stderr, "./train: /lib/libc.so.6: version `GLIBC_9.99' not found (required by ./train)\n");
    return 1;
  }
  if (how == "stop") raise(SIGSTOP);
  if (how == "killed at first start" && open(environment_of("MARKER").c_str(), O_CREAT | O_EXCL, 0600) >= 0)
    raise(SIGKILL);
  if (how == "abort") std::abort();
  std::fflush(stdout);
  while (how == "hang") pause();
  if (how == "close channel") close(std::atoi(environment_of("MORROW_EXECUTOR").c_str()));
  while (how == "close channel") pause();
  const char* channel = std::getenv("MORROW_EXECUTOR");
  if (channel == nullptr) return 8;
  if (how == "threads")
    std::thread([] {
      for (;;) pause();
    }).detach();
  ForkServer(std::atoi(channel), how).serve();
}
