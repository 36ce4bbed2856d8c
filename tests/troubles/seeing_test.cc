// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/troubles/stage.h"

namespace morrow::test {
namespace {

/// What a person sees of a cluster, and what a program reads.
class Seeing : public Stage {
 protected:
  nlohmann::json read(std::vector<std::string> words) {
    words.emplace_back("--json");
    const Result result = command(words);
    auto json = nlohmann::json::parse(result.out, nullptr, false);
    EXPECT_FALSE(json.is_discarded()) << result.out << result.err;
    return json;
  }
};

TEST_F(Seeing, WorkersWithWhatTheyHaveAndDo) {
  const auto one = cluster_.worker({"--cpus", "3", "--memory", "2GiB", "--resource", "license=2", "--name", "one"});
  const auto driver = stage("sleeps");
  ASSERT_TRUE(says("sleeper", "runs on worker one"));
  const auto worker = read({"list", "workers", cluster_.name()})["workers"][0];
  EXPECT_EQ(worker["name"], "one");
  EXPECT_EQ(worker["pid"], one->pid());
  EXPECT_EQ(worker["state"], "open");
  EXPECT_EQ(worker["cpus"], 3.0);
  EXPECT_EQ(worker["cpus_in_use"], 1.0);
  EXPECT_EQ(worker["memory_bytes"], 2ULL << 30);
  EXPECT_EQ(worker["resources"]["license"], 2.0);
  EXPECT_EQ(worker["tasks"], 1);
  EXPECT_EQ(worker["drivers"], 1);
  EXPECT_TRUE(worker["started_unix_ms"].is_number());
  EXPECT_TRUE(worker["silent_ms"].is_number());
  EXPECT_TRUE(worker["cannot_start"].empty());
  EXPECT_TRUE(has(command({"list", "workers", cluster_.name()}).out, "1 of 3"));
}

TEST_F(Seeing, ClustersAlsoThoseThatHaveNoWorkerNow) {
  auto one = cluster_.worker({"--name", "one"});
  const auto living = read({"list", "clusters"})["clusters"][0];
  EXPECT_EQ(living["name"], cluster_.name());
  EXPECT_EQ(living["workers"], nlohmann::json::array({"one"}));
  EXPECT_TRUE(living["store"].get<std::string>().starts_with("lmdb:"));
  one->signal(SIGTERM);
  EXPECT_EQ(one->wait().status, 0);
  EXPECT_TRUE(has(command({"list", "clusters"}).out, "none now"));
}

TEST_F(Seeing, FunctionsWithTheirEnds) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  const auto failed = stage("gone");
  EXPECT_EQ(failed->wait().status, 0);
  const auto driver = stage("queued");
  ASSERT_TRUE(says("first", "runs on")) << "its process may have to start";
  ASSERT_TRUE(says("second", "is the next one"));
  const auto functions = read({"summary", cluster_.name()})["functions"];
  std::map<std::string, nlohmann::json> by_name;
  for (const auto& one : functions) by_name[one["function"]] = one;
  EXPECT_EQ(by_name["short-lived"]["failed"], 1);
  EXPECT_EQ(by_name["short-lived"]["count"], 1);
  EXPECT_TRUE(by_name["short-lived"]["mean_ms"].is_number());
  EXPECT_EQ(by_name["first"]["running"], 1);
  EXPECT_EQ(by_name["second"]["waiting"], 1);
  EXPECT_TRUE(by_name["second"]["mean_ms"].is_null());
  EXPECT_EQ(command({"summary", cluster_.name(), "-w"}).status, 3);
}

TEST_F(Seeing, RowsInTheOrderThatWasAskedFor) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  const auto driver = stage("queued");
  ASSERT_TRUE(says("second", "is the next one"));
  const auto names = [&](const std::string& sort) {
    std::string all;
    const auto listed = read({"list", "tasks", cluster_.name(), "--sort", sort});
    for (const auto& one : listed["futures"]) all += one["name"].get<std::string>() + " ";
    return all;
  };
  EXPECT_EQ(names("name"), "first second ");
  EXPECT_EQ(names("-name"), "second first ");
  const Result wrong = command({"list", "tasks", cluster_.name(), "--sort", "colour"});
  EXPECT_EQ(wrong.status, 2);
  EXPECT_TRUE(has(wrong.err, "there are: future, name, state"));
}

TEST_F(Seeing, AgainAndAgainWithAnEmptyLineBetween) {
  const auto worker = cluster_.worker({"--cpus", "1", "--name", "one"});
  const auto watcher = cluster_.start({bin() + "/morrow", "list", "workers", cluster_.name(), "--watch", "0.2"});
  EXPECT_TRUE(eventually([&] {
    const std::string out = watcher->out();
    const std::size_t second = out.find("\n\nWORKER");
    return second != std::string::npos && out.find("\n\nWORKER", second + 1) != std::string::npos;
  })) << watcher->out();
}

TEST_F(Seeing, ThatThereIsNothingToWorryAboutByTheStatus) {
  const auto worker = cluster_.worker({"--cpus", "2"});
  const auto driver = stage("sleeps");
  ASSERT_TRUE(says("sleeper", "runs on"));
  EXPECT_EQ(command({"status", cluster_.name(), "-w"}).status, 0);
  EXPECT_EQ(command({"list", "tasks", cluster_.name(), "-w"}).status, 0);
  EXPECT_EQ(command({"list", "workers", cluster_.name(), "-w"}).status, 0);
  const auto failing = stage("fails");
  ASSERT_TRUE(cluster_.wait_for_status("1 failed"));
  EXPECT_EQ(command({"status", cluster_.name(), "-w"}).status, 3);
  EXPECT_EQ(command({"list", "futures", cluster_.name(), "-w"}).status, 3);
}

TEST_F(Seeing, ThatNoWorkerFitsByTheStatus) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  const auto driver = stage("no_worker_fits");
  ASSERT_TRUE(cluster_.wait_for_status("no worker has that much"));
  EXPECT_EQ(command({"status", cluster_.name(), "-w"}).status, 3);
  EXPECT_FALSE(read({"status", cluster_.name()})["warnings"].empty());
}

TEST_F(Seeing, TheFolderOfTheLogsWhenAWorkerStarts) {
  const auto worker = cluster_.worker({"--name", "one"});
  EXPECT_TRUE(has(worker->err(), "/logs/one"));
}

}  // namespace
}  // namespace morrow::test
