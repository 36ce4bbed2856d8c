// SPDX-License-Identifier: Apache-2.0
// Counts the k-mers of a sequence (its words of k letters), by map and reduce with partitions.
//
//   kmers [FILE [K [TOP]]]
//
// FILE is in the format FASTA, or just letters; without one, or with "-", a random sequence is taken. The TOP (default
// 10) most frequent words of K letters (default 8) are printed, each behind its count, and how many there are.
//
// A word belongs to one partition, by its hash. Each map task takes a range of the sequence and makes one flat vector
// for each partition: words and counts, sorted. Each reduce task merges the vectors of its partition alone, so no task
// ever has all counts, and what travels is plain memory that is read where it lies.
#include <morrow/morrow.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <random>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

namespace {

constexpr std::size_t kPartitions = 8;
constexpr std::size_t kRange = 250'000;  // letters for each map task

/// A word, two bits for each letter, and how often it was found.
struct Count {
  std::uint64_t word = 0;
  std::uint64_t times = 0;
};
using Counts = morrow::Array<Count>;

/// Sorted, and each word once.
std::vector<Count> add_up(std::vector<Count> counts) {
  std::sort(counts.begin(), counts.end(), [](const Count& a, const Count& b) { return a.word < b.word; });
  std::vector<Count> sums;
  for (const Count& count : counts) {
    if (sums.empty() || sums.back().word != count.word) sums.push_back({count.word, 0});
    sums.back().times += count.times;
  }
  return sums;
}

/// Map: the words that begin from `begin` up to `end`, by partitions.
std::vector<morrow::Future<Counts>> count(const morrow::Buffer& sequence, std::size_t begin, std::size_t end, int k) {
  const std::string_view text = sequence.text().substr(begin, end - begin + k - 1);
  const std::uint64_t mask = (std::uint64_t{1} << (2 * k)) - 1;
  std::vector<std::vector<Count>> parts(kPartitions);
  std::uint64_t word = 0;
  int letters = 0;
  for (const char letter : text) {
    const std::size_t code = std::string_view("ACGTacgt").find(letter);
    letters = code == std::string_view::npos ? 0 : letters + 1;  // no word goes over another letter
    word = (word << 2 | (code & 3)) & mask;
    if (letters >= k) parts[(word * 0x9e3779b97f4a7c15 >> 32) % kPartitions].push_back({word, 1});
  }
  std::vector<morrow::Future<Counts>> made;
  made.reserve(parts.size());
  for (auto& part : parts) made.push_back(morrow::put(Counts(std::span<const Count>(add_up(std::move(part))))));
  return made;
}

/// What is left of a partition in the end.
struct Summary {
  std::uint64_t words = 0;
  std::uint64_t different = 0;
  std::vector<Count> top;
};

void keep_top(std::vector<Count>& counts, std::size_t top) {
  std::sort(counts.begin(), counts.end(),
            [](const Count& a, const Count& b) { return std::tie(b.times, a.word) < std::tie(a.times, b.word); });
  if (counts.size() > top) counts.resize(top);
}

/// Reduce: one partition of all ranges.
Summary merge(const std::vector<morrow::Future<Counts>>& pieces, std::size_t top) {
  std::vector<Count> all;
  for (const Counts& piece : morrow::get_all(pieces)) all.insert(all.end(), piece.begin(), piece.end());
  Summary summary;
  summary.top = add_up(std::move(all));
  summary.different = summary.top.size();
  for (const Count& one : summary.top) summary.words += one.times;
  keep_top(summary.top, top);
  return summary;
}

std::string spelled(std::uint64_t word, int k) {
  std::string text;
  for (int i = k - 1; i >= 0; --i) text += "ACGT"[word >> (2 * i) & 3];
  return text;
}

/// \throws std::invalid_argument
std::string read_sequence(const std::string& path) {
  std::string sequence;
  if (path == "-") {
    std::mt19937_64 generator(1);
    while (sequence.size() < 2'000'000) sequence += "ACGT"[generator() & 3];
    return sequence;
  }
  std::ifstream file(path);
  if (!file) throw std::invalid_argument("the file " + path + " can't be read");
  for (std::string line; std::getline(file, line);) sequence += line.starts_with('>') ? "N" : line;
  return sequence;
}

/// \throws std::invalid_argument
int number(const std::string& text, int least, int most) {
  int value = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && stopped == end && value >= least && value <= most) return value;
  throw std::invalid_argument("'" + text + "' is not a number from " + std::to_string(least) + " to " +
                              std::to_string(most));
}

void count_all(const std::string& text, int k, std::size_t top) {
  const auto sequence = morrow::put(morrow::Buffer(text));  // once, for all map tasks
  std::vector<morrow::Future<std::vector<morrow::Future<Counts>>>> maps;
  for (std::size_t begin = 0; begin < text.size(); begin += kRange)
    maps.push_back(morrow::submit(count, sequence, begin, std::min(begin + kRange, text.size()), k));

  std::vector<std::vector<morrow::Future<Counts>>> pieces(kPartitions);
  for (const auto& ranges : morrow::get_all(maps)) {  // handles only: no count comes here
    for (std::size_t part = 0; part < kPartitions; ++part) pieces[part].push_back(ranges[part]);
  }
  std::vector<morrow::Future<Summary>> merges;
  merges.reserve(kPartitions);
  for (const auto& partition : pieces) merges.push_back(morrow::submit(merge, partition, top));

  Summary all;
  for (const Summary& part : morrow::get_all(merges)) {
    all.words += part.words, all.different += part.different;
    all.top.insert(all.top.end(), part.top.begin(), part.top.end());
  }
  keep_top(all.top, top);
  for (const Count& one : all.top) std::cout << std::setw(7) << one.times << " " << spelled(one.word, k) << "\n";
  std::cout << all.words << " words of " << k << " letters, " << all.different << " different ones\n";
}

}  // namespace

int main(int argc, char** argv) {
  const morrow::Session session;
  try {
    const int k = argc > 2 ? number(argv[2], 1, 31) : 8;
    const int top = argc > 3 ? number(argv[3], 1, 1'000'000) : 10;
    count_all(read_sequence(argc > 1 ? argv[1] : "-"), k, static_cast<std::size_t>(top));
  } catch (const std::invalid_argument& error) {
    std::cerr << "kmers: " << error.what() << "\n";
    return 2;
  }
}
