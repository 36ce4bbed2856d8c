// SPDX-License-Identifier: Apache-2.0
#include "wire/http_pool.h"

#include <sys/socket.h>

#include <algorithm>

namespace morrow::wire {

namespace {

constexpr std::size_t kMostIdle = 16;

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
  pool_.used_.insert(socket_);
}

HttpPool::InUse::~InUse() {
  const base::MutexLock lock(pool_.mutex_);
  pool_.used_.erase(socket_);
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
