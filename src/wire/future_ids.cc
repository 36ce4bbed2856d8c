// SPDX-License-Identifier: Apache-2.0
#include "wire/future_ids.h"

#include <charconv>
#include <cstdint>

#include "base/hex.h"

namespace morrow::wire {

std::string future_text(const FutureId& id) { return base::hex_of(id.scope()) + "/" + std::to_string(id.sequence()); }

std::optional<FutureId> parse_future(std::string_view text) {
  constexpr std::size_t kScopeDigits = 16;
  if (text.size() <= kScopeDigits || text[kScopeDigits] != '/') return std::nullopt;
  const std::optional<std::uint64_t> scope = base::number_of_hex(text.substr(0, kScopeDigits));
  const std::string_view digits = text.substr(kScopeDigits + 1);
  std::uint64_t sequence = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), sequence);
  if (!scope || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  FutureId id;
  id.set_scope(*scope);
  id.set_sequence(sequence);
  if (future_text(id) != text) return std::nullopt;  // capitals, or zeros in front
  return id;
}

}  // namespace morrow::wire
