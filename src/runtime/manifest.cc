#include "runtime/manifest.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "runtime/modules.h"

namespace morrow::runtime {

namespace {

std::atomic<std::uint32_t> size_of_manifest{0};

std::string shown(const std::string& name) { return name.empty() ? "the program itself" : name; }

// SHA-256 and size of a file.
void hash_file(const std::string& path, ManifestModule& module) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  void* mapped = MAP_FAILED;
  if (file >= 0 && fstat(file, &status) == 0 && status.st_size > 0) {
    mapped = mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
  }
  const int error = errno;
  if (file >= 0) close(file);
  if (mapped == MAP_FAILED) throw std::runtime_error("the file of " + shown(module.name) + " can't be read: " + std::strerror(error));
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  EVP_Digest(mapped, static_cast<std::size_t>(status.st_size), digest.data(), &length, EVP_sha256(), nullptr);
  munmap(mapped, static_cast<std::size_t>(status.st_size));
  module.sha256.assign(reinterpret_cast<const char*>(digest.data()), length);
  module.size = static_cast<std::uint64_t>(status.st_size);
}

}  // namespace

Manifest make_manifest() {
  Manifest manifest;
  for (const LoadedModule& loaded : loaded_modules()) {
    ManifestModule module;
    module.name = loaded.name;
    module.build_id = loaded.build_id;
    module.system = loaded.system;
    if (!loaded.system) {
      const std::string path = loaded.name.empty() ? "/proc/self/exe" : loaded.name;
      if (const auto on_disk = build_id_of_file(path); on_disk && *on_disk != loaded.build_id) {
        throw std::runtime_error("the file " + path + " was replaced after it was loaded, so it can't be sent to executors; start the program again");
      }
      hash_file(path, module);
    }
    manifest.modules.push_back(std::move(module));
  }
  size_of_manifest = static_cast<std::uint32_t>(manifest.modules.size());
  return manifest;
}

std::optional<std::string> mismatch(const Manifest& expected) {
  const auto loaded = loaded_modules();
  for (std::size_t i = 0; i < expected.modules.size(); ++i) {
    const ManifestModule& wanted = expected.modules[i];
    if (i >= loaded.size()) {
      return "the executor did not load " + shown(wanted.name) +
             ", which the driver had loaded by its Session line; load it before that line in both";
    }
    if (loaded[i].build_id != wanted.build_id) {
      return shown(wanted.name) + " is not the same build here as at the driver (loaded here: " + shown(loaded[i].name) +
             "); make them the same and start the driver again";
    }
  }
  size_of_manifest = static_cast<std::uint32_t>(expected.modules.size());
  return std::nullopt;
}

std::uint32_t manifest_size() { return size_of_manifest; }

}  // namespace morrow::runtime
