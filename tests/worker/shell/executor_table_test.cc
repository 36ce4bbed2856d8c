// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/executor_table.h"

#include <gtest/gtest.h>

namespace morrow::worker {
namespace {

using Said = std::vector<std::string>;

/// A table over a real TaskStarter and TaskOutput. What it does is written down in order in `said_`.
class ExecutorTableTest : public ::testing::Test {
 protected:
  TaskStarter::Means starter_means() {
    TaskStarter::Means means;
    means.want = [](ProcessId, control::FutureId, const control::ObjectRef&, Objects::Then, bool) {};
    means.prefetch = [](control::FutureId, const control::ObjectRef&) {};
    means.never_fit = [](std::uint64_t) { return std::nullopt; };
    means.give = [](const action::Dispatch&, const std::vector<DependencyPlace>&) {};
    means.clock_ms = [] { return 1; };
    return means;
  }
  TaskOutput::Means output_means() {
    TaskOutput::Means means;
    means.log_lines = [this](const OutputSource&, bool, const std::vector<OutputLine>& lines) {
      for (const OutputLine& line : lines) said_.push_back("line " + line.text);
    };
    means.source_of = [](ExecutorId) { return TaskOutput::Source{"task", true, 0}; };
    means.reader_of = [](control::SessionId) { return TaskOutput::Reader(); };
    return means;
  }
  ExecutorTable::Means means() {
    return {
        .start = [this](const std::string&, const std::vector<unsigned>&) { return ExecutorProcess{++processes_}; },
        .kill = [this](ExecutorProcess process) { said_.push_back("kill " + text(process)); },
        .collect_results = [](ExecutorProcess) {},
        .drain_output = [this](ExecutorProcess process) { table_.executor_output(process, false, "last words"); },
        .taken = [this](ExecutorProcess, std::uint32_t slot, std::uint32_t) { return slot <= taken_up_to_; },
        .send =
            [this](ExecutorProcess process, wire::FrameType type, const google::protobuf::MessageLite&) {
              said_.push_back("send " + std::to_string(type) + " to " + text(process));
            },
        .may_read = [](ExecutorId) {},
        .reads_no_more = [this](ExecutorId executor) { said_.push_back("reads no more " + std::to_string(executor)); },
        .seal = [this](ExecutorId, std::uint64_t, std::uint64_t, const ObjectOwner&, bool) { return seals_; },
        .unpin = [this](ExecutorId, std::uint64_t object) { said_.push_back("unpin " + std::to_string(object)); },
        .after_waiting = [this](std::function<void()> then) { after_waiting_ = std::move(then); },
    };
  }
  ExecutorTable::Events events() {
    return {
        .started = [this](ExecutorId executor) { said_.push_back("started " + std::to_string(executor)); },
        .exited =
            [this](ExecutorId executor, const Brain::Exit& exit) {
              said_.push_back("exited " + std::to_string(executor));
              exit_ = exit;
            },
        .program_failed = [this](const std::string& program,
                                 const std::string&) { said_.push_back("failed " + program); },
        .task_done =
            [this](ExecutorId, Brain::Done done) {
              said_.push_back("done " + std::to_string(done.claim));
              done_ = std::move(done);
            },
        .frame = [this](ExecutorId, wire::FrameType type,
                        std::string_view) { said_.push_back("frame " + std::to_string(type)); },
        .warn = [this](const std::string& sentence) { said_.push_back("warn " + sentence); },
    };
  }
  static std::string text(ExecutorProcess process) { return std::to_string(static_cast<std::uint32_t>(process)); }

  /// The brain's numbers are not the pool's: it starts at 40.
  ExecutorProcess start(ExecutorId executor, const std::string& program = "p") {
    action::StartExecutor start{executor, program, {}};
    table_.carry_out(start);
    return ExecutorProcess{processes_};
  }
  void dispatch(ExecutorId executor, control::Claim claim, bool waits = false) {
    action::Dispatch dispatch;
    dispatch.executor = executor;
    dispatch.slot = static_cast<std::uint32_t>(claim);
    dispatch.generation = 1;
    dispatch.task.claim = claim;
    auto spec = std::make_shared<control::Spec>();
    spec->name = "task " + std::to_string(claim);
    if (waits) {
      auto outcome = std::make_shared<control::Outcome>();
      outcome->object = {9, 9, 1};
      dispatch.task.dependencies.push_back(outcome);
      spec->dependencies.push_back({1, 9});
    }
    dispatch.task.spec = spec;
    tasks_.carry_out(dispatch);
  }
  static std::string done(control::Claim claim, control::FailureKind failure = control::FailureKind::kNone,
                          std::uint64_t object = 0) {
    wire::TaskDone done;
    done.set_claim(claim);
    done.set_failure(static_cast<std::uint32_t>(failure));
    done.set_object(object);
    return done.SerializeAsString();
  }

