// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "control/types.h"
#include "data/arena.h"
#include "data/extents.h"
#include "data/spill.h"

namespace morrow::worker {

/// A process that writes or reads objects. An executor's number, or a driver's connection with `kDriverBit`.
using ProcessId = std::uint64_t;
inline constexpr ProcessId kDriverBit = 1ULL << 63;

struct ObjectOptions {
  std::uint64_t memory = 0;               ///< bytes of shared memory
  std::string spill_folder;               ///< where objects go that find no room in memory
  std::uint64_t disk_to_leave = 0;        ///< bytes of that disk which stay free
  std::string owner;                      ///< the worker's name, for files
  std::uint64_t room_within_ms = 10'000;  ///< how long somebody waits for room that others hold
  std::uint64_t grow_again_ms = 5'000;    ///< after the machine had no memory
  /// For tests: called before the memory is to exist up to `end`, on a thread; throws data::OutOfMemory.
  std::function<void(std::uint64_t end)> before_growth;
};

/// Now, in ms of the monotonic clock.
std::uint64_t monotonic_ms();

/// Where an object lies in the shared memory.
struct ObjectPlace {
  std::uint64_t number = 0;
  data::Extent extent;
};

/// Why there is no place.
struct ObjectProblem {
  control::FailureKind kind = control::FailureKind::kLost;
  std::string sentence;
  bool lost = false;       ///< no living worker has it: it may be computed again
  bool contended = false;  ///< other tasks hold the room that is missing: later there may be enough
};

/// What people see of an object.
struct ObjectSeen {
  std::uint64_t number = 0;
  control::FutureId future;
  std::uint64_t size = 0;
  bool in_memory = false;
  bool on_disk = false;
  std::uint64_t age_ms = 0;
  std::uint32_t readers = 0;
  const char* state = "";  ///< for people: what it holds memory for when it is not a published value
};

/// The objects of one worker: values too large for a record. They lie in shared memory, where executors and drivers
/// write and read them in place; what nobody looks at goes to disk when room is needed, the least recently used first,
/// and comes back when it is wanted. An extent is used again only when its writer and all its readers let it go or are
/// dead. Main thread only; reading, writing and growing go on in threads of its own.
class Objects {
 public:
  /// Gets a copy of a value from another worker into `into`; `done` is called on the main thread. An empty sentence: it
  /// is there. `lost`: no worker that is alive has it.
  using Fetch = std::function<void(control::FutureId, const control::ObjectRef&, std::span<std::byte> into,
                                   std::function<void(bool lost, std::string problem)> done)>;
  struct Events {
    Fetch fetch;
    std::function<void(control::FutureId, std::uint64_t object)> copied;  ///< a copy came here
    std::function<void(control::FutureId)> dropped;                       ///< the copy here was damaged
    std::function<void(const std::string&)> log;
  };

  /// \throws std::runtime_error when there is no such memory or folder
  Objects(boost::asio::io_context& io, ObjectOptions options, Events events);
  ~Objects();

  int memory_fd() const { return arena_.fd(); }

  /// From here on `who` may ask, until it is `gone`. What an unknown process asks for is not answered: it is dead, and
  /// what was queued for it comes too late.
  void came(ProcessId who) { processes_.try_emplace(who); }

  using Then = std::function<void(const ObjectPlace*, const ObjectProblem*)>;
  /// Room for `who` to write an object of up to `size` bytes. With `if_free` nothing is moved out for it, and nobody
  /// waits.
  void reserve(ProcessId who, std::uint64_t size, Then then, bool if_free = false);
  /// `who` has written the first `size` bytes; from here on it is immutable. With `keeps` it is pinned for `who`, that
  /// goes on reading it. False: it is not its to write.
  bool seal(ProcessId who, std::uint64_t number, std::uint64_t size, control::FutureId future, bool keeps);
  /// `then` gets the place of the object, pinned for `who` until `unpin` or `gone`. Nothing is called for a process
  /// that went meanwhile. With `brief` there is no room only for a moment before `then` is told: for who lets go what
  /// it has got, and asks anew.
  void want(ProcessId who, control::FutureId future, const control::ObjectRef& object, Then then, bool brief = false);
  /// Has it here soon if there is room, for nobody in particular.
  void prefetch(control::FutureId future, const control::ObjectRef& object);
  /// Some of the memory is held by those who write and read, or is on its way to be free.
  bool anything_held() const;
  /// Calls `then` when all who wait for room now have it or are told that there is none.
  void after_waiting(std::function<void()> then);
  /// What is wrong with values of so many bytes that somebody has to read together; nothing: they find room some time.
  std::optional<ObjectProblem> never_fit(std::uint64_t bytes) const;
  /// Takes back one pin, or a reservation.
  void unpin(ProcessId who, std::uint64_t number);
  /// The process is dead: nothing is written or read by it any more.
  void gone(ProcessId who);
  /// Nobody needs it any more.
  void free(std::uint64_t number);

  /// For another worker: its bytes, which stay until `pin` is let go (on any thread), and their checksum. Null: not
  /// here. With `verify`, since what another one got was damaged, the bytes here are looked at first: when it is they
  /// that are damaged, this copy is dropped.
  struct Lent {
    std::span<const std::byte> bytes;
    std::uint64_t checksum = 0;
    std::shared_ptr<const void> pin;
  };
  void lend(std::uint64_t number, bool verify, std::function<void(std::optional<Lent>)> then);

