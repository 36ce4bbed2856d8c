// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "control/types.h"
#include "data/arena.h"
#include "data/extents.h"
#include "worker/objects/background.h"
#include "worker/objects/holders.h"
#include "worker/objects/kept_objects.h"
#include "worker/objects/memory_growth.h"
#include "worker/objects/object.h"
#include "worker/objects/object_table.h"
#include "worker/objects/process_id.h"
#include "worker/objects/room_needs.h"
#include "worker/objects/room_queue.h"
#include "worker/objects/room_waiters.h"
#include "worker/objects/spiller.h"
#include "worker/objects/way_back.h"

namespace morrow::worker {

/// How much room there is, and how long it is waited for.
struct ObjectOptions {
  std::uint64_t memory = 0;               ///< bytes of shared memory
  std::string spill_folder;               ///< where objects go that find no room in memory
  std::uint64_t disk_to_leave = 0;        ///< bytes of that disk which stay free
  std::uint64_t disk_most = 0;            ///< the most that they may take there; 0: what the disk has
  std::string owner;                      ///< the worker's name, for files
  std::uint64_t room_within_ms = 10'000;  ///< how long somebody waits for room that others hold
  std::uint64_t grow_again_ms = 5'000;    ///< after the machine had no memory
  /// For tests: called before the memory is to exist up to `end`, on a thread; throws data::OutOfMemory.
  std::function<void(std::uint64_t end)> before_growth;
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

/// What a process holds of the object memory: it reads or writes there.
struct RoomHeld {
  ProcessId process = kNoProcess;
  std::uint64_t bytes = 0;
};

/// The objects of one worker: values too large for a record. They lie in shared memory, where executors and drivers
/// write and read them in place; what nobody looks at goes to disk when room is needed, the least recently used first,
/// and comes back when it is wanted. An extent is used again only when its writer and all its readers let it go or are
/// dead. Main thread only; reading, writing and growing go on in threads of its own.
///
/// It brings its parts together, and each of them has one thing to know: ObjectTable the objects and their states,
/// Holders the processes and what they hold, RoomQueue whose turn it is when there is no room, Spiller the way to disk
/// and back, WayBack whether what is on disk finds its way back, MemoryGrowth how much memory exists. objects.cc begins
/// with the ways of an object through them.
class Objects {
 public:
  /// Gets a copy of a value from another worker into `into`; `done` is called on the main thread. An empty sentence: it
  /// is there. `lost`: no worker that is alive has it.
  using Fetch = std::function<void(control::FutureId, const control::ObjectRef&, std::span<std::byte> into,
                                   std::function<void(bool lost, std::string problem)> done)>;

  /// What it asks of the worker and tells it, on the main thread.
  struct Events {
    Fetch fetch;
    std::function<void(control::FutureId, std::uint64_t object)> copied;  ///< a copy came here
    std::function<void(control::FutureId)> dropped;                       ///< the copy here was damaged
    std::function<void(const std::string&)> log;
    /// There is no room for the copy here: `then(true)` when another worker has the value and the store knows of the
    /// copy no more. Never from inside.
    std::function<void(control::FutureId, std::uint64_t object, std::function<void(bool)> then)> give_up;
    /// Who holds the memory, for people: "60 MB are held by …". May be empty.
    std::function<std::string()> who_holds = {};
    /// What a task does that holds room and does not wait for more; empty: it goes on.
    std::function<Standing(ProcessId)> standing = {};
    /// Which processes here run what the task in this one is blocked for, as far as that is known; empty: none.
    RoomChains::WaitsFor waits_for = {};
    /// The task in this process is to begin anew: it holds what others need to go on. Never from inside.
    std::function<void(ProcessId)> interrupt = {};
    /// A value of this session (0: not known) was written to disk, for want of room. May be empty.
    std::function<void(control::SessionId, std::uint64_t bytes)> spilled = {};
    /// The task in this process begins to wait for room, or waits no more. Also from inside.
    RoomWaiters::Tell waits_for_room = {};
    /// Whether the task in this process, which waits for room, could go on at once if it had it; empty: it could.
    std::function<bool(ProcessId)> could_use_room = {};
  };

  /// With what one before this has kept, if that is not empty. \throws std::runtime_error when there is no such memory
  /// or folder
  Objects(boost::asio::io_context& io, ObjectOptions options, Events events, KeptObjects kept = {});
  ~Objects();

  /// All of it that can go on in other Objects of this process, to be called last. Of the processes only these may be
  /// alive.
  KeptObjects keep(const std::vector<ProcessId>& living);

  int memory_fd() const { return arena_->fd(); }

  /// From here on `who` may ask, until it is `gone`. What an unknown process asks for is not answered: it is dead, and
  /// what was queued for it comes too late.
  void came(ProcessId who) { holders_.came(who); }

