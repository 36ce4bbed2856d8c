// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/program_upload.h"

#include <utility>

#include "base/hex.h"
#include "base/invariant.h"
#include "base/sha256.h"
#include "wire/frame.h"

namespace morrow::worker {

namespace {

constexpr std::size_t kMaxQueuedUploadBytes = kUploadAheadBytes + (1 << 20);  ///< until half of it is stored
constexpr std::size_t kBetweenNewsBytes = 1 << 20;       ///< a driver that may go on in time never waits
constexpr std::size_t kMaxPieceBytes = 96 << 10;         ///< a transaction has an end
constexpr std::uint64_t kMaxProgramBytes = 16ULL << 30;  ///< unpacked; many times what programs have

}  // namespace

void ProgramUpload::declare(const std::string& hash, std::uint64_t size) {
  if (!declared_.emplace(hash, size).second) return;
  if (size > kMaxProgramBytes - declared_bytes_)
    throw wire::ProtocolError("the files of the program are more than 16 GiB, which no program may have");
  declared_bytes_ += size;
}

/// Checked before it is stored: a wrong file would be everybody's who has that hash, and a small one may unpack to
/// anything.
void ProgramUpload::take(const wire::BlobChunk& piece) {
  const auto declared = declared_.find(piece.hash());
  if (declared == declared_.end()) throw wire::ProtocolError("a file came that is none of the program's");
  if (piece.size() != declared->second)
    throw wire::ProtocolError("a file came with another size than its program says");
  const std::string name = "the file with SHA-256 " + base::hex_of(piece.hash());
  if (piece.index() == 0) incoming_.erase(piece.hash());
  const auto [found, is_new] = incoming_.try_emplace(piece.hash(), PackedFile(piece.hash(), piece.size(), name));
  Incoming& incoming = found->second;
  if (piece.index() != incoming.next_piece++) throw wire::ProtocolError("the pieces of a file came out of order");
  try {
    incoming.file.unpack(piece.data());
    if (piece.last()) incoming.file.check_whole();
  } catch (const WrongFile& error) {
    throw wire::ProtocolError(error.what());
  }
  if (piece.last()) incoming_.erase(found);
}

bool ProgramUpload::came(const wire::BlobChunk& piece) {
  if (piece.hash().size() != base::kSha256Bytes || size_of(piece) > kMaxPieceBytes)
    throw wire::ProtocolError("a piece of a file is malformed");
  if (waits_for_room_) {
    incoming_.erase(piece.hash());
    broken_off_.insert(piece.hash());
  } else if (piece.index() == 0) {
    broken_off_.erase(piece.hash());
  }
  if (broken_off_.contains(piece.hash())) {
    taken_bytes_ += size_of(piece);
    return false;
  }
  take(piece);
  queued_bytes_ += size_of(piece);
  if (queued_bytes_ > kMaxQueuedUploadBytes) is_ahead_ = true;
  return true;
}

void ProgramUpload::stored(const wire::BlobChunk& piece) {
  MORROW_INVARIANT(queued_bytes_ >= size_of(piece), "a piece that is stored was queued", queued_bytes_, size_of(piece));
  queued_bytes_ -= size_of(piece);
  taken_bytes_ += size_of(piece);
  if (queued_bytes_ >= kMaxQueuedUploadBytes / 2) return;
  is_ahead_ = false;
  if (std::exchange(waits_for_room_, false)) missing_.assign(broken_off_.begin(), broken_off_.end());
}

std::optional<std::uint64_t> ProgramUpload::take_news() {
  if (taken_bytes_ - told_bytes_ < kBetweenNewsBytes) return std::nullopt;
  return told_bytes_ = taken_bytes_;
}

bool ProgramUpload::no_room() {
  if (queued_bytes_ == 0 || std::exchange(waits_for_room_, true)) return false;
  is_ahead_ = false;
  return true;
}

}  // namespace morrow::worker
