// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>
#include <zstd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/quiet.h"
#include "wire/frame.h"
#include "worker/pool/program/cached_file.h"
#include "worker/pool/program/files.h"

// The record of a program, and the pieces of its files, as a driver put them into the store.

namespace morrow::fuzz {

namespace {

class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / ("morrow-fuzz-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

void read_program(std::string_view bytes) {
  wire::Program program;
  try {
    wire::parse(program, bytes);
  } catch (const wire::ProtocolError&) {
    return;
  }
  if (!worker::is_whole(program)) return;
  for (const wire::Module& module : program.modules()) {
    if (module.system()) continue;
    for (const std::string& name : worker::link_names(module)) {
      require(!name.empty() && name != "." && name != ".." && name.find_first_of(std::string("/\0", 2)) == name.npos);
    }
    const std::filesystem::path path = worker::cached_path("/cache", module);
    require(path.lexically_normal() == path);
    require(path.parent_path().parent_path() == "/cache");
  }
}

void read_chunk(std::string_view bytes) {
  static const Folder folder;
  const std::string path = folder.path() / "file";
  try {
    worker::CachedFile file(path, std::string(32, 'h'), bytes.size());
    file.append(bytes);
    file.append(bytes);
    file.finish();
  } catch (const std::runtime_error&) {
  }
  require(!std::filesystem::exists(path));  // no bytes have this hash
}

std::string compressed(std::string_view bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 1));
  return out;
}

}  // namespace

std::map<std::string, std::string> seeds() {
  wire::Program program;
  program.set_key("0123456789abcdef");
  wire::Module& module = *program.add_modules();
  module.set_real_path("/home/me/program");
  module.set_sha256(std::string(32, 'h'));
  module.set_size(1000);
  wire::Module& library = *program.add_modules();
  library.set_name("/lib/libm.so.6");
  library.set_build_id("0123456789abcdef0123");
  library.set_system(true);
  program.add_arguments("program");
  program.add_environment("HOME=/home/me");
  program.set_folder("/home/me");
  return {{"program", 'p' + program.SerializeAsString()},
          {"chunk", 'c' + compressed("some bytes, some bytes, some bytes of a file")},
          {"zeros", 'c' + compressed(std::string(100'000, '\0'))}};
}

}  // namespace morrow::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace morrow::fuzz;
  silence_protobuf();
  std::string_view bytes = Input(data, size).rest();
  if (bytes.empty()) return 0;
  const char kind = bytes.front();
  bytes.remove_prefix(1);
  if (kind == 'p') read_program(bytes);
  if (kind == 'c') read_chunk(bytes);
  return 0;
}
