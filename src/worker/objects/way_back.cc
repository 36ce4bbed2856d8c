// SPDX-License-Identifier: Apache-2.0
// What was accepted must be readable, however full memory and disk are. A value that is only on disk needs a place in
// memory; to make one, others have to go to the disk, and that may be full by then. So the way back is looked at when
// something new is accepted, not when it is needed:
//
// - A value in memory can *move* when it has a file already, or a promise: a file of its own whose blocks are allocated
//   (SpillFolder::promise), so that writing it can't fail for want of space. So can a copy that other workers have too:
//   it is given up. Every other value *stays*.
// - The way back is open when the values that stay leave a gap as large as the largest value that is only on disk. What
//   lies in that gap can always be moved out, one after another, and the value come in. It has a file then, so it can
//   be moved out at once for the next one: one gap is enough for all of them.
// - Only a new value can close it. So a new value gets its place, and when the way back is closed by that, a promise;
//   when the disk has no room for that, it is refused. A value whose memory is taken closes nothing: its own place is a
//   gap that is large enough.
//
// So about one value's worth of the disk is set aside, and all else of memory and disk is used.
#include "worker/objects/way_back.h"

#include <iterator>

#include "base/invariant.h"
#include "base/must.h"
#include "data/extents.h"

namespace morrow::worker {

WayBack::WayBack(std::uint64_t capacity_bytes) : capacity_bytes_(capacity_bytes) {
  if (capacity_bytes != 0) gaps_.insert(capacity_bytes);
}

WayBack::Part WayBack::part_of(const Object& object) {
  Part part;
  const bool can_move = object.stored || object.promised_bytes != 0 || object.is_copy;
  if (object.extent.size == 0) {
    if (object.stored) part.out_bytes = data::in_whole_pages(object.size_bytes);
  } else if (!can_move) {
    part.begin = object.extent.offset;
    part.end = object.extent.offset + data::in_whole_pages(object.extent.size);
  }
  return part;
}

void WayBack::note(const Object& object) {
  forget(object.number);
  const Part part = part_of(object);
  if (!part.stays() && part.out_bytes == 0) return;
  add(part);
  parts_.emplace(object.number, part);
}

void WayBack::forget(std::uint64_t number) {
  if (const auto known = parts_.extract(number)) take_back(known.mapped());
}

/// Where the value before `next` ends.
std::uint64_t WayBack::end_before(std::map<std::uint64_t, std::uint64_t>::const_iterator next) const {
  return next == stay_.begin() ? 0 : std::prev(next)->second;
}

/// The gap from `begin` to `end` is cut into what is before and behind the middle, or made whole again.
void WayBack::replace_gap(std::uint64_t begin, std::uint64_t middle, std::uint64_t middle_end, std::uint64_t end,
                          bool cut) {
  const auto change = [this](std::uint64_t size, bool is_new) {
    if (size == 0) return;
    if (is_new) {
      gaps_.insert(size);
      return;
    }
    const auto known = gaps_.find(size);
    MORROW_INVARIANT(known != gaps_.end(), "a gap that ends was there", size);
    gaps_.erase(known);
  };
  MORROW_INVARIANT(begin <= middle && middle < middle_end && middle_end <= end, "a value lies within a gap", begin,
                   middle, middle_end, end);
  change(end - begin, !cut);
  change(middle - begin, cut);
  change(end - middle_end, cut);
}

void WayBack::add(const Part& part) {
  if (part.out_bytes != 0) out_.insert(part.out_bytes);
  if (!part.stays()) return;
  const auto next = stay_.lower_bound(part.begin);
  replace_gap(end_before(next), part.begin, part.end, next == stay_.end() ? capacity_bytes_ : next->first, true);
  stay_.emplace_hint(next, part.begin, part.end);
}

void WayBack::take_back(const Part& part) {
  if (part.out_bytes != 0) {
    const auto known = out_.find(part.out_bytes);
    MORROW_INVARIANT(known != out_.end(), "a value that comes back was out", part.out_bytes);
    out_.erase(known);
  }
  if (!part.stays()) return;
  base::must_erase(stay_, std::uint64_t{part.begin}, "a value that stays no more did");
  const auto next = stay_.lower_bound(part.begin);
  replace_gap(end_before(next), part.begin, part.end, next == stay_.end() ? capacity_bytes_ : next->first, false);
}

}  // namespace morrow::worker
