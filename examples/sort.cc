// SPDX-License-Identifier: Apache-2.0
// Sorts records of 100 bytes (a key of 10, a payload of 90), as sort benchmarks make them: more of them than fit into
// the workers' memory, by all workers of the cluster.
//
//   sort [--records N] [--parts N]
//
// Parts are made (generate), each is sorted and cut into ranges of keys (cut), and the pieces of each range are merged
// (merge). What finds no room in memory goes to disk meanwhile. In the end order, number and checksum are compared with
// those of the input.
#include <morrow/morrow.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

namespace {

using morrow::Buffer;
using morrow::Future;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kKeyBytes = 10;
constexpr std::size_t kRecordBytes = 100;

/// A good mix of 64 bits, the same everywhere.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

const std::byte* record(const Buffer& records, std::size_t i) { return records.data() + i * kRecordBytes; }
std::size_t count(const Buffer& records) { return records.size() / kRecordBytes; }
int compare(const std::byte* a, const std::byte* b) { return std::memcmp(a, b, kKeyBytes); }

/// The first eight bytes of a key as a number of the same order.
std::uint64_t prefix(const std::byte* key) {
  std::uint64_t number = 0;
  std::memcpy(&number, key, sizeof number);
  return __builtin_bswap64(number);
}

/// Records number `first` and on: a random key, and a payload that tells the record's number.
Buffer generate(std::uint64_t first, std::size_t records) {
  auto made = Buffer::make(records * kRecordBytes);
  for (std::size_t i = 0; i < records; ++i) {
    std::byte* const at = made.data() + i * kRecordBytes;
    const std::uint64_t number = first + i;
    const std::uint64_t high = mix(number);
    const std::uint64_t low = mix(high);
    std::memcpy(at, &high, 8);
    std::memcpy(at + 8, &low, 2);
    char payload[kRecordBytes - kKeyBytes + 1];
    std::snprintf(payload, sizeof payload, "  %032llX  %-54s", static_cast<unsigned long long>(number), "payload");
    std::memcpy(at + kKeyBytes, payload, kRecordBytes - kKeyBytes);
  }
  return made;
}

/// What is known of some records, in whatever order they are.
struct Summary {
  std::uint64_t records = 0;
  std::uint64_t checksum = 0;  ///< the same for the same records in any order
  bool ordered = true;
  std::array<std::byte, kKeyBytes> first{};
  std::array<std::byte, kKeyBytes> last{};
};

Summary summarize(const Buffer& records) {
  Summary summary;
  summary.records = count(records);
  for (std::size_t i = 0; i < count(records); ++i) {
    std::uint64_t sum = 0;
    for (std::size_t at = 0; at + 8 <= kRecordBytes; at += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, record(records, i) + at, 8);
      sum = mix(sum ^ word);
    }
    std::uint32_t rest = 0;
    std::memcpy(&rest, record(records, i) + 96, 4);
    summary.checksum += mix(sum ^ rest);
    if (i > 0 && compare(record(records, i - 1), record(records, i)) > 0) summary.ordered = false;
  }
  if (summary.records != 0) {
    std::memcpy(summary.first.data(), record(records, 0), kKeyBytes);
    std::memcpy(summary.last.data(), record(records, summary.records - 1), kKeyBytes);
  }
  return summary;
}

/// Sorts the records and cuts them into ranges of keys of the same width: one value for each, so that a merge needs
/// only its own range of every part.
std::vector<Future<Buffer>> cut(const Buffer& records, std::size_t ranges) {
  std::vector<std::pair<std::uint64_t, std::uint32_t>> order(count(records));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = {prefix(record(records, i)), static_cast<std::uint32_t>(i)};
  std::sort(order.begin(), order.end(), [&](const auto& a, const auto& b) {
    if (a.first != b.first) return a.first < b.first;
    return compare(record(records, a.second), record(records, b.second)) < 0;
  });
  std::vector<Future<Buffer>> pieces;
  const std::uint64_t width = ~std::uint64_t{0} / ranges + 1;
  for (std::size_t range = 0, begin = 0; range < ranges; ++range) {
    std::size_t end = begin;
    while (end < order.size() && (range + 1 == ranges || order[end].first < width * (range + 1))) ++end;
    auto piece = Buffer::make((end - begin) * kRecordBytes);
    for (std::size_t i = begin; i < end; ++i)
      std::memcpy(piece.data() + (i - begin) * kRecordBytes, record(records, order[i].second), kRecordBytes);
    pieces.push_back(morrow::put(std::move(piece)));
    begin = end;
  }
  return pieces;
}

