// SPDX-License-Identifier: Apache-2.0
// A program that says bytes which are not UTF-8, and control characters, wherever a program may say something.
#include <morrow/find.h>
#include <morrow/morrow.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

namespace {

/// A byte of Latin-1, half of a character, what clears a terminal, the end of a line, a byte that begins nothing.
const std::string kOdd = "caf\xe9 \xe2\x82 \033[2J\n\xff";

std::string hex(const std::string& bytes) {
  std::string out;
  for (const char c : bytes) {
    char digits[4];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
    out += digits;
  }
  return out;
}

/// Lines of all bytes but the ends of lines, then one of 40,000 bytes which is not cut within a character.
void print() {
  const int before = morrow::submit([] {
                       for (std::FILE* stream : {stdout, stderr}) {
                         for (int byte = 0; byte < 256; ++byte) {
                           if (byte != '\n' && byte != '\r') std::fputc(byte, stream);
                         }
                         std::fputs("\nafter\n", stream);
                       }
                       return 1;
                     }).get();
  const int long_line = morrow::submit([] {
                          std::string line = "x";
                          while (line.size() < 40'000) line += "\xe2\x82\xac";
                          std::cout << line << std::endl;
                          return 2;
                        }).get();
  std::cout << "returned " << before << " and " << long_line << std::endl;
}

/// What failed tasks say comes as it was said; the sentence that is shown has no byte of it that a terminal obeys.
void fail() {
  try {
    morrow::submit({.name = kOdd}, [] { throw std::runtime_error(kOdd); }).get();
  } catch (const morrow::RemoteError& error) {
    std::cout << error.type() << " " << hex(error.message()) << " " << hex(error.task()) << "\n"
              << error.what() << "\n";
  }
  for (std::size_t before = 0; before < 3; ++before) {
    try {
      morrow::submit([before] {
        std::string text(before, 'x');
        for (int i = 0; i < 20'000; ++i) text += "\xe2\x82\xac";
        throw std::runtime_error(text);
      }).get();
    } catch (const morrow::RemoteError& error) {
      const std::string end = "\xe2\x82\xac… (cut off)";
      std::cout << error.type() << (error.message().ends_with(end) ? " whole" : " " + hex(error.message())) << "\n";
    }
  }
  const morrow::Future<void> last = morrow::submit({.name = kOdd}, [] { throw std::runtime_error(kOdd); });
  while (!last.ready()) std::this_thread::sleep_for(std::chrono::milliseconds(1));  // told at the end of the session
}

/// What the executor has of what the driver was started with.
void started_with(int argc, char** argv) {
  const auto all = [argc, argv] {
    const char* const variable = std::getenv("ODD");
    char folder[4096] = {};
    std::string text = hex(variable == nullptr ? "none" : variable) + " " +
                       hex(getcwd(folder, sizeof folder) == nullptr ? "" : folder) + " " + hex(argv[0]);
    for (int i = 2; i < argc; ++i) text += " " + hex(argv[i]);
    return text;
  };
  static std::string here;
  here = all();
  morrow::Session session;
  const std::string there = morrow::submit([] { return here; }).get();
  std::cout << (there == here ? "same " : "other ") << there << std::endl;
}

/// How much of them a task has.
void count(int argc) {
  static std::size_t large = 0;
  static int arguments = 0;
  arguments = argc;
  for (int i = 0; i < 4; ++i) {
    const char* const variable = std::getenv(("LARGE_" + std::to_string(i)).c_str());
    large += variable == nullptr ? 0 : std::string(variable).size();
  }
  morrow::Session session;
  const std::string told = morrow::submit([] {
                             return std::to_string(arguments) + " arguments, " + std::to_string(large) + " bytes";
                           }).get();
  std::cout << told << std::endl;
}

/// Becomes itself with 5 MB of arguments, which only a process with a deep stack may have.
void grow(char* self) {
  rlimit stack{};
  getrlimit(RLIMIT_STACK, &stack);
  stack.rlim_cur = stack.rlim_max;
  setrlimit(RLIMIT_STACK, &stack);
  std::string name = "count";
  std::string path(80, 'p');
  std::vector<char*> arguments(50'000, path.data());
  arguments[0] = self;
  arguments[1] = name.data();
  arguments.push_back(nullptr);
  execv("/proc/self/exe", arguments.data());
  std::cout << "50000 arguments, 0 bytes" << std::endl;  // this machine lets no process begin so
}

/// Named tasks, resources and detached futures; it waits until its input ends, so that it can be asked about.
void names() {
  auto runs = morrow::submit({.resources = {{kOdd, 1}}, .name = kOdd}, [] {
    std::cout << kOdd << std::endl;
    std::this_thread::sleep_for(std::chrono::seconds(1));
    return 7;
  });
  std::cout << runs.get() << std::endl;
  auto kept = morrow::submit({.detached = true, .name = "kept " + kOdd}, [] { return 8; });
  std::cout << morrow::find<int>("kept " + kOdd).get() << std::endl;
  auto waits = morrow::submit({.resources = {{"none " + kOdd, 1}}, .name = "waits " + kOdd}, [] { return 9; });
  morrow::Future<void> failed = morrow::submit({.name = "fails " + kOdd}, [] { throw std::invalid_argument(kOdd); });
  try {
    failed.get();
  } catch (const morrow::RemoteError&) {
  }
  std::cout << "ready" << std::endl;
  std::this_thread::sleep_for(std::chrono::hours(1));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc < 2 ? "" : argv[1];
  if (mode == "grow") return grow(argv[0]), 0;
  if (mode == "count") return count(argc), 0;
  if (mode == "started_with") return started_with(argc, argv), 0;
  morrow::Session session({.resources = {{kOdd, 1}}});
  if (mode == "print") print();
  if (mode == "fail") fail();
  if (mode == "names") names();
}
