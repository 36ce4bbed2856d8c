// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/driver_sessions.h"

#include <gtest/gtest.h>

#include "base/sha256.h"
#include "tests/worker/shell/fake_store.h"
#include "tests/worker/shell/packed_test_file.h"

namespace morrow::worker {
namespace {

const std::string kProgram = "sixteen bytes...";

class DriverSessionsTest : public ::testing::Test {
 protected:
  DriverSessions::Means means() {
    return {
        .post = store_.post(),
        .send =
            [this](ClientId client, wire::FrameType type, const google::protobuf::MessageLite& message) {
              sent_.push_back({client, type, message.SerializeAsString()});
            },
        .send_ended =
            [this](ClientId client, wire::SessionEnded& ended) {
              sent_.push_back({client, wire::SESSION_ENDED, ended.SerializeAsString()});
            },
        .send_welcome =
            [this](ClientId client, wire::Welcome& welcome, bool maps_objects) {
              welcome.set_with_memory(maps_objects);
              sent_.push_back({client, wire::WELCOME, welcome.SerializeAsString()});
            },
        .close = [this](ClientId client) { closed_.push_back(client); },
        .pause = [this](ClientId client) { paused_.push_back(client); },
        .resume = [this](ClientId client) { resumed_.push_back(client); },
        .rounds = [this] { return rounds_; },
    };
  }
  DriverSessions::Events events() {
    return {
        .opening = [this](const DriverSessions::Opening& opening) { openings_.push_back(opening); },
        .gone = [this](ClientId client) { gone_.push_back(client); },
        .ending = [this](ClientId client) { flushed_.push_back(client); },
        .end_session = [this](ClientId, std::uint64_t number) { ended_.push_back(number); },
        .program_named = [this](const std::string& program, std::int64_t) { named_.push_back(program); },
        .warn = [this](const std::string& sentence) { warnings_.push_back(sentence); },
    };
  }
  static wire::Hello hello(control::SessionId session) {
    wire::Hello hello;
    hello.set_version(wire::kProtocolVersion);
    hello.set_cluster("c");
    hello.set_kind(wire::Hello::DRIVER);
    hello.set_session(session);
    hello.set_program(kProgram);
    return hello;
  }
  bool say(ClientId client, wire::FrameType type, const google::protobuf::MessageLite& message) {
    return sessions_.frame(client, type, message.SerializeAsString());
  }
  void come(ClientId client, const wire::Hello& hello) {
    sessions_.came(client, 100 + static_cast<std::int64_t>(client));
    say(client, wire::HELLO, hello);
  }
  void welcome(ClientId client, std::uint64_t attachment = 1) {
    action::Welcome welcome{client, attachment, 0};
    sessions_.carry_out(welcome);
  }
  void ack(ClientId client, std::uint64_t number) {
    action::Ack ack{{client, 0}, number};
    sessions_.carry_out(ack);
  }
  std::string refusal() {
    EXPECT_EQ(closed_.size(), 1u);
    return sent_.empty() ? "" : sent_.back().as<wire::Welcome>().error();
  }
  static wire::Program program_with(const PackedTestFile& file) {
    wire::Program program;
    program.set_key(kProgram);
    wire::Module& module = *program.add_modules();
    module.set_sha256(file.hash);
    module.set_size(file.size);
    return program;
  }
  /// Says what file the program has, and brings the first pieces of it.
  void upload(ClientId client, const PackedTestFile& file, std::size_t pieces) {
    say(client, wire::PROGRAM, program_with(file));
    for (std::size_t i = 0; i < pieces; ++i) say(client, wire::BLOB_CHUNK, file.pieces[i]);
  }

