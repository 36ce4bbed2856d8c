// SPDX-License-Identifier: Apache-2.0
// Everything that can be asked of Objects, in any order: the invariants of its parts are asserted meanwhile, values are
// read back, and in the end nothing is left. The seed of a run that fails is printed.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "tests/store/temporary_directory.h"
#include "worker/objects/objects.h"

namespace morrow::worker {
namespace {

constexpr std::uint64_t kRuns = 12;
constexpr int kSteps = 400;
constexpr std::uint64_t kPieceBytes = 128 << 10;

class RandomUse {
 public:
  explicit RandomUse(std::uint64_t seed) : random_(seed) {
    Objects::Events events;
    events.fetch = [this](control::FutureId, const control::ObjectRef& object, std::span<std::byte> into, auto done) {
      boost::asio::post(io_, [this, number = object.number, into, done] {
        if (any(0, 3) == 0) return done(true, "nobody has it");
        std::ranges::fill(into, byte_of(number));
        done(false, "");
      });
    };
    events.copied = [](control::FutureId, std::uint64_t) {};
    events.dropped = [this](control::FutureId) { wrong_ = "a copy was damaged"; };
    events.log = [](const std::string&) {};
    events.give_up = [this](control::FutureId, std::uint64_t, auto then) {
      boost::asio::post(io_, [this, then] { then(any(0, 1) == 0); });
    };
    ObjectOptions options;
    options.memory = 16 * kPieceBytes;
    options.spill_folder = directory_.path();
    options.owner = "one";
    options.disk_most = any(0, 1) * 20 * kPieceBytes;
    options.room_within_ms = 10;
    options.grow_again_ms = 5;
    options.before_growth = [this](std::uint64_t) {
      if (no_memory_) throw data::OutOfMemory("the machine has no memory left");
    };
    objects_ = std::make_unique<Objects>(io_, options, std::move(events));
    view_ = std::make_unique<data::ArenaView>(objects_->memory_fd());
    for (const ProcessId process : kProcesses) objects_->came(process);
  }

  std::string run() {
    for (int i = 0; i < kSteps && wrong_.empty(); ++i) {
      step();
      if (any(0, 2) == 0) turn(std::chrono::milliseconds(1));
    }
    // All end.
    no_memory_ = false;
    for (const ProcessId process : kProcesses) objects_->gone(process);
    bool through = false;
    objects_->after_waiting([&] { through = true; });
    for (int i = 0; i < 3000 && !(through && objects_->list().empty()); ++i) {
      std::exchange(lent_, {}).clear();  // and what was asked for before comes now
      std::exchange(incoming_, {}).clear();
      for (const ObjectSeen& one : objects_->list()) objects_->free(one.number);
      turn(std::chrono::milliseconds(10));
    }
    if (!wrong_.empty()) return wrong_;
    if (!through) return "some wait for ever";
    if (!objects_->list().empty() || objects_->usage().used != 0 || objects_->usage().spilled != 0)
      return "something is left";
    return {};
  }

 private:
  static constexpr std::array<ProcessId, 4> kProcesses{1, 2, 3, kDriverBit | 1};
  /// What a process looks at or writes.
  struct Use {
    ProcessId process = kNoProcess;
    ObjectPlace place;
    bool writes = false;
  };

  std::uint64_t any(std::uint64_t least, std::uint64_t most) {
    return std::uniform_int_distribution<std::uint64_t>(least, most)(random_);
  }
  static std::byte byte_of(std::uint64_t number) { return static_cast<std::byte>(number); }
  ProcessId any_process() { return kProcesses[any(0, kProcesses.size() - 1)]; }
  std::uint64_t any_number() { return known_.empty() ? 404 : known_[any(0, known_.size() - 1)]; }

  void turn(std::chrono::milliseconds most) {
    io_.run_one_for(most);
    io_.poll();
  }
  void fill(const ObjectPlace& place) { std::ranges::fill(view_->inside(place.extent), byte_of(place.number)); }
  void check(std::span<const std::byte> bytes, std::uint64_t number) {
    if (bytes.front() != byte_of(number) || bytes.back() != byte_of(number)) wrong_ = "a value is another one";
  }

