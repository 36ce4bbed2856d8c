// SPDX-License-Identifier: Apache-2.0
#include "cli/rows.h"

#include <chrono>
#include <cstdio>
#include <string>

#include "base/hex.h"
#include "base/shown.h"
#include "wire/future_ids.h"

namespace morrow::cli {

namespace {

constexpr double kMicro = 1e6;

std::uint64_t unix_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

double amount(std::uint64_t micro) { return static_cast<double>(micro) / kMicro; }

/// What the worker has, and what of it tasks use now.
void put_amounts(const wire::Requirements& has, const wire::Requirements& used, Row& out) {
  out["cpus"] = amount(has.cpu_micro());
  out["cpus_in_use"] = amount(used.cpu_micro());
  out["memory_bytes"] = has.memory();
  out["memory_in_use_bytes"] = used.memory();
  out["gpus"] = amount(has.gpu_micro());
  out["gpus_in_use"] = amount(used.gpu_micro());
  out["resources"] = Row::object();
  out["resources_in_use"] = Row::object();
  for (const wire::NamedAmount& one : has.named_micro()) out["resources"][one.name()] = amount(one.micro());
  for (const wire::NamedAmount& one : used.named_micro()) out["resources_in_use"][one.name()] = amount(one.micro());
}

std::string state_of(const wire::WorkerStatus& worker) {
  if (worker.dying()) return "dead";
  return worker.draining() ? "draining" : "open";
}

std::string ms_text(const Row& ms) { return ms.is_null() ? "-" : span_text(ms.get<std::uint64_t>()); }

/// "1.5 of 4", of processors.
std::string cpus_text(const Row& row) {
  char text[64];
  std::snprintf(text, sizeof text, "%.3g of %.3g", row["cpus_in_use"].get<double>(), row["cpus"].get<double>());
  return text;
}

std::string memory_text(const Row& row) {
  return byte_text(row["memory_in_use_bytes"].get<std::uint64_t>()) + " of " +
         byte_text(row["memory_bytes"].get<std::uint64_t>());
}

}  // namespace

Row row_of(const wire::FutureInfo& future) {
  Row out;
  out["future"] = wire::future_text(future.id());
  out["name"] = or_null(future.name());
  out["state"] = future.state();
  out["running"] = future.running();
  out["worker"] = or_null(future.worker());
  out["pid"] = or_null(static_cast<std::uint64_t>(future.pid()));
  out["for_ms"] = or_null(future.for_ms());
  out["failed_attempts"] = future.failed_attempts();
  out["max_retries"] = future.max_retries();
  out["reason"] = future.reason();
  out["root"] = future.has_root() ? Row(wire::future_text(future.root())) : Row();
  out["root_name"] = or_null(future.root_name());
  out["waits_for"] = or_null(future.waits_for());
  return out;
}

Columns future_columns() {
  const auto state = [](const Row& row) {
    return row["running"].get<bool>() ? std::string("running") : row["state"].get<std::string>();
  };
  return {
      {"FUTURE", "future"}, {"NAME", "name"}, {"STATE", "state", state},
      {"WORKER", "worker"}, {"PID", "pid"},   {"FOR", "for_ms", [](const Row& row) { return ms_text(row["for_ms"]); }},
      {"REASON", "reason"}};
}

Row row_of(const wire::SessionInfo& session) {
  Row out;
  out["session"] = base::hex_of(session.session());
  out["worker"] = or_null(session.worker());
  out["ending"] = session.ending();
  return out;
}

Columns session_columns() {
  const auto state = [](const Row& row) -> std::string {
    if (row["ending"].get<bool>()) return "ends";
    return row["worker"].is_null() ? "its driver is gone, or on its way to another worker" : "open";
  };
  return {{"SESSION", "session"}, {"WORKER", "worker"}, {"STATE", "ending", state}};
}

Row row_of(const wire::WorkerStatus& worker) {
  Row out;
  out["name"] = worker.name();
  out["host"] = worker.host();
  out["pid"] = worker.pid();
  out["address"] = or_null(worker.address());
  out["state"] = state_of(worker);
  const std::uint64_t now = unix_ms();
  const bool since = worker.started_unix_ms() != 0 && worker.started_unix_ms() <= now;
  out["started_unix_ms"] = or_null(worker.started_unix_ms());
  out["up_ms"] = since ? Row(now - worker.started_unix_ms()) : Row();
  out["silent_ms"] = worker.silent_ms();
  put_amounts(worker.offered(), worker.in_use(), out);
  out["tasks"] = worker.tasks();
  out["drivers"] = worker.drivers();
  out["processes"] = worker.executors();
  out["cannot_start"] = Row::array();
  for (const std::string& reason : worker.cannot_start()) out["cannot_start"].push_back(reason);
  return out;
}

Columns worker_columns() {
  const auto programs = [](const Row& row) -> std::string {
    if (row["cannot_start"].empty()) return "-";
    const auto text = row["cannot_start"].front().get<std::string>();
    const std::size_t more = row["cannot_start"].size() - 1;
    return text.substr(0, text.find('\n')) + (more == 0 ? "" : " (and " + std::to_string(more) + " more)");
  };
  return {{"WORKER", "name"},
          {"PID", "pid"},
          {"HOST", "host"},
          {"STATE", "state"},
          {"UP", "up_ms", [](const Row& row) { return ms_text(row["up_ms"]); }},
          {"LAST SIGN", "silent_ms", [](const Row& row) { return ms_text(row["silent_ms"]) + " ago"; }},
          {"CPUS", "cpus_in_use", cpus_text},
          {"MEMORY", "memory_in_use_bytes", memory_text},
          {"TASKS", "tasks"},
          {"DRIVERS", "drivers"},
          {"PROCESSES", "processes"},
          {"CAN'T START", "cannot_start", programs}};
}

}  // namespace morrow::cli
