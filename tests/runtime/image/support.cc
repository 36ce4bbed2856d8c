// SPDX-License-Identifier: Apache-2.0
#include "tests/runtime/image/support.h"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sstream>
#include <stdexcept>

namespace morrow::runtime {

std::vector<Program> programs() {
  std::vector<Program> all;
  std::istringstream text(IMAGE_PROGRAMS);
  for (std::string entry; std::getline(text, entry, ':');) {
    const std::size_t sign = entry.find('=');
    all.push_back({entry.substr(0, sign), entry.substr(sign + 1)});
  }
  return all;
}

std::string program(const std::string& kind) {
  for (const Program& one : programs()) {
    if (one.kind == kind) return one.path;
  }
  throw std::out_of_range("no program is " + kind);
}

std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  if (!pipe) throw std::runtime_error("can't run " + command);
  std::string text;
  char piece[4096];
  while (const std::size_t size = std::fread(piece, 1, sizeof(piece), pipe.get())) text.append(piece, size);
  return text;
}

Folder::Folder() {
  std::string name = std::filesystem::temp_directory_path() / "morrow-image-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder can be made");
  path_ = name;
}

Folder::~Folder() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

void replace_file(const std::string& from, const std::string& to) {
  std::filesystem::copy_file(from, to + ".new");
  std::filesystem::rename(to + ".new", to);
}

Loaded::Loaded(const std::string& path) : handle_(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
  if (handle_ == nullptr) throw std::runtime_error(dlerror());
}

Loaded::~Loaded() { dlclose(handle_); }

const void* Loaded::function(const char* name) const { return dlsym(handle_, name); }

}  // namespace morrow::runtime
