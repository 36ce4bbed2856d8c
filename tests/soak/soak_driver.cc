// SPDX-License-Identifier: Apache-2.0
// A driver of the soak: submits batches of futures of many kinds, and checks each value, until the file "stop" is in
// the folder $MORROW_SOAK. Its name, unique among drivers, and its seed come by its standard input, so that all drivers
// are one program to the workers.
//
// What happens is written down, so that soak.py can compute at the end what was lost and what ran twice: a line for
// each event, in the file "records" of that folder, which drivers and executors append to. The words of a line are the
// event, the key of the future (DRIVER.NUMBER), the time (monotonic, nanoseconds), and then
//
//   submit  KIND RETRIES COPIES   it was submitted, or put
//   ack                           flush returned: it and all before it of this driver are acknowledged
//   begin   NONCE                 an execution of it began
//   value   NONCE                 its value was read, and is right; NONCE is of the execution that made it, or 0
//   wrong   TEXT                  its value was read, and is wrong
//   failed  TYPE TEXT             it failed
//   hangs                         it did not end in time
//   end     TEXT                  the driver ends its session (the key is DRIVER.0); TEXT says why, if not in order
#include <morrow/morrow.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <typeinfo>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace {

using morrow::Array;
using morrow::Future;

constexpr std::int64_t kMany = 40;              // retries: no number of faults of a soak uses them up
constexpr std::chrono::seconds kHangs{120};     // for one future
constexpr std::size_t kLargeNumbers = 200'000;  // 1.6 MB

std::string folder() {
  const char* const found = std::getenv("MORROW_SOAK");
  if (found == nullptr) throw std::runtime_error("MORROW_SOAK is not set; ./dev soak sets it");
  return found;
}

/// One write, so that lines of many processes do not mix, and a kill leaves a whole one or none.
void write_down(const std::string& event, const std::string& key, const std::string& more = {}) {
  static const int file = open((folder() + "/records").c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  std::string line = event + " " + key + " " + std::to_string(std::chrono::nanoseconds(now).count()) + " " + more;
  for (char& one : line) one = one == '\n' ? ' ' : one;
  line += '\n';
  if (write(file, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    throw std::runtime_error("the records can't be written");
}

std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 31)) * 0x9e3779b97f4a7c15ULL;
  return x ^ (x >> 29);
}

/// What a task returns: its value, and the execution that made it.
struct Made {
  std::uint64_t value = 0;
  std::uint64_t nonce = 0;
};

/// What has no key is not looked at.
std::uint64_t begin(const std::string& key) {
  static std::mt19937_64 random{std::random_device{}()};
  static const pid_t of = getpid();
  if (of != getpid()) throw std::runtime_error("an executor was forked from one that ran a task");
  const std::uint64_t nonce = random() | 1;
  if (!key.empty()) write_down("begin", key, std::to_string(nonce));
  return nonce;
}

void nap(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

// ---- tasks ----

Made brief(const std::string& key, std::uint64_t x) { return {mixed(x), begin(key)}; }

Made napping(const std::string& key, std::uint64_t x, int milliseconds) {
  const std::uint64_t nonce = begin(key);
  nap(milliseconds);
  return {mixed(x), nonce};
}

Made nested(const std::string& key, std::uint64_t x, int depth) {
  const std::uint64_t nonce = begin(key);
  std::vector<Future<std::uint64_t>> children;
  for (std::uint64_t i = 0; i < 3; ++i) {
    children.push_back(morrow::submit(
        {.max_retries = kMany},
        [](std::uint64_t y, int below) {
          nap(static_cast<int>(y % 20));
          return below == 0 ? mixed(y) : nested("", y, below - 1).value;
        },
        x + i, depth));
  }
  std::uint64_t sum = 0;
  for (const auto& child : children) sum += child.get();
  return {sum, nonce};
}

std::uint64_t nested_value(std::uint64_t x, int depth) {
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < 3; ++i) sum += depth == 0 ? mixed(x + i) : nested_value(x + i, depth - 1);
  return sum;
}

Made add(const std::string& key, const Made& a, const Made& b) { return {a.value + b.value, begin(key)}; }

