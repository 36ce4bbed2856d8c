#include "store/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <random>
#include <thread>

#include "store/limits.h"
#include "store/lmdb/lmdb_store.h"
#include "store/sim/sim_store.h"

namespace morrow::store {
namespace {

std::uint64_t parse_number(std::string_view name, std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0) {
    throw StoreError(fmt::format("The store parameter {}={} must be a whole number above 0.", name, text));
  }
  return number;
}

void apply_parameter(LmdbOptions& options, std::string_view parameter) {
  const auto equals = parameter.find('=');
  const std::string_view name = parameter.substr(0, equals);
  const std::string_view value = equals == std::string_view::npos ? std::string_view() : parameter.substr(equals + 1);
  if (name == "sync" && value == "full") {
    options.full_sync = true;
  } else if (name == "lease_ms") {
    options.lease = std::chrono::milliseconds(parse_number(name, value));
  } else if (name == "max_bytes") {
    options.max_bytes = parse_number(name, value);
  } else {
    throw StoreError(fmt::format(
        "The store parameter {} is not known: lmdb takes sync=full, lease_ms=N and max_bytes=N.", parameter));
  }
}

LmdbOptions parse_lmdb(std::string_view rest) {
  LmdbOptions options;
  const auto question = rest.find('?');
  options.directory = std::string(rest.substr(0, question));
  if (options.directory.empty()) throw StoreError("The store URL lmdb: names no directory: write lmdb:DIR.");
  if (question == std::string_view::npos) return options;
  std::string_view parameters = rest.substr(question + 1);
  while (!parameters.empty()) {
    const auto ampersand = parameters.find('&');
    apply_parameter(options, parameters.substr(0, ampersand));
    parameters = ampersand == std::string_view::npos ? std::string_view() : parameters.substr(ampersand + 1);
  }
  return options;
}

}  // namespace

Range Range::with_prefix(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xff') end.pop_back();
  if (end.empty()) throw StoreError("A prefix must hold a byte below 0xff, or its range has no end.");
  end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return {std::string(prefix), std::move(end)};
}

void Store::transact(const std::function<void(Transaction&)>& body) {
  for (int attempt = 1;; ++attempt) {
    const std::unique_ptr<Transaction> transaction = begin();
    body(*transaction);
    if (transaction->commit() == CommitResult::kCommitted) return;
    pause_before_retry(attempt);
  }
}

void Store::pause_before_retry(int attempt) {
  // Half of the pause is drawn, so that those who met in a conflict don't meet again.
  thread_local std::minstd_rand random{std::random_device{}()};
  const int longest_us = 100 << std::min(attempt, 10);
  std::uniform_int_distribution<int> pause(longest_us / 2, longest_us);
  std::this_thread::sleep_for(std::chrono::microseconds(pause(random)));
}

std::unique_ptr<Store> open_store(std::string_view url, StoreOptions options) {
  if (url == "sim:") return std::make_unique<SimStore>();
  constexpr std::string_view kLmdb = "lmdb:";
  if (url.starts_with(kLmdb)) {
    LmdbOptions lmdb = parse_lmdb(url.substr(kLmdb.size()));
    if (options.log) lmdb.log = std::move(options.log);
    return std::make_unique<LmdbStore>(std::move(lmdb));
  }
  throw StoreError(fmt::format("The store URL {} is not known: write lmdb:DIR.", url));
}

void check_key(std::string_view key, std::size_t max_bytes) {
  if (key.empty()) throw StoreError("A key of the store can't be empty: give it at least one byte.");
  if (key.size() > max_bytes) {
    throw TooLarge(
        fmt::format("A key of {} bytes is over this store's limit of {}: use a shorter key.", key.size(), max_bytes));
  }
}

void check_value(std::string_view key, std::string_view value) {
  if (value.size() <= kMaxValueBytes) return;
  throw TooLarge(fmt::format("A value of {} bytes, for a key of {} bytes, is over the store's limit of {}: split it.",
                             value.size(), key.size(), kMaxValueBytes));
}

void check_transaction(std::size_t bytes, std::size_t max_bytes) {
  if (bytes <= max_bytes) return;
  throw TooLarge(fmt::format("A transaction of {} bytes is over the store's limit of {}: split it into smaller ones.",
                             bytes, max_bytes));
}

}  // namespace morrow::store
