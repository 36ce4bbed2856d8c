// SPDX-License-Identifier: Apache-2.0
#include "wire/tls.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <string_view>

#include "base/hex.h"
#include "base/sha256.h"

namespace morrow::wire {

namespace {

/// A deleter that calls the library's own function.
template <class T, void (*Free)(T*)>
struct Frees {
  void operator()(T* object) const { Free(object); }
};
void free_bio(BIO* bio) { BIO_free(bio); }
using Key = std::unique_ptr<EVP_PKEY, Frees<EVP_PKEY, EVP_PKEY_free>>;
using Cert = std::unique_ptr<X509, Frees<X509, X509_free>>;
using Memory = std::unique_ptr<BIO, Frees<BIO, free_bio>>;

constexpr long kValidSeconds = 10L * 365 * 24 * 3600;
constexpr long kClockDifference = 24L * 3600;

int fd_of(BIO* bio) { return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio))); }
bool would_come_later() { return errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK; }

/// Many records with one read, instead of two reads for each.
void read_ahead(SSL_CTX* context) {
  constexpr std::size_t kBytes = 256 << 10;
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, kBytes);
}

[[noreturn]] void fail(const char* what) {
  ERR_clear_error();
  throw std::runtime_error(std::string("encryption can't be set up: ") + what);
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

Memory reads(const std::string& pem) { return Memory(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))); }

Cert read_certificate(const std::string& pem) {
  Cert certificate(PEM_read_bio_X509(reads(pem).get(), nullptr, nullptr, nullptr));
  if (!certificate) fail("a certificate is damaged");
  return certificate;
}

Key read_key(const std::string& pem) {
  Key key(PEM_read_bio_PrivateKey(reads(pem).get(), nullptr, nullptr, nullptr));
  if (!key) fail("a key is damaged");
  return key;
}

void extend(X509* certificate, X509* issuer, int what, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, what, value);
  if (extension == nullptr) fail("a certificate can't be made");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

/// Signed by `authority`, or by itself when that is null.
Certificate make(const std::string& name, const Certificate* authority) {
  const Key key(EVP_EC_gen("P-256"));
  const Cert certificate(X509_new());
  if (!key || !certificate) fail("no key can be made");
  std::array<unsigned char, 16> serial{};
  if (RAND_bytes(serial.data(), serial.size()) != 1) fail("no random numbers");
  serial[0] &= 0x7f;
  BIGNUM* const number = BN_bin2bn(serial.data(), serial.size(), nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate.get()));
  BN_free(number);
  X509_set_version(certificate.get(), 2);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kClockDifference);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kValidSeconds);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* const subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(name.data()),
                             static_cast<int>(name.size()), -1, 0);
  const Cert issuer = authority == nullptr ? Cert() : read_certificate(authority->certificate);
  const Key issuer_key = authority == nullptr ? Key() : read_key(authority->key);
  X509_set_issuer_name(certificate.get(), issuer ? X509_get_subject_name(issuer.get()) : subject);
  extend(certificate.get(), issuer ? issuer.get() : certificate.get(), NID_basic_constraints,
         issuer ? "critical,CA:FALSE" : "critical,CA:TRUE,pathlen:0");
  extend(certificate.get(), issuer ? issuer.get() : certificate.get(), NID_key_usage,
         issuer ? "critical,digitalSignature" : "critical,keyCertSign");
  if (X509_sign(certificate.get(), issuer ? issuer_key.get() : key.get(), EVP_sha256()) == 0)
    fail("a certificate can't be signed");
  const Memory key_text(BIO_new(BIO_s_mem()));
  const Memory certificate_text(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1 ||
      PEM_write_bio_X509(certificate_text.get(), certificate.get()) != 1)
    fail("a certificate can't be written");
  return {text_of(key_text.get()), text_of(certificate_text.get())};
}

std::string fingerprint(const X509* certificate) {
  std::string digest(base::kSha256Bytes, '\0');
  unsigned size = 0;
  if (X509_digest(certificate, EVP_sha256(), reinterpret_cast<unsigned char*>(digest.data()), &size) != 1)
    fail("a certificate has no digest");
  return base::hex_of(digest);
}

}  // namespace

Certificate make_authority(const std::string& cluster) { return make("Morrow cluster " + cluster, nullptr); }

Certificate make_certificate(const Certificate& authority, const std::string& name) { return make(name, &authority); }

std::string fingerprint(const std::string& certificate_pem) {
  return fingerprint(read_certificate(certificate_pem).get());
}

TlsServer::TlsServer(const Certificate& own, const std::string& authority_certificate)
    : context_(SSL_CTX_new(TLS_server_method())) {
  if (context_ == nullptr) fail("no TLS");
  SSL_CTX_set_min_proto_version(context_, TLS1_2_VERSION);
  // An end without a farewell is an end: whoever is closed for being silent is still told why. Bodies have a length.
  SSL_CTX_set_options(context_, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context_, SSL_MODE_AUTO_RETRY);
  read_ahead(context_);
  // The authority's certificate goes along: clients know it by its fingerprint only.
  X509* const authority = read_certificate(authority_certificate).release();
  if (SSL_CTX_use_certificate(context_, read_certificate(own.certificate).get()) != 1 ||
      SSL_CTX_use_PrivateKey(context_, read_key(own.key).get()) != 1 ||
      SSL_CTX_add_extra_chain_cert(context_, authority) != 1) {
    SSL_CTX_free(context_);
    fail("the certificate can't be used");
  }
}

