// SPDX-License-Identifier: Apache-2.0
// fencing FOLDER: what it costs that each round reads its worker's incarnation. Rounds of a worker on an LMDB store in
// FOLDER, with that rule and, by a planted fault, without it, in turns. Prints lines of a key and microseconds a round.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "control/cluster.h"
#include "control/faults.h"
#include "control/round.h"
#include "store/open/open_store.h"

namespace {

namespace control = morrow::control;
using Clock = std::chrono::steady_clock;

constexpr control::Incarnation kWorker = 1;
constexpr control::SessionId kSession = 10;
constexpr int kTurns = 21;
constexpr int kRounds = 200;  // a turn

/// The rounds of one worker, one after another.
class Rounds {
 public:
  explicit Rounds(const std::string& folder)
      : store_(morrow::store::open_store("lmdb:" + folder)), committer_(*store_, kWorker) {
    control::WorkerInfo info;
    info.incarnation = kWorker;
    control::join(*store_, info);
    control::op::OpenSession open;
    open.session = kSession;
    open.attachment = 1;
    committer_.run({kWorker, {open}});
    auto spec = std::make_shared<control::Spec>();
    spec->requirements.cpu_micro = 1'000'000;
    spec->payload = "payload";
    spec_ = spec;
  }

  /// Microseconds a round, each with so many submits.
  double turn(int submits) {
    const auto begin = Clock::now();
    for (int i = 0; i < kRounds; ++i) {
      control::Round round{kWorker, {}};
      for (int k = 0; k < submits; ++k) round.ops.emplace_back(next());
      committer_.run(round);
    }
    return std::chrono::duration<double, std::micro>(Clock::now() - begin).count() / kRounds;
  }

 private:
  control::op::Submit next() {
    control::op::Submit submit;
    submit.origin.kind = control::Origin::Kind::kSession;
    submit.origin.session = kSession;
    submit.origin.attachment = 1;
    submit.origin.number = ++number_;
    submit.id = {kSession, number_};
    submit.spec = spec_;
    submit.how = control::op::Submit::How::kIndex;
    return submit;
  }

  std::unique_ptr<morrow::store::Store> store_;
  control::Committer committer_;
  control::SpecPtr spec_;
  std::uint64_t number_ = 0;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  Rounds rounds(arguments[1]);
  for (const int submits : {0, 20}) {
    std::vector<double> fenced;
    std::vector<double> open;
    for (int turn = 0; turn < kTurns; ++turn) {
      control::planted_fault = control::Fault::kNone;
      fenced.push_back(rounds.turn(submits));
      control::planted_fault = control::Fault::kRevivedCreation;
      open.push_back(rounds.turn(submits));
    }
    std::printf("fenced_%d %f\nopen_%d %f\n", submits, median(fenced), submits, median(open));
  }
  return 0;
}
