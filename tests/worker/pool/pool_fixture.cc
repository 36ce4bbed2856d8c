// SPDX-License-Identifier: Apache-2.0
#include "tests/worker/pool/pool_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "control/cluster.h"
#include "store/open/open_store.h"
#include "wire/socket.h"
#include "worker/pool/program/files.h"

namespace morrow::worker {

namespace {

constexpr std::chrono::seconds kTooLong{60};
constexpr std::size_t kChunkBytes = 65'536;

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

PoolTest::PoolTest() : store_(store::open_store("sim:")) {
  std::string name = (std::filesystem::temp_directory_path() / "morrow-pool-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  folder_ = name;
  make_pool();
}

PoolTest::~PoolTest() {
  pool_.reset();
  std::filesystem::remove_all(folder_);
}

void PoolTest::make_pool(std::uint64_t reach_session_ms) {
  pool_.reset();
  const StoreJob job = [this](std::function<void(store::Store&)> work, std::function<void()> done) {
    boost::asio::post(io_, [this, work = std::move(work), done = std::move(done)] {
      ++store_jobs_;
      work(*store_);
      done();
    });
  };
  PoolOptions options;
  options.cache_folder = (folder_ / "cache").string();
  options.reach_session_ms = reach_session_ms;
  options.devices = VisibleDevices([](const char*) { return std::nullopt; }, {}, 6);
  options.program_output = [this](const std::string&, std::string_view text) { printed_ += text; };
  pool_ = std::make_unique<ExecutorPool>(io_, job, *this, options);
}

void PoolTest::executor_ready(ExecutorProcess executor) {
  auto& heard = heard_[executor];
  EXPECT_FALSE(heard.ready) << "told twice";
  heard.ready = true;
  if (heard.exit) ++heard.after_exit;
}

void PoolTest::executor_exited(ExecutorProcess executor, const ExecutorExit& exit) {
  auto& heard = heard_[executor];
  if (heard.exit) ++heard.after_exit;
  heard.exit = exit;
}

void PoolTest::executor_frame(ExecutorProcess executor, wire::FrameType type, std::string_view payload) {
  auto& heard = heard_[executor];
  if (heard.exit) ++heard.after_exit;
  EXPECT_EQ(type, wire::TASK_DONE);
  wire::parse(heard.done.emplace_back(), payload);
}

void PoolTest::executor_output(ExecutorProcess executor, bool to_stderr, std::string_view text) {
  auto& heard = heard_[executor];
  if (heard.exit) ++heard.after_exit;
  (to_stderr ? heard.errors : heard.output) += text;
}

void PoolTest::program_failed(const std::string&, const std::string& sentence) { failures_.push_back(sentence); }

wire::Module PoolTest::module_of(const std::string& path) {
  const wire::Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat facts {};
  fstat(file.get(), &facts);
  wire::Module module;
  module.set_real_path(path);
  module.set_build_id(build_id_of(file.get()).value_or(""));
  module.set_sha256(sha256_of(file.get()).value());
  module.set_size(static_cast<std::uint64_t>(facts.st_size));
  module.set_device(facts.st_dev);
  module.set_inode(facts.st_ino);
  return module;
}

std::string PoolTest::add_program(const std::string& file, const std::string& how,
                                  const std::function<void(wire::Program&)>& change) {
  wire::Program program;
  std::string key = "program " + std::to_string(++program_number_);
  key.resize(16, '.');
  program.set_key(key);
  *program.add_modules() = module_of(file);
  program.add_arguments(file);
  program.add_arguments(how);
  program.add_environment("PATH=/usr/bin:/bin");
  program.add_environment("MARK=this program");
  program.set_folder(folder_.string());
  program.set_fork_server(true);
  if (change) change(program);
  control::put_program(*store_, key, program.SerializeAsString(), 1);
  return key;
}

void PoolTest::upload(const std::string& path) {
  const std::string content = read_file(path);
  const std::string hash = module_of(path).sha256();
  std::uint32_t chunks = 0;
  for (std::size_t at = 0; at < content.size(); at += kChunkBytes, ++chunks) {
    const std::string_view part = std::string_view(content).substr(at, kChunkBytes);
    std::string packed(ZSTD_compressBound(part.size()), '\0');
    packed.resize(ZSTD_compress(packed.data(), packed.size(), part.data(), part.size(), 3));
    control::put_blob_chunk(*store_, hash, chunks, packed);
  }
  control::put_blob_header(*store_, hash, chunks, content.size());
}

testing::AssertionResult PoolTest::run_until(const std::function<bool()>& done) {
  const auto limit = std::chrono::steady_clock::now() + kTooLong;
  while (!done()) {
    if (std::chrono::steady_clock::now() > limit) {
      auto result = testing::AssertionFailure() << "it hangs";
      for (const auto& failure : failures_) result << "\n" << failure;
      return result;
    }
    io_.restart();
    io_.run_one_for(std::chrono::milliseconds(50));
  }
  return testing::AssertionSuccess();
}

testing::AssertionResult PoolTest::run_until_ready(ExecutorProcess executor) {
  if (auto result = run_until([&] { return heard_[executor].ready || heard_[executor].exit || !failures_.empty(); });
      !result)
    return result;
  if (heard_[executor].ready) return testing::AssertionSuccess();
  return testing::AssertionFailure() << (failures_.empty() ? "it exited" : failures_.back());
}

testing::AssertionResult PoolTest::run_until_exited(ExecutorProcess executor) {
  return run_until([&] { return heard_[executor].exit.has_value(); });
}

testing::AssertionResult PoolTest::run_until_failed() {
  const std::size_t before = failures_.size();
  return run_until([&] { return failures_.size() > before; });
}

void PoolTest::task(ExecutorProcess executor, const std::string& what, const std::string& payload) {
  wire::Task message;
  message.set_slot(generation_ % 256);
  message.set_generation(++generation_);
  message.set_name(what);
  message.set_payload(payload);
  pool_->offer(executor, message.slot(), message.generation());
  pool_->send(executor, wire::TASK, message);
  pool_->flush();
}

std::string PoolTest::ask(ExecutorProcess executor, const std::string& what, const std::string& payload) {
  const std::size_t before = heard_[executor].done.size();
  task(executor, what, payload);
  const auto result = run_until([&] { return heard_[executor].done.size() > before || heard_[executor].exit; });
  EXPECT_TRUE(result);
  return heard_[executor].done.size() > before ? heard_[executor].done.back().bytes() : "no answer";
}

bool PoolTest::lives(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text{std::istreambuf_iterator<char>(stat), {}};
  const auto end = text.rfind(')');
  return end != std::string::npos && end + 2 < text.size() && text[end + 2] != 'Z';
}

std::vector<pid_t> PoolTest::children() {
  std::vector<pid_t> result;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream list(thread.path() / "children");
    for (pid_t pid = 0; list >> pid;) result.push_back(pid);
  }
  return result;
}

}  // namespace morrow::worker
