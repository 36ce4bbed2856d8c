// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/view.h"
#include "wire/future_ids.h"

namespace morrow::cli {

namespace {

/// What the workers hold together.
struct Held {
  Rows rows = {};
  std::uint64_t memory = 0;
  std::uint64_t used = 0;
  std::uint64_t spilled = 0;
  std::uint64_t more = 0;
  std::set<std::string> workers = {};  ///< that have told
  std::vector<std::string> silent = {};

  void add(const wire::ObjectsReply& reply) {
    silent.insert(silent.end(), reply.silent().begin(), reply.silent().end());
    if (!workers.insert(reply.worker()).second) return;
    memory += reply.memory();
    used += reply.used();
    spilled += reply.spilled();
    more += reply.more();
    for (const wire::ObjectInfo& object : reply.objects()) {
      Row row;
      row["future"] = object.future().scope() == 0 ? Row() : Row(wire::future_text(object.future()));  // none yet
      row["bytes"] = object.size();
      row["worker"] = object.worker();
      row["in_memory"] = object.in_memory();
      row["on_disk"] = object.on_disk();
      row["age_ms"] = object.age_ms();
      row["readers"] = object.readers();
      row["state"] = or_null(object.state());
      rows.push_back(std::move(row));
    }
  }
};

std::string place_text(const Row& row) {
  const std::string state = row["state"].is_null() ? "" : " (" + row["state"].get<std::string>() + ")";
  const bool on_disk = row["on_disk"].get<bool>();
  if (row["in_memory"].get<bool>()) return (on_disk ? "memory and disk" : "memory") + state;
  return (on_disk ? "disk" : "on its way") + state;
}

Columns columns() {
  return {{"FUTURE", "future"},
          {"SIZE", "bytes", [](const Row& row) { return byte_text(row["bytes"].get<std::uint64_t>()); }},
          {"WORKER", "worker"},
          {"WHERE", "state", place_text},
          {"AGE", "age_ms", [](const Row& row) { return span_text(row["age_ms"].get<std::uint64_t>()); }},
          {"READERS", "readers"}};
}

int show_objects(const std::string& cluster, const View& view) {
  Workers workers = greet(cluster);
  const auto replies =
      ask_everywhere<wire::ObjectsReply>(workers, wire::OBJECTS, wire::ObjectsRequest(), wire::OBJECTS_REPLY);
  if (replies.empty()) return nobody_answered(cluster, workers);
  Held held;
  for (const wire::ObjectsReply& reply : replies) {
    held.add(reply);
    for (const wire::ObjectsReply& other : reply.others()) held.add(other);
  }
  // One that others could not reach may have told by itself, or be named already.
  for (const std::string& name : held.silent) {
    const std::string sentence = "worker " + name + " does not answer";
    const bool known = held.workers.contains(name) ||
                       std::any_of(workers.troubles.begin(), workers.troubles.end(),
                                   [&](const std::string& trouble) { return trouble.starts_with(sentence); });
    if (!known) workers.troubles.push_back(sentence + ": what it holds is not shown");
  }
  sort_rows(held.rows, columns(), view.sort.empty() ? "-bytes" : view.sort);
  if (view.json) {
    print_json(held.rows);
    say_troubles(workers);
  } else {
    print_rows(held.rows, columns());
    if (held.more != 0) std::printf("… and %" PRIu64 " smaller ones\n", held.more);
    std::printf("\nobject memory: %s of %s in use, %s on disk\n", byte_text(held.used).c_str(),
                byte_text(held.memory).c_str(), byte_text(held.spilled).c_str());
    print_worries(workers.troubles);
  }
  return status_of(view, {workers.troubles});
}

}  // namespace

void add_objects(CLI::App& app, int& exit_status) {
  add_view_command(app, "objects", "Show the large values that the workers of a cluster hold",
                   "a worker that does not answer", exit_status, show_objects);
}

}  // namespace morrow::cli
