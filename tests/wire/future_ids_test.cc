// SPDX-License-Identifier: Apache-2.0
#include "wire/future_ids.h"

#include <gtest/gtest.h>

#include <rapidcheck.h>

namespace morrow::wire {
namespace {

TEST(FutureIds, WhatIsPrintedIsReadAgain) {
  rc::check([](std::uint64_t scope, std::uint64_t sequence) {
    FutureId id;
    id.set_scope(scope);
    id.set_sequence(sequence);
    const auto again = parse_future(future_text(id));
    RC_ASSERT(again.has_value());
    RC_ASSERT(again->scope() == scope && again->sequence() == sequence);
  });
}

TEST(FutureIds, NothingElseIsAnId) {
  for (const char* text :
       {"", "/", "0123456789abcdef", "0123456789abcdef/", "0123456789abcdef/x", "0123456789abcdef/5 ",
        "0123456789ABCDEF/5", "0123456789abcdef/05", "123456789abcdef/5", "00123456789abcdef/5", "0123456789abcdeg/5",
        "0123456789abcdef/-5", "0123456789abcdef/18446744073709551616"})
    EXPECT_FALSE(parse_future(text)) << text;
}

}  // namespace
}  // namespace morrow::wire