Array<std::uint64_t> large_value(std::uint64_t x) {
  auto made = Array<std::uint64_t>::make(kLargeNumbers);
  for (std::size_t i = 0; i < made.size(); ++i) made[i] = mixed(x + i);  // does not compress
  return made;
}

Array<std::uint64_t> large(const std::string& key, std::uint64_t x) {
  begin(key);
  return large_value(x);
}

std::uint64_t sum_of(const Array<std::uint64_t>& values) {
  return std::accumulate(values.begin(), values.end(), std::uint64_t{0});
}

std::uint64_t large_sum(std::uint64_t x) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kLargeNumbers; ++i) sum += mixed(x + i);
  return sum;
}

Made sum_large(const std::string& key, const Array<std::uint64_t>& a, const Array<std::uint64_t>& b) {
  const std::uint64_t nonce = begin(key);
  return {sum_of(a) + sum_of(b), nonce};
}

Made moody(const std::string& key, std::uint64_t x) {
  const std::uint64_t nonce = begin(key);
  if ((nonce >> 20) % 2 == 0) throw std::runtime_error("a mood");
  return {mixed(x), nonce};
}

Made failing(const std::string& key) {
  begin(key);
  throw std::invalid_argument("as it should");
}

// ---- the driver ----

/// Batches of one driver, one after another.
class Driver {
 public:
  Driver(std::string name, std::uint64_t seed) : name_(std::move(name)), random_(seed) {}

  void run() {
    while (!std::ifstream(folder() + "/stop")) {
      const morrow::Scope scope;
      switch (below(10)) {
        case 0:
          return_values(300, "brief", brief);
          break;
        case 1:
          naps("nap", kMany, 10);
          break;
        case 2:
          naps("once", 0, 10);
          break;
        case 3:
          nests();
          break;
        case 4:
          chain();
          break;
        case 5:
          large_results();
          break;
        case 6:
          puts(1);
          break;
        case 7:
          puts(2);
          break;
        case 8:
          return_values(10, "moody", moody);
          break;
        default:
          failures();
          break;
      }
      if (below(4) == 0) leave_behind();
    }
  }

  std::string key(int number) const { return name_ + "." + std::to_string(number); }

 private:
  template <class T>
  struct Expected {
    std::string key;
    Future<T> future;
    std::uint64_t value = 0;
  };

  std::uint64_t below(std::uint64_t n) { return random_() % n; }

  std::string next(const std::string& kind, std::int64_t retries, int copies = 0) {
    std::string made = key(++last_);
    write_down("submit", made, kind + " " + std::to_string(retries) + " " + std::to_string(copies));
    return made;
  }

  void flush() const {
    morrow::flush();
    write_down("ack", key(last_));
  }

  static std::uint64_t value_of(const Made& made) { return made.value; }
  static std::uint64_t value_of(const Array<std::uint64_t>& made) { return sum_of(made); }
  static std::uint64_t nonce_of(const Made& made) { return made.nonce; }
  static std::uint64_t nonce_of(const Array<std::uint64_t>&) { return 0; }

  template <class T>
  static void check(const Expected<T>& one) {
    try {
      const auto got = one.future.get_for(kHangs);
      if (!got) return write_down("hangs", one.key);
      const std::uint64_t value = value_of(*got);
      if (value == one.value) return write_down("value", one.key, std::to_string(nonce_of(*got)));
      write_down("wrong", one.key, std::to_string(value) + " instead of " + std::to_string(one.value));
    } catch (const morrow::SessionError&) {
      throw;
    } catch (const morrow::Error& error) {
      write_down("failed", one.key, std::string(typeid(error).name()) + " " + error.what());
    }
  }

  /// Some flush and some do not, and some look twice: the value has to be the same.
  template <class T>
  void check_all(const std::vector<Expected<T>>& all) {
    if (below(2) == 0) flush();
    for (const auto& one : all) check(one);
    if (below(4) == 0) check(all[below(all.size())]);
  }

  void return_values(int count, const std::string& kind, Made (*task)(const std::string&, std::uint64_t)) {
    std::vector<Expected<Made>> all;
    for (int i = 0; i < count; ++i) {
      const std::uint64_t x = random_();
      const std::string key = next(kind, kMany);
      all.push_back({key, morrow::submit({.max_retries = kMany, .retry_exceptions = true}, task, key, x), mixed(x)});
    }
    check_all(all);
  }

