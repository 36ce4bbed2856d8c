// SPDX-License-Identifier: Apache-2.0
#include "base/sha256.h"

#include <openssl/evp.h>

#include <array>
#include <new>

#include "base/invariant.h"

namespace morrow::base {

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  if (context_ == nullptr || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) throw std::bad_alloc();
}

Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::add(std::string_view bytes) {
  const bool added = EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1;
  MORROW_INVARIANT(added, "a digest takes bytes until it is finished", bytes.size());
}

void Sha256::add(std::uint64_t number) {
  std::array<char, sizeof(number)> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(number >> (8 * i));
  add({bytes.data(), bytes.size()});
}

std::string Sha256::finish() {
  std::string digest(kSha256Bytes, '\0');
  unsigned int size = 0;
  const bool ended = EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(digest.data()), &size) == 1;
  MORROW_INVARIANT(ended && size == kSha256Bytes, "a digest is finished once, and has 32 bytes", size);
  return digest;
}

std::string sha256_of(std::string_view bytes) {
  Sha256 hash;
  hash.add(bytes);
  return hash.finish();
}

}  // namespace morrow::base
