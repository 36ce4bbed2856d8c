// SPDX-License-Identifier: Apache-2.0
#include "wire/failed_task.h"

#include <utility>

namespace morrow::wire {

void tell_task(Failure& failure, const std::string& name, const std::string& payload) {
  failure.set_task(name);
  Payload call;
  if (!call.ParseFromString(payload)) return;  // of a driver that is to be told so where the task starts
  if (name.empty()) failure.set_task(std::move(*call.mutable_function_name()));
  failure.set_where(std::move(*call.mutable_where()));
}

}  // namespace morrow::wire
