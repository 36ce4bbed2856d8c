// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "control/records.pb.h"
#include "control/types.h"

/// Between the values that control speaks and the records that stand in the store.
namespace morrow::control {

inline constexpr std::uint32_t kRecordVersion = 1;
inline constexpr std::uint32_t kSchemaVersion = 2;

void put_id(FutureId id, record::Id& out);
FutureId read_id(const record::Id& id);

void put_outcome(const Outcome& outcome, record::Outcome& out);
OutcomePtr read_outcome(const record::Outcome& outcome);

std::string encode_spec(const Spec& spec);
/// \throws store::StoreError when the record is not one of this version.
SpecPtr decode_spec(std::string_view bytes);

std::string encode_worker(const WorkerInfo& info);
/// \throws store::StoreError when the record is not one of this version.
WorkerInfo decode_worker(Incarnation incarnation, std::string_view bytes);

/// Parses `bytes` into a record. \throws store::StoreError when it is damaged or of a later version.
template <typename Record>
Record parse_record(std::string_view bytes);

template <typename Record>
std::string serialize(Record& record) {
  record.set_version(kRecordVersion);
  return record.SerializeAsString();
}

/// Whether the fields of a state agree: a claim and its worker while it is claimed, an entry in the index while it is
/// ready, an outcome once it is final, a specification until then.
bool is_consistent(const record::State& state);

inline Status status_of(const record::State& state) { return static_cast<Status>(state.status()); }
inline bool is_final(Status status) { return status >= Status::kRealized; }
inline bool is_final(const record::State& state) { return is_final(status_of(state)); }

}  // namespace morrow::control
