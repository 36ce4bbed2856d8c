// SPDX-License-Identifier: Apache-2.0
#include "tests/system/support.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process_facts.h"
#include "control/keys.h"
#include "store/open/open_store.h"
#include "store/store.h"

extern char** environ;

namespace morrow::test {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

namespace {

const std::string kReport = "sanitizer";

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string temporary_file() {
  char path[] = "/tmp/morrow-test-out-XXXXXX";
  const int fd = mkstemp(path);
  if (fd < 0) throw std::runtime_error("mkstemp failed");
  close(fd);
  return path;
}

}  // namespace

std::string bin() { return MORROW_TEST_BIN; }
std::string scenarios() { return MORROW_TEST_SCENARIOS; }

testing::AssertionResult has(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "no \"" << part << "\" in:\n" << text;
}

bool eventually(const std::function<bool()>& condition, std::chrono::seconds limit) {
  const auto end = Clock::now() + limit;
  while (!condition()) {
    if (Clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

Process::Process(const std::vector<std::string>& arguments, const Environment& environment, const std::string& folder)
    : out_file_(temporary_file()), err_file_(temporary_file()) {
  std::map<std::string, std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string pair = *entry;
    const auto equals = pair.find('=');
    if (equals != std::string::npos) all[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  for (const auto& [name, value] : environment) all[name] = value;
  std::vector<std::string> joined;
  for (const auto& [name, value] : all) joined.push_back(name + "=" + value);
  std::vector<char*> argv;
  std::vector<char*> envp;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  for (const std::string& entry : joined) envp.push_back(const_cast<char*>(entry.c_str()));
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("fork failed");
  if (pid_ == 0) {
    const int out = open(out_file_.c_str(), O_WRONLY | O_APPEND);
    const int err = open(err_file_.c_str(), O_WRONLY | O_APPEND);
    const int in = open("/dev/null", O_RDONLY);
    dup2(in, 0);
    dup2(out, 1);
    dup2(err, 2);
    if (!folder.empty() && chdir(folder.c_str()) != 0) _exit(126);
    execve(argv[0], argv.data(), envp.data());
    _exit(127);
  }
}

Process::~Process() {
  if (!reaped_) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  unlink(out_file_.c_str());
  unlink(err_file_.c_str());
}

void Process::signal(int number) const { kill(pid_, number); }

bool Process::running() {
  if (reaped_) return false;
  if (waitpid(pid_, &status_, WNOHANG) == pid_) reaped_ = true;
  return !reaped_;
}

std::string Process::out() { return read_file(out_file_); }
std::string Process::err() { return read_file(err_file_); }

bool Process::wait_for_text(const std::string& text, std::chrono::seconds limit) {
  const auto there = [&] { return err().find(text) != std::string::npos || out().find(text) != std::string::npos; };
  return eventually([&] { return there() || !running(); }, limit) && there();
}

Result Process::wait(std::chrono::seconds limit) {
  Result result;
  result.timed_out = !eventually([&] { return !running(); }, limit);
  if (result.timed_out) {
    kill(pid_, SIGKILL);
    waitpid(pid_, &status_, 0);
    reaped_ = true;
  }
  result.status = WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
  result.out = out();
  result.err = err();
  return result;
}

Cluster::Cluster() {
  char path[] = "/tmp/morrow-test-XXXXXX";
  if (mkdtemp(path) == nullptr) throw std::runtime_error("mkdtemp failed");
  folder_ = path;
  fs::create_directory(folder_ + "/run");
  fs::permissions(folder_ + "/run", fs::perms::owner_all);
  fs::create_directory(folder_ + "/home");
}

Cluster::~Cluster() {
  const std::string reports = sanitizer_reports();
  EXPECT_TRUE(reports.empty() || crashes_expected_) << "a process of this cluster has a mistake:\n" << reports;
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

Environment Cluster::environment() const {
  Environment all{{"XDG_RUNTIME_DIR", folder_ + "/run"},
                  {"MORROW_HOME", folder_ + "/home"},
                  {"MORROW_CLUSTER", name()},
                  {"MORROW_COMMAND", bin() + "/morrow"}};
  // Many a process that ends by a sanitizer would be replaced by another one, and the test would pass.
  for (const std::string variable : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"}) {
    const char* const before = std::getenv(variable.c_str());
    all[variable] = (before == nullptr ? "" : std::string(before) + ":") + "log_path=" + folder_ + "/" + kReport;
  }
  return all;
}

std::string Cluster::sanitizer_reports() const {
  std::string all;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    if (!entry.path().filename().string().starts_with(kReport)) continue;
    std::istringstream report(read_file(entry.path()));
    for (std::string line; std::getline(report, line);) {
      // Only what a look for leaks says whose process a test kills just then, at its end: no finding.
      if (!has(line, "Unable to get registers from thread")) all += line + "\n";
    }
  }
  return all;
}

std::string Cluster::store_url() const { return "lmdb:" + folder_ + "/home/" + name() + "/store"; }

std::unique_ptr<Process> Cluster::worker(std::vector<std::string> options, const Environment& more) {
  options.insert(options.begin(), {bin() + "/morrow", "worker", name()});
  Environment all = environment();
  for (const auto& [variable, value] : more) all[variable] = value;
  auto process = std::make_unique<Process>(options, all);
  if (!process->wait_for_text("is ready"))
    throw std::runtime_error("the worker did not become ready: " + process->err());
  return process;
}

std::unique_ptr<Process> Cluster::start(const std::vector<std::string>& arguments, Environment more) {
  Environment all = environment();
  for (const auto& [name, value] : more) all[name] = value;
  return std::make_unique<Process>(arguments, all, folder_);
}

Result Cluster::run(const std::vector<std::string>& arguments, Environment more) {
  return start(arguments, std::move(more))->wait();
}

std::string Cluster::status() { return run({bin() + "/morrow", "status", name()}).out; }

bool Cluster::wait_for_status(const std::string& text) {
  return eventually([&] { return status().find(text) != std::string::npos; });
}

std::size_t Cluster::keys() {
  const auto store = store::open_store(store_url());
  const auto transaction = store->begin_read();
  std::size_t count = 0;
  for (const auto& [key, value] :
       transaction->scan({std::string(1, '\0'), std::string(1, '\xff')}, store::Read::kSnapshot)) {
    count += key[0] == 'w' ? 0 : 1;  // a worker's own few
  }
  return count;
}

std::size_t Cluster::keys_with_image() {
  const std::string end = folder_ + "/end";
  auto driver = start({scenarios(), "wait_for_file", end});
  const bool uploaded = eventually([&] {
    const auto store = store::open_store(store_url());
    const auto keys =
        store->begin_read()->scan(control::keys::all_content(control::keys::kBlob), store::Read::kSnapshot);
    return std::any_of(keys.begin(), keys.end(), [](const store::KeyValue& one) {
      const auto [hash, kind] = control::keys::read_content(one.key);
      return one.key == control::keys::content_header(control::keys::kBlob, hash);  // it is written last
    });
  });
  std::ofstream(end) << "end";
  driver->wait();
  if (!uploaded || !wait_for_status("sessions: 0")) throw std::runtime_error("the image was not uploaded");
  return keys();
}

bool lives(pid_t pid) {
  const auto facts = base::process_facts(pid);
  return facts && facts->state != 'Z' && facts->state != 'X';
}

testing::AssertionResult end_in_time(const std::vector<pid_t>& pids) {
  if (eventually([&] { return std::none_of(pids.begin(), pids.end(), lives); })) return testing::AssertionSuccess();
  auto result = testing::AssertionFailure();
  for (const pid_t pid : pids) {
    const auto facts = base::process_facts(pid);
    const std::string process = "/proc/" + std::to_string(pid);
    if (facts)
      result << pid << " (" << facts->state << ", of " << facts->parent << ", waits in "
             << read_file(process + "/wchan") << ") is left: " << read_file(process + "/cmdline") << "\n";
  }
  return result;
}

std::vector<pid_t> descendants(pid_t pid) {
  std::vector<pid_t> found;
  std::multimap<pid_t, pid_t> children;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string stat = read_file(entry.path() / "stat");
    const auto close = stat.rfind(')');
    if (close == std::string::npos) continue;
    std::istringstream rest(stat.substr(close + 2));
    char state = 0;
    pid_t parent = 0;
    rest >> state >> parent;
    if (state != 'Z') children.emplace(parent, std::stoi(name));
  }
  std::vector<pid_t> open{pid};
  while (!open.empty()) {
    const pid_t next = open.back();
    open.pop_back();
    const auto [begin, end] = children.equal_range(next);
    for (auto child = begin; child != end; ++child) {
      found.push_back(child->second);
      open.push_back(child->second);
    }
  }
  return found;
}

}  // namespace morrow::test