TlsServer::~TlsServer() { SSL_CTX_free(context_); }

ssl_ctx_st* client_context() {
  static SSL_CTX* const context = [] {
    SSL_CTX* const made = SSL_CTX_new(TLS_client_method());
    if (made == nullptr) fail("no TLS");
    SSL_CTX_set_min_proto_version(made, TLS1_2_VERSION);
    SSL_CTX_set_verify(made, SSL_VERIFY_NONE, nullptr);
    read_ahead(made);
    return made;
  }();
  return context;
}

base::Result<void> check_authority(ssl_st* connection, const std::string& ca_fingerprint) {
  STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(connection);
  X509* authority = nullptr;
  for (int i = 0; chain != nullptr && i < sk_X509_num(chain); ++i) {
    if (fingerprint(sk_X509_value(chain, i)) == ca_fingerprint) authority = sk_X509_value(chain, i);
  }
  if (authority == nullptr)
    return base::Problem{
        "its certificate is of another authority than the one whose fingerprint was given (ca=...); get a new line "
        "by: morrow token CLUSTER"};
  X509_STORE* const store = X509_STORE_new();
  X509_STORE_add_cert(store, authority);
  X509_STORE_CTX* const check = X509_STORE_CTX_new();
  X509_STORE_CTX_init(check, store, sk_X509_value(chain, 0), nullptr);
  const bool fine = X509_verify_cert(check) == 1;
  const std::string why = fine ? "" : X509_verify_cert_error_string(X509_STORE_CTX_get_error(check));
  X509_STORE_CTX_free(check);
  X509_STORE_free(store);
  if (!fine) return base::Problem{"its certificate is not good: " + why};
  return {};
}

bio_st* socket_bio(int socket) {
  static BIO_METHOD* const method = [] {
    constexpr int kFirstFree = 128;
    BIO_METHOD* const made = BIO_meth_new(kFirstFree | BIO_TYPE_SOURCE_SINK, "socket without signals");
    BIO_meth_set_write_ex(made, [](BIO* bio, const char* bytes, std::size_t size, std::size_t* put) {
      BIO_clear_retry_flags(bio);
      const ssize_t done = send(fd_of(bio), bytes, size, MSG_NOSIGNAL);
      if (done < 0 && would_come_later()) BIO_set_retry_write(bio);
      *put = done > 0 ? static_cast<std::size_t>(done) : 0;
      return done > 0 ? 1 : 0;
    });
    BIO_meth_set_read_ex(made, [](BIO* bio, char* room, std::size_t size, std::size_t* got) {
      BIO_clear_retry_flags(bio);
      const ssize_t done = recv(fd_of(bio), room, size, 0);
      if (done < 0 && would_come_later()) BIO_set_retry_read(bio);
      if (done == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
      *got = done > 0 ? static_cast<std::size_t>(done) : 0;
      return done > 0 ? 1 : 0;
    });
    BIO_meth_set_ctrl(made, [](BIO* bio, int what, long, void*) -> long {
      if (what == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
      return what == BIO_CTRL_FLUSH ? 1 : 0;
    });
    return made;
  }();
  BIO* const bio = BIO_new(method);
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket)));
  BIO_set_init(bio, 1);
  return bio;
}

std::string make_token() {
  std::array<unsigned char, 32> bytes{};
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) fail("no random numbers");
  static constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string token;
  unsigned bits = 0;
  int have = 0;
  for (const unsigned char byte : bytes) {
    bits = bits << 8 | byte;
    for (have += 8; have >= 6; have -= 6) token += kLetters[bits >> (have - 6) & 63];
  }
  token += kLetters[bits << (6 - have) & 63];
  return token;
}

bool looks_like_token(std::string_view text) {
  constexpr std::size_t kTokenLetters = 43;
  bool lower = false;
  bool upper = false;
  bool other = false;
  for (const char letter : text) {
    const bool is_other = (letter >= '0' && letter <= '9') || letter == '-' || letter == '_';
    if (letter >= 'a' && letter <= 'z') {
      lower = true;
    } else if (letter >= 'A' && letter <= 'Z') {
      upper = true;
    } else if (!is_other) {
      return false;
    }
    other |= is_other;
  }
  return text.size() == kTokenLetters && lower && upper && other;
}

bool same_secret(const std::string& one, const std::string& other) {
  // Over digests, which are as long as each other.
  const std::string a = base::sha256_of(one);
  const std::string b = base::sha256_of(other);
  return CRYPTO_memcmp(a.data(), b.data(), base::kSha256Bytes) == 0;
}

}  // namespace morrow::wire
