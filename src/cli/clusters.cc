// SPDX-License-Identifier: Apache-2.0
#include "cli/clusters.h"

#include <fstream>
#include <future>
#include <string>
#include <vector>

#include <sys/stat.h>

#include "cli/ask.h"
#include "wire/paths.h"

namespace morrow::cli {

namespace {

/// The store that the cluster's workers use, or the one that they left; empty: there is none, or it is elsewhere.
std::string store_of(const std::string& cluster, const Workers& workers) {
  for (const Talk& worker : workers.there) {
    std::string store;
    std::getline(std::ifstream(wire::store_note(wire::worker_socket(cluster, worker.worker()))), store);
    if (!store.empty()) return store;
  }
  const std::string folder = wire::state_folder(cluster, false) + "/store";
  struct stat status {};
  return stat(folder.c_str(), &status) == 0 ? "lmdb:" + folder : "";
}

std::string joined(const Row& texts) {
  std::string all;
  for (const Row& text : texts) all += (all.empty() ? "" : ", ") + text.get<std::string>();
  return all.empty() ? "-" : all;
}

}  // namespace

Rows clusters_of_this_machine() {
  std::vector<std::pair<std::string, std::future<Workers>>> all;
  for (const std::string& name : wire::cluster_names())
    all.emplace_back(name, std::async(std::launch::async, [name] { return greet(name); }));
  Rows rows;
  for (auto& [name, asked] : all) {
    const Workers workers = asked.get();
    Row row;
    row["name"] = name;
    row["store"] = or_null(store_of(name, workers));
    row["workers"] = Row::array();
    for (const Talk& worker : workers.there) row["workers"].push_back(worker.worker());
    row["silent"] = workers.troubles;
    rows.push_back(std::move(row));
  }
  return rows;
}

Columns cluster_columns() {
  const auto workers = [](const Row& row) {
    if (row["workers"].empty() && row["silent"].empty()) return std::string("none now");
    const std::string living = joined(row["workers"]);
    return row["silent"].empty() ? living : living + "; " + joined(row["silent"]);
  };
  return {{"CLUSTER", "name"}, {"STORE", "store"}, {"WORKERS", "workers", workers}};
}

}  // namespace morrow::cli
