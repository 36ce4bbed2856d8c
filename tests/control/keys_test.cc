// SPDX-License-Identifier: Apache-2.0
#include "control/keys.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <functional>
#include <sstream>
#include <vector>

#include "control/records.h"

namespace morrow::control {
namespace {

TEST(KeysTest, KeysSayWhatTheyWereMadeOf) {
  EXPECT_TRUE(rc::check([](std::uint64_t scope, std::uint64_t sequence, std::uint64_t number, const std::string& shape,
                           std::uint8_t shard) {
    const FutureId id{scope, sequence};
    RC_ASSERT(keys::future_of(keys::state(id)) == id);
    RC_ASSERT(keys::suffix_of(keys::waiter(id, number)) == keys::kWaiter);
    const auto entry = keys::read_index(keys::index_entry(shape, shard, number, id));
    RC_ASSERT(entry.shape == shape);
    RC_ASSERT(entry.shard == shard);
    RC_ASSERT(entry.id == id);
    const FutureId other{number, scope};
    RC_ASSERT(keys::other_future(keys::edge(id, other)) == other);
    RC_ASSERT(keys::neighbour_worker(keys::holder(id, number)) == number);
    RC_ASSERT(keys::number_of(keys::check(number, id, true)) == number);
    RC_ASSERT(keys::listed_future(keys::check(number, id, true)) == id);
    RC_ASSERT(keys::inbox_kind(keys::inbox_ended(number, id)) == keys::kInboxEnded);
    RC_ASSERT(keys::inbox_future(keys::inbox_ended(number, id)) == id);
    RC_ASSERT(keys::inbox_number(keys::inbox_cancelled(scope, number)) == number);
    RC_ASSERT(keys::inbox_attachment(keys::inbox_moved(scope, sequence, number)) == number);
    RC_ASSERT(keys::attached_session(keys::attached(number, scope)) == scope);
    RC_ASSERT(keys::child_of(keys::child(scope, number)) == number);
    RC_ASSERT(keys::is_scope(keys::scope(scope)) && !keys::is_scope(keys::child(scope, number)));
    RC_ASSERT(keys::user_of(keys::content_user(keys::kBlob, "hash", number)) == number);
    const keys::Use use = keys::read_use(keys::use(number, keys::kProgram, "hash"));
    RC_ASSERT(use.family == keys::kProgram && use.hash == "hash");
  }));
}

TEST(KeysTest, ARangeHoldsItsOwnKeysAndNoOthers) {
  EXPECT_TRUE(rc::check([](std::uint64_t scope, std::uint64_t sequence, std::uint64_t other) {
    const FutureId id{scope, sequence};
    const FutureId another{scope, other};
    RC_PRE(id != another);
    const auto in = [](const store::Range& range, const std::string& key) {
      return range.begin <= key && key < range.end;
    };
    const store::Range own = keys::neighbours(id);
    for (const auto& key : {keys::state(id), keys::edge(id, another), keys::need(id, another), keys::waiter(id, other)})
      RC_ASSERT(in(own, key));
    RC_ASSERT(!in(own, keys::specification(id, 0)));
    for (const auto& key : {keys::state(another), keys::edge(another, id), keys::waiter(another, sequence)})
      RC_ASSERT(!in(own, key));
    RC_ASSERT(in(keys::scope_futures(scope, keys::bucket(id)), keys::state(id)));
    RC_ASSERT(in(keys::children(scope), keys::child(scope, other)));
    RC_ASSERT(!in(keys::children(scope), keys::scope(scope)));
  }));
}

TEST(KeysTest, EveryNumberHasARange) {
  for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{255}, ~std::uint64_t{0}}) {
    const store::Range range = keys::claimed(number);
    EXPECT_LT(range.begin, range.end);
    EXPECT_LE(range.begin, keys::claimed(number, {number, number}));
    EXPECT_LT(keys::claimed(number, {number, number}), range.end);
  }
}

TEST(KeysTest, OrdinaryKeysAreShort) {
  Resources one_cpu;
  one_cpu.cpu_micro = 1'000'000;
  EXPECT_LE(keys::index_entry(one_cpu.encode(), 1, 1, {1, 1}).size(), 33U);
  EXPECT_LE(keys::state({1, 1}).size(), 32U);
}

TEST(KeysTest, DamagedKeysAreRefused) {
  const std::string entry = keys::index_entry("shape", 1, 2, {3, 4});
  const std::string part = keys::content_part(keys::kBlob, "hash", 7);
  for (std::size_t size = 0; size < entry.size(); ++size) {
    EXPECT_THROW(keys::read_index(entry.substr(0, size)), store::StoreError) << size;
  }
  for (std::size_t size = 0; size <= 2 + 4; ++size) {
    EXPECT_THROW(keys::read_content(part.substr(0, size)), store::StoreError) << size;
  }
  EXPECT_THROW(keys::read_content(std::string("b\1hz", 4)), store::StoreError);
  const std::string claim = keys::claimed(1, {2, 3});
  const std::string edge = keys::edge({1, 2}, {3, 4});
  const std::string moved = keys::inbox_moved(1, 2, 3);
  const auto short_of = [](const std::string& key) { return key.substr(0, key.size() - 1); };
  EXPECT_THROW(keys::listed_future(short_of(claim)), store::StoreError);
  EXPECT_THROW(keys::other_future(short_of(edge)), store::StoreError);
  EXPECT_THROW(keys::inbox_attachment(short_of(moved)), store::StoreError);
  EXPECT_THROW(keys::number_of("w"), store::StoreError);
  EXPECT_THROW(keys::user_of(""), store::StoreError);
}

