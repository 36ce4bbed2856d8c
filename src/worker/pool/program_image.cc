// SPDX-License-Identifier: Apache-2.0
#include "worker/pool/program_image.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>
#include <filesystem>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <boost/asio/post.hpp>

#include "base/hex.h"
#include "base/sha256.h"
#include "control/cluster.h"
#include "worker/pool/program/files.h"

namespace morrow::worker {

namespace {

constexpr std::uint32_t kChunksAtOnce = 8;             // so a round waits for the reading of some of them only
constexpr std::chrono::milliseconds kRetryAfter{100};  // a driver uploads meanwhile
constexpr std::string_view kLibraryPath = "LD_LIBRARY_PATH=";

std::string link_target(const std::string& link) {
  std::array<char, 4'096> target;
  const ssize_t size = readlink(link.c_str(), target.data(), target.size());
  return size <= 0 ? std::string() : std::string(target.data(), static_cast<std::size_t>(size));
}

bool is_cached(const std::string& path, std::uint64_t size) {
  struct stat facts {};
  return stat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) && static_cast<std::uint64_t>(facts.st_size) == size;
}

void prepend_library_path(std::vector<std::string>& environment, const std::string& folder) {
  for (auto& line : environment) {
    if (!line.starts_with(kLibraryPath)) continue;
    const bool empty = line.size() == kLibraryPath.size();
    line.insert(kLibraryPath.size(), empty ? folder : folder + ":");
    return;
  }
  environment.push_back(std::string(kLibraryPath) + folder);
}

}  // namespace

// The findings of a job on the store's thread.
struct ProgramImage::Findings {
  std::optional<std::string> record;
  std::optional<control::BlobHeader> header;
  std::vector<std::optional<std::string>> chunks;
};

ProgramImage::ProgramImage(PoolContext& pool, std::string key) : pool_(pool), key_(std::move(key)), timer_(pool.io) {}

std::string ProgramImage::name() const {
  if (program_.modules_size() > 0) return file_name_of(program_.modules(0));
  return base::hex_of(key_);
}

void ProgramImage::prepare(Done done) {
  done_ = std::move(done);
  give_up_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(pool_.options.reach_session_ms);
  boost::asio::post(pool_.io, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || !self->done_) return;
    self->read_ ? self->find_files() : self->read_record();
  });
}

void ProgramImage::abandon() {
  done_ = nullptr;
  timer_.cancel();
  file_.reset();
}

/// It would be as wrong for everybody who needs it. The next driver that has it is asked for it.
void ProgramImage::drop_file(const std::string& why) {
  file_.reset();
  ask_store([hash = program_.modules(missing_.back()).sha256()](store::Store& store,
                                                                Findings&) { control::drop_blob(store, hash); },
            [this, why](const base::Result<Findings>&) {
              fail({why + "; they were removed from the store: start the driver again, which brings the file"});
            });
}

void ProgramImage::fail(base::Problem problem) {
  file_.reset();
  if (const auto done = std::exchange(done_, nullptr)) done(std::move(problem));
}

// A file that is not in the store may be on its way there: a driver's upload.
void ProgramImage::retry(base::Problem problem, void (ProgramImage::*step)()) {
  file_.reset();
  if (std::chrono::steady_clock::now() >= give_up_) return fail(std::move(problem));
  timer_.expires_after(kRetryAfter);
  timer_.async_wait([weak = weak_from_this(), step](const boost::system::error_code& stopped) {
    const auto self = weak.lock();
    if (!stopped && self && self->done_) (self.get()->*step)();
  });
}

void ProgramImage::ask_store(std::function<void(store::Store&, Findings&)> job,
                             std::function<void(base::Result<Findings>)> done) {
  auto result = std::make_shared<base::Result<Findings>>(Findings());
  pool_.store(
      [result, job = std::move(job)](store::Store& store) {
        Findings findings;
        try {
          job(store, findings);
          *result = std::move(findings);
        } catch (const std::exception& error) {
          *result = base::Problem{error.what()};
        }
      },
      [result, weak = weak_from_this(), done = std::move(done)] {
        const auto self = weak.lock();
        if (self && self->done_) done(std::move(*result));
      });
}

void ProgramImage::read_record() {
  ask_store(
      [key = key_](store::Store& store, Findings& findings) { findings.record = control::get_program(store, key); },
      [this](const base::Result<Findings>& findings) {
        if (!findings) return retry({findings.problem()}, &ProgramImage::read_record);
        if (!findings->record)
          return retry({"it is not in the store; its driver did not upload it"}, &ProgramImage::read_record);
        wire::Program program;
        if (!program.ParseFromString(*findings->record) || !is_whole(program))
          return fail({"its record in the store can't be read; start the driver again with this version of Morrow"});
        if (pool_.options.seal && !pool_.options.seal->open(program))
          return fail({"its record in the store was encrypted by another key; start the driver again"});
        program_ = std::move(program);
        read_ = true;
        find_files();
      });
}

std::string ProgramImage::original_of(const wire::Module& module, bool executable) const {
  for (const std::string& path : {module.real_path(), module.name()}) {
    if (!path.empty() && is_same_file(module, path)) return path;
  }
  if (!executable) return {};
  for (const std::int64_t pid : hints_) {
    const std::string path = link_target(fmt::format("/proc/{}/exe", pid));
    if (!path.empty() && is_same_file(module, path)) return path;
  }
  return {};
}