  /// Room that this process itself fills, for a driver on another host. It is given back when `pin` is let go (on any
  /// thread), unless it was handed over.
  struct Incoming {
    std::uint64_t number = 0;
    std::span<std::byte> bytes;
    std::shared_ptr<const void> pin = nullptr;
  };
  void receive(std::uint64_t size, std::function<void(std::optional<Incoming>, std::string)> then);
  /// It is filled: from here on it is as if `who` had reserved and written it. False: `who` is gone, and so is this.
  bool hand_over(std::uint64_t number, ProcessId who);

  std::vector<ObjectSeen> list() const;
  struct Usage {
    std::uint64_t memory = 0, used = 0, spilled = 0;
    std::size_t objects = 0;
  };
  Usage usage() const;

 private:
  struct Object;
  struct Asking;
  struct Process {
    std::unordered_map<std::uint64_t, std::uint32_t> pins;
    std::unordered_set<std::uint64_t> writes;
  };
  using Room = std::function<void(std::optional<data::Extent>, ObjectProblem)>;
  struct Waiting {
    ProcessId who = 0;  ///< of a new object
    std::uint64_t size = 0;
    std::uint64_t object = 0;  ///< that is to come there; 0: a new one
    std::uint64_t came = 0;    ///< in ms
    std::uint64_t turn = 0;    ///< the first that came has the lowest
    Room then;
    std::uint64_t first_since = 0;  ///< 0: others are before it
    bool after_one_that_failed = false;
    std::uint64_t passed_by = 0;  ///< bytes that others got who came later
  };

  Object* find(std::uint64_t number);
  static const char* state_text(const Object& object);
  void have(Object& object, const control::ObjectRef& reference);
  void arrived(std::uint64_t number);
  void failed(std::uint64_t number, const ObjectProblem& problem);
  void restore(Object& object);
  void fetch(Object& object, const control::ObjectRef& reference);
  void pin(ProcessId who, Object& object);
  void unpinned(Object& object);
  void touch(Object& object);
  void remove(Object& object);
  void give_back(Object& object);

  void want_room(ProcessId who, std::uint64_t size, std::uint64_t object, Room then);
  void serve();
  void serve_waiting();
  void serve_after_waiting();
  void serve_soon();
  bool serve_another();
  void give(data::Extent extent, Waiting served);
  bool waited_enough(Waiting& first);
  bool is_brief(const Waiting& waits);
  bool send_one_away();
  bool break_deadlock();
  std::vector<ProcessId> who_waits(const Waiting& waits);
  bool holds_something(ProcessId who) const;
  bool contended(const Waiting& waits);
  void give_up(std::deque<Waiting>::iterator one, const std::string& why, bool contended = false);
  bool make_room(std::uint64_t size, bool may_spill);
  void spill(Object& object);
  void spilled(std::uint64_t number, std::uint64_t checksum, std::uint64_t stored, const std::string& disk_problem);
  void grow(std::uint64_t end);
  void grown(const std::string& trouble);
  void stop_growing(const std::string& trouble);
  ObjectProblem no_room(std::uint64_t size, const std::string& why) const;
  std::string why_no_room() const;
  void watch_waiting();
  template <class Job, class Done>
  void run(Job job, Done done);

  boost::asio::io_context& io_;
  const ObjectOptions options_;
  const Events events_;
  data::Arena arena_;
  data::ArenaView view_;
  data::Extents extents_;
  data::SpillFolder spill_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Object>> objects_;
  std::unordered_map<ProcessId, Process> processes_;
  std::list<std::uint64_t> idle_;  ///< in memory and looked at by nobody; the least recently used first
  std::deque<Waiting> waiting_;    ///< for room; who came first is served first, if that is possible
  bool one_failed_ = false;        ///< the last that left `waiting_` got nothing
  bool serves_soon_ = false;
  std::uint64_t sent_away_ = 0;           ///< when the last was, in ms
  std::uint64_t deadlock_broken_ms_ = 0;  ///< likewise
  std::uint64_t next_turn_ = 0;
  std::deque<std::pair<std::uint64_t, std::function<void()>>> after_waiting_;  ///< by the turn that comes after them
  std::vector<std::pair<data::Extent, Waiting>> growing_;                      ///< have room that does not exist yet
  std::uint64_t grows_to_ = 0;
  std::string growth_problem_;       ///< the machine had no memory when it was asked last
  std::uint64_t grow_again_ = 0;     ///< when it is asked again, in ms
  std::uint64_t prefetching_ = 0;    ///< bytes on their way here for nobody in particular
  std::uint64_t spilling_ = 0;       ///< bytes on their way to disk
  std::uint64_t spilled_bytes_ = 0;  ///< on disk
  std::string disk_problem_;         ///< of the last try
  std::uint64_t disk_said_ = 0;      ///< when it was logged, in ms
  std::mt19937_64 random_{std::random_device{}()};
  boost::asio::steady_timer timer_;
  bool timing_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  boost::asio::thread_pool threads_;
};

}  // namespace morrow::worker