TEST(RecordsTest, StatesAndFailuresThatNobodyKnowsAreDamage) {
  record::State state;
  state.set_status(static_cast<std::uint32_t>(Status::kFailed));
  state.mutable_outcome()->set_failure(static_cast<std::uint32_t>(FailureKind::kCrash));
  EXPECT_NO_THROW(parse_record<record::State>(serialize(state)));
  state.mutable_outcome()->set_failure(256);  // cut to a byte, it would be none
  EXPECT_THROW(parse_record<record::State>(serialize(state)), store::StoreError);
  state.mutable_outcome()->set_failure(static_cast<std::uint32_t>(FailureKind::kCrash));
  for (const std::uint32_t status : {0U, 8U, 257U}) {
    state.set_status(status);
    EXPECT_THROW(parse_record<record::State>(serialize(state)), store::StoreError) << status;
  }
}

TEST(RecordsTest, AStateWhoseFieldsContradictEachOtherIsDamage) {
  record::State claimed;
  claimed.set_status(static_cast<std::uint32_t>(Status::kClaimed));
  claimed.set_spec_parts(1);
  claimed.set_claim(5);
  claimed.set_incarnation(1);
  EXPECT_NO_THROW(parse_record<record::State>(serialize(claimed)));
  const std::vector<std::function<void(record::State&)>> changes{
      [](record::State& state) { state.set_claim(0); },
      [](record::State& state) { state.set_incarnation(0); },
      [](record::State& state) { state.set_index_key("i"); },
      [](record::State& state) { state.set_fanout(1); },
      [](record::State& state) { state.set_spec_parts(0); },
      [](record::State& state) { state.mutable_outcome(); },
      [](record::State& state) { state.set_status(static_cast<std::uint32_t>(Status::kReady)); },
      [](record::State& state) { state.set_status(static_cast<std::uint32_t>(Status::kRealized)); },
      [](record::State& state) { state.set_shape(std::string(keys::kMaxShapeBytes + 1, 'x')); },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    record::State changed = claimed;
    changes[i](changed);
    EXPECT_THROW(parse_record<record::State>(serialize(changed)), store::StoreError) << i;
  }
}

TEST(RecordsTest, APlaceInAScopeThatThereIsNotIsDamage) {
  record::Ending ending;
  ending.set_bucket(keys::kBuckets - 1);
  EXPECT_NO_THROW(parse_record<record::Ending>(serialize(ending)));
  ending.set_bucket(keys::kBuckets);
  EXPECT_THROW(parse_record<record::Ending>(serialize(ending)), store::StoreError);
}

TEST(RecordsTest, AmountsThatMakeNoSenseAreDamage) {
  record::Specification spec;
  spec.set_requirements("z");
  EXPECT_THROW(decode_spec(serialize(spec)), store::StoreError);
}

TEST(FutureIdTest, ReportsSayIdsAsTheCommandsDo) {
  std::ostringstream out;
  out << FutureId{0xab, 5};
  EXPECT_EQ(out.str(), "00000000000000ab/5");
}

TEST(ResourcesTest, TheEncodingGivesTheSameBack) {
  EXPECT_TRUE(rc::check([](std::uint64_t cpu, std::uint64_t memory, std::uint64_t gpu,
                           const std::map<std::string, std::uint64_t>& named) {
    Resources resources{cpu, memory, gpu, {}};
    for (const auto& [name, amount] : named) {
      if (amount != 0 && name.size() < 256) resources.named_micro[name] = amount;
    }
    RC_ASSERT(Resources::decode(resources.encode()) == resources);
  }));
}

TEST(ResourcesTest, DamagedEncodingsAreRefused) {
  EXPECT_THROW(Resources::decode("c"), std::invalid_argument);
  EXPECT_THROW(Resources::decode("z"), std::invalid_argument);
  EXPECT_THROW(Resources::decode(std::string("c\x09", 2)), std::invalid_argument);
}

TEST(ResourcesTest, TheTextIsForPeople) {
  Resources resources{2'000'000, std::uint64_t{4} << 30, 1'000'000, {{"license", 1'000'000}}};
  EXPECT_EQ(resources.text(), "2 cpus, 4.0 GiB, 1 gpu, license 1");
  EXPECT_EQ(Resources{}.text(), "nothing");
}

TEST(ResourcesTest, WhatIsTakenNoLongerFits) {
  Resources free{2'000'000, 100, 0, {{"license", 1'000'000}}};
  const Resources need{1'500'000, 50, 0, {{"license", 1'000'000}}};
  EXPECT_TRUE(need.fits_in(free));
  free -= need;
  EXPECT_FALSE(need.fits_in(free));
  free += need;
  EXPECT_TRUE(need.fits_in(free));
}

}  // namespace
}  // namespace morrow::control
