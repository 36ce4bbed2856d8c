// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/post.hpp>

#include "worker/objects/objects.h"

namespace morrow::worker {

inline constexpr std::uint64_t kMega = 1 << 20;

/// Objects of a worker with 4 MiB of memory; 1, 2 and 3 are processes.
class ObjectsTest : public ::testing::Test {
 protected:
  ObjectsTest() {
    std::string name = "/tmp/morrow-objects-XXXXXX";
    folder_ = mkdtemp(name.data());
    options_.memory = 4 * kMega;
    options_.spill_folder = folder_;
    options_.owner = "one";
    options_.room_within_ms = 300;
    open();
  }
  /// With other options than before.
  void open() {
    view_.reset();
    objects_.reset();
    Objects::Events events;
    events.fetch = [this](control::FutureId, const control::ObjectRef& object, std::span<std::byte> into, auto done) {
      ++fetches_;
      boost::asio::post(io_, [this, object, into, done] {
        if (object.number == 404) return done(true, "nobody has it");
        std::fill(into.begin(), into.end(), static_cast<std::byte>(object.number));
        done(false, "");
      });
    };
    events.copied = [this](control::FutureId, std::uint64_t object) { copied_.push_back(object); };
    events.dropped = [this](control::FutureId) { ++dropped_; };
    events.log = [this](const std::string& line) { log_ += line + "\n"; };
    events.give_up = [this](control::FutureId, std::uint64_t object, auto then) {
      const bool given = !last_.contains(object);
      boost::asio::post(io_, [then, given] { then(given); });
    };
    objects_ = std::make_unique<Objects>(io_, options_, std::move(events));
    view_ = std::make_unique<data::ArenaView>(objects_->memory_fd());
    for (const ProcessId who : {1, 2, 3}) objects_->came(who);
  }
  ~ObjectsTest() override {
    objects_.reset();
    EXPECT_TRUE(std::filesystem::is_empty(folder_)) << "something is left on disk";
    std::filesystem::remove_all(folder_);
  }

  template <class Done>
  bool until(Done done, std::chrono::milliseconds patience = std::chrono::seconds(30)) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!done() && std::chrono::steady_clock::now() < end) {
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds(20));
    }
    return done();
  }

  struct Answer {
    bool here = false;
    ObjectPlace place;
    ObjectProblem problem;
    bool ok() const { return place.number != 0; }
  };
  using AnswerPtr = std::shared_ptr<Answer>;
  static Objects::Then into(const AnswerPtr& answer) {
    return [answer](const ObjectPlace* place, const ObjectProblem* problem) {
      answer->here = true;
      if (place != nullptr) answer->place = *place;
      if (problem != nullptr) answer->problem = *problem;
    };
  }
  AnswerPtr ask_room(ProcessId who, std::uint64_t size) {
    auto answer = std::make_shared<Answer>();
    objects_->reserve(who, size, into(answer));
    return answer;
  }
  AnswerPtr ask(ProcessId who, std::uint64_t number, std::uint64_t size = kMega) {
    auto answer = std::make_shared<Answer>();
    objects_->want(who, {1, number}, {number, size, 0}, into(answer));
    return answer;
  }
  Answer wait(const AnswerPtr& answer) {
    EXPECT_TRUE(until([&] { return answer->here; }));
    return *answer;
  }

  /// A published object that nobody looks at, full of one byte.
  std::uint64_t made(int byte, std::uint64_t size = kMega) {
    const Answer room = wait(ask_room(1, size));
    EXPECT_TRUE(room.ok()) << room.problem.sentence;
    const auto bytes = view_->inside(room.place.extent);
    std::fill(bytes.begin(), bytes.end(), static_cast<std::byte>(byte));
    EXPECT_TRUE(objects_->seal(1, room.place.number, size, {{1, room.place.number}}, false));
    return room.place.number;
  }
  int byte_of(const Answer& answer) { return std::to_integer<int>(view_->bytes(answer.place.extent)[100]); }
  std::string file_of(std::uint64_t number) const {
    return std::filesystem::directory_iterator(folder_)->path().string() + "/" + std::to_string(number) + ".object";
  }
  ObjectSeen seen(std::uint64_t number) {
    for (const ObjectSeen& one : objects_->list()) {
      if (one.number == number) return one;
    }
    return {};
  }

  boost::asio::io_context io_;
  ObjectOptions options_;
  std::string folder_;
  std::unique_ptr<Objects> objects_;
  std::unique_ptr<data::ArenaView> view_;
  int fetches_ = 0;
  int dropped_ = 0;
  std::set<std::uint64_t> last_;  ///< copies that no other worker has
  std::vector<std::uint64_t> copied_;
  std::string log_;
};

}  // namespace morrow::worker
