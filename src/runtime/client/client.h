// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <morrow/detail/core.h>
#include <morrow/detail/failure.h>

#include "runtime/backend/backend.h"
#include "runtime/client/change_numbers.h"
#include "runtime/client/held_values.h"
#include "runtime/client/link.h"
#include "runtime/client/object_memory.h"
#include "runtime/client/pending_awaits.h"
#include "runtime/client/released_futures.h"
#include "runtime/client/reservations.h"
#include "wire/messages.pb.h"

namespace morrow::runtime {

/// The common part of a driver and an executor: both ask a worker for changes, which are numbered, and wait for
/// futures. Thread-safe.
class Client : public Backend, protected Link::Handler {
 public:
  detail::FutureId submit(const detail::Call& call, const Options& options, std::source_location where) override
      EXCLUDES(link_.mutex());
  std::optional<detail::FutureId> find(const std::string& name) override EXCLUDES(link_.mutex());
  detail::Value get(detail::FutureId id) override EXCLUDES(link_.mutex());
  std::optional<detail::Value> get_for(detail::FutureId id, std::chrono::nanoseconds timeout) override
      EXCLUDES(link_.mutex());
  void get_all(std::span<const detail::FutureId> ids, const std::function<void(const detail::Value&)>& take) override
      EXCLUDES(link_.mutex());
  bool ready(detail::FutureId id) override EXCLUDES(link_.mutex());
  std::vector<bool> wait(std::span<const detail::FutureId> ids, std::size_t count,
                         std::optional<std::chrono::nanoseconds> timeout) override EXCLUDES(link_.mutex());
  void release(detail::FutureId id) override EXCLUDES(link_.mutex());
  void cancel(detail::FutureId id) override EXCLUDES(link_.mutex());
  void flush() override EXCLUDES(link_.mutex());
  bool wait_all(std::uint64_t scope, std::optional<std::chrono::nanoseconds> timeout) override EXCLUDES(link_.mutex());
  std::uint64_t open_scope() override EXCLUDES(link_.mutex());
  void end_scope(std::uint64_t scope) override EXCLUDES(link_.mutex());
  std::optional<detail::Room> reserve(std::size_t size, bool in_place) override EXCLUDES(link_.mutex());
  detail::FutureId put(detail::Result&& result, const char* type_name, std::int64_t copies) override
      EXCLUDES(link_.mutex());
  std::uint64_t size_of(detail::FutureId id) override EXCLUDES(link_.mutex());

 protected:
  /// The execution, or the driver, that the calling thread asks for.
  struct Asker {
    std::uint64_t claim = 0;            ///< 0: the driver
    std::uint64_t scope = 0;            ///< new futures are born in it
    std::uint64_t* sequence = nullptr;  ///< the last number given in the scope
  };

  explicit Client(std::string image_key) : image_key_(std::move(image_key)), link_(*this) {}

  /// Outside of all morrow::Scope blocks. \throws SessionError
  virtual Asker outer_asker() REQUIRES(link_.mutex()) = 0;
  /// Sends a change: `message` carries number `changes_.last()`. `soon`: somebody may be waiting for it.
  virtual void post(wire::FrameType type, const google::protobuf::MessageLite& message, bool soon)
      REQUIRES(link_.mutex()) = 0;
  /// Waits while too much is not acknowledged, or the store is full. \throws StoreFullError when it stays full
  virtual void throttle() REQUIRES(link_.mutex()) {}

  /// A failure of this future was told to the program.
  virtual void failure_seen(detail::FutureId) REQUIRES(link_.mutex()) {}
  /// Around each wait of a thread.
  virtual void before_wait() REQUIRES(link_.mutex()) {}
  virtual void after_wait() REQUIRES(link_.mutex()) {}

  /// Where there is no object memory: whether large values travel over the network instead, and how. \throws
  /// wire::NetworkError
  virtual bool takes_objects() const { return false; }
  virtual detail::Value fetch_object(std::uint64_t, std::uint64_t) { return {}; }
  virtual std::uint64_t put_object(detail::ByteView) { return 0; }

  void check() const override REQUIRES(link_.mutex()) {}
  void on_frame(wire::FrameType type, std::string_view payload) override REQUIRES(link_.mutex());
  /// The object memory of the worker that is spoken with from here on.
  void set_memory(wire::Fd descriptor, std::function<void()> stir) REQUIRES(link_.mutex());
  /// Queues a message with all objects that were unpinned; false when there are none.
  bool send_unpinned() REQUIRES(link_.mutex());
  /// Gives back room that nobody asked for yet; false when there is none.
  bool release_spare() REQUIRES(link_.mutex());
  void acknowledge(std::uint64_t number) REQUIRES(link_.mutex());
  /// A wait of the program that has lasted so long that it is to be told of.
  struct Overdue {
    std::optional<detail::FutureId> future;                       ///< that it waits for, or:
    wire::WhyRequest::OwnWait own_wait = wire::WhyRequest::NONE;  ///< what else
  };
  /// To be asked now and then; `throttled`: a submit stands still.
  std::optional<Overdue> overdue(std::chrono::nanoseconds patience, bool throttled) REQUIRES(link_.mutex());
  /// Asks again for all that is waited for, as frames.
  std::string ask_again() const REQUIRES(link_.mutex());

