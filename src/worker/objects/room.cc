// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "data/checksum.h"
#include "worker/objects/impl.h"

// Where objects find room: free extents first, then what can go to disk.
namespace morrow::worker {

using control::FailureKind;
using State = ObjectState;

namespace {

constexpr std::uint64_t kGrowAhead = 64ULL << 20;    // fresh pages cost much: some are made before they are asked for
constexpr std::uint64_t kSpillAhead = 256ULL << 20;  // on their way to disk at once
constexpr std::chrono::milliseconds kLookAgain{100};
constexpr std::uint64_t kBriefMs = 300;
constexpr std::uint64_t kMoreTimeMs = 1000;
constexpr std::uint64_t kPassFreely = 2000;  // ms
constexpr std::uint64_t kSmallPart = 16;
constexpr std::uint64_t kBreakDeadlockMs = 500;
constexpr std::uint64_t kSayAgainMs = 10'000;

std::string amount(std::uint64_t bytes) {
  constexpr std::uint64_t kMebi = 1 << 20;
  return bytes < 10 * kMebi ? fmt::format("{} kB", bytes / 1000) : fmt::format("{} MB", bytes / 1'000'000);
}

}  // namespace

ObjectProblem Objects::no_room(std::uint64_t size, const std::string& why) const {
  const std::uint64_t free = extents_.capacity() - extents_.used();
  const std::uint64_t piece = extents_.largest_free();
  return {FailureKind::kNoRoom,
          fmt::format("no room for a value of {}: of the {} of object memory of worker {}, {} are held and {} free{}{}",
                      amount(size), amount(extents_.capacity()), options_.owner, amount(extents_.used()), amount(free),
                      piece < free ? ", the largest piece " + amount(piece) : "", why)};
}

std::optional<ObjectProblem> Objects::never_fit(std::uint64_t bytes) const {
  if (bytes <= extents_.capacity()) return std::nullopt;
  return ObjectProblem{
      FailureKind::kNoRoom,
      fmt::format(
          "no room for the values it depends on: together they need {}, and the object memory of worker {} is {}; "
          "start the worker with a larger --object-memory, or let it depend on fewer at once",
          amount(bytes), options_.owner, amount(extents_.capacity()))};
}

bool Objects::anything_held() const {
  return !growing_.empty() || std::any_of(objects_.begin(), objects_.end(), [](const auto& entry) {
    const Object& object = *entry.second;
    return object.extent.size != 0 && (!object.idle || object.spilling);
  });
}

void Objects::want_room(ProcessId who, std::uint64_t size, std::uint64_t object, Room then) {
  if (size > extents_.capacity()) {
    return then(std::nullopt, no_room(size, "; start the worker with a larger --object-memory, or split the value"));
  }
  Waiting waits{who, std::max<std::uint64_t>(size, 1), object, monotonic_ms(), next_turn_++, std::move(then)};
  waiting_.push_back(std::move(waits));
  serve();
}

/// Gives room to those who wait for it, in their order.
void Objects::serve() {
  serve_waiting();
  serve_after_waiting();
}

void Objects::serve_waiting() {
  if (extents_.limit() < extents_.capacity() && monotonic_ms() >= grow_again_) extents_.limit(extents_.capacity());
  while (!waiting_.empty()) {
    Waiting& first = waiting_.front();
    if (first.size > extents_.limit()) {
      give_up(waiting_.begin(), "; " + growth_problem_);
      continue;
    }
    if (const auto extent = extents_.allocate(first.size)) {
      Waiting served = std::move(first);
      waiting_.pop_front();
      one_failed_ = false;
      give(*extent, std::move(served));
      continue;
    }
    if (make_room(first.size, disk_problem_.empty())) continue;
    const bool enough = waited_enough(first);
    if (spilling_ != 0 || (disk_problem_.empty() && !enough)) {
      if (serve_another()) continue;
      if (spilling_ != 0) return;  // more comes free by itself
      if (send_one_away() || break_deadlock()) continue;
      return watch_waiting();
    }
    one_failed_ = true;
    give_up(waiting_.begin(), "; " + why_no_room(), contended(first));
    disk_problem_.clear();
  }
}

std::string Objects::why_no_room() const {
  if (!disk_problem_.empty()) return disk_problem_;
  if (extents_.limit() < extents_.capacity()) return growth_problem_;
  return "all of it is in use by tasks and drivers: free some, or start the worker with a larger --object-memory";
}

void Objects::give_up(std::deque<Waiting>::iterator one, const std::string& why, bool contended) {
  const Waiting given_up = std::move(*one);
  waiting_.erase(one);
  ObjectProblem problem = no_room(given_up.size, why);
  problem.contended = contended;
  given_up.then(std::nullopt, problem);
}

void Objects::after_waiting(std::function<void()> then) {
  after_waiting_.emplace_back(next_turn_, std::move(then));
  serve_after_waiting();
}

void Objects::serve_after_waiting() {
  std::uint64_t turn = next_turn_;
  for (const Waiting& one : waiting_) turn = std::min(turn, one.turn);
  for (const auto& [extent, one] : growing_) turn = std::min(turn, one.turn);
  for (; !after_waiting_.empty() && after_waiting_.front().first <= turn; after_waiting_.pop_front())
    boost::asio::post(io_, std::move(after_waiting_.front().second));
}

// ---- tasks that hold what others wait for ----

std::vector<ProcessId> Objects::who_waits(const Waiting& waits) {
  std::vector<ProcessId> all;
  const Object* object = waits.object == 0 ? nullptr : find(waits.object);
  if (object == nullptr) return {waits.who};
  all.reserve(object->asking.size());
  for (const Asking& one : object->asking) all.push_back(one.who);
  return all;
}

bool Objects::holds_something(ProcessId who) const {
  const auto found = processes_.find(who);
  return found != processes_.end() && !(found->second.pins.empty() && found->second.writes.empty());
}

/// Whether tasks hold memory besides those who wait for this.
bool Objects::contended(const Waiting& waits) {
  if (!disk_problem_.empty() || extents_.limit() < extents_.capacity()) return false;
  const std::vector<ProcessId> own = who_waits(waits);
  return std::any_of(processes_.begin(), processes_.end(), [&](const auto& process) {
    return (process.first & kDriverBit) == 0 && holds_something(process.first) &&
           std::find(own.begin(), own.end(), process.first) == own.end();
  });
}

/// When all that hold memory wait for more, none of them will ever let go: the last one that came gets nothing, and may
/// begin anew when the others are through.
bool Objects::break_deadlock() {
  const std::uint64_t now = monotonic_ms();
  if (now < std::max(waiting_.front().first_since, deadlock_broken_ms_) + kBreakDeadlockMs || !growing_.empty())
    return false;
  std::unordered_set<ProcessId> waits;
  for (const Waiting& one : waiting_) {
    for (const ProcessId who : who_waits(one)) waits.insert(who);
  }
  std::size_t holders = 0;
  for (const auto& [who, process] : processes_) {
    if (!holds_something(who)) continue;
    if (!waits.contains(who)) return false;
    ++holders;
  }
  if (holders < 2) return false;
  const auto holds = [this](const Waiting& one) {
    const std::vector<ProcessId> all = who_waits(one);
    return std::any_of(all.begin(), all.end(), [this](ProcessId who) { return holds_something(who); });
  };
  const auto last = std::find_if(waiting_.rbegin(), waiting_.rend(), holds);
  if (last == waiting_.rend()) return false;
  deadlock_broken_ms_ = now;
  give_up(std::prev(last.base()), "; tasks hold all of it that wait for each other", true);
  return true;
}

/// Those who wait for a moment only may hold what the first waits for: one of them at a time has to ask anew.
bool Objects::send_one_away() {
  const std::uint64_t now = monotonic_ms();
  if (now < std::max(waiting_.front().first_since + kBriefMs, sent_away_ + kLookAgain.count())) return false;
  const auto found = std::find_if(waiting_.begin() + 1, waiting_.end(),
                                  [&](const Waiting& one) { return now >= one.came + kBriefMs && is_brief(one); });
  if (found == waiting_.end()) return false;
  sent_away_ = now;
  give_up(found, "; all of it is in use by tasks and drivers");
  return true;
}

bool Objects::is_brief(const Waiting& waits) {
  const Object* object = waits.object == 0 ? nullptr : find(waits.object);
  return object != nullptr &&
         std::all_of(object->asking.begin(), object->asking.end(), [](const Asking& one) { return one.brief; });
}

/// Where the caller looks at objects that others may change.
void Objects::serve_soon() {
  if (waiting_.empty() || std::exchange(serves_soon_, true)) return;
  boost::asio::post(io_, [this, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.lock()) return;
    serves_soon_ = false;
    serve();
  });
}