void ProgramImage::find_files() {
  missing_.clear();
  copied_libraries_ = false;
  executable_ = original_of(program_.modules(0), true);
  for (int i = 1; i < program_.modules_size(); ++i) {
    const auto& module = program_.modules(i);
    if (!module.system() && original_of(module, false).empty()) copied_libraries_ = true;
  }
  for (int i = 0; i < program_.modules_size(); ++i) {
    const auto& module = program_.modules(i);
    const bool wanted = i == 0 ? executable_.empty() : copied_libraries_ && !module.system();
    if (wanted && !is_cached(cached_path(pool_.options.cache_folder, module), module.size())) missing_.push_back(i);
  }
  for (const auto& module : program_.modules()) {
    if (!module.system()) touch(cached_path(pool_.options.cache_folder, module));
  }
  library_folder_ = pool_.options.cache_folder + "/libraries-" + key_of_libraries();
  touch(library_folder_ + "/");
  if (executable_.empty()) executable_ = cached_path(pool_.options.cache_folder, program_.modules(0));
  fetch_next();
}

void ProgramImage::fetch_next() {
  if (missing_.empty()) return finish_plan();
  const auto& module = program_.modules(missing_.back());
  const auto unavailable = fmt::format(
      "its file {} is not the driver's any more on this machine and not in the store; start the driver again",
      module.real_path().empty() ? file_name_of(module) : module.real_path());
  ask_store([hash = module.sha256()](store::Store& store,
                                     Findings& findings) { findings.header = control::blob_header(store, hash); },
            [this, unavailable](const base::Result<Findings>& findings) {
              if (!findings) return retry({findings.problem()}, &ProgramImage::fetch_next);
              if (!findings->header) return retry({unavailable}, &ProgramImage::fetch_next);
              chunks_ = findings->header->chunks;
              const auto& wanted = program_.modules(missing_.back());
              try {
                file_ = std::make_unique<CachedFile>(cached_path(pool_.options.cache_folder, wanted), wanted.sha256(),
                                                     wanted.size());
              } catch (const std::exception& error) {
                return fail({error.what()});
              }
              fetch_chunks(0);
            });
}

void ProgramImage::fetch_chunks(std::uint32_t from) {
  const std::uint32_t to = std::min(chunks_, from + kChunksAtOnce);
  ask_store(
      [hash = program_.modules(missing_.back()).sha256(), from, to](store::Store& store, Findings& findings) {
        for (std::uint32_t i = from; i < to; ++i) findings.chunks.push_back(control::blob_chunk(store, hash, i));
      },
      [this, to](const base::Result<Findings>& findings) {
        if (!findings) return retry({findings.problem()}, &ProgramImage::fetch_next);
        try {
          for (const auto& chunk : findings->chunks) {
            if (!chunk)
              return retry({"a part of its files is missing in the store; start the driver again"},
                           &ProgramImage::fetch_next);
            file_->append(*chunk);
          }
          if (to < chunks_) return fetch_chunks(to);
          file_->finish();
        } catch (const WrongFile& error) {
          return drop_file(error.what());
        } catch (const std::exception& error) {
          return fail({error.what()});
        }
        file_.reset();
        missing_.pop_back();
        fetch_next();
      });
}

// One for all sessions of the same modules.
std::string ProgramImage::key_of_libraries() const {
  base::Sha256 hash;
  for (const auto& module : program_.modules()) {
    hash.add(module.sha256());
    for (const std::string& name : link_names(module)) hash.add(name);
  }
  return base::hex_of(hash.finish());
}

// The loader looks for a library's name, so each stands once under its own in a folder of this program.
void ProgramImage::link_libraries() const {
  std::filesystem::create_directories(library_folder_);
  for (int i = 1; i < program_.modules_size(); ++i) {
    const auto& module = program_.modules(i);
    if (module.system()) continue;
    for (const std::string& name : link_names(module)) {
      const std::filesystem::path link = library_folder_ + "/" + name;
      const auto target = std::filesystem::absolute(cached_path(pool_.options.cache_folder, module));
      std::error_code error;
      if (std::filesystem::read_symlink(link, error) == target) continue;
      std::filesystem::remove(link, error);
      std::filesystem::create_symlink(target, link);
    }
  }
}

void ProgramImage::finish_plan() {
  LaunchPlan plan;
  plan.file = executable_;
  plan.arguments.assign(program_.arguments().begin(), program_.arguments().end());
  if (plan.arguments.empty()) plan.arguments.push_back(executable_);
  plan.environment.assign(program_.environment().begin(), program_.environment().end());
  plan.folder = program_.folder();
  plan.stack_bytes = pool_.options.stack_bytes;
  plan.open_files = pool_.open_files;
  if (copied_libraries_) {
    try {
      link_libraries();
    } catch (const std::exception& error) {
      return fail({error.what()});
    }
    prepend_library_path(plan.environment, library_folder_);
  }
  if (const auto done = std::exchange(done_, nullptr)) done(std::move(plan));
}

}  // namespace morrow::worker
