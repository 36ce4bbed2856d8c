// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "control/types.h"
#include "store/store.h"

/// The keys of the store: binary, numbers big-endian, a prefix byte for each family. docs/store.md is the table. What
/// takes a key apart throws store::StoreError when it is too short to be one of its kind.
namespace morrow::control::keys {

inline constexpr int kBuckets = 4;
inline constexpr std::size_t kFuturePrefixBytes = 18;
inline constexpr std::size_t kMaxShapeBytes = 400;  ///< the smallest store takes keys of 511 bytes
inline constexpr std::size_t kMaxNameBytes = 256;   ///< of a detached future
inline constexpr std::size_t kMaxHashBytes = 255;   ///< its length is a byte

/// What follows a future's prefix. State, edges, needs and waiters are neighbours, so that one scan reads what takes
/// part in its end.
inline constexpr char kHolder = 'H';
inline constexpr char kSpecification = 'P';
inline constexpr char kState = 'S';
inline constexpr char kEdge = 'e';
inline constexpr char kNeed = 'n';
inline constexpr char kWaiter = 'w';

inline constexpr char kInboxEnded = 'd';
inline constexpr char kInboxFreed = 'f';
inline constexpr char kInboxMoved = 'v';
inline constexpr char kInboxCancelled = 'x';

std::string u64(std::uint64_t value);
std::uint64_t read_u64(std::string_view bytes, std::size_t at);
std::string encode_id(FutureId id);
FutureId read_id(std::string_view bytes, std::size_t at);

// ---- futures ----
std::uint8_t bucket(FutureId id);
std::string future(FutureId id);
std::string specification(FutureId id, std::uint32_t part);
std::string state(FutureId id);
std::string edge(FutureId dependency, FutureId dependent);
std::string need(FutureId dependent, FutureId dependency);
std::string waiter(FutureId id, Incarnation incarnation);
std::string holder(FutureId id, Incarnation incarnation);
store::Range holders(FutureId id);
store::Range edges(FutureId id);
store::Range needs(FutureId id);
/// State, edges, needs and waiters; from `suffix` on when it is given.
store::Range neighbours(FutureId id, std::string_view suffix = {});
/// All keys of the futures of `scope` in one bucket.
store::Range scope_futures(ScopeId scope, int bucket);
store::Range all_futures();
/// The future that a key of the family belongs to.
FutureId future_of(std::string_view key);
/// The byte after the prefix; zero when there is none.
char suffix_of(std::string_view key);
/// The other future of an edge or a need.
FutureId other_future(std::string_view key);
/// The worker of a waiter's or a holder's key.
Incarnation neighbour_worker(std::string_view key);

// ---- the index ----
struct IndexEntry {
  std::string shape;
  std::uint8_t shard = 0;
  std::uint64_t order = 0;
  FutureId id;
};
/// `order`: microseconds, in which the entries of a shard stand. An odd one is in the future, and until then the entry
/// is kept for the shard's own worker, which has the values that it needs; see kept_until.
std::string index_entry(std::string_view shape, std::uint8_t shard, std::uint64_t order, FutureId id);
store::Range index();
store::Range index_shape(std::string_view shape);
store::Range index_shard(std::string_view shape, std::uint8_t shard);
/// \throws store::StoreError when it is none
IndexEntry read_index(std::string_view key);
std::uint8_t shard_of(Incarnation incarnation);
inline std::uint64_t order_at(std::uint64_t microseconds) { return microseconds & ~std::uint64_t{1}; }
inline std::uint64_t kept_until(std::uint64_t microseconds) { return microseconds | 1; }
/// No entry is kept for longer; a worker that sees one that is has another clock than the one that wrote it.
inline constexpr std::uint64_t kLongestKept = 5'000'000;
inline bool is_kept(const IndexEntry& entry, std::uint64_t now) {
  return (entry.order & 1) != 0 && entry.order > now && entry.order - now <= 2 * kLongestKept;
}

// ---- claims, checks, fan-outs, inbox ----
/// The number behind the family's byte: the worker, session or scope that the key belongs to.
std::uint64_t number_of(std::string_view key);
/// The future that stands in a worker's list of claims, checks or fan-outs.
FutureId listed_future(std::string_view key);
std::string claimed(Incarnation incarnation, FutureId id);
store::Range claimed(Incarnation incarnation);
std::string check(Incarnation incarnation, FutureId id, bool failed);
store::Range checks(Incarnation incarnation);
/// The long wait of a future that the worker executes.
std::string long_wait(Incarnation incarnation, FutureId id);
store::Range long_waits(Incarnation incarnation);
store::Range all_long_waits();
std::string fanout(Incarnation incarnation, FutureId id);
store::Range fanouts(Incarnation incarnation);
std::string inbox_ended(Incarnation incarnation, FutureId id);
std::string inbox_cancelled(Incarnation incarnation, Claim claim);
std::string inbox_freed(Incarnation incarnation, std::uint64_t object);
std::string inbox_moved(Incarnation incarnation, SessionId session, std::uint64_t attachment);
store::Range inbox(Incarnation incarnation);
/// One of kInboxEnded and so on.
char inbox_kind(std::string_view key);
/// Of kInboxEnded.
FutureId inbox_future(std::string_view key);
/// The claim, object or session of the other kinds.
std::uint64_t inbox_number(std::string_view key);
/// Of kInboxMoved.
std::uint64_t inbox_attachment(std::string_view key);

// ---- sessions and scopes ----
std::string session(SessionId session);
store::Range sessions();
std::string attached(Incarnation incarnation, SessionId session);
store::Range attached(Incarnation incarnation);
/// The session that stands in a worker's list.
SessionId attached_session(std::string_view key);
std::string orphan(SessionId session);
store::Range orphans();
std::string scope(ScopeId scope);
std::string child(ScopeId parent, ScopeId child);
store::Range children(ScopeId parent);
/// The scope that stands in its parent's list.
ScopeId child_of(std::string_view key);
/// A detached future, in the scope `by`, needs what is in this one.
std::string needed(ScopeId scope, ScopeId by);
store::Range needed(ScopeId scope);
store::Range all_scopes();
/// Whether it is the key of the scope itself, and not that of a child.
bool is_scope(std::string_view key);
std::string ending(ScopeId scope);
store::Range endings();

/// A detached future's name. \pre at most kMaxNameBytes
std::string name(std::string_view name);
store::Range names();

// ---- workers ----
std::string incarnation(Incarnation incarnation);
std::string info(Incarnation incarnation);
std::string round(Incarnation incarnation);
std::string claim_round(Incarnation incarnation);
std::string signal(Incarnation incarnation);
store::Range workers();
std::string idle(Incarnation incarnation);
store::Range idles();
std::string tombstone(Incarnation incarnation);
store::Range tombstones();
std::string schema();
std::string secrets();

// ---- programs and images: `family` is kProgram or kBlob ----
inline constexpr char kProgram = 'p';
inline constexpr char kBlob = 'b';
std::string content_header(char family, std::string_view hash);
std::string content_part(char family, std::string_view hash, std::uint32_t index);
store::Range content_parts(char family, std::string_view hash);
std::string content_mark(char family, std::string_view hash);
std::string content_user(char family, std::string_view hash, SessionId user);
store::Range content_users(char family, std::string_view hash);
/// The session that uses the content.
SessionId user_of(std::string_view key);
store::Range all_content(char family);
/// The hash and the kind byte of a key of the family. \throws store::StoreError when it is none
std::pair<std::string, char> read_content(std::string_view key);
/// What a session uses, so that its end lets it go.
std::string use(SessionId session, char family, std::string_view hash);
store::Range uses(SessionId session);
/// A content that a session uses.
struct Use {
  char family = 0;
  std::string hash;
};
Use read_use(std::string_view key);

}  // namespace morrow::control::keys
