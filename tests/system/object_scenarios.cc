// SPDX-License-Identifier: Apache-2.0
// Jobs with large values, named by the first argument: what the tests of objects run as drivers.
#include <morrow/arrow.h>
#include <morrow/morrow.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

using namespace morrow::literals;

namespace {

using morrow::Array;
using morrow::Buffer;
using morrow::Future;

/// The first line of main opens it; some end it, and open others.
std::optional<morrow::Session> session;

Array<double> numbers(std::size_t n) {
  auto made = Array<double>::make(n);
  std::iota(made.begin(), made.end(), 0.0);
  return made;
}

double sum(const Array<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

double sum_of_copy(std::vector<double> values) { return std::accumulate(values.begin(), values.end(), 0.0); }

struct Table {
  std::string name;
  std::vector<double> column;
  std::map<std::string, std::vector<int>> rows;
  Array<float> weights;
};

Table make_table(int n) {
  Table table{"table", std::vector<double>(static_cast<std::size_t>(n), 0.5), {}, {}};
  for (int i = 0; i < 100; ++i) table.rows["row " + std::to_string(i)].assign(static_cast<std::size_t>(n / 100), i);
  auto weights = Array<float>::make({10, static_cast<std::size_t>(n / 10)});
  std::fill(weights.begin(), weights.end(), 2.0F);
  table.weights = std::move(weights);
  return table;
}

double weigh(const Table& table, int factor) {
  return factor * (std::accumulate(table.column.begin(), table.column.end(), 0.0) +
                   static_cast<double>(table.rows.at("row 7").size()) + table.weights(9, 3));
}

void wait_for_file(const std::string& path) {
  while (!std::ifstream(path)) std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

std::map<std::string, std::function<void(char**)>> scenarios() {
  std::map<std::string, std::function<void(char**)>> all;

  all["kinds"] = [](char**) {
    const auto made = morrow::submit(numbers, std::size_t{1'000'000});
    const Array<double> array = made.get();
    std::cout << array.size() << " " << array[999'999] << " " << sum(array) << " " << made.size() << "\n";
    std::cout << morrow::submit(sum, made).get() << "\n";
    const auto table = morrow::submit(make_table, 100'000);
    std::cout << morrow::submit(weigh, table, 2).get() << " " << weigh(table.get(), 3) << "\n";
    std::vector<int> numbers_here(500'000);
    std::iota(numbers_here.begin(), numbers_here.end(), 0);
    const auto count = [](const std::vector<int>& v, const std::string& text) { return v.back() + text.size(); };
    std::cout << morrow::submit(count, numbers_here, std::string(100'000, 'x')).get() << "\n";
    const auto put = morrow::put(numbers_here);
    std::cout << morrow::submit(count, put, "abc").get() << " " << (put.get() == numbers_here) << "\n";
    const auto inside = morrow::submit([put] {
      const auto more = morrow::put(std::string(1'000'000, 'y'));
      return std::pair(more, put.get().size());
    });
    const auto [more, size] = inside.get();
    std::cout << more.get().size() << " " << size << "\n";
    const auto small = morrow::put(Buffer("small"));
    std::cout << small.get().text() << " " << morrow::put(Array<int>()).get().size() << "\n";
  };

  all["in_place"] = [](char**) {
    const auto made = morrow::submit(numbers, std::size_t{1'000'000});
    const Array<double> first = made.get();
    const Array<double> second = made.get();
    std::cout << (first.data() == second.data() ? "one place" : "two places") << "\n";
    // A pointer kept from before it was published must not change it for others.
    const auto scribbles = morrow::submit({.max_retries = 0}, [] {
      auto made_here = Array<double>::make(100'000);
      double* const kept = made_here.data();
      made_here[0] = 1;
      const auto published = morrow::put(std::move(made_here));
      kept[0] = 2;
      return published;
    });
    try {
      scribbles.get();
    } catch (const morrow::TaskCrashed& error) {
      std::cout << "signal " << error.signal() << "\n";
    }
    auto mine = Array<int>::make(100'000);
    mine[5] = 5;
    const Array<int> kept = std::move(mine);
    const auto published = morrow::put(kept);
    published.release();
    morrow::flush();
    for (int i = 0; i < 20; ++i) morrow::put(std::vector<int>(100'000, 9)).release();
    std::cout << kept[5] << "\n";
  };

  // Several times more than the memory holds: it goes to disk and comes back.
  all["spill"] = [](char** arguments) {
    const int count = std::atoi(arguments[0]);
    const auto size = static_cast<std::size_t>(std::atoi(arguments[1]));
    std::vector<Future<std::vector<double>>> all_of_them;
    for (int i = 0; i < count; ++i) {
      all_of_them.push_back(morrow::submit(
          [](int seed, std::size_t n) {
            std::vector<double> values(n);
            for (std::size_t k = 0; k < n; ++k) values[k] = seed * 1e6 + static_cast<double>(k);
            return values;
          },
          i, size));
    }
    double wrong = 0;
    for (int i = 0; i < count; ++i) {
      const auto values = all_of_them[static_cast<std::size_t>(i)].get();
      for (std::size_t k = 0; k < size; ++k) wrong += values[k] != i * 1e6 + static_cast<double>(k);
    }
    const auto total =
        morrow::submit([](const std::vector<double>& a, const std::vector<double>& b) { return a[1] + b[1]; },
                       all_of_them[0], all_of_them[1]);
    std::cout << "wrong " << wrong << " total " << total.get() << "\n";
  };

  // Each task reads two values, and few of them fit at once.
  all["pairs"] = [](char** arguments) {
    const auto count = static_cast<std::size_t>(std::atoi(arguments[0]));
    std::vector<Future<Array<double>>> values;
    for (std::size_t i = 0; i < count; ++i)
      values.push_back(morrow::submit(numbers, static_cast<std::size_t>(std::atoi(arguments[1]))));
    morrow::wait(values, values.size());
    std::vector<Future<double>> sums;
    for (std::size_t i = 0; i + 1 < count; ++i) {
      sums.push_back(morrow::submit([](const Array<double>& a, const Array<double>& b) { return a[7] + b[9]; },
                                    values[i], values[i + 1]));
    }
    int right = 0;
    for (const auto& one : sums) {
      try {
        right += one.get() == 16;
      } catch (const morrow::Error& error) {
        std::cout << error.what() << "\n";
      }
    }
    std::cout << "right " << right << "\n";
  };

  // Its program is not there on the worker's side: see main.
  all["never_starts"] = [](char** arguments) {
    const auto large = morrow::put(std::vector<double>(1'000'000, 1.0));
    try {
      morrow::submit([](const std::vector<double>& values) { return values[0]; }, large).get();
    } catch (const morrow::Error&) {
      std::cout << "failed" << std::endl;
    }
    large.release();
    morrow::flush();
    wait_for_file(arguments[0]);
  };

  // More than the memory, at once: large values, copied out, with small ones between them.
  all["get_all"] = [](char** arguments) {
    const int count = std::atoi(arguments[0]);
    const auto size = static_cast<std::size_t>(std::atoi(arguments[1]));
    const auto make = [](int seed, std::size_t n) {
      return std::vector<double>(seed % 3 == 0 ? 2 : n, static_cast<double>(seed));
    };
    std::vector<Future<std::vector<double>>> futures;
    for (int i = 0; i < count; ++i) futures.push_back(morrow::submit(make, i, size));
    const auto wrong = [size](const std::vector<std::vector<double>>& values) {
      std::size_t found = 0;
      for (std::size_t i = 0; i < values.size(); ++i)
        found += values[i] == std::vector<double>(i % 3 == 0 ? 2 : size, static_cast<double>(i)) ? 0 : 1;
      return found;
    };
    const auto values = morrow::get_all(futures);
    std::cout << values.size() << " here, wrong " << wrong(values) << "\n";
    const auto inside = [](const std::vector<Future<std::vector<double>>>& all_of_them) {
      double total = 0;
      for (const auto& one : morrow::get_all(all_of_them)) total += one.back();
      return total;
    };
    std::cout << morrow::submit(inside, futures).get() << "\n";
    std::vector<Future<Array<double>>> arrays;
    for (int i = 0; i < 3; ++i) arrays.push_back(morrow::submit(numbers, size));
    {
      const auto first = arrays[1].get();
      const auto all_arrays = morrow::get_all(arrays);
      std::cout << (all_arrays[1].data() == first.data() ? "one place" : "two places") << " " << sum(all_arrays[2])
                << "\n";
    }
    const auto fails =
        morrow::submit({.max_retries = 0}, []() -> std::vector<double> { throw std::runtime_error("no"); });
    try {
      morrow::get_all({futures[1], Future<std::vector<double>>(fails), futures[2]});
    } catch (const morrow::RemoteError& error) {
      std::cout << "failed\n";
    }
    for (const auto& one : futures) one.release();
    for (const auto& one : arrays) one.release();
    morrow::flush();
    std::cout << "released" << std::endl;
    wait_for_file(arguments[2]);
  };

  // By a driver on another host: fetches again and again while its worker dies.
  all["fetch"] = [](char** arguments) {
    const auto put = morrow::put(std::vector<double>(2'500'000, 1.0));
    // A copy goes to another worker.
    std::cout << morrow::submit({.resources = {{arguments[0], 1}}}, sum_of_copy, put).get() << std::endl;
    wait_for_file(arguments[1]);
    std::size_t wrong = 0;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    while (std::chrono::steady_clock::now() < end) {
      const auto values = put.get();
      wrong += values.size() == 2'500'000 && values.back() == 1.0 ? 0 : 1;
    }
    std::cout << "wrong " << wrong << "\n";
  };

  // By a driver on another host: puts again and again while its worker dies.
  all["puts"] = [](char** arguments) {
    morrow::submit([] {}).get();
    std::cout << "ready" << std::endl;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    while (std::chrono::steady_clock::now() < end) {
      const auto put = morrow::put(std::vector<double>(2'500'000, 1.0));
      put.release();
    }
    wait_for_file(arguments[0]);
    std::cout << morrow::put(std::vector<double>(2'500'000, 1.0)).get().size() << "\n";
  };

  // Questions that are taken back while their answers are on their way.
  all["ask_and_leave"] = [](char** arguments) {
    const auto large = morrow::submit(numbers, std::size_t{100'000});
    morrow::wait({large}, 1);
    for (int i = 0; i < 300; ++i) large.get_for(std::chrono::microseconds(20 * (i % 20)));
    large.release();
    morrow::flush();
    std::cout << "released" << std::endl;
    wait_for_file(arguments[0]);
  };

  all["refused"] = [](char** arguments) {
    const std::string much(10'000'000, 'x');
    const auto size = [](const std::string& text) { return text.size(); };
    for (int i = 0; i < 10; ++i) {
      try {
        morrow::submit({.max_retries = -1}, size, much);
      } catch (const std::invalid_argument&) {
        std::cout << ".";
      }
    }
    std::cout << morrow::submit(size, much).get() << " refused" << std::endl;
    wait_for_file(arguments[0]);
  };

  all["no_room"] = [](char** arguments) {
    const auto size = static_cast<std::size_t>(std::atoll(arguments[0]));
    const auto large = [](std::size_t n) { return std::vector<char>(n, 'a').size() > 1 ? std::string(n, 'b') : ""; };
    try {
      std::cout << morrow::submit({.max_retries = 0}, large, size).get().size() << "\n";
    } catch (const morrow::ObjectMemoryError& error) {
      std::cout << "task: " << error.what() << "\n";
    }
    try {
      morrow::put(std::string(size, 'c'));
      std::cout << "put\n";
    } catch (const morrow::ObjectMemoryError& error) {
      std::cout << "put: " << error.what() << "\n";
    }
    std::cout << morrow::submit(large, std::size_t{1'000'000}).get().size() << "\n";
  };

  // Values that do not compress, until there is no room.
  all["random_values"] = [](char** arguments) {
    std::vector<Future<std::string>> values;
    double free = 1e18;
    try {
      for (int i = 0; i < std::atoi(arguments[0]); ++i) {
        values.push_back(morrow::submit(
            {.max_retries = 0},
            [](unsigned seed, std::size_t size) {
              std::mt19937 random(seed);
              std::string bytes(size, 0);
              for (char& one : bytes) one = static_cast<char>(random());
              return bytes;
            },
            static_cast<unsigned>(i), static_cast<std::size_t>(std::atoi(arguments[1]))));
        morrow::wait(values, values.size());
        if (values.back().get().empty()) std::cout << "empty\n";
        const auto space = std::filesystem::space(std::getenv("MORROW_HOME"));
        free = std::min(free, static_cast<double>(space.available) / 1e6);
      }
    } catch (const morrow::Error& error) {
      std::cout << error.what() << "\n";
    }
    std::cout << "least free " << free << " MB\n";
  };

  // Fills the memory with what it holds on to.
  all["hold"] = [](char** arguments) {
    std::vector<Array<double>> held;
    for (int i = 0; i < std::atoi(arguments[0]); ++i)
      held.push_back(morrow::submit(numbers, std::size_t{1'000'000}).get());
    std::cout << "holding" << std::endl;
    wait_for_file(arguments[1]);
    for (const auto& array : held) {
      if (array[999'999] != 999'999) std::cout << "changed\n";
    }
  };

  all["free"] = [](char** arguments) {
    {
      const morrow::Scope scope;
      for (int i = 0; i < 5; ++i) {
        const auto kept = morrow::submit(numbers, std::size_t{100'000});
        kept.get();
      }
      std::cout << "in scope" << std::endl;
      wait_for_file(arguments[0]);
    }
    morrow::flush();
    std::cout << "after scope" << std::endl;
    wait_for_file(arguments[1]);
  };

  // The executor that looked at the value has nothing to do afterwards.
  all["free_after_a_task"] = [](char** arguments) {
    {
      const morrow::Scope scope;
      const auto values = morrow::put(std::vector<double>(2'500'000, 1.0));
      std::cout << morrow::submit(sum_of_copy, values).get() << "\n";
      const auto array = morrow::submit(numbers, std::size_t{1'000'000});
      std::cout << morrow::submit(sum, array).get() << "\n";
      values.release();
    }
    morrow::flush();
    std::cout << "after scope" << std::endl;
    wait_for_file(arguments[0]);
    // All of the memory but a little is there for one value.
    std::cout << morrow::put(std::string(50'000'000, 'x')).get().size() << "\n";
  };

  // As a server does that opens a session for each request.
  all["many_sessions"] = [](char** arguments) {
    double total = 0;
    for (int i = 0; i < std::atoi(arguments[0]); ++i) {
      Array<double> values = morrow::submit(numbers, std::size_t{2'500'000}).get();
      total += morrow::put(Array<double>(values.span())).get()[1];
      auto unfinished = Array<double>::make(100'000);
      unfinished[0] = 1;
      if (i % 2 == 0) values = {};  // else it ends after its session
      session.reset();
      session.emplace();
    }
    std::cout << total << std::endl;
    wait_for_file(arguments[1]);
  };

  all["outlives"] = [](char** arguments) {
    {
      const Array<double> kept = morrow::submit(numbers, std::size_t{1'000'000}).get();
      session.reset();
      std::cout << "ended" << std::endl;
      wait_for_file(arguments[0]);
      std::cout << sum(kept) << std::endl;
    }
    std::cout << "let go" << std::endl;
    wait_for_file(arguments[1]);
  };

  all["private"] = [](char** arguments) {
    session.reset();
    morrow::SessionOptions options{.cpus = 1, .object_memory = 64_MB};
    if (arguments[1] != nullptr) options.spill_folder = arguments[1];
    session.emplace("", options);
    std::vector<Future<Array<double>>> more;
    for (int i = 0; i < 20; ++i) more.push_back(morrow::submit(numbers, std::size_t{1'000'000}));
    morrow::wait(more, more.size());
    std::cout << "spilled" << std::endl;
    wait_for_file(arguments[0]);
    std::cout << sum(more[0].get()) << "\n";
  };

  all["arrow"] = [](char**) {
    static const std::vector<std::int64_t> column(1'000'000, 7);
    static std::array<const void*, 2> buffers{nullptr, column.data()};
    ArrowSchema schema{};
    schema.format = "l";
    schema.release = [](ArrowSchema* which) { which->release = nullptr; };
    ArrowArray array{};
    array.length = static_cast<std::int64_t>(column.size());
    array.n_buffers = 2;
    array.buffers = buffers.data();
    array.release = [](ArrowArray* which) { which->release = nullptr; };
    const auto put = morrow::put(morrow::ArrowBatch::from_arrow(&array, &schema));
    put.get().to_arrow(&array, &schema);
    std::cout << (std::memcmp(array.buffers[1], column.data(), 8 * column.size()) == 0 ? "same" : "changed") << " ";
    array.release(&array);
    schema.release(&schema);
    std::cout << morrow::submit([](const morrow::ArrowBatch& batch) { return batch.rows(); }, put).get() << "\n";
  };

  all["writer_dies"] = [](char**) {
    const auto dies = morrow::submit({.max_retries = 0}, [] {
      auto made = Array<double>::make(1'000'000);
      made[0] = 1;
      raise(SIGKILL);
      return Array<double>(std::move(made));
    });
    try {
      dies.get();
    } catch (const morrow::TaskCrashed&) {
      std::cout << "crashed\n";
    }
  };

  all["put_and_wait"] = [](char** arguments) {
    const auto put = morrow::put(std::vector<double>(1'000'000, 1.0));
    morrow::flush();
    std::cout << "put" << std::endl;
    wait_for_file(arguments[0]);
    try {
      std::cout << put.get().size() << "\n";
    } catch (const morrow::ObjectLostError& error) {
      std::cout << "lost: " << error.what() << "\n";
    }
  };

  // Puts so many values that do not compress, of so many bytes, and reads them all when it is told to. The last one:
  // how many workers are to hold each.
  all["put_many"] = [](char** arguments) {
    const auto value = [size = std::stoul(arguments[1])](std::size_t seed) {
      std::mt19937_64 random(seed);
      std::string bytes(size, 'x');
      for (std::size_t at = 0; at + sizeof(std::uint64_t) <= size; at += sizeof(std::uint64_t)) {
        const std::uint64_t word = random();
        std::memcpy(bytes.data() + at, &word, sizeof word);
      }
      return bytes;
    };
    std::map<std::size_t, Future<std::string>> puts;
    for (std::size_t i = 0; i < std::stoul(arguments[0]); ++i) {
      try {
        puts.emplace(i, morrow::put({.copies = std::stoul(arguments[3])}, value(i)));
      } catch (const morrow::ObjectMemoryError& error) {
        std::cout << "refused: " << error.what() << "\n";
      }
    }
    morrow::flush();
    std::cout << "put " << puts.size() << std::endl;
    wait_for_file(arguments[2]);
    std::size_t right = 0;
    for (const auto& [seed, put] : puts) {
      try {
        if (put.get() == value(seed)) ++right;
      } catch (const morrow::Error& error) {
        std::cout << "unreadable: " << error.what() << "\n";
      }
    }
    std::cout << "right " << right << " of " << puts.size() << "\n";
  };

  all["chain_and_wait"] = [](char** arguments) {
    const auto first = morrow::submit(numbers, std::size_t{1'000'000});
    const auto twice = [](const Array<double>& a) {
      auto made = Array<double>::make(a.size());
      for (std::size_t k = 0; k < a.size(); ++k) made[k] = 2 * a[k];
      return made;
    };
    const auto second = morrow::submit(twice, first);
    const auto third = morrow::submit(twice, second);
    morrow::wait(std::vector{third}, 1);
    morrow::flush();
    std::cout << "made" << std::endl;
    wait_for_file(arguments[0]);
    std::cout << morrow::submit(sum, third).get() << "\n" << sum(third.get()) << "\n" << sum(first.get()) << "\n";
  };

  all["nested_and_wait"] = [](char** arguments) {
    const auto first = morrow::submit(numbers, std::size_t{1'000'000});
    const auto second = morrow::submit(numbers, std::size_t{1'000'000});
    const std::vector<Future<Array<double>>> both{first, second};
    morrow::wait(both, 2);
    morrow::flush();
    std::cout << "made" << std::endl;
    wait_for_file(arguments[0]);
    const auto asks = [](const std::vector<Future<Array<double>>>& values) {
      double total = 0;
      for (const auto& value : morrow::get_all(values)) total += sum(value);
      return std::pair(total, morrow::submit([](int a) { return a + 1; }, 2).get());
    };
    const auto [total, more] = morrow::submit(asks, both).get();
    std::cout << total << " " << more << "\n";
  };

  all["damage"] = [](char** arguments) {
    const auto first = morrow::submit(numbers, std::size_t{1'000'000});
    morrow::wait(std::vector<Future<Array<double>>>{first}, 1);
    // It goes to disk first, for what comes after it.
    std::vector<Future<Array<double>>> more;
    for (int i = 0; i < 20; ++i) more.push_back(morrow::submit(numbers, std::size_t{1'000'000}));
    morrow::wait(more, more.size());
    std::cout << "spilled" << std::endl;
    wait_for_file(arguments[1]);
    try {
      std::cout << sum(first.get()) << "\n";
    } catch (const morrow::ObjectLostError& error) {
      std::cout << "lost: " << error.what() << "\n";
    }
  };

  // Chains of large values over all workers.
  all["pass_around"] = [](char** arguments) {
    const int rounds = std::atoi(arguments[0]);
    std::vector<Future<Array<double>>> now;
    for (int i = 0; i < 8; ++i) now.push_back(morrow::submit(numbers, std::size_t{200'000}));
    for (int round = 0; round < rounds; ++round) {
      std::vector<Future<Array<double>>> next;
      for (std::size_t i = 0; i < now.size(); ++i) {
        next.push_back(morrow::submit(
            [](const Array<double>& a, const Array<double>& b) {
              auto made = Array<double>::make(a.size());
              for (std::size_t k = 0; k < a.size(); ++k) made[k] = (a[k] + b[k]) / 2;
              return made;
            },
            now[i], now[(i + 1) % now.size()]));
      }
      now = next;
    }
    double total = 0;
    for (const auto& future : now) total += sum(future.get());
    std::cout << std::fixed << total << "\n";
  };

  return all;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && argv[1] == std::string("never_starts") && std::getenv("MORROW_EXECUTOR") != nullptr) return 3;
  session.emplace();
  std::cout.precision(15);
  const auto all = scenarios();
  const auto found = argc > 1 ? all.find(argv[1]) : all.end();
  if (found == all.end()) {
    std::cerr << "usage: object_scenarios NAME [ARGUMENTS]\n";
    return 2;
  }
  try {
    found->second(argv + 2);
    session.reset();
  } catch (const std::exception& error) {
    std::cout << "uncaught: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
