#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "wire/frame.h"
#include "wire/paths.h"
#include "wire/socket.h"

namespace morrow::cli {

namespace {

constexpr int kPatienceSeconds = 10;

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

/// What one worker answers; nothing when it went away or gave no answer.
std::optional<wire::StatusReply> ask(const std::string& path, const std::string& cluster) {
  const wire::Fd socket = wire::connect_unix(path);
  if (!socket) return std::nullopt;
  const timeval patience{kPatienceSeconds, 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  wire::Hello hello;
  hello.set_version(wire::kProtocolVersion);
  hello.set_kind(wire::Hello::COMMAND);
  hello.set_cluster(cluster);
  hello.set_pid(getpid());
  std::string out;
  wire::append_frame(out, wire::HELLO, hello);
  wire::append_frame(out, wire::STATUS, wire::Status());
  if (!send_all(socket.get(), out)) return std::nullopt;
  wire::FrameReader reader;
  for (;;) {
    while (const auto frame = reader.next()) {
      if (frame->type == wire::WELCOME) {
        wire::Welcome welcome;
        wire::parse(welcome, frame->payload);
        if (!welcome.error().empty()) throw std::runtime_error(welcome.error());
      } else if (frame->type == wire::STATUS_REPLY) {
        wire::StatusReply reply;
        wire::parse(reply, frame->payload);
        return reply;
      }
    }
    constexpr std::size_t kRoom = 64 << 10;
    const ssize_t got = recv(socket.get(), reader.room(kRoom), kRoom, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::nullopt;
    reader.filled(static_cast<std::size_t>(got));
  }
}

void print_json(const std::string& cluster, const wire::StatusReply& reply) {
  nlohmann::ordered_json out;
  out["cluster"] = cluster;
  out["store"] = reply.store();
  out["workers"] = nlohmann::ordered_json::array();
  for (const wire::WorkerStatus& worker : reply.workers()) {
    out["workers"].push_back({{"name", worker.name()},
                              {"host", worker.host()},
                              {"pid", worker.pid()},
                              {"address", worker.address()},
                              {"used", worker.used()},
                              {"total", worker.total()},
                              {"executors", worker.executors()},
                              {"dying", worker.dying()}});
  }
  out["futures"] = nlohmann::ordered_json::object();
  for (const auto& [state, count] : reply.futures()) out["futures"][state] = count;
  out["sessions"] = reply.sessions();
  out["warnings"] = nlohmann::ordered_json::array();
  for (const std::string& warning : reply.warnings()) out["warnings"].push_back(warning);
  std::printf("%s\n", out.dump(2).c_str());
}

void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - row[i].size() + 2, ' ');
    }
    std::printf("%s\n", line.c_str());
  }
}

void print(const std::string& cluster, const wire::StatusReply& reply) {
  std::printf("cluster %s, store %s\n\n", cluster.c_str(), reply.store().c_str());
  std::vector<std::vector<std::string>> rows{{"WORKER", "PID", "IN USE", "TOTAL", "PROCESSES"}};
  for (const wire::WorkerStatus& worker : reply.workers()) {
    rows.push_back({worker.name() + (worker.dying() ? " (dead)" : ""), std::to_string(worker.pid()),
                    worker.used().empty() ? "-" : worker.used(), worker.total(), std::to_string(worker.executors())});
  }
  print_table(rows);
  std::printf("\nsessions: %llu\nfutures:  ", static_cast<unsigned long long>(reply.sessions()));
  // In the order of a future's life.
  bool any = false;
  for (const char* state : {"building", "waiting", "ready", "claimed", "realized", "failed", "cancelled"}) {
    const auto found = reply.futures().find(state);
    if (found == reply.futures().end() || found->second == 0) continue;
    std::printf("%s%llu %s", any ? ", " : "", static_cast<unsigned long long>(found->second), state);
    any = true;
  }
  std::printf("%s\n", any ? "" : "none");
  for (const std::string& warning : reply.warnings()) std::printf("warning: %s\n", warning.c_str());
}

int show_status(const std::string& cluster, bool json) {
  wire::check_name("cluster", cluster);
  for (const std::string& path : wire::worker_sockets(cluster)) {
    const auto reply = ask(path, cluster);
    if (!reply) continue;
    json ? print_json(cluster, *reply) : print(cluster, *reply);
    return 0;
  }
  std::fprintf(stderr, "morrow: no worker of cluster %s runs on this machine; start one with: morrow worker %s\n",
               cluster.c_str(), cluster.c_str());
  return 1;
}

}  // namespace

void add_status(CLI::App& app, int& exit_status) {
  struct Given {
    std::string cluster;
    bool json = false;
  };
  auto given = std::make_shared<Given>();
  CLI::App* command = app.add_subcommand("status", "Show a cluster's workers, what they have in use, and its futures");
  command->add_option("CLUSTER", given->cluster, "Name of the cluster")->required();
  command->add_flag("--json", given->json, "For programs");
  command->callback([given, &exit_status] { exit_status = show_status(given->cluster, given->json); });
}

}  // namespace morrow::cli