  const std::string image_key_;
  Link link_;
  ChangeNumbers changes_ GUARDED_BY(link_.mutex());
  std::shared_ptr<ObjectMemory> memory_ GUARDED_BY(link_.mutex());  // null: none

 private:
  /// A call that waits for the detached future of a name.
  struct Find {
    wire::Find question;
    std::optional<wire::Found> answer;
    Waiter waiter;
  };
  /// In the innermost morrow::Scope block of the thread.
  Asker asker() REQUIRES(link_.mutex());
  /// Scopes, each with the number of the last future that was born in it.
  using Births = std::vector<std::pair<std::uint64_t, std::uint64_t>>;
  /// Of what wait_all waits for.
  Births births(std::uint64_t scope) REQUIRES(link_.mutex());
  detail::FutureId submit_here(const detail::Call& call, const Options& options, std::source_location where)
      EXCLUDES(link_.mutex());
  detail::FutureId submit_detached(const detail::Call& call, const Options& options, std::source_location where)
      EXCLUDES(link_.mutex());
  /// Gives the future of the name: `id`, or what the last attempt of the same task has submitted.
  detail::FutureId wait_until_kept(detail::FutureId id, const std::string& name) EXCLUDES(link_.mutex());
  wire::Found ask_for(const std::string& name) EXCLUDES(link_.mutex());
  void take_found(const wire::Found& found) REQUIRES(link_.mutex());
  void answer(const wire::Ready& ready) REQUIRES(link_.mutex());
  bool take_answer(const wire::Ready& ready) REQUIRES(link_.mutex());
  [[noreturn]] void fail(detail::FutureId id, const Answer& answer) EXCLUDES(link_.mutex());
  [[noreturn]] void fail(std::span<const detail::FutureId> ids, const std::vector<Answer>& answers, std::size_t first)
      EXCLUDES(link_.mutex());
  void check_not_released(std::span<const detail::FutureId> ids) EXCLUDES(link_.mutex());
  bool await(PendingAwait& call, const Deadline& deadline) EXCLUDES(link_.mutex());
  bool ask_and_wait(PendingAwait& call, const Deadline& deadline) EXCLUDES(link_.mutex());
  bool wait_for_poll(PendingAwait& call) REQUIRES(link_.mutex());
  void wait_for_answer(Waiter& waiter, const std::function<bool()>& answered) REQUIRES(link_.mutex());
  void begin_await(PendingAwait& call) REQUIRES(link_.mutex());
  void end_await(PendingAwait& call) REQUIRES(link_.mutex());

  std::optional<detail::Room> take_spare(std::size_t size, bool in_place) REQUIRES(link_.mutex());
  void ask_spare(std::size_t size) REQUIRES(link_.mutex());
  void unpin_now(std::uint64_t object) REQUIRES(link_.mutex());
  std::optional<detail::Value> held(detail::FutureId id) EXCLUDES(link_.mutex());
  std::uint64_t put_apart(detail::ByteView bytes) EXCLUDES(link_.mutex());
  wire::Put put_message(const detail::Result& result) EXCLUDES(link_.mutex());
  void move_to_other_memory(detail::Result& result) EXCLUDES(link_.mutex());
  std::uint64_t window_bytes() EXCLUDES(link_.mutex());
  std::size_t get_window(std::span<const detail::FutureId> ids, std::span<Answer> answers) EXCLUDES(link_.mutex());
  void bring(PendingAwait& call, const Deadline& deadline) EXCLUDES(link_.mutex());
  void bring(const Question& question, detail::FutureId id, Answer& answer, const Deadline& deadline)
      EXCLUDES(link_.mutex());
  void unpin(Answer& answer) EXCLUDES(link_.mutex());
  bool arguments_go_apart(const detail::Call& call) EXCLUDES(link_.mutex());
  detail::FutureId put_arguments(const detail::Call& call) EXCLUDES(link_.mutex());
  static detail::FutureId new_id(const Asker& asker);
  template <class Message>
  void change(wire::FrameType type, Message& message, bool soon) EXCLUDES(link_.mutex());

  std::uint64_t last_token_ GUARDED_BY(link_.mutex()) = 0;  ///< of a question of any kind
  PendingAwaits awaits_ GUARDED_BY(link_.mutex());
  std::vector<Find*> finds_ GUARDED_BY(link_.mutex());
  std::vector<Waiter*> flushing_ GUARDED_BY(link_.mutex());
  LongWait commit_wait_ GUARDED_BY(link_.mutex());
  LongWait room_wait_ GUARDED_BY(link_.mutex());
  Reservations reservations_ GUARDED_BY(link_.mutex());
  HeldValues held_values_ GUARDED_BY(link_.mutex());
  ReleasedFutures released_ GUARDED_BY(link_.mutex());
  /// By scope: how many of its first futures are known to have ended, since all were waited for.
  std::unordered_map<std::uint64_t, std::uint64_t> ended_ GUARDED_BY(link_.mutex());
  std::uint64_t workers_ GUARDED_BY(link_.mutex()) = 0;  ///< how many this client has spoken with
  wire::Ready ready_ GUARDED_BY(link_.mutex());
  wire::Ack ack_ GUARDED_BY(link_.mutex());
};

}  // namespace morrow::runtime
