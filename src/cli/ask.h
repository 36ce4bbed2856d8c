// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <google/protobuf/message_lite.h>

#include "wire/frame.h"
#include "wire/messages.pb.h"
#include "wire/remote_session.h"
#include "wire/socket.h"

namespace morrow::cli {

using Deadline = std::chrono::steady_clock::time_point;
Deadline after(std::chrono::milliseconds time);

/// The name of the cluster, without the rest of a URL.
std::string name_of(const std::string& cluster);

/// A connection to one worker, to ask it things in turn. Not thread-safe.
class Talk {
 public:
  /// Connects and says HELLO; waits for nothing but, with a URL, the connection. \param place a socket, or the URL
  /// \throws std::runtime_error
  Talk(const std::string& place, const std::string& cluster);

  /// False: nobody is there, or somebody who is `silent`.
  bool connected() const { return static_cast<bool>(socket_); }
  bool silent() const { return silent_; }
  /// Says it; what a worker is asked fits into its socket.
  void say(wire::FrameType type, const google::protobuf::MessageLite& message);
  /// Waits for its answer. False: it gave none in time, or went away. \throws std::runtime_error when it refuses
  bool hear(wire::FrameType type, google::protobuf::MessageLite& reply, Deadline deadline);

  /// The worker's name; empty for a URL, until it is welcome.
  const std::string& worker() const { return worker_; }
  /// That it does not answer, or went away.
  std::string silence() const;

 private:
  bool fill(Deadline deadline);

  std::string place_;
  std::string worker_;
  bool silent_ = false;  ///< it gave no answer in time
  // Closed before the thread of a remote session is waited for.
  std::unique_ptr<wire::RemoteSession> remote_;
  wire::Fd socket_;
  wire::FrameReader reader_;
};

/// The workers of a cluster that can be asked: those of this machine, or the one behind a URL. All are greeted side by
/// side, so one that stands still costs a moment, whichever it is.
struct Workers {
  std::vector<Talk> there;            ///< that answered the greeting, by name
  std::vector<std::string> troubles;  ///< a sentence about each of the others
};
/// \throws std::invalid_argument for a text that is neither a name nor a URL
Workers greet(const std::string& cluster);

/// Says on standard error that nobody answered, and why; the exit status.
int nobody_answered(const std::string& cluster, const Workers& workers);

/// For how long an answer is waited for, of one who has answered the greeting.
inline constexpr std::chrono::seconds kAnswerWithin{10};

/// Waits for its answer. False: it gave none, which is then one of the troubles; it may be no worker at all.
bool hears_answer(Talk& worker, Workers& workers, wire::FrameType type, google::protobuf::MessageLite& reply,
                  Deadline deadline);

/// The answer of one of them; nothing: it gave none, which is then one of the troubles.
template <class Reply>
std::optional<Reply> ask(Talk& worker, Workers& workers, wire::FrameType type,
                         const google::protobuf::MessageLite& request, wire::FrameType reply_type) {
  worker.say(type, request);
  Reply reply;
  if (hears_answer(worker, workers, reply_type, reply, after(kAnswerWithin))) return reply;
  return std::nullopt;
}

/// The answer of the first of them that gives one.
template <class Reply>
std::optional<Reply> ask_one(Workers& workers, wire::FrameType type, const google::protobuf::MessageLite& request,
                             wire::FrameType reply_type) {
  for (Talk& worker : workers.there) {
    if (auto reply = ask<Reply>(worker, workers, type, request, reply_type)) return reply;
  }
  return std::nullopt;
}

/// The answers of those that give one, of all at once.
template <class Reply>
std::vector<std::pair<Talk*, Reply>> hear_all(Workers& workers, wire::FrameType reply_type) {
  std::vector<std::pair<Talk*, Reply>> answers;
  const Deadline deadline = after(kAnswerWithin);
  for (Talk& worker : workers.there) {
    Reply reply;
    if (hears_answer(worker, workers, reply_type, reply, deadline)) answers.emplace_back(&worker, std::move(reply));
  }
  return answers;
}

template <class Reply>
std::vector<Reply> replies_of(std::vector<std::pair<Talk*, Reply>>&& answers) {
  std::vector<Reply> replies;
  replies.reserve(answers.size());
  for (auto& [worker, reply] : answers) replies.push_back(std::move(reply));
  return replies;
}

/// All are asked the same, at once.
template <class Reply>
std::vector<Reply> ask_all(Workers& workers, wire::FrameType type, const google::protobuf::MessageLite& request,
                           wire::FrameType reply_type) {
  for (Talk& worker : workers.there) worker.say(type, request);
  return replies_of(hear_all<Reply>(workers, reply_type));
}

/// All are asked at once for what they alone know, and the first for what is known everywhere, which is more work. When
/// that one gives no answer, the next one that did is asked for it, in place of what it alone knows.
template <class Reply, class Request>
std::vector<Reply> ask_everywhere(Workers& workers, wire::FrameType type, const Request& own,
                                  wire::FrameType reply_type) {
  Request everywhere = own;
  everywhere.set_everywhere(true);
  for (Talk& worker : workers.there) worker.say(type, &worker == &workers.there.front() ? everywhere : own);
  auto answers = hear_all<Reply>(workers, reply_type);
  if (answers.empty() || answers.front().first == &workers.there.front()) return replies_of(std::move(answers));
  for (auto& [worker, reply] : answers) {
    auto whole = ask<Reply>(*worker, workers, type, everywhere, reply_type);
    if (!whole) continue;
    reply = *std::move(whole);
    break;
  }
  return replies_of(std::move(answers));
}

/// Says on standard error which workers did not answer.
void say_troubles(const Workers& workers);

}  // namespace morrow::cli