  /// From here on the process runs a task of this function: what those need is remembered.
  void runs(ProcessId who, std::uint64_t function) {
    needs_.of_tasks.runs(who, function);
    needs_.of_chains.runs(who, function);
  }

  using Then = OnPlace;
  /// Room for `who` to write an object of up to `size` bytes. With `if_free` nothing is moved out for it, and nobody
  /// waits.
  void reserve(ProcessId who, std::uint64_t size, Then then, bool if_free = false);
  /// `who` has written the first `size` bytes; from here on it is immutable. With `keeps` it is pinned for `who`, that
  /// goes on reading it. False: it is not its to write.
  bool seal(ProcessId who, std::uint64_t number, std::uint64_t size, const ObjectOwner& owner, bool keeps);
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

  /// How much is taken; bytes.
  struct Usage {
    std::uint64_t memory = 0, used = 0, spilled = 0;  ///< spilled: what is promised too
    std::size_t objects = 0;
  };
  Usage usage() const;
  /// Who holds the memory, the most first. What nobody looks at is not counted: it makes way.
  std::vector<RoomHeld> holders() const;
  /// For how much room somebody waits on behalf of the process; 0: nobody does.
  std::uint64_t waits_for_room(ProcessId who) const { return queue_.waits_for_bytes(who); }

 private:
  /// Takes the extent, or the reason why there is none.
  using OnRoom = std::function<void(std::optional<data::Extent>, const ObjectProblem&)>;
  /// A request for room that has no answer yet.
  struct Awaited {
    OnRoom then;
    std::uint64_t object = 0;  ///< that is to come there; 0: a new one
  };
  /// Called when all requests before this ticket have an answer.
  struct AfterWaiting {
    Ticket ticket = Ticket::kNone;
    std::function<void()> then;
  };

  void restore(Object& object);
  void read_from_disk(Object& object);
  void fetch(Object& object, const control::ObjectRef& reference);
  void arrived(Object& object);
  void failed(Object& object, const ObjectProblem& problem);
  /// `then` with what is wrong; empty: the value may be accepted.
  void keep_way_back(Object& object, bool if_free, std::function<void(const std::string& problem)> then);
  void look_again_for_way_back(std::uint64_t number, std::function<void(const std::string& problem)> then);
  void pin(ProcessId who, Object& object);
  void unpinned(Object& object);
  void remove(Object& object);
  void give_back(Object& object);
  void give_up(const Object& object);
  void gave_up(Object& object, bool given);
  void take_over(KeptObjects& all);
  void lend_pinned(std::uint64_t number, std::span<const std::byte> bytes, std::uint64_t checksum,
                   const std::function<void(std::optional<Lent>)>& then);

  void ask_room(std::uint64_t size_bytes, std::vector<Party> parties, Object* object, OnRoom then);
  void ask_room_for(Object& object, std::uint64_t size_bytes, OnRoom then);
  void serve();
  void serve_soon();
  void carry_out(const RoomDecision& decision);
  void interrupt(ProcessId process);
  RoomChains chains() const { return {holders_.known(), events_.waits_for}; }
  void note_needs(std::uint64_t lacks_bytes);
  void note_held(ProcessId process);
  void note_chains_held();
  std::uint64_t held_bytes(ProcessId process) const;
  std::optional<RoomAccounts> accounts() const;
  RoomQuestions room_questions();
  void answer(Ticket ticket, std::optional<data::Extent> extent, const ObjectProblem& problem);
  std::string why_refused(RoomDecision::Reason reason);
  void tell_after_waiting();
  void look_again();
  ObjectProblem no_room_for(std::uint64_t size_bytes, const std::string& why) const;

  const ObjectOptions options_;
  const Events events_;
  std::unique_ptr<data::Arena> arena_;
  data::ArenaView view_;
  data::Extents extents_;
  ObjectTable table_;
  Holders holders_;
  RoomQueue queue_;
  /// By the function of a task alone, and of the head of a chain for all of it.
  struct Needs {
    RoomNeeds of_tasks;
    RoomNeeds of_chains;
  };
  Needs needs_;
  const RoomQuestions room_questions_;
  RoomWaiters waiters_;
  Background background_;
  MemoryGrowth growth_;
  WayBack way_back_;
  Spiller spiller_;
  std::unordered_map<Ticket, Awaited> awaited_;      ///< what waits in the queue, or has room that does not exist yet
  std::vector<std::function<void()>> after_writes_;  ///< called when the next object is on disk, or is not
  std::deque<AfterWaiting> after_waiting_;           ///< in the order of their tickets
  std::uint64_t prefetching_bytes_ = 0;              ///< on their way here for nobody in particular
  bool serves_soon_ = false;
  bool looks_again_ = false;
  boost::asio::steady_timer timer_;
};

}  // namespace morrow::worker
