// SPDX-License-Identifier: Apache-2.0
// What large values cost, each beside the same bytes moved with no Morrow. bench/objects.py starts the workers.
//
//   bench_objects memory | many | transfer plain|tls | spill FOLDER | broadcast WORKERS
//
// Prints a line "KEY VALUE" for each measure.
#include <morrow/morrow.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/net_stream.h"
#include "wire/tls.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kTransferBytes = 1 << 30;
constexpr std::size_t kSpillBytes = 128 << 20;
constexpr int kSpillObjects = 16;
constexpr int kSpillFit = 4;  // of them find room in memory
constexpr int kMany = 10'000;
constexpr std::size_t kManyBytes = 16 << 10;

double seconds(const std::function<void()>& work) {
  const auto start = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

void tell(const std::string& key, double value) {
  std::printf("%s %.9g\n", key.c_str(), value);
  std::fflush(stdout);
}

std::vector<double> random_doubles(std::size_t bytes) {
  std::vector<double> values(bytes / sizeof(double));
  std::uint64_t state = 1;
  for (double& value : values) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    std::memcpy(&value, &state, sizeof value);
  }
  return values;
}

// ---- put and get beside memcpy ----

template <class Value>
Value made_of(const std::vector<double>& from) {
  const std::size_t bytes = from.size() * sizeof(double);
  if constexpr (std::is_same_v<Value, morrow::Buffer>) {
    auto made = morrow::Buffer::make(bytes);
    std::memcpy(made.data(), from.data(), bytes);
    return made;
  } else if constexpr (std::is_same_v<Value, morrow::Array<double>>) {
    auto made = morrow::Array<double>::make(from.size());
    std::memcpy(made.data(), from.data(), bytes);
    return made;
  }
}

/// All in turns, because a machine is not equally fast at all times.
struct Times {
  std::vector<double> copy, put_array, put_buffer, put_vector, get_array, get_again, get_vector;
};

void of_size(std::size_t bytes, Times& times, const std::vector<double>& from, std::vector<double>& to) {
  times.copy.push_back(seconds([&] { std::memcpy(to.data(), from.data(), bytes); }));
  morrow::Future<morrow::Array<double>> array;
  times.put_array.push_back(seconds([&] { array = morrow::put(made_of<morrow::Array<double>>(from)); }));
  morrow::flush();
  {
    morrow::Array<double> first;
    morrow::Array<double> again;
    times.get_array.push_back(seconds([&] { first = array.get(); }));
    times.get_again.push_back(seconds([&] { again = array.get(); }));
    if (std::memcmp(again.data(), from.data(), std::min<std::size_t>(bytes, 4096)) != 0) std::abort();
  }
  array.release();
  morrow::Future<morrow::Buffer> buffer;
  times.put_buffer.push_back(seconds([&] { buffer = morrow::put(made_of<morrow::Buffer>(from)); }));
  buffer.release();
  morrow::Future<std::vector<double>> vector;
  times.put_vector.push_back(seconds([&] { vector = morrow::put(from); }));
  times.get_vector.push_back(seconds([&] { to = vector.get(); }));
  vector.release();
  morrow::flush();
}

void memory() {
  const std::vector<std::pair<const char*, std::size_t>> sizes{{"1kB", 1 << 10},     {"64kB", 64 << 10},
                                                               {"1MB", 1 << 20},     {"16MB", 16 << 20},
                                                               {"256MB", 256 << 20}, {"2GB", 2ULL << 30}};
  for (const auto& [name, bytes] : sizes) {
    const std::vector<double> from = random_doubles(bytes);
    std::vector<double> to(from.size());
    const int turns = bytes <= (1 << 20) ? 200 : bytes <= (16 << 20) ? 30 : bytes <= (256 << 20) ? 5 : 2;
    Times cold;
    of_size(bytes, cold, from, to);  // makes the arena warm
    of_size(bytes, cold, from, to);
    Times times;
    for (int turn = 0; turn < turns; ++turn) of_size(bytes, times, from, to);
    const auto rate = [&](const std::vector<double>& found) {
      return static_cast<double>(bytes) / median(found) / 1e9;
    };
    const std::string at = name;
    tell("copy " + at, rate(times.copy));
    tell("put_array " + at, rate(times.put_array));
    tell("put_buffer " + at, rate(times.put_buffer));
    tell("put_vector " + at, rate(times.put_vector));
    tell("get_vector " + at, rate(times.get_vector));
    tell("get_array " + at, median(times.get_array) * 1e6);
    tell("get_again " + at, median(times.get_again) * 1e6);
  }
}

