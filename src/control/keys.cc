// SPDX-License-Identifier: Apache-2.0

// Which key stands where decides which transactions conflict and what one scan can read.
//
// All that takes part in the end of a future begins with the future's prefix, so that the end reads it in one scan:
//
//     f | bucket | scope u64 | sequence u64 | S            its state
//                                           | e dependent  an edge
//                                           | n dependency a need
//                                           | w worker     a waiter
//
// All futures of a scope stand together too, in four ranges ("buckets", by blocks of 64 numbers), so that the end of a
// scope clears ranges and yet not all writers of a large scope hit the same place. What belongs to a worker (claims,
// checks, fan-outs, its inbox) begins with the worker, so that its eviction finds it. The index is ordered by what a
// worker looks for: shape, shard, time.
//
// Numbers are big-endian, so that the order of bytes is that of numbers; nothing is escaped, since each part has a
// length that is fixed or stands before it.
//
// To read: docs/store.md, the table of all keys. FoundationDB's documentation on data modeling has the same patterns.

#include "control/keys.h"

#include <utility>

#include "base/invariant.h"

namespace morrow::control::keys {
namespace {

// Where the parts of a key begin.
constexpr std::size_t kNumberAt = 1;                                // the number behind the family's byte
constexpr std::size_t kListedAt = 9;                                // what follows the number
constexpr std::size_t kSuffixedAt = 10;                             // what follows the number and a byte
constexpr std::size_t kFutureAt = 2;                                // a future's id: behind the family and the bucket
constexpr std::size_t kNeighbourAt = keys::kFuturePrefixBytes + 1;  // behind the suffix

void put(std::string& out, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

void put32(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

void put(std::string& out, FutureId id) {
  put(out, id.scope);
  put(out, id.sequence);
}

std::string numbered(char family, std::uint64_t number) {
  std::string key(1, family);
  put(key, number);
  return key;
}

/// All keys that start with `prefix` and go on; none of ours is all 0xff.
store::Range below(std::string prefix) {
  std::string end = prefix;
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  MORROW_INVARIANT(!end.empty(), "a prefix of keys is not all 0xff", prefix);
  end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return {std::move(prefix), std::move(end)};
}

std::string numbered_future(char family, std::uint64_t number, FutureId id) {
  std::string key = numbered(family, number);
  put(key, id);
  return key;
}

std::string suffixed(char family, std::uint64_t number, char suffix) {
  std::string key = numbered(family, number);
  key.push_back(suffix);
  return key;
}

std::string future_suffix(FutureId id, char suffix) {
  std::string key = future(id);
  key.push_back(suffix);
  return key;
}

/// Programs have keys of 16 bytes, blobs of 32: the length stands in front, so that no key is the beginning of another.
std::string content(char family, std::string_view hash) {
  std::string key(1, family);
  MORROW_INVARIANT(hash.size() <= kMaxHashBytes, "the length of a hash fits its byte", family, hash.size());
  key.push_back(static_cast<char>(hash.size()));
  key.append(hash);
  return key;
}

std::string shape_prefix(std::string_view shape) {
  MORROW_INVARIANT(shape.size() <= kMaxShapeBytes, "a shape leaves room for the rest of its key", shape.size());
  std::string key = "i";
  key.push_back(static_cast<char>(shape.size() >> 8));
  key.push_back(static_cast<char>(shape.size()));
  key.append(shape);
  return key;
}

[[noreturn]] void fail_damaged() {
  throw store::StoreError("A key in the store is damaged; restore the store from a copy or start a new cluster.");
}

/// The key, when it is long enough to hold `size` bytes from `at` on.
std::string_view long_enough(std::string_view key, std::size_t at, std::size_t size) {
  if (key.size() < at + size) fail_damaged();
  return key;
}

std::uint64_t number_at(std::string_view key, std::size_t at) { return read_u64(long_enough(key, at, 8), at); }
FutureId id_at(std::string_view key, std::size_t at) { return read_id(long_enough(key, at, 16), at); }
char byte_at(std::string_view key, std::size_t at) { return long_enough(key, at, 1)[at]; }

}  // namespace

std::string u64(std::uint64_t value) {
  std::string out;
  put(out, value);
  return out;
}

std::uint64_t read_u64(std::string_view bytes, std::size_t at) {
  std::uint64_t value = 0;
  for (std::size_t i = at; i < at + 8 && i < bytes.size(); ++i)
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

std::string encode_id(FutureId id) {
  std::string out;
  put(out, id);
  return out;
}

FutureId read_id(std::string_view bytes, std::size_t at) { return {read_u64(bytes, at), read_u64(bytes, at + 8)}; }

std::uint8_t bucket(FutureId id) { return static_cast<std::uint8_t>(id.sequence / 64 % kBuckets); }

std::string future(FutureId id) {
  std::string key;
  key.reserve(48);
  key.push_back('f');
  key.push_back(static_cast<char>(bucket(id)));
  put(key, id);
  return key;
}

std::string specification(FutureId id, std::uint32_t part) {
  std::string key = future_suffix(id, kSpecification);
  put32(key, part);
  return key;
}

std::string state(FutureId id) { return future_suffix(id, kState); }

std::string edge(FutureId dependency, FutureId dependent) {
  std::string key = future_suffix(dependency, kEdge);
  put(key, dependent);
  return key;
}

std::string need(FutureId dependent, FutureId dependency) {
  std::string key = future_suffix(dependent, kNeed);
  put(key, dependency);
  return key;
}

std::string waiter(FutureId id, Incarnation incarnation) {
  std::string key = future_suffix(id, kWaiter);
  put(key, incarnation);
  return key;
}

std::string holder(FutureId id, Incarnation incarnation) {
  std::string key = future_suffix(id, kHolder);
  put(key, incarnation);
  return key;
}

store::Range holders(FutureId id) { return below(future_suffix(id, kHolder)); }
store::Range edges(FutureId id) { return below(future_suffix(id, kEdge)); }
store::Range needs(FutureId id) { return below(future_suffix(id, kNeed)); }

store::Range neighbours(FutureId id, std::string_view suffix) {
  std::string begin = future(id);
  std::string end = begin;
  if (suffix.empty()) {
    begin.push_back(kState);
  } else {
    begin.append(suffix);
  }
  end.push_back(kWaiter + 1);
  return {std::move(begin), std::move(end)};
}

store::Range scope_futures(ScopeId scope, int bucket) {
  std::string key = "f";
  key.push_back(static_cast<char>(bucket));
  put(key, scope);
  return below(std::move(key));
}

store::Range all_futures() { return below("f"); }
FutureId future_of(std::string_view key) { return id_at(key, kFutureAt); }
char suffix_of(std::string_view key) { return key.size() > kFuturePrefixBytes ? key[kFuturePrefixBytes] : '\0'; }
FutureId other_future(std::string_view key) { return id_at(key, kNeighbourAt); }
Incarnation neighbour_worker(std::string_view key) { return number_at(key, kNeighbourAt); }

std::string index_entry(std::string_view shape, std::uint8_t shard, std::uint64_t order, FutureId id) {
  std::string key = shape_prefix(shape);
  key.push_back(static_cast<char>(shard));
  put(key, order);
  put(key, id);
  return key;
}

store::Range index() { return below("i"); }
store::Range index_shape(std::string_view shape) { return below(shape_prefix(shape)); }

store::Range index_shard(std::string_view shape, std::uint8_t shard) {
  std::string key = shape_prefix(shape);
  key.push_back(static_cast<char>(shard));
  return below(std::move(key));
}

IndexEntry read_index(std::string_view key) {
  if (key.size() < 3) fail_damaged();
  const std::size_t length =
      static_cast<std::size_t>(static_cast<unsigned char>(key[1])) << 8 | static_cast<unsigned char>(key[2]);
  if (key.size() != 3 + length + 1 + 8 + 16) fail_damaged();
  return {std::string(key.substr(3, length)), static_cast<std::uint8_t>(key[3 + length]), read_u64(key, 3 + length + 1),
          read_id(key, 3 + length + 9)};
}

std::uint8_t shard_of(Incarnation incarnation) { return static_cast<std::uint8_t>(incarnation); }

std::uint64_t number_of(std::string_view key) { return number_at(key, kNumberAt); }
FutureId listed_future(std::string_view key) { return id_at(key, kListedAt); }

std::string claimed(Incarnation incarnation, FutureId id) { return numbered_future('c', incarnation, id); }
store::Range claimed(Incarnation incarnation) { return below(numbered('c', incarnation)); }

std::string check(Incarnation incarnation, FutureId id, bool failed) {
  std::string key = numbered_future('k', incarnation, id);
  key.push_back(failed ? '\1' : '\0');
  return key;
}

store::Range checks(Incarnation incarnation) { return below(numbered('k', incarnation)); }
std::string long_wait(Incarnation incarnation, FutureId id) { return numbered_future('l', incarnation, id); }
store::Range long_waits(Incarnation incarnation) { return below(numbered('l', incarnation)); }
store::Range all_long_waits() { return below("l"); }
std::string fanout(Incarnation incarnation, FutureId id) { return numbered_future('x', incarnation, id); }
store::Range fanouts(Incarnation incarnation) { return below(numbered('x', incarnation)); }

std::string inbox_ended(Incarnation incarnation, FutureId id) {
  std::string key = suffixed('m', incarnation, kInboxEnded);
  put(key, id);
  return key;
}

std::string inbox_cancelled(Incarnation incarnation, Claim claim) {
  std::string key = suffixed('m', incarnation, kInboxCancelled);
  put(key, claim);
  return key;
}

std::string inbox_freed(Incarnation incarnation, std::uint64_t object) {
  std::string key = suffixed('m', incarnation, kInboxFreed);
  put(key, object);
  return key;
}

std::string inbox_moved(Incarnation incarnation, SessionId session, std::uint64_t attachment) {
  std::string key = suffixed('m', incarnation, kInboxMoved);
  put(key, session);
  put(key, attachment);
  return key;
}

store::Range inbox(Incarnation incarnation) { return below(numbered('m', incarnation)); }
char inbox_kind(std::string_view key) { return byte_at(key, kListedAt); }
FutureId inbox_future(std::string_view key) { return id_at(key, kSuffixedAt); }
std::uint64_t inbox_number(std::string_view key) { return number_at(key, kSuffixedAt); }
std::uint64_t inbox_attachment(std::string_view key) { return number_at(key, kSuffixedAt + 8); }

std::string session(SessionId session) { return numbered('s', session); }
store::Range sessions() { return below("s"); }

std::string attached(Incarnation incarnation, SessionId session) {
  std::string key = numbered('a', incarnation);
  put(key, session);
  return key;
}

store::Range attached(Incarnation incarnation) { return below(numbered('a', incarnation)); }
SessionId attached_session(std::string_view key) { return number_at(key, kListedAt); }
std::string orphan(SessionId session) { return numbered('u', session); }
store::Range orphans() { return below("u"); }
std::string scope(ScopeId scope) { return numbered('o', scope); }

std::string child(ScopeId parent, ScopeId child) {
  std::string key = suffixed('o', parent, 'c');
  put(key, child);
  return key;
}

store::Range children(ScopeId parent) { return below(suffixed('o', parent, 'c')); }
ScopeId child_of(std::string_view key) { return number_at(key, kSuffixedAt); }

std::string needed(ScopeId scope, ScopeId by) {
  std::string key = suffixed('o', scope, 'n');
  put(key, by);
  return key;
}

store::Range needed(ScopeId scope) { return below(suffixed('o', scope, 'n')); }
store::Range all_scopes() { return below("o"); }
bool is_scope(std::string_view key) { return key.size() == kListedAt; }
std::string ending(ScopeId scope) { return numbered('e', scope); }
store::Range endings() { return below("e"); }

std::string incarnation(Incarnation incarnation) { return suffixed('w', incarnation, 'e'); }
std::string info(Incarnation incarnation) { return suffixed('w', incarnation, 'i'); }
std::string round(Incarnation incarnation) { return suffixed('w', incarnation, 'r'); }
std::string claim_round(Incarnation incarnation) { return suffixed('w', incarnation, 'c'); }
std::string signal(Incarnation incarnation) { return suffixed('w', incarnation, 's'); }
store::Range workers() { return below("w"); }
std::string idle(Incarnation incarnation) { return numbered('d', incarnation); }
store::Range idles() { return below("d"); }
std::string tombstone(Incarnation incarnation) { return numbered('g', incarnation); }
store::Range tombstones() { return below("g"); }
std::string secrets() { return "y"; }
std::string schema() { return "v"; }

std::string content_header(char family, std::string_view hash) { return content(family, hash) + 'h'; }

std::string content_part(char family, std::string_view hash, std::uint32_t index) {
  std::string key = content(family, hash) + 'c';
  put32(key, index);
  return key;
}

store::Range content_parts(char family, std::string_view hash) { return below(content(family, hash) + 'c'); }
std::string content_mark(char family, std::string_view hash) { return content(family, hash) + 'm'; }

std::string content_user(char family, std::string_view hash, SessionId user) {
  std::string key = content(family, hash) + 'u';
  put(key, user);
  return key;
}

store::Range content_users(char family, std::string_view hash) { return below(content(family, hash) + 'u'); }
SessionId user_of(std::string_view key) { return number_at(key, long_enough(key, 0, 8).size() - 8); }
store::Range all_content(char family) { return below(std::string(1, family)); }

std::pair<std::string, char> read_content(std::string_view key) {
  if (key.size() < 2) fail_damaged();
  const std::size_t length = static_cast<unsigned char>(key[1]);
  if (key.size() <= 2 + length || std::string_view("chmu").find(key[2 + length]) == std::string_view::npos)
    fail_damaged();
  return {std::string(key.substr(2, length)), key[2 + length]};
}

std::string name(std::string_view name) {
  MORROW_INVARIANT(name.size() <= kMaxNameBytes, "a name fits into a key", name.size());
  return std::string(1, 'n').append(name);
}

store::Range names() { return below("n"); }

std::string use(SessionId session, char family, std::string_view hash) {
  std::string key = suffixed('q', session, family);
  key.append(hash);
  return key;
}

store::Range uses(SessionId session) { return below(numbered('q', session)); }
Use read_use(std::string_view key) { return {byte_at(key, kListedAt), std::string(key.substr(kSuffixedAt))}; }

}  // namespace morrow::control::keys
