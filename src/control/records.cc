// SPDX-License-Identifier: Apache-2.0
#include "control/records.h"

#include <stdexcept>
#include <string>

#include "control/faults.h"
#include "control/keys.h"
#include "store/store.h"

namespace morrow::control {

namespace {

[[noreturn]] void fail_damaged() {
  throw store::StoreError("A record in the store is damaged; restore the store from a copy or start a new cluster.");
}

bool is_known(const record::Outcome& outcome) {
  return outcome.failure() <= static_cast<std::uint32_t>(kLastFailureKind);
}

// Numbers that are used as enumerations.
template <typename Record>
bool is_known(const Record&) {
  return true;
}
bool is_known(const record::State& state) {
  return state.status() >= static_cast<std::uint32_t>(Status::kBuilding) &&
         state.status() <= static_cast<std::uint32_t>(Status::kCancelled) && is_known(state.outcome()) &&
         state.shape().size() <= keys::kMaxShapeBytes && is_consistent(state);
}
bool is_known(const record::Ending& ending) { return ending.bucket() < keys::kBuckets; }
bool is_known(const record::InboxItem& item) { return is_known(item.outcome()); }
bool is_known(const record::LongWait& wait) {
  return wait.need() != 0 && wait.need() <= static_cast<std::uint32_t>(wait.futures_size());
}

Resources read_resources(std::string_view bytes) try {
  return Resources::decode(bytes);
} catch (const std::invalid_argument&) {
  fail_damaged();
}

}  // namespace

bool is_consistent(const record::State& state) {
  const Status status = status_of(state);
  const bool claimed = status == Status::kClaimed;
  const bool final = is_final(status);
  if ((state.claim() != 0) != claimed && !planted(Fault::kRetriedChildren)) return false;
  if ((state.incarnation() != 0) != claimed && !planted(Fault::kRetriedChildren)) return false;
  if (state.has_scope() && !claimed && !planted(Fault::kRetriedChildren)) return false;
  if (state.index_key().empty() == (status == Status::kReady)) return false;
  if (state.has_outcome() != final || (state.fanout() != 0 && !final)) return false;
  if (state.spec_parts() == 0 && !final) return false;
  return !final || (state.outcome().failure() == 0) == (status == Status::kRealized);
}

void put_id(FutureId id, record::Id& out) {
  out.set_scope(id.scope);
  out.set_sequence(id.sequence);
}

FutureId read_id(const record::Id& id) { return {id.scope(), id.sequence()}; }

void put_outcome(const Outcome& outcome, record::Outcome& out) {
  out.set_version(kRecordVersion);
  out.set_failure(static_cast<std::uint32_t>(outcome.failure));
  out.set_bytes(outcome.bytes);
  if (outcome.root != FutureId{}) put_id(outcome.root, *out.mutable_root());
  if (outcome.object) {
    record::Object& object = *out.mutable_object();
    object.set_number(outcome.object.number);
    object.set_size(outcome.object.size);
    object.set_maker(outcome.object.maker);
  }
}

OutcomePtr read_outcome(const record::Outcome& outcome) {
  auto read = std::make_shared<Outcome>();
  read->failure = static_cast<FailureKind>(outcome.failure());
  read->bytes = outcome.bytes();
  if (outcome.has_root()) read->root = read_id(outcome.root());
  if (outcome.has_object())
    read->object = {outcome.object().number(), outcome.object().size(), outcome.object().maker()};
  return read;
}

std::string encode_spec(const Spec& spec) {
  record::Specification out;
  out.set_requirements(spec.requirements.encode());
  for (const FutureId& id : spec.dependencies) put_id(id, *out.add_dependencies());
  out.set_max_retries(spec.max_retries);
  out.set_retry_exceptions(spec.retry_exceptions);
  out.set_retry_timeouts(spec.retry_timeouts);
  out.set_fresh_process(spec.fresh_process);
  out.set_fail_if_unschedulable(spec.fail_if_unschedulable);
  out.set_detached(spec.detached);
  out.set_timeout_ns(spec.timeout_ns);
  out.set_name(spec.name);
  out.set_program(spec.program);
  out.set_function_key(spec.function_key);
  out.set_session(spec.session);
  out.set_payload(spec.payload);
  return serialize(out);
}

SpecPtr decode_spec(std::string_view bytes) {
  auto in = parse_record<record::Specification>(bytes);
  auto spec = std::make_shared<Spec>();
  spec->requirements = read_resources(in.requirements());
  spec->dependencies.reserve(static_cast<std::size_t>(in.dependencies_size()));
  for (const record::Id& id : in.dependencies()) spec->dependencies.push_back(read_id(id));
  spec->max_retries = in.max_retries();
  spec->retry_exceptions = in.retry_exceptions();
  spec->retry_timeouts = in.retry_timeouts();
  spec->fresh_process = in.fresh_process();
  spec->fail_if_unschedulable = in.fail_if_unschedulable();
  spec->detached = in.detached();
  spec->timeout_ns = in.timeout_ns();
  spec->name = std::move(*in.mutable_name());
  spec->program = std::move(*in.mutable_program());
  spec->function_key = in.function_key();
  spec->session = in.session();
  if (spec->program.size() > keys::kMaxHashBytes) fail_damaged();
  spec->payload = std::move(*in.mutable_payload());
  return spec;
}

std::string encode_worker(const WorkerInfo& info) {
  record::Worker out;
  out.set_name(info.name);
  out.set_host(info.host);
  out.set_pid(info.pid);
  out.set_socket(info.socket);
  out.set_address(info.address);
  out.set_total(info.total.encode());
  out.set_used(info.used.encode());
  out.set_executors(info.executors);
  out.set_draining(info.draining);
  out.set_pid_space(info.pid_space);
  out.set_started_ticks(info.started_ticks);
  out.set_started_unix_ms(info.started_unix_ms);
  out.set_tasks(info.tasks);
  for (const CannotStart& one : info.cannot_start) {
    record::CannotStart* record = out.add_cannot_start();
    record->set_program(one.program);
    record->set_reason(one.reason);
  }
  return serialize(out);
}

WorkerInfo decode_worker(Incarnation incarnation, std::string_view bytes) {
  const auto in = parse_record<record::Worker>(bytes);
  WorkerInfo info;
  info.incarnation = incarnation;
  info.name = in.name();
  info.host = in.host();
  info.pid = in.pid();
  info.socket = in.socket();
  info.address = in.address();
  info.total = read_resources(in.total());
  info.used = read_resources(in.used());
  info.executors = in.executors();
  info.draining = in.draining();
  info.pid_space = in.pid_space();
  info.started_ticks = in.started_ticks();
  info.started_unix_ms = in.started_unix_ms();
  info.tasks = in.tasks();
  for (const record::CannotStart& one : in.cannot_start()) info.cannot_start.push_back({one.program(), one.reason()});
  return info;
}

template <typename Record>
Record parse_record(std::string_view bytes) {
  Record record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) fail_damaged();
  if (record.version() > kRecordVersion) {
    throw store::StoreError("A record in the store is of version " + std::to_string(record.version()) +
                            "; this program knows up to version " + std::to_string(kRecordVersion) +
                            ". Update Morrow here.");
  }
  if (!is_known(record)) fail_damaged();
  return record;
}

template record::State parse_record(std::string_view);
template record::Specification parse_record(std::string_view);
template record::Session parse_record(std::string_view);
template record::Scope parse_record(std::string_view);
template record::Worker parse_record(std::string_view);
template record::Incarnation parse_record(std::string_view);
template record::Round parse_record(std::string_view);
template record::InboxItem parse_record(std::string_view);
template record::Fanout parse_record(std::string_view);
template record::Ending parse_record(std::string_view);
template record::LongWait parse_record(std::string_view);
template record::Blob parse_record(std::string_view);
template record::Secrets parse_record(std::string_view);
template record::Name parse_record(std::string_view);

}  // namespace morrow::control