// ---- many ----

void many() {
  const std::vector<double> small(128, 1.5);
  constexpr int kPuts = 100'000;
  const double puts = seconds([&] {
    const morrow::Scope scope;
    for (int i = 0; i < kPuts; ++i) morrow::put(small);
    morrow::flush();
  });
  tell("small_puts", kPuts / puts);

  const std::vector<double> large(1 << 17, 1.5);
  std::vector<double> copy(large.size());
  const auto put_row = [&](int count) {
    for (int i = 0; i < count; ++i) morrow::put(large).release();
    morrow::flush();
  };
  constexpr int kRow = 500;
  put_row(kRow);
  const double row = seconds([&] { put_row(kRow); });
  const double copies = seconds([&] {
    for (int i = 0; i < kRow; ++i) {
      std::memcpy(copy.data(), large.data(), large.size() * sizeof(double));
      if (copy[static_cast<std::size_t>(i)] != large[0]) std::abort();
    }
  });
  const auto megabytes = static_cast<double>(kRow) * static_cast<double>(large.size() * sizeof(double)) / 1e9;
  tell("put_row", megabytes / row);
  tell("copy_row", megabytes / copies);

  const morrow::Scope scope;
  std::vector<morrow::Future<morrow::Buffer>> futures;
  futures.reserve(kMany);
  for (int i = 0; i < kMany; ++i) futures.push_back(morrow::put(morrow::Buffer(std::string(kManyBytes, 'x'))));
  morrow::flush();
  std::vector<double> gets;
  std::vector<double> tasks;
  for (int turn = 0; turn < 3; ++turn) {
    gets.push_back(seconds([&] {
      std::size_t total = 0;
      for (const morrow::Buffer& one : morrow::get_all(futures)) total += one.size();
      if (total != kMany * kManyBytes) std::abort();
    }));
    tasks.push_back(seconds([&] {
      const auto sum = morrow::submit(
          [](const std::vector<morrow::Future<morrow::Buffer>>& all) {
            std::size_t total = 0;
            for (const morrow::Buffer& one : morrow::get_all(all)) total += one.size();
            return total;
          },
          futures);
      if (sum.get() != kMany * kManyBytes) std::abort();
    }));
  }
  tell("get_all", median(gets) * 1e3);
  tell("arguments", median(tasks) * 1e3);
}

// ---- from worker to worker ----

/// One stream over loopback, into memory that is warm: GB/s.
double raw_stream(bool encrypted) {
  using namespace morrow;
  const wire::Fd listening = wire::listen_tcp("127.0.0.1", 0);
  const std::string address = wire::local_address(listening.get());
  const auto port = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  std::vector<std::byte> from(kTransferBytes, std::byte{7});
  std::vector<std::byte> to(kTransferBytes, std::byte{1});
  const wire::Certificate authority = wire::make_authority("bench");
  const wire::TlsServer tls(wire::make_certificate(authority, "bench"), authority.certificate);
  auto sends = std::async(std::launch::async, [&] {
    wire::Fd socket(accept(listening.get(), nullptr, nullptr));
    wire::NetStream stream(std::move(socket));
    if (encrypted) stream.accept(tls);
    std::byte go{};
    stream.read_all({&go, 1});
    for (std::size_t at = 0; at < from.size(); at += 1 << 20) stream.write(std::span(from).subspan(at, 1 << 20));
  });
  wire::NetStream stream = wire::NetStream::connect(
      "127.0.0.1", port, encrypted ? wire::fingerprint(authority.certificate) : "", std::chrono::seconds(60));
  const double time = seconds([&] {
    const std::byte go{1};
    stream.write({&go, 1});
    stream.read_all(to);
  });
  sends.get();
  return static_cast<double>(kTransferBytes) / time / 1e9;
}

morrow::Options on(const std::string& worker) {
  morrow::Options options;
  options.resources[worker] = 1;
  return options;
}

morrow::Buffer make_bytes(std::size_t bytes, int what) {
  auto made = morrow::Buffer::make(bytes);
  std::memset(made.data(), what, bytes);
  return made;
}

void finish(const morrow::Future<morrow::Buffer>& made) { morrow::wait(std::vector{made}, 1); }

std::size_t look(const morrow::Buffer& bytes) { return bytes.size(); }

