// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "data/arena.h"
#include "data/extents.h"
#include "data/spill.h"
#include "worker/objects/background.h"
#include "worker/objects/object_table.h"

namespace morrow::worker {

/// Objects to disk and back: it writes idle ones to files when room is needed, takes the memory of those that have a
/// file, and reads them again. It owns the files; objects and memory are those of Objects, which owns this. Main
/// thread only, the bytes are moved on the threads of `background`; table, extents and view must outlive its jobs.
///
/// Invariants: an object that is being written keeps its memory; only idle ones lose theirs, so none that is pinned;
/// the bytes on disk, promised and on their way there are the sums of those of the objects.
class Spiller {
 public:
  /// Where the files go.
  struct Options {
    std::string folder;                      ///< where the files go
    std::string owner;                       ///< the worker's name, for that of its folder
    std::uint64_t disk_bytes_left_free = 0;  ///< of the disk
    std::uint64_t most_bytes = 0;            ///< the most that all files may take; 0: what the disk has
  };

  /// What it tells, on the main thread.
  struct Events {
    /// The object is not being written any more: it has a file, or there is a problem.
    std::function<void(Object&)> written;
    /// It is a copy, and the disk has no place for it: whether it is given up is told by `gave_up`, soon. Not from
    /// inside.
    std::function<void(const Object&)> give_up;
    /// It has memory, a file or a promise that it had not, or the other way round.
    std::function<void(const Object&)> changed;
    std::function<void(const std::string&)> log;
  };

  /// With the folder of one that was before this, unless that is null. \throws std::runtime_error when there is no such
  /// folder
  Spiller(ObjectTable& table, data::Extents& extents, data::ArenaView& view, Background& background,
          const Options& options, Events events, std::unique_ptr<data::SpillFolder> folder = nullptr);

  /// Takes the memory of the least recently used idle object that has a file, or else begins to write some, until
  /// `size_bytes` are on their way, and as much again for the next request; not while there is a problem. True: memory
  /// came free.
  bool make_room(std::uint64_t size_bytes);
  /// Reads the object's file into its extent. It must have both, and keep both until `done`.
  void read(const Object& object, std::function<void(base::Result<void>)> done);
  /// Has the disk keep what the object's file may take, so that it can be written whatever else the disk is full of. It
  /// must have memory and no file; it is `spilling` until `done`.
  void promise(Object& object, std::function<void(base::Result<void>)> done);
  /// Objects that had no promise are on their way to disk.
  bool is_writing_ahead() const { return writing_unpromised_bytes_ != 0; }
  /// Removes the object's file or promise, if it has one. Not while it is written or read.
  void remove_file(Object& object);

  /// The object's file or promise is in the folder that was given.
  void adopt(const Object& object);
  /// For the next one; nothing is written or read from here on.
  std::unique_ptr<data::SpillFolder> give_folder() { return std::move(folder_); }

  bool is_writing() const { return writing_bytes_ != 0 || promising_bytes_ != 0 || giving_up_bytes_ != 0; }
  /// The answer to `give_up`; the object is not `spilling` any more.
  void gave_up(Object& object);
  /// Of files, after compression.
  std::uint64_t stored_bytes() const { return stored_bytes_; }
  std::uint64_t promised_bytes() const { return promised_bytes_; }
  /// Why nothing could be written to disk when it was tried last; empty: it could.
  const std::string& problem() const { return problem_; }
  /// It is tried again.
  void forget_problem() { problem_.clear(); }

 private:
  /// What the thread found out while it wrote.
  struct Written {
    std::uint64_t checksum = 0;
    std::uint64_t file_bytes = 0;
  };

  bool has_enough_coming(std::uint64_t size_bytes) const;
  std::optional<base::Problem> over_limit(std::uint64_t size_bytes) const;
  void give_up(Object& object, std::uint64_t size_bytes);
  void write(Object& object);
  void written(std::uint64_t number, const base::Result<Written>& result);

  ObjectTable& table_;
  data::Extents& extents_;
  data::ArenaView& view_;
  Background& background_;
  const Events events_;
  const std::uint64_t most_bytes_;
  std::unique_ptr<data::SpillFolder> folder_;
  std::uint64_t writing_bytes_ = 0;
  std::uint64_t writing_unpromised_bytes_ = 0;  ///< of these, what no promise counts already
  std::uint64_t promising_bytes_ = 0;
  std::uint64_t giving_up_bytes_ = 0;
  std::uint64_t promised_bytes_ = 0;
  std::uint64_t stored_bytes_ = 0;
  std::string problem_;
  std::uint64_t problem_logged_ms_ = 0;  ///< 0: never
};

}  // namespace morrow::worker
