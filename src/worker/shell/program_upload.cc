// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/program_upload.h"

#include <utility>

#include "base/invariant.h"
#include "base/sha256.h"
#include "wire/frame.h"

namespace morrow::worker {

namespace {

constexpr std::size_t kMaxQueuedUploadBytes = kUploadAheadBytes + (1 << 20);  ///< until half of it is stored
constexpr std::size_t kBetweenNewsBytes = 1 << 20;  ///< a driver that may go on in time never waits
constexpr std::size_t kMaxPieceBytes = 96 << 10;    ///< a transaction has an end

}  // namespace

bool ProgramUpload::came(const wire::BlobChunk& piece) {
  if (piece.hash().size() != base::kSha256Bytes || size_of(piece) > kMaxPieceBytes)
    throw wire::ProtocolError("a piece of a file is malformed");
  if (waits_for_room_) {
    next_piece_.erase(piece.hash());
    broken_off_.insert(piece.hash());
  } else if (piece.index() == 0) {
    broken_off_.erase(piece.hash());
  }
  if (broken_off_.contains(piece.hash())) {
    taken_bytes_ += size_of(piece);
    return false;
  }
  if (piece.index() != next_piece_[piece.hash()]++) throw wire::ProtocolError("the pieces of a file came out of order");
  if (piece.last()) next_piece_.erase(piece.hash());
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
