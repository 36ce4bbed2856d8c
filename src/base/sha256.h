// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace morrow::base {

inline constexpr std::size_t kSha256Bytes = 32;

/// SHA-256 of bytes that come in pieces. Belongs to one thread at a time.
class Sha256 {
 public:
  /// \throws std::bad_alloc
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();

  void add(std::string_view bytes);
  /// Its 8 bytes, the lowest first.
  void add(std::uint64_t number);
  /// The 32 bytes of the digest. Call it once, and nothing after it.
  std::string finish();

 private:
  /// Frees the state of the hash.
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// Of all the bytes, in one call. \throws std::bad_alloc
std::string sha256_of(std::string_view bytes);

}  // namespace morrow::base
