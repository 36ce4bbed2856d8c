// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "data/checksum.h"
#include "wire/http_pool.h"
#include "wire/join_url.h"
#include "worker/port/fetcher.h"
#include "worker/port/port.h"

namespace morrow::worker {

inline std::vector<std::byte> bytes_of(std::size_t size) {
  std::vector<std::byte> bytes(size);
  std::mt19937_64 random(size);
  for (std::byte& one : bytes) one = static_cast<std::byte>(random());
  return bytes;
}

/// What the port logs.
class Said {
 public:
  std::function<void(const std::string&)> log() {
    return [this](const std::string& sentence) {
      const std::lock_guard lock(mutex_);
      all_.push_back(sentence);
    };
  }
  std::size_t count(const std::string& part) {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::count_if(
        all_.begin(), all_.end(), [&](const std::string& one) { return one.find(part) != std::string::npos; }));
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> all_;
};

/// A port with a few objects behind it.
class PortTest : public ::testing::Test {
 protected:
  PortTest() {
    objects_[7] = bytes_of(1000);
    objects_[8] = bytes_of(40 << 20);  // comes in two halves
    PortHandlers& handlers = handlers_;
    handlers.object = [this](std::uint64_t number, bool verify, PortHandlers::Lend then) {
      verified_ += verify ? 1 : 0;
      const auto found = objects_.find(number);
      if (found == objects_.end()) return then(std::nullopt);
      ++lent_;
      const std::shared_ptr<const void> pin(&lent_, [this](const void*) { --lent_; });
      then(Objects::Lent{found->second, wrong_checksum_ ? 1 : data::checksum(found->second), pin});
    };
    handlers.receive = [this](std::uint64_t size, PortHandlers::Receive then) {
      if (size > 10'000) return then(std::nullopt, "no room for that");
      received_.resize(size);
      ++rooms_;
      const std::shared_ptr<const void> pin(&rooms_, [this](const void*) { --rooms_; });
      then(Objects::Incoming{99, received_, pin}, "");
    };
    handlers.received = [this](std::uint64_t, std::uint64_t session, std::function<void(bool)> then) {
      kept_ = session == 5;
      then(kept_);
    };
    handlers.metrics = [](std::function<void(std::string)> then) { then("morrow_objects 2\n"); };
    handlers.objects = [](std::function<void(std::string)> then) { then("list"); };
    handlers.session = [](wire::Fd, const std::string&) {};
    handlers.copy = [this](const control::HeldValue& value, std::function<void(std::string)> then) {
      copied_ = value;
      then(value.size > 10'000 ? "no room for that" : "");
    };
    open({"right", nullptr});
  }

  /// Another port in place of the one there is.
  void open(PortOptions options) {
    port_.reset();
    wire::Fd listening = wire::listen_tcp("127.0.0.1", 0);
    wire::parse_address(wire::local_address(listening.get()), endpoint_.host, endpoint_.port);
    endpoint_.token = options.token;
    port_ = std::make_unique<Port>(std::move(listening), std::move(options), handlers_);
  }
  wire::NetStream connect() {
    return wire::NetStream::connect(endpoint_.host, endpoint_.port, "", std::chrono::seconds(10));
  }
  /// All that comes until the other side closes.
  std::string rest_of(wire::NetStream& stream) {
    std::string text;
    std::array<std::byte, 4096> room{};
    try {
      for (std::size_t got = 0; (got = stream.read(room)) != 0;)
        text.append(reinterpret_cast<const char*>(room.data()), got);
    } catch (const wire::TimedOut&) {
      ADD_FAILURE() << "it was not closed";
    } catch (const wire::NetworkError&) {  // closed before it read all
    }
    return text;
  }
  std::string answer_to(const std::string& bytes) {
    wire::NetStream stream = connect();
    stream.write(bytes);
    return rest_of(stream);
  }

  wire::HttpResponse get(const std::string& target, wire::HttpHeaders headers = {}) {
    wire::HttpConnection connection(endpoint_, std::chrono::seconds(10));
    return connection.get(target, std::move(headers));
  }
  Fetcher::End fetch(std::uint64_t number, std::vector<std::byte>& into) {
    Fetcher fetcher;
    std::promise<Fetcher::End> end;
    fetcher.fetch({endpoint_}, number, into, [&](Fetcher::End got, const std::string&) { end.set_value(got); });
    return end.get_future().get();
  }

  /// The room of what was put, when the port has let go of it.
  bool given_back() const {
    for (int i = 0; i < 1000 && rooms_ != 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return rooms_ == 0;
  }

  std::map<std::uint64_t, std::vector<std::byte>> objects_;
  std::atomic<int> lent_ = 0;
  std::atomic<bool> wrong_checksum_ = false;
  std::atomic<int> verified_ = 0;
  std::vector<std::byte> received_;
  std::atomic<bool> kept_ = false;
  std::atomic<int> rooms_ = 0;
  control::HeldValue copied_;
  PortHandlers handlers_;
  wire::Endpoint endpoint_;
  std::unique_ptr<Port> port_;
};

}  // namespace morrow::worker