  Said said_;
  std::uint32_t processes_ = 0;
  std::uint32_t taken_up_to_ = 0;
  bool seals_ = true;
  std::function<void()> after_waiting_;
  Brain::Exit exit_;
  Brain::Done done_;
  TaskStarter tasks_{starter_means(), {"w1"}, {}};
  TaskOutput output_{output_means(), {"w1", "/tmp", "/tmp/tasks.log", false}};
  ExecutorTable table_{means(), {"w1", 7}, events(), tasks_, output_};
};

TEST_F(ExecutorTableTest, EachNumberHasItsProcessUntilItExits) {
  const ExecutorProcess process = start(40);
  EXPECT_EQ(table_.process_of(40), process);
  table_.executor_ready(process);
  action::KillExecutor kill{40};
  table_.carry_out(kill);
  table_.executor_exited(process, {});
  EXPECT_EQ(said_, (Said{"started 40", "kill 1", "reads no more 40", "exited 40"}));
  EXPECT_EQ(table_.process_of(40), std::nullopt);
  table_.executor_frame(process, wire::TASK_DONE, done(1));
  table_.carry_out(kill);
  EXPECT_EQ(said_.size(), 4u) << "nothing more is heard of it";
}

TEST_F(ExecutorTableTest, LinesOfATaskComeBeforeItsEnd) {
  const ExecutorProcess process = start(40);
  dispatch(40, 1);
  wire::TaskDone end;
  end.set_claim(1);
  end.set_has_output(true);
  table_.executor_frame(process, wire::TASK_DONE, end.SerializeAsString());
  EXPECT_EQ(said_, (Said{"line last words", "send " + std::to_string(wire::DRAINED) + " to 1", "done 1"}));
}

TEST_F(ExecutorTableTest, AnEndForWantOfContendedRoomIsToldWhenThoseWhoWaitAreServed) {
  const ExecutorProcess process = start(40);
  dispatch(40, 1);
  table_.found_no_room(40);
  table_.executor_frame(process, wire::TASK_DONE, done(1, control::FailureKind::kNoRoom));
  EXPECT_TRUE(said_.empty());
  after_waiting_();
  EXPECT_EQ(said_, Said{"done 1"});
  EXPECT_TRUE(done_.outcome->contended);
  after_waiting_();
  EXPECT_EQ(said_.size(), 1u) << "once";
}

TEST_F(ExecutorTableTest, ALateEndComesBeforeWhatItsProcessSaysNext) {
  const ExecutorProcess process = start(40);
  dispatch(40, 1);
  table_.found_no_room(40);
  table_.executor_frame(process, wire::TASK_DONE, done(1, control::FailureKind::kNoRoom));
  table_.executor_frame(process, wire::UNPIN, "");
  EXPECT_EQ(said_, Said{"frame " + std::to_string(wire::UNPIN)}) << "that belongs to the task that ended";
  table_.executor_frame(process, wire::SUBMIT, "");
  EXPECT_EQ(said_.at(1), "done 1");
  EXPECT_EQ(said_.at(2), "frame " + std::to_string(wire::SUBMIT));
}

TEST_F(ExecutorTableTest, AnEndForAnotherReasonIsToldAtOnce) {
  const ExecutorProcess process = start(40);
  dispatch(40, 1);
  table_.found_no_room(40);
  table_.executor_frame(process, wire::TASK_DONE, done(1));
  EXPECT_EQ(said_, Said{"done 1"});
  EXPECT_FALSE(done_.outcome->contended);
}

TEST_F(ExecutorTableTest, AnEndOfATaskThatTheProcessWasNotGivenIsNotBelieved) {
  const ExecutorProcess process = start(40);
  table_.executor_frame(process, wire::TASK_DONE, done(1, control::FailureKind::kNone, 77));
  dispatch(40, 2, true);
  table_.executor_frame(process, wire::TASK_DONE, done(2, control::FailureKind::kNone, 78));
  EXPECT_EQ(said_, (Said{"unpin 77", "unpin 78"}));
}

TEST_F(ExecutorTableTest, RubbishBreaksTheProtocolAndNotTheWorker) {
  const ExecutorProcess process = start(40);
  dispatch(40, 1);
  wire::TaskDone unknown;
  unknown.set_claim(1);
  unknown.set_failure(99);
  EXPECT_THROW(table_.executor_frame(process, wire::TASK_DONE, unknown.SerializeAsString()), wire::ProtocolError);
  seals_ = false;
  EXPECT_THROW(table_.executor_frame(process, wire::TASK_DONE, done(1, control::FailureKind::kNone, 5)),
               wire::ProtocolError);
}

TEST_F(ExecutorTableTest, ACrashIsChargedToTheLatestTaskThatTheProcessHadTaken) {
  const ExecutorProcess process = start(40);
  for (const control::Claim claim : {1, 2, 3}) dispatch(40, claim);
  taken_up_to_ = 2;
  ExecutorExit exit;
  exit.status = 11;
  table_.executor_exited(process, exit);
  EXPECT_EQ(exit_.taken, (std::vector<std::uint32_t>{1, 2}));
  wire::Failure failure;
  ASSERT_TRUE(failure.ParseFromString(exit_.crash.bytes));
  EXPECT_EQ(failure.task(), "task 2");
}

TEST_F(ExecutorTableTest, OfAProgramThatFailsOnlyExecutorsThatHaveNotStartedGo) {
  const ExecutorProcess runs = start(40);
  start(41);
  start(42, "another");
  table_.executor_ready(runs);
  said_.clear();
  table_.program_failed("p", "it can't be run");
  EXPECT_EQ(said_, (Said{"warn it can't be run", "reads no more 41", "failed p"}));
  EXPECT_TRUE(table_.process_of(40));
  EXPECT_FALSE(table_.process_of(41));
  EXPECT_TRUE(table_.process_of(42));
}

}  // namespace
}  // namespace morrow::worker
