// SPDX-License-Identifier: Apache-2.0
#include "runtime/backend/refusals.h"

#include <stdexcept>

#include <morrow/error.h>

#include "base/shown.h"

namespace morrow::runtime {

namespace {

constexpr std::int64_t kMostCopies = 100;  // nobody has more machines for one value

void check_amount(const std::string& what, Amount amount) {
  const double value = amount.value();
  if (!(value >= 0 && value <= 1e9)) throw SessionError("SessionOptions: " + what + " must be from 0 to 1e9");
}

}  // namespace

void check_amounts(const SessionOptions& options) {
  if (options.cpus) check_amount("cpus", *options.cpus);
  if (options.memory && options.memory->value() < 0) throw SessionError("SessionOptions: memory must not be negative");
  if (options.gpus) check_amount("gpus", *options.gpus);
  for (const auto& [name, amount] : options.resources) check_amount(name, amount);
  if (options.object_memory && options.object_memory->value() <= 0)
    throw SessionError("SessionOptions: object_memory must be more than 0");
}

void check_name(const std::string& name) {
  if (name.empty() || name.size() > kMaxTaskNameBytes) throw std::invalid_argument("find: a name has 1 to 256 bytes");
}

void check_copies(std::int64_t copies) {
  if (copies < 1 || copies > kMostCopies)
    throw std::invalid_argument("copies must be from 1 to " + std::to_string(kMostCopies) + ", not " +
                                std::to_string(copies));
}

void throw_name_taken(const std::string& name) {
  throw NameTakenError("submit: the name " + base::shown_line(name) +
                       " belongs to another detached future of the cluster; release that one (morrow::find finds "
                       "it), or take another name");
}

}  // namespace morrow::runtime
