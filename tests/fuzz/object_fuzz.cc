// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <vector>

#include "data/blocks.h"
#include "tests/fuzz/fuzz.h"

// The blocks of a spilled object. The last bytes say how large the object is and in which pieces the file is read.

namespace morrow::fuzz {

namespace {

std::string file_of(std::span<const std::byte> raw, char pieces) {
  std::vector<std::byte> out;
  data::BlockWriter writer;
  for (std::size_t at = 0; at < raw.size(); at += data::kBlockBytes)
    writer.encode(raw.subspan(at, std::min(data::kBlockBytes, raw.size() - at)), out);
  std::string bytes(reinterpret_cast<const char*>(out.data()), out.size());
  for (std::size_t size = raw.size(), i = 0; i < 3; ++i, size >>= 8) bytes.push_back(static_cast<char>(size));
  return bytes + pieces;
}

}  // namespace

std::map<std::string, std::string> seeds() {
  const std::vector<std::byte> zeros(100'000);
  std::vector<std::byte> mixed(300);
  for (std::size_t i = 0; i < mixed.size(); ++i) mixed[i] = static_cast<std::byte>(i * i * 31 + (i >> 3));
  return {{"zeros", file_of(zeros, '\x7')}, {"mixed", file_of(mixed, '\x40')}, {"nothing", file_of({}, '\1')}};
}

}  // namespace morrow::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace morrow;
  fuzz::Input input(data, size);
  const std::size_t piece = input.number() + std::size_t{1};
  std::size_t target = 0;
  for (int i = 0; i < 3; ++i) target = target << 8 | input.number();
  // Exactly as large as it says, so that a byte too much is found.
  std::vector<std::byte> object(target);
  data::BlockReader reader(object);
  try {
    for (auto rest = input.rest_bytes(); !rest.empty();) {
      const auto part = rest.first(std::min(piece, rest.size()));
      reader.feed(part);
      rest = rest.subspan(part.size());
    }
  } catch (const data::Damaged&) {
    return 0;
  }
  static_cast<void>(reader.done());
  return 0;
}
