// SPDX-License-Identifier: Apache-2.0
#include "store/open/open_store.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <string>
#include <utility>

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

}  // namespace morrow::store
