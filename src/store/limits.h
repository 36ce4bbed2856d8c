// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "store/store.h"

/// The checks that every backend makes of keys and values.
namespace morrow::store {

/// \throws StoreError when the key is empty, TooLarge when it is over `max_bytes`
void check_key(std::string_view key, std::size_t max_bytes = kMaxKeyBytes);

/// \throws TooLarge
void check_value(std::string_view key, std::string_view value);

/// \throws TooLarge when `bytes`, the size of a whole transaction, is over `max_bytes`
void check_transaction(std::size_t bytes, std::size_t max_bytes = kMaxTransactionBytes);

}  // namespace morrow::store
