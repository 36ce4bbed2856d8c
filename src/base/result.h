// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/invariant.h"

namespace morrow::base {

/// Why there is no value: one sentence for people, without a full stop.
struct Problem {
  std::string sentence;
};

/// A value, or the sentence that says why there is none: for failures that the caller is to handle and that are no
/// exception. Looking at the one that is not there breaks an invariant.
///
///     Result<Manifest> read_manifest(const std::string& path) {
///       if (!file) return Problem{"the file " + path + " can't be read"};
///       return manifest;
///     }
template <class T>
class [[nodiscard]] Result {
  static_assert(!std::is_reference_v<T> && !std::is_same_v<T, Problem>);

 public:
  // NOLINTBEGIN(bugprone-forwarding-reference-overload): copies and moves are left out by the constraint
  template <class U = T>
  requires std::is_constructible_v<T, U&&> && std::is_convertible_v<U&&, T> &&
      (!std::is_same_v<std::remove_cvref_t<U>, Result>)&&(!std::is_same_v<std::remove_cvref_t<U>, Problem>)
          Result(U&& value)
      : state_(std::in_place_index<0>, std::forward<U>(value)) {}
  // NOLINTEND(bugprone-forwarding-reference-overload)
  Result(Problem problem) : state_(std::in_place_index<1>, std::move(problem)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& operator*() & { return value_of(*this); }
  const T& operator*() const& { return value_of(*this); }
  T&& operator*() && { return std::move(value_of(*this)); }
  T* operator->() { return std::addressof(value_of(*this)); }
  const T* operator->() const { return std::addressof(value_of(*this)); }

  /// The value, or this one where there is none.
  T value_or(T otherwise) && { return ok() ? std::move(value_of(*this)) : std::move(otherwise); }

  /// The sentence.
  const std::string& problem() const {
    MORROW_INVARIANT(!ok(), "a result that has a value has no problem");
    return std::get_if<1>(&state_)->sentence;
  }

 private:
  template <class Self>
  static auto& value_of(Self& self) {
    MORROW_INVARIANT(self.ok(), "a result whose value is taken has one", self.problem());
    return *std::get_if<0>(&self.state_);
  }

  std::variant<T, Problem> state_;
};

/// Done, or the sentence that says why not. `return {};` means done.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Problem problem) : problem_(std::move(problem.sentence)), ok_(false) {}

  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }

  /// The sentence.
  const std::string& problem() const {
    MORROW_INVARIANT(!ok_, "a result that is well has no problem");
    return problem_;
  }

 private:
  std::string problem_;
  bool ok_ = true;
};

}  // namespace morrow::base
