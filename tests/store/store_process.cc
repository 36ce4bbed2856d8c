// SPDX-License-Identifier: Apache-2.0
// The other process in the tests of several: store_process DIR COMMAND [ARGS...]. Prints a line when it has come where
// the test wants it.
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <string>
#include <vector>

#include "store/lmdb/lmdb_store.h"

namespace morrow::store {
namespace {

void say(const char* line) {
  std::puts(line);
  std::fflush(stdout);
}

[[noreturn]] void sleep_for_ever() {
  while (true) ::pause();
}

void increment(Store& store, const std::string& key) {
  store.transact([&](Transaction& transaction) {
    const auto count = transaction.get(key);
    transaction.set(key, std::to_string(count ? std::stoi(*count) + 1 : 1));
  });
}

/// Waits for `wanted` to come under `key`, by watches alone.
void wait_for(Store& store, const std::string& key, const std::string& wanted) {
  while (true) {
    std::atomic<bool> changed = false;
    const auto watch = store.watch(key, [&] {
      changed = true;
      changed.notify_all();
    });
    if (store.begin_read()->get(key) == wanted) return;
    changed.wait(false);
  }
}

int run(const std::vector<std::string>& arguments) {
  const std::string& command = arguments.at(1);
  LmdbOptions options;
  options.directory = arguments.at(0);
  LmdbStore store(options);
  if (command == "increment") {  // KEY TIMES
    for (int i = std::stoi(arguments.at(3)); i > 0; --i) increment(store, arguments.at(2));
    return 0;
  }
  if (command == "set") {  // KEY VALUE
    store.transact([&](Transaction& transaction) { transaction.set(arguments.at(2), arguments.at(3)); });
    return 0;
  }
  if (command == "hold") {  // KEY: the write lock, with KEY written
    const auto transaction = store.begin();
    transaction->set(arguments.at(2), "held");
    say("holding");
    sleep_for_ever();
  }
  if (command == "read") {  // an open read transaction
    const auto transaction = store.begin_read();
    transaction->get("a");
    say("reading");
    sleep_for_ever();
  }
  if (command == "watch") {  // KEY
    std::atomic<bool> changed = false;
    const auto watch = store.watch(arguments.at(2), [&] {
      changed = true;
      changed.notify_all();
    });
    say("watching");
    changed.wait(false);
    say("fired");
    return 0;
  }
  if (command == "echo") {  // FROM TO TIMES: copies each number that comes
    say("ready");
    for (int i = 1; i <= std::stoi(arguments.at(4)); ++i) {
      wait_for(store, arguments.at(2), std::to_string(i));
      store.transact([&](Transaction& transaction) { transaction.set(arguments.at(3), std::to_string(i)); });
    }
    return 0;
  }
  if (command == "open") {  // and leave without closing
    say("open");
    sleep_for_ever();
  }
  return 2;
}

}  // namespace
}  // namespace morrow::store

int main(int argc, char** argv) { return morrow::store::run({argv + 1, argv + argc}); }
