// SPDX-License-Identifier: Apache-2.0
// Tasks that hold what those need that they await: the first argument names the job. In processes of their own they
// would not meet.
#include <morrow/morrow.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <iostream>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

std::mutex mutex;
std::shared_mutex shared;
std::condition_variable changed;
bool busy = false;

int locked() {
  const std::lock_guard lock(mutex);
  return 1;
}

/// The parent holds a mutex over its get.
int parent() {
  const std::lock_guard lock(mutex);
  return morrow::submit(locked).get() + 1;
}

/// The one that holds it is not the one that waits for the child itself.
int grandparent() {
  const std::lock_guard lock(mutex);
  return morrow::submit([] { return morrow::submit(locked).get() + 1; }).get() + 1;
}

/// What the child needs is a dependency's doing.
int through_another() {
  const std::lock_guard lock(mutex);
  const auto first = morrow::submit(locked);
  return morrow::submit([](int value) { return value + 1; }, first).get();
}

/// The child awaits others before it comes to the lock.
int after_a_wait() {
  const std::lock_guard lock(mutex);
  return morrow::submit([] {
           morrow::submit([] { std::this_thread::sleep_for(std::chrono::milliseconds(800)); }).get();
           return locked() + 1;
         })
      .get();
}

int reader() {
  const std::shared_lock lock(shared);
  return morrow::submit([] {
           const std::unique_lock write(shared);
           return 1;
         }).get() +
         1;
}

int condition() {
  busy = true;
  const int value = morrow::submit([] {
                      std::unique_lock lock(mutex);
                      changed.wait(lock, [] { return !busy; });
                      return 1;
                    }).get();
  busy = false;
  return value + 1;
}

/// Several at once, each with its own children.
int many() {
  std::vector<morrow::Future<int>> futures;
  for (int i = 0; i < 6; ++i) futures.push_back(morrow::submit(parent));
  int sum = 0;
  for (const auto& future : futures) sum += future.get();
  return sum;
}

const std::map<std::string, std::function<int()>> kJobs = {
    {"parent", [] { return morrow::submit(parent).get(); }},
    {"grandparent", [] { return morrow::submit(grandparent).get(); }},
    {"through_another", [] { return morrow::submit(through_another).get(); }},
    {"after_a_wait", [] { return morrow::submit(after_a_wait).get(); }},
    {"not_forked", [] { return morrow::submit(parent).get(); }},
    {"reader", [] { return morrow::submit(reader).get(); }},
    {"condition", [] { return morrow::submit(condition).get(); }},
    {"many", many},
};

}  // namespace

int main(int argc, char** argv) {
  const std::string job = argc > 1 ? argv[1] : "";
  morrow::SessionOptions options;
  options.fork_server = job != "not_forked";
  const morrow::Session session(options);
  std::cout << kJobs.at(job)() << "\n";
}
