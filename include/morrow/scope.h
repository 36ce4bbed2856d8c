// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Scope: a block that owns the futures submitted in it.

#include <morrow/detail/compiler.h>

#include <cstdint>

#include <morrow/detail/core.h>
#include <morrow/error.h>

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
/// belong to the scope.
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
  Scope(const Scope&) = delete;             ///< A scope is its block: it can't be copied.
  Scope& operator=(const Scope&) = delete;  ///< The same.

 private:
  std::uint64_t id_;
};

/// \}

}  // namespace morrow