/// The first can't be served yet: one who came later and needs less does not stand still for that. But what passes by
/// must not keep the first from ever being served.
bool Objects::serve_another() {
  Waiting& first = waiting_.front();
  const bool freely = monotonic_ms() - first.first_since < kPassFreely;
  const std::uint64_t most = extents_.largest_free();
  const auto may = [&](const Waiting& one) {
    const bool small = one.size <= first.size / kSmallPart && first.passed_by + one.size <= first.size / 2;
    return one.size <= most && (freely || small);
  };
  const auto found = std::find_if(waiting_.begin() + 1, waiting_.end(), may);
  if (found == waiting_.end()) return false;
  const auto extent = extents_.allocate(found->size);
  if (!extent) return false;
  if (!freely) first.passed_by += found->size;
  Waiting served = std::move(*found);
  waiting_.erase(found);
  give(*extent, std::move(served));
  return true;
}

void Objects::give(data::Extent extent, Waiting served) {
  const std::uint64_t end = extent.offset + extent.size;
  if (end <= arena_.backed()) return served.then(extent, {});
  growing_.emplace_back(extent, std::move(served));
  if (grows_to_ == 0) grow(std::min(extents_.capacity(), end + kGrowAhead));
}

/// The time of the first runs since it is the first. When the one before it got nothing, what that one held is about to
/// come free: then it has some time more at least, so that those who hold room from each other do not all fail.
bool Objects::waited_enough(Waiting& first) {
  const std::uint64_t now = monotonic_ms();
  if (first.first_since == 0) {
    first.first_since = now;
    first.after_one_that_failed = one_failed_;
  }
  const std::uint64_t limit = is_brief(first) ? std::min(options_.room_within_ms, kBriefMs) : options_.room_within_ms;
  if (!first.after_one_that_failed) return now >= first.first_since + limit;
  return now >= std::max(first.came + limit, first.first_since + std::min(limit, kMoreTimeMs));
}

