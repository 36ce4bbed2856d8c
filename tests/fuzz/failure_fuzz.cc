// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <morrow/error.h>

#include "runtime/values/values.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/quiet.h"

// Why a future failed: bytes that any executor wrote.

namespace morrow::fuzz {

std::map<std::string, std::string> seeds() {
  detail::Failure failure;
  failure.kind = detail::FailureKind::kException;
  failure.type = "std::out_of_range";
  failure.message = "row 7";
  failure.frames = {{0, 4711}, {1, 815}};
  failure.worker = "one";
  failure.attempt = 2;
  failure.task = "train";
  failure.where = "main.cc:12";
  const std::string exception = runtime::write_failure(failure).SerializeAsString();
  failure = {.kind = detail::FailureKind::kCrash, .signal = 11};
  const std::string crash = runtime::write_failure(failure).SerializeAsString();
  // The last byte is the kind.
  return {{"exception", exception + '\1'},
          {"crash", crash + '\2'},
          {"dependency", exception + '\6'},
          {"crashed_dependency", crash + '\6'},
          {"released", "\5"}};
}

}  // namespace morrow::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace morrow;
  fuzz::silence_protobuf();
  fuzz::Input input(data, size);
  const auto kind = static_cast<detail::FailureKind>(input.number());
  const detail::Failure failure = runtime::read_failure(kind, input.rest());
  static_cast<void>(runtime::write_failure(failure).SerializeAsString());
  try {
    detail::throw_failure(failure);
  } catch (const RemoteError& error) {
    fuzz::require(error.message() == failure.message);
    static_cast<void>(error.original());
    if (failure.frames.size() <= 4) static_cast<void>(error.stack());  // more would be slow, not different
  } catch (const Error&) {
  }
  return 0;
}
