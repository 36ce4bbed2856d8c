// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "control/cluster.h"
#include "control/transition.h"

// Programs and files of images: a header, its parts, its users. The header is written last and cleared first.
namespace morrow::control {
namespace {

using keys::kBlob;
using keys::kProgram;

constexpr std::size_t kProgramPart = 90'000;
constexpr std::size_t kPartsAtOnce = 500;
constexpr std::string_view kStale = "stale";

std::optional<record::Blob> header(store::Transaction& transaction, char family, std::string_view hash) {
  const auto value = transaction.get(keys::content_header(family, hash), store::Read::kConflict);
  if (!value) return std::nullopt;
  return parse_record<record::Blob>(*value);
}

void set_header(store::Transaction& transaction, char family, std::string_view hash, record::Blob blob) {
  transaction.set(keys::content_header(family, hash), serialize(blob));
}

std::optional<record::Blob> usable(store::Store& store, char family, std::string_view hash) {
  auto blob = header(*store.begin_read(), family, hash);
  return blob && !blob->removing() ? blob : std::nullopt;
}

/// Ends a removal that is under way: its next step finds no header and stops.
void rescue(store::Transaction& transaction, char family, std::string_view hash) {
  const auto blob = header(transaction, family, hash);
  if (blob && blob->removing()) transaction.clear(keys::content_header(family, hash));
  transaction.clear(keys::content_mark(family, hash));
}

/// Clears some parts, while `may_go` still holds. True when more are there.
template <typename MayGo>
bool clear_parts(store::Store& store, char family, const std::string& hash, const MayGo& may_go) {
  bool more = false;
  store.transact(store::Room::kFree, [&](store::Transaction& transaction) {
    more = false;
    if (!may_go(transaction)) return;
    const auto parts = transaction.scan(keys::content_parts(family, hash), store::Read::kSnapshot, 16);
    for (const auto& [key, unused] : parts) transaction.clear(key);
    more = !parts.empty();
    if (more) return;
    transaction.clear(keys::content_header(family, hash));
    transaction.clear(keys::content_mark(family, hash));
  });
  return more;
}

/// What content has to be for its removal.
enum class If { kUnused, kThere };

/// False: it stays.
bool remove_content(store::Store& store, char family, const std::string& hash, If condition) {
  bool removing = false;
  store.transact(store::Room::kFree, [&](store::Transaction& transaction) {
    auto blob = header(transaction, family, hash);
    removing = blob && (condition == If::kThere ||
                        transaction.scan(keys::content_users(family, hash), store::Read::kConflict, 1).empty());
    if (!removing) return;
    blob->set_removing(true);
    set_header(transaction, family, hash, *blob);
  });
  if (!removing) return false;
  const auto still = [&](store::Transaction& transaction) {
    const auto blob = header(transaction, family, hash);
    return blob && blob->removing();
  };
  while (clear_parts(store, family, hash, still)) {
  }
  return true;
}

/// Users whose session is gone, or never came, go at the second call that finds them so.
void drop_stale_users(store::Store& store, char family, const std::string& hash) {
  store.transact(store::Room::kFree, [&](store::Transaction& transaction) {
    for (const auto& [key, value] :
         transaction.scan(keys::content_users(family, hash), store::Read::kConflict, kPartsAtOnce)) {
      const SessionId user = keys::user_of(key);
      const bool there = transaction.get(keys::session(user), store::Read::kConflict).has_value() ||
                         transaction.get(keys::scope(user), store::Read::kConflict).has_value();  // of a detached one
      if (there || value != kStale) {
        if ((value == kStale) == there) transaction.set(key, there ? std::string_view() : kStale);
        continue;
      }
      transaction.clear(key);
      transaction.clear(keys::use(user, family, hash));
    }
  });
}

/// Parts without a header are an upload under way or one that broke off: it goes when no part came between two calls.
void drop_headless(store::Store& store, char family, const std::string& hash) {
  bool old = false;
  store.transact(store::Room::kFree, [&](store::Transaction& transaction) {
    old = false;
    if (header(transaction, family, hash)) return;
    old = transaction.get(keys::content_mark(family, hash), store::Read::kConflict).has_value();
    if (!old) transaction.set(keys::content_mark(family, hash), "");
  });
  if (!old) return;
  const auto still = [&](store::Transaction& transaction) {
    return !header(transaction, family, hash) &&
           transaction.get(keys::content_mark(family, hash), store::Read::kConflict).has_value();
  };
  while (clear_parts(store, family, hash, still)) {
  }
}

/// All hashes of a family, found by seeking past each one's keys.
std::set<std::string> all_hashes(store::Store& store, char family) {
  const auto transaction = store.begin_read();
  std::set<std::string> hashes;
  store::Range rest = keys::all_content(family);
  for (;;) {
    const auto first = transaction->scan(rest, store::Read::kSnapshot, 1);
    if (first.empty()) return hashes;
    const std::string hash = keys::read_content(first.front().key).first;
    hashes.insert(hash);
    rest.begin = keys::content_users(family, hash).end;  // users are the last of a hash's keys
  }
}

}  // namespace

void add_user(store::Transaction& transaction, char family, std::string_view hash, SessionId user) {
  transaction.set(keys::content_user(family, hash, user), "");
  transaction.set(keys::use(user, family, hash), "");
}

void put_program(store::Store& store, std::string_view program, std::string_view bytes, SessionId user) {
  // One that is there takes nothing: its driver came to another worker, or is one of many.
  const store::Room room = usable(store, kProgram, program) ? store::Room::kFree : store::Room::kNew;
  store.transact(room, [&](store::Transaction& transaction) {
    const auto there = header(transaction, kProgram, program);
    if (!there || there->removing()) {
      record::Blob blob;
      std::uint32_t parts = 0;
      for (std::size_t at = 0; at < bytes.size(); at += kProgramPart) {
        transaction.set(keys::content_part(kProgram, program, parts++), bytes.substr(at, kProgramPart));
      }
      blob.set_parts(parts);
      blob.set_size(bytes.size());
      set_header(transaction, kProgram, program, blob);
    }
    add_user(transaction, kProgram, program, user);
  });
}

std::optional<std::string> get_program(store::Store& store, std::string_view program) {
  const auto transaction = store.begin_read();
  const auto blob = header(*transaction, kProgram, program);
  if (!blob || blob->removing()) return std::nullopt;
  std::string bytes;
  for (std::uint32_t part = 0; part < blob->parts(); ++part) {
    bytes += transaction->get(keys::content_part(kProgram, program, part), store::Read::kSnapshot).value_or("");
  }
  return bytes;
}

void put_blob_chunk(store::Store& store, std::string_view hash, std::uint32_t index, std::string_view bytes) {
  store.transact(store::Room::kNew, [&](store::Transaction& transaction) {
    rescue(transaction, kBlob, hash);
    transaction.set(keys::content_part(kBlob, hash, index), bytes);
  });
}

void put_blob_header(store::Store& store, std::string_view hash, std::uint32_t chunks, std::uint64_t size) {
  store.transact(store::Room::kNew, [&](store::Transaction& transaction) {
    rescue(transaction, kBlob, hash);
    record::Blob blob;
    blob.set_parts(chunks);
    blob.set_size(size);
    set_header(transaction, kBlob, hash, blob);
  });
}

bool use_blob(store::Store& store, std::string_view hash, SessionId user) {
  bool there = false;
  store.transact(store::Room::kFree, [&](store::Transaction& transaction) {
    const auto blob = header(transaction, kBlob, hash);
    there = blob && !blob->removing();
    if (there) add_user(transaction, kBlob, hash, user);
  });
  return there;
}

void drop_blob(store::Store& store, std::string_view hash) {
  remove_content(store, kBlob, std::string(hash), If::kThere);
}

std::optional<BlobHeader> blob_header(store::Store& store, std::string_view hash) {
  const auto blob = usable(store, kBlob, hash);
  if (!blob) return std::nullopt;
  return BlobHeader{blob->parts(), blob->size()};
}

std::optional<std::string> blob_chunk(store::Store& store, std::string_view hash, std::uint32_t index) {
  return store.begin_read()->get(keys::content_part(kBlob, hash, index), store::Read::kSnapshot);
}

void collect_images(store::Store& store, std::uint64_t keep_bytes) {
  std::uint64_t total = 0;
  std::vector<std::tuple<char, std::string, std::uint64_t>> complete;
  for (const char family : {kBlob, kProgram}) {
    for (const std::string& hash : all_hashes(store, family)) {
      drop_stale_users(store, family, hash);
      const auto blob = header(*store.begin_read(), family, hash);
      if (!blob) {
        drop_headless(store, family, hash);
      } else if (blob->removing()) {
        remove_content(store, family, hash, If::kUnused);
      } else {
        total += blob->size();
        complete.emplace_back(family, hash, blob->size());
      }
    }
  }
  for (const auto& [family, hash, size] : complete) {
    if (total <= keep_bytes) return;
    if (remove_content(store, family, hash, If::kUnused)) total -= size;
  }
}

}  // namespace morrow::control
