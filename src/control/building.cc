// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/invariant.h"
#include "control/transition.h"

namespace morrow::control {

bool needs_building(const op::Submit& op) {
  return op.how != op::Submit::How::kEnded && op.spec &&
         (op.spec->payload.size() > kBuildingBytes || op.spec->dependencies.size() > kBuildingDependencies);
}

bool build(Transition& t, const op::Submit& op, std::size_t step) {
  // Fenced as the submit itself, whose number is used up by the last step alone.
  if (t.accept(op.origin, false) != Verdict::kDone || !t.enter_scope(op.origin, op.id.scope)) return false;
  Entry& entry = t.load(op.id);
  if (entry.exists && entry.status() != Status::kBuilding) return false;
  const auto shape = shape_of(*op.spec);
  if (!shape) return false;  // the submit itself says so
  const std::string bytes = encode_spec(*op.spec);
  const std::size_t parts = (bytes.size() + kSpecPartBytes - 1) / kSpecPartBytes;
  const std::size_t parts_a_step = kBuildingBytes / kSpecPartBytes;
  const std::size_t spec_steps = (parts + parts_a_step - 1) / parts_a_step;
  if (step < spec_steps) {
    if (!entry.exists) {
      t.move_to(op.id, entry, Status::kBuilding);
      entry.state.set_shape(*shape);
      entry.state.set_spec_parts(static_cast<std::uint32_t>(parts));
    }
    const std::size_t end = std::min(parts, (step + 1) * parts_a_step);
    MORROW_INVARIANT(step * parts_a_step < end, "each step writes a part of the specification", op.id, step, parts);
    for (std::size_t part = step * parts_a_step; part < end; ++part) {
      t.tx.set(keys::specification(op.id, static_cast<std::uint32_t>(part)),
               std::string_view(bytes).substr(part * kSpecPartBytes, kSpecPartBytes));
    }
    t.save(op.id, entry);
    return true;
  }
  if (!entry.exists) return false;  // ended meanwhile, with its scope
  const auto dependencies = distinct(op.spec->dependencies);
  const std::size_t begin = (step - spec_steps) * kBuildingDependencies;
  if (begin >= dependencies.size()) return false;
  // From here on its end lets its dependencies go: the specification that names them is whole.
  entry.state.set_dependencies(static_cast<std::uint32_t>(dependencies.size()));
  t.save(op.id, entry);
  std::size_t missing = 0;
  const std::size_t end = std::min(dependencies.size(), begin + kBuildingDependencies);
  if (const auto failure = t.link(op.id, dependencies, begin, end, missing)) {
    t.finish(op.id, entry, t.neighbours(op.id), *failure);
    return false;
  }
  return end < dependencies.size();
}

}  // namespace morrow::control