/// Merges sorted pieces.
Buffer merge(const std::vector<Future<Buffer>>& futures) {
  const std::vector<Buffer> pieces = morrow::get_all(futures);
  std::size_t bytes = 0;
  for (const Buffer& piece : pieces) bytes += piece.size();
  auto merged = Buffer::make(bytes);
  struct Head {
    const std::byte* at;
    const std::byte* end;
  };
  const auto later = [](const Head& a, const Head& b) { return compare(a.at, b.at) > 0; };
  std::priority_queue<Head, std::vector<Head>, decltype(later)> heads(later);
  for (const Buffer& piece : pieces) {
    if (!piece.empty()) heads.push({piece.begin(), piece.end()});
  }
  for (std::byte* to = merged.data(); !heads.empty(); to += kRecordBytes) {
    Head head = heads.top();
    heads.pop();
    std::memcpy(to, head.at, kRecordBytes);
    head.at += kRecordBytes;
    if (head.at != head.end) heads.push(head);
  }
  return merged;
}

/// Waits for all, and shows how far they are: on a terminal in one line, else a line a stage.
template <class T>
void watch(const char* stage, const std::vector<Future<T>>& futures) {
  const bool terminal = isatty(STDERR_FILENO) == 1;
  const auto start = Clock::now();
  for (std::size_t done = 0; done < futures.size();) {
    done = morrow::wait(futures, done + 1).ready.size();
    if (!terminal && done < futures.size()) continue;
    const std::size_t bars = done * 30 / futures.size();
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    std::fprintf(stderr, "%s%-9s [%s%s] %zu of %zu, %.1f s%s", terminal ? "\r" : "", stage,
                 std::string(bars, '#').c_str(), std::string(30 - bars, '.').c_str(), done, futures.size(), seconds,
                 done == futures.size() ? "\n" : "");
  }
}

/// The value of `--name N` among the arguments.
std::size_t option(int argc, char** argv, const std::string& name, std::size_t otherwise) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (argv[i] == "--" + name) return static_cast<std::size_t>(std::strtoull(argv[i + 1], nullptr, 10));
  }
  return otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  morrow::Session session;
  const std::size_t records = option(argc, argv, "records", 1'000'000);
  const std::size_t parts = std::max<std::size_t>(option(argc, argv, "parts", 1 + records / 100'000), 1);
  const auto start = Clock::now();

  std::vector<Future<Buffer>> inputs;
  for (std::size_t part = 0; part < parts; ++part) {
    const std::size_t first = records * part / parts;
    inputs.push_back(morrow::submit(generate, first, records * (part + 1) / parts - first));
  }
  watch("generate", inputs);
  std::vector<Future<Summary>> before;
  before.reserve(parts);
  for (const auto& input : inputs) before.push_back(morrow::submit(summarize, input));
  std::vector<Future<std::vector<Future<Buffer>>>> cuts;
  cuts.reserve(parts);
  for (const auto& input : inputs) cuts.push_back(morrow::submit(cut, input, parts));
  watch("cut", cuts);

  std::vector<std::vector<Future<Buffer>>> pieces(parts);
  for (const auto& one : morrow::get_all(cuts)) {
    for (std::size_t range = 0; range < parts; ++range) pieces[range].push_back(one[range]);
  }
  const std::vector<Summary> input = morrow::get_all(before);
  for (const auto& one : inputs) one.release();
  std::vector<Future<Buffer>> outputs;
  for (std::size_t range = 0; range < parts; ++range) outputs.push_back(morrow::submit(merge, pieces[range]));
  watch("merge", outputs);
  for (const auto& range : pieces) {
    for (const auto& piece : range) piece.release();
  }
  std::vector<Future<Summary>> after;
  after.reserve(parts);
  for (const auto& output : outputs) after.push_back(morrow::submit(summarize, output));
  watch("check", after);

  std::uint64_t records_in = 0, records_out = 0, sum_in = 0, sum_out = 0;
  for (const Summary& one : input) records_in += one.records, sum_in += one.checksum;
  bool ordered = true;
  const Summary* previous = nullptr;
  const std::vector<Summary> output = morrow::get_all(after);
  for (const Summary& one : output) {
    records_out += one.records, sum_out += one.checksum;
    ordered = ordered && one.ordered;
    if (one.records == 0) continue;
    if (previous != nullptr && compare(previous->last.data(), one.first.data()) > 0) ordered = false;
    previous = &one;
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::printf("%llu records of %zu bytes, checksum %016llx: %s, %s (%.1f s, %.0f MB/s)\n",
              static_cast<unsigned long long>(records_out), kRecordBytes, static_cast<unsigned long long>(sum_out),
              ordered ? "in order" : "NOT IN ORDER",
              records_in == records_out && sum_in == sum_out ? "the same as the input" : "NOT THE SAME AS THE INPUT",
              seconds, static_cast<double>(records * kRecordBytes) / seconds / 1e6);
  return ordered && records_in == records_out && sum_in == sum_out ? 0 : 1;
}
