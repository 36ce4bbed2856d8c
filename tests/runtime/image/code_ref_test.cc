// SPDX-License-Identifier: Apache-2.0
#include "runtime/image/code_ref.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "runtime/image/manifest.h"
#include "tests/runtime/image/support.h"

namespace morrow::runtime {
namespace {

int seven() { return 7; }

std::string refusal(const void* function) {
  try {
    code_ref(function);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return {};
}

std::string refusal(CodeRef ref) {
  try {
    code_address(ref);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return {};
}

TEST(CodeRef, AFunctionOfTheProgramComesBack) {
  make_manifest();
  const auto* const function = reinterpret_cast<const void*>(&seven);
  const CodeRef ref = code_ref(function);
  EXPECT_EQ(ref.module, 0u);
  EXPECT_EQ(code_address(ref), function);
}

TEST(CodeRef, AFunctionOfALibraryIsTheSameInAnotherLoadingOrder) {
  CodeRef ref;
  Manifest manifest;
  {
    const Loaded one(PLUGIN_ONE);
    const Loaded two(PLUGIN_TWO);
    manifest = make_manifest();
    ref = code_ref(two.function("plugin_answer"));
    EXPECT_EQ(code_address(ref), two.function("plugin_answer"));
  }
  const Loaded two(PLUGIN_TWO);
  const Loaded one(PLUGIN_ONE);
  ASSERT_EQ(mismatch(manifest), std::nullopt);
  EXPECT_EQ(code_address(ref), two.function("plugin_answer"));
  EXPECT_EQ(code_ref(two.function("plugin_answer")), ref);
}

TEST(CodeRef, ALibraryThatIsNotLoadedHereIsNamed) {
  CodeRef ref;
  {
    const Loaded one(PLUGIN_ONE);
    make_manifest();
    ref = code_ref(one.function("plugin_answer"));
  }
  const std::string sentence = refusal(ref);
  EXPECT_NE(sentence.find("image_plugin_one.so"), std::string::npos) << sentence;
  EXPECT_NE(sentence.find("before the Session line"), std::string::npos) << sentence;
}

TEST(CodeRef, ASystemFunctionIsRefusedWithTheWayOut) {
  make_manifest();
  double (*const function)(double) = &std::sin;
  const std::string sentence = refusal(reinterpret_cast<const void*>(function));
  EXPECT_NE(sentence.find("wrap it in a lambda"), std::string::npos) << sentence;
  EXPECT_NE(sentence.find("libm.so"), std::string::npos) << sentence;
}

TEST(CodeRef, ALibraryLoadedAfterTheManifestIsRefusedByName) {
  make_manifest();
  const Loaded one(PLUGIN_ONE);
  const std::string sentence = refusal(one.function("plugin_answer"));
  EXPECT_NE(sentence.find("image_plugin_one.so"), std::string::npos) << sentence;
  EXPECT_NE(sentence.find("before the Session line"), std::string::npos) << sentence;
}

TEST(CodeRef, WhatIsNoCodeIsRefused) {
  make_manifest();
  const int local = 0;
  static int data = 1;
  EXPECT_NE(refusal(&local), "");
  EXPECT_NE(refusal(&data), "");
  EXPECT_NE(refusal(nullptr), "");
  EXPECT_NE(refusal(CodeRef{0, ~std::uint64_t{0}}), "");
  EXPECT_NE(refusal(CodeRef{100'000, 0}), "");
  EXPECT_NE(refusal(CodeRef{0xffffffff, 0}), "");
}

}  // namespace
}  // namespace morrow::runtime
