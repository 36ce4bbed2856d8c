// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/program_upload.h"

#include <gtest/gtest.h>

#include <deque>

#include <rapidcheck.h>

#include "tests/worker/shell/packed_test_file.h"
#include "wire/frame.h"

namespace morrow::worker {
namespace {

const PackedTestFile& file() {
  static const PackedTestFile file(520);
  return file;
}

const wire::BlobChunk& piece_of(std::uint32_t index) { return file().pieces.at(index); }

/// Of a program that has this file.
ProgramUpload upload_of(const PackedTestFile& one) {
  ProgramUpload upload;
  upload.declare(one.hash, one.size);
  return upload;
}

TEST(ProgramUpload, ADriverThatIsAheadIsReadAgainWhenHalfIsStored) {
  ProgramUpload upload = upload_of(file());
  std::uint32_t sent = 0;
  for (; !upload.is_ahead(); ++sent) ASSERT_TRUE(upload.came(piece_of(sent)));
  std::uint32_t stored = 0;
  for (; upload.is_ahead(); ++stored) upload.stored(piece_of(stored));
  EXPECT_EQ(stored, (sent + 1) / 2);
  EXPECT_TRUE(upload.take_missing().empty());
}

TEST(ProgramUpload, WithoutRoomTheDriverIsReadAndWhatItSendsIsAskedForAgain) {
  ProgramUpload upload = upload_of(file());
  for (std::uint32_t i = 0; i < 60; ++i) upload.came(piece_of(i));
  EXPECT_TRUE(upload.is_ahead());
  EXPECT_TRUE(upload.no_room());
  EXPECT_FALSE(upload.no_room()) << "said once";
  EXPECT_FALSE(upload.is_ahead()) << "it may have something else to say";
  EXPECT_FALSE(upload.came(piece_of(60)));
  for (std::uint32_t i = 0; i < 60; ++i) upload.stored(piece_of(i));
  EXPECT_EQ(upload.take_missing(), std::vector<std::string>{file().hash});
  EXPECT_TRUE(upload.take_missing().empty());
  EXPECT_FALSE(upload.came(piece_of(61))) << "it was on its way when the file was asked for";
  EXPECT_TRUE(upload.came(piece_of(0)));
  EXPECT_TRUE(upload.came(piece_of(1)));
}

TEST(ProgramUpload, ADriverThatWaitsForNewsIsNeverTooFarAhead) {
  ProgramUpload upload = upload_of(file());
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
    sent += piece_of(i).data().size();
  }
}

TEST(ProgramUpload, RoomThatLacksWhileNothingIsOnItsWayIsNoNews) {
  ProgramUpload upload = upload_of(file());
  EXPECT_FALSE(upload.no_room());
  EXPECT_TRUE(upload.came(piece_of(0)));
}

std::string refusal(ProgramUpload upload, const std::vector<wire::BlobChunk>& pieces) {
  try {
    for (const wire::BlobChunk& piece : pieces) upload.came(piece);
  } catch (const wire::ProtocolError& error) {
    return error.what();
  }
  return "";
}

TEST(ProgramUpload, AFileIsTakenOnlyAsWhatItWasDeclared) {
  const PackedTestFile good(3, 1'000);
  const PackedTestFile other(3, 1'000, 2);
  EXPECT_EQ(refusal(upload_of(good), good.pieces), "");
  EXPECT_EQ(refusal(upload_of(other), good.pieces), "a file came that is none of the program's");
  auto wrong = good.pieces;
  wrong[1].set_data(other.pieces[1].data());
  EXPECT_NE(refusal(upload_of(good), wrong).find("are not the file that the driver has"), std::string::npos);
  wrong = good.pieces;
  wrong[1].set_last(true);
  EXPECT_NE(refusal(upload_of(good), wrong).find("are not the file that the driver has"), std::string::npos);
  wrong = good.pieces;
  for (wire::BlobChunk& piece : wrong) piece.set_size(piece.size() * 2);
  EXPECT_EQ(refusal(upload_of(good), wrong), "a file came with another size than its program says");
}

std::string zeros(std::size_t bytes) {
  const std::string raw(bytes, '\0');
  std::string packed(ZSTD_compressBound(bytes), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), raw.data(), raw.size(), 1));
  return packed;
}

TEST(ProgramUpload, ASmallFileThatUnpacksToALargeOneIsRefusedBeforeThat) {
  const PackedTestFile small(2, 1'000);
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{2'001}, std::size_t{1} << 24, std::size_t{1} << 26}) {
    auto bomb = small.pieces;
    bomb[0].set_data(zeros(bytes));
    EXPECT_NE(refusal(upload_of(small), bomb), "") << bytes;
  }
}

TEST(ProgramUpload, PiecesOfBytesThatSayNothingAreRefused) {
  const PackedTestFile small(2, 1'000);
  auto filled = small.pieces;
  const std::string skipped = std::string("\x50\x2a\x4d\x18\x00\x80\x00\x00", 8) + std::string(0x8000, 'x');
  filled[0].set_data(filled[0].data() + skipped);
  EXPECT_NE(refusal(upload_of(small), filled), "");
  filled[0].set_data(skipped);
  EXPECT_NE(refusal(upload_of(small), filled), "");
}

TEST(ProgramUpload, TheFilesOfAProgramHaveALimitTogether) {
  ProgramUpload upload;
  upload.declare("one", 15ULL << 30);
  upload.declare("one", 15ULL << 30);
  upload.declare("two", 1ULL << 30);
  EXPECT_THROW(upload.declare("three", 1), wire::ProtocolError);
}

// A driver sends what it is asked for, one file at a time; whenever room lacks and comes, all of the file is stored in
// the end, in order, and the driver is never unread while room lacks.
TEST(ProgramUpload, WhateverTheRoomTheWholeFileIsStoredInTheEnd) {
  const bool holds = rc::check("the file is whole", [] {
    constexpr std::uint32_t kPieces = 60;
    static const PackedTestFile whole(kPieces);
    ProgramUpload upload = upload_of(whole);
    std::deque<wire::BlobChunk> wire, queue;
    std::vector<std::uint32_t> stored;
    upload.lacks({whole.hash});
    const auto ask = [&] {
      for (const std::string& hash : upload.take_missing()) {
        RC_ASSERT(hash == whole.hash);
        wire.insert(wire.end(), whole.pieces.begin(), whole.pieces.end());
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
