// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "wire/messages.pb.h"
#include "worker/pool/program/packed_file.h"

namespace morrow::worker {

/// What a driver may send of files before it hears that they were taken. What else it says stands behind that, so it is
/// never more than is read at once.
inline constexpr std::uint64_t kUploadAheadBytes = 3 << 20;

/// The files of a program on their way from its driver to the store. A driver that sends faster than the store takes
/// them is not read for a while. But when the store has no room that could be for ever, and what its driver says
/// besides would wait as well: so pieces that come meanwhile are dropped, and their files are asked for again later.
/// A value of one connection. Main thread only.
class ProgramUpload {
 public:
  /// A file of the program: only such ones are taken. `size` in bytes, unpacked. \throws wire::ProtocolError when all
  /// of them are more than a program may have
  void declare(const std::string& hash, std::uint64_t size);
  /// The store lacks these files; hashes.
  void lacks(std::vector<std::string> hashes) { missing_ = std::move(hashes); }
  /// What is to be asked for, once.
  std::vector<std::string> take_missing() { return std::exchange(missing_, {}); }

  /// A piece came. True: it is to be stored, and counts until `stored`. \throws wire::ProtocolError when it is out of
  /// order, or not of a file that was declared
  bool came(const wire::BlobChunk& piece);
  void stored(const wire::BlobChunk& piece);
  /// The store has no room for what is on its way. True: this is news.
  bool no_room();

  /// So many bytes were taken from this driver in all; nothing: it knows about as much.
  std::optional<std::uint64_t> take_news();

  /// The driver is not to be read: it is further ahead than it was told that it may be.
  bool is_ahead() const { return is_ahead_; }

 private:
  static std::size_t size_of(const wire::BlobChunk& piece) { return piece.data().size(); }

  /// A file that comes.
  struct Incoming {
    PackedFile file;
    std::uint32_t next_piece = 0;
  };
  void take(const wire::BlobChunk& piece);

  std::vector<std::string> missing_;
  std::unordered_map<std::string, std::uint64_t> declared_;  ///< sizes, by hash
  std::uint64_t declared_bytes_ = 0;
  std::unordered_map<std::string, Incoming> incoming_;  ///< by hash
  std::unordered_set<std::string> broken_off_;          ///< files of which pieces were dropped, until they begin
  std::size_t queued_bytes_ = 0;                        ///< on their way to the store
  std::uint64_t taken_bytes_ = 0;                       ///< stored, or not wanted
  std::uint64_t told_bytes_ = 0;                        ///< of these
  bool is_ahead_ = false;
  bool waits_for_room_ = false;
};

}  // namespace morrow::worker
