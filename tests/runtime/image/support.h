// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace morrow::runtime {

/// A program of this folder, by the way it was linked.
struct Program {
  std::string kind;
  std::string path;
};

std::vector<Program> programs();

/// The path of the program of that kind. \throws std::out_of_range
std::string program(const std::string& kind);

/// What the command writes to standard output.
std::string output_of(const std::string& command);

/// A fresh folder, removed at the end.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// Puts a copy in the place of `to`, as a new file.
void replace_file(const std::string& from, const std::string& to);

/// A library that was loaded, unloaded at the end.
class Loaded {
 public:
  explicit Loaded(const std::string& path);
  ~Loaded();
  Loaded(const Loaded&) = delete;
  Loaded& operator=(const Loaded&) = delete;
  const void* function(const char* name) const;

 private:
  void* handle_;
};

}  // namespace morrow::runtime
