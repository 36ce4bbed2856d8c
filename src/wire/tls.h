// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct bio_st;
struct ssl_ctx_st;
struct ssl_st;

/// Certificates of a cluster: its own authority signs one for each worker, and clients know the authority by its
/// fingerprint. All throw std::runtime_error with one sentence.
namespace morrow::wire {

/// PEM, both.
struct Certificate {
  std::string key;
  std::string certificate;
};

/// A new authority.
Certificate make_authority(const std::string& cluster);
/// A certificate for a worker, signed by the authority.
Certificate make_certificate(const Certificate& authority, const std::string& name);
/// SHA-256 of a certificate, in hexadecimal.
std::string fingerprint(const std::string& certificate_pem);

/// Keys and settings of a server of encrypted connections. May be used by several threads.
class TlsServer {
 public:
  TlsServer(const Certificate& own, const std::string& authority_certificate);
  ~TlsServer();
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;
  ssl_ctx_st* context() const { return context_; }

 private:
  ssl_ctx_st* context_;
};

/// The same for clients: it trusts nobody by itself, see check_authority.
ssl_ctx_st* client_context();

/// Whether the other side's certificate was signed by the authority with this fingerprint.
base::Result<void> check_authority(ssl_st* connection, const std::string& ca_fingerprint);

/// For SSL_set_bio: reads and writes a socket, which it does not own. OpenSSL's own raises SIGPIPE when the other side
/// is gone, which ends a program that did not expect it.
bio_st* socket_bio(int socket);

/// 32 random bytes as text without special characters.
std::string make_token();
/// Whether make_token may have made it: a person who wrote it where a name belongs must not see it again on a screen.
bool looks_like_token(std::string_view text);
/// Whether they are equal; takes the same time for all secrets.
bool same_secret(const std::string& one, const std::string& other);

}  // namespace morrow::wire
