// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The identity of a build of a program or a library: its GNU build id or, where the linker left none,
/// SHA-256 over its read-only segments. Both can be taken from the file and from memory.
namespace morrow::runtime {

/// A part of a module that is the same in the file and in memory.
struct ReadOnlyPart {
  std::uint64_t address = 0;  ///< as the file has it, before the module was placed
  std::string_view bytes;
};

/// The value of a note among those of one segment, aligned as the segment is; nothing when there is none. `owner` ends
/// with a zero.
std::optional<std::string_view> value_of_note(std::string_view notes, std::size_t alignment, std::string_view owner,
                                              std::uint32_t type);

/// The build id among the notes of one segment, aligned as the segment is; nothing when there is none.
std::optional<std::string> build_id_in_notes(std::string_view notes, std::size_t alignment);

/// SHA-256 over the parts, each with its address and size: 32 bytes.
std::string hash_of(const std::vector<ReadOnlyPart>& parts);

/// A file of machine code, mapped. Not thread-safe.
class ElfFile {
 public:
  /// \throws std::system_error when it can't be read
  explicit ElfFile(const std::string& path);
  ~ElfFile();
  ElfFile(const ElfFile&) = delete;
  ElfFile& operator=(const ElfFile&) = delete;

  std::string_view bytes() const { return bytes_; }
  std::uint64_t inode() const { return inode_; }
  /// The build id, else `code_hash`.
  std::string identity() const;
  std::string code_hash() const;
  /// Whether it carries this note.
  bool has_note(std::string_view owner, std::uint32_t type) const;
  /// The symbol of the function that begins at `address` (as the file has it) or holds it; empty when there is none.
  std::string_view function_at(std::uint64_t address) const;

 private:
  std::string_view bytes_;
  std::uint64_t inode_ = 0;
};

}  // namespace morrow::runtime