  FakeStore store_;
  std::vector<SentFrame> sent_;
  std::vector<ClientId> closed_, paused_, resumed_, gone_, flushed_;
  std::vector<DriverSessions::Opening> openings_;
  std::vector<std::uint64_t> ended_;
  std::vector<std::string> named_, warnings_;
  StoreActions::Rounds rounds_;
  DriverSessions sessions_{means(), {"c", "w1", 7}, events()};
};

TEST_F(DriverSessionsTest, WhoSpeaksBeforeHelloBreaksTheProtocol) {
  sessions_.came(1, 100);
  EXPECT_THROW(say(1, wire::FLUSH, wire::Flush()), wire::ProtocolError);
  EXPECT_TRUE(openings_.empty());
}

TEST_F(DriverSessionsTest, ADriverOfAnotherVersionOrClusterIsRefusedAndToldWhy) {
  wire::Hello other = hello(5);
  other.set_version(wire::kProtocolVersion + 1);
  come(1, other);
  EXPECT_NE(refusal().find("build both with the same Morrow"), std::string::npos) << refusal();
  closed_.clear();
  other = hello(5);
  other.set_cluster("elsewhere");
  come(2, other);
  EXPECT_EQ(refusal(), "this worker belongs to cluster c, not elsewhere");
  EXPECT_TRUE(openings_.empty());
}

TEST_F(DriverSessionsTest, AKnockIsAnsweredAndWishesNothingUntilTheHelloFollows) {
  wire::Hello knock = hello(0);
  knock.set_kind(wire::Hello::KNOCK);
  knock.clear_program();
  come(1, knock);
  ASSERT_EQ(sent_.size(), 1u);
  EXPECT_EQ(sent_[0].as<wire::Welcome>().worker(), "w1");
  EXPECT_TRUE(openings_.empty());
  EXPECT_FALSE(sessions_.takes_changes(1));
  EXPECT_THROW(say(1, wire::FLUSH, wire::Flush()), wire::ProtocolError);
  say(1, wire::HELLO, hello(5));
  EXPECT_EQ(openings_.size(), 1u);
  EXPECT_TRUE(sessions_.takes_changes(1));
}

TEST_F(DriverSessionsTest, ABeatOfADriverChangesNothingEvenAfterItsSession) {
  come(1, hello(5));
  welcome(1);
  const std::size_t before = sent_.size();
  EXPECT_TRUE(say(1, wire::BEAT, wire::Beat()));
  wire::EndSession end;
  end.set_number(1);
  say(1, wire::END_SESSION, end);
  EXPECT_TRUE(say(1, wire::BEAT, wire::Beat()));
  EXPECT_EQ(sent_.size(), before);
}

TEST_F(DriverSessionsTest, APrivateWorkerTakesADriverOfAnyCluster) {
  DriverSessions own(means(), {"c", "w1", 7, true}, events());
  own.came(1, 100);
  wire::Hello other = hello(5);
  other.set_cluster("");
  own.frame(1, wire::HELLO, other.SerializeAsString());
  EXPECT_TRUE(closed_.empty());
  EXPECT_EQ(openings_.size(), 1u);
}

TEST_F(DriverSessionsTest, ADriverWithoutASessionOrProgramBreaksTheProtocol) {
  sessions_.came(1, 100);
  EXPECT_THROW(say(1, wire::HELLO, hello(0)), wire::ProtocolError);
  sessions_.came(2, 100);
  wire::Hello no_program = hello(5);
  no_program.set_program("short");
  EXPECT_THROW(say(2, wire::HELLO, no_program), wire::ProtocolError);
}

TEST_F(DriverSessionsTest, ACommandMayOnlyAsk) {
  wire::Hello command = hello(0);
  command.set_kind(wire::Hello::COMMAND);
  come(1, command);
  EXPECT_EQ(sent_.at(0).as<wire::Welcome>().worker(), "w1");
  EXPECT_FALSE(say(1, wire::STATUS, wire::Flush()));
  EXPECT_FALSE(sessions_.takes_changes(1));
  EXPECT_THROW(say(1, wire::FLUSH, wire::Flush()), wire::ProtocolError);
  EXPECT_THROW(say(1, wire::UNPIN, wire::Unpin()), wire::ProtocolError);
}

TEST_F(DriverSessionsTest, AnotherWorkerMayOnlyBringLinesAndADriverMayNot) {
  wire::Hello worker = hello(0);
  worker.set_kind(wire::Hello::WORKER);
  come(1, worker);
  EXPECT_FALSE(say(1, wire::LOG, wire::Log()));
  EXPECT_THROW(say(1, wire::STATUS, wire::Flush()), wire::ProtocolError);
  come(2, hello(5));
  EXPECT_THROW(say(2, wire::LOG, wire::Log()), wire::ProtocolError);
}

TEST_F(DriverSessionsTest, ASessionThatComesBackClosesItsOldConnectionAndIsNotOrphaned) {
  come(1, hello(5));
  welcome(1);
  EXPECT_EQ(sessions_.client_of(5), 1u);
  come(2, hello(5));
  EXPECT_EQ(closed_, std::vector<ClientId>{1});
  EXPECT_EQ(sessions_.client_of(5), 0u) << "it is not welcome yet";
  EXPECT_TRUE(sessions_.is_attached(5));
  welcome(2, 2);
  sessions_.gone(1, "");
  EXPECT_TRUE(store_.posted.empty());
  EXPECT_EQ(sessions_.client_of(5), 2u);
  sessions_.gone(2, "it broke the protocol");
  EXPECT_EQ(store_.posted.size(), 1u) << "nobody has it now: others are to know";
  EXPECT_FALSE(sessions_.is_attached(5));
  EXPECT_EQ(warnings_, std::vector<std::string>{"closed the connection of process 102: it broke the protocol"});
}

TEST_F(DriverSessionsTest, AClientOfAnotherHostIsNamedByItsAddress) {
  sessions_.came(1, 100, "10.0.0.7");
  say(1, wire::HELLO, hello(5));
  sessions_.gone(1, "it broke the protocol");
  EXPECT_EQ(warnings_,
            std::vector<std::string>{"closed the connection of a client at 10.0.0.7: it broke the protocol"});
}

TEST_F(DriverSessionsTest, ASessionThatOpensAfterItsDriverWentIsOrphaned) {
  come(1, hello(5));
  sessions_.gone(1, "");
  EXPECT_TRUE(store_.posted.empty()) << "the store has no session yet";
  sessions_.opened(5, 1);
  ASSERT_EQ(store_.posted.size(), 1u);
  EXPECT_EQ(store_.posted.front().lane, StoreLane::kUpkeep);
  sessions_.stop();
  sessions_.opened(6, 1);
  EXPECT_EQ(store_.posted.size(), 1u) << "a worker that leaves says it of all sessions at once";
}

TEST_F(DriverSessionsTest, ASessionWhoseDriverGoesBetweenItsOpeningAndItsWelcomeIsOrphaned) {
  come(1, hello(5));
  sessions_.opened(5, 1);
  EXPECT_TRUE(store_.posted.empty()) << "its driver is here";
  sessions_.gone(1, "");
  EXPECT_EQ(store_.posted.size(), 1u) << "nobody else knows that it is open";
  welcome(1);
  EXPECT_TRUE(sent_.empty());
}

TEST_F(DriverSessionsTest, AProgramIsUploadedInPiecesAfterTheWelcome) {
  const PackedTestFile file(2, 10);
  come(1, hello(5));
  say(1, wire::PROGRAM, program_with(file));
  EXPECT_EQ(named_, std::vector<std::string>{kProgram});
  EXPECT_EQ(store_.posted.at(0).lane, StoreLane::kRound) << "it must stand before rounds with its tasks";
  store_.run();
  EXPECT_TRUE(sent_.empty()) << "the first word of a worker is its welcome";
  welcome(1);
  ASSERT_EQ(sent_.size(), 2u);
  EXPECT_EQ(sent_[0].type, wire::WELCOME);
  EXPECT_EQ(sent_[1].as<wire::Need>().blobs(0), file.hash);
  for (const wire::BlobChunk& piece : file.pieces) say(1, wire::BLOB_CHUNK, piece);
  store_.run();
  sent_.clear();
  come(2, hello(6));
  welcome(2);
  say(2, wire::PROGRAM, program_with(file));
  store_.run();
  EXPECT_EQ(sent_.size(), 1u) << "the store has all of it";
}

TEST_F(DriverSessionsTest, PiecesOutOfOrderOrOfNoFileBreakTheProtocol) {
  const PackedTestFile file(2, 10);
  come(1, hello(5));
  EXPECT_THROW(say(1, wire::BLOB_CHUNK, file.pieces[0]), wire::ProtocolError) << "it was not declared";
  say(1, wire::PROGRAM, program_with(file));
  EXPECT_THROW(say(1, wire::BLOB_CHUNK, file.pieces[1]), wire::ProtocolError);
  wire::BlobChunk wrong = file.pieces[0];
  wrong.set_hash("short");
  EXPECT_THROW(say(1, wire::BLOB_CHUNK, wrong), wire::ProtocolError);
  wrong = file.pieces[0];
  wrong.set_data(std::string(100'000, 'd'));
  EXPECT_THROW(say(1, wire::BLOB_CHUNK, wrong), wire::ProtocolError);
  wire::Program other = program_with(file);
  other.set_key("another program.");
  EXPECT_THROW(say(1, wire::PROGRAM, other), wire::ProtocolError);
}

TEST_F(DriverSessionsTest, ADriverThatIsFasterThanTheStoreIsNotReadForAWhile) {
  const PackedTestFile file(51);
  come(1, hello(5));
  upload(1, file, 50);
  EXPECT_EQ(paused_, std::vector<ClientId>{1});
  EXPECT_TRUE(resumed_.empty());
  store_.run();
  EXPECT_EQ(resumed_, std::vector<ClientId>{1});
}

TEST_F(DriverSessionsTest, ADriverWhoseProgramFindsNoRoomIsToldAndGoesOnBeingHeard) {
  const PackedTestFile file(51);
  come(1, hello(5));
  welcome(1);
  say(1, wire::PROGRAM, program_with(file));
  store_.run();
  for (std::size_t i = 0; i < 50; ++i) say(1, wire::BLOB_CHUNK, file.pieces[i]);
  ASSERT_EQ(paused_, std::vector<ClientId>{1});
  sent_.clear();
  sessions_.uploads_wait("the store is full");
  sessions_.uploads_wait("the store is full");
  EXPECT_EQ(resumed_, std::vector<ClientId>{1});
  ASSERT_EQ(sent_.size(), 1u);
  EXPECT_EQ(sent_[0].type, wire::NOTICE);
  EXPECT_NE(sent_[0].as<wire::Notice>().text().find("the store is full"), std::string::npos);
  say(1, wire::BLOB_CHUNK, file.pieces[50]);
  store_.run();
  std::vector<std::string> asked_for;
  for (std::size_t i = 1; i < sent_.size(); ++i) {
    ASSERT_EQ(sent_[i].type, wire::NEED);
    const auto need = sent_[i].as<wire::Need>();
    asked_for.insert(asked_for.end(), need.blobs().begin(), need.blobs().end());
  }
  EXPECT_EQ(asked_for, std::vector<std::string>{file.hash}) << "what came meanwhile is asked for again";
}

TEST_F(DriverSessionsTest, AProgramThatFindsNoRoomKeepsNothingElseFromTheStoreAndItsDriverIsTold) {
  const PackedTestFile file(2, 10);
  store_.store.database().hooks.full = [](store::Room room) { return room == store::Room::kNew; };
  come(1, hello(5));
  say(1, wire::PROGRAM, program_with(file));
  FakeStore::Posted first = store_.take();
  EXPECT_EQ(first.lane, StoreLane::kRound);
  first.job(store_.store);
  first.done();
  ASSERT_EQ(store_.posted.size(), 1u);
  EXPECT_EQ(store_.posted[0].lane, StoreLane::kUpload) << "where it waits for itself alone";
  EXPECT_TRUE(sent_.empty()) << "the first word of a worker is its welcome";
  welcome(1);
  ASSERT_EQ(sent_.size(), 2u);
  EXPECT_EQ(sent_[1].type, wire::NOTICE);
  EXPECT_NE(sent_[1].as<wire::Notice>().text().find("waits for room in the store"), std::string::npos);
  store_.store.database().hooks.full = nullptr;
  store_.run();
  EXPECT_EQ(sent_.back().as<wire::Need>().blobs(0), file.hash);
}

TEST_F(DriverSessionsTest, OneThatComesByThePortMapsNoObjectMemoryWhateverItSays) {
  wire::Hello hello_of_both = hello(5);
  hello_of_both.set_maps_objects(true);
  come(1, hello_of_both);
  welcome(1);
  EXPECT_TRUE(sent_.back().as<wire::Welcome>().with_memory());
  hello_of_both.set_session(6);
  sessions_.came(2, 102, "10.0.0.7");
  say(2, wire::HELLO, hello_of_both);
  welcome(2);
  EXPECT_FALSE(sent_.back().as<wire::Welcome>().with_memory());
}

TEST_F(DriverSessionsTest, TheFirstWordOfAWorkerIsItsWelcomeAlsoWhileTheStoreIsFull) {
  come(1, hello(5));
  action::StoreRoom full{1, true, "the store is full"};
  sessions_.carry_out(full);
  action::Notice notice{5, "no worker has so much"};
  sessions_.carry_out(notice);
  sessions_.uploads_wait("the store is full");
  EXPECT_TRUE(sent_.empty());
  welcome(1);
  ASSERT_EQ(sent_.size(), 2u);
  EXPECT_EQ(sent_[0].type, wire::WELCOME);
  EXPECT_TRUE(sent_[1].as<wire::StoreRoom>().full());
  sessions_.gone(1, "");
  sent_.clear();
  sessions_.carry_out(full);
  EXPECT_TRUE(sent_.empty()) << "it has gone";
}

TEST_F(DriverSessionsTest, ASessionEndsWhenAllThatItAskedIsCommitted) {
  come(1, hello(5));
  welcome(1);
  wire::EndSession end;
  EXPECT_THROW(say(1, wire::END_SESSION, end), wire::ProtocolError) << "it has no number";
  end.set_number(3);
  rounds_ = {4, true};
  say(1, wire::END_SESSION, end);
  EXPECT_EQ(flushed_, std::vector<ClientId>{1});
  EXPECT_FALSE(sessions_.takes_changes(1));
  EXPECT_TRUE(say(1, wire::SUBMIT, wire::Submit())) << "what comes after it is passed over";
  EXPECT_FALSE(say(1, wire::UNPIN, wire::Unpin())) << "values may outlive it";
  sessions_.end_sessions();
  EXPECT_TRUE(store_.posted.empty()) << "the second change is not committed";
  ack(1, 2);
  sessions_.end_sessions();
  EXPECT_TRUE(store_.posted.empty()) << "what just ended may be in the round that is in flight";
  rounds_ = {5, false};
  sessions_.end_sessions();
  sessions_.end_sessions();
  EXPECT_EQ(store_.posted.size(), 1u) << "failures are counted once";
  store_.run();
  EXPECT_EQ(ended_, std::vector<std::uint64_t>{3});
  action::SessionEnded ended{1, 5};
  sessions_.carry_out(ended);
  EXPECT_EQ(sent_.back().type, wire::SESSION_ENDED);
  EXPECT_FALSE(sessions_.is_attached(5));
  sessions_.gone(1, "");
  EXPECT_TRUE(store_.posted.empty()) << "nothing of it is left to be orphaned";
}

TEST_F(DriverSessionsTest, ADriverThatComesBackWhileItsSessionEndsIsWelcomeFirst) {
  come(1, hello(5));
  welcome(1);
  come(2, hello(5));
  action::SessionEnded ended{2, 5, 9};
  sent_.clear();
  sessions_.carry_out(ended);
  ASSERT_EQ(sent_.size(), 2u);
  EXPECT_EQ(sent_[0].type, wire::WELCOME);
  EXPECT_TRUE(sent_[0].as<wire::Welcome>().error().empty());
  EXPECT_EQ(sent_[0].as<wire::Welcome>().applied(), 9u) << "nothing that was acknowledged seems lost";
  EXPECT_EQ(sent_[1].type, wire::SESSION_ENDED);
}

TEST_F(DriverSessionsTest, ADriverThatGoesWhileItsSessionEndsIsNotWaitedFor) {
  come(1, hello(5));
  welcome(1);
  wire::EndSession end;
  end.set_number(1);
  say(1, wire::END_SESSION, end);
  sessions_.end_sessions();
  sessions_.gone(1, "");
  store_.posted.pop_back();  // the orphan: this store has no such session
  store_.run();
  EXPECT_TRUE(ended_.empty());
  sessions_.end_sessions();
  EXPECT_TRUE(store_.posted.empty());
}

TEST_F(DriverSessionsTest, ANoticeGoesToTheDriverOfItsSession) {
  come(1, hello(5));
  action::Notice notice{5, "a word"};
  sessions_.carry_out(notice);
  EXPECT_TRUE(sent_.empty()) << "it is not welcome yet";
  welcome(1);
  sessions_.carry_out(notice);
  EXPECT_EQ(sent_.back().as<wire::Notice>().text(), "a word");
}

using DriverSessionsDeathTest = DriverSessionsTest;

TEST_F(DriverSessionsDeathTest, AClientThatComesTwiceIsAMistakeOfTheWorker) {
  sessions_.came(1, 100);
  EXPECT_DEATH(sessions_.came(1, 100), "a client comes once, with a number of its own; .*client = 1");
}

}  // namespace
}  // namespace morrow::worker