  void naps(const std::string& kind, std::int64_t retries, int count) {
    std::vector<Expected<Made>> all;
    for (int i = 0; i < count; ++i) {
      const std::uint64_t x = random_();
      const std::string key = next(kind, retries);
      all.push_back(
          {key, morrow::submit({.max_retries = retries}, napping, key, x, static_cast<int>(below(200))), mixed(x)});
    }
    check_all(all);
  }

  void nests() {
    std::vector<Expected<Made>> all;
    for (int i = 0; i < 4; ++i) {
      const std::uint64_t x = random_();
      const int depth = static_cast<int>(below(2));
      const std::string key = next("nested", kMany);
      all.push_back({key, morrow::submit({.max_retries = kMany}, nested, key, x, depth), nested_value(x, depth)});
    }
    check_all(all);
  }

  /// Each depends on the two before it.
  void chain() {
    std::vector<Expected<Made>> all;
    for (std::size_t i = 0; i < 12; ++i) {
      const std::string key = next("chain", kMany);
      if (i < 2) {
        all.push_back({key, morrow::submit({.max_retries = kMany}, brief, key, i), mixed(i)});
        continue;
      }
      all.push_back({key, morrow::submit({.max_retries = kMany}, add, key, all[i - 1].future, all[i - 2].future),
                     all[i - 1].value + all[i - 2].value});
    }
    check_all(all);
  }

  template <class Make>
  void use_large(const std::string& kind, int copies, const Make& make) {
    std::vector<Expected<Array<std::uint64_t>>> values;
    for (int i = 0; i < 4; ++i) {
      const std::uint64_t x = random_();
      const std::string key = next(kind, kMany, copies);
      values.push_back({key, make(key, x), large_sum(x)});
    }
    if (below(2) == 0) flush();
    std::vector<Expected<Made>> sums;
    for (std::size_t i = 0; i < 4; ++i) {
      const auto& a = values[i];
      const auto& b = values[below(4)];
      const std::string key = next("of_" + kind, kMany, copies);
      sums.push_back(
          {key, morrow::submit({.max_retries = kMany}, sum_large, key, a.future, b.future), a.value + b.value});
    }
    check_all(sums);
    check_all(values);
  }

  void large_results() {
    use_large("large", 0, [](const std::string& key, std::uint64_t x) {
      return Future<Array<std::uint64_t>>(morrow::submit({.max_retries = kMany}, large, key, x));
    });
  }

  void puts(int copies) {
    use_large("put", copies, [copies](const std::string&, std::uint64_t x) {
      return morrow::put({.copies = copies}, large_value(x));
    });
  }

  void failures() {
    for (int i = 0; i < 5; ++i) {
      const std::string key = next("failing", kMany);
      try {
        morrow::submit({.max_retries = kMany}, failing, key).get();
        write_down("wrong", key, "a value");
      } catch (const morrow::RemoteError& error) {
        const bool its_own = error.message() == "as it should";
        write_down(its_own ? "value" : "failed", key,
                   its_own ? "0" : std::string(typeid(error).name()) + " " + error.what());
      }
    }
  }

  /// What nobody asks for ends with the scope.
  void leave_behind() {
    for (int i = 0; i < 4; ++i) {
      morrow::submit(napping, std::string(), std::uint64_t{1}, static_cast<int>(below(500))).unattended();
      morrow::put(large_value(7));
    }
  }

  std::string name_;
  std::mt19937_64 random_;
  int last_ = 0;
};

morrow::SessionOptions options() {
  morrow::SessionOptions options;
  options.connect_timeout = std::chrono::seconds(60);
  options.grace = std::chrono::milliseconds(std::atoi(std::getenv("MORROW_SOAK_GRACE_MS")));
  return options;
}

}  // namespace

int main() {
  const morrow::Session session(options());
  std::string name;
  std::uint64_t seed = 0;
  std::cin >> name >> seed;
  Driver driver(name, seed);
  try {
    driver.run();
    write_down("end", driver.key(0));
  } catch (const std::exception& error) {
    write_down("end", driver.key(0), std::string(typeid(error).name()) + " " + error.what());
    return 3;
  }
  return 0;
}
