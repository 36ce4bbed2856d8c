// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/messages.h"
#include "wire/claim_words.h"
#include "wire/crash_record.h"
#include "wire/held_results.h"

// What a worker reads from the memory that it shares with an executor, where user code may have written anything.

namespace morrow::fuzz {

namespace {

/// The shared memory as a worker sees it, with `bytes` written from `offset` on.
class Memory {
 public:
  void write(std::size_t offset, std::string_view bytes) {
    std::memset(words_.memory() + ClaimWords::kCrashOffset, 0, ClaimWords::kFileBytes - ClaimWords::kCrashOffset);
    std::memcpy(words_.memory() + offset, bytes.data(), std::min(bytes.size(), ClaimWords::kFileBytes - offset));
  }
  const wire::HeldResults& results() const { return results_; }

 private:
  using ClaimWords = wire::ClaimWords;
  struct File {
    int number = ClaimWords::create_file();
    ~File() { close(number); }
  };
  wire::ClaimWords words_{File().number};
  wire::HeldResults results_{words_};
};

void read_results(const Memory& memory) {
  const auto held = memory.results().read();
  if (!held) return;
  wire::FrameReader reader;
  reader.append(held->frames);
  try {
    while (const auto frame = reader.next()) read_message(*frame);
  } catch (const wire::ProtocolError&) {
  }
}

void read_crash(std::string_view bytes) {
  const auto record = wire::CrashRecord::read(bytes);
  if (!record) return;
  require(record->count <= wire::CrashRecord::kMaxFrames);
  [[maybe_unused]] std::uint64_t sum = 0;
  for (std::uint32_t i = 0; i < record->count; ++i) sum += record->frames[i].module + record->frames[i].offset;
}

}  // namespace

std::map<std::string, std::string> seeds() {
  wire::TaskDone done;
  done.set_slot(1);
  done.set_claim(2);
  done.set_bytes("value");
  std::string frames;
  wire::append_frame(frames, wire::TASK_DONE, done);
  wire::append_frame(frames, wire::TASK_DONE, done);
  std::string held(64, '\0');
  held[0] = static_cast<char>(frames.size());
  wire::CrashRecord crash;
  crash.signal = 11;
  crash.count = 2;
  crash.frames[0] = {0, 4711};
  crash.frames[1] = {1, 815};
  const std::size_t size = offsetof(wire::CrashRecord, frames) + 2 * sizeof(wire::CrashRecord::CrashedFrame);
  return {{"held", held + frames}, {"crash", std::string(reinterpret_cast<const char*>(&crash), size)}};
}

}  // namespace morrow::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace morrow;
  static fuzz::Memory memory;
  const std::string_view bytes = fuzz::Input(data, size).rest();
  memory.write(wire::ClaimWords::kResultsOffset, bytes);
  fuzz::read_results(memory);
  fuzz::read_crash(bytes);
  return 0;
}
