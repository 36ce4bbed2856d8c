// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <source_location>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include <morrow/detail/core.h>
#include <morrow/detail/failure.h>

#include "base/hash_ids.h"
#include "runtime/client/link.h"
#include "runtime/client/object_memory.h"
#include "wire/messages.pb.h"

namespace morrow::runtime {

/// What a driver and an executor have in common: they ask a worker for changes, which are numbered, and wait for
/// futures. Implements the seam of detail/core.h. Thread-safe.
class Client : protected Link::Handler {
 public:
  detail::FutureId submit(const detail::Call& call, const Options& options, std::source_location where);
  detail::Value get(detail::FutureId id);
  std::optional<detail::Value> get_for(detail::FutureId id, std::chrono::nanoseconds timeout);
  void get_all(std::span<const detail::FutureId> ids, const std::function<void(const detail::Value&)>& take);
  bool ready(detail::FutureId id);
  std::vector<bool> wait(std::span<const detail::FutureId> ids, std::size_t count,
                         std::optional<std::chrono::nanoseconds> timeout);
  void release(detail::FutureId id);
  void cancel(detail::FutureId id);
  void flush();
  std::uint64_t open_scope();
  void end_scope(std::uint64_t scope);

  /// Room in the object memory, see ObjectMemory::write; none when there is no such memory. \throws ObjectMemoryError
  std::optional<detail::Room> reserve(std::size_t size, bool in_place);
  detail::FutureId put(detail::Result&& result, const char* type_name);
  std::uint64_t size_of(detail::FutureId id);

 protected:
  /// The execution, or the driver, that the calling thread asks for.
  struct Asker {
    std::uint64_t claim = 0;
    std::uint64_t scope = 0;            ///< new futures are born in it
    std::uint64_t* sequence = nullptr;  ///< the last number given in the scope
  };

  explicit Client(std::string program_key) : program_key_(std::move(program_key)), link_(*this) {}

  /// \throws SessionError
  virtual Asker asker() = 0;
  /// Sends a change: `message` carries number `last_number_`. `soon`: somebody may be waiting for it.
  virtual void post(Lock& lock, wire::FrameType type, const google::protobuf::MessageLite& message, bool soon) = 0;
  /// Waits for room when too much is not acknowledged.
  virtual void make_room(Lock&) {}
  virtual void failure_seen(detail::FutureId) {}
  /// Whether waiting threads can run tasks on top of their stack.
  virtual void before_wait() {}
  virtual void after_wait() {}

  /// Where there is no object memory: whether large values travel over the network instead, and how. \throws
  /// wire::NetworkError
  virtual bool takes_objects() const { return false; }
  virtual detail::Value fetch_object(std::uint64_t, std::uint64_t) { return {}; }
  virtual std::uint64_t put_object(detail::ByteView) { return 0; }

  void on_frame(wire::FrameType type, std::string_view payload) override;
  /// The object memory of the worker that is spoken with from here on.
  void set_memory(wire::Fd descriptor, std::function<void()> stir);
  /// Tells the worker what is not looked at any more.
  bool send_let_go();
  /// Gives back room that nobody asked for yet.
  bool let_spare_go();
  void acknowledge(std::uint64_t number);
  /// Asks again for all that is waited for, as frames.
  std::string ask_again() const;

  const std::string program_key_;
  Link link_;
  std::uint64_t last_number_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::shared_ptr<ObjectMemory> memory_;  // null: none

 private:
  struct Answer;
  struct Awaiting;
  class Asked;
  struct Part {
    Awaiting* awaiting;
    std::size_t first;
  };

  void answer(const wire::Ready& ready);
  bool take_answer(const wire::Ready& ready);
  [[noreturn]] void fail(detail::FutureId id, const Answer& answer);
  bool await(Awaiting& awaiting, const Deadline& deadline);
  bool ask_and_wait(Awaiting& awaiting, const Deadline& deadline);
  struct Reserving;
  struct Spare {
    std::uint64_t asked = 0;  ///< token of the question that is under way
    std::uint64_t object = 0;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    bool unwanted = false;  ///< to be given back when it comes
  };
  struct Held {
    std::weak_ptr<const void> owner;
    detail::ByteView bytes;
  };
  struct HashId {
    std::size_t operator()(const detail::FutureId& id) const { return base::hash_of_id(id.scope, id.sequence); }
  };
  std::optional<detail::Room> take_spare(std::size_t size, bool in_place);
  void ask_spare(std::size_t size);
  void remember(detail::FutureId id, const std::shared_ptr<const void>& owner, detail::ByteView bytes);
  void reserved(const wire::Reserved& reserved);
  std::optional<detail::Value> held(detail::FutureId id);
  std::uint64_t put_apart(detail::ByteView bytes);
  std::size_t get_window(std::span<const detail::FutureId> ids, std::span<Answer> answers);
  void bring(Awaiting& awaiting, const Deadline& deadline);
  void bring(const Awaiting& awaiting, detail::FutureId id, Answer& answer, const Deadline& deadline);
  void unpin(Answer& answer);
  void append_reserving(std::string& frames) const;
  bool arguments_go_apart(const detail::Call& call);
  detail::FutureId put_arguments(const detail::Call& call);
  template <class Message>
  void change(wire::FrameType type, Message& message, bool soon);

  std::uint64_t last_token_ = 0;
  std::unordered_map<std::uint64_t, Part> asked_;
  std::vector<Waiting*> flushing_;
  std::unordered_map<std::uint64_t, Reserving*> reserving_;
  Spare spare_room_;  ///< room for the next value, so that who writes one after another need not wait
  Clock::time_point last_reserve_{};
  std::unordered_map<detail::FutureId, Held, HashId> held_;  ///< large values that this process looks at
  std::size_t sweep_held_at_ = 64;
  std::uint64_t workers_ = 0;  ///< how many this client has spoken with
  wire::Ready ready_;
  wire::Ack ack_;
};

/// The client of this process. \throws SessionError when there is none, or when this process was forked from the one
/// that has it
Client& client();
bool has_client();
void set_client(Client* client);
/// Whether this process was forked from the one that set the client.
bool forked_from_client();

}  // namespace morrow::runtime
