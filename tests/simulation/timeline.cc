// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/timeline.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace morrow::simulation {

void Timeline::at(Time time, std::function<void()> event) {
  heap_.push_back({std::max(time, now_), ++number_, std::move(event)});
  std::push_heap(heap_.begin(), heap_.end(), later);
}

bool Timeline::step() {
  if (heap_.empty()) return false;
  std::pop_heap(heap_.begin(), heap_.end(), later);
  const Event event = std::move(heap_.back());
  heap_.pop_back();
  now_ = event.time;
  note(event.time ^ (event.number << 40));
  event.run();
  return true;
}

void Timeline::note(std::string_view bytes) {
  note(bytes.size());
  while (bytes.size() >= sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    note(word);
    bytes.remove_prefix(sizeof word);
  }
  std::uint64_t rest = 0;
  std::memcpy(&rest, bytes.data(), bytes.size());
  note(rest);
}

}  // namespace morrow::simulation
