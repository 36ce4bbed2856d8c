// SPDX-License-Identifier: Apache-2.0
#include "cli/future_json.h"

#include "wire/future_ids.h"

namespace morrow::cli {

nlohmann::ordered_json future_json(const wire::FutureInfo& future) {
  nlohmann::ordered_json out;
  out["future"] = wire::future_text(future.id());
  out["name"] = future.name();
  out["state"] = future.state();
  out["reason"] = future.reason();
  out["worker"] = future.worker();
  out["pid"] = future.pid();
  out["running"] = future.running();
  out["for_ms"] = future.for_ms();
  out["failed_attempts"] = future.failed_attempts();
  out["max_retries"] = future.max_retries();
  out["root"] = nullptr;
  if (future.has_root()) {
    out["root"] = wire::future_text(future.root());
    out["root_name"] = future.root_name();
    out["waits_for"] = future.waits_for();
  }
  return out;
}

}  // namespace morrow::cli
