// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

#include <morrow/detail/core.h>
#include <morrow/detail/failure.h>

#include "wire/limits.h"
#include "wire/messages.pb.h"

/// Between the bytes of messages and the values and failures of the public interface.
namespace morrow::runtime {

inline constexpr std::size_t kMaxValueBytes = 64 << 10;
/// Of the arguments and captures of a submit: room for the handles of 16,000 futures.
using wire::kMaxArgumentBytes;
/// Arguments of more bytes than that go by the object memory, if there is one.
inline constexpr std::size_t kLargeArgumentBytes = 32 << 10;

/// A copy of `bytes` in memory aligned to detail::kAlignment.
detail::Value make_value(std::string_view bytes);

/// `kind` is that of the future itself; `bytes` are a wire::Failure, which for a failed dependency tells of the first
/// one that failed.
detail::Failure read_failure(detail::FailureKind kind, std::string_view bytes);

wire::Failure write_failure(const detail::Failure& failure);

inline detail::FutureId read_id(const wire::FutureId& id) { return {id.scope(), id.sequence()}; }

inline void write_id(wire::FutureId& out, detail::FutureId id) {
  out.set_scope(id.scope);
  out.set_sequence(id.sequence);
}

}  // namespace morrow::runtime
