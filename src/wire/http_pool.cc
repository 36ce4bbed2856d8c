// SPDX-License-Identifier: Apache-2.0
#include "wire/http_pool.h"

#include <sys/socket.h>

#include <algorithm>

#include "base/invariant.h"
#include "base/must.h"

namespace morrow::wire {

namespace {

constexpr std::size_t kMostIdle = 16;  // connections; each holds a descriptor here and a thread at the other worker

}  // namespace

std::optional<HttpConnection> HttpPool::take(const Endpoint& endpoint) {
  const base::MutexLock lock(mutex_);
  const auto found = std::find_if(idle_.rbegin(), idle_.rend(), [&](const HttpConnection& one) {
    const Endpoint& its = one.endpoint();
    return its.host == endpoint.host && its.port == endpoint.port && its.token == endpoint.token &&
           its.ca_fingerprint == endpoint.ca_fingerprint;
  });
  if (found == idle_.rend()) return std::nullopt;
  std::optional<HttpConnection> taken(std::move(*found));
  idle_.erase(std::next(found).base());
  return taken;
}

HttpPool::InUse::InUse(HttpPool& pool, int socket) : pool_(pool), socket_(socket) {
  const base::MutexLock lock(pool_.mutex_);
  if (pool_.stop_) throw NetworkError("this process stops");
  const bool is_new = pool_.used_.insert(socket_).second;
  MORROW_INVARIANT(is_new, "a connection is used by one request at a time", socket_);
}

HttpPool::InUse::~InUse() {
  const base::MutexLock lock(pool_.mutex_);
  base::must_erase(pool_.used_, socket_, "a connection in use is known");
}

void HttpPool::interrupt() {
  const base::MutexLock lock(mutex_);
  for (const int socket : used_) shutdown(socket, SHUT_RDWR);
}

void HttpPool::stop() {
  const base::MutexLock lock(mutex_);
  stop_ = true;
  for (const int socket : used_) shutdown(socket, SHUT_RDWR);
}

void HttpPool::give(HttpConnection&& connection) {
  if (!connection.whole()) return;
  const base::MutexLock lock(mutex_);
  idle_.push_back(std::move(connection));
  if (idle_.size() > kMostIdle) idle_.pop_front();
}

}  // namespace morrow::wire
