// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Scope: a block that owns the futures submitted in it.

#include <morrow/detail/compiler.h>

#include <cstdint>
#include <optional>

#include <morrow/detail/core.h>
#include <morrow/error.h>
#include <morrow/options.h>

namespace morrow {

/// \addtogroup sessions
/// \{

/// A block that owns what is submitted and put in it by the thread that opened it. When the block ends, its tasks that
/// still run are cancelled and its values are freed:
///
///     morrow::Scope scope;
///     auto part = morrow::submit(f, x);  // freed at the end of the block
///
/// Scopes nest. End them in the reverse order, in the thread that opened them. What other threads submit does not
/// belong to the scope. `scope.wait()` lets all come to its end.
class Scope {
 public:
  /// Opens the scope, inside the one that is open in this thread. \throws SessionError when no Session is open.
  Scope() : id_(detail::open_scope()) {}
  /// Ends the scope, without waiting for the tasks that it cancels.
  ~Scope() {
    try {
      detail::end_scope(id_);
    } catch (const Error&) {  // the session is gone, and the scope with it
    }
  }
  /// Waits until all has ended that was submitted in it, and in the scopes that are open inside it; see wait_all().
  /// False when the `timeout` was over before. Only in the thread that opened it.
  /// \throws SessionError when no Session is open.
  /// \throws std::logic_error in another thread.
  bool wait(std::optional<Duration> timeout = {}) const {
    return detail::wait_all(id_, timeout ? std::optional(timeout->value()) : std::nullopt);
  }
  Scope(const Scope&) = delete;             ///< A scope is its block: it can't be copied.
  Scope& operator=(const Scope&) = delete;  ///< The same.

 private:
  std::uint64_t id_;
};

/// \}

}  // namespace morrow
