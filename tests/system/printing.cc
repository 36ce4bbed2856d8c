// SPDX-License-Identifier: Apache-2.0
// Tasks that print, for tests of what becomes of it.
#include <morrow/morrow.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

/// 20 tasks print 5,000 lines each, far more than pipes and sockets hold.
void flood() {
  std::vector<morrow::Future<void>> tasks;
  for (int task = 0; task < 20; ++task) {
    tasks.push_back(morrow::submit(
        [](int number) {
          const std::string rest(60, 'x');
          for (int line = 0; line < 5'000; ++line) std::printf("line %d %d %s\n", number, line, rest.c_str());
        },
        task));
  }
  morrow::get_all(tasks);
}

/// One prints and fails, and the program looks at that.
void fail(bool prints) {
  try {
    morrow::submit([prints] {
      if (prints) std::cout << "what a task printed" << std::endl;
      throw std::runtime_error("no luck");
    }).get();
  } catch (const morrow::RemoteError& error) {
    std::cout << error.message() << std::endl;
  }
}

/// One that is cancelled while it runs, and one that runs when the session ends.
void leave() {
  const auto task = [] {
    std::cout << "what a task printed" << std::endl;
    std::this_thread::sleep_for(std::chrono::hours(1));
  };
  morrow::Future<void> cancelled = morrow::submit(task);
  morrow::Future<void> running = morrow::submit(task);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  cancelled.cancel();
  try {
    cancelled.get();
  } catch (const morrow::CancelledError&) {
    std::cout << "cancelled" << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc < 2 ? "" : argv[1];
  morrow::Session session({.log_to_driver = mode != "fail_unseen"});
  if (mode == "leave") leave();
  if (mode == "flood") flood();
  if (mode == "fail" || mode == "fail_unseen") fail(true);
  if (mode == "fail_silently") fail(false);
  if (mode == "print") morrow::submit([] { std::cout << "hello" << std::endl; }).get();
}