/// Makes the memory up to `end` exist.
void Objects::grow(std::uint64_t end) {
  grows_to_ = end;
  run(
      [this, end]() -> std::string {
        try {
          if (options_.before_growth) options_.before_growth(end);
          arena_.back(end);
          return {};
        } catch (const std::exception& error) {
          return error.what();
        }
      },
      [this](const std::string& trouble) { grown(trouble); });
}

void Objects::grown(const std::string& trouble) {
  const std::uint64_t tried = std::exchange(grows_to_, 0);
  if (trouble.empty()) growth_problem_.clear();
  std::uint64_t missing = 0;
  for (auto& [extent, waits] : std::exchange(growing_, {})) {
    const std::uint64_t end = extent.offset + extent.size;
    if (end <= arena_.backed()) {
      waits.then(extent, {});
    } else {
      missing = std::max(missing, end);
      growing_.emplace_back(extent, std::move(waits));
    }
  }
  if (missing != 0 && grows_to_ == 0) {
    if (trouble.empty()) {
      grow(std::min(extents_.capacity(), missing + kGrowAhead));
    } else if (missing < tried) {
      grow(missing);  // it may have as much as is needed now
    } else {
      stop_growing(trouble);
    }
  }
  serve();
}

/// The machine has no memory: for some time those who wait get what exists, where others make room for them.
void Objects::stop_growing(const std::string& trouble) {
  if (growth_problem_.empty()) events_.log(trouble);
  growth_problem_ = trouble;
  grow_again_ = monotonic_ms() + options_.grow_again_ms;
  extents_.limit(arena_.backed());
  auto growing = std::exchange(growing_, {});
  for (auto one = growing.rbegin(); one != growing.rend(); ++one) {
    extents_.free(one->first);
    waiting_.push_front(std::move(one->second));
  }
}

/// Frees memory of what is on disk already, or begins to write some there. True: something came free at once.
bool Objects::make_room(std::uint64_t size, bool may_spill) {
  for (auto next = idle_.begin(); next != idle_.end();) {
    Object& object = *find(*next++);
    if (object.spilling) continue;
    if (object.stored) {
      idle_.erase(*std::exchange(object.idle, std::nullopt));
      give_back(object);
      object.state = State::kOnDisk;
      return true;
    }
    if (!may_spill) continue;
    const std::uint64_t coming = extents_.limit() - std::min(extents_.used(), extents_.limit()) + spilling_;
    // Who asked once will ask again: the next one is on its way meanwhile.
    const std::uint64_t enough = size + std::min({size, kSpillAhead, extents_.capacity() / 4});
    if (spilling_ != 0 && (coming >= enough || spilling_ >= kSpillAhead)) return false;
    spill(object);
  }
  return false;
}

void Objects::spill(Object& object) {
  object.spilling = true;
  spilling_ += object.size;
  struct Spilled {
    std::uint64_t checksum = 0;
    std::uint64_t stored = 0;
    std::string trouble;
  };
  run(
      [this, number = object.number, extent = data::Extent{object.extent.offset, object.size}] {
        Spilled result;
        try {
          const auto bytes = view_.bytes(extent);
          result.checksum = data::checksum(bytes);
          result.stored = spill_.write(number, bytes);
        } catch (const std::exception& error) {
          result.trouble = error.what();
        }
        return result;
      },
      [this, number = object.number](const Spilled& result) {
        spilled(number, result.checksum, result.stored, result.trouble);
      });
}

void Objects::spilled(std::uint64_t number, std::uint64_t checksum, std::uint64_t stored,
                      const std::string& disk_problem) {
  Object* object = find(number);
  object->spilling = false;
  spilling_ -= object->size;
  if (disk_problem.empty()) {
    object->stored = true;
    object->disk = stored;
    object->checksum = checksum;
    spilled_bytes_ += stored;
    disk_problem_.clear();
  } else {
    disk_problem_ = disk_problem;
    // Each task that needs room tries it again.
    if (const std::uint64_t now = monotonic_ms(); disk_said_ == 0 || now >= disk_said_ + kSayAgainMs) {
      disk_said_ = now;
      events_.log("an object could not be written to disk: " + disk_problem);
    }
  }
  if (object->freed && object->pins == 0) remove(*object);
  serve();
}

/// Somebody waits for room that is in use: looks again now and then, so that nobody waits for ever.
void Objects::watch_waiting() {
  if (std::exchange(timing_, true)) return;
  timer_.expires_after(kLookAgain);
  timer_.async_wait([this](const boost::system::error_code& error) {
    timing_ = false;
    if (!error) serve();
  });
}

}  // namespace morrow::worker
