// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>
#include <string>

#include "control/keys.h"
#include "control/records.h"
#include "store/store.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/quiet.h"

// What stands in a store that was damaged, or that another version wrote.

namespace morrow::fuzz {

namespace {

/// Calls `decode`, which may throw what decoders of the store throw.
template <class Decode>
void attempt(Decode&& decode) {
  try {
    decode();
  } catch (const store::StoreError&) {
  } catch (const std::invalid_argument&) {  // of Resources
  }
}

template <class... Records>
void parse_each(std::string_view bytes) {
  (attempt([bytes] {
     auto record = control::parse_record<Records>(bytes);
     static_cast<void>(control::serialize(record));
   }),
   ...);
}

void read_records(std::string_view bytes) {
  using namespace control::record;
  parse_each<State, Specification, Session, Scope, Worker, Incarnation, Round, InboxItem, Fanout, Ending, LongWait,
             Blob>(bytes);
  attempt([bytes] {
    const auto spec = control::decode_spec(bytes);
    require(control::decode_spec(control::encode_spec(*spec))->payload == spec->payload);
  });
  attempt([bytes] { static_cast<void>(control::decode_worker(1, bytes)); });
  attempt([bytes] {
    const auto state = control::parse_record<State>(bytes);
    require(control::status_of(state) >= control::Status::kBuilding);
    require(control::status_of(state) <= control::Status::kCancelled);
    const auto outcome = control::read_outcome(state.outcome());
    require(outcome->ok() == (state.outcome().failure() == 0));
  });
}

void read_amounts(std::string_view bytes) {
  attempt([bytes] {
    const auto resources = control::Resources::decode(bytes);
    require(!resources.text().empty());
    auto canonical = control::Resources::decode(resources.encode());
    require(canonical.encode() == resources.encode());
    require(canonical.fits_in(canonical));
  });
}

void read_keys(std::string_view key) {
  using namespace control;
  attempt([key] { static_cast<void>(keys::read_u64(key, 1)); });
  attempt([key] { static_cast<void>(keys::future_of(key)); });
  attempt([key] { static_cast<void>(keys::suffix_of(key)); });
  attempt([key] { static_cast<void>(keys::read_id(key, keys::kFuturePrefixBytes + 1)); });
  if (key.starts_with('i'))
    attempt([key] {
      const auto entry = keys::read_index(key);
      require(key.starts_with(keys::index_shard(entry.shape, entry.shard).begin));
    });
  if (key.starts_with('b'))
    attempt([key] {
      const auto [hash, kind] = keys::read_content(key);
      require(key.starts_with(keys::content_mark(key[0], hash).substr(0, hash.size() + 2)));
      // Who lists all hashes seeks past the last key of each: no key may lie behind it.
      require(key < keys::content_users(key[0], hash).end);
    });
}

}  // namespace

std::map<std::string, std::string> seeds() {
  control::Resources resources;
  resources.cpu_micro = 1'500'000;
  resources.memory = 1u << 30;
  resources.named_micro["license"] = 1'000'000;
  control::Spec spec;
  spec.requirements = resources;
  spec.dependencies = {{1, 2}, {1, 3}};
  spec.name = "train";
  spec.payload = "payload";
  control::WorkerInfo worker;
  worker.name = "one";
  worker.socket = "worker.sock";
  worker.pid_space = "boot pid:[4026531836]";
  worker.started_ticks = 4711;
  worker.total = resources;
  control::record::State state;
  state.set_status(6);
  state.set_shape(resources.encode());
  control::put_outcome({control::FailureKind::kDependency, "bytes", {7, 8}}, *state.mutable_outcome());
  return {{"amounts", 'a' + resources.encode()},
          {"spec", 'r' + control::encode_spec(spec)},
          {"worker", 'r' + control::encode_worker(worker)},
          {"state", 'r' + control::serialize(state)},
          {"index_key", 'k' + control::keys::index_entry(resources.encode(), 3, 4711, {1, 2})},
          {"future_key", 'k' + control::keys::edge({1, 2}, {3, 4})},
          {"blob_key", 'k' + control::keys::content_part('b', std::string(32, 'h'), 2)}};
}

}  // namespace morrow::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace morrow::fuzz;
  silence_protobuf();
  std::string_view bytes = Input(data, size).rest();
  if (bytes.empty()) return 0;
  const char kind = bytes.front();
  bytes.remove_prefix(1);
  if (kind == 'a') read_amounts(bytes);
  if (kind == 'k') read_keys(bytes);
  if (kind == 'r') read_records(bytes);
  return 0;
}
