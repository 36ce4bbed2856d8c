// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/round.h"
#include "control/types.h"
#include "store/store.h"

/// Everything of control that is not a worker's own round: claims from the shared index, membership, eviction, the ends
/// of scopes, images, counts. Each function is one transaction (or says otherwise) and may be repeated harmlessly.
namespace morrow::control {

// ---- membership ----

/// Joins the cluster: writes incarnation and info. Checks the schema version. \throws store::StoreError when the
/// cluster is of another version.
void join(store::Store& store, const WorkerInfo& info);

/// Leaves: gives up everything that is still claimed, as eviction does, at once.
void leave(store::Store& store, Incarnation incarnation);

/// A worker as the store has it.
struct WorkerSeen {
  WorkerInfo info;
  std::uint64_t round = 0;  ///< its heartbeat counter
  bool idle = false;
  bool dying = false;
};
std::vector<WorkerSeen> workers(store::Store& store);

/// One step of evicting `incarnation`: the first ends its incarnation, the following give back its claims, checks,
/// fan-outs, inbox and sessions in chunks. Returns true while there is more to do. \param seen_round where its
/// heartbeat stood still; when it moved since, nothing is done. None: its process is known to be gone, so its heartbeat
/// tells nothing. \param moved set when the counter moved.
///
/// What it ends posts checks to `self`, so look at pending_checks afterwards; the same after claim, fanout_step,
/// ending_step and fail_ready.
bool evict_step(store::Store& store, Incarnation self, Incarnation incarnation, std::optional<std::uint64_t> seen_round,
                bool& moved);

/// Evictions that a worker left unfinished.
std::vector<Incarnation> tombstones(store::Store& store);

/// Sessions whose worker is dead (orphaned), with their attachment and grace.
struct OrphanSession {
  SessionId session = 0;
  std::uint64_t attachment = 0;
  std::uint64_t grace_ms = 0;
};
std::vector<OrphanSession> orphan_sessions(store::Store& store);

/// The unix socket of the worker that the session is attached to; empty when it has no driver now.
std::string socket_of_session(store::Store& store, SessionId session);
/// So many lines of its tasks, in all, are in the file `place` that this worker could not give to the driver of the
/// session. Nothing when that has ended.
void note_left_out_lines(store::Store& store, Incarnation self, SessionId session, const std::string& place,
                         std::uint64_t lines);

/// Marks the session as having no driver (its connection to `incarnation` broke): it is then listed among the orphans.
void orphan_session(store::Store& store, Incarnation incarnation, SessionId session, std::uint64_t attachment);

// ---- other hosts ----

/// What lets drivers and workers on other hosts in: one for the whole cluster.
struct Secrets {
  std::string token;
  std::string authority_key;          ///< PEM
  std::string authority_certificate;  ///< PEM
};
/// Those of the cluster; `fresh` becomes them when there are none yet.
Secrets cluster_secrets(store::Store& store, const Secrets& fresh);

// ---- objects ----

/// The living workers that hold the value of `id` that has this number.
std::vector<WorkerInfo> object_holders(store::Store& store, FutureId id, std::uint64_t number);
/// These workers said for long that they don't have it: they are not among its holders any more, and free it if they
/// do.
void forget_holders(store::Store& store, Incarnation self, FutureId id, std::uint64_t number,
                    const std::vector<Incarnation>& holders);

/// `self` holds a copy of the value no longer, unless it is the last: true when another living worker that stays holds
/// it too. Nothing happens to a copy that the store does not know yet.
bool give_up_copy(store::Store& store, Incarnation self, FutureId id, std::uint64_t number);

/// A large value, as a worker that holds it knows it.
struct HeldValue {
  FutureId future;
  std::uint64_t number = 0;
  std::uint64_t size = 0;  ///< bytes
};
/// One that would be lost with the worker that holds it.
struct SoleValue {
  HeldValue value;
  bool can_be_made_again = false;
};
/// Those of `held` that are needed still and that no living worker but `self` holds.
std::vector<SoleValue> sole_values(store::Store& store, Incarnation self, const std::vector<HeldValue>& held);

// ---- claims from the index: the contended lane ----

/// A program that the asking worker leaves to others for now, since it does not start there.
struct LeftToOthers {
  std::string program;
  std::uint32_t at_most = 0;      ///< it takes so many all the same, to try
  std::vector<Resources> others;  ///< what each worker has in all that may be able to; what fits none is not left
};

/// What a worker wants of the index.
struct ClaimRequest {
  Incarnation incarnation = 0;
  Resources free;               ///< only shapes that fit are taken, and their sum at most
  std::uint32_t limit = 1;      ///< at most so many (also beyond `free` when `ahead` says so)
  std::uint32_t ahead = 0;      ///< up to so many more of a shape already taken, to be run after them in the same slot
  std::vector<Claim> claims;    ///< drawn before: limit + ahead of them
  std::uint64_t random = 0;     ///< picks at random among the first 64 of a shard
  std::vector<FutureId> by_id;  ///< take these (awaited here) if they are ready, before anything else and whether they
                                ///< fit `free` or not, one claim each
  Resources kept = {};          ///< by tasks here that are blocked: what finds no room beside is not taken by id either
  std::vector<LeftToOthers> left = {};
};

/// What one try of a claim took.
struct ClaimResult {
  bool fenced = false;
  std::vector<Runnable> taken;
  std::vector<FutureId> failed;  ///< by_id: not ready (claimed elsewhere, waiting, finished, gone)
  bool more = false;             ///< there is more in the index that fits this worker's free resources
};
using ClaimTries = std::vector<ClaimResult>;
/// After a StoreError, call it again with the same `tries` (empty at first): one of them may have committed, and the
/// work it took would else be claimed by a worker that does not know.
ClaimResult claim(store::Store& store, const ClaimRequest& request, const Resources& total, ClaimTries& tries);

/// Futures of the transitive dependencies of `id` that are ready now (what must run for `id` to end), at most `limit`.
std::vector<FutureId> ready_dependencies(store::Store& store, FutureId id, std::size_t limit);

/// Registers or clears this worker as idle; then looks once more: true when the index holds something that fits
/// `total` and is not left to others.
bool set_idle(store::Store& store, Incarnation incarnation, bool idle, const Resources& free,
              const std::vector<LeftToOthers>& left = {});

/// Wakes up to `limit` idle workers that fit what stands in the index: touches their signal keys. A scan made after the
/// commit that left work there.
void wake_idle(store::Store& store, Incarnation self, std::size_t limit);

/// The key whose change means: look into your inbox, or the index.
std::string signal_key(Incarnation incarnation);

// ---- work left behind ----

/// Checks and fan-outs listed for this worker that a crash or an overflow left (`checks` of a round are the quick
/// path). Returns futures to Check.
std::vector<FutureId> pending_checks(store::Store& store, Incarnation incarnation, std::size_t limit);

/// One chunk of working off `fanout/<worker>/…` keys (completions with more than 100 waiters and dependents). True
/// while there is more.
bool fanout_step(store::Store& store, Incarnation incarnation);

/// Scopes that are closing and not yet gone.
std::vector<ScopeId> endings(store::Store& store);

/// One chunk of ending a scope: nested scopes, cancels, waiters told, then ranges cleared, then the record. True while
/// there is more.
bool ending_step(store::Store& store, Incarnation self, ScopeId scope);

// ---- detached futures ----

/// A detached future.
struct NamedFuture {
  FutureId id;
  FutureId again;  ///< what a later attempt of the task that submitted it submitted by its name; 0: none did
};

/// The detached future of this name; nothing: there is none.
std::optional<NamedFuture> find_named(store::Store& store, std::string_view name);
/// The program that a session, or the scope of a detached future, uses; nothing: none, or it is gone.
std::optional<std::string> program_used(store::Store& store, SessionId user);

// ---- programs and images ----

/// A program: image manifest, arguments, environment, folder, as the runtime encodes it (opaque here).
void put_program(store::Store& store, std::string_view program, std::string_view bytes, SessionId user);
std::optional<std::string> get_program(store::Store& store, std::string_view program);

/// The content of one file of an image, in compressed chunks under its hash; the header is written last.
void put_blob_chunk(store::Store& store, std::string_view hash, std::uint32_t index, std::string_view bytes);
void put_blob_header(store::Store& store, std::string_view hash, std::uint32_t chunks, std::uint64_t size);
/// Adds `user` in a transaction that reads the header; false when the blob is not there (any more).
bool use_blob(store::Store& store, std::string_view hash, SessionId user);
/// Removes a file whose parts are not what they should be, whoever uses it: the next driver that has it brings it
/// again.
void drop_blob(store::Store& store, std::string_view hash);
/// What the store knows of a blob beside its bytes.
struct BlobHeader {
  std::uint32_t chunks = 0;
  std::uint64_t size = 0;
};
std::optional<BlobHeader> blob_header(store::Store& store, std::string_view hash);
std::optional<std::string> blob_chunk(store::Store& store, std::string_view hash, std::uint32_t index);
/// Blobs and programs stay after their last user for the next session; removes those unused beyond `keep_bytes` in all.
/// Also chunks with no header older than one call.
void collect_images(store::Store& store, std::uint64_t keep_bytes);

// ---- for people ----

/// How much there is of everything.
struct ClusterCounts {
  std::map<Status, std::uint64_t> futures;
  std::uint64_t sessions = 0;
  std::uint64_t scopes = 0;
};
ClusterCounts count(store::Store& store);

/// The futures of one resource shape that stand in the index.
struct ShapeWaiting {
  Resources requirements;
  std::uint64_t count = 0;  ///< at least so many (counting stops at 10,000)
  FutureId first;
  SpecPtr first_spec;
};
/// The shapes that stand in the index now.
std::vector<ShapeWaiting> index_shapes(store::Store& store);

/// What a session leaves that its program may not know of: of the futures directly in its scope, those that failed and
/// that nobody looked at, and those that have not ended and were not released.
struct LooseEnds {
  std::uint64_t failed = 0;
  FutureId first_failed;
  OutcomePtr failure;  ///< of the first
  std::uint64_t unfinished = 0;
  FutureId first_unfinished;
  SpecPtr unfinished_spec;                              ///< of the first; null: it is not all there yet
  std::map<std::string, std::uint64_t> left_out_lines;  ///< of tasks, by the file that has them
};
/// `seen`: the failures that the program was told. One that came of such a failure, or of a cancel, is none that nobody
/// looked at.
LooseEnds loose_ends(store::Store& store, ScopeId scope, const std::vector<FutureId>& seen);

/// Ends a ready future as failed (used for fail_if_unschedulable); false when it is not ready any more.
bool fail_ready(store::Store& store, Incarnation self, FutureId id, const Outcome& outcome);

}  // namespace morrow::control
