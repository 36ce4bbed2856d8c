// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "wire/messages.pb.h"

/// The files of a program as they lie on this machine.
namespace morrow::worker {

/// Whether the record of a program has all that its start needs: an executable, and for each file that is not of the
/// system its SHA-256, which names its copy.
bool is_whole(const wire::Program& program);

/// Whether the file at `path` is the very one that the driver loaded as `module`: same device, inode, size and build id
/// (without a build id: same content). Reads the file.
bool is_same_file(const wire::Module& module, const std::string& path);

/// The GNU build id of an ELF file (64 bit); nothing when there is none or the file is no such file.
std::optional<std::string> build_id_of(int file);

/// SHA-256 of the whole file, base::kSha256Bytes; nothing when it can't be read.
std::optional<std::string> sha256_of(int file);

/// Where the copy of the module is, or goes: FOLDER/<sha256 in hex>/<name of the file>.
std::string cached_path(const std::string& cache_folder, const wire::Module& module);

/// The last part of the module's path, fit to be a file's name here.
std::string file_name_of(const wire::Module& module);

/// The names that a copied library may be asked for by, of the path it was loaded by and of its file; each is fit to be
/// a file's name.
std::vector<std::string> link_names(const wire::Module& module);

/// Marks the copy as used now.
void touch(const std::string& path);

/// Removes the files of the cache that nobody used for so long. Nothing is thrown: a file that can't be removed stays.
void forget_old_programs(const std::string& cache_folder, std::chrono::hours unused);

}  // namespace morrow::worker
