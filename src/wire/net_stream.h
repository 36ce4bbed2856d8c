// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "wire/socket.h"
#include "wire/tls.h"

struct addrinfo;

namespace morrow::wire {

/// The other side can't be reached, went away or is not the one it should be: one sentence.
class NetworkError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// It stood still for longer than one waits.
class TimedOut : public NetworkError {
 public:
  using NetworkError::NetworkError;
};

/// The other side is of another authority than the one that was asked for: to wait does not help.
class NotTrusted : public NetworkError {
 public:
  using NetworkError::NetworkError;
};

/// The other side hears nobody now: it says so, or closed the connection before it answered anything. One who knows
/// that it lives asks again a moment later.
class Busy : public NetworkError {
 public:
  using NetworkError::NetworkError;
};

/// A TCP connection, encrypted or not. Calls block; one thread reads and writes.
class NetStream {
 public:
  /// Plain.
  explicit NetStream(Fd socket);
  ~NetStream();
  NetStream(NetStream&&) noexcept;
  NetStream& operator=(NetStream&&) noexcept;

  /// Encrypted from here on, as the server. \throws NetworkError
  void accept(const TlsServer& tls);
  /// Connects, to the first address that works; with a fingerprint encrypted, to a server whose certificate is of that
  /// authority; without one plain, and on this machine only to a program of this user or root. \throws NetworkError,
  /// NotTrusted; Busy when it closed the connection instead of a handshake
  static NetStream connect(const std::string& host, std::uint16_t port, const std::string& ca_fingerprint,
                           std::chrono::milliseconds patience);

  /// How long a read or write may stand still. 0: for ever.
  void set_patience(std::chrono::milliseconds patience);

  /// At least one byte; 0 at the end. \throws NetworkError
  std::size_t read(std::span<std::byte> room);
  /// All of `room`. \throws NetworkError, at an early end too
  void read_all(std::span<std::byte> room);
  /// \throws NetworkError
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text.data(), text.size()))); }
  /// Nothing more is written; the other side is told.
  void finish();

  /// Bytes that were read too early: the next read gives them again.
  void unread(std::string_view bytes);

  int fd() const;
  /// How many bytes came so far.
  std::uint64_t received() const;
  /// Whether a read would not block although the socket has nothing.
  bool has_buffered() const;
  /// Reads and writes do not block from here on: they give 0 and set `again` instead. For Pump.
  void set_nonblocking();
  std::size_t read_some(std::span<std::byte> room, bool& again);
  std::size_t write_some(std::span<const std::byte> bytes, bool& again);

 private:
  static NetStream connect_to(const addrinfo& address, const std::string& where, std::chrono::milliseconds patience);
  void trust(const std::string& where, const std::string& ca_fingerprint);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A listening socket. \throws std::runtime_error with one sentence
Fd listen_tcp(const std::string& address, std::uint16_t port);
/// "127.0.0.1:50001", "[::1]:50001": where a listening socket listens.
std::string local_address(int fd);

}  // namespace morrow::wire
