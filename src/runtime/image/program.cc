// SPDX-License-Identifier: Apache-2.0
#include "runtime/image/program.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include <morrow/error.h>

#include "base/environment.h"
#include "base/sha256.h"
#include "runtime/image/kept_files.h"
#include "runtime/image/start_facts.h"
#include "wire/join_url.h"

namespace morrow::runtime {

namespace {

constexpr std::size_t kPieceBytes = 64 << 10;
constexpr std::size_t kKeyBytes = 16;
constexpr int kLevel = 3;
constexpr const char* kOwnFile = "/proc/self/exe";

// They differ from shell to shell and call to call, and say nothing to a program.
constexpr std::array<std::string_view, 5> kLeftOut{base::kExecutorVariable, base::kKeptFilesVariable, "_", "OLDPWD",
                                                   "SHLVL"};

std::vector<std::string> arguments() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::vector<std::string> all;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\0', at), text.size());
    all.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return all;
}

// Whatever the rule: what a process finds its libraries by, and a Session in a task its cluster.
constexpr std::array<std::string_view, 8> kAlwaysPassed{
    "LD_LIBRARY_PATH",   "LD_PRELOAD",           base::kClusterVariable,    base::kInProcessVariable,
    base::kHomeVariable, base::kCommandVariable, base::kRuntimeDirVariable, base::kStateHomeVariable};

/// The environment that tasks have, and the names of what they do not have; both sorted, so that the key is the same
/// each time.
struct Environment {
  std::vector<std::string> lines;
  std::vector<std::string> withheld;
};

Environment environment_of_tasks(const EnvironmentRule& rule) {
  Environment all;
  for (char** line = environ; line != nullptr && *line != nullptr; ++line) {
    const std::string_view text = *line;
    const std::string_view name = text.substr(0, text.find('='));
    if (std::find(kLeftOut.begin(), kLeftOut.end(), name) != kLeftOut.end()) continue;
    if (rule.passes(name) || std::find(kAlwaysPassed.begin(), kAlwaysPassed.end(), name) != kAlwaysPassed.end()) {
      all.lines.emplace_back(text);
    } else {
      all.withheld.emplace_back(name);
    }
  }
  if (std::string kept = kept_files_line(); !kept.empty()) all.lines.push_back(std::move(kept));
  std::sort(all.lines.begin(), all.lines.end());
  std::sort(all.withheld.begin(), all.withheld.end());
  return all;
}

// Where the program started: what main did to come to another folder is done again.
std::string working_folder() {
  if (!start_folder().empty()) return start_folder();
  std::array<char, PATH_MAX> path{};
  if (getcwd(path.data(), path.size()) == nullptr) {
    throw SessionError(std::string("the working folder can't be told, so tasks can't run in it: ") +
                       std::strerror(errno));
  }
  return path.data();
}

std::string real_path(const std::string& name) {
  std::array<char, PATH_MAX> path{};
  if (name.empty()) {
    const ssize_t size = readlink(kOwnFile, path.data(), path.size());
    return size <= 0 ? "" : std::string(path.data(), static_cast<std::size_t>(size));
  }
  return realpath(name.c_str(), path.data()) == nullptr ? name : path.data();
}

void fill_module(wire::Module& out, const ManifestModule& module) {
  out.set_name(module.name);
  out.set_build_id(module.build_id);
  out.set_system(module.system);
  out.set_sha256(module.sha256);
  out.set_size(module.size);
  out.set_real_path(real_path(module.name));
  struct stat status {};
  if (stat(module.name.empty() ? kOwnFile : module.name.c_str(), &status) == 0) {
    out.set_device(status.st_dev);
    out.set_inode(status.st_ino);
  }
}

// Parts with their lengths, so that no two programs have the same text.
class KeyHash {
 public:
  void add(std::uint64_t number) { hash_.add(number); }
  void add(std::string_view text) {
    add(text.size());
    hash_.add(text);
  }
  std::string finish() { return hash_.finish().substr(0, kKeyBytes); }

