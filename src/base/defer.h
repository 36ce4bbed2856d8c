// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <utility>

namespace morrow::base {

/// Calls a function at the end of the scope, however it is left, unless it was cancelled. The function must not throw.
///
///     const Defer leaves([&] { waiting.erase(me); });
template <class Function>
class [[nodiscard]] Defer {
 public:
  explicit Defer(Function function) : function_(std::move(function)) {}
  Defer(const Defer&) = delete;
  Defer& operator=(const Defer&) = delete;
  ~Defer() {
    if (function_) (*function_)();
  }

  /// The function is not called any more.
  void cancel() { function_.reset(); }

 private:
  std::optional<Function> function_;
};

}  // namespace morrow::base