void transfer(bool encrypted) {
  std::vector<double> raw;
  std::vector<double> ours;
  for (int turn = 0; turn < 4; ++turn) {
    const morrow::Scope scope;
    const auto made = morrow::submit(on("a"), make_bytes, kTransferBytes, turn);
    finish(made);
    morrow::submit(on("b"), [] {}).get();  // its process is there
    const double first = seconds([&] { morrow::submit(on("b"), look, made).get(); });
    const double again = seconds([&] { morrow::submit(on("b"), look, made).get(); });
    const double stream = raw_stream(encrypted);
    if (turn == 0) continue;  // its pages are made
    ours.push_back(static_cast<double>(kTransferBytes) / (first - again) / 1e9);
    raw.push_back(stream);
  }
  const std::string kind = encrypted ? "tls" : "plain";
  tell("stream " + kind, median(raw));
  tell("transfer " + kind, median(ours));
}

void broadcast(int workers) {
  std::vector<double> one;
  std::vector<double> all;
  constexpr int kWarm = 3;  // memory is made when it is used for the first time
  for (int turn = 0; turn < kWarm + 3; ++turn) {
    const auto to = [&](int count) {
      const morrow::Scope scope;
      const auto made = morrow::submit(on("w0"), make_bytes, kTransferBytes, turn);
      finish(made);
      return seconds([&] {
        std::vector<morrow::Future<std::size_t>> looks;
        for (int i = 1; i <= count; ++i) looks.push_back(morrow::submit(on("w" + std::to_string(i)), look, made));
        morrow::get_all(looks);
      });
    };
    const double single = to(1);
    const double every = to(workers - 1);
    if (turn < kWarm) continue;
    one.push_back(single);
    all.push_back(every);
  }
  tell("one_copy", median(one));
  tell("all_copies", median(all));
}

// ---- to disk and back ----

void spill(const std::string& folder) {
  const std::vector<double> bytes = random_doubles(kSpillBytes);
  const auto file = [&](int i) { return folder + "/plain-" + std::to_string(i); };
  constexpr int kOut = kSpillObjects - kSpillFit;
  const auto* const raw = reinterpret_cast<const char*>(bytes.data());
  const double written = seconds([&] {
    for (int i = 0; i < kOut; ++i) {
      const int fd = open(file(i).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
      for (std::size_t at = 0; at < kSpillBytes; at += 1 << 20) {
        if (write(fd, raw + at, 1 << 20) != 1 << 20) std::abort();
      }
      close(fd);
    }
  });
  std::vector<char> into(kSpillBytes, 1);
  const double read_back = seconds([&] {
    for (int i = 0; i < kOut; ++i) {
      const int fd = open(file(i).c_str(), O_RDONLY | O_CLOEXEC);
      for (std::size_t at = 0; at < kSpillBytes; at += 1 << 20) {
        if (read(fd, into.data() + at, 1 << 20) != 1 << 20) std::abort();
      }
      close(fd);
    }
  });
  for (int i = 0; i < kOut; ++i) unlink(file(i).c_str());

  const morrow::Scope scope;
  std::vector<morrow::Future<morrow::Array<double>>> futures;
  const auto put = [&] { futures.push_back(morrow::put(morrow::Array<double>(std::span(bytes)))); };
  for (int i = 0; i < kSpillFit; ++i) put();
  morrow::flush();
  const double out = seconds([&] {
    for (int i = 0; i < kOut; ++i) put();
    morrow::flush();
  });
  // Once over all, so that each has its file; then memory is made by dropping, and only reading is measured.
  const auto pass = [&] {
    for (const auto& future : futures) static_cast<void>(future.get());
  };
  pass();
  const double back = seconds(pass);
  const auto rate = [](int count, double time) { return count * static_cast<double>(kSpillBytes) / time / 1e9; };
  tell("file_write", rate(kOut, written));
  tell("spill", rate(kOut, out));
  tell("file_read", rate(kOut, read_back));
  tell("restore", rate(kSpillObjects, back));
}

}  // namespace

int main(int argc, char** argv) {
  const morrow::Session session;
  const std::string what = argc > 1 ? argv[1] : "";
  const std::string with = argc > 2 ? argv[2] : "";
  if (what == "memory") return memory(), 0;
  if (what == "many") return many(), 0;
  if (what == "transfer") return transfer(with == "tls"), 0;
  if (what == "broadcast") return broadcast(std::stoi(with)), 0;
  if (what == "spill") return spill(with), 0;
  std::fprintf(stderr, "usage: bench_objects memory | many | transfer plain|tls | spill FOLDER | broadcast WORKERS\n");
  return 2;
}