 private:
  base::Sha256 hash_;
};

void add_modules(KeyHash& hash, const wire::Program& program) {
  hash.add(static_cast<std::uint64_t>(program.modules_size()));
  for (const wire::Module& module : program.modules()) {
    hash.add(module.name());
    hash.add(module.build_id());
    hash.add(module.system());
    hash.add(module.sha256());
    hash.add(module.size());
  }
}

std::string key_of(const wire::Program& program, std::uint64_t session) {
  KeyHash hash;
  hash.add(session);
  add_modules(hash, program);
  for (const auto* list : {&program.arguments(), &program.environment(), &program.withheld()}) {
    hash.add(static_cast<std::uint64_t>(list->size()));
    for (const std::string& text : *list) hash.add(text);
  }
  hash.add(program.folder());
  hash.add(program.fork_server());
  return hash.finish();
}

}  // namespace

wire::Program make_program(std::uint64_t session, bool fork_server, const std::string& token,
                           const EnvironmentRule& environment) {
  wire::Program program;
  try {
    for (const ManifestModule& module : make_manifest().modules) fill_module(*program.add_modules(), module);
  } catch (const std::exception& error) {
    throw SessionError(std::string("this program can't be sent to workers: ") + error.what());
  }
  for (std::string& argument : arguments()) program.add_arguments(wire::without_token(argument, token));
  const Environment of_tasks = environment_of_tasks(environment);
  for (const std::string& line : of_tasks.lines) program.add_environment(wire::without_token(line, token));
  for (const std::string& name : of_tasks.withheld) program.add_withheld(wire::without_token(name, token));
  program.set_folder(working_folder());
  program.set_fork_server(fork_server && !drew_random_numbers());
  program.set_key(key_of(program, session));
  return program;
}

std::string image_key(const wire::Program& program) {
  KeyHash hash;
  add_modules(hash, program);
  return hash.finish();
}

Manifest read_manifest(const wire::Program& program) {
  Manifest manifest;
  for (const wire::Module& module : program.modules()) {
    ManifestModule& out = manifest.modules.emplace_back();
    out.name = module.name();
    out.build_id = module.build_id();
    out.system = module.system();
    out.sha256 = module.sha256();
    out.size = module.size();
  }
  return manifest;
}

Upload::Upload(const wire::Module& module)
    : module_(module),
      path_(module.name().empty() ? kOwnFile : module.name()),
      file_(open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
  struct stat status {};
  if (file_ < 0 || fstat(file_, &status) != 0) {
    const std::string why = std::strerror(errno);
    if (file_ >= 0) close(file_);
    throw SessionError("the file " + module.real_path() + " can't be read to send it to the workers: " + why);
  }
  if (static_cast<std::uint64_t>(status.st_size) != module.size()) {
    close(file_);
    throw SessionError("the file " + module.real_path() +
                       " changed since this program started, so other machines can't run it; start the program again");
  }
}

Upload::~Upload() { close(file_); }

bool Upload::next(wire::BlobChunk& message) {
  if (done_) return false;
  piece_.resize(kPieceBytes);
  std::size_t size = 0;
  while (size < piece_.size()) {
    const ssize_t got = read(file_, piece_.data() + size, piece_.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw SessionError("the file " + module_.real_path() + " can't be read: " + std::strerror(errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  at_ += size;
  done_ = size < piece_.size() || at_ >= module_.size();
  std::string* const data = message.mutable_data();
  data->resize(ZSTD_compressBound(size));
  const std::size_t compressed = ZSTD_compress(data->data(), data->size(), piece_.data(), size, kLevel);
  if (ZSTD_isError(compressed) != 0) {
    throw SessionError("the file " + module_.real_path() + " can't be compressed: " + ZSTD_getErrorName(compressed));
  }
  data->resize(compressed);
  message.set_hash(module_.sha256());
  message.set_index(index_++);
  message.set_last(done_);
  message.set_size(module_.size());
  return true;
}

}  // namespace morrow::runtime
