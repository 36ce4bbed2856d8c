// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <morrow/detail/core.h>
#include <morrow/error.h>

namespace morrow {

/// A block that owns the futures submitted in it, by the thread that opened it: when it ends, what still runs is
/// cancelled and what is held is freed. Scopes nest; end them in the reverse order, in the thread that opened them.
class Scope {
 public:
  /// \throws SessionError
  Scope() : id_(detail::open_scope()) {}
  ~Scope() {
    try {
      detail::end_scope(id_);
    } catch (const Error&) {  // the session is gone, and the scope with it
    }
  }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  std::uint64_t id_;
};

}  // namespace morrow
