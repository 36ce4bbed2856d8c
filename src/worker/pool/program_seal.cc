// SPDX-License-Identifier: Apache-2.0
#include "worker/pool/program_seal.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string_view>

#include "base/hex.h"
#include "base/random_id.h"
#include "wire/socket.h"

namespace morrow::worker {

namespace {

// AES-256 in Galois counter mode: nonce | tag | encrypted. The program's key is authenticated along, so that what
// belongs to one program is not taken for another one's.
constexpr std::size_t kSealKeyBytes = 32;
constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;

/// Gives the state of the cipher back.
struct FreesCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreesCipher>;

unsigned char* raw(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }
const unsigned char* raw(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

std::string random_bytes(std::size_t size) {
  std::string bytes(size, '\0');
  if (RAND_bytes(raw(bytes), static_cast<int>(size)) != 1) throw std::runtime_error("the system has no random numbers");
  return bytes;
}

[[noreturn]] void fail_key(const std::string& file, const std::string& why) {
  throw std::runtime_error("the key " + file + ", by which programs are encrypted in the store, can't be " + why);
}

/// Nothing: there is no such file.
std::optional<std::string> read_key(const std::string& file) {
  const wire::Fd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd && errno == ENOENT) return std::nullopt;
  std::string key(kSealKeyBytes + 1, '\0');
  const ssize_t got = fd ? read(fd.get(), key.data(), key.size()) : -1;
  if (got < 0) fail_key(file, std::string("read: ") + std::strerror(errno));
  if (got != static_cast<ssize_t>(kSealKeyBytes)) fail_key(file, "used: it is damaged; remove it");
  key.resize(kSealKeyBytes);
  return key;
}

/// Whole or not at all; another worker may be the first.
void make_key(const std::string& file) {
  const std::string fresh = file + "." + base::hex_of(base::random_id());
  const std::string key = random_bytes(kSealKeyBytes);
  const wire::Fd fd(open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  bool made = fd && write(fd.get(), key.data(), key.size()) == static_cast<ssize_t>(key.size()) && fsync(fd.get()) == 0;
  made = made && (link(fresh.c_str(), file.c_str()) == 0 || errno == EEXIST);
  const int error = errno;
  unlink(fresh.c_str());
  if (!made) fail_key(file, std::string("made: ") + std::strerror(error));
}

std::string key_in(const std::string& file) {
  if (file.empty()) return random_bytes(kSealKeyBytes);
  if (auto key = read_key(file)) return *std::move(key);
  make_key(file);
  if (auto key = read_key(file)) return *std::move(key);
  fail_key(file, "read: it was removed");
}

std::string encrypted(const std::string& key, std::string_view name, std::string_view plain) {
  const std::string nonce = random_bytes(kNonceBytes);
  std::string tag(kTagBytes, '\0');
  std::string out(plain.size(), '\0');
  const Cipher cipher(EVP_CIPHER_CTX_new());
  int size = 0;
  const bool done = cipher != nullptr &&
                    EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, raw(key), raw(nonce)) == 1 &&
                    EVP_EncryptUpdate(cipher.get(), nullptr, &size, raw(name), static_cast<int>(name.size())) == 1 &&
                    EVP_EncryptUpdate(cipher.get(), raw(out), &size, raw(plain), static_cast<int>(plain.size())) == 1 &&
                    EVP_EncryptFinal_ex(cipher.get(), raw(out) + size, &size) == 1 &&
                    EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, tag.data()) == 1;
  if (!done) throw std::runtime_error("a program can't be encrypted: OpenSSL has no AES-256-GCM");
  return nonce + tag + out;
}

std::optional<std::string> decrypted(const std::string& key, std::string_view name, std::string_view sealed) {
  if (sealed.size() < kNonceBytes + kTagBytes) return std::nullopt;
  const std::string_view nonce = sealed.substr(0, kNonceBytes);
  std::string tag(sealed.substr(kNonceBytes, kTagBytes));
  const std::string_view body = sealed.substr(kNonceBytes + kTagBytes);
  std::string out(body.size(), '\0');
  const Cipher cipher(EVP_CIPHER_CTX_new());
  int size = 0;
  const bool done = cipher != nullptr &&
                    EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, raw(key), raw(nonce)) == 1 &&
                    EVP_DecryptUpdate(cipher.get(), nullptr, &size, raw(name), static_cast<int>(name.size())) == 1 &&
                    EVP_DecryptUpdate(cipher.get(), raw(out), &size, raw(body), static_cast<int>(body.size())) == 1 &&
                    EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1 &&
                    EVP_DecryptFinal_ex(cipher.get(), raw(out) + size, &size) == 1;
  return done ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace

ProgramSeal::ProgramSeal(const std::string& key_file) : key_(key_in(key_file)) {}

std::string ProgramSeal::stored(wire::Program program) const {
  wire::Program secret;
  secret.mutable_arguments()->Swap(program.mutable_arguments());
  secret.mutable_environment()->Swap(program.mutable_environment());
  program.set_sealed(encrypted(key_, program.key(), secret.SerializeAsString()));
  return program.SerializeAsString();
}

bool ProgramSeal::open(wire::Program& program) const {
  if (program.sealed().empty()) return true;
  const auto plain = decrypted(key_, program.key(), program.sealed());
  program.clear_sealed();
  return plain && program.MergeFromString(*plain);
}

}  // namespace morrow::worker
