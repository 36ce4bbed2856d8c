// SPDX-License-Identifier: Apache-2.0
#include "base/resources.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <stdexcept>

#include "base/shown.h"

namespace morrow::base {
namespace {

/// A field of an encoding: a letter, the length, the bytes of the amount without leading zeros.
void put_amount(std::string& out, char letter, std::uint64_t amount) {
  if (amount == 0) return;
  std::string digits;
  for (std::uint64_t rest = amount; rest != 0; rest >>= 8) digits.push_back(static_cast<char>(rest));
  std::reverse(digits.begin(), digits.end());
  out.push_back(letter);
  out.push_back(static_cast<char>(digits.size()));
  out += digits;
}

/// Takes the parts of encoded resources one after the other. \throws std::invalid_argument where they are cut off
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  bool done() const { return at_ == bytes_.size(); }

  unsigned char byte() {
    if (done()) throw std::invalid_argument("The encoded resources are cut off.");
    return static_cast<unsigned char>(bytes_[at_++]);
  }

  std::uint64_t amount() {
    const unsigned char length = byte();
    if (length == 0 || length > 8)
      throw std::invalid_argument("The encoded resources hold an amount of no valid length.");
    std::uint64_t value = 0;
    for (unsigned char i = 0; i < length; ++i) value = value << 8 | byte();
    return value;
  }

  std::string text(std::size_t length) {
    if (bytes_.size() - at_ < length) throw std::invalid_argument("The encoded resources are cut off.");
    at_ += length;
    return std::string(bytes_.substr(at_ - length, length));
  }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
};

void subtract(std::uint64_t& from, std::uint64_t amount) { from -= std::min(from, amount); }

std::string amount_text(std::uint64_t micro) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%g", static_cast<double>(micro) / static_cast<double>(kOneMicro));
  return buffer;
}

std::string memory_text(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double amount = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; amount >= 1024 && unit + 1 < std::size(kUnits); ++unit) amount /= 1024;
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, unit == 0 ? "%.0f %s" : "%.1f %s", amount, kUnits[unit]);
  return buffer;
}

}  // namespace

bool Resources::fits_in(const Resources& free) const {
  if (cpu_micro > free.cpu_micro || memory > free.memory || gpu_micro > free.gpu_micro) return false;
  return std::all_of(named_micro.begin(), named_micro.end(), [&](const auto& item) {
    const auto there = free.named_micro.find(item.first);
    return item.second == 0 || (there != free.named_micro.end() && item.second <= there->second);
  });
}

Resources& Resources::operator+=(const Resources& other) {
  cpu_micro += other.cpu_micro;
  memory += other.memory;
  gpu_micro += other.gpu_micro;
  for (const auto& [name, amount] : other.named_micro) named_micro[name] += amount;
  return *this;
}

Resources& Resources::operator-=(const Resources& other) {
  subtract(cpu_micro, other.cpu_micro);
  subtract(memory, other.memory);
  subtract(gpu_micro, other.gpu_micro);
  for (const auto& [name, amount] : other.named_micro) {
    const auto there = named_micro.find(name);
    if (there != named_micro.end()) subtract(there->second, amount);
  }
  return *this;
}

std::string Resources::encode() const {
  std::string out;
  put_amount(out, 'c', cpu_micro);
  put_amount(out, 'g', gpu_micro);
  put_amount(out, 'm', memory);
  for (const auto& [name, amount] : named_micro) {
    if (amount == 0) continue;
    if (name.size() > 255) throw std::invalid_argument("The name of a resource is longer than 255 bytes; shorten it.");
    out.push_back('n');
    out.push_back(static_cast<char>(name.size()));
    out += name;
    put_amount(out, 'a', amount);
  }
  return out;
}

Resources Resources::decode(std::string_view bytes) {
  Resources resources;
  Reader reader(bytes);
  while (!reader.done()) {
    switch (reader.byte()) {
      case 'c':
        resources.cpu_micro = reader.amount();
        break;
      case 'g':
        resources.gpu_micro = reader.amount();
        break;
      case 'm':
        resources.memory = reader.amount();
        break;
      case 'n': {
        const std::string name = reader.text(reader.byte());
        if (reader.byte() != 'a') throw std::invalid_argument("The encoded resources name one without an amount.");
        resources.named_micro[name] = reader.amount();
        break;
      }
      default:
        throw std::invalid_argument("The encoded resources hold an unknown field.");
    }
  }
  return resources;
}

std::string Resources::text() const {
  std::string out;
  const auto add = [&](const std::string& part) { out += (out.empty() ? "" : ", ") + part; };
  if (cpu_micro != 0) add(amount_text(cpu_micro) + (cpu_micro == kOneMicro ? " cpu" : " cpus"));
  if (memory != 0) add(memory_text(memory));
  if (gpu_micro != 0) add(amount_text(gpu_micro) + (gpu_micro == kOneMicro ? " gpu" : " gpus"));
  for (const auto& [name, amount] : named_micro) {
    if (amount != 0) add(shown_line(name) + " " + amount_text(amount));
  }
  return out.empty() ? "nothing" : out;
}

}  // namespace morrow::base
