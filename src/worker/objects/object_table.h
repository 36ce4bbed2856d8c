// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <random>
#include <string_view>
#include <unordered_map>

#include "worker/objects/object.h"

namespace morrow::worker {

/// The objects of a worker by number, with their states, how many pins each has, and the order in which those that
/// nobody uses were used last. It owns the objects; an object stays where it is until it is erased. Owned by Objects,
/// on its thread only.
///
/// Invariants: an object's state changes by the transitions of `move_to` only; one that is pinned is in memory; one is
/// idle exactly when it is in memory, immutable and not pinned, from its first `touch` on; none is erased that is
/// pinned, being written to disk, waited for, or that still has memory.
class ObjectTable {
 public:
  ObjectTable() = default;

  /// Null: there is none.
  Object* find(std::uint64_t number);
  const Object* find(std::uint64_t number) const;
  /// The sentence says why it is there.
  Object& get(std::uint64_t number, std::string_view sentence);

  /// A new one under a number that no other one has, here or, as numbers are random, elsewhere.
  Object& create_to_write(ProcessId writer, data::Extent extent, std::uint64_t now_ms);
  /// A new one that is to come from another worker, where it has this number. Needs a number that is not here.
  Object& create_coming(std::uint64_t number, control::FutureId future, std::uint64_t size_bytes, std::uint64_t now_ms);
  /// One of a table that was before this one, with no pins.
  Object& adopt(Object object);
  /// Needs one that nothing holds any more (see above).
  void erase(Object& object);

  /// Ends the process when there is no such transition.
  static void move_to(Object& object, ObjectState state);

  /// Needs an object that is in memory.
  void pin(Object& object);
  /// Takes back `count` pins. True: it was the last.
  bool unpin(Object& object, std::uint32_t count = 1);
  /// It is the most recently used; from here on it is idle, unless it is pinned.
  void touch(Object& object);
  /// It is idle no more, as its memory is taken.
  void take_from_idle(Object& object);
  /// Numbers of the idle ones, the least recently used first.
  const std::list<std::uint64_t>& idle() const { return idle_; }

  const std::unordered_map<std::uint64_t, std::unique_ptr<Object>>& all() const { return objects_; }

 private:
  Object& add(std::uint64_t number, std::uint64_t now_ms);

  std::unordered_map<std::uint64_t, std::unique_ptr<Object>> objects_;
  std::list<std::uint64_t> idle_;
  std::mt19937_64 random_{std::random_device{}()};
};

}  // namespace morrow::worker
