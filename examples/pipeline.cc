// SPDX-License-Identifier: Apache-2.0
// Read, transform, write: a pipeline for input of any length, with a bounded number of pieces on the way.
//
//   pipeline [INPUT [OUTPUT]]
//
// INPUT has numbers, one a line (default: the hundred from 10^15 on); OUTPUT gets each with its prime factors (default:
// standard output), in the order of the input. For example: seq 1000000 | pipeline /dev/stdin factors.txt
//
// The program reads and writes, the tasks transform. No more than kWindow pieces are under way: when the window is full
// the oldest piece is awaited, written and freed, so that memory stays the same however long the input is. As always
// the oldest is taken, the order is kept, while the tasks end in any order.
#include <morrow/morrow.h>

#include <charconv>
#include <cstdint>
#include <deque>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>

namespace {

constexpr int kLines = 5;  // in a piece; numbers are hard, and lines of other work may need thousands
constexpr std::size_t kWindow = 16;

/// The next lines of the input; empty at its end.
std::string read_piece(std::istream& input) {
  std::string piece, line;
  for (int i = 0; i < kLines && std::getline(input, line); ++i) piece += line + "\n";
  return piece;
}

void append_factors(std::string& out, std::uint64_t number) {
  for (std::uint64_t factor = 2; factor * factor <= number; factor += factor == 2 ? 1 : 2) {
    for (; number % factor == 0; number /= factor) out += " " + std::to_string(factor);
  }
  if (number > 1) out += " " + std::to_string(number);
}

/// Each line with the prime factors of its number.
/// \throws std::invalid_argument
std::string transform(const std::string& piece) {
  std::istringstream lines(piece);
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    std::uint64_t number = 0;
    const char* const end = line.data() + line.size();
    const auto [stopped, error] = std::from_chars(line.data(), end, number);
    if (error != std::errc() || stopped != end || number < 1 || number >> 62 != 0)
      throw std::invalid_argument("'" + line + "' is not a number from 1 to 2^62");
    out += line + ":";
    append_factors(out, number);
    out += "\n";
  }
  return out;
}

std::string some_numbers() {
  std::string lines;
  for (std::uint64_t i = 0; i < 100; ++i) lines += std::to_string(1'000'000'000'000'000 + i) + "\n";
  return lines;
}

void run(std::istream& input, std::ostream& output) {
  std::deque<morrow::Future<std::string>> window;
  const auto write_oldest = [&] {
    output << window.front().get();
    window.front().release();
    window.pop_front();
  };
  for (std::string piece = read_piece(input); !piece.empty(); piece = read_piece(input)) {
    if (window.size() == kWindow) write_oldest();
    window.push_back(morrow::submit(transform, piece));
  }
  while (!window.empty()) write_oldest();
}

}  // namespace

int main(int argc, char** argv) {
  const morrow::Session session;
  std::istringstream numbers(some_numbers());
  std::ifstream input_file;
  std::ofstream output_file;
  if (argc > 1) input_file.open(argv[1]);
  if (argc > 2) output_file.open(argv[2]);
  if (!input_file || !output_file) {
    std::cerr << "pipeline: " << (input_file ? argv[2] : argv[1]) << " can't be opened\n";
    return 2;
  }
  try {
    run(argc > 1 ? static_cast<std::istream&>(input_file) : numbers, argc > 2 ? output_file : std::cout);
  } catch (const morrow::RemoteError& error) {  // what a task threw
    std::cerr << "pipeline: " << error.message() << "\n";
    return 2;
  }
}
