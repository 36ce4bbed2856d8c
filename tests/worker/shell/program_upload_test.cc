// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/program_upload.h"

#include <gtest/gtest.h>

#include <deque>

#include <rapidcheck.h>

#include "base/sha256.h"
#include "wire/frame.h"

namespace morrow::worker {
namespace {

const std::string kFile(base::kSha256Bytes, 'f');

wire::BlobChunk piece_of(std::uint32_t index, bool last = false, std::size_t size = 90'000) {
  wire::BlobChunk piece;
  piece.set_hash(kFile);
  piece.set_index(index);
  piece.set_last(last);
  piece.set_data(std::string(size, 'd'));
  return piece;
}

TEST(ProgramUpload, ADriverThatIsAheadIsReadAgainWhenHalfIsStored) {
  ProgramUpload upload;
  std::uint32_t sent = 0;
  for (; !upload.is_ahead(); ++sent) ASSERT_TRUE(upload.came(piece_of(sent)));
  std::uint32_t stored = 0;
  for (; upload.is_ahead(); ++stored) upload.stored(piece_of(stored));
  EXPECT_EQ(stored, (sent + 1) / 2);
  EXPECT_TRUE(upload.take_missing().empty());
}

TEST(ProgramUpload, WithoutRoomTheDriverIsReadAndWhatItSendsIsAskedForAgain) {
  ProgramUpload upload;
  for (std::uint32_t i = 0; i < 60; ++i) upload.came(piece_of(i));
  EXPECT_TRUE(upload.is_ahead());
  EXPECT_TRUE(upload.no_room());
  EXPECT_FALSE(upload.no_room()) << "said once";
  EXPECT_FALSE(upload.is_ahead()) << "it may have something else to say";
  EXPECT_FALSE(upload.came(piece_of(60)));
  for (std::uint32_t i = 0; i < 60; ++i) upload.stored(piece_of(i));
  EXPECT_EQ(upload.take_missing(), std::vector<std::string>{kFile});
  EXPECT_TRUE(upload.take_missing().empty());
  EXPECT_FALSE(upload.came(piece_of(61))) << "it was on its way when the file was asked for";
  EXPECT_TRUE(upload.came(piece_of(0)));
  EXPECT_TRUE(upload.came(piece_of(1, true)));
}

TEST(ProgramUpload, ADriverThatWaitsForNewsIsNeverTooFarAhead) {
  ProgramUpload upload;
  std::uint64_t sent = 0;
  std::uint64_t taken = 0;
  std::uint32_t stored = 0;
  for (std::uint32_t i = 0; i < 500; ++i) {
    while (sent >= taken + kUploadAheadBytes) {  // what drivers do
      ASSERT_LT(stored, i) << "there is news at the latest when all is stored";
      upload.stored(piece_of(stored++));
      taken = upload.take_news().value_or(taken);
    }
    ASSERT_TRUE(upload.came(piece_of(i)));
    ASSERT_FALSE(upload.is_ahead());
    sent += 90'000;
  }
}

TEST(ProgramUpload, RoomThatLacksWhileNothingIsOnItsWayIsNoNews) {
  ProgramUpload upload;
  EXPECT_FALSE(upload.no_room());
  EXPECT_TRUE(upload.came(piece_of(0, true)));
}

// A driver sends what it is asked for, one file at a time; whenever room lacks and comes, all of the file is stored in
// the end, in order, and the driver is never unread while room lacks.
TEST(ProgramUpload, WhateverTheRoomTheWholeFileIsStoredInTheEnd) {
  const bool holds = rc::check("the file is whole", [] {
    constexpr std::uint32_t kPieces = 120;
    ProgramUpload upload;
    std::deque<wire::BlobChunk> wire, queue;
    std::vector<std::uint32_t> stored;
    upload.lacks({kFile});
    const auto ask = [&] {
      for (const std::string& hash : upload.take_missing()) {
        RC_ASSERT(hash == kFile);
        for (std::uint32_t i = 0; i < kPieces; ++i) wire.push_back(piece_of(i, i + 1 == kPieces));
      }
    };
    ask();
    const auto steps = *rc::gen::container<std::vector<int>>(200, rc::gen::inRange(0, 4));
    std::size_t next = 0;
    bool room = true;
    while (!wire.empty() || !queue.empty()) {
      const int step = next < steps.size() ? steps[next++] : 3;
      if (step == 0 && next < steps.size()) room = !room;
      if (next >= steps.size()) room = true;
      for (int i = 0; i < 30 && !upload.is_ahead() && !wire.empty(); ++i) {
        if (upload.came(wire.front())) queue.push_back(wire.front());
        wire.pop_front();
      }
      for (int i = 0; i < 10 * step && room && !queue.empty(); ++i) {
        if (queue.front().index() == 0) stored.clear();
        stored.push_back(queue.front().index());
        upload.stored(queue.front());
        queue.pop_front();
        ask();
      }
      if (!room) {
        upload.no_room();
        RC_ASSERT(!upload.is_ahead());
      }
    }
    RC_ASSERT(stored.size() == kPieces);
    for (std::uint32_t i = 0; i < kPieces; ++i) RC_ASSERT(stored[i] == i);
  });
  EXPECT_TRUE(holds);
}

}  // namespace
}  // namespace morrow::worker