  void want(bool brief) {
    const ProcessId process = any_process();
    const std::uint64_t number = any_number();
    const auto then = [this, process, number](const ObjectPlace* place, const ObjectProblem*) {
      if (place == nullptr) return;
      check(view_->bytes(place->extent), number);
      uses_.push_back({process, *place});
    };
    objects_->want(process, {1, number}, {number, sizes_[number], 0}, then, brief);
  }

  void reserve(bool if_free) {
    const ProcessId process = any_process();
    const auto then = [this, process](const ObjectPlace* place, const ObjectProblem*) {
      if (place != nullptr) uses_.push_back({process, *place, true});
    };
    objects_->reserve(process, any(1, 6 * kPieceBytes), then, if_free);
  }

  void end_use() {
    if (uses_.empty()) return;
    const std::size_t at = any(0, uses_.size() - 1);
    const Use use = uses_[at];
    uses_.erase(uses_.begin() + static_cast<std::ptrdiff_t>(at));
    if (!use.writes || any(0, 5) == 0) return objects_->unpin(use.process, use.place.number);
    fill(use.place);
    const std::uint64_t size = any(1, use.place.extent.size);
    const bool keeps = any(0, 1) == 0;
    if (!objects_->seal(use.process, use.place.number, size, {{1, use.place.number}}, keeps)) {
      wrong_ = "a writer could not publish";
      return;
    }
    known_.push_back(use.place.number);
    sizes_[use.place.number] = size;
    if (keeps) uses_.push_back({use.process, {use.place.number, {use.place.extent.offset, size}}});
  }

  void die() {
    const ProcessId process = any_process();
    objects_->gone(process);
    std::erase_if(uses_, [&](const Use& use) { return use.process == process; });
    objects_->came(process);
  }

  void serve_others() {
    const std::uint64_t number = any_number();
    switch (any(0, 3)) {
      case 0:
        objects_->lend(number, any(0, 1) == 0, [this, number](std::optional<Objects::Lent> lent) {
          if (!lent) return;
          check(lent->bytes, number);
          lent_.push_back(lent->pin);
        });
        break;
      case 1:
        std::exchange(lent_, {}).clear();
        break;
      case 2:
        objects_->receive(any(1, 4 * kPieceBytes),
                          [this](std::optional<Objects::Incoming> incoming, const std::string&) {
                            if (incoming) incoming_.push_back(*incoming);
                          });
        break;
      case 3:
        // What is handed over makes room, and the next of the queue may come meanwhile.
        for (const Objects::Incoming& one : std::exchange(incoming_, {}))
          objects_->hand_over(one.number, any(0, 1) == 0 ? 1 : 99);
        break;
    }
  }

  void step() {
    switch (any(0, 15)) {
      case 0:
      case 1:
      case 2:
        return want(false);
      case 3:
        return want(true);
      case 4:
      case 5:
      case 6:
        return reserve(any(0, 3) == 0);
      case 7:
      case 8:
      case 9:
      case 10:
        return end_use();
      case 11:
        if (any(0, 3) == 0) return die();
        return;
      case 12:
        if (any(0, 2) == 0) return objects_->free(any_number());
        known_.push_back(any(1, 1000));  // another worker has it
        sizes_[known_.back()] = any(1, 4 * kPieceBytes);
        return;
      case 13:
        return objects_->prefetch({1, 1}, {any_number(), kPieceBytes, 0});
      case 14:
        return serve_others();
      case 15:
        no_memory_ = any(0, 3) == 0;
        return objects_->after_waiting([] {});
    }
  }

  store::TemporaryDirectory directory_;
  std::mt19937_64 random_;
  boost::asio::io_context io_;
  const boost::asio::executor_work_guard<boost::asio::io_context::executor_type> stays_{io_.get_executor()};
  std::atomic<bool> no_memory_ = false;
  std::vector<std::uint64_t> known_;
  std::map<std::uint64_t, std::uint64_t> sizes_{{404, kPieceBytes}};
  std::vector<Use> uses_;
  std::vector<std::shared_ptr<const void>> lent_;
  std::vector<Objects::Incoming> incoming_;
  std::string wrong_;
  std::unique_ptr<Objects> objects_;
  std::unique_ptr<data::ArenaView> view_;
};

TEST(ObjectsRandom, InAnyOrderNothingIsMixedUpAndNothingIsLeft) {
  for (std::uint64_t seed = 1; seed <= kRuns; ++seed) ASSERT_EQ(RandomUse(seed).run(), "") << "seed " << seed;
}

}  // namespace
}  // namespace morrow::worker
