// SPDX-License-Identifier: Apache-2.0
// Memory comes free in two steps: an idle object is written to disk, and when it has a file its memory is taken.
// Between them lies the time that the disk needs, so the question is how much to write ahead:
//
// - What has a file already costs nothing: it goes first, the least recently used before the others.
// - Writing begins when a request finds no room, and goes on until the memory that is free, and that which is being
//   written, are what it asked for and as much again (kSpillAheadBytes and a quarter of all memory at the most): who
//   asked once will ask again, and the next object is on its way meanwhile.
// - An object that is used while it is being written stays where it is, and has a file then: its memory can be taken at
//   once when it is idle again.
// - One that is freed meanwhile stays until the thread that reads its memory is through.
//
// - When the disk takes nothing more, copies that other workers have too are given up instead.
//
// The memory is taken from idle objects only, so a pinned one never moves. data/spill.cc has the files.
#include "worker/objects/spiller.h"

#include <algorithm>
#include <exception>
#include <utility>

#include <fmt/format.h>

#include "base/invariant.h"
#include "base/monotonic_clock.h"
#include "data/checksum.h"

namespace morrow::worker {

namespace {

constexpr std::uint64_t kSpillAheadBytes = 256ULL
                                           << 20;  // on their way to disk at once: what it takes in about a second
constexpr std::uint64_t kSpillAheadPart = 4;       // of all memory, where that is less
constexpr std::uint64_t kMegabyte = 1'000'000;
constexpr std::uint64_t kLogAgainMs = 10'000;  // each task that needs room tries it again

}  // namespace

Spiller::Spiller(ObjectTable& table, data::Extents& extents, data::ArenaView& view, Background& background,
                 const Options& options, Events events, std::unique_ptr<data::SpillFolder> folder)
    : table_(table),
      extents_(extents),
      view_(view),
      background_(background),
      events_(std::move(events)),
      most_bytes_(options.most_bytes),
      folder_(folder
                  ? std::move(folder)
                  : std::make_unique<data::SpillFolder>(options.folder, options.owner, options.disk_bytes_left_free)) {}

void Spiller::adopt(const Object& object) {
  stored_bytes_ += object.stored ? object.stored_bytes : 0;
  promised_bytes_ += object.promised_bytes;
}

bool Spiller::make_room(std::uint64_t size_bytes) {
  for (auto next = table_.idle().begin(); next != table_.idle().end();) {
    Object& object = table_.get(*next++, "an idle object is in the table");
    MORROW_INVARIANT(object.pins == 0 && object.state == ObjectState::kHere, "an idle object is in memory, unpinned",
                     object.number, object.pins, object.state);
    if (object.spilling) continue;
    if (object.stored) {
      table_.take_from_idle(object);
      extents_.free(std::exchange(object.extent, {}));
      ObjectTable::move_to(object, ObjectState::kOnDisk);
      events_.changed(object);
      return true;
    }
    if (!problem_.empty() && object.promised_bytes == 0) {
      if (object.is_copy) give_up(object, size_bytes);
      continue;
    }
    if (has_enough_coming(size_bytes)) return false;
    write(object);
  }
  return false;
}

bool Spiller::has_enough_coming(std::uint64_t size_bytes) const {
  const std::uint64_t free_bytes = extents_.limit() - std::min(extents_.used(), extents_.limit());
  const std::uint64_t enough_bytes =
      size_bytes + std::min({size_bytes, kSpillAheadBytes, extents_.capacity() / kSpillAheadPart});
  return writing_bytes_ != 0 && (free_bytes + writing_bytes_ >= enough_bytes || writing_bytes_ >= kSpillAheadBytes);
}

/// No more of them than the request for so many bytes needs.
void Spiller::give_up(Object& object, std::uint64_t size_bytes) {
  if (extents_.largest_free() + giving_up_bytes_ >= size_bytes && giving_up_bytes_ != 0) return;
  object.spilling = true;
  giving_up_bytes_ += object.size_bytes;
  events_.give_up(object);
}

void Spiller::gave_up(Object& object) {
  MORROW_INVARIANT(object.spilling && giving_up_bytes_ >= object.size_bytes, "a copy is given up once", object.number,
                   giving_up_bytes_, object.size_bytes);
  object.spilling = false;
  giving_up_bytes_ -= object.size_bytes;
}

/// What is wrong with so many bytes more.
std::optional<base::Problem> Spiller::over_limit(std::uint64_t size_bytes) const {
  const std::uint64_t taken_bytes = stored_bytes_ + promised_bytes_ + promising_bytes_ + writing_unpromised_bytes_;
  if (most_bytes_ == 0 || taken_bytes + size_bytes <= most_bytes_) return std::nullopt;
  return base::Problem{
      fmt::format("{} MB were to be written to disk, where {} MB are taken of the {} MB that --spill-limit allows",
                  size_bytes / kMegabyte, taken_bytes / kMegabyte, most_bytes_ / kMegabyte)};
}

void Spiller::promise(Object& object, std::function<void(base::Result<void>)> done) {
  MORROW_INVARIANT(!object.spilling && !object.stored && object.promised_bytes == 0 && object.extent.size != 0,
                   "an object is promised a file once, and before it has one", object.number, object.stored,
                   object.promised_bytes);
  const std::uint64_t size_bytes = object.extent.size;
  if (const auto over = over_limit(size_bytes)) return done(*over);
  object.spilling = true;
  promising_bytes_ += size_bytes;
  background_.run(
      [this, number = object.number, size_bytes]() -> base::Result<std::uint64_t> {
        try {
          return folder_->promise(number, size_bytes);
        } catch (const std::exception& error) {
          return base::Problem{error.what()};
        }
      },
      [this, number = object.number, size_bytes, done = std::move(done)](const base::Result<std::uint64_t>& result) {
        Object& promised = table_.get(number, "an object that a thread works on is not erased");
        promised.spilling = false;
        promising_bytes_ -= size_bytes;
        if (!result.ok()) return done(base::Problem{result.problem()});
        promised.promised_bytes = *result;
        promised_bytes_ += *result;
        events_.changed(promised);
        done({});
      });
}

void Spiller::write(Object& object) {
  MORROW_INVARIANT(!object.spilling && !object.stored && object.extent.size >= object.size_bytes,
                   "an object is written once, from its memory", object.number, object.extent.size, object.size_bytes);
  const bool promised = object.promised_bytes != 0;
  const auto over = promised ? std::nullopt : over_limit(object.size_bytes);
  object.spilling = true;
  writing_bytes_ += object.size_bytes;
  if (!promised) writing_unpromised_bytes_ += object.size_bytes;
  background_.run(
      [this, promised, over, number = object.number,
       extent = data::Extent{object.extent.offset, object.size_bytes}]() -> base::Result<Written> {
        if (over) return *over;
        try {
          const auto bytes = view_.bytes(extent);
          const std::uint64_t checksum = data::checksum(bytes);
          return Written{checksum, folder_->write(number, bytes, promised)};
        } catch (const std::exception& error) {
          return base::Problem{error.what()};
        }
      },
      [this, number = object.number](const base::Result<Written>& result) { written(number, result); });
}

void Spiller::written(std::uint64_t number, const base::Result<Written>& result) {
  Object& object = table_.get(number, "an object that is being written to disk is not erased");
  MORROW_INVARIANT(object.spilling && object.extent.size != 0 && writing_bytes_ >= object.size_bytes,
                   "an object that is being written keeps its memory and counts", number, object.extent.size,
                   writing_bytes_, object.size_bytes);
  object.spilling = false;
  writing_bytes_ -= object.size_bytes;
  if (object.promised_bytes == 0) writing_unpromised_bytes_ -= object.size_bytes;
  promised_bytes_ -= std::exchange(object.promised_bytes, 0);  // it is a file now, or gone
  if (result.ok()) {
    object.stored = true;
    object.stored_bytes = result->file_bytes;
    object.checksum = result->checksum;
    stored_bytes_ += result->file_bytes;
    problem_.clear();
  } else {
    problem_ = result.problem();
    if (const std::uint64_t now_ms = base::monotonic_ms();
        problem_logged_ms_ == 0 || now_ms >= problem_logged_ms_ + kLogAgainMs) {
      problem_logged_ms_ = now_ms;
      events_.log("an object could not be written to disk: " + problem_);
    }
  }
  events_.changed(object);
  events_.written(object);
}

void Spiller::read(const Object& object, std::function<void(base::Result<void>)> done) {
  MORROW_INVARIANT(object.stored && object.state == ObjectState::kComing && object.extent.size != 0,
                   "an object that is read has a file and room", object.number, object.stored, object.state,
                   object.extent.size);
  background_.run(
      [this, number = object.number,
       extent = data::Extent{object.extent.offset, object.size_bytes}]() -> base::Result<void> {
        try {
          folder_->read(number, view_.inside(extent));
          return {};
        } catch (const std::exception& error) {
          return base::Problem{error.what()};
        }
      },
      std::move(done));
}

void Spiller::remove_file(Object& object) {
  if (!object.stored && object.promised_bytes == 0) return;
  MORROW_INVARIANT(!object.spilling && stored_bytes_ >= object.stored_bytes && promised_bytes_ >= object.promised_bytes,
                   "a file that is removed counts", object.number, stored_bytes_, object.stored_bytes, promised_bytes_);
  object.stored = false;
  promised_bytes_ -= std::exchange(object.promised_bytes, 0);
  stored_bytes_ -= std::exchange(object.stored_bytes, 0);
  folder_->remove(object.number);
  events_.changed(object);
}

}  // namespace morrow::worker
